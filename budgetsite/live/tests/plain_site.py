"""A small site for gunicorn, for tests of what stands between it and WSGI."""

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from budgetsite.live.threads import InThreads

THREADS = 4
PIECE = bytes(range(256)) * 256
PIECES = 320

_log: list[str] = []


class Pieces:
    """An answer of 20 MB that notes when it is closed, as an open file would be."""

    def __iter__(self) -> Iterator[bytes]:
        for _ in range(PIECES):
            _log.append("piece")
            yield PIECE

    def close(self) -> None:
        _log.append("closed")


def site(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
    path = environ["PATH_INFO"]
    if path == "/download":
        start_response("200 OK", [("Content-Type", "application/octet-stream")])
        return Pieces()
    if path == "/upload":
        answer = _take(environ)
    elif path == "/log":
        answer = list(_log)
    elif path == "/split":
        start_response("200 OK", [("X-Name", environ["QUERY_STRING"].replace("+", "\r\nX-Other: "))])
        return [b""]
    else:
        answer = {name: value for name, value in environ.items() if isinstance(value, str)}
    body = json.dumps(answer).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


def _take(environ: dict[str, Any]) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    _log.append("upload")
    try:
        while piece := environ["wsgi.input"].read(65536):
            digest.update(piece)
            size += len(piece)
    except OSError as error:
        _log.append(type(error).__name__)
        raise
    return {"sha256": digest.hexdigest(), "size": size}


application = InThreads(site, workers=THREADS)
