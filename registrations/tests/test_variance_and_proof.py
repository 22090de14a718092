"""The report by counters equals counting; a counter that was tampered with is named."""

from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from budgetsite.testing.budgets import make_line
from budgetsite.testing.registrations import NOW, ask, make_open_event, make_option
from registrations.models import EventOption, EventRegistration, PickupSlot, RegistrationDesk
from registrations.selectors.variance import variance_of
from registrations.services.registration import cancel, reject
from registrations.services.registration_proof import verify_registrations
from registrations.tests.registrations import approved, assert_sound, at, budget_of, client_of, guest


@pytest.fixture
def event(account, owner):
    return make_open_event(account, owner)


@pytest.fixture
def story(account, owner, event):
    """Registrations in every status, for two options and for none."""
    mug = make_option(event, owner, total_available=8)
    bag = make_option(event, owner, option_name="Tote Bag", total_available=3, cost_per_unit=Decimal("2.50"))
    rows = [ask(event, guest(account), option, party_size=2) for option in (mug, mug, bag, None, None, mug)]
    approved(rows[0], event, owner)
    approved(rows[3], event, owner)
    reject(registration_id=rows[1].pk, event=event, acting_user=owner, now=NOW)
    cancel(registration_id=rows[4].pk, event=event, acting_user=rows[4].user, now=NOW)
    return rows


def test_the_report_has_exactly_the_contracts_figures(account, owner, event, story):
    make_line(budget_of(event), owner, budgeted_amount="300", actual_amount="230")
    mug, bag = EventOption.objects.order_by("option_name")
    report = client_of(owner, account).get(f"/events/{event.pk}/budget-variance")
    assert report.status == 200
    assert report.json == {
        "event_id": str(event.pk),
        "event_name": "Annual day",
        "currency": "CAD",
        "total_budget": "1000.00",
        "budget_committed": "20.00",
        "budget_actual": "230.00",
        "budget_available": "750.00",
        "utilization_percentage": "25.00",
        "pending_exposure": "25.00",
        "short_by": "0.00",
        "registered_users_count": 4,
        "approved_registrations_count": 2,
        "pending_registrations_count": 2,
        "rejected_registrations_count": 1,
        "cancelled_registrations_count": 1,
        "collected_registrations_count": 0,
        "option_variance": [
            {
                "option_id": str(mug.pk),
                "option_name": "Event Mug",
                "total_available": 8,
                "committed_count": 2,
                "held_count": 2,
                "available_slots": 4,
                "utilization_percentage": "25.00",
            },
            {
                "option_id": str(bag.pk),
                "option_name": "Tote Bag",
                "total_available": 3,
                "committed_count": 0,
                "held_count": 2,
                "available_slots": 1,
                "utilization_percentage": "0.00",
            },
        ],
    }


def test_counters_equal_counting(event, story):
    report = variance_of(event.pk)
    by_status = {status: EventRegistration.objects.filter(status=status).count() for status in ("PENDING", "APPROVED")}
    assert (report.pending, report.approved) == (by_status["PENDING"], by_status["APPROVED"])
    assert report.registered == EventRegistration.objects.filter(status__in=by_status).count()
    exposure = sum(
        row.party_size * (row.event_option.cost_per_unit if row.event_option else 0)
        for row in EventRegistration.objects.filter(status="PENDING").select_related("event_option")
    )
    assert report.pending_exposure == exposure
    assert_sound()


def test_what_would_be_missing_is_said(account, owner):
    event = make_open_event(account, owner, total="25")
    option = make_option(event, owner)
    for _ in range(3):
        ask(event, guest(account), option)
    assert variance_of(event.pk).short_by == Decimal(5)


def test_an_event_without_budget_has_a_report_too(account, owner):
    event = make_open_event(account, owner, total=None)
    answer = client_of(owner, account).get(f"/events/{event.pk}/budget-variance")
    assert (answer.json["total_budget"], answer.json["utilization_percentage"]) == ("0.00", "0.00")


def test_the_report_is_for_who_runs_the_event(account, event):
    assert client_of(guest(account), account).get(f"/events/{event.pk}/budget-variance").status == 403


@pytest.mark.parametrize(
    ("tamper", "subject", "column"),
    [
        (lambda: EventOption.objects.filter(option_name="Event Mug").update(committed_count=3), "option", "committed"),
        (lambda: EventOption.objects.filter(option_name="Event Mug").update(held_count=3), "option", "held_count"),
        (lambda: EventOption.objects.filter(option_name="Tote Bag").update(rejected_count=9), "option", "rejected"),
        (lambda: RegistrationDesk.objects.update(approved_count=7), "desk", "approved_count"),
        (lambda: PickupSlot.objects.update(booked=1), "slot", "booked"),
        (
            lambda: EventRegistration.objects.filter(status="APPROVED").update(amount_committed=1),
            "registration",
            "amount_committed",
        ),
    ],
)
def test_a_counter_that_was_tampered_with_is_named(account, story, tamper, subject, column):
    assert_sound()
    tamper()
    found = verify_registrations()
    assert {row.subject for row in found} == {subject}
    assert column in found[0].detail


def test_a_stranger_with_wrong_counters_does_not_matter(other_account, story):
    assert verify_registrations() == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM registrations_eventoption")
        assert cursor.fetchone() == (2,)


def test_a_reason_is_kept_with_what_was_decided(account, owner, event):
    row = ask(event, guest(account))
    with at(NOW):
        client_of(owner, account).put(
            f"/events/{event.pk}/registrations/{row.pk}", {"status": "REJECTED", "reason": "Late"}
        )
    assert EventRegistration.objects.get(pk=row.pk).reason == "Late"


def test_the_command_proves_every_account(committed_db, account, capsys):
    call_command("verify_registrations")
    assert capsys.readouterr().out == f"{account.slug}: all right\n"


def test_the_command_names_an_account_that_does_not_exist(committed_db):
    with pytest.raises(CommandError, match="nobody"):
        call_command("verify_registrations", "--account", "nobody")
