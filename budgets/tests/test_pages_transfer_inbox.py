"""Transfers that wait: counted in the navigation, shown in the approval inbox and on the first page."""

import pytest
from django.urls import reverse

from budgets.models import EventBudget
from budgets.selectors.transfers import transfers_waiting
from budgets.tests.pages import browser, words
from budgets.tests.test_transfers import spend
from budgets.tests.transfers import limit_transfers, make_approved, transfer
from budgetsite.accounts.roles import Role
from budgetsite.pages.navigation import shell_facts
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import make_member


@pytest.fixture
def budget(account, owner, manager) -> EventBudget:
    return make_approved(account, owner, manager)


def counted(account, user, role):
    return shell_facts(account=account, user_id=user.pk, role=role)["transfers_waiting"]


def test_what_waits_is_counted_for_whom_it_waits(account, owner, manager, staff, other_account, budget):
    limit_transfers(role=Role.OWNER)
    for_owner = transfer(budget, "20", user=manager, role=Role.MANAGER, account=account)
    own = transfer(budget, "30", user=owner, account=account)
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        second = make_member(other_account, Role.MANAGER).user
        limit_transfers()
        transfer(make_approved(other_account, rival, second), "5", user=rival, account=other_account)

    waits_for_owner = transfers_waiting(account=account, user_id=owner.pk, role=Role.OWNER)
    assert ([found.pk for found in waits_for_owner.to_decide], [found.pk for found in waits_for_owner.own]) == (
        [for_owner.pk],
        [own.pk],
    )
    waits_for_manager = transfers_waiting(account=account, user_id=manager.pk, role=Role.MANAGER)
    assert ([found.pk for found in waits_for_manager.to_decide], [found.pk for found in waits_for_manager.own]) == (
        [],
        [for_owner.pk],
    )
    assert counted(account, owner, Role.OWNER) == 1
    assert counted(account, manager, Role.MANAGER) == 0
    assert counted(account, staff, Role.STAFF) == 0
    account.four_eyes = False
    account.save()
    assert counted(account, owner, Role.OWNER) == 2
    assert len(transfers_waiting(account=account, user_id=owner.pk, role=Role.OWNER).to_decide) == 2


def test_the_inbox_and_the_home_page_show_what_waits(account, owner, manager, organizer, budget):
    limit_transfers()
    budget.event.organizer = organizer
    budget.event.save()
    waiting = transfer(budget, "20", user=organizer, role=Role.ORGANIZER, account=account, reason="Dearer flowers")
    own = transfer(budget, "30", user=manager, role=Role.MANAGER, account=account)
    client = browser(manager, account)

    inbox, home = client.get(reverse("budgets:approvals")), client.get("/")

    assert "1 transfer between lines waits for you." in words(inbox)
    assert "20.00 CAD from “Catering” to “Hall” “Dearer flowers” Asked for by The organizer" in words(inbox)
    html = inbox.content.decode()
    assert f"{reverse('budgets:transfer_step', args=[budget.pk, waiting.pk, 'approve'])}?inbox" in html
    assert f"{reverse('budgets:transfer_step', args=[budget.pk, own.pk, 'withdraw'])}?inbox" in html
    assert "All decided" not in words(inbox)
    assert "Waiting for you: 1 transfer to approve." in words(home)
    assert "20.00 CAD from “Catering” to “Hall”" in words(home)
    assert "30.00 CAD" not in words(home)
    # Whoever asked sees it there too, and may withdraw it.
    theirs = words(browser(organizer, account).get(reverse("budgets:approvals")))
    assert "Your transfers, waiting for somebody else" in theirs

    # Opening or closing the plan ends both.
    for action in ("revise", "finalize"):
        asked = words(client.get(reverse("budgets:move", args=[budget.pk, action])))
        assert "2 transfers between lines still wait for approval and lapse: no money is moved." in asked

    step = f"{reverse('budgets:transfer_step', args=[budget.pk, waiting.pk, 'approve'])}?inbox"
    assert client.post(step, {"reason": ""}).headers["Location"] == reverse("budgets:approvals")
    assert "Nothing waits for you." in words(client.get(reverse("budgets:approvals")))


def test_the_inbox_says_when_the_money_is_gone(account, owner, manager, budget):
    limit_transfers()
    transfer(budget, "500", user=owner, account=account)
    spend(budget, "Catering", committed="450")
    said = words(browser(manager, account).get(reverse("budgets:approvals")))
    assert "“Catering” has 150.00 CAD available by now: too little." in said
