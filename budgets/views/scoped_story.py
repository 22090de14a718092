"""The past of a scoped budget: its periods, and who changed what."""

from datetime import date
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from budgets.selectors.scoped_history import history_page
from budgets.selectors.scoped_windows import windows_page
from budgets.views.scoped_page import scoped_context, scoped_page_or_404
from budgets.views.scoped_words import changes_in_words, columns_of, window_in_words
from budgetsite.pages.access import PageRequest, page


@page("scoped_budgets.view")
@require_safe
def company_windows(request: PageRequest, budget_id: UUID) -> HttpResponse:
    shown = scoped_page_or_404(budget_id)
    before = _day(request.GET.get("before", ""))
    found = windows_page(shown.standing, before=before)
    context = scoped_context(request, shown, current="company_windows") | {
        "windows": [(one, window_in_words(one.window)) for one in found.rows],
        "columns": columns_of(found.rows),
        "newer_url": request.path if before else "",
        "older_url": f"?before={found.older.isoformat()}" if found.older else "",
    }
    return render(request, "budgets/company/windows.html", context)


@page("scoped_budgets.view")
@require_safe
def company_history(request: PageRequest, budget_id: UUID) -> HttpResponse:
    shown = scoped_page_or_404(budget_id)
    text = request.GET.get("before", "")
    before = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
    found = history_page(budget_id, before=before)
    context = scoped_context(request, shown, current="company_history") | {
        "steps": [
            (step, changes_in_words(step.earlier, step.record) if step.earlier is not None else [])
            for step in found.steps
        ],
        "newer_url": request.path if before else "",
        "older_url": f"?before={found.older}" if found.older else "",
    }
    return render(request, "budgets/company/history.html", context)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
