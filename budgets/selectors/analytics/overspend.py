"""Which events spent more than their plan in force has, the worst first."""

from dataclasses import dataclass

from django.db.models import QuerySet

from budgets.models import EventBudget
from budgets.selectors.analytics.inquiry import EventFigures, Figures, Inquiry, budgets_of, event_figures, figures_by
from budgets.selectors.analytics.position import answer

LENGTH = 50


@dataclass(frozen=True, slots=True)
class Overspend:
    """`figures` are of all that are overspent, `events` the worst of them."""

    figures: Figures
    events: list[EventFigures]


def overspend(inquiry: Inquiry) -> Overspend:
    """Return the league of overspent events. Two statements."""
    return answer("overspend", inquiry, lambda: _overspend(inquiry))


def worst_first(budgets: QuerySet[EventBudget]) -> QuerySet[EventBudget]:
    """Return the overspent ones of `budgets` with their events, those that are most over first."""
    return budgets.filter(variance_amount__lt=0).select_related("event").order_by("variance_amount", "id")


def _overspend(inquiry: Inquiry) -> Overspend:
    over = budgets_of(inquiry).filter(variance_amount__lt=0)
    sums = figures_by(over)
    return Overspend(
        figures=sums[0]["figures"] if sums else Figures(inquiry.currency),
        events=[event_figures(budget) for budget in worst_first(over)[:LENGTH]],
    )
