"""Approved plans: kept whole when they are approved, and in force until the next one is.

While a revision is worked on, the budget's lines are the plan to be; `approved_amount` of each line and
`approved_total_amount` of the budget say what is in force, and every figure is measured against those. Each step takes
the same number of statements whatever the number of lines.
"""

from datetime import datetime
from uuid import UUID, uuid4

from django.db import connection

from budgets.models import BudgetRevision, BudgetStatus, EventBudget
from budgetsite.tenancy.scope import deleted_rows_visible, require_tenant_id

# What the done transfers of the revisions `first` … `last` have moved to each line, and from it: all, or those that the
# budget's versions up to `until` know.
TRANSFERRED = """
    SELECT line_id, revision, sum(amount) AS amount FROM (
        SELECT t.to_line_id AS line_id, t.revision, t.amount FROM budgets_budgettransfer t
        WHERE t.tenant_id = %(tenant)s AND t.budget_id = %(budget)s AND t.status = 'done'
            AND t.revision BETWEEN %(first)s AND %(last)s AND (%(until)s::integer IS NULL OR t.version <= %(until)s)
        UNION ALL
        SELECT t.from_line_id, t.revision, -t.amount FROM budgets_budgettransfer t
        WHERE t.tenant_id = %(tenant)s AND t.budget_id = %(budget)s AND t.status = 'done'
            AND t.revision BETWEEN %(first)s AND %(last)s AND (%(until)s::integer IS NULL OR t.version <= %(until)s)
    ) moved GROUP BY line_id, revision
"""

_FREEZE_LINES = """
    UPDATE budgets_budgetlineitem SET approved_amount = budgeted_amount
    WHERE tenant_id = %(tenant)s AND budget_id = %(budget)s AND deleted_at IS NULL
"""

# Of a line that is deleted by now nothing is in force either.
RELEASE_LINES = """
    UPDATE budgets_budgetlineitem SET approved_amount = NULL, variance_amount = budgeted_amount - actual_amount
    WHERE tenant_id = %(tenant)s AND budget_id = %(budget)s AND approved_amount IS NOT NULL
"""

_KEEP_LINES = """
    INSERT INTO budgets_planline (id, tenant_id, revision_id, line_item_id, kind, category_id, section, name,
        description, notes, budgeted_amount, previous_amount, quantity, unit_price, driver_id, transferred_amount,
        sort_order)
    SELECT gen_random_uuid(), l.tenant_id, %(revision)s, l.id, l.kind, l.category_id, l.section, l.name,
        l.description, l.notes, l.budgeted_amount, l.approved_amount, l.quantity, l.unit_price,
        l.driver_id, l.transferred_amount, l.sort_order
    FROM budgets_budgetlineitem l
    WHERE l.tenant_id = %(tenant)s AND l.budget_id = %(budget)s AND l.deleted_at IS NULL
"""


def keep_in_force(budget: EventBudget) -> None:
    """Let the approved plan of a locked budget stay in force while its lines are changed."""
    EventBudget.objects.filter(pk=budget.pk).update(approved_total_amount=budget.total_budget_amount)
    with connection.cursor() as cursor:
        cursor.execute(_FREEZE_LINES, {"tenant": require_tenant_id(), "budget": budget.pk})


def put_in_force(budget: EventBudget, *, version: int, reason: str, approved_by_id: UUID | None, now: datetime) -> None:
    """Keep the present plan of a locked budget as its next revision, and let it be the one in force.

    `version` is the one that the approval leads to, `reason` why the plan before it was opened. The caller recomputes.
    """
    revision = BudgetRevision.objects.create(
        pk=uuid4(),
        budget=budget,
        number=budget.revision,
        version=version,
        currency=budget.currency,
        total_budget_amount=budget.total_budget_amount,
        total_follows_lines=budget.total_follows_lines,
        projected_income_amount=budget.projected_income_amount,
        notes=budget.notes,
        reason=reason,
        submitted_by_id=budget.submitted_by_id,
        submitted_at=budget.submitted_at,
        approved_by_id=approved_by_id,
        approved_at=now,
    )
    parameters = {"tenant": require_tenant_id(), "budget": budget.pk, "revision": revision.pk}
    with connection.cursor() as cursor:
        cursor.execute(_KEEP_LINES, parameters)
        if budget.is_under_revision:
            EventBudget.objects.filter(pk=budget.pk).update(approved_total_amount=None)
            with deleted_rows_visible():
                cursor.execute(RELEASE_LINES, parameters)


def number_in_force(budget: EventBudget) -> int | None:
    """Return the number of the revision that is in force, None while no plan has been approved yet."""
    if budget.is_under_revision:
        return budget.revision - 1
    return None if budget.status in (BudgetStatus.DRAFT, BudgetStatus.REVIEW) else budget.revision
