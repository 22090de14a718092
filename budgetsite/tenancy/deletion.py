"""Soft deletion of a row with everything that hangs on it, and its exact reversal.

What hangs on a row is what its `on_delete=CASCADE` keys say. The whole subtree gets one stamp (the deleted row's
`deleted_at`); restoring looks for that stamp, so that a line deleted last week stays deleted when its budget returns.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import models, transaction

from budgetsite.tenancy.history import record_history
from budgetsite.tenancy.models import TenantModel
from budgetsite.tenancy.scope import deleted_rows_visible


def soft_delete(row: TenantModel, *, now: datetime) -> int:
    """Stamp `row` and everything live below it with `now`; return how many rows that were.

    A row that was deleted already, perhaps a moment ago by someone else, is left as it is: 0.
    """
    with transaction.atomic(), deleted_rows_visible():
        if _lock(row) is not None:
            return 0
        return sum(
            _stamp(model, ids, deleted_at=now, reason="deleted") for model, ids in _subtree(row, deleted_at=None)
        )


def restore(row: TenantModel) -> int:
    """Bring back `row` and exactly what was deleted together with it; return how many rows that were."""
    with transaction.atomic(), deleted_rows_visible():
        deleted_at = _lock(row)
        if deleted_at is None:
            return 0
        return sum(
            _stamp(model, ids, deleted_at=None, reason="restored")
            for model, ids in _subtree(row, deleted_at=deleted_at)
        )


def _lock(row: TenantModel) -> datetime | None:
    """Lock the row as it is stored now and return its stamp, whatever the caller had read."""
    stamp: datetime | None = (
        type(row)._base_manager.select_for_update(no_key=True).values_list("deleted_at", flat=True).get(pk=row.pk)
    )
    return stamp


def _subtree(row: TenantModel, *, deleted_at: datetime | None) -> Iterator[tuple[type[TenantModel], list[Any]]]:
    """Yield each table's ids below `row`, itself first, that carry exactly this stamp."""
    layer: list[tuple[type[TenantModel], list[Any]]] = [(type(row), [row.pk])]
    while layer:
        model, ids = layer.pop(0)
        yield model, ids
        for child, column in _children(model):
            found = child._base_manager.filter(**{f"{column}__in": ids}, deleted_at=deleted_at)
            # Locked in one order, so that two deletions that meet never wait for each other in a circle.
            child_ids = list(found.order_by("pk").select_for_update(no_key=True).values_list("pk", flat=True))
            if child_ids:
                layer.append((child, child_ids))


def _children(model: type[models.Model]) -> Iterator[tuple[type[TenantModel], str]]:
    for relation in model._meta.related_objects:
        child = relation.related_model
        if relation.on_delete is models.CASCADE and isinstance(child, type) and issubclass(child, TenantModel):
            yield child, relation.field.attname


def _stamp(model: type[TenantModel], ids: list[Any], *, deleted_at: datetime | None, reason: str) -> int:
    count = model._base_manager.filter(pk__in=ids).update(deleted_at=deleted_at)
    record_history(model._base_manager.filter(pk__in=ids), reason=reason)
    return count
