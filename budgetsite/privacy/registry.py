"""What each app knows of people, said by the app itself when it is ready: the base knows no app.

Everything here is called inside the account's scope. What erases or lets go of data runs as the service role, which
alone may write to histories and other append-only tables: it goes through `erasable_rows`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any
from uuid import UUID

from django.db import models

from budgetsite.accounts.models import User
from budgetsite.tenancy.scope import require_tenant_id

# The connection of the role that may change append-only tables.
ERASER = "service"


@dataclass(frozen=True, slots=True)
class PersonalFile:
    """A file of a person. `open` is called once, while the export is written."""

    name: str
    open: Callable[[], IO[bytes]]


@dataclass(frozen=True, slots=True)
class PersonalData:
    """What an app has of a person: table → rows of plain values, and files."""

    tables: Mapping[str, Sequence[Mapping[str, Any]]]
    files: Sequence[PersonalFile] = ()


@dataclass(frozen=True, slots=True)
class Contributor:
    """An app's part in telling a person what is stored about them, and in forgetting it.

    `hold` is called of all contributors before any erases: it locks, on the `ERASER` connection, what has to be locked
    before a row is. `erase` returns what was erased → how many, and leaves what books and ledger rest on. `lists`
    returns the lists that the person stands in (an event's id → since when), for looking up who has seen them. `stays`
    returns sentences about what is left for somebody to decide once the person is gone.
    """

    name: str
    export: Callable[[User], PersonalData]
    erase: Callable[[User], Mapping[str, int]]
    lists: Callable[[User], Mapping[UUID, datetime]] = field(default=lambda person: {})
    hold: Callable[[User], None] = field(default=lambda person: None)
    stays: Callable[[User], Sequence[str]] = field(default=lambda person: ())


@dataclass(frozen=True, slots=True)
class Outdated:
    """Data that a retention rule lets go: one row of one table, and what of it goes."""

    table: str
    row_id: str
    what: str
    since: datetime

    def __str__(self) -> str:
        return f"{self.table} {self.row_id}: {self.what}, of {self.since:%Y-%m-%d}"


@dataclass(frozen=True, slots=True)
class RetentionKind:
    """A kind of data that may be kept for so many months.

    `outdated(before)` returns exactly what `forget(before)` would let go; that returns how many rows it changed, and
    nothing twice, whoever else is at it.
    """

    name: str
    label: str
    explanation: str
    outdated: Callable[[datetime], Iterable[Outdated]]
    forget: Callable[[datetime], int]


@dataclass(frozen=True, slots=True)
class NotificationType:
    """Something that people are told; by mail as they agreed to (`budgetsite.privacy.services.consent`)."""

    name: str
    label: str
    explanation: str


_contributors: dict[str, Contributor] = {}
_retention_kinds: dict[str, RetentionKind] = {}
_notification_types: dict[str, NotificationType] = {}


def register_contributor(contributor: Contributor) -> None:
    _contributors[contributor.name] = contributor


def register_retention_kind(kind: RetentionKind) -> None:
    _retention_kinds[kind.name] = kind


def register_notification_type(notification_type: NotificationType) -> None:
    _notification_types[notification_type.name] = notification_type


def contributors() -> list[Contributor]:
    """Return all contributors by their names, so that an export has one order."""
    return [_contributors[name] for name in sorted(_contributors)]


def retention_kinds() -> dict[str, RetentionKind]:
    return dict(_retention_kinds)


def notification_types() -> dict[str, NotificationType]:
    return dict(_notification_types)


def personal_rows(rows: models.QuerySet[Any], *fields: str) -> list[dict[str, Any]]:
    """Return rows as an export shows them, oldest first."""
    return list(rows.order_by("created_at", "pk").values(*fields))


def erasable_rows(model: type[models.Model]) -> models.QuerySet[Any]:
    """Return the account's rows of a table, deleted ones and a history's included, as the role that may erase them.

    No manager is in the way, and so the account is named here: the service role sees all of them.
    """
    return models.QuerySet(model, using=ERASER).filter(tenant_id=require_tenant_id())


def erase_text(model: type[models.Model], column: str, **whose: Any) -> int:
    """Empty a text in all rows that are a person's, in the history of the table too; return how many had one."""
    erased = erasable_rows(model).filter(**whose).exclude(**{column: ""}).update(**{column: ""})
    history = getattr(model, "history", None)
    if history is not None and any(each.name == column for each in history.model._meta.fields):
        ids = list(erasable_rows(model).filter(**whose).values_list("pk", flat=True))
        erased += erasable_rows(history.model).filter(id__in=ids).exclude(**{column: ""}).update(**{column: ""})
    return erased
