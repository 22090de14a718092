"""Ably's REST interface as its documentation has it, spoken by a local server."""

import base64
import json
import logging
from functools import partial
from typing import NamedTuple
from uuid import uuid4

import pytest
from django.db import connections, transaction

from budgetsite.ably import services
from budgetsite.ably.models import AblyMessage
from budgetsite.ably.services import publish_due
from budgetsite.outbox.models import OutboxEvent
from budgetsite.outbox.relay import relay_pending
from budgetsite.outbox.services import record_event
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.receivers import Receiver, status

pytestmark = pytest.mark.usefixtures("committed_db")
KEY = "appid.keyid:secret"
SUBJECT = uuid4()


class Ably(NamedTuple):
    receiver: Receiver
    # path → the messages' ids → name and data
    channels: dict[str, dict[str, tuple[str, dict[str, str]]]]


@pytest.fixture
def ably(receiver, settings):
    """A server that takes messages as Ably does: 201, and one with an id that it has already is left out."""
    settings.ABLY_KEY, settings.ABLY_URL = KEY, f"http://127.0.0.1:{receiver.port}/"
    channels = {}

    def answer(handler, message):
        if message.headers.get("authorization") != "Basic " + base64.b64encode(KEY.encode()).decode():
            status(401, b'{"error":{"code":40101}}')(handler, message)
            return
        said = json.loads(message.body)
        channel = channels.setdefault(message.path, {})
        channel.setdefault(said["id"], (said["name"], json.loads(said["data"]) if said["encoding"] == "json" else None))
        status(201, json.dumps({"channel": message.path, "messageId": said["id"]}).encode())(handler, message)

    receiver.answer = answer
    return Ably(receiver, channels)


def happen(*kinds):
    with transaction.atomic():
        for kind in kinds:
            record_event(kind=kind, subject_type="registration", subject_id=SUBJECT, payload={})
    relay_pending(seconds=5)


def waiting():
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ably_ablymessage")
        return cursor.fetchone()[0]


def let_retry():
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE ably_ablymessage SET next_attempt_at = now()")


def test_each_account_has_its_events_on_a_channel_of_its_own_in_their_order(account, other_account, ably):
    happen("registration.collected", "registration.check_in_undone")
    with tenant_scope(other_account.pk):
        happen("registration.collected")
    assert publish_due(seconds=5) == 3

    with transaction.atomic():
        first, second = OutboxEvent.objects.order_by("position")
    ours = ably.channels[f"/channels/budgetsite%3A{account.pk}/messages"]
    assert list(ours) == [str(first.pk), str(second.pk)]
    assert [name for name, _ in ours.values()] == ["registration.collected", "registration.check_in_undone"]
    assert ours[str(first.pk)][1] == {
        "account_id": str(account.pk),
        "subject_type": "registration",
        "subject_id": str(SUBJECT),
        "sequence": first.position,
        "timestamp": first.created_at.isoformat(),
    }
    assert len(ably.channels[f"/channels/budgetsite%3A{other_account.pk}/messages"]) == 1
    assert waiting() == 0


def test_what_ably_does_not_take_is_published_later_in_its_order_and_once(account, ably, caplog):
    caplog.set_level(logging.CRITICAL)
    takes = ably.receiver.answer
    happen("registration.collected", "registration.check_in_undone")
    ably.receiver.answer = status(503)
    assert publish_due(seconds=5) == 0
    # Not before its time, and nothing overtakes.
    assert publish_due(seconds=5) == 0
    assert (len(ably.receiver.heard), waiting()) == (1, 2)

    ably.receiver.answer = takes
    let_retry()
    assert publish_due(seconds=5) == 2
    (channel,) = ably.channels.values()
    assert [name for name, _ in channel.values()] == ["registration.collected", "registration.check_in_undone"]


def test_while_ably_does_not_answer_one_account_finds_out_for_all(account, other_account, ably, caplog, monkeypatch):
    caplog.set_level(logging.CRITICAL)
    takes = ably.receiver.answer
    for tenant in (account, other_account):
        with tenant_scope(tenant.pk):
            happen("registration.collected")
    monkeypatch.setattr(services, "post", partial(services.post, seconds=0.2))
    ably.receiver.answer = lambda handler, message: ably.receiver.is_over.wait(20)
    assert publish_due(seconds=5) == 0
    assert (len(ably.receiver.heard), waiting()) == (1, 2)

    # Back again, the other's is not put off.
    ably.receiver.answer = takes
    assert publish_due(seconds=5) == 1
    let_retry()
    assert (publish_due(seconds=5), waiting()) == (1, 0)


def test_a_message_whose_answer_was_lost_is_left_out_by_its_id(account, ably):
    happen("registration.collected")
    publish_due(seconds=5)
    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE outbox_outboxevent SET relayed_at = NULL")
    relay_pending(seconds=5)
    assert publish_due(seconds=5) == 1
    assert len(ably.receiver.heard) == 2
    (channel,) = ably.channels.values()
    assert len(channel) == 1


def test_without_a_key_nothing_is_kept_for_it(account, settings):
    settings.ABLY_KEY = ""
    happen("registration.collected")
    assert waiting() == 0
    assert publish_due(seconds=5) == 0


def test_while_one_worker_publishes_an_account_no_other_does(account, ably):
    happen("registration.collected")
    again = []

    def meanwhile(handler, message):
        # Another worker, on connections of its own.
        again.append(publish_due(seconds=1))
        connections.close_all()
        status(201)(handler, message)

    ably.receiver.answer = meanwhile
    assert publish_due(seconds=5) == 1
    assert again == [0]
    assert len(ably.receiver.heard) == 1


def test_messages_belong_to_their_account(account, other_account, ably):
    happen("registration.collected")
    with transaction.atomic():
        assert AblyMessage.objects.count() == 1
    with tenant_scope(other_account.pk), transaction.atomic():
        assert AblyMessage.objects.count() == 0
