"""PostgreSQL refuses to run as root; this finds somebody else for it to be.

First choice is a user namespace in which root appears as an ordinary user: files stay root's and nothing
needs changing. Where the kernel or a container refuses that, PostgreSQL runs as another user that exists on
the machine.
"""

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .problems import LocalProblem

PREFERRED_NAMESPACE_USER = 1000
PREFERRED_USERS = ("postgres", "nobody")


@dataclass(frozen=True)
class RunAs:
    """How to start PostgreSQL: a command in front of it, or another user, or neither."""

    prefix: tuple[str, ...] = ()
    user: int | None = None
    group: int | None = None
    user_name: str = ""

    def own(self, path: Path) -> None:
        """Give a file or folder of PostgreSQL, with all in it, to the user whom it runs as."""
        wanted_user = os.geteuid() if self.user is None else self.user
        wanted_group = os.getegid() if self.group is None else self.group
        if os.geteuid() != 0 or os.lstat(path).st_uid == wanted_user:
            return
        os.chown(path, wanted_user, wanted_group, follow_symlinks=False)
        for folder, folders, files in os.walk(path):
            for name in folders + files:
                os.chown(os.path.join(folder, name), wanted_user, wanted_group, follow_symlinks=False)

    def check_reach(self, *paths: Path) -> None:
        """Raise `LocalProblem` naming the first folder that the other user may not pass through."""
        if self.user is None:
            return
        for path in paths:
            for parent in reversed(path.resolve().parents):
                if not _may_pass(parent, self.user, self.group):
                    raise LocalProblem(
                        f"PostgreSQL does not run as root, so it would run as the user {self.user_name}; but "
                        f"that user may not pass through {parent}. Choose a data folder and a checkout that "
                        "every user can reach (DATA_DIR=/var/tmp/budgetsite, for instance), work as an "
                        "ordinary user, or set DATABASE_URL to use a server of your own."
                    )


def run_as() -> RunAs:
    """Decide it for this process."""
    if os.geteuid() != 0:
        return RunAs()
    return in_namespace() or as_existing_user()


def in_namespace() -> RunAs | None:
    """Return the namespace form, or None where `unshare` is missing or refused."""
    unshare = shutil.which("unshare")
    if unshare is None:
        return None
    # initdb looks its user up, so the user must exist.
    users = {entry.pw_uid: entry.pw_gid for entry in pwd.getpwall() if entry.pw_uid != 0}
    user = PREFERRED_NAMESPACE_USER if PREFERRED_NAMESPACE_USER in users else max(users, default=0)
    if user == 0:
        return None
    prefix = (unshare, "-U", f"--map-user={user}", f"--map-group={users[user]}")
    attempt = subprocess.run(  # noqa: S603 - the command is built here
        [*prefix, "true"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    return RunAs(prefix=prefix) if attempt.returncode == 0 else None


def as_existing_user() -> RunAs:
    entries = {entry.pw_name: entry for entry in pwd.getpwall() if entry.pw_uid != 0}
    ordinary = sorted((e for e in entries.values() if e.pw_uid >= 1000), key=lambda e: e.pw_uid)
    candidates = [entries[name] for name in PREFERRED_USERS if name in entries] + ordinary
    if not candidates:
        raise LocalProblem(
            "PostgreSQL does not run as root and this machine has no other user. Add one, or set "
            "DATABASE_URL to use a server of your own."
        )
    chosen = candidates[0]
    return RunAs(user=chosen.pw_uid, group=chosen.pw_gid, user_name=chosen.pw_name)


def _may_pass(folder: Path, user: int, group: int | None) -> bool:
    facts = folder.stat()
    if facts.st_uid == user:
        return bool(facts.st_mode & stat.S_IXUSR)
    if facts.st_gid == group:
        return bool(facts.st_mode & stat.S_IXGRP)
    return bool(facts.st_mode & stat.S_IXOTH)
