"""Saving a budget's plan as a template."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import UUID

from django.db import transaction

from budgets.models import BudgetLineItem, BudgetTemplate, EventBudget, PlanDriver, TemplateBasis
from budgets.services.problems import BudgetNotFound, BudgetProblem, LineNotFound
from budgets.services.template import SHARE_UNIT, WHOLE, create_template
from budgetsite.accounts.models import User
from budgetsite.money.allocation import round_together, share_in_words
from budgetsite.money.amounts import quantize

ZERO = Decimal(0)


class NothingToSave(BudgetProblem):
    code = "nothing_to_save"

    def __init__(self) -> None:
        super().__init__("This budget has no lines yet. Add some first; then they can be saved as a template.")


class NothingToShare(BudgetProblem):
    code = "nothing_to_share"

    def __init__(self) -> None:
        super().__init__("The budget's total is 0, so nothing is a share of it. Save its lines as amounts.")


class ShareTooLarge(BudgetProblem):
    """Income may be more than the total of the costs."""

    code = "share_too_large"

    def __init__(self, line: str, share: Decimal) -> None:
        self.line, self.share = line, share
        super().__init__(
            f"“{line}” is {share_in_words(share)} of the total; a share is 100% at most. Save it as an amount."
        )


class GuestsUnknown(BudgetProblem):
    code = "guests_unknown"

    def __init__(self) -> None:
        super().__init__(
            "An amount per guest needs to know how many guests there are. Edit the event first: it has a field for the "
            "expected guests. Or save the lines as amounts."
        )


@transaction.atomic
def save_budget_as_template(
    *,
    budget_id: UUID,
    acting_user: User,
    name: str,
    description: str = "",
    basis: TemplateBasis = TemplateBasis.AMOUNT,
    bases: Mapping[UUID, TemplateBasis] | None = None,
) -> BudgetTemplate:
    """Make a template of the budget's lines as they are now.

    `basis` is how lines of cost are kept, `bases` (line id → basis) says otherwise for single ones; income stays an
    amount unless it is named there.

    - A share is of the budget's total, rounded to three decimals together with the other shares: lines that make up
      the whole total add up to exactly 100.
    - An amount per guest is the unit price of a line that follows the guests, and otherwise the amount divided by the
      event's expected guests, rounded half up: times the guests it may differ by less than a unit for each guest.
    - The template has the budget's currency; with shares alone it has none and suits any.

    Raises `BudgetNotFound`, `NothingToSave`, `NothingToShare`, `ShareTooLarge`, `GuestsUnknown`, `LineNotFound`, and as
    `create_template`.
    """
    budget: EventBudget | None = EventBudget.objects.select_related("event").filter(pk=budget_id).first()
    if budget is None:
        raise BudgetNotFound(budget_id)
    lines = list(BudgetLineItem.objects.filter(budget=budget).select_related("category").order_by("sort_order", "id"))
    if not lines:
        raise NothingToSave
    chosen = _bases(lines, basis, bases or {})
    values = _shares(budget, [line for line in lines if chosen[line.pk] == TemplateBasis.SHARE])
    per_head = [line for line in lines if chosen[line.pk] == TemplateBasis.PER_HEAD]
    values |= _amounts_per_guest(budget, per_head)
    return create_template(
        acting_user=acting_user,
        name=name,
        description=description,
        currency="" if set(chosen.values()) == {TemplateBasis.SHARE} else budget.currency,
        lines=[_line(line, chosen[line.pk], values.get(line.pk, line.budgeted_amount)) for line in lines],
    )


def _line(line: BudgetLineItem, basis: TemplateBasis, value: Decimal) -> dict[str, Any]:
    return {
        "kind": line.kind,
        "category": line.category,
        "section": line.section,
        "name": line.name,
        "description": line.description,
        "basis": basis,
        "value": value,
    }


def _bases(
    lines: Sequence[BudgetLineItem], basis: TemplateBasis, bases: Mapping[UUID, TemplateBasis]
) -> dict[UUID, TemplateBasis]:
    chosen = {line.pk: TemplateBasis.AMOUNT if line.is_income else basis for line in lines}
    for line_id in bases:
        if line_id not in chosen:
            raise LineNotFound(line_id)
    return chosen | dict(bases)


def _shares(budget: EventBudget, lines: Sequence[BudgetLineItem]) -> dict[UUID, Decimal]:
    """Return line id → share of the total in percent, those of each kind rounded together."""
    if lines and not budget.total_budget_amount:
        raise NothingToShare
    shares: dict[UUID, Decimal] = {}
    for is_income in (False, True):
        of_kind = [line for line in lines if line.is_income == is_income]
        exact = [Fraction(line.budgeted_amount) * 100 / Fraction(budget.total_budget_amount) for line in of_kind]
        shares.update(zip((line.pk for line in of_kind), round_together(exact, SHARE_UNIT), strict=True))
    for line in lines:
        if shares[line.pk] > WHOLE:
            raise ShareTooLarge(line.name, shares[line.pk])
    return shares


def _amounts_per_guest(budget: EventBudget, lines: Sequence[BudgetLineItem]) -> dict[UUID, Decimal]:
    if not lines:
        return {}
    guests = budget.event.expected_guests
    follows = PlanDriver.objects.filter(budget=budget, follows_guests=True).values_list("pk", flat=True).first()
    amounts = {}
    for line in lines:
        if follows is not None and line.driver_id == follows and line.unit_price is not None:
            amounts[line.pk] = line.unit_price
        elif guests:
            amounts[line.pk] = quantize(line.budgeted_amount / guests, budget.currency)
        else:
            raise GuestsUnknown
    return amounts
