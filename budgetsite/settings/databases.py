"""The three logins of one database (design §3): owner migrates, app serves requests, service crosses tenants."""

import hashlib
import hmac
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

import environ

ENGINE = "budgetsite.tenancy.postgresql"


def derived_login(owner_url: str, role: str, secret_key: str) -> str:
    """Return the URL of `<database>_<role>` beside the owner's, with a password that only this installation can tell.

    Lets one `DATABASE_URL` be enough; `manage.py prepare_database` gives the roles exactly these passwords.
    """
    parts = urlsplit(owner_url)
    name = parts.path.lstrip("/")
    login = f"{name}_{role}"
    password = hmac.new(secret_key.encode(), f"database login {login}".encode(), hashlib.sha256).hexdigest()
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(login)}:{password}@{host}"))


def _connection(url: str, *, prepares: bool) -> dict[str, Any]:
    settings: dict[str, Any] = environ.Env.db_url_config(url)
    settings["ENGINE"] = ENGINE
    # Kept open, because connecting costs more than a page; checked, so that a restarted server is noticed.
    settings["CONN_MAX_AGE"] = None
    settings["CONN_HEALTH_CHECKS"] = True
    settings.setdefault("OPTIONS", {})
    settings["OPTIONS"].setdefault("connect_timeout", 3)
    if prepares:
        # Half of PostgreSQL's work is saved where a statement is bound and planned by the server, once.
        settings["OPTIONS"].setdefault("server_side_binding", True)
        settings["OPTIONS"].setdefault("prepare_threshold", 5)
    # PgBouncer hands out another server connection for each transaction: no cursors that outlive one.
    settings["DISABLE_SERVER_SIDE_CURSORS"] = True
    return settings


def database_settings(env: environ.Env, *, secret_key: str) -> dict[str, dict[str, Any]]:
    owner_url = env.str("DATABASE_URL")
    app_url = env.str("DATABASE_APP_URL", default="") or derived_login(owner_url, "app", secret_key)
    service_url = env.str("DATABASE_SERVICE_URL", default="") or derived_login(owner_url, "service", secret_key)
    # To be switched off behind a PgBouncer older than 1.21, which loses prepared statements.
    prepares = env.bool("DATABASE_PREPARES", default=True)
    return {
        "default": _connection(app_url, prepares=prepares),
        "service": _connection(service_url, prepares=prepares),
        "owner": _connection(owner_url, prepares=False),
    }
