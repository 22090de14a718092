"""A budget's and a line's figures as PostgreSQL has just returned them."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Self
from uuid import UUID

from budgetsite.money import ratios

# What is in force: the approved plan while a revision of it is worked on, the present one otherwise.
TOTAL_IN_FORCE = "coalesce(b.approved_total_amount, b.total_budget_amount)"
LINE_IN_FORCE = "coalesce(l.approved_amount, l.budgeted_amount)"

BUDGET_COLUMNS = (
    f"b.id, b.event_id, b.currency, b.status, b.version, {TOTAL_IN_FORCE}, b.total_committed_amount, "
    "b.total_actual_amount, b.variance_amount, b.variance_percentage, b.lines_total_amount"
)
LINE_COLUMNS = (
    f"l.id, l.budget_id, l.name, l.kind, {LINE_IN_FORCE}, l.committed_amount, l.actual_amount, l.variance_amount"
)


def variance_percentage_sql(total: str, actual: str) -> str:
    """Return SQL for the variance as a percentage of `total`, as `budgetsite.money.ratios` computes it.

    The parameter `percentage_limit` bounds it. `greatest` and `least` would pass over the NULL of a total of 0.
    """
    return (
        f"CASE WHEN {total} = 0 THEN NULL ELSE greatest(-%(percentage_limit)s, least(%(percentage_limit)s,"
        f" round(({total} - ({actual})) * 100 / {total}, 2))) END"
    )


@dataclass(frozen=True, slots=True)
class BudgetFigures:
    """`budgeted` is the total in force, `lines_total` the sum of the present plan's lines of cost."""

    budget_id: UUID
    event_id: UUID
    currency: str
    status: str
    version: int
    budgeted: Decimal
    committed: Decimal
    actual: Decimal
    variance: Decimal
    variance_percentage: Decimal | None
    lines_total: Decimal

    @classmethod
    def from_row(cls, row: Any) -> Self:
        """Read a row of `BUDGET_COLUMNS`."""
        return cls(*row)

    @property
    def available(self) -> Decimal:
        return ratios.available(self.budgeted, self.committed, self.actual)

    @property
    def utilization_percentage(self) -> Decimal:
        return ratios.utilization_percentage(self.budgeted, self.committed, self.actual)


@dataclass(frozen=True, slots=True)
class LineFigures:
    line_item_id: UUID
    budget_id: UUID
    name: str
    kind: str
    budgeted: Decimal
    committed: Decimal
    actual: Decimal
    variance: Decimal

    @classmethod
    def from_row(cls, row: Any) -> Self:
        """Read a row of `LINE_COLUMNS`."""
        return cls(*row)

    @property
    def overrun(self) -> Decimal:
        return ratios.overrun(self.budgeted, self.actual)
