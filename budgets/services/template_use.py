"""Using a template: what its lines come to for a total and a number of guests, and opening a budget with them."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from django.db import transaction

from budgets.models import BudgetTemplate, Category, EventBudget, LineKind, TemplateBasis, TemplateLine
from budgets.services.driver import driver_for_guests
from budgets.services.event_budget import create_event_budget
from budgets.services.opening import fill_budget
from budgets.services.pricing import priced_amount
from budgets.services.problems import BudgetProblem, LinesExceedTotal, TotalOutOfRange
from budgets.services.template import WHOLE, SharesExceedWhole, TemplateNotFound, line_of_money, shares_of
from budgetsite.accounts.models import User
from budgetsite.money.allocation import round_together, smallest_unit
from budgetsite.money.amounts import MAX_AMOUNT, format_amount, parse_amount
from events.models import Event

ZERO = Decimal(0)


class TotalNeeded(BudgetProblem):
    """Shares of nothing are nothing."""

    code = "total_needed"

    def __init__(self, template: str) -> None:
        self.template = template
        super().__init__(f"“{template}” has shares of the total: say how much the total is.")


class GuestsNeeded(BudgetProblem):
    code = "guests_needed"

    def __init__(self, line: str) -> None:
        self.line = line
        super().__init__(
            f"“{line}” is planned per guest, and the event does not say how many it expects. "
            "Edit the event first: it has a field for the expected guests."
        )


class TemplateInOtherCurrency(BudgetProblem):
    """Amounts are never converted, and never taken over as they are."""

    code = "template_in_other_currency"

    def __init__(self, *, template: str, event: str) -> None:
        self.template, self.event = template, event
        super().__init__(
            f"This template's amounts are in {template} and the event's money is in {event}; amounts are never "
            f"converted. Make a template in {event}, or one of shares alone."
        )


class TemplateExceedsTotal(LinesExceedTotal):
    code = "template_exceeds_total"

    def __init__(self, *, lines_total: Decimal, total: Decimal, currency: str) -> None:
        super().__init__(lines_total=lines_total, total=total, currency=currency)
        planned, ceiling, excess = (
            format_amount(amount, currency, "en") for amount in (lines_total, total, lines_total - total)
        )
        self.args = (
            f"With this template the lines add up to {planned} {currency}, {excess} more than the total of {ceiling}. "
            f"Raise the total to {planned} at least, or choose another template.",
        )


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """A template's line as a budget would have it. `unit_price` is set for a line per guest."""

    kind: str
    category: Category
    section: str
    name: str
    description: str
    basis: str
    value: Decimal
    amount: Decimal
    sort_order: int
    quantity: Decimal | None = None
    unit_price: Decimal | None = None

    def fields(self, guests_driver_id: UUID | None = None) -> dict[str, Any]:
        """Return it as `create_event_budget` takes a line; with a driver's id a line per guest follows that."""
        fields: dict[str, Any] = {
            "kind": self.kind,
            "category": self.category,
            "section": self.section,
            "name": self.name,
            "description": self.description,
            "sort_order": self.sort_order,
        }
        if self.unit_price is None:
            return fields | {"budgeted_amount": self.amount}
        return fields | {"driver_id": guests_driver_id, "quantity": self.quantity, "unit_price": self.unit_price}


def template_lines(template: BudgetTemplate) -> list[TemplateLine]:
    """Return a template's lines in their order, each with its category: one statement."""
    lines = TemplateLine.objects.filter(template=template).select_related("category")
    return list(lines.order_by("sort_order", "id"))


def lines_from_template(
    template: BudgetTemplate,
    *,
    total: Decimal | None,
    expected_guests: int | None,
    currency: str,
    lines: Sequence[TemplateLine] | None = None,
) -> list[PlannedLine]:
    """Return what a template's lines come to in `currency`, in their order.

    Shares are rounded together: those of the lines of cost, and apart from them those of income, add up to their sum
    of the total to the last unit. Without a total (or with 0) it follows the lines, which then have no shares.
    `lines` spares reading them again. Raises `TotalNeeded`, `GuestsNeeded`, `TemplateInOtherCurrency`,
    `SharesExceedWhole` (a deleted category has come back), `TemplateExceedsTotal`, `TotalOutOfRange`, `InvalidAmount`.
    """
    lines = template_lines(template) if lines is None else lines
    _refuse_unusable(template, lines, total=total, expected_guests=expected_guests, currency=currency)
    shares = _amounts_of_shares(lines, total or ZERO, currency)
    planned = []
    for place, line in enumerate(lines):
        quantity = unit_price = None
        amount = shares[place] if line.basis == TemplateBasis.SHARE else parse_amount(line.value, currency)
        if line.basis == TemplateBasis.PER_HEAD:
            quantity, unit_price = Decimal(expected_guests or 0), amount
            amount = priced_amount(quantity, unit_price, currency)
        planned.append(
            PlannedLine(
                kind=line.kind,
                category=line.category,
                section=line.section,
                name=line.name,
                description=line.description,
                basis=line.basis,
                value=line.value,
                amount=amount,
                sort_order=(place + 1) * 10,
                quantity=quantity,
                unit_price=unit_price,
            )
        )
    _refuse_too_much(planned, total, currency)
    return planned


@transaction.atomic
def open_budget_from_template(
    *,
    event: Event,
    template_id: UUID,
    acting_user: User,
    total_budget_amount: Decimal | None = None,
    notes: str = "",
    funded_by: UUID | None = None,
) -> EventBudget:
    """Open an event's budget with a template's lines; those per guest follow the number that the event expects.

    Raises as `create_event_budget` and `lines_from_template`, and `TemplateNotFound`; nothing is stored then. The
    number of statements does not grow with the lines.
    """
    template = BudgetTemplate.objects.filter(pk=template_id).first()
    if template is None:
        raise TemplateNotFound(template_id)
    budget = create_event_budget(
        event=event,
        acting_user=acting_user,
        total_budget_amount=total_budget_amount,
        notes=notes,
        funded_by=funded_by,
    )
    event = budget.event
    planned = lines_from_template(
        template,
        total=budget.total_budget_amount,
        expected_guests=event.expected_guests,
        currency=budget.currency,
    )
    per_guest = any(line.unit_price is not None for line in planned)
    driver_id = driver_for_guests(budget).pk if per_guest else None
    return fill_budget(budget, [line.fields(driver_id) for line in planned])


def _refuse_unusable(
    template: BudgetTemplate,
    lines: Sequence[TemplateLine],
    *,
    total: Decimal | None,
    expected_guests: int | None,
    currency: str,
) -> None:
    money = line_of_money(lines)
    if money is not None and template.currency != currency:
        raise TemplateInOtherCurrency(template=template.currency, event=currency)
    shares = shares_of(lines)
    if shares > WHOLE:
        raise SharesExceedWhole(shares)
    if not total and any(line.basis == TemplateBasis.SHARE and line.value for line in lines):
        raise TotalNeeded(template.name)
    per_guest = next((line for line in lines if line.basis == TemplateBasis.PER_HEAD), None)
    if per_guest is not None and expected_guests is None:
        raise GuestsNeeded(per_guest.name)


def _amounts_of_shares(lines: Sequence[TemplateLine], total: Decimal, currency: str) -> dict[int, Decimal]:
    """Return place → amount of the lines that are shares, those of each kind rounded together."""
    amounts: dict[int, Decimal] = {}
    for kind in LineKind.values:
        places = [place for place, line in enumerate(lines) if line.kind == kind and line.basis == TemplateBasis.SHARE]
        exact = [Fraction(total) * Fraction(lines[place].value) / 100 for place in places]
        amounts.update(zip(places, round_together(exact, smallest_unit(currency)), strict=True))
    return amounts


def _refuse_too_much(planned: Sequence[PlannedLine], total: Decimal | None, currency: str) -> None:
    costs = sum((line.amount for line in planned if line.kind == LineKind.COST), ZERO)
    if max(costs, sum((line.amount for line in planned if line.kind == LineKind.INCOME), ZERO)) > MAX_AMOUNT:
        raise TotalOutOfRange
    if total and costs > total:
        raise TemplateExceedsTotal(lines_total=costs, total=total, currency=currency)
