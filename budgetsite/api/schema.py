"""The OpenAPI description: one shape of error everywhere, paths without a slash at the end, the common headers."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import OpenApiParameter
from drf_standardized_errors.openapi import AutoSchema
from rest_framework import serializers

from budgetsite.accounts.permissions import MACHINE_ACTIONS
from budgetsite.api.idempotency import HEADER, MAX_KEY_LENGTH
from budgetsite.tenancy.scope import tenant_scope

_IDEMPOTENCY_KEY = OpenApiParameter(
    HEADER,
    {"type": "string", "maxLength": MAX_KEY_LENGTH},
    OpenApiParameter.HEADER,
    description="The same key with the same body answers what the first request did, once.",
)


class ErrorSerializer(serializers.Serializer):
    code = serializers.CharField(help_text="For programs.")
    detail = serializers.CharField(help_text="For people: what is wrong and what would be right.")
    attr = serializers.CharField(allow_null=True, help_text="The field it is about, such as `line_items.0.name`.")


class ErrorAnswerSerializer(serializers.Serializer):
    type = serializers.ChoiceField(choices=["validation_error", "client_error", "server_error"])
    errors = ErrorSerializer(many=True)  # type: ignore[assignment]


class ConflictAnswerSerializer(ErrorAnswerSerializer):
    """409: the request is in order, and what is stored stands against it."""

    current = serializers.DictField(required=False, help_text="With `stale_version`: the object as it is now.")
    changes = serializers.ListField(
        child=serializers.DictField(),
        required=False,
        help_text="With `stale_version`: what others changed since the version that was sent, each as `{field, before,"
        " now, by, at}` with what it is about. Take over what is theirs or keep what is yours, and send the version of"
        " `current`.",
    )
    allowed = serializers.ListField(
        child=serializers.DictField(),
        required=False,
        help_text="With `invalid_transition`: the moves that are possible now.",
    )


# Describing the filters asks the models' managers for empty querysets; they answer inside a tenant only.
_NOBODYS_TENANT = UUID(int=0)


class ContractSchema(AutoSchema):
    def get_operation(self, *args: Any, **kwargs: Any) -> Any:
        with tenant_scope(_NOBODYS_TENANT):
            return super().get_operation(*args, **kwargs)

    def get_override_parameters(self) -> list[Any]:
        parameters = list(super().get_override_parameters())
        if self.method == "POST" and self.get_auth():
            parameters.append(_IDEMPOTENCY_KEY)
        return parameters

    def get_tags(self) -> list[str]:
        return list(getattr(self.view, "tags", None) or super().get_tags())

    def get_description(self, *args: Any, **kwargs: Any) -> str:
        """Say beside each call whether a machine's key opens it, and which of its actions does."""
        said: str = super().get_description() or ""
        action = getattr(self.view, "actions", {}).get(getattr(self.view, "action", None) or self.method.lower())
        return f"{said}\n\nFor machines: `{action}`." if action in MACHINE_ACTIONS else said

    def get_summary(self) -> str | None:
        """Take the first line of the docstring, and leave the rest to the description."""
        summary: str | None = super().get_summary()
        return summary or (super().get_description() or "").partition("\n")[0].strip() or None

    def _should_add_error_response(self, responses: dict[str, Any], status_code: str) -> bool:
        writes = self.method in ("POST", "PUT", "PATCH", "DELETE")
        if status_code in ("409", "413", "415"):
            return status_code not in responses and writes
        return bool(super()._should_add_error_response(responses, status_code))

    def _get_error_response_serializer(self, status_code: str) -> Any:
        return ConflictAnswerSerializer if status_code == "409" else ErrorAnswerSerializer

    def _get_error_response_examples(self) -> list[Any]:
        return []


def contract_endpoints(endpoints: list[Any], **kwargs: Any) -> list[Any]:
    """Describe the contract's paths (not the schema itself), spelled without the slash that is tolerated."""
    return [
        (path.rstrip("/"), path_regex, method, callback)
        for path, path_regex, method, callback in endpoints
        if path.startswith("/api/v1/")
    ]
