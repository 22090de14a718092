"""Real servers behind TLS. Everything secret comes from the environment; nothing has a default that would be unsafe."""

from budgetsite.settings.base import *  # noqa: F403
from budgetsite.settings.base import LOGGING, STORAGES, env
from budgetsite.settings.storages import receipt_storage

ALLOWED_HOSTS = env.list("ALLOWED_HOSTS")
DEBUG = False
SITE_ADDRESS = env.str("SITE_ADDRESS").rstrip("/")
# Somewhere that outlives this machine's software: there is no guess at where that is.
STORAGES["receipts"] = receipt_storage(env, folder=None)

SECURE_SSL_REDIRECT = env.bool("SECURE_SSL_REDIRECT", default=True)
# Load balancers and Prometheus ask the process itself, over plain HTTP.
SECURE_REDIRECT_EXEMPT = [r"^(healthz|readyz|metrics)$"]
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=365 * 24 * 3600)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", default=True)
SECURE_HSTS_PRELOAD = env.bool("SECURE_HSTS_PRELOAD", default=True)
SESSION_COOKIE_SECURE = True
CSRF_COOKIE_SECURE = True
if env.bool("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# One JSON object on a line, unless people are to read it.
LOGGING["handlers"]["console"]["formatter"] = env.str("LOG_FORMAT", default="json")
