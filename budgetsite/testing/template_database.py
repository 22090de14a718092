"""Test databases made and dropped. In a parallel run one is migrated beside the workers' collecting; each copies it.

The controller starts this module as a program of its own: `python -m budgetsite.testing.template_database NAME DONE`.
Once the database NAME is ready the file DONE is there: empty, or with what went wrong. The database is dropped when
the program's input ends, however the controller does.
"""

import subprocess
import sys
import time
import traceback
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import django
import pytest
from django.core.management import call_command
from django.db import OperationalError, connections
from psycopg import sql

PATIENCE_SECONDS = 300


class NotMade(RuntimeError):
    def __init__(self, reason: str) -> None:
        super().__init__(f"The database that the workers copy could not be made.\n{reason}")


class Maker:
    """The program that makes the database, as the controller sees it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = TemporaryDirectory(prefix="budgetsite-template-")
        self.done = Path(self.folder.name) / "done"
        command = [sys.executable, "-m", "budgetsite.testing.template_database", name, str(self.done)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE)

    def end(self) -> None:
        self.process.communicate()
        self.folder.cleanup()


_maker = pytest.StashKey[Maker]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker what to copy; the making begins with the first worker."""
    if _maker not in node.config.stash:
        node.config.stash[_maker] = Maker(f"test_{connections['owner'].settings_dict['NAME']}_template")
    maker = node.config.stash[_maker]
    node.workerinput["template"] = (maker.name, str(maker.done))


def pytest_unconfigure(config: pytest.Config) -> None:
    if _maker in config.stash:
        config.stash[_maker].end()


def template_for(config: pytest.Config) -> str | None:
    """Return the name of the database to copy, once it is ready; None in a run without workers."""
    name, path = getattr(config, "workerinput", {}).get("template", (None, ""))
    if name is None:
        return None
    done, deadline = Path(path), time.monotonic() + PATIENCE_SECONDS
    while not done.exists():
        if time.monotonic() > deadline:
            raise NotMade(f"It was not ready within {PATIENCE_SECONDS} seconds.")
        time.sleep(0.05)
    if problem := done.read_text(encoding="utf-8"):
        raise NotMade(problem)
    return str(name)


def make_database(name: str, *, template: str | None = None) -> None:
    """Make it anew, as a copy or by migrating, and leave all three logins connected to it."""
    drop_database(name)
    create_database(name, template=template)
    connect_to(name)
    if template is None:
        call_command("migrate", verbosity=0, interactive=False)


def create_database(name: str, *, template: str | None) -> None:
    statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
    if template is not None:
        statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
    with connections["owner"].cursor() as cursor:
        cursor.execute(statement.as_string(None))


def drop_database(name: str) -> None:
    statement = sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)).as_string(None)
    with connections["owner"].cursor() as cursor:
        try:
            cursor.execute(statement)
        except OperationalError:
            # Somebody is still connected. Ending a session of another's, such as autovacuum's, may be refused at first.
            cursor.execute(statement + " WITH (FORCE)")


def connect_to(name: str) -> None:
    """Let all three logins use this database from now on."""
    for alias in connections:
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = name


def main(name: str, done: Path) -> None:
    django.setup()
    original, problem = connections["owner"].settings_dict["NAME"], ""
    try:
        try:
            make_database(name)
        except Exception:
            problem = traceback.format_exc()
        # Nobody may be connected to a database that is copied.
        connect_to(original)
        complete = done.with_suffix(".new")
        complete.write_text(problem, encoding="utf-8")
        complete.replace(done)
        sys.stdin.read()
    finally:
        connect_to(original)
        drop_database(name)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
