"""How many SQL statements a piece of work takes, the one that sets the tenant included."""

import json
from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

# They frame the work; what they frame is counted, savepoints included.
_FRAME = ("BEGIN", "COMMIT", "ROLLBACK")


class RequestRefused(RuntimeError):
    """A request was answered with an error, so that its statements say nothing."""


def statements_of(work: Callable[[], object]) -> list[str]:
    """Do the work twice, the first time for what a process reads only once; return the statements of the second."""
    work()
    with CaptureQueriesContext(connection) as captured:
        work()
    return [query["sql"] for query in captured if query["sql"] not in _FRAME]


def request_in_process(method: str, path: str, *, token: str, body: Callable[[], dict[str, Any]] | None = None) -> None:
    """Send a request through the whole site in this process, where its statements can be seen."""
    client = Client(SERVER_NAME="127.0.0.1", headers={"Authorization": token})
    content = "" if body is None else json.dumps(body())
    response = client.generic(method, path, content, content_type="application/json")
    if response.status_code >= 400:
        raise RequestRefused(f"{method} {path} was answered with {response.status_code}: {response.content[:1000]!r}")
