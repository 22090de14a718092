"""The story of a row for people: who changed what from what to what, newest first.

Built from django-simple-history's rows, which lie under the tenants' policies like the rows that they tell of.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst

from budgetsite.encryption.model_fields import EncryptedTextField
from budgetsite.money.model_fields import AmountField, PercentageField
from budgetsite.pages.amounts import NOTHING, format_money, format_percentage

PAGE = 100
# Told by other means: the acting user, the reason, or not a fact about the row.
_UNTOLD = frozenset({"id", "tenant", "version", "deleted_at", "currency", "created_by"})


@dataclass(frozen=True, slots=True)
class Change:
    label: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Entry:
    when: datetime
    who: str
    subject: str
    what: str
    reason: str
    changes: Sequence[Change]


@dataclass(frozen=True, slots=True)
class Source:
    """The history of one model: `rows` are its history rows that belong to the story, `named` tells whose they are.

    `words` tells, by its name, how a field's value is written whose type does not say that.
    """

    rows: models.QuerySet[Any]
    named: str = ""
    currency: str = ""
    words: Mapping[str, Callable[[Any], str]] = field(default_factory=dict)


def story(sources: Iterable[Source], *, before: datetime | None = None, limit: int = PAGE) -> list[Entry]:
    """Return the newest entries of all sources together (those before a moment, where one is given)."""
    entries = [entry for source in sources for entry in _entries(source, before, limit)]
    entries.sort(key=lambda entry: entry.when, reverse=True)
    return entries[:limit]


def _entries(source: Source, before: datetime | None, limit: int) -> list[Entry]:
    versions = source.rows.model._default_manager
    earlier = versions.filter(id=models.OuterRef("id"), history_id__lt=models.OuterRef("history_id"))
    rows = (
        source.rows.select_related("history_user")
        .annotate(previous_id=models.Subquery(earlier.order_by("-history_id").values("history_id")[:1]))
        .order_by("-history_date", "-history_id")
    )
    if before is not None:
        rows = rows.filter(history_date__lt=before)
    shown = list(rows[:limit])
    if not shown:
        return []
    previous = versions.filter(history_id__in=[row.previous_id for row in shown]).in_bulk()
    names = _names_of_related(type(shown[0]), [*shown, *previous.values()])
    return [_entry(row, previous.get(row.previous_id), source, names) for row in shown]


def _entry(row: Any, previous: Any, source: Source, names: dict[tuple[type, Any], str]) -> Entry:
    currency = getattr(row, "currency", "") or source.currency
    changes = [] if previous is None else list(_changes(row, previous, currency, names, source.words))
    what, reason = _what(row, previous)
    return Entry(
        when=row.history_date,
        who=str(row.history_user) if row.history_user_id else "the system",
        subject=f"{capfirst(source.named)} “{row.name}”" if source.named else "",
        what=what,
        reason=reason,
        changes=changes,
    )


def _what(row: Any, previous: Any) -> tuple[str, str]:
    reason = row.history_change_reason or ""
    if reason in {"deleted", "restored", "reordered"}:
        return capfirst(reason), ""
    # A move of the status is kept as "reject: why", or as its bare name: the change of the status says that itself.
    words = reason.partition(": ")[2]
    return ("Added" if row.history_type == "+" else "Changed"), words


def _changes(
    row: Any,
    previous: Any,
    currency: str,
    names: dict[tuple[type, Any], str],
    words: Mapping[str, Callable[[Any], str]],
) -> Iterable[Change]:
    for column in row.instance_type._meta.concrete_fields:
        if column.name in _UNTOLD or not hasattr(row, column.attname):
            continue
        old, new = getattr(previous, column.attname), getattr(row, column.attname)
        if old == new:
            continue
        write = words.get(column.name)
        said = [write(value) or NOTHING if write else _in_words(column, value, currency, names) for value in (old, new)]
        yield Change(capfirst(str(column.verbose_name)), *said)


def _in_words(field: Any, value: Any, currency: str, names: dict[tuple[type, Any], str]) -> str:
    if value is None or value == "":
        return NOTHING
    if isinstance(field, EncryptedTextField):
        # That it changed is history; what it said stays between those who may open the row.
        return "not shown"
    if isinstance(field, AmountField):
        return format_money(value, currency) if currency else str(value)
    if isinstance(field, PercentageField):
        return format_percentage(value)
    if isinstance(field, models.BooleanField):
        return "yes" if value else "no"
    if isinstance(field, models.DateTimeField):
        return date_format(timezone.localtime(value), "j M Y, H:i")
    if isinstance(field, models.ForeignKey):
        return names.get((field.related_model, value), "someone or something that is gone")
    if field.choices:
        return str(dict(field.flatchoices).get(value, value))
    return str(value)


def _names_of_related(history_model: Any, rows: list[Any]) -> dict[tuple[type, Any], str]:
    """Return the names of everything that foreign keys of `rows` point to: one query for each model."""
    wanted: dict[type[models.Model], set[Any]] = {}
    for column in history_model.instance_type._meta.concrete_fields:
        if isinstance(column, models.ForeignKey) and column.name not in _UNTOLD and hasattr(rows[0], column.attname):
            ids = {getattr(row, column.attname) for row in rows} - {None}
            if ids:
                wanted.setdefault(column.related_model, set()).update(ids)
    return {
        (model, found.pk): str(found)
        for model, ids in wanted.items()
        for found in model._base_manager.filter(pk__in=ids)
    }
