"""What saving a driver brings about: its change numbered, every line that follows it recomputed, new totals.

The receivers call `before_save` and `after_save` around each save, so that every way of saving a driver has the same
effects. Services decide beforehand against which version.
"""

from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Value
from django.db.models.functions import Lower

from budgets.models import BudgetLineItem, PlanDriver
from budgets.models.driver import DriverSave
from budgets.services.figures import LINE_COLUMNS, LineFigures
from budgets.services.guards import lock_budget, refuse_fixed_plan
from budgets.services.pricing import parse_quantity
from budgets.services.problems import BudgetProblem, DriverNotFound
from budgets.services.recalculation import recalculate_budget
from budgetsite.money.amounts import MAX_AMOUNT
from budgetsite.money.currencies import decimal_places
from budgetsite.tenancy.history import record_history
from budgetsite.tenancy.scope import require_tenant_id

LONGEST_NAME = 60

# All followers or none: where one of them would not fit into its columns, nothing is written. Each comes to what
# `budgets.services.pricing.price_line` says; PostgreSQL rounds a tie away from zero, as that does.
_RECOMPUTE_FOLLOWERS = f"""
    WITH priced AS (
        SELECT l.id, t.amount AS transferred, p.amount + t.amount AS budgeted,
            coalesce(l.approved_amount, p.amount + t.amount) - l.actual_amount AS variance
        FROM budgets_budgetlineitem l,
            LATERAL (SELECT round(%(quantity)s::numeric * l.unit_price, %(decimals)s::int) AS amount) p,
            LATERAL (SELECT greatest(l.transferred_amount, -p.amount) AS amount) t
        WHERE l.tenant_id = %(tenant)s AND l.driver_id = %(driver)s AND l.budget_id = %(budget)s
            AND l.deleted_at IS NULL
    )
    UPDATE budgets_budgetlineitem l SET
        quantity = %(quantity)s,
        budgeted_amount = p.budgeted,
        transferred_amount = p.transferred,
        variance_amount = p.variance,
        version = %(version)s
    FROM priced p
    WHERE l.tenant_id = %(tenant)s AND l.id = p.id
        AND (SELECT bool_and(budgeted <= %(largest)s AND abs(variance) <= %(largest)s) FROM priced)
    RETURNING {LINE_COLUMNS}
"""


class DriverNameRefused(BudgetProblem):
    code = "name_refused"

    def __init__(self) -> None:
        super().__init__(f"Name what is counted, such as Guests, in {LONGEST_NAME} characters at most.")


class DriverExists(BudgetProblem):
    code = "driver_exists"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"This budget counts “{name}” already. Change that one, or choose another name.")


class GuestsCounted(BudgetProblem):
    """Another driver of the budget follows the event's guests."""

    code = "guests_counted"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"“{name}” follows the event's expected guests already; one number does.")


class QuantityOutOfRange(BudgetProblem):
    code = "out_of_range"

    def __init__(self, quantity: Decimal, name: str) -> None:
        self.quantity, self.name = quantity, name
        super().__init__(
            f"With {plain(quantity)} as “{name}”, a line that follows it would come to more than can be kept. "
            "Lower the number, or that line's unit price."
        )


def before_save(driver: PlanDriver) -> None:
    """Lock the driver's budget, check what is about to be stored, and number the change.

    Raises `PlanFixed`, `BudgetLocked`, `DriverNotFound` for one that was deleted meanwhile, `DriverNameRefused`,
    `DriverExists`, `GuestsCounted`, `InvalidAmount`.
    """
    budget = lock_budget(driver.budget_id)
    refuse_fixed_plan(budget)
    stored: PlanDriver | None = None
    kept_aside: dict[str, Any] = {}
    if not driver._state.adding:
        stored = PlanDriver.objects.filter(pk=driver.pk, deleted_at=None).first()
        if stored is None:
            raise DriverNotFound(driver.pk)
        if stored.budget_id != driver.budget_id:
            raise ValueError("a driver stays in its budget")
        kept_aside = driver.adopt(stored)
    driver.name = driver_name(driver.name)
    driver.quantity = parse_quantity(driver.quantity)
    _refuse_taken(driver)
    driver.version = budget.version + 1
    driver.save_under_way = DriverSave(
        currency=budget.currency,
        changes_quantity=stored is not None and stored.quantity != driver.quantity,
        kept_aside=kept_aside,
    )


def after_save(driver: PlanDriver) -> None:
    """Recompute the lines that follow the driver, and the budget. Raises `LinesExceedTotal`, `QuantityOutOfRange`."""
    save = driver.save_under_way
    assert save is not None
    driver.save_under_way = None
    driver.saved(save.kept_aside)
    followers = _recompute_followers(driver, save.currency) if save.changes_quantity else []
    recalculate_budget(driver.budget_id, lines=followers, locked=True)


def driver_name(name: str) -> str:
    """Return the name as it is stored. Raises `DriverNameRefused`."""
    name = " ".join(name.split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise DriverNameRefused
    return name


def plain(quantity: Decimal) -> str:
    """Return a quantity as people write it: without zeros that say nothing."""
    text = format(quantity, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _refuse_taken(driver: PlanDriver) -> None:
    """The budget is locked, so that what is not there now does not appear before the save."""
    others = PlanDriver.objects.filter(budget_id=driver.budget_id).exclude(pk=driver.pk)
    # As the unique index compares names, which is not how `iexact` does.
    of_that_name = others.annotate(lowered=Lower("name")).filter(lowered=Lower(Value(driver.name))).first()
    if of_that_name is not None:
        raise DriverExists(of_that_name.name)
    if driver.follows_guests and (following := others.filter(follows_guests=True).first()) is not None:
        raise GuestsCounted(following.name)


def _recompute_followers(driver: PlanDriver, currency: str) -> list[LineFigures]:
    """Give every line that follows the driver its quantity and what it comes to: one statement, and one for history."""
    with connection.cursor() as cursor:
        cursor.execute(
            _RECOMPUTE_FOLLOWERS,
            {
                "tenant": require_tenant_id(),
                "budget": driver.budget_id,
                "driver": driver.pk,
                "quantity": driver.quantity,
                "decimals": decimal_places(currency),
                "version": driver.version,
                "largest": MAX_AMOUNT,
            },
        )
        followers = [LineFigures.from_row(row) for row in cursor.fetchall()]
    lines = BudgetLineItem.objects.filter(driver=driver, deleted_at=None)
    if not followers and lines.exists():
        raise QuantityOutOfRange(driver.quantity, driver.name)
    record_history(
        lines.filter(pk__in=[line.line_item_id for line in followers]),
        reason=f"{driver.name}: {plain(driver.quantity)}"[:100],
    )
    return followers
