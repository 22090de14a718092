"""A client reads what the event costs; income, the result, notes and earlier plans are the team's."""

from decimal import Decimal

import pytest

from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.people import make_member, sign_in
from budgetsite.testing.rest import rest_client_of

HIDDEN = ("projected_income_amount", "total_income_amount", "projected_result_amount", "result_amount")


@pytest.fixture
def couple(account):
    return make_member(account, Role.CLIENT).user


@pytest.fixture
def budget(account, owner, couple):
    budget = make_budget(account, owner, total="1000", event=make_event(account, owner, client=couple))
    make_line(budget, owner, name="Hall", notes="They would pay 900", budgeted_amount="700")
    make_line(budget, owner, name="Our fee", kind="income", budgeted_amount="1300", actual_amount=Decimal(650))
    return budget


def test_the_team_reads_income_and_notes(account, owner, budget):
    answer = rest_client_of(owner, account).get(f"/event-budgets/{budget.pk}").json
    assert [answer[name] for name in HIDDEN] == ["1300.00", "650.00", "300.00", "650.00"]
    assert [line["name"] for line in answer["income_lines"]] == ["Our fee"]
    assert answer["line_items"][0]["notes"] == "They would pay 900"


def test_a_client_reads_the_costs_alone(account, couple, budget):
    client = rest_client_of(couple, account)
    answer = client.get(f"/event-budgets/{budget.pk}").json
    assert [answer[name] for name in HIDDEN] == [None] * 4
    assert (answer["income_lines"], [line["notes"] for line in answer["line_items"]]) == ([], [""])
    [listed] = client.get("/event-budgets").json["results"]
    assert [listed[name] for name in HIDDEN] == [None] * 4
    lines = client.get(f"/event-budgets/{budget.pk}/line-items", kind="all").json["results"]
    assert [(line["name"], line["notes"]) for line in lines] == [("Hall", "")]


def test_a_client_finds_no_line_of_income(account, owner, couple, budget):
    income = rest_client_of(owner, account).get(f"/event-budgets/{budget.pk}").json["income_lines"][0]["id"]
    assert rest_client_of(couple, account).get(f"/event-budgets/{budget.pk}/line-items/{income}").status == 404


def test_earlier_plans_are_not_a_clients(account, couple, budget):
    client = rest_client_of(couple, account)
    assert client.get(f"/event-budgets/{budget.pk}/revisions").status == 403
    assert client.get(f"/event-budgets/{budget.pk}", as_of="2026-01-01").status == 403
    assert sign_in(couple, account).get(f"/budgets/{budget.pk}/revisions").status_code == 403


def test_a_clients_file_has_the_costs_alone(account, owner, couple, budget):
    of_team, of_client = (
        sign_in(user, account).get(f"/budgets/{budget.pk}/export?format=csv").content.decode("utf-8-sig")
        for user in (owner, couple)
    )
    assert ("Our fee" in of_team, "They would pay 900" in of_team) == (True, True)
    assert ("Hall" in of_client, "Our fee" in of_client, "They would pay 900" in of_client) == (True, False, False)


def test_last_years_income_is_the_teams(account, owner, couple, budget):
    event = make_event(account, owner, client=couple)
    answer = rest_client_of(owner, account).post(
        "/event-budgets", {"event_id": str(event.pk), "copy_from": str(budget.pk)}
    )
    assert answer.status == 201
    address = f"/event-budgets/{answer.json['id']}/last-year"
    of_team, of_client = (
        [line["budgeted_amount"] for line in rest_client_of(user, account).get(address).json["last_year"]["lines"]]
        for user in (owner, couple)
    )
    assert (of_team, of_client) == (["700.00", "1300.00"], ["700.00"])
