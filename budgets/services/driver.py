"""The quantities that lines of a plan follow: guests, days, hours (see `driver_effects` for what follows from each)."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from budgets.models import BudgetLineItem, EventBudget, PlanDriver
from budgets.services.driver_effects import driver_name
from budgets.services.guards import lock_budget, refuse_fixed_plan
from budgets.services.pricing import parse_quantity
from budgets.services.problems import BudgetProblem, DriverNotFound, StaleVersion
from budgets.services.recalculation import recalculate_budget
from budgetsite.accounts.models import User
from budgetsite.tenancy.history import acting_user_reference, record_history
from budgetsite.tenancy.scope import deleted_rows_visible
from events.models import Event

ZERO = Decimal(0)
GUESTS = "Guests"
# Where somebody has a number of their own under that name.
EXPECTED_GUESTS = "Expected guests"
DRIVER_FIELDS = frozenset({"name", "quantity", "follows_guests"})


class DriverInUse(BudgetProblem):
    """Lines follow it: deleted, their plan would no longer say what it counts."""

    code = "driver_in_use"

    def __init__(self, name: str, lines: int) -> None:
        self.name, self.lines = name, lines
        super().__init__(
            f"{lines} line{'' if lines == 1 else 's'} follow{'s' if lines == 1 else ''} “{name}”. "
            "Let them follow another number, or give them a quantity of their own, then delete it."
        )


class QuantityFollowsGuests(BudgetProblem):
    code = "follows_guests"

    def __init__(self, name: str, expected: int) -> None:
        self.name, self.expected = name, expected
        super().__init__(
            f"“{name}” follows the event, which expects {expected}. Change the event's expected guests, "
            "or let this number follow them no longer."
        )


@transaction.atomic
def create_driver(
    *,
    budget_id: UUID,
    acting_user: User,
    name: str,
    quantity: Decimal | None = None,
    follows_guests: bool = False,
    version: int | None = None,
) -> PlanDriver:
    """Let a plan count something. One that follows the guests takes the event's number, where that is known.

    `quantity` is 0 to 999,999,999.999. Raises `PlanFixed`, `BudgetLocked`, `StaleVersion`, `DriverExists`,
    `GuestsCounted`, `QuantityFollowsGuests`, `DriverNameRefused`, `InvalidAmount`.
    """
    budget = lock_budget(budget_id, version=version)
    driver = PlanDriver(budget=budget, name=name, follows_guests=follows_guests)
    _count(driver, budget, quantity)
    driver.save()
    return driver


@transaction.atomic
def update_driver(*, budget_id: UUID, driver_id: UUID, version: int, acting_user: User, **fields: Any) -> PlanDriver:
    """Change a driver's `DRIVER_FIELDS`; every line that follows it gets its quantity and a new amount.

    `version` is that of the driver or of the budget, whichever the writer read. The quantity of one that follows the
    guests is the event's number: any other is refused, and while the plan still counts another, sending that number
    takes it over. Raises `StaleVersion`, `DriverNotFound`, `PlanFixed`, `BudgetLocked`, `LinesExceedTotal`,
    `QuantityOutOfRange`, `QuantityFollowsGuests`, `DriverExists`, `GuestsCounted`, `InvalidAmount`.
    """
    unknown = fields.keys() - DRIVER_FIELDS
    if unknown:
        raise TypeError(f"not fields of a driver: {', '.join(sorted(unknown))}")
    budget = lock_budget(budget_id)
    driver = _driver_of(budget, driver_id)
    _refuse_stale(driver, budget, version)
    begins_to_follow = fields.get("follows_guests", False) and not driver.follows_guests
    driver.name = fields.get("name", driver.name)
    driver.follows_guests = fields.get("follows_guests", driver.follows_guests)
    quantity = fields.get("quantity")
    if quantity is not None and parse_quantity(quantity) == driver.quantity and not begins_to_follow:
        # What was read was sent back.
        quantity = None
    if quantity is not None or begins_to_follow:
        _count(driver, budget, quantity)
    driver.save()
    return driver


@transaction.atomic
def delete_driver(
    *, budget_id: UUID, driver_id: UUID, acting_user: User, now: datetime, version: int | None = None
) -> None:
    """Soft-delete a driver that no line follows. Deleted lines keep their last quantity and let go of it.

    Raises `DriverInUse`, `DriverNotFound`, `StaleVersion`, `PlanFixed`, `BudgetLocked`.
    """
    budget = lock_budget(budget_id)
    driver = _driver_of(budget, driver_id)
    if version is not None:
        _refuse_stale(driver, budget, version)
    refuse_fixed_plan(budget)
    followers = BudgetLineItem.objects.filter(driver=driver, deleted_at=None).count()
    if followers:
        raise DriverInUse(driver.name, followers)
    with deleted_rows_visible():
        gone = list(BudgetLineItem.objects.filter(driver=driver).values_list("pk", flat=True))
        BudgetLineItem.objects.filter(pk__in=gone).update(driver=None)
        record_history(BudgetLineItem.objects.filter(pk__in=gone), reason=f"{driver.name} deleted"[:100])
        rows = PlanDriver.objects.filter(pk=driver.pk)
        rows.update(deleted_at=now, version=budget.version + 1)
        record_history(rows, reason="deleted")
    recalculate_budget(budget.pk, lines=[], locked=True)


def driver_for_guests(budget: EventBudget) -> PlanDriver:
    """Return the driver of a locked draft that follows the event's guests; make it where there is none.

    Part of whatever change the caller makes: it sends no signal, and the caller recomputes.
    """
    driver: PlanDriver | None = PlanDriver.objects.filter(budget=budget, follows_guests=True).first()
    if driver is not None:
        return driver
    names = {name.lower() for name in PlanDriver.objects.filter(budget=budget).values_list("name", flat=True)}
    name = next(name for name in _names_for_guests() if name.lower() not in names)
    [driver] = insert_drivers(budget, [{"name": name, "follows_guests": True}])
    return driver


def insert_drivers(budget: EventBudget, drivers: Iterable[dict[str, Any]]) -> list[PlanDriver]:
    """Insert drivers (dicts of `DRIVER_FIELDS`) into a locked draft in a constant number of statements.

    Part of whatever change the caller makes: no signal is sent, and the caller recomputes. The caller has seen to it
    that the names are free. Raises `DriverNameRefused`, `InvalidAmount`.
    """
    expected = expected_guests(budget)
    rows = []
    for fields in drivers:
        follows = fields.get("follows_guests", False)
        quantity = (
            Decimal(expected) if follows and expected is not None else parse_quantity(fields.get("quantity", ZERO))
        )
        rows.append(
            PlanDriver(
                budget=budget,
                name=driver_name(fields["name"]),
                quantity=parse_quantity(quantity),
                follows_guests=follows,
                version=budget.version,
            )
        )
    PlanDriver.objects.bulk_create(rows, batch_size=500)
    PlanDriver.history.bulk_history_create(rows, batch_size=500, default_user=acting_user_reference())
    for row in rows:
        row.remember(row.tracked)
    return rows


def expected_guests(budget: EventBudget) -> int | None:
    """Return how many guests the budget's event expects as it is stored now; None where nobody has said."""
    stored: int | None = Event.objects.filter(pk=budget.event_id).values_list("expected_guests", flat=True).first()
    return stored


def _count(driver: PlanDriver, budget: EventBudget, quantity: Decimal | None) -> None:
    """Set the driver's quantity: what was sent, or the event's number where it follows that."""
    expected = expected_guests(budget) if driver.follows_guests else None
    if expected is None:
        driver.quantity = driver.quantity if quantity is None else parse_quantity(quantity)
        return
    if quantity is not None and parse_quantity(quantity) != expected:
        raise QuantityFollowsGuests(driver.name, expected)
    driver.quantity = Decimal(expected)


def _driver_of(budget: EventBudget, driver_id: UUID) -> PlanDriver:
    driver: PlanDriver | None = PlanDriver.objects.filter(pk=driver_id, budget=budget, deleted_at=None).first()
    if driver is None:
        raise DriverNotFound(driver_id)
    return driver


def _refuse_stale(driver: PlanDriver, budget: EventBudget, version: int) -> None:
    if not driver.version <= version <= budget.version:
        raise StaleVersion(sent=version, current=driver.version, budget_id=budget.pk, driver_id=driver.pk)


def _names_for_guests() -> Iterable[str]:
    yield GUESTS
    yield EXPECTED_GUESTS
    number = 2
    while True:
        yield f"{EXPECTED_GUESTS} {number}"
        number += 1
