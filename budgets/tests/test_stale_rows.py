"""Rows that were read a while ago, or in part, and are saved now: only what their holder changed is written."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction

from budgets.models import BudgetLineItem, EntryKind, EventBudget, LedgerEntry
from budgets.services import ledger
from budgets.services.event_budget import update_event_budget
from budgets.services.ledger_proof import verify_ledger
from budgets.services.line_item import move_line_item, update_line_item
from budgets.services.problems import LineNotFound, LinesExceedTotal, StaleVersion
from budgetsite.testing.budgets import make_budget, make_line


@pytest.fixture
def budget(account, owner):
    return make_budget(account, owner, total="1000")


@pytest.fixture
def line(budget, owner):
    return stored(make_line(budget, owner, name="Hall", budgeted_amount="100"))


@pytest.fixture(autouse=True)
def books_stay_clean(budget):
    yield
    assert verify_ledger() == []


def stored(row):
    return type(row).objects.get(pk=row.pk)


def change(line, user, **fields):
    return update_line_item(
        budget_id=line.budget_id, line_item_id=line.pk, version=stored(line).version, acting_user=user, **fields
    )


def test_an_unchanged_stale_line_writes_nothing(line, owner):
    change(line, owner, budgeted_amount="300")
    line.save()
    assert stored(line).budgeted_amount == 300


def test_a_stale_line_writes_its_change_and_keeps_the_others(line, owner, budget):
    change(line, owner, budgeted_amount="300", notes="by someone else")
    line.name = "Great hall"
    line.save()
    after = stored(line)
    assert (after.name, after.budgeted_amount, after.notes) == ("Great hall", 300, "by someone else")
    assert (line.budgeted_amount, line.notes) == (300, "by someone else")
    assert stored(budget).lines_total_amount == 300
    assert line.history.order_by("-history_id").first().budgeted_amount == 300


def test_a_stale_line_stays_in_the_budget_that_it_was_moved_to(account, owner, budget, line):
    other = make_budget(account, owner, total="1000")
    move_line_item(budget_id=budget.pk, line_item_id=line.pk, to_budget_id=other.pk, acting_user=owner)
    line.actual_amount = Decimal(7)
    line.save()
    assert (stored(line).budget_id, stored(line).actual_amount) == (other.pk, 7)
    assert stored(other).total_actual_amount == 7


def test_an_old_actual_is_not_posted_again_after_a_refresh(line, owner):
    change(line, owner, actual_amount="200")
    line.refresh_from_db()
    line.name = "Great hall"
    line.save()
    assert stored(line).actual_amount == 200
    assert LedgerEntry.objects.count() == 1


def test_a_change_after_a_refresh_is_seen(line, owner, budget):
    change(line, owner, budgeted_amount="300")
    line.refresh_from_db(fields=["budgeted_amount"])
    line.budgeted_amount = Decimal(100)
    line.save()
    assert (stored(line).budgeted_amount, stored(budget).lines_total_amount) == (100, 100)


def test_a_line_read_in_part_can_be_saved(line, budget):
    part = BudgetLineItem.objects.only("name").get(pk=line.pk)
    part.budgeted_amount = Decimal(250)
    part.save()
    assert (stored(line).name, stored(line).budgeted_amount) == ("Hall", 250)
    assert stored(budget).lines_total_amount == 250


@pytest.mark.parametrize(
    ("update_fields", "name", "budgeted", "actual"),
    [
        (["actual_amount"], "Hall", 100, 60),
        (["budgeted_amount"], "Hall", 250, 0),
        (["name"], "Great hall", 100, 0),
        (["notes"], "Hall", 100, 0),
        ([], "Hall", 100, 0),
    ],
)
def test_update_fields_says_what_is_saved(line, budget, update_fields, name, budgeted, actual):
    line.name, line.budgeted_amount, line.actual_amount = "Great hall", Decimal(250), Decimal(60)
    line.save(update_fields=update_fields)
    after = stored(line)
    assert (after.name, after.budgeted_amount, after.actual_amount) == (name, budgeted, actual)
    assert stored(budget).lines_total_amount == budgeted
    # What was left out is still to be saved.
    line.save()
    after = stored(line)
    assert (after.name, after.budgeted_amount, after.actual_amount) == ("Great hall", 250, 60)
    assert stored(budget).lines_total_amount == 250


def test_a_change_by_update_fields_makes_earlier_readings_stale(line, owner):
    read_before = line.version
    line.budgeted_amount = Decimal(250)
    line.save(update_fields=["budgeted_amount"])
    with pytest.raises(StaleVersion):
        update_line_item(
            budget_id=line.budget_id, line_item_id=line.pk, version=read_before, acting_user=owner, name="Lost"
        )


def test_a_line_deleted_meanwhile_is_not_there_to_be_saved(line):
    BudgetLineItem.objects.filter(pk=line.pk).update(notes="")
    ghost = stored(line)
    ghost.pk = "00000000-0000-0000-0000-000000000001"
    ghost.name = "Ghost"
    with pytest.raises(LineNotFound):
        ghost.save()


def test_a_line_moved_to_a_younger_budget_keeps_old_readings_stale(account, owner, budget, line):
    for n in range(5):
        change(line, owner, name=f"Hall {n}")
    read_before = stored(line).version - 3
    other = make_budget(account, owner, total="1000")
    move_line_item(budget_id=budget.pk, line_item_id=line.pk, to_budget_id=other.pk, acting_user=owner)
    assert stored(line).version == stored(other).version
    with pytest.raises(StaleVersion):
        update_line_item(budget_id=other.pk, line_item_id=line.pk, version=read_before, acting_user=owner, name="Lost")


def test_a_stale_budget_writes_its_change_and_keeps_the_others(budget, owner):
    stale = stored(budget)
    update_event_budget(
        budget_id=budget.pk, version=stale.version, acting_user=owner, total_budget_amount=Decimal(2000)
    )
    stale.notes = "late"
    stale.save()
    after = stored(budget)
    assert (after.notes, after.total_budget_amount, after.version) == ("late", 2000, 3)
    assert budget.history.order_by("-history_id").first().version == 3


def test_a_total_below_the_lines_is_refused_however_it_is_saved(budget, line):
    stale = stored(budget)
    stale.total_budget_amount = Decimal(99)
    with pytest.raises(LinesExceedTotal), transaction.atomic():
        stale.save()
    assert stored(budget).total_budget_amount == 1000


def test_a_budget_never_changes_its_currency(budget):
    stale = stored(budget)
    stale.currency = "JPY"
    with pytest.raises(DatabaseError, match="keeps its currency"), transaction.atomic():
        stale.save()


def test_a_budget_of_nothing_has_no_percentage(account, owner):
    empty = make_budget(account, owner, total=None)
    assert stored(empty).variance_percentage is None
    ledger.post(budget_id=empty.pk, kind=EntryKind.ACTUAL, actual_delta=Decimal(5), currency="CAD", source="manual")
    assert stored(empty).variance_percentage is None
    assert (stored(empty).variance_amount, stored(empty).utilization_percentage) == (-5, 100)


def test_a_tiny_budget_overspent_beyond_all_percentages_can_still_be_stored(account, owner):
    tiny = make_budget(account, owner, total="0.01")
    ledger.post(
        budget_id=tiny.pk,
        kind=EntryKind.ACTUAL,
        actual_delta=Decimal("999999999999.98"),
        currency="CAD",
        source="manual",
    )
    assert stored(tiny).variance_percentage == Decimal("-9999999999.99")
    assert EventBudget.objects.over_budget().get() == tiny


def test_an_event_keeps_the_currency_of_its_budget(budget):
    event = budget.event
    event.currency = "EUR"
    with pytest.raises(ValidationError, match="kept in CAD"):
        event.save()
    assert stored(event).currency == "CAD"
