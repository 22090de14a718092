"""One event's budget: its page, its total and notes, deleting and restoring it."""

from functools import partial
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from budgets.forms.event_budget import BudgetForm
from budgets.models import BudgetStatus, EventBudget
from budgets.selectors.budget_changes import head_changes_since
from budgets.selectors.budget_page import budget_for_page, decisions_of, plan_page
from budgets.selectors.last_year import earlier_budget_of, last_year_of
from budgets.selectors.standing import standing_of
from budgets.services.event_budget import (
    delete_event_budget,
    restore_event_budget,
    update_event_budget,
)
from budgets.services.problems import BudgetProblem, LinesExceedTotal, StaleVersion
from budgets.views.meanwhile import Meanwhile, merged, with_choices
from budgets.views.page_parts import figures_context, tabs_of
from budgets.views.paid_from import paid_from
from budgets.views.rights import rights_on
from budgetsite.accounts.permissions import may
from budgetsite.pages.access import PageRequest, page, visible
from budgetsite.tenancy.scope import deleted_rows_visible


def budget_or_404(request: PageRequest, budget_id: UUID) -> EventBudget:
    """Return the budget as its page shows it; to whoever may not see it there is none."""
    if not may(request.role, "budgets.view"):
        raise Http404
    budget = budget_for_page(budget_id, **visible(request))
    if budget is None:
        raise Http404
    return budget


@page()
@require_http_methods(["GET", "HEAD"])
def budget_detail(request: PageRequest, budget_id: UUID) -> HttpResponse:
    budget = budget_or_404(request, budget_id)
    last_year = last_year_of(budget, **visible(request))
    plan = plan_page(budget, number=page_number(request), last_year=last_year)
    context = figures_context(request, budget, plan) | {
        "tabs": tabs_of(budget, "budget", request),
        "decisions": decisions_of(budget.pk, for_team=may(request.role, "budgets.view_internals")),
        "earlier_budget": earlier_budget_of(budget, **visible(request)),
        "standing": standing_of(budget, account=request.account) if budget.status == BudgetStatus.REVIEW else None,
        "paid_from": paid_from(request, budget, now=timezone.now()),
    }
    return render(request, "budgets/detail.html", context)


def page_number(request: PageRequest) -> int:
    text = request.GET.get("page", "1")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 1


@page("budgets.change")
@require_http_methods(["GET", "HEAD", "POST"])
def budget_edit(request: PageRequest, budget_id: UUID) -> HttpResponse:
    budget = budget_or_404(request, budget_id)
    rights = rights_on(budget, request)
    initial = {
        "total_budget_amount": None if budget.total_follows_lines else budget.total_budget_amount,
        "notes": budget.notes,
        "version": budget.version,
    }
    form_of = partial(BudgetForm, initial=initial, currency=budget.currency, plan_open=rights.plan)
    form = form_of(with_choices(request.POST, form_of(None)) if request.method == "POST" else None)
    status = 200
    meanwhile: Meanwhile | None = None
    if request.method == "POST":
        status = 422
        if form.is_valid():
            fields = form.budget_fields()
            try:
                update_event_budget(
                    budget_id=budget.pk, version=form.cleaned_data["version"], acting_user=request.user, **fields
                )
            except StaleVersion:
                status = 409
                changes = head_changes_since(budget, version=form.cleaned_data["version"])
                merge, meanwhile = merged(request.POST, changes, currency=budget.currency, form=form_of)
                form = cast(BudgetForm, merge)
            except LinesExceedTotal as problem:
                form.add_error("total_budget_amount", str(problem))
            except BudgetProblem as problem:
                form.add_error(None, str(problem))
            else:
                messages.success(request, "Budget saved.")
                return redirect("budgets:detail", budget.pk)
    context = {"form": form, "budget": budget, "rights": rights, "meanwhile": meanwhile}
    return render(request, "budgets/edit.html", context, status=status)


@page("budgets.change")
@require_http_methods(["GET", "HEAD", "POST"])
def budget_delete(request: PageRequest, budget_id: UUID) -> HttpResponse:
    budget = budget_or_404(request, budget_id)
    problem = None
    if request.method == "POST":
        try:
            delete_event_budget(budget_id=budget.pk, acting_user=request.user, now=timezone.now())
        except BudgetProblem as refusal:
            problem = refusal
        else:
            undo = reverse("budgets:restore", args=[budget.pk]) if may(request.role, "budgets.restore") else ""
            messages.success(request, f"The budget of {budget.event} is deleted.", extra_tags=undo)
            return redirect("events:detail", budget.event_id)
    context: dict[str, Any] = {
        "budget": budget,
        "problem": problem,
        "lines_count": budget.line_items.count(),
        "confirm_title": f"Delete the budget of {budget.event}?",
        "confirm_label": "Delete the budget",
        "confirm_tone": "danger",
        "cancel_url": reverse("budgets:detail", args=[budget.pk]),
    }
    return render(request, "budgets/delete.html", context, status=409 if problem else 200)


@page("budgets.restore")
@require_POST
def budget_restore(request: PageRequest, budget_id: UUID) -> HttpResponse:
    with deleted_rows_visible():
        budget = get_object_or_404(
            EventBudget.objects.visible_to(**visible(request)).select_related("event"), pk=budget_id
        )
    try:
        restore_event_budget(budget=budget, acting_user=request.user)
    except BudgetProblem as problem:
        messages.error(request, str(problem))
        return redirect("events:detail", budget.event_id)
    messages.success(request, "The budget is back, with its lines.")
    return redirect("budgets:detail", budget.pk)
