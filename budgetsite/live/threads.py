"""The site, which is WSGI, as an ASGI application: its requests run in a few threads, each with its own connection to
the database.

`a2wsgi` does it, but for one thing: where a browser goes away in the middle of a long answer, its thread waits for ever
for somebody to take the rest. gunicorn notices such a browser, and cancels what it asked for.
"""

import asyncio
from typing import Any

from a2wsgi.wsgi import WSGIMiddleware, WSGIResponder


class BrowserGone(ConnectionError):
    """Nobody reads the rest of the answer, or writes the rest of the request."""


class _Responder(WSGIResponder):
    is_over = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        async def receive_all() -> Any:
            message = await receive()
            if message["type"] == "http.disconnect":
                # A request that breaks off must not look like a shorter one.
                raise BrowserGone
            return message

        try:
            await super().__call__(scope, receive_all, send)
        finally:
            # In the loop of `_take` too: whoever waits for room finds some, and that it is no use.
            self.is_over = True
            while not self.send_queue.empty():
                self.send_queue.get_nowait()

    def send(self, message: Any) -> None:
        asyncio.run_coroutine_threadsafe(self._take(message), loop=self.loop).result()

    async def _take(self, message: Any) -> None:
        if not self.is_over:
            await self.send_queue.put(message)
        # The beginning of an answer is lost without a word: what was opened for its body is closed with that.
        if self.is_over and message["type"] == "http.response.body":
            raise BrowserGone


class InThreads(WSGIMiddleware):
    def __init__(self, site: Any, *, workers: int) -> None:
        super().__init__(site, workers=workers)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
            return
        if "://" in scope["path"] and not scope["path"].startswith("/"):
            # As proxies ask: GET http://host/path.
            scope["path"] = "/" + scope["path"].partition("://")[2].partition("/")[2]
        responder = _Responder(self.app, self.executor, self.send_queue_size)
        await responder(scope, receive, send)
