"""Requests of machines, which sign in with an API key and may do what it lists."""

import logging
from collections.abc import Callable
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from budgetsite.accounts.api_key_recognition import note_use, use_is_due
from budgetsite.accounts.models import ApiKey
from budgetsite.accounts.permissions import MACHINE_ACTIONS

logger = logging.getLogger(__name__)


def api_key_of(request: Request | HttpRequest) -> ApiKey | None:
    """Return the API key that this request came with; None for people and strangers."""
    django_request: Any = getattr(request, "_request", request)
    found: ApiKey | None = getattr(django_request, "api_key", None)
    return found


def refuse_unlisted(key: ApiKey, action: str) -> None:
    """Raise 403, with what to do about it, unless the key lists `action` of the role table."""
    if action not in MACHINE_ACTIONS:
        raise PermissionDenied(
            "An API key can't do this, whichever actions it has: it is for people. Sign in as one of the account's "
            "members.",
            code="not_for_machines",
        )
    if not key.may(action):
        raise PermissionDenied(
            f"The API key “{key}” lacks the action {action}. Ask an owner or a manager of the account to add it.",
            code="action_not_allowed",
        )


class MachineUseMiddleware:
    """Keep when a key was used last, once the request is answered and its transaction over, refused ones too."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        key, now = api_key_of(request), timezone.now()
        if key is not None and use_is_due(key, now=now):
            try:
                note_use(key, now=now)
            except (OperationalError, InterfaceError) as error:
                # The answer stands: it was given by a transaction that is over.
                logger.warning("the use of an API key was not noted: %s", type(error).__name__)
        return response
