"""The staff's pages for transfers: read, and decided by whoever may."""

import pytest
from django.urls import reverse

from budgets.models import BudgetTransfer
from budgets.services.line_item import delete_line_item
from budgets.tests.test_transfers import spend
from budgets.tests.transfers import NOW, limit_transfers, line_of, make_approved, planned, transfer
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import move
from budgetsite.testing.people import sign_in

LIST = "admin:budgets_budgettransfer_changelist"
NOTHING_MOVED = {"Catering": 600, "Hall": 300}


@pytest.fixture
def budget(account, owner, manager):
    return make_approved(account, owner, manager)


@pytest.fixture
def waiting(account, owner, budget):
    limit_transfers()
    return transfer(budget, "200", user=owner, account=account, reason="Fewer guests")


def at(name, found):
    return reverse(f"admin:budgets_budgettransfer_{name}", args=[found.pk])


def status_of(found):
    return BudgetTransfer.objects.get(pk=found.pk).status


def test_the_list_and_the_page_tell_what_was_moved(account, owner, manager, staff, budget):
    made = transfer(budget, "200", user=owner, account=account, reason="Fewer guests")
    client = sign_in(staff, account)
    listed = client.get(reverse(LIST)).content.decode()
    shown = client.get(at("change", made)).content.decode()
    for page in (listed, shown):
        assert "Catering → Hall" in page
        assert "200.00" in page
        assert "Fewer guests" in page
        assert "Done" in page
    assert client.get(reverse(LIST), {"status__exact": "pending"}).context["cl"].result_count == 0
    assert client.get(reverse("admin:budgets_budgettransfer_add")).status_code == 403
    assert client.post(at("change", made), {"amount": "1"}).status_code == 403
    assert planned(budget) == {"Catering": 400, "Hall": 500}


def test_somebody_else_approves_with_a_comment(account, manager, budget, waiting):
    client = sign_in(manager, account)
    asked = client.get(at("approve_transfer", waiting))
    assert "Catering: CA$600.00 available now" in asked.content.decode()
    assert status_of(waiting) == "pending"

    first = client.post(at("approve_transfer", waiting), {"reason": "Agreed"})
    second = client.post(at("approve_transfer", waiting), {"reason": "Agreed"})

    assert (first.status_code, second.status_code) == (302, 409)
    found = BudgetTransfer.objects.get(pk=waiting.pk)
    assert (found.status, found.decided_by, found.decision_reason) == ("done", manager, "Agreed")
    assert planned(budget) == {"Catering": 400, "Hall": 500}
    assert b"This transfer was approved already" in second.content


def test_rejecting_needs_a_reason(account, manager, budget, waiting):
    client = sign_in(manager, account)
    assert client.post(at("reject_transfer", waiting), {"reason": " "}).status_code == 400
    assert status_of(waiting) == "pending"
    assert client.post(at("reject_transfer", waiting), {"reason": "Too early"}).status_code == 302
    assert (status_of(waiting), planned(budget)) == ("rejected", NOTHING_MOVED)


def test_who_may_not_decide_is_offered_nothing_and_refused(account, owner, staff, budget, waiting):
    own = sign_in(owner, account)
    assert at("approve_transfer", waiting) not in own.get(at("change", waiting)).content.decode()
    refused = own.post(at("approve_transfer", waiting), {"reason": ""})
    assert refused.status_code == 409
    assert b"Someone else has to approve it." in refused.content
    assert sign_in(staff, account).post(at("approve_transfer", waiting), {"reason": ""}).status_code == 403
    assert (status_of(waiting), planned(budget)) == ("pending", NOTHING_MOVED)


def test_a_manager_is_told_that_an_owner_decides(account, owner, manager, budget):
    limit_transfers(role=Role.OWNER)
    found = transfer(budget, "200", user=owner, account=account)
    refused = sign_in(manager, account).post(at("approve_transfer", found), {"reason": ""})
    assert (refused.status_code, status_of(found)) == (409, "pending")
    assert b"Only the account&#x27;s owner may do this." in refused.content


def test_several_are_approved_and_each_refusal_is_told(account, owner, manager, budget, waiting):
    second = transfer(budget, "600", user=owner, account=account)
    client = sign_in(manager, account)
    rows = [str(waiting.pk), str(second.pk)]
    asked = client.post(reverse(LIST), {"action": "approve_rows", "_selected_action": rows})
    assert (asked.status_code, status_of(waiting)) == (200, "pending")

    done = client.post(
        reverse(LIST),
        {"action": "approve_rows", "_selected_action": rows, "confirmed": "yes", "reason": ""},
        follow=True,
    )

    said = [str(message) for message in done.context["messages"]]
    assert said[0] == "1 approved."
    assert " available" in said[1]
    assert sorted([status_of(waiting), status_of(second)]) == ["done", "pending"]


def test_a_line_removed_since_keeps_its_transfer_in_the_list(account, owner, budget):
    made = transfer(budget, "600", user=owner, account=account)
    move(budget, "revise", user=owner, role=Role.OWNER, account=account, reason="Rain")
    delete_line_item(budget_id=budget.pk, line_item_id=line_of(budget, "Catering").pk, acting_user=owner, now=NOW)
    client = sign_in(owner, account)
    assert "Catering → Hall" in client.get(reverse(LIST)).content.decode()
    assert "Catering → Hall" in client.get(at("change", made)).content.decode()


def test_the_start_page_shows_what_waits_for_the_reader(account, owner, manager, budget, waiting):
    spend(budget, "Hall", actual="10")
    assert "Transfers to approve" in sign_in(manager, account).get(reverse("admin:index")).content.decode()
    assert "Transfers to approve" not in sign_in(owner, account).get(reverse("admin:index")).content.decode()
