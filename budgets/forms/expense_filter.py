from collections.abc import Iterable
from uuid import UUID

from django import forms

from budgets.models import Category, PaymentStatus, Vendor
from budgets.selectors.expense_list import WAITING, ExpenseFilter
from events.models import Event

STAGES = [
    ("", "Any"),
    ("planned", "Planned"),
    ("committed", "Committed"),
    ("invoiced", "Invoiced"),
    (WAITING, "Waiting for approval"),
    ("cancelled", "Cancelled"),
]
PAYMENTS = [
    ("", "Any"),
    (PaymentStatus.OVERDUE, "Overdue"),
    (PaymentStatus.PENDING, "Billed, not paid"),
    (PaymentStatus.PARTIAL, "Partly paid"),
    (PaymentStatus.PAID, "Paid"),
]


class ExpenseFilterForm(forms.Form):
    """What narrows a list of expenses; whatever cannot be read narrows nothing."""

    search = forms.CharField(required=False, max_length=200, label="Find", widget=forms.SearchInput())
    event = forms.ChoiceField(required=False, label="Event")
    stage = forms.ChoiceField(required=False, label="Stage", choices=STAGES)
    payment = forms.ChoiceField(required=False, label="Payment", choices=PAYMENTS)
    category = forms.ChoiceField(required=False, label="Category")
    vendor = forms.ChoiceField(required=False, label="Vendor")
    # The lines of a budget lead here.
    line = forms.UUIDField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        data: object,
        *,
        categories: Iterable[Category],
        vendors: Iterable[Vendor],
        events: Iterable[Event] | None = None,
        for_team: bool = True,
    ) -> None:
        super().__init__(data, auto_id="filter-%s")  # type: ignore[arg-type]
        if events is None:
            del self.fields["event"]
        else:
            self._offer("event", events)
        self._offer("category", categories)
        if for_team:
            self._offer("vendor", vendors)
        else:
            del self.fields["vendor"]

    def wanted(self) -> ExpenseFilter:
        self.is_valid()
        values = self.cleaned_data

        def pk(name: str) -> UUID | None:
            return UUID(values[name]) if values.get(name) else None

        return ExpenseFilter(
            event_id=pk("event"),
            category_id=pk("category"),
            vendor_id=pk("vendor"),
            line_item_id=values.get("line"),
            stage=values.get("stage", ""),
            payment_status=values.get("payment", ""),
            search=values.get("search", "").strip(),
        )

    def _offer(self, name: str, rows: Iterable[Category] | Iterable[Vendor] | Iterable[Event]) -> None:
        self.fields[name].choices = [("", "Any"), *((str(row.pk), row.name) for row in rows)]  # type: ignore[attr-defined]
