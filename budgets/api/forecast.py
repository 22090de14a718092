"""`/budgets/{id}/forecast`: what a scoped budget's window comes to, by three ways to tell."""

from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api.answers.percentages import percentage
from budgets.api.scoped_answers import usage_writer
from budgets.api.scoped_inputs import UsageAmountField
from budgets.api.scoped_views import ScopedViewSet
from budgets.selectors.forecast import sentences
from budgets.selectors.forecast.history import Basis, ComingEvent, HistoryForecast, TypeHistory
from budgets.selectors.forecast.promises import PromiseKind, PromisesForecast
from budgets.selectors.forecast.together import Forecast, forecast
from budgets.selectors.scoped_status import standing_of
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.api_fields import MoneyField, PercentageField
from events.models import EventType


class MethodAnswer(serializers.Serializer):
    """One way to tell. Without `projected_total` there is too little to go by, and `missing` says what."""

    projected_total = UsageAmountField(allow_null=True, help_text="At the window's end.")
    overrun = UsageAmountField(help_text="What of it is beyond the limit.")
    is_overrun_expected = serializers.BooleanField()
    assumption = serializers.CharField()
    based_on = serializers.CharField(allow_blank=True, help_text="What it goes by.")
    missing = serializers.CharField(allow_blank=True, help_text="What would be needed to say more.")


class BurnAnswer(MethodAnswer):
    is_enough_data = serializers.BooleanField(help_text="Three days of data, or a tenth of the window.")
    enough_from = serializers.DateTimeField()
    burn_rate = MoneyField()
    runs_out_on = serializers.DateField(allow_null=True, help_text="When the last of the money is spent.")


class PromisedMonthAnswer(serializers.Serializer):
    month = serializers.DateField(allow_null=True, help_text="Its first day; null: all later ones.")
    expenses = UsageAmountField()
    events = UsageAmountField(help_text="What events have promised beside their expenses.")
    reservations = UsageAmountField()
    total = UsageAmountField()
    running_total = UsageAmountField(allow_null=True, help_text="Spent in the window by then; null after its end.")
    bills_due = UsageAmountField(help_text="To be paid then: spent already.")


class PromisesAnswer(MethodAnswer):
    within_window = UsageAmountField(help_text="Falling due until the window's end.")
    after_window = UsageAmountField()
    overdue = UsageAmountField(help_text="The part of within_window whose day has passed.")
    expenses_count = serializers.IntegerField()
    events_count = serializers.IntegerField()
    reservations_count = serializers.IntegerField()
    undated_expenses_count = serializers.IntegerField()
    months = PromisedMonthAnswer(many=True)


class TypeHistoryAnswer(serializers.Serializer):
    event_type = serializers.ChoiceField(choices=EventType.choices)
    count = serializers.IntegerField(help_text="Finished events that are known, the latest 30 at most.")
    first_day = serializers.DateField()
    last_day = serializers.DateField()
    is_enough = serializers.BooleanField()
    cost_percentage = PercentageField(allow_null=True, help_text="What they cost, of what was planned.")
    mean_absolute_deviation = PercentageField(allow_null=True, help_text="By how much they missed their plans.")


class ComingEventAnswer(serializers.Serializer):
    event_id = serializers.UUIDField()
    event_budget_id = serializers.UUIDField()
    name = serializers.CharField()
    event_type = serializers.ChoiceField(choices=EventType.choices)
    event_day = serializers.DateField()
    days_to_go = serializers.IntegerField()
    budgeted_amount = MoneyField()
    committed_amount = MoneyField()
    actual_amount = MoneyField()
    projected_amount = MoneyField()
    basis = serializers.ChoiceField(choices=[(basis.value, basis.value) for basis in Basis])


class HistoryForecastAnswer(MethodAnswer):
    known_events_count = serializers.IntegerField(help_text="Finished events that it goes by.")
    event_types = TypeHistoryAnswer(many=True)
    events = ComingEventAnswer(many=True, help_text="Those to come in the window, the next 200 at most.")


class CoursePointAnswer(serializers.Serializer):
    day = serializers.DateField()
    total = UsageAmountField(help_text="Spent in the window by the end of the day.")


class ForecastAnswer(serializers.Serializer):
    budget_id = serializers.UUIDField()
    name = serializers.CharField()
    currency = serializers.CharField()
    timezone = serializers.CharField()
    window_start = serializers.DateTimeField()
    window_end = serializers.DateTimeField(help_text="Exclusive.")
    days_elapsed = serializers.IntegerField()
    days_total = serializers.IntegerField()
    limit = MoneyField()
    current_amount = UsageAmountField()
    burn_rate = BurnAnswer()
    commitments = PromisesAnswer()
    history = HistoryForecastAnswer()
    course = CoursePointAnswer(many=True)


class ForecastViewSet(ScopedViewSet):
    actions = {"retrieve": "scoped_budgets.view"}
    filterset_class = None
    pagination_class = None

    @extend_schema(summary="Foresee the end of a scoped budget's window", responses=ForecastAnswer)
    def retrieve(self, request: Request, scoped_budget_id: UUID) -> Response:
        """By the burn rate, by open promises and their due dates, and by what finished events of the same type cost.

        Each says what it assumes and what it goes by. Where that is too little, it foresees nothing and says why.
        """
        self.require_reach(scoped_budget_id)
        standing = standing_of(scoped_budget_id, now=timezone.now())
        if standing is None:
            raise Http404
        return Response(forecast_answer(forecast(standing)))


def forecast_answer(found: Forecast) -> dict[str, Any]:
    standing, burn = found.standing, found.burn
    currency = standing.budget.currency
    usage = usage_writer(currency)
    return {
        "budget_id": str(standing.budget.id),
        "name": standing.budget.name,
        "currency": currency,
        "timezone": standing.budget.timezone,
        "window_start": standing.window.start,
        "window_end": standing.window.end,
        "days_elapsed": standing.days_elapsed,
        "days_total": standing.days,
        "limit": amount_to_json(standing.budget.amount, currency),
        "current_amount": usage(standing.figures.actual),
        "burn_rate": {
            **_method(burn, usage),
            "assumption": sentences.burn_assumption(standing),
            "based_on": sentences.burn_data(standing),
            "missing": sentences.burn_missing(burn, standing),
            "is_enough_data": burn.is_enough_data,
            "enough_from": burn.enough_from,
            "burn_rate": amount_to_json(standing.burn_rate, currency),
            "runs_out_on": burn.runs_out_on,
        },
        "commitments": _promises_answer(found.promises, usage),
        "history": _history_answer(found.history, usage, currency),
        "course": [{"day": point.day, "total": usage(point.spent)} for point in found.course],
    }


def _method(found: Any, usage: Any) -> dict[str, Any]:
    return {
        "projected_total": None if found.projected_total is None else usage(found.projected_total),
        "overrun": usage(found.overrun),
        "is_overrun_expected": found.overrun > 0,
    }


def _promises_answer(found: PromisesForecast, usage: Any) -> dict[str, Any]:
    return {
        **_method(found, usage),
        "assumption": sentences.promises_assumption(),
        "based_on": sentences.promises_data(found),
        "missing": sentences.promises_missing(found),
        "within_window": usage(found.within),
        "after_window": usage(found.later),
        "overdue": usage(found.overdue),
        "expenses_count": found.counts.get(PromiseKind.EXPENSE, 0),
        "events_count": found.counts.get(PromiseKind.EVENT, 0),
        "reservations_count": found.counts.get(PromiseKind.RESERVATION, 0),
        "undated_expenses_count": found.undated,
        "months": [
            {
                "month": month.first,
                "expenses": usage(month.expenses),
                "events": usage(month.events),
                "reservations": usage(month.reservations),
                "total": usage(month.promised),
                "running_total": None if month.running is None else usage(month.running),
                "bills_due": usage(month.to_pay),
            }
            for month in found.months
        ],
    }


def _history_answer(found: HistoryForecast, usage: Any, currency: str) -> dict[str, Any]:
    return {
        **_method(found, usage),
        "assumption": sentences.history_assumption(),
        "based_on": sentences.history_data(found),
        "missing": sentences.history_missing(found),
        "known_events_count": found.known_count,
        "event_types": [_type_answer(one) for one in found.types],
        "events": [_event_answer(event, currency) for event in found.events],
    }


def _type_answer(one: TypeHistory) -> dict[str, Any]:
    return {
        "event_type": one.event_type,
        "count": one.count,
        "first_day": one.first_day,
        "last_day": one.last_day,
        "is_enough": one.is_enough,
        "cost_percentage": percentage(one.cost_percentage),
        "mean_absolute_deviation": percentage(one.accuracy.mean_absolute_deviation),
    }


def _event_answer(event: ComingEvent, currency: str) -> dict[str, Any]:
    return {
        "event_id": str(event.event_id),
        "event_budget_id": str(event.budget_id),
        "name": event.name,
        "event_type": event.event_type,
        "event_day": event.event_day,
        "days_to_go": event.days_to_go,
        "budgeted_amount": amount_to_json(event.planned, currency),
        "committed_amount": amount_to_json(event.committed, currency),
        "actual_amount": amount_to_json(event.actual, currency),
        "projected_amount": amount_to_json(event.projected, currency),
        "basis": event.basis.value,
    }
