"""Transfers above the account's limits, and taking transfers back."""

from decimal import Decimal

import pytest
from django.db import transaction

from budgets.models import BudgetLineItem, BudgetTransfer, Category, EventBudget
from budgets.services.ledger_proof import verify_ledger
from budgets.services.line_item import update_line_item
from budgets.services.problems import ReasonRequired, StaleVersion
from budgets.services.transfer import decide_transfer, reverse_transfer
from budgets.services.transfer_problems import (
    AlreadyReversed,
    NothingToReverse,
    OwnTransfer,
    RevisedSince,
    TransferDecided,
    TransferExceedsAvailable,
    TransferNotAllowed,
    TransferNotFound,
)
from budgets.tests.test_transfers import spend
from budgets.tests.transfers import NOW, approve, limit_transfers, line_of, make_approved, planned, transfer
from budgetsite.accounts.models import Membership
from budgetsite.accounts.roles import Role
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import move
from budgetsite.testing.people import make_member

UNTOUCHED = {"Catering": Decimal(600), "Hall": Decimal(300)}


@pytest.fixture
def budget(account, owner, manager) -> EventBudget:
    return make_approved(account, owner, manager)


def decide(found, *, user, role, account, approve=True, reason=""):
    return decide_transfer(
        budget_id=found.budget_id,
        transfer_id=found.pk,
        approve=approve,
        acting_user=user,
        acting_role=role,
        account=account,
        now=NOW,
        reason=reason,
    )


def reverse(found, *, user, account, role=Role.OWNER, reason="Not needed after all", **options):
    return reverse_transfer(
        budget_id=found.budget_id,
        transfer_id=found.pk,
        reason=reason,
        acting_user=user,
        acting_role=role,
        account=account,
        now=NOW,
        **options,
    )


def fresh(found):
    return BudgetTransfer.objects.get(pk=found.pk)


def kinds():
    return list(OutboxEvent.objects.filter(kind__contains="transfer").order_by("id").values_list("kind", flat=True))


def switch_off_four_eyes(account):
    account.four_eyes = False
    account.save()


# --- Limits -----------------------------------------------------------------------------------------------------------


def test_above_the_limit_it_waits_and_holds_no_money(account, owner, budget):
    limit_transfers(above="100")
    version = EventBudget.objects.get(pk=budget.pk).version

    within = transfer(budget, "100", user=owner, account=account)
    above = transfer(budget, "100.01", user=owner, account=account)
    everything = transfer(budget, "500", user=owner, account=account)

    assert (within.status, within.needs_role) == ("done", "")
    assert [(found.status, found.needs_role, found.version) for found in (above, everything)] == [
        ("pending", "manager", None)
    ] * 2
    assert planned(budget) == {"Catering": 500, "Hall": 400}
    assert EventBudget.objects.get(pk=budget.pk).version == version + 1
    assert sorted(kinds()) == ["budget.transfer_requested"] * 2 + ["budget.transferred"]


def test_the_strongest_of_the_rules_that_apply_counts(account, owner, budget):
    limit_transfers(above="100", role=Role.MANAGER)
    limit_transfers(above="200", role=Role.OWNER)
    limit_transfers(above="300", role=Role.MANAGER)
    needs = [transfer(budget, amount, user=owner, account=account).needs_role for amount in ("150", "250", "350")]
    assert needs == ["manager", "owner", "owner"]


@pytest.mark.parametrize(("category", "needs"), [("Food & Beverage", "owner"), ("Venue", "owner"), ("Décor", "")])
def test_a_rule_with_a_category_is_about_both_ends(account, owner, budget, category, needs):
    found, _ = Category.objects.get_or_create(name=category)
    limit_transfers(role=Role.OWNER, category=found)
    assert transfer(budget, "5", user=owner, account=account).needs_role == needs


def test_a_rule_in_another_currency_always_applies(account, owner, budget):
    limit_transfers(above="1000000", currency="JPY")
    assert transfer(budget, "5", user=owner, account=account).status == "pending"


def test_a_rule_about_plans_is_none_about_transfers(account, owner, budget):
    rule = limit_transfers()
    rule.subject = "plan"
    rule.save()
    assert transfer(budget, "5", user=owner, account=account).status == "done"


def test_a_strangers_rules_ask_nobody_here(account, owner, other_account, budget):
    with tenant_scope(other_account.pk):
        limit_transfers()
    assert transfer(budget, "5", user=owner, account=account).status == "done"


def test_more_than_is_available_is_not_even_asked_for(account, owner, budget):
    limit_transfers()
    with pytest.raises(TransferExceedsAvailable), transaction.atomic():
        transfer(budget, "600.01", user=owner, account=account)
    assert not BudgetTransfer.objects.exists()


# --- Deciding ---------------------------------------------------------------------------------------------------------


def test_somebody_else_with_the_role_approves_it(account, owner, manager, budget):
    limit_transfers()
    waiting = transfer(budget, "200", user=owner, account=account)
    version = EventBudget.objects.get(pk=budget.pk).version

    decided = decide(waiting, user=manager, role=Role.MANAGER, account=account, reason="Agreed")

    assert (decided.status, decided.decided_by, decided.decided_at) == ("done", manager, NOW)
    assert (decided.decision_reason, decided.version) == ("Agreed", version + 1)
    assert planned(budget) == {"Catering": 400, "Hall": 500}
    assert EventBudget.objects.get(pk=budget.pk).version == version + 1
    assert line_of(budget, "Hall").history.order_by("-history_id").first().history_change_reason == (
        "transferred: Fewer guests"
    )
    assert verify_ledger() == []


@pytest.mark.parametrize("role", [Role.MANAGER, Role.OWNER])
def test_nobody_approves_what_they_asked_for(account, owner, budget, role):
    limit_transfers()
    waiting = transfer(budget, "200", user=owner, account=account)
    with pytest.raises(OwnTransfer), transaction.atomic():
        decide(waiting, user=owner, role=role, account=account)
    assert (fresh(waiting).status, planned(budget)) == ("pending", UNTOUCHED)


def test_with_four_eyes_off_they_may(account, owner, budget):
    switch_off_four_eyes(account)
    limit_transfers()
    waiting = transfer(budget, "200", user=owner, account=account)
    assert decide(waiting, user=owner, role=Role.OWNER, account=account).status == "done"


@pytest.mark.parametrize("approves", [True, False])
@pytest.mark.parametrize(
    ("needs", "role"),
    [(Role.OWNER, Role.MANAGER), (Role.MANAGER, Role.STAFF), (Role.MANAGER, Role.ORGANIZER), (Role.OWNER, Role.CLIENT)],
)
def test_a_role_below_decides_nothing(account, owner, manager, budget, needs, role, approves):
    limit_transfers(role=needs)
    waiting = transfer(budget, "200", user=owner, account=account)
    with pytest.raises(TransferNotAllowed) as refusal, transaction.atomic():
        decide(waiting, user=manager, role=role, account=account, approve=approves, reason="No")
    who = "owner" if needs == Role.OWNER else "owner or manager"
    assert str(refusal.value) == f"Only the account's {who} may do this."
    assert (fresh(waiting).status, planned(budget)) == ("pending", UNTOUCHED)


def test_who_is_a_manager_no_longer_decides_nothing(account, owner, manager, budget):
    """What counts is what they are once it is their turn, not what they were when they pressed the button."""
    limit_transfers()
    waiting = transfer(budget, "200", user=owner, account=account)
    Membership.objects.filter(user=manager).update(role=Role.STAFF)
    with pytest.raises(TransferNotAllowed), transaction.atomic():
        decide(waiting, user=manager, role=Role.MANAGER, account=account)
    Membership.objects.filter(user=manager).update(role=Role.CLIENT)
    with pytest.raises(TransferNotAllowed), transaction.atomic():
        transfer(budget, "5", user=manager, role=Role.MANAGER, account=account)
    assert (fresh(waiting).status, planned(budget)) == ("pending", UNTOUCHED)


def test_an_owner_stands_in_for_a_manager(account, owner, manager, budget):
    limit_transfers(role=Role.MANAGER)
    waiting = transfer(budget, "200", user=manager, role=Role.MANAGER, account=account)
    assert decide(waiting, user=owner, role=Role.OWNER, account=account).status == "done"


def test_rejecting_needs_a_reason_and_moves_nothing(account, owner, manager, budget):
    limit_transfers()
    waiting = transfer(budget, "200", user=owner, account=account)
    with pytest.raises(ReasonRequired), transaction.atomic():
        decide(waiting, user=manager, role=Role.MANAGER, account=account, approve=False, reason=" ")
    assert fresh(waiting).status == "pending"

    decide(waiting, user=manager, role=Role.MANAGER, account=account, approve=False, reason="Too much")

    found = fresh(waiting)
    assert (found.status, found.decided_by, found.decision_reason) == ("rejected", manager, "Too much")
    assert planned(budget) == UNTOUCHED
    assert sorted(kinds()) == ["budget.transfer_rejected", "budget.transfer_requested"]
    with pytest.raises(TransferDecided) as refusal, transaction.atomic():
        decide(waiting, user=manager, role=Role.MANAGER, account=account)
    assert str(refusal.value) == f"This transfer was rejected already by {manager}. Ask for it again if it is needed."


def test_whoever_asked_may_withdraw(account, organizer, owner, manager, budget):
    limit_transfers()
    waiting = transfer(budget, "200", user=organizer, role=Role.ORGANIZER, account=account)
    decide(waiting, user=organizer, role=Role.ORGANIZER, account=account, approve=False)
    assert (fresh(waiting).status, fresh(waiting).decided_by) == ("rejected", organizer)


def test_approving_looks_at_what_is_available_again(account, owner, manager, budget):
    limit_transfers()
    waiting = transfer(budget, "500", user=owner, account=account)
    spend(budget, "Catering", committed="200")
    with pytest.raises(TransferExceedsAvailable) as refusal, transaction.atomic():
        decide(waiting, user=manager, role=Role.MANAGER, account=account)
    assert str(refusal.value) == "Catering has 400.00 CAD available: no more than that can be moved."
    assert (fresh(waiting).status, planned(budget)) == ("pending", UNTOUCHED)


def test_another_budgets_transfer_is_none_of_this_one(account, owner, manager, budget):
    limit_transfers()
    waiting = transfer(make_approved(account, owner, manager), "5", user=owner, account=account)
    waiting.budget_id = budget.pk
    with pytest.raises(TransferNotFound), transaction.atomic():
        decide(waiting, user=manager, role=Role.MANAGER, account=account)
    with pytest.raises(TransferNotFound), transaction.atomic():
        reverse(waiting, user=manager, account=account)


@pytest.mark.parametrize("ends_by", ["revise", "finalize"])
def test_what_waits_lapses_when_the_budget_is_revised_or_closed(account, owner, manager, ends_by):
    budget = make_approved(account, owner, manager, active=True)
    spend(budget, "Catering", actual="450")
    spend(budget, "Hall", actual="450")
    transfer(budget, "10", user=owner, account=account)
    limit_transfers()
    waiting = [transfer(budget, amount, user=owner, account=account) for amount in ("20", "30")]
    other = transfer(make_approved(account, owner, manager), "20", user=owner, account=account)

    move(budget, ends_by, user=owner, role=Role.OWNER, account=account, reason="Rain")

    assert [fresh(found).status for found in waiting] == ["lapsed", "lapsed"]
    assert fresh(other).status == "pending"
    assert BudgetTransfer.objects.filter(budget=budget, status="done").count() == 1
    assert OutboxEvent.objects.get(kind="budget.transfers_lapsed").payload["count"] == 2
    with pytest.raises(TransferDecided) as refusal, transaction.atomic():
        decide(waiting[0], user=manager, role=Role.MANAGER, account=account)
    assert "has lapsed" in str(refusal.value)


def test_activating_lets_what_waits_wait(account, owner, manager, budget):
    limit_transfers()
    waiting = transfer(budget, "20", user=owner, account=account)
    move(budget, "activate", user=owner, role=Role.OWNER, account=account)
    assert decide(waiting, user=manager, role=Role.MANAGER, account=account).status == "done"


# --- Taking back ------------------------------------------------------------------------------------------------------


def test_a_transfer_is_taken_back_by_another_the_other_way(account, owner, budget):
    made = transfer(budget, "200", user=owner, account=account)

    back = reverse(made, user=owner, account=account)

    assert (back.reverses_id, back.status, back.amount) == (made.pk, "done", 200)
    assert (back.from_line_id, back.to_line_id) == (made.to_line_id, made.from_line_id)
    assert (back.version, fresh(made).status) == (made.version + 1, "done")
    assert planned(budget) == UNTOUCHED
    assert set(BudgetLineItem.objects.filter(budget=budget).values_list("transferred_amount", flat=True)) == {0}
    assert verify_ledger() == []


def test_it_is_taken_back_once_and_for_all(account, owner, budget):
    made = transfer(budget, "200", user=owner, account=account)
    back = reverse(made, user=owner, account=account)
    with pytest.raises(AlreadyReversed) as refusal, transaction.atomic():
        reverse(made, user=owner, account=account)
    assert refusal.value.reversed_by == str(back.pk)
    assert "taken back already" in str(refusal.value)
    with pytest.raises(NothingToReverse), transaction.atomic():
        reverse(back, user=owner, account=account)
    assert planned(budget) == UNTOUCHED


def test_taking_back_never_takes_more_than_is_left(account, owner, budget):
    made = transfer(budget, "200", user=owner, account=account)
    spend(budget, "Hall", committed="300", actual="100")
    with pytest.raises(TransferExceedsAvailable) as refusal, transaction.atomic():
        reverse(made, user=owner, account=account)
    assert str(refusal.value) == "Hall has 100.00 CAD available: no more than that can be moved."
    assert planned(budget) == {"Catering": 400, "Hall": 500}


def test_taking_back_is_under_the_same_rules(account, owner, manager, budget):
    made = transfer(budget, "200", user=owner, account=account)
    limit_transfers(above="100")
    back = reverse(made, user=owner, account=account)
    assert (back.status, back.needs_role) == ("pending", "manager")
    with pytest.raises(AlreadyReversed) as refusal, transaction.atomic():
        reverse(made, user=owner, account=account)
    assert "waits for approval already" in str(refusal.value)

    decide(back, user=manager, role=Role.MANAGER, account=account, approve=False, reason="Keep it there")
    again = reverse(made, user=owner, account=account)
    decide(again, user=manager, role=Role.MANAGER, account=account)

    assert planned(budget) == UNTOUCHED


def test_what_moved_nothing_is_not_taken_back(account, owner, manager, budget):
    limit_transfers()
    waiting = transfer(budget, "200", user=owner, account=account)
    for _status in ("pending", "rejected"):
        with pytest.raises(NothingToReverse), transaction.atomic():
            reverse(waiting, user=owner, account=account)
        if _status == "pending":
            decide(waiting, user=manager, role=Role.MANAGER, account=account, approve=False, reason="No")


def test_after_a_revision_the_approved_amounts_stand(account, owner, manager, budget):
    made = transfer(budget, "200", user=owner, account=account)
    move(budget, "revise", user=owner, role=Role.OWNER, account=account, reason="Rain")
    line = line_of(budget, "Hall")
    update_line_item(
        budget_id=budget.pk,
        line_item_id=line.pk,
        version=line.version,
        acting_user=owner,
        budgeted_amount=Decimal(450),
    )
    approve(budget, account, owner, manager)
    with pytest.raises(RevisedSince), transaction.atomic():
        reverse(made, user=owner, account=account)
    assert planned(budget) == {"Catering": 400, "Hall": 450}


def test_taking_back_has_a_reason_and_a_version(account, owner, budget):
    made = transfer(budget, "200", user=owner, account=account)
    with pytest.raises(ReasonRequired), transaction.atomic():
        reverse(made, user=owner, account=account, reason=" ")
    with pytest.raises(StaleVersion), transaction.atomic():
        reverse(made, user=owner, account=account, version=made.version - 1)
    with pytest.raises(TransferNotAllowed), transaction.atomic():
        reverse(made, user=owner, account=account, role=Role.CLIENT)
    assert planned(budget) == {"Catering": 400, "Hall": 500}


def test_a_strangers_transfer_is_not_there(account, owner, other_account, budget):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        second = make_member(other_account, Role.MANAGER).user
        theirs = transfer(make_approved(other_account, rival, second), "5", user=rival, account=other_account)
    theirs.budget_id = budget.pk
    with pytest.raises(TransferNotFound), transaction.atomic():
        reverse(theirs, user=owner, account=account)
    with pytest.raises(TransferNotFound), transaction.atomic():
        decide(theirs, user=owner, role=Role.OWNER, account=account)
    with tenant_scope(other_account.pk):
        assert fresh(theirs).status == "done"
