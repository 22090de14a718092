"""`/api-keys`: what machines sign in with."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api.answers.story import PersonAnswer
from budgets.services.api_key import UnknownBudgets, change_budget_key, create_budget_key
from budgetsite.accounts.api_keys import (
    LONGEST_OVERLAP,
    USUAL_OVERLAP,
    ApiKeyNotFound,
    ApiKeyProblem,
    ApiKeyRevoked,
    ShownKey,
    revoke_api_key,
    rotate_api_key,
)
from budgetsite.accounts.models import ApiKey
from budgetsite.accounts.permissions import MACHINE_ACTIONS
from budgetsite.accounts.selectors import api_keys_in_order
from budgetsite.api.errors import conflict, field_error, not_found, translate_problems
from budgetsite.api.idempotency import ShownOnce
from budgetsite.api.refusals import field_refusal
from budgetsite.api.views import ContractViewSet

MACHINE_ACTION_CHOICES = list(MACHINE_ACTIONS.items())
STATES = [("active", "Works"), ("expired", "Expired"), ("revoked", "Revoked")]
_HOUR = timedelta(hours=1)
_NO_ACTION = f"“{{input}}” is no action of API keys. There are: {', '.join(MACHINE_ACTIONS)}."


class ApiKeyInput(serializers.Serializer):
    name = serializers.CharField(max_length=100, help_text="The machine's: no other key that works has it.")
    actions = serializers.ListField(
        child=serializers.ChoiceField(choices=MACHINE_ACTION_CHOICES, error_messages={"invalid_choice": _NO_ACTION}),
        help_text="What it may do; everything else is refused.",
    )
    budget_ids = serializers.ListField(
        child=serializers.UUIDField(),
        required=False,
        help_text="The scoped budgets that it reaches, with what lies below them; left out or empty: all.",
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True, help_text="Null: never.")


class ApiKeyChangeInput(ApiKeyInput):
    responsible_id = serializers.UUIDField(required=False, help_text="An owner or a manager of the account.")


class ApiKeyRotationInput(serializers.Serializer):
    overlap_hours = serializers.IntegerField(
        min_value=0,
        max_value=LONGEST_OVERLAP // _HOUR,
        default=USUAL_OVERLAP // _HOUR,
        help_text="How long the secret that it had stays good beside the new one; 0: not at all.",
    )


class ApiKeyAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    actions = serializers.ListField(child=serializers.ChoiceField(choices=MACHINE_ACTION_CHOICES))
    budget_ids = serializers.ListField(child=serializers.UUIDField())
    state = serializers.ChoiceField(choices=STATES)
    responsible = PersonAnswer(help_text="Stands in the history of what the machine does.")
    needs_responsible = serializers.BooleanField(
        help_text="The key works, but its responsible person has left the account, or may make no keys any more."
    )
    created_by = PersonAnswer()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="To the minute.")
    rotated_at = serializers.DateTimeField(allow_null=True)
    previous_secret_until = serializers.DateTimeField(
        allow_null=True, help_text="Until when the secret before the last rotation is good; null when it is not."
    )
    revoked_at = serializers.DateTimeField(allow_null=True)


class ShownApiKeyAnswer(ApiKeyAnswer):
    secret = serializers.CharField(
        allow_null=True,
        help_text="To be sent as `Authorization: Bearer …`. Shown this once: a repeated request is answered null.",
    )


class ApiKeyViewSet(ContractViewSet):
    """Keys for machines: each does what its `actions` say in the budgets that it reaches, and nothing else.

    A key works on when its responsible person leaves the account; name another one then.
    """

    model = ApiKey
    tags = ["API keys"]
    actions = {
        "list": "api_keys.view",
        "create": "api_keys.change",
        "retrieve": "api_keys.view",
        "partial_update": "api_keys.change",
        "rotate": "api_keys.change",
        "revoke": "api_keys.change",
    }

    def visible(self) -> QuerySet[Any]:
        return api_keys_in_order()

    @extend_schema(summary="List API keys", responses=ApiKeyAnswer(many=True))
    def list(self, request: Request) -> Response:
        """By name, revoked ones last."""
        return self.page_of(self.get_queryset(), key_answer)

    @extend_schema(summary="Make an API key", request=ApiKeyInput, responses={201: ShownApiKeyAnswer})
    def create(self, request: Request) -> Response:
        """The secret is answered this once. You are responsible for the key until you name somebody else."""
        made = create_budget_key(acting_user=self.user, now=timezone.now(), **self.read(ApiKeyInput))
        return self._shown(made, status=201)

    @extend_schema(summary="Read an API key", responses=ApiKeyAnswer)
    def retrieve(self, request: Request, api_key_id: UUID) -> Response:
        return Response(key_answer(self.find(api_key_id)))

    @extend_schema(summary="Change an API key", request=ApiKeyChangeInput(partial=True), responses=ApiKeyAnswer)
    def partial_update(self, request: Request, api_key_id: UUID) -> Response:
        """What is not sent stays. Holds from the machine's next request on."""
        key = self.find(api_key_id)
        values = self.read(ApiKeyChangeInput, partial=True)
        change_budget_key(key_id=key.pk, acting_user=self.user, now=timezone.now(), **values)
        return Response(key_answer(self.find(key.pk)))

    @extend_schema(summary="Give an API key a new secret", request=ApiKeyRotationInput, responses=ShownApiKeyAnswer)
    def rotate(self, request: Request, api_key_id: UUID) -> Response:
        """The new secret is good at once and answered this once; the old one stays good for the overlap.

        Two are good at most: one of an earlier rotation ends now.
        """
        key = self.find(api_key_id)
        overlap = self.read(ApiKeyRotationInput, may_be_empty=True)["overlap_hours"] * _HOUR
        return self._shown(
            rotate_api_key(key_id=key.pk, overlap=overlap, acting_user=self.user, now=timezone.now()), status=200
        )

    @extend_schema(summary="Revoke an API key", request=None, responses=ApiKeyAnswer)
    def revoke(self, request: Request, api_key_id: UUID) -> Response:
        """Refused from the machine's next request on, for good."""
        key = self.find(api_key_id)
        revoke_api_key(key_id=key.pk, acting_user=self.user, now=timezone.now())
        return Response(key_answer(self.find(key.pk)))

    def _shown(self, made: ShownKey, *, status: int) -> Response:
        answer = {**key_answer(self.find(made.key.pk)), "secret": made.text}
        return ShownOnce(answer, secrets=["secret"], status=status, headers={"Cache-Control": "no-store"})


def key_answer(key: Any) -> dict[str, Any]:
    now = timezone.now()
    return {
        "id": str(key.pk),
        "name": key.name,
        "actions": key.actions,
        "budget_ids": [str(budget_id) for budget_id in key.budget_ids],
        "state": "revoked" if key.revoked_at else "expired" if key.has_expired(now) else "active",
        "responsible": {"id": str(key.responsible.pk), "name": str(key.responsible)},
        "needs_responsible": key.needs_somebody,
        "created_by": {"id": str(key.created_by.pk), "name": str(key.created_by)},
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "rotated_at": key.rotated_at,
        "previous_secret_until": key.previous_until if key.previous_until and key.previous_until > now else None,
        "revoked_at": key.revoked_at,
    }


def _at_its_field(error: Any, view: Any) -> APIException:
    return field_refusal(error.field or "non_field_errors", error.code, str(error))


translate_problems(
    {
        ApiKeyProblem: _at_its_field,
        ApiKeyNotFound: not_found,
        ApiKeyRevoked: conflict(),
        UnknownBudgets: field_error("budget_ids"),
    }
)
