"""Reading events with the health of their budgets, in a constant number of statements."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from budgets.models import LOCKED_STATUSES, BudgetStatus, EventBudget
from budgetsite.accounts.roles import Role
from events.models import Event

NO_BUDGET = "none"


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event and its budget, None where it has none or where the reader may not see it."""

    event: Event
    budget: EventBudget | None


def matching_events(
    events: QuerySet[Event],
    *,
    now: datetime,
    search: str = "",
    event_type: str = "",
    when: str = "",
    budget_status: str = "",
    over_budget: bool = False,
) -> QuerySet[Event]:
    """Narrow `events` down; what is empty narrows nothing.

    `budget_status` is one of `BudgetStatus` or `NO_BUDGET`, `when` one of "ahead" and "past". Names are searched in
    any place and case; the account's events are few enough to be read for it.
    """
    if search:
        events = events.filter(name__icontains=search)
    if event_type:
        events = events.filter(event_type=event_type)
    if when:
        events = events.filter(**{"event_date__gt" if when == "ahead" else "event_date__lte": now})
    if budget_status == NO_BUDGET:
        return events.exclude(pk__in=EventBudget.objects.values("event_id"))
    budgets = EventBudget.objects.all()
    if budget_status:
        budgets = budgets.filter(status=budget_status)
    if over_budget:
        budgets = budgets.over_budget()
    return events.filter(pk__in=budgets.values("event_id")) if budget_status or over_budget else events


def with_budgets(events: Iterable[Event], *, user_id: UUID, role: Role) -> list[EventRow]:
    """Put each event's budget beside it, with one statement for all."""
    listed = list(events)
    budgets = {
        budget.event_id: budget
        for budget in EventBudget.objects.visible_to(user_id=user_id, role=role).filter(
            event_id__in=[event.pk for event in listed]
        )
    }
    return [EventRow(event, budgets.get(event.pk)) for event in listed]


def upcoming_events(*, user_id: UUID, role: Role, now: datetime, limit: int) -> list[EventRow]:
    """Return the next events, the nearest first."""
    events = (
        Event.objects.visible_to(user_id=user_id, role=role)
        .filter(event_date__gt=now)
        .select_related("venue")
        .order_by("event_date", "id")[:limit]
    )
    return with_budgets(events, user_id=user_id, role=role)


def budgets_over(*, user_id: UUID, role: Role, limit: int) -> list[EventBudget]:
    """Return the budgets that are overspent, the worst first, those that are closed left out."""
    return list(
        EventBudget.objects.visible_to(user_id=user_id, role=role)
        .over_budget()
        .exclude(status__in=LOCKED_STATUSES)
        .filter(event__deleted_at=None)
        .select_related("event")
        .order_by("variance_amount", "id")[:limit]
    )


def drafts_to_finish(*, user_id: UUID, role: Role, limit: int) -> list[EventBudget]:
    """Return the drafts of the events that this person runs, the last changed first."""
    return list(
        EventBudget.objects.visible_to(user_id=user_id, role=role)
        .filter(
            Q(event__organizer_id=user_id) | Q(event__created_by_id=user_id),
            status=BudgetStatus.DRAFT,
            event__deleted_at=None,
        )
        .select_related("event")
        .order_by("-updated_at", "-id")[:limit]
    )
