"""What someone else changed on a line since it was read: its plan, and what was spent."""

from decimal import Decimal
from typing import Any

from budgets.models import BudgetLineItem, LedgerEntry
from budgets.selectors.budget_changes import line_changes_since
from budgets.selectors.changed_fields import ChangedField


def changes_since(line: BudgetLineItem, *, version: int, actual_read: Decimal | None) -> list[ChangedField]:
    """Compare the line with how it stood in `version` of its budget, and its actual with `actual_read`."""
    changed = line_changes_since(line, version=version) if line.version > version else []
    if actual_read is not None and actual_read != line.actual_amount:
        entry = LedgerEntry.objects.filter(line_item_id=line.pk).select_related("actor").order_by("-seq").first()
        by, at = (None, None) if entry is None else (entry.actor, entry.created_at)
        changed.append(
            ChangedField(
                "actual_amount", actual_read, line.actual_amount, by, at, line_item_id=line.pk, title=line.name
            )
        )
    return changed


def planned_values(line: BudgetLineItem) -> dict[str, Any]:
    """Return what is planned for a line as people enter it: one that follows a driver has no quantity of its own."""
    return {
        "name": line.name,
        "category": str(line.category_id),
        "section": line.section,
        "description": line.description,
        "budgeted_amount": line.budgeted_amount,
        "quantity": line.quantity if line.driver_id is None else None,
        "driver": str(line.driver_id) if line.driver_id else "",
        "unit_price": line.unit_price,
        "notes": line.notes,
    }
