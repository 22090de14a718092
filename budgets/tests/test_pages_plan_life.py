"""The budget's page while its plan lives: a revision beside what is in force, income, quantities, last year."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from budgets.models import BudgetLineItem, Category, EventBudget
from budgets.services.budget_copy import copy_budget
from budgets.services.categories import LEFT_OVER
from budgets.services.driver import create_driver
from budgets.services.line_item import add_line_item, add_line_items, delete_line_item, update_line_item
from budgets.tests.pages import HTMX, address, browser, fresh, line_data, words
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import EVENT_DATE, make_budget, make_event, make_line, move
from budgetsite.testing.people import make_member


def again(budget):
    return EventBudget.objects.select_related("event").get(pk=budget.pk)


def approve(budget, account, organizer, manager):
    move(budget, "submit", user=organizer, role=Role.ORGANIZER, account=account)
    move(budget, "approve", user=manager, role=Role.MANAGER, account=account)


def revise(budget, account, organizer):
    return move(budget, "revise", user=organizer, role=Role.ORGANIZER, account=account, reason="More guests")


def under_revision(account, organizer, manager):
    budget = make_budget(account, organizer, total=None)
    make_line(budget, organizer, name="Hall", budgeted_amount="8000")
    make_line(budget, organizer, name="Garden", budgeted_amount="2000")
    approve(budget, account, organizer, manager)
    revise(budget, account, organizer)
    return budget


def row_words(response, line):
    html = response.content.decode()
    row = html[html.index(f'<tr class="line line--opens"\n    id="line-{line.pk}"') :].partition("</tr>")[0]
    response.content = row.encode()
    return words(response)


def test_a_revision_says_what_is_in_force_and_measures_by_it(account, organizer, manager):
    budget = under_revision(account, organizer, manager)
    hall = BudgetLineItem.objects.get(name="Hall")
    update_line_item(
        budget_id=budget.pk,
        line_item_id=hall.pk,
        version=hall.version,
        acting_user=organizer,
        budgeted_amount="9500",
        actual_amount="8200",
    )

    text = words(browser(organizer, account).get(address("detail", budget)))

    assert "Revision 2 is being written The approved plan of 10,000.00 CAD stays in force until it is approved." in text
    assert "1,800.00 CAD available" in text
    assert "8,200.00 spent of 10,000.00 CAD" in text
    assert "Budgeted 10,000.00 in force; the revision has 11,500.00" in text
    assert "Total 11,500.00 in force 10,000.00" in text


def test_each_line_of_a_revision_says_what_is_in_force_where_it_differs(account, organizer, manager):
    budget = under_revision(account, organizer, manager)
    hall, garden = (BudgetLineItem.objects.get(name=name) for name in ("Hall", "Garden"))
    hall.budgeted_amount = Decimal(7000)
    hall.save()
    tent = make_line(budget, organizer, name="Tent", budgeted_amount="600")
    client = browser(organizer, account)

    said = {line.name: row_words(client.get(address("detail", budget)), line) for line in (hall, garden, tent)}

    assert "7,000.00 in force 8,000.00" in said["Hall"]
    assert "in force" not in said["Garden"]
    assert "Tent new" in said["Tent"]
    assert "600.00 not in force yet" in said["Tent"]


def test_a_line_approved_with_nothing_is_not_new_in_the_revision(account, organizer, manager):
    budget = make_budget(account, organizer)
    line = make_line(budget, organizer, name="Speeches", budgeted_amount="0")
    approve(budget, account, organizer, manager)
    revise(budget, account, organizer)
    line = fresh(line)
    line.budgeted_amount = Decimal(50)
    line.save()

    page = browser(organizer, account).get(address("detail", budget))

    row = page.context["plan"].groups[0].rows[0]
    assert (row.is_new, row.differs, row.line.in_force_amount) == (False, True, Decimal(0))


def test_a_revision_with_its_approvers_says_so(account, organizer, manager):
    budget = under_revision(account, organizer, manager)
    move(budget, "submit", user=organizer, role=Role.ORGANIZER, account=account)

    text = words(browser(manager, account).get(address("detail", budget)))

    assert "Revision 2 is with its approvers The approved plan of 10,000.00 CAD stays in force" in text
    assert "Where the plan stands" in text


def test_the_events_list_and_page_measure_by_what_is_in_force(account, organizer, manager):
    budget = under_revision(account, organizer, manager)
    hall = BudgetLineItem.objects.get(name="Hall")
    hall.budgeted_amount = Decimal(15000)
    hall.actual_amount = Decimal(11000)
    hall.save()
    client = browser(organizer, account)

    for url in (reverse("events:list"), reverse("events:detail", args=[budget.event_id])):
        text = words(client.get(url))
        assert "1,000.00 over budget" in text
        assert "17,000.00" not in text


def test_a_revision_can_be_compared_and_discarded_from_its_page_and_compared_by_approvers(account, organizer, manager):
    budget = under_revision(account, organizer, manager)
    drafted = browser(organizer, account).get(address("detail", budget)).content.decode()
    move(budget, "submit", user=organizer, role=Role.ORGANIZER, account=account)
    client = browser(manager, account)
    waiting = client.get(address("detail", budget)).content.decode()
    asked = client.get(address("move", budget, "approve")).content.decode()

    compare, discard = (f'href="{address(name, budget)}"' for name in ("revision_diff", "revision_discard"))
    assert (compare in drafted, discard in drafted) == (True, True)
    assert (compare in waiting, discard in waiting) == (True, False)
    assert compare in asked


def test_money_is_moved_from_a_row_of_an_approved_plan_and_of_no_other(account, organizer, manager):
    budget = make_budget(account, organizer)
    line = make_line(budget, organizer)
    overspent = make_line(budget, organizer, name="Wine", budgeted_amount="10", actual_amount="12")
    tickets = make_line(budget, organizer, kind="income", name="Tickets")
    client = browser(organizer, account)
    link = f'href="{address("transfer_new", budget)}?'

    draft = client.get(address("detail", budget)).content.decode()
    approve(budget, account, organizer, manager)
    approved = client.get(address("detail", budget)).content.decode()

    assert link not in draft
    assert f"{link}from={line.pk}" in approved
    assert f"{link}to={overspent.pk}" in approved
    assert f"={tickets.pk}" not in approved


def test_more_lines_of_a_revision_cost_no_more_statements(account, organizer, manager):
    counts = []
    for number in (1, 15):
        budget = make_budget(account, organizer, total=None)
        lines = [{"category": "Venue", "name": f"L{n}", "budgeted_amount": "10"} for n in range(number)]
        add_line_items(budget_id=budget.pk, acting_user=organizer, line_items=lines)
        approve(budget, account, organizer, manager)
        revise(budget, account, organizer)
        add_line_items(budget_id=budget.pk, acting_user=organizer, line_items=lines)
        client = browser(organizer, account)
        with CaptureQueriesContext(connection) as statements:
            assert client.get(address("detail", budget)).status_code == 200
        counts.append(len([s for s in statements if "SAVEPOINT" not in s["sql"]]))

    assert counts[0] == counts[1]


def test_income_stands_beneath_the_costs_with_the_result(account, organizer):
    budget = make_budget(account, organizer, total="9000")
    make_line(budget, organizer, name="Hall", budgeted_amount="9000", actual_amount="9037.85")
    make_line(budget, organizer, kind="income", name="Tickets", budgeted_amount="9000", actual_amount="9175.54")

    page = browser(organizer, account).get(address("detail", budget))

    plan = page.context["plan"]
    assert [row.line.name for group in plan.groups for row in group.rows] == ["Hall"]
    assert (plan.groups[0].budgeted, plan.income.budgeted) == (Decimal(9000), Decimal(9000))
    text = words(page)
    assert "Income 9,175.54 received of 9,000.00 expected" in text
    assert "Expected result 0.00" in text
    assert "Result so far +137.69 received less spent" in text
    assert "Total income 9,000.00 9,175.54 nothing 175.54 more than expected" in text
    assert text.index("Lines in CAD") < text.index("Income in CAD")


def test_without_income_there_is_no_result_but_a_way_to_add_some(account, organizer):
    budget = make_budget(account, organizer)

    page = browser(organizer, account).get(address("detail", budget))

    assert "Result so far" not in words(page)
    assert f'href="{address("line_add", budget)}?category=income"' in page.content.decode()


def test_a_client_reads_the_costs_and_neither_income_nor_notes_of_lines(account, organizer):
    client_user = make_member(account, Role.CLIENT).user
    budget = make_budget(account, organizer)
    budget.event.client = client_user
    budget.event.save()
    make_line(budget, organizer, name="Hall", notes="They would pay more")
    make_line(budget, organizer, kind="income", name="Our fee", budgeted_amount="4321", actual_amount="1234")
    client = browser(client_user, account)

    for name in ("detail", "history"):
        text = words(client.get(address(name, budget)))
        assert "Hall" in text
        for secret in ("Our fee", "4,321", "1,234", "result", "They would pay more"):
            assert secret not in text


def test_income_is_added_received_and_kept_apart(account, organizer):
    budget = make_budget(account, organizer, total="1000")
    make_line(budget, organizer, budgeted_amount="1000")
    category = str(BudgetLineItem.objects.get().category_id)
    client = browser(organizer, account)

    form = client.get(f"{address('line_add', budget)}?category=income", headers=HTMX)
    page = client.get(f"{address('line_add', budget)}?category=income")
    assert "<h1>New income</h1>" in page.content.decode()
    left_over, last = Category.objects.get(name=LEFT_OVER), Category.objects.order_by("sort_order", "name").last()
    assert last != left_over
    assert page.context["form"]["category"].value() == str(left_over.pk)
    added = client.post(
        f"{address('line_add', budget)}?category=income",
        {"name": "Sponsor", "category": category, "budgeted_amount": "3,000"},
        headers=HTMX,
    )

    assert [form.context["form"][name].label for name in ("budgeted_amount", "actual_amount")] == [
        "Expected",
        "Received",
    ]
    assert (added.status_code, added["HX-Retarget"]) == (200, "#plan")
    line = BudgetLineItem.objects.get(name="Sponsor")
    assert line.kind == "income"

    received = client.post(
        address("line_edit", budget, line.pk), line_data(line, actual_amount="1,200.50"), headers=HTMX
    )

    assert received.status_code == 200
    assert "HX-Retarget" not in received
    html = received.content.decode()
    assert html.count('id="income-total"') == 1
    assert "group-head-" not in html
    assert "Total income 3,000.00 1,200.50 1,799.50" in words(received)
    stored = again(budget)
    assert (stored.total_income_amount, stored.total_actual_amount) == (Decimal("1200.500"), Decimal(0))


def test_income_moves_among_income_alone(account, organizer):
    budget = make_budget(account, organizer)
    first = make_line(budget, organizer, kind="income", category="Venue", name="Tickets")
    make_line(budget, organizer, category="Venue", name="Hall")
    last = make_line(budget, organizer, kind="income", category="Labor", name="Sponsor")

    response = browser(organizer, account).post(
        address("line_move", budget, last.pk), {"direction": "up"}, headers=HTMX
    )

    assert [row.line.name for row in response.context["group"].rows] == ["Sponsor", "Tickets"]
    assert response["HX-Retarget"] == "#group-income"
    assert fresh(first).sort_order > fresh(last).sort_order


def test_a_line_is_quantity_times_price_and_says_so(account, organizer):
    budget = make_budget(account, organizer)
    line = make_line(budget, organizer, name="Wine", budgeted_amount="0")
    client = browser(organizer, account)

    saved = client.post(
        address("line_edit", budget, line.pk),
        line_data(line, budgeted_amount="0.00", quantity="60", unit_price="18.50"),
        headers=HTMX,
    )

    assert saved.status_code == 200
    assert "Wine 60 × 18.50" in words(saved)
    assert fresh(line).budgeted_amount == Decimal(1110)


def test_a_line_follows_one_of_the_budgets_quantities(account, organizer):
    budget = make_budget(account, organizer)
    guests = create_driver(budget_id=budget.pk, acting_user=organizer, name="guests", quantity=Decimal(120))
    client = browser(organizer, account)
    line = make_line(budget, organizer, name="Dinner")

    client.post(
        address("line_edit", budget, line.pk),
        line_data(line, driver=str(guests.pk), unit_price="45"),
        headers=HTMX,
    )
    page = client.get(address("detail", budget))

    assert "Dinner 120 guests × 45.00" in words(page)
    assert "120 guests 1 line follows it" in words(page)
    assert fresh(line).budgeted_amount == Decimal(5400)

    client.post(
        address("line_edit", budget, line.pk),
        line_data(fresh(line), budgeted_amount="5,000", driver="", unit_price=""),
        headers=HTMX,
    )

    stored = fresh(line)
    assert (stored.driver_id, stored.quantity, stored.unit_price, stored.budgeted_amount) == (
        None,
        None,
        None,
        Decimal(5000),
    )


@pytest.mark.parametrize(
    ("typed", "field", "message"),
    [
        ({"quantity": "5", "unit_price": ""}, "unit_price", "Say what one costs"),
        ({"quantity": "", "unit_price": "5"}, "quantity", "Say how many"),
        ({"quantity": "-5", "unit_price": "5"}, "quantity", "Write 0 or more."),
        ({"quantity": "many", "unit_price": "5"}, "quantity", "Write how many, such as 120 or 7.5."),
        ({"quantity": "1.2345", "unit_price": "5"}, "quantity", "Write three decimals at most."),
        ({"quantity": "1000000000", "unit_price": "5"}, "quantity", "between 0 and 999,999,999.999"),
        ({"quantity": "999999999", "unit_price": "999999999"}, "unit_price", "too large"),
        ({"quantity": "5", "unit_price": "5", "budgeted_amount": "26"}, "budgeted_amount", "quantity × price"),
    ],
)
def test_a_price_that_is_not_whole_is_refused_at_its_field(account, organizer, typed, field, message):
    budget = make_budget(account, organizer)
    line = make_line(budget, organizer, budgeted_amount="1000")

    response = browser(organizer, account).post(
        address("line_edit", budget, line.pk), line_data(line, **typed), headers=HTMX
    )

    assert response.status_code == 422
    assert message in response.context["form"].errors[field][0]
    assert fresh(line).version == line.version


def test_a_changed_quantity_says_how_many_lines_followed(account, organizer):
    budget = make_budget(account, organizer)
    client = browser(organizer, account)

    client.post(address("driver_add", budget), {"name": "Guests", "quantity": "100"})
    guests = budget.drivers.get()
    for name in ("Dinner", "Chairs"):
        add_line_item(
            budget_id=budget.pk,
            acting_user=organizer,
            category="Venue",
            name=name,
            driver_id=guests.pk,
            unit_price="10",
        )
    page = client.post(
        address("driver_edit", budget, guests.pk),
        {"name": "Guests", "quantity": "120", "version": guests.version},
        follow=True,
    )

    assert "Guests changed from 100 to 120. 2 lines followed." in words(page)
    assert again(budget).lines_total_amount == Decimal(2400)


def test_a_quantity_that_does_not_fit_is_refused_at_its_field_and_nothing_changes(account, organizer):
    budget = make_budget(account, organizer, total="1000")
    guests = create_driver(budget_id=budget.pk, acting_user=organizer, name="Guests", quantity=Decimal(10))
    line = add_line_item(
        budget_id=budget.pk,
        acting_user=organizer,
        category="Venue",
        name="Dinner",
        driver_id=guests.pk,
        unit_price="100",
    )

    response = browser(organizer, account).post(
        address("driver_edit", budget, guests.pk), {"name": "Guests", "quantity": "11", "version": guests.version}
    )

    assert response.status_code == 422
    assert "Lower a line or raise the total." in response.context["form"].errors["quantity"][0]
    assert fresh(line).budgeted_amount == Decimal(1000)


def test_a_quantity_that_lines_follow_is_not_removed(account, organizer):
    budget = make_budget(account, organizer)
    guests = create_driver(budget_id=budget.pk, acting_user=organizer, name="Guests", quantity=Decimal(10))
    line = add_line_item(
        budget_id=budget.pk, acting_user=organizer, category="Venue", name="D", driver_id=guests.pk, unit_price="1"
    )
    client = browser(organizer, account)

    refused = client.post(address("driver_remove", budget, guests.pk), follow=True)
    delete_line_item(budget_id=budget.pk, line_item_id=line.pk, acting_user=organizer, now=EVENT_DATE)
    removed = client.post(address("driver_remove", budget, guests.pk), follow=True)

    assert "follows “Guests”" in words(refused)
    assert "Guests removed." in words(removed)
    assert not budget.drivers.exists()


def test_other_guests_than_the_approved_plan_counts_are_told(account, organizer, manager):
    event = make_event(account, organizer, expected_guests=100)
    budget = make_budget(account, organizer, event=event)
    guests = create_driver(budget_id=budget.pk, acting_user=organizer, name="Guests", follows_guests=True)
    line = add_line_item(
        budget_id=budget.pk, acting_user=organizer, category="Venue", name="D", driver_id=guests.pk, unit_price="10"
    )
    approve(budget, account, organizer, manager)
    event.expected_guests = 140
    event.save()
    client = browser(organizer, account)

    fixed = words(client.get(address("detail", budget)))
    revise(budget, account, organizer)
    draft = words(client.get(address("detail", budget)))
    client.post(address("driver_take_guests", budget, guests.pk))

    assert "The event expects 140 guests, the plan counts 100" in fixed
    assert "To count 140 guests, revise it." in fixed
    assert "1 line follows “Guests” and would change with it." in draft
    assert fresh(line).budgeted_amount == Decimal(1400)
    assert "The event expects" not in words(client.get(address("detail", budget)))


def test_quantities_of_a_fixed_plan_cannot_be_changed(account, organizer, manager):
    budget = make_budget(account, organizer)
    guests = create_driver(budget_id=budget.pk, acting_user=organizer, name="Guests", quantity=Decimal(10))
    approve(budget, account, organizer, manager)
    client = browser(organizer, account)

    for name, more in (("driver_add", ()), ("driver_edit", (guests.pk,))):
        page = client.post(address(name, budget, *more), {"name": "Days", "quantity": "3"}, follow=True)
        assert "The plan is fixed just now: quantities can be changed while the budget is a draft." in words(page)

    stored = budget.drivers.get()
    assert (stored.name, stored.quantity) == ("Guests", Decimal(10))


def test_a_stranger_reaches_no_quantity(account, organizer, other_account):
    budget = make_budget(account, organizer)
    guests = create_driver(budget_id=budget.pk, acting_user=organizer, name="Guests", quantity=Decimal(10))
    with tenant_scope(other_account.pk):
        stranger = make_member(other_account, Role.OWNER).user
    client = browser(stranger, other_account)

    answers = [
        client.get(address("driver_add", budget)),
        client.get(address("driver_edit", budget, guests.pk)),
        client.post(address("driver_edit", budget, guests.pk), {"name": "Mine", "quantity": "1", "version": "9"}),
        client.post(address("driver_take_guests", budget, guests.pk)),
        client.post(address("driver_remove", budget, guests.pk)),
    ]

    assert [answer.status_code for answer in answers] == [404] * 5
    assert budget.drivers.get().name == "Guests"


def test_a_client_reads_quantities_and_may_not_change_them(account, organizer):
    budget = make_budget(account, organizer)
    guests = create_driver(budget_id=budget.pk, acting_user=organizer, name="Guests", quantity=Decimal(10))
    client_user = make_member(account, Role.CLIENT).user
    budget.event.client = client_user
    budget.event.save()
    client = browser(client_user, account)

    assert "10 Guests" in words(client.get(address("detail", budget)))
    assert address("driver_edit", budget, guests.pk) not in client.get(address("detail", budget)).content.decode()
    assert client.get(address("driver_add", budget)).status_code == 403


def test_a_copied_budget_has_last_times_figures_beside_its_own(account, organizer):
    old = make_budget(account, organizer, total=None, event=make_event(account, organizer, name="Gala 2025"))
    make_line(old, organizer, name="Hall", budgeted_amount="1000", actual_amount="1200")
    make_line(old, organizer, kind="income", name="Tickets", budgeted_amount="700", actual_amount="800")
    new_event = make_event(account, organizer, name="Gala 2026")
    copied = copy_budget(source_id=old.pk, event=new_event, acting_user=organizer)

    text = words(browser(organizer, account).get(address("detail", copied)))

    assert (
        "“Last time” is the budget that this one was copied from: Gala 2025 (1,000.00 planned, 1,200.00 spent)" in text
    )
    assert "Hall Last time: 1,000.00 planned, 1,200.00 spent" in text
    assert "Tickets Last time: 700.00 planned, 800.00 received" in text
