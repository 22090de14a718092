"""What if a budget stood somewhere else: a question, and nothing changes."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from budgets.forms.scoped_lists import WhatIfForm
from budgets.selectors.scoped_parents import possible_parents
from budgets.selectors.what_if import Effect, what_if
from budgets.services.problems import BudgetProblem
from budgets.views.scoped_page import scoped_context, scoped_page_or_404
from budgets.views.scoped_words import choice_of_parent, threshold_in_words, window_in_words
from budgetsite.pages.access import PageRequest, page

ON_TOP = "top"


@page("scoped_budgets.view")
@require_safe
def company_what_if(request: PageRequest, budget_id: UUID) -> HttpResponse:
    shown = scoped_page_or_404(budget_id)
    now = timezone.now()
    parents = [choice_of_parent(budget) for budget in possible_parents(now=now)]
    form = WhatIfForm(request.GET if "parent" in request.GET else None, parents=parents)
    answer = None
    if form.is_bound and form.is_valid():
        chosen = form.cleaned_data["parent"]
        try:
            answer = what_if(budget_id=budget_id, parent_id=None if chosen == ON_TOP else UUID(chosen), now=now)
        except BudgetProblem as problem:
            form.add_error("parent", str(problem))
    context = scoped_context(request, shown) | {
        "form": form,
        "answer": answer,
        "gaining": [_row(one) for one in answer.new_chain] if answer else [],
        "losing": [_row(one) for one in answer.relieved] if answer else [],
    }
    return render(request, "budgets/company/what_if.html", context)


def _row(effect: Effect) -> dict[str, object]:
    return {
        "effect": effect,
        "window": window_in_words(effect.before.window),
        "reached": [threshold_in_words(threshold) for threshold in effect.newly_reached],
        "reached_at_the_end": [threshold_in_words(threshold) for threshold in effect.newly_reached_at_the_end],
        "no_longer": [threshold_in_words(threshold) for threshold in effect.no_longer_reached],
    }
