"""WSGI in threads behind gunicorn's asgi worker: long bodies, browsers that go away, requests that want to be two."""

import errno
import hashlib
import json
import os
import re
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace

import pytest

from budgetsite.live.tests.plain_site import PIECE, PIECES, THREADS
from budgetsite.local.folder import CHECKOUT
from budgetsite.local.processes import free_port, spawn, stop
from budgetsite.operations import web_server
from budgetsite.testing.web_process import eventually

ANSWER_SECONDS = 20
LOCAL = b"Host: localhost\r\n"
CLOSE = LOCAL + b"Connection: close\r\n\r\n"


@dataclass
class Server:
    port: int
    log: Path

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_SECONDS)

    def raw(self, sent: bytes) -> bytes:
        """Send these bytes and return all that comes until the server ends the connection."""
        with self.connect() as connection:
            connection.sendall(sent)
            return b"".join(iter(lambda: connection.recv(65536), b""))

    def ask(self, path: str, body: object = None, method: str = "GET", **headers: str) -> bytes:
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_SECONDS)) as connection:
            connection.request(method, path, body, headers, encode_chunked=isinstance(body, Iterator))
            response = connection.getresponse()
            assert response.status == 200
            return response.read()

    def noted(self, what: str) -> int:
        return json.loads(self.ask("/log")).count(what)


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    server = Server(free_port(), tmp_path_factory.mktemp("plain") / "gunicorn.log")
    process = spawn(
        [
            sys.executable, "-m", "gunicorn", "budgetsite.live.tests.plain_site:application", "--worker-class", "asgi",
            "--bind", f"127.0.0.1:{server.port}", "--workers", "1", "--no-control-socket",
            "--asgi-disconnect-grace-period", str(web_server.asgi_disconnect_grace_period),
        ],
        environ=dict(os.environ),
        log=server.log,
        cwd=CHECKOUT,
    )  # fmt: skip

    def answers() -> bool:
        try:
            return bool(server.ask("/log"))
        except OSError:
            return False

    try:
        eventually(answers, "An answer")
        yield server
    finally:
        stop(process, seconds=10)


def go_away(connection: socket.socket) -> None:
    """Break the connection off, as a closed browser does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_long_bodies_arrive_to_the_byte(server):
    upload = os.urandom(20 * 1024 * 1024)
    told = {"sha256": hashlib.sha256(upload).hexdigest(), "size": len(upload)}
    assert json.loads(server.ask("/upload", upload, "POST")) == told
    pieces = (upload[start : start + 100_000] for start in range(0, len(upload), 100_000))
    assert json.loads(server.ask("/upload", pieces, "POST", **{"Transfer-Encoding": "chunked"})) == told
    assert server.ask("/download") == PIECE * PIECES


def test_browsers_that_go_away_in_the_middle_free_their_threads(server):
    closed, gone, begun = (server.noted(what) for what in ("closed", "BrowserGone", "upload"))
    rounds, at_once = 3, THREADS - 1
    for _ in range(rounds):
        downloads = [server.connect() for _ in range(at_once)]
        for connection in downloads:
            connection.sendall(b"GET /download HTTP/1.1\r\n" + LOCAL + b"\r\n")
            assert connection.recv(100)
        # All that fits on the way is on the way: their threads wait for somebody to take it.
        eventually(lambda: server.noted("piece") == server.noted("piece"), "A standstill")
        for connection in downloads:
            go_away(connection)
    uploads = [server.connect() for _ in range(at_once)]
    for connection in uploads:
        connection.sendall(b"POST /upload HTTP/1.1\r\n" + LOCAL + b"Content-Length: 1000\r\n\r\nhalf of it")
    eventually(lambda: server.noted("upload") - begun == at_once, "A beginning of all uploads")
    for connection in uploads:
        go_away(connection)

    # Each thread is free again, and what the answers had open is closed; what broke off is no shorter upload.
    eventually(lambda: server.noted("closed") - closed == rounds * at_once, "An end of all downloads")
    eventually(lambda: server.noted("BrowserGone") - gone == at_once, "An end of all uploads")
    assert server.ask("/download") == PIECE * PIECES


def test_connections_that_take_nothing_are_ended_by_the_system(monkeypatch):
    monkeypatch.setattr(web_server, "STALLED_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        web_server.when_ready(SimpleNamespace(LISTENERS=[SimpleNamespace(sock=listening)]))
        with socket.create_connection(listening.getsockname()) as client:
            accepted, _ = listening.accept()
            with accepted:
                accepted.settimeout(ANSWER_SECONDS)
                with pytest.raises(TimeoutError) as ended:
                    accepted.sendall(PIECE * PIECES)
                # By the system, and not because we had no patience.
                assert ended.value.errno == errno.ETIMEDOUT
            assert client.recv(10)


def test_one_connection_takes_several_requests(server):
    get = b"GET /%d HTTP/1.1\r\n" + LOCAL
    answers = server.raw(get % 1 + b"\r\n" + get % 2 + b"\r\n" + get % 3 + b"Connection: close\r\n\r\n")

    assert answers.count(b"HTTP/1.1 200 OK") == 3
    assert re.findall(rb'"PATH_INFO": "/(\d)"', answers) == [b"1", b"2", b"3"]


@pytest.mark.parametrize(
    ("request_line", "headers", "body"),
    [
        (b"POST /upload HTTP/1.1", b"Content-Length: 2\r\nContent-Length: 5\r\n", b"{}abc"),
        (b"POST /upload HTTP/1.1", b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", b"2\r\n{}\r\n0\r\n\r\n"),
        (b"POST /upload HTTP/1.1", b"Content-Length: -2\r\n", b"{}"),
        (b"POST /upload HTTP/1.1", b"Transfer-Encoding: chunked\r\n", b"x\r\n{}\r\n0\r\n\r\n"),
        (b"GET / HTTP/1.1", b"Host: elsewhere\r\n", b""),
        (b"GET / HTTP/1.1", b"X-A : 1\r\n", b""),
        (b"GET / HTTP/1.1", b"X-A: 1\r\n b\r\n", b""),
        (b"GET /\xff HTTP/1.1", b"", b""),
    ],
)
def test_a_request_that_may_be_read_in_two_ways_is_refused(server, request_line, headers, body):
    answer = server.raw(request_line + b"\r\n" + headers + CLOSE + body)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1


def test_too_long_requests_are_refused_by_what_is_too_long(server):
    assert server.raw(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + CLOSE).startswith(b"HTTP/1.1 414 ")
    assert server.raw(b"GET / HTTP/1.1\r\nX: " + b"a" * 9000 + b"\r\n" + CLOSE).startswith(b"HTTP/1.1 431 ")


def test_the_site_is_told_what_was_asked_and_nothing_smuggled(server):
    def environ(request_line: bytes, headers: bytes = b"") -> dict[str, str]:
        answer = server.raw(request_line + b"\r\n" + headers + CLOSE)
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        return json.loads(answer.partition(b"\r\n\r\n")[2])

    told = environ(b"GET /a%20b%ff?q=%c3%a9 HTTP/1.1", b"X_Forwarded_For: 9.9.9.9\r\nX-Name: Ren\xe9\r\nX-Name: 2\r\n")
    assert "HTTP_X_FORWARDED_FOR" not in told
    assert (told["HTTP_X_NAME"], told["QUERY_STRING"]) == ("Ren\xe9,2", "q=%c3%a9")
    assert (told["REQUEST_METHOD"], told["SERVER_PROTOCOL"], told["wsgi.url_scheme"]) == ("GET", "HTTP/1.1", "http")
    assert told["PATH_INFO"].startswith("/a b")
    assert environ(b"GET http://localhost/a?b HTTP/1.1")["PATH_INFO"] == "/a"
    assert environ(b"GET http://localhost HTTP/1.1")["PATH_INFO"] == "/"
    assert environ(b"GET //elsewhere/ HTTP/1.1")["PATH_INFO"] == "//elsewhere/"


def test_a_body_is_asked_for_where_the_browser_waits_for_that(server):
    with server.connect() as connection:
        connection.sendall(b"POST /upload HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n" + CLOSE)
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")


def test_no_answer_gets_a_second_header_by_what_was_asked(server):
    answer = server.raw(b"GET /split?a+b HTTP/1.1\r\n" + CLOSE)
    assert answer.startswith(b"HTTP/1.1 500 ")
    assert b"X-Other" not in answer


def test_websockets_are_refused_and_nothing_else_is_harmed(server):
    key = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    upgrade = b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    assert server.raw(b"GET / HTTP/1.1\r\n" + LOCAL + key + upgrade).startswith(b"HTTP/1.1 403 ")
    assert "KeyError" not in server.log.read_text()
