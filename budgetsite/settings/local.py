"""The site on one machine, beside the servers that `make run` starts."""

import os

from budgetsite.local.discovery import local_environment
from budgetsite.local.folder import data_folder_path

for _name, _value in local_environment().items():
    os.environ.setdefault(_name, _value)
os.environ.setdefault("EMAIL_URL", "consolemail://")

from budgetsite.settings.base import *  # noqa: E402, F403  (the environment has to be complete first)
from budgetsite.settings.base import LOGGING, env  # noqa: E402  (as above)
from budgetsite.settings.storages import receipt_storage  # noqa: E402  (as above)

ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]
# Static files come straight from the source tree: nothing has to be collected before the first page.
STATIC_ROOT = None
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "receipts": receipt_storage(env, folder=data_folder_path(os.environ) / "receipts"),
}
METRICS_FOR_LOOPBACK = True
# The terminal shows what is written; the web server's log of requests lies beside it.
for _name in ("budgetsite.requests", "budgetsite.tasks"):
    LOGGING["loggers"][_name] = {"level": "WARNING"}
