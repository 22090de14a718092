"""Many at once: decided with a preview, by a table, exported; and who would no longer fit into less."""

import csv
import io
from decimal import Decimal
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import load_workbook

from budgets.models import LedgerEntry
from budgetsite.accounts.roles import Role
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import make_member
from budgetsite.testing.registrations import NOW, ask, make_open_event, make_option
from registrations.services.registration import cancel
from registrations.tests.registrations import (
    approved,
    assert_sound,
    at,
    client_of,
    everything_of,
    guest,
    registration_now,
    slots_of,
)


@pytest.fixture
def event(account, owner):
    return make_open_event(account, owner, total="25")


@pytest.fixture
def option(event, owner):
    return make_option(event, owner)


@pytest.fixture
def client(owner, account):
    return client_of(owner, account)


@pytest.fixture
def rows(account, event, option):
    """Four who wait, where the budget pays for two."""
    return [ask(event, guest(account, name=f"Guest {number}"), option) for number in range(1, 5)]


def bulk(client, event, rows, status="APPROVED", **fields):
    with at(NOW):
        body = {"ids": [str(getattr(row, "pk", row)) for row in rows], "status": status, **fields}
        return client.post(f"/events/{event.pk}/registrations/bulk", body)


def upload(client, event, text, *, dry_run=False, name="statuses.csv"):
    with at(NOW):
        response = client.client.post(
            f"/api/v1/events/{event.pk}/registrations/import",
            {"file": SimpleUploadedFile(name, text.encode()), "dry_run": str(dry_run).lower()},
        )
    return response.status_code, response.json()


def states(rows):
    return [registration_now(row).status for row in rows]


# --- Bulk


def test_the_preview_says_which_will_not_fit_and_stores_nothing(client, event, rows):
    before, told = everything_of(event), OutboxEvent.objects.count()
    preview = bulk(client, event, rows, dry_run=True)
    assert preview.status == 200
    assert [result["ok"] for result in preview.json["results"]] == [True, True, False, False]
    third = preview.json["results"][2]
    assert (third["id"], third["code"]) == (str(rows[2].pk), "BUDGET_EXHAUSTED")
    assert third["error"] == "The event's budget has 5.00 CAD left; 10.00 are needed."
    assert [tier["conflict_type"] for tier in third["conflicts"]] == ["BUDGET_EXHAUSTED"]
    assert everything_of(event) == before
    assert (OutboxEvent.objects.count(), LedgerEntry.objects.count()) == (told, 0)
    done = bulk(client, event, rows)
    assert done.json["results"] == preview.json["results"]
    assert done.json["dry_run"] is False
    assert states(rows) == ["APPROVED", "APPROVED", "PENDING", "PENDING"]
    assert_sound()


def test_each_of_many_stands_by_itself(client, account, owner, event, option, rows):
    own = ask(event, owner, option)
    cancel(registration_id=rows[0].pk, event=event, acting_user=owner, now=NOW)
    nowhere = uuid4()
    answer = bulk(client, event, [rows[0], own, nowhere, rows[1], rows[1]])
    assert [(row["id"], row["code"]) for row in answer.json["results"]] == [
        (str(rows[0].pk), "invalid_transition"),
        (str(own.pk), "own_registration"),
        (str(nowhere), "not_found"),
        (str(rows[1].pk), None),
    ]
    assert states([*rows, own]) == ["CANCELLED", "APPROVED", "PENDING", "PENDING", "PENDING"]
    assert bulk(client, event, rows, "REJECTED", reason="Full").status == 200
    assert [registration_now(row).reason for row in rows[1:]] == ["Full"] * 3
    assert_sound()


@pytest.mark.parametrize("body", [{"ids": []}, {"ids": ["x"]}, {"ids": [str(uuid4())], "status": "LOST"}])
def test_what_a_batch_cannot_be(client, event, body):
    answer = client.post(f"/events/{event.pk}/registrations/bulk", {"status": "APPROVED", **body})
    assert answer.status == 400


def test_a_batch_never_reaches_another_event_or_tenant(account, owner, client, event, option, rows, other_account):
    other = make_open_event(account, owner)
    answer = bulk(client, other, rows)
    assert {result["code"] for result in answer.json["results"]} == {"not_found"}
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        own = make_open_event(other_account, rival)
    rival_client = client_of(rival, other_account)
    assert bulk(rival_client, event, rows).status == 404
    assert {result["code"] for result in bulk(rival_client, own, rows).json["results"]} == {"not_found"}
    assert bulk(client_of(guest(account), account), event, rows).status == 403
    assert states(rows) == ["PENDING"] * 4


# --- By a table


def test_a_table_decides_by_id_code_and_address(client, event, rows):
    text = (
        "id,qr_token,email,status,reason\n"
        f"{rows[0].pk},,,approved,\n"
        f",{rows[1].qr_token},,APPROVED,\n"
        f",,{rows[2].user.email.upper()},Rejected,No room\n"
    )
    before = everything_of(event)
    status, report = upload(client, event, text, dry_run=True)
    assert (status, report["can_import"], report["changed"], report["unchanged"]) == (200, True, 3, 0)
    assert report["rows"][0] == {
        "row": 2,
        "registration_id": str(rows[0].pk),
        "person": "Guest 1",
        "status_before": "PENDING",
        "status": "APPROVED",
        "changes": True,
    }
    assert everything_of(event) == before
    assert upload(client, event, text)[0] == 200
    assert states(rows) == ["APPROVED", "APPROVED", "REJECTED", "PENDING"]
    assert registration_now(rows[2]).reason == "No room"
    status, report = upload(client, event, text)
    assert (report["changed"], report["unchanged"]) == (0, 3)
    assert_sound()


def test_every_rows_problem_is_told_at_once_and_nothing_is_stored(account, client, event, owner, rows):
    second = make_option(event, owner, option_name="Tote Bag")
    ask(event, rows[3].user, second)
    text = (
        "id,email,status\n"
        f"{rows[0].pk},,APPROVED\n"
        f"{rows[0].pk},,REJECTED\n"
        f"{rows[1].pk},,MAYBE\n"
        ",,APPROVED\n"
        "not-an-id,,APPROVED\n"
        f",{rows[3].user.email},APPROVED\n"
        f"{rows[1].pk},,APPROVED\n"
        f"{rows[2].pk},,APPROVED\n"
    )
    before = everything_of(event)
    status, answer = upload(client, event, text)
    assert status == 400
    assert {error["attr"]: error["code"] for error in answer["errors"]} == {
        "rows.3.id": "repeated",
        "rows.4.status": "invalid_choice",
        "rows.5": "required",
        "rows.6.id": "not_found",
        "rows.7.email": "ambiguous",
        "rows.9.status": "BUDGET_EXHAUSTED",
    }
    assert everything_of(event) == before
    status, report = upload(client, event, text, dry_run=True)
    assert (status, report["can_import"], len(report["problems"])) == (200, False, 6)


def test_a_person_with_several_is_told_apart_by_option(client, event, owner, rows):
    second = make_option(event, owner, option_name="Tote Bag")
    other = ask(event, rows[3].user, second)
    assert upload(client, event, f"email,option,status\n{rows[3].user.email},tote bag,APPROVED\n")[0] == 200
    assert states([rows[3], other]) == ["PENDING", "APPROVED"]


def test_a_table_of_another_tenants_registrations_finds_nothing(client, event, rows, other_account):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        own = make_open_event(other_account, rival)
    keys = (f"{rows[0].pk},,", f",{rows[1].qr_token},", f",,{rows[2].user.email}")
    text = "id,qr_token,email,status\n" + "".join(f"{key},APPROVED\n" for key in keys)
    status, answer = upload(client_of(rival, other_account), own, text)
    assert (status, {error["code"] for error in answer["errors"]}) == (400, {"not_found"})
    assert states(rows) == ["PENDING"] * 4


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [("", 400, "empty"), ("id,email\nx,y\n", 400, "wrong_columns"), ("%PDF-1.4", 415, "not_a_spreadsheet")],
)
def test_what_is_no_table(client, event, text, status, code):
    answered, answer = upload(client, event, text)
    assert (answered, answer["errors"][0]["code"]) == (status, code)


# --- Export


def test_the_export_holds_what_the_desk_sees_and_no_codes(account, client, owner, event, option):
    slot = slots_of(event)[0]
    formula = ask(event, guest(account, name="=1+1"), option, slot_id=slot.pk, notes="@SUM(A1)")
    approved(formula, event, owner)
    ask(event, guest(account, name="Zoë"), None)
    path = f"/api/v1/events/{event.pk}/registrations/export"
    response = client.client.get(path)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert "registrations-2026-07-15.csv" in response["Content-Disposition"]
    table = list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))
    by_name = {line["name"]: line for line in table}
    line = by_name["'=1+1"]
    expected = {
        "id": str(formula.pk), "option": "Event Mug", "status": "APPROVED", "party_size": "1",
        "assigned_slot": "2026-07-15 08:00-09:00", "amount_committed": "10.00", "notes": "'@SUM(A1)",
        "requested_at": "2026-06-20 05:00",
    }  # fmt: skip
    assert expected.items() <= line.items()
    assert by_name["Zoë"]["option"] == ""
    assert formula.qr_token not in response.content.decode()
    workbook = load_workbook(io.BytesIO(client.client.get(path, {"format": "xlsx"}).content))
    assert [row[1] for row in workbook.active.iter_rows(values_only=True)][1:] == ["Zoë", "'=1+1"]
    only = client.client.get(path, {"status": "PENDING"}).content.decode("utf-8-sig")
    assert [row["name"] for row in csv.DictReader(io.StringIO(only))] == ["Zoë"]
    assert client.get(f"/events/{event.pk}/registrations/export", format="pdf").fields == {"format": "invalid_choice"}


def test_the_export_can_be_imported_again(client, event, rows):
    content = client.client.get(f"/api/v1/events/{event.pk}/registrations/export").content.decode("utf-8-sig")
    status, report = upload(client, event, content, dry_run=True)
    assert (status, report["can_import"], report["changed"], report["unchanged"]) == (200, True, 0, 4)
    assert "amount_committed" in report["ignored_columns"]


def test_guests_export_nothing(account, event, rows):
    assert client_of(rows[0].user, account).get(f"/events/{event.pk}/registrations/export").status == 403


# --- Less


def preview(client, event, **body):
    return client.post(f"/events/{event.pk}/capacity-preview", body)


def test_less_stock_leaves_out_who_asked_last(client, owner, event, option, rows):
    approved(rows[3], event, owner)
    before = everything_of(event)
    cut = preview(client, event, option_id=str(option.pk), total_available=2)
    assert cut.status == 200
    expected = {"kind": "option", "taken": "4", "wanted": "2", "short_by": "2", "affected": 2, "blocked": True}
    assert expected.items() <= cut.json.items()
    # Pending ones go first; who was approved stays though they asked last.
    assert str(rows[3].pk) not in [row["id"] for row in cut.json["registrations"]]
    fits = preview(client, event, option_id=str(option.pk), total_available=4).json
    assert (fits["short_by"], fits["blocked"], fits["registrations"]) == ("0", False, [])
    assert everything_of(event) == before


def test_less_room_in_a_slot(account, client, event):
    slot = slots_of(event)[0]
    ask(event, guest(account), slot_id=slot.pk, party_size=3)
    last = ask(event, guest(account), slot_id=slot.pk, party_size=2, now=NOW.replace(hour=10))
    cut = preview(client, event, slot_id=str(slot.pk), capacity=4).json
    assert (cut["taken"], cut["short_by"], [row["id"] for row in cut["registrations"]]) == ("5", "1", [str(last.pk)])


def test_a_smaller_budget_counts_what_waits_at_todays_prices(client, owner, event, rows):
    approved(rows[0], event, owner)
    cut = preview(client, event, event_budget_amount="25").json
    assert {name: cut[name] for name in ("kind", "taken", "wanted", "short_by", "affected", "blocked")} == {
        "kind": "budget", "taken": "40.00", "wanted": "25.00", "short_by": "15.00", "affected": 2, "blocked": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    "body", [{}, {"capacity": 1}, {"option_id": str(uuid4())}, {"event_budget_amount": "1", "capacity": 3}]
)
def test_a_preview_is_about_one_thing(client, event, body):
    assert preview(client, event, **body).status == 400


def test_a_preview_of_another_events_option_finds_nothing(account, owner, client, event):
    foreign = make_option(make_open_event(account, owner), owner)
    assert preview(client, event, option_id=str(foreign.pk), total_available=1).status == 404
    assert preview(client, event, slot_id=str(uuid4()), capacity=1).status == 404
    assert Decimal(preview(client, event, event_budget_amount="1").json["short_by"]) == 0
