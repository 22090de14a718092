"""API keys: made, changed, rotated, revoked by who looks after them."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from budgetsite.accounts import api_keys
from budgetsite.accounts.api_key_recognition import note_use, recognise_api_key
from budgetsite.accounts.api_key_text import parse_key
from budgetsite.accounts.api_keys import (
    ApiKeyNotFound,
    ApiKeyRevoked,
    change_api_key,
    create_api_key,
    revoke_api_key,
    rotate_api_key,
)
from budgetsite.accounts.models import ApiKey
from budgetsite.accounts.roles import Role
from budgetsite.accounts.selectors import api_keys_in_order
from budgetsite.accounts.services import change_role
from budgetsite.privacy.registry import contributors
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.people import make_account, make_member, sign_in

VIEW, RECORD = "scoped_budgets.view", "scoped_budgets.record"


@pytest.fixture
def made(owner):
    return create_api_key(name=" Relay ", actions=[RECORD, VIEW, VIEW], acting_user=owner, now=timezone.now())


def versions(key):
    return list(key.history.order_by("history_id").values_list("history_change_reason", "name", "actions"))


def test_the_secret_is_shown_once_and_kept_as_a_hash(made, owner):
    text = parse_key(made.text)
    assert (text.tenant_id, text.key_id, len(text.secret)) == (made.key.tenant_id, made.key.pk, 64)
    with connection.cursor() as cursor:
        cursor.execute("SELECT k::text || h::text FROM accounts_apikey k, accounts_historicalapikey h")
        [(stored,)] = cursor.fetchall()
    assert text.secret not in stored
    key = ApiKey.objects.get()
    assert (key.name, key.actions, key.budget_ids, key.responsible, key.created_by) == (
        "Relay",
        [VIEW, RECORD],
        [],
        owner,
        owner,
    )
    assert not {field.name for field in ApiKey.history.model._meta.fields} & {"secret_hash", "previous_hash"}


@pytest.mark.parametrize(
    ("values", "code", "field"),
    [
        ({"name": "RELAY"}, "name_taken", "name"),
        ({"actions": []}, "required", "actions"),
        ({"actions": [VIEW, "scoped_budgets.change"]}, "invalid_choice", "actions"),
        ({"budget_ids": [uuid4() for _ in range(101)]}, "too_many", "budget_ids"),
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, "past", "expires_at"),
    ],
)
def test_what_no_key_can_be_is_refused_when_made_and_when_changed(made, owner, values, code, field):
    other = create_api_key(name="Other", actions=[VIEW], acting_user=owner, now=timezone.now()).key
    before = ApiKey.objects.filter(pk=other.pk).values().get()
    with pytest.raises(api_keys.ApiKeyProblem) as refused, transaction.atomic():
        create_api_key(**{"name": "Third", "actions": [VIEW], **values}, acting_user=owner, now=timezone.now())
    assert (refused.value.code, refused.value.field) == (code, field)
    with pytest.raises(api_keys.ApiKeyProblem) as refused, transaction.atomic():
        change_api_key(key_id=other.pk, acting_user=owner, now=timezone.now(), **values)
    assert (refused.value.code, refused.value.field) == (code, field)
    assert ApiKey.objects.filter(pk=other.pk).values().get() == before
    assert ApiKey.objects.count() == 2


def test_who_is_responsible_may_make_keys(made, account, owner, staff, manager, other_account):
    stranger = make_member(other_account, Role.OWNER).user
    for person in (staff, stranger):
        with pytest.raises(api_keys.NotResponsible):
            create_api_key(name="Mine", actions=[VIEW], acting_user=person, now=timezone.now())
        with pytest.raises(api_keys.NotResponsible):
            change_api_key(key_id=made.key.pk, acting_user=owner, now=timezone.now(), responsible_id=person.pk)
    change_api_key(key_id=made.key.pk, acting_user=owner, now=timezone.now(), responsible_id=manager.pk)
    [key] = api_keys_in_order()
    assert (key.responsible, key.created_by, key.needs_somebody) == (manager, owner, False)
    membership = manager.memberships.get()
    change_role(membership_id=membership.pk, role=Role.STAFF, acting_user=owner, acting_role=Role.OWNER)
    assert [key.needs_somebody for key in api_keys_in_order()] == [True]


def test_history_tells_what_was_done_to_a_key(made, owner):
    now = timezone.now()
    key_id = made.key.pk
    change_api_key(key_id=key_id, acting_user=owner, now=now, name="Relay 2", actions=[VIEW])
    rotate_api_key(key_id=key_id, acting_user=owner, now=now)
    revoke_api_key(key_id=key_id, acting_user=owner, now=now)
    assert versions(made.key) == [
        ("made", "Relay", [VIEW, RECORD]),
        ("changed", "Relay 2", [VIEW]),
        ("rotated", "Relay 2", [VIEW]),
        ("revoked", "Relay 2", [VIEW]),
    ]


def test_a_revoked_key_stays_as_it_is_and_frees_its_name(made, owner):
    now = timezone.now()
    key_id = made.key.pk
    revoke_api_key(key_id=key_id, acting_user=owner, now=now)
    before = ApiKey.objects.values().get()
    for attempt in (
        lambda: change_api_key(key_id=key_id, acting_user=owner, now=now, name="Again"),
        lambda: rotate_api_key(key_id=key_id, acting_user=owner, now=now),
        lambda: revoke_api_key(key_id=key_id, acting_user=owner, now=now),
    ):
        with pytest.raises(ApiKeyRevoked):
            attempt()
    assert ApiKey.objects.values().get() == before
    again = create_api_key(name="Relay", actions=[VIEW], acting_user=owner, now=now).key
    assert [key.pk for key in api_keys_in_order()] == [again.pk, key_id]


@pytest.mark.parametrize("overlap", [timedelta(seconds=-1), timedelta(days=7, seconds=1)])
def test_both_secrets_are_good_for_a_week_at_most(made, owner, overlap):
    with pytest.raises(api_keys.OverlapOutOfRange):
        rotate_api_key(key_id=made.key.pk, acting_user=owner, now=timezone.now(), overlap=overlap)
    assert ApiKey.objects.get().previous_until is None


def test_a_strangers_key_is_not_there(made, owner, other_account):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        for attempt in (
            lambda: change_api_key(key_id=made.key.pk, acting_user=rival, now=timezone.now(), name="Taken"),
            lambda: rotate_api_key(key_id=made.key.pk, acting_user=rival, now=timezone.now()),
            lambda: revoke_api_key(key_id=made.key.pk, acting_user=rival, now=timezone.now()),
        ):
            with pytest.raises(ApiKeyNotFound):
                attempt()
        assert not api_keys_in_order().exists()
    assert ApiKey.objects.get().name == "Relay"


@pytest.fixture
def committed(committed_db):
    account = make_account()
    with transaction.atomic(), tenant_scope(account.pk):
        owner = make_member(account, Role.OWNER).user
        made = create_api_key(name="Relay", actions=[VIEW], acting_user=owner, now=timezone.now())
    return account, owner, made.key


def test_both_secrets_of_two_rotations_at_once_are_good(committed):
    account, owner, key = committed
    now = timezone.now()

    def rotate():
        return rotate_api_key(key_id=key.pk, acting_user=owner, now=now).text

    texts = run_at_once([rotate, rotate], tenant_id=account.pk)
    with transaction.atomic():
        assert [recognise_api_key(text, now=now).key.pk for text in texts] == [key.pk, key.pk]


def test_noting_the_use_of_a_key_waits_for_nobody(committed):
    account, owner, key = committed
    now = timezone.now()

    def note():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '3s'")
        note_use(key, now=now)

    with transaction.atomic(), tenant_scope(account.pk):
        change_api_key(key_id=key.pk, acting_user=owner, now=now, name="Held")
        assert run_at_once([note], tenant_id=account.pk) == [None]
        assert ApiKey.objects.get().last_used_at is None
    assert run_at_once([note], tenant_id=account.pk) == [None]
    with transaction.atomic(), tenant_scope(account.pk):
        assert ApiKey.objects.get().last_used_at == now


def test_erasing_who_is_responsible_says_which_keys_work_on(made, owner, staff):
    [accounts] = [contributor for contributor in contributors() if contributor.name == "accounts"]
    assert accounts.stays(owner) == ["The API key “Relay” works on: name somebody else who is responsible for it."]
    assert accounts.stays(staff) == []
    revoke_api_key(key_id=made.key.pk, acting_user=owner, now=timezone.now())
    assert accounts.stays(owner) == []


def test_the_back_office_revokes_a_key_after_asking_and_shows_no_secret(made, account, owner, staff):
    address = reverse("admin:accounts_apikey_change", args=[made.key.pk])
    revoke = reverse("admin:accounts_apikey_revoke_key", args=[made.key.pk])
    client = sign_in(owner, account)
    secret = parse_key(made.text).secret
    stored = bytes(ApiKey.objects.get().secret_hash).hex()
    for page in (reverse("admin:accounts_apikey_changelist"), address, revoke):
        html = client.get(page).content.decode()
        assert "Relay" in html
        assert secret not in html
        assert stored not in html
    assert ApiKey.objects.get().revoked_at is None

    assert sign_in(staff, account).post(revoke).status_code == 403
    assert ApiKey.objects.get().revoked_at is None

    assert client.post(revoke).status_code == 302
    assert ApiKey.objects.get().revoked_at is not None
    assert client.post(revoke).status_code == 409
    story = client.get(reverse("admin:accounts_apikey_history", args=[made.key.pk])).content.decode()
    assert stored not in story
