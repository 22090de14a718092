"""The version that a writer has read: `version` in the body, or `If-Match: "3"`."""

import re
from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from budgetsite.api.refusals import field_refusal

_IF_MATCH = re.compile(r'(?:W/)?"([0-9]{1,9})"|([0-9]{1,9})')

IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description='The version that was read, in quotes: `"3"`. May stand in the body as `version` instead.',
)


class VersionField(serializers.IntegerField):
    """`version` of a body. Never required there, because `If-Match` may carry it."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("help_text", "The version that was read; If-Match may carry it instead.")
        super().__init__(required=False, min_value=1, max_value=2**31 - 1, **kwargs)

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int | str):
            self.fail("invalid")
        return super().to_internal_value(data)


def sent_version(request: Request, values: dict[str, Any]) -> int | None:
    """Take `version` out of the validated `values` and return it, or that of `If-Match`; None when there is neither.

    A malformed `If-Match`, and one that says something else than the body, are a 400.
    """
    in_body: int | None = values.pop("version", None)
    header = request.headers.get("If-Match")
    if header is None:
        return in_body
    found = _IF_MATCH.fullmatch(header.strip())
    if found is None:
        raise field_refusal("version", "invalid", 'Write If-Match as the version in quotes, such as "3".')
    in_header = int(found[1] or found[2])
    if in_body is not None and in_body != in_header:
        raise field_refusal("version", "ambiguous", "If-Match and the body name different versions.")
    return in_header


def required_version(request: Request, values: dict[str, Any]) -> int:
    """Return as `sent_version`; none at all is a 400."""
    version = sent_version(request, values)
    if version is None:
        raise field_refusal("version", "required", "Say which version you read: send “version”, or an If-Match header.")
    return version


def etag(version: int) -> dict[str, str]:
    return {"ETag": f'"{version}"'}
