"""Work that a worker would do, done where it is started."""

from collections.abc import Iterator

import pytest

from budgetsite.celery import app


@pytest.fixture
def eager_tasks() -> Iterator[None]:
    """Run each task where it is started, instead of in a worker."""
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False
