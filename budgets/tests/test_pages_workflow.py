from decimal import Decimal
from re import findall

import pytest

from budgets.models import BudgetDecision, EventBudget
from budgets.services.event_budget import update_event_budget
from budgets.tests.pages import address, browser, words
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_line, move
from budgetsite.testing.people import make_member


def confirm(client, budget, action, **typed):
    version = EventBudget.objects.get(pk=budget.pk).version
    return client.post(address("move", budget, action), {"version": version, **typed})


def status_of(budget):
    return EventBudget.objects.get(pk=budget.pk).status


def in_review(account, organizer):
    budget = make_budget(account, organizer)
    return move(budget, "submit", user=organizer, role=Role.ORGANIZER, account=account)


def test_a_budget_goes_from_draft_to_archive_over_its_pages(account, owner, organizer, manager):
    budget = make_budget(account, organizer)
    make_line(budget, organizer, budgeted_amount="10000", actual_amount="9500")
    for action, user, becomes in (
        ("submit", organizer, "review"),
        ("approve", manager, "approved"),
        ("activate", organizer, "active"),
        ("finalize", manager, "finalized"),
        ("archive", owner, "archived"),
    ):
        response = confirm(browser(user, account), budget, action)
        assert response.status_code == 302
        assert status_of(budget) == becomes

    actions = BudgetDecision.objects.filter(budget=budget).order_by("version").values_list("action", flat=True)
    assert list(actions) == ["submit", "approve", "activate", "finalize", "archive"]


def test_the_consequences_are_shown_before_and_nothing_moves_by_looking(account, organizer):
    budget = make_budget(account, organizer)

    page = browser(organizer, account).get(address("move", budget, "submit"))

    assert "The plan cannot be changed until it is approved or sent back." in words(page)
    assert status_of(budget) == "draft"


def test_nobody_approves_what_they_submitted(account, manager):
    budget = make_budget(account, manager)
    move(budget, "submit", user=manager, role=Role.MANAGER, account=account)
    client = browser(manager, account)

    page, refused = client.get(address("move", budget, "approve")), confirm(client, budget, "approve")

    assert "Someone else has to approve it." in words(page)
    assert b'name="version"' not in page.content
    assert refused.status_code == 409
    assert status_of(budget) == "review"
    assert address("move", budget, "approve") not in client.get(address("detail", budget)).content.decode()


def test_sending_back_needs_a_reason_which_the_organizer_reads(account, organizer, manager):
    budget = in_review(account, organizer)
    client = browser(manager, account)

    refused = confirm(client, budget, "reject", reason=" ")
    confirm(client, budget, "reject", reason="Halls are cheaper in May")

    assert refused.status_code == 422
    assert refused.context["form"].errors["reason"] == ["Say why: the reason is kept with the budget."]
    assert status_of(budget) == "draft"
    page = words(browser(organizer, account).get(address("detail", budget)))
    assert f"{manager} sent the budget back – “Halls are cheaper in May”" in page


def test_what_changed_while_the_page_was_open_is_looked_at_again(account, organizer):
    budget = make_budget(account, organizer)
    client = browser(organizer, account)
    update_event_budget(budget_id=budget.pk, version=1, acting_user=organizer, total_budget_amount=Decimal(7))

    refused = client.post(address("move", budget, "submit"), {"version": 1})
    again = client.post(address("move", budget, "submit"), {"version": refused.context["form"]["version"].value()})

    assert refused.status_code == 409
    assert "The budget changed while this page was open" in words(refused)
    assert "7.00 CAD" in words(refused)
    assert again.status_code == 302
    assert status_of(budget) == "review"


def test_far_from_the_plan_only_an_owner_finalizes_with_a_reason(account, owner, organizer, manager):
    budget = make_budget(account, organizer)
    for action, user, role in (
        ("submit", organizer, Role.ORGANIZER),
        ("approve", manager, Role.MANAGER),
        ("activate", organizer, Role.ORGANIZER),
    ):
        move(budget, action, user=user, role=role, account=account)

    page = browser(manager, account).get(address("move", budget, "finalize"))
    by_manager = confirm(browser(manager, account), budget, "finalize")
    without_reason = confirm(browser(owner, account), budget, "finalize", override="on")
    assert status_of(budget) == "active"
    by_owner = confirm(browser(owner, account), budget, "finalize", override="on", reason="Cancelled by storm")

    assert "a budget may be finalized within 20% of it" in words(page)
    assert "In this account an owner may do this" in words(page)
    assert by_manager.status_code == 409
    assert without_reason.status_code == 422
    assert by_owner.status_code == 302
    assert status_of(budget) == "finalized"


def test_a_variance_that_is_only_shown_as_the_limit_asks_an_owner_for_the_override(account, owner, organizer, manager):
    budget = make_budget(account, organizer, total="100000")
    make_line(budget, organizer, budgeted_amount="100000", actual_amount="79999")
    for action, user, role in (
        ("submit", organizer, Role.ORGANIZER),
        ("approve", manager, Role.MANAGER),
        ("activate", organizer, Role.ORGANIZER),
    ):
        move(budget, action, user=user, role=role, account=account)

    page = browser(owner, account).get(address("move", budget, "finalize"))
    confirm(browser(owner, account), budget, "finalize", override="on", reason="Cheaper halls")

    assert b'name="override"' in page.content
    assert status_of(budget) == "finalized"


@pytest.mark.parametrize("action", ["approve", "reject", "finalize", "archive"])
def test_an_organizer_is_told_who_decides(account, organizer, action):
    budget = in_review(account, organizer)

    response = confirm(browser(organizer, account), budget, action, reason="Because")

    assert response.status_code == 403
    assert "In this account an owner or manager may do this" in words(response)
    assert status_of(budget) == "review"


def test_a_move_that_the_status_does_not_allow_offers_no_button(account, organizer):
    budget = in_review(account, organizer)
    client = browser(organizer, account)

    page, refused = client.get(address("move", budget, "activate")), confirm(client, budget, "activate")

    assert "A budget that is in review can't be activated." in words(page)
    assert b'name="version"' not in page.content
    assert refused.status_code == 409
    assert client.get(address("move", budget, "juggle")).status_code == 404


def test_a_stranger_moves_nothing(account, organizer, other_account):
    budget = in_review(account, organizer)
    with tenant_scope(other_account.pk):
        stranger = make_member(other_account, Role.OWNER).user

    response = confirm(browser(stranger, other_account), budget, "approve")

    assert response.status_code == 404
    assert status_of(budget) == "review"


def test_an_empty_draft_asks_for_a_line_and_says_why_it_cannot_be_submitted_yet(account, organizer):
    budget = make_budget(account, organizer, total=None)
    client = browser(organizer, account)

    empty = client.get(address("detail", budget))

    html = empty.content.decode()
    moves = html[html.index('id="budget-moves"') :].partition("</div>")[0]
    assert findall(r'class="button button--primary"\s+href="([^"]+)"', moves) == [address("line_add", budget)]
    assert findall(r"<(\w+)[^>]*\bdisabled\b", moves) == ["button"]
    assert "Submit for approval There is nothing to approve yet: add a line, or set a total." in words(empty)
    assert address("move", budget, "submit") not in html

    make_line(budget, organizer)
    planned = client.get(address("detail", budget))

    assert address("move", budget, "submit") in planned.content.decode()
    assert "There is nothing to approve yet" not in words(planned)


def test_an_approved_budgets_page_offers_to_revise_the_plan_once(account, organizer, manager):
    budget = make_budget(account, organizer)
    move(budget, "submit", user=organizer, role=Role.ORGANIZER, account=account)
    move(budget, "approve", user=manager, role=Role.MANAGER, account=account)

    page = browser(organizer, account).get(address("detail", budget)).content.decode()

    assert page.count(f'href="{address("move", budget, "revise")}"') == 1
