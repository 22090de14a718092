"""From an event to its receivers: signed, once where all goes well, again where it does not, nobody held up."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from threading import Event as Signal
from threading import Thread
from uuid import uuid4

import pytest
from django.db import connections, transaction
from django.utils import timezone
from standardwebhooks import Webhook, WebhookVerificationError

from budgetsite.local.folder import CHECKOUT
from budgetsite.outbox.models import OutboxEvent
from budgetsite.outbox.relay import relay_pending
from budgetsite.outbox.services import record_event
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.other_process import environment
from budgetsite.testing.people import make_member
from budgetsite.testing.piecework import piecework
from budgetsite.testing.receivers import receiving, status
from budgetsite.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookSecret
from budgetsite.webhooks.services import sending
from budgetsite.webhooks.services.delivery import redeliver, send_test
from budgetsite.webhooks.services.endpoint import change_endpoint, create_endpoint, delete_endpoint, rotate_secret
from budgetsite.webhooks.services.problems import DeliveryUnderWay, WebhookIsPaused
from budgetsite.webhooks.services.pruning import prune_deliveries
from budgetsite.webhooks.services.sending import RETRY_AFTER, claim_due, record_all, send_due
from budgetsite.webhooks.services.waking import SENDING

pytestmark = pytest.mark.usefixtures("committed_db", "loopback_allowed")

BUDGET = uuid4()
TRANSFER = {
    "transfer": str(uuid4()), "from_line": str(uuid4()), "to_line": str(uuid4()), "amount": "12.50", "currency": "CAD",
    "needs_role": "", "reverses": None, "version": 3, "revision": 1,
}  # fmt: skip


@transaction.atomic
def make_endpoint(account, url, **fields):
    with tenant_scope(account.pk):
        return create_endpoint(acting_user=make_member(account, "owner").user, url=url, **fields)


def happen(kind="budget.transferred", subject=BUDGET, payload=TRANSFER):
    """Let something happen in the current account, and the relay hand it on."""
    with transaction.atomic():
        record_event(kind=kind, subject_type="event_budget", subject_id=subject, payload=payload)
    assert relay_pending(seconds=5).relayed >= 1


@transaction.atomic
def states(**which):
    rows = WebhookDelivery.objects.filter(**which).order_by("created_at", "pk")
    return [(row.kind, row.status, row.attempts) for row in rows]


def at(**values):
    """Let the waits be over, or set times of endpoints, as the owner of the database."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE webhooks_webhookdelivery SET next_attempt_at = now() WHERE status = 'waiting'")
        for column, value in {"resting_until": None, **values}.items():
            cursor.execute(f"UPDATE webhooks_webhookendpoint SET {column} = %s", [value])


@transaction.atomic
def the_endpoint():
    return WebhookEndpoint.objects.get()


def test_an_event_reaches_the_receiver_signed_by_the_specification(account, receiver):
    made = make_endpoint(account, receiver.url, kinds=["budget.transferred"])
    happen()
    assert send_due(seconds=5) is False

    (message,) = receiver.heard
    with transaction.atomic():
        event = OutboxEvent.objects.get()
    assert Webhook(made.text).verify(message.body, message.headers) == {
        "type": "budget.transferred",
        "timestamp": event.created_at.isoformat(),
        "data": {
            "account_id": str(account.pk),
            "subject_type": "event_budget",
            "subject_id": str(BUDGET),
            "sequence": event.position,
            **TRANSFER,
        },
    }
    assert message.headers["webhook-id"] == str(event.pk)
    assert message.headers["content-type"] == "application/json"
    assert abs(int(message.headers["webhook-timestamp"]) - time.time()) < 10
    assert states() == [("budget.transferred", "delivered", 1)]
    with transaction.atomic():
        attempt = WebhookAttempt.objects.get()
    assert (attempt.status_code, attempt.problem, attempt.answer) == (204, "", "")
    with pytest.raises(WebhookVerificationError):
        Webhook(make_endpoint(account, receiver.url).text).verify(message.body, message.headers)


def test_what_is_handed_on_starts_the_sender_once(account, receiver, monkeypatch):
    started = []
    monkeypatch.setattr(SENDING.absence, "until", 0.0)
    monkeypatch.setattr(
        "budgetsite.webhooks.tasks.send_webhooks.apply_async", lambda **options: started.append(options)
    )
    make_endpoint(account, receiver.url)
    SENDING.has_begun()
    for _ in range(3):
        happen()
    assert started == [{"retry": False}]
    SENDING.has_begun()


def test_an_endpoint_hears_of_what_it_wants_and_of_nothing_else(account, receiver):
    make_endpoint(account, receiver.url, kinds=["registration.*", "budget.finalized"])
    happen()
    happen("registration.collected", payload={})
    happen("something.internal", payload={"secret": "1"})
    send_due(seconds=5)
    assert [json.loads(message.body)["type"] for message in receiver.heard] == ["registration.collected"]


def test_what_is_about_a_person_stays_inside(account, receiver):
    make_endpoint(account, receiver.url)
    happen("comment.added", payload={"budget": str(BUDGET), "expense": None, "author": str(uuid4())})
    send_due(seconds=5)
    data = json.loads(receiver.heard[0].body)["data"]
    assert sorted(data) == ["account_id", "budget", "expense", "sequence", "subject_id", "subject_type"]


def test_an_account_never_hears_of_another(account, other_account):
    with receiving() as ours, receiving() as theirs:
        make_endpoint(account, ours.url)
        make_endpoint(other_account, theirs.url)
        happen()
        with tenant_scope(other_account.pk):
            happen("registration.collected", payload={})
        send_due(seconds=5)
        heard = [[json.loads(message.body)["data"]["account_id"] for message in each.heard] for each in (ours, theirs)]
    assert heard == [[str(account.pk)], [str(other_account.pk)]]


def test_an_event_that_is_relayed_again_is_told_once(account, receiver):
    make_endpoint(account, receiver.url)
    happen()
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE outbox_outboxevent SET relayed_at = NULL")
    assert relay_pending(seconds=5).relayed == 1
    send_due(seconds=5)
    assert len(receiver.heard) == 1


def test_a_failure_is_tried_again_with_the_same_id_later_each_time_and_given_up_after_a_day(account, receiver):
    receiver.answer = status(500, b"no")
    make_endpoint(account, receiver.url)
    happen()
    waits = []
    for _ in RETRY_AFTER:
        send_due(seconds=5)
        with transaction.atomic():
            waits.append(WebhookDelivery.objects.get().next_attempt_at - timezone.now())
        # Not before its time.
        assert send_due(seconds=5) is False
        at()
    send_due(seconds=5)

    assert states() == [("budget.transferred", "failed", 9)]
    assert len({message.headers["webhook-id"] for message in receiver.heard}) == 1
    assert len(receiver.heard) == 9
    for wait, expected in zip(waits, RETRY_AFTER, strict=True):
        assert 0.8 * expected - timedelta(seconds=3) <= wait <= 1.2 * expected
    assert timedelta(hours=24) <= sum(RETRY_AFTER, timedelta()) <= timedelta(hours=30)
    with transaction.atomic():
        assert set(WebhookAttempt.objects.values_list("status_code", "answer")) == {(500, "no")}
    at()
    assert send_due(seconds=5) is False
    assert len(receiver.heard) == 9


def test_a_receiver_that_asks_for_more_time_gets_it(account, receiver):
    receiver.answer = status(503, Retry_After="3600")
    make_endpoint(account, receiver.url)
    happen()
    send_due(seconds=5)
    with transaction.atomic():
        wait = WebhookDelivery.objects.get().next_attempt_at - timezone.now()
    assert timedelta(minutes=59) < wait <= timedelta(hours=1)


def test_a_receiver_that_hangs_holds_up_nobody_and_is_left_alone(account):
    """Twenty events each: one answers nothing until the other has all of its own."""
    others_have_all = Signal()
    with receiving() as slow, receiving() as quick:

        def answer_quickly(handler, message):
            status(204)(handler, message)
            if len(quick.heard) == 20:
                others_have_all.set()

        quick.answer = answer_quickly
        slow.answer = lambda handler, message: others_have_all.wait(30)
        make_endpoint(account, slow.url)
        make_endpoint(account, quick.url)
        with transaction.atomic():
            for _ in range(20):
                record_event(kind="registration.collected", subject_type="registration", subject_id=uuid4())
        relay_pending(seconds=5)
        send_due(seconds=5)

        assert others_have_all.is_set()
        assert len(slow.heard) == sending.OF_ONE_ENDPOINT
        # Now it is known: one at a time, after a rest.
        assert send_due(seconds=1) is False
        assert len(slow.heard) == sending.OF_ONE_ENDPOINT
        at()
        send_due(seconds=1)
        assert len(slow.heard) == sending.OF_ONE_ENDPOINT + 1


def test_a_worker_that_waits_for_one_that_hangs_goes_on_with_those_that_are_well(account):
    """Its time is over, and what comes then goes out all the same; not to one that is known to fail."""
    others_have_it = Signal()
    with receiving() as slow, receiving() as quick, receiving() as failing:

        def hang(handler, message):
            # Longer than the worker's turn.
            Signal().wait(0.3)
            try:
                with tenant_scope(account.pk):
                    happen("registration.collected", payload={})
            finally:
                connections.close_all()
            others_have_it.wait(20)

        slow.answer = hang
        quick.answer = lambda handler, message: (status(204)(handler, message), others_have_it.set())
        make_endpoint(account, slow.url, kinds=["budget.*"])
        make_endpoint(account, failing.url, kinds=["registration.*"])
        with connections["owner"].cursor() as cursor:
            cursor.execute("UPDATE webhooks_webhookendpoint SET failures = 1 WHERE url = %s", [failing.url])
        make_endpoint(account, quick.url, kinds=["registration.*"])
        happen()

        assert send_due(seconds=0.2) is True
        assert others_have_it.is_set()
        assert [len(each.heard) for each in (slow, quick, failing)] == [1, 1, 0]


def test_what_cannot_even_be_sent_holds_up_nobody_and_is_tried_again(account, monkeypatch, caplog):
    caplog.set_level(logging.CRITICAL)
    sign = sending.signed_headers

    def signed(**given):
        if "budget.transferred" in given["body"]:
            raise ValueError("no such key")
        return sign(**given)

    monkeypatch.setattr(sending, "signed_headers", signed)
    with receiving() as receiver:
        make_endpoint(account, receiver.url)
        happen()
        happen("registration.collected", payload={})
        send_due(seconds=1)
        assert len(receiver.heard) == 1
    # The one that works brings no other's next attempt forward: its attempts are for a day.
    assert states() == [("budget.transferred", "waiting", 1), ("registration.collected", "delivered", 1)]
    with transaction.atomic():
        assert WebhookDelivery.objects.get(status="waiting").next_attempt_at > timezone.now()
        assert set(WebhookAttempt.objects.values_list("status_code", "problem")) == {(204, ""), (None, "not_sent")}


def test_a_receiver_that_is_back_gets_at_once_what_waited(account, receiver):
    receiver.answer = status(500)
    make_endpoint(account, receiver.url)
    for _ in range(5):
        happen("registration.collected", payload={})
    send_due(seconds=5)
    at(failing_since=timezone.now() - timedelta(minutes=2))
    with connections["owner"].cursor() as cursor:
        # All but one would wait for hours.
        cursor.execute(
            "UPDATE webhooks_webhookdelivery SET next_attempt_at = now() + interval '8 hours'"
            " WHERE id <> (SELECT id FROM webhooks_webhookdelivery LIMIT 1)"
        )
    receiver.answer = status(204)
    send_due(seconds=5)
    assert {state for _, state, _ in states()} == {"delivered"}
    endpoint = the_endpoint()
    assert (endpoint.failures, endpoint.failing_since, endpoint.resting_until) == (0, None, None)


def test_after_days_of_failure_it_is_paused_with_a_notice_and_resumed_by_hand(account, owner):
    with receiving() as broken, receiving() as other:
        broken.answer = status(500)
        made = make_endpoint(account, broken.url)
        happen()
        send_due(seconds=5)
        at(failing_since=timezone.now() - timedelta(days=5, minutes=1))
        make_endpoint(account, other.url, kinds=["webhook.*"])
        send_due(seconds=5)

        with transaction.atomic():
            endpoint = WebhookEndpoint.objects.get(pk=made.endpoint.pk)
            assert (endpoint.is_paused, endpoint.pause_reason) == (True, "failing")
            notice = OutboxEvent.objects.get(kind="webhook.paused")
            assert (notice.subject_id, notice.payload) == (endpoint.pk, {"reason": "failing"})
        # Another webhook of the account hears of it. Paused, it keeps what happens for later.
        happen()
        send_due(seconds=5)
        assert [json.loads(message.body)["type"] for message in other.heard] == ["webhook.paused"]
        assert len(broken.heard) == 2
        assert states(endpoint_id=endpoint.pk) == [
            ("budget.transferred", "waiting", 2),
            ("budget.transferred", "waiting", 0),
        ]
        with transaction.atomic(), pytest.raises(WebhookIsPaused):
            send_test(endpoint_id=endpoint.pk, acting_user=owner, now=timezone.now())

        broken.answer = status(204)
        change_endpoint(endpoint_id=endpoint.pk, acting_user=owner, now=timezone.now(), is_paused=False)
        at()
        send_due(seconds=5)
        assert {state for _, state, _ in states(endpoint_id=endpoint.pk)} == {"delivered"}


def test_a_receiver_that_says_it_is_gone_is_paused_at_once(account, receiver):
    receiver.answer = status(410)
    make_endpoint(account, receiver.url)
    happen()
    send_due(seconds=5)
    endpoint = the_endpoint()
    assert (endpoint.is_paused, endpoint.pause_reason) == (True, "gone")


def test_after_a_rotation_both_secrets_sign_until_the_older_one_ends(account, receiver, owner):
    made = make_endpoint(account, receiver.url)
    now = timezone.now()
    rotated = rotate_secret(
        endpoint_id=made.endpoint.pk, acting_user=owner, now=now - timedelta(hours=1), overlap=timedelta(hours=2)
    )
    happen()
    send_due(seconds=5)
    (message,) = receiver.heard
    for text in (made.text, rotated.text):
        Webhook(text).verify(message.body, message.headers)
    assert message.headers["webhook-signature"].count("v1,") == 2

    newest = rotate_secret(endpoint_id=made.endpoint.pk, acting_user=owner, now=now, overlap=timedelta(0))
    happen()
    send_due(seconds=5)
    message = receiver.heard[-1]
    Webhook(newest.text).verify(message.body, message.headers)
    assert message.headers["webhook-signature"].count("v1,") == 1
    for text in (made.text, rotated.text):
        with pytest.raises(WebhookVerificationError):
            Webhook(text).verify(message.body, message.headers)


def test_secrets_are_ciphertext_in_the_database(account, receiver):
    made = make_endpoint(account, receiver.url)
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT text FROM webhooks_webhooksecret")
        (stored,) = cursor.fetchone()
    assert stored.startswith("tests:")
    assert made.text[6:] not in stored
    with transaction.atomic():
        assert WebhookSecret.objects.get().text == made.text


def test_a_deleted_endpoint_hears_nothing_more_and_its_secret_is_gone(account, receiver, owner):
    made = make_endpoint(account, receiver.url)
    happen()
    delete_endpoint(endpoint_id=made.endpoint.pk, acting_user=owner, now=timezone.now())
    happen()
    assert send_due(seconds=5) is False
    assert receiver.heard == []
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT text FROM webhooks_webhooksecret")
        assert cursor.fetchall() == [("",)]


def test_something_delivered_is_sent_again_on_request_with_the_same_id(account, receiver, owner):
    made = make_endpoint(account, receiver.url)
    happen()
    send_due(seconds=5)
    with transaction.atomic():
        delivery = WebhookDelivery.objects.get()
    redeliver(endpoint_id=made.endpoint.pk, delivery_id=delivery.pk, acting_user=owner, now=timezone.now())
    (claimed,) = claim_due(room=5, work=piecework())
    with pytest.raises(DeliveryUnderWay):
        redeliver(endpoint_id=made.endpoint.pk, delivery_id=delivery.pk, acting_user=owner, now=timezone.now())
    record_all([(claimed, sending.attempt(claimed))], work=piecework())
    assert [message.headers["webhook-id"] for message in receiver.heard] == [str(delivery.event_id)] * 2
    assert states() == [("budget.transferred", "delivered", 1)]
    with transaction.atomic():
        assert WebhookAttempt.objects.count() == 2


def test_a_test_is_sent_once_and_its_failure_harms_nothing(account, receiver, owner):
    receiver.answer = status(500)
    made = make_endpoint(account, receiver.url, kinds=["budget.*"])
    send_test(endpoint_id=made.endpoint.pk, acting_user=owner, now=timezone.now())
    send_due(seconds=5)
    assert json.loads(receiver.heard[0].body)["type"] == "webhook.test"
    assert states() == [("webhook.test", "failed", 1)]
    assert the_endpoint().failures == 0


def test_two_senders_at_once_send_nothing_twice(account, receiver):
    make_endpoint(account, receiver.url)
    with transaction.atomic():
        for _ in range(30):
            record_event(kind="registration.collected", subject_type="registration", subject_id=uuid4())
    relay_pending(seconds=5)
    receiver.answer = lambda handler, message: (time.sleep(0.02), status(204)(handler, message))
    others = [Thread(target=send_and_close) for _ in range(2)]
    for other in others:
        other.start()
    for other in others:
        other.join()
    ids = [message.headers["webhook-id"] for message in receiver.heard]
    assert (len(ids), len(set(ids))) == (30, 30)


def send_and_close():
    try:
        send_due(seconds=5)
    finally:
        connections.close_all()


SENDER = """
import django; django.setup()
from django.conf import settings
settings.WEBHOOK_ALLOWED_NETWORKS = ["127.0.0.0/8"]
from budgetsite.webhooks.services.sending import send_due
send_due(seconds=5)
"""


def test_what_a_killed_sender_had_is_sent_again_when_its_lease_is_over(account, receiver):
    make_endpoint(account, receiver.url)
    happen()
    came = Signal()

    def hang(handler, message):
        came.set()
        receiver.is_over.wait(20)

    receiver.answer = hang
    worker = subprocess.Popen([sys.executable, "-c", SENDER], env=environment(), cwd=CHECKOUT)
    assert came.wait(20)
    assert send_due(seconds=5) is False
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait(10)

    receiver.answer = status(204)
    assert send_due(seconds=5) is False
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE webhooks_webhookdelivery SET leased_until = now()")
    send_due(seconds=5)
    first, second = (message.headers["webhook-id"] for message in receiver.heard)
    assert first == second
    assert states() == [("budget.transferred", "delivered", 1)]


def test_who_comes_late_changes_nothing(account, receiver):
    """The lease was over and somebody else has sent it: the late answer is logged, and no more."""
    make_endpoint(account, receiver.url)
    happen()
    (late,) = claim_due(room=5, work=piecework())
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE webhooks_webhookdelivery SET leased_until = now()")
    send_due(seconds=5)
    record_all([(late, sending.Attempted(timezone.now(), 5, sending.Answer(status_code=500)))], work=piecework())
    assert states() == [("budget.transferred", "delivered", 1)]
    assert the_endpoint().failures == 0


def test_old_deliveries_go_with_their_attempts(account, receiver):
    make_endpoint(account, receiver.url)
    happen()
    send_due(seconds=5)
    happen()
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE webhooks_webhookdelivery SET created_at = now() - interval '31 days' WHERE attempts = 1")
    assert prune_deliveries(before=timezone.now() - timedelta(days=30)) == 1
    assert states() == [("budget.transferred", "waiting", 0)]
    with transaction.atomic():
        assert WebhookAttempt.objects.count() == 0
