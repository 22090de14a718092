"""`GET /stream`: what happens in the account, as server-sent events."""

import random
import time
from typing import Any

import redis
from django.conf import settings
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.exceptions import APIException, Throttled
from rest_framework.request import Request
from rest_framework.views import APIView

from budgetsite.api.permissions import ANY_MEMBER
from budgetsite.api.refusals import field_refusal
from budgetsite.live.hub import hub
from budgetsite.live.journal import Cursor, read
from budgetsite.live.listener import Listener, beginning
from budgetsite.live.streaming import LISTENER
from budgetsite.webhooks.catalogue import published_kinds

# Of one person, on one web process: a dozen machines with as many programs.
MOST_STREAMS = 30
# Answers that end at once are asked for again after so long.
POLL_MS = 10_000
# A place that nobody has ever been at: whoever names something else than a place has missed all.
_NOWHERE = Cursor("", (0, 0))


class JournalUnavailable(APIException):
    status_code = 503
    default_code = "service_unavailable"
    default_detail = "What happens can't be told just now. Please try again in a few seconds."
    wait = 5


class StreamView(APIView):
    """Server-sent events, as far as the asking person may see them, with a person's token:

    ```
    id: b146a2406f328a1a.1795286918049-0
    event: budget.changed
    data: {"id":"3ec5…","type":"budget.changed","timestamp":"…","data":{"subject_id":"5467…","version":6,…}}
    ```

    `event` and `data` are what webhooks tell; `GET /webhooks/event-kinds` lists them. Who connects again with the last
    `id` in `Last-Event-ID` misses nothing, or hears `event: reset`: too much has happened since, read anew what you
    show. An event may come twice: the `id` in its `data` tells.

    Something comes every 20 seconds, if only a new `id`: after a minute without a byte, connect again. The stream ends
    every few minutes, so that who asks is judged again; browsers reconnect by themselves, other programs after the
    milliseconds of the `retry` at its beginning. One person listens 30 times at most.
    """

    actions = {"get": ANY_MEMBER}
    tags = ["stream"]

    @extend_schema(
        summary="Hear what happens in the account",
        parameters=[
            OpenApiParameter(
                "kinds",
                str,
                description="Only these kinds, with commas between: `budget.submitted,alert.*`.",
            ),
            OpenApiParameter("only", str, enum=["topics"], description="`topics`: only what open pages need to know."),
            OpenApiParameter("since", str, description="Go on from this `id`, as with `Last-Event-ID`."),
            OpenApiParameter("poll", bool, description="`true`: answer what there is, and end."),
            OpenApiParameter("Last-Event-ID", str, OpenApiParameter.HEADER, description="The last `id` that came."),
        ],
        responses={(200, "text/event-stream"): OpenApiResponse(OpenApiTypes.STR, description="Server-sent events.")},
    )
    def get(self, request: Request) -> HttpResponse:
        listener = _listener(request)
        scope: Any = request.META.get("asgi.scope")
        if scope is None or request.method != "GET" or request.query_params.get("poll") == "true":
            return _answer(_what_there_is(listener))
        if hub.count_of(listener.user_id) >= MOST_STREAMS:
            raise Throttled(detail=f"You listen {MOST_STREAMS} times already. Close some of these, then try again.")
        scope[LISTENER] = listener
        return _answer("")


def _listener(request: Request) -> Listener:
    django_request: Any = request._request
    place = request.headers.get("Last-Event-ID") or request.query_params.get("since", "")
    only = request.query_params.get("only", "")
    if only not in ("", "topics"):
        raise field_refusal("only", "invalid_choice", f"“{only}” is not known. Leave it out, or say topics.")
    # Those that begin together, after a restart, don't all end together again.
    seconds = settings.LIVE_STREAM_SECONDS * random.uniform(0.8, 1)  # noqa: S311  (no secret)
    return Listener(
        tenant_id=django_request.account.pk,
        user_id=django_request.user.pk,
        role=django_request.role,
        cursor=(Cursor.parse(place) or _NOWHERE) if place else None,
        ends_at=time.time() + seconds,
        topics_only=only == "topics",
        kinds=_kinds(request.query_params.get("kinds", "")),
    )


def _kinds(asked: str) -> frozenset[str] | None:
    """Return the kinds that are asked for by their names or families."""
    if not asked:
        return None
    kinds = published_kinds()
    found: set[str] = set()
    for name in asked.split(","):
        those = {kind.name for kind in kinds if name.strip() in (kind.name, f"{kind.family}.*")}
        if not those:
            families = ", ".join(sorted({f"{kind.family}.*" for kind in kinds}))
            raise field_refusal(
                "kinds", "invalid_choice", f"There is no kind “{name}”. Name one as budget.submitted, or {families}."
            )
        found |= those
    return frozenset(found)


def _what_there_is(listener: Listener) -> str:
    try:
        reading = read(listener.tenant_id, listener.cursor)
    except redis.RedisError as error:
        raise JournalUnavailable from error
    return beginning(retry_ms=POLL_MS) + listener.told(reading)


def _answer(text: str) -> HttpResponse:
    response = HttpResponse(text, content_type="text/event-stream; charset=utf-8")
    response["Cache-Control"] = "no-store, no-transform"
    # nginx would gather it otherwise.
    response["X-Accel-Buffering"] = "no"
    return response
