"""A year of random usage over a tree of four levels: every node equals the sum of its entries, window by window."""

import random
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from dateutil.relativedelta import relativedelta

from budgets.models import BudgetWindow, Enforcement, LedgerEntry, Reservation, ScopedBudget
from budgets.services.ledger_proof import rebuild_totals, verify_ledger
from budgets.services.reservation import expire_reservations, release_reservation, reserve, settle_reservation
from budgets.services.scoped_budget import update_scoped_budget
from budgets.services.scoped_problems import NoRoom, ReservationClosed, UsageAlreadyReversed
from budgets.services.usage import reverse_usage
from budgetsite.testing.scoped_budgets import make_scoped_budget, spend

STEPS = {
    "daily": relativedelta(days=1),
    "weekly": relativedelta(weeks=1),
    "monthly": relativedelta(months=1),
    "quarterly": relativedelta(months=3),
    "annual": relativedelta(years=1),
}
YEAR = datetime(2026, 1, 1, tzinfo=UTC)
OPERATIONS = 400


def grow(account, owner, choose):
    """Return a tree of four levels, 2 × 2 × 2 branches, each budget with a calendar and an enforcement of its own."""
    level, everything = [None], []
    for scope_type in ("organization", "team", "user", "project"):
        children = []
        for parent in level:
            for number in range(1 if parent is None else 2):
                children.append(
                    make_scoped_budget(
                        account,
                        owner,
                        name=f"{scope_type} {len(children)}",
                        scope_type=scope_type,
                        scope_id=str(number),
                        parent_id=None if parent is None else parent.pk,
                        amount=Decimal(choose.randint(50, 5000)),
                        period=choose.choice(sorted(STEPS)),
                        start_date=date(2025, 10, 31) + timedelta(days=choose.randint(0, 120)),
                        timezone=choose.choice(["UTC", "Pacific/Apia", "America/New_York", "Asia/Kathmandu"]),
                        enforcement=choose.choice(Enforcement.values),
                    )
                )
        level = children
        everything += children
    return everything


def expected_windows():
    """Sum what every entry and every open hold adds to each budget above it, by windows counted up from the start."""
    sums = defaultdict(lambda: [Decimal(0), Decimal(0)])
    budgets = {budget.pk: budget for budget in ScopedBudget.objects.all()}
    movements = [(e.scoped_budget_id, e.occurred_at, e.actual_delta, 0) for e in LedgerEntry.objects.all()]
    movements += [(r.budget_id, r.held_at, 0, r.held_amount) for r in Reservation.objects.filter(status="held")]
    for leaf, moment, actual, held in movements:
        for place in (leaf, *budgets[leaf].path):
            row = sums[place, first_day(budgets[place], moment)]
            row[0] += actual
            row[1] += held
    return {key: tuple(row) for key, row in sums.items() if any(row)}


def first_day(budget, moment):
    day, number, step = moment.astimezone(ZoneInfo(budget.timezone)).date(), 0, STEPS[budget.period]
    while budget.start_date + step * number > day:
        number -= 1
    while budget.start_date + step * (number + 1) <= day:
        number += 1
    return budget.start_date + step * number


def stored_windows():
    sums = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for window in BudgetWindow.objects.select_related("budget"):
        day = window.window_start.astimezone(ZoneInfo(window.budget.timezone)).date()
        sums[window.budget_id, day][0] += window.actual_amount
        sums[window.budget_id, day][1] += window.reserved_amount
    return {key: tuple(row) for key, row in sums.items() if any(row)}


def act(owner, choose, budgets, now):
    budget = choose.choice(budgets)
    moment = YEAR + timedelta(minutes=choose.randint(0, 365 * 24 * 60))
    amount = Decimal(choose.randint(0, 90_000_000)) / 1_000_000
    held = choose.choice([None, *Reservation.objects.order_by("created_at", "id")])
    what = choose.random()
    if what < 0.6:
        spend(budget, owner, amount, timestamp=moment, enforce=choose.random() < 0.5, now=now)
    elif what < 0.7:
        entry = choose.choice([None, *LedgerEntry.objects.order_by("created_at", "id")])
        if entry is not None:
            reverse_usage(budget_id=entry.scoped_budget_id, entry_id=entry.pk, acting_user=owner, now=now)
    elif what < 0.82:
        reserve(budget_id=budget.pk, amount=amount + 1, ttl_seconds=86_400 * 9, acting_user=owner, now=now)
    elif what < 0.9 and held is not None:
        settle_reservation(
            budget_id=held.budget_id,
            reservation_id=held.pk,
            amount=amount,
            final=choose.random() < 0.5,
            acting_user=owner,
            now=now,
        )
    elif what < 0.94 and held is not None:
        release_reservation(budget_id=held.budget_id, reservation_id=held.pk, now=now)
    elif what < 0.97:
        expire_reservations(now=now)
    else:
        change = choose.choice(
            [
                {"start_date": budget.start_date + timedelta(days=choose.randint(-40, 40))},
                {"enforcement": choose.choice(Enforcement.values)},
                {"period": choose.choice(sorted(STEPS))},
                {"timezone": choose.choice(["Asia/Tokyo", "America/Lima"])},
            ]
        )
        update_scoped_budget(budget_id=budget.pk, acting_user=owner, **change)
        budget.refresh_from_db()


@pytest.mark.parametrize("seed", [1, 2])
def test_every_node_equals_the_sum_of_its_entries(account, owner, seed):
    choose = random.Random(seed)
    budgets = grow(account, owner, choose)
    refused = 0
    for number in range(OPERATIONS):
        try:
            act(owner, choose, budgets, YEAR + timedelta(days=number * 365 / OPERATIONS))
        except (NoRoom, ReservationClosed, UsageAlreadyReversed):
            refused += 1

    assert 0 < refused < OPERATIONS / 2
    assert LedgerEntry.objects.count() > OPERATIONS / 3
    assert stored_windows() == expected_windows()
    assert verify_ledger() == []
    # Counting anew finds nothing to mend, and changes nothing.
    assert rebuild_totals().changed == 0
