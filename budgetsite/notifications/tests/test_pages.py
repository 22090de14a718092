"""One's own inbox, one's choices, and the way out of a mail that needs no sign-in."""

from datetime import UTC, datetime, time
from email.utils import parseaddr

import pytest
from django.core import mail as outbox
from django.db import connections, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from budgetsite.accounts.roles import Role
from budgetsite.accounts.services import add_member
from budgetsite.notifications.links import unsubscribe_address
from budgetsite.notifications.models import Mail, Notification, NotificationPreference, NotificationSettings
from budgetsite.notifications.selectors import choices_of, inbox_of
from budgetsite.notifications.services.bouncing import record_bounce
from budgetsite.notifications.services.mailing import send_due
from budgetsite.notifications.services.preferences import ChoiceChange, change_choices
from budgetsite.notifications.services.telling import Message, tell
from budgetsite.privacy.models import ConsentRecord, ConsentSource
from budgetsite.privacy.registry import notification_types
from budgetsite.privacy.services.consent import consents_of, withdraw_consent
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import make_member, sign_in

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
INBOX, SETTINGS = "/notifications", "/notifications/settings"


def say(person, key="a", **different):
    values = {"notification_type": "budget_alerts", "level": "warning", "title": f"Told {key}", "path": "/events"}
    tell([(person.pk, Message(**{**values, "dedup_key": key, **different}))], now=NOW)
    return Notification.objects.get(person=person, dedup_key=key)


def html(client, address=INBOX):
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def posted(**different):
    values = {"quiet_from": "", "quiet_until": "", "digest_time": "08:00", "digest_weekday": "0", "timezone": ""}
    for name in notification_types():
        values |= {f"{name}-inbox": "on", f"{name}-mail": "immediate"}
    return values | {key.replace("__", "-"): value for key, value in different.items()}


def test_the_inbox_shows_ones_own_and_what_was_opened_is_read(account, other_account, owner, staff):
    client = sign_in(owner, account)
    assert "Nobody has told you anything yet" in html(client)
    first = say(owner, "first", title="<b>Über 宴会</b>")
    say(owner, "second")
    say(staff, "theirs", title="Somebody else’s")
    with tenant_scope(other_account.pk):
        add_member(account=other_account, email=owner.email, role="owner")
        say(owner, "rival", title="Another account’s")
    page = html(client)
    assert "&lt;b&gt;Über 宴会&lt;/b&gt;" in page
    assert "Somebody else" not in page
    assert "Another account" not in page
    assert page.count('<span class="notification__new">New</span>') == 2
    assert '<span class="count">2<span class="visually-hidden"> waiting</span></span>' in page

    opened = client.get(reverse("notifications:follow", args=[account.pk, first.pk]))
    assert (opened.status_code, opened["Location"]) == (302, "/events")
    assert [each.dedup_key for each in inbox_of(owner.pk).filter(read_at=None)] == ["second"]
    assert "Told second" in html(client, f"{INBOX}?show=unread")
    assert "Über" not in html(client, f"{INBOX}?show=unread")

    assert client.post(reverse("notifications:read_all")).status_code == 302
    page = html(client)
    assert "You have read everything." in page
    assert "notification__new" not in page
    assert Notification.objects.filter(read_at=None).count() == 1


def test_one_is_marked_read_by_a_press_and_by_its_owner_alone(account, owner, staff):
    told = say(owner)
    address = reverse("notifications:read_one", args=[told.pk])
    assert sign_in(staff, account).post(address).status_code == 404
    client = sign_in(owner, account)
    assert client.get(address).status_code == 405
    assert client.post(address, {"next": "https://evil.example/"})["Location"] == INBOX
    assert client.post(address, {"next": f"{INBOX}?show=unread"})["Location"] == f"{INBOX}?show=unread"
    told.refresh_from_db()
    assert told.read_at is not None

    for key, tab, stays in (("b", "", True), ("c", "?show=unread", False)):
        address = reverse("notifications:read_one", args=[say(owner, key).pk])
        answer = client.post(address, {"next": INBOX + tab}, headers={"HX-Request": "true"})
        swapped = answer.content.decode()
        assert answer.status_code == 200
        assert (f"Told {key}" in swapped, "notification--unread" in swapped) == (stays, False)
        assert "You have read everything." in swapped
        assert "Marked as read." in swapped
    assert not Notification.objects.filter(read_at=None).exists()


def test_a_link_of_a_mail_leads_to_its_page_never_elsewhere_and_is_not_read_in_advance(account, owner, staff):
    told, sly = say(owner), say(owner, "sly", path="//evil.example/events")
    address = reverse("notifications:follow", args=[account.pk, told.pk])
    assert Client().get(address)["Location"] == f"/sign-in?next={address}"
    assert sign_in(staff, account).get(address).status_code == 404
    client = sign_in(owner, account)
    assert client.get(address, headers={"Sec-Purpose": "prefetch;prerender"}).status_code == 302
    assert inbox_of(owner.pk).filter(read_at=None).count() == 2
    assert client.get(reverse("notifications:follow", args=[account.pk, sly.pk]))["Location"] == INBOX


def test_a_link_into_another_account_of_ones_own_offers_to_go_there(account, other_account, owner):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        theirs = say(rival)
    address = reverse("notifications:follow", args=[other_account.pk, theirs.pk])
    client = sign_in(owner, account)
    assert client.get(address).status_code == 404
    with tenant_scope(other_account.pk):
        add_member(account=other_account, email=owner.email, role="staff")
        mine = say(owner, "mine")
    address = reverse("notifications:follow", args=[other_account.pk, mine.pk])
    assert "This is about Rival Events" in html(client, address)
    switched = client.post(reverse("account-switch"), {"account": str(other_account.pk), "next": address})
    assert switched["Location"] == address
    assert client.get(address)["Location"] == "/events"


def test_the_inbox_takes_as_many_statements_for_thirty_as_for_one(account, owner, django_assert_max_num_queries):
    client = sign_in(owner, account)
    say(owner)
    with django_assert_max_num_queries(100) as few:
        html(client)
    for number in range(30):
        say(owner, str(number))
    with django_assert_max_num_queries(len(few)):
        assert html(client).count("alert-list__item") == 25


def test_choices_are_kept_and_are_the_same_as_the_consent(account, owner):
    client = sign_in(owner, account)
    assert html(client, SETTINGS).count('value="immediate" selected') == len(notification_types())

    kept = client.post(
        SETTINGS,
        posted(
            budget_alerts__mail="weekly", approvals__mail="never", approvals__inbox="", quiet_from="22:00",
            quiet_until="07:30", critical_breaks_quiet="on", timezone="Asia/Tokyo", digest_weekday="4",
        ),
    )  # fmt: skip
    assert kept.status_code == 302, kept.content.decode()
    found = {each.notification_type: (each.in_inbox, each.mail_choice) for each in choices_of(owner)}
    assert found == dict.fromkeys(notification_types(), (True, "immediate")) | {
        "budget_alerts": (True, "weekly"),
        "approvals": (False, "never"),
    }
    settings = NotificationSettings.objects.get(person=owner)
    assert (settings.quiet_from, settings.quiet_until, settings.timezone, settings.digest_weekday) == (
        time(22), time(7, 30), "Asia/Tokyo", 4,
    )  # fmt: skip
    assert settings.critical_breaks_quiet
    assert list(ConsentRecord.objects.values_list("notification_type", "granted", "source")) == [
        ("approvals", False, "page")
    ]
    # A yes on the other page shows here, with the rhythm that was chosen.
    client.post(reverse("privacy:consents"), dict.fromkeys(set(notification_types()) - {"budget_alerts"}, "on"))
    assert consents_of(owner.pk)["approvals"]
    found = {each.notification_type: each.mail_choice for each in choices_of(owner)}
    assert (found["approvals"], found["budget_alerts"]) == ("immediate", "never")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"quiet_from": "22:00"}, "Say this as well, or leave both empty"),
        ({"quiet_from": "22:00", "quiet_until": "22:00"}, "Choose another time"),
        ({"digest_time": "25:00"}, "Enter a valid time"),
        ({"digest_weekday": "9"}, "Select a valid choice"),
        ({"timezone": "Mars/Olympus"}, "Select a valid choice"),
        ({"approvals__mail": "hourly"}, "Select a valid choice"),
    ],
)
def test_a_wrong_choice_is_said_at_its_field_and_nothing_is_kept(account, owner, values, words):
    answer = sign_in(owner, account).post(SETTINGS, posted(budget_alerts__mail="never", **values))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not NotificationSettings.objects.exists()
    assert not NotificationPreference.objects.exists()
    assert not ConsentRecord.objects.exists()


def test_guests_are_written_to_once_they_choose_it(account):
    guest = make_member(account, Role.CLIENT).user
    assert {each.mail_choice for each in choices_of(guest)} == {"never"}
    change_choices(acting_user=guest, choices={"payments_due": ChoiceChange(mail="daily")}, source=ConsentSource.PAGE)
    assert {name for name, agreed in consents_of(guest.pk).items() if agreed} == {"payments_due"}


def test_a_refused_address_is_shown_to_its_person_and_to_those_who_look_after_people(account, owner, staff):
    record_bounce(person=staff, reason="550 5.1.1 <User> unknown", now=NOW)
    Mail.objects.create(person=staff, rhythm="immediate", status="uncertain", due_at=NOW, closed_at=timezone.now())
    client, manager = sign_in(staff, account), sign_in(owner, account)
    assert "No mail reaches you" in html(client)
    page = html(client, SETTINGS)
    assert "550 5.1.1 &lt;User&gt; unknown" in page
    assert "perhaps sent" in page
    assert staff.email in html(manager, reverse("notifications:refused"))
    assert ("Some of your people" in html(manager), "Some of your people" in html(client)) == (True, False)
    assert client.get(reverse("notifications:refused")).status_code == 403

    assert client.post(reverse("notifications:address_works")).status_code == 302
    assert "This address works again" not in html(client, SETTINGS)
    assert staff.email not in html(manager, reverse("notifications:refused"))
    # Another address than the one that was refused.
    record_bounce(person=staff, reason="550 5.1.1 unknown", now=NOW)
    NotificationSettings.objects.filter(person=staff).update(bounced_address="before@example.org")
    assert "No mail reaches you" not in html(client)
    assert "Mail reaches everybody." in html(manager, reverse("notifications:refused"))


@pytest.fixture
def link(account, owner):
    address = unsubscribe_address(tenant_id=account.pk, person_id=owner.pk, notification_types=["budget_alerts"])
    return address.partition("8000")[2]


def test_one_press_in_a_mail_program_ends_a_type_of_mail_and_no_look_does(account, other_account, owner, link):
    with tenant_scope(other_account.pk):
        add_member(account=other_account, email=owner.email, role="owner")
    strict = Client(enforce_csrf_checks=True)
    page = strict.get(link)
    assert "No more mail about this?" in page.content.decode()
    assert "Alerts about budgets" in page.content.decode()
    assert strict.head(link).status_code == 200
    assert consents_of(owner.pk)["budget_alerts"]

    done = strict.post(link, {"List-Unsubscribe": "One-Click"})
    assert "sends you no more mail about" in done.content.decode()
    assert {name for name, agreed in consents_of(owner.pk).items() if not agreed} == {"budget_alerts"}
    said = ConsentRecord.objects.get()
    assert (said.person_id, said.granted, said.source) == (owner.pk, False, "link")
    assert strict.post(link).status_code == 200
    assert ConsentRecord.objects.count() == 1
    with tenant_scope(other_account.pk):
        assert consents_of(owner.pk)["budget_alerts"]


def test_a_link_that_was_changed_ends_nothing(account, owner, link):
    for wrong in (link[:-1], link.replace(":", "x", 1), reverse("notifications:unsubscribe", args=["x"])):
        answer = Client().post(wrong)
        assert answer.status_code == 404
        assert "Open it from the mail again" in answer.content.decode()
    assert not ConsentRecord.objects.exists()


def test_a_link_of_nobody_or_of_what_was_ended_before_changes_nothing(account, owner, link):
    address = unsubscribe_address(tenant_id=account.pk, person_id=account.pk, notification_types=["budget_alerts"])
    assert Client().post(address.partition("8000")[2]).status_code == 200
    withdraw_consent(person=owner, notification_type="budget_alerts", source=ConsentSource.PAGE)
    assert Client().post(link).status_code == 200
    assert ConsentRecord.objects.count() == 1


@pytest.mark.usefixtures("committed_db")
def test_the_header_of_a_mail_is_the_link_that_ends_all_that_stands_in_it(account):
    with transaction.atomic():
        owner = make_member(account, Role.OWNER).user
        say(owner)
        say(owner, "b", notification_type="approvals")
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE notifications_mail SET due_at = now()")
    send_due(seconds=5)
    (sent,) = outbox.outbox
    assert parseaddr(sent.to[0])[1] == owner.email
    assert sent.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    address = sent.extra_headers["List-Unsubscribe"].strip("<>")
    Client(enforce_csrf_checks=True).post(address.partition("8000")[2], {"List-Unsubscribe": "One-Click"})
    with transaction.atomic():
        ended = {name for name, agreed in consents_of(owner.pk).items() if not agreed}
    assert ended == {"budget_alerts", "approvals"}
