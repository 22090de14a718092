"""`/analytics/…`: what the events' money teaches."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api.answers import analytics as answers
from budgets.api.answers.analytics_shares import CategoriesAnswer, categories_answer
from budgets.models import EventBudget
from budgets.selectors.analytics.accuracy import accuracy
from budgets.selectors.analytics.categories import categories
from budgets.selectors.analytics.clients import clients
from budgets.selectors.analytics.events import ORDERS, events
from budgets.selectors.analytics.inquiry import Inquiry, event_figures, inquiry_at
from budgets.selectors.analytics.overspend import overspend
from budgets.selectors.analytics.overview import overview
from budgets.selectors.analytics.payments import payments
from budgets.selectors.analytics.profit_and_loss import profit_and_loss
from budgets.selectors.analytics.trends import trends
from budgetsite.api.views import ContractViewSet
from budgetsite.money.currencies import is_currency
from events.models import FIRST_YEAR, LAST_YEAR, EventType


class InquiryInput(serializers.Serializer):
    currency = serializers.CharField(required=False)
    event_type = serializers.ChoiceField(choices=EventType.choices, required=False)
    client = serializers.UUIDField(required=False)

    def get_fields(self) -> dict[str, Any]:
        # Two of the names are Python's own words.
        return {
            **super().get_fields(),
            "from": serializers.DateField(required=False),
            "to": serializers.DateField(required=False),
        }

    def validate_currency(self, value: str) -> str:
        if not is_currency(value.upper()):
            raise serializers.ValidationError("Write a currency's code, such as CAD.", code="unknown_currency")
        return value.upper()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        first, last, client_id = (attrs.pop(name, None) for name in ("from", "to", "client"))
        for name, day in (("from", first), ("to", last)):
            if day is not None and not FIRST_YEAR <= day.year <= LAST_YEAR:
                raise _at_field(name, "Give a date between the years 1900 and 2999.", "out_of_range")
        if first and last and first > last:
            raise _at_field("to", "This day is before “from”.", "out_of_range")
        return {**attrs, "first": first, "last": last, "client_id": client_id}


def _at_field(name: str, message: str, code: str) -> serializers.ValidationError:
    return serializers.ValidationError({name: [ErrorDetail(message, code=code)]})


_CURRENCY = OpenApiParameter(
    "currency", str, description="The currency that is answered; left out, the account's. Others stand apart."
)
_EVENTS = [
    OpenApiParameter("event_type", enum=EventType.values, description="Events of this type alone."),
    OpenApiParameter("client", UUID, description="The id of the events' client."),
]
_ON_DAYS = [
    _CURRENCY,
    *_EVENTS,
    OpenApiParameter(
        "from", {"type": "string", "format": "date"}, description="Events that begin on this day or later."
    ),
    OpenApiParameter(
        "to", {"type": "string", "format": "date"}, description="Events that begin on this day or before."
    ),
]
_IN_MONTHS = [
    _CURRENCY,
    *_EVENTS,
    OpenApiParameter(
        "from",
        {"type": "string", "format": "date"},
        description="The first month, by any day in it; at most 60 months.",
    ),
    OpenApiParameter(
        "to", {"type": "string", "format": "date"}, description="The last month; left out, the present one."
    ),
]


class AnalyticsViewSet(ContractViewSet):
    """Figures of the events that the asking person may see."""

    model = EventBudget
    tags = ["analytics"]
    actions = dict.fromkeys(
        (
            "overview",
            "trends",
            "categories",
            "payments",
            "clients",
            "events",
            "profit_and_loss",
            "accuracy",
            "overspend",
        ),
        "analytics.view",
    )
    ordering_fields = ORDERS

    @extend_schema(
        summary="Are we within budget, what waits, what must be paid",
        parameters=_ON_DAYS,
        filters=False,
        responses=answers.OverviewAnswer,
    )
    def overview(self, request: Request) -> Response:
        return self._as_of(lambda inquiry: answers.overview_answer(overview(inquiry)))

    @extend_schema(
        summary="Spending by month, twelve months unless it is said",
        parameters=_IN_MONTHS,
        filters=False,
        responses=answers.TrendsAnswer,
    )
    def trends(self, request: Request) -> Response:
        return self._as_of(lambda inquiry: answers.trends_answer(trends(inquiry)))

    @extend_schema(
        summary="Categories against plan and typical share",
        parameters=_ON_DAYS,
        filters=False,
        responses=CategoriesAnswer,
    )
    def categories(self, request: Request) -> Response:
        return self._as_of(lambda inquiry: categories_answer(categories(inquiry)))

    @extend_schema(
        summary="What is paid, and what is to be paid by when",
        parameters=_ON_DAYS,
        filters=False,
        responses=answers.PaymentsAnswer,
    )
    def payments(self, request: Request) -> Response:
        return self._as_of(lambda inquiry: answers.payments_answer(payments(inquiry)))

    @extend_schema(summary="Each client's events", parameters=_ON_DAYS, filters=False, responses=answers.ClientsAnswer)
    def clients(self, request: Request) -> Response:
        return self._as_of(
            lambda inquiry: {
                "currency": inquiry.currency,
                "clients": [answers.client_answer(row) for row in clients(inquiry)],
            }
        )

    @extend_schema(
        summary="Each event in figures, the latest first",
        parameters=_ON_DAYS,
        responses=answers.EventFiguresAnswer(many=True),
    )
    def events(self, request: Request) -> Response:
        return self.page_of(events(self._inquiry()), lambda budget: answers.event_figures_answer(event_figures(budget)))

    @extend_schema(
        summary="What one event brings in and what it costs", filters=False, responses=answers.ProfitAndLossAnswer
    )
    def profit_and_loss(self, request: Request, event_id: UUID) -> Response:
        budget = self.visible().filter(event_id=event_id).first()
        if budget is None:
            raise Http404
        inquiry = self._ask()
        found = answers.profit_and_loss_answer(profit_and_loss(budget, inquiry))
        return Response({**answers.as_of_answer(inquiry), **found})

    @extend_schema(
        summary="How near to their plans past events came",
        parameters=_ON_DAYS,
        filters=False,
        responses=answers.AccuracyAnswer,
    )
    def accuracy(self, request: Request) -> Response:
        return self._as_of(lambda inquiry: answers.accuracy_answer(accuracy(inquiry)))

    @extend_schema(
        summary="The events that overspent, the worst first",
        parameters=_ON_DAYS,
        filters=False,
        responses=answers.OverspendAnswer,
    )
    def overspend(self, request: Request) -> Response:
        return self._as_of(lambda inquiry: answers.overspend_answer(overspend(inquiry)))

    def visible(self) -> QuerySet[Any]:
        budgets = EventBudget.objects.visible_to(user_id=self.user.pk, role=self.role)
        return budgets.filter(event__deleted_at=None).select_related("event")

    def _inquiry(self) -> Inquiry:
        """Read what the address asks for. A value that can't be meant is a 400."""
        given = {name: value for name, value in self.request.query_params.items() if value}
        asked = InquiryInput(data=given)
        asked.is_valid(raise_exception=True)
        return self._ask(**asked.validated_data)

    def _ask(self, **narrowing: Any) -> Inquiry:
        return inquiry_at(timezone.now(), account=self.account, user_id=self.user.pk, role=self.role, **narrowing)

    def _as_of(self, answer: Any) -> Response:
        inquiry = self._inquiry()
        return Response({**answers.as_of_answer(inquiry), **answer(inquiry)})
