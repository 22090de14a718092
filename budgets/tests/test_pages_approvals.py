"""The inbox of approvals, the pages of a submitted plan's stages, and the approval rules."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from budgets.models import ApprovalRule, Category, EventBudget
from budgets.selectors.standing import standing_of
from budgets.services.approval_rules import create_approval_rule
from budgets.services.event_budget import update_event_budget
from budgets.tests.pages import address, browser, words
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, move
from budgetsite.testing.people import make_member

INBOX = "budgets:approvals"
RULES = "budgets:approval_rules"


@pytest.fixture
def two_stages(account, owner):
    create_approval_rule(acting_user=owner, role="manager", currency="CAD")
    create_approval_rule(acting_user=owner, role="owner", stage=2, above_amount=Decimal(10000), currency="CAD")


def submitted(account, user, role, name, total="12000"):
    budget = make_budget(account, user, total=total, event=make_event(account, user, name=name))
    return move(budget, "submit", user=user, role=role, account=account)


def since(budget, days):
    """Let a budget have waited so long."""
    EventBudget.objects.filter(pk=budget.pk).update(awaiting_since=datetime.now(UTC) - timedelta(days=days, hours=1))


def inbox(client, **query):
    page = client.get(reverse(INBOX), query)
    found = {
        whose: [waiting.budget.event.name for waiting in section.waiting]
        for whose, section in page.context["inbox"].items()
    }
    return page, found


def test_the_inbox_tells_mine_others_and_own_apart(account, owner, manager, organizer, other_account, two_stages):
    since(submitted(account, organizer, Role.ORGANIZER, "For a manager"), 3)
    for_owner = submitted(account, organizer, Role.ORGANIZER, "For an owner")
    move(for_owner, "approve", user=manager, role=Role.MANAGER, account=account)
    submitted(account, manager, Role.MANAGER, "Own")
    make_budget(account, organizer)
    with tenant_scope(other_account.pk):
        submitted(other_account, make_member(other_account, Role.OWNER).user, Role.OWNER, "Rival")

    page, found = inbox(browser(manager, account))

    assert found == {"mine": ["For a manager"], "others": ["For an owner"], "own": ["Own"]}
    text = words(page)
    assert "1 budget waits for you." in text
    assert "Stage 1 of 2: it has waited for you for 3 days." in text
    assert f"Stage 2 of 2: it has waited for an owner ({owner}) for less than an hour, because of a total above" in text
    assert str(page.context["approvals_waiting"]()) == "1"
    # An owner may take every stage that nobody took before them.
    _, of_owner = inbox(browser(owner, account))
    assert of_owner == {"mine": ["For a manager", "For an owner", "Own"], "others": [], "own": []}


def test_who_took_a_stage_sees_the_rest_wait_for_others(account, owner, organizer, two_stages):
    budget = submitted(account, organizer, Role.ORGANIZER, "Gala")
    move(budget, "approve", user=owner, role=Role.OWNER, account=account)
    page, found = inbox(browser(owner, account))
    assert found == {"mine": [], "others": ["Gala"], "own": []}
    assert str(page.context["approvals_waiting"]()) == "0"
    assert "Nobody in this account may take it." in words(page)
    assert (
        address("move", budget, "approve")
        not in browser(owner, account).get(address("detail", budget)).content.decode()
    )


def test_an_organizer_sees_where_their_submissions_stand(account, manager, organizer):
    since(submitted(account, organizer, Role.ORGANIZER, "Gala", total="500"), 1)
    submitted(account, manager, Role.MANAGER, "Somebody else's")
    page, found = inbox(browser(organizer, account))
    assert found == {"mine": [], "others": [], "own": ["Gala"]}
    assert f"It has waited for a manager or an owner ({manager}) for 1 day." in words(page)
    assert b"Approve<" not in page.content


def test_a_revision_says_how_much_it_differs_from_the_plan_in_force(account, manager, organizer):
    budget = submitted(account, organizer, Role.ORGANIZER, "Gala", total="500")
    move(budget, "approve", user=manager, role=Role.MANAGER, account=account)
    move(budget, "revise", user=organizer, role=Role.ORGANIZER, account=account, reason="More guests")
    version = EventBudget.objects.get().version
    update_event_budget(budget_id=budget.pk, version=version, acting_user=organizer, total_budget_amount=Decimal("450"))
    move(budget, "submit", user=organizer, role=Role.ORGANIZER, account=account)
    page, _ = inbox(browser(manager, account))
    assert "450.00 CAD revision 2: -50.00 against the plan in force" in words(page).replace("−", "-")
    assert "500.00 CAD are in force until it is approved." in words(
        browser(manager, account).get(address("move", budget, "approve"))
    )


def test_the_inbox_is_narrowed_by_event_role_and_time(account, owner, manager, organizer, two_stages):
    since(submitted(account, organizer, Role.ORGANIZER, "Winter gala"), 5)
    second = submitted(account, organizer, Role.ORGANIZER, "Summer gala")
    move(second, "approve", user=manager, role=Role.MANAGER, account=account)
    client = browser(owner, account)
    assert inbox(client, search="winter")[1]["mine"] == ["Winter gala"]
    assert inbox(client, role="owner")[1]["mine"] == ["Summer gala"]
    assert inbox(client, late="on")[1]["mine"] == ["Winter gala"]
    assert inbox(client, role="nonsense")[1]["mine"] == ["Winter gala", "Summer gala"]
    nothing, _ = inbox(client, search="spring")
    assert "Nothing in review fits" in words(nothing)


def test_a_long_inbox_is_paged_the_longest_waiting_first(account, manager, organizer):
    for number in range(27):
        since(submitted(account, organizer, Role.ORGANIZER, f"Gala {number}", total="500"), 40 - number)
    client = browser(manager, account)
    overview, found = inbox(client)
    assert found["mine"] == [f"Gala {number}" for number in range(10)]
    first = client.get(reverse(INBOX) + overview.context["inbox"]["mine"].more_url)
    second = client.get(reverse(INBOX) + first.context["inbox"]["mine"].more_url)
    shown = [w.budget.event.name for page in (first, second) for w in page.context["inbox"]["mine"].waiting]
    assert shown == [f"Gala {number}" for number in range(27)]
    assert second.context["inbox"]["mine"].more_url == ""


def test_the_inbox_takes_the_same_statements_for_any_number(
    account, manager, organizer, two_stages, django_assert_max_num_queries
):
    client = browser(manager, account)
    for number in range(8):
        submitted(account, organizer, Role.ORGANIZER, f"Gala {number}")
    with django_assert_max_num_queries(16):
        client.get(reverse(INBOX))


def test_an_owner_is_warned_before_nobody_is_left_for_a_later_stage(account, owner, manager, organizer, two_stages):
    budget = submitted(account, organizer, Role.ORGANIZER, "Gala")
    asked = words(browser(owner, account).get(address("move", budget, "approve")))
    assert "Nobody would be left for stage 2" in asked
    assert f"Leave this one to {manager}." in asked
    assert "Nobody would be left" not in words(browser(manager, account).get(address("move", budget, "approve")))
    make_member(account, Role.OWNER)
    assert "Nobody would be left" not in words(browser(owner, account).get(address("move", budget, "approve")))


def test_submitting_says_what_will_be_asked_and_whether_anybody_is_there(account, owner, manager, two_stages):
    budget = make_budget(account, owner, total="12000")
    text = words(browser(owner, account).get(address("move", budget, "submit")))
    assert "Stage 1: A manager or an owner has to approve it" in text
    assert "Stage 2: An owner has to approve it, because of a total above 10,000.00 CAD." in text
    # The only owner would be the one who submits.
    assert "Nobody would be left for stage 2" in text


def test_a_stage_that_is_not_ones_own_offers_no_button(account, owner, manager, organizer, two_stages):
    budget = submitted(account, organizer, Role.ORGANIZER, "Gala")
    client = browser(manager, account)
    done = client.post(address("move", budget, "approve"), {"version": budget.version}, follow=True)
    assert "Your stage is approved. Stage 2 is for an owner." in words(done)
    page = client.get(address("move", budget, "approve"))
    refused = client.post(address("move", budget, "approve"), {"version": budget.version + 1})
    assert "You have approved stage 1 of this plan already." in words(page)
    assert b'name="version"' not in page.content
    assert refused.status_code == 409
    assert EventBudget.objects.get().awaiting_stage == 2


def test_a_move_that_is_not_possible_says_which_are_and_whose(account, manager, organizer):
    budget = submitted(account, organizer, Role.ORGANIZER, "Gala")
    text = words(browser(organizer, account).get(address("move", budget, "activate")))
    assert "Possible now: approve (owner or manager), reject (owner or manager)." in text


def test_the_budgets_page_says_where_the_plan_stands(account, owner, manager, organizer, two_stages):
    budget = submitted(account, organizer, Role.ORGANIZER, "Gala")
    budget = move(budget, "approve", user=manager, role=Role.MANAGER, account=account)
    standing = standing_of(budget, account=account)
    assert [(stage.number, stage.state) for stage in standing.stages] == [(1, "done"), (2, "current")]
    assert (standing.who_next, standing.unmanned) == (str(owner), [])
    text = words(browser(organizer, account).get(address("detail", budget)))
    assert "Where the plan stands" in text
    assert f"An owner waiting for less than an hour: {owner} because of a total above 10,000.00 CAD" in text


def test_rules_are_read_as_sentences_and_tried(account, owner, two_stages):
    create_approval_rule(
        acting_user=owner, role="manager", subject="transfer", above_amount=Decimal(500), currency="CAD"
    )
    client = browser(owner, account)
    text = words(client.get(reverse(RULES)))
    assert "Stage 1: a manager or an owner, for every plan" in text
    assert "Stage 2: an owner, for a total above 10,000.00 CAD" in text
    assert "A manager or an owner, for a transfer above 500.00 CAD" in text
    tried = words(client.get(reverse(RULES), {"total": "10,000.01", "currency": "CAD"}))
    assert "A budget of 10,000.01 CAD would need a manager or an owner, then an owner ." in tried
    exactly = words(client.get(reverse(RULES), {"total": "10000", "currency": "CAD"}))
    assert "A budget of 10,000.00 CAD would need a manager or an owner ." in exactly


def test_without_rules_the_page_says_what_holds_then(account, owner):
    text = words(browser(owner, account).get(reverse(RULES)))
    assert "No rule yet: every plan needs one approval, by a manager or an owner." in text
    assert "No rule: a transfer between two lines of an approved plan is carried out at once." in text


def test_an_owner_makes_changes_and_removes_a_rule(account, owner):
    client = browser(owner, account)
    category = Category.objects.get(name="Entertainment")
    typed = {
        "subject": "plan",
        "above_amount": "5,000",
        "currency": "CAD",
        "category": str(category.pk),
        "role": "owner",
        "stage": "2",
    }
    made = client.post(reverse("budgets:approval_rule_create"), typed, follow=True)
    assert "Stage 2: an owner, for any line of Entertainment above 5,000.00 CAD: from now on." in words(made)
    rule = ApprovalRule.objects.get()
    twice = client.post(reverse("budgets:approval_rule_create"), typed)
    assert twice.status_code == 422
    assert "There is a rule that says exactly this already." in words(twice)

    edit = reverse("budgets:approval_rule_edit", args=[rule.pk])
    assert 'value="5,000.00"' in client.get(edit).content.decode()
    client.post(edit, {**typed, "above_amount": "", "category": ""})
    rule.refresh_from_db()
    assert (rule.above_amount, rule.category_id) == (0, None)
    wrong = client.post(edit, {**typed, "above_amount": "1.5", "currency": "JPY"})
    assert wrong.status_code == 422
    assert list(wrong.context["form"].errors) == ["above_amount"]

    remove = reverse("budgets:approval_rule_remove", args=[rule.pk])
    assert "What is in review already keeps its stages." in words(client.get(remove))
    client.post(remove)
    assert not ApprovalRule.objects.exists()


@pytest.mark.parametrize("role", [Role.MANAGER, Role.STAFF])
def test_others_read_the_rules_and_change_nothing(account, two_stages, role):
    client = browser(make_member(account, role).user, account)
    rule = ApprovalRule.objects.first()
    page = client.get(reverse(RULES))
    assert page.status_code == 200
    assert reverse("budgets:approval_rule_create") not in page.content.decode()
    for name, args in (("create", []), ("edit", [rule.pk]), ("remove", [rule.pk])):
        assert client.post(reverse(f"budgets:approval_rule_{name}", args=args), {}).status_code == 403
    assert ApprovalRule.objects.count() == 2


def test_a_strangers_rule_is_not_there(account, owner, other_account):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        rule = create_approval_rule(acting_user=rival, role="owner", currency="EUR")
    client = browser(owner, account)
    for name in ("edit", "remove"):
        assert client.post(reverse(f"budgets:approval_rule_{name}", args=[rule.pk]), {}).status_code == 404
    assert "Stage 1" not in words(client.get(reverse(RULES)))
