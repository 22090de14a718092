"""Pages that are moved by what is no event: the figures of company budgets, and what comes of webhooks."""

import json

import pytest
import redis
from django.db import connection, transaction
from django.utils import timezone

from budgetsite.accounts.roles import Role
from budgetsite.live import publishing
from budgetsite.live.journal import read
from budgetsite.live.publishing import SETTLE_MS
from budgetsite.testing.people import make_member
from budgetsite.testing.scoped_budgets import make_scoped_budget, spend
from budgetsite.webhooks.services.delivery import redeliver, send_test
from budgetsite.webhooks.services.endpoint import create_endpoint
from budgetsite.webhooks.services.sending import send_due

NUDGED = {
    "sight": {
        "needs": "scoped_budgets.view",
        "topics": ["company_budgets"],
        "organizers": [],
        "clients": [],
        "attendees": False,
        "concerned": [],
        "details": None,
    },
    "settle_ms": SETTLE_MS,
}


@pytest.fixture(autouse=True)
def nobody_has_tried_in_vain(monkeypatch):
    """Tests without Valkey leave it alone for a while."""
    monkeypatch.setattr(publishing, "_nudging", publishing._Nudging())


@pytest.fixture
def owner(committed_db, account):
    with transaction.atomic():
        return make_member(account, Role.OWNER).user


@pytest.fixture
def budget(account, owner):
    with transaction.atomic():
        return make_scoped_budget(account, owner, amount=10_000)


def commits(work) -> int:
    """Run work as a transaction; return how many nudges it wanted to give after the commit."""
    with transaction.atomic():
        work()
        return sum(isinstance(callback, publishing._RareNudge) for _, callback, _ in connection.run_on_commit)


@pytest.fixture
def told_of(account):
    start = read(account.pk, None).cursor
    return lambda: [json.loads(entry.content) for entry in read(account.pk, start).entries]


def noted(account, topic="company_budgets") -> str:
    return f"budgetsite-live:{connection.settings_dict['NAME']}:noted:{account.pk}:{topic}"


def test_the_first_of_many_changes_moves_pages_which_look_when_the_last_is_committed(
    account, owner, budget, told_of, settings
):
    def much_is_spent() -> None:
        for _ in range(3):
            spend(budget, owner, "1.00")

    assert commits(much_is_spent) == 1
    assert told_of() == [NUDGED]
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        # It may be noted for longer than this test takes, and not for longer than pages wait.
        assert -2 <= client.pttl(noted(account)) <= SETTLE_MS
        client.set(noted(account), 1)
        # Untold, and seen: the page that was told looks after this.
        assert commits(lambda: spend(budget, owner, "1.00")) == 1
        assert told_of() == [NUDGED]
        client.delete(noted(account))
    commits(lambda: spend(budget, owner, "1.00"))
    assert told_of() == [NUDGED] * 2


def test_what_is_not_committed_moves_nothing(owner, budget, told_of):
    def spend_and_think_again() -> None:
        with transaction.atomic():
            spend(budget, owner, "1.00")
            transaction.set_rollback(True)

    assert commits(spend_and_think_again) == 0
    assert told_of() == []


def test_a_webhooks_page_moves_when_something_is_sent_again_or_answered(
    account, owner, told_of, receiver, loopback_allowed, settings
):
    seen = {**NUDGED, "sight": {**NUDGED["sight"], "needs": "webhooks.view", "topics": ["webhooks"]}}
    with transaction.atomic():
        endpoint = create_endpoint(acting_user=owner, url=receiver.url, kinds=["budget.approved"]).endpoint

    def moves(work) -> bool:
        """Whether pages are told, where they were told of nothing for a second."""
        with redis.Redis.from_url(settings.REDIS_URL) as client:
            client.delete(noted(account, "webhooks"))
        before = told_of()
        work()
        return told_of() == [*before, seen]

    made = []

    @transaction.atomic
    def try_it() -> None:
        made.append(send_test(endpoint_id=endpoint.pk, acting_user=owner, now=timezone.now()))

    @transaction.atomic
    def send_again() -> None:
        redeliver(endpoint_id=endpoint.pk, delivery_id=made[0].pk, acting_user=owner, now=timezone.now())

    assert moves(try_it)
    assert moves(lambda: send_due(seconds=5))
    assert moves(send_again)
    assert moves(lambda: send_due(seconds=5))
    assert len(receiver.heard) == 2
    assert not moves(lambda: send_due(seconds=5))


def test_without_valkey_one_commit_in_a_while_tries_it(owner, budget, settings, caplog):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    for _ in range(3):
        commits(lambda: spend(budget, owner, "1.00"))

    assert [record.message for record in caplog.records if record.name == publishing.__name__] == [
        "open pages are not told of a change: ConnectionError"
    ]
