"""The link in an alert's mail: looking changes nothing, a press acknowledges it once, for the person it was sent to."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core import signing
from django.db import connections, transaction
from django.test import Client
from django.utils import timezone

from alerts.models import BudgetAlert
from alerts.services import mail_answer
from alerts.services.mail_answer import acknowledgement_path
from alerts.services.reactions import acknowledge_alert, resolve_alert
from alerts.services.routing.about_alerts import alert_message
from alerts.tests.figures import alert_of, spend
from budgets.tests.pages import words
from budgetsite.accounts.roles import Role
from budgetsite.notifications.models import Notification
from budgetsite.notifications.services.mailing import send_due
from budgetsite.notifications.services.telling import tell
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.deletion import soft_delete
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget
from budgetsite.testing.mail import text_of
from budgetsite.testing.people import make_member


@pytest.fixture
def alert(account, organizer):
    budget = make_budget(account, organizer, total="1000")
    spend(budget, 1_100)
    return alert_of(budget, "over_budget")


def told(alert, person):
    tell([(person.pk, alert_message(alert))], now=timezone.now())
    return Notification.objects.get(person=person)


@pytest.fixture
def path(alert, manager):
    return acknowledgement_path(told(alert, manager))


def answer(path, client=None, **posted):
    client = client or Client()
    return client.post(path, posted) if posted else client.get(path)


def state(alert):
    found = BudgetAlert.objects.get(pk=alert.pk)
    return found.is_acknowledged, found.acknowledged_by, found.acknowledged_comment


def test_looking_changes_nothing_and_a_press_acknowledges_it_once(account, alert, manager, path):
    looked = answer(path)
    assert (looked.status_code, looked["X-Robots-Tag"], state(alert)) == (200, "noindex", (False, None, ""))
    assert "no-store" in looked["Cache-Control"]
    assert alert.message in words(looked)
    assert "Sunrise Catering will see that The manager has seen it, and when." in words(looked)

    # A browser's own press, with the token that guards forms.
    guarded = Client(enforce_csrf_checks=True)
    assert guarded.post(path, {"comment": "Known"}).status_code == 403
    assert state(alert) == (False, None, "")
    token = guarded.get(path).context["csrf_token"]
    pressed = guarded.post(path, {"comment": "Known", "csrfmiddlewaretoken": str(token)})
    assert "The manager has seen it" in words(pressed)
    assert state(alert) == (True, manager, "Known")
    event = OutboxEvent.objects.get(kind="alert.acknowledged")
    assert (event.subject_id, event.actor_id) == (alert.pk, manager.pk)

    again = answer(path, comment="Twice")
    assert (again.status_code, state(alert)) == (200, (True, manager, "Known"))
    at = BudgetAlert.objects.get(pk=alert.pk).acknowledged_at.astimezone(ZoneInfo(account.timezone))
    assert f"The manager acknowledged this alert already on {at:%d %B %Y at %H:%M %Z}." in words(again)


def test_what_was_answered_elsewhere_is_said_kindly(alert, path, owner):
    acknowledge_alert(alert_id=alert.pk, acting_user=owner, now=alert.created_at)
    assert "The owner acknowledged this alert already" in words(answer(path, comment=""))
    assert state(alert) == (True, owner, "")
    BudgetAlert.objects.update(is_acknowledged=False)
    resolve_alert(alert_id=alert.pk, acting_user=owner, now=alert.created_at)
    assert "The owner resolved this alert already" in words(answer(path, comment=""))


def test_what_has_got_worse_since_the_mail_is_not_acknowledged_by_it(alert, path):
    BudgetAlert.objects.update(waits_since=alert.waits_since + timedelta(seconds=1))
    assert "It has got worse since this mail was sent." in words(answer(path, comment=""))
    assert state(alert) == (False, None, "")


def test_a_link_works_for_a_week(alert, path, monkeypatch):
    monkeypatch.setattr(mail_answer, "VALID_FOR", timedelta(days=7, seconds=1))
    assert answer(path).status_code == 200
    late = signing.time.time() + 7 * 86_400 + 2
    monkeypatch.setattr(signing.time, "time", lambda: late)
    gone = answer(path, comment="")
    assert (gone.status_code, state(alert)) == (410, (False, None, ""))
    assert "This link worked for 7 days, and they are over." in words(gone)


@pytest.mark.parametrize("change", ["left", "demoted", "inactive", "deleted"])
def test_who_may_answer_no_longer_changes_nothing(alert, manager, path, change):
    membership = manager.memberships.get()
    if change == "left":
        soft_delete(membership, now=timezone.now())
    elif change == "demoted":
        membership.role = Role.CLIENT
        membership.save()
    elif change == "inactive":
        manager.is_active = False
        manager.save()
    else:
        soft_delete(alert.budget.event, now=timezone.now())
    refused = answer(path, comment="")
    assert (refused.status_code, state(alert) if change != "deleted" else None) in (
        (404, (False, None, "")),
        (404, None),
    )
    assert alert.message not in words(refused)


def test_links_that_were_made_up_or_changed_open_nothing(account, alert, manager, other_account, path):
    assert answer(path[:-1] + ("a" if path[-1] != "a" else "b"), comment="").status_code == 404
    with tenant_scope(other_account.pk):
        stranger = make_member(other_account, Role.OWNER).user
    notification = Notification.objects.get()
    for content in (
        [account.pk.hex, stranger.pk.hex, notification.pk.hex],
        [other_account.pk.hex, stranger.pk.hex, notification.pk.hex],
        [account.pk.hex, "x"],
        7,
    ):
        token = signing.dumps(content, salt="alerts.mail_answer")
        assert answer(f"/alerts/answer/{token}", comment="").status_code == 404, content
    # Signed for something else.
    assert answer(f"/alerts/answer/{signing.dumps([account.pk.hex] * 3, salt='other')}").status_code == 404
    assert state(alert) == (False, None, "")


def test_an_address_that_tries_links_is_held_back(alert, path, settings):
    settings.THROTTLE_MAIL_LINK = "1/hour"
    answer(path)
    held = answer(path, comment="")
    settings.THROTTLE_MAIL_LINK = "100000/min"
    assert (held.status_code, state(alert)) == (429, (False, None, ""))
    assert 0 < int(held["Retry-After"]) <= 3600


def test_the_mail_of_an_alert_has_a_link_that_works(committed_db, account, manager, mailbox):
    with transaction.atomic():
        budget = make_budget(account, manager, total="1000")
        spend(budget, 1_100)
        told(alert_of(budget, "over_budget"), manager)
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE notifications_mail SET due_at = now()")
    send_due(seconds=5)
    (path,) = [
        line.partition("http://127.0.0.1:8000")[2]
        for line in text_of(mailbox.only()).splitlines()
        if line.startswith("Acknowledge it: ")
    ]
    assert f'href="http://127.0.0.1:8000{path}"' in text_of(mailbox.only(), "html")
    assert answer(path, comment="On it").status_code == 200
    with transaction.atomic():
        alert = BudgetAlert.objects.get(alert_type="over_budget")
        assert (alert.acknowledged_by, alert.acknowledged_comment) == (manager, "On it")
