"""A worker's own `/metrics`, for machines on which no web server tells what the workers there have counted."""

import errno
import logging
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from django.conf import settings

from budgetsite.operations.exposition import CONTENT_TYPE, counted
from budgetsite.operations.scraping import REALM, has_token

logger = logging.getLogger(__name__)


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path != "/metrics":
            self.send_error(404)
        elif not has_token(self.headers.get("Authorization", "")):
            self.send_response(401)
            self.send_header("WWW-Authenticate", REALM)
            self.end_headers()
        else:
            told = counted()
            self.send_response(200)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Who scrapes every few seconds is not worth lines."""


def serve_figures() -> ThreadingHTTPServer | None:
    """Answer at METRICS_WORKER_ADDRESS (`0.0.0.0:9108`) as long as the process lives; nowhere without it or a token."""
    if not settings.METRICS_WORKER_ADDRESS or not settings.METRICS_TOKEN:
        return None
    host, _, port = settings.METRICS_WORKER_ADDRESS.rpartition(":")
    try:
        server = ThreadingHTTPServer((host, int(port)), _Answers)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        # Another worker of this machine tells what all of them have counted.
        logger.info("figures of this worker's processes at port %s, by another worker", port)
        return None
    Thread(target=server.serve_forever, name="figures", daemon=True).start()
    logger.info("figures of this worker's processes at port %d", server.server_port)
    return server
