"""`/exchange-rates`: the account's table, by which amounts in another currency become the budget's."""

from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException, ErrorDetail, ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api.answers.expense import RateValueField, rate_to_json
from budgets.api.expense_inputs import CurrencyCodeField, DayField, RateInputField
from budgets.api.imports import ImportProblemAnswer, refuse_large_upload
from budgets.models import ExchangeRate
from budgets.services.exchange_rate_table import (
    LONGEST_SOURCE,
    ImportedRate,
    OnExistingRate,
    RateExists,
    RateImportRefused,
    RateImportReport,
    RateNotFound,
    create_rate,
    delete_rate,
    import_rates,
    rate_columns,
    update_rate,
)
from budgets.services.plan_file import as_import_problem
from budgetsite.api.errors import conflict, not_found, translate_problems
from budgetsite.api.views import ContractViewSet
from budgetsite.money.typed_amounts import DECIMAL_MARKS


class ExchangeRateInput(serializers.Serializer):
    base_currency = CurrencyCodeField(help_text="What one unit of it is worth …")
    quote_currency = CurrencyCodeField(help_text="… in this currency.")
    on_date = DayField(help_text="From this day on, until the next rate's.")
    rate = RateInputField(help_text="Above 0, with up to eight decimals.")
    source = serializers.CharField(  # type: ignore[assignment]
        max_length=LONGEST_SOURCE, required=False, allow_blank=True, help_text="Where it was read."
    )


class ExchangeRateAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    base_currency = serializers.CharField()
    quote_currency = serializers.CharField()
    on_date = serializers.DateField()
    rate = RateValueField()
    source = serializers.CharField()  # type: ignore[assignment]
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class RateImportInput(serializers.Serializer):
    file = serializers.FileField(
        allow_empty_file=True,
        help_text="CSV or XLSX with the columns base_currency, quote_currency, on_date, rate and, if wanted, source.",
    )
    dry_run = serializers.BooleanField(required=False, default=False, help_text="Report and store nothing.")
    on_existing = serializers.ChoiceField(
        OnExistingRate.choices,
        required=False,
        default=OnExistingRate.REFUSE,
        help_text="What happens to rows whose currencies have another rate of that day already.",
    )
    decimal_mark = serializers.ChoiceField(
        [(mark, mark) for mark in DECIMAL_MARKS],
        required=False,
        help_text="Needed when the rates leave open what “1,234” means (code `ambiguous`).",
    )


class ImportedRateAnswer(serializers.Serializer):
    row = serializers.IntegerField(help_text="The row's number in the spreadsheet.")
    base_currency = serializers.CharField()
    quote_currency = serializers.CharField()
    on_date = serializers.DateField()
    rate = RateValueField()
    source = serializers.CharField()  # type: ignore[assignment]
    replaces = RateValueField(allow_null=True, help_text="The rate that was there.")


class RateImportAnswer(serializers.Serializer):
    """What an import has done or, with `dry_run`, would do. It goes through when `problems` is empty."""

    dry_run = serializers.BooleanField()
    can_import = serializers.BooleanField()
    rates = ImportedRateAnswer(many=True)
    skipped = ImportedRateAnswer(many=True, help_text="Rows that the table has already.")
    problems = ImportProblemAnswer(many=True)
    ignored_columns = serializers.ListField(child=serializers.CharField())
    decimal_mark = serializers.CharField(allow_null=True)


class RateFilter(django_filters.FilterSet):
    base_currency = django_filters.CharFilter(lookup_expr="iexact", label="Of what one unit is worth …")
    quote_currency = django_filters.CharFilter(lookup_expr="iexact", label="… in this currency.")
    since = django_filters.DateFilter(field_name="on_date", lookup_expr="gte", label="Of this day or later.")
    until = django_filters.DateFilter(field_name="on_date", lookup_expr="lte", label="Of this day or earlier.")


def rate_answer(rate: ExchangeRate) -> dict[str, Any]:
    return {
        "id": str(rate.pk),
        "base_currency": rate.base_currency,
        "quote_currency": rate.quote_currency,
        "on_date": rate.on_date,
        "rate": rate_to_json(rate.rate),
        "source": rate.source,
        "created_at": rate.created_at,
        "updated_at": rate.updated_at,
    }


class ExchangeRateViewSet(ContractViewSet):
    """A rate that is only there the other way round is turned. What was recorded keeps the rate that it was given."""

    model = ExchangeRate
    tags = ["exchange rates"]
    actions = {
        "list": "exchange_rates.view",
        "create": "exchange_rates.change",
        "retrieve": "exchange_rates.view",
        "partial_update": "exchange_rates.change",
        "destroy": "exchange_rates.change",
    }
    rate_attr = "rate"
    filterset_class = RateFilter
    ordering_fields = {"on_date": "on_date", "base_currency": "base_currency", "quote_currency": "quote_currency"}

    def visible(self) -> QuerySet[Any]:
        return ExchangeRate.objects.order_by("-on_date", "base_currency", "quote_currency", "id")

    @extend_schema(summary="List exchange rates, newest first", responses=ExchangeRateAnswer(many=True))
    def list(self, request: Request) -> Response:
        return self.page_of(self.get_queryset(), rate_answer)

    @extend_schema(summary="Add an exchange rate", request=ExchangeRateInput, responses={201: ExchangeRateAnswer})
    def create(self, request: Request) -> Response:
        rate = create_rate(acting_user=self.user, **self.read(ExchangeRateInput))
        return Response(rate_answer(self.find(rate.pk)), status=201)

    @extend_schema(summary="Read an exchange rate", responses=ExchangeRateAnswer)
    def retrieve(self, request: Request, exchange_rate_id: UUID) -> Response:
        return Response(rate_answer(self.find(exchange_rate_id)))

    @extend_schema(
        summary="Change an exchange rate", request=ExchangeRateInput(partial=True), responses=ExchangeRateAnswer
    )
    def partial_update(self, request: Request, exchange_rate_id: UUID) -> Response:
        """For what is recorded from now on."""
        self.find(exchange_rate_id)
        values = self.read(ExchangeRateInput, partial=True)
        update_rate(rate_id=exchange_rate_id, acting_user=self.user, **values)
        return Response(rate_answer(self.find(exchange_rate_id)))

    @extend_schema(summary="Delete an exchange rate", responses={204: None})
    def destroy(self, request: Request, exchange_rate_id: UUID) -> Response:
        self.find(exchange_rate_id)
        delete_rate(rate_id=exchange_rate_id, acting_user=self.user, now=timezone.now())
        return Response(status=204)


class RateImportViewSet(ContractViewSet):
    """Takes a form with a file, and nothing else."""

    model = ExchangeRate
    tags = ["exchange rates"]
    actions = {"create": "exchange_rates.change"}
    parser_classes = [MultiPartParser]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        refuse_large_upload(request)
        super().initial(request, *args, **kwargs)

    @extend_schema(
        summary="Import exchange rates from CSV or XLSX",
        description="All rows or none. With `dry_run` nothing is stored and the answer (200) reports every row and "
        "every problem; without it the answer (201) says what was stored, or 400 each problem at its row and column.",
        request={"multipart/form-data": RateImportInput},
        responses={200: RateImportAnswer, 201: RateImportAnswer},
    )
    def create(self, request: Request) -> Response:
        values = self.read(RateImportInput)
        dry_run: bool = values["dry_run"]
        report = import_rates(
            file=values["file"],
            filename=values["file"].name,
            acting_user=self.user,
            dry_run=dry_run,
            on_existing=OnExistingRate(values["on_existing"]),
            decimal_mark=values.get("decimal_mark"),
        )
        return Response(_report_answer(report, dry_run=dry_run), status=200 if dry_run else 201)


def _report_answer(report: RateImportReport, *, dry_run: bool) -> dict[str, Any]:
    columns = rate_columns()
    problems = [as_import_problem(problem, columns) for problem in report.problems]
    return {
        "dry_run": dry_run,
        "can_import": not report.problems,
        "rates": [_imported_answer(rate) for rate in report.rates],
        "skipped": [_imported_answer(rate) for rate in report.skipped],
        "problems": [
            {
                "attr": problem.attr,
                "row": problem.row,
                "column": problem.column,
                "value": problem.value,
                "code": problem.code,
                "detail": problem.message,
            }
            for problem in problems
        ],
        "ignored_columns": report.sheet.ignored_columns,
        "decimal_mark": report.sheet.decimal_mark,
    }


def _imported_answer(rate: ImportedRate) -> dict[str, Any]:
    return {
        "row": rate.row,
        "base_currency": rate.base_currency,
        "quote_currency": rate.quote_currency,
        "on_date": rate.on_date,
        "rate": rate_to_json(rate.rate),
        "source": rate.source,
        "replaces": rate_to_json(rate.replaces),
    }


def _refused(error: RateImportRefused, view: Any) -> APIException:
    """Answer every problem at its row and column, such as `rows.7.rate`."""
    columns = rate_columns()
    details: dict[str, list[ErrorDetail]] = {}
    for problem in error.report.problems:
        attr = as_import_problem(problem, columns).attr
        details.setdefault(attr, []).append(ErrorDetail(problem.message, code=problem.code))
    return ValidationError(details)


translate_problems(
    {RateNotFound: not_found, RateExists: conflict("rate_id"), RateImportRefused: _refused},
)
