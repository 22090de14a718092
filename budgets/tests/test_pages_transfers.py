"""Moving money between lines on the pages: looked at before it happens, decided, taken back, found in the inbox."""

from datetime import timedelta
from decimal import Decimal
from re import findall

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from budgets.models import BudgetTransfer, EventBudget
from budgets.services.line_item import delete_line_item
from budgets.tests.pages import address, browser, words
from budgets.tests.test_transfers import spend
from budgets.tests.transfers import NOW, limit_transfers, line_of, make_approved, planned, transfer
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_line, move
from budgetsite.testing.people import make_member

NOTHING_MOVED = {"Catering": Decimal(600), "Hall": Decimal(300)}


@pytest.fixture
def budget(account, owner, manager) -> EventBudget:
    return make_approved(account, owner, manager)


def typed(budget, **values):
    return {
        "from_line": line_of(budget, "Catering").pk,
        "to_line": line_of(budget, "Hall").pk,
        "amount": "100",
        "reason": "Fewer guests",
        **values,
    }


def hidden(response):
    """The values that the page carries on."""
    inputs = findall(r'<input type="hidden"\s+name="(\w+)"\s+value="([^"]*)"', response.content.decode())
    return {name: value for name, value in inputs if name != "csrfmiddlewaretoken"}


def errors(response):
    return {name: list(found) for name, found in response.context["form"].errors.items()}


def take(client, found, step, **values):
    return client.post(reverse("budgets:transfer_step", args=[found.budget_id, found.pk, step]), values)


def fresh(found):
    return BudgetTransfer.objects.get(pk=found.pk)


# --- Asking -----------------------------------------------------------------------------------------------------------


def test_the_form_shows_what_each_line_has_and_begins_with_the_line_it_was_opened_from(account, owner, budget):
    spend(budget, "Catering", committed="250")
    spend(budget, "Hall", actual="320.50")
    source = line_of(budget, "Catering")

    page = browser(owner, account).get(address("transfer_new", budget), {"from": source.pk})

    html = page.content.decode()
    assert f'<option value="{source.pk}" selected>Catering: 350.00 available</option>' in html
    assert "Hall: nothing available</option>" in html
    assert "Hall: 20.50 over</option>" in html


def test_nothing_is_moved_before_both_lines_were_looked_at(account, owner, budget):
    client = browser(owner, account)
    spend(budget, "Hall", actual="350")

    preview = client.post(address("transfer_new", budget), typed(budget))

    assert preview.status_code == 200
    said = words(preview)
    assert "Move 100.00 CAD?" in said
    assert "Catering 600.00 500.00 600.00 500.00" in said
    assert "Hall 300.00 400.00 −50.00 50.00" in said
    assert planned(budget) == NOTHING_MOVED

    done = client.post(address("transfer_new", budget), {**hidden(preview), "confirm": "1"}, follow=True)

    assert done.redirect_chain == [(address("transfers", budget), 302)]
    assert "100.00 CAD moved from “Catering” to “Hall”." in words(done)
    assert planned(budget) == {"Catering": 500, "Hall": 400}
    assert BudgetTransfer.objects.get().requested_by == owner


def test_change_leads_back_to_the_form_as_it_was_filled_in(account, owner, budget):
    client = browser(owner, account)
    preview = client.post(address("transfer_new", budget), typed(budget, amount="0.5", reason='A "quote" <b>'))
    form = client.post(address("transfer_new", budget), {**hidden(preview), "change": "1"})
    assert form.status_code == 200
    assert 'value="0.50"' in form.content.decode()
    assert planned(budget) == NOTHING_MOVED


@pytest.mark.parametrize(
    ("values", "field", "said"),
    [
        ({"amount": "600.01"}, "amount", "Catering has 600.00 CAD available: no more than that can be moved."),
        ({"amount": "0"}, "amount", "Say how much is moved: an amount above 0."),
        ({"amount": ""}, "amount", "Say how much is moved."),
        ({"amount": "1.0055"}, "amount", "CAD has 2 decimals: write no more than that."),
        ({"reason": " "}, "reason", "Say why: the reason is kept with the budget."),
        ({"from_line": ""}, "from_line", "Choose the line that the money is taken from."),
        ({"to_line": ""}, "to_line", "Choose the line that receives the money."),
    ],
)
def test_what_is_wrong_is_said_at_its_field(account, owner, budget, values, field, said):
    refused = browser(owner, account).post(address("transfer_new", budget), typed(budget, **values))
    assert (refused.status_code, errors(refused)) == (422, {field: [said]})
    assert (planned(budget), BudgetTransfer.objects.count()) == (NOTHING_MOVED, 0)


def test_a_line_gives_nothing_to_itself_and_a_strangers_line_is_no_choice(account, owner, manager, budget):
    client = browser(owner, account)
    other = make_approved(account, owner, manager)
    own = client.post(address("transfer_new", budget), typed(budget, to_line=line_of(budget, "Catering").pk))
    assert "Choose another one to receive it." in errors(own)["to_line"][0]
    stranger = client.post(address("transfer_new", budget), typed(budget, to_line=line_of(other, "Hall").pk))
    assert list(errors(stranger)) == ["to_line"]
    assert planned(budget) == NOTHING_MOVED


def test_what_changed_since_the_preview_is_looked_at_again(account, owner, budget):
    client = browser(owner, account)
    preview = client.post(address("transfer_new", budget), typed(budget))
    transfer(budget, "50", user=owner, account=account)

    stale = client.post(address("transfer_new", budget), {**hidden(preview), "confirm": "1"})

    assert stale.status_code == 409
    assert "The budget changed while this page was open" in words(stale)
    assert "Catering 550.00 450.00" in words(stale)
    assert planned(budget) == {"Catering": 550, "Hall": 350}
    again = client.post(address("transfer_new", budget), {**hidden(stale), "confirm": "1"})
    assert again.status_code == 302
    assert planned(budget) == {"Catering": 450, "Hall": 450}


def test_what_was_promised_since_the_preview_is_said_at_the_amount(account, owner, budget):
    client = browser(owner, account)
    preview = client.post(address("transfer_new", budget), typed(budget))
    spend(budget, "Catering", committed="550")
    refused = client.post(address("transfer_new", budget), {**hidden(preview), "confirm": "1"})
    assert errors(refused) == {"amount": ["Catering has 50.00 CAD available: no more than that can be moved."]}
    assert planned(budget) == NOTHING_MOVED


def test_a_confirmation_without_a_preview_is_a_preview(account, owner, budget):
    page = browser(owner, account).post(address("transfer_new", budget), typed(budget, confirm="1"))
    assert "Nothing is moved yet." in words(page)
    assert planned(budget) == NOTHING_MOVED


def test_where_an_approval_is_needed_it_is_said_before(account, owner, budget):
    limit_transfers(above="50")
    client = browser(owner, account)
    preview = client.post(address("transfer_new", budget), typed(budget))
    assert "This needs an approval" in words(preview)
    assert "Ask the account's manager" in words(preview)

    asked = client.post(address("transfer_new", budget), {**hidden(preview), "confirm": "1"}, follow=True)

    assert "waits for approval by the account's manager." in words(asked)
    assert (planned(budget), BudgetTransfer.objects.get().status) == (NOTHING_MOVED, "pending")


def test_while_the_plan_is_open_the_way_leads_to_its_lines(account, owner):
    budget = make_budget(account, owner)
    make_line(budget, owner)
    answer = browser(owner, account).get(address("transfer_new", budget), follow=True)
    assert answer.redirect_chain == [(address("detail", budget), 302)]
    assert "The plan is a draft: change its lines themselves." in words(answer)


def test_one_line_alone_has_nowhere_to_give(account, owner, manager):
    budget = make_budget(account, owner)
    make_line(budget, owner)
    move(budget, "submit", user=owner, role=Role.OWNER, account=account)
    move(budget, "approve", user=manager, role=Role.MANAGER, account=account)
    assert "There is no second line" in words(browser(owner, account).get(address("transfer_new", budget)))


# --- The list and the steps -------------------------------------------------------------------------------------------


def test_the_list_tells_each_transfer_and_what_may_be_done(account, owner, manager, budget):
    done = transfer(budget, "10", user=owner, account=account, reason="First")
    limit_transfers()
    waiting = transfer(budget, "20", user=owner, account=account, reason="Second", now=NOW + timedelta(minutes=1))

    for_owner = browser(owner, account).get(address("transfers", budget))
    for_manager = browser(manager, account).get(address("transfers", budget))

    rows = for_owner.context["rows"]
    assert [(row.transfer.pk, row.steps) for row in rows] == [(waiting.pk, ["withdraw"]), (done.pk, ["reverse"])]
    assert [row.steps for row in for_manager.context["rows"]] == [["approve", "reject"], ["reverse"]]
    said = words(for_manager)
    assert "20.00 CAD from “Catering” to “Hall” “Second”" in said
    assert "Waits for the account's manager or owner. No money is held." in said


def test_an_empty_list_says_what_transfers_are_for(account, owner, manager):
    budget = make_approved(account, owner, manager)
    assert "Nothing was moved yet" in words(browser(owner, account).get(address("transfers", budget)))
    move(budget, "revise", user=owner, role=Role.OWNER, account=account, reason="Rain")
    said = words(browser(owner, account).get(address("transfers", budget)))
    assert "Before that, change the lines themselves." in said
    assert "Move money" not in said


def test_a_line_that_was_removed_since_keeps_its_place_in_the_list(account, owner, budget):
    transfer(budget, "600", user=owner, account=account)
    move(budget, "revise", user=owner, role=Role.OWNER, account=account, reason="Rain")
    delete_line_item(budget_id=budget.pk, line_item_id=line_of(budget, "Catering").pk, acting_user=owner, now=NOW)
    page = browser(owner, account).get(address("transfers", budget))
    assert "600.00 CAD from “Catering” to “Hall”" in words(page)
    assert page.context["rows"][0].steps == []


def test_approving_shows_both_lines_before(account, owner, manager, budget):
    limit_transfers()
    waiting = transfer(budget, "200", user=owner, account=account)
    client = browser(manager, account)

    page = client.get(reverse("budgets:transfer_step", args=[budget.pk, waiting.pk, "approve"]))
    assert "“Catering” will have 400.00 budgeted and 400.00 available; now it has 600.00 and 600.00." in words(page)
    assert "“Hall” will have 500.00 budgeted" in words(page)
    assert planned(budget) == NOTHING_MOVED

    assert take(client, waiting, "approve", reason="Agreed").status_code == 302
    assert planned(budget) == {"Catering": 400, "Hall": 500}
    listed = words(client.get(address("transfers", budget)))
    assert f"Approved by {manager}" in listed
    assert "– “Agreed”" in listed


def test_nobody_approves_their_own(account, owner, budget):
    limit_transfers()
    waiting = transfer(budget, "200", user=owner, account=account)
    client = browser(owner, account)
    page = client.get(reverse("budgets:transfer_step", args=[budget.pk, waiting.pk, "approve"]))
    assert "There is nothing for you to do here" in words(page)
    assert "<textarea" not in page.content.decode()
    refused = take(client, waiting, "approve")
    assert refused.status_code == 409
    assert "You asked for this transfer. Someone else has to approve it." in words(refused)
    assert (fresh(waiting).status, planned(budget)) == ("pending", NOTHING_MOVED)


def test_approving_what_is_gone_says_what_is_left(account, owner, manager, budget):
    limit_transfers()
    waiting = transfer(budget, "200", user=owner, account=account)
    spend(budget, "Catering", committed="450")
    refused = take(browser(manager, account), waiting, "approve")
    assert refused.status_code == 409
    assert "Catering has 150.00 CAD available: no more than that can be moved." in words(refused)
    assert (fresh(waiting).status, planned(budget)) == ("pending", NOTHING_MOVED)


def test_rejecting_asks_for_a_reason_and_withdrawing_does_not(account, owner, manager, budget):
    limit_transfers()
    first, second = (transfer(budget, "20", user=owner, account=account) for _ in range(2))
    refused = take(browser(manager, account), first, "reject", reason=" ")
    assert (refused.status_code, errors(refused)) == (
        422,
        {"reason": ["Say why: the reason is kept with the budget."]},
    )
    assert take(browser(manager, account), first, "reject", reason="Too early").status_code == 302
    assert take(browser(owner, account), second, "withdraw").status_code == 302
    said = words(browser(owner, account).get(address("transfers", budget)))
    assert f"Rejected by {manager}" in said
    assert "Withdrawn" in said
    assert planned(budget) == NOTHING_MOVED


def test_a_colleague_withdraws_nothing(account, owner, staff, budget):
    limit_transfers()
    waiting = transfer(budget, "20", user=owner, account=account)
    assert take(browser(staff, account), waiting, "reject", reason="No").status_code == 403
    assert take(browser(staff, account), waiting, "approve").status_code == 403
    assert fresh(waiting).status == "pending"


def test_a_transfer_is_taken_back_once(account, owner, budget):
    made = transfer(budget, "200", user=owner, account=account)
    client = browser(owner, account)
    assert errors(take(client, made, "reverse")) == {"reason": ["Say why: the reason is kept with the budget."]}

    done = client.post(
        reverse("budgets:transfer_step", args=[budget.pk, made.pk, "reverse"]), {"reason": "Not needed"}, follow=True
    )

    assert "200.00 CAD moved from “Hall” to “Catering”." in words(done)
    assert planned(budget) == NOTHING_MOVED
    assert "Taken back" in words(done)
    assert "Takes an earlier transfer back" in words(done)
    again = take(client, made, "reverse", reason="Twice")
    assert again.status_code == 409
    assert "This transfer was taken back already." in words(again)


def test_an_unknown_step_or_transfer_is_not_found(account, owner, manager, budget):
    made = transfer(budget, "200", user=owner, account=account)
    other = make_approved(account, owner, manager)
    client = browser(owner, account)
    for where in (
        reverse("budgets:transfer_step", args=[budget.pk, made.pk, "juggle"]),
        reverse("budgets:transfer_step", args=[other.pk, made.pk, "reverse"]),
    ):
        assert client.get(where).status_code == 404
        assert client.post(where, {"reason": "No"}).status_code == 404
    assert planned(budget) == {"Catering": 400, "Hall": 500}


def test_a_stranger_sees_and_moves_nothing(account, owner, other_account, budget):
    made = transfer(budget, "200", user=owner, account=account)
    with tenant_scope(other_account.pk):
        rival = browser(make_member(other_account, Role.OWNER).user, other_account)
    for where in (
        address("transfers", budget),
        address("transfer_new", budget),
        reverse("budgets:transfer_step", args=[budget.pk, made.pk, "reverse"]),
    ):
        assert rival.get(where).status_code == 404
    assert rival.post(address("transfer_new", budget), typed(budget)).status_code == 404
    assert planned(budget) == {"Catering": 400, "Hall": 500}


def test_a_client_has_no_transfers(account, owner, budget):
    client_user = make_member(account, Role.CLIENT).user
    budget.event.client = client_user
    budget.event.save()
    client = browser(client_user, account)
    page = client.get(address("detail", budget))
    assert address("transfers", budget) not in page.content.decode()
    assert client.get(address("transfers", budget)).status_code == 403
    assert client.get(address("transfer_new", budget)).status_code == 403


def test_the_list_costs_the_same_whatever_its_length(account, owner, budget):
    client = browser(owner, account)
    counts = []
    for _round in range(2):
        transfer(budget, "1", user=owner, account=account)
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address("transfers", budget)).status_code == 200
        counts.append(len(captured))
        for _more in range(6):
            transfer(budget, "1", user=owner, account=account)
    assert counts[0] == counts[1]
