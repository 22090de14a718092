"""The company's budgets: the tree of all, and the deleted ones to bring back."""

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from budgets.forms.scoped_lists import TreeFilterForm
from budgets.models import ScopedBudget
from budgets.selectors.company_tree import CompanyTree, Node, company_tree
from budgets.selectors.forecast.burn import burn_forecast
from budgets.selectors.scoped_status import Level
from budgets.services.scoped_budget import restore_scoped_budget
from budgets.services.scoped_problems import ParentNotFound
from budgets.views.scoped_words import scope_in_words, time_left, window_in_words
from budgetsite.accounts.permissions import may
from budgetsite.pages.access import PageRequest, page
from budgetsite.pages.keyset import keyset_page
from budgetsite.tenancy.scope import deleted_rows_visible

# A smaller tree is shown with everything open.
OPEN_AT_MOST = 30


@page("scoped_budgets.view")
@require_safe
def company_budgets(request: PageRequest) -> HttpResponse:
    form = TreeFilterForm(request.GET, auto_id="find-%s")
    wanted = form.wanted()
    tree = company_tree(now=timezone.now(), **wanted)
    is_filtered = bool(wanted["search"] or wanted["scope_type"])
    opens_all = is_filtered or len(tree.found) <= OPEN_AT_MOST
    context = {
        "form": form,
        "rows": [_row(node, opens_all=opens_all) for node in tree.roots],
        "found": len(tree.found),
        "is_cut": tree.is_cut,
        "is_filtered": is_filtered,
        "with_ended": wanted["with_ended"],
        "answer": _answer(tree),
        "currencies": sorted({one.budget.currency for one in tree.found}),
        "may_change": may(request.role, "scoped_budgets.change"),
    }
    return render(request, "budgets/company/tree.html", context)


@page("scoped_budgets.change")
@require_safe
def deleted_company_budgets(request: PageRequest) -> HttpResponse:
    with deleted_rows_visible():
        rows = ScopedBudget.objects.filter(deleted_at__isnull=False).select_related("parent")
        found = keyset_page(request, rows, by="deleted_at")
    context = {
        "rows": [(budget, scope_in_words(budget)) for budget in found.rows],
        "newer_url": found.newer_url,
        "older_url": found.older_url,
    }
    return render(request, "budgets/company/deleted.html", context)


@page("scoped_budgets.change")
@require_POST
def company_budget_restore(request: PageRequest, budget_id: UUID) -> HttpResponse:
    with deleted_rows_visible():
        budget = get_object_or_404(ScopedBudget.objects.select_related("parent"), pk=budget_id)
    try:
        restore_scoped_budget(budget=budget, acting_user=request.user)
    except ParentNotFound:
        assert budget.parent is not None
        messages.error(
            request,
            f"“{budget.name}” stands under “{budget.parent.name}”, which is deleted too: restore that one first.",
        )
        return redirect("budgets:company_deleted")
    messages.success(request, f"“{budget.name}” is back, with everything that was spent from it.")
    return redirect("budgets:company_budget", budget.pk)


def _row(node: Node, *, opens_all: bool) -> dict[str, object]:
    """What one row of the tree is drawn from. Where something is wrong below, it is in sight."""
    return {
        "standing": node.standing,
        "is_asked_for": node.is_asked_for,
        "scope": scope_in_words(node.budget),
        "window": window_in_words(node.standing.window),
        "time_left": time_left(node.standing),
        "will_be_over": burn_forecast(node.standing).is_overrun_expected,
        "opens": opens_all or node.budget.depth == 0 or node.has_trouble_below,
        "children": [_row(child, opens_all=opens_all) for child in node.children],
    }


def _answer(tree: CompanyTree) -> str:
    """Say whether the company is within its budgets."""
    counts = [
        (len(tree.at(Level.EXCEEDED)), "exceeded"),
        (len(tree.at(Level.CRITICAL)), "nearly used up"),
        (len(tree.at(Level.WARNING)), "used to 80% or more"),
    ]
    whole = len(tree.found)
    parts = [f"{count} {'is' if count == 1 else 'are'} {word}" for count, word in counts if count]
    if not parts:
        return "It is within its amount." if whole == 1 else f"All {whole} are within their amounts."
    return f"Of {whole} budget{'' if whole == 1 else 's'} {', '.join(parts)}."
