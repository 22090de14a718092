"""What the alert tests say things with: money spent on a budget, and the alerts that are open then."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from alerts.models import BudgetAlert
from budgets.models import BudgetLineItem, EntryKind, EntrySource, EventBudget
from budgets.services import ledger


def spend(budget: EventBudget, amount: Decimal | int | str, *, line: BudgetLineItem | None = None) -> None:
    """Post an actual; a negative one is a refund."""
    ledger.post(
        budget_id=budget.pk,
        kind=EntryKind.ACTUAL if Decimal(amount) > 0 else EntryKind.REFUND,
        actual_delta=Decimal(amount),
        currency=budget.currency,
        source=EntrySource.MANUAL,
        line_item_id=None if line is None else line.pk,
    )


def promise(budget: EventBudget, amount: Decimal | int | str, *, line: BudgetLineItem | None = None) -> None:
    """Post a commitment, whether it fits or not; a negative one releases it."""
    ledger.post(
        budget_id=budget.pk,
        kind=EntryKind.COMMIT if Decimal(amount) > 0 else EntryKind.RELEASE,
        committed_delta=Decimal(amount),
        currency=budget.currency,
        source=EntrySource.MANUAL,
        line_item_id=None if line is None else line.pk,
        on_overrun=ledger.OnOverrun.WARN,
    )


def spend_up_to(budget: EventBudget, actual: Decimal | int | str) -> None:
    """Post what is missing until the budget's actual is this much."""
    now = EventBudget.objects.values_list("total_actual_amount", flat=True).get(pk=budget.pk)
    spend(budget, Decimal(actual) - now)


def alert_of(budget: EventBudget, alert_type: str, *, line: BudgetLineItem | None = None) -> BudgetAlert:
    """Return the one open alert of this kind."""
    return BudgetAlert.objects.open().get(budget=budget, alert_type=alert_type, line_item=line)


def all_of(budget: EventBudget, alert_type: str) -> list[BudgetAlert]:
    """Return the alerts of this kind, open or not, oldest first."""
    return list(BudgetAlert.objects.filter(budget=budget, alert_type=alert_type).order_by("created_at", "id"))


def open_types(budget: EventBudget) -> list[str]:
    return sorted(BudgetAlert.objects.open().filter(budget=budget).values_list("alert_type", flat=True))


def stored_figures(alert: BudgetAlert) -> dict[str, Any]:
    """Return the row as it is now, without its times."""
    row: dict[str, Any] = BudgetAlert.objects.filter(pk=alert.pk).values().get()
    return {name: value for name, value in row.items() if name not in ("created_at", "updated_at")}


def open_keys(budget_id: UUID) -> set[tuple[str, UUID | None]]:
    found = BudgetAlert.objects.open().filter(budget_id=budget_id)
    return set(found.values_list("alert_type", "line_item_id"))
