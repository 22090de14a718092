"""Moving money between the lines of an approved plan: the list, the form with its preview, and each step after it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from budgets.forms.transfer import TransferForm, TransferStepForm
from budgets.models import BudgetTransfer, EventBudget, TransferStatus
from budgets.selectors.transfers import lines_after, lines_to_move, transfer_of, transfers_of
from budgets.services.approval import roles_that_may
from budgets.services.problems import BudgetProblem, StaleVersion
from budgets.services.transfer import (
    TRANSFER_STATUSES,
    decide_transfer,
    refuse_plan_not_in_force,
    required_role,
    reverse_transfer,
    transfer_between_lines,
)
from budgets.services.transfer_problems import TransferExceedsAvailable, TransferNotAllowed
from budgets.views.event_budget import budget_or_404
from budgets.views.page_parts import tabs_of
from budgetsite.accounts.permissions import may
from budgetsite.pages.access import PageRequest, demand, page
from budgetsite.pages.amounts import format_amount
from budgetsite.pages.keyset import keyset_page
from budgetsite.tenancy.scope import deleted_rows_visible


@dataclass(frozen=True, slots=True)
class Step:
    """What may be done with a transfer: who may, the question on its page, its button, what is said afterwards.

    Where `done` is empty, what was moved is said.
    """

    action: str
    title: str
    label: str
    done: str
    needs_reason: bool


STEPS = {
    "approve": Step("budgets.decide_transfer", "Approve this transfer?", "Approve", "", False),
    "reject": Step("budgets.transfer", "Reject this transfer?", "Reject", "Rejected: nothing is moved.", True),
    "withdraw": Step("budgets.transfer", "Withdraw this transfer?", "Withdraw", "Withdrawn: nothing is moved.", False),
    "reverse": Step("budgets.transfer", "Take this transfer back?", "Take it back", "", True),
}


@dataclass(frozen=True, slots=True)
class TransferRow:
    """A transfer and what its reader may do with it now."""

    transfer: BudgetTransfer
    steps: list[str]

    @property
    def was_withdrawn(self) -> bool:
        transfer = self.transfer
        return transfer.status == TransferStatus.REJECTED and transfer.decided_by_id == transfer.requested_by_id


@page("ledger.view")
@require_safe
def transfers(request: PageRequest, budget_id: UUID) -> HttpResponse:
    budget = budget_or_404(request, budget_id)
    # A line may have been deleted since, in a revision.
    with deleted_rows_visible():
        found = keyset_page(request, transfers_of(budget.pk), by="created_at")
    context = {
        "budget": budget,
        "event": budget.event,
        "currency": budget.currency,
        "may_transfer": budget.status in TRANSFER_STATUSES and may(request.role, "budgets.transfer"),
        "rows": [TransferRow(row, steps_of(row, budget, request)) for row in found.rows],
        "newer_url": found.newer_url,
        "older_url": found.older_url,
        "in_force": budget.status in TRANSFER_STATUSES,
        "tabs": tabs_of(budget, "transfers", request),
    }
    return render(request, "budgets/transfers.html", context)


@page("budgets.transfer")
@require_http_methods(["GET", "HEAD", "POST"])
def transfer_new(request: PageRequest, budget_id: UUID) -> HttpResponse:
    """First the form, then what both lines will have; only what was looked at is carried out."""
    budget = budget_or_404(request, budget_id)
    try:
        refuse_plan_not_in_force(budget)
    except BudgetProblem as problem:
        messages.error(request, str(problem))
        return redirect("budgets:detail", budget.pk)
    lines = lines_to_move(budget.pk)
    initial = {"from_line": request.GET.get("from", ""), "to_line": request.GET.get("to", "")}
    data = request.POST if request.method == "POST" else None
    form = TransferForm(data, initial=initial, lines=lines, currency=budget.currency)
    context: dict[str, Any] = {
        "form": form,
        "budget": budget,
        "event": budget.event,
        "currency": budget.currency,
        "lines": lines,
        "cancel_url": reverse("budgets:detail", args=[budget.pk]),
    }
    status = 200
    if request.method == "POST" and "change" not in request.POST:
        status = 422
        if form.is_valid():
            seen = form.cleaned_data["version"] if "confirm" in request.POST else None
            if seen is None:
                return _preview(request, budget, form, context)
            try:
                transfer = _carry_out(request, budget, form, version=seen)
            except StaleVersion:
                return _preview(request, budget, form, context, is_stale=True)
            except TransferExceedsAvailable as problem:
                form.add_error("amount", str(problem))
            except BudgetProblem as problem:
                form.add_error(None, str(problem))
            else:
                messages.success(request, _told(transfer))
                return redirect("budgets:transfers", budget.pk)
    return render(request, "budgets/transfer_form.html", context, status=status)


@page()
@require_http_methods(["GET", "HEAD", "POST"])
def transfer_step(request: PageRequest, budget_id: UUID, transfer_id: UUID, step: str) -> HttpResponse:
    """Approve, reject, withdraw or take back a transfer, on a page that shows first what that brings about."""
    if step not in STEPS:
        raise Http404
    budget = budget_or_404(request, budget_id)
    demand(request.role, STEPS[step].action)
    transfer = transfer_of(budget.pk, transfer_id)
    if transfer is None:
        raise Http404
    asked = STEPS[step]
    form = TransferStepForm(request.POST if request.method == "POST" else None, needs_reason=asked.needs_reason)
    problem: BudgetProblem | None = None
    status = 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                done = _take(request, transfer, step, reason=form.cleaned_data["reason"])
            except TransferNotAllowed as refusal:
                raise PermissionDenied(str(refusal)) from refusal
            except BudgetProblem as refusal:
                problem, status = refusal, 409
            else:
                messages.success(request, asked.done or _told(done))
                return redirect(_way_back(request, budget))
    possible = step in steps_of(transfer, budget, request)
    context = {
        "form": form,
        "budget": budget,
        "event": budget.event,
        "currency": budget.currency,
        "transfer": transfer,
        "step": step,
        "problem": problem,
        "may_confirm": possible,
        "after": _after(transfer, step) if possible else [],
        "from_inbox": "inbox" in request.GET,
        "confirm_title": asked.title,
        "confirm_label": asked.label,
        "confirm_tone": "danger" if step == "reject" else "",
        "cancel_url": _way_back(request, budget),
    }
    return render(request, "budgets/transfer_step.html", context, status=status)


def steps_of(transfer: BudgetTransfer, budget: EventBudget, request: PageRequest) -> list[str]:
    """Return the names in `STEPS` of what the reader may do with a transfer of `transfers_of`."""
    own = transfer.requested_by_id == request.user.pk
    if transfer.status == TransferStatus.PENDING:
        decides = may(request.role, "budgets.decide_transfer") and request.role in roles_that_may(transfer.needs_role)
        approves = decides and not (own and request.account.four_eyes)
        return [
            *["approve"] * approves,
            *["reject"] * (decides and not own),
            *["withdraw"] * (own and may(request.role, "budgets.transfer")),
        ]
    reversible = (
        transfer.status == TransferStatus.DONE
        and transfer.reverses_id is None
        and transfer.reversal_id is None  # type: ignore[attr-defined]
        and transfer.revision == budget.revision
        and budget.status in TRANSFER_STATUSES
        and may(request.role, "budgets.transfer")
    )
    return ["reverse"] if reversible else []


def _preview(
    request: PageRequest, budget: EventBudget, form: TransferForm, context: dict[str, Any], *, is_stale: bool = False
) -> HttpResponse:
    source, target, amount = form.source, form.target, form.cleaned_data["amount"]
    role = required_role(amount, budget.currency, [source.category_id, target.category_id])
    shown = context | {
        "after": lines_after(source, target, amount),
        "amount": amount,
        "source": source,
        "target": target,
        "reason": form.cleaned_data["reason"],
        "version": budget.version,
        "needs_role": role.label.lower() if role else "",
        "is_stale": is_stale,
    }
    return render(request, "budgets/transfer_preview.html", shown, status=409 if is_stale else 200)


def _carry_out(request: PageRequest, budget: EventBudget, form: TransferForm, *, version: int) -> BudgetTransfer:
    return transfer_between_lines(
        budget_id=budget.pk,
        from_line_id=form.source.pk,
        to_line_id=form.target.pk,
        amount=form.cleaned_data["amount"],
        reason=form.cleaned_data["reason"],
        acting_user=request.user,
        acting_role=request.role,
        account=request.account,
        now=timezone.now(),
        version=version,
    )


def _take(request: PageRequest, transfer: BudgetTransfer, step: str, *, reason: str) -> BudgetTransfer:
    asked: dict[str, Any] = {
        "budget_id": transfer.budget_id,
        "transfer_id": transfer.pk,
        "reason": reason,
        "acting_user": request.user,
        "acting_role": request.role,
        "account": request.account,
        "now": timezone.now(),
    }
    if step == "reverse":
        return reverse_transfer(**asked)
    return decide_transfer(approve=step == "approve", **asked)


def _after(transfer: BudgetTransfer, step: str) -> list[Any]:
    """Return what both lines will have once this step is taken; nothing where it moves nothing."""
    if step == "approve":
        return lines_after(transfer.from_line, transfer.to_line, transfer.amount)
    if step == "reverse":
        return lines_after(transfer.to_line, transfer.from_line, transfer.amount)
    return []


def _told(transfer: BudgetTransfer) -> str:
    amount = f"{format_amount(transfer.amount, transfer.currency)} {transfer.currency}"
    lines = f"from “{transfer.from_line}” to “{transfer.to_line}”"
    if transfer.status == TransferStatus.PENDING:
        return (
            f"Moving {amount} {lines} waits for approval by the account's {transfer.get_needs_role_display().lower()}."
        )
    return f"{amount} moved {lines}."


def _way_back(request: PageRequest, budget: EventBudget) -> str:
    """Whoever comes from the inbox goes back there."""
    if "inbox" in request.GET:
        return reverse("budgets:approvals")
    return reverse("budgets:transfers", args=[budget.pk])
