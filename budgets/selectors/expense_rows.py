"""Expenses as rows for answers: one statement for any number, without making a model's instance of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import F, QuerySet

from budgets.models import Expense, PaymentStatus
from budgetsite.accounts.roles import Role

_OWN = (
    "id",
    "event_id",
    "budget_id",
    "line_item_id",
    "vendor_id",
    "description",
    "stage",
    "wanted_stage",
    "amount",
    "currency",
    "budget_amount",
    "exchange_rate",
    "rate_date",
    "rate_source",
    "committed_amount",
    "actual_amount",
    "invoiced_amount",
    "paid_amount",
    "scheduled_amount",
    "expense_date",
    "due_date",
    "next_due_date",
    "invoice_number",
    "payment_status",
    "approval",
    "needs_role",
    "decided_by_id",
    "decided_at",
    "decision_reason",
    "created_by_id",
    "version",
    "created_at",
    "updated_at",
)
_JOINED = {
    "event_name": F("event__name"),
    "event_timezone": F("event__timezone"),
    "budget_currency": F("budget__currency"),
    "line_item_name": F("line_item__name"),
    "is_unbudgeted": F("line_item__is_unbudgeted"),
    "category_id": F("line_item__category_id"),
    "category": F("line_item__category__name"),
    "vendor_name": F("vendor__name"),
}


def expense_rows(*, user_id: UUID, role: Role, with_notes: bool) -> QuerySet[Any, dict[str, Any]]:
    """Return the live expenses that this person may see as dictionaries, newest first.

    `with_notes` is for the team: what is not asked for is neither read nor decrypted.
    """
    visible = Expense.objects.visible_to(user_id=user_id, role=role).newest_first()
    rows: QuerySet[Any, dict[str, Any]] = visible.values(*_OWN, *(["notes"] if with_notes else []), **_JOINED)
    return rows


def row_of(expense: Expense, *, with_notes: bool) -> dict[str, Any]:
    """Return what `expense_rows` would say of an expense whose event, budget, line and vendor are read already."""
    line = expense.line_item
    return {
        **{name: getattr(expense, name) for name in _OWN},
        **({"notes": expense.notes} if with_notes else {}),
        "event_name": expense.event.name,
        "event_timezone": expense.event.timezone,
        "budget_currency": expense.budget.currency,
        "line_item_name": line.name,
        "is_unbudgeted": line.is_unbudgeted,
        "category_id": line.category_id,
        "category": line.category.name,
        "vendor_name": expense.vendor.name if expense.vendor else None,
    }


@dataclass(slots=True)
class ShownStatus:
    """Tells what payment status rows show at a moment: overdue once a day has passed where the event is."""

    now: datetime
    _today: dict[str, date] = field(default_factory=dict)

    def of(self, row: Mapping[str, Any]) -> str:
        due = row["next_due_date"]
        if due is not None and due < self.today_in(row["event_timezone"]):
            return PaymentStatus.OVERDUE.value
        status: str = row["payment_status"]
        return status

    def today_in(self, zone: str) -> date:
        if zone not in self._today:
            self._today[zone] = self.now.astimezone(ZoneInfo(zone)).date()
        return self._today[zone]
