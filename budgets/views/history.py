from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from budgets.forms.history import HistoryFilter
from budgets.selectors.history_page import MONEY, Position, people_in_story, story_page
from budgets.views.event_budget import budget_or_404
from budgets.views.page_parts import tabs_of
from budgetsite.accounts.permissions import may
from budgetsite.pages.access import PageRequest, page
from budgetsite.pages.keyset import position, position_in


@page("budgets.view")
@require_safe
def budget_history(request: PageRequest, budget_id: UUID) -> HttpResponse:
    budget = budget_or_404(request, budget_id)
    for_team = may(request.role, "ledger.view")
    form = HistoryFilter(request.GET, people=people_in_story(), without=frozenset() if for_team else frozenset({MONEY}))
    wanted = form.wanted()
    story = story_page(budget, before=_position(request), for_team=for_team, **wanted)
    older = story.older
    kept = {name: str(value) for name, value in wanted.items() if value is not None}
    context = {
        "budget": budget,
        "event": budget.event,
        "currency": budget.currency,
        "form": form,
        "is_filtered": bool(kept),
        "steps": story.steps,
        "newer_url": f"?{urlencode(kept)}" if "older" in request.GET else "",
        "older_url": f"?{urlencode({**kept, 'older': position(older.at, f'{older.rank}.{older.key}')})}"
        if older
        else "",
        "tabs": tabs_of(budget, "history", request),
    }
    return render(request, "budgets/history.html", context)


def _position(request: PageRequest) -> Position | None:
    found = position_in(request, "older", key=_rank_and_key)
    return None if found is None else Position(found[0], *found[1])


def _rank_and_key(text: str) -> tuple[int, int]:
    rank, key = text.split(".")
    return int(rank), int(key)
