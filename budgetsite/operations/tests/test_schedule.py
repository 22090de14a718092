"""Every scheduled job, on two machines at once, over two accounts that each give it something to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from math import inf
from typing import Any, NamedTuple

import pytest
from django.conf import settings as site
from django.contrib.sessions.models import Session
from django.db import connections, transaction
from django.utils import timezone

from alerts.models import BudgetAlert
from alerts.services import evaluation_request
from alerts.tests.figures import spend_up_to
from budgets.services import receipt_sweep
from budgets.services.receipt_store import keep, receipt_store
from budgets.services.reservation import reserve
from budgets.services.workflow import move_budget
from budgetsite.ably import services as publishing
from budgetsite.accounts.models import Account
from budgetsite.accounts.roles import Role
from budgetsite.api.models import KeptAnswer
from budgetsite.notifications.services import mailing
from budgetsite.notifications.services.waking import MAILING
from budgetsite.operations.piecework import SomeFailed
from budgetsite.operations.runs import record_failure
from budgetsite.outbox import relay
from budgetsite.outbox.services import record_event
from budgetsite.outbox.tasks import RELAY
from budgetsite.privacy.models import AccessAction
from budgetsite.privacy.services.access_log import record_access
from budgetsite.privacy.services.retention import create_retention_rule
from budgetsite.tenancy.scope import current_scope, tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, move
from budgetsite.testing.concurrency import run_side_by_side
from budgetsite.testing.expenses import make_expense
from budgetsite.testing.people import make_account, make_member
from budgetsite.testing.receivers import receiving
from budgetsite.testing.registrations import ask, make_open_event, make_option
from budgetsite.testing.scoped_budgets import make_scoped_budget, spend
from budgetsite.webhooks.services import sending
from budgetsite.webhooks.services.endpoint import create_endpoint
from budgetsite.webhooks.services.waking import SENDING
from registrations.services.registration import cancel
from registrations.services.waitlist import join_waitlist

A_DAY = timedelta(days=1)


class Effect(NamedTuple):
    """How many rows of a table are so for each account, or for the platform, once a job has been done."""

    table: str
    which: str
    rows: int

    def counted(self) -> list[int]:
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM information_schema.columns WHERE table_name = %s AND column_name = 'tenant_id'",
                [self.table],
            )
            of_account = "t.tenant_id = a.id AND" if cursor.fetchone()[0] and self.table not in PLATFORMS else ""
            whose = "accounts_account a" if of_account else "(SELECT 1) a"
            cursor.execute(
                f"SELECT (SELECT count(*) FROM {self.table} t WHERE {of_account} ({self.which})) FROM {whose}"
            )
            return [row[0] for row in cursor.fetchall()]

    def expected(self) -> list[int]:
        return [self.rows] if self.table in PLATFORMS else [self.rows, self.rows]


PLATFORMS = frozenset({"operations_taskfailure", "django_session"})
READS_ALONE = None
# In this order: what one tells, the next sends.
JOBS: dict[str, list[Effect] | None] = {
    "budgets.tasks.activate_due_budgets": [
        Effect("budgets_budgetdecision", "action = 'activate'", 1),
        Effect("outbox_outboxevent", "kind = 'budget.activated'", 1),
    ],
    "budgets.tasks.remind_of_waiting_approvals": [Effect("outbox_outboxevent", "kind = 'budget.approval_waiting'", 1)],
    "budgets.tasks.free_expired_reservations": [
        Effect("budgets_reservation", "status = 'expired' AND held_amount = 0", 1),
        # Freed twice, there would be less than nothing.
        Effect("budgets_budgetwindow", "reserved_amount <> 0", 0),
    ],
    "alerts.tasks.follow_scoped_budgets_everywhere": [
        # Yesterday's window is over: its alerts are, and nobody is told of a new one; today's is soft, and was late.
        Effect("alerts_budgetalert", "scoped_budget_id IS NOT NULL AND NOT resolved AND window_end < now()", 0),
        Effect("alerts_budgetalert", "scoped_budget_id IS NOT NULL AND NOT resolved AND window_end > now()", 1),
        Effect("outbox_outboxevent", "kind = 'alert.resolved' AND payload->>'scoped_budget_id' IS NOT NULL", 1),
    ],
    "alerts.tasks.follow_event_budgets_everywhere": [
        Effect("alerts_budgetalert", "alert_type = 'payment_due' AND NOT resolved", 1)
    ],
    "alerts.tasks.remind_of_payments_everywhere": [
        Effect("notifications_notification", "starts_with(dedup_key, 'payment:')", 1)
    ],
    "alerts.tasks.escalate_alerts_everywhere": [
        Effect("notifications_notification", "starts_with(title, 'Not acknowledged: ')", 1)
    ],
    # The one that was forgotten, beside the one that waits.
    "alerts.tasks.reevaluate_everywhere": [
        Effect("alerts_budgetalert", "alert_type = 'over_budget' AND state_holds", 2)
    ],
    "registrations.tasks.mind_waitlists": [
        Effect("registrations_waitlistentry", "status = 'EXPIRED'", 1),
        Effect("registrations_waitlistentry", "status = 'OFFERED'", 1),
        Effect("registrations_eventoption", "held_count = 1", 1),
    ],
    "budgetsite.outbox.tasks.relay_events": [
        Effect("outbox_outboxevent", "relayed_at IS NULL", 0),
        Effect("webhooks_webhookdelivery", "true", 1),
    ],
    "budgetsite.webhooks.tasks.send_webhooks": [
        Effect("webhooks_webhookattempt", "status_code = 204", 1),
        Effect("webhooks_webhookdelivery", "status = 'delivered' AND attempts = 1", 1),
    ],
    "budgetsite.ably.tasks.publish_to_ably": [Effect("ably_ablymessage", "true", 0)],
    "budgetsite.notifications.tasks.send_mails": [
        Effect("notifications_mail", "status <> 'sent'", 0),
        Effect("notifications_mail", "attempts <> 1", 0),
    ],
    "budgets.tasks.verify_ledgers": READS_ALONE,
    "registrations.tasks.verify_all_registrations": READS_ALONE,
    # Each has something old and something young.
    "budgetsite.outbox.tasks.prune_outbox": [
        Effect("outbox_outboxevent", "relayed_at < now() - interval '30 days'", 0),
    ],
    "budgetsite.webhooks.tasks.prune_webhooks": [Effect("webhooks_webhookdelivery", "true", 0)],
    "budgetsite.notifications.tasks.prune_notifications": [
        Effect("notifications_notification", "created_at < now() - interval '365 days'", 0),
    ],
    "budgetsite.api.tasks.prune_kept_answers": [
        Effect("api_keptanswer", "key = 'old'", 0),
        Effect("api_keptanswer", "key = 'young'", 1),
    ],
    "budgetsite.privacy.tasks.apply_retention_everywhere": [Effect("privacy_personaldataaccess", "true", 1)],
    "budgetsite.operations.tasks.tidy_operations": [Effect("operations_taskfailure", "true", 1)],
    "budgetsite.accounts.tasks.clear_expired_sign_ins": [Effect("django_session", "true", 1)],
    "budgets.tasks.sweep_receipts": [],
}
# What keeps the rows of both accounts in one task: how it gets hold of one account's.
IN_TURNS = {
    "budgetsite.outbox.tasks.relay_events": (relay, "_claim"),
    "budgetsite.webhooks.tasks.send_webhooks": (sending, "_claim"),
    "budgetsite.ably.tasks.publish_to_ably": (publishing, "_claim"),
    "budgetsite.notifications.tasks.send_mails": (mailing, "_claim"),
}


@pytest.fixture
def accounts(
    committed_db: None, loopback_allowed: None, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Iterator[list[Account]]:
    """Two accounts in which something waits for every job."""
    for wake_up in (RELAY, SENDING, publishing.PUBLISHING, MAILING):
        monkeypatch.setattr(wake_up.absence, "until", inf)
    monkeypatch.setattr(evaluation_request.absence, "until", inf)
    # What was stored just now is old enough.
    monkeypatch.setattr(receipt_sweep, "OLD_ENOUGH", timedelta(seconds=-5))
    now = timezone.now()
    with receiving() as receiver:
        settings.ABLY_KEY, settings.ABLY_URL = "appid.keyid:secret", f"http://127.0.0.1:{receiver.port}"
        settings.TEST_RECEIVER = receiver
        made = []
        for name in ("Sunrise Catering", "Rival Events"):
            with transaction.atomic():
                account = make_account(name)
                with tenant_scope(account.pk):
                    furnish(account, f"{receiver.url}/{len(made)}", now)
            made.append(account)
        record_failure(task="old", task_id="x", request_id="x", tenant_id=None, error_type="ValueError")
        record_failure(task="young", task_id="x", request_id="x", tenant_id=None, error_type="ValueError")
        for name, expires in (("old", now - A_DAY), ("young", now + A_DAY)):
            Session.objects.create(session_key=name, session_data="", expire_date=expires)
        let_time_pass(
            ("operations_taskfailure", "failed_at", "15 days", "task = 'old'"),
            ("api_keptanswer", "created_at", "3 days", "key = 'old'"),
            ("privacy_personaldataaccess", "created_at", "400 days", "place = 'old'"),
            ("alerts_budgetalert", "waits_since", "5 hours", "alert_type = 'over_budget'"),
        )
        yield made


def furnish(account: Account, url: str, now: datetime) -> None:
    owner, manager, organizer = (make_member(account, role).user for role in (Role.OWNER, Role.MANAGER, Role.ORGANIZER))
    # Noon, where the events are: reminders of payments keep to the day.
    noon = f"Etc/GMT{now.hour - 12:+d}"

    def event(name: str, begins: datetime, **fields: Any) -> Any:
        registration = {"registration_start_date": begins - 40 * A_DAY, "registration_end_date": begins - A_DAY}
        return make_event(account, organizer, name=name, event_date=begins, timezone=noon, **{**registration, **fields})

    today = make_budget(account, organizer, event=event("Today", now - timedelta(minutes=1)))
    move(today, "submit", user=owner, role=Role.OWNER, account=account)
    move(today, "approve", user=manager, role=Role.MANAGER, account=account)
    waiting = make_budget(account, organizer, event=event("Waiting", now + 90 * A_DAY))
    move_budget(
        action="submit", budget_id=waiting.pk, version=waiting.version, acting_user=owner, acting_role=Role.OWNER,
        account=account, now=now - 4 * A_DAY,
    )  # fmt: skip
    overspent = make_budget(account, organizer, total="1000", event=event("Overspent", now + 60 * A_DAY))
    spend_up_to(overspent, 1_100)
    forgotten = make_budget(account, organizer, total="1000", event=event("Forgotten", now + 60 * A_DAY))
    spend_up_to(forgotten, 1_100)
    BudgetAlert.objects.filter(budget=forgotten).update(resolved=True, resolved_at=now, state_holds=False)
    billed = make_budget(account, organizer, event=event("Billed", now + 30 * A_DAY))
    make_expense(
        billed, organizer, role=Role.ORGANIZER, stage="invoiced", expense_date=date(2026, 1, 1),
        due_date=(now + 3 * A_DAY).date(),
    )  # fmt: skip

    daily = {"period": "daily", "start_date": (now - 9 * A_DAY).date()}
    hard = make_scoped_budget(account, owner, name="Yesterday", scope_id="hard", enforcement="stop", **daily)
    spend(hard, owner, 990, now=now - A_DAY)
    reserve(budget_id=hard.pk, amount=Decimal(10), ttl_seconds=60, acting_user=owner, now=now - timedelta(hours=1))
    soft = make_scoped_budget(account, owner, name="Today", scope_id="soft", enforcement="warn", **daily)
    spend(soft, owner, 900, now=now)

    gala = make_open_event(
        account, organizer, event_date=now + 20 * A_DAY, registration_start_date=now - 30 * A_DAY,
        registration_end_date=now + 10 * A_DAY,
    )  # fmt: skip
    option = make_option(gala, organizer, total_available=1)
    first, second, third = (make_member(account, Role.ATTENDEE).user for _ in range(3))
    before = now - 3 * A_DAY
    taken = ask(gala, first, option, now=before)
    for guest in (second, third):
        join_waitlist(event=gala, user=guest, option_id=option.pk, slot_id=None, now=before)
    cancel(registration_id=taken.pk, event=gala, acting_user=first, now=before)

    create_endpoint(acting_user=owner, url=url, kinds=["registration.collected"])
    record_event(kind="registration.collected", subject_type="registration", subject_id=taken.pk)
    for name in ("old", "young"):
        KeptAnswer.objects.create(user=owner, path="/", key=name, fingerprint=b"", status=200)
        record_access(
            action=AccessAction.VIEWED, kind="members", place=name, list_id=account.pk, people=3, actor_id=owner.pk
        )
    create_retention_rule(kind="access_log", months=12, acting_user=owner)
    keep(b"of a receipt that was rolled back")


def let_time_pass(*rows: tuple[str, str, str, str]) -> None:
    """(table, column, for how long, which rows), as the owner of the database."""
    with connections["owner"].cursor() as cursor:
        for table, column, time, which in rows:
            cursor.execute(f"UPDATE {table} SET {column} = now() - %s::interval WHERE {which}", [time])


BEFORE = {
    "budgetsite.notifications.tasks.send_mails": [("notifications_mail", "due_at", "1 second", "true")],
    "budgetsite.outbox.tasks.prune_outbox": [
        ("outbox_outboxevent", "relayed_at", "31 days", "kind = 'registration.collected'")
    ],
    "budgetsite.webhooks.tasks.prune_webhooks": [("webhooks_webhookdelivery", "created_at", "31 days", "true")],
    "budgetsite.notifications.tasks.prune_notifications": [
        ("notifications_notification", "created_at", "366 days", "starts_with(dedup_key, 'payment:')")
    ],
}


@contextmanager
def unreadable(account: Account, job: str) -> Iterator[None]:
    """Let an account's rows be such that the job can't even read them."""
    module, name = IN_TURNS[job]
    works = getattr(module, name)

    def fails_for_one(*arguments: Any) -> Any:
        # In the account's scope, or told of it.
        if account.pk in (current_scope().tenant_id, *arguments):
            raise ValueError("cannot be read")
        return works(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, fails_for_one)
        yield


def test_every_job_is_done_once_by_two_machines_at_once_and_for_whoever_it_can(accounts, machine, mailbox, settings):
    assert set(JOBS) == {entry["task"] for entry in site.CELERY_BEAT_SCHEDULE.values()}
    receiver = settings.TEST_RECEIVER

    for job, effects in JOBS.items():
        let_time_pass(*BEFORE.get(job, ()))
        if effects:
            assert [effect.counted() for effect in effects] != [effect.expected() for effect in effects], job
        if job in IN_TURNS:
            with unreadable(accounts[0], job), pytest.raises(SomeFailed) as told:
                machine.work_off(job)
            assert told.value.first_by_account == {accounts[0].pk: "ValueError"}, job
            # The other account has had its turn.
            assert all(effect.rows in effect.counted() for effect in effects or ()), job

        assert run_side_by_side([partial(machine.work_off, job)] * 2) == [None, None], job
        for _ in range(2):
            for effect in effects or ():
                assert effect.counted() == effect.expected(), (job, effect)
            machine.work_off(job)

    ids = [(message.path, message.headers.get("webhook-id") or message.body) for message in receiver.heard]
    assert len(ids) == len(set(ids))
    assert sorted(path for path, _ in ids if path.startswith("/hooks")) == ["/hooks/0", "/hooks/1"]
    recipients = [message["To"] for message in mailbox.messages]
    assert len(recipients) == len(set(recipients)) > 2
    for account in accounts:
        with tenant_scope(account.pk):
            assert receipt_store().listdir(str(account.pk)) == ([], [])
