"""`/events/{id}/check-in`: at the door."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from registrations.api import answers
from registrations.api.event_views import EventPartViewSet
from registrations.models import EventRegistration
from registrations.services.check_in import check_in, undo_check_in


class CheckInInput(serializers.Serializer):
    qr_token = serializers.CharField(max_length=200)
    nonce = serializers.CharField(
        max_length=100, required=False, allow_null=True, help_text="The scan's own number: sent again it counts once."
    )


class UndoInput(serializers.Serializer):
    reason = serializers.CharField(max_length=2000, allow_blank=True)


class CheckInViewSet(EventPartViewSet):
    model = EventRegistration
    tags = ["check-in"]
    actions = {"check_in": "registrations.check_in", "undo": "registrations.check_in"}

    @extend_schema(
        summary="Hand out what a code stands for, once", request=CheckInInput, responses=answers.CheckInAnswer
    )
    def check_in(self, request: Request, event_id: UUID) -> Response:
        event = self.find_event(event_id)
        values = self.read(CheckInInput)
        scan = check_in(
            event=event,
            qr_token=values["qr_token"],
            nonce=values.get("nonce"),
            acting_user=self.user,
            now=timezone.now(),
        )
        found = scan.registration
        answer: dict[str, Any] = {
            "result": scan.result,
            "registration": answers.registration_answer(found, event) if found else None,
            "collected_at": scan.collected_at,
            "collected_by": str(scan.collected_by) if scan.collected_by else None,
        }
        return Response(answer)

    @extend_schema(
        summary="Take a check-in back, with a reason", request=UndoInput, responses=answers.RegistrationAnswer
    )
    def undo(self, request: Request, event_id: UUID, registration_id: UUID) -> Response:
        event = self.find_event(event_id)
        values = self.read(UndoInput)
        registration = undo_check_in(
            event=event, registration_id=registration_id, acting_user=self.user, reason=values["reason"]
        )
        return Response(answers.registration_answer(registration, event))
