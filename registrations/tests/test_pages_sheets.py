"""Registrations that leave as a table, and decisions that come back in one."""

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile

from budgetsite.testing.people import sign_in
from budgetsite.testing.registrations import make_attendees
from registrations.models import EventRegistration
from registrations.tests.pages import address, ask_now, open_now, words


@pytest.fixture
def event(account, organizer):
    return open_now(account, organizer)


@pytest.fixture
def client(account, organizer):
    return sign_in(organizer, account)


@pytest.fixture
def registration(account, event):
    return ask_now(event, make_attendees(account, 1)[0])


def table(registration, status):
    return SimpleUploadedFile("door.csv", f"id,status\n{registration.pk},{status}\n".encode())


def status():
    return EventRegistration.objects.get().status


def test_registrations_leave_as_a_table(client, event, registration):
    file = client.get(address("export", event), {"format": "csv"}).content.decode("utf-8-sig")

    assert str(registration.pk) in file


def test_a_table_is_chosen_once_looked_at_and_carried_out(client, event, registration):
    # Whatever is chosen anew is looked at first, whichever button was pressed.
    looked = client.post(address("status_import", event), {"file": table(registration, "APPROVED"), "carry_out": "1"})
    assert "1 of 1 rows change something" in words(looked)
    assert "Change 1 registration" in words(looked)
    assert status() == "PENDING"
    kept = looked.context["kept"].token

    done = client.post(address("status_import", event), {"kept": kept, "carry_out": "1"}, follow=True)
    assert "door.csv is carried out: 1 changed." in words(done)
    assert status() == "APPROVED"

    gone = client.post(address("status_import", event), {"kept": kept, "carry_out": "1"})
    assert gone.status_code == 422
    assert gone.context["form"].errors["file"] == ["The file is no longer here. Choose it once more."]


def test_what_is_wrong_with_a_table_is_told_and_nothing_is_saved(client, event, registration):
    wrong = client.post(address("status_import", event), {"file": table(registration, "PERHAPS")})
    unreadable = client.post(
        address("status_import", event), {"file": SimpleUploadedFile("door.xlsx", b"PK no workbook")}
    )

    assert (wrong.status_code, unreadable.status_code) == (422, 422)
    assert "Choose one of: PENDING, APPROVED" in words(wrong)
    assert unreadable.context["form"].errors["file"]
    assert status() == "PENDING"


def test_a_kept_table_is_of_one_person_and_one_event(client, account, owner, organizer, event, registration):
    looked = client.post(address("status_import", event), {"file": table(registration, "APPROVED")})
    sent = {"kept": looked.context["kept"].token, "carry_out": "1"}

    assert sign_in(owner, account).post(address("status_import", event), sent).status_code == 422
    elsewhere = open_now(account, organizer, name="Another day")
    assert client.post(address("status_import", elsewhere), sent).status_code == 422
    cache.clear()
    assert client.post(address("status_import", event), sent).status_code == 422
    assert status() == "PENDING"
