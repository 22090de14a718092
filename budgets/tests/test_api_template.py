"""`/budget-templates`, budgets opened from them or as copies, and last year's figures, over the API."""

from decimal import Decimal
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from budgets.api.last_year import EarlierBudgetAnswer, EarlierLineAnswer
from budgets.api.template import TemplateAnswer, TemplateDetailAnswer, TemplateLineAnswer
from budgets.models import BudgetTemplate, EventBudget
from budgets.services.template import create_template
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event
from budgetsite.testing.people import make_member
from budgetsite.testing.rest import RestClient, rest_client, rest_client_of

NOBODY = UUID(int=0)
HALL = {"category": "venue", "name": "Hall", "basis": "share", "value": "62.5"}
DINNER = {"category": "Food & Beverage", "name": "Dinner", "basis": "per_head", "value": 45.25}


@pytest.fixture
def rest(account, owner) -> RestClient:
    return rest_client_of(owner, account)


def make(rest: RestClient, *lines: dict, name: str = "Gala", currency: str = "CAD") -> dict:
    made = rest.post("/budget-templates", {"name": name, "currency": currency, "lines": lines})
    assert made.status == 201, made.json
    return made.json


def test_a_new_account_has_a_template_for_weddings_and_one_for_events(rest):
    answer = rest.get("/budget-templates").json
    assert [
        (row["name"], row["line_count"], row["shares_percentage"], row["needs_total"], row["needs_guests"])
        for row in answer["results"]
    ] == [("Event", 8, "0.000", False, False), ("Wedding (typical shares)", 15, "100.000", True, False)]
    assert answer["results"][0].keys() == TemplateAnswer().fields.keys()
    assert answer["results"][1]["created_by"] is None


def test_a_template_is_made_read_changed_and_deleted(rest, owner):
    made = make(rest, HALL, DINNER)
    assert made.keys() == TemplateDetailAnswer().fields.keys()
    assert made["lines"][0].keys() == TemplateLineAnswer().fields.keys()
    assert (made["currency"], made["line_count"], made["shares_percentage"]) == ("CAD", 2, "62.500")
    assert (made["needs_total"], made["needs_guests"], made["created_by"]) == (True, True, str(owner.pk))
    assert [(row["category"], row["name"], row["basis"], row["value"]) for row in made["lines"]] == [
        ("Venue", "Hall", "share", "62.500"),
        ("Food & Beverage", "Dinner", "per_head", "45.25"),
    ]
    path = f"/budget-templates/{made['id']}"
    assert rest.get(path).json == made

    changed = rest.patch(
        path,
        {
            "name": "Ball",
            "lines": [{"id": made["lines"][1]["id"], "value": "50"}, {**HALL, "name": "Garden", "value": 100}],
        },
    )

    assert changed.status == 200
    assert [(row["name"], row["value"]) for row in changed.json["lines"]] == [
        ("Dinner", "50.00"),
        ("Garden", "100.000"),
    ]
    assert (changed.json["name"], changed.json["lines"][0]["id"]) == ("Ball", made["lines"][1]["id"])
    assert [rest.delete(path).status, rest.delete(path).status, rest.get(path).status] == [204, 404, 404]


def test_a_list_is_searched_and_ordered(rest):
    make(rest, name="Alumni ball")
    assert [row["name"] for row in rest.get("/budget-templates", search="ball").json["results"]] == ["Alumni ball"]
    assert [row["name"] for row in rest.get("/budget-templates", ordering="-name").json["results"]] == [
        "Wedding (typical shares)",
        "Event",
        "Alumni ball",
    ]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"name": "required"}),
        (
            {"name": "G", "lines": [{**HALL, "value": 70}, {**HALL, "value": "30.001"}]},
            {"lines": "shares_exceed_whole"},
        ),
        ({"name": "G", "lines": [{**HALL, "value": "100.001"}]}, {"lines.0.value": "out_of_range"}),
        ({"name": "G", "lines": [HALL, {**HALL, "value": "-1"}]}, {"lines.1.value": "below_minimum"}),
        ({"name": "G", "lines": [{**HALL, "value": None}]}, {"lines.0.value": "null"}),
        ({"name": "G", "lines": [{**HALL, "value": True}]}, {"lines.0.value": "invalid"}),
        ({"name": "G", "lines": [{**HALL, "basis": "half"}]}, {"lines.0.basis": "invalid_choice"}),
        ({"name": "G", "lines": [{**HALL, "category": "Fireworks"}]}, {"lines.0.category": "unknown_category"}),
        ({"name": "G", "lines": [DINNER]}, {"currency": "currency_needed"}),
        ({"name": "G", "currency": "JPY", "lines": [HALL, DINNER]}, {"lines.1.value": "too_many_decimals"}),
        ({"name": "G", "currency": "XXQ"}, {"currency": "unknown_currency"}),
        ({"name": "G", "as": "share"}, {"as": "ambiguous"}),
        ({"name": "G", "from_budget_id": str(NOBODY), "lines": [HALL]}, {"lines": "ambiguous"}),
        ({"name": "G", "from_budget_id": str(NOBODY), "as": "half"}, {"as": "invalid_choice"}),
        ({"name": "G", "from_budget_id": str(NOBODY), "lines_as": {"x": "share"}}, {"lines_as": "invalid"}),
    ],
)
def test_what_cannot_be_a_template_is_a_400_at_its_field(rest, body, fields):
    answer = rest.post("/budget-templates", body)
    assert (answer.status, answer.fields) == (400, fields)
    assert BudgetTemplate.objects.count() == 2


def test_a_name_that_is_taken_is_a_409(rest):
    answer = rest.post("/budget-templates", {"name": "eVENT"})
    assert (answer.status, answer.codes) == (409, ["template_exists"])


def test_a_line_that_the_template_does_not_have_is_a_400(rest):
    made, other = make(rest, HALL), make(rest, HALL, name="Ball")
    answer = rest.patch(f"/budget-templates/{made['id']}", {"lines": [{"id": other["lines"][0]["id"]}]})
    assert (answer.status, answer.fields) == (400, {"lines.0.id": "line_not_found"})
    assert rest.get(f"/budget-templates/{made['id']}").json == made


def test_a_new_line_in_a_change_needs_what_a_line_needs(rest):
    made = make(rest, HALL)
    answer = rest.patch(f"/budget-templates/{made['id']}", {"lines": [{"name": "Band"}]})
    assert (answer.status, answer.fields) == (400, {"lines.0.category": "required"})


def test_a_budget_becomes_a_template(rest, account, owner):
    event = make_event(account, owner, expected_guests=10)
    lines = [{"category": "Venue", "name": name, "budgeted_amount": "100"} for name in "ABC"]
    budget = make_budget(account, owner, total=None, lines=lines, event=event)
    ids = {line.name: str(line.pk) for line in budget.line_items.all()}

    shares = rest.post("/budget-templates", {"name": "Thirds", "from_budget_id": str(budget.pk), "as": "share"})
    mixed = rest.post(
        "/budget-templates",
        {"name": "Mixed", "from_budget_id": str(budget.pk), "lines_as": {ids["B"]: "per_head", ids["C"]: "share"}},
    )

    assert (shares.status, shares.json["shares_percentage"], shares.json["currency"]) == (201, "100.000", "")
    assert [row["value"] for row in shares.json["lines"]] == ["33.334", "33.333", "33.333"]
    assert [(row["basis"], row["value"]) for row in mixed.json["lines"]] == [
        ("amount", "100.00"),
        ("per_head", "10.00"),
        ("share", "33.333"),
    ]


@pytest.mark.parametrize(
    ("how", "status", "code"),
    [
        ({"as": "share"}, 400, "nothing_to_share"),
        ({"as": "per_head"}, 409, "guests_unknown"),
        ({"lines_as": {str(NOBODY): "share"}}, 404, "not_found"),
    ],
)
def test_a_budget_that_cannot_be_kept_so_is_refused(rest, account, owner, how, status, code):
    lines = [{"category": "Venue", "name": "Hall", "budgeted_amount": "0"}]
    budget = make_budget(account, owner, total=None, lines=lines)
    answer = rest.post("/budget-templates", {"name": "G", "from_budget_id": str(budget.pk), **how})
    assert (answer.status, answer.codes) == (status, [code])
    assert BudgetTemplate.objects.count() == 2


def test_a_budget_without_lines_is_no_template(rest, account, owner):
    budget = make_budget(account, owner)
    answer = rest.post("/budget-templates", {"name": "G", "from_budget_id": str(budget.pk)})
    assert (answer.status, answer.codes) == (409, ["nothing_to_save"])


def test_an_organizer_makes_templates_of_their_own_events_alone(account, owner):
    budget = make_budget(account, owner, lines=[{"category": "Venue", "name": "Hall", "budgeted_amount": "9"}])
    organizer = rest_client(account, Role.ORGANIZER)
    answer = organizer.post("/budget-templates", {"name": "G", "from_budget_id": str(budget.pk)})
    assert answer.status == 404
    assert make(organizer, HALL)["line_count"] == 1


@pytest.mark.parametrize("role", [Role.CLIENT, Role.ATTENDEE])
def test_who_plans_nothing_sees_no_templates(account, role):
    assert rest_client(account, role).get("/budget-templates").status == 403


# --- Opening budgets --------------------------------------------------------------------------------------------------


def test_a_budget_is_opened_with_a_template(rest, account, owner):
    template = make(
        rest, {**HALL, "value": "33.333"}, {**HALL, "name": "Garden", "value": "66.667"}, DINNER | {"value": 0}
    )
    event = make_event(account, owner, expected_guests=80)
    answer = rest.post(
        "/event-budgets",
        {"event_id": str(event.pk), "template_id": template["id"], "total_budget_amount": "1000.01", "notes": "N"},
    )
    assert answer.status == 201
    assert [(row["name"], row["budgeted_amount"]) for row in answer.json["line_items"]] == [
        ("Hall", "333.33"),
        ("Garden", "666.68"),
        ("Dinner", "0.00"),
    ]
    assert (answer.json["line_items"][2]["quantity"], answer.json["line_items"][2]["unit_price"]) == ("80.000", "0.00")
    assert (answer.json["version"], answer.json["notes"], answer.json["lines_total_amount"]) == (1, "N", "1000.01")


@pytest.mark.parametrize(
    ("line", "sent", "status", "fields"),
    [
        (HALL, {}, 400, {"total_budget_amount": "total_needed"}),
        (
            {**HALL, "basis": "amount"},
            {"total_budget_amount": "62"},
            400,
            {"total_budget_amount": "template_exceeds_total"},
        ),
        (DINNER, {}, 409, {None: "guests_needed"}),
    ],
)
def test_a_template_that_does_not_fit_is_refused_and_nothing_is_stored(
    rest, account, owner, line, sent, status, fields
):
    template = make(rest, line)
    event = make_event(account, owner)
    answer = rest.post("/event-budgets", {"event_id": str(event.pk), "template_id": template["id"], **sent})
    assert (answer.status, answer.fields) == (status, fields)
    assert not EventBudget.objects.exists()


def test_amounts_in_another_currency_are_a_400(rest, account, owner):
    template = make(rest, {**HALL, "basis": "amount"})
    event = make_event(account, owner, currency="USD")
    answer = rest.post("/event-budgets", {"event_id": str(event.pk), "template_id": template["id"]})
    assert (answer.status, answer.fields) == (400, {"template_id": "template_in_other_currency"})
    assert not EventBudget.objects.exists()


def test_a_budget_is_opened_as_a_copy_with_last_years_figures_beside(rest, account, owner):
    lines = [{"category": "Venue", "name": "Hall", "budgeted_amount": "1000.50", "actual_amount": "1100"}]
    source = make_budget(account, owner, total="2000", lines=lines, event=make_event(account, owner, name="Gala 2025"))
    event = make_event(account, owner)

    copied = rest.post("/event-budgets", {"event_id": str(event.pk), "copy_from": str(source.pk), "factor": "1.05"})

    assert copied.status == 201
    (line,) = copied.json["line_items"]
    assert (line["budgeted_amount"], copied.json["total_budget_amount"]) == ("1050.53", "2100.00")
    beside = rest.get(f"/event-budgets/{copied.json['id']}/last-year").json["last_year"]
    assert beside == {
        "budget_id": str(source.pk),
        "event_id": str(source.event_id),
        "event_name": "Gala 2025",
        "currency": "CAD",
        "total_budget_amount": "2000.00",
        "total_actual_amount": "1100.00",
        "lines": [{"line_item_id": line["id"], "budgeted_amount": "1000.50", "actual_amount": "1100.00"}],
    }
    assert beside.keys() == EarlierBudgetAnswer().fields.keys()
    assert beside["lines"][0].keys() == EarlierLineAnswer().fields.keys()
    assert rest.get(f"/event-budgets/{source.pk}/last-year").json == {"last_year": None}


def test_what_it_came_to_may_be_copied(rest, account, owner):
    lines = [{"category": "Venue", "name": "Hall", "budgeted_amount": "1", "actual_amount": "33.33"}]
    source = make_budget(account, owner, total=None, lines=lines)
    body = {"event_id": str(make_event(account, owner).pk), "copy_from": str(source.pk), "basis": "actual", "factor": 2}
    assert rest.post("/event-budgets", body).json["total_budget_amount"] == "66.66"


@pytest.mark.parametrize(
    ("sent", "fields"),
    [
        ({"template_id": str(NOBODY), "copy_from": str(NOBODY)}, {"template_id": "ambiguous"}),
        (
            {"template_id": str(NOBODY), "line_items": [{"category": "Venue", "name": "A", "budgeted_amount": "1"}]},
            {"template_id": "ambiguous"},
        ),
        (
            {"copy_from": str(NOBODY), "line_items": [{"category": "Venue", "name": "A", "budgeted_amount": "1"}]},
            {"copy_from": "ambiguous"},
        ),
        ({"factor": "1.05"}, {"factor": "ambiguous"}),
        ({"template_id": str(NOBODY), "basis": "plan"}, {"basis": "ambiguous"}),
        ({"copy_from": str(NOBODY), "factor": "0"}, {"factor": "invalid_factor"}),
        ({"copy_from": str(NOBODY), "factor": "10.1"}, {"factor": "invalid_factor"}),
        ({"copy_from": str(NOBODY), "factor": True}, {"factor": "invalid_factor"}),
        ({"copy_from": str(NOBODY), "basis": "guess"}, {"basis": "invalid_choice"}),
        ({"copy_from": "last year"}, {"copy_from": "invalid"}),
    ],
)
def test_one_plan_is_sent_or_it_is_a_400(rest, account, owner, sent, fields):
    event = make_event(account, owner)
    answer = rest.post("/event-budgets", {"event_id": str(event.pk), **sent})
    assert (answer.status, answer.fields) == (400, fields)
    assert not EventBudget.objects.exists()


def test_a_copy_that_does_not_fit_is_refused(rest, account, owner):
    lines = [{"category": "Venue", "name": "Hall", "budgeted_amount": "100"}]
    source = make_budget(account, owner, total=None, lines=lines)
    for event, sent, fields in (
        (make_event(account, owner), {"total_budget_amount": "99.99"}, {"total_budget_amount": "copy_exceeds_total"}),
        (make_event(account, owner, currency="USD"), {}, {"copy_from": "copy_in_other_currency"}),
    ):
        answer = rest.post("/event-budgets", {"event_id": str(event.pk), "copy_from": str(source.pk), **sent})
        assert (answer.status, answer.fields) == (400, fields)
    assert EventBudget.objects.count() == 1


def test_what_one_may_not_see_is_not_copied_and_not_beside(rest, account, owner):
    source = make_budget(account, owner, lines=[{"category": "Venue", "name": "Hall", "budgeted_amount": "9"}])
    organizer = rest_client(account, Role.ORGANIZER)
    event = make_event(account, owner, organizer=organizer.user)
    body = {"event_id": str(event.pk), "copy_from": str(source.pk)}
    assert organizer.post("/event-budgets", body).status == 404
    copied = rest.post("/event-budgets", body).json["id"]
    assert organizer.get(f"/event-budgets/{copied}/last-year").json == {"last_year": None}


def test_another_accounts_templates_and_budgets_are_not_there(rest, account, owner, other_account):
    with tenant_scope(other_account.pk):
        stranger = make_member(other_account, Role.OWNER).user
        theirs = create_template(acting_user=stranger, name="Rival", lines=[])
        budget = make_budget(other_account, stranger)
    path = f"/budget-templates/{theirs.pk}"
    assert [rest.get(path).status, rest.patch(path, {"name": "X"}).status, rest.delete(path).status] == [404, 404, 404]
    assert "Rival" not in str(rest.get("/budget-templates").json)
    assert rest.post("/budget-templates", {"name": "G", "from_budget_id": str(budget.pk)}).status == 404
    event = make_event(account, owner)
    for sent in ({"template_id": str(theirs.pk)}, {"copy_from": str(budget.pk)}):
        assert rest.post("/event-budgets", {"event_id": str(event.pk), **sent}).status == 404
    assert not EventBudget.objects.exists()
    with tenant_scope(other_account.pk):
        assert BudgetTemplate.objects.get(pk=theirs.pk).name == "Rival"


def test_more_templates_and_lines_cost_no_more_statements(rest, owner):
    def statements(path: str) -> int:
        with CaptureQueriesContext(connection) as used:
            assert rest.get(path).status == 200
        return len(used)

    line = {"category": "Venue", "name": "Hall", "basis": "share", "value": Decimal("0.1")}
    one = create_template(acting_user=owner, name="One", lines=[line])
    before = statements("/budget-templates")
    many = [create_template(acting_user=owner, name=f"Many {n}", lines=[line] * 200) for n in range(3)]
    assert statements("/budget-templates") == before
    assert statements(f"/budget-templates/{one.pk}") == statements(f"/budget-templates/{many[0].pk}")
