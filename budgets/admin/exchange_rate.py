from typing import Any

from django import forms
from django.contrib import admin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from budgets.models import ExchangeRate
from budgets.services.exchange_rate_table import create_rate, delete_rate, update_rate
from budgets.services.problems import BudgetProblem
from budgetsite.money.currencies import currency_choices
from budgetsite.pages.back_office.model_admin import StaffModelAdmin
from budgetsite.pages.back_office.refusals import ChangeRefused, refused
from budgetsite.pages.back_office.requests import StaffRequest


class ExchangeRateForm(forms.ModelForm):
    base_currency = forms.ChoiceField(
        choices=currency_choices, widget=UnfoldAdminSelectWidget, label="One unit of", help_text="The foreign currency."
    )
    quote_currency = forms.ChoiceField(choices=currency_choices, widget=UnfoldAdminSelectWidget, label="Is worth in")

    class Meta:
        model = ExchangeRate
        fields = ()

    def _post_clean(self) -> None:
        """The service judges the rest."""


@admin.register(ExchangeRate)
class ExchangeRateAdmin(StaffModelAdmin):
    view_action = "exchange_rates.view"
    add_action = change_action = delete_action = "exchange_rates.change"
    refusals = (BudgetProblem,)
    actions = ("delete_rows",)
    actions_row = ()
    form = ExchangeRateForm

    list_display = ("pair", "on_date", "rate", "source")
    list_filter = ("base_currency", "quote_currency")
    ordering = ("-on_date", "base_currency", "quote_currency", "id")
    fields = (("base_currency", "quote_currency"), ("on_date", "rate"), "source")

    @display(description="Currencies")
    def pair(self, rate: ExchangeRate) -> str:
        return f"1 {rate.base_currency} in {rate.quote_currency}"

    def get_changeform_initial_data(self, request: StaffRequest) -> dict[str, Any]:
        return {"quote_currency": request.account.currency}

    def write(self, request: StaffRequest, obj: ExchangeRate, form: Any, change: bool) -> ExchangeRate:
        if not change:
            return create_rate(acting_user=request.user, **form.cleaned_data)
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        return update_rate(rate_id=obj.pk, acting_user=request.user, **changes)

    def refusal_of(self, problem: Exception) -> ChangeRefused:
        return refused(problem, field="rate")

    def remove(self, request: StaffRequest, obj: ExchangeRate) -> None:
        delete_rate(rate_id=obj.pk, acting_user=request.user, now=self.now())

    def deletion_consequences(self, request: StaffRequest, obj: ExchangeRate) -> list[str]:
        return ["What was recorded with it keeps it; new expenses take the last rate before."]
