"""`/budgets/{id}/status`, `/refresh-cache` and `/windows`: how a scoped budget stands, now and earlier."""

from datetime import date
from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from django.utils.dateparse import parse_date
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from budgets.api.answers.percentages import percentage
from budgets.api.scoped_answers import LEVEL_CHOICES, StandingAnswer, standing_answer, usage_writer
from budgets.api.scoped_inputs import UsageAmountField
from budgets.api.scoped_views import ScopedViewSet
from budgets.selectors.scoped_status import Standing, standing_of
from budgets.selectors.scoped_windows import PastWindow, windows_page
from budgets.services.window_refresh import refresh_windows
from budgetsite.api.pagination import MAX_LIMIT, bad_cursor, limit_of, refuse_offset
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.api_fields import MoneyField, PercentageField
from events.models import FIRST_YEAR, LAST_YEAR


class RefreshedAnswer(StandingAnswer):
    differed = serializers.BooleanField(help_text="Whether a figure was not what its entries say. It is now.")
    differences = serializers.ListField(child=serializers.CharField())


class WindowAnswer(serializers.Serializer):
    window_start = serializers.DateTimeField()
    window_end = serializers.DateTimeField(help_text="Exclusive.")
    first_day = serializers.DateField()
    day_after = serializers.DateField()
    is_current = serializers.BooleanField()
    limit = MoneyField(help_text="The amount that the budget had when the window ended.")
    currency = serializers.CharField()
    current_amount = UsageAmountField()
    committed_amount = UsageAmountField()
    reserved_amount = UsageAmountField()
    percent_used = PercentageField()
    remaining = UsageAmountField()
    overrun = UsageAmountField()
    status = serializers.ChoiceField(choices=LEVEL_CHOICES)
    entries_count = serializers.IntegerField()


class WindowPageAnswer(serializers.Serializer):
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True, help_text="Always null: windows are read backwards.")
    results = WindowAnswer(many=True)


class StatusViewSet(ScopedViewSet):
    actions = {
        "retrieve": "scoped_budgets.view",
        "refresh": "scoped_budgets.record",
        "windows": "scoped_budgets.view",
    }
    filterset_class = None
    pagination_class = None

    @extend_schema(summary="Read how a scoped budget stands", responses=StandingAnswer)
    def retrieve(self, request: Request, scoped_budget_id: UUID) -> Response:
        """Always current: the figures are written with each entry."""
        return Response(standing_answer(self._standing(scoped_budget_id)))

    @extend_schema(
        summary="Prove a scoped budget's figures by its entries", request=None, responses={200: RefreshedAnswer}
    )
    def refresh(self, request: Request, scoped_budget_id: UUID) -> Response:
        """Counts anew what is found to differ, and says so. Nothing should."""
        self.find(scoped_budget_id)
        found = refresh_windows(budget_id=scoped_budget_id)
        answer = standing_answer(self._standing(scoped_budget_id))
        return Response({**answer, "differed": bool(found), "differences": [one.detail for one in found]})

    @extend_schema(
        summary="Read a scoped budget's windows, the present one and those before it",
        parameters=[
            OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 20}),
            OpenApiParameter("cursor", str, description="Where to go on: take it from `next`."),
        ],
        responses=WindowPageAnswer,
    )
    def windows(self, request: Request, scoped_budget_id: UUID) -> Response:
        refuse_offset(request)
        limit, before = limit_of(request), _before(request)
        standing = self._standing(scoped_budget_id)
        page = windows_page(standing, before=before, size=limit)
        following = None
        if page.older is not None:
            following = replace_query_param(request.build_absolute_uri(), "cursor", page.older.isoformat())
        results = [_window_answer(row, standing) for row in page.rows]
        return Response({"next": following, "previous": None, "results": results})

    def _standing(self, budget_id: UUID) -> Standing:
        self.require_reach(budget_id)
        standing = standing_of(budget_id, now=timezone.now())
        if standing is None:
            raise Http404
        return standing


def _before(request: Request) -> date | None:
    said = request.query_params.get("cursor")
    if not said:
        return None
    try:
        day = parse_date(said)
    except ValueError as error:
        raise bad_cursor() from error
    if day is None or not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise bad_cursor()
    return day


def _window_answer(row: PastWindow, standing: Standing) -> dict[str, Any]:
    figures, currency = row.figures, standing.budget.currency
    usage = usage_writer(currency)
    return {
        "window_start": row.window.start,
        "window_end": row.window.end,
        "first_day": row.window.first_day,
        "day_after": row.window.day_after,
        "is_current": row.window == standing.window,
        "limit": amount_to_json(figures.amount, currency),
        "currency": currency,
        "current_amount": usage(figures.actual),
        "committed_amount": usage(figures.promised),
        "reserved_amount": usage(figures.reserved),
        "percent_used": percentage(figures.percent_used),
        "remaining": usage(figures.remaining),
        "overrun": usage(figures.overrun),
        "status": row.level.value,
        "entries_count": figures.entries,
    }
