"""Everything that an account has, as CSV files: to take away, to archive, to have before migrating down."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from psycopg import IsolationLevel, sql

from budgetsite.tenancy.isolation import tenant_models
from budgetsite.tenancy.scope import deleted_rows_visible, tenant_scope

MANIFEST = "manifest.json"

# Beside the tenants' tables: the account itself, and the people in it, without what they sign in with.
_ACCOUNT = "SELECT * FROM accounts_account WHERE id = {tenant}"
_PEOPLE = """
    SELECT id, email, name, is_active, date_joined FROM accounts_user
    WHERE id IN (SELECT user_id FROM accounts_membership WHERE tenant_id = {tenant}) ORDER BY id
"""


class FolderNotEmpty(ValueError):
    """An export never mixes with what is there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        super().__init__(f"{directory} is not an empty folder. Name one that is empty or does not exist yet.")


@dataclass(frozen=True, slots=True)
class ExportedTable:
    """One file of an export. `rows` leaves the heading out."""

    table: str
    file: str
    rows: int
    sha256: str


def export_tenant(tenant_id: UUID, *, directory: Path, now: datetime) -> list[ExportedTable]:
    """Write each table's rows of one tenant, deleted ones and history included, as CSV with a heading.

    Reads as the request role under that tenant's policies, in one snapshot, and holds no more than a few rows at a
    time. The manifest, with counts and SHA-256 sums, comes last: without it an export is incomplete. Raises
    `FolderNotEmpty`. Runs outside any transaction.
    """
    _prepare(directory)
    with tenant_scope(tenant_id), deleted_rows_visible(), _snapshot():
        tables = [_write(directory, table, query) for table, query in _queries(tenant_id)]
    manifest = {
        "account_id": str(tenant_id),
        "exported_at": now.isoformat(),
        "format": "CSV, UTF-8, commas, empty for NULL, bytes as \\x and hexadecimal digits, encrypted texts as they "
        "are stored: the key's id, a colon, a ciphertext",
        "tables": [asdict(table) for table in tables],
    }
    with _private_file(directory / MANIFEST) as file:
        file.write(json.dumps(manifest, indent=2).encode() + b"\n")
    return tables


def _prepare(directory: Path) -> None:
    if directory.exists() and not (directory.is_dir() and not any(directory.iterdir())):
        raise FolderNotEmpty(directory)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)


def _queries(tenant_id: UUID) -> Iterator[tuple[str, sql.Composed]]:
    """Yield table → the query of its rows, in the order of their keys."""
    tenant = sql.Literal(tenant_id)
    yield "accounts_account", sql.SQL(_ACCOUNT).format(tenant=tenant)
    yield "accounts_user", sql.SQL(_PEOPLE).format(tenant=tenant)
    for model in sorted(tenant_models(), key=lambda model: model._meta.db_table):
        yield (
            model._meta.db_table,
            sql.SQL("SELECT * FROM {table} WHERE tenant_id = {tenant} ORDER BY {key}").format(
                table=sql.Identifier(model._meta.db_table),
                tenant=tenant,
                key=sql.Identifier(str(model._meta.pk.column)),
            ),
        )


@contextmanager
def _snapshot() -> Iterator[None]:
    """A transaction that sees the tables as they are at its first statement, whatever others commit meanwhile."""
    connection.ensure_connection()
    # Before it begins: within a transaction, telling PostgreSQL the scope has always come first.
    connection.connection.isolation_level = IsolationLevel.REPEATABLE_READ
    try:
        with transaction.atomic(durable=True):
            yield
    finally:
        connection.connection.isolation_level = None


@contextmanager
def _private_file(path: Path) -> Iterator[Any]:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        yield file


def _write(directory: Path, table: str, query: sql.Composed) -> ExportedTable:
    name = f"{table}.csv"
    digest = hashlib.sha256()
    with connection.cursor() as cursor, _private_file(directory / name) as file:
        # Through Django, so that the scope is told; the copy below goes past it.
        cursor.execute(sql.SQL("SELECT count(*) FROM ({query}) counted").format(query=query).as_string(None))
        rows: int = cursor.fetchone()[0]
        copying = sql.SQL("COPY ({query}) TO STDOUT WITH (FORMAT csv, HEADER true, ENCODING 'UTF8')")
        with cursor.copy(copying.format(query=query)) as copy:
            for block in copy:
                digest.update(block)
                file.write(block)
    return ExportedTable(table=table, file=name, rows=rows, sha256=digest.hexdigest())
