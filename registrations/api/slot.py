"""`/events/{id}/pickup-slots`: when and where people come to collect."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from budgetsite.api.errors import translate_problems
from budgetsite.api.refusals import field_refusal
from events.models import Event
from registrations.api.event_views import EventPartViewSet
from registrations.models import DEFAULT_CAPACITY, PickupSlot
from registrations.selectors.slots import slots_of
from registrations.services.conflicts import slot_label
from registrations.services.problems import InvalidPlan
from registrations.services.slot import LONGEST_MINUTES, delete_slot, generate_slots, update_slot

MOST_LOCATIONS = 50
MOST_PEOPLE = 100_000


class SlotPlanInput(serializers.Serializer):
    date = serializers.DateField(help_text="The day, in the event's time zone.")
    minutes = serializers.IntegerField(required=False, default=LONGEST_MINUTES, help_text="5 to 60.")
    capacity = serializers.IntegerField(
        required=False, default=DEFAULT_CAPACITY, max_value=MOST_PEOPLE, help_text="How many people per slot."
    )
    locations = serializers.ListField(
        child=serializers.CharField(max_length=200), required=False, default=list, max_length=MOST_LOCATIONS
    )

    def get_fields(self) -> dict[str, Any]:
        # `from` is a word of Python's, so it can't be declared like the others.
        fields = super().get_fields()
        return {"date": fields.pop("date"), "from": serializers.TimeField(), "to": serializers.TimeField(), **fields}


class SlotInput(serializers.Serializer):
    capacity = serializers.IntegerField(
        min_value=1, max_value=MOST_PEOPLE, help_text="How many people it has room for."
    )


class SlotAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    start = serializers.DateTimeField()
    end = serializers.DateTimeField()
    label = serializers.CharField(  # type: ignore[assignment]  # the serializer's own label is something else
        help_text="As it may be sent back: `2026-07-15 10:00-11:00`, the event's time."
    )
    capacity = serializers.IntegerField()
    booked = serializers.IntegerField()
    available = serializers.IntegerField()
    location = serializers.CharField()


def slot_answer(slot: PickupSlot, event: Event) -> dict[str, Any]:
    return {
        "id": str(slot.pk),
        "start": slot.starts_at,
        "end": slot.ends_at,
        "label": slot_label(slot, event),
        "capacity": slot.capacity,
        "booked": slot.booked,
        "available": slot.available,
        "location": slot.location,
    }


class SlotViewSet(EventPartViewSet):
    model = PickupSlot
    tags = ["options and slots"]
    actions = {
        "list": "options.view",
        "generate": "options.change",
        "partial_update": "options.change",
        "destroy": "options.change",
    }

    @extend_schema(summary="List an event's pickup slots in their order", responses=SlotAnswer(many=True))
    def list(self, request: Request, event_id: UUID) -> Response:
        event = self.find_event(event_id)
        return self.page_of(slots_of(event.pk), lambda slot: slot_answer(slot, event))

    @extend_schema(summary="Make the slots of a day", request=SlotPlanInput, responses={201: SlotAnswer(many=True)})
    def generate(self, request: Request, event_id: UUID) -> Response:
        """Slots that are there already stay as they are. Answers those of the time asked for."""
        event = self.find_event(event_id)
        values = self.read(SlotPlanInput)
        slots = generate_slots(
            event=event,
            day=values["date"],
            begins=values["from"],
            ends=values["to"],
            minutes=values["minutes"],
            capacity=values["capacity"],
            locations=values["locations"],
            acting_user=self.user,
            now=timezone.now(),
        )
        results = [slot_answer(slot, event) for slot in slots]
        return Response({"count": len(results), "next": None, "previous": None, "results": results}, status=201)

    @extend_schema(summary="Give a slot room for more or fewer people", request=SlotInput, responses=SlotAnswer)
    def partial_update(self, request: Request, event_id: UUID, slot_id: UUID) -> Response:
        """`capacity` below what is booked is a 409."""
        event = self.find_event(event_id)
        values = self.read(SlotInput)
        slot = update_slot(event=event, slot_id=slot_id, acting_user=self.user, now=timezone.now(), **values)
        return Response(slot_answer(slot, event))

    @extend_schema(summary="Delete a slot that nobody has", responses={204: None})
    def destroy(self, request: Request, event_id: UUID, slot_id: UUID) -> Response:
        event = self.find_event(event_id)
        delete_slot(event=event, slot_id=slot_id, acting_user=self.user, now=timezone.now())
        return Response(status=204)


def _invalid_plan(error: InvalidPlan, view: Any) -> Exception:
    return field_refusal(error.name, error.code, str(error))


translate_problems({InvalidPlan: _invalid_plan})  # type: ignore[dict-item]
