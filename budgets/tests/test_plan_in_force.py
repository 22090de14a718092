"""The approved plan stays in force while a revision of it is worked on."""

from decimal import Decimal

import pytest

from alerts.models import BudgetAlert
from budgets.models import BudgetLineItem, BudgetRevision, EntryKind, EntrySource, EventBudget, PlanLine
from budgets.services import ledger
from budgets.services.event_budget import update_event_budget
from budgets.services.ledger_proof import verify_ledger
from budgets.services.line_item import add_line_item, delete_line_item, restore_line_item, update_line_item
from budgets.services.problems import AmountDoesNotFit
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import deleted_rows_visible
from budgetsite.testing.budgets import EVENT_DATE, make_budget, make_line, move
from budgetsite.testing.people import make_member


@pytest.fixture
def manager(account):
    return make_member(account, Role.MANAGER).user


@pytest.fixture
def approved(account, owner, manager):
    budget = make_budget(account, owner, total="1000")
    make_line(budget, owner, name="Hall", budgeted_amount="600")
    make_line(budget, owner, name="Band", category="Entertainment", budgeted_amount="300")
    move(budget, "submit", user=owner, role=Role.OWNER, account=account)
    return move(budget, "approve", user=manager, role=Role.MANAGER, account=account)


@pytest.fixture
def revise(account, owner, manager):
    def step(budget, action):
        who, role = (manager, Role.MANAGER) if action == "approve" else (owner, Role.OWNER)
        reason = {"reason": "More guests than planned"} if action == "revise" else {}
        return move(budget, action, user=who, role=role, account=account, **reason)

    return step


def line_of(budget, name):
    return BudgetLineItem.objects.get(budget=budget, name=name)


def commit(budget, amount, line=None):
    return ledger.post(
        budget_id=budget.pk,
        line_item_id=line.pk if line else None,
        kind=EntryKind.COMMIT,
        committed_delta=Decimal(amount),
        currency=budget.currency,
        source=EntrySource.MANUAL,
    )


def raise_total(budget, owner, total):
    return update_event_budget(
        budget_id=budget.pk,
        version=EventBudget.objects.get(pk=budget.pk).version,
        acting_user=owner,
        total_budget_amount=Decimal(total),
    )


def test_an_approved_plan_is_kept_whole(approved, owner, manager):
    revision = BudgetRevision.objects.get(budget=approved)
    assert (revision.number, revision.version, revision.total_budget_amount) == (1, approved.version, Decimal(1000))
    assert (revision.submitted_by, revision.approved_by, revision.reason) == (owner, manager, "")
    kept = PlanLine.objects.filter(revision=revision).order_by("sort_order")
    assert [(line.name, line.budgeted_amount, line.previous_amount) for line in kept] == [
        ("Hall", Decimal(600), None),
        ("Band", Decimal(300), None),
    ]


def test_a_higher_working_total_makes_no_room_until_it_is_approved(approved, owner, revise):
    revise(approved, "revise")
    working = raise_total(approved, owner, "5000")
    assert (working.total_budget_amount, working.in_force_amount) == (Decimal(5000), Decimal(1000))
    assert (working.available_amount, working.variance_amount) == (Decimal(1000), Decimal(1000))
    with pytest.raises(AmountDoesNotFit) as refused:
        commit(approved, "1500")
    assert refused.value.available == Decimal(1000)
    revise(approved, "submit")
    with pytest.raises(AmountDoesNotFit):
        commit(approved, "1500")
    revise(approved, "approve")
    commit(approved, "1500")
    now = EventBudget.objects.get(pk=approved.pk)
    assert (now.is_under_revision, now.available_amount, now.variance_amount) == (
        False,
        Decimal(3500),
        Decimal(5000),
    )
    assert verify_ledger() == []


def test_a_lower_working_plan_takes_nothing_away_until_it_is_approved(approved, owner, revise):
    hall = line_of(approved, "Hall")
    revise(approved, "revise")
    update_line_item(
        budget_id=approved.pk,
        line_item_id=hall.pk,
        version=EventBudget.objects.get(pk=approved.pk).version,
        acting_user=owner,
        budgeted_amount=Decimal(100),
    )
    raise_total(approved, owner, "400")
    ledger.post(
        budget_id=approved.pk,
        line_item_id=hall.pk,
        kind=EntryKind.ACTUAL,
        actual_delta=Decimal(500),
        currency=approved.currency,
        source=EntrySource.MANUAL,
    )
    hall.refresh_from_db()
    assert (hall.budgeted_amount, hall.in_force_amount, hall.variance_amount) == (
        Decimal(100),
        Decimal(600),
        Decimal(100),
    )
    overspent = BudgetAlert.objects.filter(budget_id=approved.pk, alert_type="over_budget", resolved=False)
    assert not overspent.exists()
    revise(approved, "submit")
    revise(approved, "approve")
    hall.refresh_from_db()
    assert (hall.in_force_amount, hall.variance_amount) == (Decimal(100), Decimal(-400))
    # 500.00 of 400.00: the alert is there with the approval, not before it.
    assert overspent.get().utilization == Decimal("125.00")
    assert verify_ledger() == []


def test_a_line_that_is_new_in_a_revision_has_nothing_in_force_yet(approved, owner, revise):
    revise(approved, "revise")
    add_line_item(budget_id=approved.pk, acting_user=owner, category="Venue", name="Tent", budgeted_amount=Decimal(80))
    tent = line_of(approved, "Tent")
    assert (tent.budgeted_amount, tent.in_force_amount, tent.variance_amount) == (Decimal(80), Decimal(0), Decimal(0))
    revise(approved, "submit")
    revise(approved, "approve")
    tent.refresh_from_db()
    assert (tent.in_force_amount, tent.variance_amount) == (Decimal(80), Decimal(80))
    second = BudgetRevision.objects.get(budget=approved, number=2)
    assert second.reason == "More guests than planned"
    assert dict(PlanLine.objects.filter(revision=second).values_list("name", "previous_amount")) == {
        "Hall": Decimal(600),
        "Band": Decimal(300),
        "Tent": Decimal(0),
    }
    assert verify_ledger() == []


def test_a_line_restored_in_a_later_revision_has_nothing_in_force(approved, owner, revise):
    revise(approved, "revise")
    band = line_of(approved, "Band")
    delete_line_item(budget_id=approved.pk, line_item_id=band.pk, acting_user=owner, now=EVENT_DATE)
    revise(approved, "submit")
    revise(approved, "approve")
    revise(approved, "revise")
    with deleted_rows_visible():
        band = BudgetLineItem.objects.get(pk=band.pk)
    restore_line_item(line=band, acting_user=owner)
    band = line_of(approved, "Band")
    assert (band.budgeted_amount, band.in_force_amount, band.variance_amount) == (Decimal(300), Decimal(0), Decimal(0))
    assert verify_ledger() == []


def test_sending_a_revision_back_leaves_the_plan_in_force(approved, owner, revise, account, manager):
    revise(approved, "revise")
    raise_total(approved, owner, "5000")
    revise(approved, "submit")
    back = move(approved, "reject", user=manager, role=Role.MANAGER, account=account, reason="Too much")
    assert (back.status, back.revision, back.in_force_amount) == ("draft", 2, Decimal(1000))
    assert BudgetRevision.objects.filter(budget=approved).count() == 1
