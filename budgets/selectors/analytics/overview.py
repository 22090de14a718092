"""Are we within budget, what waits, what must be paid: the account's events in sum."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q

from budgets.models import BudgetStatus, EventBudget, ExpenseApproval
from budgets.selectors.analytics.inquiry import (
    IS_CLOSED,
    EventFigures,
    Figures,
    Inquiry,
    budgets_of,
    event_figures,
    expenses_of,
    figures_by,
)
from budgets.selectors.analytics.overspend import worst_first
from budgets.selectors.analytics.payments import DUE_SOON, OVERDUE, Payments, payments_as_of
from budgets.selectors.analytics.position import answer
from budgets.selectors.analytics.trends import Month, Trends, compute_trends

WORST = 5


@dataclass(frozen=True, slots=True)
class Overview:
    """`open` are the budgets that are not closed, whose money can still be steered; `figures` are all of them.

    `others` are those in other currencies, one for each, by code.
    """

    figures: Figures
    open: Figures
    others: list[Figures]
    in_review_count: int
    waiting_expense_count: int
    payments: Payments
    trends: Trends
    worst: list[EventFigures]

    @property
    def overdue_amount(self) -> Decimal:
        return self.payments.owed_by(OVERDUE)

    @property
    def due_soon_amount(self) -> Decimal:
        return self.payments.owed_by(DUE_SOON)

    @property
    def this_month(self) -> Month:
        return self.trends.months[-1]


def overview(inquiry: Inquiry) -> Overview:
    """Return the sums of the events asked for. Five statements at most, whatever there is."""
    return answer("overview", inquiry, lambda: _overview(inquiry))


def sum_of(figures: Iterable[Figures], currency: str) -> Figures:
    total = Figures(currency)
    for one in figures:
        total = total + one
    return total


def _overview(inquiry: Inquiry) -> Overview:
    rows = figures_by(budgets_of(inquiry, all_currencies=True), closed=IS_CLOSED)
    ours = [row for row in rows if row["figures"].currency == inquiry.currency]
    others = sorted({row["figures"].currency for row in rows} - {inquiry.currency})
    waiting = _waiting(inquiry)
    worst: list[EventBudget] = list(worst_first(budgets_of(inquiry))[:WORST])
    return Overview(
        figures=sum_of((row["figures"] for row in ours), inquiry.currency),
        open=sum_of((row["figures"] for row in ours if not row["closed"]), inquiry.currency),
        others=[
            sum_of((row["figures"] for row in rows if row["figures"].currency == currency), currency)
            for currency in others
        ],
        in_review_count=waiting["budgets"],
        waiting_expense_count=waiting["expenses"],
        payments=payments_as_of(inquiry),
        # The last twelve months, on whatever days the events are.
        trends=compute_trends(inquiry.on_any_day()),
        worst=[event_figures(budget) for budget in worst],
    )


def _waiting(inquiry: Inquiry) -> dict[str, int]:
    """Count what waits for someone's approval, in whatever currency."""
    budgets: Any = budgets_of(inquiry, all_currencies=True).aggregate(
        number=Count("pk", filter=Q(status=BudgetStatus.REVIEW))
    )
    expenses = expenses_of(inquiry, all_currencies=True).filter(approval=ExpenseApproval.PENDING)
    return {"budgets": budgets["number"], "expenses": expenses.count()}
