"""The worker's and the scheduler's entry point: `celery -A budgetsite worker`, `celery -A budgetsite beat`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "budgetsite.settings.local")

app = Celery("budgetsite", task_cls="budgetsite.tenancy.tasks:TenantTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
