"""`GET /event-budgets/{id}/ledger` and `/history`: what the money did, and what people did."""

import base64
import binascii
import json
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from budgets.api import answers
from budgets.api.event_budget import BudgetViewSet
from budgets.api.filters import LedgerFilter
from budgets.models import LedgerEntry
from budgets.selectors.budget_history import BUDGET, LINE_ITEM, Place, changes_of
from budgetsite.api.pagination import MAX_LIMIT, CursorPagination, bad_cursor, limit_of, refuse_offset


class LedgerViewSet(BudgetViewSet):
    actions = {"list": "ledger.view"}
    tags = ["ledger"]
    pagination_class = CursorPagination
    # One budget's entries are numbered without gaps.
    cursor_ordering = "-seq"
    filterset_class = LedgerFilter

    @extend_schema(summary="Read a budget's ledger, newest first", responses=answers.LedgerEntryAnswer(many=True))
    def list(self, request: Request, budget_id: UUID) -> Response:
        budget = self.find(budget_id)
        entries: QuerySet[Any] = LedgerEntry.objects.filter(budget=budget).select_related("actor")
        return self.page_of(entries, answers.entry_answer)


class HistoryViewSet(BudgetViewSet):
    actions = {"list": "ledger.view"}
    tags = ["ledger"]
    filterset_class = None
    pagination_class = None

    @extend_schema(
        summary="Read who changed what, newest first",
        parameters=[
            OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 20}),
            OpenApiParameter("cursor", str, description="Where to go on: take it from `next`."),
        ],
        responses=inline_serializer(
            "BudgetHistory",
            {
                "next": serializers.URLField(allow_null=True),
                "previous": serializers.URLField(
                    allow_null=True, help_text="Always null: the story is read backwards."
                ),
                "results": answers.ChangeAnswer(many=True),
            },
        ),
    )
    def list(self, request: Request, budget_id: UUID) -> Response:
        budget = self.find(budget_id)
        refuse_offset(request)
        limit = limit_of(request)
        changes = changes_of(budget, before=_place(request.query_params.get("cursor")), limit=limit + 1)
        shown = changes[:limit]
        following = None
        if len(changes) > limit:
            following = replace_query_param(request.build_absolute_uri(), "cursor", _cursor(shown[-1].place))
        return Response(
            {
                "next": following,
                "previous": None,
                "results": [answers.change_answer(change, budget.currency) for change in shown],
            }
        )


def _cursor(place: Place) -> str:
    text = json.dumps([place.at.isoformat(), place.kind, place.history_id])
    return base64.urlsafe_b64encode(text.encode()).decode()


def _place(cursor: str | None) -> Place | None:
    if not cursor:
        return None
    try:
        at, kind, history_id = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
        place = Place(datetime.fromisoformat(at), kind, int(history_id))
    except (binascii.Error, UnicodeError, ValueError, TypeError) as error:
        raise bad_cursor() from error
    if place.kind not in (BUDGET, LINE_ITEM) or place.at.tzinfo is None or not 0 <= place.history_id < 2**63:
        raise bad_cursor()
    return place
