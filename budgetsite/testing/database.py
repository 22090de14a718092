"""Test databases, made and emptied by the owner; the tests themselves connect as the request's role.

`db` (pytest-django's) wraps a test in a transaction that is rolled back. `shared_db` is such a transaction around all tests
of a module that use it, for what they share: what a test with `db` changes is gone before the next. `committed_db` lets
a test commit, for threads, other processes and the service role; afterwards the owner empties all tables. So a module
has the one or the other.
"""

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import connections, transaction

from budgetsite.testing.template_database import connect_to, drop_database, make_database, template_for

_KEPT = ("django_migrations", "django_content_type", "auth_permission")


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
        around._from_testcase = True
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
            connections[alias].close()
        empty_tables()
        connections["owner"].close()


def empty_tables() -> None:
    """Empty every table of the test database, as its owner, who alone may switch the ledger's guard off."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        tables = [row[0] for row in cursor.fetchall() if row[0] not in _KEPT]
        guarded = 'ALTER TABLE "budgets_ledgerentry" {} TRIGGER USER'
        cursor.execute(guarded.format("DISABLE"))
        names = ", ".join(f'"{table}"' for table in tables)
        cursor.execute(f"TRUNCATE {names} RESTART IDENTITY CASCADE")
        cursor.execute(guarded.format("ENABLE"))
