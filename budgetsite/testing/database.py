"""Test databases, made and emptied by the owner; the tests themselves connect as the request's role.

`db` (pytest-django's) wraps a test in a transaction that is rolled back. `shared_db` is another one around all tests of
a module, for what they share: what a test with `db` changes is gone before the next. `committed_db` lets a test commit,
for threads, other processes and the service role; afterwards the owner empties all tables, so that no module has both.
"""

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import connections, transaction
from psycopg.pq import TransactionStatus

from budgetsite.testing.template_database import connect_to, drop_database, make_database, template_for

_KEPT = ("django_migrations", "django_content_type", "auth_permission")
_TABLES = """
    SELECT quote_ident(c.relname), pg_relation_size(c.oid), EXISTS (
        SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgtype & 8 <> 0  -- DELETE
    )
    FROM pg_class c
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND c.relname <> ALL (%s)
    ORDER BY c.relname
"""
# Beyond it deleting takes longer than truncating, and so does reading past what was deleted.
_LITTLE_BYTES = 2_000_000


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> None:
    """The names are set by `django_db_setup` below, for all three logins at once."""


@pytest.fixture(scope="session")
def django_db_setup(request: pytest.FixtureRequest, django_db_blocker) -> Iterator[None]:
    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    original = connections["owner"].settings_dict["NAME"]
    name = f"test_{original}_{worker}"
    with django_db_blocker.unblock():
        make_database(name, template=template_for(request.config))
        # The registered checks of isolation are only worth something if the tests' own role passes them.
        call_command("check", databases=["default"], tags=["database"], verbosity=0)
    yield
    with django_db_blocker.unblock():
        connect_to(original)
        drop_database(name)
        connections["owner"].close()


@pytest.fixture(scope="module")
def shared_db(django_db_setup: None, django_db_blocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        around = transaction.atomic()
        # As Django marks those around its own test cases: in them, a transaction may call itself the outermost.
        around._from_testcase = True  # type: ignore[attr-defined]
        with around:
            yield
            transaction.set_rollback(True)
        connections["default"].close()


@pytest.fixture
def committed_db(django_db_setup: None, django_db_blocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield
        for alias in connections:
            # A test may have left a transaction open; the next one starts from nothing.
            if not _is_idle(alias):
                connections[alias].close()
        empty_tables()


def _is_idle(alias: str) -> bool:
    wrapper = connections[alias]
    return (
        wrapper.connection is not None
        and not wrapper.in_atomic_block
        and wrapper.get_autocommit()
        and wrapper.connection.info.transaction_status == TransactionStatus.IDLE
    )


def empty_tables() -> None:
    """Empty every table of the test database, as its owner, who alone may switch the guards off.

    Truncating makes hundreds of files anew, whatever was in them: what is little is deleted instead.
    """
    with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
        cursor.execute(_TABLES, [list(_KEPT)])
        tables = cursor.fetchall()
        if sum(size for _, size, _ in tables) > _LITTLE_BYTES:
            guard = "ALTER TABLE budgets_ledgerentry {} TRIGGER USER"
            names = ", ".join(name for name, _, _ in tables)
            cursor.execute(";".join([guard.format("DISABLE"), f"TRUNCATE {names} CASCADE", guard.format("ENABLE")]))
            return
        touched = [(name, guarded) for name, size, guarded in tables if size]
        if not touched:
            return
        cursor.execute("SELECT " + ", ".join(f"EXISTS (SELECT FROM {name})" for name, _ in touched))
        used = [table for table, has_rows in zip(touched, cursor.fetchone(), strict=True) if has_rows]
        statements = [
            *(f"ALTER TABLE {name} DISABLE TRIGGER USER" for name, guarded in used if guarded),
            *(f"DELETE FROM {name}" for name, _ in used),
            "SET CONSTRAINTS ALL IMMEDIATE",
            *(f"ALTER TABLE {name} ENABLE TRIGGER USER" for name, guarded in used if guarded),
        ]
        cursor.execute(";".join(statements))
