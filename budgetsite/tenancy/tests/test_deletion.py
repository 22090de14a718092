from datetime import UTC, datetime

import pytest

from budgets.models import BudgetLineItem, EventBudget
from budgets.services.categories import delete_category
from budgets.services.event_budget import create_event_budget, delete_event_budget, restore_event_budget
from budgets.services.ledger_proof import verify_ledger
from budgets.services.line_item import delete_line_item
from budgets.services.problems import BudgetExists, CategoryInUse, EventNotFound
from budgetsite.tenancy.deletion import restore, soft_delete
from budgetsite.tenancy.models import HardDelete
from budgetsite.tenancy.scope import Scope, deleted_rows_visible, scope
from budgetsite.testing.budgets import make_budget, make_event, make_line, move
from events.models import Event, Venue
from events.services import EventStays, VenueInUse, delete_event, delete_venue

NOW = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)
EARLIER = datetime(2026, 4, 1, 9, 30, tzinfo=UTC)


def test_deleting_takes_the_subtree_along_and_restoring_brings_exactly_that_back(account, owner):
    budget = make_budget(account, owner)
    kept = make_line(budget, owner, name="Kept")
    gone = make_line(budget, owner, name="Gone before")
    delete_line_item(budget_id=budget.pk, line_item_id=gone.pk, acting_user=owner, now=EARLIER)

    # The event, its budget, the line that was left, the desk and ten slots.
    assert soft_delete(budget.event, now=NOW) == 14
    assert not Event.objects.exists()
    assert not EventBudget.objects.exists()
    assert not BudgetLineItem.objects.exists()

    with deleted_rows_visible():
        event = Event.objects.get(pk=budget.event_id)
    assert restore(event) == 14
    assert BudgetLineItem.objects.get() == kept
    assert EventBudget.objects.get() == budget
    assert verify_ledger() == []


def test_restoring_what_is_not_deleted_changes_nothing(account, owner):
    budget = make_budget(account, owner)
    assert restore(budget) == 0
    assert EventBudget.objects.get() == budget


def test_deletion_is_part_of_the_history_with_its_actor(account, owner):
    budget = make_budget(account, owner)
    line = make_line(budget, owner)
    with scope(Scope(tenant_id=account.pk, user_id=owner.pk)):
        soft_delete(budget.event, now=NOW)
    with deleted_rows_visible():
        for row in (budget.event, budget, line):
            last = row.history.order_by("-history_id").first()
            assert (last.history_change_reason, last.history_user_id) == ("deleted", owner.pk)


def test_hard_deletion_is_refused(account, owner):
    budget = make_budget(account, owner)
    with pytest.raises(HardDelete):
        budget.delete()
    with pytest.raises(HardDelete):
        EventBudget.objects.all().delete()
    assert EventBudget.objects.get() == budget


def test_deleting_twice_deletes_once(account, owner):
    budget = make_budget(account, owner)
    read_twice = [Event.objects.get(), Event.objects.get()]
    assert [soft_delete(event, now=now) for event, now in zip(read_twice, (EARLIER, NOW), strict=True)] == [13, 0]
    # A stale row is enough to bring everything back.
    assert restore(read_twice[0]) == 13
    assert EventBudget.objects.get() == budget


def test_an_event_with_closed_books_stays(account, owner, manager):
    budget = make_budget(account, owner)
    for action, user, role in (
        ("submit", owner, "owner"),
        ("approve", manager, "manager"),
        ("activate", owner, "owner"),
    ):
        move(budget, action, user=user, role=role, account=account)
    move(budget, "finalize", user=owner, role="owner", account=account, override=True, reason="called off")
    with pytest.raises(EventStays, match="Its budget is finalized"):
        delete_event(event=budget.event, acting_user=owner, now=NOW)
    assert Event.objects.get() == budget.event


def test_what_a_deleted_row_needs_is_kept_for_its_return(account, owner):
    venue = Venue.objects.create(name="Hall")
    budget = make_budget(account, owner, event=make_event(account, owner, venue=venue))
    line = make_line(budget, owner, category="Cake")
    delete_event(event=budget.event, acting_user=owner, now=NOW)
    with pytest.raises(VenueInUse):
        delete_venue(venue=venue, acting_user=owner, now=NOW)
    with pytest.raises(CategoryInUse):
        delete_category(category=line.category, acting_user=owner, now=NOW)


def test_no_budget_is_opened_or_restored_below_a_deleted_event(account, owner):
    budget = make_budget(account, owner)
    event = budget.event
    delete_event_budget(budget_id=budget.pk, acting_user=owner, now=EARLIER)
    delete_event(event=event, acting_user=owner, now=NOW)
    with pytest.raises(EventNotFound):
        create_event_budget(event=event, acting_user=owner)
    with pytest.raises(EventNotFound):
        restore_event_budget(budget=budget, acting_user=owner)


def test_a_refused_restore_leaves_the_transaction_in_order(account, owner):
    budget = make_budget(account, owner)
    delete_event_budget(budget_id=budget.pk, acting_user=owner, now=NOW)
    newer = make_budget(account, owner, event=budget.event)
    with pytest.raises(BudgetExists):
        restore_event_budget(budget=budget, acting_user=owner)
    assert EventBudget.objects.get() == newer
