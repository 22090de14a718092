"""What can't be read, found or allowed is refused in one shape, and nothing is stored."""

import json

import pytest
from django.db import OperationalError
from django.test import Client, override_settings

from budgets.models import Category
from budgetsite.accounts.models import User
from budgetsite.accounts.roles import Role
from budgetsite.testing.people import PASSWORD, make_member, sign_in
from budgetsite.testing.rest import RestClient, rest_client

CATEGORIES = "/api/v1/categories"


@pytest.fixture
def rest(account) -> RestClient:
    return rest_client(account, Role.OWNER)


def test_a_stranger_is_asked_to_sign_in(account):
    answer = RestClient(Client()).get("/categories")
    assert (answer.status, answer.codes) == (401, ["not_authenticated"])
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.json["type"] == "client_error"


def test_a_person_without_an_account_is_refused(account, other_account):
    user = make_member(other_account, Role.OWNER).user
    answer = RestClient(sign_in(user, account)).get("/categories")
    assert (answer.status, answer.codes) == (403, ["no_account"])


def test_a_role_without_the_right_is_refused_and_nothing_changes(account):
    before = Category.objects.count()
    answer = rest_client(account, Role.STAFF).post("/categories", {"name": "Fireworks"})
    assert (answer.status, answer.codes) == (403, ["permission_denied"])
    assert Category.objects.count() == before


def test_a_superuser_acts_as_owner_in_the_account_that_they_chose(committed_db, account, other_account):
    user = User.objects.create_superuser("root@example.org", PASSWORD)
    client = RestClient(sign_in(user, account))
    assert client.post("/categories", {"name": "Fireworks"}).status == 201
    assert RestClient(sign_in(user, other_account)).get("/categories", search="Fireworks").json["count"] == 0


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"name": "Fireworks"',
        b"\xff\xfe",
        b'{"name": NaN}',
        b'{"name": Infinity}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"[]",
        b'["name"]',
        b'"name"',
        b"null",
        b"1",
        b" ",
        b"",
    ],
)
def test_what_is_not_a_json_object_is_a_400_and_stores_nothing(rest, body):
    before = Category.objects.count()
    answer = rest.raw("POST", CATEGORIES, body)
    assert (answer.status, answer.codes, answer.json["type"]) == (400, ["parse_error"], "client_error")
    assert Category.objects.count() == before


def test_numbers_too_long_for_python_are_a_400(rest):
    assert rest.raw("POST", CATEGORIES, b'{"name": "A", "sort_order": ' + b"9" * 5000 + b"}").status == 400


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
def test_characters_that_postgresql_can_not_hold_are_a_field_error(rest, text):
    answer = rest.raw("POST", CATEGORIES, json.dumps({"name": text}).encode())
    assert (answer.status, list(answer.fields)) == (400, ["name"])


@pytest.mark.parametrize("field", ["timezone", "currency"])
def test_a_refusal_that_quotes_such_characters_can_be_sent(rest, field):
    answer = rest.raw(
        "POST",
        "/api/v1/events",
        json.dumps(
            {
                "name": "Gala",
                "event_date": "2027-07-15T10:00:00Z",
                "registration_start_date": "2027-01-01T00:00:00Z",
                "registration_end_date": "2027-07-01T00:00:00Z",
                field: "\ud800",
            }
        ).encode(),
    )
    assert (answer.status, list(answer.fields)) == (400, [field])


def test_another_content_type_is_a_415(rest):
    answer = rest.raw("POST", CATEGORIES, b"name=Fireworks", "application/x-www-form-urlencoded")
    assert (answer.status, answer.codes) == (415, ["unsupported_media_type"])


def test_a_body_that_is_too_large_is_a_413(rest):
    with override_settings(API_MAX_BODY_BYTES=1000):
        answer = rest.raw("POST", CATEGORIES, json.dumps({"name": "x" * 1000}).encode())
    assert (answer.status, answer.codes) == (413, ["too_large"])


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_another_method_is_a_405(rest, method):
    answer = rest.raw(method, CATEGORIES, b"{}")
    assert (answer.status, answer.codes) == (405, ["method_not_allowed"])


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/categories/17", "/api/", "/api/v1/categories//"])
def test_an_unknown_address_is_a_404_in_the_same_shape(rest, path):
    answer = rest.raw("GET", path, b"")
    assert (answer.status, answer.codes, answer.json["type"]) == (404, ["not_found"], "client_error")


def test_an_unknown_id_is_a_404(rest):
    answer = rest.get("/categories/00000000-0000-4000-8000-000000000000")
    assert (answer.status, answer.codes) == (404, ["not_found"])


def test_a_slash_at_the_end_is_tolerated_also_for_a_post(rest):
    assert rest.get("/categories/").status == 200
    answer = rest.post("/categories/", {"name": "Fireworks"})
    assert (answer.status, answer.json["name"]) == (201, "Fireworks")


def test_an_answer_is_json_whatever_the_client_accepts(rest):
    response = rest.client.get(CATEGORIES, headers={"Accept": "text/html"})
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")


def test_every_answer_carries_the_requests_id(rest):
    answer = rest.get("/categories/17")
    assert len(answer.headers["X-Request-ID"]) == 32


def test_a_fault_of_ours_says_nothing_about_itself(rest, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("SELECT secret FROM rival")

    monkeypatch.setattr("budgets.api.category.statistics_of", fail)
    rest.client.raise_request_exception = False
    answer = rest.get("/categories")
    assert (answer.status, answer.codes, answer.json["type"]) == (500, ["error"], "server_error")
    assert "secret" not in json.dumps(answer.json)


def test_what_a_fault_interrupts_is_not_stored(rest, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("after the category was written")

    monkeypatch.setattr("budgets.api.category.statistics_of", fail)
    rest.client.raise_request_exception = False
    assert rest.post("/categories", {"name": "Fireworks"}).status == 500
    assert not Category.objects.filter(name="Fireworks").exists()


def test_a_database_that_is_away_is_a_503_to_try_again(rest, monkeypatch):
    def fail(*args, **kwargs):
        raise OperationalError("connection refused")

    monkeypatch.setattr("budgets.api.category.statistics_of", fail)
    answer = rest.get("/categories")
    assert (answer.status, answer.codes) == (503, ["service_unavailable"])
    assert answer.headers["Retry-After"] == "5"
