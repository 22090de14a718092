"""What operators, the staff and the law are told of notifications: figures, states, everything of one person."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from budgetsite.accounts.roles import Role
from budgetsite.notifications.metrics import _MAILS, _OLDEST
from budgetsite.notifications.models import Mail, Notification, NotificationSettings
from budgetsite.notifications.services.bouncing import record_bounce
from budgetsite.notifications.services.preferences import ChoiceChange, change_choices
from budgetsite.notifications.services.telling import Message, tell
from budgetsite.operations.figures import StoredFigure
from budgetsite.privacy.models import ConsentSource
from budgetsite.privacy.registry import contributors
from budgetsite.privacy.services.erasure import erase_person
from budgetsite.testing.people import make_member, sign_in

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def say(person, **different):
    values = {"notification_type": "budget_alerts", "level": "warning", "title": "Told", "path": "/events"}
    tell([(person.pk, Message(**{**values, "dedup_key": "a", **different}))], now=NOW)


def figures(sql, **options):
    (metric,) = StoredFigure(name="x", explanation="x", sql=sql, **options).read()
    return {tuple(sample.labels.values()): sample.value for sample in metric.samples}


@pytest.mark.usefixtures("committed_db")
def test_figures_tell_what_waits_and_for_how_long(account, other_account):
    now = timezone.now()
    with transaction.atomic():
        person = make_member(account, Role.OWNER).user
        mail = {"person": person, "rhythm": "immediate"}
        Mail.objects.create(status="gathering", due_at=now + timedelta(hours=1), **mail)
        Mail.objects.create(status="waiting", due_at=now - timedelta(seconds=90), **mail)
        Mail.objects.create(status="sent", due_at=now, closed_at=now, **mail)
        Mail.objects.create(status="failed", due_at=now, closed_at=now - timedelta(days=2), **mail)
    assert figures(_MAILS, labels=("status",)) == {("gathering",): 1, ("waiting",): 1, ("sent",): 1}
    assert 90 <= figures(_OLDEST, together="max")[()] < 120


def test_the_staff_see_whether_mail_arrives_and_nothing_of_what_it_says(account, owner, staff):
    say(staff, title="Confidential")
    Mail.objects.update(status="failed", attempts=10, failure="connection: ConnectionRefusedError")
    mail = Mail.objects.get()
    client = sign_in(owner, account)
    for address in (
        reverse("admin:notifications_mail_changelist"),
        reverse("admin:notifications_mail_change", args=[mail.pk]),
    ):
        page = client.get(address).content.decode()
        for words in ("The staff", "Could not be sent", "connection: ConnectionRefusedError"):
            assert words in page, words
        assert staff.email not in page
        assert "Confidential" not in page
    assert sign_in(staff, account).get(reverse("admin:notifications_mail_changelist")).status_code == 403


@pytest.mark.usefixtures("committed_db")
def test_a_person_takes_away_what_they_were_told_and_it_goes_with_them(account):
    with transaction.atomic():
        make_member(account, Role.OWNER)
        person, other = (make_member(account, Role.STAFF).user for _ in range(2))
        for each in (person, other):
            say(each)
        change_choices(acting_user=person, choices={"approvals": ChoiceChange(mail="daily")}, source=ConsentSource.PAGE)
        record_bounce(person=person, reason="550 no", now=NOW)
        (mine,) = (each for each in contributors() if each.name == "notifications")
        tables = mine.export(person).tables
    assert {name: len(rows) for name, rows in tables.items()} == {
        "notifications": 1, "mails": 1, "preferences": 1, "settings": 1,
    }  # fmt: skip
    assert tables["settings"][0]["bounced_address"] == person.email

    done = erase_person(account=account, email=person.email, place="tests", now=NOW)

    assert done.erased[account.slug]["notifications"] == 1
    assert done.erased[account.slug]["choices of notifications"] == 2
    with transaction.atomic():
        assert [each.person_id for each in Notification.objects.all()] == [other.pk]
        assert not NotificationSettings.objects.exists()
        assert {(mail.person_id, mail.status) for mail in Mail.objects.all()} == {
            (person.pk, "cancelled"),
            (other.pk, "gathering"),
        }
