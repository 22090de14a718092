"""gunicorn's settings: `gunicorn budgetsite.wsgi --config python:budgetsite.operations.web_server`."""

import os
from typing import Any

from budgetsite.operations.figures_folder import add_up_ended, open_folder

# As `budgetsite.wsgi` has it: gunicorn asks for the form of the log before it loads that.
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "budgetsite.settings.production")

worker_class = "gthread"
workers = 2
threads = 4
logger_class = "budgetsite.operations.access_log.AccessLog"


def on_starting(server: Any) -> None:
    open_folder()


def child_exit(server: Any, worker: Any) -> None:
    add_up_ended()
