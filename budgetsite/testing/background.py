"""Work that a worker would do, done where it is started."""

from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import pytest
from celery import Task

from budgetsite.celery import app


@pytest.fixture
def eager_tasks() -> Iterator[None]:
    """Run each task where it is started, instead of in a worker."""
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


# What a machine's tasks have started and it has not done yet.
_started: ContextVar[list[tuple["Task[..., Any]", dict[str, Any]]]] = ContextVar("started")


class Machine:
    """Does a task and then all that it started, one after the other, each as a worker would: by itself."""

    def work_off(self, name: str) -> None:
        token = _started.set([(app.tasks[name], {})])
        try:
            while started := _started.get():
                task, kwargs = started.pop(0)
                task(**kwargs)
        finally:
            _started.reset(token)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine without a broker. Several threads may use it: each is then a machine of its own."""

    def take_note(task: "Task[..., Any]", *, kwargs: dict[str, Any] | None = None, **options: Any) -> None:
        _started.get().append((task, kwargs or {}))

    monkeypatch.setattr("celery.app.task.Task.apply_async", take_note)
    app.loader.import_default_modules()
    return Machine()
