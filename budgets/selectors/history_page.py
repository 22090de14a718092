"""The story of a budget: its own changes, its lines', its event's, the decisions and the ledger, last first."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery

from budgets.models import BudgetDecision, BudgetLineItem, Category, EventBudget, LedgerEntry
from budgetsite.accounts.models import User
from budgetsite.tenancy.scope import deleted_rows_visible

STEPS_PER_PAGE = 40

# Sources of the story; the order in which steps of the same moment are told, the last first.
_DECISION, _BUDGET, _LINE, _LEDGER = 3, 2, 1, 0


@dataclass(frozen=True, slots=True)
class FieldChange:
    """`name` of a field, with its values as stored; category ids are replaced by names."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened. `kind` is decision, budget, line or ledger.

    `what` is the decision's action, `added`, `changed`, `deleted` or `restored`, or the ledger entry's kind; `entry`
    and `decision` are the rows themselves where there is one. Amounts are in the budget's currency.
    """

    kind: str
    what: str
    at: datetime
    by: User | None
    name: str = ""
    changes: tuple[FieldChange, ...] = ()
    budgeted: Decimal | None = None
    decision: BudgetDecision | None = None
    entry: LedgerEntry | None = None


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where a page of the story begins: a moment, then the source, then the row's own number."""

    at: datetime
    rank: int
    key: int


@dataclass(frozen=True, slots=True)
class StoryPage:
    steps: list[Step]
    older: Position | None


def story_page(budget: EventBudget, *, before: Position | None = None, with_ledger: bool = True) -> StoryPage:
    """Return the steps before `before` (the last ones, when it is None), in a constant number of statements."""
    sources: list[tuple[int, QuerySet[Any], str, str, Callable[[list[Any]], list[Step | None]]]] = [
        (
            _DECISION,
            BudgetDecision.objects.filter(budget_id=budget.pk).select_related("actor"),
            "created_at",
            "version",
            _decision_steps,
        ),
        (
            _BUDGET,
            _with_previous(EventBudget.history.filter(id=budget.pk)),
            "history_date",
            "history_id",
            _budget_steps,
        ),
        (
            _LINE,
            _with_previous(BudgetLineItem.history.filter(budget_id=budget.pk)),
            "history_date",
            "history_id",
            _line_steps,
        ),
    ]
    if with_ledger:
        entries = LedgerEntry.objects.filter(budget_id=budget.pk).select_related("actor", "line_item")
        sources.append((_LEDGER, entries, "created_at", "seq", _ledger_steps))
    found: list[tuple[Position, int, Any]] = []
    for rank, rows, moment, key, _ in sources:
        found.extend(
            (Position(getattr(row, moment), rank, int(getattr(row, key))), rank, row)
            for row in _before(rows, before, rank, moment, key)[: STEPS_PER_PAGE + 1]
        )
    found.sort(key=lambda item: item[0], reverse=True)
    shown = found[:STEPS_PER_PAGE]
    told: dict[Position, Step | None] = {}
    for rank, _, moment, key, tell in sources:
        rows_of_rank = [row for _, row_rank, row in shown if row_rank == rank]
        for row, step in zip(rows_of_rank, tell(rows_of_rank), strict=True):
            told[Position(getattr(row, moment), rank, int(getattr(row, key)))] = step
    steps = [step for step in (told[position] for position, _, _ in shown) if step is not None]
    return StoryPage(steps=steps, older=shown[-1][0] if len(found) > STEPS_PER_PAGE else None)


def _before(rows: QuerySet[Any], before: Position | None, rank: int, moment: str, key: str) -> QuerySet[Any]:
    if before is not None:
        earlier = Q(**{f"{moment}__lt": before.at})
        if rank < before.rank:
            earlier |= Q(**{moment: before.at})
        elif rank == before.rank:
            earlier |= Q(**{moment: before.at, f"{key}__lt": before.key})
        rows = rows.filter(earlier)
    return rows.order_by(f"-{moment}", f"-{key}")


def _with_previous(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Put beside each version of a row the number of the version before it."""
    earlier = rows.model.objects.filter(id=OuterRef("id"), history_id__lt=OuterRef("history_id"))
    newest = earlier.order_by("-history_id").values("history_id")[:1]
    told: QuerySet[Any] = rows.select_related("history_user").annotate(previous_id=Subquery(newest))
    return told


def _decision_steps(decisions: list[BudgetDecision]) -> list[Step | None]:
    return [
        Step("decision", decision.action, decision.created_at, decision.actor, decision=decision)
        for decision in decisions
    ]


def _budget_steps(records: list[Any]) -> list[Step | None]:
    """Moves of the status are told by the decisions."""
    return _steps("budget", records, ("total_budget_amount", "total_follows_lines", "notes"))


def _line_steps(records: list[Any]) -> list[Step | None]:
    names = ("name", "category_id", "section", "description", "budgeted_amount", "notes", "sort_order")
    return _steps("line", records, names)


def _ledger_steps(entries: list[LedgerEntry]) -> list[Step | None]:
    return [
        Step(
            "ledger",
            entry.kind,
            entry.created_at,
            entry.actor,
            name=entry.line_item.name if entry.line_item else "",
            entry=entry,
        )
        for entry in entries
    ]


def _steps(kind: str, records: list[Any], names: tuple[str, ...]) -> list[Step | None]:
    """Tell each version by what it changed against the one before; None where that is nothing worth telling."""
    if not records:
        return []
    previous = type(records[0]).objects.in_bulk([record.previous_id for record in records if record.previous_id])
    categories: dict[UUID, str] = {}
    pairs = [(record, previous.get(record.previous_id)) for record in records]
    if any(before and _get(before, "category_id") != _get(record, "category_id") for record, before in pairs):
        with deleted_rows_visible():
            categories = dict(Category.objects.values_list("pk", "name"))
    steps: list[Step | None] = []
    for record, before in pairs:
        changes = _changes(record, before, names, categories) if before else ()
        what = _what(record, before, changes)
        steps.append(
            None
            if what is None
            else Step(
                kind,
                what,
                record.history_date,
                record.history_user,
                name=_get(record, "name") or "",
                changes=changes,
                budgeted=_get(record, "budgeted_amount"),
            )
        )
    return steps


def _what(record: Any, before: Any, changes: tuple[FieldChange, ...]) -> str | None:
    if before is None:
        return "added"
    if bool(record.deleted_at) != bool(before.deleted_at):
        return "deleted" if record.deleted_at else "restored"
    return "changed" if changes else None


def _changes(record: Any, before: Any, names: tuple[str, ...], categories: dict[UUID, str]) -> tuple[FieldChange, ...]:
    changes = []
    for name in names:
        was, now = getattr(before, name), getattr(record, name)
        if was == now or (name == "total_budget_amount" and before.total_follows_lines and record.total_follows_lines):
            continue
        if name == "category_id":
            was, now = categories.get(was, "?"), categories.get(now, "?")
        changes.append(FieldChange(name, was, now))
    if len(changes) > 1:
        # Being moved along is not worth a word beside a change of substance.
        changes = [change for change in changes if change.name != "sort_order"]
    return tuple(changes)


def _get(record: Any, name: str) -> Any:
    return getattr(record, name, None)
