"""A budget's plans: those that were approved, as they were, and the one that is being worked on."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from budgets.models import (
    BudgetDecision,
    BudgetLineItem,
    BudgetRevision,
    BudgetStatus,
    BudgetTransfer,
    EventBudget,
    LineKind,
    PlanLine,
    TransferStatus,
)
from budgets.services.revision import TRANSFERRED, number_in_force
from budgetsite.accounts.models import User
from budgetsite.tenancy.scope import deleted_rows_visible, require_tenant_id

IN_FORCE, SUPERSEDED = "in_force", "superseded"
# What an entry's `state` may be: the last two are those of the plan that is being worked on.
REVISION_STATES = (IN_FORCE, SUPERSEDED, str(BudgetStatus.DRAFT), str(BudgetStatus.REVIEW))


@dataclass(frozen=True, slots=True)
class RevisionEntry:
    """One plan of a budget. `pk` is None for the one that is being worked on, which is the budget's own lines.

    `reason` is why the plan before it was opened; `version` the budget's that the approval led to.
    """

    pk: UUID | None
    number: int
    state: str
    currency: str
    total_budget_amount: Decimal
    total_follows_lines: bool
    projected_income_amount: Decimal
    lines_count: int
    notes: str
    reason: str
    version: int | None
    submitted_by: User | None
    submitted_at: datetime | None
    approved_by: User | None
    approved_at: datetime | None

    @property
    def is_kept(self) -> bool:
        return self.pk is not None


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """A line of one plan. `transferred` is what transfers have moved here, or from here, since it was approved."""

    line_item_id: UUID
    kind: str
    category_id: UUID
    category: str
    section: str
    name: str
    description: str
    notes: str
    budgeted_amount: Decimal
    transferred: Decimal
    quantity: Decimal | None
    unit_price: Decimal | None
    sort_order: int

    @property
    def is_income(self) -> bool:
        return self.kind == LineKind.INCOME

    @property
    def in_force_amount(self) -> Decimal:
        return self.budgeted_amount + self.transferred


# The lines of one plan, `plan`: those that were kept with a revision, or those that the budget has now.
KEPT_LINES = """
    SELECT p.line_item_id AS id, p.kind, p.category_id, p.section, p.name, p.description, p.notes, p.budgeted_amount,
           p.quantity, p.unit_price, p.sort_order
    FROM budgets_planline p WHERE p.tenant_id = %(tenant)s AND p.revision_id = %(plan)s
"""
WORKING_LINES = """
    SELECT l.id, l.kind, l.category_id, l.section, l.name, l.description, l.notes, l.budgeted_amount,
           l.quantity, l.unit_price, l.sort_order
    FROM budgets_budgetlineitem l WHERE l.tenant_id = %(tenant)s AND l.budget_id = %(budget)s AND l.deleted_at IS NULL
"""

_PLAN = """
    WITH transferred AS ({transferred}), plan AS ({lines})
    SELECT p.id, p.kind, p.category_id, c.name, p.section, p.name, p.description, p.notes, p.budgeted_amount,
           coalesce(t.amount, 0), p.quantity, p.unit_price, p.sort_order
    FROM plan p
    JOIN budgets_category c ON c.tenant_id = %(tenant)s AND c.id = p.category_id
    LEFT JOIN transferred t ON t.line_id = p.id
    ORDER BY {order}
"""
_IN_ORDER = "p.sort_order, p.id"
_BY_CATEGORY = "c.sort_order, c.name, c.id, p.sort_order, p.id"


def revisions_of(budget: EventBudget) -> list[RevisionEntry]:
    """Return a budget's plans, the newest first: the one that is being worked on, then those that were approved.

    Three statements at most, whatever the number of revisions and lines.
    """
    kept = [
        _kept_entry(revision, in_force=number_in_force(budget))
        for revision in BudgetRevision.objects.filter(budget_id=budget.pk)
        .select_related("submitted_by", "approved_by")
        .annotate(lines_count=_count(PlanLine.objects.filter(revision=OuterRef("pk")), "revision"))
        .order_by("-number")
    ]
    if budget.status not in (BudgetStatus.DRAFT, BudgetStatus.REVIEW):
        return kept
    return [_working_entry(budget), *kept]


def revision_entry(budget: EventBudget, number: int, *, with_people: bool = True) -> RevisionEntry | None:
    """Return one of `revisions_of`, or None when there is none of this number. Two statements at most.

    Without people it is left open who submitted and approved it, for readers who need the plan alone.
    """
    if number == budget.revision and budget.status in (BudgetStatus.DRAFT, BudgetStatus.REVIEW):
        return _working_entry(budget, with_people=with_people)
    revisions = BudgetRevision.objects.filter(budget_id=budget.pk, number=number)
    revision = (
        (revisions.select_related("submitted_by", "approved_by") if with_people else revisions)
        .annotate(lines_count=_count(PlanLine.objects.filter(revision=OuterRef("pk")), "revision"))
        .first()
    )
    if revision is None:
        return None
    return _kept_entry(revision, in_force=number_in_force(budget), with_people=with_people)


def lines_of_plan(budget: EventBudget, entry: RevisionEntry, *, by_category: bool = False) -> list[PlannedLine]:
    """Return the lines of one plan in their order, or category by category, and what transfers changed since.

    One statement.
    """
    statement = _PLAN.format(
        transferred=TRANSFERRED,
        lines=KEPT_LINES if entry.is_kept else WORKING_LINES,
        order=_BY_CATEGORY if by_category else _IN_ORDER,
    )
    parameters = {
        "tenant": require_tenant_id(),
        "budget": budget.pk,
        "plan": entry.pk,
        "first": entry.number,
        "last": entry.number,
        "until": None,
    }
    return [PlannedLine(*row) for row in rows_with_deleted_categories(statement, parameters)]


def transfers_between(budget: EventBudget, *, first: int, last: int) -> list[BudgetTransfer]:
    """Return the done transfers of these revisions, in their order, with lines and people. One statement."""
    with deleted_rows_visible():
        return list(
            BudgetTransfer.objects.filter(
                budget_id=budget.pk, status=TransferStatus.DONE, revision__gte=first, revision__lte=last
            )
            .select_related("from_line", "to_line", "requested_by", "decided_by")
            .order_by("version", "id")
        )


def rows_with_deleted_categories(statement: str, parameters: dict[str, Any]) -> Iterable[Any]:
    """Run a statement about plans of old: a category that was deleted since keeps its name there."""
    with deleted_rows_visible(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        found: list[Any] = cursor.fetchall()
        return found


def _kept_entry(revision: Any, *, in_force: int | None, with_people: bool = True) -> RevisionEntry:
    return RevisionEntry(
        pk=revision.pk,
        number=revision.number,
        state=IN_FORCE if revision.number == in_force else SUPERSEDED,
        currency=revision.currency,
        total_budget_amount=revision.total_budget_amount,
        total_follows_lines=revision.total_follows_lines,
        projected_income_amount=revision.projected_income_amount,
        lines_count=revision.lines_count,
        notes=revision.notes,
        reason=revision.reason,
        version=revision.version,
        submitted_by=revision.submitted_by if with_people else None,
        submitted_at=revision.submitted_at,
        approved_by=revision.approved_by if with_people else None,
        approved_at=revision.approved_at,
    )


def _working_entry(budget: EventBudget, *, with_people: bool = True) -> RevisionEntry:
    """Describe the plan that is being worked on. One statement, and one for who submitted it."""
    opened: Any = (
        BudgetDecision.objects.filter(budget_id=budget.pk, action="revise", revision=budget.revision - 1)
        .order_by("-version")
        .values("reason")[:1]
    )
    lines_count, why_opened = (
        EventBudget.objects.filter(pk=budget.pk)
        .annotate(
            lines_count=_count(BudgetLineItem.objects.filter(budget=OuterRef("pk"), deleted_at=None), "budget"),
            why_opened=opened,
        )
        .values_list("lines_count", "why_opened")
        .get()
    )
    return RevisionEntry(
        pk=None,
        number=budget.revision,
        state=str(budget.status),
        currency=budget.currency,
        total_budget_amount=budget.total_budget_amount,
        total_follows_lines=budget.total_follows_lines,
        projected_income_amount=budget.projected_income_amount,
        lines_count=lines_count,
        notes=budget.notes,
        reason=why_opened or "",
        version=None,
        submitted_by=budget.submitted_by if with_people else None,
        submitted_at=budget.submitted_at,
        approved_by=None,
        approved_at=None,
    )


def _count(rows: QuerySet[Any], of: str) -> Coalesce:
    counted = rows.order_by().values(of).annotate(count=Count("pk"))
    return Coalesce(Subquery(counted.values("count"), output_field=IntegerField()), Value(0))
