"""`/categories`, and what lists have in common."""

import pytest

from budgets.models import Category
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.people import make_member
from budgetsite.testing.rest import RestClient, rest_client, rest_client_of


@pytest.fixture
def rest(account, owner) -> RestClient:
    return rest_client_of(owner, account)


def named(rest: RestClient, name: str) -> dict:
    return next(row for row in rest.get("/categories", limit=100).json["results"] if row["name"] == name)


def test_a_new_account_has_both_lists_with_typical_shares(rest):
    answer = rest.get("/categories", limit=100).json
    assert answer["count"] == 21
    assert sum(float(row["benchmark_share"]) for row in answer["results"] if row["benchmark_share"]) == 130
    venue = named(rest, "Venue")
    assert (venue["benchmark_share"], venue["for_events"], venue["for_weddings"]) == ("40.00", True, True)
    assert venue["statistics"] == {"line_count": 0, "by_currency": [], "share_of_spend": None}
    assert named(rest, "Labor")["benchmark_share"] is None


def test_statistics_are_by_currency(rest, account, owner):
    budget = make_budget(account, owner)
    make_line(budget, owner, budgeted_amount="100", actual_amount="30.5")
    make_line(budget, owner, budgeted_amount="50")
    yen = make_budget(account, owner, event=make_event(account, owner, currency="JPY"))
    make_line(yen, owner, budgeted_amount="700")
    assert named(rest, "Venue")["statistics"] == {
        "line_count": 3,
        "by_currency": [
            {
                "currency": "CAD",
                "line_count": 2,
                "budgeted_amount": "150.00",
                "committed_amount": "0.00",
                "actual_amount": "30.50",
            },
            {
                "currency": "JPY",
                "line_count": 1,
                "budgeted_amount": "700",
                "committed_amount": "0",
                "actual_amount": "0",
            },
        ],
        "share_of_spend": None,
    }


def test_statistics_show_nobody_elses_money(account, owner, other_account):
    with tenant_scope(other_account.pk):
        stranger = make_member(other_account, Role.OWNER).user
        make_line(make_budget(other_account, stranger), stranger)
    make_line(make_budget(account, owner), owner)
    client = rest_client(account, Role.CLIENT)
    assert named(client, "Venue")["statistics"]["line_count"] == 0
    assert named(rest_client_of(owner, account), "Venue")["statistics"]["line_count"] == 1


def test_categories_are_kept(rest, account, owner):
    made = rest.post("/categories", {"name": "Fireworks", "benchmark_share": "2.5", "for_weddings": True})
    assert (made.status, made.json["benchmark_share"]) == (201, "2.50")
    path = f"/categories/{made.json['id']}"
    assert rest.patch(path, {"name": "Sparklers", "benchmark_share": None}).json["name"] == "Sparklers"
    assert rest.get(path).json["benchmark_share"] is None
    assert [rest.delete(path).status, rest.delete(path).status, rest.get(path).status] == [204, 404, 404]


def test_a_name_that_is_taken_is_a_409_whatever_its_case(rest):
    for answer in (
        rest.post("/categories", {"name": "vENUE"}),
        rest.patch(f"/categories/{named(rest, 'Labor')['id']}", {"name": "venue"}),
    ):
        assert (answer.status, answer.codes) == (409, ["category_exists"])
    assert Category.objects.count() == 21


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"name": ""}, {"name": "blank"}),
        ({"name": "x" * 101}, {"name": "max_length"}),
        ({"benchmark_share": "101"}, {"benchmark_share": "max_value"}),
        ({"benchmark_share": "-1"}, {"benchmark_share": "min_value"}),
        ({"benchmark_share": "NaN"}, {"benchmark_share": "invalid"}),
        ({"for_events": "perhaps"}, {"for_events": "invalid"}),
    ],
)
def test_a_wrong_value_is_a_field_error(rest, change, fields):
    answer = rest.post("/categories", {"name": "Fireworks", **change})
    assert (answer.status, answer.fields) == (400, fields)
    assert Category.objects.count() == 21


def test_one_in_use_is_not_deleted(rest, account, owner):
    make_line(make_budget(account, owner), owner)
    answer = rest.delete(f"/categories/{named(rest, 'Venue')['id']}")
    assert (answer.status, answer.codes) == (409, ["category_in_use"])
    assert Category.objects.filter(name="Venue").exists()


def test_only_managers_change_them(account):
    for role in (Role.STAFF, Role.ORGANIZER, Role.CLIENT):
        rest = rest_client(account, role)
        assert rest.get("/categories").status == 200
        assert rest.post("/categories", {"name": "Fireworks"}).status == 403
    assert rest_client(account, Role.ATTENDEE).get("/categories").status == 403
    assert rest_client(account, Role.MANAGER).post("/categories", {"name": "Fireworks"}).status == 201


def test_another_tenants_category_is_not_there(rest, other_account):
    with tenant_scope(other_account.pk):
        rival = Category.objects.create(name="Secret sauce")
    path = f"/categories/{rival.pk}"
    assert [rest.get(path).status, rest.patch(path, {"name": "Mine"}).status, rest.delete(path).status] == [404] * 3
    assert rest.get("/categories", search="sauce").json["count"] == 0


# --- What lists have in common ----------------------------------------------------------------------------------------


def test_a_page_has_20_rows_and_leads_on(rest):
    first = rest.get("/categories").json
    assert (first["count"], len(first["results"]), first["previous"]) == (21, 20, None)
    second = rest.client.get(first["next"]).json()
    assert (len(second["results"]), second["next"]) == (1, None)
    assert rest.client.get(second["previous"]).json()["results"] == first["results"]


def test_skip_is_offset(rest):
    by_offset = rest.get("/categories", offset=5, limit=3).json["results"]
    by_skip = rest.get("/categories", skip=5, limit=3).json
    assert by_skip["results"] == by_offset
    assert [row["id"] for row in rest.client.get(by_skip["next"]).json()["results"]] == [
        row["id"] for row in rest.get("/categories", offset=8, limit=3).json["results"]
    ]
    assert rest.get("/categories", skip=5, offset=5).status == 200
    assert rest.get("/categories", skip=5, offset=6).fields == {"skip": "ambiguous"}


@pytest.mark.parametrize("name", ["limit", "offset", "skip"])
@pytest.mark.parametrize("value", ["-1", "x", "", "1.5", "1e1", "٣", "99999999999999999999", "1000001"])
def test_a_page_that_can_not_be_is_a_400(rest, name, value):
    answer = rest.get("/categories", **{name: value})
    assert (answer.status, answer.fields) == (400, {name: "out_of_range"})


@pytest.mark.parametrize(("limit", "status"), [(0, 400), (1, 200), (100, 200), (101, 400)])
def test_a_page_has_1_to_100_rows(rest, limit, status):
    assert rest.get("/categories", limit=limit).status == status


def test_a_page_beyond_the_end_is_empty_and_leads_back(rest):
    beyond = rest.get("/categories", offset=500, limit=10).json
    assert (beyond["count"], beyond["results"], beyond["next"]) == (21, [], None)
    assert len(rest.client.get(beyond["previous"]).json()["results"]) == 10


def test_a_list_is_ordered_by_what_it_knows(rest):
    names = [row["name"] for row in rest.get("/categories", ordering="-name", limit=100).json["results"]]
    assert (len(names), names[0], names[-1]) == (21, "Videography", "Attire")
    for wrong in ("tenant_id", "--name", "name,created_by__password", "-"):
        assert rest.get("/categories", ordering=wrong).fields == {"ordering": "invalid_choice"}


@pytest.mark.parametrize("search", ["a\x00b", "x" * 201])
def test_a_search_that_can_not_be_is_a_400(rest, search):
    assert rest.get("/categories", search=search).status == 400


def test_a_search_takes_its_signs_as_they_are(rest):
    assert rest.get("/categories", search="%").json["count"] == 0
    assert rest.get("/categories", search="food &").json["count"] == 1
