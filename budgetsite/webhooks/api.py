"""`/webhooks`: which addresses are told of events, how they are signed, and what came of it."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from budgetsite.api.errors import conflict, field_error, not_found, translate_problems
from budgetsite.api.idempotency import ShownOnce
from budgetsite.api.pagination import CursorPagination
from budgetsite.api.views import ContractViewSet
from budgetsite.webhooks.catalogue import EventKind, published_kinds
from budgetsite.webhooks.models import (
    MAX_URL_LENGTH,
    DeliveryStatus,
    PauseReason,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from budgetsite.webhooks.selectors import attempts_of, deliveries_of, endpoints_in_order, older_secret_signs_until
from budgetsite.webhooks.services.delivery import redeliver, send_test
from budgetsite.webhooks.services.endpoint import (
    DEFAULT_OVERLAP,
    LONGEST_OVERLAP,
    ShownSecret,
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    rotate_secret,
)
from budgetsite.webhooks.services.problems import (
    DeliveryNotFound,
    UnknownKinds,
    UrlNotAllowed,
    WebhookNotFound,
    WebhookProblem,
)

_HOUR = timedelta(hours=1)


class WebhookInput(serializers.Serializer):
    url = serializers.CharField(max_length=MAX_URL_LENGTH, help_text="Where events are sent to by POST: https.")
    description = serializers.CharField(max_length=200, required=False, allow_blank=True)
    kinds = serializers.ListField(
        child=serializers.CharField(max_length=60),
        required=False,
        max_length=100,
        help_text="Kinds of events (`budget.approved`) or whole families of them (`budget.*`); none means all.",
    )


class WebhookChange(WebhookInput):
    is_paused = serializers.BooleanField(
        required=False, help_text="While it is paused nothing is sent; what happens meanwhile is sent afterwards."
    )


class WebhookRotation(serializers.Serializer):
    overlap_hours = serializers.IntegerField(
        min_value=0,
        max_value=LONGEST_OVERLAP // _HOUR,
        required=False,
        help_text=f"For how long the secret before signs as well; {DEFAULT_OVERLAP // _HOUR} if left out.",
    )


class WebhookAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    url = serializers.CharField()
    description = serializers.CharField()
    kinds = serializers.ListField(child=serializers.CharField())
    is_paused = serializers.BooleanField()
    paused_at = serializers.DateTimeField(allow_null=True)
    pause_reason = serializers.ChoiceField(
        choices=PauseReason.choices, allow_null=True, help_text="Why it is paused; null while it is not."
    )
    failing_since = serializers.DateTimeField(allow_null=True)
    last_delivered_at = serializers.DateTimeField(allow_null=True)
    waiting_count = serializers.IntegerField(help_text="Deliveries that wait, for their next attempt too.")
    given_up_count = serializers.IntegerField(help_text="Deliveries that were given up after all attempts.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class WebhookSecretAnswer(WebhookAnswer):
    secret = serializers.CharField(
        allow_null=True, help_text="What its messages are signed with. Answered this once, and null to a repeat."
    )
    previous_secret_until = serializers.DateTimeField(
        allow_null=True, help_text="Until when the secret before signs as well."
    )


class AttemptAnswer(serializers.Serializer):
    started_at = serializers.DateTimeField()
    duration_ms = serializers.IntegerField()
    status_code = serializers.IntegerField(allow_null=True, help_text="Null when there was no answer.")
    problem = serializers.CharField(help_text="Why there was none, in a word; empty when there was one.")
    answer = serializers.CharField(help_text="The beginning of what was answered.")


class DeliveryAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    event_id = serializers.UUIDField(help_text="The message's id: `webhook-id`.")
    kind = serializers.CharField()
    is_test = serializers.BooleanField()
    status = serializers.ChoiceField(choices=DeliveryStatus.choices)
    attempts = serializers.IntegerField()
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    body = serializers.CharField(help_text="What is sent, to the letter: the signature is over it.")
    log = AttemptAnswer(many=True)


class EventKindAnswer(serializers.Serializer):
    kind = serializers.CharField()
    happened = serializers.CharField(help_text="What it tells, in words.")
    data_schema = serializers.DictField(help_text="The JSON schema of `data` in its messages.")


class DeliveryFilter(filters.FilterSet):
    status = filters.ChoiceFilter(choices=DeliveryStatus.choices)
    kind = filters.CharFilter()


class WebhookViewSet(ContractViewSet):
    """Addresses of the account's own that are told of events, by the Standard Webhooks specification.

    Each message is a POST of `{"type", "timestamp", "data"}` with the headers `webhook-id`, `webhook-timestamp` and
    `webhook-signature`; libraries at https://www.standardwebhooks.com verify them. Any 2xx answer within 15 seconds is
    success. Otherwise it is sent again with the same id, nine times in about a day. Of two events of one subject the
    later has the larger `data.sequence`.
    """

    model = WebhookEndpoint
    tags = ["webhooks"]
    actions = {
        "list": "webhooks.view",
        "create": "webhooks.change",
        "retrieve": "webhooks.view",
        "partial_update": "webhooks.change",
        "destroy": "webhooks.change",
        "rotate": "webhooks.change",
        "test": "webhooks.change",
        "kinds": "webhooks.view",
    }

    def visible(self) -> QuerySet[Any]:
        return endpoints_in_order()

    @extend_schema(summary="List webhooks", responses=WebhookAnswer(many=True))
    def list(self, request: Request) -> Response:
        """In the order in which they were made."""
        return self.page_of(self.get_queryset(), webhook_answer)

    @extend_schema(summary="Make a webhook", request=WebhookInput, responses={201: WebhookSecretAnswer})
    def create(self, request: Request) -> Response:
        """It is told of what happens from now on. Its secret is in this answer and nowhere else."""
        made = create_endpoint(acting_user=self.user, **self.read(WebhookInput))
        return self._shown(made, status=201)

    @extend_schema(summary="Read a webhook", responses=WebhookAnswer)
    def retrieve(self, request: Request, webhook_id: UUID) -> Response:
        return Response(webhook_answer(self.find(webhook_id)))

    @extend_schema(summary="Change a webhook", request=WebhookChange(partial=True), responses=WebhookAnswer)
    def partial_update(self, request: Request, webhook_id: UUID) -> Response:
        """Pause and resume it as well. One that was paused because it failed is resumed in the same way."""
        endpoint = self.find(webhook_id)
        values = self.read(WebhookChange, partial=True)
        change_endpoint(endpoint_id=endpoint.pk, acting_user=self.user, now=timezone.now(), **values)
        return Response(webhook_answer(self.find(webhook_id)))

    @extend_schema(summary="Delete a webhook", responses={204: None})
    def destroy(self, request: Request, webhook_id: UUID) -> Response:
        """What waits for it is not sent any more."""
        delete_endpoint(endpoint_id=self.find(webhook_id).pk, acting_user=self.user, now=timezone.now())
        return Response(status=204)

    @extend_schema(summary="Give a webhook a new secret", request=WebhookRotation, responses={200: WebhookSecretAnswer})
    def rotate(self, request: Request, webhook_id: UUID) -> Response:
        """Messages are signed with both until `previous_secret_until`, so that the receiver can change over."""
        endpoint = self.find(webhook_id)
        hours = self.read(WebhookRotation, may_be_empty=True).get("overlap_hours", DEFAULT_OVERLAP // _HOUR)
        rotated = rotate_secret(
            endpoint_id=endpoint.pk, acting_user=self.user, now=timezone.now(), overlap=timedelta(hours=hours)
        )
        return self._shown(rotated, status=200)

    @extend_schema(summary="Send a test to a webhook", request=None, responses={202: DeliveryAnswer})
    def test(self, request: Request, webhook_id: UUID) -> Response:
        """A `webhook.test` is sent once, a moment later; its delivery tells what came of it."""
        endpoint = self.find(webhook_id)
        delivery = send_test(endpoint_id=endpoint.pk, acting_user=self.user, now=timezone.now())
        return Response(delivery_answer(delivery, []), status=202)

    @extend_schema(summary="List the kinds of events", responses=EventKindAnswer(many=True), filters=False)
    def kinds(self, request: Request) -> Response:
        """What webhooks tell, each with the schema of its `data`. No field is about a person."""
        kinds = self.paginate_queryset(published_kinds())  # a list is paged as well
        return self.get_paginated_response([kind_answer(kind) for kind in kinds or []])

    def _shown(self, shown: ShownSecret, *, status: int) -> Response:
        data = {
            **webhook_answer(self.find(shown.endpoint.pk)),
            "secret": shown.text,
            "previous_secret_until": _time(older_secret_signs_until(shown.endpoint.pk, timezone.now())),
        }
        return ShownOnce(data, secrets=["secret"], status=status, headers={"Cache-Control": "no-store"})


class WebhookDeliveryViewSet(ContractViewSet):
    """What a webhook was told, and what came of each attempt. Kept for a month."""

    model = WebhookDelivery
    tags = ["webhooks"]
    actions = {"list": "webhooks.view", "retrieve": "webhooks.view", "redeliver": "webhooks.change"}
    pagination_class = CursorPagination
    cursor_ordering = "-created_at"
    filterset_class = DeliveryFilter

    def visible(self) -> QuerySet[Any]:
        endpoint = endpoints_in_order().filter(pk=self.kwargs["webhook_id"]).first()
        if endpoint is None:
            raise WebhookNotFound(self.kwargs["webhook_id"])
        return deliveries_of(endpoint.pk)

    @extend_schema(summary="List a webhook's deliveries", responses=DeliveryAnswer(many=True))
    def list(self, request: Request, webhook_id: UUID) -> Response:
        """Latest first."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        logs = attempts_of(page)
        return self.get_paginated_response([delivery_answer(delivery, logs[delivery.pk]) for delivery in page])

    @extend_schema(summary="Read a delivery", responses=DeliveryAnswer)
    def retrieve(self, request: Request, webhook_id: UUID, delivery_id: UUID) -> Response:
        delivery = self.find(delivery_id)
        return Response(delivery_answer(delivery, attempts_of([delivery])[delivery.pk]))

    @extend_schema(summary="Send a delivery again", request=None, responses={202: DeliveryAnswer})
    def redeliver(self, request: Request, webhook_id: UUID, delivery_id: UUID) -> Response:
        """With the same id and body, a moment later, and from the beginning of its attempts."""
        delivery = self.find(delivery_id)
        sent = redeliver(endpoint_id=webhook_id, delivery_id=delivery.pk, acting_user=self.user, now=timezone.now())
        return Response(delivery_answer(sent, attempts_of([sent])[sent.pk]), status=202)


def webhook_answer(endpoint: WebhookEndpoint) -> dict[str, Any]:
    counted: Any = endpoint
    return {
        "id": str(endpoint.pk),
        "url": endpoint.url,
        "description": endpoint.description,
        "kinds": endpoint.kinds,
        "is_paused": endpoint.is_paused,
        "paused_at": _time(endpoint.paused_at),
        "pause_reason": endpoint.pause_reason or None,
        "failing_since": _time(endpoint.failing_since),
        "last_delivered_at": _time(endpoint.delivered_at),
        "waiting_count": counted.waiting_count,
        "given_up_count": counted.given_up_count,
        "created_at": _time(endpoint.created_at),
        "updated_at": _time(endpoint.updated_at),
    }


def delivery_answer(delivery: WebhookDelivery, log: list[WebhookAttempt]) -> dict[str, Any]:
    waits = delivery.status == DeliveryStatus.WAITING
    return {
        "id": str(delivery.pk),
        "event_id": str(delivery.event_id),
        "kind": delivery.kind,
        "is_test": delivery.is_test,
        "status": delivery.status,
        "attempts": delivery.attempts,
        "next_attempt_at": _time(delivery.next_attempt_at) if waits else None,
        "delivered_at": _time(delivery.delivered_at),
        "created_at": _time(delivery.created_at),
        "body": delivery.body,
        "log": [
            {
                "started_at": _time(attempt.started_at),
                "duration_ms": attempt.duration_ms,
                "status_code": attempt.status_code,
                "problem": attempt.problem,
                "answer": attempt.answer,
            }
            for attempt in log
        ],
    }


def kind_answer(kind: EventKind) -> dict[str, Any]:
    return {"kind": kind.name, "happened": kind.happened, "data_schema": kind.schema()}


def _time(moment: Any) -> str | None:
    return None if moment is None else moment.isoformat()


translate_problems(
    {
        WebhookProblem: conflict(),
        UrlNotAllowed: field_error("url"),
        UnknownKinds: field_error("kinds"),
        WebhookNotFound: not_found,
        DeliveryNotFound: not_found,
    }
)
