"""`/events`."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.selectors.event_list import EventRow, with_budgets
from budgets.services.event_changes import change_event
from budgetsite.accounts.models import Membership
from budgetsite.api.errors import conflict, not_found, translate_problems
from budgetsite.api.refusals import field_refusal
from budgetsite.api.views import ContractViewSet
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.api_fields import MoneyField
from budgetsite.money.currencies import is_currency
from budgetsite.tenancy.scope import deleted_rows_visible
from events.filters import EventFilter
from events.models import MOST_GUESTS, Event, EventType, Venue, in_usable_year
from events.querysets import EventStatus
from events.services import (
    EventStays,
    delete_event,
    restore_event,
)
from registrations.models import MOST_PLACES, EventOption, OptionType
from registrations.selectors.options import option_facts, options_of, options_of_events
from registrations.services.opening import open_event_with_options

_LONGEST_TEXT = 10_000
MOST_OPTIONS = 200

translate_problems({EventStays: conflict("reasons", code="event_stays"), Event.DoesNotExist: not_found})


class MomentField(serializers.DateTimeField):
    """A moment with its zone. One without is meant in the event's time zone (context["timezone"])."""

    def default_timezone(self) -> Any:
        return self.context.get("timezone") or timezone.get_current_timezone()

    def to_internal_value(self, value: Any) -> datetime:
        moment = super().to_internal_value(value)
        if not in_usable_year(moment):
            raise serializers.ValidationError("Write a date between the years 1900 and 2999.", code="out_of_range")
        return moment


class EventOptionInput(serializers.Serializer):
    """What one may register for; made with the event, changed at an address of its own afterwards."""

    option_name = serializers.CharField(max_length=200)
    option_type = serializers.ChoiceField(choices=OptionType.choices, required=False)
    description = serializers.CharField(max_length=_LONGEST_TEXT, required=False, allow_blank=True)
    total_available = serializers.IntegerField(min_value=0, max_value=MOST_PLACES)
    cost_per_unit = MoneyField(minimum=Decimal(0), required=False, help_text="What one place costs the event's budget.")


class EventInput(serializers.Serializer):
    name = serializers.CharField(max_length=200)
    description = serializers.CharField(max_length=_LONGEST_TEXT, required=False, allow_blank=True)
    event_type = serializers.ChoiceField(choices=EventType.choices, required=False)
    event_budget_amount = MoneyField(
        minimum=Decimal(0),
        required=False,
        allow_null=True,
        help_text="The ceiling of the event's budget, which is opened with it. Without it there is no budget.",
    )
    funded_by = serializers.UUIDField(
        required=False,
        allow_null=True,
        help_text="The scoped budget that pays for the event's budget, which is opened with it; chosen by an owner "
        "or a manager. Of an event that is there it is changed at its budget's …/funding.",
    )
    currency = serializers.CharField(max_length=3, required=False, help_text="The account's, unless given.")
    event_date = MomentField(help_text="When it begins.")
    registration_start_date = MomentField()
    registration_end_date = MomentField(help_text="Inclusive.")
    timezone = serializers.CharField(max_length=63, required=False, help_text="The account's, unless given.")
    venue_id = serializers.UUIDField(required=False, allow_null=True)
    client_id = serializers.UUIDField(required=False, allow_null=True, help_text="A member with the role client.")
    organizer_id = serializers.UUIDField(required=False, allow_null=True, help_text="Who runs it; at first its maker.")
    expected_guests = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=0,
        max_value=MOST_GUESTS,
        help_text="A plan that counts the guests follows it while it is a draft.",
    )
    pending_holds = serializers.BooleanField(
        required=False, help_text="A registration that waits for approval holds its stock and its slot."
    )

    options = EventOptionInput(many=True, required=False, max_length=MOST_OPTIONS)  # type: ignore[call-arg]

    def validate_currency(self, value: str) -> str:
        return value.upper()


class EventAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField()
    event_type = serializers.ChoiceField(choices=EventType.choices)
    status = serializers.ChoiceField(choices=EventStatus.ALL)
    is_active = serializers.BooleanField()
    event_date = serializers.DateTimeField()
    registration_start_date = serializers.DateTimeField()
    registration_end_date = serializers.DateTimeField()
    timezone = serializers.CharField()
    currency = serializers.CharField()
    expected_guests = serializers.IntegerField(allow_null=True)
    pending_holds = serializers.BooleanField()
    venue_id = serializers.UUIDField(allow_null=True)
    client_id = serializers.UUIDField(allow_null=True)
    organizer_id = serializers.UUIDField(allow_null=True)
    budget_id = serializers.UUIDField(
        allow_null=True, help_text="Null without a budget, or without the right to see it."
    )
    event_budget_amount = MoneyField(allow_null=True)
    budget_committed = MoneyField(allow_null=True)
    budget_actual = MoneyField(allow_null=True)
    budget_available = MoneyField(allow_null=True)
    options = serializers.ListField(child=serializers.DictField())
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


def event_answer(row: EventRow, options: Sequence[EventOption], now: datetime) -> dict[str, Any]:
    """Describe an event with its options and its budget's figures; null where there is none or not to be seen."""
    event, budget = row.event, row.budget

    def money(amount: Decimal) -> str:
        return amount_to_json(amount, event.currency)

    return {
        "id": str(event.pk),
        "name": event.name,
        "description": event.description,
        "event_type": event.event_type,
        "status": event_status(event, now),
        "is_active": event.is_active,
        "event_date": event.event_date,
        "registration_start_date": event.registration_start_date,
        "registration_end_date": event.registration_end_date,
        "timezone": event.timezone,
        "currency": event.currency,
        "expected_guests": event.expected_guests,
        "pending_holds": event.pending_holds,
        "venue_id": event.venue_id,
        "client_id": event.client_id,
        "organizer_id": event.organizer_id,
        "budget_id": str(budget.pk) if budget else None,
        "event_budget_amount": money(budget.total_budget_amount) if budget else None,
        "budget_committed": money(budget.total_committed_amount) if budget else None,
        "budget_actual": money(budget.total_actual_amount) if budget else None,
        "budget_available": money(budget.available_amount) if budget else None,
        "options": [option_facts(option) for option in options],
        "created_at": event.created_at,
        "updated_at": event.updated_at,
    }


def event_status(event: Event, now: datetime) -> str:
    """Return where the event stands, as `EventQuerySet.with_status` finds it."""
    if event.event_date <= now:
        return EventStatus.PAST
    if event.registration_start_date > now:
        return EventStatus.UPCOMING
    return EventStatus.REGISTRATION_OPEN if event.registration_end_date >= now else EventStatus.REGISTRATION_CLOSED


class EventViewSet(ContractViewSet):
    model = Event
    tags = ["events"]
    actions = {
        "list": "events.view",
        "create": "events.change",
        "retrieve": "events.view",
        "update": "events.change",
        "partial_update": "events.change",
        "destroy": "events.change",
        "restore": "events.restore",
    }
    filterset_class = EventFilter
    search_fields = ["name"]
    ordering_fields = {"event_date": "event_date", "name": "name", "created_at": "created_at"}
    attr_names = {"venue": "venue_id", "client": "client_id", "organizer": "organizer_id"}
    # Where a sum of lines above the total is said.
    amount_attrs = {"update": "event_budget_amount", "partial_update": "event_budget_amount"}

    def visible(self) -> QuerySet[Any]:
        return Event.objects.visible_to(user_id=self.user.pk, role=self.role).newest_first()

    @extend_schema(summary="List events, newest first", responses=EventAnswer(many=True))
    def list(self, request: Request) -> Response:
        if _asks_for_deleted(request):
            page = self._deleted_page()
        else:
            page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        now = timezone.now()
        rows = with_budgets(page, user_id=self.user.pk, role=self.role)
        options = options_of_events(row.event.pk for row in rows)
        return self.get_paginated_response([event_answer(row, options.get(row.event.pk, []), now) for row in rows])

    @extend_schema(
        summary="Make an event, with its budget when an amount is given",
        request=EventInput,
        responses={201: EventAnswer},
    )
    def create(self, request: Request) -> Response:
        fields, amount = self._fields()
        event = open_event_with_options(
            account=self.account,
            acting_user=self.user,
            options=fields.pop("options", []),
            event_budget_amount=amount,
            **fields,
        )
        return self._answer(event.pk, status=201)

    @extend_schema(summary="Read an event", responses=EventAnswer)
    def retrieve(self, request: Request, event_id: UUID) -> Response:
        return self._answer(event_id)

    @extend_schema(summary="Change an event", request=EventInput, responses=EventAnswer)
    def update(self, request: Request, event_id: UUID) -> Response:
        return self._change(event_id, partial=False)

    @extend_schema(summary="Change parts of an event", request=EventInput(partial=True), responses=EventAnswer)
    def partial_update(self, request: Request, event_id: UUID) -> Response:
        return self._change(event_id, partial=True)

    @extend_schema(summary="Delete an event with its budget", responses={204: None})
    def destroy(self, request: Request, event_id: UUID) -> Response:
        delete_event(event=self.find(event_id), acting_user=self.user, now=timezone.now())
        return Response(status=204)

    @extend_schema(
        summary="Bring back a deleted event with what was deleted with it", request=None, responses=EventAnswer
    )
    def restore(self, request: Request, event_id: UUID) -> Response:
        with deleted_rows_visible():
            event = self.find(event_id)
        if event.is_deleted:
            restore_event(event=event, acting_user=self.user)
        return self._answer(event_id)

    def _deleted_page(self) -> Sequence[Event]:
        """Read a page of deleted events; their budgets are deleted too. Who can't restore finds none."""
        with deleted_rows_visible():
            events = self.get_queryset().filter(deleted_at__isnull=False)
            return (
                self.paginate_queryset(self.filter_queryset(events if self.allows("events.restore") else events.none()))
                or []
            )

    def _answer(self, event_id: UUID, *, status: int = 200) -> Response:
        rows = with_budgets([self.find(event_id)], user_id=self.user.pk, role=self.role)
        options = list(options_of(event_id))
        return Response(event_answer(rows[0], options, timezone.now()), status=status)

    def _change(self, event_id: UUID, *, partial: bool) -> Response:
        event = self.find(event_id)
        fields, amount = self._fields(event, partial=partial)
        change_event(event=event, acting_user=self.user, event_budget_amount=amount, **fields)
        return self._answer(event_id)

    def _fields(self, event: Event | None = None, *, partial: bool = False) -> tuple[dict[str, Any], Decimal | None]:
        """Return the validated fields as the services take them, and the amount for the budget apart."""
        values = self.read(
            EventInput,
            partial=partial,
            currency=self._currency(event),
            timezone=self._timezone(event),
        )
        amount = values.pop("event_budget_amount", None)
        if event is not None:
            # The options of an event that is there are changed at their own addresses, and so is what pays for it.
            values.pop("options", None)
            if values.pop("funded_by", None) is not None:
                message = "What pays for an event is changed at its budget: POST /event-budgets/{id}/funding."
                raise field_refusal("funded_by", "not_changed_here", message)
        if "venue_id" in values:
            values["venue"] = _venue(values.pop("venue_id"))
        for attr in ("client", "organizer"):
            if f"{attr}_id" in values:
                values[attr] = _member(values.pop(f"{attr}_id"), attr=f"{attr}_id")
        return values, amount

    def _sent(self, name: str) -> Any:
        body: Any = self.request.data
        return body.get(name)

    def _currency(self, event: Event | None) -> str | None:
        """Return the currency that the body's amount is in; None when it names one that does not exist."""
        sent = self._sent("currency")
        if sent is None:
            return event.currency if event else self.account.currency
        return sent.upper() if isinstance(sent, str) and is_currency(sent.upper()) else None

    def _timezone(self, event: Event | None) -> ZoneInfo | None:
        name = self._sent("timezone") or (event or self.account).timezone
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, TypeError, OSError):
            # Refused with the other fields, when the service looks at it.
            return None


def _asks_for_deleted(request: Request) -> bool:
    # A value that is neither is refused by the filter itself.
    return str(request.query_params.get("is_active", "true")).strip().lower() in ("false", "0")


def _venue(venue_id: UUID | None) -> Venue | None:
    if venue_id is None:
        return None
    venue = Venue.objects.filter(pk=venue_id).first()
    if venue is None:
        raise field_refusal("venue_id", "does_not_exist", "There is no such venue. Choose one of the list of venues.")
    return venue


def _member(user_id: UUID | None, *, attr: str) -> Any:
    if user_id is None:
        return None
    membership = Membership.objects.filter(user_id=user_id).select_related("user").first()
    if membership is None:
        raise field_refusal(attr, "not_a_member", "This person is not a member of the account.")
    return membership.user
