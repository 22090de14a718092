"""Refusals that views raise themselves. `errors` makes answers of them.

Two modules, because `errors` needs the framework's views, which need these while they load.
"""

from typing import Any

from rest_framework import exceptions, status
from rest_framework.exceptions import APIException, ErrorDetail


class Conflict(APIException):
    """409 with a code, and with further members beside `errors` (named in the contract)."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"

    def __init__(self, code: str, detail: str, **members: Any) -> None:
        super().__init__(detail, code)
        self.members = members


class Forbidden(exceptions.PermissionDenied):
    """403 with a code, and with further members beside `errors`: what is possible instead, for instance."""

    def __init__(self, code: str, detail: str, **members: Any) -> None:
        super().__init__(detail, code)
        self.members = members


class PayloadTooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"The request is larger than {limit_bytes // 1024} kB. Send it in smaller parts.")


def field_refusal(attr: str, code: str, detail: str) -> exceptions.ValidationError:
    """Return a 400 that stands at one field."""
    return exceptions.ValidationError({attr: [ErrorDetail(detail, code=code)]})
