"""Django keeps, while it migrates, a class of each model as it is between two operations, and makes it anew after each,
with the classes of all its relations. Every table of ours leads to the account, so that one more index would make all
of them anew: that was most of what `migrate` took.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db.migrations.state import ProjectState
from django.db.models import Model

# What stands beside the columns: no other model's class knows of it.
_BESIDE = ("indexes", "constraints", "triggers")


@contextmanager
def keeping_classes() -> Iterator[None]:
    """Within it, an operation that changes indexes, constraints or triggers alone leaves all classes as they are, the
    model's own up to date.
    """
    reload_model = ProjectState.reload_model

    def reload_unless_kept(state: ProjectState, app_label: str, model_name: str, delay: bool = False) -> None:
        if not (delay and "apps" in state.__dict__ and _keep(state, app_label, model_name)):
            reload_model(state, app_label, model_name, delay)

    ProjectState.reload_model = reload_unless_kept  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        ProjectState.reload_model = reload_model  # type: ignore[method-assign]


def _keep(state: ProjectState, app_label: str, model_name: str) -> bool:
    """Bring the class up to date where that needs no new one; return whether it is."""
    wanted = state.models[app_label, model_name.lower()]
    model: type[Model] = state.apps.get_model(app_label, model_name)
    made_with: dict[str, Any] = model._meta.original_attrs
    changed = {name for name in {*made_with, *wanted.options} if made_with.get(name) != wanted.options.get(name)}
    changed -= {"apps", "app_label"}
    if not changed or not changed.issubset(_BESIDE) or _fields(model) != _described(wanted.fields):
        return False
    for name in changed:
        made_with[name] = wanted.options[name]
        setattr(model._meta, name, list(wanted.options[name]))
    return True


def _fields(model: type[Model]) -> dict[str, Any]:
    local = [*model._meta.local_fields, *model._meta.local_many_to_many]
    return _described({field.name: field for field in local})


def _described(fields: Any) -> dict[str, Any]:
    return {name: field.deconstruct()[1:] for name, field in fields.items()}
