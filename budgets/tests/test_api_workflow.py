"""The moves of a budget, its ledger and its story over the API."""

from decimal import Decimal

import pytest

from budgets.models import BudgetDecision, EventBudget
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget, make_line, move
from budgetsite.testing.rest import RestClient, rest_client, rest_client_of


@pytest.fixture
def rest(account, owner) -> RestClient:
    return rest_client_of(owner, account)


@pytest.fixture
def manager_rest(account, manager) -> RestClient:
    return rest_client_of(manager, account)


@pytest.fixture
def budget(account, owner) -> EventBudget:
    return make_budget(account, owner, total="1000")


def moved(client: RestClient, budget: EventBudget, action: str, **values):
    version = EventBudget.objects.get(pk=budget.pk).version
    return client.post(f"/event-budgets/{budget.pk}/{action}", {"version": version, **values})


def test_a_budget_goes_all_the_way(rest, manager_rest, budget, owner):
    make_line(budget, owner, budgeted_amount="1000", actual_amount="950")
    assert moved(rest, budget, "submit").json["status"] == "review"
    assert moved(manager_rest, budget, "approve").json["status"] == "approved"
    assert moved(rest, budget, "activate").json["status"] == "active"
    finalized = moved(rest, budget, "finalize")
    assert (finalized.status, finalized.json["status"], finalized.json["warnings"]) == (200, "finalized", [])
    archived = moved(rest, budget, "archive")
    assert (archived.json["status"], archived.json["version"], archived.headers["ETag"]) == ("archived", 7, '"7"')
    assert "warnings" not in archived.json
    assert BudgetDecision.objects.count() == 5


def test_a_version_is_needed_and_if_match_will_do(rest, budget):
    path = f"/event-budgets/{budget.pk}/submit"
    assert rest.post(path, {}).fields == {"version": "required"}
    assert rest.post(path).fields == {"version": "required"}
    assert rest.post(path, {"version": 7}).codes == ["stale_version"]
    assert rest.post(path, None, If_Match='"1"').json["status"] == "review"


def test_a_move_that_the_status_does_not_allow_lists_those_that_it_does(rest, budget):
    answer = moved(rest, budget, "activate")
    assert (answer.status, answer.codes) == (409, ["invalid_transition"])
    assert [(allowed["action"], allowed["to_status"]) for allowed in answer.json["allowed"]] == [("submit", "review")]
    assert EventBudget.objects.get(pk=budget.pk).status == "draft"


def test_nobody_approves_what_they_submitted(rest, budget):
    moved(rest, budget, "submit")
    answer = moved(rest, budget, "approve")
    assert (answer.status, answer.codes) == (409, ["own_submission"])
    assert EventBudget.objects.get(pk=budget.pk).status == "review"


def test_sending_back_needs_a_reason(rest, manager_rest, budget):
    moved(rest, budget, "submit")
    for reason in ("", " ", None):
        assert moved(manager_rest, budget, "reject", reason=reason).fields == {"reason": "reason_required"}
    assert moved(manager_rest, budget, "reject", reason="Too dear").json["status"] == "draft"
    assert BudgetDecision.objects.get(action="reject").reason == "Too dear"


def test_a_total_of_nothing_is_not_submitted(rest, account, owner):
    assert moved(rest, make_budget(account, owner, total=None), "submit").codes == ["nothing_to_approve"]


@pytest.mark.parametrize("action", ["approve", "reject", "finalize", "archive"])
def test_staff_and_organizers_do_not_decide(account, budget, action):
    for role in (Role.STAFF, Role.ORGANIZER):
        answer = rest_client(account, role).post(f"/event-budgets/{budget.pk}/{action}", {"version": 1})
        assert (answer.status, answer.codes) == (403, ["permission_denied"])


def test_a_high_variance_is_finalized_by_an_owner_with_a_reason_alone(rest, manager_rest, account, owner, budget):
    make_line(budget, owner, budgeted_amount="1000", actual_amount="1200.10")
    moved(rest, budget, "submit")
    moved(manager_rest, budget, "approve")
    moved(rest, budget, "activate")
    assert moved(manager_rest, budget, "finalize", override=True, reason="Rain").codes == ["variance_too_high"]
    assert moved(rest, budget, "finalize").codes == ["variance_too_high"]
    assert moved(rest, budget, "finalize", override=True).fields == {"reason": "reason_required"}
    assert moved(rest, budget, "finalize", override="perhaps").fields == {"override": "invalid"}
    answer = moved(rest, budget, "finalize", override=True, reason="Rain")
    assert (answer.status, [warning["code"] for warning in answer.json["warnings"]]) == (200, ["variance_high"])


def test_a_locked_budget_takes_nothing(rest, account, owner, manager, budget):
    line = make_line(budget, owner, budgeted_amount="1000", actual_amount="1000")
    for action, user in (("submit", owner), ("approve", manager), ("activate", owner), ("finalize", owner)):
        move(budget, action, user=user, role=Role.OWNER, account=account)
    path = f"/event-budgets/{budget.pk}"
    refused = [
        rest.patch(path, {"version": 6, "notes": "Late"}),
        rest.patch(f"{path}/line-items/{line.pk}", {"version": 6, "actual_amount": "1"}),
        rest.delete(path),
    ]
    assert [(answer.status, answer.codes) for answer in refused] == [(409, ["budget_locked"])] * 3


def test_the_ledger_is_read_newest_first_by_cursor(rest, account, owner, budget):
    line = make_line(budget, owner)
    for amount in range(1, 6):
        version = EventBudget.objects.get(pk=budget.pk).version
        rest.patch(
            f"/event-budgets/{budget.pk}/line-items/{line.pk}", {"version": version, "actual_amount": str(amount)}
        )
    path = f"/event-budgets/{budget.pk}/ledger"
    first = rest.get(path, limit=2).json
    assert set(first) == {"next", "previous", "results"}
    assert [entry["seq"] for entry in first["results"]] == [5, 4]
    second = rest.client.get(first["next"]).json()
    assert [entry["seq"] for entry in second["results"]] == [3, 2]
    last = rest.client.get(second["next"]).json()
    assert ([entry["seq"] for entry in last["results"]], last["next"]) == ([1], None)
    assert rest.client.get(second["previous"]).json()["results"] == first["results"]
    entry = first["results"][0]
    assert (entry["kind"], entry["actual_delta"], entry["committed_delta"]) == ("adjust", "1.00", "0.00")
    assert (entry["line_item_id"], entry["actor"], entry["source"]) == (str(line.pk), str(owner.pk), "manual")
    assert entry["prev_hash"] == first["results"][1]["hash"]
    assert len(entry["hash"]) == 64


@pytest.mark.parametrize("cursor", ["x", "cD1hYmM=", "bz0tNQ==", "é"])
@pytest.mark.parametrize("list_name", ["ledger", "history"])
def test_a_cursor_that_leads_nowhere_is_a_400(rest, budget, cursor, list_name):
    answer = rest.get(f"/event-budgets/{budget.pk}/{list_name}", cursor=cursor)
    assert (answer.status, answer.fields) == (400, {"cursor": "invalid"})


def test_the_story_says_who_changed_what(rest, owner, budget):
    line = rest.post(
        f"/event-budgets/{budget.pk}/line-items", {"category": "Venue", "name": "Hall", "budgeted_amount": "10"}
    ).json
    rest.patch(
        f"/event-budgets/{budget.pk}/line-items/{line['id']}",
        {"version": 2, "budgeted_amount": "12.5", "category": "Music"},
    )
    rest.delete(f"/event-budgets/{budget.pk}/line-items/{line['id']}")
    moved(rest, budget, "submit")
    story = rest.get(f"/event-budgets/{budget.pk}/history").json["results"]
    told = [(change["kind"], change["action"], change["changes"]) for change in story if change["changes"]]
    assert ("budget", "changed", [{"field": "status", "old": "draft", "new": "review"}]) in [
        (kind, action, [change for change in changes if change["field"] == "status"]) for kind, action, changes in told
    ]
    edited = next(change for change in story if change["kind"] == "line_item" and change["action"] == "changed")
    assert sorted((change["field"], change["old"], change["new"]) for change in edited["changes"]) == [
        ("budgeted_amount", "10.00", "12.50"),
        ("category", "Venue", "Music"),
    ]
    assert (edited["by"]["id"], edited["name"], edited["object_id"]) == (str(owner.pk), "Hall", line["id"])
    assert [change["action"] for change in story if change["kind"] == "line_item"] == ["deleted", "changed", "created"]


def test_the_story_is_paged_without_loss(rest, owner, budget):
    for number in range(7):
        make_line(budget, owner, name=f"Line {number}", budgeted_amount=Decimal(1))
    path = f"/event-budgets/{budget.pk}/history"
    whole = rest.get(path, limit=100).json["results"]
    pages, answer = [], rest.get(path, limit=2).json
    while True:
        pages += answer["results"]
        if answer["next"] is None:
            break
        answer = rest.client.get(answer["next"]).json()
    assert pages == whole
    assert len(whole) >= 8


def test_ledger_and_story_cost_the_same_for_any_length(rest, owner, budget, django_assert_max_num_queries):
    counts = []
    for lines in (1, 3):
        for number in range(lines):
            make_line(budget, owner, name=f"Line {number}", budgeted_amount=Decimal(1), actual_amount=Decimal(1))
        with django_assert_max_num_queries(30) as asked:
            rest.get(f"/event-budgets/{budget.pk}/ledger")
        ledger = len(asked.captured_queries)
        with django_assert_max_num_queries(30) as asked:
            rest.get(f"/event-budgets/{budget.pk}/history")
        counts.append((ledger, len(asked.captured_queries)))
    assert counts[0] == counts[1]


def test_decisions_are_read_newest_first_with_who_and_why(rest, manager_rest, budget, owner, manager):
    moved(rest, budget, "submit")
    moved(manager_rest, budget, "reject", reason="The hall is too dear")
    answer = rest.get(f"/event-budgets/{budget.pk}/approvals")
    assert answer.json["count"] == 2
    sent_back, submitted = answer.json["results"]
    assert (sent_back["action"], sent_back["from_status"], sent_back["to_status"]) == ("reject", "review", "draft")
    assert (sent_back["actor"], sent_back["role"]) == (str(manager.pk), "manager")
    assert (sent_back["reason"], sent_back["version"]) == ("The hall is too dear", 3)
    assert (submitted["actor_name"], submitted["version"]) == (str(owner), 2)
