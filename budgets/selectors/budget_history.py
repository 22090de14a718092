"""What was changed on a budget and its lines: who, when, and each field's old and new value."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery

from budgets.models import BudgetLineItem, Category, EventBudget, PlanDriver, ScopedBudget
from budgetsite.accounts.models import User
from budgetsite.tenancy.scope import deleted_rows_visible, require_tenant_id

BUDGET, LINE_ITEM = "budget", "line_item"
_NOT_SHOWN = frozenset({"id", "tenant", "budget", "event", "currency", "version", "deleted_actual_amount"})


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a record stands in the story; later ones are greater. Both tables number their records by themselves."""

    at: datetime
    kind: str
    history_id: int


@dataclass(frozen=True, slots=True)
class FieldChange:
    name: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class Change:
    """One record of the story. `object_id` is the budget's or a line's; `title` the line's name, "" for the budget."""

    place: Place
    object_id: UUID
    title: str
    action: str
    by: User | None
    reason: str
    version: int
    fields: list[FieldChange] = field(default_factory=list)


def changes_of(budget: EventBudget, *, before: Place | None, limit: int) -> list[Change]:
    """Return up to `limit` changes of a budget and its lines, the newest first, older than `before`.

    A constant number of statements. The record of a deletion is itself hidden with deleted rows, so those are in sight.
    """
    with deleted_rows_visible():
        return _changes(budget, before=before, limit=limit)


def _changes(budget: EventBudget, *, before: Place | None, limit: int) -> list[Change]:
    records = sorted(
        [
            *_records(EventBudget, BUDGET, Q(id=budget.pk), before, limit),
            *_records(BudgetLineItem, LINE_ITEM, Q(budget_id=budget.pk), before, limit),
        ],
        key=lambda found: found[0],
        reverse=True,
    )[:limit]
    earlier = {
        **_earlier(EventBudget, [record for place, record in records if place.kind == BUDGET]),
        **_earlier(BudgetLineItem, [record for place, record in records if place.kind == LINE_ITEM]),
    }
    names = _names(budget) if records else {}
    return [
        Change(
            place=place,
            object_id=record.id,
            title=record.name if place.kind == LINE_ITEM else "",
            action=_action(record),
            by=record.history_user,
            reason=record.history_change_reason or "",
            version=record.version,
            fields=list(_differences(earlier.get((place.kind, record.previous_id)), record, names)),
        )
        for place, record in records
    ]


def _history(model: Any) -> QuerySet[Any]:
    history: QuerySet[Any] = model.history.filter(tenant_id=require_tenant_id())
    return history


def _kind(model: Any) -> str:
    return BUDGET if model is EventBudget else LINE_ITEM


def _records(model: Any, kind: str, whose: Q, before: Place | None, limit: int) -> Iterator[tuple[Place, Any]]:
    older = Q()
    if before is not None:
        older = Q(history_date__lt=before.at)
        if kind < before.kind:
            older |= Q(history_date=before.at)
        elif kind == before.kind:
            older |= Q(history_date=before.at, history_id__lt=before.history_id)
    previous = (
        _history(model)
        .filter(id=OuterRef("id"), history_id__lt=OuterRef("history_id"))
        .order_by("-history_id")
        .values("history_id")[:1]
    )
    found = (
        _history(model)
        .filter(whose & older)
        .select_related("history_user")
        .annotate(previous_id=Subquery(previous))
        .order_by("-history_date", "-history_id")[:limit]
    )
    for record in found:
        yield Place(record.history_date, kind, record.history_id), record


def _earlier(model: Any, records: list[Any]) -> dict[tuple[str, int | None], Any]:
    wanted = [record.previous_id for record in records if record.previous_id is not None]
    found = _history(model).filter(history_id__in=wanted) if wanted else []
    return {(_kind(model), record.history_id): record for record in found}


def _action(record: Any) -> str:
    if record.history_type == "+":
        return "created"
    # Soft deletion and restoring are updates to the database, and say so in their reason.
    reason = record.history_change_reason
    return reason if reason in ("deleted", "restored") else "changed"


def _names(budget: EventBudget) -> dict[str, dict[UUID, str]]:
    """Return the names behind the ids that a record may have, by field."""
    return {
        "category": dict(Category.objects.values_list("pk", "name")),
        "driver": dict(PlanDriver.objects.filter(budget=budget).values_list("pk", "name")),
        "funded_by": dict(ScopedBudget.objects.filter(pk__in=_funders(budget)).values_list("pk", "name")),
    }


def _funders(budget: EventBudget) -> QuerySet[Any]:
    """Return the ids of all that ever paid for a budget."""
    return _history(EventBudget).filter(id=budget.pk, funded_by_id__isnull=False).values("funded_by_id")


def _differences(old: Any, new: Any, names: dict[str, dict[UUID, str]]) -> Iterator[FieldChange]:
    for model_field in new.tracked_fields:
        name = model_field.name
        if name in _NOT_SHOWN or name.startswith("history_"):
            continue
        was = None if old is None else getattr(old, model_field.attname)
        now = getattr(new, model_field.attname)
        # A new object's empty fields are no news.
        if was == now or (old is None and now in (None, "")):
            continue
        if name in names:
            was, now = _named(was, names[name]), _named(now, names[name])
        yield FieldChange(name, was, now)


def _named(row_id: UUID | None, names: dict[UUID, str]) -> str | None:
    """Return the name of what has this id; its id where that is not known here."""
    return None if row_id is None else names.get(row_id, str(row_id))
