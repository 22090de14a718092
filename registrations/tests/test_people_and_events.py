"""Forgetting people while their events are deleted and decided on: no circle, nothing twice."""

from datetime import timedelta

import pytest
from django.db import transaction

from budgetsite.accounts.roles import Role
from budgetsite.privacy.registry import retention_kinds
from budgetsite.privacy.services.erasure import erase_person
from budgetsite.testing.people import make_member
from budgetsite.testing.registrations import NOW, ask, make_attendees, make_open_event, make_option
from events.holding import have_event_alone
from registrations.models import EventRegistration
from registrations.services.registration import reject
from registrations.tests.registrations import elsewhere


@pytest.fixture
def runner(committed_db, account):
    with transaction.atomic():
        return make_member(account, Role.OWNER).user


@pytest.fixture
def rows(account, runner):
    with transaction.atomic():
        event = make_open_event(account, runner)
        option = make_option(event, runner)
        return [ask(event, guest, option, notes="By bike") for guest in make_attendees(account, 2)]


def notes():
    with transaction.atomic():
        return list(EventRegistration.objects.order_by("created_at").values_list("notes", flat=True))


def test_erasing_waits_for_whoever_has_an_event_alone(account, rows):
    def erase():
        return erase_person(account=account, email=rows[0].user.email, place="a test", now=NOW)

    with transaction.atomic():
        have_event_alone(rows[0].event_id)
        waited = elsewhere(account, erase)
    assert "lock timeout" in str(waited)
    assert elsewhere(account, erase).erased == {account.slug: {"memberships ended": 1, "notes with registrations": 1}}
    assert notes() == ["", "By bike"]


def test_what_somebody_is_deciding_on_is_let_go_of_the_next_time(account, runner, rows):
    forget = retention_kinds()["registrations"].forget
    later = rows[0].event.event_date + timedelta(days=1)
    with transaction.atomic():
        reject(registration_id=rows[0].pk, event=rows[0].event, acting_user=runner, now=NOW)
        assert elsewhere(account, lambda: forget(later)) == 1
    assert notes() == ["By bike", ""]
    assert elsewhere(account, lambda: forget(later)) == 1
    assert notes() == ["", ""]
