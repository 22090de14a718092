"""What saving a budget brings about: its stored row locked, its change numbered, its totals recomputed."""

from budgets.models import EventBudget
from budgets.services.problems import BudgetNotFound, LinesExceedTotal
from budgets.services.recalculation import lock_budget_row, recalculate_budget


def before_save(budget: EventBudget) -> None:
    """Lock the stored row, take from it what the save leaves alone, and number the change.

    Raises `LinesExceedTotal` before the database would.
    """
    if budget._state.adding:
        return
    lock_budget_row(budget.pk)
    stored: EventBudget | None = EventBudget.objects.filter(pk=budget.pk, deleted_at=None).first()
    if stored is None:
        raise BudgetNotFound(budget.pk)
    budget.adopt(stored)
    # Not written by the save, but told by its history; the recompute counts the stored one up.
    budget.version = stored.version + 1
    if budget.total_follows_lines:
        budget.total_budget_amount = stored.lines_total_amount
    elif budget.total_budget_amount < stored.lines_total_amount:
        raise LinesExceedTotal(
            lines_total=stored.lines_total_amount, total=budget.total_budget_amount, currency=stored.currency
        )


def after_save(budget: EventBudget, *, created: bool) -> None:
    budget.saved({})
    recalculate_budget(budget.pk, plan_changed=not created, lines=[])
