"""From what people are told to their mailboxes: each mail once, whatever dies, hangs or refuses on the way."""

import re
import signal
import subprocess
import sys
from datetime import timedelta
from threading import Thread

import pytest
from django.conf import settings as site
from django.db import connections, transaction
from django.utils import timezone

from budgetsite.accounts.models import Membership
from budgetsite.accounts.roles import Role
from budgetsite.accounts.services import end_membership
from budgetsite.local.folder import CHECKOUT
from budgetsite.notifications.models import Mail, Notification, NotificationSettings
from budgetsite.notifications.services import mailing
from budgetsite.notifications.services.bouncing import trust_address
from budgetsite.notifications.services.inbox import mark_read
from budgetsite.notifications.services.mailing import RETRY_AFTER, claim_due, free_claims, send_due
from budgetsite.notifications.services.preferences import ChoiceChange, change_choices
from budgetsite.notifications.services.pruning import prune_told
from budgetsite.notifications.services.telling import Message, tell
from budgetsite.notifications.tasks import send_mails
from budgetsite.privacy.models import ConsentSource
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.mail import CLOSE, HANG, text_of
from budgetsite.testing.other_process import environment
from budgetsite.testing.people import make_member
from budgetsite.testing.piecework import piecework
from budgetsite.testing.web_process import eventually

pytestmark = pytest.mark.usefixtures("committed_db")


def message(key="a", **different):
    values = {
        "notification_type": "budget_alerts",
        "level": "warning",
        "title": "Summer Gala is at 80 %",
        "text": "8,000.00 of 10,000.00 CAD are used.",
        "path": "/events",
        "dedup_key": key,
    }
    return Message(**{**values, **different})


@pytest.fixture
def person(account):
    with transaction.atomic():
        return make_member(account, "owner", name="Ana Ruiz").user


@transaction.atomic
def told(*pairs):
    tell(pairs, now=timezone.now())


def due(**values):
    """Let every wait be over, or set other columns, as the owner of the database."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE notifications_mail SET due_at = now() WHERE status IN ('gathering', 'waiting')")
        for column, value in values.items():
            cursor.execute(f"UPDATE notifications_mail SET {column} = %s", [value])


@transaction.atomic
def states():
    return [(mail.status, mail.attempts, mail.failure) for mail in Mail.objects.order_by("created_at", "pk")]


@transaction.atomic
def the_mail():
    return Mail.objects.get()


def test_what_is_due_arrives_once_and_says_what_it_says(account, person, mailbox):
    told((person.pk, message()))
    assert send_due(seconds=5) is False
    assert mailbox.messages == []
    due()
    send_mails()
    send_mails()

    mail, arrived = the_mail(), mailbox.only()
    assert states() == [("sent", 1, "")]
    assert arrived["Subject"] == "Summer Gala is at 80 %"
    assert arrived["To"] == person.email
    assert arrived["From"] == "Sunrise Catering · Budgetsite <no-reply@localhost>"
    assert arrived["Message-ID"] == mail.message_id == f"<{mail.pk}@127.0.0.1>"
    assert arrived["Auto-Submitted"] == "auto-generated"
    with transaction.atomic():
        notification = Notification.objects.get()
    address = f"{site.SITE_ADDRESS}/notifications/{account.pk}/{notification.pk}"
    for kind in ("plain", "html"):
        text = text_of(arrived, kind)
        for words in (
            "Summer Gala is at 80 %", "8,000.00 of 10,000.00 CAD are used.", address, "Warning: Alerts about budgets",
            "Change what you get, and when", "No more mail about “Alerts about budgets”",
        ):  # fmt: skip
            assert words in text, (kind, words)


def test_a_flood_is_one_mail_that_says_the_gravest_first_and_how_much_more_there_is(account, person, mailbox):
    flood = [(person.pk, message(str(number), title=f"Budget {number}")) for number in range(9_999)]
    told(*flood, (person.pk, message("worst", level="critical", title="Over by 1,200.00 CAD")))
    due()
    send_due(seconds=10)

    arrived = mailbox.only()
    assert arrived["Subject"] == "Over by 1,200.00 CAD, and 9,999 more"
    for kind in ("plain", "html"):
        text = text_of(arrived, kind)
        assert len(re.findall(r"/notifications/[0-9a-f-]{36}/[0-9a-f-]{36}", text)) == 20
        assert "And 9,980 more in your inbox" in text
        assert "(19 of 9,999)" in text
        assert text.index("Critical: Alerts about budgets") < text.index("Warning: Alerts about budgets")
    # What comes afterwards is another mail.
    told((person.pk, message("later")))
    assert [status for status, *_ in states()] == ["sent", "gathering"]


def test_names_of_any_kind_do_no_harm(account, person, mailbox):
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_account SET name = %s WHERE id = %s",
            ["Zoë’s\r\nBcc: all@example.org <b>宴会</b>", account.pk],
        )
    title = "حفل\r\nBcc: everybody@example.org\x07 <script>alert(1)</script> \u202egnp.exe " + "x" * 120
    told((person.pk, message(title=title[:200], text="Line one\r\n.\r\nQUIT\r\n<img src=x>")))
    due()
    send_due(seconds=5)

    arrived = mailbox.only()
    assert mailbox.addresses == [person.email]
    assert arrived["Bcc"] is None
    assert arrived["Subject"].strip().startswith("حفل Bcc: everybody@example.org <script>alert(1)</script> gnp.exe xxx")
    assert arrived["Subject"].endswith("…")
    assert arrived["From"].addresses[0].display_name == "Zoë’s Bcc: all@example.org <b>宴会</b> · Budgetsite"
    assert "<script>" not in text_of(arrived, "html")
    assert "<img" not in text_of(arrived, "html")
    assert "Line one\n.\nQUIT\n<img src=x>" in text_of(arrived)


def test_who_changed_their_mind_or_left_or_has_read_it_gets_no_mail(account, person, mailbox):
    with transaction.atomic():
        others = [make_member(account, "staff").user for _ in range(3)]
    told(
        *[(each.pk, message()) for each in (person, *others)],
        (others[0].pk, message("b", notification_type="approvals")),
    )
    with transaction.atomic():
        change_choices(
            acting_user=person, choices={"budget_alerts": ChoiceChange(mail="never")}, source=ConsentSource.PAGE
        )
        change_choices(
            acting_user=others[0], choices={"budget_alerts": ChoiceChange(mail="never")}, source=ConsentSource.PAGE
        )
        end_membership(
            membership_id=Membership.objects.get(user=others[1]).pk,
            acting_user=person,
            acting_role=Role.OWNER,
            now=timezone.now(),
        )
        read = Notification.objects.get(person=others[2])
        mark_read(notification_id=read.pk, acting_user=others[2], now=timezone.now())
    due()
    send_due(seconds=5)

    assert sorted(status for status, *_ in states()) == ["cancelled", "cancelled", "cancelled", "sent"]
    assert mailbox.only()["To"] == others[0].email
    assert "Alerts about budgets" not in text_of(mailbox.only())


def test_quiet_hours_hold_back_what_became_due_while_nobody_sent(account, person, mailbox):
    told((person.pk, message()))
    there = timezone.now()
    with transaction.atomic():
        NotificationSettings.objects.create(
            person=person,
            timezone="UTC",
            quiet_from=(there - timedelta(hours=2)).time().replace(microsecond=0),
            quiet_until=(there + timedelta(hours=2)).time().replace(microsecond=0),
            critical_breaks_quiet=True,
        )
    due()
    send_due(seconds=5)
    mail = the_mail()
    assert (mail.status, mailbox.messages) == ("gathering", [])
    assert timedelta(minutes=119) < mail.due_at - there <= timedelta(hours=2)

    told((person.pk, message("b", level="critical")))
    due()
    send_due(seconds=5)
    assert mailbox.only()["Subject"] == "Summer Gala is at 80 %, and 1 more"


def test_a_digest_gathers_and_says_what_it_is(account, person, mailbox):
    with transaction.atomic():
        change_choices(
            acting_user=person, choices={"budget_alerts": ChoiceChange(mail="weekly")}, source=ConsentSource.PAGE
        )
    told((person.pk, message()))
    told((person.pk, message("b")))
    send_due(seconds=5)
    assert states() == [("gathering", 0, "")]
    due()
    send_due(seconds=5)
    text = text_of(mailbox.only())
    assert "2 things are new at Sunrise Catering." in text
    assert "reaches you in a mail once a week" in text


@pytest.mark.parametrize(
    ("where", "answer", "failure"),
    [
        ("at_recipient", "450 4.2.0 Try later", "recipient: 450 4.2.0"),
        ("at_recipient", "550 5.7.1 Relaying denied", "recipient: 550 5.7.1"),
        ("at_recipient", CLOSE, "connection: SMTPServerDisconnected"),
        ("at_message", "451 4.3.0 Mail system full", "message: 451 4.3.0"),
        ("at_message", "554 5.3.4 Not now", "message: 554 5.3.4"),
    ],
)
def test_what_was_not_taken_is_sent_later_with_the_same_id(account, person, mailbox, where, answer, failure):
    setattr(mailbox, where, answer)
    told((person.pk, message()))
    due()
    send_due(seconds=5)
    mail = the_mail()
    assert (mail.status, mail.attempts, mail.failure) == ("waiting", 1, failure)
    assert timedelta(seconds=45) < mail.due_at - timezone.now() < timedelta(seconds=75)
    assert send_due(seconds=5) is False

    setattr(mailbox, where, "")
    due()
    send_due(seconds=5)
    assert states() == [("sent", 2, "")]
    assert mailbox.only()["Message-ID"] == mail.message_id


def test_while_no_server_is_there_nothing_is_lost_and_after_a_day_it_is_given_up(account, person, mailbox, settings):
    with transaction.atomic():
        everybody = [person, *(make_member(account, "staff").user for _ in range(11))]
    told(*[(each.pk, message()) for each in everybody])
    settings.EMAIL_PORT, port = 1, settings.EMAIL_PORT
    due()
    assert send_due(seconds=5) is False
    tried = [status for status, *_ in states()]
    # One round is enough to know: the others keep their attempts.
    assert 1 <= tried.count("waiting") <= mailing.SENDERS
    settings.EMAIL_PORT = port
    with connections["owner"].cursor() as cursor:
        # The next attempt at one of them is the next at all.
        cursor.execute("UPDATE notifications_mail SET due_at = now() + interval '1 hour'")
        cursor.execute(
            "UPDATE notifications_mail SET due_at = now()"
            " WHERE id = (SELECT min(id::text)::uuid FROM notifications_mail WHERE status = 'waiting')"
        )
    send_due(seconds=5)
    assert [status for status, *_ in states()].count("sent") == tried.count("waiting")
    due()
    send_due(seconds=5)
    assert {status for status, *_ in states()} == {"sent"}
    assert sorted(mailbox.addresses) == sorted(each.email for each in everybody)

    settings.EMAIL_PORT = 1
    told((person.pk, message("b")))
    waits = []
    for _ in RETRY_AFTER:
        due()
        send_due(seconds=5)
        with transaction.atomic():
            waits.append(Mail.objects.get(status="waiting").due_at - timezone.now())
    due()
    send_due(seconds=5)
    assert states()[-1] == ("failed", 10, "no server: ConnectionRefusedError")
    for wait, expected in zip(waits, RETRY_AFTER, strict=True):
        assert 0.8 * expected - timedelta(seconds=9) <= wait <= 1.2 * expected
    assert timedelta(hours=23) < sum(RETRY_AFTER, timedelta()) < timedelta(hours=25)


def test_an_address_that_is_refused_for_good_gets_no_more_mail_until_it_is_said_to_work(
    account, other_account, person, mailbox
):
    with transaction.atomic():
        other = make_member(account, "staff").user
    mailbox.at_recipients[person.email] = f"550 5.1.1 <{person.email}> User unknown"
    told((person.pk, message()), (other.pk, message()))
    due()
    send_due(seconds=5)

    assert sorted(states()) == [("failed", 1, "recipient: 550 5.1.1"), ("sent", 1, "")]
    assert [each["To"] for each in mailbox.messages] == [other.email]
    with transaction.atomic():
        kept = NotificationSettings.objects.get()
        assert (kept.person_id, kept.bounced_address) == (person.pk, person.email)
        assert kept.bounce_reason == f"550 5.1.1 <{person.email}> User unknown"
    told((person.pk, message("b")))
    due()
    send_due(seconds=5)
    assert states()[-1] == ("failed", 0, "not tried: the address was refused before")
    assert mailbox.addresses.count(person.email) == 1
    with tenant_scope(other_account.pk), transaction.atomic():
        assert not NotificationSettings.objects.exists()

    mailbox.at_recipients.clear()
    with transaction.atomic():
        assert trust_address(acting_user=person)
        assert not trust_address(acting_user=person)
    told((person.pk, message("c")))
    due()
    send_due(seconds=5)
    assert states()[-1] == ("sent", 1, "")


@pytest.mark.parametrize("answer", [HANG, CLOSE])
def test_what_breaks_off_while_the_server_has_it_is_never_sent_twice(account, person, mailbox, settings, answer):
    settings.EMAIL_TIMEOUT = 0.3
    mailbox.at_message = answer
    told((person.pk, message()))
    due()
    send_due(seconds=5)
    assert states() == [("uncertain", 1, "message: SMTPServerDisconnected")]
    mailbox.at_message = ""
    due()
    free_claims(now=timezone.now() + timedelta(days=1))
    send_due(seconds=5)
    assert mailbox.received == 1


def test_one_address_that_hangs_holds_up_nobody(account, person, mailbox, settings):
    settings.EMAIL_TIMEOUT = 1
    mailbox.at_recipients[person.email] = HANG
    with transaction.atomic():
        others = [make_member(account, "staff").user for _ in range(12)]
    told(*[(each.pk, message()) for each in (person, *others)])
    due()
    send_due(seconds=5)
    assert sorted({(status, failure) for status, _, failure in states()}) == [
        ("sent", ""),
        ("waiting", "connection: SMTPServerDisconnected"),
    ]
    assert len(mailbox.messages) == 12


def test_eight_senders_at_once_send_each_once(account, other_account, mailbox):
    with transaction.atomic():
        people = [make_member(account, "staff").user for _ in range(20)]
    told(*[(each.pk, message()) for each in people])
    with tenant_scope(other_account.pk):
        with transaction.atomic():
            strangers = [make_member(other_account, "staff").user for _ in range(5)]
        told(*[(each.pk, message(title="A rival’s")) for each in strangers])
    due()

    def send_and_close():
        try:
            send_due(seconds=10)
        finally:
            connections.close_all()

    senders = [Thread(target=send_and_close) for _ in range(8)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert sorted(mailbox.addresses) == sorted(each.email for each in (*people, *strangers))
    assert {status for status, *_ in states()} == {"sent"}
    assert sorted(each["To"] for each in mailbox.messages if each["Subject"] == "A rival’s") == sorted(
        each.email for each in strangers
    )


SENDER = """
import django; django.setup()
from django.conf import settings
settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", {port}, 60
settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
from budgetsite.notifications.services.mailing import send_due
send_due(seconds=5)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("where", "came", "left", "arrivals"),
    [("at_recipient", "addresses", "sent", 1), ("at_message", "received", "uncertain", 0)],
)
def test_a_killed_sender_leaves_a_claim_that_is_freed_or_a_doubt_that_stays(
    account, person, mailbox, settings, where, came, left, arrivals
):
    setattr(mailbox, where, HANG)
    told((person.pk, message()))
    due()
    code = SENDER.format(port=settings.EMAIL_PORT)
    worker = subprocess.Popen([sys.executable, "-c", code], env=environment(), cwd=CHECKOUT)
    eventually(lambda: getattr(mailbox, came), "The sender's connection")
    worker.send_signal(signal.SIGKILL)
    worker.wait(10)
    setattr(mailbox, where, "")

    mail = the_mail()
    assert (mail.status, mail.handed_at is not None) == ("sending", where == "at_message")
    free_claims(now=timezone.now())
    send_due(seconds=5)
    assert (the_mail().status, mailbox.messages) == ("sending", [])
    free_claims(now=timezone.now() + timedelta(minutes=11))
    due()
    send_due(seconds=5)
    assert (the_mail().status, len(mailbox.messages)) == (left, arrivals)
    if arrivals:
        assert mailbox.only()["Message-ID"] == mail.message_id


def test_who_comes_late_changes_nothing(account, person, mailbox):
    told((person.pk, message()))
    due()
    (late,) = claim_due(room=5, work=piecework())
    free_claims(now=timezone.now() + timedelta(minutes=6))
    due()
    send_due(seconds=5)
    assert mailing.mark_handed(late) is False
    mailing.put_off(late, failure="late")
    mailing.give_up(late, failure="late", refused="550 late")
    assert states() == [("sent", 2, "")]
    with transaction.atomic():
        assert not NotificationSettings.objects.exists()


def test_a_mail_that_cannot_be_written_holds_up_no_other(account, person, mailbox, monkeypatch):
    with transaction.atomic():
        other = make_member(account, "staff").user
    told((person.pk, message()), (other.pk, message()))
    due()
    write = mailing.compose

    def compose(contents):
        if contents.person.pk == person.pk:
            raise RuntimeError("broken template")
        return write(contents)

    monkeypatch.setattr(mailing, "compose", compose)
    send_due(seconds=5)
    assert sorted(states()) == [("sent", 1, ""), ("waiting", 1, "writing: RuntimeError")]


def test_claiming_takes_as_many_statements_for_eight_mails_as_for_one(account, person, django_assert_max_num_queries):
    with transaction.atomic():
        others = [make_member(account, "staff").user for _ in range(7)]
    told(*[(each.pk, message(str(number))) for each in (person, *others) for number in range(3)])
    due()
    with django_assert_max_num_queries(16):
        assert len(list(claim_due(room=8, work=piecework()))) == 8


def test_what_people_were_told_long_ago_goes(account, person, mailbox):
    told((person.pk, message()))
    due()
    send_due(seconds=5)
    told((person.pk, message("b")))
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE notifications_mail SET created_at = now() - interval '400 days'")
        cursor.execute(
            "UPDATE notifications_notification SET created_at = now() - interval '400 days' WHERE dedup_key = 'a'"
        )
    assert prune_told(before=timezone.now() - timedelta(days=365)) == (1, 1)
    assert states() == [("gathering", 0, "")]
