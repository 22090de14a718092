"""`/events/{id}/options`: what one may register for."""

from decimal import Decimal
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from budgetsite.money.api_fields import MoneyField, PercentageField
from registrations.api.event_views import EventPartViewSet
from registrations.models import MOST_PLACES, EventOption, OptionType
from registrations.selectors.options import option_facts, options_of
from registrations.services.option import create_option, delete_option, update_option
from registrations.services.problems import OptionNotFound

_LONGEST_TEXT = 10_000


class OptionInput(serializers.Serializer):
    option_name = serializers.CharField(max_length=200)
    option_type = serializers.ChoiceField(choices=OptionType.choices, required=False)
    description = serializers.CharField(max_length=_LONGEST_TEXT, required=False, allow_blank=True)
    total_available = serializers.IntegerField(min_value=0, max_value=MOST_PLACES)
    cost_per_unit = MoneyField(minimum=Decimal(0), required=False, help_text="What one place costs the event's budget.")
    line_item_id = serializers.UUIDField(
        required=False, allow_null=True, help_text="The line of the event's budget that pays; without one the budget."
    )
    sort_order = serializers.IntegerField(required=False, min_value=-(2**31), max_value=2**31 - 1)


class OptionAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    event_id = serializers.UUIDField()
    option_name = serializers.CharField()
    option_type = serializers.ChoiceField(choices=OptionType.choices)
    description = serializers.CharField()
    total_available = serializers.IntegerField()
    committed_count = serializers.IntegerField(help_text="Promised places.")
    held_count = serializers.IntegerField(help_text="Places kept for those who wait for a decision.")
    available_slots = serializers.IntegerField(help_text="What is left: total less promised less held.")
    utilization_percentage = PercentageField()
    cost_per_unit = MoneyField()
    currency = serializers.CharField()
    line_item_id = serializers.UUIDField(allow_null=True)
    sort_order = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class OptionViewSet(EventPartViewSet):
    model = EventOption
    tags = ["options and slots"]
    actions = {
        "list": "options.view",
        "create": "options.change",
        "retrieve": "options.view",
        "partial_update": "options.change",
        "destroy": "options.change",
    }

    @extend_schema(summary="List an event's options", responses=OptionAnswer(many=True))
    def list(self, request: Request, event_id: UUID) -> Response:
        return self.page_of(options_of(self.find_event(event_id).pk), option_facts)

    @extend_schema(summary="Add an option", request=OptionInput, responses={201: OptionAnswer})
    def create(self, request: Request, event_id: UUID) -> Response:
        event = self.find_event(event_id)
        values = self.read(OptionInput, currency=event.currency)
        return Response(option_facts(create_option(event=event, acting_user=self.user, **values)), status=201)

    @extend_schema(summary="Read an option", responses=OptionAnswer)
    def retrieve(self, request: Request, event_id: UUID, option_id: UUID) -> Response:
        option = options_of(self.find_event(event_id).pk).filter(pk=option_id).first()
        if option is None:
            raise OptionNotFound(option_id)
        return Response(option_facts(option))

    @extend_schema(summary="Change an option", request=OptionInput(partial=True), responses=OptionAnswer)
    def partial_update(self, request: Request, event_id: UUID, option_id: UUID) -> Response:
        """`total_available` below what is promised and held is a 409."""
        event = self.find_event(event_id)
        values = self.read(OptionInput, partial=True, currency=event.currency)
        option = update_option(event=event, option_id=option_id, acting_user=self.user, now=timezone.now(), **values)
        return Response(option_facts(option))

    @extend_schema(summary="Delete an option that nobody has", responses={204: None})
    def destroy(self, request: Request, event_id: UUID, option_id: UUID) -> Response:
        event = self.find_event(event_id)
        delete_option(event=event, option_id=option_id, acting_user=self.user, now=timezone.now())
        return Response(status=204)
