"""Discarding the revision that is being worked on: the plan goes back to the one in force."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from budgets.models import (
    BudgetDecision,
    BudgetLineItem,
    BudgetRevision,
    BudgetStatus,
    EntryKind,
    EntrySource,
    EventBudget,
    Expense,
    PlanDriver,
    PlanLine,
)
from budgets.services import ledger
from budgets.services.categories import hold_categories
from budgets.services.guards import lock_budget, role_under_lock
from budgets.services.problems import BudgetProblem
from budgets.services.recalculation import recalculate_budget, recalculation_paused
from budgets.services.revision import RELEASE_LINES, TRANSFERRED
from budgets.services.workflow import MOVES, RoleNotAllowed
from budgetsite.accounts.models import User
from budgetsite.accounts.permissions import may
from budgetsite.accounts.roles import Role
from budgetsite.money.amounts import format_amount
from budgetsite.outbox.services import record_event
from budgetsite.tenancy.history import record_history
from budgetsite.tenancy.scope import deleted_rows_visible, require_tenant_id

ZERO = Decimal(0)
_NAMED = 5


class NothingToDiscard(BudgetProblem):
    """No plan is in force beside the present one, or this is not the one that is being worked on."""

    code = "nothing_to_discard"

    def __init__(self, number: int, budget: EventBudget) -> None:
        self.number = number
        if budget.is_under_revision:
            detail = f"Revision {number} was approved and is kept. Discard revision {budget.revision} instead."
        elif budget.status in (BudgetStatus.DRAFT, BudgetStatus.REVIEW):
            detail = "No plan has been approved yet that this one could go back to. Change its lines, or delete them."
        else:
            detail = "The plan is approved and nobody revises it just now, so there is nothing to discard."
        super().__init__(detail)


class RevisionInReview(BudgetProblem):
    code = "revision_in_review"

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"Revision {number} is with its approvers. Send it back to draft first, then discard it.")


class AddedLinesCarryMoney(BudgetProblem):
    """Lines that were added in the revision would take what is spent or promised on them along."""

    code = "added_lines_carry_money"

    def __init__(self, lines: Sequence[BudgetLineItem]) -> None:
        self.line_item_ids = [str(line.pk) for line in lines]
        told = [
            f"“{line.name}” ({format_amount(line.committed_amount + line.actual_amount, line.currency, 'en')} "
            f"{line.currency})"
            for line in lines[:_NAMED]
        ]
        more = f" and {len(lines) - _NAMED} more" if len(lines) > _NAMED else ""
        super().__init__(
            f"Money is planned, spent or promised on what this revision added: {', '.join(told)}{more}. Move its "
            "expenses to other lines, correct the actual to 0 or release the promise, then discard the revision."
        )


class LinesMovedMeanwhile(BudgetProblem):
    """Lines that came from another budget, or went to one, while the revision was worked on."""

    code = "lines_moved_meanwhile"

    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)
        told = ", ".join(f"“{name}”" for name in names[:_NAMED])
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        super().__init__(
            f"Moved between budgets during this revision: {told}{more}. Move back what belongs elsewhere, "
            "then discard the revision."
        )


# The drivers of the plan in force: what they stood at then, and back where they were deleted. One whose name or whose
# following of the guests another one has taken stays away.
_RESTORE_DRIVERS = """
    UPDATE budgets_plandriver d SET quantity = kept.quantity, deleted_at = NULL, version = %(version)s
    FROM (
        SELECT DISTINCT ON (p.driver_id) p.driver_id, p.quantity FROM budgets_planline p
        WHERE p.tenant_id = %(tenant)s AND p.revision_id = %(revision)s AND p.driver_id IS NOT NULL
        ORDER BY p.driver_id, p.line_item_id
    ) kept
    WHERE d.tenant_id = %(tenant)s AND d.budget_id = %(budget)s AND d.id = kept.driver_id
        AND (d.quantity <> kept.quantity OR d.deleted_at IS NOT NULL)
        AND (d.deleted_at IS NULL OR NOT EXISTS (
            SELECT FROM budgets_plandriver o
            WHERE o.tenant_id = d.tenant_id AND o.budget_id = d.budget_id AND o.id <> d.id AND o.deleted_at IS NULL
                AND (lower(o.name) = lower(d.name) OR (o.follows_guests AND d.follows_guests))))
    RETURNING d.id
"""

_RESTORE_LINES = f"""
    WITH transferred AS ({TRANSFERRED}),
    kept AS (
        SELECT p.line_item_id, p.category_id, p.section, p.name, p.description, p.notes,
            p.budgeted_amount + coalesce(t.amount, 0) AS budgeted_amount, p.quantity, p.unit_price,
            p.transferred_amount + coalesce(t.amount, 0) AS transferred_amount, p.sort_order, d.id AS driver_id
        FROM budgets_planline p
        LEFT JOIN transferred t ON t.line_id = p.line_item_id
        LEFT JOIN budgets_plandriver d
            ON d.tenant_id = p.tenant_id AND d.id = p.driver_id AND d.budget_id = %(budget)s AND d.deleted_at IS NULL
        WHERE p.tenant_id = %(tenant)s AND p.revision_id = %(revision)s
    )
    UPDATE budgets_budgetlineitem l SET
        category_id = k.category_id, section = k.section, name = k.name, description = k.description, notes = k.notes,
        budgeted_amount = k.budgeted_amount, driver_id = k.driver_id, quantity = k.quantity, unit_price = k.unit_price,
        transferred_amount = k.transferred_amount, sort_order = k.sort_order, deleted_at = NULL,
        deleted_actual_amount = 0, version = %(version)s
    FROM kept k
    WHERE l.tenant_id = %(tenant)s AND l.budget_id = %(budget)s AND l.id = k.line_item_id
        AND (l.deleted_at IS NOT NULL
            OR (l.category_id, l.section, l.name, l.description, l.notes, l.budgeted_amount, l.driver_id, l.quantity,
                l.unit_price, l.transferred_amount, l.sort_order)
            IS DISTINCT FROM (k.category_id, k.section, k.name, k.description, k.notes, k.budgeted_amount,
                k.driver_id, k.quantity, k.unit_price, k.transferred_amount, k.sort_order))
    RETURNING l.id
"""

# Spending made these beside the plan: they stay, with what transfers had given them when the plan was opened.
_RESTORE_UNBUDGETED = """
    UPDATE budgets_budgetlineitem l SET
        budgeted_amount = coalesce(l.approved_amount, 0), driver_id = NULL, quantity = NULL, unit_price = NULL,
        version = %(version)s
    WHERE l.tenant_id = %(tenant)s AND l.budget_id = %(budget)s AND l.deleted_at IS NULL AND l.is_unbudgeted
        AND NOT EXISTS (SELECT FROM budgets_planline p
            WHERE p.tenant_id = l.tenant_id AND p.revision_id = %(revision)s AND p.line_item_id = l.id)
        AND l.budgeted_amount <> coalesce(l.approved_amount, 0)
    RETURNING l.id
"""

_DELETE_ADDED = """
    UPDATE budgets_budgetlineitem l SET deleted_at = %(now)s, version = %(version)s
    WHERE l.tenant_id = %(tenant)s AND l.budget_id = %(budget)s AND l.deleted_at IS NULL AND l.id = ANY (%(added)s)
    RETURNING l.id
"""

# The lines' total is written with the total that it has to fit within.
_RESTORE_BUDGET = """
    UPDATE budgets_eventbudget b SET
        total_budget_amount = r.total_budget_amount, total_follows_lines = r.total_follows_lines,
        lines_total_amount = (
            SELECT coalesce(sum(l.budgeted_amount), 0) FROM budgets_budgetlineitem l
            WHERE l.tenant_id = %(tenant)s AND l.budget_id = %(budget)s AND l.deleted_at IS NULL AND l.kind = 'cost'),
        notes = %(notes)s, approved_total_amount = NULL, status = %(status)s, revision = r.number,
        version = %(version)s, submitted_by_id = r.submitted_by_id, submitted_at = r.submitted_at,
        approved_by_id = r.approved_by_id, approved_at = r.approved_at,
        awaiting_stage = NULL, awaiting_role = '', awaiting_since = NULL, reminded_at = NULL
    FROM budgets_budgetrevision r
    WHERE b.tenant_id = %(tenant)s AND b.id = %(budget)s AND r.tenant_id = %(tenant)s AND r.id = %(revision)s
"""


@transaction.atomic
def discard_revision(
    *,
    budget_id: UUID,
    number: int,
    version: int,
    acting_user: User,
    acting_role: Role,
    now: datetime,
    reason: str = "",
) -> EventBudget:
    """Give up the revision of a draft, so that the plan in force is the budget's plan again. All effects:

    - each line that the plan in force has is as that plan has it, transfers included; a deleted one returns with what
      was spent on it, posted again; lines that the revision added are deleted;
    - total, notes, and who submitted and approved are those of the plan in force; quantities that lines follow too;
    - the budget is approved again, or active where it was; the number of the revision steps back, the version grows;
    - the decision is recorded and told to the outbox; whatever was spent meanwhile stays.

    Constant statements in the number of lines, and one posting for each line that returns with money. Raises
    `StaleVersion`, `RoleNotAllowed`, `NothingToDiscard`, `RevisionInReview`, `AddedLinesCarryMoney`,
    `LinesMovedMeanwhile`; nothing is changed then.
    """
    budget = lock_budget(budget_id, version=version)
    role = role_under_lock(acting_user, acting_role)
    if role is None or not may(role, "budgets.revise"):
        raise RoleNotAllowed(MOVES["revise"])
    kept = _refuse_unless_revised(budget, number)
    opened = BudgetDecision.objects.filter(budget=budget, action="revise", revision=kept.number).latest("version")
    with deleted_rows_visible():
        in_plan = set(PlanLine.objects.filter(revision=kept).values_list("line_item_id", flat=True))
        lines = list(BudgetLineItem.objects.filter(pk__in=in_plan)) + list(
            BudgetLineItem.objects.filter(budget=budget, deleted_at=None).exclude(pk__in=in_plan)
        )
    added = [line for line in lines if line.pk not in in_plan and not line.is_unbudgeted]
    _refuse_moved(budget, lines, added)
    charged = set(Expense.objects.filter(line_item__in=added).values_list("line_item_id", flat=True))
    carrying = [line for line in added if line.committed_amount or line.actual_amount or line.pk in charged]
    if carrying:
        raise AddedLinesCarryMoney(carrying)
    hold_categories(set(PlanLine.objects.filter(revision=kept).values_list("category_id", flat=True)))
    parameters = {
        "tenant": require_tenant_id(),
        "budget": budget.pk,
        "revision": kept.pk,
        "first": kept.number,
        "last": kept.number,
        "until": None,
        "version": budget.version + 1,
        "now": now,
        "added": [line.pk for line in added],
        "notes": _notes_when_opened(budget, opened),
        "status": opened.from_status,
    }
    with recalculation_paused():
        _restore_rows(parameters)
        for line in lines:
            if line.deleted_at is not None and line.deleted_actual_amount:
                _post_again(line, now)
        recalculate_budget(budget.pk, plan_changed=False, locked=True)
    _record(budget, opened, acting_user=acting_user, acting_role=role, reason=reason.strip())
    restored: EventBudget = EventBudget.objects.select_related("event").get(pk=budget.pk)
    return restored


def _refuse_unless_revised(budget: EventBudget, number: int) -> BudgetRevision:
    """Return the revision in force, which the budget goes back to."""
    if not budget.is_under_revision or number != budget.revision:
        raise NothingToDiscard(number, budget)
    if budget.status != BudgetStatus.DRAFT:
        raise RevisionInReview(number)
    kept: BudgetRevision = BudgetRevision.objects.get(budget=budget, number=budget.revision - 1)
    return kept


def _refuse_moved(budget: EventBudget, lines: Sequence[BudgetLineItem], added: Sequence[BudgetLineItem]) -> None:
    gone = [line.name for line in lines if line.budget_id != budget.pk]
    elsewhere = BudgetLineItem.history.filter(id__in=[line.pk for line in added]).exclude(budget_id=budget.pk)
    came = set(elsewhere.values_list("id", flat=True)) if added else set()
    names = [*gone, *(line.name for line in added if line.pk in came)]
    if names:
        raise LinesMovedMeanwhile(names)


def _notes_when_opened(budget: EventBudget, opened: BudgetDecision) -> str:
    """Return the budget's notes as they were when the plan was opened: an approved budget's may be changed too."""
    notes: str = (
        EventBudget.history.filter(id=budget.pk, version__lte=opened.version)
        .order_by("-history_id")
        .values_list("notes", flat=True)[0]
    )
    return notes


def _restore_rows(parameters: dict[str, Any]) -> None:
    with deleted_rows_visible(), connection.cursor() as cursor:
        cursor.execute(_RESTORE_DRIVERS, parameters)
        drivers = [row[0] for row in cursor.fetchall()]
        cursor.execute(_RESTORE_LINES, parameters)
        lines = [row[0] for row in cursor.fetchall()]
        cursor.execute(_RESTORE_UNBUDGETED, parameters)
        lines += [row[0] for row in cursor.fetchall()]
        cursor.execute(_DELETE_ADDED, parameters)
        lines += [row[0] for row in cursor.fetchall()]
        cursor.execute(_RESTORE_BUDGET, parameters)
        cursor.execute(RELEASE_LINES, parameters)
        record_history(PlanDriver.objects.filter(pk__in=drivers), reason="discarded")
        record_history(BudgetLineItem.objects.filter(pk__in=lines), reason="discarded")


def _post_again(line: BudgetLineItem, now: datetime) -> None:
    ledger.post(
        budget_id=line.budget_id,
        line_item_id=line.pk,
        kind=EntryKind.INCOME if line.is_income else EntryKind.ADJUST,
        actual_delta=line.deleted_actual_amount,
        currency=line.currency,
        source=EntrySource.MANUAL,
        description=f"“{line.name}” restored"[:500],
        occurred_at=now,
    )


def _record(budget: EventBudget, opened: BudgetDecision, *, acting_user: User, acting_role: Role, reason: str) -> None:
    version = budget.version + 1
    BudgetDecision.objects.create(
        budget=budget,
        action="discard",
        from_status=budget.status,
        to_status=opened.from_status,
        version=version,
        revision=budget.revision,
        actor=acting_user,
        role=acting_role,
        reason=reason,
    )
    record_event(
        kind="budget.revision_discarded",
        subject_type="event_budget",
        subject_id=budget.pk,
        payload={"version": version, "revision": budget.revision - 1, "discarded": budget.revision},
    )
    record_history(
        EventBudget.objects.filter(pk=budget.pk), reason=(f"discard: {reason}" if reason else "discard")[:100]
    )
