"""What every page about one scoped budget begins with: how it and all above it stand, and the tabs."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import Http404
from django.urls import reverse
from django.utils import timezone

from budgets.models import ScopedBudget
from budgets.selectors.scoped_status import Standing, standings
from budgets.services.hierarchy import ChainBudget, read_chain
from budgets.views.scoped_words import scope_in_words, time_left, window_in_words
from budgetsite.accounts.permissions import may
from budgetsite.pages.access import PageRequest

# The views of one scoped budget. Each is `budgets:<name>` with the budget's id.
TABS = (
    ("company_budget", "Overview"),
    ("company_entries", "Entries"),
    ("company_report", "Report"),
    ("company_forecast", "Forecast"),
    ("company_windows", "Periods"),
    ("company_history", "History"),
)


@dataclass(frozen=True, slots=True)
class ScopedPage:
    """`above`: its ancestors from the top down."""

    standing: Standing
    above: list[Standing]

    @property
    def budget(self) -> ChainBudget:
        return self.standing.budget

    @property
    def tightest_above(self) -> Standing | None:
        """The budget above that has least left, where that is less than this one has."""
        least = min(self.above, key=lambda one: one.figures.remaining, default=None)
        if least is None or least.figures.remaining >= self.standing.figures.remaining:
            return None
        return least


def scoped_page_or_404(budget_id: UUID) -> ScopedPage:
    """Return how a live scoped budget and its ancestors stand now. Three statements at most."""
    chain = read_chain(budget_id)
    if not chain:
        raise Http404
    by_id = {one.budget.id: one for one in standings(chain, now=timezone.now())}
    return ScopedPage(by_id[budget_id], [by_id[budget.id] for budget in reversed(chain[1:])])


def scoped_context(request: PageRequest, shown: ScopedPage, *, current: str = "") -> dict[str, Any]:
    """Return what `budgets/company/base.html` is drawn from; `current` is the tab."""
    standing = shown.standing
    return {
        "standing": standing,
        "budget": shown.budget,
        "currency": shown.budget.currency,
        "above": shown.above,
        "scope_words": scope_in_words(shown.budget),
        "window_words": window_in_words(standing.window),
        "time_left": time_left(standing),
        "tabs": [
            {"label": label, "url": reverse(f"budgets:{name}", args=[shown.budget.id]), "current": name == current}
            for name, label in TABS
        ],
        "may_change": may(request.role, "scoped_budgets.change"),
        "may_record": may(request.role, "scoped_budgets.record"),
        "may_reserve": may(request.role, "scoped_budgets.reserve"),
    }


def stored_or_404(budget_id: UUID) -> ScopedBudget:
    stored: ScopedBudget | None = ScopedBudget.objects.filter(pk=budget_id).select_related("parent").first()
    if stored is None:
        raise Http404
    return stored
