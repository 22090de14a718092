"""What cancelling costs: shown before, kept afterwards, and only from the owner who cancels late."""

from datetime import timedelta
from decimal import Decimal

import pytest

from budgets.models import LedgerEntry
from budgetsite.testing.registrations import NOW, ask, make_open_event, make_option
from registrations.models import RegistrationDesk
from registrations.services.desk import change_policy
from registrations.services.registration import cancel
from registrations.tests.registrations import (
    approved,
    assert_sound,
    at,
    budget_of,
    client_of,
    guest,
    registration_now,
)


@pytest.fixture
def event(account, owner):
    event = make_open_event(account, owner)
    change_policy(event=event, acting_user=owner, cancel_until_hours=48, kept_share=Decimal("33.33"), offer_minutes=60)
    return event


@pytest.fixture
def row(account, owner, event):
    return approved(ask(event, guest(account), make_option(event, owner), party_size=2), event, owner)


def last_free_moment(event):
    return event.event_date - timedelta(hours=48)


def test_the_policy_is_read_by_all_and_changed_by_who_runs_the_event(account, owner, event):
    visitor, client = client_of(guest(account), account), client_of(owner, account)
    path = f"/events/{event.pk}/registration-policy"
    assert visitor.get(path).json == {
        "event_id": str(event.pk),
        "cancel_until_hours": 48,
        "kept_share": "33.33",
        "offer_minutes": 60,
        "free_until": "2026-07-13T14:00:00Z",
    }
    body = {"cancel_until_hours": 0, "kept_share": "100", "offer_minutes": 5}
    assert visitor.put(path, body).status == 403
    assert client.put(path, body).json["kept_share"] == "100.00"
    desk = RegistrationDesk.objects.get(event=event)
    assert desk.history.count() == 3
    client.put(path, body)
    assert desk.history.count() == 3


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("cancel_until_hours", -1),
        ("cancel_until_hours", 2**31),
        ("kept_share", "100.01"),
        ("kept_share", "-1"),
        ("kept_share", "1.005"),
        ("kept_share", "NaN"),
        ("offer_minutes", 0),
        ("offer_minutes", 10**9),
    ],
)
def test_a_policy_out_of_range_is_refused_at_its_field(account, owner, event, name, value):
    body = {"cancel_until_hours": 1, "kept_share": "1", "offer_minutes": 1, name: value}
    answer = client_of(owner, account).put(f"/events/{event.pk}/registration-policy", body)
    assert (answer.status, list(answer.fields)) == (400, [name])
    assert RegistrationDesk.objects.get(event=event).cancel_until_hours == 48


def test_what_would_be_kept_is_shown_before_and_nothing_changes(account, owner, event, row):
    path = f"/events/{event.pk}/registrations/{row.pk}/cancellation"
    with at(last_free_moment(event)):
        assert client_of(row.user, account).get(path).json == {
            "can_cancel": True,
            "currency": "CAD",
            "amount_committed": "20.00",
            "kept": "0.00",
            "kept_share": "33.33",
            "free_until": "2026-07-13T14:00:00Z",
        }
    with at(last_free_moment(event) + timedelta(seconds=1)):
        assert client_of(row.user, account).get(path).json["kept"] == "6.67"
        # Who runs the event cancels for nothing.
        assert client_of(owner, account).get(path).json["kept"] == "0.00"
    assert registration_now(row).status == "APPROVED"


def test_cancelling_in_time_keeps_nothing(event, row):
    cancel(registration_id=row.pk, event=event, acting_user=row.user, now=last_free_moment(event))
    assert (budget_of(event).total_committed_amount, budget_of(event).total_actual_amount) == (0, 0)
    assert_sound()


def test_cancelling_late_turns_the_share_into_cost(event, row):
    late = last_free_moment(event) + timedelta(seconds=1)
    left = cancel(registration_id=row.pk, event=event, acting_user=row.user, now=late).registration
    assert (left.amount_committed, left.amount_kept) == (0, Decimal("6.67"))
    budget = budget_of(event)
    assert (budget.total_committed_amount, budget.total_actual_amount) == (0, Decimal("6.67"))
    entries = LedgerEntry.objects.order_by("seq").values_list("kind", "committed_delta", "actual_delta")
    assert list(entries)[1:] == [
        ("settle", Decimal("-6.67"), Decimal("6.67")),
        ("release", Decimal("-13.33"), Decimal(0)),
    ]
    assert_sound()


def test_a_share_of_all_of_it_releases_nothing(owner, event, row):
    change_policy(event=event, acting_user=owner, cancel_until_hours=48, kept_share=Decimal(100), offer_minutes=1)
    late = last_free_moment(event) + timedelta(seconds=1)
    cancel(registration_id=row.pk, event=event, acting_user=row.user, now=late)
    assert budget_of(event).total_actual_amount == Decimal(20)
    assert [entry.kind for entry in LedgerEntry.objects.order_by("seq")] == ["commit", "settle"]
    assert_sound()


def test_who_runs_the_event_cancels_late_for_nothing(owner, event, row):
    cancel(registration_id=row.pk, event=event, acting_user=owner, now=event.event_date)
    assert budget_of(event).total_actual_amount == 0


def test_a_pending_one_costs_nothing_ever(account, owner, event):
    waiting = ask(event, guest(account), make_option(event, owner))
    cancel(registration_id=waiting.pk, event=event, acting_user=waiting.user, now=event.event_date)
    assert (budget_of(event).total_actual_amount, registration_now(waiting).amount_kept) == (0, 0)
    assert event.event_date > NOW
