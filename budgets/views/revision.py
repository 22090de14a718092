"""A budget's plans: the list, one of them, two compared, giving up the one that is worked on, and any moment of old."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from budgets.forms.revision import STATE_WORDS, CompareForm, DiscardForm, MomentForm
from budgets.models import BudgetStatus, EventBudget
from budgets.selectors.plan_as_of import BudgetAsOf, NoBudgetThen, budget_as_of
from budgets.selectors.plan_diff import ADDED, CHANGED, REMOVED, PlanDiff, plan_diff
from budgets.selectors.revisions import (
    RevisionEntry,
    lines_of_plan,
    revision_entry,
    revisions_of,
    transfers_between,
)
from budgets.services.problems import BudgetProblem, StaleVersion
from budgets.services.revision_discard import discard_revision
from budgets.services.workflow import RoleNotAllowed, moves_for
from budgets.views.event_budget import budget_or_404, page_number
from budgets.views.page_parts import tabs_of
from budgetsite.accounts.permissions import may
from budgetsite.pages.access import PageRequest, demand, page

LINES_PER_PAGE = 200


@page("budgets.view_internals")
@require_safe
def revisions(request: PageRequest, budget_id: UUID) -> HttpResponse:
    budget = budget_or_404(request, budget_id)
    entries = revisions_of(budget)
    context = _context(request, budget) | {
        "entries": [{"entry": entry, "state": STATE_WORDS[entry.state]} for entry in entries],
        "compare_form": CompareForm(entries=entries) if len(entries) > 2 else None,
        "may_discard": _may_discard(budget, request),
        "moment_form": _moment_form(budget),
    }
    return render(request, "budgets/revisions.html", context)


@page("budgets.view_internals")
@require_safe
def revision(request: PageRequest, budget_id: UUID, number: int) -> HttpResponse:
    """One plan, whole."""
    budget = budget_or_404(request, budget_id)
    entry = revision_entry(budget, number)
    if entry is None:
        raise Http404
    lines, paging = _page_of(lines_of_plan(budget, entry, by_category=True), request)
    context = _context(request, budget) | {
        "entry": entry,
        "state": STATE_WORDS[entry.state],
        "costs": [line for line in lines if not line.is_income],
        "incomes": [line for line in lines if line.is_income],
        "transfers": transfers_between(budget, first=number, last=number),
        "paging": paging,
    }
    return render(request, "budgets/revision.html", context)


@page("budgets.view_internals")
@require_safe
def revision_diff(request: PageRequest, budget_id: UUID) -> HttpResponse:
    """`?revision=` and `?against=`; by default the newest plan, and what was in force before it."""
    budget = budget_or_404(request, budget_id)
    entries = revisions_of(budget)
    if not entries:
        raise Http404
    number, against = _chosen(request, entries)
    diff = plan_diff(budget, number, against)
    lines, paging = _page_of(diff.lines, request)
    chosen = {"revision": number, "against": diff.before.number if diff.before else None}
    several = len(entries) > 2 or (len(entries) == 2 and chosen["against"] is None)
    context = _context(request, budget) | {
        "diff": diff,
        "lines": [line for line in lines if not line.is_income],
        "income_lines": [line for line in lines if line.is_income],
        "verdict": _verdict(diff),
        "counts": _counts(diff),
        "before_label": _label(diff.before),
        "after_label": _label(diff.after),
        "paging": paging,
        "compare_form": CompareForm(chosen, entries=entries) if several else None,
        "moves": _moves(budget, diff, request),
        "may_discard": _may_discard(budget, request) and not diff.after.is_kept,
    }
    return render(request, "budgets/revision_diff.html", context)


@page()
@require_http_methods(["GET", "HEAD", "POST"])
def revision_discard(request: PageRequest, budget_id: UUID) -> HttpResponse:
    budget = budget_or_404(request, budget_id)
    demand(request.role, "budgets.revise")
    if not budget.is_under_revision:
        messages.info(request, "Nobody revises this plan just now, so there is nothing to discard.")
        return redirect("budgets:revisions", budget.pk)
    form = DiscardForm(request.POST if request.method == "POST" else None, initial={"version": budget.version})
    problem: BudgetProblem | None = None
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                discarded = discard_revision(
                    budget_id=budget.pk,
                    number=budget.revision,
                    version=form.cleaned_data["version"],
                    acting_user=request.user,
                    acting_role=request.role,
                    now=timezone.now(),
                    reason=form.cleaned_data["reason"],
                )
            except RoleNotAllowed as refusal:
                raise PermissionDenied(str(refusal)) from refusal
            except BudgetProblem as refusal:
                problem, status = refusal, 409
                data = request.POST.copy()
                data["version"] = str(budget.version)
                form = DiscardForm(data)
            else:
                messages.success(
                    request, f"{budget.event}: discarded. The plan of revision {discarded.revision} holds again."
                )
                return redirect("budgets:detail", budget.pk)
    diff = plan_diff(budget, budget.revision)
    context = {
        "form": form,
        "budget": budget,
        "event": budget.event,
        "currency": budget.currency,
        "diff": diff,
        "removed": [line for line in diff.lines if line.what == REMOVED],
        "added_count": diff.count(ADDED),
        "changed_count": diff.count(CHANGED),
        "problem": problem,
        "is_stale": isinstance(problem, StaleVersion),
        "may_confirm": budget.status == BudgetStatus.DRAFT,
        "confirm_title": f"Discard revision {budget.revision}?",
        "confirm_label": "Discard this revision",
        "confirm_tone": "danger",
        "cancel_url": reverse("budgets:revision_diff", args=[budget.pk]),
    }
    return render(request, "budgets/revision_discard.html", context, status=status)


@page("budgets.view_internals")
@require_safe
def plan_as_of(request: PageRequest, budget_id: UUID) -> HttpResponse:
    """The plan that was in force at the end of `?day=`, or at its `?time=`, and the figures as they were known then."""
    budget = budget_or_404(request, budget_id)
    form = _moment_form(budget, request.GET if request.GET else None)
    found: BudgetAsOf | None = None
    problem = ""
    if form.is_bound and form.is_valid():
        try:
            found = budget_as_of(budget, form.cleaned_data["moment"])
        except NoBudgetThen as refusal:
            problem = str(refusal)
    context = _context(request, budget) | {"form": form, "found": found, "problem": problem}
    status = 200
    if found is not None:
        lines, paging = _page_of([*found.lines, *found.left_out], request)
        context |= {
            "then": found.budget,
            "costs": [line for line in lines if not line.is_income],
            "incomes": [line for line in lines if line.is_income],
            "left_out": {line.pk for line in found.left_out},
            "income_in_force": sum(
                (line.in_force_amount for line in (*found.lines, *found.left_out) if line.is_income), Decimal(0)
            ),
            "paging": paging,
        }
    elif form.is_bound:
        status = 422
    return render(request, "budgets/plan_as_of.html", context, status=status)


def _context(request: PageRequest, budget: EventBudget) -> dict[str, Any]:
    return {
        "budget": budget,
        "event": budget.event,
        "currency": budget.currency,
        "tabs": tabs_of(budget, "revisions", request),
    }


def _moment_form(budget: EventBudget, data: Any = None) -> MomentForm:
    return MomentForm(data, zone=budget.event.timezone, now=timezone.now())


def _chosen(request: PageRequest, entries: list[RevisionEntry]) -> tuple[int, int | None]:
    """Return which plans to compare; what is no choice, from an address typed or cut off, is the default."""
    numbers = [entry.number for entry in entries]
    number = _number(request, "revision")
    if number not in numbers:
        number = numbers[0]
    against = _number(request, "against")
    return number, against if against in numbers and against < number else None


def _number(request: PageRequest, name: str) -> int:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def _page_of(lines: list[Any], request: PageRequest) -> tuple[list[Any], dict[str, Any]]:
    pages = max(1, -(-len(lines) // LINES_PER_PAGE))
    number = min(max(page_number(request), 1), pages)
    start = (number - 1) * LINES_PER_PAGE
    query = request.GET.copy()
    addresses = {}
    for name, other in (("before_url", number - 1), ("after_url", number + 1)):
        query["page"] = str(other)
        addresses[name] = f"?{query.urlencode()}" if 1 <= other <= pages else ""
    shown = lines[start : start + LINES_PER_PAGE]
    return shown, {"first": start + 1, "last": start + len(shown), "count": len(lines), "pages": pages, **addresses}


def _may_discard(budget: EventBudget, request: PageRequest) -> bool:
    return may(request.role, "budgets.revise") and budget.is_under_revision and budget.status == BudgetStatus.DRAFT


def _moves(budget: EventBudget, diff: PlanDiff, request: PageRequest) -> list[str]:
    """Return the decisions about the compared plan that the reader may make now."""
    if diff.after.is_kept:
        return []
    own = request.account.four_eyes and budget.submitted_by_id == request.user.pk
    moves = [move.action for move in moves_for(budget, request.role) if move.action in ("submit", "approve", "reject")]
    return [action for action in moves if not (own and action == "approve")]


def _verdict(diff: PlanDiff) -> str:
    """Return which way the total goes."""
    if diff.before is None:
        return "first"
    if diff.total_difference == 0:
        return "same"
    return "raises" if diff.total_difference > 0 else "lowers"


def _counts(diff: PlanDiff) -> dict[str, int]:
    return {
        "added": diff.count(ADDED),
        "removed": diff.count(REMOVED),
        "changed": diff.count(CHANGED),
        "unchanged": diff.unchanged_count,
    }


def _label(entry: RevisionEntry | None) -> str:
    if entry is None:
        return "Nothing"
    if not entry.is_kept:
        return f"Revision {entry.number} now"
    return "In force" if entry.state == "in_force" else f"Revision {entry.number}"
