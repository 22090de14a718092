"""`/event-budgets`, `/event-budgets/summary`, `/event-budgets/{id}`."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api import answers
from budgets.api.filters import EventBudgetFilter
from budgets.api.inputs import BudgetChangesInput, BudgetInput, EventOfBudgetInput, VersionInput
from budgets.models import BudgetStatus, EventBudget
from budgets.selectors.event_budgets import budgets_in_sight, sums_by_category, sums_by_status
from budgets.selectors.plan_as_of import FutureMoment, NoBudgetThen, UnreadableMoment, budget_as_of, parse_moment
from budgets.services.budget_copy import copy_budget
from budgets.services.event_budget import create_event_budget, delete_event_budget, update_event_budget
from budgets.services.template_use import open_budget_from_template
from budgetsite.api.errors import field_error, not_found, translate_problems
from budgetsite.api.versions import IF_MATCH, etag, required_version, sent_version
from budgetsite.api.views import ContractViewSet
from events.models import Event


class BudgetViewSet(ContractViewSet):
    """What all views below `/event-budgets` have in common: the budgets that the asking person may see."""

    model = EventBudget
    tags = ["event budgets"]

    def visible(self) -> QuerySet[Any]:
        return budgets_in_sight(user_id=self.user.pk, role=self.role).newest_first()  # type: ignore[attr-defined]

    def answer_budget(self, budget_id: UUID, *, status: int = 200, **members: Any) -> Response:
        """Answer the budget as it is now, with its lines and its version."""
        budget = self.find(budget_id)
        answer = self.for_reader(answers.budget_detail(budget))
        return Response({**answer, **members}, status=status, headers=etag(budget.version))

    def for_reader(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Return what of a budget's answer the asking person may see."""
        return answer if self.allows("budgets.view_internals") else answers.without_internals(answer)


class EventBudgetViewSet(BudgetViewSet):
    actions = {
        "list": "budgets.view",
        "create": "budgets.change",
        "summary": "budgets.view",
        "retrieve": "budgets.view",
        "partial_update": "budgets.change",
        "destroy": "budgets.change",
    }
    filterset_class = EventBudgetFilter
    search_fields = ["event__name"]
    ordering_fields = {
        "created_at": "created_at",
        "event_date": "event__event_date",
        "event_name": "event__name",
        "status": "status",
        "total_budget_amount": "total_budget_amount",
        "total_committed_amount": "total_committed_amount",
        "total_actual_amount": "total_actual_amount",
        "variance_amount": "variance_amount",
        "variance_percentage": "variance_percentage",
    }
    # Where a sum of lines above the total is said.
    amount_attrs = {"create": "line_items"}

    @extend_schema(summary="List budgets, newest first", responses=answers.BudgetAnswer(many=True))
    def list(self, request: Request) -> Response:
        return self.page_of(self.get_queryset(), lambda budget: self.for_reader(answers.budget_answer(budget)))

    @extend_schema(summary="Open an event's budget", request=BudgetInput, responses={201: answers.BudgetDetailAnswer})
    def create(self, request: Request) -> Response:
        """With the lines that are sent, with those of a template, or as a copy of an earlier budget."""
        event_id = self.read(EventOfBudgetInput)["event_id"]
        event = Event.objects.visible_to(user_id=self.user.pk, role=self.role).filter(pk=event_id).first()
        if event is None:
            raise Http404
        values = self.read(BudgetInput, currency=event.currency)
        return self.answer_budget(self._open(event, values).pk, status=201)

    def _open(self, event: Event, values: dict[str, Any]) -> EventBudget:
        """Open the event's budget with the plan that was sent: its lines, a template's, or those of another budget."""
        opening: dict[str, Any] = {
            "event": event,
            "acting_user": self.user,
            "total_budget_amount": values.get("total_budget_amount"),
            "notes": values.get("notes", ""),
        }
        if "template_id" in values:
            return open_budget_from_template(
                template_id=values["template_id"], funded_by=values.get("funded_by"), **opening
            )
        if "copy_from" in values:
            source = self.find(values["copy_from"])
            how = {name: values[name] for name in ("factor", "basis") if name in values}
            return copy_budget(source_id=source.pk, **how, **opening)
        return create_event_budget(
            line_items=values.get("line_items", []), funded_by=values.get("funded_by"), **opening
        )

    @extend_schema(
        summary="Counts by status, sums by status and category",
        responses=answers.SummaryAnswer,
        filters=True,
    )
    def summary(self, request: Request) -> Response:
        in_sight = EventBudget.objects.visible_to(user_id=self.user.pk, role=self.role)
        budgets: Any = self.filter_queryset(in_sight).order_by()
        by_status = sums_by_status(budgets)
        counts = dict.fromkeys(BudgetStatus.values, 0)
        for row in by_status:
            counts[row["status"]] += row["count"]
        return Response(
            {
                "count": sum(counts.values()),
                "over_budget": budgets.over_budget().count(),
                "counts": counts,
                "by_status": [answers.with_amounts(row) for row in by_status],
                "by_category": [
                    {"category": row.pop("category_name"), **answers.with_amounts(row)}
                    for row in sums_by_category(budgets)
                ],
            }
        )

    @extend_schema(
        summary="Read a budget with its lines, now or as of a moment",
        parameters=[
            OpenApiParameter(
                "as_of",
                str,
                description="A moment with its zone, or a date: the end of that day in the event's time zone.",
            )
        ],
        responses=answers.BudgetAsOfAnswer,
    )
    def retrieve(self, request: Request, budget_id: UUID) -> Response:
        """With `as_of`: what this address answered then, by the plan's history and the ledger's entries."""
        moment = request.query_params.get("as_of")
        if moment is None:
            return self.answer_budget(budget_id)
        if not self.allows("budgets.view_internals"):
            raise PermissionDenied("Earlier plans are the team's to read.")
        budget = self.find(budget_id)
        found = budget_as_of(budget, parse_moment(moment, zone=budget.event.timezone, now=timezone.now()))
        return Response(answers.as_of_answer(found))

    @extend_schema(
        summary="Change a budget's total or notes",
        request=BudgetChangesInput,
        responses=answers.BudgetDetailAnswer,
        parameters=[IF_MATCH],
    )
    def partial_update(self, request: Request, budget_id: UUID) -> Response:
        budget = self.find(budget_id)
        values = self.read(BudgetChangesInput, currency=budget.currency)
        version = required_version(request, values)
        update_event_budget(budget_id=budget_id, version=version, acting_user=self.user, **values)
        return self.answer_budget(budget_id)

    @extend_schema(summary="Delete a budget with its lines", request=None, responses={204: None}, parameters=[IF_MATCH])
    def destroy(self, request: Request, budget_id: UUID) -> Response:
        self.find(budget_id)
        version = sent_version(request, self.read(VersionInput, may_be_empty=True))
        delete_event_budget(budget_id=budget_id, acting_user=self.user, now=timezone.now(), version=version)
        return Response(status=204)


translate_problems(
    {UnreadableMoment: field_error("as_of"), FutureMoment: field_error("as_of"), NoBudgetThen: not_found},
)
