"""What every answer tells the browser about scripts, frames, caches and what may be passed on."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.accounts.security_headers import HTMX_INDICATOR_STYLE
from budgetsite.testing.people import PASSWORD

PAGES = ["/sign-in", "/password-reset", "/password-reset/sent", "/password-reset/done", "/password-reset/x/y"]


def policy_of(response: Any) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in response["Content-Security-Policy"].split(";"))
    return {name: sources for name, _, sources in parts}


@pytest.mark.parametrize("path", [*PAGES, "/api/v1/me", "/nowhere"])
def test_nothing_inline_runs_anywhere(db: None, path: str) -> None:
    response = Client().get(path)

    policy = policy_of(response)
    assert policy["script-src"] == policy["style-src"] == policy["default-src"] == "'self'"
    assert policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in response["Content-Security-Policy"]
    assert response["X-Frame-Options"] == "DENY"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["Cross-Origin-Opener-Policy"] == "same-origin"
    assert response["Permissions-Policy"].startswith("camera=(), ")


@pytest.mark.parametrize("path", PAGES)
def test_pages_hold_no_inline_script_or_style(db: None, path: str) -> None:
    page = Client().get(path).content.decode()

    assert "<style" not in page
    assert " style=" not in page
    assert "<script>" not in page
    assert " onclick" not in page


def test_admin_alone_may_evaluate_and_no_inline_script_runs_there_either(
    account: Account, member_client: Callable[[Role], Client]
) -> None:
    policy = policy_of(member_client(Role.OWNER).get("/admin/", follow=True))

    assert policy["script-src"] == "'self' 'unsafe-eval'"
    assert policy["style-src"] == f"'self' {HTMX_INDICATOR_STYLE}"
    assert policy["style-src-attr"] == "'unsafe-inline'"
    assert policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"


def test_what_a_signed_in_person_sees_is_kept_by_no_cache(
    account: Account, member_client: Callable[[Role], Client]
) -> None:
    client = member_client(Role.STAFF)

    assert client.get("/account")["Cache-Control"] == "private, no-store"
    assert "no-store" in client.get("/nowhere")["Cache-Control"]
    assert "no-store" in Client().get("/sign-in")["Cache-Control"]
    assert "Cache-Control" not in Client().get("/api/schema")


def test_session_cookie_is_for_this_site_alone(account: Account, staff: User) -> None:
    client = Client()
    client.post("/sign-in", {"username": staff.email, "password": PASSWORD})
    cookie = client.cookies["sessionid"]

    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
