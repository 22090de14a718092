"""Reports of a scoped budget: what counted in it within some days, put together by what is asked for."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.http import require_safe

from budgets.forms.scoped_report import GROUP_WORDS, OWN_DAYS, OWN_METADATA, OWN_TAG, ReportForm
from budgets.selectors.report_groups import GroupBy, Grouping
from budgets.selectors.report_range import Range, RangeProblem
from budgets.selectors.report_rows import entries_behind, entries_of_spender
from budgets.selectors.scoped_reports import Group, ScopedReport, Spender, label_of, scoped_report
from budgets.services.plan_export import PlanFormat
from budgets.services.report_export import ReportTable, export_report
from budgets.views.scoped_page import ScopedPage, scoped_context, scoped_page_or_404
from budgetsite.money.ratios import HUNDRED
from budgetsite.pages.access import PageRequest, page
from budgetsite.pages.amounts import format_usage_total
from budgetsite.pages.downloads import download
from budgetsite.pages.figures import COUNT, PERCENTAGE, USAGE, Cell, Column, Table
from budgetsite.pages.keyset import keyset_page
from budgetsite.tenancy.scope import deleted_rows_visible

ROWS_PER_PAGE = 50
# What an address says of a group that has no key.
NO_KEY = "none"


@page("scoped_budgets.view")
@require_safe
def company_report(request: PageRequest, budget_id: UUID) -> HttpResponse:
    """The report, or one of its tables as the file that `?table=…&format=…` asks for."""
    shown = scoped_page_or_404(budget_id)
    form = _form(request, shown)
    report = _report(shown, form)
    wanted = request.GET.get("format", "")
    if wanted:
        return _file(report, request.GET.get("table", ""), wanted)
    context = scoped_context(request, shown, current="company_report") | {"form": form, "report": report}
    if report is not None:
        links = _Links(form, report)
        context |= {
            "days_words": days_in_words(report.range),
            "group_words": group_in_words(report.grouping),
            "groups": links.groups(),
            "spenders": links.spenders(),
            "chart": _chart(report),
            "file_query": urlencode(links.query),
            "all_url": links.to_rows(any="1"),
        }
    return render(request, "budgets/company/report.html", context, status=200 if form.is_valid() else 422)


@page("scoped_budgets.view")
@require_safe
def company_report_rows(request: PageRequest, budget_id: UUID) -> HttpResponse:
    """The entries behind one of the report's figures."""
    shown = scoped_page_or_404(budget_id)
    form = _form(request, shown)
    if not form.is_valid() or form.days is None or form.grouping is None:
        raise Http404
    entries, what = _behind(request, shown, form.days, form.grouping)
    with deleted_rows_visible():
        found = keyset_page(request, entries, by="occurred_at", size=ROWS_PER_PAGE)
    context = scoped_context(request, shown, current="company_report") | {
        "rows": found.rows,
        "newer_url": found.newer_url,
        "older_url": found.older_url,
        "what": what,
        "days_words": days_in_words(form.days),
        "report_url": f"{reverse('budgets:company_report', args=[budget_id])}?{urlencode(_query(form))}",
    }
    return render(request, "budgets/company/report_rows.html", context)


def days_in_words(days: Range) -> str:
    first, last = (date_format(day, "j F Y") for day in (days.first_day, days.last_day))
    return first if first == last else f"{first} to {last}"


def group_in_words(grouping: Grouping) -> str:
    if grouping.metadata_key is not None:
        return grouping.metadata_key
    if grouping.tag_key is not None:
        return f"Tag {grouping.tag_key}"
    return GROUP_WORDS[GroupBy(grouping.name)]


def _form(request: PageRequest, shown: ScopedPage) -> ReportForm:
    return ReportForm(request.GET.dict(), budget=shown.budget, now=timezone.now())


def _report(shown: ScopedPage, form: ReportForm) -> ScopedReport | None:
    if not form.is_valid() or form.days is None or form.grouping is None:
        return None
    try:
        return scoped_report(shown.budget, days=form.days, grouping=form.grouping, now=form.now)
    except RangeProblem as problem:
        form.add_error(problem.field, str(problem))
        return None


def _file(report: ScopedReport | None, table: str, file_format: str) -> HttpResponse:
    if report is None or table not in ReportTable.values or file_format not in PlanFormat.values:
        raise Http404
    file = export_report(report, table=ReportTable(table), file_format=PlanFormat(file_format))
    return download(file.content, filename=file.filename, content_type=file.content_type)


def _query(form: ReportForm) -> dict[str, str]:
    """Return what an address says to ask the same again."""
    said = {name: str(form.data.get(name, "")) for name in ("time_range", "start_date", "end_date", "group_by", "key")}
    if said["time_range"] != OWN_DAYS:
        said["start_date"] = said["end_date"] = ""
    if said["group_by"] not in (OWN_METADATA, OWN_TAG):
        said["key"] = ""
    return {name: value for name, value in said.items() if value}


def _behind(request: PageRequest, shown: ScopedPage, days: Range, grouping: Grouping) -> tuple[Any, str]:
    """Return the entries that the address asks for, and what they are in words."""
    asked = request.GET
    if asked.get("by") == "spender":
        machine, actor_id = _text(asked.get("machine", "")), _uuid(asked.get("person", ""))
        entries = entries_of_spender(shown.budget, days=days, machine=machine, actor_id=actor_id)
        return entries, "by one of the spenders"
    any_key = "any" in asked
    key = None if NO_KEY in asked else _text(asked.get("value", ""))
    entries = entries_behind(shown.budget, days=days, grouping=grouping, key=key, any_key=any_key)
    if any_key or grouping.is_time:
        return entries, ""
    words = asked.get("label", "") or label_of(grouping, key)
    return entries, f"{group_in_words(grouping).lower()}: {words}"


def _text(said: str) -> str:
    """Return a text as PostgreSQL could hold it: no address that this page has made says anything else."""
    return said.replace("\x00", "")


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


class _Links:
    """A report's tables, each figure leading to its entries."""

    def __init__(self, form: ReportForm, report: ScopedReport) -> None:
        self.report = report
        self.query = _query(form)
        self.address = reverse("budgets:company_report_rows", args=[report.budget.id])

    def to_rows(self, **more: str) -> str:
        return f"{self.address}?{urlencode(self.query | more)}"

    def groups(self) -> Table:
        report = self.report
        others = report.others
        rest = []
        if others is not None:
            name = f"{others.groups} others"
            rest.append(
                [Cell(name), Cell(others.actual), Cell(others.committed), Cell(others.entries), Cell(others.share)]
            )
        url = self.to_rows(any="1")
        return Table(
            name=ReportTable.GROUPS,
            title=f"By {group_in_words(report.grouping).lower()}",
            currency=report.budget.currency,
            columns=[
                Column("label", group_in_words(report.grouping)),
                Column("total", "Spent", USAGE),
                Column("committed_amount", "Promised", USAGE),
                Column("count", "Entries", COUNT),
                Column("share_percentage", "Share", PERCENTAGE),
            ],
            # A stretch of time in which nothing moved is seen in the picture.
            rows=[*(self._group(group) for group in report.groups if group.entries), *rest],
            total=[
                Cell("Together"),
                Cell(report.actual, url),
                Cell(report.committed, url),
                Cell(report.entries, url),
                # Of whatever they are, the shares are rounded so that they are all of it.
                Cell(HUNDRED if any(group.share for group in report.groups) else None),
            ],
        )

    def spenders(self) -> Table:
        report = self.report
        others = report.other_spenders
        rest = []
        if others is not None:
            rest.append(
                [Cell(f"{others.groups} others"), Cell(others.actual), Cell(others.entries), Cell(others.share)]
            )
        return Table(
            name=ReportTable.SPENDERS,
            title="Who spent most",
            currency=report.budget.currency,
            columns=[
                Column("label", "Who recorded it"),
                Column("total", "Spent", USAGE),
                Column("count", "Entries", COUNT),
                Column("share_percentage", "Share", PERCENTAGE),
            ],
            rows=[*(self._spender(one) for one in report.spenders), *rest],
        )

    def _group(self, group: Group) -> list[Cell]:
        url = self._to_group(group)
        return [
            Cell(group.label),
            Cell(group.actual, url),
            Cell(group.committed, url),
            Cell(group.entries, url),
            Cell(group.share, bar=_bar(group.share)),
        ]

    def _to_group(self, group: Group) -> str:
        if group.first_day is not None and group.last_day is not None:
            days = {"start_date": group.first_day.isoformat(), "end_date": group.last_day.isoformat()}
            return self.to_rows(time_range=OWN_DAYS, any="1", **days)
        if group.key is None:
            return self.to_rows(**{NO_KEY: "1"})
        named = {} if group.label == group.key else {"label": group.label}
        return self.to_rows(value=group.key, **named)

    def _spender(self, one: Spender) -> list[Cell]:
        url = self.to_rows(by="spender", machine=one.machine, person=str(one.actor_id or ""))
        note = "Machine" if one.machine else ""
        return [
            Cell(one.name, note=note),
            Cell(one.actual, url),
            Cell(one.entries, url),
            Cell(one.share, bar=_bar(one.share)),
        ]


def _bar(share: Any) -> dict[str, Any] | None:
    return None if share is None else {"share": share, "typical": None, "scale": 100}


def _chart(report: ScopedReport) -> dict[str, Any] | None:
    """Return the columns of a report by time, and what they say to who cannot see them; None for others."""
    if not report.grouping.is_time or not report.entries:
        return None
    pattern = "M" if report.grouping.name == GroupBy.MONTH else "j M"
    highest = max(report.groups, key=lambda group: group.actual)
    most = f"{format_usage_total(highest.actual, report.budget.currency)} {report.budget.currency}"
    return {
        "columns": [
            (date_format(group.first_day or report.range.first_day, pattern), group.actual) for group in report.groups
        ],
        "words": f"From {days_in_words(report.range)}. Most was spent: {highest.label}, {most}.",
    }
