"""The answer to "are we within budget?" in one figure and its words."""

from dataclasses import dataclass
from decimal import Decimal

from budgets.models import EventBudget


@dataclass(frozen=True, slots=True)
class Verdict:
    """`amount` is None where the words say it all; `tone` is empty, warning or critical."""

    answer: str
    amount: Decimal | None
    words: str
    tone: str = ""


def verdict_on(budget: EventBudget) -> Verdict:
    if budget.is_over_budget:
        return Verdict("No", budget.overrun_amount, "over budget", "critical")
    available = budget.available_amount
    if available < 0:
        return Verdict("Not for long", -available, "over budget once the commitments are invoiced", "warning")
    if available == 0:
        words = "Everything is committed or spent" if budget.total_budget_amount else "Nothing is budgeted yet"
        return Verdict("Just" if budget.total_budget_amount else "Not yet known", None, words)
    return Verdict("Yes", available, "available")
