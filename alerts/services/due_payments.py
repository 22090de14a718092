"""What is to be paid of an event's budget soon or should have been paid, and the alerts that this demands.

At most one of each for a budget, however many payments there are. By the calendar where the event is: overdue is what
was due before today. Soon is as many days as the earliest reminder comes before (`EscalationPolicy.days_before`).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from alerts.models import AlertLevel, AlertType, EscalationPolicy
from alerts.services.demands import Demand, Key
from budgets.selectors.payments_due import DUE
from budgets.services.figures import BudgetFigures
from budgetsite.money.amounts import format_amount, quantize
from budgetsite.tenancy.scope import require_tenant_id

ZERO = Decimal(0)
# No clock on earth is further ahead of UTC.
_AHEAD = timedelta(days=1)
# The site speaks English.
_LOCALE = "en"

# Bills in another currency are converted at their own rate, which made the actual; the rest at their expense's. Money
# that is to come back is counted apart.
_DUE_PAYMENTS = f"""
    WITH mine AS (
        SELECT e.id, e.currency, e.stage, e.amount, e.invoiced_amount, e.paid_amount, e.scheduled_amount, e.due_date,
               (%(now)s::timestamptz AT TIME ZONE v.timezone)::date AS today
        FROM budgets_expense e JOIN events_event v ON v.tenant_id = %(tenant)s AND v.id = e.event_id
        WHERE e.tenant_id = %(tenant)s AND e.budget_id = ANY (%(budgets)s) AND e.deleted_at IS NULL
            AND e.approval = 'approved' AND e.next_due_date <= %(latest)s
    ),
    due AS ({DUE})
    SELECT e.budget_id, due.due_date < due.today, due.amount < 0, count(*),
           sum(abs(due.amount) * coalesce(bill.exchange_rate, e.exchange_rate, 1)),
           min(due.due_date), min(due.due_date - due.today), bool_or(e.exchange_rate IS NOT NULL)
    FROM due
    JOIN budgets_expense e ON e.tenant_id = %(tenant)s AND e.id = due.expense_id
    LEFT JOIN budgets_expenseinvoice bill ON due.kind = 'bill' AND bill.tenant_id = %(tenant)s AND bill.id = due.id
    WHERE due.due_date <= due.today + %(days)s::integer
    GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""  # noqa: S608  (a constant)


@dataclass(frozen=True, slots=True)
class DuePayments:
    """What of a budget is to be paid, or is to come back (`is_refund`), soon or overdue, in the budget's currency.

    `days_left` is that of the first, negative when it is overdue.
    """

    is_overdue: bool
    is_refund: bool
    number: int
    amount: Decimal
    first: date
    days_left: int
    is_converted: bool


def due_payments(
    budgets: Collection[BudgetFigures], *, policy: EscalationPolicy, now: datetime
) -> dict[UUID, list[DuePayments]]:
    """Return what is due soon and what is overdue of these budgets. One statement, however many."""
    # Nothing is due soon for an account that wants no reminders.
    days = max(policy.days_before, default=-1)
    currencies = {budget.budget_id: budget.currency for budget in budgets}
    parameters: dict[str, Any] = {
        "tenant": require_tenant_id(),
        "budgets": list(currencies),
        "now": now,
        "days": days,
        "latest": now.date() + _AHEAD + timedelta(days=days),
    }
    with connection.cursor() as cursor:
        cursor.execute(_DUE_PAYMENTS, parameters)
        rows = cursor.fetchall()
    found: dict[UUID, list[DuePayments]] = {}
    for budget_id, is_overdue, is_refund, number, amount, first, days_left, is_converted in rows:
        amount = quantize(amount, currencies[budget_id])
        found.setdefault(budget_id, []).append(
            DuePayments(is_overdue, is_refund, number, amount, first, days_left, is_converted)
        )
    return found


def payment_demands(budget: BudgetFigures, found: Sequence[DuePayments], policy: EscalationPolicy) -> dict[Key, Demand]:
    """Return the alerts that a budget's due payments demand: as grave as the reminder of the gravest of them.

    More to be paid raises an alert; its `overrun` is what is to be paid in all.
    """
    demands = {}
    for alert_type in (AlertType.PAYMENT_DUE, AlertType.PAYMENT_OVERDUE):
        parts = [part for part in found if part.is_overdue == (alert_type == AlertType.PAYMENT_OVERDUE)]
        if parts:
            demand = Demand(
                alert_type=alert_type,
                line_item_id=None,
                level=_level(min(part.days_left for part in parts), policy),
                threshold=ZERO,
                utilization=budget.utilization_percentage,
                overrun=sum((part.amount for part in parts if not part.is_refund), ZERO),
                message=_message(parts, budget.currency, policy),
            )
            demands[demand.key] = demand
    return demands


def _level(days_left: int, policy: EscalationPolicy) -> AlertLevel:
    """As the reminders have it: tomorrow is a warning, and what the owners hear of is critical."""
    until_owner = policy.overdue_days_until_owner
    if until_owner is not None and -days_left >= until_owner:
        return AlertLevel.CRITICAL
    return AlertLevel.INFORMATION if days_left > 1 else AlertLevel.WARNING


def _message(parts: Sequence[DuePayments], currency: str, policy: EscalationPolicy) -> str:
    sentences = [_sentence(part, currency, max(policy.days_before, default=0)) for part in parts]
    if any(part.is_converted for part in parts):
        sentences.append("Other currencies are converted as their expenses were.")
    return " ".join(sentences)


def _sentence(part: DuePayments, currency: str, days: int) -> str:
    amount = f"{format_amount(part.amount, currency, _LOCALE)} {currency}"
    first = f"{part.first.day} {part.first:%B %Y}"
    if part.number == 1:
        what = f"A refund of {amount}" if part.is_refund else f"A payment of {amount}"
        return f"{what} is overdue: it was due on {first}." if part.is_overdue else f"{what} is due on {first}."
    what = f"{part.number} {'refunds' if part.is_refund else 'payments'} of {amount} in all"
    if part.is_overdue:
        return f"{what} are overdue: the first was due on {first}."
    if not days:
        return f"{what} are due today."
    return f"{what} are due {f'within {days} days' if days > 1 else 'by tomorrow'}, the first on {first}."
