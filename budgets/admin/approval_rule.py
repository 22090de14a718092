from decimal import Decimal
from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from budgets.models import ApprovalRule
from budgets.selectors.approval_rules import rules_in_order, sentence
from budgets.services.approval_rules import create_approval_rule, delete_approval_rule, update_approval_rule
from budgets.services.problems import BudgetProblem, UnknownCategory
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.currencies import currency_choices
from budgetsite.money.form_fields import AmountFormField
from budgetsite.pages.back_office.amount_widget import AmountWidget
from budgetsite.pages.back_office.displays import badge
from budgetsite.pages.back_office.model_admin import StaffModelAdmin
from budgetsite.pages.back_office.refusals import ChangeRefused, refused
from budgetsite.pages.back_office.requests import StaffRequest


class ApprovalRuleForm(forms.ModelForm):
    above_amount = AmountFormField(
        label="Above", required=False, minimum=Decimal(0), widget=AmountWidget, help_text="Empty, or 0: always."
    )
    currency = forms.ChoiceField(
        choices=currency_choices,
        widget=UnfoldAdminSelectWidget,
        label="Currency",
        help_text="A budget in another currency is never compared: there the rule always applies.",
    )

    class Meta:
        model = ApprovalRule
        # The admin names the fields, at request time: choices of rows can be read inside an account alone.
        fields = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            self.initial["above_amount"] = amount_to_json(self.instance.above_amount, self.instance.currency)

    def _post_clean(self) -> None:
        """The service judges the rest."""


@admin.register(ApprovalRule)
class ApprovalRuleAdmin(StaffModelAdmin):
    """What a plan or a transfer has to pass. Owners change it; a rule that was removed is made again."""

    view_action = "approval_rules.view"
    add_action = change_action = delete_action = "approval_rules.change"
    refusals = (BudgetProblem,)

    form = ApprovalRuleForm
    list_display = ("in_words", "about")
    list_filter = ("subject", "role")
    ordering = ("subject", "stage", "above_amount", "id")
    fields = ("subject", "stage", "role", ("above_amount", "currency"), "category")

    def get_queryset(self, request: StaffRequest) -> models.QuerySet[ApprovalRule]:
        found: models.QuerySet[ApprovalRule] = super().get_queryset(request).select_related("category")
        return found

    @display(description="Rule")
    def in_words(self, rule: ApprovalRule) -> str:
        return sentence(rule)

    @display(description="About")
    def about(self, rule: ApprovalRule) -> Any:
        return badge("Plan" if rule.subject == "plan" else "Transfer", "neutral")

    def get_changeform_initial_data(self, request: StaffRequest) -> dict[str, Any]:
        return {"currency": request.account.currency}

    def write(self, request: StaffRequest, obj: ApprovalRule, form: Any, change: bool) -> ApprovalRule:
        values = {**form.cleaned_data, "above_amount": form.cleaned_data["above_amount"] or Decimal(0)}
        if not change:
            return create_approval_rule(acting_user=request.user, **values)
        changes = {name: values[name] for name in form.changed_data}
        return update_approval_rule(rule_id=obj.pk, acting_user=request.user, **changes)

    def refusal_of(self, problem: Exception) -> ChangeRefused:
        return refused(problem, field="category" if isinstance(problem, UnknownCategory) else None)

    def remove(self, request: StaffRequest, obj: ApprovalRule) -> None:
        delete_approval_rule(rule_id=obj.pk, acting_user=request.user, now=self.now())

    def deletion_consequences(self, request: StaffRequest, obj: ApprovalRule) -> list[str]:
        return [
            "What is submitted from now on needs this approval no longer.",
            "What is in review already keeps its stages.",
        ]

    def name_of(self, obj: ApprovalRule) -> str:
        stored = rules_in_order().filter(pk=obj.pk).first()
        return sentence(stored or obj)
