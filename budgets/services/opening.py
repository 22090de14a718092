"""What opening a budget with a whole plan has in common, whether that comes from a template or an earlier budget."""

from collections.abc import Sequence
from typing import Any

from budgets.models import EventBudget
from budgets.services.line_item import insert_lines
from budgets.services.recalculation import recalculate_budget


def fill_budget(budget: EventBudget, line_items: Sequence[dict[str, Any]]) -> EventBudget:
    """Give a budget that was opened in this transaction its lines; return it as it is then.

    They are part of its first version, not a change of it. The number of statements does not grow with them. Raises as
    `insert_lines`, and `LinesExceedTotal`.
    """
    if line_items:
        insert_lines(budget, line_items, version=budget.version)
        recalculate_budget(budget.pk, plan_changed=False)
    filled: EventBudget = EventBudget.objects.select_related("event").get(pk=budget.pk)
    return filled
