"""Adding, changing, ordering, deleting and restoring the lines of a budget."""

from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from budgets.models import BudgetLineItem, Category, EntryKind, EntrySource, EventBudget, Expense
from budgets.services import ledger
from budgets.services.categories import CategoryFinder, hold_categories
from budgets.services.guards import lock_budget, refuse_fixed_plan, refuse_locked
from budgets.services.line_item_effects import set_actual
from budgets.services.pricing import driver_quantities, parse_quantity, price_line, set_plan
from budgets.services.problems import CurrencyMismatch, LineHasCommitments, LineInUse, LineNotFound, StaleVersion
from budgets.services.recalculation import recalculate_budget, recalculation_paused
from budgets.services.texts import one_line, plain_breaks
from budgets.signals import line_leaving
from budgetsite.accounts.models import User
from budgetsite.money.amounts import parse_amount
from budgetsite.tenancy.history import acting_user_reference, record_history
from budgetsite.tenancy.scope import deleted_rows_visible, require_tenant_id

ZERO = Decimal(0)
PLAN_FIELDS = frozenset(
    {
        "category",
        "section",
        "name",
        "description",
        "budgeted_amount",
        "driver_id",
        "quantity",
        "unit_price",
        "sort_order",
        "notes",
    }
)
LINE_FIELDS = PLAN_FIELDS | {"actual_amount"}
# What is said of a line once, when it is made.
NEW_LINE_FIELDS = LINE_FIELDS | {"kind", "based_on_id", "transferred_amount"}
# How texts are stored.
_WRITTEN = {"name": one_line, "section": one_line, "description": plain_breaks, "notes": plain_breaks}


@transaction.atomic
def add_line_item(*, budget_id: UUID, acting_user: User, version: int | None = None, **fields: Any) -> BudgetLineItem:
    """Add a line at the end of the plan (or at `sort_order`).

    `fields` are those of `NEW_LINE_FIELDS`; `category` is a Category, its name or its id. A line with a `unit_price`
    is that times its `quantity`, or its driver's. Raises `PlanFixed`, `BudgetLocked`, `StaleVersion`,
    `UnknownCategory`, `LinesExceedTotal`, `InvalidAmount`, `IncompletePrice`, `DriverNotFound`.
    """
    return add_line_items(budget_id=budget_id, acting_user=acting_user, version=version, line_items=[fields])[0]


@transaction.atomic
def add_line_items(
    *, budget_id: UUID, acting_user: User, line_items: Sequence[dict[str, Any]], version: int | None = None
) -> list[BudgetLineItem]:
    """Add several lines, all or none, as one change of the plan. Raises as `add_line_item`."""
    budget = lock_budget(budget_id, version=version)
    refuse_fixed_plan(budget)
    lines = insert_lines(budget, line_items, version=budget.version + 1)
    recalculate_budget(budget.pk)
    return list(_ordered(budget.pk).filter(pk__in=[line.pk for line in lines]))


@transaction.atomic
def update_line_item(
    *,
    budget_id: UUID,
    line_item_id: UUID,
    version: int,
    acting_user: User,
    actual_read: Decimal | None = None,
    **fields: Any,
) -> BudgetLineItem:
    """Change a line; `actual_amount` posts the difference to the ledger and leaves the version alone.

    `version` is that of the line or of the budget, whichever the writer read: it is stale when the line has changed
    since. What a unit price and a driver mean for amount and quantity, `pricing.set_plan` says. Spending leaves the
    version alone, so a writer who replaces an actual may send the one they saw as `actual_read`:
    when it is another by now, that is stale as well. Raises `StaleVersion`, `PlanFixed` (the plan's fields, once
    submitted), `BudgetLocked`, `LineNotFound`, `UnknownCategory`, `LinesExceedTotal`, `InvalidAmount`.
    """
    budget = lock_budget(budget_id)
    line = _line_of(budget, line_item_id)
    if not line.version <= version <= budget.version:
        raise StaleVersion(sent=version, current=line.version, budget_id=budget.pk, line_item_id=line.pk)
    if actual_read is not None and actual_read != line.actual_amount:
        raise StaleVersion(sent=version, current=line.version, budget_id=budget.pk, line_item_id=line.pk)
    refuse_locked(budget)
    values = _checked(fields, budget, CategoryFinder.load() if _names_category(fields) else None, LINE_FIELDS)
    actual = values.pop("actual_amount", None)
    set_plan(line, values)
    changes_plan = bool(line.touched())
    if changes_plan:
        refuse_fixed_plan(budget)
    with recalculation_paused() if changes_plan and actual is not None else nullcontext():
        line.save()
        if actual is not None:
            set_actual(line, actual)
    return line


@transaction.atomic
def move_line_item(*, budget_id: UUID, line_item_id: UUID, to_budget_id: UUID, acting_user: User) -> BudgetLineItem:
    """Move a line, with what was promised and spent on it, to another budget in the same currency.

    Both budgets are recomputed. A line that follows a number of its old budget keeps its last quantity. Raises
    `CurrencyMismatch`, `PlanFixed`, `BudgetLocked`, `LinesExceedTotal`, and `FundingDoesNotFit` when what pays for the
    new budget has no room for what is promised.
    """
    budgets = {pk: lock_budget(pk) for pk in sorted({budget_id, to_budget_id})}
    source, target = budgets[budget_id], budgets[to_budget_id]
    line = _line_of(source, line_item_id)
    refuse_fixed_plan(source)
    refuse_fixed_plan(target)
    if source.currency != target.currency:
        raise CurrencyMismatch(posted=source.currency, budget=target.currency)
    _refuse_to_lose(line)
    line.budget = target
    line.driver = None
    line.save()
    return line


@transaction.atomic
def reorder_line_items(
    *, budget_id: UUID, line_item_ids: Sequence[UUID], acting_user: User, version: int | None = None
) -> None:
    """Put the lines into this order; those left out keep theirs, after the named ones. One statement for any number.

    Raises `LineNotFound` for an id that is not a line of this budget.
    """
    budget = lock_budget(budget_id, version=version)
    refuse_fixed_plan(budget)
    stored = list(_ordered(budget.pk).values_list("pk", flat=True))
    for line_item_id in line_item_ids:
        if line_item_id not in stored:
            raise LineNotFound(line_item_id)
    wanted = list(dict.fromkeys([*line_item_ids, *stored]))
    if wanted == stored:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE budgets_budgetlineitem l SET sort_order = w.position * 10, version = %s
            FROM unnest(%s::uuid[]) WITH ORDINALITY w(id, position)
            WHERE l.tenant_id = %s AND l.budget_id = %s AND l.id = w.id AND l.sort_order <> w.position * 10
            RETURNING l.id
            """,
            [budget.version + 1, wanted, require_tenant_id(), budget.pk],
        )
        moved = [row[0] for row in cursor.fetchall()]
    record_history(BudgetLineItem.objects.filter(pk__in=moved), reason="reordered")
    recalculate_budget(budget.pk, lines=[])


@transaction.atomic
def delete_line_item(
    *, budget_id: UUID, line_item_id: UUID, acting_user: User, now: datetime, version: int | None = None
) -> None:
    """Soft-delete a line; reversing entries take what it has spent out of the budget.

    Raises `LineHasCommitments` while promises are open on it, `LineInUse`, `PlanFixed`, `BudgetLocked`, `StaleVersion`.
    """
    budget = lock_budget(budget_id)
    line = _line_of(budget, line_item_id)
    if version is not None and not line.version <= version <= budget.version:
        raise StaleVersion(sent=version, current=line.version, budget_id=budget.pk, line_item_id=line.pk)
    refuse_fixed_plan(budget)
    if line.committed_amount:
        raise LineHasCommitments(committed=line.committed_amount, currency=budget.currency)
    _refuse_to_lose(line)
    spent = line.actual_amount
    with recalculation_paused():
        if spent:
            _post_correction(line, -spent, f"“{line.name}” deleted")
        _set_deleted(line, deleted_at=now, spent=spent, version=budget.version + 1, reason="deleted")
        recalculate_budget(budget.pk)


@transaction.atomic
def restore_line_item(*, line: BudgetLineItem, acting_user: User) -> None:
    """Bring a deleted line back, and what it had spent. Raises `LinesExceedTotal`, `PlanFixed`, `BudgetLocked`."""
    budget = lock_budget(line.budget_id)
    refuse_fixed_plan(budget)
    with deleted_rows_visible():
        line = BudgetLineItem.objects.get(pk=line.pk)
    if line.deleted_at is None:
        return
    spent = line.deleted_actual_amount
    with recalculation_paused():
        price_line(line)
        _take_part_in_revision(line, budget)
        _set_deleted(line, deleted_at=None, spent=ZERO, version=budget.version + 1, reason="restored")
        if spent:
            _post_correction(line, spent, f"“{line.name}” restored")
        recalculate_budget(budget.pk)


def insert_lines(
    budget: EventBudget,
    line_items: Sequence[dict[str, Any]],
    *,
    version: int,
    source: EntrySource = EntrySource.MANUAL,
) -> list[BudgetLineItem]:
    """Insert lines into a locked budget in a constant number of statements; the caller recomputes.

    A line with an `actual_amount` posts it: one entry each.
    """
    finder = CategoryFinder.load() if any(_names_category(fields) for fields in line_items) else None
    quantities = driver_quantities(budget.pk) if any(fields.get("driver_id") for fields in line_items) else {}
    last = BudgetLineItem.objects.filter(budget=budget).aggregate(last=Max("sort_order"))["last"] or 0
    lines, actuals = [], []
    for position, fields in enumerate(line_items, start=1):
        values = _checked(fields, budget, finder, NEW_LINE_FIELDS)
        actuals.append(values.pop("actual_amount", ZERO))
        values.setdefault("sort_order", last + position * 10)
        line = BudgetLineItem(budget=budget, currency=budget.currency, version=version, **values)
        line.approved_amount = ZERO if budget.is_under_revision else None
        price_line(line, quantities)
        line.variance_amount = line.in_force_amount
        lines.append(line)
    hold_categories({line.category_id for line in lines})
    BudgetLineItem.objects.bulk_create(lines, batch_size=500)
    BudgetLineItem.history.bulk_history_create(lines, batch_size=500, default_user=acting_user_reference())
    now = timezone.now()
    with recalculation_paused():
        for line, actual in zip(lines, actuals, strict=True):
            line.remember(line.tracked)
            if actual:
                set_actual(line, actual, source=source, at=now)
    return lines


def _checked(
    fields: dict[str, Any], budget: EventBudget, finder: CategoryFinder | None, known: frozenset[str]
) -> dict[str, Any]:
    """Return model values for a request's fields. Raises `TypeError` for unknown ones: that is the caller's bug."""
    unknown = fields.keys() - known
    if unknown:
        raise TypeError(f"not fields of a line: {', '.join(sorted(unknown))}")
    values = dict(fields)
    if finder is not None and _names_category(fields):
        values["category"] = finder.find(fields["category"])
    values |= {name: written(values[name]) for name, written in _WRITTEN.items() if name in values}
    if "budgeted_amount" in values:
        values["budgeted_amount"] = parse_amount(values["budgeted_amount"], budget.currency, minimum=ZERO)
    if values.get("unit_price") is not None:
        values["unit_price"] = parse_amount(values["unit_price"], budget.currency, minimum=ZERO)
    if "transferred_amount" in values:
        values["transferred_amount"] = parse_amount(values["transferred_amount"], budget.currency)
    if values.get("quantity") is not None:
        values["quantity"] = parse_quantity(values["quantity"])
    if "actual_amount" in values:
        values["actual_amount"] = parse_amount(values["actual_amount"], budget.currency)
    return values


def _names_category(fields: dict[str, Any]) -> bool:
    return "category" in fields and not isinstance(fields["category"], Category)


def _line_of(budget: EventBudget, line_item_id: UUID) -> BudgetLineItem:
    line: BudgetLineItem | None = (
        BudgetLineItem.objects.filter(pk=line_item_id, budget=budget, deleted_at=None)
        .select_related("category")
        .first()
    )
    if line is None:
        raise LineNotFound(line_item_id)
    return line


def _ordered(budget_id: UUID) -> Any:
    return (
        BudgetLineItem.objects.filter(budget_id=budget_id, deleted_at=None)
        .select_related("category")
        .order_by("sort_order", "id")
    )


def _refuse_to_lose(line: BudgetLineItem) -> None:
    answers = line_leaving.send(sender=BudgetLineItem, line=line)
    reasons = [reason for _receiver, reason in answers if reason]
    expenses = Expense.objects.filter(line_item=line).count()
    if expenses:
        reasons.append(f"{expenses} expense(s) are charged to it: move them to another line first.")
    if reasons:
        raise LineInUse(line.name, reasons)


def _post_correction(line: BudgetLineItem, amount: Decimal, description: str) -> None:
    ledger.post(
        budget_id=line.budget_id,
        line_item_id=line.pk,
        kind=EntryKind.INCOME if line.is_income else EntryKind.ADJUST,
        actual_delta=amount,
        currency=line.currency,
        source=EntrySource.MANUAL,
        description=description[:500],
    )


def _take_part_in_revision(line: BudgetLineItem, budget: EventBudget) -> None:
    """Store what the plan in force has for a returning line, and what it follows: both may be others by now."""
    if budget.is_under_revision:
        line.approved_amount = ZERO if line.approved_amount is None else line.approved_amount
    else:
        line.approved_amount = None
    with deleted_rows_visible():
        BudgetLineItem.objects.filter(pk=line.pk).update(
            quantity=line.quantity,
            budgeted_amount=line.budgeted_amount,
            approved_amount=line.approved_amount,
            variance_amount=line.in_force_amount - line.actual_amount,
        )


def _set_deleted(
    line: BudgetLineItem, *, deleted_at: datetime | None, spent: Decimal, version: int, reason: str
) -> None:
    with deleted_rows_visible():
        rows = BudgetLineItem.objects.filter(pk=line.pk)
        rows.update(deleted_at=deleted_at, deleted_actual_amount=spent, version=version)
        record_history(rows, reason=reason)
