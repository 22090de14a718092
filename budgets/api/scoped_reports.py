"""`/budgets/{id}/reports`: what counts in a scoped budget, put together by what is asked for."""

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api.answers.percentages import percentage
from budgets.api.scoped_answers import usage_writer
from budgets.api.scoped_inputs import DayField, UsageAmountField, choice
from budgets.api.scoped_views import ScopedViewSet
from budgets.selectors.report_groups import (
    LONGEST_KEY,
    METADATA,
    GroupBy,
    Grouping,
    UnknownGrouping,
    read_grouping,
    usual_grouping,
)
from budgets.selectors.report_range import Range, RangeProblem, TimeRange, days_between, named_range
from budgets.selectors.scoped_reports import Group, Others, ScopedReport, Spender, scoped_report
from budgets.services.plan_export import CONTENT_TYPES, PlanFormat
from budgets.services.report_export import ReportTable, export_report
from budgets.services.windows import HasCalendar, OutsideCalendar
from budgetsite.api.refusals import field_refusal
from budgetsite.api.schema import ErrorAnswerSerializer
from budgetsite.money.api_fields import PercentageField
from budgetsite.pages.downloads import download

_JSON = "json"
_FILE = OpenApiResponse(OpenApiTypes.BINARY, "The file.")


class ReportQuery(serializers.Serializer):
    time_range = choice(
        TimeRange, "time range", required=False, help_text="Left out, this window; not together with dates."
    )
    start_date = DayField(required=False, help_text="The first day, where the budget is.")
    end_date = DayField(required=False, help_text="The last day, included; left out, today.")
    group_by = serializers.CharField(
        required=False,
        max_length=LONGEST_KEY + len(METADATA),
        help_text=f"{', '.join(GroupBy)}, `tag:<key>`, or a key of the usage's metadata: its name, or "
        "`metadata:<name>` where that is one of these words. Left out: day, week or month, as long as the range is.",
    )
    format = choice(
        [(_JSON, "JSON"), *PlanFormat.choices], "format", required=False, help_text="`csv` and `xlsx` answer a file."
    )
    table = choice(ReportTable, "table", required=False, help_text="Which one a file holds; left out, the groups.")


class ReportGroupAnswer(serializers.Serializer):
    key = serializers.CharField(
        allow_null=True, help_text="The first day of a stretch of time, an id, a value; null: nothing to group by."
    )
    label = serializers.CharField()  # type: ignore[assignment]
    total = UsageAmountField(help_text="What was spent.")
    committed_amount = UsageAmountField(help_text="What was promised, less what was released or settled.")
    count = serializers.IntegerField(help_text="How many entries.")
    share_percentage = PercentageField(
        allow_null=True,
        help_text="Of what all groups above zero spent; with the others' these add up to 100.00. Null where no more "
        "was spent than came back.",
    )
    first_day = serializers.DateField(allow_null=True, help_text="Of a stretch of time, within the range.")
    last_day = serializers.DateField(allow_null=True)


class ReportOthersAnswer(serializers.Serializer):
    groups_count = serializers.IntegerField(help_text="How many are summed up here.")
    total = UsageAmountField()
    committed_amount = UsageAmountField()
    count = serializers.IntegerField()
    share_percentage = PercentageField(allow_null=True)


class ReportSpenderAnswer(serializers.Serializer):
    kind = serializers.ChoiceField(choices=[("person", "Person"), ("machine", "Machine"), ("site", "The site")])
    user_id = serializers.UUIDField(allow_null=True)
    name = serializers.CharField()
    total = UsageAmountField()
    count = serializers.IntegerField()
    share_percentage = PercentageField(allow_null=True)


class ScopedReportAnswer(serializers.Serializer):
    budget_id = serializers.UUIDField()
    name = serializers.CharField()
    currency = serializers.CharField()
    timezone = serializers.CharField()
    time_range = serializers.CharField(help_text="Empty for dates.", allow_blank=True)
    start_date = serializers.DateField()
    end_date = serializers.DateField(help_text="The last day.")
    range_start = serializers.DateTimeField()
    range_end = serializers.DateTimeField(help_text="Exclusive.")
    group_by = serializers.CharField()
    total = UsageAmountField(help_text="Of this window, the status' current_amount.")
    committed_amount = UsageAmountField(help_text="Reservations included, as in the status.")
    reserved_amount = UsageAmountField()
    count = serializers.IntegerField()
    groups = ReportGroupAnswer(many=True, help_text="Stretches of time in their order, others by total.")
    others = ReportOthersAnswer(allow_null=True, help_text="The groups beyond the hundred largest.")
    top_spenders = ReportSpenderAnswer(many=True, help_text="At most ten.")
    other_spenders = ReportOthersAnswer(allow_null=True)


class ScopedReportViewSet(ScopedViewSet):
    actions = {"retrieve": "scoped_budgets.view"}
    filterset_class = None
    pagination_class = None

    @extend_schema(
        summary="Report what counts in a scoped budget",
        parameters=[ReportQuery],
        responses={
            200: ScopedReportAnswer,
            (200, CONTENT_TYPES[PlanFormat.CSV]): _FILE,
            (200, CONTENT_TYPES[PlanFormat.XLSX]): _FILE,
            400: ErrorAnswerSerializer,
        },
    )
    def retrieve(self, request: Request, scoped_budget_id: UUID) -> HttpResponse:
        """Its own usage, that of the budgets below it, and what event budgets post that any of these fund.

        Days are those of the budget's time zone, weeks begin on Monday. A scope (`user`, `team`, `project`,
        `organization`) and a tag are those of the budget that was spent from, or of the nearest above that has one.
        """
        budget = self.find(scoped_budget_id)
        query = ReportQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        wanted = query.validated_data
        now = timezone.now()
        try:
            days = _days(budget, wanted, now)
            report = scoped_report(budget, days=days, grouping=_grouping(wanted, days), now=now)
        except RangeProblem as problem:
            raise field_refusal(problem.field, problem.code, str(problem)) from problem
        except UnknownGrouping as problem:
            raise field_refusal("group_by", "invalid", str(problem)) from problem
        file_format = wanted.get("format", _JSON)
        if file_format == _JSON:
            return Response(report_answer(report))
        file = export_report(
            report,
            table=ReportTable(wanted.get("table", ReportTable.GROUPS)),
            file_format=PlanFormat(file_format),
        )
        return download(file.content, filename=file.filename, content_type=file.content_type)


def _days(budget: HasCalendar, wanted: dict[str, Any], now: Any) -> Range:
    dates = wanted.get("start_date"), wanted.get("end_date")
    if dates != (None, None):
        if "time_range" in wanted:
            raise RangeProblem("time_range", "invalid", "Send either a time range or dates.")
        return days_between(budget, *dates, now=now)
    try:
        return named_range(budget, TimeRange(wanted.get("time_range", TimeRange.THIS_WINDOW)), now=now)
    except OutsideCalendar as error:
        raise RangeProblem("time_range", "out_of_range", "The calendar has no such window.") from error


def _grouping(wanted: dict[str, Any], days: Range) -> Grouping:
    if wanted.get("group_by"):
        return read_grouping(wanted["group_by"])
    return usual_grouping(days.days)


def report_answer(report: ScopedReport) -> dict[str, Any]:
    usage = usage_writer(report.budget.currency)

    def figures(one: Group | Others | Spender) -> dict[str, Any]:
        return {"total": usage(one.actual), "count": one.entries, "share_percentage": percentage(one.share)}

    def others(found: Others | None) -> dict[str, Any] | None:
        if found is None:
            return None
        return {"groups_count": found.groups, **figures(found), "committed_amount": usage(found.committed)}

    return {
        "budget_id": str(report.budget.id),
        "name": report.budget.name,
        "currency": report.budget.currency,
        "timezone": report.budget.timezone,
        "time_range": report.range.name,
        "start_date": report.range.first_day,
        "end_date": report.range.last_day,
        "range_start": report.range.start,
        "range_end": report.range.end,
        "group_by": report.grouping.name,
        "total": usage(report.actual),
        "committed_amount": usage(report.promised),
        "reserved_amount": usage(report.reserved),
        "count": report.entries,
        "groups": [
            {
                "key": group.key,
                "label": group.label,
                **figures(group),
                "committed_amount": usage(group.committed),
                "first_day": group.first_day,
                "last_day": group.last_day,
            }
            for group in report.groups
        ],
        "others": others(report.others),
        "top_spenders": [
            {
                "kind": "machine" if one.machine else "person" if one.actor_id else "site",
                "user_id": one.actor_id,
                "name": one.name,
                **figures(one),
            }
            for one in report.spenders
        ],
        "other_spenders": others(report.other_spenders),
    }
