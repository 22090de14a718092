"""The pages of API keys: the secret seen once, and plain forms for everything."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from budgets.tests.pages import browser, words
from budgetsite.accounts.api_key_text import parse_key
from budgetsite.accounts.models import ApiKey
from budgetsite.accounts.permissions import MACHINE_ACTIONS
from budgetsite.accounts.roles import Role
from budgetsite.accounts.services import change_role
from budgetsite.tenancy.deletion import soft_delete
from budgetsite.testing.people import make_member
from budgetsite.testing.rest import RestClient
from budgetsite.testing.scoped_budgets import make_tree

VIEW, CHECK, RECORD, RESERVE = MACHINE_ACTIONS
NEW = {"name": "Relay", "actions": [CHECK, RECORD], "reach": "all", "expires_on": ""}


def at(name, *args):
    return reverse(f"budgets:{name}", args=args)


def secret_on(page):
    return re.search(r"bsk_[0-9a-f_]{100,}", page.content.decode())[0]


def standing_of(secret):
    return RestClient(Client(), headers={"Authorization": f"Bearer {secret}"}).get("/me").status


def test_a_key_is_made_rotated_and_revoked_by_plain_forms(account, owner):
    client = browser(owner, account)
    assert "No other system can use this account’s budgets." in words(client.get(at("api_keys")))

    shown = client.post(at("api_key_create"), NEW)
    first = secret_on(shown)
    key = ApiKey.objects.get()
    assert (shown.status_code, parse_key(first).key_id) == (201, key.pk)
    assert "no-store" in shown.headers["Cache-Control"]
    assert (key.name, key.actions, key.budget_ids, key.expires_at) == ("Relay", [CHECK, RECORD], [], None)
    assert standing_of(first) == 200
    listed = client.get(at("api_keys"))
    assert "1 key lets other systems use this account’s budgets." in words(listed)
    assert "bsk_" not in listed.content.decode()
    assert "bsk_" not in client.get(at("api_key", key.pk)).content.decode()

    asked = client.get(at("api_key_rotate", key.pk))
    assert "The new secret works at once" in words(asked)
    second = secret_on(client.post(at("api_key_rotate", key.pk), {"overlap": "1"}))
    assert [standing_of(secret) for secret in (first, second)] == [200, 200]
    assert "Two work already" in words(client.get(at("api_key_rotate", key.pk)))

    assert standing_of(second) == 200
    asked = client.get(at("api_key_revoke", key.pk))
    assert "refused from its next request on. It was used last on" in words(asked)
    assert standing_of(second) == 200
    assert "“Relay” is revoked" in words(client.post(at("api_key_revoke", key.pk), follow=True))
    assert [standing_of(secret) for secret in (first, second)] == [401, 401]
    for name in ("api_key", "api_key_rotate", "api_key_revoke"):
        answer = client.post(at(name, key.pk), {**NEW, "overlap": "0"}, follow=True)
        assert "“Relay” is revoked for good. Make a new key." in words(answer)


def test_a_key_is_given_budgets_and_a_day(account, owner):
    _organization, team, user, _project = make_tree(account, owner)
    client = browser(owner, account)
    form = client.get(at("api_key_create")).context["form"]
    assert [label for _, label in form.fields["budgets"].choices] == [
        "Organization (organization)",
        "– Team (team)",
        "– – User (person)",
        "– – – Project (project)",
    ]
    forgot = client.post(at("api_key_create"), {**NEW, "reach": "some"})
    assert (forgot.status_code, list(forgot.context["form"].errors)) == (422, ["budgets"])
    assert not ApiKey.objects.exists()

    day = timezone.now().date() + timedelta(days=30)
    client.post(
        at("api_key_create"), {**NEW, "reach": "some", "budgets": [str(team.pk)], "expires_on": day.isoformat()}
    )
    key = ApiKey.objects.get()
    assert key.budget_ids == [team.pk]
    # The end of that day in Toronto.
    assert key.expires_at.astimezone(UTC).date() == day + timedelta(days=1)
    assert "Team" in words(client.get(at("api_keys")))

    ApiKey.objects.update(expires_at=datetime(2030, 5, 5, 12, 30, tzinfo=UTC))
    typed = {
        **NEW,
        "reach": "some",
        "budgets": [str(user.pk)],
        "expires_on": "2030-05-05",
        "responsible": str(owner.pk),
    }
    client.post(at("api_key", key.pk), {**typed, "name": "Relay 2"})
    key.refresh_from_db()
    # The same day is no other moment.
    assert (key.name, key.budget_ids, key.expires_at) == (
        "Relay 2",
        [user.pk],
        datetime(2030, 5, 5, 12, 30, tzinfo=UTC),
    )
    client.post(at("api_key", key.pk), {**typed, "reach": "all"})
    key.refresh_from_db()
    assert key.budget_ids == []


def test_a_key_whose_budgets_are_deleted_does_not_reach_all_by_a_press_of_save(account, owner):
    *_, project = make_tree(account, owner)
    client = browser(owner, account)
    client.post(at("api_key_create"), {**NEW, "reach": "some", "budgets": [str(project.pk)]})
    key = ApiKey.objects.get()
    soft_delete(project, now=timezone.now())
    assert "None: its budgets are deleted" in words(client.get(at("api_keys")))
    page = client.get(at("api_key", key.pk))
    assert "A budget that it reached is deleted" in words(page)
    saved = client.post(at("api_key", key.pk), {**NEW, "reach": page.context["form"].initial["reach"]})
    assert saved.status_code == 422
    key.refresh_from_db()
    assert key.budget_ids == [project.pk]


def test_a_key_without_anybody_asks_for_somebody(account, owner):
    manager = make_member(account, Role.MANAGER, name="Mia")
    browser(manager.user, account).post(at("api_key_create"), NEW)
    change_role(membership_id=manager.pk, role=Role.STAFF, acting_user=owner, acting_role=Role.OWNER)
    key = ApiKey.objects.get()
    client = browser(owner, account)
    assert "Nobody is responsible for “Relay”" in words(client.get(at("api_keys")))
    page = client.get(at("api_key", key.pk))
    assert page.context["form"].fields["responsible"].choices == [("", "Choose somebody"), (str(owner.pk), "The owner")]
    unsaid = client.post(at("api_key", key.pk), NEW)
    assert (unsaid.status_code, list(unsaid.context["form"].errors)) == (422, ["responsible"])
    client.post(at("api_key", key.pk), {**NEW, "responsible": str(owner.pk)})
    key.refresh_from_db()
    assert (key.responsible, key.created_by) == (owner, manager.user)
    assert "Nobody is responsible" not in words(client.get(at("api_keys")))


def test_a_name_is_used_once_and_said_at_its_field(account, owner):
    client = browser(owner, account)
    client.post(at("api_key_create"), NEW)
    again = client.post(at("api_key_create"), {**NEW, "name": "relay"})
    assert again.status_code == 422
    assert again.context["form"].errors["name"] == [
        "There is an API key “relay” already. Choose another name, so that they can be told apart."
    ]
    assert ApiKey.objects.count() == 1


@pytest.mark.parametrize("role", [Role.STAFF, Role.ORGANIZER])
def test_the_pages_and_their_link_are_the_owners_and_managers_alone(account, owner, member_client, role):
    browser(owner, account).post(at("api_key_create"), NEW)
    key = ApiKey.objects.get()
    client = member_client(role)
    for name, *args in (("api_keys",), ("api_key_create",), *((n, key.pk) for n in ("api_key", "api_key_rotate"))):
        assert client.get(at(name, *args)).status_code == 403
    assert client.post(at("api_key_revoke", key.pk)).status_code == 403
    assert at("api_keys") not in client.get(reverse("events:list")).content.decode()
    assert at("api_keys") in member_client(Role.MANAGER).get(reverse("events:list")).content.decode()
    assert ApiKey.objects.get().revoked_at is None


def test_a_strangers_key_has_no_page(account, owner, other_account):
    browser(owner, account).post(at("api_key_create"), NEW)
    key = ApiKey.objects.get()
    rival = browser(make_member(other_account, Role.OWNER).user, other_account)
    for name in ("api_key", "api_key_rotate", "api_key_revoke"):
        assert rival.post(at(name, key.pk), {**NEW, "overlap": "0"}).status_code == 404
    assert "Relay" not in words(rival.get(at("api_keys")))
