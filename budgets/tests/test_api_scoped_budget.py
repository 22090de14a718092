"""`/budgets`: made, read, listed, changed, deleted and restored; what is refused, and that nothing changed then."""

from datetime import date, timedelta
from urllib.parse import quote
from uuid import uuid4

import pytest
from django.utils import timezone

from budgets.models import BudgetWindow, ScopedBudget
from budgets.services.scoped_budget import delete_scoped_budget
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import make_member
from budgetsite.testing.rest import rest_client, rest_client_of
from budgetsite.testing.scoped_budgets import make_scoped_budget, make_tree, spend

TODAY = timezone.now().date()
SEASON = {
    "name": "Season",
    "scope_type": "organization",
    "scope_id": "us",
    "amount": "1000",
    "currency": "USD",
    "period": "monthly",
    "start_date": str(TODAY.replace(day=1)),
}


@pytest.fixture
def rest(account, owner):
    return rest_client_of(owner, account)


def names(answer):
    assert answer.status == 200, answer.json
    return [budget["name"] for budget in answer.json["results"]]


def test_a_budget_answers_what_was_sent(rest):
    parent = rest.post("/budgets", {**SEASON, "timezone": "Europe/Vienna"}).json
    sent = {
        **SEASON,
        "name": "Küche",
        "description": "For the summer",
        "scope_type": "team",
        "scope_id": "küche/1 50%",
        "amount": "1500.5",
        "end_date": "2999-01-01",
        "recurring": True,
        "alerts": [
            {"threshold": 90, "actions": ["notify"]},
            {"threshold": "80.5", "actions": ["notify", "block-all"], "channels": ["mail"], "message": "Ask Ann."},
        ],
        "tags": {"area": "bar", "cost_centre": 12},
        "parent_budget_id": parent["id"],
        "enforcement": "warn",
    }
    answer = rest.post("/budgets", sent)

    assert (answer.status, answer.headers["ETag"]) == (201, '"1"')
    expected = sent | {
        "amount": "1500.50",
        "timezone": "Europe/Vienna",
        "tags": {"area": "bar", "cost_centre": "12"},
        "alerts": [
            {"threshold": "80.50", "actions": ["block-all", "notify"], "channels": ["mail"], "message": "Ask Ann."},
            {"threshold": "90.00", "actions": ["notify"], "channels": [], "message": ""},
        ],
        "path": [parent["id"]],
        "depth": 1,
        "version": 1,
        "is_active": True,
        "deleted_at": None,
    }
    assert {name: answer.json[name] for name in expected} == expected
    [warning] = answer.json["warnings"]
    assert warning["code"] == "larger_than_parent"
    read = rest.get(f"/budgets/{answer.json['id']}")
    assert read.json == {name: value for name, value in answer.json.items() if name != "warnings"}


BAD = [
    ({"scope_type": "dept"}, "scope_type", "invalid_choice", "organization, team, user, project"),
    ({"period": "hourly"}, "period", "invalid_choice", "daily, weekly, monthly, quarterly, annual, custom"),
    ({"enforcement": "maybe"}, "enforcement", "invalid_choice", "stop, warn, ignore"),
    ({"amount": "0"}, "amount", "min_value", "more than 0"),
    ({"amount": "-1"}, "amount", "min_value", "more than 0"),
    ({"amount": "NaN"}, "amount", "not_finite", "must be a number"),
    ({"amount": "inf"}, "amount", "not_finite", "must be a number"),
    ({"amount": "1.234"}, "amount", "too_many_decimals", "USD has 2 decimals"),
    ({"amount": "1000000000000"}, "amount", "out_of_range", "too large"),
    ({"amount": None}, "amount", "null", ""),
    ({"currency": "XXX"}, "currency", "unknown_currency", "such as USD"),
    ({"end_date": SEASON["start_date"]}, "end_date", "invalid", "after the start"),
    ({"period": "custom"}, "end_date", "required", "custom period needs"),
    ({"start_date": "0001-01-01"}, "start_date", "out_of_range", "1900"),
    ({"start_date": "tomorrow"}, "start_date", "invalid", "YYYY-MM-DD"),
    ({"timezone": "Mars/Base"}, "timezone", "unknown_timezone", "Mars/Base"),
    ({"scope_id": "x" * 256}, "scope_id", "max_length", "255"),
    ({"scope_id": "  "}, "scope_id", "blank", ""),
    ({"name": ""}, "name", "blank", ""),
    ({"name": "\ud800"}, "name", "invalid", ""),
    ({"name": "a\0b"}, "name", "null_characters_not_allowed", ""),
    ({"parent_budget_id": str(uuid4())}, "parent_budget_id", "parent_not_found", "Choose another parent"),
    ({"parent_budget_id": "us"}, "parent_budget_id", "invalid", "UUID"),
    ({"tags": "q3"}, "tags", "not_a_list", "list of words"),
    ({"tags": [["q3"]]}, "tags", "invalid", ""),
    ({"tags": {"a": "\ud800"}}, "tags", "invalid", ""),
    ({"alerts": [{"threshold": 0, "actions": ["notify"]}]}, "alerts.0.threshold", "min_value", "above 0"),
    ({"alerts": [{"threshold": -5, "actions": ["notify"]}]}, "alerts.0.threshold", "min_value", "above 0"),
    ({"alerts": [{"threshold": 1001, "actions": ["notify"]}]}, "alerts.0.threshold", "max_value", "1000"),
    ({"alerts": [{"threshold": "NaN", "actions": ["notify"]}]}, "alerts.0.threshold", "invalid", "number"),
    ({"alerts": [{"threshold": 80, "actions": ["shout"]}]}, "alerts.0.actions.0", "invalid_choice", "block-all"),
    ({"alerts": [{"threshold": 80, "actions": []}]}, "alerts.0.actions", "empty", ""),
    ({"alerts": [{"threshold": 80}]}, "alerts.0.actions", "required", ""),
]


def test_bad_input_is_a_400_at_its_field_that_says_what_would_be_right(rest):
    for changes, field, code, words in BAD:
        answer = rest.post("/budgets", SEASON | changes)
        assert (answer.status, answer.fields) == (400, {field: code}), (changes, answer.json)
        assert words in answer.json["errors"][0]["detail"], (changes, answer.json)
    missing = rest.post("/budgets", {"description": "Nothing"})
    assert missing.fields == dict.fromkeys(set(SEASON), "required")
    assert not ScopedBudget.objects.exists()


def test_deleted_and_foreign_parents_are_none_and_currencies_are_not_mixed(rest, account, other_account, owner):
    gone = make_scoped_budget(account, owner)
    delete_scoped_budget(budget_id=gone.pk, acting_user=owner, now=timezone.now())
    with tenant_scope(other_account.pk):
        foreign = make_scoped_budget(other_account, make_member(other_account, Role.OWNER).user)
    for parent in (gone, foreign):
        answer = rest.post("/budgets", SEASON | {"parent_budget_id": str(parent.pk)})
        assert (answer.status, answer.fields) == (400, {"parent_budget_id": "parent_not_found"})

    top = rest.post("/budgets", SEASON).json
    answer = rest.post("/budgets", SEASON | {"parent_budget_id": top["id"], "currency": "EUR"})
    assert (answer.status, answer.fields) == (400, {"currency": "parent_currency_differs"})
    assert ScopedBudget.objects.count() == 1


def test_budgets_are_listed_by_what_they_are(rest, account, owner):
    top = rest.post("/budgets", SEASON | {"tags": ["q3", "summer"]}).json
    over = {"name": "Over", "period": "custom", "start_date": "2020-01-01", "end_date": "2020-02-01"}
    once = {"name": "Once", "period": "daily", "start_date": "2020-01-01", "recurring": False}
    bar = {"name": "Bar", "scope_type": "team", "scope_id": "bar", "period": "daily", "tags": {"area": "bar:1"}}
    for fields in (over, once, bar | {"parent_budget_id": top["id"], "amount": "5"}):
        assert rest.post("/budgets", SEASON | fields).status == 201

    listed = {
        "all": names(rest.get("/budgets")),
        "team": names(rest.get("/budgets", scope_type="team")),
        "scope": names(rest.get("/budgets", scope_id="bar")),
        "below": names(rest.get("/budgets", parent_budget_id=top["id"])),
        "daily": names(rest.get("/budgets", period="daily")),
        "active": names(rest.get("/budgets", active="true")),
        "over": names(rest.get("/budgets", active="false")),
        "label": names(rest.get("/budgets", tag="q3")),
        "key": names(rest.get("/budgets", tag="area")),
        "value": names(rest.get("/budgets", tag="area:bar:1")),
        "no value": names(rest.get("/budgets", tag="area:b")),
        "search": names(rest.get("/budgets", search="sea")),
        "by amount": names(rest.get("/budgets", ordering="amount"))[0],
    }
    assert listed == {
        "all": ["Bar", "Once", "Over", "Season"],
        "team": ["Bar"],
        "scope": ["Bar"],
        "below": ["Bar"],
        "daily": ["Bar", "Once"],
        "active": ["Bar", "Season"],
        "over": ["Once", "Over"],
        "label": ["Season"],
        "key": ["Bar"],
        "value": ["Bar"],
        "no value": [],
        "search": ["Season"],
        "by amount": "Bar",
    }
    assert [budget["is_active"] for budget in rest.get("/budgets").json["results"]] == [True, False, False, True]
    for query in ({"scope_type": "dept"}, {"period": "hourly"}, {"active": "perhaps"}, {"ordering": "colour"}):
        refused = rest.get("/budgets", **query)
        assert (refused.status, list(refused.fields)) == (400, list(query))
    assert "organization, team, user, project" in rest.get("/budgets", scope_type="dept").json["errors"][0]["detail"]


def test_a_budget_changes_but_for_its_place(rest):
    made = rest.post("/budgets", SEASON | {"alerts": [{"threshold": 80, "actions": ["notify"]}]}).json
    path = f"/budgets/{made['id']}"

    changed = rest.put(path, SEASON | {"name": "Winter", "parent_budget_id": None, "version": 1})
    assert (changed.status, changed.json["name"], changed.json["version"]) == (200, "Winter", 2)
    assert changed.json["alerts"] == made["alerts"]
    changed = rest.patch(path, {"amount": "7.50", "alerts": [], "tags": ["q4"]}, If_Match='"2"')
    assert (changed.json["amount"], changed.json["alerts"], changed.json["tags"]) == ("7.50", [], ["q4"])
    assert rest.patch(path, {}).json["version"] == 3

    fixed = {"scope_type": "team", "scope_id": "them", "currency": "EUR", "parent_budget_id": made["id"]}
    for name, value in fixed.items():
        assert rest.patch(path, {name: value, "amount": "9"}).fields == {name: "fixed"}
    stale = rest.patch(path, {"amount": "9", "version": 2})
    assert (stale.status, stale.codes, stale.json["current"]["version"]) == (409, ["stale_version"], 3)
    assert rest.patch(path, {"amount": "0"}).fields == {"amount": "min_value"}
    assert rest.patch(path, {"end_date": SEASON["start_date"]}).fields == {"end_date": "invalid"}
    assert rest.get(path).json["amount"] == "7.50"
    assert ScopedBudget.objects.get().version == 3


def test_a_budget_is_deleted_once_and_comes_back(rest, account, owner):
    top, team, *_rest = make_tree(account, owner)
    *_, leaf = ScopedBudget.objects.order_by("depth")

    refused = rest.delete(f"/budgets/{top.pk}")
    assert (refused.status, refused.codes, refused.json["children"]) == (409, ["has_children"], ["Team"])
    assert rest.delete(f"/budgets/{leaf.pk}", {"version": 7}).codes == ["stale_version"]
    assert [rest.delete(f"/budgets/{leaf.pk}").status for _ in range(2)] == [204, 404]
    assert rest.get(f"/budgets/{leaf.pk}").status == 404

    assert names(rest.get("/budgets/scope/project/project")) == []
    [shown] = rest.get("/budgets/scope/project/project", include_inactive="true").json["results"]
    assert (shown["id"], shown["is_active"]) == (str(leaf.pk), False)
    staff = rest_client(account, Role.STAFF)
    assert staff.delete(f"/budgets/{team.pk}").status == 403
    for _ in range(2):
        back = staff.post(f"/budgets/{leaf.pk}/restore")
        assert (back.status, back.json["is_active"]) == (200, True)


def test_a_scope_is_found_by_any_text(rest, account, owner):
    for scope_id in ("kitchen", "a/b//c", "küche 50% & more?", "/", "x/", "%2F", "#1", "日本"):
        make_scoped_budget(account, owner, name=scope_id, scope_type="team", scope_id=scope_id)
        address = f"/budgets/scope/team/{quote(scope_id, safe='')}"

        assert names(rest.get(address)) == [scope_id]
        assert names(rest.get(address + "/")) == [scope_id]
        assert [node["name"] for node in rest.get(address.replace("scope", "hierarchy")).json["results"]] == [scope_id]


def test_a_scope_lists_what_is_in_force_and_the_rest_when_asked(rest, account, owner):
    top = make_scoped_budget(account, owner, name="Year", period="annual")
    make_scoped_budget(account, owner, name="Month", parent_id=top.pk)
    make_scoped_budget(account, owner, name="Over", end_date=TODAY - timedelta(days=1), start_date=date(2020, 1, 1))
    make_scoped_budget(account, owner, name="Coming", start_date=TODAY + timedelta(days=50))

    path = "/budgets/scope/organization/us"
    assert names(rest.get(path)) == ["Coming", "Month", "Year"]
    assert names(rest.get(path, include_inactive="true")) == ["Coming", "Month", "Over", "Year"]
    assert names(rest.get(path, parent_budget_id=str(top.pk))) == ["Month"]
    assert rest.get("/budgets/scope/dept/us").fields == {"scope_type": "invalid_choice"}
    assert rest.get("/budgets/scope/team/a%00b").fields == {"scope_id": "invalid"}
    assert rest.get(path, include_inactive="maybe").fields == {"include_inactive": "invalid"}
    assert names(rest.get("/budgets/scope/team/nobody")) == []


def test_the_hierarchy_has_levels_and_figures_of_all_below(rest, account, owner):
    now = timezone.now()
    start = TODAY.replace(day=1)
    top, team, _user, project = make_tree(account, owner, start_date=start, amount=1000)
    sibling = make_scoped_budget(
        account, owner, name="Bar", scope_type="team", scope_id="bar", parent_id=top.pk, start_date=start
    )
    spend(project, owner, 40, now=now)
    spend(sibling, owner, 7, now=now)
    make_scoped_budget(account, owner, name="Again", scope_id="organization", parent_id=team.pk, start_date=start)

    tree = rest.get("/budgets/hierarchy/organization/organization").json
    assert (tree["scope_type"], tree["scope_id"], tree["count"]) == ("organization", "organization", 6)
    [root] = tree["results"]
    told = []

    def tell(node):
        told.append((node["level"], node["name"], node["actual"], node["remaining"], node["percent"], node["status"]))
        for child in node["children"]:
            tell(child)

    tell(root)
    assert told == [
        (0, "Organization", "47.00", "953.00", "4.70", "normal"),
        (1, "Bar", "7.00", "993.00", "0.70", "normal"),
        (1, "Team", "40.00", "960.00", "4.00", "normal"),
        (2, "Again", "0.00", "1000.00", "0.00", "normal"),
        (2, "User", "40.00", "960.00", "4.00", "normal"),
        (3, "Project", "40.00", "960.00", "4.00", "normal"),
    ]
    assert (root["budgeted"], root["committed"], root["limit"]) == ("1000.00", "0.00", "1000.00")
    below = rest.get("/budgets/hierarchy/team/team").json
    assert (below["count"], below["results"][0]["name"], below["results"][0]["level"]) == (4, "Team", 0)
    assert rest.get("/budgets/hierarchy/team/nobody").json["results"] == []


def test_refreshing_says_what_differed_and_mends_it(rest, account, owner):
    budget = make_scoped_budget(account, owner, period="annual", start_date=TODAY.replace(day=1))
    spend(budget, owner, 30, now=timezone.now())
    path = f"/budgets/{budget.pk}/refresh-cache"

    fresh = rest.post(path).json
    assert (fresh["differed"], fresh["differences"], fresh["current_amount"]) == (False, [], "30.00")
    BudgetWindow.objects.update(actual_amount=29)
    assert rest.get(f"/budgets/{budget.pk}/status").json["current_amount"] == "29.00"
    mended = rest.post(path).json
    assert (mended["differed"], len(mended["differences"]), mended["current_amount"]) == (True, 1, "30.00")
    assert rest.post(path).json["differed"] is False


def test_a_status_on_day_10_of_30(rest):
    season = {"period": "custom", "start_date": str(TODAY - timedelta(days=10)), "timezone": "UTC"}
    alerts = [{"threshold": t, "actions": ["notify"]} for t in (50, 80, 95)]
    end = str(TODAY + timedelta(days=20))
    budget = rest.post("/budgets", SEASON | season | {"end_date": end, "alerts": alerts}).json
    rest.post(f"/budgets/{budget['id']}/usage", {"amount": "800", "currency": "USD", "source": "api"})

    status = rest.get(f"/budgets/{budget['id']}/status").json
    expected = {
        "budget_id": budget["id"],
        "window_start": f"{TODAY - timedelta(days=10)}T00:00:00Z",
        "window_end": f"{end}T00:00:00Z",
        "current_amount": "800.00",
        "committed_amount": "0.00",
        "limit": "1000.00",
        "currency": "USD",
        "percent_used": "80.00",
        "remaining": "200.00",
        "overrun": "0.00",
        "days_remaining": 20,
        "burn_rate": "80.00",
        "projected_total": "2400.00",
        "status": "warning",
    }
    assert {name: status[name] for name in expected} == expected
    assert [alert["threshold"] for alert in status["active_alerts"]] == ["50.00", "80.00"]
    assert status["last_updated"] is not None
    [window] = rest.get(f"/budgets/{budget['id']}/windows").json["results"]
    assert (window["is_current"], window["current_amount"], window["status"]) == (True, "800.00", "warning")


def test_windows_are_read_backwards_page_by_page(rest, account, owner):
    budget = make_scoped_budget(account, owner, period="daily", start_date=TODAY - timedelta(days=4))
    spend(budget, owner, 5, now=timezone.now() - timedelta(days=1))
    path, seen = f"/budgets/{budget.pk}/windows", []
    first = rest.get(path, limit=2)
    while True:
        seen += [(row["first_day"], row["current_amount"]) for row in first.json["results"]]
        if first.json["next"] is None:
            break
        first = rest.get(path, limit=2, cursor=first.json["next"].rpartition("cursor=")[2].partition("&")[0])
    days = [str(TODAY - timedelta(days=number)) for number in range(5)]
    assert seen == list(zip(days, ["0.00", "5.00", "0.00", "0.00", "0.00"], strict=True))
    assert rest.get(path, cursor="2026-02-31").fields == {"cursor": "invalid"}
