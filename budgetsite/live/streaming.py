"""The endless answer: what ASGI adds to the site."""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from budgetsite.live.hub import Hub, JournalAway, Seat
from budgetsite.live.listener import Listener, beginning, place_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# Where the view leaves who listens, in the request's ASGI scope.
LISTENER = "budgetsite.live.listener"
# So often something is said anyway: proxies end connections on which nothing is.
HEARTBEAT_SECONDS = 20
# While nothing can be told, listeners come back after so long.
AWAY_RETRY_MS = 10_000


class LiveAnswers:
    """Hands every request to `site`, and goes on where the site's answer says that somebody listens.

    The site, with all its middleware, has judged who asks by then; its thread and its database connection are free.
    """

    def __init__(self, site: App, hub: Hub) -> None:
        self._site = site
        self._hub = hub

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return

        asked_at, is_let_in = time.monotonic(), False

        async def send_on(message: Message) -> None:
            nonlocal is_let_in
            if message["type"] == "http.response.start" and LISTENER in scope and message["status"] == HTTPStatus.OK:
                is_let_in = True
                # The site's own body, which is empty, is left out, and so is how long it is.
                headers = [header for header in message["headers"] if header[0] != b"content-length"]
                await send({**message, "headers": headers})
            elif not is_let_in:
                await send(message)

        await self._site(scope, receive, send_on)
        if is_let_in:
            await _tell(self._hub, scope[LISTENER], asked_at, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self._hub.close()
        await send({"type": "lifespan.shutdown.complete"})


async def _tell(hub: Hub, listener: Listener, asked_at: float, receive: Receive, send: Send) -> None:
    """Tell a listener what happens until the time is over, the connection ends, or the process does."""

    async def say(text: str, *, more: bool = True) -> None:
        await send({"type": "http.response.body", "body": text.encode(), "more_body": more})

    try:
        async with hub.seat(listener, asked_at=asked_at) as (seat, missed):
            await say(beginning() + listener.told(missed))
            gone = asyncio.create_task(_gone(receive, seat))
            try:
                await _follow(listener, seat, say)
            finally:
                gone.cancel()
                with suppress(asyncio.CancelledError):
                    await gone
    except JournalAway:
        # With the place that they know.
        await say(beginning(retry_ms=AWAY_RETRY_MS))
    await say("", more=False)


async def _follow(listener: Listener, seat: Seat, say: Callable[[str], Awaitable[None]]) -> None:
    while (left := listener.ends_at - time.time()) > 0:
        try:
            reading = await asyncio.wait_for(seat.readings.get(), min(left, HEARTBEAT_SECONDS))
        except TimeoutError:
            await say(place_of(seat.cursor))
            continue
        if reading is None:
            return
        await say(listener.told(reading))


async def _gone(receive: Receive, seat: Seat) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    seat.end()
