"""What the log of a real server says of people at work: where, how long, with what result, and nothing about them."""

import json
import logging
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from io import StringIO
from typing import Any
from urllib.parse import quote

import pytest
from celery import shared_task
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from django.utils.module_loading import import_string

from budgetsite import urls
from budgetsite.accounts.models import User
from budgetsite.accounts.roles import Role
from budgetsite.operations.log_lines import JsonLine
from budgetsite.testing.people import PASSWORD, make_account, make_member

NAME = "Aurelia Quispe"


def make_twice(email: str) -> None:
    """Fail with a refusal of PostgreSQL's that quotes an address."""
    User.objects.create_user(email.lower(), PASSWORD, name=NAME)


def broken(request: HttpRequest, email: str) -> HttpResponse:
    make_twice(email)
    return HttpResponse()


@shared_task
def broken_task(*, email: str) -> None:
    make_twice(email)


urlpatterns = [path("people/<str:email>/again", broken, name="broken"), *urls.urlpatterns]
handler404, handler500 = urls.handler404, urls.handler500


@pytest.fixture
def log() -> Iterator[StringIO]:
    """What a handler of the production settings writes, from the detail on that a server writes at."""
    written = StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLine())
    for name in settings.LOGGING["handlers"]["console"]["filters"]:
        handler.addFilter(import_string(settings.LOGGING["filters"][name]["()"])())
    logging.getLogger().addHandler(handler)
    yield written
    logging.getLogger().removeHandler(handler)


def lines_of(log: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.getvalue().splitlines()]


def test_a_day_at_work_leaves_no_name_no_address_and_no_secret_in_the_log(
    db, eager_tasks, log, mailoutbox, settings, django_capture_on_commit_callbacks
):
    settings.ROOT_URLCONF = __name__
    account = make_account()
    member = make_member(account, Role.OWNER, name=NAME)
    email = member.user.email
    browser = Client(raise_request_exception=False)

    # Signing in wrongly, by its form and over the API; a forgotten password; signing in.
    browser.post("/sign-in", {"username": email, "password": "hunter2-hunter2"})
    browser.post("/api/v1/auth/token", {"username": email, "password": "hunter2-hunter2"}, "application/json")
    with django_capture_on_commit_callbacks(execute=True):
        browser.post("/password-reset", {"email": email})
    [link] = re.findall(r"/password-reset/\S+", str(mailoutbox[0].body))
    browser.get(link)
    browser.post("/sign-in", {"username": email, "password": PASSWORD})
    asked = browser.post("/api/v1/auth/token", {"username": email, "password": PASSWORD}, "application/json")
    token = asked.json()["access"]
    # Work with people: found, added, refused, over the pages and the API; something that breaks on their data.
    bearer = {"Authorization": f"Bearer {token}"}
    event = {
        "name": f"Wedding of {NAME}",
        "event_type": "WEDDING",
        "event_date": datetime(2026, 7, 15, tzinfo=UTC).isoformat(),
        "registration_start_date": "2026-06-01T00:00:00Z",
        "registration_end_date": "2026-07-01T00:00:00Z",
    }
    made = browser.post("/api/v1/events", event, "application/json", headers=bearer)
    browser.post("/api/v1/events", {**event, "event_date": email}, "application/json", headers=bearer)
    browser.get("/api/v1/events", {"search": NAME, "token": token}, headers=bearer)
    browser.get(f"/admin/?q={quote(email)}")
    browser.get(f"/nobody/{email}")
    fault = browser.get(f"/people/{email}/again")
    broken_task.apply(kwargs={"email": email, "tenant_id": str(account.pk)}, task_id="the-broken-task")

    assert (made.status_code, fault.status_code) == (201, 500)
    text = log.getvalue()
    secrets = [
        email,
        quote(email),
        NAME,
        "Quispe",
        "Wedding",
        PASSWORD,
        "hunter2",
        token,
        link.rstrip("/").split("/")[-1],
    ]
    secrets += [browser.cookies["sessionid"].value, browser.cookies["csrftoken"].value]
    assert [secret for secret in secrets if secret in text] == []

    lines = lines_of(log)
    created = next(line for line in lines if line.get("request_id") == made["X-Request-ID"] and "route" in line)
    assert (created["method"], created["status"], created["level"]) == ("POST", 201, "INFO")
    assert (created["tenant_id"], created["user_id"]) == (str(account.pk), str(member.user.pk))
    assert created["duration_ms"] > 0
    assert created["statements"] > 0
    requests = [line for line in lines if line["logger"] == "budgetsite.requests"]
    assert all(line.keys() >= {"time", "request_id", "route", "method", "status", "duration_ms"} for line in requests)
    assert {line["route"] for line in requests} >= {"sign-in", "admin:index", "broken", "(none)"}

    [failed] = [line for line in lines if line["logger"] == "budgetsite.tasks" and line["level"] == "ERROR"]
    assert (failed["task"], failed["task_id"], failed["outcome"]) == (broken_task.name, "the-broken-task", "failed")
    assert failed["tenant_id"] == str(account.pk)
    refusals = [line for line in lines if line.get("request_id") == fault["X-Request-ID"] and "errors" in line]
    for line in (failed, *refusals):
        types = [error["type"] for error in line["errors"]]
        assert types == ["django.db.utils.IntegrityError", "psycopg.errors.UniqueViolation"]
        assert line["errors"][1]["constraint"] == "accounts_user_email_key"
        assert any("make_twice" in place for place in line["errors"][0]["at"])
    assert len(refusals) == 1


def test_a_line_says_only_what_was_named(log):
    logging.getLogger("a.library").warning(
        "done for %s",
        "ana@example.org",
        extra={"data": {"kwargs": "Ana Ferreira"}, "facts": {"status": 200, "none": None}},
    )

    [line] = lines_of(log)
    line.pop("time")
    assert line == {
        "level": "WARNING",
        "logger": "a.library",
        "message": "done for [address]",
        "request_id": "-",
        "status": 200,
    }


def test_djangos_own_line_about_a_refusal_carries_the_requests_id(log, db):
    answer = Client().get("/nowhere", headers={"X-Request-ID": "from-the-proxy-1"})

    [line] = [line for line in lines_of(log) if line["logger"] == "django.request"]
    assert (line["message"], line["request_id"]) == ("Not Found: /nowhere", "from-the-proxy-1")
    assert answer["X-Request-ID"] == "from-the-proxy-1"
