"""Sending to receivers: to the address that was judged, within a time, and reading a few kilobytes at most."""

import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPException
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from budgetsite.webhooks.targets import Address, AddressRefused, is_allowed_by_operator, may_be_sent_to

CONNECT_SECONDS = 5.0
# From looking for the address to the last byte read, however slowly they come.
WHOLE_SECONDS = 15.0
READ_BYTES = 2048


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver said: a status and the beginning of its body, or in a word why there was none."""

    status_code: int | None = None
    problem: str = ""
    text: str = ""
    retry_after: str = ""


class NameNotFound(OSError):
    """The receiver's name leads nowhere."""


def resolve(host: str, port: int) -> list[Any]:
    """Return where a name leads, as `socket.getaddrinfo` does."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


class _Judged(HTTPConnection):
    """Connects to an address that webhooks may be sent to, and to no other that the same name has."""

    needs_permission = True
    is_judged = True
    # The same connection once more, for whoever ends it from outside.
    handle: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        assert self.port is not None
        try:
            found = resolve(self.host.strip("[]"), self.port)
        except (OSError, UnicodeError) as error:
            raise NameNotFound(self.host) from error
        for *_, where in found:
            # A link-local address has its interface behind a %.
            address = ip_address(str(where[0]).partition("%")[0])
            if self.is_judged and not self._may_go_to(address):
                raise AddressRefused(str(address))
        # A literal address: nothing is resolved a second time.
        connected = socket.create_connection(found[0][4][:2], CONNECT_SECONDS)
        self.handle = connected.dup()
        connected.settimeout(float(self.timeout))  # type: ignore[arg-type]  # given below
        return connected

    def _may_go_to(self, address: Address) -> bool:
        return may_be_sent_to(address) and (not self.needs_permission or is_allowed_by_operator(address))


class _JudgedTls(_Judged, HTTPSConnection):
    needs_permission = False


def post(
    url: str,
    *,
    body: bytes,
    headers: Mapping[str, str],
    seconds: float = WHOLE_SECONDS,
    is_operators_own: bool = False,
) -> Answer:
    """Send a message and return what came of it; raises nothing for what a receiver does.

    No redirect is followed, no proxy of the environment asked, no cookie kept, nothing unpacked. Only an address out of
    the settings `is_operators_own`, and is not judged.
    """
    parts = urlsplit(url)
    target = f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"
    connection: _Judged
    if parts.scheme == "https":
        connection = _JudgedTls(parts.hostname or "", parts.port or 443, timeout=seconds, ssl_context=_tls())
    else:
        connection = _Judged(parts.hostname or "", parts.port or 80, timeout=seconds)
    connection.is_judged = not is_operators_own
    with _Deadline(connection, seconds) as deadline:
        try:
            connection.request("POST", target, body=body, headers=headers, preload_content=False, decode_content=False)
            response = connection.getresponse()
            status, retry_after = response.status, response.headers.get("Retry-After", "")
            text = response.read(READ_BYTES, decode_content=False)
        except (HTTPError, HTTPException, OSError, ValueError) as error:
            return Answer(problem="timed_out" if deadline.has_passed else _problem(error))
    shown = text.decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
    return Answer(status_code=status, text=shown, retry_after=retry_after[:100])


class _Deadline:
    """Ends a connection, whatever it is doing, when the time is over; closes it in any case."""

    def __init__(self, connection: _Judged, seconds: float) -> None:
        self.connection = connection
        self.has_passed = False
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._timer.join()
        self.connection.close()
        if self.connection.handle is not None:
            self.connection.handle.close()

    def _end(self) -> None:
        self.has_passed = True
        if self.connection.handle is not None:
            try:
                self.connection.handle.shutdown(socket.SHUT_RDWR)
            except OSError:
                # The receiver was faster.
                return


def _problem(error: Exception) -> str:
    if isinstance(error, AddressRefused):
        return "address_refused"
    if isinstance(error, NameNotFound):
        return "name_not_found"
    if isinstance(error, ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError):
        return "tls_failed"
    if isinstance(error, TimeoutError):
        return "timed_out"
    if isinstance(error, ConnectionRefusedError):
        return "connection_refused"
    return "broken_off" if isinstance(error, OSError) else "unreadable_answer"


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
