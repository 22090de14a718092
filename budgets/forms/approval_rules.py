from decimal import Decimal
from typing import Any

from django import forms

from budgets.models import APPROVING_ROLES, MAX_STAGES, ApprovalRule, ApprovalSubject, Category
from budgets.selectors.standing import who_decides
from budgetsite.money.currencies import currency_choices, is_currency
from budgetsite.money.form_fields import AmountFormField

STAGES = [(str(number), str(number)) for number in range(1, MAX_STAGES + 1)]
ROLES = [(role.value, who_decides(role).capitalize()) for role in APPROVING_ROLES]
SUBJECTS = [
    (ApprovalSubject.PLAN, "A plan"),
    (ApprovalSubject.TRANSFER, "A transfer between two lines"),
    (ApprovalSubject.EXPENSE, "An expense"),
]


class ApprovalRuleForm(forms.Form):
    """One rule. Its amount is read in the currency chosen beside it."""

    subject = forms.ChoiceField(label="What is approved", choices=SUBJECTS)
    above_amount = AmountFormField(
        label="Above",
        required=False,
        minimum=Decimal(0),
        help_text="Exactly this much needs no approval by this rule. Empty: always.",
    )
    currency = forms.ChoiceField(
        label="Currency", help_text="A budget in another currency is never compared: there the rule always applies."
    )
    category = forms.ChoiceField(
        label="Category",
        required=False,
        help_text="With a category the amount of a plan is that of its largest line, not of the total.",
    )
    role = forms.ChoiceField(label="Who decides", choices=ROLES)
    stage = forms.ChoiceField(
        label="Stage",
        choices=STAGES,
        help_text="Stages are taken in this order. A transfer or an expense has one stage.",
    )

    def __init__(
        self, *args: Any, categories: list[Category], currency: str, rule: ApprovalRule | None = None, **kwargs: Any
    ) -> None:
        kwargs["initial"] = {"currency": currency, "stage": "1"} if rule is None else _values(rule)
        super().__init__(*args, **kwargs)
        self.fields["currency"].choices = currency_choices()  # type: ignore[attr-defined]
        self.categories = {str(category.pk): category for category in categories}
        self.fields["category"].choices = [  # type: ignore[attr-defined]
            ("", "The whole plan"),
            *((key, category.name) for key, category in self.categories.items()),
        ]
        chosen = self["currency"].value()
        if is_currency(chosen):
            self.fields["above_amount"].currency = chosen  # type: ignore[attr-defined]

    def rule_fields(self) -> dict[str, Any]:
        """Return what the rules' services are given."""
        values = dict(self.cleaned_data)
        return {
            **values,
            "above_amount": values["above_amount"] or Decimal(0),
            "stage": int(values["stage"]),
            "category": self.categories.get(values["category"]),
        }


class PolicyPreviewForm(forms.Form):
    """A plan to try the rules on."""

    total = AmountFormField(label="A budget of", required=False, minimum=Decimal(0))
    currency = forms.ChoiceField(label="Currency", required=False)
    category = forms.ChoiceField(label="with a line in", required=False)
    line_amount = AmountFormField(label="that costs", required=False, minimum=Decimal(0))

    def __init__(self, *args: Any, categories: list[Category], currency: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["currency"].choices = currency_choices()  # type: ignore[attr-defined]
        self.fields["category"].choices = [  # type: ignore[attr-defined]
            ("", "any category"),
            *((str(category.pk), category.name) for category in categories),
        ]
        self.initial["currency"] = currency
        chosen = self["currency"].value()
        for name in ("total", "line_amount"):
            self.fields[name].currency = chosen if is_currency(chosen) else currency  # type: ignore[attr-defined]


def _values(rule: ApprovalRule) -> dict[str, Any]:
    return {
        "subject": rule.subject,
        "above_amount": rule.above_amount or None,
        "currency": rule.currency,
        "category": str(rule.category_id) if rule.category_id else "",
        "role": rule.role,
        "stage": str(rule.stage),
    }
