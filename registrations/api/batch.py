"""Many registrations at once: decided, exported, decided by a table; and who would no longer fit into less."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from budgetsite.api.errors import translate_problems
from budgetsite.api.refusals import field_refusal
from budgetsite.api.schema import ErrorAnswerSerializer
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.api_fields import MoneyField
from budgetsite.pages.downloads import download
from budgetsite.sheets.columns import Problem
from events.models import Event
from registrations.api import answers
from registrations.api.event_views import EventPartViewSet
from registrations.models import MOST_PLACES, EventRegistration, RegistrationStatus
from registrations.services.capacity_cut import Cut, cut_of_budget, cut_of_option, cut_of_slot
from registrations.services.decision import decide_many
from registrations.services.registration_export import (
    CONTENT_TYPES,
    EXPORTED_COLUMNS,
    SheetFormat,
    export_registrations,
)
from registrations.services.status_import import MOST_ROWS, StatusImportRefused, StatusReport, import_statuses

MOST_AT_ONCE = 500


class BulkInput(serializers.Serializer):
    ids = serializers.ListField(child=serializers.UUIDField(), min_length=1, max_length=MOST_AT_ONCE)
    status = serializers.ChoiceField(choices=RegistrationStatus.choices)
    reason = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")
    dry_run = serializers.BooleanField(
        required=False, default=False, help_text="Say what would become of each, and store nothing."
    )


class BulkResultAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    ok = serializers.BooleanField()
    error = serializers.CharField(allow_null=True)
    code = serializers.CharField(allow_null=True)
    conflicts = answers.TierAnswer(many=True)


class BulkAnswer(serializers.Serializer):
    dry_run = serializers.BooleanField()
    results = BulkResultAnswer(many=True)


class StatusImportInput(serializers.Serializer):
    file = serializers.FileField(allow_empty_file=True, help_text=f"CSV or XLSX, at most {MOST_ROWS:,} rows.")
    dry_run = serializers.BooleanField(required=False, default=False, help_text="Report and store nothing.")


class StatusRowAnswer(serializers.Serializer):
    row = serializers.IntegerField(help_text="The row's number in the spreadsheet.")
    registration_id = serializers.UUIDField()
    person = serializers.CharField()
    status_before = serializers.CharField()
    status = serializers.CharField()
    changes = serializers.BooleanField()


class StatusProblemAnswer(serializers.Serializer):
    attr = serializers.CharField(help_text="Such as `rows.7.status`.")
    row = serializers.IntegerField()
    column = serializers.CharField()
    value = serializers.CharField()
    code = serializers.CharField()
    detail = serializers.CharField()


class StatusReportAnswer(serializers.Serializer):
    """What a table changes. It goes through when `problems` is empty."""

    dry_run = serializers.BooleanField()
    can_import = serializers.BooleanField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    rows = StatusRowAnswer(many=True)
    problems = StatusProblemAnswer(many=True)
    ignored_columns = serializers.ListField(child=serializers.CharField())


class CapacityInput(serializers.Serializer):
    option_id = serializers.UUIDField(required=False)
    total_available = serializers.IntegerField(required=False, min_value=0, max_value=MOST_PLACES)
    slot_id = serializers.UUIDField(required=False)
    capacity = serializers.IntegerField(required=False, min_value=0, max_value=MOST_PLACES)
    event_budget_amount = MoneyField(minimum=Decimal(0), required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        asked = [{"option_id", "total_available"}, {"slot_id", "capacity"}, {"event_budget_amount"}]
        if attrs.keys() not in asked:
            message = "Send option_id and total_available, or slot_id and capacity, or event_budget_amount."
            raise serializers.ValidationError({"non_field_errors": ErrorDetail(message, code="required")})
        return attrs


class CutAnswer(serializers.Serializer):
    kind = serializers.ChoiceField(choices=["option", "slot", "budget"])
    taken = serializers.CharField(help_text="Places, or an amount: promised, spent and asked for.")
    wanted = serializers.CharField()
    short_by = serializers.CharField()
    offers = serializers.IntegerField(help_text="Of the places taken, those offered to the waitlist.")
    affected = serializers.IntegerField(help_text="How many registrations no longer fit.")
    blocked = serializers.BooleanField(help_text="Saving would be refused until enough of them are cancelled.")
    registrations = answers.RegistrationAnswer(many=True)


class BatchViewSet(EventPartViewSet):
    model = EventRegistration
    tags = ["registrations"]
    actions = {"bulk": "registrations.decide", "export": "registrations.decide", "preview": "options.change"}

    @extend_schema(summary="Decide many; each by itself", request=BulkInput, responses=BulkAnswer)
    def bulk(self, request: Request, event_id: UUID) -> Response:
        """One that is refused changes nothing and stops no other. `dry_run` says beforehand which will not fit."""
        event = self.find_event(event_id)
        values = self.read(BulkInput)
        outcomes = decide_many(
            event=event,
            registration_ids=values["ids"],
            wanted=values["status"],
            reason=values["reason"],
            dry_run=values["dry_run"],
            acting_user=self.user,
            now=timezone.now(),
        )
        results = [
            {
                "id": str(outcome.registration_id),
                "ok": outcome.ok,
                "error": outcome.error,
                "code": outcome.code,
                "conflicts": [answers.tier_answer(found) for found in outcome.conflicts],
            }
            for outcome in outcomes
        ]
        return Response({"dry_run": values["dry_run"], "results": results})

    @extend_schema(
        summary="Export registrations as CSV or XLSX",
        description=f"The columns are {', '.join(f'`{name}`' for name in EXPORTED_COLUMNS)}. Text that a spreadsheet "
        "program would run as a formula has an apostrophe in front. The status import takes the file back.",
        parameters=[
            OpenApiParameter("format", enum=SheetFormat.values, default=SheetFormat.CSV.value),
            OpenApiParameter("status", enum=RegistrationStatus.values),
        ],
        responses={
            (200, CONTENT_TYPES[SheetFormat.CSV]): OpenApiResponse(OpenApiTypes.BINARY, "The file."),
            (200, CONTENT_TYPES[SheetFormat.XLSX]): OpenApiResponse(OpenApiTypes.BINARY, "The file."),
            400: ErrorAnswerSerializer,
        },
    )
    def export(self, request: Request, event_id: UUID) -> HttpResponse:
        event = self.find_event(event_id)
        file = export_registrations(
            event=event,
            acting_user=self.user,
            role=self.role,
            sheet_format=SheetFormat(_choice(request, "format", SheetFormat.values) or SheetFormat.CSV),
            status=_choice(request, "status", RegistrationStatus.values),
        )
        return download(file.content, filename=file.filename, content_type=file.content_type)

    @extend_schema(
        summary="Find out who would no longer fit into less; nothing is stored",
        request=CapacityInput,
        responses=CutAnswer,
    )
    def preview(self, request: Request, event_id: UUID) -> Response:
        """For an option with fewer places, a slot with less room, or a smaller budget."""
        event = self.find_event(event_id)
        values = self.read(CapacityInput, currency=event.currency)
        if "option_id" in values:
            kind = "option"
            cut = cut_of_option(event=event, **values)
        elif "slot_id" in values:
            kind = "slot"
            cut = cut_of_slot(event=event, **values)
        else:
            kind = "budget"
            cut = cut_of_budget(event=event, amount=values["event_budget_amount"])
        return Response(_cut_answer(cut, kind, event))


class StatusImportViewSet(EventPartViewSet):
    """Takes a form with a file, and nothing else."""

    model = EventRegistration
    tags = ["registrations"]
    actions = {"create": "registrations.decide"}
    parser_classes = [MultiPartParser]

    @extend_schema(
        summary="Approve, reject and cancel by a table",
        description="Columns: `id`, `qr_token` or `email` (with `option` where a person has several), `status`, and "
        "`reason` if wanted. All rows or none: 400 with each problem at its row and column. With `dry_run` nothing is "
        "stored and every row is reported.",
        request={"multipart/form-data": StatusImportInput},
        responses=StatusReportAnswer,
    )
    def create(self, request: Request, event_id: UUID) -> Response:
        event = self.find_event(event_id)
        values = self.read(StatusImportInput)
        report = import_statuses(
            event=event,
            file=values["file"],
            filename=values["file"].name,
            acting_user=self.user,
            now=timezone.now(),
            dry_run=values["dry_run"],
        )
        return Response(_report_answer(report, dry_run=values["dry_run"]))


def _cut_answer(cut: Cut, kind: str, event: Event) -> dict[str, Any]:
    def said(amount: Decimal) -> str:
        return amount_to_json(amount, event.currency) if kind == "budget" else str(int(amount))

    return {
        "kind": kind,
        "taken": said(cut.taken),
        "wanted": said(cut.wanted),
        "short_by": said(cut.short_by),
        "offers": cut.offers,
        "affected": cut.affected,
        "blocked": cut.blocked,
        "registrations": [answers.registration_answer(registration, event) for registration in cut.registrations],
    }


def _report_answer(report: StatusReport, *, dry_run: bool) -> dict[str, Any]:
    changed = sum(row.changes for row in report.rows)
    return {
        "dry_run": dry_run,
        "can_import": not report.problems,
        "changed": changed,
        "unchanged": len(report.rows) - changed,
        "rows": [
            {
                "row": row.number,
                "registration_id": str(row.registration_id),
                "person": row.person,
                "status_before": row.status_before,
                "status": row.status,
                "changes": row.changes,
            }
            for row in report.rows
        ],
        "problems": [
            {
                "attr": _attr(problem),
                "row": problem.row,
                "column": problem.column,
                "value": problem.value,
                "code": problem.code,
                "detail": problem.message,
            }
            for problem in report.problems
        ],
        "ignored_columns": report.ignored_columns,
    }


def _attr(problem: Problem) -> str:
    return f"rows.{problem.row}.{problem.column}" if problem.column else f"rows.{problem.row}"


def _choice(request: Request, name: str, choices: list[str]) -> str | None:
    """Return the parameter if it is given; another value than its choices is a refusal."""
    value = request.query_params.get(name)
    if value is not None and value not in choices:
        raise field_refusal(name, "invalid_choice", f"Choose one of: {', '.join(choices)}.")
    return value


def _refused(error: Any, view: Any) -> Any:
    """Answer every problem at its row and column, such as `rows.7.status`."""
    details: dict[str, list[ErrorDetail]] = {}
    for problem in error.report.problems:
        details.setdefault(_attr(problem), []).append(ErrorDetail(problem.message, code=problem.code))
    return ValidationError(details)


translate_problems({StatusImportRefused: _refused})
