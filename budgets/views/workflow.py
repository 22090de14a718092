"""The moves of a budget, each on a page that shows its consequences first."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from budgets.forms.workflow import MoveForm
from budgets.models import BudgetStatus, EventBudget
from budgets.selectors.history_page import steps_since
from budgets.selectors.history_steps import Step
from budgets.selectors.standing import refusal_to_approve, standing_if_submitted, standing_of, who_decides
from budgets.selectors.transfers import count_waiting
from budgets.services.problems import BudgetProblem, InvalidTransition, StaleVersion
from budgets.services.workflow import MOVES, VARIANCE_LIMIT, RoleNotAllowed, allowed_moves, move_budget
from budgets.views.event_budget import budget_or_404
from budgetsite.accounts.permissions import may
from budgetsite.pages.access import PageRequest, demand, page, who_may

QUESTIONS = {
    "submit": ("Submit this budget for approval?", "Submit for approval", "Submitted for approval."),
    "approve": ("Approve this budget?", "Approve", "Approved."),
    "reject": ("Send this budget back?", "Send back", "Sent back to draft, with your reason."),
    "activate": ("Activate this budget?", "Activate", "The budget is active."),
    "finalize": ("Finalize this budget?", "Finalize for good", "Finalized: the budget is closed."),
    "archive": ("Archive this budget?", "Archive", "Archived."),
    "revise": ("Revise the plan?", "Open the plan", "The plan is open again, as a draft."),
}


@page()
@require_http_methods(["GET", "HEAD", "POST"])
def budget_move(request: PageRequest, budget_id: UUID, action: str) -> HttpResponse:
    if action not in MOVES:
        raise Http404
    budget = budget_or_404(request, budget_id)
    demand(request.role, f"budgets.{action}")
    needs_override = action == "finalize" and _too_far_off(budget)
    may_override = may(request.role, "budgets.override_finalize")
    options: dict[str, Any] = {
        "action": action,
        "needs_override": needs_override and may_override,
        "initial": {"version": budget.version},
    }
    form = MoveForm(request.POST if request.method == "POST" else None, **options)
    problem: BudgetProblem | None = None
    since: list[Step] = []
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                moved = move_budget(
                    action=action,
                    budget_id=budget.pk,
                    version=form.cleaned_data["version"],
                    acting_user=request.user,
                    acting_role=request.role,
                    account=request.account,
                    now=timezone.now(),
                    reason=form.cleaned_data.get("reason", ""),
                    override=bool(form.cleaned_data.get("override")),
                )
            except RoleNotAllowed as refusal:
                raise PermissionDenied(str(refusal)) from refusal
            except StaleVersion as refusal:
                problem, status = refusal, 409
                since = steps_since(budget, form.cleaned_data["version"])
                data = request.POST.copy()
                data["version"] = str(budget.version)
                form = MoveForm(data, **options)
            except BudgetProblem as refusal:
                problem, status = refusal, 409
            else:
                messages.success(request, f"{budget.event}: {_done(action, moved.budget)}")
                for warning in moved.warnings:
                    messages.warning(request, warning["detail"])
                return redirect("budgets:detail", budget.pk)
    title, label, _ = QUESTIONS[action]
    in_the_way = _refusal_beforehand(request, budget, action)
    problem = problem or in_the_way
    context = {
        "form": form,
        "budget": budget,
        "event": budget.event,
        "currency": budget.currency,
        "action": action,
        "problem": problem,
        "is_stale": isinstance(problem, StaleVersion),
        "steps_since": since,
        "needs_override": needs_override,
        "may_override": may_override,
        "who_may_override": who_may("budgets.override_finalize"),
        "may_confirm": in_the_way is None and not (needs_override and not may_override),
        "variance_limit": VARIANCE_LIMIT,
        "lines_count": budget.line_items.count(),
        "transfers_lapsing": count_waiting(budget.pk) if action in ("revise", "finalize") else 0,
        "confirm_title": title,
        "confirm_label": label,
        "confirm_tone": "danger" if action == "finalize" else "",
        "cancel_url": reverse("budgets:detail", args=[budget.pk]),
        **_standing(request, budget, action),
    }
    return render(request, "budgets/move.html", context, status=status)


def _done(action: str, budget: EventBudget) -> str:
    if action == "approve" and budget.status == BudgetStatus.REVIEW:
        return f"Your stage is approved. Stage {budget.awaiting_stage} is for {who_decides(budget.awaiting_role)}."
    return QUESTIONS[action][2]


def _refusal_beforehand(request: PageRequest, budget: EventBudget, action: str) -> BudgetProblem | None:
    """Say what stands in the way already, so that nobody fills in a form for nothing."""
    if budget.status not in MOVES[action].from_statuses:
        return InvalidTransition(action=action, status=budget.status, allowed=allowed_moves(budget))
    if action != "approve":
        return None
    return refusal_to_approve(budget, acting_user=request.user, acting_role=request.role, account=request.account)


def _standing(request: PageRequest, budget: EventBudget, action: str) -> dict[str, Any]:
    """Return the stages that the move is about, and those that nobody would be left for after it."""
    if action == "submit" and budget.status in MOVES[action].from_statuses:
        standing = standing_if_submitted(budget, account=request.account, user_id=request.user.pk)
        return {"standing": standing, "left_empty": standing.unmanned}
    if action in ("approve", "reject") and budget.status in MOVES[action].from_statuses:
        now = standing_of(budget, account=request.account)
        if now is not None:
            left_empty = now.left_empty_by(request.user.pk) if action == "approve" else []
            instead = now.who_instead_of(request.user.pk) if left_empty else ""
            return {"standing": now, "left_empty": left_empty, "instead": instead}
    return {"standing": None, "left_empty": []}


def _too_far_off(budget: EventBudget) -> bool:
    """Compare amounts, as the service does: 20.001 % is shown as 20.00 and is too far all the same."""
    return abs(budget.variance_amount) * 100 > VARIANCE_LIMIT * budget.in_force_amount
