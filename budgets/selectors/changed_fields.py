"""Field by field: how something was read, how it is now, and who changed it last."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from budgets.models import Category, PlanDriver
from budgetsite.accounts.models import User
from budgetsite.tenancy.scope import deleted_rows_visible

# More changes than anybody makes while somebody else has a form open; what is older has no name beside it.
RECORDS_READ = 200


@dataclass(frozen=True, slots=True)
class ChangedField:
    """`before` as it was read, `now` as it is; amounts as Decimal, a category and a driver by name.

    `before` is None as well for a total that followed the lines. `by` is who changed it last, None for what no person
    did; `at` is None as well where nothing tells when it was. `line_item_id` or `driver_id` says what it is about, and
    `title` its name; None and "" for the budget itself.
    """

    name: str
    before: Any
    now: Any
    by: User | None
    at: datetime | None
    line_item_id: UUID | None = None
    driver_id: UUID | None = None
    title: str = ""


def compared(
    names: Iterable[str],
    *,
    read: Any,
    present: Any,
    newer: Sequence[Any],
    is_whole: bool = True,
    line_item_id: UUID | None = None,
    driver_id: UUID | None = None,
    title: str = "",
) -> list[ChangedField]:
    """Compare `present` with the record that was `read`, in these fields.

    `newer` are the records since then, the newest first; unless `is_whole`, the oldest of them are missing.
    """
    found = []
    for name in names:
        before, now = getattr(read, name), getattr(present, name)
        if before == now:
            continue
        writer = _last_writer(name, [*newer, read] if is_whole else newer)
        by, at = (writer.history_user, writer.history_date) if writer is not None else (None, None)
        found.append(ChangedField(name, before, now, by, at, line_item_id, driver_id, title))
    return found


def by_name(changes: Sequence[ChangedField]) -> list[ChangedField]:
    """Return the changes with names in the place of the ids of categories and drivers."""
    names: Mapping[str, dict[UUID, str]] = {}
    if any(change.name in ("category_id", "driver_id") for change in changes):
        with deleted_rows_visible():
            names = {
                "category_id": dict(Category.objects.values_list("pk", "name")),
                "driver_id": dict(PlanDriver.objects.filter(pk__in=_drivers_in(changes)).values_list("pk", "name")),
            }
    return [
        replace(
            change,
            name=change.name.removesuffix("_id"),
            before=names[change.name].get(change.before),
            now=names[change.name].get(change.now),
        )
        if change.name in names
        else change
        for change in changes
    ]


def _drivers_in(changes: Sequence[ChangedField]) -> set[UUID]:
    ids = [(change.before, change.now) for change in changes if change.name == "driver_id"]
    return {driver_id for pair in ids for driver_id in pair if driver_id is not None}


def _last_writer(name: str, records: Sequence[Any]) -> Any:
    """Return the newest record that has another value than the one before it; None where that is not among these."""
    for newer, older in pairwise(records):
        if getattr(newer, name) != getattr(older, name):
            return newer
    return None
