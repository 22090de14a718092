"""`/event-budgets/{id}/drivers`, and lines by quantity × unit price over the API."""

from decimal import Decimal
from uuid import uuid4

import pytest

from budgets.api.driver import DriverAnswer
from budgets.models import BudgetLineItem, EventBudget, PlanDriver
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line, move
from budgetsite.testing.people import make_member
from budgetsite.testing.rest import RestClient, rest_client, rest_client_of

DINNER = {"category": "Food & Beverage", "name": "Dinner"}


@pytest.fixture
def rest(account, owner) -> RestClient:
    return rest_client_of(owner, account)


@pytest.fixture
def budget(account, owner):
    return make_budget(account, owner, total="1000", event=make_event(account, owner, expected_guests=80))


def drivers_at(budget):
    return f"/event-budgets/{budget.pk}/drivers"


def lines_at(budget):
    return f"/event-budgets/{budget.pk}/line-items"


def made(rest, budget, **values):
    answer = rest.post(drivers_at(budget), {"name": "Guests", "quantity": "10", **values})
    assert answer.status == 201, answer.json
    return answer.json


def planned(rest, budget, **values):
    answer = rest.post(lines_at(budget), {**DINNER, **values})
    assert answer.status == 201, answer.json
    return answer.json


def shown(line):
    return tuple(line[name] for name in ("quantity", "unit_price", "driver", "budgeted_amount"))


def picture(budget):
    return (
        list(EventBudget.objects.filter(pk=budget.pk).values()),
        list(BudgetLineItem.objects.order_by("pk").values()),
        list(PlanDriver.objects.order_by("pk").values()),
    )


def test_a_number_is_made_read_changed_and_deleted(rest, budget):
    driver = made(rest, budget)
    assert set(driver) == set(DriverAnswer().fields)
    assert {name: driver[name] for name in ("name", "quantity", "follows_guests", "lines_count", "version")} == {
        "name": "Guests",
        "quantity": "10.000",
        "follows_guests": False,
        "lines_count": 0,
        "version": 2,
    }
    path = f"{drivers_at(budget)}/{driver['id']}"
    line = planned(rest, budget, unit_price="12.50", driver=driver["id"])
    read = rest.get(path)
    assert (read.json["lines_count"], read.headers["ETag"]) == (1, '"2"')
    answer = rest.patch(path, {"version": 3, "quantity": "12.5"})
    assert (answer.status, answer.json["quantity"], answer.json["version"]) == (200, "12.500", 4)
    assert answer.headers["ETag"] == '"4"'
    changed = rest.get(f"{lines_at(budget)}/{line['id']}").json
    assert shown(changed) == ("12.500", "12.50", driver["id"], "156.25")
    assert rest.get(f"/event-budgets/{budget.pk}").json["lines_total_amount"] == "156.25"
    refused = rest.delete(path)
    assert (refused.status, refused.codes, refused.json["lines"]) == (409, ["driver_in_use"], 1)
    rest.patch(f"{lines_at(budget)}/{line['id']}", {"version": 4, "driver": None})
    assert rest.delete(path, {"version": 1}).codes == ["stale_version"]
    assert rest.delete(path, If_Match='"5"').status == 204
    assert rest.get(path).status == 404
    assert rest.get(drivers_at(budget)).json["results"] == []


def test_numbers_are_listed_by_name(rest, account, owner, budget):
    for name in ("Hours", "Days"):
        made(rest, budget, name=name)
    made(rest, make_budget(account, owner), name="Of another")
    listed = rest.get(drivers_at(budget)).json
    assert (listed["count"], [row["name"] for row in listed["results"]]) == (2, ["Days", "Hours"])


def test_the_guests_number_is_the_events(rest, budget):
    guests = rest.post(drivers_at(budget), {"name": "Guests", "follows_guests": True}).json
    assert (guests["quantity"], guests["follows_guests"]) == ("80.000", True)
    planned(rest, budget, unit_price="10", driver=guests["id"])
    path = f"{drivers_at(budget)}/{guests['id']}"
    before = picture(budget)
    refused = rest.patch(path, {"version": 3, "quantity": "90"})
    assert (refused.status, refused.fields) == (400, {"quantity": "follows_guests"})
    assert picture(budget) == before
    assert rest.patch(path, {"version": 3, "name": "People", "quantity": "80", "follows_guests": True}).status == 200
    assert rest.patch(f"/events/{budget.event_id}", {"expected_guests": 100}).json["expected_guests"] == 100
    assert rest.get(path).json["quantity"] == "100.000"
    above = rest.patch(f"/events/{budget.event_id}", {"expected_guests": 101})
    assert (above.status, above.fields) == (400, {"expected_guests": "lines_exceed_total"})
    assert rest.get(f"/events/{budget.event_id}").json["expected_guests"] == 100
    assert rest.post(drivers_at(budget), {"name": "More", "follows_guests": True}).codes == ["guests_counted"]


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"quantity": "-1"}, {"quantity": "out_of_range"}),
        ({"quantity": "1000000000"}, {"quantity": "out_of_range"}),
        ({"quantity": "1.0001"}, {"quantity": "too_many_decimals"}),
        ({"quantity": "NaN"}, {"quantity": "not_finite"}),
        ({"quantity": "many"}, {"quantity": "invalid"}),
        ({"quantity": "1e1"}, {"quantity": "invalid"}),
        ({"quantity": "1_0"}, {"quantity": "invalid"}),
        ({"quantity": "١٢"}, {"quantity": "invalid"}),
        ({"quantity": "Infinity"}, {"quantity": "not_finite"}),
        ({"quantity": 10**40}, {"quantity": "out_of_range"}),
        ({"quantity": True}, {"quantity": "invalid"}),
        ({"quantity": None}, {"quantity": "null"}),
        ({"quantity": ["3"]}, {"quantity": "invalid"}),
        ({"name": ""}, {"name": "blank"}),
        ({"name": "x" * 61}, {"name": "max_length"}),
        ({"follows_guests": "perhaps"}, {"follows_guests": "invalid"}),
        ({"quantity": "101"}, {"quantity": "lines_exceed_total"}),
    ],
)
def test_a_wrong_value_is_a_field_error_and_changes_nothing(rest, budget, change, fields):
    driver = made(rest, budget)
    planned(rest, budget, unit_price="10", driver=driver["id"])
    before = picture(budget)
    answer = rest.patch(f"{drivers_at(budget)}/{driver['id']}", {"version": 3, **change})
    assert (answer.status, answer.fields) == (400, fields)
    assert picture(budget) == before


@pytest.mark.parametrize("quantity", ["0", 0, "0.000", "1000000", 1000000, 7.5])
def test_nothing_and_a_million_are_quantities(rest, account, owner, quantity):
    budget = make_budget(account, owner, total=None)
    driver = made(rest, budget)
    planned(rest, budget, unit_price="999", driver=driver["id"])
    answer = rest.patch(f"{drivers_at(budget)}/{driver['id']}", {"version": 3, "quantity": quantity})
    assert answer.status == 200
    assert Decimal(answer.json["quantity"]) == Decimal(str(quantity))
    assert EventBudget.objects.get().lines_total_amount == 999 * Decimal(str(quantity))


def test_a_version_is_asked_for_and_a_stale_one_is_told(rest, budget):
    driver = made(rest, budget)
    path = f"{drivers_at(budget)}/{driver['id']}"
    assert rest.patch(path, {"quantity": "3"}).fields == {"version": "required"}
    assert rest.patch(path, {"quantity": "11", "version": 2}).status == 200
    stale = rest.patch(path, {"quantity": "12", "version": 2})
    assert (stale.status, stale.codes) == (409, ["stale_version"])
    assert stale.json["current"]["version"] == 3
    assert rest.post(drivers_at(budget), {"name": "Hours", "version": 1}).codes == ["stale_version"]


def test_a_name_is_there_once(rest, budget):
    made(rest, budget)
    other = made(rest, budget, name="Hours")
    for answer in (
        rest.post(drivers_at(budget), {"name": "guests"}),
        rest.patch(f"{drivers_at(budget)}/{other['id']}", {"name": "Guests", "version": 3}),
    ):
        assert (answer.status, answer.codes) == (409, ["driver_exists"])


def test_a_fixed_plan_keeps_its_numbers(rest, account, owner, budget):
    driver = made(rest, budget)
    planned(rest, budget, unit_price="10", driver=driver["id"])
    move(budget, "submit", user=owner, role=Role.OWNER, account=account)
    path = f"{drivers_at(budget)}/{driver['id']}"
    for answer in (
        rest.post(drivers_at(budget), {"name": "Hours"}),
        rest.patch(path, {"quantity": "3", "version": 4}),
        rest.delete(path),
    ):
        assert (answer.status, answer.codes) == (409, ["plan_fixed"])


def test_numbers_of_others_are_not_there(rest, account, owner, other_account, budget):
    driver = made(rest, budget)
    elsewhere = make_budget(account, owner)
    with tenant_scope(other_account.pk):
        stranger = make_member(other_account, Role.OWNER).user
        theirs = make_budget(other_account, stranger)
    for path in (f"{drivers_at(elsewhere)}/{driver['id']}", f"{drivers_at(theirs)}/{driver['id']}"):
        assert rest.get(path).status == 404
        assert rest.patch(path, {"quantity": "1", "version": 1}).status == 404
        assert rest.delete(path).status == 404
    assert rest.get(drivers_at(theirs)).status == 404
    client = rest_client(account, Role.CLIENT)
    assert client.get(drivers_at(budget)).status == 404
    assert client.post(drivers_at(budget), {"name": "Hours"}).status == 403


# --- Lines ---


def test_a_line_is_quantity_times_unit_price(rest, budget):
    line = planned(rest, budget, quantity="7.5", unit_price="33.33")
    assert shown(line) == ("7.500", "33.33", None, "249.98")
    path = f"{lines_at(budget)}/{line['id']}"
    changed = rest.patch(path, {"version": 2, "quantity": 8})
    assert shown(changed.json) == ("8.000", "33.33", None, "266.64")
    # All that was read is sent back, and one thing is another.
    again = rest.patch(path, {**changed.json, "name": "Supper"})
    assert (again.status, again.json["name"], again.json["version"]) == (200, "Supper", 4)
    refused = rest.patch(path, {"version": 4, "budgeted_amount": "300"})
    assert (refused.status, refused.fields) == (400, {"budgeted_amount": "priced_line"})
    plain = rest.patch(path, {"version": 4, "unit_price": None, "budgeted_amount": "300"})
    assert shown(plain.json) == (None, None, None, "300.00")
    assert rest.patch(path, {"version": 5, "quantity": "3"}).fields == {"unit_price": "incomplete_price"}


def test_a_line_follows_a_number_and_lets_go_of_it(rest, budget):
    driver, hours = made(rest, budget), made(rest, budget, name="Hours", quantity="4")
    line = planned(rest, budget, unit_price="5", driver=driver["id"], quantity="10", budgeted_amount="50.00")
    assert shown(line) == ("10.000", "5.00", driver["id"], "50.00")
    path = f"{lines_at(budget)}/{line['id']}"
    assert rest.patch(path, {"version": 4, "quantity": "11"}).fields == {"quantity": "quantity_is_drivers"}
    assert shown(rest.patch(path, {"version": 4, "driver": hours["id"]}).json)[0::3] == ("4.000", "20.00")
    free = rest.patch(path, {"version": 5, "driver": None, "quantity": "11"})
    assert shown(free.json) == ("11.000", "5.00", None, "55.00")


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({}, {"budgeted_amount": "required"}),
        ({"quantity": "3"}, {"unit_price": "incomplete_price"}),
        ({"quantity": "3", "budgeted_amount": "30"}, {"unit_price": "incomplete_price"}),
        ({"driver": "guests"}, {"unit_price": "incomplete_price"}),
        ({"unit_price": "3"}, {"quantity": "incomplete_price"}),
        ({"unit_price": "3", "quantity": "2", "budgeted_amount": "7"}, {"budgeted_amount": "priced_line"}),
        ({"unit_price": "3", "quantity": "-2"}, {"quantity": "out_of_range"}),
        ({"unit_price": "-3", "quantity": "2"}, {"unit_price": "below_minimum"}),
        ({"unit_price": "0.001", "quantity": "2"}, {"unit_price": "too_many_decimals"}),
        ({"unit_price": "999999999999", "quantity": "2"}, {"unit_price": "out_of_range"}),
        ({"unit_price": "3", "driver": "guests", "quantity": "2"}, {"quantity": "quantity_is_drivers"}),
        ({"unit_price": "3", "driver": str(uuid4())}, {"driver": "driver_not_found"}),
        ({"unit_price": "3", "driver": "Guests"}, {"driver": "invalid"}),
        ({"budgeted_amount": "1", "kind": "gift"}, {"kind": "invalid_choice"}),
        ({"unit_price": "100.01", "quantity": "10"}, {"budgeted_amount": "lines_exceed_total"}),
    ],
)
def test_what_does_not_fit_together_is_said_at_its_field(rest, budget, values, fields):
    driver = made(rest, budget)
    values = {name: driver["id"] if value == "guests" else value for name, value in values.items()}
    before = picture(budget)
    answer = rest.post(lines_at(budget), {**DINNER, **values})
    assert (answer.status, answer.fields) == (400, fields)
    several = rest.post(
        f"{lines_at(budget)}/bulk", {"line_items": [{**DINNER, "budgeted_amount": "1"}, {**DINNER, **values}]}
    )
    assert several.status == 400
    if "lines_exceed_total" not in fields.values():
        assert several.fields == {f"line_items.1.{name}": code for name, code in fields.items()}
    assert picture(budget) == before


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"unit_price": "999999999999"}, {"unit_price": "out_of_range"}),
        ({"quantity": None}, {"unit_price": "incomplete_price"}),
        ({"driver": str(uuid4())}, {"driver": "driver_not_found"}),
        ({"quantity": "0.0001"}, {"quantity": "too_many_decimals"}),
    ],
)
def test_a_change_that_does_not_fit_is_said_at_its_field(rest, budget, values, fields):
    line = planned(rest, budget, quantity="10", unit_price="5")
    before = picture(budget)
    answer = rest.patch(f"{lines_at(budget)}/{line['id']}", {"version": 2, **values})
    assert (answer.status, answer.fields) == (400, fields)
    assert picture(budget) == before


def test_a_new_budget_takes_lines_by_quantity(rest, account, owner):
    event = make_event(account, owner)
    line = {**DINNER, "unit_price": "2.50", "quantity": "3"}
    wrong = rest.post("/event-budgets", {"event_id": str(event.pk), "line_items": [{**line, "driver": str(uuid4())}]})
    assert (wrong.status, wrong.fields) == (400, {"line_items.0.driver": "driver_not_found"})
    opened = rest.post("/event-budgets", {"event_id": str(event.pk), "line_items": [line]}).json
    assert (opened["total_budget_amount"], shown(opened["line_items"][0])) == ("7.50", ("3.000", "2.50", None, "7.50"))


def test_lines_are_listed_by_kind(rest, budget):
    planned(rest, budget, budgeted_amount="10")
    ticket = planned(rest, budget, name="Tickets", kind="income", quantity="80", unit_price="25")
    assert (ticket["kind"], ticket["budgeted_amount"]) == ("income", "2000.00")

    def names(**query):
        listed = rest.get(lines_at(budget), **query).json
        assert listed["count"] == len(listed["results"])
        return [line["name"] for line in listed["results"]]

    assert names() == names(kind="cost") == ["Dinner"]
    assert names(kind="income") == ["Tickets"]
    assert names(kind="all") == ["Dinner", "Tickets"]
    refused = rest.get(lines_at(budget), kind="gift")
    assert (refused.status, refused.fields) == (400, {"kind": "invalid_choice"})


def test_a_line_stays_what_it_was_made(rest, account, owner, budget):
    line = make_line(budget, owner, budgeted_amount="10")
    path = f"{lines_at(budget)}/{line.pk}"
    refused = rest.patch(path, {"version": 2, "kind": "income"})
    assert (refused.status, refused.fields) == (400, {"kind": "kind_fixed"})
    assert rest.patch(path, {"version": 2, "kind": "cost", "name": "Big hall"}).json["name"] == "Big hall"
    assert rest.patch(f"{lines_at(budget)}/{uuid4()}", {"version": 2, "kind": "cost"}).status == 404
