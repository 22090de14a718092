"""gunicorn's settings: `gunicorn budgetsite.asgi --config python:budgetsite.operations.web_server`."""

import os
import resource
import signal
from typing import Any

from budgetsite.operations.ending import begin_to_end
from budgetsite.operations.figures_folder import add_up_ended, open_folder

# As `budgetsite.wsgi` has it: gunicorn asks for the form of the log before it loads that.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "budgetsite.settings.production")

worker_class = "asgi"
workers = 2
# Open pages that listen, most of all; requests are answered by WEB_THREADS threads.
worker_connections = 10_000
logger_class = "budgetsite.operations.access_log.AccessLog"


def on_starting(server: Any) -> None:
    open_folder()
    _allow_many_connections()


def post_worker_init(worker: Any) -> None:
    """End answers without an end as soon as the process is to end: it waits for those that are not finished."""

    def end() -> None:
        begin_to_end()
        worker.handle_exit_signal()

    worker.loop.add_signal_handler(signal.SIGTERM, end)


def child_exit(server: Any, worker: Any) -> None:
    add_up_ended()


def _allow_many_connections() -> None:
    """Each takes a file; 1,024, which many systems begin with, would be few."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
