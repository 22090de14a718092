"""The suite's fixtures, for every app's tests: `-p budgetsite.testing.plugin` in pytest.ini."""

import gc
import os
from pathlib import Path

import pytest
from hypothesis import settings

# The servers of a run come with a key of their own; the tests name theirs, which the settings have.
os.environ.pop("FIELD_ENCRYPTION_KEYS", None)

# An example that takes long on a busy machine is no defect.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


MODULES = ("background", "browser", "database", "mail", "people", "receivers", "template_database")
# `account` asks for the database when it runs.
_NEED_DATABASE = frozenset({"django_db_setup", "account"})
FIXTURES = [f"budgetsite.testing.{module}" for module in MODULES]
# A folder's conftest.py that imports one of them is read before they are brought in.
pytest.register_assert_rewrite(*FIXTURES)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Bring the fixtures in once pytest-django has set Django up: they import models."""
    for module in FIXTURES:
        config.pluginmanager.import_plugin(module)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that have slow tests: the last file of a parallel run keeps one worker busy alone.

    The first of them do without the tests' database, which is being made in the meantime.
    """
    slow, in_browser = _files_with(items, "slow"), _files_with(items, "browser")
    on_database = {item.path for item in items if not _NEED_DATABASE.isdisjoint(getattr(item, "fixturenames", ()))}

    def place(item: pytest.Item) -> int:
        if item.path in slow:
            return 1 if item.path in on_database else 0
        return 2 if item.path in in_browser else 3

    items.sort(key=place)


def _files_with(items: list[pytest.Item], marker: str) -> set[Path]:
    return {item.path for item in items if item.get_closest_marker(marker)}


def pytest_collection_finish() -> None:
    """Leave what stays until the end, which is the site and all tests, out of every search for garbage."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)
