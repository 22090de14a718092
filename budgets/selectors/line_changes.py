"""What someone else changed on a line since it was read."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from budgets.models import BudgetLineItem, Category, LedgerEntry
from budgetsite.accounts.models import User

_COMPARED = ("name", "category_id", "section", "description", "budgeted_amount")


@dataclass(slots=True)
class LineChange:
    """`before` has the changed fields as they were read (category: its id as text), `after` as they are now.

    `by` is None for a change that no person made, `at` None where nothing tells when it was made.
    """

    by: User | None = None
    at: datetime | None = None
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)


def changes_since(line: BudgetLineItem, *, version: int, actual_read: Decimal | None) -> LineChange:
    """Compare the line with how it stood in `version` of its budget, and its actual with `actual_read`."""
    change = LineChange()
    if actual_read is not None and actual_read != line.actual_amount:
        change.before["actual_amount"], change.after["actual_amount"] = actual_read, line.actual_amount
        entry = LedgerEntry.objects.filter(line_item_id=line.pk).select_related("actor").order_by("-seq").first()
        if entry is not None:
            change.by, change.at = entry.actor, entry.created_at
    records = list(
        BudgetLineItem.history.filter(id=line.pk, version__gte=0)
        .select_related("history_user")
        .order_by("-history_date", "-history_id")[:50]
    )
    read = next((record for record in records if record.version <= version), None)
    if read is None or not records or line.version <= version:
        return change
    change.by, change.at = records[0].history_user, records[0].history_date
    names: dict[UUID, str] = {}
    if read.category_id != line.category_id:
        names = dict(Category.objects.values_list("pk", "name"))
    for name in _COMPARED:
        was, now = getattr(read, name), getattr(line, name)
        if was == now:
            continue
        shown = name.removesuffix("_id")
        change.before[shown] = str(was) if shown == "category" else was
        change.after[shown] = names.get(now, str(now)) if shown == "category" else now
    return change
