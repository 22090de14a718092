"""`/events/{id}/waitlist`: queueing for what has no room, and taking what becomes free."""

from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from events.models import Event
from registrations.api import answers
from registrations.api.event_views import EventPartViewSet
from registrations.api.registration import RegisterInput
from registrations.models import WaitlistEntry, WaitlistStatus
from registrations.selectors.one_registration import visible_registration
from registrations.selectors.waitlist import waitlist_of
from registrations.services.conflicts import slot_label
from registrations.services.slot import find_slot_id
from registrations.services.waitlist import accept_offer, expire_offers_of, join_waitlist, leave_waitlist, prioritise

HIGHEST_PRIORITY = 1_000_000


class WaitlistInput(RegisterInput):
    """Who queues asks for the same as who registers."""


class PriorityInput(serializers.Serializer):
    priority = serializers.IntegerField(
        min_value=-HIGHEST_PRIORITY, max_value=HIGHEST_PRIORITY, help_text="Higher goes first; at first it is 0."
    )


class WaitlistAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    event_id = serializers.UUIDField()
    user_id = serializers.UUIDField()
    user_name = serializers.CharField()
    event_option_id = serializers.UUIDField(allow_null=True)
    option_name = serializers.CharField(allow_null=True)
    preferred_pickup_slot = serializers.CharField(allow_null=True)
    preferred_pickup_slot_id = serializers.UUIDField(allow_null=True)
    party_size = serializers.IntegerField()
    status = serializers.ChoiceField(choices=WaitlistStatus.choices)
    priority = serializers.IntegerField()
    position = serializers.IntegerField(
        allow_null=True, help_text="1 is next. Null for who has an offer, or waits no more."
    )
    notes = serializers.CharField()
    created_at = serializers.DateTimeField()
    offered_at = serializers.DateTimeField(allow_null=True)
    offer_expires_at = serializers.DateTimeField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    registration_id = serializers.UUIDField(allow_null=True)


def waitlist_answer(entry: Any, event: Event) -> dict[str, Any]:
    """Describe an entry of `waitlist_of`."""
    slot = entry.preferred_slot
    return {
        "id": str(entry.pk),
        "event_id": str(entry.event_id),
        "user_id": str(entry.user_id),
        "user_name": str(entry.user),
        "event_option_id": entry.event_option_id,
        "option_name": entry.event_option.option_name if entry.event_option else None,
        "preferred_pickup_slot": slot_label(slot, event) if slot else None,
        "preferred_pickup_slot_id": entry.preferred_slot_id,
        "party_size": entry.party_size,
        "status": entry.status,
        "priority": entry.priority,
        "position": entry.position,
        "notes": entry.notes,
        "created_at": entry.created_at,
        "offered_at": entry.offered_at,
        "offer_expires_at": entry.offer_expires_at,
        "decided_at": entry.decided_at,
        "registration_id": entry.registration_id,
    }


class WaitlistFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(choices=WaitlistStatus.choices)
    option = django_filters.UUIDFilter(field_name="event_option_id")

    class Meta:
        model = WaitlistEntry
        fields: list[str] = []


class WaitlistViewSet(EventPartViewSet):
    model = WaitlistEntry
    tags = ["waitlist"]
    actions = {
        "list": "registrations.view",
        "create": "registrations.register",
        "retrieve": "registrations.view",
        "partial_update": "registrations.decide",
        "destroy": "registrations.view",
        "accept": "registrations.register",
    }
    filterset_class = WaitlistFilter

    @extend_schema(summary="List who queues, in the order of the queue", responses=WaitlistAnswer(many=True))
    def list(self, request: Request, event_id: UUID) -> Response:
        """Who decides sees all, everybody else their own. Without `status` those who wait or have an offer."""
        event = self.find_event(event_id)
        expire_offers_of(event=event, now=timezone.now())
        everybody = bool(request.query_params.get("status"))
        return self.page_of(self._of(event, over=everybody), lambda entry: waitlist_answer(entry, event))

    @extend_schema(summary="Queue for what has no room", request=WaitlistInput, responses={201: WaitlistAnswer})
    def create(self, request: Request, event_id: UUID) -> Response:
        """409 `room_left` when there is room: register right away then."""
        event = self.find_event(event_id)
        values = self.read_about(event, WaitlistInput)
        entry = join_waitlist(
            event=event,
            user=self.user,
            option_id=values.get("event_option_id"),
            slot_id=find_slot_id(event, values.get("preferred_pickup_slot"), party_size=values["party_size"]),
            party_size=values["party_size"],
            notes=values["notes"],
            now=timezone.now(),
        )
        return self._answer(event, entry.pk, status=201)

    @extend_schema(summary="Read an entry of the queue", responses=WaitlistAnswer)
    def retrieve(self, request: Request, event_id: UUID, entry_id: UUID) -> Response:
        event = self.find_event(event_id)
        expire_offers_of(event=event, now=timezone.now())
        return self._answer(event, entry_id)

    @extend_schema(summary="Let somebody go before others", request=PriorityInput, responses=WaitlistAnswer)
    def partial_update(self, request: Request, event_id: UUID, entry_id: UUID) -> Response:
        event = self.find_event(event_id)
        values = self.read(PriorityInput)
        prioritise(entry_id=entry_id, event=event, acting_user=self.user, priority=values["priority"])
        return self._answer(event, entry_id)

    @extend_schema(summary="Leave the queue, or turn an offer down", responses={204: None})
    def destroy(self, request: Request, event_id: UUID, entry_id: UUID) -> Response:
        """Who runs the event may take anybody off the queue."""
        anybody = self.allows("registrations.decide")
        leave_waitlist(
            entry_id=entry_id,
            event=self.find_event(event_id),
            user=None if anybody else self.user,
            now=timezone.now(),
        )
        return Response(status=204)

    @extend_schema(summary="Take the place that is offered", request=None, responses={201: answers.RegistrationAnswer})
    def accept(self, request: Request, event_id: UUID, entry_id: UUID) -> Response:
        """The registration waits for approval as any other; 409 `offer_gone` when the offer has run out."""
        event = self.find_event(event_id)
        made = accept_offer(
            entry_id=entry_id,
            event=event,
            user=self.user,
            may_decide=self.allows("registrations.decide"),
            now=timezone.now(),
        )
        stored = visible_registration(made.pk, event.pk, user_id=self.user.pk, role=self.role)
        return Response(answers.registration_answer(stored, event), status=201)

    def _of(self, event: Event, *, over: bool = True) -> QuerySet[Any]:
        return waitlist_of(event.pk, user_id=self.user.pk, role=self.role, over=over)

    def _answer(self, event: Event, entry_id: UUID, *, status: int = 200) -> Response:
        entry = self._of(event).filter(pk=entry_id).first()
        if entry is None:
            raise Http404
        return Response(waitlist_answer(entry, event), status=status)
