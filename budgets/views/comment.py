"""What the team and the client say to each other about a budget, its expenses included."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from budgets.forms.expense_steps import CommentForm
from budgets.selectors.comments import comments_of_budget
from budgets.services.comment import add_comment, delete_comment
from budgets.services.problems import BudgetProblem
from budgets.views.event_budget import budget_or_404
from budgets.views.page_parts import tabs_of
from budgetsite.accounts.permissions import may
from budgetsite.pages.access import PageRequest, demand, page
from budgetsite.pages.keyset import keyset_page


@page("comments.view")
@require_http_methods(["GET", "HEAD", "POST"])
def budget_comments(request: PageRequest, budget_id: UUID) -> HttpResponse:
    budget = budget_or_404(request, budget_id)
    form = CommentForm(request.POST if request.method == "POST" else None, auto_id="comment-%s")
    if form.is_bound:
        demand(request.role, "comments.write")
        if form.is_valid():
            add_comment(budget=budget, acting_user=request.user, text=form.cleaned_data["text"])
            messages.success(request, "Said.")
            return redirect("budgets:comments", budget.pk)
    found = keyset_page(request, comments_of_budget(budget.pk).select_related("author", "expense"), by="created_at")
    context = {
        "budget": budget,
        "event": budget.event,
        "comments": found.rows,
        "newer_url": found.newer_url,
        "older_url": found.older_url,
        "comment_form": form,
        "may_write": may(request.role, "comments.write"),
        "tabs": tabs_of(budget, "expenses", request),
    }
    return render(request, "budgets/comments.html", context, status=422 if form.is_bound else 200)


@page("comments.write")
@require_POST
def budget_comment_delete(request: PageRequest, budget_id: UUID, comment_id: UUID) -> HttpResponse:
    budget = budget_or_404(request, budget_id)
    comment = comments_of_budget(budget.pk).filter(pk=comment_id).first()
    if comment is None:
        raise Http404
    try:
        delete_comment(comment=comment, acting_user=request.user, now=timezone.now())
    except BudgetProblem as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, "The comment is deleted.")
    return redirect("budgets:comments", budget.pk)
