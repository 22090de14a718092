"""The suite's fixtures, for every app's tests: `-p budgetsite.testing.plugin` in pytest.ini."""

import pytest
from hypothesis import settings

# An example that takes long on a busy machine is no defect.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


FIXTURES = [f"budgetsite.testing.{module}" for module in ("background", "browser", "database", "mail", "people")]
# A folder's conftest.py that imports one of them is read before they are brought in.
pytest.register_assert_rewrite(*FIXTURES)


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Bring the fixtures in once pytest-django has set Django up: they import models."""
    for module in FIXTURES:
        config.pluginmanager.import_plugin(module)
