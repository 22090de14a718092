"""Receivers of webhooks: real HTTP servers on loopback that behave as a test wants."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass(frozen=True, slots=True)
class Message:
    """What came, as it came."""

    path: str
    headers: dict[str, str]
    body: str


def status(code: int, body: bytes = b"", **headers: str) -> Callable[[Any, Message], None]:
    """Answer with this status; `Retry_After="5"` is a header."""

    def answer(handler: BaseHTTPRequestHandler, message: Message) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


_content = status(204)


@dataclass(slots=True)
class Receiver:
    """A server whose `answer` is called with each request's handler; by default it is content."""

    port: int = 0
    heard: list[Message] = field(default_factory=list)
    answer: Callable[[Any, Message], None] = _content
    # Lets go of whoever hangs when the test is over.
    is_over: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            content = self.rfile.read(length)
            if len(content) < length:
                # Whoever sent it died over it: that is no message.
                self.close_connection = True
                return
            body = content.decode()
            message = Message(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            receiver.heard.append(message)
            try:
                receiver.answer(self, message)
            except OSError:
                # Whoever asked has gone, which is what some tests are about.
                self.close_connection = True

        def log_message(self, *args: Any) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        receiver.is_over.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def loopback_allowed(settings: Any) -> None:
    """The operator lets webhooks be sent to this machine."""
    settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8"]


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
