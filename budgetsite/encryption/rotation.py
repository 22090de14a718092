"""Bringing every encrypted value under the first key, while people work.

Runs as the service role, which crosses tenants and may write to the histories, one batch in a transaction. A value is
replaced only while it still is what was read: what somebody saves meanwhile is never overwritten. What was done stays
done however the process ends, and the next run goes on with what is left.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connections, models, transaction
from psycopg import sql

from budgetsite.encryption.ciphertext import CannotDecrypt, decrypt, encrypt, encrypting_key
from budgetsite.encryption.model_fields import EncryptedTextField

BATCH_ROWS = 200
# How often a row that people keep saving under an old key is tried again; the report says what is left.
MOST_PASSES = 5
# An id, and at least a nonce and a tag in base64. What does not look so may be plain text, and is never shown.
_CIPHERTEXT = r"^[A-Za-z0-9_-]{1,32}:[A-Za-z0-9+/]{38,}={0,2}$"


@dataclass(frozen=True, slots=True)
class EncryptedColumn:
    model: type[models.Model]
    field: EncryptedTextField[Any, Any]

    @property
    def name(self) -> str:
        return f"{self.model._meta.db_table}.{self.field.column}"

    @property
    def has_tenant(self) -> bool:
        return any(each.column == "tenant_id" for each in self.model._meta.local_fields)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A value that could not be decrypted. `problem` names column and key id, never the value."""

    row_id: str
    problem: str

    def __str__(self) -> str:
        return f"row {self.row_id}: {self.problem}"


@dataclass
class Rotation:
    """What a run did. `keys` is key id → values under it now; '' stands for values that are no ciphertexts."""

    rotated: int = 0
    unreadable: list[Unreadable] = field(default_factory=list)
    keys: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Progress:
    column: str
    done: int
    total: int


def encrypted_columns() -> list[EncryptedColumn]:
    """Return the encrypted columns of all tables, histories included, in the order of their names."""
    found = [
        EncryptedColumn(model, each)
        for model in apps.get_models(include_auto_created=True)
        for each in model._meta.local_fields
        if isinstance(each, EncryptedTextField)
    ]
    return sorted(found, key=lambda column: column.name)


def rotate(
    *,
    tenant_id: UUID | None = None,
    batch_rows: int = BATCH_ROWS,
    progress: Callable[[Progress], None] = lambda progress: None,
) -> Rotation:
    """Encrypt anew what stands under another key than the first, of one tenant or of all."""
    rotation = Rotation()
    for column in encrypted_columns():
        if tenant_id is None or column.has_tenant:
            _Column(column, tenant_id, batch_rows).rotate(rotation, progress)
            rotation.keys.update(_keys_in_use(column, tenant_id))
    return rotation


class _Column:
    """The rotation of one column, in the order of its table's primary key."""

    def __init__(self, column: EncryptedColumn, tenant_id: UUID | None, batch_rows: int) -> None:
        self.column = column
        self.tenant_id = tenant_id
        self.batch_rows = batch_rows
        meta = column.model._meta
        self.names = {
            "table": sql.Identifier(meta.db_table),
            "column": sql.Identifier(str(column.field.column)),
            "key": sql.Identifier(str(meta.pk.column)),
            "key_type": sql.SQL(str(meta.pk.rel_db_type(connections["service"]))),
            "tenant": sql.SQL("tenant_id" if column.has_tenant else "NULL::uuid"),
        }

    def rotate(self, rotation: Rotation, progress: Callable[[Progress], None]) -> None:
        total, done = self._count_left(), 0
        unreadable: dict[tuple[Any, Any], Unreadable] = {}
        for _ in range(MOST_PASSES):
            lost = 0
            for batch in self._batches():
                fresh = self._encrypt_anew(batch, unreadable)
                changed = self._store(fresh)
                lost += len(fresh) - changed
                done += changed
                progress(Progress(self.column.name, done, total))
            if not lost:
                break
        rotation.rotated += done
        rotation.unreadable += unreadable.values()

    def _encrypt_anew(
        self, batch: list[tuple[Any, Any, str]], unreadable: dict[tuple[Any, Any], Unreadable]
    ) -> list[tuple[Any, Any, str, str]]:
        fresh = []
        for tenant_id, key, stored in batch:
            place = self.column.field.place(tenant_id)
            try:
                text = decrypt(stored, place)
            except CannotDecrypt as problem:
                unreadable[tenant_id, key] = Unreadable(str(key), str(problem))
            else:
                fresh.append((tenant_id, key, stored, encrypt(text, place)))
        return fresh

    def _batches(self) -> Iterator[list[tuple[Any, Any, str]]]:
        """Yield (tenant, key, ciphertext) of the rows under another key than the first, by keyset."""
        after: tuple[Any, Any] | None = None
        while True:
            beyond: sql.Composable = sql.SQL("")
            values: list[Any] = []
            if after is not None and self.column.has_tenant:
                beyond = sql.SQL("AND ({tenant}, {key}) > (%s, %s)").format(**self.names)
                values = [*after]
            elif after is not None:
                beyond = sql.SQL("AND {key} > %s").format(**self.names)
                values = [after[1]]
            rows = self._fetch(
                sql.SQL(
                    "SELECT {tenant}, {key}, {column} FROM {table} WHERE {left} {beyond} ORDER BY {order} LIMIT %s"
                ).format(
                    **self.names,
                    left=self._left(),
                    beyond=beyond,
                    order=sql.SQL("tenant_id, {key}" if self.column.has_tenant else "{key}").format(**self.names),
                ),
                [*values, self.batch_rows],
            )
            if not rows:
                return
            yield rows
            after = rows[-1][0], rows[-1][1]

    def _store(self, fresh: list[tuple[Any, Any, str, str]]) -> int:
        """Replace values that still are what was read; return how many were."""
        if not fresh:
            return 0
        statement = sql.SQL(
            """
            UPDATE {table} SET {column} = fresh.text
            FROM unnest(%s::uuid[], %s::{key_type}[], %s::text[], %s::text[]) AS fresh (tenant, key, stored, text)
            WHERE {table}.{key} = fresh.key AND {table}.{column} = fresh.stored
              AND {tenant_of_row} IS NOT DISTINCT FROM fresh.tenant
            """
        ).format(
            **self.names,
            tenant_of_row=sql.SQL("{table}.tenant_id").format(**self.names)
            if self.column.has_tenant
            else sql.SQL("NULL::uuid"),
        )
        with transaction.atomic(using="service"), connections["service"].cursor() as cursor:
            # Nothing that people wrote changes, and so the row's last change stays when it was.
            cursor.execute("SELECT set_config('pgtrigger.ignore', %s, true)", [self._clock()])
            cursor.execute(statement.as_string(None), [list(each) for each in zip(*fresh, strict=True)])
            changed: int = cursor.rowcount
        return changed

    def _clock(self) -> str:
        """Return the name of the trigger that keeps `updated_at`, as pgtrigger takes what it is to leave out."""
        meta = self.column.model._meta
        names = [each.get_pgid(self.column.model) for each in getattr(meta, "triggers", ()) if each.name == _CLOCK]
        return "{" + ",".join(part for name in names for part in (name, f"{meta.db_table}:{name}")) + "}"

    def _count_left(self) -> int:
        [(count,)] = self._fetch(
            sql.SQL("SELECT count(*) FROM {table} WHERE {left}").format(**self.names, left=self._left()), []
        )
        return int(count)

    def _left(self) -> sql.Composed:
        return sql.SQL("{column} <> '' AND NOT starts_with({column}, {first}) AND {mine}").format(
            **self.names, first=sql.Literal(f"{encrypting_key().id}:"), mine=_of_tenant(self.tenant_id)
        )

    def _fetch(self, query: sql.Composed, values: list[Any]) -> list[Any]:
        with connections["service"].cursor() as cursor:
            cursor.execute(query.as_string(None), values)
            return list(cursor.fetchall())


_CLOCK = "keep_updated_at"


def _of_tenant(tenant_id: UUID | None) -> sql.Composed:
    return sql.SQL("{}").format(True) if tenant_id is None else sql.SQL("tenant_id = {}").format(tenant_id)


def _keys_in_use(column: EncryptedColumn, tenant_id: UUID | None) -> dict[str, int]:
    query = sql.SQL(
        """
        SELECT CASE WHEN {column} ~ {ciphertext} THEN split_part({column}, ':', 1) ELSE '' END, count(*)
        FROM {table} WHERE {column} <> '' AND {mine} GROUP BY 1
        """
    ).format(
        column=sql.Identifier(str(column.field.column)),
        table=sql.Identifier(column.model._meta.db_table),
        ciphertext=sql.Literal(_CIPHERTEXT),
        mine=_of_tenant(tenant_id),
    )
    with connections["service"].cursor() as cursor:
        cursor.execute(query.as_string(None))
        return dict(cursor.fetchall())
