"""`/event-budgets/import`: a plan from a CSV or XLSX file."""

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import APIException, ErrorDetail, PermissionDenied, ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api.answers import BudgetDetailAnswer
from budgets.api.event_budget import BudgetViewSet
from budgets.api.line_inputs import ZERO, QuantityField
from budgets.models import EventBudget, LineKind
from budgets.services.plan_file import ImportedLine, ImportProblem
from budgets.services.plan_import import ImportRefused, ImportReport, OnExisting, import_plan
from budgetsite.api.errors import translate_problems
from budgetsite.api.refusals import field_refusal
from budgetsite.api.schema import ErrorAnswerSerializer
from budgetsite.api.versions import IF_MATCH, VersionField, sent_version
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.api_fields import MoneyField
from budgetsite.money.typed_amounts import DECIMAL_MARKS
from budgetsite.sheets.columns import UnreadableSheet
from budgetsite.sheets.reading import MAX_BYTES
from events.models import Event

# What a form puts around a file of the largest size.
_FORM_BYTES = 100_000


class FileTooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = f"The file is larger than {MAX_BYTES // 1_000_000} MB. Leave out what is not needed, or split it."


class NoSpreadsheet(APIException):
    status_code = status.HTTP_415_UNSUPPORTED_MEDIA_TYPE
    default_code = "not_a_spreadsheet"


def refuse_large_upload(request: Request) -> None:
    """Raise before anything is read: a file far too large is not even received."""
    if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BYTES + _FORM_BYTES:
        raise FileTooLarge


def _unreadable(error: UnreadableSheet, view: Any) -> APIException:
    if error.code == "too_large":
        return FileTooLarge(error.message)
    if error.code in ("not_a_spreadsheet", "old_or_protected"):
        return NoSpreadsheet(error.message, error.code)
    return field_refusal("file", error.code, error.message)


def _refused(error: ImportRefused, view: Any) -> APIException:
    """Answer every problem at its row and column, such as `rows.7.budgeted_amount`."""
    details: dict[str, list[ErrorDetail]] = {}
    for problem in error.report.problems:
        details.setdefault(problem.attr, []).append(ErrorDetail(problem.message, code=problem.code))
    return ValidationError(details)


translate_problems({UnreadableSheet: _unreadable, ImportRefused: _refused})


class ImportTargetInput(serializers.Serializer):
    event_id = serializers.UUIDField(required=False, help_text="An event without a budget gets one.")
    budget_id = serializers.UUIDField(required=False, help_text="Name either the event or its budget.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len(attrs.keys() & {"event_id", "budget_id"}) != 1:
            raise serializers.ValidationError(
                {"event_id": ErrorDetail("Say where the plan goes: send event_id or budget_id.", code="required")}
            )
        return attrs


class ImportInput(ImportTargetInput):
    file = serializers.FileField(allow_empty_file=True, help_text="CSV or XLSX, at most 10,000 rows and 10 MB.")
    dry_run = serializers.BooleanField(required=False, default=False, help_text="Report and store nothing.")
    create_categories = serializers.BooleanField(
        required=False, default=False, help_text="Make the categories that the account lacks. For owners and managers."
    )
    on_existing = serializers.ChoiceField(
        OnExisting.choices,
        required=False,
        default=OnExisting.REFUSE,
        help_text="What happens to rows that the budget has already, by section, category and name.",
    )
    decimal_mark = serializers.ChoiceField(
        [(mark, mark) for mark in DECIMAL_MARKS],
        required=False,
        help_text="Needed when the amounts leave open what “1,234” means (code `ambiguous`).",
    )
    total_budget_amount = MoneyField(minimum=ZERO, required=False, help_text="The budget's ceiling from now on.")
    version = VersionField()


class ImportedLineAnswer(serializers.Serializer):
    row = serializers.IntegerField(help_text="The row's number in the spreadsheet.")
    kind = serializers.ChoiceField(choices=LineKind.choices)
    category = serializers.CharField()
    is_new_category = serializers.BooleanField()
    section = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    quantity = QuantityField(allow_null=True)
    unit_price = MoneyField(allow_null=True)
    driver = serializers.CharField(allow_null=True, help_text="The name of the plan's number that it follows.")
    budgeted_amount = MoneyField()
    actual_amount = MoneyField()
    notes = serializers.CharField()
    sort_order = serializers.IntegerField()
    is_already_there = serializers.BooleanField()


class ImportProblemAnswer(serializers.Serializer):
    attr = serializers.CharField(help_text="Such as `rows.7.budgeted_amount`.")
    row = serializers.IntegerField(help_text="0 for the file as a whole.")
    column = serializers.CharField(help_text="The heading in the file.")
    value = serializers.CharField(help_text="The cell as it is.")
    code = serializers.CharField()
    detail = serializers.CharField()


class ImportTotalsAnswer(serializers.Serializer):
    rows = serializers.IntegerField()
    budgeted_amount = MoneyField(help_text="Of the lines of cost.")
    actual_amount = MoneyField()
    projected_income_amount = MoneyField(help_text="Of the lines of income: what they expect.")
    total_income_amount = MoneyField()


class ImportReportAnswer(serializers.Serializer):
    """What an import would do. It goes through when `problems` is empty."""

    dry_run = serializers.BooleanField()
    can_import = serializers.BooleanField()
    event_id = serializers.UUIDField()
    budget_id = serializers.UUIDField(allow_null=True, help_text="Null: the event gets a budget.")
    currency = serializers.CharField()
    total_budget_amount = MoneyField(help_text="The budget's total afterwards.")
    totals = ImportTotalsAnswer(help_text="Of the rows that would be stored.")
    rows = ImportedLineAnswer(many=True, help_text="The rows as they would be stored.")
    skipped = ImportedLineAnswer(many=True, help_text="Rows that the budget has already.")
    problems = ImportProblemAnswer(many=True)
    warnings = serializers.ListField(child=serializers.CharField())
    new_categories = serializers.ListField(child=serializers.CharField())
    new_drivers = serializers.ListField(
        child=serializers.CharField(), help_text="Numbers that lines follow and the budget does not have yet."
    )
    ignored_columns = serializers.ListField(child=serializers.CharField())
    decimal_mark = serializers.CharField(allow_null=True)


class ImportSummaryAnswer(serializers.Serializer):
    rows = serializers.IntegerField()
    skipped = serializers.IntegerField()
    new_categories = serializers.ListField(child=serializers.CharField())
    warnings = serializers.ListField(child=serializers.CharField())


class ImportedBudgetAnswer(BudgetDetailAnswer):
    imported = ImportSummaryAnswer()


def _line_answer(line: ImportedLine, currency: str) -> dict[str, Any]:
    return {
        "row": line.row,
        "kind": line.kind,
        "category": line.category,
        "is_new_category": line.is_new_category,
        "section": line.section,
        "name": line.name,
        "description": line.description,
        "quantity": format(line.price.quantity, ".3f") if line.price else None,
        "unit_price": amount_to_json(line.price.unit_price, currency) if line.price else None,
        "driver": (line.price.driver or None) if line.price else None,
        "budgeted_amount": amount_to_json(line.budgeted_amount, currency),
        "actual_amount": amount_to_json(line.actual_amount, currency),
        "notes": line.notes,
        "sort_order": line.sort_order,
        "is_already_there": line.is_already_there,
    }


def _problem_answer(problem: ImportProblem) -> dict[str, Any]:
    return {
        "attr": problem.attr,
        "row": problem.row,
        "column": problem.column,
        "value": problem.value,
        "code": problem.code,
        "detail": problem.message,
    }


def _report_answer(report: ImportReport, event: Event) -> dict[str, Any]:
    currency = report.currency
    return {
        "dry_run": True,
        "can_import": not report.problems,
        "event_id": str(event.pk),
        "budget_id": str(report.budget.pk) if report.budget else None,
        "currency": currency,
        "total_budget_amount": amount_to_json(report.total_budget_amount, currency),
        "totals": {
            "rows": len(report.lines),
            "budgeted_amount": amount_to_json(report.budgeted_amount, currency),
            "actual_amount": amount_to_json(report.actual_amount, currency),
            "projected_income_amount": amount_to_json(report.projected_income_amount, currency),
            "total_income_amount": amount_to_json(report.income_amount, currency),
        },
        "rows": [_line_answer(line, currency) for line in report.lines],
        "skipped": [_line_answer(line, currency) for line in report.skipped],
        "problems": [_problem_answer(problem) for problem in report.problems],
        "warnings": report.warnings,
        "new_categories": report.new_categories,
        "new_drivers": report.new_drivers,
        "ignored_columns": report.sheet.ignored_columns,
        "decimal_mark": report.sheet.decimal_mark,
    }


class PlanImportViewSet(BudgetViewSet):
    """Takes a form with a file, and nothing else."""

    actions = {"create": "budgets.import"}
    parser_classes = [MultiPartParser]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        refuse_large_upload(request)
        super().initial(request, *args, **kwargs)

    @extend_schema(
        summary="Import a plan from CSV or XLSX",
        description="All rows or none. With `dry_run` nothing is stored and the answer (200) reports every row and "
        "every problem; without it the answer is the budget (201), or 400 with each problem at its row and column.",
        request={"multipart/form-data": ImportInput},
        responses={200: ImportReportAnswer, 201: ImportedBudgetAnswer, 404: ErrorAnswerSerializer},
        parameters=[IF_MATCH],
    )
    def create(self, request: Request) -> Response:
        event, budget = self._target()
        values = self.read(ImportInput, currency=event.currency)
        if values["create_categories"] and not self.allows("categories.change"):
            raise PermissionDenied(
                "Owners and managers may make categories. Ask one of them, or use the account's categories."
            )
        report = import_plan(
            file=values["file"],
            filename=values["file"].name,
            acting_user=self.user,
            budget_id=budget.pk if budget else None,
            event=None if budget else event,
            version=sent_version(request, values),
            dry_run=values["dry_run"],
            create_categories=values["create_categories"],
            on_existing=OnExisting(values["on_existing"]),
            total_budget_amount=values.get("total_budget_amount"),
            decimal_mark=values.get("decimal_mark"),
        )
        if values["dry_run"]:
            return Response(_report_answer(report, event))
        assert report.budget is not None
        return self.answer_budget(
            report.budget.pk,
            status=201,
            imported={
                "rows": len(report.lines),
                "skipped": len(report.skipped),
                "new_categories": report.new_categories,
                "warnings": report.warnings,
            },
        )

    def _target(self) -> tuple[Event, EventBudget | None]:
        """Return the event, and the budget when that was named. What the person may not see is a 404."""
        target = self.read(ImportTargetInput)
        if "budget_id" in target:
            budget = self.find(target["budget_id"])
            return budget.event, budget
        events: QuerySet[Event] = Event.objects.visible_to(user_id=self.user.pk, role=self.role)
        event = events.filter(pk=target["event_id"]).first()
        if event is None:
            raise Http404
        return event, None
