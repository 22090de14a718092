"""What someone else changed since something was read: field by field, by whom."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from budgets.models import BudgetLineItem, EventBudget
from budgets.selectors.budget_changes import head_changes_since, line_changes_since, plan_changes_since
from budgets.services.event_budget import update_event_budget
from budgets.services.line_item import update_line_item
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_line, move
from budgetsite.testing.people import make_member


@pytest.fixture
def people(account, owner):
    return owner, make_member(account, Role.STAFF, name="Siobhán").user


def as_person(account, user, work, **arguments):
    with tenant_scope(account.pk, user_id=user.pk):
        return work(acting_user=user, **arguments)


def told(changes):
    return [(change.name, change.before, change.now, change.by.pk if change.by else None) for change in changes]


def present(budget):
    return EventBudget.objects.get(pk=budget.pk)


def test_each_field_of_the_budget_names_who_changed_it_last(account, people):
    ana, siobhan = people
    budget = make_budget(account, ana, total="1000")
    for version, user, values in (
        (1, ana, {"notes": "first"}),
        (2, siobhan, {"total_budget_amount": Decimal(1200)}),
        (3, ana, {"notes": "second"}),
    ):
        as_person(account, user, update_event_budget, budget_id=budget.pk, version=version, **values)
    assert told(head_changes_since(present(budget), version=1)) == [
        ("total_budget_amount", Decimal(1000), Decimal(1200), siobhan.pk),
        ("notes", "", "second", ana.pk),
    ]
    assert told(head_changes_since(present(budget), version=3)) == [("notes", "first", "second", ana.pk)]
    assert head_changes_since(present(budget), version=4) == []
    [last] = head_changes_since(present(budget), version=3)
    assert last.at is not None
    assert (last.line_item_id, last.title) == (None, "")


def test_what_was_changed_and_changed_back_is_no_change(account, owner):
    budget = make_budget(account, owner, total="1000")
    for version, notes in ((1, "other"), (2, "")):
        update_event_budget(budget_id=budget.pk, version=version, acting_user=owner, notes=notes)
    assert head_changes_since(present(budget), version=1) == []


def test_a_move_is_a_change_of_the_status(account, people):
    ana, _ = people
    budget = make_budget(account, ana, total="1000")
    with tenant_scope(account.pk, user_id=ana.pk):
        move(budget, "submit", user=ana, role=Role.OWNER, account=account)
    assert told(head_changes_since(present(budget), version=1)) == [("status", "draft", "review", ana.pk)]


def test_a_total_that_follows_its_lines_is_their_change(account, people):
    ana, siobhan = people
    budget = make_budget(account, ana, total=None)
    line = make_line(budget, ana, budgeted_amount="100")
    as_person(
        account,
        siobhan,
        update_line_item,
        budget_id=budget.pk,
        line_item_id=line.pk,
        version=2,
        budgeted_amount=Decimal(150),
    )
    assert head_changes_since(present(budget), version=2) == []
    [change] = plan_changes_since(present(budget), version=2)
    assert (change.line_item_id, change.title) == (line.pk, "Hall")
    assert told([change]) == [("budgeted_amount", Decimal(100), Decimal(150), siobhan.pk)]
    update_event_budget(budget_id=budget.pk, version=3, acting_user=ana, total_budget_amount=Decimal(400))
    assert told(head_changes_since(present(budget), version=3)) == [
        ("total_budget_amount", None, Decimal(400), None),
        ("total_follows_lines", True, False, None),
    ]


def test_a_lines_fields_are_told_with_names_for_ids(account, people):
    ana, siobhan = people
    budget = make_budget(account, ana, total="5000")
    line = make_line(budget, ana, name="Hall", budgeted_amount="100")
    other = make_line(budget, ana, name="Other", budgeted_amount="1")
    for user, values in (
        (siobhan, {"name": "Great hall", "category": "Music"}),
        (ana, {"quantity": "3", "unit_price": "40", "notes": "by the day"}),
    ):
        version = EventBudget.objects.get(pk=budget.pk).version
        as_person(account, user, update_line_item, budget_id=budget.pk, line_item_id=line.pk, version=version, **values)
    line = BudgetLineItem.objects.get(pk=line.pk)
    assert told(line_changes_since(line, version=2)) == [
        ("name", "Hall", "Great hall", siobhan.pk),
        ("category", "Venue", "Music", siobhan.pk),
        ("budgeted_amount", Decimal(100), Decimal(120), ana.pk),
        ("quantity", None, Decimal(3), ana.pk),
        ("unit_price", None, Decimal(40), ana.pk),
        ("notes", "", "by the day", ana.pk),
    ]
    assert line_changes_since(other, version=3) == []
    # A line that was not there when the plan was read has nothing to compare with.
    assert plan_changes_since(present(budget), version=1) == []


def test_many_changed_lines_cost_as_many_statements_as_one(account, owner):
    counts = []
    for number in (1, 40):
        budget = make_budget(account, owner, total=None)
        lines = [make_line(budget, owner, name=f"Line {n}", budgeted_amount="1") for n in range(number)]
        version = present(budget).version
        for line in lines:
            line.refresh_from_db()
            line.name += "!"
            line.save()
        budget = present(budget)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert len(plan_changes_since(budget, version=version)) == number
        counts.append(len(queries))
    assert counts == [5, 5]


def test_a_strangers_history_is_out_of_reach(account, owner, other_account):
    budget = make_budget(account, owner, total="1000")
    update_event_budget(budget_id=budget.pk, version=1, acting_user=owner, notes="ours")
    ours = present(budget)
    with tenant_scope(other_account.pk):
        assert plan_changes_since(ours, version=1) == []
