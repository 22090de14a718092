"""What each record of a budget's history tells: who did what, with the values before and after."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count

from budgets.models import (
    ApprovalStage,
    BudgetDecision,
    BudgetLineItem,
    BudgetTransfer,
    Category,
    LedgerEntry,
    LineKind,
    PlanDriver,
    TransferStatus,
)
from budgetsite.accounts.models import User
from budgetsite.tenancy.scope import deleted_rows_visible

_LINE_FIELDS = ("name", "category_id", "section", "budgeted_amount", "description", "notes", "sort_order")
_BUDGET_FIELDS = ("total_budget_amount", "total_follows_lines", "notes")
_DRIVER_FIELDS = ("name", "quantity", "follows_guests")


@dataclass(frozen=True, slots=True)
class Price:
    """How a line's amount came about: `quantity` (of a driver, where it has a name) × `unit_price`."""

    quantity: Decimal
    driver: str
    unit_price: Decimal


@dataclass(frozen=True, slots=True)
class FieldChange:
    """`name` of a field, with its values before and after; a category by its name, `price` as `Price` or None."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened. `kind` is decision, budget, line, driver, transfer or ledger.

    `what` is the decision's action, `added`, `changed`, `deleted` or `restored`, the ledger entry's kind, or of a
    transfer `moved`, `asked`, `approved`, `rejected`, `withdrawn` or `lapsed`. `entry`, `decision` and `transfer` are
    the rows themselves where there is one. Amounts are in the budget's currency.
    """

    kind: str
    what: str
    at: datetime
    by: User | None
    name: str = ""
    is_income: bool = False
    changes: tuple[FieldChange, ...] = ()
    budgeted: Decimal | None = None
    quantity: Decimal | None = None
    price: Price | None = None
    # How many lines a driver's new quantity changed; how many stages the approval had.
    lines_followed: int = 0
    stages: int = 1
    decision: BudgetDecision | None = None
    entry: LedgerEntry | None = None
    transfer: BudgetTransfer | None = None


def decision_steps(decisions: Sequence[BudgetDecision]) -> list[Step | None]:
    """Tell the moves of one budget's status. One statement, where there are approvals among them."""
    stages = _stages_of(decisions)
    return [
        Step(
            "decision",
            decision.action,
            decision.created_at,
            decision.actor,
            decision=decision,
            stages=stages.get(decision.pk, 1),
        )
        for decision in decisions
    ]


def budget_steps(records: list[Any]) -> list[Step | None]:
    """Moves of the status are told by the decisions."""
    return _steps("budget", records, _BUDGET_FIELDS, _Names())


def line_steps(records: list[Any]) -> list[Step | None]:
    return _steps("line", records, _LINE_FIELDS, _Names())


def driver_steps(records: list[Any]) -> list[Step | None]:
    followed: dict[int, int] = {}
    if records:
        versions = [record.version for record in records]
        rows = BudgetLineItem.history.filter(
            budget_id=records[0].budget_id, version__in=versions, driver_id__in={record.id for record in records}
        )
        followed = dict(
            rows.filter(history_change_reason__isnull=False)
            .order_by()
            .values_list("version")
            .annotate(number=Count("id", distinct=True))
        )
    return _steps("driver", records, _DRIVER_FIELDS, _Names(), followed=followed)


def ledger_steps(entries: list[LedgerEntry]) -> list[Step | None]:
    return [
        Step(
            "ledger",
            entry.kind,
            entry.created_at,
            entry.actor,
            name=entry.line_item.name if entry.line_item else "",
            is_income=entry.line_item.is_income if entry.line_item else False,
            entry=entry,
        )
        for entry in entries
    ]


def request_steps(transfers: list[BudgetTransfer]) -> list[Step | None]:
    """Tell what was moved at once, and what was asked for."""
    return [
        Step(
            "transfer",
            "asked" if transfer.needs_role else "moved",
            transfer.created_at,
            transfer.requested_by,
            transfer=transfer,
        )
        for transfer in transfers
    ]


def answer_steps(transfers: list[BudgetTransfer]) -> list[Step | None]:
    """Tell what became of the transfers that had to be approved."""
    steps: list[Step | None] = []
    for transfer in transfers:
        what = {TransferStatus.DONE: "approved", TransferStatus.LAPSED: "lapsed"}.get(
            TransferStatus(transfer.status), "rejected"
        )
        if what == "rejected" and transfer.decided_by_id == transfer.requested_by_id:
            what = "withdrawn"
        assert transfer.decided_at is not None
        steps.append(Step("transfer", what, transfer.decided_at, transfer.decided_by, transfer=transfer))
    return steps


def _stages_of(decisions: Sequence[BudgetDecision]) -> dict[UUID, int]:
    """Return how many stages the submission had that each approval was about."""
    approvals = [decision for decision in decisions if decision.action == "approve"]
    if not approvals:
        return {}
    counted = dict(
        ApprovalStage.objects.filter(budget_id=approvals[0].budget_id)
        .order_by("submission")
        .values_list("submission")
        .annotate(number=Count("id"))
    )
    submissions = sorted(counted)
    found = {}
    for decision in approvals:
        place = bisect_right(submissions, decision.version)
        if place:
            found[decision.pk] = counted[submissions[place - 1]]
    return found


class _Names:
    """The names of categories and drivers by their ids, deleted ones too; read when the first is asked for."""

    def __init__(self) -> None:
        self._categories: dict[UUID, str] | None = None
        self._drivers: dict[UUID, str] | None = None

    def category(self, category_id: UUID | None) -> str:
        if self._categories is None:
            with deleted_rows_visible():
                self._categories = dict(Category.objects.values_list("pk", "name"))
        return self._categories.get(category_id, "") if category_id else ""

    def driver(self, driver_id: UUID | None, budget_id: UUID) -> str:
        if driver_id is None:
            return ""
        if self._drivers is None:
            with deleted_rows_visible():
                self._drivers = dict(PlanDriver.objects.filter(budget_id=budget_id).values_list("pk", "name"))
        return self._drivers.get(driver_id, "")


def _steps(
    kind: str, records: list[Any], fields: tuple[str, ...], names: _Names, *, followed: dict[int, int] | None = None
) -> list[Step | None]:
    """Tell each version by what it changed against the one before; None where that is nothing worth telling."""
    if not records:
        return []
    earlier = type(records[0]).objects.in_bulk([record.previous_id for record in records if record.previous_id])
    steps: list[Step | None] = []
    for record in records:
        before = earlier.get(record.previous_id)
        changes = _changes(record, before, fields, names) if before else ()
        what = _what(record, before, changes)
        steps.append(
            None
            if what is None
            else Step(
                kind,
                what,
                record.history_date,
                record.history_user,
                name=getattr(record, "name", None) or "",
                is_income=getattr(record, "kind", LineKind.COST) == LineKind.INCOME,
                changes=changes,
                budgeted=getattr(record, "budgeted_amount", None),
                quantity=record.quantity if kind == "driver" else None,
                price=_price(record, names) if kind == "line" else None,
                lines_followed=(followed or {}).get(record.version, 0),
            )
        )
    return steps


def _what(record: Any, before: Any, changes: tuple[FieldChange, ...]) -> str | None:
    if before is None:
        return "added"
    if bool(record.deleted_at) != bool(before.deleted_at):
        return "deleted" if record.deleted_at else "restored"
    return "changed" if changes else None


def _changes(record: Any, before: Any, fields: tuple[str, ...], names: _Names) -> tuple[FieldChange, ...]:
    changes = []
    for name in fields:
        was, now = getattr(before, name), getattr(record, name)
        if was == now or (name == "total_budget_amount" and before.total_follows_lines and record.total_follows_lines):
            continue
        if name == "category_id":
            was, now = names.category(was), names.category(now)
        changes.append(FieldChange(name, was, now))
    if hasattr(record, "unit_price"):
        was, now = _price(before, names), _price(record, names)
        if was != now:
            changes.append(FieldChange("price", was, now))
    if len(changes) > 1:
        # Being moved along is not worth a word beside a change of substance.
        changes = [change for change in changes if change.name != "sort_order"]
    return tuple(changes)


def _price(record: Any, names: _Names) -> Price | None:
    if record.unit_price is None or record.quantity is None:
        return None
    return Price(record.quantity, names.driver(record.driver_id, record.budget_id), record.unit_price)
