from typing import Any

from django import forms

from budgets.forms.expense import day_field
from budgets.models import ExchangeRate
from budgets.services.exchange_rate_table import OnExistingRate
from budgetsite.money.currencies import currency_choices


class RateForm(forms.Form):
    """What one unit of a currency is worth in another, from a day on."""

    base_currency = forms.ChoiceField(label="One")
    quote_currency = forms.ChoiceField(label="is worth, in")
    rate = forms.DecimalField(
        label="so much",
        max_digits=18,
        decimal_places=8,
        error_messages={"required": "Write the rate, such as 1.0842.", "invalid": "Write a number, such as 1.0842."},
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )
    on_date = day_field("From", required=True)
    source = forms.CharField(
        label="Where it was read", required=False, max_length=200, help_text="A bank, a paper, a contract."
    )

    def __init__(self, *args: Any, currency: str, rate: ExchangeRate | None = None, **kwargs: Any) -> None:
        if rate is not None:
            kwargs["initial"] = {
                "base_currency": rate.base_currency,
                "quote_currency": rate.quote_currency,
                "rate": format(rate.rate.normalize(), "f"),
                "on_date": rate.on_date,
                "source": rate.source,
            }
        else:
            kwargs["initial"] = {"quote_currency": currency} | kwargs.get("initial", {})
        super().__init__(*args, **kwargs)
        for name in ("base_currency", "quote_currency"):
            self.fields[name].choices = [("", "Choose"), *currency_choices()]  # type: ignore[attr-defined]
            self.fields[name].error_messages["required"] = "Choose a currency."


class RateImportForm(forms.Form):
    file = forms.FileField(
        label="File",
        help_text=(
            "A CSV or Excel (XLSX) file. The first row names the columns: currency, to, date and rate are needed; "
            "source is read too."
        ),
        error_messages={"required": "Choose the file with the rates."},
    )
    on_existing = forms.ChoiceField(
        label="Days that have a rate already", required=False, choices=OnExistingRate.choices
    )
    decimal_mark = forms.ChoiceField(
        label="Rates are written",
        required=False,
        choices=[("", "Find out from the file"), (".", "1.0842, with a point"), (",", "1,0842, with a comma")],
    )

    def __init__(self, *args: Any, kept_file: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["file"].required = not kept_file
