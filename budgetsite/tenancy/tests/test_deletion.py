from datetime import UTC, datetime

import pytest

from budgets.models import BudgetLineItem, EventBudget
from budgets.services.ledger_proof import verify_ledger
from budgets.services.line_item import delete_line_item
from budgetsite.tenancy.deletion import restore, soft_delete
from budgetsite.tenancy.models import HardDelete
from budgetsite.tenancy.scope import Scope, deleted_rows_visible, scope
from budgetsite.testing.budgets import make_budget, make_line
from events.models import Event

NOW = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)
EARLIER = datetime(2026, 4, 1, 9, 30, tzinfo=UTC)


def test_deleting_takes_the_subtree_along_and_restoring_brings_exactly_that_back(account, owner):
    budget = make_budget(account, owner)
    kept = make_line(budget, owner, name="Kept")
    gone = make_line(budget, owner, name="Gone before")
    delete_line_item(budget_id=budget.pk, line_item_id=gone.pk, acting_user=owner, now=EARLIER)

    assert soft_delete(budget.event, now=NOW) == 3
    assert not Event.objects.exists()
    assert not EventBudget.objects.exists()
    assert not BudgetLineItem.objects.exists()

    with deleted_rows_visible():
        event = Event.objects.get(pk=budget.event_id)
    assert restore(event) == 3
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
