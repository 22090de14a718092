"""One transaction per request, and a fresh scope for it."""

import logging
from collections.abc import Callable

from django.db import InterfaceError, OperationalError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from budgetsite.tenancy.scope import NOBODY, current_scope, enter_scope, leave_scope

logger = logging.getLogger(__name__)

RETRY_AFTER_SECONDS = 5


class TransactionMiddleware:
    """Wrap everything behind it, rendering included, in one transaction that begins outside any tenant.

    Django's `ATOMIC_REQUESTS` ends with the view, before the admin's lazy templates are rendered, and the tenant lasts
    no longer than its transaction: such a page would find no rows. What raised an exception is rolled back, and so is
    what says `request.rolls_back = True` (the REST error handler does).
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = enter_scope(NOBODY)
        try:
            with transaction.atomic():
                response = self.get_response(request)
                if response.status_code >= 500 or getattr(request, "rolls_back", False):
                    transaction.set_rollback(True)
            return response
        except (OperationalError, InterfaceError) as error:
            return service_unavailable(request, error)
        finally:
            # For who tells of the request afterwards, whose it was.
            request.scope_at_end = current_scope()  # type: ignore[attr-defined]
            leave_scope(token)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        request.rolls_back = True  # type: ignore[attr-defined]
        if isinstance(exception, OperationalError | InterfaceError):
            return service_unavailable(request, exception)
        return None


def service_unavailable(request: HttpRequest, error: Exception) -> HttpResponse:
    """Answer 503 for a database that is away or overloaded: nothing was stored, the same request may be sent again."""
    logger.error("database unavailable: %s", type(error).__name__, exc_info=error)
    detail = "The database can't be reached just now. Nothing was saved; please try again in a few seconds."
    response: HttpResponse
    if request.path.startswith("/api/"):
        errors = [{"code": "service_unavailable", "detail": detail, "attr": None}]
        response = JsonResponse({"type": "server_error", "errors": errors}, status=503)
    else:
        response = render(None, "503.html", {"retry_after": RETRY_AFTER_SECONDS}, status=503)
    response["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response
