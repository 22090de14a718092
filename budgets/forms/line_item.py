from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms

from budgets.forms.quantity import QuantityFormField
from budgets.models import BudgetLineItem, Category, EventBudget, LineKind, PlanDriver
from budgets.selectors.line_changes import planned_values
from budgets.services.pricing import priced_amount
from budgets.services.texts import plain_breaks
from budgetsite.money.amounts import InvalidAmount
from budgetsite.money.form_fields import AmountFormField
from budgetsite.pages.amounts import format_quantity

ZERO = Decimal(0)
TEXT_FIELDS = ("name", "category", "section", "description", "notes")
PRICE_FIELDS = ("quantity", "driver", "unit_price")
PLAN_FIELDS = (*TEXT_FIELDS, "budgeted_amount", *PRICE_FIELDS)


class LineItemForm(forms.Form):
    """One line of a budget: an amount, or a quantity times a unit price. Without `plan_open` its actual amount alone.

    `version` says which state of the line its reader saw, `actual_read` which actual: spending does not change the
    version, and an actual that nobody touched is not sent.
    """

    name = forms.CharField(max_length=200, label="Line", error_messages={"required": "Name the line."})
    category = forms.ChoiceField(label="Category", error_messages={"required": "Choose a category."})
    section = forms.CharField(max_length=200, label="Section", required=False)
    description = forms.CharField(
        label="Description", required=False, max_length=10000, widget=forms.Textarea(attrs={"rows": 2, "cols": 20})
    )
    budgeted_amount = AmountFormField(
        label="Budgeted", minimum=ZERO, error_messages={"required": "Say what is planned; it may be 0."}
    )
    quantity = QuantityFormField(label="How many", required=False)
    driver = forms.ChoiceField(label="or as many as", required=False)
    unit_price = AmountFormField(label="Price of one", required=False, minimum=ZERO)
    notes = forms.CharField(
        label="Notes", required=False, max_length=10000, widget=forms.Textarea(attrs={"rows": 2, "cols": 20})
    )
    actual_amount = AmountFormField(label="Actual", required=False)
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)
    actual_read = AmountFormField(widget=forms.HiddenInput, required=False)

    def __init__(
        self,
        *args: Any,
        budget: EventBudget,
        categories: Sequence[Category],
        drivers: Sequence[PlanDriver] = (),
        line: BudgetLineItem | None = None,
        kind: str = LineKind.COST,
        plan_open: bool = True,
        **kwargs: Any,
    ) -> None:
        self.budget, self.line, self.drivers = budget, line, {str(driver.pk): driver for driver in drivers}
        self.kind = line.kind if line is not None else kind
        kwargs.setdefault("auto_id", f"line-{line.pk if line else 'new'}-%s")
        if line is not None:
            kwargs["initial"] = line_values(line) | {
                "version": line.version,
                "actual_read": line.actual_amount,
                **kwargs.get("initial", {}),
            }
        super().__init__(*args, **kwargs)
        for name in ("budgeted_amount", "unit_price", "actual_amount", "actual_read"):
            self.fields[name].currency = budget.currency  # type: ignore[attr-defined]
        self.fields["category"].choices = [  # type: ignore[attr-defined]
            (str(category.pk), category.name) for category in categories
        ]
        self.fields["driver"].choices = [("", "the number beside")] + [  # type: ignore[attr-defined]
            (key, f"{driver.name} ({format_quantity(driver.quantity)})") for key, driver in self.drivers.items()
        ]
        # The options' own names, whatever else their labels say.
        self.choice_names = {str(one.pk): str(one) for one in (*categories, *drivers)}
        if not drivers:
            del self.fields["driver"]
        if self.kind == LineKind.INCOME:
            self.fields["budgeted_amount"].label = "Expected"
            self.fields["budgeted_amount"].error_messages["required"] = "Say what is expected; it may be 0."
            self.fields["actual_amount"].label = "Received"
        if not plan_open:
            for name in PLAN_FIELDS:
                self.fields.pop(name, None)
        elif self.is_priced:
            self.fields["budgeted_amount"].required = False

    @property
    def is_priced(self) -> bool:
        """Whether the line, as it was typed, is a quantity times a unit price."""
        if not self.is_bound:
            return self.line is not None and self.line.unit_price is not None
        return any(self.data.get(self.add_prefix(name), "").strip() for name in PRICE_FIELDS)

    @property
    def opens_price(self) -> bool:
        """Whether the fields of the price are worth showing at once."""
        return self.is_priced or any(name in self.errors for name in PRICE_FIELDS)

    def clean_notes(self) -> str:
        """As they are stored: compared with that when somebody else has changed the line meanwhile."""
        return plain_breaks(self.cleaned_data["notes"])

    def clean_driver(self) -> PlanDriver | None:
        return self.drivers.get(self.cleaned_data["driver"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "unit_price" not in self.fields or not self.is_priced or any(name in self.errors for name in PRICE_FIELDS):
            return cleaned
        driver = cleaned.get("driver")
        quantity = driver.quantity if driver is not None else cleaned["quantity"]
        if quantity is None:
            self.add_error("quantity", "Say how many, or empty the price to write an amount.")
        elif cleaned["unit_price"] is None:
            self.add_error("unit_price", "Say what one costs, or empty the quantity to write an amount.")
        else:
            self._check_amount(quantity, cleaned["unit_price"], cleaned.get("budgeted_amount"))
        return cleaned

    def _check_amount(self, quantity: Decimal, unit_price: Decimal, typed: Decimal | None) -> None:
        """Refuse an amount that was typed beside a price and is not what the price comes to."""
        transferred = self.line.transferred_amount if self.line is not None else ZERO
        try:
            product = priced_amount(quantity, unit_price, self.budget.currency, transferred=transferred)
        except InvalidAmount as error:
            self.add_error("unit_price", error.message)
            return
        read = self.line.budgeted_amount if self.line is not None else None
        if typed is not None and typed not in (read, product):
            self.add_error(
                "budgeted_amount",
                "This line is quantity × price. Change these, or empty them to write an amount.",
            )

    def line_fields(self) -> dict[str, Any]:
        """Return what the line items' services are given: the plan, and the actual where it was changed."""
        fields = {name: self.cleaned_data[name] for name in TEXT_FIELDS if name in self.cleaned_data}
        if "unit_price" in self.fields:
            fields |= self._amount_fields()
        if self.changes_actual:
            fields["actual_amount"] = self.cleaned_data["actual_amount"]
        return fields

    @property
    def changes_actual(self) -> bool:
        typed, read = self.cleaned_data.get("actual_amount"), self.cleaned_data.get("actual_read")
        return typed is not None and typed != read

    def _amount_fields(self) -> dict[str, Any]:
        if not self.is_priced:
            return {
                "budgeted_amount": self.cleaned_data["budgeted_amount"],
                "driver_id": None,
                "quantity": None,
                "unit_price": None,
            }
        driver = self.cleaned_data.get("driver")
        return {
            "driver_id": driver.pk if driver is not None else None,
            "quantity": driver.quantity if driver is not None else self.cleaned_data["quantity"],
            "unit_price": self.cleaned_data["unit_price"],
        }


def line_values(line: BudgetLineItem) -> dict[str, Any]:
    """Return a line as the form's values."""
    return planned_values(line) | {"actual_amount": line.actual_amount}
