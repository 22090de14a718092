"""The request role and the service role: made, given their passwords, and given their rights on tables to come."""

import psycopg
from django.conf import settings
from django.db import connections
from psycopg import sql


def prepare_database() -> list[str]:
    """Make the two roles where they are missing and let them use what the owner will create. Safe to repeat.

    Works as the login of `DATABASE_URL`, which needs CREATEROLE only while a role is missing. Returns the roles' names.
    """
    names = []
    with connections["owner"].cursor() as cursor:
        for alias in ("default", "service"):
            role = settings.DATABASES[alias]["USER"]
            if role == settings.DATABASES["owner"]["USER"]:
                raise SameLogin(alias)
            if not _can_sign_in(alias):
                _make_login(cursor, role, settings.DATABASES[alias]["PASSWORD"])
            _grant(cursor, role)
            names.append(role)
    return names


class SameLogin(RuntimeError):
    """A role that must be kept apart from the owner is the owner."""

    def __init__(self, alias: str) -> None:
        variable = {"default": "DATABASE_APP_URL", "service": "DATABASE_SERVICE_URL"}[alias]
        super().__init__(
            f"{variable} names the same login as DATABASE_URL. Give it a login of its own, or leave it out: "
            "then one is made."
        )


def _can_sign_in(alias: str) -> bool:
    parameters = connections[alias].get_connection_params()
    try:
        psycopg.connect(
            host=parameters.get("host"),
            port=parameters.get("port"),
            dbname=connections["owner"].settings_dict["NAME"],
            user=parameters["user"],
            password=parameters.get("password"),
            connect_timeout=3,
        ).close()
    except psycopg.OperationalError:
        return False
    return True


def _make_login(cursor: object, role: str, password: str) -> None:
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])  # type: ignore[attr-defined]
    verb = "ALTER" if cursor.fetchone() else "CREATE"  # type: ignore[attr-defined]
    statement = sql.SQL("{verb} ROLE {role} LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD {password}")
    if verb == "ALTER":
        # Only a superuser may name SUPERUSER or BYPASSRLS here, even to take them away.
        statement = sql.SQL("{verb} ROLE {role} LOGIN PASSWORD {password}")
    cursor.execute(  # type: ignore[attr-defined]
        statement.format(verb=sql.SQL(verb), role=sql.Identifier(role), password=sql.Literal(password)).as_string(None)
    )


def _grant(cursor: object, role: str) -> None:
    for template in (
        "GRANT USAGE ON SCHEMA public TO {role}",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
        "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {role}",
    ):
        cursor.execute(sql.SQL(template).format(role=sql.Identifier(role)).as_string(None))  # type: ignore[attr-defined]


def protect_migrations() -> None:
    """Leave the request role nothing but reading in Django's own record of what was migrated."""
    with connections["owner"].cursor() as cursor:
        for alias in ("default", "service"):
            statement = sql.SQL("REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM {role}")
            cursor.execute(statement.format(role=sql.Identifier(settings.DATABASES[alias]["USER"])).as_string(None))
