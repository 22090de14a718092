"""Two people on one budget over the API: the second is told field by field what the first changed, and by whom."""

import pytest

from budgets.api.answers import ChangedFieldAnswer
from budgets.models import BudgetLineItem, EventBudget, PlanDriver
from budgets.services.driver import create_driver
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget, make_line
from budgetsite.testing.people import make_member
from budgetsite.testing.rest import rest_client_of


@pytest.fixture
def people(account):
    members = [make_member(account, Role.MANAGER, name=name) for name in ("Ana", "Omid")]
    return [rest_client_of(member.user, account) for member in members]


@pytest.fixture
def budget(account, owner):
    return make_budget(account, owner, total="1000")


def told(answer):
    assert (answer.status, answer.codes) == (409, ["stale_version"])
    for change in answer.json["changes"]:
        assert set(change) == set(ChangedFieldAnswer().fields)
        assert change["at"] is not None
    return [
        (change["name"], change["field"], change["before"], change["now"], change["by"] and change["by"]["name"])
        for change in answer.json["changes"]
    ]


def test_a_stale_head_tells_total_notes_and_status(people, budget):
    ana, omid = people
    path = f"/event-budgets/{budget.pk}"
    assert ana.patch(path, {"version": 1, "total_budget_amount": "1200", "notes": "More guests"}).status == 200
    refused = omid.patch(path, {"version": 1, "notes": "Mine"})
    assert told(refused) == [
        ("", "total_budget_amount", "1000.00", "1200.00", "Ana"),
        ("", "notes", "", "More guests", "Ana"),
    ]
    assert {change["line_item_id"] for change in refused.json["changes"]} == {None}
    assert (refused.json["current"]["version"], refused.json["current"]["notes"]) == (2, "More guests")
    assert EventBudget.objects.get().notes == "More guests"
    # Whoever has seen that may write over it.
    assert omid.patch(path, {"version": refused.json["current"]["version"], "notes": "Mine"}).status == 200
    assert ana.post(f"{path}/submit", {"version": 3}).status == 200
    assert told(ana.post(f"{path}/approve", {"version": 3})) == [("", "status", "draft", "review", "Ana")]


def test_a_stale_line_tells_its_own_fields_alone(people, account, owner, budget):
    ana, omid = people
    line = make_line(budget, owner, budgeted_amount="100")
    make_line(budget, owner, name="Other", budgeted_amount="1")
    path = f"/event-budgets/{budget.pk}/line-items"
    ana.patch(f"{path}/{line.pk}", {"version": 3, "unit_price": "12.5", "quantity": "10", "category": "Music"})
    refused = omid.patch(f"{path}/{line.pk}", {"version": 3, "budgeted_amount": "150"})
    assert told(refused) == [
        ("Hall", "category", "Venue", "Music", "Ana"),
        ("Hall", "budgeted_amount", "100.00", "125.00", "Ana"),
        ("Hall", "quantity", None, "10.000", "Ana"),
        ("Hall", "unit_price", None, "12.50", "Ana"),
    ]
    assert {change["line_item_id"] for change in refused.json["changes"]} == {str(line.pk)}
    assert BudgetLineItem.objects.get(pk=line.pk).budgeted_amount == 125
    # A version that nobody has read yet has nothing to compare with.
    assert told(omid.patch(f"{path}/{line.pk}", {"version": 99, "name": "x"})) == []
    assert told(omid.delete(f"{path}/{line.pk}", {"version": 3})) == told(refused)
    assert BudgetLineItem.objects.filter(pk=line.pk).exists()


def test_a_stale_plan_tells_head_and_lines(people, account, owner, budget):
    ana, omid = people
    driver = create_driver(budget_id=budget.pk, acting_user=owner, name="Guests", quantity=10)
    line = make_line(budget, owner, unit_price="5", driver_id=driver.pk, budgeted_amount=0)
    ana.patch(f"/event-budgets/{budget.pk}", {"version": 3, "notes": "Ana's"})
    omid.patch(f"/event-budgets/{budget.pk}/drivers/{driver.pk}", {"version": 4, "quantity": "20"})
    refused = ana.post(f"/event-budgets/{budget.pk}/submit", {"version": 3})
    assert told(refused) == [
        ("", "notes", "", "Ana's", "Ana"),
        ("Hall", "budgeted_amount", "50.00", "100.00", "Omid"),
        ("Hall", "quantity", "10.000", "20.000", "Omid"),
    ]
    assert [change["line_item_id"] for change in refused.json["changes"]] == [None, str(line.pk), str(line.pk)]
    assert EventBudget.objects.get().status == "draft"


def test_a_stale_number_tells_what_became_of_it(people, account, owner, budget):
    ana, omid = people
    driver = create_driver(budget_id=budget.pk, acting_user=owner, name="Guests", quantity=10)
    path = f"/event-budgets/{budget.pk}/drivers/{driver.pk}"
    ana.patch(path, {"version": 2, "quantity": "20"})
    omid.patch(path, {"version": 3, "name": "People"})
    refused = ana.patch(path, {"version": 2, "quantity": "30"})
    assert told(refused) == [
        ("People", "name", "Guests", "People", "Omid"),
        ("People", "quantity", "10.000", "20.000", "Ana"),
    ]
    assert {change["driver_id"] for change in refused.json["changes"]} == {str(driver.pk)}
    assert PlanDriver.objects.get().quantity == 20


def test_the_history_names_the_number_that_a_line_follows(people, account, owner, budget):
    ana, _ = people
    driver = create_driver(budget_id=budget.pk, acting_user=owner, name="Guests", quantity=10)
    line = make_line(budget, owner, budgeted_amount="1")
    path = f"/event-budgets/{budget.pk}"
    changed = ana.patch(f"{path}/line-items/{line.pk}", {"version": 3, "unit_price": "5", "driver": str(driver.pk)})
    assert changed.status == 200
    [newest, *_] = ana.get(f"{path}/history").json["results"]
    assert {change["field"]: (change["old"], change["new"]) for change in newest["changes"]} == {
        "budgeted_amount": ("1.00", "50.00"),
        "driver": (None, "Guests"),
        "quantity": (None, "10.000"),
        "unit_price": (None, "5.00"),
    }
