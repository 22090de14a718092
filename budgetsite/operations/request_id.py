"""A name for each request: in the answer's `X-Request-ID`, in every log line it causes, in the tasks that it starts."""

import re
from collections.abc import Callable
from contextvars import ContextVar, Token
from uuid import uuid4

from django.http import HttpRequest, HttpResponse

NONE = "-"
_request_id: ContextVar[str] = ContextVar("request_id", default=NONE)
_ACCEPTED = re.compile(r"[A-Za-z0-9._-]{8,64}")


def current_request_id() -> str:
    """Return the id of what is being done; `-` outside any request and task."""
    return _request_id.get()


def enter_request(request_id: str) -> Token[str]:
    """Work under this id until `leave_request` is given the token back."""
    return _request_id.set(request_id)


def leave_request(token: Token[str]) -> None:
    _request_id.reset(token)


class RequestIdMiddleware:
    """Take the id that a proxy in front gave, when it looks like one, else make one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _ACCEPTED.fullmatch(given) else uuid4().hex
        # For what is told of the request once its answer has left: Django's own lines about refusals.
        request.request_id = request_id  # type: ignore[attr-defined]
        token = enter_request(request_id)
        try:
            response = self.get_response(request)
        finally:
            leave_request(token)
        response["X-Request-ID"] = request_id
        return response
