"""A budget's history as sentences: who did what, with the values before and after."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from budgets.models import ApprovalRule, BudgetLineItem, Category, EventBudget
from budgets.services.driver import create_driver, update_driver
from budgets.services.event_budget import update_event_budget
from budgets.services.line_item import (
    add_line_item,
    add_line_items,
    delete_line_item,
    reorder_line_items,
    update_line_item,
)
from budgets.services.revision_discard import discard_revision
from budgets.services.transfer import decide_transfer, reverse_transfer, transfer_between_lines
from budgets.services.workflow import activate_on_its_day
from budgets.tests.pages import address, browser, fresh, words
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import EVENT_DATE, make_budget, make_line, move
from budgetsite.testing.people import make_member

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def by_the_organizer(account, organizer):
    with tenant_scope(account.pk, user_id=organizer.pk):
        yield


def story(account, user, budget, query=""):
    return words(browser(user, account).get(address("history", budget) + query))


def told(account, user, budget, query=""):
    """Return how many steps the history shows, by their kinds."""
    steps = browser(user, account).get(address("history", budget) + query).context["steps"]
    return [(step.kind, step.what) for step in steps]


def change(line, user, **fields):
    update_line_item(
        budget_id=line.budget_id, line_item_id=line.pk, version=fresh(line).version, acting_user=user, **fields
    )


def approve(budget, account, organizer, manager):
    move(budget, "submit", user=organizer, role=Role.ORGANIZER, account=account)
    with tenant_scope(account.pk, user_id=manager.pk):
        move(budget, "approve", user=manager, role=Role.MANAGER, account=account)


def transfer(budget, user, account, source, target, amount):
    return transfer_between_lines(
        budget_id=budget.pk,
        from_line_id=source.pk,
        to_line_id=target.pk,
        amount=Decimal(amount),
        reason="The hall asks more",
        acting_user=user,
        acting_role=Role.ORGANIZER,
        account=account,
        now=NOW,
    )


def test_changes_of_a_line_are_sentences(account, organizer):
    budget = make_budget(account, organizer)
    line = make_line(budget, organizer, name="Catering", budgeted_amount="2000")
    change(line, organizer, budgeted_amount="2400")
    change(line, organizer, budgeted_amount="2100")
    change(line, organizer, name="Dinner", budgeted_amount="2200", notes="Vegan")
    change(line, organizer, category=Category.objects.get(name="Labor"))
    change(line, organizer, section="Day one")
    change(line, organizer, section="")
    change(line, organizer, description="Three courses")
    change(line, organizer, quantity="10", unit_price="220")
    change(line, organizer, quantity=None, unit_price=None, budgeted_amount="100")

    text = story(account, organizer, budget)

    for sentence in (
        "added “Catering” with 2,000.00",
        "raised “Catering” from 2,000.00 to 2,400.00",
        "lowered “Catering” from 2,400.00 to 2,100.00",
        "renamed “Catering” to “Dinner”, raised it from 2,100.00 to 2,200.00 and changed the notes",
        "moved “Dinner” from Venue to Labor",
        "put “Dinner” into the section “Day one”",
        "took “Dinner” out of the section “Day one”",
        "changed the description of “Dinner”",
        "priced “Dinner” as 10 × 220.00",
        "lowered “Dinner” from 2,200.00 to 100.00 and gave it an amount instead of 10 × 220.00",
    ):
        assert f"{organizer} {sentence}" in text


def test_removing_ordering_and_the_budgets_own_fields_are_sentences(account, organizer):
    budget = make_budget(account, organizer, total="5000")
    first, second = make_line(budget, organizer, name="First"), make_line(budget, organizer, name="Second")
    reorder_line_items(budget_id=budget.pk, line_item_ids=[second.pk, first.pk], acting_user=organizer)
    delete_line_item(budget_id=budget.pk, line_item_id=first.pk, acting_user=organizer, now=EVENT_DATE)
    version = EventBudget.objects.get(pk=budget.pk).version
    budget = update_event_budget(
        budget_id=budget.pk, version=version, acting_user=organizer, total_budget_amount=Decimal(4000), notes="Less"
    )
    update_event_budget(
        budget_id=budget.pk, version=budget.version, acting_user=organizer, total_budget_amount=Decimal(0)
    )

    text = story(account, organizer, budget)

    for sentence in (
        "lowered the total from 4,000.00 to 1,000.00 and let the total follow the lines",
        "lowered the total from 5,000.00 to 4,000.00 and changed the notes",
        "removed “First”",
        "moved “First” within the plan",
        "opened the budget",
    ):
        assert f"{organizer} {sentence}" in text


def test_a_quantity_is_told_once_with_the_lines_that_followed(account, organizer):
    budget = make_budget(account, organizer, total=None)
    guests = create_driver(budget_id=budget.pk, acting_user=organizer, name="Guests", quantity=Decimal(100))
    add_line_items(
        budget_id=budget.pk,
        acting_user=organizer,
        line_items=[
            {"category": "Venue", "name": f"L{n}", "driver_id": guests.pk, "unit_price": "2"} for n in range(3)
        ],
    )
    update_driver(
        budget_id=budget.pk, driver_id=guests.pk, version=guests.version, acting_user=organizer, quantity=Decimal(120)
    )

    text = story(account, organizer, budget, "?kind=plan")

    assert f"{organizer} changed Guests from 100 to 120; 3 lines followed" in text
    assert f"{organizer} added “L0” with 200.00 (100 Guests × 2.00)" in text
    assert "raised" not in text


def test_a_line_changed_by_hand_after_its_quantity_is_told_for_itself(account, organizer):
    budget = make_budget(account, organizer, total=None)
    guests = create_driver(budget_id=budget.pk, acting_user=organizer, name="Guests", quantity=Decimal(100))
    line = add_line_item(
        budget_id=budget.pk, acting_user=organizer, category="Venue", name="D", driver_id=guests.pk, unit_price="2"
    )
    change(line, organizer, unit_price="3")

    text = story(account, organizer, budget)

    assert "raised “D” from 200.00 to 300.00 and priced it as 100 Guests × 3.00, before 100 Guests × 2.00" in text


def test_a_transfer_is_one_sentence_for_both_lines(account, organizer, manager):
    budget = make_budget(account, organizer)
    catering = make_line(budget, organizer, name="Catering", budgeted_amount="2000")
    venue = make_line(budget, organizer, name="Venue", budgeted_amount="1000")
    approve(budget, account, organizer, manager)
    done = transfer(budget, organizer, account, catering, venue, "500")
    reverse_transfer(
        budget_id=budget.pk,
        transfer_id=done.pk,
        reason="It was free after all",
        acting_user=organizer,
        acting_role=Role.ORGANIZER,
        account=account,
        now=NOW,
    )

    text = story(account, organizer, budget)

    assert f"{organizer} moved 500.00 from “Catering” to “Venue” – “The hall asks more”" in text
    assert (
        f"{organizer} took a transfer back and moved 500.00 from “Venue” to “Catering” – “It was free after all”"
        in text
    )
    assert "lowered" not in text
    assert "raised" not in text


def test_a_transfer_that_had_to_be_approved_is_told_by_both_who_took_part(account, organizer, manager):
    ApprovalRule.objects.create(subject="transfer", role=Role.MANAGER, currency=account.currency)
    budget = make_budget(account, organizer)
    source = make_line(budget, organizer, name="Catering", budgeted_amount="2000")
    target = make_line(budget, organizer, name="Venue", budgeted_amount="1000")
    approve(budget, account, organizer, manager)
    first = transfer(budget, organizer, account, source, target, "100")
    second = transfer(budget, organizer, account, source, target, "200")
    with tenant_scope(account.pk, user_id=manager.pk):
        for one, yes, reason in ((first, True, ""), (second, False, "Too much")):
            decide_transfer(
                budget_id=budget.pk,
                transfer_id=one.pk,
                approve=yes,
                acting_user=manager,
                acting_role=Role.MANAGER,
                account=account,
                now=NOW,
                reason=reason,
            )

    text = story(account, organizer, budget, "?kind=transfers")

    assert f"{organizer} asked to move 100.00 from “Catering” to “Venue” – “The hall asks more”" in text
    assert f"{manager} approved the transfer of 100.00 from “Catering” to “Venue”" in text
    assert f"{manager} declined the transfer of 200.00 from “Catering” to “Venue” – “Too much”" in text


def test_stages_submissions_and_revisions_are_told_with_their_numbers(account, owner, organizer, manager):
    ApprovalRule.objects.create(stage=1, role=Role.MANAGER, currency=account.currency)
    ApprovalRule.objects.create(stage=2, role=Role.OWNER, currency=account.currency)
    budget = make_budget(account, organizer)
    make_line(budget, organizer)
    approve(budget, account, organizer, manager)
    with tenant_scope(account.pk, user_id=owner.pk):
        move(budget, "approve", user=owner, role=Role.OWNER, account=account)
    move(budget, "revise", user=organizer, role=Role.ORGANIZER, account=account, reason="More guests")

    text = story(account, organizer, budget, "?kind=decisions")

    for sentence in (
        f"{organizer} opened the plan for revision 2 – “More guests”",
        f"{owner} approved stage 2 of 2",
        f"{manager} approved stage 1 of 2",
        f"{organizer} submitted the budget for approval",
    ):
        assert sentence in text
    assert "added" not in text


def test_a_budget_that_became_active_by_itself_says_so(account, organizer, manager):
    budget = make_budget(account, organizer)
    make_line(budget, organizer)
    approve(budget, account, organizer, manager)
    version = EventBudget.objects.get(pk=budget.pk).version
    with tenant_scope(account.pk):
        activate_on_its_day(budget_id=budget.pk, version=version, now=EVENT_DATE)

    assert "The budget became active by itself: the day of the event has come" in story(account, organizer, budget)
    assert ("decision", "activate") in told(account, organizer, budget, "?person=itself")


def test_a_discarded_revision_is_one_sentence_whatever_it_had_changed(account, organizer, manager):
    budget = make_budget(account, organizer)
    guests = create_driver(budget_id=budget.pk, acting_user=organizer, name="Guests", quantity=Decimal(10))
    line = make_line(budget, organizer, name="Hall", budgeted_amount="1000")
    dinner = make_line(budget, organizer, name="Dinner", driver_id=guests.pk, unit_price="2", budgeted_amount="20")
    approve(budget, account, organizer, manager)
    move(budget, "revise", user=organizer, role=Role.ORGANIZER, account=account, reason="More guests")
    change(line, organizer, budgeted_amount="1300")
    version = EventBudget.objects.get(pk=budget.pk).version
    update_driver(
        budget_id=budget.pk, driver_id=guests.pk, version=version, acting_user=organizer, quantity=Decimal(30)
    )
    make_line(budget, organizer, name="Tent")
    discard_revision(
        budget_id=budget.pk,
        number=2,
        version=EventBudget.objects.get(pk=budget.pk).version,
        acting_user=organizer,
        acting_role=Role.ORGANIZER,
        now=NOW,
        reason="They stay away",
    )

    text = story(account, organizer, budget)

    assert fresh(line).budgeted_amount == Decimal(1000)
    assert fresh(dinner).budgeted_amount == Decimal(20)
    discarded = f"{organizer} discarded revision 2: the approved plan holds again – “They stay away”"
    assert text.count(discarded) == 1
    assert told(account, organizer, budget)[:4] == [
        ("decision", "discard"),
        ("line", "added"),
        ("driver", "changed"),
        ("line", "changed"),
    ]


def test_income_is_received_and_never_spent(account, organizer):
    budget = make_budget(account, organizer)
    line = make_line(budget, organizer, kind="income", name="Tickets", budgeted_amount="3000", actual_amount="500")
    change(line, organizer, actual_amount="450")
    change(line, organizer, budgeted_amount="3500")

    text = story(account, organizer, budget)

    assert f"{organizer} added the income “Tickets” with 3,000.00" in text
    assert f"{organizer} recorded 500.00 received on “Tickets”" in text
    assert f"{organizer} took back 50.00 received on “Tickets”" in text
    assert f"{organizer} raised the expected income “Tickets” from 3,000.00 to 3,500.00" in text
    assert "spent" not in text.partition("Show")[2]


def test_the_history_is_narrowed_by_kind_and_person(account, organizer, manager):
    budget = make_budget(account, organizer)
    line = make_line(budget, organizer, actual_amount="10")
    with tenant_scope(account.pk, user_id=manager.pk):
        change(line, manager, budgeted_amount="1100")
    move(budget, "submit", user=organizer, role=Role.ORGANIZER, account=account)

    assert told(account, organizer, budget, "?kind=money") == [("ledger", "adjust")]
    assert told(account, organizer, budget, "?kind=decisions") == [("decision", "submit")]
    assert told(account, organizer, budget, f"?person={manager.pk}") == [("line", "changed")]
    assert told(account, organizer, budget, f"?person={manager.pk}&kind=money") == []
    assert len(told(account, organizer, budget, "?kind=nonsense&person=0")) == 5
    people = browser(organizer, account).get(address("history", budget)).context["form"].fields["person"].choices
    assert [label for _, label in people] == ["Everybody", *sorted([str(manager), str(organizer)]), "Nobody: by itself"]


def test_a_client_sees_no_money_of_the_ledger_in_the_history(account, organizer):
    budget = make_budget(account, organizer)
    make_line(budget, organizer, actual_amount="10")
    client_user = make_member(account, Role.CLIENT).user
    budget.event.client = client_user
    budget.event.save()

    assert told(account, client_user, budget, "?kind=money") == told(account, client_user, budget)
    assert ("ledger", "adjust") not in told(account, client_user, budget)


def test_a_narrowed_history_keeps_its_filter_over_the_pages(account, organizer, manager):
    budget = make_budget(account, organizer, total=None)
    lines = [{"category": "Venue", "name": f"L{n}", "budgeted_amount": "1", "actual_amount": "1"} for n in range(50)]
    add_line_items(budget_id=budget.pk, acting_user=organizer, line_items=lines)
    client = browser(organizer, account)

    first = client.get(address("history", budget) + "?kind=money")
    second = client.get(address("history", budget) + first.context["older_url"])

    assert [len(page.context["steps"]) for page in (first, second)] == [40, 10]
    assert {step.kind for page in (first, second) for step in page.context["steps"]} == {"ledger"}


def test_a_longer_history_costs_no_more_statements(account, organizer, manager):
    counts = []
    for number in (1, 8):
        budget = make_budget(account, organizer, total=None)
        guests = create_driver(budget_id=budget.pk, acting_user=organizer, name="Guests", quantity=Decimal(10))
        source = make_line(budget, organizer, name="Source", budgeted_amount="5000", actual_amount="3")
        target = make_line(budget, organizer, name="Target", driver_id=guests.pk, unit_price="2", budgeted_amount="20")
        for n in range(number):
            change(source, organizer, budgeted_amount=4000 + n, category=Category.objects.get(name="Labor"))
            update_driver(
                budget_id=budget.pk,
                driver_id=guests.pk,
                version=EventBudget.objects.get(pk=budget.pk).version,
                acting_user=organizer,
                quantity=Decimal(20 + n),
            )
        approve(budget, account, organizer, manager)
        for _ in range(number):
            transfer(budget, organizer, account, source, target, "5")
        client = browser(organizer, account)
        with CaptureQueriesContext(connection) as statements:
            assert client.get(address("history", budget)).status_code == 200
        counts.append(len([s for s in statements if "SAVEPOINT" not in s["sql"]]))

    assert counts[0] == counts[1]


def test_a_stranger_reads_no_history(account, organizer, other_account):
    budget = make_budget(account, organizer)
    with tenant_scope(other_account.pk):
        stranger = make_member(other_account, Role.OWNER).user

    assert browser(stranger, other_account).get(address("history", budget)).status_code == 404
    assert BudgetLineItem.objects.count() == 0
