"""For a minute workers, spenders and Valkey are killed at random, receivers fail and dawdle, and budgets change.

Many a worker is killed with something in its hands: with half a mail, in the middle of a batch. Afterwards everything
that happened was told: by webhook at least once, to people once, by mail once or, where nobody can know whether the
server has it, not again. `CHAOS_SEED` repeats who is killed when, though not what that hits.
"""

import asyncio
import json
import logging
import os
import random
import re
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from django.db import connections, transaction
from standardwebhooks import Webhook

from alerts.models import BudgetAlert
from alerts.tests.spenders import hurry, open_budget, spend_until
from alerts.tests.test_state import demanded_by
from budgets.models import EventBudget
from budgets.services.ledger_proof import verify_ledger
from budgetsite.accounts.models import Account, User
from budgetsite.local.folder import DataFolder
from budgetsite.local.signals import StopSignals
from budgetsite.local.site import budgetsite
from budgetsite.local.valkey import Valkey
from budgetsite.notifications.models import Mail, Notification
from budgetsite.notifications.services.wording import WRITTEN_OUT
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.forge import Forge
from budgetsite.testing.mail import CLOSE, Mailbox, serving_mail, text_of
from budgetsite.testing.other_process import environment
from budgetsite.testing.people import make_account, make_member
from budgetsite.testing.receivers import receiving, status
from budgetsite.webhooks.catalogue import kind_called
from budgetsite.webhooks.models import WebhookDelivery
from budgetsite.webhooks.services.endpoint import create_endpoint

pytestmark = pytest.mark.slow

logger = logging.getLogger(__name__)

CHAOS_SECONDS = 60
# For what is left when the killing ends.
QUIET_SECONDS = 120
WORKERS = ("worker", "webhooks", "mail", "beat")
# A worker is killed once it has done something, or after so many seconds: on a busy machine it takes some to begin.
LIVES_SECONDS = 10
SPENDERS = ("spender 1", "spender 2")
# Who is killed how often, against the others.
VICTIMS = {"worker": 8, "webhooks": 3, "mail": 2, "beat": 1, "spender 1": 1, "spender 2": 1}
BETWEEN_KILLS = (0.1, 0.7)
# When Valkey is killed, and for how long it stays away.
VALKEY_ENDS, VALKEY_AWAY = (18, 41), 3
# Who has something for so long is dead. Time is passed on for them, for minutes at a time.
DEAD_AFTER = "4 seconds"
# By default an alert is told to who runs the event, then to managers too, then to owners too.
TOLD = {
    "information": ("organizer",),
    "warning": ("organizer", "manager"),
    "critical": ("organizer", "manager", "owner"),
}


@dataclass
class MoodyMailbox(Mailbox):
    """A mail server that refuses for now, dawdles, hangs up, and says nothing of some mails that it has taken."""

    chance: random.Random = field(default_factory=random.Random)
    # Kills whoever is sending.
    strike: Callable[[], None] = lambda: None

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):  # noqa: N802
        self.at_recipient = self.chance.choices(("", "450 4.2.0 Try later", CLOSE), (92, 5, 3))[0]
        if self.chance.random() < 0.05:
            self.strike()
        return await super().handle_RCPT(server, session, envelope, address, rcpt_options)

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        mood = self.chance.choices(("good", "slow", "full", "silent", "deadly"), (60, 20, 7, 3, 10))[0]
        if mood == "slow":
            await asyncio.sleep(0.5)
        self.at_message = "451 4.3.0 Mail system full" if mood == "full" else ""
        answer = await super().handle_DATA(server, session, envelope)
        if mood == "silent":
            server.transport.abort()
        if mood == "deadly":
            self.strike()
        return answer


@dataclass(frozen=True)
class House:
    """An account with the people in it, and the budgets whose spending goes up and down."""

    account: Account
    people: dict[str, User]
    swinging: list[EventBudget]
    secret: str


def make_house(name, receiver):
    account = make_account(name)
    with tenant_scope(account.pk), transaction.atomic():
        people = {role: make_member(account, role).user for role in ("organizer", "manager", "owner")}
    with tenant_scope(account.pk, user_id=people["organizer"].pk), transaction.atomic():
        swinging = [open_budget(account, people["organizer"]) for _ in range(3)]
        secret = create_endpoint(acting_user=people["owner"], url=f"{receiver.url}/{account.slug}").text
    return House(account, people, swinging, secret)


class Chaos:
    """Processes that are killed at random and started anew, on a Valkey of their own that is killed too."""

    def __init__(
        self,
        forge: Forge,
        valkey: Valkey,
        folder: Path,
        houses: list[House],
        chance: random.Random,
        done: dict[str, Callable[[], int]],
    ):
        self.forge, self.valkey, self.chance = forge, valkey, chance
        # How much has been done that each of some workers does.
        self.done = done
        self.began: dict[str, tuple[float, int]] = {}
        self.logs = folder
        self.houses = [
            {
                "tenant": str(house.account.pk),
                "user": str(house.people["organizer"].pk),
                "swinging": [str(budget.pk) for budget in house.swinging],
            }
            for house in houses
        ]
        # As `make run` starts them: what comes after the program's own name.
        programs = budgetsite(0, DataFolder(folder), demo=False).programs
        self.celery = {
            name: [str(each) for each in programs[name][list(programs[name]).index("celery") + 1 :]] for name in WORKERS
        }
        self.running: dict[str, int] = {}
        self.kills: Counter[str] = Counter()
        self.until = time.time() + CHAOS_SECONDS

    def start(self, name):
        self.began[name] = time.monotonic(), self.done.get(name, int)()
        log = self.logs / f"{name}.log"
        if name in SPENDERS:
            seed = self.chance.randrange(2**32)
            self.running[name] = self.forge.start(
                f"{spend_until.__module__}:{spend_until.__name__}",
                log,
                until=self.until,
                seed=seed,
                houses=self.houses,
            )
        else:
            self.running[name] = self.forge.start("budgetsite.testing.forge:celery", log, arguments=self.celery[name])

    def strike(self, name):
        """Kill it on the spot; it is started again soon. Called by the receivers, until the minute is over."""
        if name in self.running and time.time() < self.until:
            self.kills[f"{name}, in the act"] += 1
            self.forge.kill(self.running[name])

    def kill_somebody(self):
        """Kill one and everything that it has started, or it alone, or only what it has started."""
        (name,) = self.chance.choices(list(VICTIMS), list(VICTIMS.values()))
        since, done = self.began[name]
        if time.monotonic() - since < LIVES_SECONDS and self.done.get(name, int)() == done:
            return
        if name == "worker":
            self.wait_for_a_batch()
        how = self.chance.choice(("all", "all", "first", "one of its own"))
        pid = self.running[name]
        self.kills[f"{name}, {how}"] += 1
        if how == "one of its own":
            own = children_of(pid)
            if own:
                kill(self.chance.choice(own).pid)
                return
        if how == "first":
            kill(pid)
        else:
            self.forge.kill(pid)
        self.start(name)

    def wait_for_a_batch(self):
        """Wait a moment for somebody who has claimed events, and for a part of what they do with them."""
        until = time.monotonic() + 0.5
        with connections["owner"].cursor() as cursor:
            while time.monotonic() < until:
                cursor.execute(CLAIMING)
                if cursor.fetchone():
                    time.sleep(self.chance.uniform(0, 0.05))
                    return
                time.sleep(0.002)

    def revive(self):
        """Do what a supervisor does: start again what has ended."""
        for name in WORKERS:
            if not psutil.pid_exists(self.running[name]):
                self.start(name)

    def kill_valkey(self):
        self.kills["Valkey"] += 1
        self.valkey.process.kill()
        self.valkey.process.wait()

    def run(self):
        for name in (*WORKERS, *SPENDERS):
            self.start(name)
        self.forge.start(f"{hurry.__module__}:{hurry.__name__}", self.logs / "hurry.log", every_seconds=0.5)
        began = time.time()
        next_kill, valkey_ends, valkey_back = began + 3, [began + after for after in VALKEY_ENDS], None
        while (now := time.time()) < self.until:
            if now >= next_kill:
                self.kill_somebody()
                next_kill = now + self.chance.uniform(*BETWEEN_KILLS)
            if valkey_back is None and valkey_ends and now >= valkey_ends[0]:
                self.kill_valkey()
                valkey_back = valkey_ends.pop(0) + VALKEY_AWAY
            if valkey_back is not None and now >= valkey_back:
                self.valkey.start()
                valkey_back = None
            self.revive()
            pass_time()
            time.sleep(0.1)
        if valkey_back is not None:
            self.valkey.start()
        # Who was killed last has just begun; spenders end by themselves.
        for name in SPENDERS:
            self.forge.kill(self.running[name])

    def let_work_end(self):
        until = time.monotonic() + QUIET_SECONDS
        while left := what_is_left():
            if time.monotonic() > until:
                pytest.fail(f"{left} after {QUIET_SECONDS} seconds. {dict(self.kills)}")
            self.revive()
            pass_time()
            time.sleep(0.25)


def children_of(pid):
    try:
        return psutil.Process(pid).children()
    except psutil.NoSuchProcess:
        return []


def kill(pid):
    # It may have ended by itself.
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


# As if minutes went by: what waits is due, and what somebody has had for some seconds is given up by them. Rows that
# are in somebody's hands are left alone.
TIME_PASSES = (
    """UPDATE notifications_mail SET due_at = now() WHERE id IN (
        SELECT id FROM notifications_mail WHERE status IN ('gathering', 'waiting') AND due_at > now()
        FOR UPDATE SKIP LOCKED)""",
    f"""UPDATE notifications_mail SET claimed_at = claimed_at - interval '1 hour',
        handed_at = handed_at - interval '1 hour' WHERE id IN (
        SELECT id FROM notifications_mail
        WHERE status = 'sending' AND claimed_at < now() - interval '{DEAD_AFTER}'
          AND claimed_at > now() - interval '30 minutes'
        FOR UPDATE SKIP LOCKED)""",
    f"""UPDATE webhooks_webhookdelivery SET next_attempt_at = now(),
        leased_until = CASE WHEN leased_until < now() + interval '90 seconds' - interval '{DEAD_AFTER}' THEN now()
            ELSE leased_until END
        WHERE id IN (
        SELECT id FROM webhooks_webhookdelivery
        WHERE status = 'waiting' AND (next_attempt_at > now() OR leased_until > now()) FOR UPDATE SKIP LOCKED)""",
    """UPDATE webhooks_webhookendpoint SET resting_until = NULL WHERE id IN (
        SELECT id FROM webhooks_webhookendpoint WHERE resting_until > now() FOR UPDATE SKIP LOCKED)""",
    """UPDATE outbox_outboxevent SET retry_at = now() WHERE id IN (
        SELECT id FROM outbox_outboxevent WHERE relayed_at IS NULL AND retry_at > now() FOR UPDATE SKIP LOCKED)""",
)
CLAIMING = """
    SELECT FROM pg_locks WHERE mode = 'RowShareLock' AND relation = 'outbox_outboxevent'::regclass
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
LEFT = """
    SELECT (SELECT count(*) FROM outbox_outboxevent WHERE relayed_at IS NULL) AS events,
           (SELECT count(*) FROM webhooks_webhookdelivery WHERE status = 'waiting') AS deliveries,
           (SELECT count(*) FROM notifications_mail WHERE status IN ('gathering', 'waiting', 'sending')) AS mails
"""


def pass_time():
    with connections["owner"].cursor() as cursor:
        for statement in TIME_PASSES:
            cursor.execute(statement)


def relayed():
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM outbox_outboxevent WHERE relayed_at IS NOT NULL")
        return cursor.fetchone()[0]


def what_is_left():
    with connections["owner"].cursor() as cursor:
        cursor.execute(LEFT)
        names = ("events", "deliveries", "mails")
        return {name: count for name, count in zip(names, cursor.fetchone(), strict=True) if count}


def moody(chance, strike):
    """A receiver's answers: now and then 500, late, or the sender's end; to the same message only once."""
    unwell = set()

    def answer(handler, message):
        mood = chance.choices(("good", "bad", "slow", "deadly"), (83, 9, 6, 2))[0]
        if message.headers["webhook-id"] in unwell:
            mood = "good"
        elif mood in ("bad", "deadly"):
            unwell.add(message.headers["webhook-id"])
        if mood == "slow":
            time.sleep(0.8)
        if mood == "deadly":
            strike()
        status(500 if mood == "bad" else 204)(handler, message)

    return answer


def check_events(house, messages):
    """Every event was relayed in the order of its subject and has reached the receiver, each time the same."""
    events = list(OutboxEvent.objects.order_by("position"))
    by_subject = defaultdict(list)
    for event in events:
        by_subject[event.subject_type, event.subject_id].append(event)
    for told in by_subject.values():
        assert all(one.relayed_at <= next_one.relayed_at for one, next_one in pairwise(told))
    published = [event for event in events if kind_called(event.kind) is not None]
    heard = defaultdict(set)
    for message in messages:
        # A repeat has the id and every letter of the first.
        heard[message.headers["webhook-id"]].add(message.body)
    assert set(heard) == {str(event.pk) for event in published}
    for event in published:
        assert len(heard[str(event.pk)]) == 1, heard[str(event.pk)]
        (body,) = heard[str(event.pk)]
        data = json.loads(body)
        assert data["type"] == event.kind
        assert data["data"]["account_id"] == str(house.account.pk)
        assert data["data"]["subject_id"] == str(event.subject_id)
        # By it the receiver finds the order of a subject, whichever came first.
        assert data["data"]["sequence"] == event.position
    for message in messages[-20:]:
        Webhook(house.secret).verify(message.body, message.headers)
    assert set(WebhookDelivery.objects.values_list("status", flat=True)) == {"delivered"}
    return len(published)


def check_notifications(house):
    """Who is to know of what is still so was told, nobody twice, and nobody of what did not happen."""
    told = Counter()
    for person, alert, level in Notification.objects.values_list("person_id", "subject_id", "level"):
        told[person, alert, level] += 1
    assert set(told.values()) == {1}
    news = OutboxEvent.objects.filter(kind__in=("alert.opened", "alert.raised"))
    assert {alert for _, alert, _ in told} <= set(news.values_list("subject_id", flat=True))
    # Alerts of budgets that only climb stand at the level that was last told; others may have fallen since.
    climbed = BudgetAlert.objects.exclude(budget__in=house.swinging)
    assert not climbed.filter(resolved=True).exists()
    expected = {(house.people[role].pk, alert.pk, alert.level) for alert in climbed for role in TOLD[alert.level]}
    assert expected <= set(told)
    return len(expected)


def check_mails(house, by_id):
    """Each notification is in one mail, which the server has once; in doubt it may have it, and the inbox has it.

    What was over when its mail went out may be missing in it, and a mail of which nothing was left was not sent.
    """
    mails = {mail.pk: mail for mail in Mail.objects.all()}
    assert {mail.status for mail in mails.values()} <= {"sent", "uncertain", "cancelled"}
    resolved = set(BudgetAlert.objects.filter(resolved=True).values_list("pk", flat=True))
    contents, lasting = defaultdict(set), defaultdict(set)
    for notification in Notification.objects.all():
        assert notification.in_inbox
        contents[notification.mail_id].add(str(notification.pk))
        if notification.subject_id not in resolved:
            lasting[notification.mail_id].add(str(notification.pk))
    # All that there is stands in some mail, and no mail is about nothing.
    assert set(contents) == set(mails)
    seen = Counter()
    for mail in mails.values():
        arrived = by_id.pop(mail.message_id, [])
        excused = mail.status == "uncertain" or (mail.status == "cancelled" and not lasting[mail.pk])
        assert len(arrived) == 1 or (excused and not arrived), (mail.status, len(arrived))
        assert not (arrived and mail.status == "cancelled")
        for message in arrived:
            assert message["To"] == next(each.email for each in house.people.values() if each.pk == mail.person_id)
            written = re.findall(rf"/notifications/{house.account.pk}/([0-9a-f-]{{36}})", text_of(message))
            assert set(written) <= contents[mail.pk]
            if len(written) < WRITTEN_OUT:
                assert lasting[mail.pk] <= set(written)
            seen.update(written)
    assert set(seen.values()) == {1}
    return Counter(mail.status for mail in mails.values())


def test_whoever_is_killed_everything_is_told_and_nothing_twice(committed_db, loopback_allowed, tmp_path):
    seed = int(os.environ.get("CHAOS_SEED") or random.randrange(2**32))
    # Seen when the test fails.
    logger.warning("CHAOS_SEED=%d", seed)
    chance = random.Random(seed)
    mailbox = MoodyMailbox(chance=random.Random(seed + 1), strike=lambda: chaos.strike("mail"))
    valkey = Valkey(DataFolder(tmp_path / "valkey"), StopSignals(), durable=False)
    valkey.folder.create()
    DataFolder(tmp_path).create()
    with receiving() as receiver, serving_mail(mailbox) as mail_port:
        receiver.answer = moody(random.Random(seed + 2), lambda: chaos.strike("webhooks"))
        houses = [make_house(name, receiver) for name in ("Sunrise Catering", "Rival Events")]
        valkey.start()
        try:
            environ = {
                **environment(),
                "REDIS_URL": valkey.address,
                "EMAIL_URL": f"smtp://127.0.0.1:{mail_port}",
                "WEBHOOK_ALLOWED_NETWORKS": "127.0.0.0/8",
            }
            with Forge(environ) as forge:
                done = {"worker": relayed, "webhooks": lambda: len(receiver.heard), "mail": lambda: mailbox.received}
                chaos = Chaos(forge, valkey, tmp_path, houses, chance, done)
                chaos.run()
                chaos.let_work_end()
                logger.warning("killed: %s", dict(chaos.kills))
        finally:
            valkey.stop()
    by_id = defaultdict(list)
    for message in mailbox.messages:
        by_id[message["Message-ID"]].append(message)
    for house in houses:
        messages = [each for each in receiver.heard if each.path.endswith(house.account.slug)]
        with tenant_scope(house.account.pk), transaction.atomic():
            events, told = check_events(house, messages), check_notifications(house)
            mails = check_mails(house, by_id)
            budgets = list(EventBudget.objects.all())
            logger.warning(
                "%d budgets, %d events in %d messages, %d told, mails: %s",
                len(budgets), events, len(messages), told, dict(mails),
            )  # fmt: skip
            for budget in budgets:
                stand = BudgetAlert.objects.filter(budget=budget, state_holds=True)
                assert set(stand.values_list("alert_type", "line_item_id")) == demanded_by(budget.pk)
            assert verify_ledger() == []
            # Not nothing, however busy the machine is.
            assert events > 20
            assert told > 5
    # Nobody has a mail that the site does not know.
    assert by_id == {}
    for name in SPENDERS:
        assert "Traceback" not in (tmp_path / f"{name}.log").read_text()
