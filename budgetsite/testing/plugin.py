"""The suite's fixtures, for every app's tests: `-p budgetsite.testing.plugin` in pytest.ini."""

import pytest
from hypothesis import settings

# An example that takes long on a busy machine is no defect.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


@pytest.hookimpl(trylast=True)
def pytest_configure(config: pytest.Config) -> None:
    """Bring the fixtures in once pytest-django has set Django up: they import models."""
    for module in ("background", "browser", "database", "mail", "people"):
        config.pluginmanager.import_plugin(f"budgetsite.testing.{module}")
