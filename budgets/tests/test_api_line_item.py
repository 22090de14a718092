"""`/event-budgets/{id}/line-items`."""

from decimal import Decimal

import pytest

from budgets.models import BudgetLineItem, EventBudget, LedgerEntry
from budgets.services.ledger_proof import verify_ledger
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget, make_line, move
from budgetsite.testing.rest import RestClient, rest_client_of

DINNER = {"category": "catering", "name": "Dinner", "budgeted_amount": "400.00"}


@pytest.fixture
def rest(account, owner) -> RestClient:
    return rest_client_of(owner, account)


@pytest.fixture
def budget(account, owner) -> EventBudget:
    return make_budget(account, owner, total="1000")


def lines_of(budget: EventBudget) -> str:
    return f"/event-budgets/{budget.pk}/line-items"


def test_a_line_is_added_at_the_end(rest, budget, owner):
    make_line(budget, owner)
    stored = EventBudget.objects.get(pk=budget.pk)
    assert stored.version == 2
    answer = rest.post(lines_of(budget), {**DINNER, "budgeted_amount": 0})
    assert (answer.status, answer.headers["ETag"]) == (201, '"3"')
    line = answer.json
    assert (line["category"], line["budgeted_amount"], line["actual_amount"], line["sort_order"]) == (
        "Catering",
        "0.00",
        "0.00",
        20,
    )
    assert rest.get(f"{lines_of(budget)}/{line['id']}").json == line
    assert [row["id"] for row in rest.get(lines_of(budget)).json["results"]][1] == line["id"]


def test_a_category_is_found_by_its_id(rest, budget):
    category_id = rest.get("/categories", search="Catering").json["results"][0]["id"]
    answer = rest.post(lines_of(budget), {**DINNER, "category": category_id})
    assert (answer.json["category"], answer.json["category_id"]) == ("Catering", category_id)


def test_an_actual_is_posted_and_leaves_the_version_alone(rest, budget):
    line = rest.post(lines_of(budget), DINNER).json
    answer = rest.patch(f"{lines_of(budget)}/{line['id']}", {"version": line["version"], "actual_amount": "500.10"})
    assert answer.status == 200
    assert {name: answer.json[name] for name in line if line[name] != answer.json[name]} == {
        "actual_amount": "500.10",
        "available_amount": "-100.10",
        "variance_amount": "-100.10",
        "variance_percentage": "-25.03",
        "overrun_amount": "100.10",
        "utilization_percentage": "125.03",
    }
    entry = LedgerEntry.objects.get()
    assert (entry.actual_delta, entry.source, entry.actor_id) == (Decimal("500.100"), "manual", rest.user.pk)
    detail = rest.get(f"/event-budgets/{budget.pk}").json
    assert (detail["version"], detail["total_actual_amount"]) == (2, "500.10")
    assert verify_ledger() == []


def test_a_line_is_changed_field_by_field(rest, budget):
    line = rest.post(lines_of(budget), {**DINNER, "notes": "Ask Ana"}).json
    answer = rest.patch(
        f"{lines_of(budget)}/{line['id']}",
        {"name": "Supper", "category": "FLOWERS", "budgeted_amount": "450", "sort_order": 5},
        If_Match='"2"',
    )
    assert (answer.status, answer.headers["ETag"]) == (200, '"3"')
    assert (answer.json["name"], answer.json["category"], answer.json["notes"]) == ("Supper", "Flowers", "Ask Ana")
    assert rest.get(f"{lines_of(budget)}/{line['id']}").json == answer.json


def test_a_stale_line_is_a_409_with_the_budget_as_it_is(rest, budget):
    line = rest.post(lines_of(budget), DINNER).json
    path = f"{lines_of(budget)}/{line['id']}"
    assert rest.patch(path, {"version": 2, "name": "Supper"}).status == 200
    answer = rest.patch(path, {"version": 2, "actual_amount": "1"})
    assert (answer.status, answer.codes) == (409, ["stale_version"])
    assert answer.json["current"] == rest.get(f"/event-budgets/{budget.pk}").json
    assert not LedgerEntry.objects.exists()


def test_two_lines_are_changed_from_one_reading_of_the_budget(rest, budget):
    first, second = rest.post(lines_of(budget), DINNER).json, rest.post(lines_of(budget), DINNER).json
    version = rest.get(f"/event-budgets/{budget.pk}").json["version"]
    answers = [
        rest.patch(f"{lines_of(budget)}/{line['id']}", {"version": version, "name": "Supper"})
        for line in (first, second)
    ]
    assert [(answer.status, answer.json["name"]) for answer in answers] == [(200, "Supper")] * 2


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"name": ""}, {"name": "blank"}),
        ({"name": "x" * 201}, {"name": "max_length"}),
        ({"name": None}, {"name": "null"}),
        ({"category": "Fireworks"}, {"category": "unknown_category"}),
        ({"category": 7}, {"category": "invalid"}),
        ({"category": "00000000-0000-4000-8000-000000000000"}, {"category": "unknown_category"}),
        ({"budgeted_amount": "-1"}, {"budgeted_amount": "below_minimum"}),
        ({"budgeted_amount": "1.001"}, {"budgeted_amount": "too_many_decimals"}),
        ({"actual_amount": "NaN"}, {"actual_amount": "not_finite"}),
        ({"sort_order": 2**31}, {"sort_order": "max_value"}),
        ({"budgeted_amount": "1000.01"}, {"budgeted_amount": "lines_exceed_total"}),
    ],
)
def test_a_wrong_value_is_a_field_error_and_changes_nothing(rest, budget, change, fields):
    line = rest.post(lines_of(budget), DINNER).json
    path = f"{lines_of(budget)}/{line['id']}"
    answer = rest.patch(path, {"version": 2, **change})
    assert (answer.status, answer.fields) == (400, fields)
    assert rest.get(path).json == line
    answer = rest.post(lines_of(budget), {**DINNER, **change})
    assert (answer.status, answer.fields) == (400, fields)
    assert BudgetLineItem.objects.count() == 1


def test_a_line_under_another_budget_is_a_404(rest, account, owner, budget):
    elsewhere = make_line(make_budget(account, owner), owner)
    path = f"{lines_of(budget)}/{elsewhere.pk}"
    assert rest.get(path).status == 404
    assert rest.patch(path, {"version": 1, "name": "Mine"}).status == 404
    assert rest.delete(path).status == 404
    assert rest.post(f"{lines_of(budget)}/reorder", {"order": [str(elsewhere.pk)]}).status == 404
    assert BudgetLineItem.objects.get(pk=elsewhere.pk).name == "Hall"


def test_deleting_a_line_takes_its_actual_out_of_the_budget(rest, budget):
    line = rest.post(lines_of(budget), {**DINNER, "actual_amount": "30"}).json
    path = f"{lines_of(budget)}/{line['id']}"
    assert rest.delete(path, {"version": 1}).codes == ["stale_version"]
    assert rest.delete(path, If_Match=f'"{line["version"]}"').status == 204
    assert rest.delete(path).status == 404
    assert rest.get(f"/event-budgets/{budget.pk}").json["total_actual_amount"] == "0.00"
    assert [entry.actual_delta for entry in LedgerEntry.objects.order_by("seq")] == [Decimal(30), Decimal(-30)]


def test_several_lines_are_one_change(rest, budget):
    answer = rest.post(f"{lines_of(budget)}/bulk", {"line_items": [DINNER, {**DINNER, "name": "Wine"}], "version": 1})
    assert (answer.status, answer.json["version"]) == (201, 2)
    assert [line["name"] for line in answer.json["line_items"]] == ["Dinner", "Wine"]


def test_of_several_lines_all_or_none_are_stored(rest, budget):
    wrong = rest.post(f"{lines_of(budget)}/bulk", {"line_items": [DINNER, {**DINNER, "category": "Fireworks"}]})
    assert (wrong.status, wrong.fields) == (400, {"line_items.1.category": "unknown_category"})
    above = rest.post(f"{lines_of(budget)}/bulk", {"line_items": [DINNER, {**DINNER, "budgeted_amount": "600.01"}]})
    assert (above.status, above.fields) == (400, {"line_items": "lines_exceed_total"})
    assert rest.post(f"{lines_of(budget)}/bulk", {"line_items": []}).status == 400
    stale = rest.post(f"{lines_of(budget)}/bulk", {"line_items": [DINNER], "version": 9})
    assert stale.codes == ["stale_version"]
    assert not BudgetLineItem.objects.exists()


@pytest.mark.parametrize("word", ["order", "line_items", "ids"])
def test_lines_are_put_into_an_order(rest, budget, word):
    ids = [rest.post(lines_of(budget), {**DINNER, "budgeted_amount": "1"}).json["id"] for _ in range(3)]
    answer = rest.post(f"{lines_of(budget)}/reorder", {word: [ids[2], ids[0]], "version": 4})
    assert (answer.status, answer.json["version"]) == (200, 5)
    assert [line["id"] for line in answer.json["line_items"]] == [ids[2], ids[0], ids[1]]


def test_a_fixed_plan_takes_actuals_and_nothing_else(rest, account, owner, budget):
    line = rest.post(lines_of(budget), DINNER).json
    move(budget, "submit", user=owner, role=Role.OWNER, account=account)
    path = f"{lines_of(budget)}/{line['id']}"
    refused = [
        rest.patch(path, {"version": 3, "name": "Supper"}),
        rest.post(lines_of(budget), DINNER),
        rest.post(f"{lines_of(budget)}/bulk", {"line_items": [DINNER]}),
        rest.post(f"{lines_of(budget)}/reorder", {"order": [line["id"]]}),
        rest.delete(path),
        rest.patch(f"/event-budgets/{budget.pk}", {"version": 3, "total_budget_amount": "2000"}),
    ]
    assert [(answer.status, answer.codes) for answer in refused] == [(409, ["plan_fixed"])] * 6
    assert rest.patch(path, {"version": 3, "actual_amount": "5"}).status == 200
