"""Everything about one person in one account, as a JSON document and files: in a folder or in a zip archive."""

import io
import json
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from tempfile import TemporaryFile
from typing import IO, Any, Protocol
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder

from budgetsite.accounts.models import Account, User
from budgetsite.privacy.models import AccessAction
from budgetsite.privacy.registry import PersonalFile, contributors
from budgetsite.privacy.services.access_log import record_access
from budgetsite.tenancy.scope import deleted_rows_visible

DOCUMENT = "person.json"
FILES = "files"


class TargetTaken(ValueError):
    """An export never mixes with what is there."""

    def __init__(self, target: Path) -> None:
        self.target = target
        super().__init__(f"{target} is there already. Name an empty folder, or a file that does not exist yet.")


class Archive(Protocol):
    def add(self, name: str, content: IO[bytes]) -> None:
        """Store a file under a name with forward slashes."""


@dataclass(frozen=True, slots=True)
class ExportedPerson:
    """What an export holds: rows by table (`registrations.registrations`), and how many files."""

    rows: dict[str, int]
    files: int


class _Encoder(DjangoJSONEncoder):
    """Moments to the microsecond, unlike Django's own, which cuts them."""

    def default(self, value: Any) -> Any:
        if isinstance(value, datetime):
            return value.isoformat()
        if isinstance(value, (bytes, memoryview)):
            return bytes(value).hex()
        return super().default(value)


def export_person(
    *, person: User, account: Account, archive: Archive, place: str, now: datetime, actor_id: UUID | None = None
) -> ExportedPerson:
    """Write what the current account has of a person into `archive`, and record that it was taken away.

    Deleted rows are in it as long as they are stored. Runs inside the account's scope and one transaction.
    """
    sections: dict[str, Any] = {}
    rows: dict[str, int] = {}
    files: list[tuple[str, PersonalFile]] = []
    with deleted_rows_visible():
        for contributor in contributors():
            data = contributor.export(person)
            sections[contributor.name] = data.tables
            rows |= {f"{contributor.name}.{table}": len(found) for table, found in data.tables.items()}
            files += [(_path(contributor.name, file, number), file) for number, file in enumerate(data.files, start=1)]
        document = {
            "person": {"id": person.pk, "email": person.email, "name": person.name},
            "account": {"id": account.pk, "name": account.name},
            "exported_at": now,
            "data": sections,
            "files": [path for path, _ in files],
        }
        archive.add(DOCUMENT, _as_file(json.dumps(document, cls=_Encoder, ensure_ascii=False, indent=2) + "\n"))
        for path, file in files:
            with file.open() as content:
                archive.add(path, content)
    record_access(action=AccessAction.EXPORTED, kind="person", place=place, subject=person, actor_id=actor_id)
    return ExportedPerson(rows={table: count for table, count in rows.items() if count}, files=len(files))


def zipped_person(*, person: User, account: Account, place: str, now: datetime) -> IO[bytes]:
    """Return `export_person` as a zip archive in a file without a name, at its start. Who takes it closes it."""
    with ExitStack() as stack:
        file = stack.enter_context(TemporaryFile())
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            export_person(person=person, account=account, archive=ZipArchive(archive), place=place, now=now)
        file.seek(0)
        stack.pop_all()
    return file


def _path(section: str, file: PersonalFile, number: int) -> str:
    # People choose names; none of them leads out of the folder, and no two are one.
    name = PurePosixPath(file.name.replace("\\", "/")).name.strip(". ") or "file"
    printable = "".join(letter if letter.isprintable() and letter not in '<>:"|?*' else "_" for letter in name)
    return f"{FILES}/{section}/{number}-{printable[-150:]}"


def _as_file(text: str) -> IO[bytes]:
    return io.BytesIO(text.encode())


class _Folder:
    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, name: str, content: IO[bytes]) -> None:
        target = self.path / name
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            shutil.copyfileobj(content, file)


class ZipArchive:
    def __init__(self, archive: zipfile.ZipFile) -> None:
        self.archive = archive

    def add(self, name: str, content: IO[bytes]) -> None:
        with self.archive.open(name, "w") as file:
            shutil.copyfileobj(content, file)


@contextmanager
def private_archive(target: Path) -> Iterator[Archive]:
    """Open a folder, or a zip archive where the name ends in .zip, that nobody else may read.

    Raises `TargetTaken`. A zip archive has its name only once it is complete.
    """
    if target.suffix.lower() != ".zip":
        if target.exists() and not (target.is_dir() and not any(target.iterdir())):
            raise TargetTaken(target)
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield _Folder(target)
        return
    if target.exists():
        raise TargetTaken(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f"{target.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            yield ZipArchive(archive)
        unfinished.rename(target)
    finally:
        unfinished.unlink(missing_ok=True)
