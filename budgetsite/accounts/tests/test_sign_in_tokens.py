"""`/auth/token` and `/auth/refresh`: who gets tokens, who is held off, and what neither answer nor log gives away."""

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from axes.models import AccessAttempt
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.test import Client

from budgetsite.accounts.models import Account, Membership, User
from budgetsite.accounts.roles import Role
from budgetsite.accounts.services import add_member
from budgetsite.accounts.sign_in import Standing, in_words
from budgetsite.accounts.tokens import issue_access_token, issue_refresh_token
from budgetsite.tenancy.deletion import soft_delete
from budgetsite.testing.people import PASSWORD, sign_in

TOKEN, REFRESH, ME = "/api/v1/auth/token", "/api/v1/auth/refresh", "/api/v1/me"
WRONG = "The e-mail address or the password is wrong. Check both, or reset your password by mail."


def post(path: str, **body: Any) -> Any:
    return Client().post(path, json.dumps(body), content_type="application/json")


def token(user: User | str, password: str = PASSWORD, **more: Any) -> Any:
    return post(TOKEN, username=user if isinstance(user, str) else user.email, password=password, **more)


def error_of(response: Any) -> tuple[int, str, str | None]:
    (error,) = response.json()["errors"]
    return response.status_code, error["code"], error["attr"]


def test_right_password_gives_tokens(account: Account, manager: User) -> None:
    response = token(manager)

    assert response.status_code == 200
    answer = response.json()
    assert set(answer) == {"access", "refresh", "account", "role"}
    assert answer["role"] == "manager"
    assert answer["account"] == {
        "id": str(account.pk),
        "slug": account.slug,
        "name": "Sunrise Catering",
        "currency": "CAD",
        "timezone": "America/Toronto",
    }
    me = Client().get(ME, headers={"Authorization": f"Bearer {answer['access']}"})
    assert me.json()["user"]["id"] == str(manager.pk)
    manager.refresh_from_db()
    assert manager.last_login is not None


def test_spelling_of_the_address_does_not_matter(account: Account, manager: User) -> None:
    assert token(f"  {manager.email.upper()} ").status_code == 200


def test_token_paths_tolerate_a_slash(account: Account, manager: User) -> None:
    assert post(f"{TOKEN}/", username=manager.email, password=PASSWORD).status_code == 200


def test_wrong_password_unknown_address_and_inactive_person_are_answered_alike(
    account: Account, manager: User, staff: User
) -> None:
    User.objects.filter(pk=staff.pk).update(is_active=False)
    answers = [token(manager, "wrong"), token("nobody@example.org"), token(staff), token(staff, "wrong")]

    for answer in answers:
        assert answer.status_code == 401
        assert answer.json() == {
            "type": "client_error",
            "errors": [{"code": "wrong_password", "detail": WRONG, "attr": None}],
        }
        assert answer["WWW-Authenticate"] == 'Bearer realm="Budgetsite"'


def test_unknown_address_costs_as_much_hashing_as_a_known_one(
    account: Account, manager: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher"]
    manager.set_password(PASSWORD)
    manager.save()
    hashed: list[str] = []
    encode = PBKDF2PasswordHasher.encode

    def counted(self: Any, password: str, salt: str, iterations: int | None = None) -> str:
        hashed.append(password)
        return encode(self, password, salt, iterations)

    monkeypatch.setattr(PBKDF2PasswordHasher, "encode", counted)
    token(manager, "wrong one")
    token("nobody@example.org", "wrong two")

    assert hashed == ["wrong one", "wrong two"]


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"password": "x"}, "username"),
        ({"username": "a@example.org"}, "password"),
        ({"username": "a@example.org", "password": ""}, "password"),
        ({"username": "a" * 255, "password": "x"}, "username"),
        ({"username": "a@example.org", "password": "x" * 1001}, "password"),
        ({"username": ["a"], "password": "x"}, "username"),
        ({"username": "a\0@example.org", "password": "x"}, "username"),
        ({"username": "a@example.org", "password": "x", "account": {}}, "account"),
    ],
)
def test_malformed_request_is_400_at_its_field(db: None, body: dict[str, Any], attr: str) -> None:
    response = post(TOKEN, **body)

    assert response.status_code == 400
    assert [error["attr"] for error in response.json()["errors"]] == [attr]
    assert AccessAttempt.objects.count() == 0


def test_malformed_json_is_400(db: None) -> None:
    assert Client().post(TOKEN, "{", content_type="application/json").status_code == 400


# --- Which account ----------------------------------------------------------------------------------------------------


def test_member_of_several_accounts_names_one(account: Account, other_account: Account, staff: User) -> None:
    add_member(account=other_account, email=staff.email, role=Role.CLIENT)

    by_slug = token(staff, account=other_account.slug).json()
    by_id = token(staff, account=str(account.pk)).json()

    assert (by_slug["account"]["id"], by_slug["role"]) == (str(other_account.pk), "client")
    assert (by_id["account"]["id"], by_id["role"]) == (str(account.pk), "staff")
    claims = jwt.decode(by_slug["access"], options={"verify_signature": False})
    assert (claims["tenant_id"], claims["role"]) == (str(other_account.pk), "client")


@pytest.mark.parametrize("unsaid", [{}, {"account": None}, {"account": ""}])
def test_member_of_several_accounts_who_names_none_is_told_them(
    account: Account, other_account: Account, staff: User, unsaid: dict[str, Any]
) -> None:
    add_member(account=other_account, email=staff.email, role=Role.CLIENT)

    response = token(staff, **unsaid)

    assert error_of(response) == (400, "account_needed", "account")
    assert response.json()["errors"][0]["detail"] == (
        "You belong to several accounts. Name one by its slug or id: "
        f"{other_account.slug} (Rival Events), {account.slug} (Sunrise Catering)."
    )


def test_accounts_are_told_to_nobody_with_a_wrong_password(
    account: Account, other_account: Account, staff: User
) -> None:
    add_member(account=other_account, email=staff.email, role=Role.CLIENT)

    assert error_of(token(staff, "wrong")) == (401, "wrong_password", None)
    assert error_of(token(staff, "wrong", account=other_account.slug)) == (401, "wrong_password", None)


def test_strangers_account_and_one_that_is_not_there_are_403_alike(
    account: Account, other_account: Account, staff: User
) -> None:
    there, nowhere = token(staff, account=other_account.slug), token(staff, account="no-such-account")

    assert error_of(there) == error_of(nowhere) == (403, "not_a_member", None)
    assert there.json() == nowhere.json()


def test_person_without_an_account_is_403(account: Account, staff: User) -> None:
    soft_delete(Membership.objects.get(user=staff), now=datetime.now(UTC))

    assert error_of(token(staff)) == (403, "not_a_member", None)


def test_superuser_names_any_account(committed_db: None, account: Account, other_account: Account) -> None:
    User.objects.create_superuser("root@example.org", PASSWORD)

    assert error_of(token("root@example.org")) == (400, "account_needed", "account")
    answer = token("root@example.org", account=other_account.slug).json()
    assert (answer["account"]["id"], answer["role"]) == (str(other_account.pk), "owner")
    assert error_of(token("root@example.org", account="no-such-account")) == (403, "not_a_member", None)


# --- Lock-out ---------------------------------------------------------------------------------------------------------


def fail(user: User | str, times: int = 1, **meta: Any) -> list[int]:
    email = user if isinstance(user, str) else user.email
    return [
        Client(**meta)
        .post(TOKEN, {"username": email, "password": "wrong"}, content_type="application/json")
        .status_code
        for _ in range(times)
    ]


def test_repeated_wrong_passwords_lock_the_person_out(account: Account, manager: User, staff: User) -> None:
    assert fail(manager, 5) == [401, 401, 401, 401, 429]

    locked = token(manager)

    assert error_of(locked) == (429, "locked_out", None)
    assert 880 <= int(locked["Retry-After"]) <= 900
    assert locked.json()["errors"][0]["detail"] == (
        "Too many wrong passwords for this e-mail address. Try again in 15 minutes, or reset your password by mail."
    )
    assert token(staff).status_code == 200


def test_nobodys_address_is_locked_in_the_same_way(account: Account, manager: User) -> None:
    known, unknown = fail(manager, 7), fail("nobody@example.org", 7)

    assert known == unknown == [401, 401, 401, 401, 429, 429, 429]
    assert token(manager).json()["errors"] == token("nobody@example.org").json()["errors"]


def test_guesses_in_other_spellings_and_from_other_places_count_together(account: Account, manager: User) -> None:
    name = manager.email
    for number, spelling in enumerate([name, name.upper(), f" {name}", name.title()]):
        assert fail(spelling, REMOTE_ADDR=f"192.0.2.{number}", HTTP_USER_AGENT=f"robot {number}") == [401]

    assert fail(manager, REMOTE_ADDR="192.0.2.99") == [429]
    assert token(manager).status_code == 429


def test_failures_stay_although_the_request_is_an_error(account: Account, manager: User) -> None:
    fail(manager, 2)

    assert [attempt.failures_since_start for attempt in AccessAttempt.objects.all()] == [2]


def test_failures_are_stored_without_the_password(account: Account, manager: User) -> None:
    token(manager, "hunter2-hunter2")
    Client().post("/sign-in", {"username": manager.email, "password": "hunter2-hunter2"})

    stored = [str(value) for row in AccessAttempt.objects.values() for value in row.values()]
    assert len(stored) > 5
    assert not [value for value in stored if "hunter2" in value]


def test_right_password_forgets_the_failures(account: Account, manager: User) -> None:
    fail(manager, 4)
    assert token(manager).status_code == 200

    assert fail(manager, 4) == [401] * 4


def grow_older(minutes: int) -> None:
    for attempt in AccessAttempt.objects.all():
        AccessAttempt.objects.filter(pk=attempt.pk).update(
            attempt_time=attempt.attempt_time - timedelta(minutes=minutes)
        )


def test_lock_ends_and_guessing_on_does_not_prolong_it(account: Account, manager: User) -> None:
    fail(manager, 5)
    grow_older(10)
    assert fail(manager, 3, REMOTE_ADDR="192.0.2.7") == [429] * 3
    assert 280 <= int(token(manager)["Retry-After"]) <= 300

    grow_older(5)

    assert token(manager).status_code == 200


def test_lock_leaves_who_is_signed_in_alone(account: Account, manager: User) -> None:
    session = sign_in(manager, account)
    access = token(manager).json()["access"]

    fail(manager, 6)

    assert session.get(ME).status_code == 200
    assert Client().get(ME, headers={"Authorization": f"Bearer {access}"}).status_code == 200


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1, "1 second"), (59, "59 seconds"), (60, "1 minute"), (61, "2 minutes"), (900, "15 minutes"),
        (7199, "120 minutes"), (7200, "2 hours"), (7201, "3 hours"),
    ],
)  # fmt: skip
def test_waiting_times_are_said_in_words(seconds: int, words: str) -> None:
    assert in_words(seconds) == words


# --- Refreshing -------------------------------------------------------------------------------------------------------


def refresh(sent: str) -> Any:
    return post(REFRESH, refresh=sent)


def test_refresh_token_gives_an_access_token(account: Account, staff: User) -> None:
    answer = refresh(token(staff).json()["refresh"])

    assert answer.status_code == 200
    assert set(answer.json()) == {"access", "refresh"}
    me = Client().get(ME, headers={"Authorization": f"Bearer {answer.json()['access']}"})
    assert me.json()["role"] == "staff"


def test_refreshed_token_carries_the_role_of_today(account: Account, manager: User) -> None:
    sent = token(manager).json()["refresh"]
    Membership.objects.filter(user=manager).update(role=Role.CLIENT)

    claims = jwt.decode(refresh(sent).json()["access"], options={"verify_signature": False})

    assert claims["role"] == "client"


def test_removed_member_gets_no_new_token(account: Account, staff: User) -> None:
    sent = token(staff).json()["refresh"]
    soft_delete(Membership.objects.get(user=staff), now=datetime.now(UTC))

    assert error_of(refresh(sent)) == (401, "invalid_token", None)


def test_inactive_person_gets_no_new_token(account: Account, staff: User) -> None:
    sent = token(staff).json()["refresh"]
    User.objects.filter(pk=staff.pk).update(is_active=False)

    assert error_of(refresh(sent)) == (401, "invalid_token", None)


def test_refresh_token_ends_with_the_password(account: Account, staff: User) -> None:
    sent = token(staff).json()["refresh"]
    staff.set_password("a brand new password")
    staff.save()

    refused = refresh(sent)

    assert error_of(refused) == (401, "invalid_token", None)
    assert refused["WWW-Authenticate"] == 'Bearer realm="Budgetsite"'
    assert refused.json()["errors"][0]["detail"] == (
        "The password was changed after this token was given. Sign in again."
    )


def test_access_token_does_not_refresh(account: Account, staff: User) -> None:
    assert error_of(refresh(token(staff).json()["access"])) == (401, "invalid_token", None)
    assert error_of(refresh("nonsense")) == (401, "invalid_token", None)


def test_expired_refresh_token_is_refused(account: Account, staff: User, settings: Any) -> None:
    sent = issue_refresh_token(Standing(staff, account, Role.STAFF))
    claims = jwt.decode(sent, options={"verify_signature": False}) | {"exp": 1_600_000_000}

    assert error_of(refresh(jwt.encode(claims, settings.SIMPLE_JWT["SIGNING_KEY"]))) == (401, "invalid_token", None)


# --- Logs -------------------------------------------------------------------------------------------------------------


def test_no_password_and_no_token_is_logged(account: Account, staff: User, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        given = token(staff).json()
        token(staff, "hunter2-hunter2")
        fail(staff, 6)
        refresh(given["refresh"])
        refresh(given["refresh"] + "x")
        Client().get(ME, headers={"Authorization": f"Bearer {given['access']}"})
        Client().get(ME, headers={"Authorization": f"Bearer {given['access']}x"})
        Client().get("/api/v1/nowhere", headers={"Authorization": f"Bearer {given['access']}"})
        Client().post("/sign-in", {"username": staff.email, "password": "hunter2-hunter2"})

    assert len(caplog.records) > 10
    everything = "\n".join(f"{record.getMessage()} {record.args} {record.exc_text}" for record in caplog.records)
    for secret in (PASSWORD, "hunter2", given["access"], given["refresh"], "Bearer ey", "eyJ"):
        assert secret not in everything


def test_issued_tokens_last_as_long_as_the_settings_say(account: Account, staff: User, settings: Any) -> None:
    claims = jwt.decode(issue_access_token(Standing(staff, account, Role.STAFF)), options={"verify_signature": False})

    assert claims["exp"] - claims["iat"] == settings.SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"].total_seconds()
