"""`/event-budgets`: each call of the contract works, is refused without a trace, and shows nobody else's money."""

from decimal import Decimal

import pytest
from django.test import Client

from budgets.api.answers import BudgetDetailAnswer, LineItemAnswer
from budgets.models import BudgetLineItem, EventBudget
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.people import PASSWORD, make_member
from budgetsite.testing.rest import RestClient, rest_client, rest_client_of

LINES = [
    {"category": "venue", "name": "Hall", "budgeted_amount": "600.00"},
    {"category": "Catering", "name": "Dinner", "budgeted_amount": 400.5, "description": "Three courses"},
]


@pytest.fixture
def rest(account, owner) -> RestClient:
    return rest_client_of(owner, account)


@pytest.fixture
def rival_budget(other_account):
    with tenant_scope(other_account.pk):
        stranger = make_member(other_account, Role.OWNER).user
        return make_budget(other_account, stranger, total="777", lines=[])


def test_a_budget_is_opened_with_its_lines(rest, account, owner):
    event = make_event(account, owner)
    answer = rest.post(
        "/event-budgets",
        {"event_id": str(event.pk), "total_budget_amount": "1500", "notes": "First try", "line_items": LINES},
    )
    assert answer.status == 201
    assert answer.headers["ETag"] == '"1"'
    budget = answer.json
    assert {name: budget[name] for name in ("event_id", "status", "version", "currency", "notes")} == {
        "event_id": str(event.pk),
        "status": "draft",
        "version": 1,
        "currency": "CAD",
        "notes": "First try",
    }
    assert (budget["total_budget_amount"], budget["available_amount"], budget["variance_amount"]) == (
        "1500.00",
        "1500.00",
        "1500.00",
    )
    assert (budget["variance_percentage"], budget["utilization_percentage"]) == ("100.00", "0.00")
    assert [(line["category"], line["name"], line["budgeted_amount"]) for line in budget["line_items"]] == [
        ("Venue", "Hall", "600.00"),
        ("Catering", "Dinner", "400.50"),
    ]
    assert rest.get(f"/event-budgets/{budget['id']}").json == budget


def test_a_total_left_out_follows_the_lines(rest, account, owner):
    event = make_event(account, owner)
    answer = rest.post("/event-budgets", {"event_id": str(event.pk), "line_items": LINES})
    assert (answer.json["total_budget_amount"], answer.json["total_follows_lines"]) == ("1000.50", True)


def test_answers_have_exactly_what_the_schema_says(rest, account, owner):
    budget = make_budget(account, owner, lines=[])
    make_line(budget, owner)
    answer = rest.get(f"/event-budgets/{budget.pk}").json
    assert set(answer) == set(BudgetDetailAnswer().fields)
    assert set(answer["line_items"][0]) == set(LineItemAnswer().fields)


def test_lines_above_the_total_are_a_400_and_nothing_is_stored(rest, account, owner):
    event = make_event(account, owner)
    answer = rest.post(
        "/event-budgets", {"event_id": str(event.pk), "total_budget_amount": "1000.49", "line_items": LINES}
    )
    assert (answer.status, answer.fields) == (400, {"line_items": "lines_exceed_total"})
    assert "0.01" in answer.json["errors"][0]["detail"]
    assert not EventBudget.objects.exists()
    assert not BudgetLineItem.objects.exists()


def test_a_second_budget_is_a_409_that_names_the_first(rest, account, owner):
    budget = make_budget(account, owner)
    answer = rest.post("/event-budgets", {"event_id": str(budget.event_id)})
    assert (answer.status, answer.codes, answer.json["budget_id"]) == (409, ["budget_exists"], str(budget.pk))
    assert EventBudget.objects.count() == 1


def test_every_wrong_line_is_named_at_once(rest, account, owner):
    event = make_event(account, owner)
    lines = [
        LINES[0],
        {"category": "Fireworks", "name": "Show", "budgeted_amount": "1"},
        {"category": "Venue", "budgeted_amount": "1.234"},
    ]
    answer = rest.post("/event-budgets", {"event_id": str(event.pk), "line_items": lines})
    assert answer.status == 400
    assert answer.fields == {
        "line_items.1.category": "unknown_category",
        "line_items.2.name": "required",
        "line_items.2.budgeted_amount": "too_many_decimals",
    }
    unknown = next(error for error in answer.json["errors"] if error["code"] == "unknown_category")
    assert "Food & Beverage" in unknown["detail"]
    assert "Hair/Makeup" in unknown["detail"]
    assert not EventBudget.objects.exists()


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("-0.01", "below_minimum"),
        ("NaN", "not_finite"),
        ("-Infinity", "not_finite"),
        ("1e3", "invalid"),
        ("1,000", "invalid"),
        ("", "invalid"),
        (True, "invalid"),
        ([], "invalid"),
        ({}, "invalid"),
        (0.001, "too_many_decimals"),
        ("1000000000000", "out_of_range"),
        (10**30, "out_of_range"),
    ],
)
def test_an_amount_that_is_none_is_a_field_error(rest, account, owner, amount, code):
    event = make_event(account, owner)
    answer = rest.post("/event-budgets", {"event_id": str(event.pk), "total_budget_amount": amount})
    assert (answer.status, answer.fields) == (400, {"total_budget_amount": code})
    assert not EventBudget.objects.exists()


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "1000"), ("USD", "1000.00"), ("KWD", "1000.000")])
def test_amounts_carry_the_decimals_of_their_currency(rest, account, owner, currency, amount):
    event = make_event(account, owner, currency=currency)
    answer = rest.post("/event-budgets", {"event_id": str(event.pk), "total_budget_amount": 1000})
    assert answer.json["total_budget_amount"] == amount


def test_another_tenants_event_is_not_there(rest, rival_budget):
    answer = rest.post("/event-budgets", {"event_id": str(rival_budget.event_id)})
    assert (answer.status, answer.codes) == (404, ["not_found"])


def test_another_tenants_budget_is_not_there_for_any_call(rest, other_account, rival_budget):
    with tenant_scope(other_account.pk):
        line = make_line(rival_budget, make_member(other_account, Role.OWNER).user, budgeted_amount="5")
    path = f"/event-budgets/{rival_budget.pk}"
    version = {"version": 2}
    calls = [
        rest.get(path),
        rest.patch(path, {**version, "notes": "Mine now"}),
        rest.delete(path),
        rest.get(f"{path}/line-items"),
        rest.post(f"{path}/line-items", {"category": "Venue", "name": "Mine", "budgeted_amount": "1"}),
        rest.post(f"{path}/line-items/bulk", {"line_items": LINES}),
        rest.post(f"{path}/line-items/reorder", {"order": [str(line.pk)]}),
        rest.get(f"{path}/line-items/{line.pk}"),
        rest.patch(f"{path}/line-items/{line.pk}", {**version, "name": "Mine"}),
        rest.delete(f"{path}/line-items/{line.pk}"),
        rest.get(f"{path}/ledger"),
        rest.get(f"{path}/history"),
        *(
            rest.post(f"{path}/{move}", {**version, "reason": "Mine"})
            for move in ("submit", "approve", "reject", "activate", "finalize", "archive", "revise")
        ),
    ]
    assert [answer.status for answer in calls] == [404] * 19
    with tenant_scope(other_account.pk):
        stored = EventBudget.objects.get(pk=rival_budget.pk)
        assert (stored.version, stored.notes, stored.status) == (2, "", "draft")
        assert BudgetLineItem.objects.get(pk=line.pk).name == "Hall"


def test_lists_and_sums_hold_nothing_of_another_tenants(rest, rival_budget):
    assert rest.get("/event-budgets").json == {"count": 0, "next": None, "previous": None, "results": []}
    assert rest.get("/event-budgets", event=str(rival_budget.event_id)).json["count"] == 0
    summary = rest.get("/event-budgets/summary").json
    assert (summary["count"], summary["by_status"], summary["by_category"]) == (0, [], [])


def test_changing_total_and_notes_grows_the_version(rest, account, owner):
    budget = make_budget(account, owner, total="1000")
    answer = rest.patch(
        f"/event-budgets/{budget.pk}", {"version": 1, "total_budget_amount": "1200", "notes": "More guests"}
    )
    assert (answer.status, answer.json["version"], answer.headers["ETag"]) == (200, 2, '"2"')
    assert (answer.json["total_budget_amount"], answer.json["notes"]) == ("1200.00", "More guests")


def test_if_match_carries_the_version_as_well(rest, account, owner):
    budget = make_budget(account, owner)
    path = f"/event-budgets/{budget.pk}"
    assert rest.patch(path, {"notes": "A"}, If_Match='"1"').json["version"] == 2
    assert rest.patch(path, {"notes": "B"}, If_Match="one").fields == {"version": "invalid"}
    assert rest.patch(path, {"notes": "B", "version": 2}, If_Match='"1"').fields == {"version": "ambiguous"}
    assert EventBudget.objects.get(pk=budget.pk).notes == "A"


@pytest.mark.parametrize(
    ("version", "code"), [("abc", "invalid"), (True, "invalid"), (1.5, "invalid"), (0, "min_value"), (None, "null")]
)
def test_a_malformed_version_is_a_field_error(rest, account, owner, version, code):
    budget = make_budget(account, owner)
    answer = rest.patch(f"/event-budgets/{budget.pk}", {"notes": "A", "version": version})
    assert (answer.status, answer.fields) == (400, {"version": code})


def test_no_version_is_a_400_and_nothing_changes(rest, account, owner):
    budget = make_budget(account, owner)
    answer = rest.patch(f"/event-budgets/{budget.pk}", {"notes": "A"})
    assert (answer.status, answer.fields) == (400, {"version": "required"})
    assert EventBudget.objects.get(pk=budget.pk).notes == ""


def test_a_stale_version_is_a_409_with_the_budget_as_it_is(rest, account, owner):
    budget = make_budget(account, owner)
    path = f"/event-budgets/{budget.pk}"
    rest.patch(path, {"version": 1, "notes": "First"})
    answer = rest.patch(path, {"version": 1, "notes": "Second"})
    assert (answer.status, answer.codes, answer.json["type"]) == (409, ["stale_version"], "client_error")
    assert answer.json["current"] == rest.get(path).json
    assert (answer.json["current"]["version"], answer.json["current"]["notes"]) == (2, "First")


def test_a_total_below_the_lines_is_refused(rest, account, owner):
    budget = make_budget(account, owner, total="1000", lines=[])
    make_line(budget, owner, budgeted_amount="900")
    answer = rest.patch(f"/event-budgets/{budget.pk}", {"version": 2, "total_budget_amount": "899.99"})
    assert (answer.status, answer.fields) == (400, {"total_budget_amount": "lines_exceed_total"})
    assert EventBudget.objects.get(pk=budget.pk).total_budget_amount == Decimal(1000)


def test_a_patch_without_content_is_a_400(rest, account, owner):
    budget = make_budget(account, owner)
    assert rest.patch(f"/event-budgets/{budget.pk}", None, If_Match='"1"').codes == ["parse_error"]


def test_deleting_takes_the_lines_along_and_a_second_time_finds_nothing(rest, account, owner):
    budget = make_budget(account, owner)
    make_line(budget, owner)
    path = f"/event-budgets/{budget.pk}"
    assert rest.delete(path, {"version": 1}).codes == ["stale_version"]
    assert rest.delete(path).status == 204
    assert rest.delete(path).status == 404
    assert not BudgetLineItem.objects.exists()
    assert rest.post("/event-budgets", {"event_id": str(budget.event_id)}).status == 201


def test_the_list_filters_orders_and_searches(rest, account, owner):
    client = make_member(account, Role.CLIENT).user
    small = make_budget(account, owner, total="10", event=make_event(account, owner, name="Small", client=client))
    large = make_budget(account, owner, total="5000", event=make_event(account, owner, name="Large"))
    make_line(small, owner, budgeted_amount="10", actual_amount="10.01")

    def found(**query):
        return [budget["id"] for budget in rest.get("/event-budgets", **query).json["results"]]

    both = [str(large.pk), str(small.pk)]
    assert found() == both
    assert found(ordering="total_budget_amount") == both[::-1]
    assert found(over_budget="true") == [str(small.pk)]
    assert found(over_budget="false") == [str(large.pk)]
    assert found(event=str(small.event_id)) == [str(small.pk)]
    assert found(client=str(client.pk)) == [str(small.pk)]
    assert found(status="draft") == both
    assert found(status="review") == []
    assert found(search="larg") == [str(large.pk)]
    assert rest.get("/event-budgets", status="lost").fields == {"status": "invalid_choice"}
    assert rest.get("/event-budgets", over_budget="perhaps").fields == {"over_budget": "invalid"}
    assert rest.get("/event-budgets", event="17").fields == {"event": "invalid"}
    assert rest.get("/event-budgets", ordering="notes").fields == {"ordering": "invalid_choice"}


def test_people_see_the_budgets_of_their_own_events_alone(account, owner):
    organizer, client = make_member(account, Role.ORGANIZER).user, make_member(account, Role.CLIENT).user
    own = make_budget(account, owner, event=make_event(account, owner, organizer=organizer, client=client))
    other = make_budget(account, owner)
    for user in (organizer, client):
        rest = rest_client_of(user, account)
        assert [budget["id"] for budget in rest.get("/event-budgets").json["results"]] == [str(own.pk)]
        assert rest.get(f"/event-budgets/{other.pk}").status == 404
        assert rest.get("/event-budgets/summary").json["count"] == 1
    assert rest_client(account, Role.ATTENDEE).get("/event-budgets").status == 403
    assert rest_client_of(client, account).patch(f"/event-budgets/{own.pk}", {"version": 1}).status == 403
    assert rest_client_of(client, account).get(f"/event-budgets/{own.pk}/ledger").status == 403


def test_the_summary_counts_by_status_and_never_adds_currencies(rest, account, owner):
    first = make_budget(account, owner, total="1000")
    make_line(first, owner, budgeted_amount="100", actual_amount="1000.01")
    make_budget(account, owner, total="3000", event=make_event(account, owner, currency="JPY"))
    summary = rest.get("/event-budgets/summary").json
    assert (summary["count"], summary["over_budget"]) == (2, 1)
    assert summary["counts"] == {
        "draft": 2,
        "review": 0,
        "approved": 0,
        "active": 0,
        "finalized": 0,
        "archived": 0,
    }
    assert [(row["currency"], row["count"], row["total_budget_amount"]) for row in summary["by_status"]] == [
        ("CAD", 1, "1000.00"),
        ("JPY", 1, "3000"),
    ]
    assert [(row["category"], row["line_count"], row["actual_amount"]) for row in summary["by_category"]] == [
        ("Venue", 1, "1000.01")
    ]
    assert rest.get("/event-budgets/summary", over_budget="true").json["count"] == 1


def test_open_alerts_are_counted(rest, account, owner):
    budget = make_budget(account, owner, total="100")
    make_line(budget, owner, budgeted_amount="100", actual_amount="101")
    detail = rest.get(f"/event-budgets/{budget.pk}").json
    assert detail["alerts_open"] > 0
    listed = rest.get("/event-budgets").json["results"][0]
    assert listed["alerts_open"] == detail["alerts_open"] == budget.alerts.filter(resolved=False).count()


def test_a_detail_takes_the_same_few_statements_for_any_number_of_lines(
    rest, account, owner, django_assert_max_num_queries
):
    budget = make_budget(account, owner)
    counts = []
    for lines in (1, 3, 16):
        for number in range(lines):
            make_line(budget, owner, name=f"Line {number}", budgeted_amount="10")
        with django_assert_max_num_queries(10) as asked:
            assert rest.get(f"/event-budgets/{budget.pk}").status == 200
        counts.append(len(_statements(asked)))
    assert counts == [counts[0]] * 3
    assert counts[0] <= 8


def test_a_list_takes_the_same_few_statements_for_any_number_of_budgets(
    rest, account, owner, django_assert_max_num_queries
):
    counts = []
    for budgets in (1, 2, 47):
        for _ in range(budgets):
            make_budget(account, owner)
        with django_assert_max_num_queries(10) as asked:
            answer = rest.get("/event-budgets", limit=50)
        counts.append(len(_statements(asked)))
    assert len(answer.json["results"]) == 50
    assert counts == [counts[0]] * 3
    assert counts[0] <= 8


def test_a_bearer_token_costs_no_more_than_a_session(account, owner, django_assert_max_num_queries):
    budget = make_budget(account, owner)
    signed_in = RestClient(Client()).post("/auth/token", {"username": owner.email, "password": PASSWORD}).json
    rest = RestClient(Client(), headers={"Authorization": f"Bearer {signed_in['access']}"})
    for path in (f"/event-budgets/{budget.pk}", "/event-budgets"):
        with django_assert_max_num_queries(10) as asked:
            assert rest.get(path).status == 200
        assert len(_statements(asked)) <= 8


def _statements(asked) -> list[str]:
    """Leave out the savepoints that stand for the request's transaction inside a test's."""
    return [query["sql"] for query in asked.captured_queries if "SAVEPOINT" not in query["sql"]]
