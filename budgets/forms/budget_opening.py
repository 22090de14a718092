"""Opening a budget: empty, with a template's lines, or as a copy of an earlier one."""

from decimal import Decimal
from typing import Any

from django import forms

from budgets.forms.event_budget import NewBudgetForm
from budgets.models import BudgetTemplate, EventBudget
from budgets.services.budget_copy import CopyBasis, InvalidFactor, parse_factor
from budgetsite.pages.amounts import format_amount

EMPTY, TEMPLATE, COPY = "empty", "template", "copy"
# What each beginning needs to know.
ASKED_FOR = {TEMPLATE: ("template",), COPY: ("copy_from", "factor", "basis")}


class OpeningForm(NewBudgetForm):
    """How the plan begins. Only the answers that belong to the chosen beginning are asked for."""

    start = forms.ChoiceField(
        label="Begin with",
        required=False,
        initial=EMPTY,
        widget=forms.RadioSelect,
        choices=[(EMPTY, "An empty plan"), (TEMPLATE, "A template"), (COPY, "A copy of an earlier budget")],
    )
    template = forms.ChoiceField(label="Template", error_messages={"required": "Choose the template to begin with."})
    copy_from = forms.ChoiceField(label="Earlier budget", error_messages={"required": "Choose the budget to copy."})
    factor = forms.CharField(
        label="Multiply every amount by",
        error_messages={"required": "Say by how much: 1 copies the amounts as they are."},
        initial="1",
        max_length=20,
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
        help_text="1.05 plans five percent more, 1 copies the amounts as they are.",
    )
    basis = forms.ChoiceField(
        label="Copy",
        error_messages={"required": "Say what is copied."},
        initial=CopyBasis.PLAN,
        widget=forms.RadioSelect,
        choices=CopyBasis.choices,
    )

    def __init__(
        self, *args: Any, templates: list[BudgetTemplate], earlier: list[EventBudget], currency: str, **kwargs: Any
    ) -> None:
        super().__init__(*args, currency=currency, **kwargs)
        self.templates = {str(template.pk): template for template in templates}
        self.earlier = {str(budget.pk): budget for budget in earlier}
        chosen = self.data.get("start") if self.is_bound else None
        for start, names in ASKED_FOR.items():
            for name in names:
                # Of a beginning that was not chosen, nothing is asked.
                self.fields[name].required = not self.is_bound or chosen == start
        self._offer("template", "Choose a template", {key: str(found) for key, found in self.templates.items()})
        self._offer("copy_from", "Choose a budget", {key: _described(found) for key, found in self.earlier.items()})

    def clean_start(self) -> str:
        return self.cleaned_data["start"] or EMPTY

    def clean_factor(self) -> Decimal:
        try:
            return parse_factor(self.cleaned_data["factor"].replace(",", ".") or "1")
        except InvalidFactor as problem:
            if not self.fields["factor"].required:
                return Decimal(1)
            raise forms.ValidationError(str(problem), code=problem.code) from problem

    def clean_basis(self) -> CopyBasis:
        return CopyBasis(self.cleaned_data["basis"] or CopyBasis.PLAN)

    def clean(self) -> dict[str, Any]:
        # None of these is optional to whoever sees it.
        for names in ASKED_FOR.values():
            for name in names:
                self.fields[name].required = True
        return super().clean() or self.cleaned_data

    @property
    def starts_with(self) -> str:
        return str(self.cleaned_data["start"])

    def _offer(self, name: str, empty: str, choices: dict[str, str]) -> None:
        self.fields[name].choices = [("", empty), *choices.items()]  # type: ignore[attr-defined]


def _described(budget: EventBudget) -> str:
    """Name an earlier budget by its event, its year and its total."""
    total = format_amount(budget.in_force_amount, budget.currency)
    return f"{budget.event.name} ({budget.event.event_date.year}), {total} {budget.currency}"
