"""A whole plan changed at once: the ceiling, the notes and any number of lines, all or nothing."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from budgets.models import EventBudget
from budgets.services.event_budget import update_event_budget
from budgets.services.guards import lock_budget
from budgets.services.line_item import add_line_items, delete_line_item, update_line_item
from budgets.services.problems import BudgetProblem, StaleVersion
from budgets.services.recalculation import recalculation_paused
from budgetsite.accounts.models import User
from budgetsite.money.amounts import InvalidAmount


@dataclass(frozen=True, slots=True)
class LineChange:
    """What becomes of one line. `line_item_id` None adds one; `key` is the caller's name for it.

    `fields` are those of `budgets.services.line_item.LINE_FIELDS`, as many as change.
    """

    key: str
    line_item_id: UUID | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    delete: bool = False


class LineRefused(BudgetProblem):
    """One line stands in the way of the whole change."""

    def __init__(self, key: str, problem: BudgetProblem | InvalidAmount) -> None:
        self.key, self.problem = key, problem
        self.code = problem.code
        super().__init__(str(problem))


@transaction.atomic
def save_plan(
    *,
    budget_id: UUID,
    version: int,
    acting_user: User,
    now: datetime,
    total_budget_amount: Decimal | None = None,
    notes: str | None = None,
    lines: Sequence[LineChange] = (),
) -> EventBudget:
    """Change a budget and its lines, all or nothing; return it as it is then.

    `version` is the budget's as it was read. It has to be the present one when the ceiling or the notes change; a line
    is stale only when that line has changed since. The sums are checked once, at the end, so that money can be shifted
    between lines under a full ceiling. Raises `StaleVersion`, `PlanFixed`, `BudgetLocked`, `LinesExceedTotal`, and
    `LineRefused` for a refusal that is about one line; nothing is stored then.
    """
    budget = lock_budget(budget_id)
    changes_head = total_budget_amount is not None or notes is not None
    if changes_head and version != budget.version:
        raise StaleVersion(sent=version, current=budget.version, budget_id=budget.pk)
    if version > budget.version:
        raise StaleVersion(sent=version, current=budget.version, budget_id=budget.pk)
    # A higher ceiling makes room for the lines first; a lower one waits until they have shrunk.
    raises_total = total_budget_amount is not None and total_budget_amount > budget.total_budget_amount
    if changes_head and raises_total:
        _save_head(budget, acting_user, total_budget_amount, notes)
    with recalculation_paused():
        for line in (line for line in lines if line.delete):
            _delete(budget_id, line, version=version, acting_user=acting_user, now=now)
        for line in (line for line in lines if not line.delete and line.line_item_id is not None):
            _update(budget_id, line, version=version, acting_user=acting_user)
        for line in (line for line in lines if not line.delete and line.line_item_id is None):
            with _about(line):
                add_line_items(budget_id=budget_id, acting_user=acting_user, line_items=[line.fields])
    if changes_head and not raises_total:
        _save_head(lock_budget(budget_id), acting_user, total_budget_amount, notes)
    saved: EventBudget = EventBudget.objects.select_related("event").get(pk=budget_id)
    return saved


def _save_head(budget: EventBudget, acting_user: User, total_budget_amount: Decimal | None, notes: str | None) -> None:
    update_event_budget(
        budget_id=budget.pk,
        version=budget.version,
        acting_user=acting_user,
        total_budget_amount=total_budget_amount,
        notes=notes,
    )


def _delete(budget_id: UUID, line: LineChange, *, version: int, acting_user: User, now: datetime) -> None:
    assert line.line_item_id is not None
    with _about(line):
        delete_line_item(
            budget_id=budget_id,
            line_item_id=line.line_item_id,
            version=version,
            acting_user=acting_user,
            now=now,
        )


def _update(budget_id: UUID, line: LineChange, *, version: int, acting_user: User) -> None:
    assert line.line_item_id is not None
    with _about(line):
        update_line_item(
            budget_id=budget_id,
            line_item_id=line.line_item_id,
            version=version,
            acting_user=acting_user,
            **line.fields,
        )


@contextmanager
def _about(line: LineChange) -> Iterator[None]:
    try:
        yield
    except (BudgetProblem, InvalidAmount) as problem:
        raise LineRefused(line.key, problem) from problem
