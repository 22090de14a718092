"""The steps of a budget's life as the back office takes them: each with a page that says what it brings about."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldBooleanWidget

from budgets.models import EventBudget
from budgets.selectors.standing import (
    StageView,
    refusal_to_approve,
    standing_if_submitted,
    standing_of,
    who_decides,
)
from budgets.services.problems import OwnSubmission
from budgets.services.workflow import MOVES, VARIANCE_LIMIT, move_budget, moves_for
from budgetsite.accounts.permissions import may
from budgetsite.pages.amounts import format_money, format_percentage
from budgetsite.pages.back_office.confirmation import Confirmation, OptionalReasonForm, ReasonForm, confirmation_page
from budgetsite.pages.back_office.displays import badge, moment
from budgetsite.pages.back_office.model_admin import StaffModelAdmin, version_sent
from budgetsite.pages.back_office.refusals import sentence
from budgetsite.pages.back_office.requests import StaffRequest
from budgetsite.pages.waiting_time import waited

STATUS_TONES = {
    "draft": "neutral",
    "review": "accent",
    "approved": "good",
    "active": "good",
    "finalized": "neutral",
    "archived": "neutral",
}
STATUS_WORDS = {
    "draft": "Draft",
    "review": "In review",
    "approved": "Approved",
    "active": "Active",
    "finalized": "Finalized",
    "archived": "Archived",
}

_TITLES = {
    "submit": "Submit this budget for approval?",
    "approve": "Approve this budget?",
    "reject": "Send this budget back to draft?",
    "activate": "Activate this budget?",
    "finalize": "Finalize this budget?",
    "archive": "Archive this budget?",
    "revise": "Revise this budget?",
}
_LABELS = {
    "submit": "Submit for approval",
    "approve": "Approve",
    "reject": "Send back",
    "activate": "Activate",
    "finalize": "Finalize",
    "archive": "Archive",
    "revise": "Revise",
}
_DONE = {
    "submit": "was submitted for approval",
    "approve": "was approved",
    "reject": "was sent back to draft",
    "activate": "is active",
    "finalize": "was finalized",
    "archive": "was archived",
    "revise": "is a draft again, ready to be revised",
}
_CONSEQUENCES = {
    "submit": (
        "The plan can't be changed while it waits for approval.",
        "Owners and managers find it among the budgets to approve.",
    ),
    "approve": (
        "The plan is in force and fixed from now on: changing it takes a revision.",
        "Spending can go on being recorded.",
        "Your name and the time are kept with the budget.",
    ),
    "reject": (
        "The plan can be changed again, and has to be submitted again.",
        "Your reason is kept with the budget, for whoever submitted it to read.",
    ),
    "activate": ("The event is under way: the budget is the one that is spent from.",),
    "finalize": (
        "Plan, actual amounts and commitments are locked for good.",
        "Nothing can be posted to its ledger any more.",
    ),
    "archive": ("The budget leaves the active work. Its figures and its ledger stay readable.",),
    "revise": (
        "The budget becomes a draft: its plan can be changed, and has to be approved again.",
        "The plan approved so far stays in force until then.",
    ),
}


class OverrideForm(ReasonForm):
    override = forms.BooleanField(
        label="Finalize in spite of the variance",
        widget=UnfoldBooleanWidget,
        error_messages={"required": "Tick this to go beyond the limit."},
    )


def figures_of(budget: EventBudget) -> dict[str, Any]:
    return {
        "budgeted": budget.in_force_amount,
        "committed": budget.total_committed_amount,
        "actual": budget.total_actual_amount,
        "currency": budget.currency,
    }


def status_badge(status: str) -> SafeString:
    return badge(STATUS_WORDS[status], STATUS_TONES[status])


class MovesMixin(StaffModelAdmin):
    """One action for each move, offered where the status and the role allow it."""

    actions_detail = (
        "submit_budget",
        "approve_budget",
        "reject_budget",
        "activate_budget",
        "finalize_budget",
        "archive_budget",
        "revise_budget",
    )

    def get_actions_detail(self, request: StaffRequest, object_id: Any) -> list[Any]:
        budget = self.get_object(request, unquote(str(object_id)))
        if budget is None:
            return []
        names = {f"budgets_eventbudget_{move.action}_budget" for move in moves_for(budget, request.role)}
        return [found for found in super().get_actions_detail(request, object_id) if found.action_name in names]

    @action(description="Submit for approval", url_path="submit", icon="send", variant=ActionVariant.PRIMARY)
    def submit_budget(self, request: StaffRequest, object_id: str) -> HttpResponse:
        return self._move(request, object_id, "submit")

    @action(description="Approve", url_path="approve", icon="check_circle", variant=ActionVariant.PRIMARY)
    def approve_budget(self, request: StaffRequest, object_id: str) -> HttpResponse:
        return self._move(request, object_id, "approve")

    @action(description="Send back", url_path="reject", icon="undo")
    def reject_budget(self, request: StaffRequest, object_id: str) -> HttpResponse:
        return self._move(request, object_id, "reject")

    @action(description="Activate", url_path="activate", icon="play_arrow", variant=ActionVariant.PRIMARY)
    def activate_budget(self, request: StaffRequest, object_id: str) -> HttpResponse:
        return self._move(request, object_id, "activate")

    @action(description="Finalize", url_path="finalize", icon="flag", variant=ActionVariant.PRIMARY)
    def finalize_budget(self, request: StaffRequest, object_id: str) -> HttpResponse:
        return self._move(request, object_id, "finalize")

    @action(description="Archive", url_path="archive", icon="inventory_2", variant=ActionVariant.PRIMARY)
    def archive_budget(self, request: StaffRequest, object_id: str) -> HttpResponse:
        return self._move(request, object_id, "archive")

    @action(description="Revise", url_path="revise", icon="edit_note")
    def revise_budget(self, request: StaffRequest, object_id: str) -> HttpResponse:
        return self._move(request, object_id, "revise")

    def _move(self, request: StaffRequest, object_id: str, name: str) -> HttpResponse:
        budget = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, budget):
            raise PermissionDenied
        if budget is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if request.role not in MOVES[name].roles:
            raise PermissionDenied
        form = self._form_of(request, budget, name)
        page = self._page(request, budget, name, form)
        if request.method != "POST":
            return confirmation_page(request, self, page, obj=budget)
        if form is not None and not form.is_valid():
            return confirmation_page(request, self, page, obj=budget, status=400)
        try:
            moved = self._take_step(request, budget, name, form.cleaned_data if form is not None else {})
        except self._refusals as problem:
            page.errors.append(sentence(problem))
            return confirmation_page(request, self, page, obj=budget, status=409)
        self.message_user(request, f"“{self.name_of(budget)}” {_done(name, moved.budget)}.", messages.SUCCESS)
        for warning in moved.warnings:
            self.message_user(request, warning["detail"], messages.WARNING)
        return redirect(self.url_of(budget))

    def _take_step(self, request: StaffRequest, budget: EventBudget, name: str, answers: dict[str, Any]) -> Any:
        return move_budget(
            action=name,
            budget_id=budget.pk,
            version=version_sent(request, budget),
            acting_user=request.user,
            acting_role=request.role,
            account=request.account,
            now=self.now(),
            reason=answers.get("reason", ""),
            override=answers.get("override", False),
        )

    def _form_of(self, request: StaffRequest, budget: EventBudget, name: str) -> forms.Form | None:
        data = request.POST if request.method == "POST" else None
        if name == "finalize":
            if _is_beyond_limit(budget):
                return OverrideForm(data) if may(request.role, "budgets.override_finalize") else None
            return OptionalReasonForm(data)
        if MOVES[name].needs_reason:
            return ReasonForm(data)
        return OptionalReasonForm(data) if name == "approve" else None

    def _page(self, request: StaffRequest, budget: EventBudget, name: str, form: forms.Form | None) -> Confirmation:
        page = Confirmation(
            title=_TITLES[name],
            label=_LABELS[name],
            back_url=self.url_of(budget),
            consequences=_consequences(request, budget, name),
            facts=_facts(budget),
            hidden=[("version", str(budget.version))],
            figures=figures_of(budget),
            form=form,
            tone="danger" if name in {"reject", "finalize"} else "primary",
        )
        page.refusal = self._refusal_beforehand(request, budget, name)
        return page

    def _refusal_beforehand(self, request: StaffRequest, budget: EventBudget, name: str) -> str:
        """Say what stands in the way already, so that nobody fills in a form for nothing."""
        if budget.status not in MOVES[name].from_statuses:
            return f"This budget is “{budget.get_status_display()}”: this step is not possible from there."
        if name == "approve":
            refusal = refusal_to_approve(
                budget, acting_user=request.user, acting_role=request.role, account=request.account
            )
            if isinstance(refusal, OwnSubmission):
                return (
                    f"{refusal} {request.account} asks for four eyes: another owner or manager finds it among "
                    "the budgets to approve."
                )
            if refusal is not None:
                return str(refusal)
        if MOVES[name].needs_total and not budget.total_budget_amount:
            return "The budget's total is 0. Plan something first: add lines, or set a total."
        if name == "finalize" and _is_beyond_limit(budget) and not may(request.role, "budgets.override_finalize"):
            return (
                f"The variance is {format_percentage(budget.variance_percentage)}, beyond the {VARIANCE_LIMIT}% at "
                "which a budget may be finalized. An owner can finalize it with an override and a reason."
            )
        return ""

    # --- From the list ----------------------------------------------------------------------------------------------

    @action(description="Approve selected")
    def approve_rows(self, request: StaffRequest, queryset: Any) -> HttpResponse | None:
        if request.role not in MOVES["approve"].roles:
            raise PermissionDenied
        return self.bulk(
            request,
            queryset,
            action_name="approve_rows",
            title="Approve these {count}?",
            label="Approve",
            done="approved",
            consequences=list(_CONSEQUENCES["approve"]),
            form_class=OptionalReasonForm,
            note_of=lambda budget: (
                f"{STATUS_WORDS[budget.status]}, {format_money(budget.total_budget_amount, budget.currency)}"
                + (f", {waits_in_words(budget, now=self.now())}" if budget.awaiting_stage else "")
            ),
            do=lambda budget, answers: self._take_step(request, budget, "approve", answers),
        )

    def get_actions(self, request: StaffRequest) -> dict[str, Any]:
        found = super().get_actions(request)
        if request.role not in MOVES["approve"].roles:
            found.pop("approve_rows", None)
        return found


def waits_in_words(budget: EventBudget, *, now: datetime) -> str:
    """Return which stage of a budget in review is next, whose it is and since when: "stage 2: an owner, for 3 days"."""
    if budget.awaiting_stage is None or budget.awaiting_since is None:
        return ""
    return f"stage {budget.awaiting_stage}: {who_decides(budget.awaiting_role)}, {waited(budget.awaiting_since, now)}"


def _done(name: str, budget: EventBudget) -> str:
    if name == "approve" and budget.awaiting_stage:
        return f"passed a stage; stage {budget.awaiting_stage} is for {who_decides(budget.awaiting_role)}"
    return _DONE[name]


def _consequences(request: StaffRequest, budget: EventBudget, name: str) -> list[str]:
    """Say what the step brings about, and what it would leave without anybody to decide it."""
    said = list(_CONSEQUENCES[name])
    if budget.status not in MOVES[name].from_statuses:
        return said
    if name == "submit":
        planned = standing_if_submitted(budget, account=request.account, user_id=request.user.pk)
        stages = [f"Stage {stage.number} is for {stage.who}{_because(stage)}." for stage in planned.stages]
        return [*said, *stages, *(_nobody_for(stage) for stage in planned.unmanned)]
    if name != "approve":
        return said
    now = standing_of(budget, account=request.account)
    if now is None or now.current is None:
        return said
    if now.following is not None:
        said[0] = (
            f"This is stage {now.current.number} of {len(now.stages)}{_because(now.current)}. "
            f"Then it waits for {now.following.who}{_because(now.following)}; nothing is in force before."
        )
    return [*said, *(_nobody_for(stage) for stage in now.left_empty_by(request.user.pk))]


def _because(stage: StageView) -> str:
    return f", because of {stage.because}" if stage.because else ""


def _nobody_for(stage: StageView) -> str:
    return (
        f"Nobody would be left for stage {stage.number}, which is for {stage.who}: nobody takes two stages, and four "
        "eyes keep out who submitted it."
    )


def _is_beyond_limit(budget: EventBudget) -> bool:
    """Compare amounts, as the service does: 20.001% is shown as 20.00% and is beyond all the same."""
    return abs(budget.variance_amount) * 100 > VARIANCE_LIMIT * budget.in_force_amount


def _facts(budget: EventBudget) -> list[tuple[str, str]]:
    def money(value: Decimal) -> str:
        return format_money(value, budget.currency)

    facts = [
        ("Event", budget.event.name),
        ("Begins", moment(budget.event.event_date, budget.event.timezone)),
        ("Status", STATUS_WORDS[budget.status]),
        ("Budgeted", money(budget.total_budget_amount)),
        ("Committed", money(budget.total_committed_amount)),
        ("Actual", money(budget.total_actual_amount)),
        ("Variance", f"{money(budget.variance_amount)} ({format_percentage(budget.variance_percentage)})"),
    ]
    if budget.awaiting_stage:
        facts.append(("Waits for", waits_in_words(budget, now=timezone.now())))
    if budget.submitted_at:
        facts.append(("Submitted by", f"{budget.submitted_by}, {moment(budget.submitted_at)}"))
    return facts
