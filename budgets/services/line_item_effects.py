"""What saving a line item brings about: versions, ledger entries for a changed actual, moved money, new totals.

The receivers call `before_save` and `after_save` around each save, so that every way of saving a line has the same
effects. Services decide beforehand who may do it and against which version.
"""

from contextlib import nullcontext
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from budgets.models import BudgetLineItem, EntryKind, EntrySource, EventBudget
from budgets.models.line_item import LineSave
from budgets.services import ledger
from budgets.services.categories import hold_categories
from budgets.services.funding import lock_budgets, lock_funding
from budgets.services.pricing import price_line
from budgets.services.problems import LineNotFound
from budgets.services.recalculation import (
    LockedBudget,
    line_figures,
    lock_budget_row,
    recalculate_budget,
    recalculation_paused,
)

ZERO = Decimal(0)


def before_save(line: BudgetLineItem) -> None:
    """Lock what the save will change, number the change, and take a moving line's money out of its old budget."""
    if line._state.adding:
        _before_insert(line)
        return
    stored, locked = _lock_stored(line)
    kept_aside = line.adopt(stored)
    line.approved_amount = stored.approved_amount
    price_line(line)
    touched = line.touched()
    changed = {name for name in line.plan_fields if getattr(line, name) != getattr(stored, name)}
    line.save_under_way = LineSave(
        changed=changed,
        old_budget_id=stored.budget_id,
        wanted_actual=line.actual_amount if "actual_amount" in touched else None,
        kept_aside=kept_aside,
    )
    _take_figures(line, stored.committed_amount, stored.actual_amount)
    line.version = stored.version
    if "category_id" in changed:
        hold_categories({line.category_id})
    if changed:
        line.version = locked[line.budget_id].version + 1
    if line.save_under_way.moves:
        line.approved_amount = ZERO if locked[line.budget_id].is_under_revision else None
        _number_past(line, stored.version, locked[line.budget_id].version)
        line.save_under_way.moved_money = (stored.committed_amount, stored.actual_amount)
        if any(line.save_under_way.moved_money):
            lock_funding(lock_budgets(locked), at=line.save_under_way.at)
        _move_money(line, line.save_under_way, out_of=stored.budget_id)
        # While it is written the line has nothing: its money is on the way.
        _take_figures(line, ZERO, ZERO)


def after_save(line: BudgetLineItem) -> None:
    """Post what the save asked for and recompute the budget(s), telling of each once."""
    save = line.save_under_way
    assert save is not None
    line.save_under_way = None
    several = save.moves or (save.wanted_actual is not None and save.changed)
    with recalculation_paused() if several else nullcontext():
        if save.moves:
            _move_money(line, save, into=line.budget_id)
        line.saved(save.kept_aside)
        if save.changed:
            recalculate_budget(line.budget_id, lines=[line_figures(line)], locked=True)
        if save.moves and save.old_budget_id is not None:
            recalculate_budget(save.old_budget_id, locked=True)
        if save.wanted_actual is not None:
            set_actual(line, save.wanted_actual, at=save.at)


def set_actual(
    line: BudgetLineItem, wanted: Decimal, *, source: EntrySource = EntrySource.MANUAL, at: datetime | None = None
) -> None:
    """Post the difference between what the line has spent now (under the budget's lock) and `wanted`.

    Whoever sets several in one transaction says at which moment: scoped budgets count each by its time.
    """
    lock_budget_row(line.budget_id)
    current = BudgetLineItem.objects.values_list("actual_amount", flat=True).get(pk=line.pk)
    if wanted != current:
        posting = ledger.post(
            budget_id=line.budget_id,
            line_item_id=line.pk,
            kind=EntryKind.INCOME if line.is_income else EntryKind.ADJUST,
            actual_delta=wanted - current,
            currency=line.currency,
            source=source,
            description=f"Actual of “{line.name}” set"[:500],
            occurred_at=at,
        )
        current = posting.line.actual if posting.line else wanted
    line.actual_amount = current
    line.variance_amount = line.in_force_amount - current
    line.remember(["actual_amount"])


def _before_insert(line: BudgetLineItem) -> None:
    locked = lock_budget_row(line.budget_id)
    line.version = locked.version + 1
    line.approved_amount = ZERO if locked.is_under_revision else None
    price_line(line)
    hold_categories({line.category_id})
    # Only the ledger writes these; what was asked for is posted after the insert.
    line.save_under_way = LineSave(changed=set(line.plan_fields), wanted_actual=line.actual_amount)
    _take_figures(line, ZERO, ZERO)


def _lock_stored(line: BudgetLineItem) -> tuple[BudgetLineItem, dict[UUID, LockedBudget]]:
    """Lock the budgets that the line was read in and will be in, by id; return it as it is stored now.

    Raises `LineNotFound` when it was deleted meanwhile.
    """
    read_in = line.as_read("budget_id") or line.budget_id
    locked = {budget_id: lock_budget_row(budget_id) for budget_id in sorted({read_in, line.budget_id})}
    stored = _stored(line)
    if stored.budget_id not in locked:
        # Someone moved it since it was read.
        locked[stored.budget_id] = lock_budget_row(stored.budget_id)
        stored = _stored(line)
    if stored.budget_id not in locked:
        raise LineNotFound(line.pk)
    return stored, locked


def _stored(line: BudgetLineItem) -> BudgetLineItem:
    stored: BudgetLineItem | None = BudgetLineItem.objects.filter(pk=line.pk, deleted_at=None).first()
    if stored is None:
        raise LineNotFound(line.pk)
    return stored


def _take_figures(line: BudgetLineItem, committed: Decimal, actual: Decimal) -> None:
    """Set what the ledger says of the line, and the variance that follows from its plan: the save writes that."""
    line.committed_amount = committed
    line.actual_amount = actual
    line.variance_amount = line.in_force_amount - actual


def _number_past(line: BudgetLineItem, line_version: int, target_version: int) -> None:
    """Let the line's new budget count on from the higher of both versions, so that an old reading stays stale."""
    if line_version > target_version:
        EventBudget.objects.filter(pk=line.budget_id).update(version=line_version)
        line.version = line_version + 1


def _move_money(line: BudgetLineItem, save: LineSave, *, out_of: UUID | None = None, into: UUID | None = None) -> None:
    """Take a line's commitments and actuals out of its old budget, or put them into its new one.

    What is promised has to fit into the money that pays for the new one.
    """
    budget_id = out_of or into
    assert budget_id is not None
    assert save.moved_money is not None
    committed, actual = save.moved_money
    if not committed and not actual:
        return
    sign = -1 if out_of else 1
    ledger.post(
        budget_id=budget_id,
        line_item_id=line.pk,
        kind=EntryKind.INCOME if line.is_income else EntryKind.ADJUST,
        committed_delta=sign * committed,
        actual_delta=sign * actual,
        currency=line.currency,
        source=EntrySource.MANUAL,
        description=f"“{line.name}” moved to another budget"[:500],
        # The promise was made already; moving it can't be refused half-way.
        on_overrun=ledger.OnOverrun.WARN,
        funding_stops=into is not None and committed > 0,
        occurred_at=save.at,
    )
    if into:
        _take_figures(line, committed, actual)
