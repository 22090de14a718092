"""A template with its lines, as one form. Rows are added, moved and taken out on the page; saving writes them all."""

from datetime import datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from django import forms
from django.utils.datastructures import MultiValueDict

from budgets.models import BudgetTemplate, Category, LineKind, TemplateBasis, TemplateLine
from budgets.services.template import MAX_LINES
from budgetsite.money.amounts import format_amount
from budgetsite.money.currencies import currency_choices
from budgetsite.money.form_fields import AmountFormField

PREFIX = "lines"
BASIS_CHOICES = [
    (TemplateBasis.AMOUNT, "An amount"),
    (TemplateBasis.SHARE, "% of the total"),
    (TemplateBasis.PER_HEAD, "Per guest"),
]


class TemplateForm(forms.Form):
    """The template itself. `read_at` says which state of it the writer saw."""

    name = forms.CharField(max_length=200, label="Name", error_messages={"required": "Name the template."})
    description = forms.CharField(
        max_length=10000, required=False, label="What it is for", widget=forms.Textarea(attrs={"rows": 2})
    )
    currency = forms.ChoiceField(
        label="Currency",
        required=False,
        help_text="Of its amounts. Shares of the total need none, and suit an event in any currency.",
    )
    read_at = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, template: BudgetTemplate | None = None, **kwargs: Any) -> None:
        if template is not None:
            kwargs["initial"] = {
                "name": template.name,
                "description": template.description,
                "currency": template.currency,
                "read_at": template.updated_at.isoformat(),
                **kwargs.get("initial", {}),
            }
        super().__init__(*args, **kwargs)
        choices = [("", "None: shares alone"), *currency_choices()]
        self.fields["currency"].choices = choices  # type: ignore[attr-defined]

    def clean_read_at(self) -> datetime | None:
        try:
            return datetime.fromisoformat(self.cleaned_data["read_at"])
        except ValueError:
            return None


class TemplateLineForm(forms.Form):
    """One line. A row that nobody has filled in is passed over."""

    id = forms.UUIDField(required=False, widget=forms.HiddenInput)
    name = forms.CharField(max_length=200, label="Line", error_messages={"required": "Name the line."})
    category = forms.ChoiceField(label="Category", error_messages={"required": "Choose a category."})
    basis = forms.ChoiceField(choices=BASIS_CHOICES, initial=TemplateBasis.AMOUNT, label="Planned as")
    value = AmountFormField(
        label="How much",
        minimum=Decimal(0),
        error_messages={
            "required": "Say how much; it may be 0.",
            "too_many_decimals": "Write three decimals at most.",
        },
    )
    kind = forms.ChoiceField(choices=LineKind.choices, initial=LineKind.COST, label="Kind")
    section = forms.CharField(max_length=200, label="Section", required=False)
    description = forms.CharField(max_length=10000, label="Note", required=False)

    def __init__(self, *args: Any, categories: list[Category], currency: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["category"].choices = [  # type: ignore[attr-defined]
            ("", "Choose one"),
            *((str(category.pk), category.name) for category in categories),
        ]
        self.shows_more = any(self[name].value() for name in ("section", "description")) or (
            self["kind"].value() != LineKind.COST
        )

    def line_fields(self) -> dict[str, Any]:
        """Return what the template's service is given."""
        return {name: value for name, value in self.cleaned_data.items() if name != "id" or value}


class TemplateLineFormSet(forms.BaseFormSet):
    """All rows are alike: whatever the page has is what the template is to have."""

    def initial_form_count(self) -> int:
        return 0

    def total_form_count(self) -> int:
        if self.is_bound:
            return super().total_form_count()
        return len(self.initial or [])

    @property
    def filled(self) -> list[TemplateLineForm]:
        """The rows that somebody has filled in, in their order."""
        return [form for form in self.forms if form.has_changed()]


_FORMSET = forms.formset_factory(
    TemplateLineForm, formset=TemplateLineFormSet, extra=0, max_num=MAX_LINES, absolute_max=MAX_LINES, validate_max=True
)


def lines_formset(
    *, categories: list[Category], data: Any = None, rows: list[dict[str, Any]] | None = None
) -> TemplateLineFormSet:
    """Return the rows as they were sent (`data`), or as they are to be shown (`rows`)."""
    formset = _FORMSET(data, prefix=PREFIX, initial=rows, form_kwargs={"categories": categories})
    return cast(TemplateLineFormSet, formset)


def stored_rows(lines: list[TemplateLine], currency: str) -> list[dict[str, Any]]:
    """Return a template's lines as values of their forms."""
    return [
        {
            "id": line.pk,
            "name": line.name,
            "category": str(line.category_id),
            "basis": line.basis,
            "value": value_as_typed(line.basis, line.value, currency),
            "kind": line.kind,
            "section": line.section,
            "description": line.description,
        }
        for line in lines
    ]


def value_as_typed(basis: str, value: Decimal, currency: str) -> str:
    if basis != TemplateBasis.SHARE and currency:
        return format_amount(value, currency, "en")
    return format(value.normalize() if value else Decimal(0), "f")


def sent_rows(data: MultiValueDict[str, str]) -> list[dict[str, Any]]:
    """Return the rows of a page as they were typed, to be shown again in another order or number."""
    try:
        count = min(int(data.get(f"{PREFIX}-TOTAL_FORMS", "")), MAX_LINES)
    except ValueError:
        return []
    names = TemplateLineForm.base_fields
    return [{name: data.get(f"{PREFIX}-{place}-{name}", "") for name in names} for place in range(count)]


class SaveAsTemplateForm(forms.Form):
    """A budget's plan as a template: how its lines are kept, and single ones otherwise."""

    name = forms.CharField(max_length=200, label="Name", error_messages={"required": "Name the template."})
    description = forms.CharField(
        max_length=10000, required=False, label="What it is for", widget=forms.Textarea(attrs={"rows": 2})
    )
    basis = forms.ChoiceField(
        label="Keep the lines as",
        widget=forms.RadioSelect,
        initial=TemplateBasis.SHARE,
        choices=[
            (TemplateBasis.SHARE, "Shares of the total: for events of any size and currency"),
            (TemplateBasis.AMOUNT, "Amounts: for events like this one"),
            (TemplateBasis.PER_HEAD, "Amounts per guest: they grow with the guests"),
        ],
    )

    def __init__(self, *args: Any, lines: list[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.line_names: list[tuple[Any, str]] = []
        for line in lines:
            name = f"basis-{line.pk}"
            usual = "As an amount (income)" if line.is_income else "Like the others"
            self.fields[name] = forms.ChoiceField(
                label=line.name, required=False, choices=[("", usual), *BASIS_CHOICES]
            )
            self.line_names.append((line, name))

    @property
    def line_choices(self) -> list[tuple[Any, forms.BoundField]]:
        return [(line, self[name]) for line, name in self.line_names]

    @property
    def some_line_chosen(self) -> bool:
        return any(field.value() or field.errors for _, field in self.line_choices)

    def bases(self) -> dict[UUID, TemplateBasis]:
        """Return line id → how that one is kept, where it was chosen."""
        return {
            line.pk: TemplateBasis(self.cleaned_data[name]) for line, name in self.line_names if self.cleaned_data[name]
        }


class PreviewForm(forms.Form):
    """What a template would come to: for how much, and how many guests."""

    total = AmountFormField(label="With a total of", required=False, minimum=Decimal(0))
    guests = forms.IntegerField(
        label="and guests",
        required=False,
        min_value=0,
        max_value=10_000_000,
        error_messages={"invalid": "Write a whole number, such as 80.", "max_value": "10,000,000 at most."},
    )

    def __init__(self, *args: Any, currency: str, asks_for_guests: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["total"].currency = currency  # type: ignore[attr-defined]
        if not asks_for_guests:
            del self.fields["guests"]
            return
        self.fields["guests"].widget.attrs["inputmode"] = "numeric"
