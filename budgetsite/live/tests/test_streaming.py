"""The endless answer, for itself: what of the site's own answer is kept, and when it ends."""

import asyncio
import time
from typing import Any
from uuid import uuid4

from budgetsite.accounts.roles import Role
from budgetsite.live.hub import Hub
from budgetsite.live.listener import Listener
from budgetsite.live.streaming import AWAY_RETRY_MS, LISTENER, LiveAnswers
from budgetsite.testing.event_loop import in_a_loop

OWN_HEADERS = [(b"content-length", b"0"), (b"x-frame-options", b"DENY")]


def answer(*, status: int = 200, seconds: float = 0.2) -> list[dict[str, Any]]:
    """Return all messages of an answer in which the site lets somebody listen for so long."""

    async def site(scope, receive, send):
        scope[LISTENER] = Listener(uuid4(), uuid4(), Role.OWNER, None, ends_at=time.time() + seconds)
        await send({"type": "http.response.start", "status": status, "headers": OWN_HEADERS})
        await send({"type": "http.response.body", "body": b"own" if status != 200 else b"", "more_body": False})

    async def ask() -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def send(message):
            sent.append(message)

        async def receive():
            await asyncio.Event().wait()

        hub = Hub()
        await asyncio.wait_for(LiveAnswers(site, hub)({"type": "http"}, receive, send), 20)
        hub.close()
        await asyncio.gather(*hub._tasks, return_exceptions=True)
        if hub._valkey is not None:
            await hub._valkey.aclose()
        return sent

    return in_a_loop(ask())


def test_a_stream_has_the_sites_headers_and_ends_at_its_time():
    start, beginning, *_, end = answer()
    assert start["headers"] == [(b"x-frame-options", b"DENY")]
    assert beginning["body"].startswith(b"retry: 3000\n\nid: ")
    assert (end["body"], end["more_body"]) == (b"", False)


def test_what_the_site_refuses_after_all_is_no_stream():
    start, body = answer(status=500)
    assert (start["headers"], body["body"]) == (OWN_HEADERS, b"own")


def test_without_valkey_listeners_are_sent_away_for_a_while(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    _, beginning, end = answer()
    assert beginning["body"] == f"retry: {AWAY_RETRY_MS}\n\n".encode()
    assert end["more_body"] is False
