"""gunicorn's settings: `gunicorn budgetsite.asgi --config python:budgetsite.operations.web_server`."""

import gc
import os
import resource
import signal
import socket
from typing import Any

from budgetsite.operations.ending import begin_to_end
from budgetsite.operations.figures_folder import add_up_ended, open_folder

# As `budgetsite.wsgi` has it: gunicorn asks for the form of the log before it loads that.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "budgetsite.settings.production")

# Of a connection that takes nothing of what is sent to it: it would hold its thread, or its place among the listeners,
# for as long as it likes.
STALLED_SECONDS = 60

worker_class = "asgi"
workers = 2
# A browser that goes away in the middle of a long answer frees its thread at once: nobody here has anything to tidy up.
asgi_disconnect_grace_period = 0
logger_class = "budgetsite.operations.access_log.AccessLog"


def on_starting(server: Any) -> None:
    open_folder()
    _allow_many_connections()


def when_ready(server: Any) -> None:
    for listener in server.LISTENERS:
        end_stalled_connections(listener.sock)


def end_stalled_connections(listening: socket.socket) -> None:
    """Let the system end connections that take nothing; they have it from the socket that accepts them."""
    if listening.family != socket.AF_UNIX and hasattr(socket, "TCP_USER_TIMEOUT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_SECONDS * 1000)


def post_worker_init(worker: Any) -> None:
    """End answers without an end as soon as the process is to end: it waits for those that are not finished."""

    def end() -> None:
        begin_to_end()
        worker.handle_exit_signal()

    worker.loop.add_signal_handler(signal.SIGTERM, end)


def worker_exit(server: Any, worker: Any) -> None:
    """Leave what there is to the system: to look through all of the site for garbage takes seconds."""
    gc.freeze()


def on_exit(server: Any) -> None:
    gc.freeze()


def child_exit(server: Any, worker: Any) -> None:
    add_up_ended()


def _allow_many_connections() -> None:
    """Each takes a file; 1,024, which many systems begin with, would be few."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
