"""Company budgets: the tree as a list, one budget's page, what is spent from it by hand, its figures counted anew."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget

from budgets.admin.filters import LevelFilter, OverFilter
from budgets.admin.scoped_usage import StaffUsageForm, record_by_hand
from budgets.forms.metadata import pairs_as_typed
from budgets.forms.scoped_budget import ScopedBudgetForm
from budgets.forms.threshold_lines import HELP, read_thresholds, thresholds_as_typed
from budgets.models import Period, ScopedBudget
from budgets.selectors.scoped_page import children_of, funded_by, held_in
from budgets.selectors.scoped_parents import possible_parents
from budgets.selectors.scoped_status import Level, Standing, standing_of, standings_of
from budgets.selectors.scoped_windows import windows_page
from budgets.services.problems import BudgetProblem
from budgets.services.scoped_budget import (
    create_scoped_budget,
    delete_scoped_budget,
    restore_scoped_budget,
    update_scoped_budget,
)
from budgets.services.scoped_problems import (
    ParentCurrencyDiffers,
    ParentNotFound,
    StaleScopedVersion,
    TooManyLevels,
)
from budgets.services.window_refresh import refresh_windows
from budgets.views.scoped_words import choice_of_parent, scope_in_words, time_left, window_in_words
from budgetsite.accounts.timezones import known_timezones
from budgetsite.money.amounts import InvalidAmount
from budgetsite.money.currencies import currency_choices
from budgetsite.money.form_fields import AmountFormField
from budgetsite.pages.amounts import format_usage
from budgetsite.pages.back_office.amount_widget import AmountWidget
from budgetsite.pages.back_office.confirmation import Confirmation, confirmation_page
from budgetsite.pages.back_office.displays import amount_cell, badge, bar_cell
from budgetsite.pages.back_office.filters import DeletedFilter
from budgetsite.pages.back_office.history import Source, story
from budgetsite.pages.back_office.model_admin import StaffModelAdmin, version_sent
from budgetsite.pages.back_office.refusals import ChangeRefused, refused, sentence
from budgetsite.pages.back_office.requests import StaffRequest

LEVEL_TONES = {
    Level.NORMAL: "good",
    Level.WARNING: "warning",
    Level.CRITICAL: "critical",
    Level.EXCEEDED: "critical",
}
_RECORD = "scoped_budgets.record"
PERIODS_SHOWN = 6
DIFFERENCES_SHOWN = 10
_AT_PARENT = (ParentCurrencyDiffers, ParentNotFound, TooManyLevels)
# What is chosen once, and so is no field of a budget that is there.
_CHOSEN_ONCE = ("parent", "currency")
_WORDS = {"thresholds": thresholds_as_typed, "tags": pairs_as_typed}


class CompanyBudgetForm(forms.ModelForm):
    """What may be changed at any time, and for a new one what is chosen once. The version read travels along."""

    # (id, currency, label) of what a new one can stand under.
    parents: Sequence[tuple[Any, str, str]] = ()

    version_read = forms.IntegerField(widget=forms.HiddenInput, required=False)
    amount = AmountFormField(label="Amount", widget=AmountWidget, help_text="What may be spent in one period.")
    parent = forms.ChoiceField(
        label="Stands under",
        required=False,
        widget=UnfoldAdminSelectWidget,
        help_text="What is spent here counts there too, and above.",
    )
    currency = forms.ChoiceField(
        choices=lambda: [("", "The parent’s, or the account’s"), *currency_choices()],
        required=False,
        widget=UnfoldAdminSelectWidget,
        label="Currency",
    )
    timezone = forms.ChoiceField(label="Time zone", required=False, widget=UnfoldAdminSelectWidget)
    thresholds = forms.CharField(
        required=False, label="Thresholds", widget=UnfoldAdminTextareaWidget({"rows": 4}), help_text=HELP
    )
    tags = forms.CharField(
        required=False,
        max_length=10000,
        label="Tags",
        widget=UnfoldAdminTextareaWidget({"rows": 3}),
        help_text="One on each line: a label, or “label: value” for all of them.",
    )

    class Meta:
        model = ScopedBudget
        # The admin names the fields, at request time.
        fields = ()
        # As the company's own pages call them.
        labels = {
            "scope_type": "Whose money",
            "scope_id": "Which one",
            "enforcement": "What does not fit",
            "recurring": "Begins anew after each period",
            "start_date": "First day",
            "end_date": "Over on",
            "description": "What it is for",
        }
        help_texts = {
            "scope_id": "As everybody calls it, or as other systems know it: kitchen, ana, summer-festival.",
            "start_date": "Each period begins on this day of its month or week.",
            "end_date": "The day after its last one. A custom period ends there.",
        }
        widgets = {"description": UnfoldAdminTextareaWidget({"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        budget = self.instance
        self.is_new = budget._state.adding
        zones = [(name, name.replace("_", " ")) for name in known_timezones()]
        if self.is_new:
            zones = [("", "As the account, or the parent"), *zones]
            self.initial.update(timezone="", thresholds="", tags="")
            self.fields["parent"].choices = [  # type: ignore[attr-defined]
                ("", "None: it stands on top"),
                *((str(parent_id), label) for parent_id, _currency, label in self.parents),
            ]
        else:
            for name in _CHOSEN_ONCE:
                self.fields.pop(name, None)
            self.fields["amount"].currency = budget.currency  # type: ignore[attr-defined]
            self.initial.update(
                version_read=budget.version,
                thresholds=thresholds_as_typed(budget.thresholds),
                tags=pairs_as_typed(budget.tags),
            )
        self.fields["timezone"].choices = zones  # type: ignore[attr-defined]

    clean_tags = ScopedBudgetForm.clean_tags

    def clean_thresholds(self) -> list[dict[str, Any]]:
        return read_thresholds(self.cleaned_data["thresholds"], stored=self.instance.thresholds)

    def budget_fields(self) -> dict[str, Any]:
        """Return what the services are given."""
        fields = {name: value for name, value in self.cleaned_data.items() if name != "version_read"}
        if not fields["timezone"]:
            del fields["timezone"]
        if self.is_new:
            parent = fields.pop("parent")
            fields |= {"parent_id": UUID(parent) if parent else None, "currency": fields["currency"] or None}
        return fields

    def _post_clean(self) -> None:
        """The services judge the rest, where nobody else changes a budget."""


@admin.register(ScopedBudget)
class ScopedBudgetAdmin(StaffModelAdmin):
    view_action = "scoped_budgets.view"
    add_action = change_action = delete_action = restore_action = "scoped_budgets.change"
    refusals = (BudgetProblem, InvalidAmount)

    form = CompanyBudgetForm
    change_form_outer_before_template = "admin/budgets/scopedbudget/before_form.html"
    change_form_outer_after_template = "admin/budgets/scopedbudget/after_form.html"
    list_display = ("tree_name", "state", "use", "limit", "present_period")
    list_filter = (
        LevelFilter,
        "scope_type",
        "enforcement",
        "period",
        OverFilter,
        DeletedFilter,
    )
    search_fields = ("name", "scope_id")
    search_help_text = "Search by name, or by what the team, person or project is called"
    actions_detail = ("record_usage", "count_anew")

    def get_queryset(self, request: StaffRequest) -> models.QuerySet[ScopedBudget]:
        found: models.QuerySet[ScopedBudget] = ScopedBudget.objects.with_tree_place().select_related("parent")
        return found

    def get_ordering(self, request: StaffRequest) -> tuple[str, ...]:
        return ("tree_place", "id")

    def get_changelist_instance(self, request: StaffRequest) -> Any:
        """Read how the budgets of the page stand, all in one statement."""
        changelist = super().get_changelist_instance(request)
        changelist.result_list = budgets = list(changelist.result_list)
        found = standings_of([budget.pk for budget in budgets], now=self.now()) if budgets else []
        by_id = {standing.budget.id: standing for standing in found}
        for budget in budgets:
            budget.standing = by_id.get(budget.pk)
        return changelist

    def get_actions_detail(self, request: StaffRequest, object_id: Any) -> list[Any]:
        return list(super().get_actions_detail(request, object_id)) if self.may(request, _RECORD) else []

    # --- Columns ----------------------------------------------------------------------------------------------------

    @display(description="Budget")
    def tree_name(self, budget: ScopedBudget) -> SafeString:
        """Its name, as far in as it stands deep; a screen reader, and whoever looks on a phone, is told under what."""
        under = ""
        if budget.parent:
            under = format_html('<span class="tree-name__under">, under {}</span>', budget.parent.name)
        return format_html(
            '<span class="tree-name tree-name--{}">{}<br><span class="amount__currency">{}{}</span></span>',
            min(budget.depth, 6),
            budget.name,
            scope_in_words(budget),
            under,
        )

    @display(description="Status")
    def state(self, budget: Any) -> SafeString:
        return level_badge(budget.standing) if budget.standing else badge("Deleted", "neutral")

    @display(description="Use of the budget", empty_value="–")
    def use(self, budget: Any) -> SafeString | None:
        return bar_cell(_bar(budget.standing)) if budget.standing else None

    @display(description="Amount")
    def limit(self, budget: ScopedBudget) -> SafeString:
        return amount_cell(budget.amount, budget.currency)

    @display(description="Present period", empty_value="–")
    def present_period(self, budget: Any) -> SafeString | None:
        if budget.standing is None:
            return None
        return format_html(
            '<span class="when"><span>{}</span><br><span>{}</span></span>',
            window_in_words(budget.standing.window),
            time_left(budget.standing),
        )

    # --- The page ---------------------------------------------------------------------------------------------------

    def get_fieldsets(self, request: StaffRequest, obj: ScopedBudget | None = None) -> Any:
        if obj is None:
            return [
                (None, {"fields": ("name", ("scope_type", "scope_id"), ("parent", "currency"))}),
                *_fieldsets("amount", "thresholds", "tags"),
            ]
        place = (None, {"fields": ("name", ("scope", "under", "currency"))})
        if self.has_change_permission(request, obj):
            return [place, *_fieldsets("amount", "thresholds", "tags", "version_read")]
        return [place, *_fieldsets("limit", "thresholds_read", "tags_read")]

    def get_readonly_fields(self, request: StaffRequest, obj: ScopedBudget | None = None) -> tuple[str, ...]:
        return () if obj is None else ("scope", "under", "currency", "limit", "thresholds_read", "tags_read")

    def get_form(self, request: StaffRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        if obj is not None:
            return form
        # A class of its own: the fields of the class that it comes from are everybody's.
        parents = [choice_of_parent(budget) for budget in possible_parents(now=self.now())]
        return type("NewCompanyBudgetForm", (form,), {"parents": parents})

    def get_changeform_initial_data(self, request: StaffRequest) -> dict[str, Any]:
        return {
            "period": Period.MONTHLY,
            "start_date": timezone.localdate().replace(day=1),
            "parent": request.GET.get("parent", ""),
        }

    @display(description="Whose money")
    def scope(self, budget: ScopedBudget) -> str:
        return scope_in_words(budget)

    @display(description="Stands under", empty_value="nothing: it is on top")
    def under(self, budget: ScopedBudget) -> SafeString | None:
        if budget.parent is None:
            return None
        return format_html('<a class="text-link" href="{}">{}</a>', self.url_of(budget.parent), budget.parent.name)

    @display(description="Thresholds", empty_value="none of its own")
    def thresholds_read(self, budget: ScopedBudget) -> SafeString:
        return _lines(thresholds_as_typed(budget.thresholds))

    @display(description="Tags", empty_value="none")
    def tags_read(self, budget: ScopedBudget) -> SafeString:
        return _lines(pairs_as_typed(budget.tags))

    def render_change_form(self, request: StaffRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        budget = kwargs.get("obj")
        standing = standing_of(budget.pk, now=self.now()) if budget is not None else None
        if budget is not None and standing is not None:
            context |= _beside_the_form(standing)
            if isinstance(getattr(request, "stale", None), int):
                context["changed_since"] = story(
                    [_source(ScopedBudget.history.filter(id=budget.pk, version__gt=request.stale), budget)], limit=20
                )
        return super().render_change_form(request, context, *args, **kwargs)

    def response_post_save_add(self, request: StaffRequest, obj: ScopedBudget) -> HttpResponse:
        return redirect(self.url_of(obj))

    def story_sources(self, request: StaffRequest, obj: ScopedBudget) -> list[Source]:
        return [_source(ScopedBudget.history.filter(id=obj.pk), obj)]

    # --- Writing ----------------------------------------------------------------------------------------------------

    def write(self, request: StaffRequest, obj: ScopedBudget, form: Any, change: bool) -> ScopedBudget:
        fields = form.budget_fields()
        if change:
            changed = update_scoped_budget(
                budget_id=obj.pk, acting_user=request.user, version=_version_read(form), now=self.now(), **fields
            )
        else:
            changed = create_scoped_budget(account=request.account, acting_user=request.user, **fields)
        for warning in changed.warnings:
            self.message_user(request, warning["detail"], messages.WARNING)
        return changed.budget

    def save_model(self, request: StaffRequest, obj: ScopedBudget, form: Any, change: bool) -> None:
        try:
            super().save_model(request, obj, form, change)
        except ChangeRefused as refusal:
            if isinstance(refusal.__cause__, StaleScopedVersion):
                request.stale = _version_read(form)
            raise

    def refusal_of(self, problem: Exception) -> ChangeRefused:
        if isinstance(problem, InvalidAmount):
            return refused(problem, field="amount")
        return refused(problem, field="parent" if isinstance(problem, _AT_PARENT) else None)

    def remove(self, request: StaffRequest, obj: ScopedBudget) -> None:
        delete_scoped_budget(
            budget_id=obj.pk, acting_user=request.user, now=self.now(), version=version_sent(request, obj)
        )

    def bring_back(self, request: StaffRequest, obj: ScopedBudget) -> None:
        restore_scoped_budget(budget=obj, acting_user=request.user)

    def deletion_consequences(self, request: StaffRequest, obj: ScopedBudget) -> list[str]:
        return [
            "What was spent from it is kept, and goes on counting in the budgets above.",
            "Nothing more can be spent from it, and no event can be paid from it.",
            *super().deletion_consequences(request, obj),
        ]

    # --- Steps ------------------------------------------------------------------------------------------------------

    @action(description="Record usage", url_path="record", icon="add_shopping_cart", variant=ActionVariant.PRIMARY)
    def record_usage(self, request: StaffRequest, object_id: str) -> HttpResponse:
        budget = self._budget_for_recording(request, object_id)
        if budget is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        standing = standing_of(budget.pk, now=self.now())
        form = StaffUsageForm(
            request.POST if request.method == "POST" else None,
            currency=budget.currency,
            timezone=budget.timezone,
            now=self.now(),
        )
        page = Confirmation(
            title=f"Record what was spent from “{budget.name}”",
            label="Record",
            back_url=self.url_of(budget),
            consequences=["It counts here and in every budget above, at once. It can be taken back, with a reason."],
            figures=_bar(standing) if standing else None,
            form=form,
        )
        if not form.is_valid():
            return confirmation_page(request, self, page, obj=budget, status=400 if form.is_bound else 200)
        said = record_by_hand(budget, form, acting_user=request.user, now=self.now())
        if said is None:
            return confirmation_page(request, self, page, obj=budget, status=409)
        for level, text in said:
            self.message_user(request, text, level)
        return redirect(self.url_of(budget))

    @action(description="Count anew", url_path="count-anew", icon="calculate")
    def count_anew(self, request: StaffRequest, object_id: str) -> HttpResponse:
        budget = self._budget_for_recording(request, object_id)
        if budget is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        page = Confirmation(
            title=f"Count the figures of “{budget.name}” anew?",
            label="Count anew",
            back_url=self.url_of(budget),
            consequences=[
                "Every period is compared with the entries that count in it. Where one differs, it is put right; the "
                "entries stay as they are.",
                "You are told whether anything differed. Nothing should.",
            ],
        )
        if request.method != "POST":
            return confirmation_page(request, self, page, obj=budget)
        try:
            found = refresh_windows(budget_id=budget.pk)
        except self._refusals as problem:
            page.errors.append(sentence(problem))
            return confirmation_page(request, self, page, obj=budget, status=409)
        if not found:
            self.message_user(request, "Every figure was right: nothing differed from the entries.", messages.SUCCESS)
        for discrepancy in found[:DIFFERENCES_SHOWN]:
            self.message_user(request, f"Put right: {discrepancy.detail}", messages.WARNING)
        if len(found) > DIFFERENCES_SHOWN:
            more = len(found) - DIFFERENCES_SHOWN
            self.message_user(request, f"{more} more figures were put right.", messages.WARNING)
        return redirect(self.url_of(budget))

    def _budget_for_recording(self, request: StaffRequest, object_id: str) -> ScopedBudget | None:
        if not self.may(request, _RECORD):
            raise PermissionDenied
        found: ScopedBudget | None = self.get_object(request, unquote(object_id))
        return found


def level_badge(standing: Standing) -> SafeString:
    """Say how it stands, in a word: what is over or has not begun is neither good nor bad."""
    if not standing.is_in_force:
        return badge(standing.level.capitalize(), "neutral")
    return badge(standing.level.capitalize(), LEVEL_TONES[standing.level])


def _version_read(form: Any) -> int:
    """Return the version that the person had in front of them; 0, which is always stale, when none was sent."""
    return form.cleaned_data["version_read"] or 0


def _bar(standing: Standing) -> dict[str, Any]:
    return {
        "budgeted": standing.figures.amount,
        "committed": standing.figures.promised,
        "actual": standing.figures.actual,
        "currency": standing.budget.currency,
    }


def _beside_the_form(standing: Standing) -> dict[str, Any]:
    budget, now = standing.budget, standing.now
    currency = budget.currency
    children, funded, held = children_of(budget.id, now=now), funded_by(budget.id), held_in([budget.id], now=now)
    return {
        "standing": standing,
        "level_mark": level_badge(standing),
        "window_words": window_in_words(standing.window),
        "time_left": time_left(standing),
        "children": [(one, level_badge(one), scope_in_words(one.budget)) for one in children.rows],
        "funded": funded.rows,
        "held": held.rows,
        "periods": [
            (
                window_in_words(one.window),
                f"{format_usage(one.figures.actual, currency)} of {format_usage(one.figures.amount, currency)}"
                f" {currency} spent, {one.figures.entries} entr{'y' if one.figures.entries == 1 else 'ies'}",
            )
            for one in windows_page(standing, size=PERIODS_SHOWN).rows
        ],
    }


def _fieldsets(amount: str, thresholds: str, tags: str, *carried: str) -> list[Any]:
    return [
        ("Money", {"fields": (amount, "enforcement", thresholds)}),
        ("Periods", {"fields": (("period", "recurring"), ("start_date", "end_date"), "timezone")}),
        ("Words", {"fields": ("description", tags, *carried)}),
    ]


def _source(rows: models.QuerySet[Any], budget: ScopedBudget) -> Source:
    return Source(rows, currency=budget.currency, words=_WORDS)


def _lines(text: str) -> SafeString:
    return format_html_join(SafeString("<br>"), "{}", ((line,) for line in text.splitlines()))
