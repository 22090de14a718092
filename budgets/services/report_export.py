"""A report of a scoped budget as a file: its groups, or who spent most."""

from collections.abc import Iterable
from decimal import Decimal

from django.db.models import TextChoices

from budgets.selectors.report_groups import Grouping
from budgets.selectors.scoped_reports import Others, ScopedReport
from budgets.services.plan_export import CONTENT_TYPES, PlanFile, PlanFormat, plan_filename
from budgetsite.sheets.columns import Amount, Column, Date, Integer, Number, Text
from budgetsite.sheets.writing import write_csv, write_xlsx


class ReportTable(TextChoices):
    GROUPS = "groups", "Groups"
    SPENDERS = "spenders", "Top spenders"


def export_report(report: ScopedReport, *, table: ReportTable, file_format: PlanFormat) -> PlanFile:
    """Return one table of a report as a file, its amounts with all their decimals and the currency beside them.

    Text that a spreadsheet program would run as a formula gets an apostrophe in front.
    """
    amount = Amount(report.budget.currency, of_usage=True)
    columns = [
        *_NAMES[table](report.grouping),
        Column("total", amount, label="Spent"),
        *([Column("committed_amount", amount, label="Promised")] if table == ReportTable.GROUPS else []),
        Column("count", Integer(), label="Entries"),
        Column("share_percentage", Number(2, Decimal(0), Decimal(100)), label="Share in percent"),
        Column("currency", Text(), label="Currency"),
    ]
    rows = [row | {"currency": report.budget.currency} for row in _ROWS[table](report)]
    if file_format == PlanFormat.CSV:
        content, charset = write_csv(columns, rows), "; charset=utf-8"
    else:
        content, charset = write_xlsx(columns, rows, title=table.label), ""
    name = f"{report.budget.name} {table.label.lower()} {report.range.first_day} {report.range.last_day}"
    return PlanFile(
        filename=f"{plan_filename(name)}.{file_format.value}",
        content_type=CONTENT_TYPES[file_format] + charset,
        content=content,
    )


def _group_names(grouping: Grouping) -> list[Column]:
    days = [Column("first_day", Date(), label="From"), Column("last_day", Date(), label="Until")]
    return [
        Column("label", Text(), label="Group"),
        *(days if grouping.is_time else [Column("key", Text(), label="Key")]),
    ]


def _group_rows(report: ScopedReport) -> Iterable[dict[str, object]]:
    for group in report.groups:
        yield {
            "key": group.key,
            "label": group.label,
            "first_day": group.first_day,
            "last_day": group.last_day,
            "total": group.actual,
            "committed_amount": group.committed,
            "count": group.entries,
            "share_percentage": group.share,
        }
    yield from _others(report.others)


def _spender_names(grouping: Grouping) -> list[Column]:
    return [Column("label", Text(), label="Spender"), Column("kind", Text(), label="Kind")]


def _spender_rows(report: ScopedReport) -> Iterable[dict[str, object]]:
    for one in report.spenders:
        yield {
            "label": one.name,
            "kind": "Machine" if one.machine else "Person",
            "total": one.actual,
            "count": one.entries,
            "share_percentage": one.share,
        }
    yield from _others(report.other_spenders)


def _others(others: Others | None) -> Iterable[dict[str, object]]:
    if others is not None:
        yield {
            "label": f"{others.groups} others",
            "total": others.actual,
            "committed_amount": others.committed,
            "count": others.entries,
            "share_percentage": others.share,
        }


_NAMES = {ReportTable.GROUPS: _group_names, ReportTable.SPENDERS: _spender_names}
_ROWS = {ReportTable.GROUPS: _group_rows, ReportTable.SPENDERS: _spender_rows}
