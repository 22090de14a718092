"""Rates by person and by address, counted in the real Valkey."""

import logging
import socket
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client, RequestFactory

from budgetsite.accounts.checks import check_rates
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.accounts.services import add_member
from budgetsite.accounts.sign_in import Standing
from budgetsite.accounts.tokens import issue_access_token
from budgetsite.api.throttling import client_address, parse_rate, seconds_to_wait, sign_in_wait

ME, TOKEN = "/api/v1/me", "/api/v1/auth/token"


def some_address() -> str:
    """An address that no other test (and no other run against this Valkey) has used."""
    number = uuid4().int
    return f"2001:db8:{number & 0xFFFF:x}:{number >> 16 & 0xFFFF:x}::1"


def asking(user: User, account: Account, role: Role = Role.STAFF) -> dict[str, str]:
    return {"Authorization": f"Bearer {issue_access_token(Standing(user, account, role))}"}


def get_me(headers: dict[str, str]) -> Any:
    return Client().get(ME, headers=headers)


def test_person_is_held_back_after_the_rate(account: Account, staff: User, manager: User, settings: Any) -> None:
    settings.THROTTLE_USER = "3/min"
    headers = asking(staff, account)

    assert [get_me(headers).status_code for _ in range(5)] == [200, 200, 200, 429, 429]

    refused = get_me(headers)
    assert 1 <= int(refused["Retry-After"]) <= 60
    assert refused.json()["type"] == "client_error"
    assert refused.json()["errors"][0]["code"] == "throttled"
    assert get_me(asking(manager, account)).status_code == 200


def test_rate_counts_for_each_account_of_a_person(
    account: Account, other_account: Account, staff: User, settings: Any
) -> None:
    settings.THROTTLE_USER = "1/min"
    add_member(account=other_account, email=staff.email, role=Role.STAFF)

    assert [get_me(asking(staff, account)).status_code for _ in range(2)] == [200, 429]
    assert get_me(asking(staff, other_account)).status_code == 200


def test_rate_is_read_at_each_call(account: Account, staff: User, settings: Any) -> None:
    headers = asking(staff, account)
    settings.THROTTLE_USER = "1/min"
    assert [get_me(headers).status_code for _ in range(2)] == [200, 429]

    settings.THROTTLE_USER = "5/min"

    assert get_me(headers).status_code == 200


def test_window_slides(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.THROTTLE_USER = "2/min"
    key, start = str(uuid4()), int(time.time())

    def at(second: int) -> int | None:
        monkeypatch.setattr("time.time", lambda: start + second)
        return seconds_to_wait("THROTTLE_USER", key)

    assert [at(0), at(30), at(59)] == [None, None, 1]
    # The first is a minute old: room for one, the second still counts.
    assert [at(61), at(62)] == [None, 28]


def sign_in_from(address: str, **headers: str) -> Any:
    return Client(REMOTE_ADDR=address).post(
        TOKEN, {"username": "a@example.org", "password": "x"}, content_type="application/json", headers=headers
    )


def test_address_is_held_back_when_it_signs_in_too_often(db: None, settings: Any) -> None:
    settings.THROTTLE_SIGN_IN, settings.AXES_FAILURE_LIMIT = "2/min", 1000
    address = some_address()

    assert [sign_in_from(address).status_code for _ in range(3)] == [401, 401, 429]
    assert 1 <= int(sign_in_from(address)["Retry-After"]) <= 60
    assert sign_in_from(some_address()).status_code == 401


def test_pages_and_tokens_share_the_addresss_rate(db: None, settings: Any) -> None:
    settings.THROTTLE_SIGN_IN = "3/min"
    client = Client(REMOTE_ADDR=some_address())
    statuses = [
        client.post("/sign-in", {"username": "a@example.org", "password": "x"}).status_code,
        client.post("/password-reset", {"email": "nonsense"}).status_code,
        client.post("/api/v1/auth/refresh", {"refresh": "x"}, content_type="application/json").status_code,
    ]
    assert statuses == [200, 200, 401]

    refused = client.post("/sign-in", {"username": "a@example.org", "password": "x"})

    assert refused.status_code == 429
    assert f"Wait {refused['Retry-After']} seconds" in refused.content.decode()
    assert client.get("/sign-in").status_code == 200


def test_neighbours_in_one_ipv6_house_count_together(db: None, settings: Any) -> None:
    settings.THROTTLE_SIGN_IN = "1/min"
    address = some_address()

    assert sign_in_wait(RequestFactory().post("/", REMOTE_ADDR=address)) is None
    neighbour = RequestFactory().post("/", REMOTE_ADDR=address.removesuffix("::1") + ":1:2:3:4")
    assert sign_in_wait(neighbour) is not None


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, "203.0.113.9", "192.0.2.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.1, 203.0.113.9, 192.0.2.7", "203.0.113.9"),
        (2, "203.0.113.9", "192.0.2.1"),
        (1, "", "192.0.2.1"),
        (1, "not an address", "192.0.2.1"),
        (1, "2001:db8::7", "2001:db8::7"),
    ],
)
def test_forwarded_addresses_are_believed_as_far_as_our_proxies_wrote_them(
    settings: Any, proxies: int, forwarded: str, expected: str
) -> None:
    settings.TRUSTED_PROXY_COUNT = proxies
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.1", headers={"X-Forwarded-For": forwarded})

    assert client_address(request) == expected


def test_made_up_forwarded_addresses_do_not_help(db: None, settings: Any) -> None:
    settings.THROTTLE_SIGN_IN, settings.AXES_FAILURE_LIMIT = "1/min", 1000
    address = some_address()
    assert sign_in_from(address).status_code == 401

    assert sign_in_from(address, **{"X-Forwarded-For": some_address()}).status_code == 429


@pytest.fixture
def silent_server() -> Iterator[int]:
    """A port that takes connections and never says a word, like a Valkey that hangs."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_requests_pass_while_valkey_is_away(
    account: Account, staff: User, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.THROTTLE_USER = "1/min"
    settings.REDIS_URL = f"redis://:secret-of-valkey-{uuid4()}@127.0.0.1:1/0"
    headers = asking(staff, account)

    assert [get_me(headers).status_code for _ in range(4)] == [200] * 4

    warnings = [record.getMessage() for record in caplog.records if record.name == "budgetsite.api.throttling"]
    assert warnings == ["throttling is off while Valkey is away: ConnectionError"]
    assert "secret-of-valkey" not in caplog.text


def test_valkey_that_hangs_costs_little_time(silent_server: int, settings: Any) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{silent_server}/0"
    started = time.monotonic()

    assert [seconds_to_wait("THROTTLE_USER", "someone") for _ in range(20)] == [None] * 20

    assert time.monotonic() - started < 2


def test_throttling_comes_back_with_valkey(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    url, key = settings.REDIS_URL, str(uuid4())
    settings.THROTTLE_USER = "1/min"
    settings.REDIS_URL = f"{url}?health_check_interval={int(time.time())}"
    from budgetsite.api import throttling

    windows = throttling._windows(settings.REDIS_URL)
    windows.absence.until = time.monotonic() + 5
    assert [seconds_to_wait("THROTTLE_USER", key) for _ in range(3)] == [None] * 3

    later = time.monotonic() + 6
    monkeypatch.setattr("time.monotonic", lambda: later)

    assert seconds_to_wait("THROTTLE_USER", key) is None
    assert seconds_to_wait("THROTTLE_USER", key) is not None


def test_hitting_counts_through_logs_nothing_about_the_person(
    account: Account, staff: User, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        assert get_me(asking(staff, account)).status_code == 200

    assert staff.email not in caplog.text


@pytest.mark.parametrize(
    ("text", "amount", "seconds"),
    [("60/min", 60, 60), ("5/second", 5, 1), ("1000/hour", 1000, 3600), ("7 / d", 7, 86400), ("2/M", 2, 60)],
)
def test_rates_are_read(text: str, amount: int, seconds: int) -> None:
    rate = parse_rate(text)

    assert (rate.amount, rate.get_expiry()) == (amount, seconds)


@pytest.mark.parametrize("text", ["", "60", "0/min", "-1/min", "many/min", "60/fortnight"])
def test_start_is_refused_with_a_rate_that_is_none(text: str, settings: Any) -> None:
    with pytest.raises(ImproperlyConfigured, match="is no rate"):
        parse_rate(text)
    settings.THROTTLE_SIGN_IN = text
    assert [problem.id for problem in check_rates()] == ["accounts.E003"]
