"""`/api-keys`: keys over the REST API, and how far one reaches among the budgets."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from budgets.models import LedgerEntry, ScopedBudget
from budgetsite.accounts.models import ApiKey
from budgetsite.accounts.permissions import MACHINE_ACTIONS
from budgetsite.accounts.roles import Role
from budgetsite.accounts.services import end_membership
from budgetsite.tenancy.deletion import soft_delete
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import make_member
from budgetsite.testing.rest import RestClient, rest_client, rest_client_of
from budgetsite.testing.scoped_budgets import make_scoped_budget, make_tree, spend

VIEW, CHECK, RECORD, RESERVE = MACHINE_ACTIONS


@pytest.fixture
def rest(account, owner) -> RestClient:
    return rest_client_of(owner, account)


def made(rest, **values):
    return rest.post("/api-keys", {"name": "Relay", "actions": [VIEW], **values})


def standing_of(secret):
    return RestClient(Client(), headers={"Authorization": f"Bearer {secret}"}).get("/me").status


def test_a_key_is_made_used_changed_rotated_and_revoked(rest, account, owner):
    budget = make_scoped_budget(account, owner)
    manager = make_member(account, Role.MANAGER, name="Mia").user
    answer = made(rest, actions=[RECORD, CHECK], budget_ids=[str(budget.pk)])
    assert answer.status == 201
    assert answer.headers["Cache-Control"] == "no-store"
    key = dict(answer.json)
    secret = key.pop("secret")
    path = f"/api-keys/{key['id']}"
    assert key == rest.get(path).json == rest.get("/api-keys").json["results"][0]
    assert {name: key[name] for name in ("name", "actions", "budget_ids", "state", "needs_responsible")} == {
        "name": "Relay",
        "actions": [CHECK, RECORD],
        "budget_ids": [str(budget.pk)],
        "state": "active",
        "needs_responsible": False,
    }
    assert key["responsible"] == key["created_by"] == {"id": str(owner.pk), "name": "The owner"}

    assert standing_of(secret) == 200
    assert rest.get(path).json["last_used_at"] is not None
    changed = rest.patch(path, {"actions": [RESERVE], "budget_ids": [], "responsible_id": str(manager.pk)})
    assert (changed.json["actions"], changed.json["budget_ids"], changed.json["responsible"]["name"]) == (
        [RESERVE],
        [],
        "Mia",
    )

    rotated = rest.post(f"{path}/rotate", {"overlap_hours": 1})
    assert rotated.status == 200
    assert rotated.json["previous_secret_until"] is not None
    assert [standing_of(secret), standing_of(rotated.json["secret"])] == [200, 200]
    third = rest.post(f"{path}/rotate", {"overlap_hours": 0}).json
    assert third["previous_secret_until"] is None
    assert [standing_of(rotated.json["secret"]), standing_of(third["secret"])] == [401, 200]

    assert rest.post(f"{path}/revoke").json["state"] == "revoked"
    assert standing_of(third["secret"]) == 401
    refused = rest.post(f"{path}/rotate", {})
    assert (refused.status, refused.codes) == (409, ["api_key_revoked"])


def test_a_repeated_request_is_answered_without_the_secret(rest):
    body = {"name": "Relay", "actions": [VIEW]}
    first = rest.post("/api-keys", body, Idempotency_Key="one")
    again = rest.post("/api-keys", body, Idempotency_Key="one")
    assert again.status == 201
    assert again.json == {**first.json, "secret": None}
    assert first.json["secret"].startswith("bsk_")
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"name": ""}, {"name": "blank"}),
        ({"actions": []}, {"actions": "required"}),
        ({"actions": ["scoped_budgets.change"]}, {"actions.0": "invalid_choice"}),
        ({"budget_ids": [str(uuid4())]}, {"budget_ids": "unknown_budget"}),
        ({"budget_ids": ["all"]}, {"budget_ids.0": "invalid"}),
        ({"expires_at": "2020-01-01T00:00:00Z"}, {"expires_at": "past"}),
    ],
)
def test_a_mistake_stands_at_its_field_and_makes_nothing(rest, values, fields):
    answer = made(rest, **values)
    assert (answer.status, answer.fields) == (400, fields)
    assert not ApiKey.objects.exists()


def test_a_mistake_changes_nothing(rest, account, staff):
    path = f"/api-keys/{made(rest).json['id']}"
    before = rest.get(path).json
    assert rest.patch(path, {"name": "New", "responsible_id": str(staff.pk)}).fields == {
        "responsible_id": "not_responsible"
    }
    assert rest.patch(path, {"name": "New", "budget_ids": [str(uuid4())]}).fields == {"budget_ids": "unknown_budget"}
    assert rest.post(f"{path}/rotate", {"overlap_hours": 169}).fields == {"overlap_hours": "max_value"}
    assert rest.get(path).json == before


def test_a_strangers_budget_and_key_are_not_there(rest, other_account):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        theirs = make_scoped_budget(other_account, rival)
        their_key = made(rest_client_of(rival, other_account)).json
    assert made(rest, budget_ids=[str(theirs.pk)]).fields == {"budget_ids": "unknown_budget"}
    for method in ("get", "patch"):
        assert rest.raw(method.upper(), f"/api/v1/api-keys/{their_key['id']}", b"{}").status == 404
    for step in ("rotate", "revoke"):
        assert rest.post(f"/api-keys/{their_key['id']}/{step}", {}).status == 404
    assert rest.get("/api-keys").json["results"] == []


def test_who_left_is_named_until_somebody_else_is_responsible(rest, account, owner):
    manager = make_member(account, Role.MANAGER)
    made(rest_client_of(manager.user, account))
    end_membership(membership_id=manager.pk, acting_user=owner, acting_role=Role.OWNER, now=timezone.now())
    [key] = rest.get("/api-keys").json["results"]
    assert (key["state"], key["needs_responsible"]) == ("active", True)
    changed = rest.patch(f"/api-keys/{key['id']}", {"responsible_id": str(owner.pk)}).json
    assert changed["needs_responsible"] is False


def test_a_key_reaches_its_budgets_and_what_lies_below(rest, account, owner):
    organization, team, user, project = make_tree(account, owner)
    beside = make_scoped_budget(account, owner, name="Beside", scope_id="beside")

    def reached(*named):
        key = ApiKey(budget_ids=[budget.pk for budget in named])
        return set(ScopedBudget.objects.filter(key.within_reach()))

    assert reached() == {organization, team, user, project, beside}
    assert reached(team) == {team, user, project}
    assert reached(project, beside) == {project, beside}


def test_a_key_of_a_deleted_budget_keeps_it_and_reaches_nothing_else(rest, account, owner):
    gone, other = (make_scoped_budget(account, owner, scope_id=name) for name in ("gone", "other"))
    key = made(rest, budget_ids=[str(gone.pk)]).json
    soft_delete(gone, now=timezone.now())
    changed = rest.patch(f"/api-keys/{key['id']}", {"name": "New", "budget_ids": [str(gone.pk)]})
    assert (changed.status, changed.json["budget_ids"]) == (200, [str(gone.pk)])
    assert not ScopedBudget.objects.filter(ApiKey.objects.get().within_reach()).exists()
    assert ScopedBudget.objects.get() == other


def test_a_list_of_keys_costs_the_same_however_long(rest):
    def asked(count):
        with CaptureQueriesContext(connection) as queries:
            assert rest.get("/api-keys").json["count"] == count
        return len(queries)

    made(rest)
    with_one = asked(1)
    for number in range(4):
        made(rest, name=f"Machine {number}", expires_at=(timezone.now() + timedelta(days=1)).isoformat())
    assert asked(5) == with_one


@pytest.mark.parametrize("role", [Role.STAFF, Role.ORGANIZER, Role.CLIENT])
def test_keys_are_the_owners_and_managers_alone(account, role):
    rest = rest_client(account, role)
    assert rest.get("/api-keys").status == 403
    assert made(rest).status == 403
    assert not ApiKey.objects.exists()


def test_a_machine_sees_and_spends_within_its_reach_alone(rest, account, owner):
    top, team, *_below = make_tree(account, owner)
    beside = make_scoped_budget(account, owner, name="Beside", scope_type="team", scope_id="beside")
    made_key = made(rest, actions=[VIEW, CHECK, RECORD], budget_ids=[str(team.pk)]).json
    machine = RestClient(Client(), headers={"Authorization": f"Bearer {made_key['secret']}"})

    listed = machine.get("/budgets").json["results"]
    assert sorted(budget["name"] for budget in listed) == ["Project", "Team", "User"]
    usage = {"amount": "5", "currency": "USD", "source": "api"}
    for out_of_reach in (top, beside):
        for path in ("usage", "check-constraints"):
            answer = machine.post(f"/budgets/{out_of_reach.pk}/{path}", {**usage, "estimated_cost": "5"})
            assert answer.status == 404
        assert machine.get(f"/budgets/{out_of_reach.pk}/status").status == 404
    assert not LedgerEntry.objects.exists()

    recorded = machine.post(f"/budgets/{team.pk}/usage", usage)
    assert (recorded.status, recorded.json["machine"]) == (201, "Relay")
    entry = LedgerEntry.objects.get()
    assert (entry.scoped_budget_id, entry.actor, entry.machine) == (team.pk, owner, "Relay")
    # What is above it counts, and refuses, all the same.
    assert rest.get(f"/budgets/{top.pk}/status").json["current_amount"] == "5.00"
    spend(top, owner, 995, now=timezone.now())
    verdict = machine.post(f"/budgets/{team.pk}/check-constraints", {"estimated_cost": "1"}).json
    assert (verdict["can_proceed"], [refusal["name"] for refusal in verdict["refusals"]]) == (False, ["Organization"])
