"""A plan as it would be, drawn before it is stored: what a template comes to, what a copy would plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from budgets.models import LineKind, TemplateBasis
from budgets.services.budget_copy import CopiedPlan
from budgets.services.template_use import PlannedLine
from budgetsite.money.allocation import share_in_words
from budgetsite.pages.amounts import format_amount, format_quantity

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """`how` says where the amount is from; the earlier figures are of a copy alone."""

    name: str
    category: str
    section: str
    is_income: bool
    how: str
    amount: Decimal
    earlier_planned: Decimal | None = None
    earlier_actual: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PlanPreview:
    """`total` None follows the lines. `costs` and `income` are the sums of the rows."""

    rows: list[PreviewRow]
    currency: str
    total: Decimal | None
    is_copy: bool = False

    @property
    def costs(self) -> Decimal:
        return sum((row.amount for row in self.rows if not row.is_income), ZERO)

    @property
    def income(self) -> Decimal:
        return sum((row.amount for row in self.rows if row.is_income), ZERO)

    @property
    def left_open(self) -> Decimal:
        """What no line has of the total."""
        return ZERO if not self.total else self.total - self.costs


def preview_of_template(planned: Sequence[PlannedLine], *, total: Decimal | None, currency: str) -> PlanPreview:
    rows = [
        PreviewRow(
            name=line.name,
            category=line.category.name,
            section=line.section,
            is_income=line.kind == LineKind.INCOME,
            how=_how(line, currency),
            amount=line.amount,
        )
        for line in planned
    ]
    return PlanPreview(rows=rows, currency=currency, total=total)


def preview_of_copy(plan: CopiedPlan, *, currency: str) -> PlanPreview:
    rows = [
        PreviewRow(
            name=line.source.name,
            category=line.source.category.name,
            section=line.source.section,
            is_income=line.source.is_income,
            how=_priced(line.fields["quantity"], line.fields["unit_price"], currency)
            if "unit_price" in line.fields
            else "",
            amount=line.amount,
            earlier_planned=line.source.in_force_amount,
            earlier_actual=line.source.actual_amount,
        )
        for line in plan.lines
    ]
    return PlanPreview(rows=rows, currency=currency, total=plan.total, is_copy=True)


def _how(line: PlannedLine, currency: str) -> str:
    if line.basis == TemplateBasis.SHARE:
        return f"{share_in_words(line.value)} of the total"
    if line.quantity is not None and line.unit_price is not None:
        return _priced(line.quantity, line.unit_price, currency)
    return ""


def _priced(quantity: Decimal, unit_price: Decimal, currency: str) -> str:
    return f"{format_quantity(quantity)} × {format_amount(unit_price, currency)}"
