"""Streams of a real web process: who is let in, what comes, and when it ends."""

import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import pytest
from django.db import connections, transaction
from django.utils import timezone

from budgets.models import BudgetLineItem
from budgetsite.accounts.api_keys import create_api_key
from budgetsite.accounts.models import Account, Membership
from budgetsite.accounts.roles import Role
from budgetsite.accounts.services import change_role, end_membership
from budgetsite.accounts.sign_in import Standing
from budgetsite.accounts.tokens import issue_access_token
from budgetsite.live.api import MOST_STREAMS
from budgetsite.outbox.relay import relay_pending
from budgetsite.outbox.services import record_event
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event
from budgetsite.testing.other_process import environment
from budgetsite.testing.people import make_account, make_member
from budgetsite.testing.web_process import THREADS, WebProcess, eventually

PATH = "/api/v1/stream"
ANSWER_SECONDS = 20
MANY = 300


@pytest.fixture(scope="module")
def web(django_db_setup, tmp_path_factory) -> Iterator[WebProcess]:
    figures = tmp_path_factory.mktemp("figures")
    own = {"PROMETHEUS_MULTIPROC_DIR": str(figures), "METRICS_TOKEN": "scrape"}
    with WebProcess(environment() | own, tmp_path_factory.mktemp("web") / "gunicorn.log") as web:
        yield web


@dataclass
class Stream:
    """A program that listens: reads server-sent events as they come."""

    response: HTTPResponse
    last_id: str = ""
    retry_ms: int = 0

    def next(self) -> Any:
        """Wait for what comes next that has data; None at the end of the stream."""
        while read := self._read():
            if read[0] == "data":
                return json.loads(read[1])
        return None

    def place(self) -> str:
        """Wait until the first place is told."""
        while not self.last_id:
            assert self._read(), "The stream ended before it told its place."
        return self.last_id

    def _read(self) -> tuple[str, str] | None:
        line = self.response.readline().decode()
        name, _, value = line.rstrip("\n").partition(": ")
        if name == "id":
            self.last_id = value
        elif name == "retry":
            self.retry_ms = int(value)
        return (name, value) if line else None


@contextmanager
def listening(web: WebProcess, token: str, query: str = "", **headers: str) -> Iterator[Stream]:
    connection = HTTPConnection("127.0.0.1", web.port, timeout=ANSWER_SECONDS)
    sent = {"Authorization": f"Bearer {token}"} | {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request("GET", PATH + query, headers=sent)
        response = connection.getresponse()
        assert response.status == 200, response.read()
        yield Stream(response)
    finally:
        connection.close()


def token_of(membership: Membership, account: Account) -> str:
    return issue_access_token(Standing(membership.user, account, Role(membership.role)))


@dataclass
class House:
    """Two accounts, with a budget each, and the owners of both."""

    account: Account
    rival: Account
    owner: Membership
    token: str
    rival_token: str
    budgets: dict[Any, Any]

    def happens(self, account: Account, kind: str = "budget.changed") -> None:
        with tenant_scope(account.pk), transaction.atomic():
            record_event(
                kind=kind, subject_type="event_budget", subject_id=self.budgets[account.pk].pk, payload={"version": 2}
            )
        relay_pending(seconds=10)


@pytest.fixture
def house(committed_db) -> House:
    members, budgets = {}, {}
    for name in ("Sunrise", "Rival"):
        made = make_account(name)
        with tenant_scope(made.pk), transaction.atomic():
            owner = make_member(made, Role.OWNER)
            members[name] = made, owner
            budgets[made.pk] = make_budget(made, owner.user)
    relay_pending(seconds=10)
    (account, owner), (rival, stranger) = members.values()
    return House(account, rival, owner, token_of(owner, account), token_of(stranger, rival), budgets)


def metric(web: WebProcess, name: str) -> float:
    visitor = web.visitor()
    visitor.token = "scrape"
    lines = visitor.get("/metrics").text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))


def database_connections(*, of: WebProcess) -> int:
    """How many connections to PostgreSQL the process that serves requests has."""
    port = int(connections["default"].settings_dict["PORT"] or 5432)
    return sum(bool(each.raddr) and each.raddr.port == port for each in of.worker.net_connections())


# --- What comes -------------------------------------------------------------------------------------------------------


def test_each_account_hears_its_own_events_and_goes_on_where_it_was(web, house):
    with listening(web, house.token) as stream, listening(web, house.rival_token) as rival:
        assert stream.response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert stream.response.headers["Cache-Control"] == "no-store, no-transform"
        start = stream.place()
        rival.place()
        house.happens(house.rival)
        house.happens(house.account)

        event, other = stream.next(), rival.next()
        assert event.keys() == {"id", "type", "timestamp", "data"}
        assert event["type"] == "budget.changed"
        assert event["data"]["account_id"] == str(house.account.pk)
        assert event["data"]["subject_id"] == str(house.budgets[house.account.pk].pk)
        assert other["data"]["account_id"] == str(house.rival.pk)
        first = stream.last_id
    assert stream.retry_ms == 3000

    house.happens(house.account)
    with listening(web, house.token, Last_Event_ID=first) as stream:
        second = stream.next()
        assert second["id"] != event["id"]
    with listening(web, house.token, f"?since={start}&only=topics") as stream:
        budget = house.budgets[house.account.pk]
        topics = ["budgets", f"budget:{budget.pk}", f"event:{budget.event_id}"]
        assert [stream.next(), stream.next()] == [{"topics": topics}] * 2
    # A place of the other account is no help to see anything of it.
    with listening(web, house.rival_token, Last_Event_ID=first) as stream:
        house.happens(house.rival)
        assert stream.next()["data"]["account_id"] == str(house.rival.pk)
    for nowhere in ("x", f"{'0' * 16}.1-1"):
        with listening(web, house.token, Last_Event_ID=nowhere) as stream:
            assert stream.next() == {"reset": True}


def test_who_is_refused_is_told_why_and_hears_nothing(web, house):
    def refusal(query: str = "", token: str = house.token) -> tuple[int, Any]:
        visitor = web.visitor()
        visitor.token = token
        reply = visitor.get(PATH + query)
        return reply.status, reply.json["errors"][0]

    with tenant_scope(house.account.pk), transaction.atomic():
        key = create_api_key(
            name="Relay", actions=["scoped_budgets.view"], acting_user=house.owner.user, now=timezone.now()
        )
    assert refusal(token="")[0] == 401
    status, error = refusal(token=key.text)
    assert (status, bool(error["detail"])) == (403, True)
    for query, field_name in (("?kinds=nonsense", "kinds"), ("?kinds=budget.changed,x", "kinds"), ("?only=x", "only")):
        status, error = refusal(query)
        assert (status, error["attr"], error["code"]) == (400, field_name, "invalid_choice")

    with closing(HTTPConnection("127.0.0.1", web.port, timeout=ANSWER_SECONDS)) as connection:
        connection.request("HEAD", PATH, headers={"Authorization": f"Bearer {house.token}"})
        assert (connection.getresponse().status, metric(web, "budgetsite_stream_listeners")) == (200, 0)
    polled = web.visitor()
    polled.token = house.token
    assert polled.get(PATH + "?poll=true").text.startswith("retry: 10000\n\nid: ")

    with ExitStack() as all_of_them:
        for _ in range(MOST_STREAMS):
            all_of_them.enter_context(listening(web, house.token)).place()
        status, error = refusal()
        assert (status, error["code"]) == (429, "throttled")
        assert all_of_them.enter_context(listening(web, house.rival_token)).place()
    # Those that were closed do not count any more.
    eventually(lambda: metric(web, "budgetsite_stream_listeners") == 0, "An end of all streams")
    with listening(web, house.token) as stream:
        assert stream.place()


def test_hundreds_who_listen_hold_no_connection_and_no_thread(web, house):
    with tenant_scope(house.account.pk), transaction.atomic():
        members = [make_member(house.account, Role.STAFF) for _ in range(MANY // MOST_STREAMS)]
    before = metric(web, "budgetsite_streams_total")
    with ExitStack() as all_of_them:
        streams = [
            all_of_them.enter_context(listening(web, token))
            for token in (token_of(member, house.account) for member in members)
            for _ in range(MOST_STREAMS)
        ]
        for stream in streams:
            stream.place()
        visitor = web.visitor()
        visitor.token = house.token
        for _ in range(THREADS * 2):
            assert visitor.get(f"/api/v1/event-budgets/{house.budgets[house.account.pk].pk}").status == 200
        # Those of its threads, however many listen: as requests and where accounts don't matter yet.
        assert database_connections(of=web) <= 2 * THREADS
        assert metric(web, "budgetsite_stream_listeners") == MANY
        assert metric(web, "budgetsite_streams_total") - before == MANY
        house.happens(house.account)
        assert {stream.next()["type"] for stream in streams} == {"budget.changed"}
    # One line for each, when it begins.
    assert sum("GET api-stream 200" in line for line in web.said().splitlines()) > 100


def test_an_upload_that_breaks_off_stores_nothing_and_is_no_failure_of_ours(web, house):
    form = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="plan.csv"\r\n\r\n'
        b"category,name,budgeted_amount\nVenue,Hall,10\n"
    )
    head = (
        f"POST /api/v1/event-budgets/import HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {house.token}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 100000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", web.port)) as connection:
        connection.sendall(head.encode() + form)
        with closing(HTTPConnection("127.0.0.1", web.port)) as other:
            other.request("GET", "/healthz")
            other.getresponse().read()
    eventually(lambda: "POST api-event-budgets-import 400" in web.said(), "An end of the upload")
    assert "Traceback" not in web.said()
    with tenant_scope(house.account.pk), transaction.atomic():
        assert not BudgetLineItem.objects.exists()


# --- When it ends -----------------------------------------------------------------------------------------------------


def another_role(house, member):
    change_role(membership_id=member.pk, role=Role.CLIENT, acting_user=house.owner.user, acting_role=Role.OWNER)


def no_member(house, member):
    end_membership(membership_id=member.pk, acting_user=house.owner.user, acting_role=Role.OWNER, now=timezone.now())


def not_active(house, member):
    member.user.is_active = False
    member.user.save(update_fields=["is_active"])


def another_password(house, member):
    member.user.set_password("another horse battery")
    member.user.save()


@pytest.mark.parametrize(
    ("change", "then"), [(another_role, 200), (no_member, 401), (not_active, 401), (another_password, 401)]
)
def test_streams_end_at_once_when_access_changes(web, house, change, then):
    with tenant_scope(house.account.pk), transaction.atomic():
        member = make_member(house.account, Role.STAFF)
    token = token_of(member, house.account)
    with listening(web, token) as stream, listening(web, house.token) as other:
        stream.place()
        other.place()
        with tenant_scope(house.account.pk), transaction.atomic():
            change(house, member)
        assert stream.next() is None
        visitor = web.visitor()
        visitor.token = token
        assert visitor.get(PATH + "?poll=true").status == then
        house.happens(house.account, kind="budget.submitted")
        assert other.next()["type"] == "budget.submitted"
    if then == 200:
        with listening(web, token, Last_Event_ID=stream.last_id) as stream:
            house.happens(house.account, kind="budget.changed")
            # It is somebody else's client now.
            with tenant_scope(house.account.pk), transaction.atomic():
                event = make_event(house.account, house.owner.user, client=member.user, name="Mine")
                mine = make_budget(house.account, house.owner.user, event=event)
            relay_pending(seconds=10)
            assert stream.next()["data"]["subject_id"] in {str(event.pk), str(mine.pk)}


def test_who_listened_comes_back_after_the_end_of_a_process(house, tmp_path):
    figures = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "figures"), "METRICS_TOKEN": "scrape"}
    with WebProcess(environment() | figures, tmp_path / "gunicorn.log") as web:
        with listening(web, house.token) as stream:
            stream.place()
            # Its worker is killed: who listened comes back, with the place that they know.
            killed = web.worker
            killed.send_signal(signal.SIGKILL)
            assert stream.next() is None
            house.happens(house.account)
            eventually(lambda: web.process.poll() is None and web._answers() and web.worker != killed, "Another worker")
        with listening(web, house.token, Last_Event_ID=stream.last_id) as stream:
            assert stream.next()["type"] == "budget.changed"
            assert metric(web, "budgetsite_stream_listeners") == 1
            started = time.monotonic()
            web.process.send_signal(signal.SIGTERM)
            assert stream.next() is None
            assert web.process.wait(10) == 0
            assert time.monotonic() - started < 6
        assert "Traceback" not in web.said()
