"""Approval rules, stages and refusals over the API."""

from datetime import datetime

import pytest

from budgets.api.approval_rules import ApprovalRuleAnswer
from budgets.api.stages import StageAnswer
from budgets.models import ApprovalRule, Category, EventBudget
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, move
from budgetsite.testing.people import make_member
from budgetsite.testing.rest import RestClient, rest_client, rest_client_of


@pytest.fixture
def rest(account, owner) -> RestClient:
    return rest_client_of(owner, account)


@pytest.fixture
def two_stages(rest):
    rest.post("/approval-rules", {"role": "manager"})
    rest.post("/approval-rules", {"role": "owner", "stage": 2, "above_amount": "10000"})


def in_review(account, user, total="12000"):
    return move(make_budget(account, user, total=total), "submit", user=user, role=Role.STAFF, account=account)


def test_a_rule_is_made_read_changed_and_removed(rest):
    made = rest.post(
        "/approval-rules", {"role": "owner", "stage": 2, "above_amount": "5000", "category": "entertainment"}
    )
    assert made.status == 201
    assert set(made.json) == set(ApprovalRuleAnswer().fields)
    category = Category.objects.get(name="Entertainment")
    expected = {
        "subject": "plan",
        "stage": 2,
        "role": "owner",
        "above_amount": "5000.00",
        "currency": "CAD",
        "category": "Entertainment",
        "category_id": str(category.pk),
        "sentence": "Stage 2: an owner, for any line of Entertainment above 5,000.00 CAD",
    }
    assert expected.items() <= made.json.items()

    path = f"/approval-rules/{made.json['id']}"
    changed = rest.patch(path, {"category": None, "above_amount": "7500.5"})
    assert changed.json["sentence"] == "Stage 2: an owner, for a total above 7,500.50 CAD"
    assert rest.get(path).json == changed.json
    assert [rule["id"] for rule in rest.get("/approval-rules").json["results"]] == [made.json["id"]]
    assert ApprovalRule.history.count() == 2

    assert rest.delete(path).status == 204
    assert rest.get(path).status == 404
    assert rest.get("/approval-rules").json["results"] == []


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({}, {"role": "required"}),
        ({"role": "staff"}, {"role": "invalid_choice"}),
        ({"role": "owner", "stage": 0}, {"stage": "min_value"}),
        ({"role": "owner", "stage": 6}, {"stage": "max_value"}),
        ({"role": "owner", "subject": "party"}, {"subject": "invalid_choice"}),
        ({"role": "owner", "subject": "transfer", "stage": 2}, {"stage": "one_stage"}),
        ({"role": "owner", "above_amount": "-1"}, {"above_amount": "below_minimum"}),
        ({"role": "owner", "above_amount": "1.005"}, {"above_amount": "too_many_decimals"}),
        ({"role": "owner", "above_amount": "1.5", "currency": "JPY"}, {"above_amount": "too_many_decimals"}),
        ({"role": "owner", "currency": "XXQ"}, {"currency": "unknown_currency"}),
        ({"role": "owner", "category": "Fireworks"}, {"category": "unknown_category"}),
    ],
)
def test_a_rule_that_cannot_be_says_so_at_its_field(rest, values, fields):
    answer = rest.post("/approval-rules", values)
    assert (answer.status, answer.fields) == (400, fields)
    assert not ApprovalRule.objects.exists()


def test_the_same_rule_twice_is_refused_and_names_the_first(rest):
    first = rest.post("/approval-rules", {"role": "owner", "above_amount": "100"}).json
    again = rest.post("/approval-rules", {"role": "owner", "above_amount": "100.00"})
    assert (again.status, again.codes, again.json["rule_id"]) == (409, ["rule_exists"], first["id"])
    # One that always applies says the same in every currency.
    rest.post("/approval-rules", {"role": "owner"})
    assert rest.post("/approval-rules", {"role": "owner", "currency": "EUR"}).codes == ["rule_exists"]
    assert ApprovalRule.objects.count() == 2


@pytest.mark.parametrize("role", [Role.MANAGER, Role.STAFF])
def test_only_owners_change_the_rules(account, two_stages, role):
    client = rest_client(account, role)
    rule = ApprovalRule.objects.get(stage=2)
    assert client.get("/approval-rules").status == 200
    refused = [
        client.post("/approval-rules", {"role": "manager"}),
        client.patch(f"/approval-rules/{rule.pk}", {"role": "manager"}),
        client.delete(f"/approval-rules/{rule.pk}"),
    ]
    assert [answer.status for answer in refused] == [403] * 3
    assert "In this account an owner may do this" in refused[0].json["errors"][0]["detail"]
    assert list(ApprovalRule.objects.filter(pk=rule.pk).values_list("role", flat=True)) == ["owner"]


def test_a_strangers_category_is_unknown(rest, other_account):
    with tenant_scope(other_account.pk):
        theirs = Category.objects.create(name="Fireworks").pk
    answer = rest.post("/approval-rules", {"role": "owner", "category": str(theirs)})
    assert answer.fields == {"category": "unknown_category"}


def test_a_category_with_a_rule_is_not_deleted(rest):
    rest.post("/approval-rules", {"role": "owner", "category": "Entertainment"})
    category = Category.objects.get(name="Entertainment")
    refused = rest.delete(f"/categories/{category.pk}")
    assert (refused.status, refused.codes) == (409, ["category_has_rules"])
    assert ApprovalRule.objects.count() == 1


def test_stages_say_who_decided_what_and_who_is_next(rest, account, staff, manager, two_stages):
    budget = in_review(account, staff)
    path = f"/event-budgets/{budget.pk}"
    approved = rest_client_of(manager, account).post(f"{path}/approve", {"version": budget.version})
    assert (approved.json["status"], approved.json["awaiting"]["role"]) == ("review", "owner")

    stages = rest.get(f"{path}/stages").json["results"]

    assert [set(stage) for stage in stages] == [set(StageAnswer().fields)] * 2
    done, current = stages
    assert (done["state"], done["decided_by_name"], done["waiting_since"]) == ("done", str(manager), None)
    assert (current["state"], current["role"], current["decided_by"]) == ("current", "owner", None)
    assert current["because"] == "a total above 10,000.00 CAD"
    since = EventBudget.objects.get().awaiting_since
    assert datetime.fromisoformat(current["waiting_since"]) == since
    assert datetime.fromisoformat(done["decided_at"]) == since
    decisions = rest.get(f"{path}/approvals").json["results"]
    assert [(decision["action"], decision["stage"]) for decision in decisions] == [("approve", 1), ("submit", 1)]


def test_a_draft_has_no_stages_what_was_submitted_before_has_lapsed(rest, account, staff, manager, two_stages):
    budget = in_review(account, staff)
    path = f"/event-budgets/{budget.pk}/stages"
    move(budget, "reject", user=manager, role=Role.MANAGER, account=account, reason="Too dear")
    assert rest.get(path).json["results"] == []
    again = move(budget, "submit", user=staff, role=Role.STAFF, account=account)
    assert [(stage["submission"], stage["state"]) for stage in rest.get(path).json["results"]] == [
        (again.version, "current"),
        (again.version, "ahead"),
    ]


def test_each_refused_approval_says_what_is_possible_and_whose_it_is(rest, account, staff, manager, two_stages):
    budget = in_review(account, staff)
    path = f"/event-budgets/{budget.pk}/approve"
    first = rest_client_of(manager, account)
    taken = first.post(path, {"version": budget.version}).json

    own = rest_client_of(staff, account).post(path, {"version": taken["version"]})
    twice = rest.post(path, {"version": budget.version})
    below = rest_client(account, Role.MANAGER).post(path, {"version": taken["version"]})
    again = first.post(path, {"version": taken["version"]})

    assert (own.status, own.codes) == (403, ["permission_denied"])
    assert "an owner or manager may do this" in own.json["errors"][0]["detail"]
    assert (twice.status, twice.codes, twice.json["current"]["version"]) == (409, ["stale_version"], taken["version"])
    assert (below.status, below.codes) == (403, ["stage_not_yours"])
    assert (again.status, again.codes) == (409, ["stage_taken"])
    for refused in (below, again):
        assert [(move["action"], move["roles"]) for move in refused.json["allowed"]] == [
            ("approve", ["owner"]),
            ("reject", ["owner", "manager"]),
        ]
    assert EventBudget.objects.get().version == taken["version"]


def test_a_member_of_another_account_finds_no_stages(account, staff, other_account):
    budget = in_review(account, staff, "500")
    with tenant_scope(other_account.pk):
        stranger = make_member(other_account, Role.OWNER).user
    client = rest_client_of(stranger, other_account)
    assert client.get(f"/event-budgets/{budget.pk}/stages").status == 404
    assert client.post(f"/event-budgets/{budget.pk}/approve", {"version": 2}).status == 404
    assert EventBudget.objects.get().status == "review"
