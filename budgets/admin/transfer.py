"""Transfers for the staff: what was moved between lines, by whom and why, and what waits to be decided."""

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from budgets.models import BudgetTransfer, TransferStatus
from budgets.selectors.transfers import transfers_waiting
from budgets.services.approval import roles_that_may
from budgets.services.problems import BudgetProblem
from budgets.services.transfer import decide_transfer
from budgets.services.transfer_problems import TransferNotAllowed
from budgetsite.pages.amounts import format_money
from budgetsite.pages.back_office.confirmation import Confirmation, OptionalReasonForm, ReasonForm, confirmation_page
from budgetsite.pages.back_office.displays import amount_cell, badge, moment, moment_cell
from budgetsite.pages.back_office.model_admin import ReadOnlyAdmin
from budgetsite.pages.back_office.refusals import sentence
from budgetsite.pages.back_office.requests import StaffRequest
from budgetsite.pages.back_office.site import PANEL_ROWS, Panel, PanelRow, panel
from budgetsite.pages.back_office.steps import StepsMixin
from budgetsite.tenancy.scope import current_scope, enter_scope

TONES = {"pending": "warning", "done": "good", "rejected": "critical", "lapsed": "neutral"}


@admin.register(BudgetTransfer)
class BudgetTransferAdmin(StepsMixin, ReadOnlyAdmin):
    view_action = "ledger.view"
    refusals = (BudgetProblem, TransferNotAllowed)
    list_display = ("when", "budget_link", "how_much", "lines", "why", "state", "asked_by")
    list_display_links = ("when",)
    list_select_related = ("budget__event", "from_line", "to_line", "requested_by")
    list_filter = ("status",)
    search_fields = ("budget__event__name",)
    search_help_text = "Search by the event's name"
    ordering = ("-created_at", "-id")
    actions = ("approve_rows",)
    steps_need = "budgets.decide_transfer"
    actions_detail = ("approve_transfer", "reject_transfer")
    fields = (
        ("when", "budget_link", "state"),
        ("how_much", "lines"),
        ("asked_by", "why"),
        ("needs", "decided", "decision_reason"),
        ("revision_changed", "version_made", "takes_back"),
    )

    def get_readonly_fields(self, request: StaffRequest, obj: Any = None) -> list[str]:
        return [name for row in self.fields for name in row]

    def get_queryset(self, request: StaffRequest) -> Any:
        found = super().get_queryset(request).select_related("budget__event", "from_line", "to_line")
        return found.filter(deleted_at=None, budget__deleted_at=None)

    def changelist_view(self, request: StaffRequest, extra_context: dict[str, Any] | None = None) -> Any:
        _show_removed_lines()
        return super().changelist_view(request, extra_context)

    def changeform_view(
        self,
        request: StaffRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        _show_removed_lines()
        return super().changeform_view(request, object_id, form_url, extra_context)

    def steps_offered(self, request: StaffRequest, row: BudgetTransfer) -> Collection[str]:
        return self.actions_detail if _decides(request, row) else ()

    # --- Columns ----------------------------------------------------------------------------------------------------

    @display(description="When")
    def when(self, transfer: BudgetTransfer) -> Any:
        return moment_cell(transfer.created_at)

    @display(description="Budget")
    def budget_link(self, transfer: BudgetTransfer) -> SafeString:
        url = reverse("admin:budgets_eventbudget_change", args=[transfer.budget_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, transfer.budget.event)

    @display(description="Amount")
    def how_much(self, transfer: BudgetTransfer) -> SafeString:
        return amount_cell(transfer.amount, transfer.currency)

    @display(description="From and to")
    def lines(self, transfer: BudgetTransfer) -> str:
        return f"{transfer.from_line} → {transfer.to_line}"

    @display(description="Reason")
    def why(self, transfer: BudgetTransfer) -> SafeString:
        return format_html('<span class="sentence sentence--short">{}</span>', transfer.reason)

    @display(description="State")
    def state(self, transfer: BudgetTransfer) -> SafeString:
        return badge(transfer.get_status_display(), TONES[transfer.status])

    @display(description="Asked for by", empty_value="the system")
    def asked_by(self, transfer: BudgetTransfer) -> Any:
        return transfer.requested_by

    @display(description="Needs", empty_value="nobody's approval")
    def needs(self, transfer: BudgetTransfer) -> Any:
        return f"the account's {transfer.get_needs_role_display().lower()}" if transfer.needs_role else None

    @display(description="Decided", empty_value="not decided by anybody")
    def decided(self, transfer: BudgetTransfer) -> Any:
        return f"{transfer.decided_by}, {moment(transfer.decided_at)}" if transfer.decided_by else None

    @display(description="Plan changed")
    def revision_changed(self, transfer: BudgetTransfer) -> str:
        return f"Revision {transfer.revision}"

    @display(description="Led to", empty_value="nothing yet")
    def version_made(self, transfer: BudgetTransfer) -> Any:
        return f"Version {transfer.version}" if transfer.version else None

    @display(description="Takes back", empty_value="no other transfer")
    def takes_back(self, transfer: BudgetTransfer) -> Any:
        if transfer.reverses_id is None:
            return None
        url = reverse("admin:budgets_budgettransfer_change", args=[transfer.reverses_id])
        return format_html('<a class="text-link" href="{}">the transfer the other way</a>', url)

    # --- Deciding ---------------------------------------------------------------------------------------------------

    @action(description="Approve", url_path="approve", icon="check_circle", variant=ActionVariant.PRIMARY)
    def approve_transfer(self, request: StaffRequest, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, approve=True)

    @action(description="Reject", url_path="reject", icon="block")
    def reject_transfer(self, request: StaffRequest, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, approve=False)

    @action(description="Approve selected")
    def approve_rows(self, request: StaffRequest, queryset: Any) -> HttpResponse | None:
        if not self.may(request, "budgets.decide_transfer"):
            raise PermissionDenied
        return self.bulk(
            request,
            queryset,
            action_name="approve_rows",
            title="Approve these {count}?",
            label="Approve",
            done="approved",
            consequences=[
                "The money is moved at once, where the lines still have it. Your name and the time are kept."
            ],
            form_class=OptionalReasonForm,
            note_of=lambda transfer: f"{transfer.budget.event}: {transfer.reason}",
            do=lambda transfer, answers: self._take_step(request, transfer, approve=True, answers=answers),
        )

    def _decide(self, request: StaffRequest, object_id: str, *, approve: bool) -> HttpResponse:
        if not self.may(request, "budgets.decide_transfer"):
            raise PermissionDenied
        transfer = self.get_object(request, unquote(object_id))
        if transfer is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        data = request.POST if request.method == "POST" else None
        form: forms.Form = OptionalReasonForm(data) if approve else ReasonForm(data)
        page = Confirmation(
            title="Approve this transfer?" if approve else "Reject this transfer?",
            label="Approve" if approve else "Reject",
            back_url=self.url_of(transfer),
            consequences=[
                "The money is moved at once; the plan's total stays as it is."
                if approve
                else "Nothing is moved. Your reason is kept for whoever asked to read."
            ],
            facts=_facts(transfer),
            form=form,
            tone="primary" if approve else "danger",
        )
        if request.method != "POST":
            return confirmation_page(request, self, page, obj=transfer)
        if not form.is_valid():
            return confirmation_page(request, self, page, obj=transfer, status=400)
        try:
            self._take_step(request, transfer, approve=approve, answers=form.cleaned_data)
        except self._refusals as problem:
            page.errors.append(sentence(problem))
            return confirmation_page(request, self, page, obj=transfer, status=409)
        said = "approved: the money is moved" if approve else "rejected: nothing is moved"
        self.message_user(request, f"The transfer was {said}.", messages.SUCCESS)
        return redirect(self.url_of(transfer))

    def _take_step(
        self, request: StaffRequest, transfer: BudgetTransfer, *, approve: bool, answers: dict[str, Any]
    ) -> None:
        decide_transfer(
            budget_id=transfer.budget_id,
            transfer_id=transfer.pk,
            approve=approve,
            acting_user=request.user,
            acting_role=request.role,
            account=request.account,
            now=self.now(),
            reason=answers.get("reason", ""),
        )

    def name_of(self, obj: BudgetTransfer) -> str:
        return f"{format_money(obj.amount, obj.currency)} from {obj.from_line} to {obj.to_line}"


@panel(12)
def transfers_to_approve(request: StaffRequest) -> Panel | None:
    """Nothing where the role decides none, and nothing where none waits: most accounts set no limits."""
    inbox = transfers_waiting(account=request.account, user_id=request.user.pk, role=request.role)
    if not inbox.to_decide:
        return None
    return Panel(
        title="Transfers to approve",
        rows=[
            PanelRow(
                url=reverse("admin:budgets_budgettransfer_change", args=[transfer.pk]),
                title=transfer.budget.event.name,
                note=format_html(
                    "{} from <bdi>{}</bdi> to <bdi>{}</bdi>. Asked for by <bdi>{}</bdi>, {}",
                    format_money(transfer.amount, transfer.currency),
                    transfer.from_line,
                    transfer.to_line,
                    transfer.requested_by,
                    moment(transfer.created_at),
                ),
            )
            for transfer in inbox.to_decide[:PANEL_ROWS]
        ],
        empty="",
        more_url=f"{reverse('admin:budgets_budgettransfer_changelist')}?status__exact=pending",
        more_label="All transfers that wait",
    )


def _decides(request: StaffRequest, transfer: BudgetTransfer) -> bool:
    return (
        transfer.status == TransferStatus.PENDING
        and request.role in roles_that_may(transfer.needs_role)
        and not (request.account.four_eyes and transfer.requested_by_id == request.user.pk)
    )


def _facts(transfer: BudgetTransfer) -> list[tuple[str, str]]:
    def left(line: Any) -> str:
        available = format_money(line.available_amount, transfer.currency)
        return f"{line}: {available} available now"

    return [
        ("Event", transfer.budget.event.name),
        ("Amount", format_money(transfer.amount, transfer.currency)),
        ("From", left(transfer.from_line)),
        ("To", left(transfer.to_line)),
        ("Reason", transfer.reason),
        ("Asked for by", f"{transfer.requested_by}, {moment(transfer.created_at)}"),
    ]


def _show_removed_lines() -> None:
    """A revision may have removed a line since; what was moved from or to it stays in the list."""
    enter_scope(replace(current_scope(), deleted_visible=True))
