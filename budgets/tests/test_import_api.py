import io
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from openpyxl import Workbook

from budgets.models import BudgetLineItem, Category, EventBudget, LedgerEntry
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line, move
from budgetsite.testing.people import make_member, sign_in

ADDRESS = "/api/v1/event-budgets/import"
PLAN = "category,name,section,budget,spent,colour\nVenue,Hall,Day one,1000,,red\nmusic,DJ,,250.50,99,blue\n"


@pytest.fixture
def client(account, owner):
    return sign_in(owner, account)


@pytest.fixture
def event(account, owner):
    return make_event(account, owner)


def send(client, text=PLAN, *, name="plan.csv", headers=None, **fields):
    content = text if isinstance(text, bytes) else text.encode()
    form = {name: str(value) for name, value in fields.items()}
    return client.post(ADDRESS, {"file": SimpleUploadedFile(name, content), **form}, headers=headers)


def errors(answer, status=400):
    assert answer.status_code == status, answer.content
    return [(error["attr"], error["code"]) for error in answer.json()["errors"]]


def test_an_import_answers_the_budget(client, event):
    answer = send(client, event_id=event.pk)
    assert answer.status_code == 201, answer.content
    body = answer.json()
    assert (body["total_budget_amount"], body["total_actual_amount"]) == ("1250.50", "99.00")
    assert [(line["section"], line["category"], line["name"]) for line in body["line_items"]] == [
        ("Day one", "Venue", "Hall"),
        ("", "Music", "DJ"),
    ]
    assert body["imported"] == {
        "rows": 2,
        "skipped": 0,
        "new_categories": [],
        "warnings": ["Not imported: colour."],
    }
    assert answer["ETag"] == '"1"'
    assert EventBudget.objects.get().pk.hex == body["id"].replace("-", "")


def test_a_dry_run_answers_a_report_and_stores_nothing(client, event):
    answer = send(client, PLAN + "Venue,,,1.234,,\n", event_id=event.pk, dry_run="true")
    assert answer.status_code == 200, answer.content
    assert answer.json() == {
        "dry_run": True,
        "can_import": False,
        "event_id": str(event.pk),
        "budget_id": None,
        "currency": "CAD",
        "total_budget_amount": "1250.50",
        "totals": {
            "rows": 2,
            "budgeted_amount": "1250.50",
            "actual_amount": "99.00",
            "projected_income_amount": "0.00",
            "total_income_amount": "0.00",
        },
        "rows": [
            {
                "row": 2,
                "kind": "cost",
                "category": "Venue",
                "is_new_category": False,
                "section": "Day one",
                "name": "Hall",
                "description": "",
                "quantity": None,
                "unit_price": None,
                "driver": None,
                "budgeted_amount": "1000.00",
                "actual_amount": "0.00",
                "notes": "",
                "sort_order": 10,
                "is_already_there": False,
            },
            {
                "row": 3,
                "kind": "cost",
                "category": "Music",
                "is_new_category": False,
                "section": "",
                "name": "DJ",
                "description": "",
                "quantity": None,
                "unit_price": None,
                "driver": None,
                "budgeted_amount": "250.50",
                "actual_amount": "99.00",
                "notes": "",
                "sort_order": 20,
                "is_already_there": False,
            },
        ],
        "skipped": [],
        "problems": [
            {
                "attr": "rows.4.name",
                "row": 4,
                "column": "name",
                "value": "",
                "code": "required",
                "detail": "Fill in this cell.",
            },
            {
                "attr": "rows.4.budgeted_amount",
                "row": 4,
                "column": "budget",
                "value": "1.234",
                "code": "too_many_decimals",
                "detail": "CAD has 2 decimals: write no more than that.",
            },
        ],
        "warnings": ["Not imported: colour."],
        "new_categories": [],
        "new_drivers": [],
        "ignored_columns": ["colour"],
        "decimal_mark": ".",
    }
    assert not EventBudget.objects.exists()


def test_problems_are_errors_by_row_and_column(client, event):
    answer = send(client, "category,name,budget\nFireworks,,-1\nVenue,Hall,x\n", event_id=event.pk)
    assert errors(answer) == [
        ("rows.2.category", "unknown_category"),
        ("rows.2.name", "required"),
        ("rows.2.budgeted_amount", "below_minimum"),
        ("rows.3.budgeted_amount", "invalid"),
    ]
    assert answer.json()["type"] == "validation_error"
    assert not EventBudget.objects.exists()


def test_a_workbook_is_imported(client, event):
    workbook = Workbook()
    workbook.active.append(["Category", "Name", "Budget"])
    workbook.active.append(["Cake", "Three tiers", 321.5])
    content = io.BytesIO()
    workbook.save(content)
    answer = send(client, content.getvalue(), name="plan.xlsx", event_id=event.pk)
    assert answer.json()["line_items"][0]["budgeted_amount"] == "321.50"


def test_lines_are_added_to_a_budget_against_its_version(client, account, owner):
    budget = make_budget(account, owner)
    make_line(budget, owner)
    stale = send(client, budget_id=budget.pk, version=1)
    assert errors(stale, 409) == [(None, "stale_version")]
    assert stale.json()["current"]["version"] == 2
    answer = send(client, budget_id=budget.pk, headers={"If-Match": '"2"'})
    assert (answer.status_code, answer.json()["version"]) == (201, 3)
    again = send(client, budget_id=budget.pk)
    assert errors(again) == [("rows.2.name", "already_there"), ("rows.3.name", "already_there")]
    skipped = send(client, budget_id=budget.pk, on_existing="skip")
    assert (skipped.status_code, skipped.json()["imported"]["skipped"], skipped.json()["version"]) == (201, 2, 3)
    assert BudgetLineItem.objects.count() == 3


def test_a_key_sent_twice_imports_once(client, event):
    first = send(client, event_id=event.pk, headers={"Idempotency-Key": "once"})
    second = send(client, event_id=event.pk, headers={"Idempotency-Key": "once"})
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert errors(send(client, PLAN * 2, event_id=event.pk, headers={"Idempotency-Key": "once"}), 409) == [
        (None, "idempotency_mismatch")
    ]
    assert (BudgetLineItem.objects.count(), LedgerEntry.objects.count()) == (2, 1)


def test_a_ceiling_below_the_lines_is_refused_at_its_field(client, event):
    assert errors(send(client, event_id=event.pk, total_budget_amount="1250.49")) == [
        ("total_budget_amount", "lines_exceed_total")
    ]
    assert errors(send(client, event_id=event.pk, total_budget_amount="1.234")) == [
        ("total_budget_amount", "too_many_decimals")
    ]
    assert send(client, event_id=event.pk, total_budget_amount="2000").json()["total_budget_amount"] == "2000.00"


def test_a_plan_that_waits_for_approval_is_a_conflict(client, account, owner):
    budget = make_budget(account, owner)
    move(budget, "submit", user=owner, role=Role.OWNER, account=account)
    assert errors(send(client, budget_id=budget.pk), 409) == [(None, "plan_fixed")]


@pytest.mark.parametrize(
    ("content", "status", "expected"),
    [
        (b"%PDF-1.7 ...", 415, (None, "not_a_spreadsheet")),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"x" * 600, 415, (None, "old_or_protected")),
        (b"category,name\n" + b"x" * 10_000_000, 413, (None, "too_large")),
        (b"category,name\n" + b"Venue,Chair\n" * 100_000, 400, ("file", "too_many_rows")),
        (b"what,how much\nHall,5\n", 400, ("file", "wrong_columns")),
        (b"category,name,title,NAME\nVenue,a,b,c\n", 400, ("file", "repeated_column")),
        (b"category,name\n", 400, ("file", "no_rows")),
        (b"", 400, ("file", "empty")),
        (b"category,name,budget\nVenue,Hall,=2+2\n", 400, ("rows.2.budgeted_amount", "formula")),
    ],
    ids=["PDF", "old", "large", "long", "columns", "repeated", "headings alone", "empty", "formula"],
)
def test_what_is_no_plan_gets_a_clear_answer(client, event, content, status, expected):
    answer = send(client, content, event_id=event.pk)
    assert errors(answer, status) == [expected]
    assert not EventBudget.objects.exists()


def test_a_request_far_too_large_is_refused_before_it_is_read(client):
    answer = client.post(ADDRESS, b"", content_type="multipart/form-data; boundary=x", CONTENT_LENGTH="500000000")
    assert errors(answer, 413) == [(None, "too_large")]


def test_json_is_not_taken(client, event):
    answer = client.post(ADDRESS, {"event_id": str(event.pk)}, content_type="application/json")
    assert errors(answer, 415) == [(None, "unsupported_media_type")]


def test_a_byte_order_mark_semicolons_and_decimal_commas_are_read(client, event):
    text = "\ufeffcategory;name;budget\nVenue;Sàlon;1.234,50\n"
    assert send(client, text, event_id=event.pk).json()["total_budget_amount"] == "1234.50"


def test_an_open_question_about_the_decimal_mark_is_asked(client, event):
    text = "category;name;budget\nVenue;Hall;1,234\n"
    assert errors(send(client, text, event_id=event.pk)) == [("rows.2.budgeted_amount", "ambiguous")]
    answer = send(client, text, event_id=event.pk, decimal_mark=".")
    assert answer.json()["total_budget_amount"] == "1234.00"


def test_event_or_budget_has_to_be_named(client, event):
    assert errors(send(client)) == [("event_id", "required")]
    assert errors(send(client, event_id=event.pk, budget_id=uuid4())) == [("event_id", "required")]
    assert errors(client.post(ADDRESS, {"event_id": str(event.pk)})) == [("file", "required")]


def test_what_another_account_has_is_not_found(client, account, other_account):
    with tenant_scope(other_account.pk):
        stranger = make_member(other_account, Role.OWNER).user
        theirs = make_budget(other_account, stranger)
    assert errors(send(client, budget_id=theirs.pk), 404) == [(None, "not_found")]
    assert errors(send(client, event_id=theirs.event_id), 404) == [(None, "not_found")]
    with tenant_scope(other_account.pk):
        assert not BudgetLineItem.objects.exists()


def test_organizers_import_for_their_own_events_alone(account, owner, organizer, event):
    client = sign_in(organizer, account)
    assert errors(send(client, event_id=event.pk), 404) == [(None, "not_found")]
    own = make_event(account, organizer)
    assert send(client, event_id=own.pk).status_code == 201


def test_making_categories_is_for_those_who_may(account, owner, organizer):
    text = "category,name\nAgitprop,Posters\n"
    own = make_event(account, organizer)
    refused = send(sign_in(organizer, account), text, event_id=own.pk, create_categories="true")
    assert errors(refused, 403) == [(None, "permission_denied")]
    assert not Category.objects.filter(name="Agitprop").exists()
    answer = send(sign_in(owner, account), text, event_id=own.pk, create_categories="true")
    assert answer.json()["imported"]["new_categories"] == ["Agitprop"]


@pytest.mark.parametrize("role", [Role.CLIENT, Role.ATTENDEE])
def test_clients_and_attendees_may_not_import(account, event, role):
    client = sign_in(make_member(account, role).user, account)
    assert errors(send(client, event_id=event.pk), 403) == [(None, "permission_denied")]


def test_strangers_may_not_import(event):
    assert send(Client(), event_id=event.pk).status_code == 401
