"""What someone else changed on a budget since it was read: on the budget itself, and on its lines."""

from collections import defaultdict
from typing import Any
from uuid import UUID

from budgets.models import BudgetLineItem, EventBudget, PlanDriver
from budgets.selectors.changed_fields import RECORDS_READ, ChangedField, by_name, compared

_HEAD = ("status", "total_follows_lines", "notes")
_LINE = (
    "name",
    "category_id",
    "section",
    "description",
    "budgeted_amount",
    "quantity",
    "unit_price",
    "driver_id",
    "sort_order",
    "notes",
)
_DRIVER = ("name", "quantity", "follows_guests")
# So many changed lines are told of; whoever missed more reads the plan anew.
LINES_TOLD = 50


def head_changes_since(budget: EventBudget, *, version: int) -> list[ChangedField]:
    """Compare the budget's own fields with how they stood in `version`: status, total, whether it follows, notes.

    A total that followed the lines then and now is their change, and no change of the budget's own. Two statements.
    """
    records = EventBudget.history.filter(id=budget.pk).select_related("history_user").order_by("-history_id")
    read = records.filter(version__lte=version).first()
    newer = list(records.filter(version__gt=version)[:RECORDS_READ])
    if read is None or not newer:
        return []
    names = [*_HEAD]
    if not (read.total_follows_lines and budget.total_follows_lines):
        names.insert(1, "total_budget_amount")
    if read.total_follows_lines:
        # Its records have no total: the lines' sum was one, and theirs alone to tell.
        read.total_budget_amount = None
    return compared(names, read=read, present=budget, newer=newer, is_whole=len(newer) < RECORDS_READ)


def line_changes_since(line: BudgetLineItem, *, version: int) -> list[ChangedField]:
    """Compare the line's plan with how it stood in `version` of its budget. A constant number of statements."""
    return _changes_of_lines([line], version=version)


def driver_changes_since(driver: PlanDriver, *, version: int) -> list[ChangedField]:
    """Compare a driver with how it stood in `version` of its budget. Two statements."""
    records = PlanDriver.history.filter(id=driver.pk).select_related("history_user").order_by("-history_id")
    read = records.filter(version__lte=version).first()
    newer = list(records.filter(version__gt=version)[:RECORDS_READ])
    if read is None or not newer:
        return []
    return compared(
        _DRIVER,
        read=read,
        present=driver,
        newer=newer,
        is_whole=len(newer) < RECORDS_READ,
        driver_id=driver.pk,
        title=driver.name,
    )


def plan_changes_since(budget: EventBudget, *, version: int) -> list[ChangedField]:
    """Return what was changed of the budget since `version`, then what of its lines, in their order.

    Lines that are new or gone have no fields to compare. A constant number of statements.
    """
    changed = BudgetLineItem.objects.filter(budget=budget, version__gt=version).order_by("sort_order", "id")
    return [
        *head_changes_since(budget, version=version),
        *_changes_of_lines(list(changed[:LINES_TOLD]), version=version),
    ]


def _changes_of_lines(lines: list[BudgetLineItem], *, version: int) -> list[ChangedField]:
    if not lines:
        return []
    records = BudgetLineItem.history.filter(id__in=[line.pk for line in lines])
    read = {
        record.id: record
        for record in records.filter(version__lte=version).order_by("id", "-history_id").distinct("id")
    }
    newer: dict[UUID, list[Any]] = defaultdict(list)
    since = records.filter(version__gt=version).select_related("history_user").order_by("-history_id")
    for record in since[:RECORDS_READ]:
        newer[record.id].append(record)
    whole = sum(len(found) for found in newer.values()) < RECORDS_READ
    return by_name(
        [
            change
            for line in lines
            if line.pk in read
            for change in compared(
                _LINE,
                read=read[line.pk],
                present=line,
                newer=newer[line.pk],
                is_whole=whole,
                line_item_id=line.pk,
                title=line.name,
            )
        ]
    )
