"""The suite's settings: real servers named by the environment, cheap password hashes, no other difference."""

import os

os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "x" * 40)
os.environ.setdefault("FIELD_ENCRYPTION_KEYS", "tests:b25seSBmb3IgdGVzdHM6IDMyIGJ5dGVzIG9mIGEga2U=")
os.environ.setdefault("EMAIL_URL", "memorymail://")

from budgetsite.settings.base import *  # noqa: F403  (the environment has to be complete first)

ALLOWED_HOSTS = ["testserver", "127.0.0.1", "localhost"]
# Argon2 is slow on purpose; every test that signs in would pay for it.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STATIC_ROOT = None
# Static files are looked up when one is asked for: every client of a test would list them all at its start.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    "receipts": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
}
# The whole suite signs in from one address; the tests of throttling set the rates that they are about.
THROTTLE_SIGN_IN = "100000/min"
THROTTLE_CALENDAR = "100000/min"
THROTTLE_MAIL_LINK = "100000/min"
