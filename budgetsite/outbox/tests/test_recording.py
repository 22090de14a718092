from uuid import uuid4

import pytest
from django.db import DatabaseError, connection, transaction

from budgetsite.outbox.models import OutboxEvent
from budgetsite.outbox.services import OutsideTransaction, record_event
from budgetsite.tenancy.scope import NoTenant, tenant_scope
from budgetsite.testing.people import make_member


def test_an_event_says_what_happened_to_what_and_who_did_it(account):
    user = make_member(account, "staff").user
    subject = uuid4()
    with tenant_scope(account.pk, user_id=user.pk):
        record_event(
            kind="budget.submitted", subject_type="event_budget", subject_id=subject, payload={"amount": "12.50"}
        )
        event = OutboxEvent.objects.get(subject_id=subject)
    assert (event.kind, event.subject_type, event.payload, event.actor_id) == (
        "budget.submitted",
        "event_budget",
        {"amount": "12.50"},
        user.pk,
    )


def test_events_are_numbered_in_their_order(account):
    subject = uuid4()
    for kind in ("budget.submitted", "budget.approved", "budget.activated"):
        record_event(kind=kind, subject_type="event_budget", subject_id=subject)
    told = OutboxEvent.objects.filter(subject_id=subject).order_by("position")
    assert [event.kind for event in told] == ["budget.submitted", "budget.approved", "budget.activated"]
    assert len({event.position for event in told}) == 3


def test_an_event_is_taken_back_with_the_change_that_it_tells_of(account):
    subject = uuid4()

    @transaction.atomic
    def change_that_fails():
        record_event(kind="budget.submitted", subject_type="event_budget", subject_id=subject)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change_that_fails()
    assert not OutboxEvent.objects.filter(subject_id=subject).exists()


def test_an_event_outside_a_transaction_is_refused(committed_db, account):
    with pytest.raises(OutsideTransaction):
        record_event(kind="budget.submitted", subject_type="event_budget", subject_id=uuid4())


def test_another_account_reads_none_of_it(account, other_account):
    record_event(kind="budget.submitted", subject_type="event_budget", subject_id=uuid4())
    with tenant_scope(other_account.pk):
        assert not OutboxEvent.objects.exists()
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM outbox_outboxevent")
            assert cursor.fetchone() == (0,)


def test_without_an_account_nothing_is_recorded(db):
    with pytest.raises(NoTenant):
        record_event(kind="budget.submitted", subject_type="event_budget", subject_id=uuid4())


def test_what_was_recorded_is_never_changed(account):
    record_event(kind="budget.submitted", subject_type="event_budget", subject_id=uuid4())
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        OutboxEvent.objects.update(kind="budget.rejected")
