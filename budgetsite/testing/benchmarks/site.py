"""The real site behind a real gunicorn, and a client that keeps its connection.

One worker, and one thread unless many clients ask at once: what is measured is the cost of a request, not how many
processors there are.
"""

import http.client
import json
import os
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db import connections

from budgetsite.encryption.keys import write_keys
from budgetsite.local.health import is_healthy
from budgetsite.local.processes import free_port, last_lines, spawn, stop
from budgetsite.testing.benchmarks.scenery import Scene

_START_SECONDS = 60
_STOP_SECONDS = 15
_ANSWER_SECONDS = 30
# One person asks as fast as they can; the limit is looked at all the same.
_NO_THROTTLE = "1000000/min"


class SiteFailed(RuntimeError):
    """The site did not start, or answered with an error."""


class Site:
    """A context manager: the site answers within it, `threads` requests at a time."""

    def __init__(self, *, threads: int = 1) -> None:
        self._threads = threads

    def __enter__(self) -> "Site":
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
            self.port = free_port()
            self._log = folder / "gunicorn.log"
            process = spawn(
                [
                    sys.executable, "-m", "gunicorn", "budgetsite.wsgi:application",
                    "--bind", f"127.0.0.1:{self.port}", "--worker-class", "gthread", "--workers", "1",
                    "--threads", str(self._threads), "--keep-alive", "75", "--log-level", "warning",
                    "--no-control-socket",
                ],
                environ=environment(),
                log=self._log,
                cwd=settings.BASE_DIR,
            )  # fmt: skip
            stack.callback(stop, process, signal.SIGTERM, seconds=_STOP_SECONDS)
            until = time.monotonic() + _START_SECONDS
            while not is_healthy(self.port):
                if process.poll() is not None or time.monotonic() > until:
                    raise SiteFailed(f"The site did not start. Its log ends with:\n{last_lines(self._log, 30)}")
                time.sleep(0.05)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def sign_in(self, scene: Scene) -> "Client":
        """Return a client with the token of the scene's manager."""
        client = self.connect("")
        answer = client.call(
            "POST",
            "/api/v1/auth/token",
            {"username": scene.user.email, "password": scene.password, "account": scene.account.slug},
        )
        client.token = f"Bearer {answer['access']}"
        return client

    def connect(self, token: str) -> "Client":
        """Return a client with an access token that somebody has already."""
        client = Client(self.port, self._log)
        client.token = token and f"Bearer {token}"
        return client


class Client:
    """Asks over one connection, which is opened again by itself when the site has closed it."""

    def __init__(self, port: int, log: Path) -> None:
        self._log = log
        # As the Authorization header wants it.
        self.token = ""
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_ANSWER_SECONDS)

    def get(self, path: str) -> bytes:
        """Return the body, unread: what a client makes of it is not the site's cost."""
        return self._ask("GET", path, None)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return json.loads(self._ask(method, path, None if body is None else json.dumps(body).encode()))

    def send(self, method: str, path: str, body: dict[str, Any]) -> None:
        """Send a request whose answer `receive` waits for."""
        self._send(method, path, json.dumps(body).encode())

    def receive(self) -> tuple[int, bytes]:
        """Return the status and the body of what was sent, whatever they are."""
        response = self._connection.getresponse()
        return response.status, response.read()

    def _send(self, method: str, path: str, body: bytes | None) -> None:
        headers = {"Authorization": self.token} if self.token else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        self._connection.request(method, path, body=body, headers=headers)

    def _ask(self, method: str, path: str, body: bytes | None) -> bytes:
        self._send(method, path, body)
        status, answer = self.receive()
        if status >= 400:
            text = answer.decode("utf-8", "replace")[:1000]
            log = f"\nThe site's log ends with:\n{last_lines(self._log, 30)}" if status >= 500 else ""
            raise SiteFailed(f"{method} {path} was answered with {status}: {text}{log}")
        return answer


def environment() -> dict[str, str]:
    """Return what leads the site to this process's database, wherever its settings came from."""
    logins = {"owner": "DATABASE_URL", "default": "DATABASE_APP_URL", "service": "DATABASE_SERVICE_URL"}
    return {
        **os.environ,
        **{variable: _address(alias) for alias, variable in logins.items()},
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "FIELD_ENCRYPTION_KEYS": write_keys(settings.FIELD_ENCRYPTION_KEYS),
        "THROTTLE_USER": _NO_THROTTLE,
        "THROTTLE_SIGN_IN": _NO_THROTTLE,
    }


def _address(alias: str) -> str:
    login = connections[alias].settings_dict
    user, password = quote(login["USER"], safe=""), quote(login["PASSWORD"], safe="")
    return f"postgres://{user}:{password}@{login['HOST']}:{login['PORT']}/{login['NAME']}"
