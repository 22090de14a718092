"""`/budgets/{id}/usage`: recorded, refused, listed, summed up and taken back; and what a stranger or a machine sees."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from budgets.models import EntryKind, EntrySource, EventBudget, LedgerEntry, Reservation, ReservationStatus
from budgets.services.ledger import post
from budgets.services.ledger_proof import verify_ledger
from budgetsite.accounts.api_keys import create_api_key
from budgetsite.accounts.permissions import MACHINE_ACTIONS
from budgetsite.accounts.roles import Role
from budgetsite.api.models import KeptAnswer
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event
from budgetsite.testing.people import make_member
from budgetsite.testing.rest import RestClient, rest_client_of
from budgetsite.testing.scoped_budgets import make_scoped_budget, make_tree, spend

NOW = timezone.now()
TODAY = NOW.date()
START = date(TODAY.year, 1, 1)
USAGE = {"amount": "50", "currency": "USD", "source": "api"}


@pytest.fixture
def rest(account, owner):
    return rest_client_of(owner, account)


@pytest.fixture
def budget(account, owner):
    return make_scoped_budget(account, owner, period="annual", start_date=START, timezone="Europe/Vienna")


def machine(owner, *budget_ids):
    made = create_api_key(name="Relay", actions=MACHINE_ACTIONS, budget_ids=budget_ids, acting_user=owner, now=NOW)
    return RestClient(Client(), headers={"Authorization": f"Bearer {made.text}"})


def amounts(answer):
    assert answer.status == 200, answer.json
    return [row["amount"] for row in answer.json["results"]]


def test_usage_answers_what_was_recorded_and_how_the_budget_stands(rest, budget):
    sent = USAGE | {"amount": 0.00125, "description": "Ten calls", "metadata": {"model": "m1", "calls": 10}}
    answer = rest.post(f"/budgets/{budget.pk}/usage", sent)

    expected = {
        "budget_id": str(budget.pk),
        "amount": "0.001250",
        "currency": "USD",
        "source": "api",
        "kind": "actual",
        "description": "Ten calls",
        "metadata": {"model": "m1", "calls": 10},
        "recorded_by": str(rest.user.pk),
        "machine": None,
        "warnings": [],
    }
    assert answer.status == 201
    assert {name: answer.json[name] for name in expected} == expected
    assert (answer.json["status"]["current_amount"], answer.json["status"]["remaining"]) == ("0.001250", "999.998750")
    read = rest.get(f"/budgets/{budget.pk}/usage/{answer.json['id']}").json
    assert read == {name: answer.json[name] for name in read}


def test_a_time_without_a_zone_is_the_budgets_own(rest, budget):
    times = {
        "2025-12-31T23:30:00": "2025-12-31T22:30:00Z",
        "2026-01-01T00:30:00+02:00": "2025-12-31T22:30:00Z",
        "2025-10-26T02:30:00": "2025-10-26T00:30:00Z",
        "2026-01-01T08:30:00Z": "2026-01-01T08:30:00Z",
    }
    for sent, kept in times.items():
        answer = rest.post(f"/budgets/{budget.pk}/usage", USAGE | {"timestamp": sent}).json
        assert answer["timestamp"] == kept
    assert [warning["code"] for warning in answer["warnings"]] == (["outside_window"] if TODAY.year != 2026 else [])
    before = rest.post(f"/budgets/{budget.pk}/usage", USAGE | {"timestamp": "2019-05-05T12:00:00"}).json
    assert [warning["code"] for warning in before["warnings"]] == ["outside_window"]


def test_bad_usage_is_a_400_at_its_field_and_records_nothing(rest, budget):
    path = f"/budgets/{budget.pk}/usage"
    deep = {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}
    table = [
        ({"amount": "-0.01"}, "amount", "below_minimum"),
        ({"amount": "NaN"}, "amount", "not_finite"),
        ({"amount": "1e5"}, "amount", "invalid"),
        ({"amount": True}, "amount", "invalid"),
        ({"amount": "0.0000001"}, "amount", "too_many_decimals"),
        ({"amount": "1000000000000"}, "amount", "out_of_range"),
        ({"currency": "EUR"}, "currency", "currency_mismatch"),
        ({"currency": "dollars"}, "currency", "unknown_currency"),
        ({"source": "elsewhere"}, "source", "invalid_choice"),
        ({"timestamp": "yesterday"}, "timestamp", "invalid"),
        ({"timestamp": "0001-01-01T00:00:00Z"}, "timestamp", "out_of_range"),
        ({"timestamp": "9999-12-31T23:59:59-12:00"}, "timestamp", "out_of_range"),
        ({"timestamp": "2026-03-29T02:30:00"}, "timestamp", "skipped"),
        ({"description": "x" * 501}, "description", "max_length"),
        ({"metadata": ["a"]}, "metadata", "not_a_dict"),
        ({"metadata": {"a": "\0"}}, "metadata", "invalid"),
        ({"metadata": {"\ud800": 1}}, "metadata", "invalid"),
        ({"metadata": deep}, "metadata", "invalid"),
        ({"metadata": {"a": "x" * 10_001}}, "metadata", "max_length"),
        ({"enforce": "perhaps"}, "enforce", "invalid"),
    ]
    for changes, field, code in table:
        answer = rest.post(path, USAGE | changes)
        assert (answer.status, answer.fields) == (400, {field: code}), (changes, answer.json)
    infinite = rest.raw("POST", f"/api/v1{path}", b'{"amount": 1e400, "currency": "USD", "source": "api"}')
    assert infinite.fields == {"amount": "not_finite"}
    endless = b'{"amount": 1, "currency": "USD", "source": "api", "metadata": {"a": 1e400}}'
    assert rest.raw("POST", f"/api/v1{path}", endless).fields == {"metadata": "invalid"}
    assert rest.post(path, {}).fields == dict.fromkeys(USAGE, "required")
    assert not LedgerEntry.objects.exists()


def test_enforced_usage_is_refused_with_every_refusal(rest, account, owner):
    top, *_rest, leaf = make_tree(account, owner, start_date=START, period="annual")
    path = f"/budgets/{leaf.pk}/usage"
    refused = rest.post(path, USAGE | {"amount": "1000.01", "enforce": True})

    assert (refused.status, refused.codes) == (409, ["does_not_fit"])
    assert [refusal["name"] for refusal in refused.json["refusals"]] == ["Project", "User", "Team", "Organization"]
    assert refused.json["refusals"][-1] == {
        "budget_id": str(top.pk),
        "name": "Organization",
        "scope_type": "organization",
        "scope_id": "organization",
        "reason": "“Organization” has 1,000.00 USD left, and 1,000.01 USD do not fit.",
        "action": "block-all",
        "remaining": "1000.00",
        "currency": "USD",
    }
    assert not LedgerEntry.objects.exists()
    recorded = rest.post(path, USAGE | {"amount": "10000"})
    assert (recorded.status, recorded.json["status"]["percent_used"]) == (201, "1000.00")
    assert [warning["code"] for warning in recorded.json["warnings"]] == ["over_budget"] * 4
    assert verify_ledger() == []


def test_a_retry_days_later_is_recorded_once(rest, budget, owner):
    path = f"/budgets/{budget.pk}/usage"
    first = rest.post(path, USAGE, Idempotency_Key="call 1")
    assert rest.post(path, USAGE, Idempotency_Key="call 1").json == first.json
    # Answers are kept for a day, entries for ever.
    KeptAnswer.objects.update(path="/gone")
    again = rest.post(path, USAGE, Idempotency_Key="call 1")

    assert (again.status, again.json["id"], again.headers["Idempotent-Replay"]) == (201, first.json["id"], "true")
    other = rest.post(path, USAGE | {"amount": "51"}, Idempotency_Key="call 1")
    assert (other.status, other.codes) == (409, ["idempotency_mismatch"])
    # Another asker's keys are another's, and nobody takes one of ours.
    assert machine(owner).post(path, USAGE, Idempotency_Key="call 1").json["id"] != first.json["id"]
    rest.post(path, USAGE, Idempotency_Key=f"reverse:{first.json['id']}")
    assert rest.post(f"{path}/{first.json['id']}/reverse").status == 201
    assert rest.get(f"/budgets/{budget.pk}/status").json["current_amount"] == "100.00"


def test_usage_is_taken_back_once(rest, budget):
    path = f"/budgets/{budget.pk}/usage"
    entry = rest.post(path, USAGE).json
    back = rest.post(f"{path}/{entry['id']}/reverse", {"reason": "Typed twice"})

    told = {name: back.json[name] for name in ("amount", "kind", "reverses", "description", "timestamp")}
    assert back.status == 201
    assert told == {
        "amount": "-50.00",
        "kind": "adjust",
        "reverses": entry["id"],
        "description": "Typed twice",
        "timestamp": entry["timestamp"],
    }
    assert back.json["status"]["current_amount"] == "0.00"
    for taken in (entry["id"], back.json["id"]):
        assert rest.post(f"{path}/{taken}/reverse").codes == ["already_reversed"]
    assert rest.get(f"{path}/{entry['id']}").json["reversed_by"] == back.json["id"]
    assert rest.post(f"{path}/{uuid4()}/reverse").status == 404


def test_what_counts_is_listed_newest_first_and_says_where_it_was_recorded(rest, account, owner):
    top, team, _user, project = make_tree(account, owner, start_date=START, period="annual", amount=100_000)
    other = make_scoped_budget(account, owner, name="Other", start_date=START)
    event_budget = make_budget(account, owner, total="1000", event=make_event(account, owner, currency="USD"))
    EventBudget.objects.update(funded_by=team)
    for number, budget in enumerate((top, team, project, other)):
        spend(budget, owner, number + 1, now=NOW - timedelta(minutes=10 - number), source="manual")
    spent = {"kind": EntryKind.ACTUAL, "source": EntrySource.EXPENSE, "actual_delta": Decimal(70), "occurred_at": NOW}
    post(budget_id=event_budget.pk, currency="USD", **spent)
    path = f"/budgets/{top.pk}/usage"

    rows = rest.get(path).json["results"]
    assert [(row["budget_name"], row["amount"], row["event_budget_id"]) for row in rows] == [
        ("Team", "70.00", str(event_budget.pk)),
        ("Project", "3.00", None),
        ("Team", "2.00", None),
        ("Organization", "1.00", None),
    ]
    assert amounts(rest.get(path, own="true")) == ["1.00"]
    assert amounts(rest.get(path, source="expense")) == ["70.00"]
    assert amounts(rest.get(path, end_date="2019-12-31")) == []
    assert amounts(rest.get(path, limit=1000, start_date=str(START))) == ["70.00", "3.00", "2.00", "1.00"]
    page = rest.get(path, limit=3).json
    [cursor] = parse_qs(urlsplit(page["next"]).query)["cursor"]
    assert amounts(rest.get(path, limit=3, cursor=cursor)) == ["1.00"]
    for name, value in {"limit": 1001, "source": "x", "cursor": "x", "skip": 1, "own": "?", "end_date": "x"}.items():
        assert list(rest.get(path, **{name: value}).fields) == [name]
    assert rest.get(path, start_date="2026-02-01", end_date="2026-01-31").fields == {"end_date": "ends_before_start"}

    assert rest.delete(f"/budgets/{project.pk}").status == 204
    assert [row["budget_name"] for row in rest.get(path).json["results"]][1] == "Project"
    summary = rest.get(f"{path}/summary", start_date=str(START), end_date=f"{TODAY.year}-12-31").json
    assert (summary["total"], summary["record_count"]) == ("76.00", 4)
    assert summary["by_source"] == {"expense": "70.00", "manual": "6.00"}
    assert summary["total"] == rest.get(f"/budgets/{top.pk}/status").json["current_amount"]


def test_a_summary_has_both_days_where_the_budget_is(rest, budget, owner):
    for moment in ("2025-04-30T21:59:59", "2025-04-30T22:00", "2025-05-02T21:59:59", "2025-05-02T22:00"):
        spend(budget, owner, 10, now=NOW, timestamp=datetime.fromisoformat(moment).replace(tzinfo=UTC))
    path = f"/budgets/{budget.pk}/usage/summary"

    summary = rest.get(path, start_date="2025-05-01", end_date="2025-05-02").json
    assert summary == {
        "budget_id": str(budget.pk),
        "start_date": "2025-05-01",
        "end_date": "2025-05-02",
        "timezone": "Europe/Vienna",
        "days": 2,
        "total": "20.00",
        "committed": "0.00",
        "currency": "USD",
        "record_count": 2,
        "average_per_day": "10.00",
        "by_source": {"manual": "20.00"},
        "records_by_source": {"manual": 2},
        "by_kind": {"actual": "20.00"},
    }
    assert rest.get(path, start_date="2025-05-02", end_date="2025-05-02").json["record_count"] == 1
    assert rest.get(path).fields == {"start_date": "required", "end_date": "required"}
    assert rest.get(path, start_date="2025-05-02", end_date="2025-05-01").fields == {"end_date": "ends_before_start"}


def test_nothing_of_a_strangers_budget_is_there(rest, other_account, account, owner):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        theirs = make_scoped_budget(other_account, rival, scope_type="team", scope_id="kitchen", start_date=START)
        entry = spend(theirs, rival, 5, now=NOW).entry
    mine = make_scoped_budget(account, owner, start_date=START, amount=1)
    one = f"/budgets/{theirs.pk}"

    for path in ("", "/status", "/windows", "/usage", "/reservations", f"/usage/{entry.pk}"):
        assert rest.get(one + path).status == 404, path
    posts = {
        "/usage": USAGE,
        "/check-constraints": {"estimated_cost": "1"},
        "/reservations": {"amount": "1", "ttl_seconds": 1},
        f"/usage/{entry.pk}/reverse": None,
        "/refresh-cache": None,
        "/restore": None,
    }
    for path, body in posts.items():
        assert rest.post(one + path, body).status == 404, path
    assert rest.get(f"/budgets/{mine.pk}/usage/{entry.pk}").status == 404
    check = rest.post("/budgets/check-constraints", {"scopes": {"team": "kitchen"}, "estimated_cost": "0"}).json
    assert (check["can_proceed"], check["budgets"]) == (False, [])
    with tenant_scope(other_account.pk):
        assert LedgerEntry.objects.count() == 1


def test_a_machine_stays_within_its_reach(account, owner):
    top, team, *_rest, project = make_tree(account, owner, start_date=START, period="annual")
    beside = make_scoped_budget(account, owner, scope_type="team", scope_id="beside", start_date=START)
    held = rest_client_of(owner, account).post(f"/budgets/{beside.pk}/reservations", {"amount": "1", "ttl_seconds": 9})
    client = machine(owner, team.pk)

    recorded = client.post(f"/budgets/{project.pk}/usage", USAGE)
    assert (recorded.status, recorded.json["machine"]) == (201, "Relay")
    for budget in (top, beside):
        one = f"/budgets/{budget.pk}"
        answers = [client.get(one + path) for path in ("", "/status", "/windows", "/usage", "/reservations")]
        posts = {"/usage": USAGE, "/reservations": {"amount": "1", "ttl_seconds": 1}, "/refresh-cache": None}
        answers += [client.post(one + path, body) for path, body in posts.items()]
        answers.append(client.post(f"{one}/reservations/{held.json['id']}/release"))
        assert {answer.status for answer in answers} == {404}
    assert client.get("/budgets/scope/team/beside").json["results"] == []
    assert client.get("/budgets/hierarchy/organization/organization").json["results"] == []

    def check(**scopes):
        return client.post("/budgets/check-constraints", {"scopes": scopes, "estimated_cost": "1"})

    # Judged together with what stands above it; what lies beyond its reach could refuse, so there is no answer.
    assert [one["name"] for one in check(team="team").json["budgets"]] == ["Team", "Organization"]
    assert [check(team="team", organization=name).status for name in ("organization", "nobody")] == [404, 404]
    assert client.patch(f"/budgets/{team.pk}", {"name": "Mine"}).status == 403
    assert Reservation.objects.get().status == ReservationStatus.HELD
