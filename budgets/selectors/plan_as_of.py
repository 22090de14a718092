"""A budget as it was known at a moment: the plan from its history, the figures from the ledger.

The history dates each version of a row, and the ledger each entry, under the budget's lock: what has a later time came
later. A constant number of statements, however long the story.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Q
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.formats import date_format

from budgets.models import (
    ApprovalStage,
    BudgetLineItem,
    BudgetRevision,
    BudgetStatus,
    Category,
    EventBudget,
    ScopedBudget,
)
from budgets.services.problems import BudgetProblem
from budgets.services.revision import TRANSFERRED
from budgetsite.money import ratios
from budgetsite.tenancy.scope import deleted_rows_visible, require_tenant_id

ZERO = Decimal(0)


class UnreadableMoment(BudgetProblem):
    code = "invalid"

    def __init__(self) -> None:
        super().__init__(
            "Write a date such as 2026-07-15, or a moment with its zone such as 2026-07-15T18:00:00+02:00."
        )


class FutureMoment(BudgetProblem):
    code = "in_the_future"

    def __init__(self) -> None:
        super().__init__("That is still to come. Ask for today or a day before it.")


class NoBudgetThen(BudgetProblem):
    """The budget was opened later, or was deleted at that moment."""

    code = "no_budget_then"

    def __init__(self, opened_at: datetime | None, zone: ZoneInfo) -> None:
        self.opened_at = opened_at
        if opened_at is None:
            super().__init__("The budget was deleted at that moment. Ask for another one.")
        else:
            shown = f"{date_format(opened_at.astimezone(zone), 'j F Y, H:i')} ({zone.key})"
            super().__init__(f"There was no such budget then: it was opened on {shown}. Ask for a moment after that.")


@dataclass(frozen=True, slots=True)
class BudgetAsOf:
    """`budget` and its lines are as they stood at `moment`, not stored anywhere, and may not be saved.

    `revision_in_force` is the number of the plan in force then, None before the first approval. `left_out` are the
    lines of that plan which the revision that was worked on then no longer had.
    """

    budget: EventBudget
    moment: datetime
    revision_in_force: int | None
    lines: list[BudgetLineItem]
    left_out: list[BudgetLineItem] = field(default_factory=list)


def parse_moment(text: str, *, zone: str, now: datetime) -> datetime:
    """Read a moment, or a date, which stands for the end of that day in `zone`; today's stands for `now`.

    Raises `UnreadableMoment`, also for a time without a zone, and `FutureMoment`.
    """
    try:
        moment = _read_moment(text.strip(), ZoneInfo(zone), now)
    except ValueError as error:
        raise UnreadableMoment from error
    except OverflowError as error:
        raise FutureMoment from error
    if moment > now:
        raise FutureMoment
    return moment


def budget_as_of(budget: EventBudget, moment: datetime) -> BudgetAsOf:
    """Return a budget, read with its event, as it was known at `moment`.

    Raises `NoBudgetThen`. Entries that were posted by then count, whatever day they are about.
    """
    then = _version_at(budget, moment)
    if then is None or then.deleted_at is not None:
        first = None if then is not None else EventBudget.history.filter(id=budget.pk).earliest("history_id")
        raise NoBudgetThen(first and first.history_date, ZoneInfo(budget.event.timezone))
    figures = _Figures.of(budget, moment)
    found = _lines_at(budget, moment, figures)
    in_force = _revision_in_force(budget, then)
    revised = in_force if then.status in (BudgetStatus.DRAFT, BudgetStatus.REVIEW) else None
    left_out = [] if revised is None else _put_in_force(budget, then, revised, found, figures)
    budget_then = _budget_at(budget, then, found, figures, revised)
    _add_waiting(budget_then, then, moment)
    budget_then.alerts_open = _open_alerts_at(budget, moment)  # type: ignore[attr-defined]
    return BudgetAsOf(
        budget=budget_then,
        moment=moment,
        revision_in_force=None if in_force is None else in_force.number,
        lines=list(found.values()),
        left_out=left_out,
    )


def _read_moment(text: str, zone: ZoneInfo, now: datetime) -> datetime:
    day = parse_date(text)
    if day is not None:
        return _end_of(day, zone, now)
    # A "+" that was sent as it is arrives as a space.
    head, _, offset = text.rpartition(" ")
    if ":" in head:
        text = f"{head}+{offset}"
    moment = parse_datetime(text)
    if moment is None or moment.tzinfo is None:
        raise ValueError("no moment")
    return moment


def _end_of(day: date, zone: ZoneInfo, now: datetime) -> datetime:
    if day == now.astimezone(zone).date():
        return now
    return datetime.combine(day + timedelta(days=1), time.min, zone) - timedelta(microseconds=1)


# --- The budget -------------------------------------------------------------------------------------------------------


def _version_at(budget: EventBudget, moment: datetime) -> Any:
    """Return the last version of the budget's own row that was written by then, None before there was one."""
    history = EventBudget.history.filter(tenant_id=require_tenant_id(), id=budget.pk, history_date__lte=moment)
    # Numbered under the lock: of two, the higher number was written later.
    return history.select_related("submitted_by", "approved_by").order_by("-history_id").first()


def _revision_in_force(budget: EventBudget, then: Any) -> BudgetRevision | None:
    number = then.revision - 1 if then.status in (BudgetStatus.DRAFT, BudgetStatus.REVIEW) else then.revision
    revision: BudgetRevision | None = BudgetRevision.objects.filter(budget_id=budget.pk, number=number).first()
    return revision


def _budget_at(
    budget: EventBudget,
    then: Any,
    lines: dict[UUID, BudgetLineItem],
    figures: "_Figures",
    in_force: BudgetRevision | None,
) -> EventBudget:
    planned = sum((line.budgeted_amount for line in lines.values() if not line.is_income), ZERO)
    total = planned if then.total_follows_lines else then.total_budget_amount
    in_force_total = total if in_force is None else in_force.total_budget_amount
    return EventBudget(
        id=budget.pk,
        tenant_id=budget.tenant_id,
        event=budget.event,
        currency=budget.currency,
        status=then.status,
        version=max([then.version, figures.lines_version]),
        revision=then.revision,
        total_budget_amount=total,
        total_follows_lines=then.total_follows_lines,
        approved_total_amount=None if in_force is None else in_force_total,
        lines_total_amount=planned,
        projected_income_amount=sum((line.budgeted_amount for line in lines.values() if line.is_income), ZERO),
        total_income_amount=figures.income,
        total_committed_amount=figures.committed,
        total_actual_amount=figures.actual,
        unallocated_committed_amount=figures.of_line(None)[0],
        unallocated_actual_amount=figures.of_line(None)[1],
        variance_amount=ratios.variance(in_force_total, figures.actual),
        variance_percentage=ratios.variance_percentage(in_force_total, figures.actual),
        notes=then.notes,
        copied_from_id=then.copied_from_id,
        funded_by=ScopedBudget.objects.filter(pk=then.funded_by_id).first() if then.funded_by_id else None,
        submitted_by=then.submitted_by,
        submitted_at=then.submitted_at,
        approved_by=then.approved_by,
        approved_at=then.approved_at,
        created_at=budget.created_at,
        updated_at=max(moment for moment in (then.history_date, figures.lines_at, figures.posted_at) if moment),
    )


def _add_waiting(budget: EventBudget, then: Any, moment: datetime) -> None:
    """Say which stage was next then, and since when. One statement, for a budget in review."""
    if then.status != BudgetStatus.REVIEW:
        return
    stages = list(
        ApprovalStage.objects.filter(budget_id=budget.pk, submission__lte=then.version).order_by("-submission", "stage")
    )
    since = then.submitted_at
    for stage in stages:
        if stage.submission != stages[0].submission:
            break
        if stage.decided_at is None or stage.decided_at > moment:
            budget.awaiting_stage, budget.awaiting_role, budget.awaiting_since = stage.stage, stage.role, since
            break
        since = stage.decided_at


def _open_alerts_at(budget: EventBudget, moment: datetime) -> int:
    """Count the alerts that were open then; through the relation, because their app stands on this one."""
    alerts: Any = EventBudget._meta.get_field("alerts").related_model
    opened = alerts.objects.filter(budget_id=budget.pk, created_at__lte=moment)
    count: int = opened.filter(Q(resolved=False) | Q(resolved_at__gt=moment)).count()
    return count


# --- The figures ------------------------------------------------------------------------------------------------------

_FIGURES = """
    SELECT line_item_id, kind = 'income', sum(committed_delta), sum(actual_delta), max(created_at)
    FROM budgets_ledgerentry
    WHERE tenant_id = %(tenant)s AND budget_id = %(budget)s AND created_at <= %(moment)s
    GROUP BY 1, 2
"""


@dataclass(slots=True)
class _Figures:
    """What the entries posted by then add up to: in sum, and by line (None: on no line)."""

    by_line: dict[UUID | None, tuple[Decimal, Decimal]]
    committed: Decimal
    actual: Decimal
    income: Decimal
    posted_at: datetime | None
    lines_version: int = 0
    lines_at: datetime | None = None

    @classmethod
    def of(cls, budget: EventBudget, moment: datetime) -> "_Figures":
        with connection.cursor() as cursor:
            cursor.execute(_FIGURES, {"tenant": require_tenant_id(), "budget": budget.pk, "moment": moment})
            rows = cursor.fetchall()
        return cls(
            by_line={line: (committed, actual) for line, _, committed, actual, _ in rows},
            committed=sum((row[2] for row in rows), ZERO),
            actual=sum((row[3] for row in rows if not row[1]), ZERO),
            income=sum((row[3] for row in rows if row[1]), ZERO),
            posted_at=max((row[4] for row in rows), default=None),
        )

    def of_line(self, line_item_id: UUID | None) -> tuple[Decimal, Decimal]:
        return self.by_line.get(line_item_id, (ZERO, ZERO))


# --- The lines --------------------------------------------------------------------------------------------------------

# Every line that had ever been in the budget by then, in its last version of that time, wherever it was by then.
_LINES = """
    SELECT DISTINCT ON (h.id) h.id, h.budget_id, h.deleted_at, h.kind, h.category_id, h.section, h.name, h.description,
           h.notes, h.budgeted_amount, h.driver_id, h.quantity, h.unit_price, h.transferred_amount, h.sort_order,
           h.version, h.history_date
    FROM budgets_historicalbudgetlineitem h
    WHERE h.tenant_id = %(tenant)s AND h.history_date <= %(moment)s AND h.id IN (
        SELECT o.id FROM budgets_historicalbudgetlineitem o
        WHERE o.tenant_id = %(tenant)s AND o.budget_id = %(budget)s AND o.history_date <= %(moment)s)
    ORDER BY h.id, h.history_id DESC
"""
_LINE_FIELDS = (
    "kind",
    "category_id",
    "section",
    "name",
    "description",
    "notes",
    "budgeted_amount",
    "driver_id",
    "quantity",
    "unit_price",
    "transferred_amount",
    "sort_order",
    "version",
)


def _lines_at(budget: EventBudget, moment: datetime, figures: _Figures) -> dict[UUID, BudgetLineItem]:
    """Return the lines that the budget had then, in their order, with what had been promised and spent on them."""
    with connection.cursor() as cursor:
        cursor.execute(_LINES, {"tenant": require_tenant_id(), "budget": budget.pk, "moment": moment})
        rows = [row for row in cursor.fetchall() if row[1] == budget.pk]
    figures.lines_version = max((row[15] for row in rows), default=0)
    figures.lines_at = max((row[16] for row in rows), default=None)
    categories = _categories({row[4] for row in rows})
    # A deleted budget takes its lines along, and brings them back.
    there = sorted((row for row in rows if row[2] is None), key=lambda row: (row[14], row[0]))
    return {
        row[0]: _line(budget, row[0], dict(zip(_LINE_FIELDS, row[3:16], strict=True)), categories, figures)
        for row in there
    }


def _categories(category_ids: set[UUID]) -> dict[UUID, Category]:
    """Return these categories; a deleted one keeps its name in plans of old."""
    found: dict[UUID, Category] = Category.objects.in_bulk(category_ids)
    if category_ids - found.keys():
        with deleted_rows_visible():
            found |= Category.objects.in_bulk(category_ids)
    return found


def _line(
    budget: EventBudget, pk: UUID, values: dict[str, Any], categories: dict[UUID, Category], figures: _Figures
) -> BudgetLineItem:
    committed, actual = figures.of_line(pk)
    line = BudgetLineItem(
        id=pk,
        tenant_id=budget.tenant_id,
        budget=budget,
        currency=budget.currency,
        committed_amount=committed,
        actual_amount=actual,
        **{name: value for name, value in values.items() if name != "category_id"},
        category=categories[values["category_id"]],
    )
    line.variance_amount = line.in_force_amount - actual
    return line


# The lines of a kept plan, with what transfers had done to them while it was in force before it was opened.
_PLAN_IN_FORCE = f"""
    WITH transferred AS ({TRANSFERRED})
    SELECT p.line_item_id, p.kind, p.category_id, p.section, p.name, p.description, p.notes,
           p.budgeted_amount + coalesce(t.amount, 0), p.driver_id, p.quantity, p.unit_price,
           p.transferred_amount + coalesce(t.amount, 0), p.sort_order
    FROM budgets_planline p LEFT JOIN transferred t ON t.line_id = p.line_item_id
    WHERE p.tenant_id = %(tenant)s AND p.revision_id = %(plan)s
    ORDER BY p.sort_order, p.line_item_id
"""


def _put_in_force(
    budget: EventBudget,
    then: Any,
    in_force: Any,
    lines: dict[UUID, BudgetLineItem],
    figures: _Figures,
) -> list[BudgetLineItem]:
    """Give each line what the plan in force had for it; return the lines of that plan that are not among `lines`."""
    parameters = {
        "tenant": require_tenant_id(),
        "budget": budget.pk,
        "plan": in_force.pk,
        "first": in_force.number,
        "last": in_force.number,
        "until": then.version,
    }
    with connection.cursor() as cursor:
        cursor.execute(_PLAN_IN_FORCE, parameters)
        rows = cursor.fetchall()
    amounts = {row[0]: row[7] for row in rows}
    for line in lines.values():
        line.approved_amount = amounts.get(line.pk, ZERO)
        line.variance_amount = line.in_force_amount - line.actual_amount
    missing = [row for row in rows if row[0] not in lines]
    categories = _categories({row[2] for row in missing})
    return list(_left_out(budget, missing, then, categories, figures))


def _left_out(
    budget: EventBudget, rows: Iterable[Any], then: Any, categories: dict[UUID, Category], figures: _Figures
) -> Iterable[BudgetLineItem]:
    for row in rows:
        values = dict(zip(_LINE_FIELDS, (*row[1:], then.version), strict=True))
        line = _line(budget, row[0], {**values, "budgeted_amount": ZERO}, categories, figures)
        line.approved_amount = values["budgeted_amount"]
        line.variance_amount = line.in_force_amount - line.actual_amount
        yield line
