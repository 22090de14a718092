"""Whether money may be spent from a scoped budget: one judgement for checks, reservations and postings."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from budgets.models import Enforcement, ThresholdAction
from budgets.services.hierarchy import ChainBudget
from budgets.services.scoped_figures import WindowFigures
from budgets.services.scoped_problems import Refusal
from budgets.services.scoped_thresholds import reached_by
from budgets.services.windows import is_in_force, last_day_after, today
from budgetsite.money.amounts import format_usage


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one budget says to an estimate; `figures` are those after it."""

    budget: ChainBudget
    before: WindowFigures
    figures: WindowFigures
    # Of all thresholds that would be reached, from the strictest to the mildest.
    actions: tuple[ThresholdAction, ...]
    refusal: Refusal | None
    # What to think of although nothing is refused.
    caution: str = ""


def judge(budget: ChainBudget, before: WindowFigures, estimate: Decimal, *, at: datetime) -> Judgement:
    """Judge whether `estimate` may be spent from `budget`, whose window that holds `at` stands as in `before`.

    Of all thresholds that the estimate reaches the strictest action governs; above what remains nothing proceeds where
    the budget stops; a budget that is not in force pays for nothing.
    """
    after = before.with_spent(estimate)
    reached = reached_by(budget.thresholds, used=after.used, amount=budget.amount)
    actions = tuple(sorted({action for t in reached for action in t.actions}, key=lambda action: -action.rank))
    fits = after.remaining >= 0
    reason = caution = ""
    if budget.enforcement == Enforcement.STOP and not is_in_force(budget, at):
        reason = _not_in_force(budget, at)
    elif budget.enforcement == Enforcement.STOP and not fits:
        reason = f"“{budget.name}” {_left(budget, before)}, and {_money(estimate, budget)} do not fit."
    elif budget.enforcement != Enforcement.IGNORE and actions and actions[0].blocks:
        reason = _blocked(budget, before, after, actions[0])
    elif budget.enforcement == Enforcement.WARN and not fits:
        caution = f"“{budget.name}” would be over by {_money(-after.remaining, budget)}."
    refusal = refusal_by(budget, before, reason, actions) if reason else None
    return Judgement(budget=budget, before=before, figures=after, actions=actions, refusal=refusal, caution=caution)


def refusal_by(
    budget: ChainBudget, before: WindowFigures, reason: str, actions: Sequence[ThresholdAction] = ()
) -> Refusal:
    """Return a budget's refusal; without thresholds that were reached it is one of everything."""
    return Refusal(
        budget_id=budget.id,
        name=budget.name,
        scope_type=budget.scope_type,
        scope_id=budget.scope_id,
        reason=reason,
        action=actions[0].value if actions else ThresholdAction.BLOCK_ALL.value,
        remaining=before.remaining,
        currency=budget.currency,
    )


def _blocked(budget: ChainBudget, before: WindowFigures, after: WindowFigures, action: ThresholdAction) -> str:
    thresholds = reached_by(budget.thresholds, used=after.used, amount=budget.amount)
    reached = next(threshold for threshold in reversed(thresholds) if threshold.strictest == action)
    what = "everything is blocked" if action == ThresholdAction.BLOCK_ALL else "a person has to approve first"
    own_words = f" {reached.message}" if reached.message else ""
    return (
        f"“{budget.name}” would be used to {after.percent_used} %, and from {reached.percentage.normalize():f} % on "
        f"{what}: it {_left(budget, before)}.{own_words}"
    )


def _left(budget: ChainBudget, before: WindowFigures) -> str:
    if before.remaining < 0:
        return f"is over by {_money(-before.remaining, budget)} already"
    return f"has {_money(before.remaining, budget)} left"


def _not_in_force(budget: ChainBudget, at: datetime) -> str:
    if today(budget, at) < budget.start_date:
        return f"“{budget.name}” begins on {budget.start_date:%-d %B %Y} and pays for nothing before that."
    return f"“{budget.name}” is over since {last_day_after(budget):%-d %B %Y} and pays for nothing any more."


def _money(amount: Decimal, budget: ChainBudget) -> str:
    return f"{format_usage(amount, budget.currency, 'en')} {budget.currency}"
