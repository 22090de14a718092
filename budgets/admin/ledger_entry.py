from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextareaWidget

from budgets.admin.filters import OneBudgetFilter, OneCompanyBudgetFilter
from budgets.forms.metadata import pairs_as_typed
from budgets.models import EntryKind, LedgerEntry
from budgets.selectors.scoped_page import taken_back
from budgets.services.problems import BudgetProblem
from budgets.services.usage import reverse_usage
from budgetsite.pages.amounts import NOTHING, format_usage
from budgetsite.pages.back_office.confirmation import Confirmation, ReasonForm, confirmation_page
from budgetsite.pages.back_office.displays import amount_cell, moment, moment_cell
from budgetsite.pages.back_office.model_admin import ReadOnlyAdmin
from budgetsite.pages.back_office.refusals import sentence
from budgetsite.pages.back_office.requests import StaffRequest


class TakeBackForm(ReasonForm):
    reason = forms.CharField(
        label="Reason",
        max_length=300,
        widget=UnfoldAdminTextareaWidget({"rows": 3}),
        help_text="It stands with the entry that takes this back.",
        error_messages={"required": "Say why it is taken back."},
    )


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    """Entries of events' budgets, and usage of company budgets: the latter alone can be taken back here."""

    view_action = "ledger.view"
    refusals = (BudgetProblem,)
    actions_detail = ("take_back",)
    list_display = (
        "entry",
        "when",
        "budget_link",
        "line",
        "what",
        "committed",
        "actual",
        "words",
    )
    list_display_links = ("entry",)
    list_select_related = ("budget__event", "scoped_budget", "line_item", "actor")
    list_filter = (OneBudgetFilter, OneCompanyBudgetFilter, "kind", "source")
    fields = (
        ("entry", "when", "recorded"),
        ("budget_link", "line"),
        ("kind", "source", "source_id"),
        ("committed", "actual"),
        ("who", "machine_name", "description"),
        "more",
        ("chain_before", "chain"),
    )

    def get_readonly_fields(self, request: StaffRequest, obj: Any = None) -> list[str]:
        return [name for row in self.fields for name in (row if isinstance(row, tuple) else (row,))]

    def get_actions_detail(self, request: StaffRequest, object_id: Any) -> list[Any]:
        entry = self.get_object(request, unquote(str(object_id)))
        if entry is None or not self._can_be_taken_back(request, entry):
            return []
        return list(super().get_actions_detail(request, object_id))

    def get_list_display(self, request: StaffRequest) -> list[str]:
        # One budget's ledger need not name it in each row.
        return [name for name in self.list_display if name != "budget_link" or not _is_about_one(request)]

    def get_ordering(self, request: StaffRequest) -> tuple[str, ...]:
        # One budget's ledger follows its chain; all of them together follow time.
        return ("-seq",) if _is_about_one(request) else ("-created_at", "-seq", "-id")

    @display(description="No.")
    def entry(self, entry: LedgerEntry) -> str:
        return str(entry.seq)

    @display(description="When")
    def when(self, entry: LedgerEntry) -> Any:
        return moment_cell(entry.occurred_at)

    @display(description="Recorded")
    def recorded(self, entry: LedgerEntry) -> str:
        return moment(entry.created_at)

    @display(description="Budget")
    def budget_link(self, entry: LedgerEntry) -> Any:
        """Names of deleted budgets show where deleted rows do."""
        if entry.scoped_budget_id:
            name, found = "budgets_scopedbudget", entry.scoped_budget
        else:
            name, found = "budgets_eventbudget", entry.budget and entry.budget.event
        if not found:
            return "a deleted budget"
        url = reverse(f"admin:{name}_change", args=[entry.scoped_budget_id or entry.budget_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, found)

    @display(description="Line", empty_value="the budget itself")
    def line(self, entry: LedgerEntry) -> Any:
        if entry.scoped_budget_id:
            return NOTHING
        return entry.line_item.name if entry.line_item else None

    @display(description="Committed")
    def committed(self, entry: LedgerEntry) -> SafeString:
        return amount_cell(entry.committed_delta or None, entry.currency)

    @display(description="Actual")
    def actual(self, entry: LedgerEntry) -> SafeString:
        return amount_cell(entry.actual_delta or None, entry.currency)

    @display(description="Kind")
    def what(self, entry: LedgerEntry) -> SafeString:
        kind, source = entry.get_kind_display(), entry.get_source_display()
        return format_html('{}<br><span class="amount__currency">{}</span>', kind, source)

    @display(description="Description")
    def words(self, entry: LedgerEntry) -> SafeString:
        return format_html(
            '<span class="sentence sentence--short">{}{}<span class="amount__currency">by {}</span></span>',
            entry.description,
            SafeString("<br>") if entry.description else "",
            _by(entry),
        )

    @display(description="By", empty_value="the system")
    def who(self, entry: LedgerEntry) -> Any:
        return entry.actor

    @display(description="API key", empty_value="none: a person")
    def machine_name(self, entry: LedgerEntry) -> str | None:
        return entry.machine or None

    @display(description="More about it", empty_value="nothing")
    def more(self, entry: LedgerEntry) -> SafeString:
        lines = pairs_as_typed(entry.metadata).splitlines()
        return format_html_join(SafeString("<br>"), "{}", ((line,) for line in lines))

    @display(description="Hash")
    def chain(self, entry: LedgerEntry) -> SafeString:
        return format_html('<code class="hash">{}</code>', bytes(entry.hash).hex())

    @display(description="Hash before it")
    def chain_before(self, entry: LedgerEntry) -> SafeString:
        return format_html('<code class="hash">{}</code>', bytes(entry.prev_hash).hex() or "none: the first entry")

    def name_of(self, obj: LedgerEntry) -> str:
        return f"Entry {obj.seq}"

    # --- Taking usage back ------------------------------------------------------------------------------------------

    @action(description="Take it back", url_path="take-back", icon="undo")
    def take_back(self, request: StaffRequest, object_id: str) -> HttpResponse:
        if not self.may(request, "scoped_budgets.record"):
            raise PermissionDenied
        entry = self.get_object(request, unquote(object_id))
        if entry is None or entry.scoped_budget_id is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        form = TakeBackForm(request.POST if request.method == "POST" else None)
        amount = f"{format_usage(entry.actual_delta, entry.currency)} {entry.currency}"
        page = Confirmation(
            title=f"Take back {amount}?",
            label="Take it back",
            back_url=self.url_of(entry),
            consequences=["An entry against it is written, in the same period, here and in every budget above."],
            facts=[
                ("Budget", str(entry.scoped_budget or "a deleted budget")),
                ("When", moment(entry.occurred_at)),
                ("For", entry.description or "nothing was said"),
                ("By", _by(entry)),
            ],
            form=form,
        )
        if not form.is_valid():
            return confirmation_page(request, self, page, obj=entry, status=400 if form.is_bound else 200)
        try:
            reverse_usage(
                budget_id=entry.scoped_budget_id,
                entry_id=entry.pk,
                acting_user=request.user,
                now=self.now(),
                reason=form.cleaned_data["reason"],
            )
        except self._refusals as problem:
            page.errors.append(sentence(problem))
            return confirmation_page(request, self, page, obj=entry, status=409)
        self.message_user(request, f"{amount} are taken back.", messages.SUCCESS)
        return redirect(f"{self.list_url()}?company_budget={entry.scoped_budget_id}")

    def _can_be_taken_back(self, request: StaffRequest, entry: LedgerEntry) -> bool:
        return (
            entry.scoped_budget is not None
            and entry.kind != EntryKind.ADJUST
            and self.may(request, "scoped_budgets.record")
            and not taken_back([entry.pk], [entry.scoped_budget.pk])
        )


def _by(entry: LedgerEntry) -> str:
    who = str(entry.actor or "the system")
    return f"“{entry.machine}”, for {who}" if entry.machine else who


def _is_about_one(request: StaffRequest) -> bool:
    return bool(request.GET.get("budget") or request.GET.get("company_budget"))
