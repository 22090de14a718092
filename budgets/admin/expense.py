"""Expenses for the staff: what is bought, how far it has come, and what waits for somebody to agree."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.enums import ActionVariant

from budgets.models import Expense, ExpenseApproval, ExpenseInvoice, ExpensePayment, ExpenseStage
from budgets.selectors.expense_approvals import expenses_waiting
from budgets.services.approval import roles_that_may
from budgets.services.expense_stages import approve_expense, reject_expense
from budgets.services.problems import BudgetProblem
from budgetsite.accounts.roles import Role
from budgetsite.pages.amounts import format_money
from budgetsite.pages.back_office.confirmation import Confirmation, OptionalReasonForm, ReasonForm, confirmation_page
from budgetsite.pages.back_office.displays import amount_cell, badge, moment, moment_cell
from budgetsite.pages.back_office.model_admin import ReadOnlyAdmin, RoleInline
from budgetsite.pages.back_office.refusals import sentence
from budgetsite.pages.back_office.requests import StaffRequest
from budgetsite.pages.back_office.site import PANEL_ROWS, Panel, PanelRow, panel
from budgetsite.pages.back_office.steps import StepsMixin

STAGE_TONES = {"planned": "neutral", "committed": "accent", "invoiced": "good", "cancelled": "neutral"}
APPROVAL_TONES = {"pending": "warning", "approved": "good", "rejected": "critical"}


class BillInline(RoleInline):
    model = ExpenseInvoice
    view_action = "expenses.view"
    fields = readonly_fields = ("bill", "invoice_number", "invoice_date", "due_date", "cancelled_at")
    ordering = ("created_at", "id")
    verbose_name_plural = "bills"

    def get_queryset(self, request: StaffRequest) -> Any:
        return super().get_queryset(request).select_related("expense")

    @display(description="Amount")
    def bill(self, invoice: ExpenseInvoice) -> SafeString:
        return amount_cell(invoice.amount, invoice.expense.currency)


class PaymentInline(RoleInline):
    model = ExpensePayment
    view_action = "expenses.view"
    fields = readonly_fields = ("paid", "due_date", "paid_at", "method", "cancelled_at")
    ordering = ("created_at", "id")
    verbose_name_plural = "payments"

    def get_queryset(self, request: StaffRequest) -> Any:
        return super().get_queryset(request).select_related("expense")

    @display(description="Amount")
    def paid(self, payment: ExpensePayment) -> SafeString:
        return amount_cell(payment.amount, payment.expense.currency)


@admin.register(Expense)
class ExpenseAdmin(StepsMixin, ReadOnlyAdmin):
    """Read here; money is moved on the expense's own page, where what it brings about is shown."""

    view_action = "expenses.view"
    refusals = (BudgetProblem,)
    inlines = (BillInline, PaymentInline)
    list_display = ("description", "event_link", "vendor", "how_much", "standing", "payment_status", "when")
    list_select_related = ("event", "vendor", "budget")
    list_filter = ("stage", "approval", "payment_status")
    search_fields = ("description", "vendor__name", "event__name")
    search_help_text = "Search by description, vendor or event"
    ordering = ("-created_at", "-id")
    actions = ("approve_rows", "reject_rows")
    steps_need = "expenses.approve"
    actions_detail = ("approve_one", "reject_one")
    fields = (
        ("description", "open_page"),
        ("event_link", "line_item", "vendor"),
        ("how_much", "in_budget", "rate"),
        ("state", "agreed", "needs"),
        ("expense_date", "due_date", "next_due_date"),
        ("payment_status", "invoice_number"),
        ("created_by", "decided", "decision_reason"),
        "notes",
    )

    def get_readonly_fields(self, request: StaffRequest, obj: Any = None) -> list[str]:
        return [name for row in self.fields for name in (row if isinstance(row, tuple) else (row,))]

    def get_queryset(self, request: StaffRequest) -> Any:
        found = super().get_queryset(request).filter(deleted_at=None)
        return found.select_related("event", "vendor", "budget", "line_item", "created_by", "decided_by")

    def steps_offered(self, request: StaffRequest, row: Expense) -> Collection[str]:
        return self.actions_detail if _decides(request, row) else ()

    # --- Columns ----------------------------------------------------------------------------------------------------

    @display(description="Recorded")
    def when(self, expense: Expense) -> Any:
        return moment_cell(expense.created_at)

    @display(description="Event")
    def event_link(self, expense: Expense) -> SafeString:
        url = reverse("admin:budgets_eventbudget_change", args=[expense.budget_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, expense.event)

    @display(description="Amount")
    def how_much(self, expense: Expense) -> SafeString:
        return amount_cell(expense.amount, expense.currency)

    @display(description="In the budget's currency")
    def in_budget(self, expense: Expense) -> SafeString:
        return amount_cell(expense.budget_amount, expense.budget.currency)

    @display(description="Rate", empty_value="none: the budget's own currency")
    def rate(self, expense: Expense) -> str | None:
        if expense.exchange_rate is None or expense.rate_date is None:
            return None
        day = date_format(expense.rate_date, "j M Y")
        return f"{expense.exchange_rate.normalize():f} of {day}, {expense.rate_source}"

    @display(description="State")
    def standing(self, expense: Expense) -> SafeString:
        """How far it has come, or that it goes no further without an approval."""
        return self.state(expense) if expense.approval == ExpenseApproval.APPROVED else self.agreed(expense)

    @display(description="Stage")
    def state(self, expense: Expense) -> SafeString:
        return badge(expense.get_stage_display(), STAGE_TONES[expense.stage])

    @display(description="Approval")
    def agreed(self, expense: Expense) -> SafeString:
        return badge(expense.get_approval_display(), APPROVAL_TONES[expense.approval])

    @display(description="Needs", empty_value="nobody's approval")
    def needs(self, expense: Expense) -> str | None:
        return f"the account's {expense.get_needs_role_display().lower()}" if expense.needs_role else None

    @display(description="Decided", empty_value="not decided by anybody")
    def decided(self, expense: Expense) -> str | None:
        return f"{expense.decided_by}, {moment(expense.decided_at)}" if expense.decided_by else None

    @display(description="Page")
    def open_page(self, expense: Expense) -> SafeString:
        url = reverse("budgets:expense", args=[expense.pk])
        return format_html('<a class="text-link" href="{}">Open the expense, with its receipts</a>', url)

    # --- Deciding ---------------------------------------------------------------------------------------------------

    @action(description="Approve", url_path="approve", icon="check_circle", variant=ActionVariant.PRIMARY)
    def approve_one(self, request: StaffRequest, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, approve=True)

    @action(description="Reject", url_path="reject", icon="block")
    def reject_one(self, request: StaffRequest, object_id: str) -> HttpResponse:
        return self._decide(request, object_id, approve=False)

    @action(description="Approve selected")
    def approve_rows(self, request: StaffRequest, queryset: Any) -> HttpResponse | None:
        return self._decide_rows(request, queryset, approve=True)

    @action(description="Reject selected")
    def reject_rows(self, request: StaffRequest, queryset: Any) -> HttpResponse | None:
        return self._decide_rows(request, queryset, approve=False)

    def _decide_rows(self, request: StaffRequest, queryset: Any, *, approve: bool) -> HttpResponse | None:
        if not self.may(request, "expenses.approve"):
            raise PermissionDenied
        return self.bulk(
            request,
            queryset,
            action_name="approve_rows" if approve else "reject_rows",
            title="Approve these {count}?" if approve else "Reject these {count}?",
            label="Approve" if approve else "Reject",
            done="approved" if approve else "rejected",
            consequences=_consequences(approve),
            form_class=OptionalReasonForm if approve else ReasonForm,
            tone="primary" if approve else "danger",
            note_of=lambda expense: f"{expense.event}: {format_money(expense.amount, expense.currency)}",
            unchanged=lambda expense: (
                "" if expense.approval == ExpenseApproval.PENDING else "did not wait for an approval"
            ),
            do=lambda expense, answers: self._take_step(request, expense, approve=approve, answers=answers),
        )

    def _decide(self, request: StaffRequest, object_id: str, *, approve: bool) -> HttpResponse:
        if not self.may(request, "expenses.approve"):
            raise PermissionDenied
        expense = self.get_object(request, unquote(object_id))
        if expense is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        data = request.POST if request.method == "POST" else None
        form: forms.Form = OptionalReasonForm(data) if approve else ReasonForm(data)
        page = Confirmation(
            title="Approve this expense?" if approve else "Reject this expense?",
            label="Approve" if approve else "Reject",
            back_url=self.url_of(expense),
            consequences=_consequences(approve),
            facts=_facts(expense),
            form=form,
            tone="primary" if approve else "danger",
        )
        if request.method != "POST":
            return confirmation_page(request, self, page, obj=expense)
        if not form.is_valid():
            return confirmation_page(request, self, page, obj=expense, status=400)
        try:
            self._take_step(request, expense, approve=approve, answers=form.cleaned_data)
        except self._refusals as problem:
            page.errors.append(sentence(problem))
            return confirmation_page(request, self, page, obj=expense, status=409)
        said = "approved" if approve else "rejected: no money has moved"
        self.message_user(request, f"“{expense.description}” was {said}.", messages.SUCCESS)
        return redirect(self.url_of(expense))

    def _take_step(self, request: StaffRequest, expense: Expense, *, approve: bool, answers: dict[str, Any]) -> None:
        step: dict[str, Any] = {
            "expense_id": expense.pk,
            "acting_user": request.user,
            "acting_role": request.role,
            "now": self.now(),
            "reason": answers.get("reason", ""),
        }
        if approve:
            approve_expense(account=request.account, **step)
        else:
            reject_expense(**step)


@panel(13)
def expenses_to_approve(request: StaffRequest) -> Panel | None:
    """Nothing where nothing waits for the reader."""
    inbox = expenses_waiting(account=request.account, user_id=request.user.pk, role=request.role)
    if not inbox.to_decide:
        return None
    return Panel(
        title="Expenses to approve",
        rows=[
            PanelRow(
                url=reverse("admin:budgets_expense_change", args=[expense.pk]),
                title=expense.description,
                note=format_html(
                    "{} for <bdi>{}</bdi>. Recorded by <bdi>{}</bdi>, {}",
                    format_money(expense.amount, expense.currency),
                    expense.event,
                    expense.created_by,
                    moment(expense.created_at),
                ),
            )
            for expense in inbox.to_decide[:PANEL_ROWS]
        ],
        empty="",
        more_url=f"{reverse('admin:budgets_expense_changelist')}?approval__exact=pending",
        more_label="All expenses that wait",
    )


def _consequences(approve: bool) -> list[str]:
    if approve:
        return ["Each goes as far as was wanted: what was to be promised or billed is posted at once."]
    return ["No money has moved. Your reason is kept for whoever recorded it to read."]


def _decides(request: StaffRequest, expense: Expense) -> bool:
    return (
        expense.approval == ExpenseApproval.PENDING
        and expense.stage != ExpenseStage.CANCELLED
        and request.role in roles_that_may(expense.needs_role or Role.MANAGER)
        and not (request.account.four_eyes and expense.created_by_id == request.user.pk)
    )


def _facts(expense: Expense) -> list[tuple[str, str]]:
    return [
        ("Event", expense.event.name),
        ("Expense", expense.description),
        ("Amount", format_money(expense.amount, expense.currency)),
        ("Wanted", expense.get_wanted_stage_display()),
        ("Recorded by", format_html("<bdi>{}</bdi>, {}", expense.created_by, moment(expense.created_at))),
    ]
