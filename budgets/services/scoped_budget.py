"""Making, changing, deleting and restoring scoped budgets."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from budgets.models import (
    MOST_LEVELS,
    Enforcement,
    EventBudget,
    Period,
    Reservation,
    ReservationStatus,
    ScopedBudget,
)
from budgets.services.hierarchy import have_hierarchy_alone
from budgets.services.reservation import free_expired_of
from budgets.services.scoped_problems import (
    FundsEvents,
    HasChildren,
    HoldsReservations,
    ParentCurrencyDiffers,
    ParentNotFound,
    PlaceFixed,
    ScopedBudgetNotFound,
    StaleScopedVersion,
    TooManyLevels,
)
from budgets.services.scoped_thresholds import make_thresholds
from budgets.services.texts import one_line, plain_breaks
from budgets.services.window_rebuilding import rebuild_windows
from budgets.signals import scoped_budget_changed
from budgetsite.accounts.models import Account, User
from budgetsite.money.amounts import format_amount, parse_amount
from budgetsite.outbox.services import record_event
from budgetsite.tenancy.deletion import restore, soft_delete
from events.models import FIRST_YEAR, LAST_YEAR

ZERO = Decimal(0)
# What is chosen once.
FIXED_FIELDS = ("scope_type", "scope_id", "parent_budget_id", "currency")
# What decides where windows begin and end, and what decides in how many rows their figures are kept.
_CALENDAR = ("period", "start_date", "end_date", "recurring", "timezone")
_NAMED_AT_MOST = 5
_USABLE_YEARS = f"Give a date between the years {FIRST_YEAR} and {LAST_YEAR}."


@dataclass(frozen=True, slots=True)
class Changed:
    """The budget as it is stored now, and what its maker should know."""

    budget: ScopedBudget
    warnings: list[dict[str, str]] = field(default_factory=list)


@transaction.atomic
def create_scoped_budget(
    *,
    account: Account,
    acting_user: User,
    name: str,
    scope_type: str,
    scope_id: str,
    amount: Decimal,
    period: str,
    start_date: date,
    currency: str | None = None,
    end_date: date | None = None,
    recurring: bool | None = None,
    timezone: str | None = None,
    thresholds: Iterable[Mapping[str, Any]] = (),
    tags: Any = None,
    parent_id: UUID | None = None,
    enforcement: str = Enforcement.STOP,
    description: str = "",
) -> Changed:
    """Make a scoped budget. Currency and time zone are its parent's where it has one, the account's otherwise; a custom
    period does not recur unless that is said.

    Raises `ParentNotFound`, `ParentCurrencyDiffers`, `TooManyLevels`, `InvalidAmount`, `ValidationError` by field.
    """
    have_hierarchy_alone()
    parent = _parent(parent_id)
    budget = ScopedBudget(
        name=one_line(name),
        description=plain_breaks(description),
        scope_type=scope_type,
        scope_id=scope_id,
        currency=currency or (parent.currency if parent else account.currency),
        period=period,
        start_date=start_date,
        end_date=end_date,
        recurring=period != Period.CUSTOM if recurring is None else recurring,
        timezone=timezone or (parent.timezone if parent else account.timezone),
        thresholds=_as_stored(thresholds),
        tags=[] if tags is None else tags,
        enforcement=enforcement,
        parent=parent,
        path=[*parent.path, parent.pk] if parent else [],
        depth=parent.depth + 1 if parent else 0,
    )
    if parent is not None and parent.currency != budget.currency:
        raise ParentCurrencyDiffers(currency=budget.currency, parent_currency=parent.currency, parent_name=parent.name)
    budget.amount = parse_amount(amount, budget.currency)
    _validate(budget)
    budget.save(force_insert=True)
    record_event(kind="scoped_budget.created", subject_type="scoped_budget", subject_id=budget.pk)
    return Changed(budget, _warnings(budget, parent))


@transaction.atomic
def update_scoped_budget(
    *, budget_id: UUID, acting_user: User, version: int | None = None, now: datetime | None = None, **fields: Any
) -> Changed:
    """Change what may be changed: `name, description, amount, period, start_date, end_date, recurring, timezone,
    thresholds, tags, enforcement`. Where windows begin or end otherwise, all figures are counted anew. `alerts` hears
    of what changes how the budget stands (at `now`, the present moment by itself).

    Raises `StaleScopedVersion`, `PlaceFixed`, `ScopedBudgetNotFound`, `InvalidAmount`, `ValidationError` by field.
    """
    have_hierarchy_alone()
    budget = lock_scoped_budget(budget_id, version=version)
    _refuse_another_place(budget, fields)
    if "thresholds" in fields:
        fields["thresholds"] = _as_stored(fields["thresholds"])
    if "amount" in fields:
        fields["amount"] = parse_amount(fields["amount"], budget.currency)
    if "name" in fields:
        fields["name"] = one_line(fields["name"])
    if "description" in fields:
        fields["description"] = plain_breaks(fields["description"])
    for name, value in fields.items():
        setattr(budget, name, value)
    touched = budget.touched()
    if touched:
        _validate(budget)
        budget.version += 1
        budget.save()
        if touched & {*_CALENDAR, "enforcement", "thresholds"}:
            rebuild_windows([budget.pk])
        if touched & {*_CALENDAR, "enforcement", "thresholds", "amount"}:
            scoped_budget_changed.send(sender=ScopedBudget, budget=budget, now=now or timezone.now())
        record_event(
            kind="scoped_budget.changed",
            subject_type="scoped_budget",
            subject_id=budget.pk,
            payload={"fields": sorted(touched)},
        )
    return Changed(budget, _warnings(budget, budget.parent))


@transaction.atomic
def delete_scoped_budget(*, budget_id: UUID, acting_user: User, now: datetime, version: int | None = None) -> None:
    """Soft-delete a budget. What was spent from it goes on counting in the budgets above it.

    Raises `HasChildren`, `FundsEvents`, `HoldsReservations`, `ScopedBudgetNotFound`.
    """
    have_hierarchy_alone()
    budget = lock_scoped_budget(budget_id, version=version)
    children = ScopedBudget.objects.filter(parent=budget).by_name()
    if names := list(children.values_list("name", flat=True)[:_NAMED_AT_MOST]):
        raise HasChildren(names, children.count())
    funded = EventBudget.objects.filter(funded_by=budget).order_by("event__name", "id")
    if names := list(funded.values_list("event__name", flat=True)[:_NAMED_AT_MOST]):
        raise FundsEvents(names, funded.count())
    free_expired_of(budget.pk, now=now)
    held = Reservation.objects.filter(budget=budget, status=ReservationStatus.HELD)
    if held.exists():
        raise HoldsReservations
    soft_delete(budget, now=now)
    record_event(kind="scoped_budget.deleted", subject_type="scoped_budget", subject_id=budget.pk)


@transaction.atomic
def restore_scoped_budget(*, budget: ScopedBudget, acting_user: User) -> None:
    """Bring a deleted budget back under its parent. Raises `ParentNotFound` while that one is deleted."""
    have_hierarchy_alone()
    _parent(budget.parent_id)
    restore(budget)
    record_event(kind="scoped_budget.restored", subject_type="scoped_budget", subject_id=budget.pk)


def lock_scoped_budget(budget_id: UUID, *, version: int | None = None) -> ScopedBudget:
    """Lock a live budget and return it. Raises `ScopedBudgetNotFound`, `StaleScopedVersion`."""
    budget: ScopedBudget | None = (
        ScopedBudget.objects.filter(pk=budget_id, deleted_at=None)
        .select_related("parent")
        .select_for_update(no_key=True, of=("self",))
        .first()
    )
    if budget is None:
        raise ScopedBudgetNotFound(budget_id)
    if version is not None and version != budget.version:
        raise StaleScopedVersion(sent=version, current=budget.version, budget_id=budget_id)
    return budget


def _parent(parent_id: UUID | None) -> ScopedBudget | None:
    if parent_id is None:
        return None
    parent: ScopedBudget | None = ScopedBudget.objects.filter(pk=parent_id, deleted_at=None).first()
    if parent is None:
        raise ParentNotFound(parent_id)
    if parent.depth + 1 >= MOST_LEVELS:
        raise TooManyLevels(MOST_LEVELS)
    return parent


def _refuse_another_place(budget: ScopedBudget, fields: dict[str, Any]) -> None:
    """Let the same scope, parent and currency pass, as a PUT sends them, and nothing else."""
    stored = {
        "scope_type": budget.scope_type,
        "scope_id": budget.scope_id,
        "parent_budget_id": budget.parent_id,
        "currency": budget.currency,
    }
    for name in FIXED_FIELDS:
        if name in fields and fields.pop(name) != stored[name]:
            raise PlaceFixed(name)


def scoped_budget_problems(
    *, amount: Decimal | None, period: str, start_date: date | None, end_date: date | None
) -> dict[str, list[ValidationError]]:
    """Return by field what is wrong with these. A page that could not read one of them asks with
    None for it, and hears of the others.
    """
    problems: dict[str, list[ValidationError]] = {}
    if amount is not None and amount <= ZERO:
        problems["amount"] = [ValidationError("The amount must be more than 0.", code="min_value")]
    if start_date is not None and not FIRST_YEAR <= start_date.year <= LAST_YEAR:
        problems["start_date"] = [ValidationError(_USABLE_YEARS, code="out_of_range")]
    if period == Period.CUSTOM and end_date is None:
        problems["end_date"] = [ValidationError("A custom period needs the day on which it is over.", code="required")]
    elif end_date is not None and start_date is not None and end_date <= start_date:
        problems["end_date"] = [
            ValidationError("The end must come after the start: it is the day after the last one.", code="invalid")
        ]
    elif end_date is not None and end_date.year > LAST_YEAR:
        problems["end_date"] = [ValidationError(_USABLE_YEARS, code="out_of_range")]
    return problems


def _validate(budget: ScopedBudget) -> None:
    problems = scoped_budget_problems(
        amount=budget.amount, period=budget.period, start_date=budget.start_date, end_date=budget.end_date
    )
    if problems:
        raise ValidationError(problems)
    budget.full_clean(validate_unique=False, validate_constraints=False, exclude=["parent", "tenant"])


def _warnings(budget: ScopedBudget, parent: ScopedBudget | None) -> list[dict[str, str]]:
    if parent is None or budget.amount <= parent.amount:
        return []
    amount = format_amount(parent.amount, parent.currency, "en")
    return [
        {
            "code": "larger_than_parent",
            "detail": f"This is more than “{parent.name}” has above it, {amount} {parent.currency}: "
            "that one will be used up first.",
        }
    ]


def _as_stored(thresholds: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [threshold.as_json() for threshold in make_thresholds(thresholds)]
