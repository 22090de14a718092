"""`/events/{id}/registration-policy`: until when one cancels for nothing, what stays later, how long offers last."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from budgetsite.api.errors import translate_problems
from budgetsite.api.refusals import field_refusal
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.api_fields import MoneyField, PercentageField
from events.models import Event
from registrations.api.event_views import EventPartViewSet
from registrations.models import EventRegistration, RegistrationDesk
from registrations.selectors.one_registration import visible_registration
from registrations.services.desk import MOST_CANCEL_HOURS, MOST_OFFER_MINUTES, change_policy
from registrations.services.policy import cancellation_terms, free_until
from registrations.services.problems import InvalidPolicy


class PolicyInput(serializers.Serializer):
    cancel_until_hours = serializers.IntegerField(
        min_value=0, max_value=MOST_CANCEL_HOURS, help_text="So many hours before the event cancelling costs nothing."
    )
    kept_share = serializers.DecimalField(
        max_digits=5,
        decimal_places=2,
        min_value=0,
        max_value=100,
        help_text="What stays as cost when it is cancelled later, in percent of what was promised.",
    )
    offer_minutes = serializers.IntegerField(
        min_value=1, max_value=MOST_OFFER_MINUTES, help_text="How long a place that became free is kept for somebody."
    )


class PolicyAnswer(serializers.Serializer):
    event_id = serializers.UUIDField()
    cancel_until_hours = serializers.IntegerField()
    kept_share = PercentageField()
    offer_minutes = serializers.IntegerField()
    free_until = serializers.DateTimeField()


class CancellationAnswer(serializers.Serializer):
    can_cancel = serializers.BooleanField(help_text="False once it is over, or collected.")
    currency = serializers.CharField()
    amount_committed = MoneyField()
    kept = MoneyField(help_text="What would stay as cost if the asking person cancelled now.")
    kept_share = PercentageField()
    free_until = serializers.DateTimeField(help_text="Until then the owner's cancelling keeps nothing.")


class PolicyViewSet(EventPartViewSet):
    model = RegistrationDesk
    tags = ["registrations"]
    actions = {"retrieve": "options.view", "update": "options.change"}

    @extend_schema(summary="Read an event's cancellation policy", responses=PolicyAnswer)
    def retrieve(self, request: Request, event_id: UUID) -> Response:
        event = self.find_event(event_id)
        return Response(_policy_answer(event, RegistrationDesk.objects.get(event_id=event.pk)))

    @extend_schema(summary="Change an event's cancellation policy", request=PolicyInput, responses=PolicyAnswer)
    def update(self, request: Request, event_id: UUID) -> Response:
        event = self.find_event(event_id)
        desk = change_policy(event=event, acting_user=self.user, **self.read(PolicyInput))
        return Response(_policy_answer(event, desk))


class CancellationViewSet(EventPartViewSet):
    model = EventRegistration
    tags = ["registrations"]
    actions = {"retrieve": "registrations.view"}

    @extend_schema(summary="Find out what cancelling would cost; nothing is changed", responses=CancellationAnswer)
    def retrieve(self, request: Request, event_id: UUID, registration_id: UUID) -> Response:
        event = self.find_event(event_id)
        registration = visible_registration(registration_id, event.pk, user_id=self.user.pk, role=self.role)
        terms = cancellation_terms(registration, event, acting_user=self.user, now=timezone.now())
        answer = {
            "can_cancel": terms.can_cancel,
            "currency": terms.currency,
            "amount_committed": amount_to_json(terms.committed, terms.currency),
            "kept": amount_to_json(terms.kept, terms.currency),
            "kept_share": format(terms.kept_share, ".2f"),
            "free_until": terms.free_until,
        }
        return Response(answer)


def _policy_answer(event: Event, desk: RegistrationDesk) -> dict[str, Any]:
    return {
        "event_id": str(event.pk),
        "cancel_until_hours": desk.cancel_until_hours,
        "kept_share": format(desk.kept_share, ".2f"),
        "offer_minutes": desk.offer_minutes,
        "free_until": free_until(event, desk),
    }


def _invalid(error: Any, view: Any) -> Exception:
    return field_refusal(error.name, error.code, str(error))


translate_problems({InvalidPolicy: _invalid})  # type: ignore[dict-item]
