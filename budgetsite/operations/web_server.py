"""gunicorn's settings: `gunicorn budgetsite.wsgi --config python:budgetsite.operations.web_server`."""

from typing import Any

from budgetsite.operations.figures_folder import add_up_ended, open_folder

worker_class = "gthread"
workers = 2
threads = 4
logger_class = "budgetsite.operations.access_log.AccessLog"


def on_starting(server: Any) -> None:
    open_folder()


def child_exit(server: Any, worker: Any) -> None:
    add_up_ended()
