"""What all pages of `/analytics` do: read what is asked, lead on with the same question, hand out their tables."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from budgets.forms.analytics import InquiryForm
from budgets.selectors.analytics.choices import choices
from budgets.selectors.analytics.inquiry import Inquiry, inquiry_at
from budgetsite.pages.access import PageRequest
from budgetsite.pages.downloads import download
from budgetsite.pages.figures import CONTENT_TYPES, Report, Table, write_table

TABS = (
    ("overview", "Overview"),
    ("trends", "Months"),
    ("categories", "Categories"),
    ("payments", "Payments"),
    ("clients", "Clients"),
    ("events", "Events"),
    ("accuracy", "Accuracy"),
    ("overspend", "Overspend"),
)

KEPT = ("what", "category", "event", "source", "due", "payment", "waiting")


@dataclass(frozen=True, slots=True)
class Asking:
    """An inquiry as a page has read it; `query` is what of it the address says."""

    request: PageRequest
    inquiry: Inquiry
    form: InquiryForm
    query: dict[str, str]

    def url(self, place: str, *args: object, **more: object) -> str:
        """Return the address of another page of analytics that asks the same, and `more`."""
        query = {**self.query, **{name: str(value) for name, value in more.items() if value not in (None, "")}}
        address = reverse(f"budgets:analytics_{place}", args=args)
        return f"{address}?{urlencode(query)}" if query else address

    def movements(self, **more: object) -> str:
        """Return the address of the ledger's entries behind a figure."""
        return self.url("movements", **more)

    def expenses(self, **more: object) -> str:
        """Return the address of the expenses behind a figure."""
        return self.url("expenses", **more)


def read_inquiry(request: PageRequest, *, days_label: str = "Events") -> Asking:
    """Return what the address asks for, over the events that this person may see."""

    def ask(**narrowing: Any) -> Inquiry:
        return inquiry_at(now, account=request.account, user_id=request.user.pk, role=request.role, **narrowing)

    now = timezone.now()
    form = InquiryForm(
        request.GET or None, choices=choices(ask()), currency=request.account.currency, days_label=days_label
    )
    inquiry = ask(**form.narrowing())
    said = {
        "currency": inquiry.currency if inquiry.currency != request.account.currency else "",
        "event_type": inquiry.event_type,
        "client": inquiry.client_id or "",
        "from": inquiry.first or "",
        "to": inquiry.last or "",
    }
    return Asking(request, inquiry, form, {name: str(value) for name, value in said.items() if value})


def answer_page(asking: Asking, template: str, report: Report, **context: Any) -> HttpResponse:
    """Show a page, or hand out one of its tables as the file that `?table=…&format=…` asks for."""
    wanted = asking.request.GET.get("format", "")
    if wanted:
        return _file(report, asking.request.GET.get("table", ""), wanted)
    shared = {
        "asking": asking,
        "form": asking.form,
        "inquiry": asking.inquiry,
        "currency": asking.inquiry.currency,
        "narrowed": bool(set(asking.query) - {"currency"}),
        # What a figure has led here for stays when the form narrows it further.
        "kept": {name: asking.request.GET[name] for name in KEPT if asking.request.GET.get(name)},
        "report": report,
        "tables": {table.name: table for table in report.tables},
        "tabs": _tabs(asking, report.name),
        "file_query": urlencode(asking.query),
    }
    return render(asking.request, f"budgets/analytics/{template}.html", shared | context)


def _file(report: Report, name: str, file_format: str) -> HttpResponse:
    table = report.table(name)
    if table is None or file_format not in CONTENT_TYPES:
        raise Http404
    return download(
        write_table(table, file_format),
        filename=f"{report.name} {table.name}.{file_format}" if report.name != table.name else f"{name}.{file_format}",
        content_type=CONTENT_TYPES[file_format],
    )


def _tabs(asking: Asking, current: str) -> list[dict[str, Any]]:
    return [{"label": label, "url": asking.url(place), "current": place == current} for place, label in TABS]


def budget_url(budget_id: UUID) -> str:
    return reverse("budgets:detail", args=[budget_id])


def report_of(name: str, *tables: Table) -> Report:
    return Report(name, tables)
