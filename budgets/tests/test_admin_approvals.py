"""Approvals in the back office: whose turn it is, stages on the pages of moves, and the rules."""

from decimal import Decimal

import pytest
from django.urls import reverse

from budgets.models import ApprovalRule, Category, EventBudget
from budgets.services.approval_rules import create_approval_rule
from budgets.tests.pages import browser, words
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget, make_event, move
from budgetsite.testing.people import make_member

LIST = "admin:budgets_eventbudget_changelist"
RULES = "admin:budgets_approvalrule_changelist"


@pytest.fixture
def two_stages(account, owner):
    create_approval_rule(acting_user=owner, role="manager", currency="CAD")
    create_approval_rule(acting_user=owner, role="owner", stage=2, above_amount=Decimal(10000), currency="CAD")


@pytest.fixture
def budgets(account, staff, manager, two_stages):
    """One that waits for a manager, one for an owner, one draft."""
    made = [
        make_budget(account, staff, total="12000", event=make_event(account, staff, name=name))
        for name in ("First gala", "Second gala", "Draft gala")
    ]
    for budget in made[:2]:
        move(budget, "submit", user=staff, role=Role.STAFF, account=account)
    move(made[1], "approve", user=manager, role=Role.MANAGER, account=account)
    return [EventBudget.objects.get(pk=budget.pk) for budget in made]


def step(budget, name="approve"):
    return reverse(f"admin:budgets_eventbudget_{name}_budget", args=[budget.pk])


def names(page):
    return {budget.event.name for budget in page.context["cl"].result_list}


def test_the_list_says_whose_turn_it_is_and_is_narrowed_by_it(account, owner, manager, budgets):
    client = browser(manager, account)
    everything = client.get(reverse(LIST))
    assert "Stage 1: manager for less than an hour" in words(everything)
    assert "Stage 2: owner for less than an hour" in words(everything)
    assert names(everything) == {"First gala", "Second gala", "Draft gala"}
    assert names(client.get(reverse(LIST), {"waits_for": "manager"})) == {"First gala"}
    assert names(client.get(reverse(LIST), {"waits_for": "owner"})) == {"Second gala"}
    assert names(client.get(reverse(LIST), {"waits_for": "me"})) == {"First gala"}
    assert names(browser(owner, account).get(reverse(LIST), {"waits_for": "me"})) == {"First gala", "Second gala"}


def test_the_start_page_tells_what_waits_for_me_from_what_waits_for_others(account, manager, budgets):
    page = browser(manager, account).get(reverse("admin:index"))
    rows = {panel.title: [row.title for row in panel.rows] for panel in page.context["panels"]}
    assert rows["Budgets to approve"] == ["First gala"]
    assert rows["Budgets that wait for others"] == ["Second gala"]
    assert "Stage 1 of 2. Submitted by" in words(page)
    assert "Stage 2: an owner, for less than an hour" in words(page)


def test_a_stage_is_taken_with_its_consequence_first(account, manager, budgets):
    first = budgets[0]
    client = browser(manager, account)
    asked = words(client.get(step(first)))
    assert (
        "This is stage 1 of 2. Then it waits for an owner, because of a total above 10,000.00 CAD; "
        "nothing is in force before."
    ) in asked
    done = client.post(step(first), {"version": first.version}, follow=True)
    assert "passed a stage; stage 2 is for an owner" in words(done)
    assert EventBudget.objects.get(pk=first.pk).awaiting_stage == 2
    assert f"approved by {manager}" in words(done)

    again = client.get(step(first))
    assert "You have approved stage 1 of this plan already." in words(again)
    decisions = words(client.get(reverse("admin:budgets_budgetdecision_changelist")))
    assert "Approved stage 1" in decisions


def test_an_owner_is_warned_before_nobody_is_left(account, owner, budgets):
    client = browser(owner, account)
    assert "Nobody would be left for stage 2, which is for an owner" in words(client.get(step(budgets[0])))
    assert "Nobody would be left" not in words(client.get(step(budgets[1])))
    last = client.post(step(budgets[1]), {"version": budgets[1].version}, follow=True)
    assert "was approved" in words(last)


def test_a_manager_does_not_take_the_owners_stage(account, budgets):
    other = make_member(account, Role.MANAGER).user
    refused = browser(other, account).post(step(budgets[1]), {"version": budgets[1].version})
    assert refused.status_code == 409
    assert "Stage 2 of 2 is for the account's owner to decide" in words(refused)
    assert EventBudget.objects.get(pk=budgets[1].pk).status == "review"


def test_owners_keep_the_rules(account, owner, manager):
    client = browser(owner, account)
    category = Category.objects.get(name="Entertainment")
    typed = {
        "subject": "plan",
        "stage": "2",
        "role": "owner",
        "above_amount": "5000",
        "currency": "CAD",
        "category": str(category.pk),
    }
    client.post(reverse("admin:budgets_approvalrule_add"), typed)
    rule = ApprovalRule.objects.get()
    assert "Stage 2: an owner, for any line of Entertainment above 5,000.00 CAD" in words(client.get(reverse(RULES)))

    change = reverse("admin:budgets_approvalrule_change", args=[rule.pk])
    wrong = client.post(change, {**typed, "stage": "9"})
    assert wrong.context["adminform"].form.errors == {"stage": ["Give a stage from 1 to 5."]}
    client.post(change, {**typed, "above_amount": "", "category": ""})
    rule.refresh_from_db()
    assert (rule.above_amount, rule.category_id, rule.stage) == (0, None, 2)

    by_manager = browser(manager, account)
    assert by_manager.post(change, {**typed, "role": "manager"}).status_code == 403
    delete = reverse("admin:budgets_approvalrule_delete", args=[rule.pk])
    assert by_manager.post(delete).status_code == 403
    assert "What is in review already keeps its stages." in words(client.get(delete))
    client.post(delete)
    assert not ApprovalRule.objects.exists()
