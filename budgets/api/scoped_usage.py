"""`/budgets/{id}/usage`: what was spent from a scoped budget, recorded, listed, summed up and taken back."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api.scoped_inputs import TakeBackInput, UsageInput
from budgets.api.scoped_usage_answers import (
    RecordedUsageAnswer,
    UsageAnswer,
    UsageQuery,
    UsageSummaryAnswer,
    UsageSummaryQuery,
    recorded_answer,
    summary_answer,
    usage_answer,
)
from budgets.api.scoped_views import ScopedViewSet
from budgets.models import ScopedBudget
from budgets.selectors.scoped_entries import entries_in
from budgets.selectors.scoped_usage import entry_in, places_of, reversals_of, summarize_usage
from budgets.services.usage import Recorded, record_usage, reverse_usage
from budgets.services.windows import first_moment
from budgetsite.api.idempotency import HEADER
from budgetsite.api.keyset import KeysetPagination
from budgetsite.tenancy.scope import deleted_rows_visible

MOST_USAGE = 1000
_ONE_DAY = timedelta(days=1)


class UsagePagination(KeysetPagination):
    max_page_size = MOST_USAGE


class UsageViewSet(ScopedViewSet):
    actions = {
        "list": "scoped_budgets.view",
        "create": "scoped_budgets.record",
        "retrieve": "scoped_budgets.view",
        "reverse": "scoped_budgets.record",
        "summary": "scoped_budgets.view",
    }
    pagination_class = UsagePagination
    cursor_ordering = "-timestamp"
    ordering_fields = {"timestamp": "occurred_at"}
    filter_backends: list[Any] = []

    @extend_schema(
        summary="List what counts in a scoped budget, newest first",
        parameters=[UsageQuery],
        responses=UsageAnswer(many=True),
    )
    def list(self, request: Request, scoped_budget_id: UUID) -> Response:
        """What was recorded on it, on budgets below it, and what event budgets post that any of these fund."""
        budget = self.find(scoped_budget_id)
        wanted = self._wanted(UsageQuery, request)
        counting = places_of(budget.pk, own=wanted["own"])
        # What was spent from a budget that was deleted since goes on counting.
        with deleted_rows_visible():
            entries = entries_in(counting, **_bounds(budget, wanted)).select_related("budget__funded_by")
            page = self.paginate_queryset(entries) or []
        taken_back = reversals_of(page)
        return self.get_paginated_response([usage_answer(entry, taken_back.get(entry.pk)) for entry in page])

    @extend_schema(
        summary="Record what was spent from a scoped budget", request=UsageInput, responses={201: RecordedUsageAnswer}
    )
    def create(self, request: Request, scoped_budget_id: UUID) -> Response:
        """Recorded whatever it overruns, because it has happened; with `enforce` refused where it does not fit.

        The Idempotency-Key is kept with the entry: a retry days later records nothing again.
        """
        values = self.read_for(scoped_budget_id, UsageInput)
        now = timezone.now()
        recorded = record_usage(
            budget_id=scoped_budget_id,
            acting_user=self.user,
            now=now,
            idempotency_key=self._key(request),
            machine=self.machine,
            **(values | {"description": values.get("description") or ""}),
        )
        return self._recorded(recorded, now)

    @extend_schema(summary="Read one entry that counts in a scoped budget", responses=UsageAnswer)
    def retrieve(self, request: Request, scoped_budget_id: UUID, usage_id: UUID) -> Response:
        self.find(scoped_budget_id)
        entry = entry_in(scoped_budget_id, usage_id)
        if entry is None:
            raise Http404
        return Response(usage_answer(entry, reversals_of([entry]).get(entry.pk)))

    @extend_schema(summary="Take usage back, once", request=TakeBackInput, responses={201: RecordedUsageAnswer})
    def reverse(self, request: Request, scoped_budget_id: UUID, usage_id: UUID) -> Response:
        """By an entry against it, in the windows in which it counts; the answer is that entry."""
        values = self.read_for(scoped_budget_id, TakeBackInput, may_be_empty=True)
        now = timezone.now()
        recorded = reverse_usage(
            budget_id=scoped_budget_id,
            entry_id=usage_id,
            acting_user=self.user,
            now=now,
            reason=values.get("reason") or "",
            machine=self.machine,
        )
        return self._recorded(recorded, now)

    @extend_schema(
        summary="Sum up what counts in a scoped budget from one day to another",
        parameters=[UsageSummaryQuery],
        responses=UsageSummaryAnswer,
        filters=False,
    )
    def summary(self, request: Request, scoped_budget_id: UUID) -> Response:
        """Both days included, as the budget's own calendar has them."""
        budget = self.find(scoped_budget_id)
        wanted = self._wanted(UsageSummaryQuery, request)
        summary = summarize_usage(
            budget,
            first_day=wanted["start_date"],
            last_day=wanted["end_date"],
            own=wanted["own"],
            source=wanted.get("source", ""),
        )
        return Response(summary_answer(budget, summary, wanted["start_date"], wanted["end_date"]))

    def _wanted(self, query_class: type[serializers.Serializer], request: Request) -> dict[str, Any]:
        query = query_class(data=request.query_params)
        query.is_valid(raise_exception=True)
        values: dict[str, Any] = query.validated_data
        return values

    def _key(self, request: Request) -> str | None:
        """Return the request's key as the entry keeps it: apart from other askers' keys, and from our own."""
        key = request.headers.get(HEADER)
        if key is None:
            return None
        asker = self.user.pk if self.api_key is None else self.api_key.pk
        return f"api:{sha256(f'{asker}:{key.strip()}'.encode()).hexdigest()}"

    def _recorded(self, recorded: Recorded, now: datetime) -> Response:
        headers = {"Idempotent-Replay": "true"} if recorded.repeated else None
        return Response(recorded_answer(recorded, now=now), status=201, headers=headers)


def _bounds(budget: ScopedBudget, wanted: Mapping[str, Any]) -> dict[str, Any]:
    first, last = wanted.get("start_date"), wanted.get("end_date")
    return {
        "since": first and first_moment(first, budget.timezone),
        "until": last and first_moment(last + _ONE_DAY, budget.timezone),
        "source": wanted.get("source", ""),
    }
