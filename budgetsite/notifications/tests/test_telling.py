"""Told once, into the inbox and into the one mail that gathers; as people want it, and nobody outside the account."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from budgetsite.accounts.roles import Role
from budgetsite.notifications.models import Mail, Notification, NotificationPreference
from budgetsite.notifications.services.telling import Message, tell
from budgetsite.privacy.models import ConsentSource
from budgetsite.privacy.services.consent import give_consent, withdraw_consent
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.people import make_member

NOW = datetime(2026, 6, 11, 12, tzinfo=UTC)


def message(key="a", **fields):
    values = {
        "notification_type": "budget_alerts",
        "level": "warning",
        "title": "The gala is nearly used up",
        "path": "/budgets/1",
        "dedup_key": key,
        **fields,
    }
    return Message(**values)


def told():
    return {(n.person_id, n.dedup_key, n.in_inbox, n.mail_id is not None) for n in Notification.objects.all()}


def test_the_same_thing_is_told_once_and_everything_of_a_moment_comes_in_one_mail(owner, staff):
    pairs = [(owner.pk, message("a")), (owner.pk, message("a")), (owner.pk, message("b")), (staff.pk, message("a"))]
    assert tell(pairs, now=NOW) == 3
    assert tell([*pairs, (staff.pk, message("b"))], now=NOW + timedelta(seconds=10)) == 1

    assert told() == {(p.pk, key, True, True) for p in (owner, staff) for key in "ab"}
    mails = Mail.objects.order_by("person_id")
    assert [(mail.status, mail.due_at) for mail in mails] == [("gathering", NOW + timedelta(seconds=30))] * 2
    assert Notification.objects.filter(mail__person=owner).count() == 2


def test_the_team_is_written_to_unless_they_say_no_and_clients_when_they_say_yes(account, owner, staff):
    client, silent = (make_member(account, role).user for role in (Role.CLIENT, Role.ATTENDEE))
    withdraw_consent(person=staff, notification_type="budget_alerts", source=ConsentSource.PAGE)
    give_consent(person=staff, notification_type="budget_alerts", source=ConsentSource.PAGE)
    withdraw_consent(person=staff, notification_type="budget_alerts", source=ConsentSource.PAGE)
    give_consent(person=client, notification_type="budget_alerts", source=ConsentSource.PAGE)

    tell([(person.pk, message()) for person in (owner, staff, client, silent)], now=NOW)

    assert {(person, mailed) for person, _, _, mailed in told()} == {
        (owner.pk, True),
        (staff.pk, False),
        (client.pk, True),
        (silent.pk, False),
    }


def test_what_is_wanted_neither_here_nor_there_is_not_told_and_a_digest_waits(owner, staff):
    NotificationPreference.objects.create(person=owner, notification_type="budget_alerts", mail_rhythm="daily")
    NotificationPreference.objects.create(person=staff, notification_type="budget_alerts", in_inbox=False)
    withdraw_consent(person=staff, notification_type="budget_alerts", source=ConsentSource.PAGE)
    give_consent(person=staff, notification_type="budget_alerts", source=ConsentSource.PAGE)
    withdraw_consent(person=staff, notification_type="budget_alerts", source=ConsentSource.PAGE)

    tell([(person.pk, message()) for person in (owner, staff)], now=NOW)

    assert told() == {(owner.pk, "a", True, True)}
    assert [mail.rhythm for mail in Mail.objects.all()] == ["daily"]


def test_strangers_and_people_who_left_are_told_nothing(account, other_account, owner):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
    assert tell([(rival.pk, message()), (uuid4(), message())], now=NOW) == 0
    with tenant_scope(other_account.pk):
        assert tell([(rival.pk, message()), (owner.pk, message())], now=NOW) == 1
        assert {person for person, *_ in told()} == {rival.pk}
    assert told() == set()


def test_a_flood_takes_a_constant_number_of_statements(owner, django_assert_max_num_queries):
    with django_assert_max_num_queries(14):
        tell([(owner.pk, message(str(number))) for number in range(1000)], now=NOW)
    assert Mail.objects.count() == 1


def test_two_who_tell_at_once_tell_once(committed_db, account):
    with transaction.atomic():
        owner = make_member(account, Role.OWNER).user
    results = run_at_once([lambda: tell([(owner.pk, message())], now=NOW)] * 4, tenant_id=account.pk)
    assert {type(result) for result in results} <= {int, IntegrityError}
    with transaction.atomic():
        assert told() == {(owner.pk, "a", True, True)}
        assert Mail.objects.count() == 1


def test_one_mail_gathers_for_a_person_and_a_rhythm(owner):
    tell([(owner.pk, message())], now=NOW)
    with pytest.raises(IntegrityError), transaction.atomic():
        Mail.objects.create(person=owner, rhythm="immediate", due_at=NOW)
    Mail.objects.create(person=owner, rhythm="immediate", status="sent", due_at=NOW)
    Mail.objects.create(person=owner, rhythm="weekly", due_at=NOW)
