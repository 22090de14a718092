"""What the earlier budget says that this one was copied from: last year's figures beside this year's."""

from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from budgets.models import BudgetLineItem, EventBudget, LineKind
from budgetsite.accounts.permissions import may
from budgetsite.accounts.roles import Role
from events.models import Event

# So many earlier budgets are offered to be copied, those of the latest events.
COPIES_OFFERED = 200


class LastYear(NamedTuple):
    """What was planned for a line in the earlier budget and what came of it, in the budget's currency.

    `planned` is the plan in force there; `actual` of a line of income is what was received.
    """

    planned: Decimal
    actual: Decimal


def last_year_of(budget: EventBudget, *, user_id: UUID, role: Role) -> dict[UUID, LastYear]:
    """Return line id → the figures of the line that it was copied from. One statement for any number of lines.

    Missing are lines that were added since, those whose origin was deleted, all of them for someone who may not see the
    earlier budget (a client sees this year's event, and perhaps not last year's), and income for a client.
    """
    if budget.copied_from_id is None:
        return {}
    in_sight = EventBudget.objects.visible_to(user_id=user_id, role=role).filter(event__deleted_at=None)
    lines = BudgetLineItem.objects.filter(
        budget_id=budget.pk, based_on__deleted_at=None, based_on__budget__in=in_sight.values("pk")
    )
    if not may(role, "budgets.view_internals"):
        lines = lines.filter(kind=LineKind.COST)
    rows = lines.order_by("sort_order", "pk").values_list(
        "pk", Coalesce("based_on__approved_amount", "based_on__budgeted_amount"), "based_on__actual_amount"
    )
    return {line_id: LastYear(planned, actual) for line_id, planned, actual in rows}


def earlier_budget_of(budget: EventBudget, *, user_id: UUID, role: Role) -> EventBudget | None:
    """Return the budget that this one was copied from, with its event, when this person may see it."""
    if budget.copied_from_id is None:
        return None
    earlier: EventBudget | None = (
        EventBudget.objects.visible_to(user_id=user_id, role=role)
        .select_related("event")
        .filter(pk=budget.copied_from_id, event__deleted_at=None)
        .first()
    )
    return earlier


def budgets_to_copy(event: Event, *, user_id: UUID, role: Role) -> list[EventBudget]:
    """Return the budgets in the event's currency that this person may see, with their events, the latest first."""
    found: QuerySet[EventBudget] = EventBudget.objects.visible_to(user_id=user_id, role=role)
    budgets = found.filter(currency=event.currency, event__deleted_at=None).exclude(event=event)
    return list(budgets.select_related("event").order_by("-event__event_date", "-pk")[:COPIES_OFFERED])
