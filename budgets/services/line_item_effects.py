"""What saving a line item brings about: versions, ledger entries for a changed actual, moved money, new totals.

The receivers call `before_save` and `after_save` around each save, so that every way of saving a line has the same
effects. Services decide beforehand who may do it and against which version.
"""

from decimal import Decimal

from django.db import connection

from budgets.models import BudgetLineItem, EntryKind, EntrySource
from budgets.services import ledger
from budgets.services.figures import LINE_COLUMNS, LineFigures
from budgets.services.recalculation import lock_budget_row, recalculate_budget
from budgetsite.tenancy.scope import require_tenant_id

ZERO = Decimal(0)


def before_save(line: BudgetLineItem) -> None:
    """Lock what the save will change, number the change, and take a moving line's money out of its old budget."""
    if line._state.adding:
        line.version = lock_budget_row(line.budget_id) + 1
        # Only the ledger writes these; what was asked for is posted after the insert.
        line.wanted_actual = line.actual_amount  # type: ignore[attr-defined]
        line.actual_amount = line.committed_amount = ZERO
        line.variance_amount = line.budgeted_amount
        return
    line.wanted_actual = None  # type: ignore[attr-defined]
    if line.actual_amount != line.as_read("actual_amount"):
        line.wanted_actual = line.actual_amount  # type: ignore[attr-defined]
    changed = line.plan_changes()
    if not changed:
        return
    old_budget_id = line.as_read("budget_id")
    versions = {budget_id: lock_budget_row(budget_id) for budget_id in sorted({old_budget_id, line.budget_id})}
    line.version = versions[line.budget_id] + 1
    if "budget_id" in changed:
        _move_money(line, out_of=True)


def after_save(line: BudgetLineItem, *, created: bool) -> None:
    """Post what the save asked for and recompute the budget(s)."""
    changed = line.plan_changes()
    old_budget_id = None if created else line.as_read("budget_id")
    moved = "budget_id" in changed and not created
    if moved:
        _move_money(line, out_of=False)
    figures = _refresh(line, plan_changed=bool(changed))
    wanted: Decimal | None = line.wanted_actual  # type: ignore[attr-defined]
    line.remember()
    if changed:
        recalculate_budget(line.budget_id, lines=[figures])
        if moved and old_budget_id is not None:
            recalculate_budget(old_budget_id, lines=[])
    if wanted is not None:
        set_actual(line, wanted)


def set_actual(line: BudgetLineItem, wanted: Decimal, *, source: EntrySource = EntrySource.MANUAL) -> None:
    """Post the difference between what the line has spent now (under the budget's lock) and `wanted`."""
    lock_budget_row(line.budget_id)
    current = BudgetLineItem.objects.values_list("actual_amount", flat=True).get(pk=line.pk)
    if wanted != current:
        posting = ledger.post(
            budget_id=line.budget_id,
            line_item_id=line.pk,
            kind=EntryKind.ADJUST,
            actual_delta=wanted - current,
            currency=line.currency,
            source=source,
            description=f"Actual of “{line.name}” set"[:500],
        )
        current = posting.line.actual if posting.line else wanted
    line.actual_amount = current
    line.variance_amount = line.budgeted_amount - current
    line.remember()


def _move_money(line: BudgetLineItem, *, out_of: bool) -> None:
    """Take a line's commitments and actuals out of its old budget, or put them into its new one."""
    if out_of:
        stored = BudgetLineItem.objects.get(pk=line.pk)
        line.moved_money = (stored.committed_amount, stored.actual_amount)  # type: ignore[attr-defined]
    committed, actual = line.moved_money  # type: ignore[attr-defined]
    if not committed and not actual:
        return
    sign = -1 if out_of else 1
    ledger.post(
        budget_id=line.as_read("budget_id") if out_of else line.budget_id,
        line_item_id=line.pk,
        kind=EntryKind.ADJUST,
        committed_delta=sign * committed,
        actual_delta=sign * actual,
        currency=line.currency,
        source=EntrySource.MANUAL,
        description=f"“{line.name}” moved to another budget"[:500],
        # The promise was made already; moving it can't be refused half-way.
        on_overrun=ledger.OnOverrun.WARN,
    )


def _refresh(line: BudgetLineItem, *, plan_changed: bool) -> LineFigures:
    """Bring the line's variance up to its new plan and read its figures back."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE budgets_budgetlineitem l SET variance_amount = l.budgeted_amount - l.actual_amount
            WHERE l.tenant_id = %s AND l.id = %s RETURNING {LINE_COLUMNS}
            """
            if plan_changed
            else f"SELECT {LINE_COLUMNS} FROM budgets_budgetlineitem l WHERE l.tenant_id = %s AND l.id = %s",
            [require_tenant_id(), line.pk],
        )
        figures = LineFigures.from_row(cursor.fetchone())
    line.committed_amount = figures.committed
    line.actual_amount = figures.actual
    line.variance_amount = figures.variance
    return figures
