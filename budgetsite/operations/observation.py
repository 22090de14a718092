"""What each request was: one line in the log and a few counters. Names of routes, never addresses: those hold ids."""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.db import connections
from django.http import HttpRequest, HttpResponse
from prometheus_client import Counter, Histogram

logger = logging.getLogger("budgetsite.requests")

REQUESTS = Counter("budgetsite_http_requests_total", "Requests answered.", ["route", "method", "status"])
SECONDS = Histogram(
    "budgetsite_http_request_seconds",
    "Time until an answer was made.",
    ["route", "method"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, float("inf")),
)
STATEMENTS = Counter(
    "budgetsite_http_database_statements_total", "Statements that requests sent to the database.", ["route"]
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_ROUTE, STATIC = "(none)", "(static)"


class StatementCount:
    """Counts what passes through `connection.execute_wrapper`."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        self.count += 1
        return execute(sql, params, many, context)


class ObservationMiddleware:
    """Right behind the one that names the request, so that every answer is seen, whoever gives it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started, statements = time.perf_counter(), StatementCount()
        with connections["default"].execute_wrapper(statements):
            response = self.get_response(request)
        seconds = time.perf_counter() - started
        route, method = route_of(request), request.method if request.method in _METHODS else "other"
        REQUESTS.labels(route, method, f"{response.status_code // 100}xx").inc()
        SECONDS.labels(route, method).observe(seconds)
        STATEMENTS.labels(route).inc(statements.count)
        # The scope in which it ended, which is over by now.
        scope = getattr(request, "scope_at_end", None)
        logger.info(
            "%s %s %s",
            method,
            route,
            response.status_code,
            extra={
                "facts": {
                    "route": route,
                    "method": method,
                    "status": response.status_code,
                    "duration_ms": round(seconds * 1000, 1),
                    "statements": statements.count,
                    "tenant_id": scope and scope.tenant_id,
                    "user_id": scope and scope.user_id,
                }
            },
        )
        return response


def route_of(request: HttpRequest) -> str:
    """Return the route's name, or its pattern where it has none; a word for what came to none."""
    match = request.resolver_match
    if match is not None:
        return match.view_name if match.url_name else match.route or "/"
    # A middleware answered: for itself, or with a file.
    route = getattr(request, "route_name", NO_ROUTE)
    return STATIC if route == NO_ROUTE and request.path_info.startswith(settings.STATIC_URL) else route
