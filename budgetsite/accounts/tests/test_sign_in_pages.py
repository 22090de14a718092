"""Signing in and out on the pages, and choosing the account to work in."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from budgetsite.accounts.middleware import SESSION_KEY
from budgetsite.accounts.models import Account, Membership, User
from budgetsite.accounts.roles import Role
from budgetsite.accounts.services import add_member
from budgetsite.tenancy.deletion import soft_delete
from budgetsite.testing.people import PASSWORD, sign_in

ME = "/api/v1/me"


def enter(client: Client, user: User | str, password: str = PASSWORD, **more: str) -> Any:
    email = user if isinstance(user, str) else user.email
    return client.post("/sign-in", {"username": email, "password": password, **more})


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


@pytest.mark.parametrize("role", list(Role))
def test_everybody_goes_home_after_signing_in(
    account: Account, role: Role, member_client: Callable[[Role], Client]
) -> None:
    membership = add_member(account=account, email="ann@example.org", role=role, password=PASSWORD)
    client = Client()

    response = enter(client, "  Ann@Example.org")

    assert (response.status_code, response["Location"]) == (302, reverse("home"))
    assert client.get(ME).json()["user"]["id"] == str(membership.user_id)
    assert client.get(ME).json()["role"] == role


def test_wrong_password_says_what_next(account: Account, staff: User) -> None:
    client = Client()

    response = enter(client, staff, "wrong")

    assert response.status_code == 200
    assert "The e-mail address or the password is wrong. Check both, or reset your password by mail." in text(response)
    assert reverse("password-reset") in text(response)
    assert f'value="{staff.email}"' in text(response)
    assert 'value="wrong"' not in text(response)
    assert client.get(ME).status_code == 401


def test_inactive_person_stays_out(account: Account, staff: User) -> None:
    User.objects.filter(pk=staff.pk).update(is_active=False)

    assert "is wrong" in text(enter(Client(), staff))


def test_lock_out_page_says_when(account: Account, staff: User) -> None:
    client = Client()
    statuses = [enter(client, staff, "wrong").status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 200, 429]

    locked = enter(client, staff)

    assert locked.status_code == 429
    assert 880 <= int(locked["Retry-After"]) <= 900
    assert "Try again in 15 minutes, or reset your password by mail." in text(locked)
    assert client.get(ME).status_code == 401
    assert [enter(Client(), "nobody@example.org").status_code for _ in range(6)] == [200] * 4 + [429] * 2


def test_page_and_token_guesses_count_together(account: Account, staff: User) -> None:
    for _ in range(4):
        enter(Client(), staff, "wrong")

    response = Client().post(
        "/api/v1/auth/token", {"username": staff.email, "password": "wrong"}, content_type="application/json"
    )

    assert response.status_code == 429


def test_signing_in_forgets_the_failures(account: Account, staff: User) -> None:
    for _ in range(2):
        assert [enter(Client(), staff, "wrong").status_code for _ in range(4)] == [200] * 4
        assert enter(Client(), staff).status_code == 302


def test_next_leads_on(account: Account, staff: User) -> None:
    assert enter(Client(), staff, next="/account?a=b")["Location"] == "/account?a=b"
    assert 'name="next" value="/account?a=b"' in text(Client().get("/sign-in?next=/account%3Fa%3Db"))


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example.org/",
        "//evil.example.org/",
        "/\\evil.example.org",
        "///evil.example.org",
        "http:evil.example.org",
        "javascript:alert(1)",
        "\x00//evil.example.org",
    ],
)
def test_next_leads_nowhere_else(account: Account, staff: User, address: str) -> None:
    assert enter(Client(), staff, next=address)["Location"] == reverse("home")
    switched = sign_in(staff, account).post("/account/switch", {"account": str(account.pk), "next": address})
    assert switched["Location"] == reverse("home")


def test_session_gets_a_new_key(account: Account, staff: User) -> None:
    client = Client()
    planted = client.session
    planted["cart"] = "x"
    planted.save()
    client.cookies["sessionid"] = planted.session_key

    enter(client, staff)

    assert client.session.session_key != planted.session_key
    assert not Session.objects.filter(pk=planted.session_key).exists()


def test_account_of_an_earlier_session_is_not_kept(account: Account, other_account: Account, staff: User) -> None:
    add_member(account=other_account, email=staff.email, role=Role.CLIENT)
    client = Client()
    planted = client.session
    planted[SESSION_KEY] = str(other_account.pk)
    planted.save()
    client.cookies["sessionid"] = planted.session_key

    enter(client, staff)

    assert SESSION_KEY not in client.session


def test_signed_in_person_is_led_past_the_door(account: Account, staff: User) -> None:
    assert sign_in(staff, account).get("/sign-in")["Location"] == reverse("home")


def test_forms_need_the_csrf_token(account: Account, staff: User) -> None:
    assert enter(Client(enforce_csrf_checks=True), staff).status_code == 403


def test_signing_out_takes_a_post(account: Account, staff: User) -> None:
    client = sign_in(staff, account)
    asked = client.get("/sign-out")
    assert "Sign out?" in text(asked)
    assert client.get(ME).status_code == 200

    left = client.post("/sign-out")

    assert left["Location"] == reverse("sign-in")
    assert client.get(ME).status_code == 401
    assert "You are signed out." in text(client.get("/sign-in"))
    assert client.get("/sign-out")["Location"] == reverse("sign-in")


# --- Choosing an account ----------------------------------------------------------------------------------------------


@pytest.fixture
def double(account: Account, other_account: Account, staff: User) -> User:
    """Someone in two accounts."""
    add_member(account=other_account, email=staff.email, role=Role.CLIENT)
    return staff


def test_member_of_several_chooses_first_and_goes_on(account: Account, other_account: Account, double: User) -> None:
    client = Client()

    response = enter(client, double, next="/events/?a=b")
    assert response["Location"] == "/account?next=%2Fevents%2F%3Fa%3Db"
    page = text(client.get(response["Location"]))
    assert "Where do you work today?" in page
    for choice, role in ((account, "Staff"), (other_account, "Client")):
        assert f'value="{choice.pk}"' in page
        assert choice.name in page
        assert role in page

    chosen = client.post("/account/switch", {"account": str(other_account.pk), "next": "/events/?a=b"})

    assert chosen["Location"] == "/events/?a=b"
    me = client.get(ME).json()
    assert (me["account"]["id"], me["role"]) == (str(other_account.pk), "client")


def test_switching_at_any_time(account: Account, other_account: Account, double: User) -> None:
    client = sign_in(double, account)

    response = client.post("/account/switch", {"account": str(other_account.pk)})

    assert response["Location"] == reverse("home")
    assert client.get(ME).json()["account"]["id"] == str(other_account.pk)
    assert "where you are now" in text(client.get("/account"))


@pytest.mark.parametrize("asked", ["", "nonsense", "00000000-0000-0000-0000-000000000000", "stranger"])
def test_nobody_switches_to_a_strangers_account(
    account: Account, other_account: Account, staff: User, asked: str
) -> None:
    client = sign_in(staff, account)

    response = client.post("/account/switch", {"account": str(other_account.pk) if asked == "stranger" else asked})

    assert response["Location"] == reverse("choose-account")
    assert client.get(ME).json()["account"]["id"] == str(account.pk)
    page = text(client.get("/account"))
    assert "You don&#x27;t belong to that account any more. Choose one of these." in page
    assert "Rival Events" not in page


def test_switching_takes_a_post_and_a_signed_in_person(account: Account, staff: User) -> None:
    assert sign_in(staff, account).get("/account/switch").status_code == 405
    assert Client().post("/account/switch", {"account": str(account.pk)})["Location"].startswith("/sign-in?next=")
    assert Client().get("/account")["Location"] == "/sign-in?next=/account"


def test_person_without_an_account_is_told_what_to_do(account: Account, staff: User) -> None:
    soft_delete(Membership.objects.get(user=staff), now=datetime.now(UTC))
    client = Client()

    response = enter(client, staff)
    assert response["Location"] == reverse("choose-account")

    page = text(client.get("/account"))
    assert "You belong to no account yet" in page
    assert staff.email in page
    assert "Sunrise Catering" not in page


def test_superuser_finds_and_enters_any_account(committed_db: None, account: Account, other_account: Account) -> None:
    User.objects.create_superuser("root@example.org", PASSWORD)
    client = Client()

    assert enter(client, "root@example.org")["Location"] == reverse("choose-account")
    everything, rival = text(client.get("/account")), text(client.get("/account?search=RIVAL"))
    assert "Sunrise Catering" in everything
    assert "Rival Events" in everything
    assert "Sunrise Catering" not in rival
    assert "No account of that name" in text(client.get("/account?search=%25zz"))

    client.post("/account/switch", {"account": str(other_account.pk)})

    me = client.get(ME).json()
    assert (me["account"]["id"], me["role"]) == (str(other_account.pk), "owner")


def test_names_are_data(account: Account, double: User) -> None:
    Account.objects.filter(pk=account.pk).update(name="<script>alert(1)</script> & O'Brien")

    page = client_page(double)

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; O&#x27;Brien" in page


def client_page(user: User) -> str:
    client = Client()
    enter(client, user)
    return text(client.get("/account"))
