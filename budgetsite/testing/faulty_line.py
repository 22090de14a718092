"""A line to the site on which things go wrong: answers get lost, connections break, something in between refuses."""

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

PASS, LOSE_ANSWER, REFUSE_CONNECTION, CUT_ANSWER = "pass", "lose answer", "refuse connection", "cut answer"
_ANSWER_SECONDS = 30


class FaultyLine:
    """Passes each connection on to the site, or does to it what is planned: one of these words, or an answer's bytes.

    Whatever comes after the last of the planned faults passes. `requests` are all that were sent, as bytes.
    """

    def __init__(self, site: str) -> None:
        parts = urlsplit(site)
        self._site = (parts.hostname or "", parts.port or 80)
        self._faults: Iterator[str | bytes] = iter(())
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests: list[bytes] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        # Wakes whoever waits in accept().
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=_ANSWER_SECONDS)
        self._listener.close()

    def plan(self, *faults: str | bytes) -> None:
        """Begin anew: forget the requests, and do these things to the next connections."""
        self._faults = iter(faults)
        self.requests = []

    def header(self, name: str) -> list[str]:
        """Return one header of all requests, in the order in which they came; empty where it is missing."""
        found = []
        for request in self.requests:
            lines = request.partition(b"\r\n\r\n")[0].decode().split("\r\n")
            values = dict(line.lower().split(": ", 1) for line in lines[1:])
            found.append(values.get(name.lower(), ""))
        return found

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with closing(connection):
                self._handle(connection, next(self._faults, PASS))

    def _handle(self, client: socket.socket, fault: str | bytes) -> None:
        if fault == REFUSE_CONNECTION:
            self.requests.append(b"")
            return
        request = _read_request(client)
        self.requests.append(request)
        answer = fault if isinstance(fault, bytes) else self._ask(request)
        if fault == CUT_ANSWER:
            answer = answer[:-3]
        if fault != LOSE_ANSWER:
            client.sendall(answer)

    def _ask(self, request: bytes) -> bytes:
        """Send the request to the site and wait for all of its answer: whatever it does is done by then."""
        with closing(socket.create_connection(self._site, timeout=_ANSWER_SECONDS)) as site:
            site.sendall(request)
            return b"".join(iter(lambda: site.recv(65536), b""))


def _read_request(client: socket.socket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        head += _received(client)
    head, _, body = head.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    length = int(lengths[0].split(b":")[1]) if lengths else 0
    while len(body) < length:
        body += _received(client)
    return head + b"\r\n\r\n" + body


def _received(client: socket.socket) -> bytes:
    received = client.recv(65536)
    if not received:
        raise ConnectionError("The client went away before its request was complete.")
    return received
