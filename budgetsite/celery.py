"""The worker's and the scheduler's entry point: `celery -A budgetsite worker`, `celery -A budgetsite beat`."""

import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging, worker_init
from django.core.exceptions import ImproperlyConfigured

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "budgetsite.settings.local")

app = Celery("budgetsite", task_cls="budgetsite.operations.site_task:SiteTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def keep_the_sites_logging(**kwargs: Any) -> None:
    """Celery sets up its own logging, which writes tasks' arguments, unless somebody listens here."""


@worker_init.connect
def refuse_unsafe_database_at_start(**kwargs: Any) -> None:
    from budgetsite.tenancy.checks import refuse_unsafe_database

    try:
        refuse_unsafe_database()
    except ImproperlyConfigured as problem:
        # Celery logs what a receiver raises and starts all the same, unless it is this.
        raise SystemExit(str(problem)) from problem
