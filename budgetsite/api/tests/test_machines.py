"""Machines at the REST API's door: what an API key opens, what it does not, and what a refusal says."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.test import Client
from django.urls import path
from django.utils import timezone
from rest_framework.response import Response

from budgetsite import urls as site_urls
from budgetsite.accounts.api_key_text import KeyText, new_secret, parse_key, write_key
from budgetsite.accounts.api_keys import ShownKey, create_api_key, revoke_api_key, rotate_api_key
from budgetsite.accounts.models import Account, ApiKey, User
from budgetsite.accounts.permissions import MACHINE_ACTIONS
from budgetsite.accounts.roles import Role
from budgetsite.accounts.services import add_member, end_membership
from budgetsite.api.models import KeptAnswer
from budgetsite.api.permissions import ANY_MEMBER
from budgetsite.api.views import ContractViewSet
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import make_member
from budgetsite.testing.rest import BASE, RestClient, rest_client_of

VIEW, CHECK, RECORD, RESERVE = MACHINE_ACTIONS
UNKNOWN = "This API key is not known here. Copy all of it, or ask the account's owner for a new one."


class Probe(ContractViewSet):
    """Says who asks, and writes a key when it is posted to."""

    actions = {"look": VIEW, "write": RECORD, "people": ANY_MEMBER, "change": "budgets.change"}

    def look(self, request: Any) -> Response:
        return Response({"key": str(self.api_key), "role": self.role, "may": [self.allows(VIEW), self.allows(RECORD)]})

    def write(self, request: Any) -> Response:
        made = create_api_key(name=request.data["name"], actions=[VIEW], acting_user=self.user, now=timezone.now())
        return Response({"id": str(made.key.pk)}, status=201)

    people = change = look


urlpatterns = [
    path("api/v1/probe", Probe.as_view({"get": "look", "post": "write"})),
    path("api/v1/probe/people", Probe.as_view({"get": "people"})),
    path("api/v1/probe/change", Probe.as_view({"get": "change"})),
    *site_urls.urlpatterns,
]

pytestmark = pytest.mark.urls(__name__)


def make_key(user: User, *actions: str, now: datetime | None = None, **values: Any) -> ShownKey:
    named = {"name": f"Machine {uuid4().hex[:6]}", **values}
    return create_api_key(actions=actions or [VIEW], acting_user=user, now=now or timezone.now(), **named)


def machine(text: str) -> RestClient:
    return RestClient(Client(), headers={"Authorization": f"Bearer {text}"})


def detail_of(answer: Any) -> str:
    [error] = answer.json["errors"]
    return error["detail"]


def test_a_machine_is_told_which_key_it_has(account: Account, owner: User) -> None:
    budget_id, expires_at = uuid4(), timezone.now() + timedelta(days=90)
    made = make_key(owner, VIEW, CHECK, name="Relay", budget_ids=[budget_id], expires_at=expires_at)

    answer = machine(made.text).get("/me")

    assert answer.status == 200
    assert answer.json["api_key"] == {
        "id": str(made.key.pk),
        "name": "Relay",
        "actions": [VIEW, CHECK],
        "budget_ids": [str(budget_id)],
        "expires_at": expires_at.isoformat().replace("+00:00", "Z"),
    }
    assert answer.json["account"]["slug"] == account.slug
    assert (answer.json["user"], answer.json["role"], answer.json["permissions"]) == (None, None, [VIEW, CHECK])
    assert "api_key" not in rest_client_of(owner, account).get("/me").json


def test_a_machine_does_what_its_key_lists_and_nothing_else(account: Account, owner: User) -> None:
    made = make_key(owner, VIEW, name="Relay")
    client = machine(made.text)

    assert client.get("/probe").json == {"key": "Relay", "role": None, "may": [True, False]}

    refused = client.post("/probe", {"name": "Another"})
    assert (refused.status, refused.codes) == (403, ["action_not_allowed"])
    assert detail_of(refused) == (
        "The API key “Relay” lacks the action scoped_budgets.record. "
        "Ask an owner or a manager of the account to add it."
    )
    for address in ("/probe/people", "/probe/change", "/categories", "/event-budgets"):
        answer = client.get(address)
        assert (answer.status, answer.codes) == (403, ["not_for_machines"]), address
    assert ApiKey.objects.count() == 1


def test_what_a_machine_does_stands_under_its_responsible_person(account: Account, owner: User) -> None:
    made = make_key(owner, RECORD)

    answer = machine(made.text).post("/probe", {"name": "Another"})

    assert answer.status == 201
    written = ApiKey.objects.get(pk=answer.json["id"])
    assert (written.created_by, written.history.get().history_user) == (owner, owner)


def test_a_key_works_on_when_its_person_has_left_the_account(account: Account, owner: User) -> None:
    manager = make_member(account, Role.MANAGER)
    made = make_key(manager.user, VIEW)

    end_membership(membership_id=manager.pk, acting_user=owner, acting_role=Role.OWNER, now=timezone.now())
    User.objects.filter(pk=manager.user_id).update(is_active=False)

    assert machine(made.text).get("/probe").status == 200


def test_whoever_has_no_good_secret_learns_nothing(account: Account, other_account: Account, owner: User) -> None:
    made = make_key(owner)
    real = parse_key(made.text)
    assert real is not None
    texts = {
        "cut off": made.text[:-1],
        "one digit wrong": made.text[:80] + ("0" if made.text[80] != "0" else "1") + made.text[81:],
        "another secret": write_key(KeyText(real.tenant_id, real.key_id, new_secret())),
        "another account": write_key(KeyText(other_account.pk, real.key_id, real.secret)),
        "no account": write_key(KeyText(uuid4(), real.key_id, real.secret)),
        "no key": write_key(KeyText(real.tenant_id, uuid4(), real.secret)),
        "the prefix alone": "bsk_",
    }
    for what, text in texts.items():
        answer = machine(text).get("/me")
        assert (answer.status, detail_of(answer)) == (401, UNKNOWN), what
        assert answer.headers["WWW-Authenticate"] == 'Bearer realm="Budgetsite"'
    revoke_api_key(key_id=made.key.pk, acting_user=owner, now=timezone.now())
    assert detail_of(machine(texts["another secret"]).get("/me")) == UNKNOWN


def test_whoever_has_the_secret_is_told_why_it_is_refused(account: Account, owner: User) -> None:
    now = timezone.now()
    revoked, expired, replaced = make_key(owner), make_key(owner, expires_at=now + timedelta(hours=1)), make_key(owner)
    revoke_api_key(key_id=revoked.key.pk, acting_user=owner, now=now)
    ApiKey.objects.filter(pk=expired.key.pk).update(expires_at=now - timedelta(seconds=1))
    rotate_api_key(key_id=replaced.key.pk, acting_user=owner, now=now, overlap=timedelta(0))

    said = [detail_of(machine(made.text).get("/me")) for made in (revoked, expired, replaced)]

    assert said == [
        "This API key is revoked. Ask an owner or a manager of the account for a new one.",
        "This API key has expired. Ask an owner or a manager of the account to let it work longer.",
        "The secret of this API key was replaced. Use the one that was made with the last rotation.",
    ]


def test_two_secrets_are_good_at_most_and_the_old_one_for_the_overlap(account: Account, owner: User) -> None:
    now = timezone.now()
    first = make_key(owner)
    second = rotate_api_key(key_id=first.key.pk, acting_user=owner, now=now - timedelta(hours=23))
    assert [machine(made.text).get("/me").status for made in (first, second)] == [200, 200]

    third = rotate_api_key(key_id=first.key.pk, acting_user=owner, now=now, overlap=timedelta(hours=1))
    assert [machine(made.text).get("/me").status for made in (first, second, third)] == [401, 200, 200]

    ApiKey.objects.filter(pk=first.key.pk).update(previous_until=now - timedelta(seconds=1))
    assert [machine(made.text).get("/me").status for made in (second, third)] == [401, 200]


def test_the_last_use_is_kept_once_a_minute_and_for_refused_requests_too(account: Account, owner: User) -> None:
    made = make_key(owner, VIEW)
    key = ApiKey.objects.get(pk=made.key.pk)
    assert key.last_used_at is None

    assert machine(made.text).post("/probe", {}).status == 403
    key.refresh_from_db()
    first = key.last_used_at
    assert first is not None

    assert machine(made.text).get("/probe").status == 200
    key.refresh_from_db()
    assert key.last_used_at == first

    ApiKey.objects.filter(pk=key.pk).update(last_used_at=first - timedelta(seconds=61))
    machine(made.text).get("/probe")
    key.refresh_from_db()
    assert key.last_used_at > first
    assert key.history.count() == 1


def test_each_machine_is_held_back_by_itself(account: Account, owner: User, settings: Any) -> None:
    settings.THROTTLE_API_KEY = "2/min"
    settings.THROTTLE_USER = "1/hour"
    one, other = make_key(owner), make_key(owner)

    assert [machine(one.text).get("/me").status for _ in range(3)] == [200, 200, 429]
    assert machine(other.text).get("/me").status == 200


def test_idempotency_keys_of_machines_and_people_are_apart(account: Account, owner: User) -> None:
    one, other = make_key(owner, RECORD), make_key(owner, RECORD)
    askers = {"one": machine(one.text), "other": machine(other.text), "person": rest_client_of(owner, account)}

    first = {who: rest.post("/probe", {"name": who}, Idempotency_Key="k") for who, rest in askers.items()}
    assert {who: answer.status for who, answer in first.items()} == dict.fromkeys(askers, 201)

    # Another person is responsible for the machine: its repeats are its own all the same.
    manager = make_member(account, Role.MANAGER).user
    ApiKey.objects.filter(pk=one.key.pk).update(responsible=manager)
    again = {who: rest.post("/probe", {"name": who}, Idempotency_Key="k") for who, rest in askers.items()}
    assert {who: answer.json for who, answer in again.items()} == {who: answer.json for who, answer in first.items()}
    assert {answer.headers["Idempotent-Replay"] for answer in again.values()} == {"true"}
    assert ApiKey.objects.count() == 5
    assert sorted((kept.api_key_id is None, kept.user_id is None) for kept in KeptAnswer.objects.all()) == [
        (False, True),
        (False, True),
        (True, False),
    ]


def test_a_key_shows_nothing_of_another_account(account: Account, other_account: Account, owner: User) -> None:
    """Not even where its responsible person works as well."""
    add_member(account=other_account, email=owner.email, role=Role.OWNER)
    with tenant_scope(other_account.pk):
        theirs = make_key(owner, VIEW, name="Theirs")
    mine = make_key(owner, VIEW, name="Mine")

    assert machine(mine.text).get("/probe").json["key"] == "Mine"
    assert machine(theirs.text).get("/probe").json["key"] == "Theirs"
    with transaction.atomic():
        assert list(ApiKey.objects.values_list("name", flat=True)) == ["Mine"]


def test_the_api_serves_machines_under_its_base_alone(account: Account, owner: User) -> None:
    made = make_key(owner, *MACHINE_ACTIONS)
    page = Client().get("/events/", headers={"Authorization": f"Bearer {made.text}"})
    assert page.status_code == 302
    assert Client().get(BASE + "/me", headers={"Authorization": f"Token {made.text}"}).status_code == 401
