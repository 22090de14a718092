"""Who is told that the site lives, that it is ready, and its figures."""

import time
from dataclasses import dataclass
from threading import Event
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections, transaction
from django.test import Client

from budgets.models import EventBudget
from budgetsite.accounts.metrics import FAILURES
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.caching.remembering import remembered
from budgetsite.operations import figures, readiness
from budgetsite.operations.figures import StoredFigure, gauge, register
from budgetsite.operations.observation import STATEMENTS
from budgetsite.operations.readiness import readings, register_check
from budgetsite.operations.worker_figures import serve_figures
from budgetsite.outbox.services import record_event
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_line
from budgetsite.testing.people import make_account, make_member, sign_in
from budgetsite.testing.visitor import Visitor

TOKEN = {"Authorization": "Bearer a-scraper's-token"}


@pytest.fixture(autouse=True)
def nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test asks anew, and takes back what it registers."""
    monkeypatch.setattr(figures, "_memory", {})
    monkeypatch.setattr(figures, "_sources", dict(figures._sources))
    monkeypatch.setattr(readiness, "_checks", dict(readiness._checks))
    readings.forget()


def figures_told(client: Client | None = None) -> dict[str, float]:
    answer = (client or Client()).get("/metrics", headers=TOKEN)
    assert answer.status_code == 200
    lines = [line.rpartition(" ") for line in answer.content.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in lines}


# --- Alive, ready -----------------------------------------------------------------------------------------------------


def test_it_says_that_it_lives_without_any_server():
    # Without a fixture that lets it, a test that comes near the database fails.
    answer = Client().get("/healthz", headers={"Host": "10.1.2.3"})

    assert (answer.status_code, answer.json(), answer["Cache-Control"]) == (200, {"status": "ok"}, "no-store")
    assert Client().post("/healthz").status_code == 405


def test_it_is_ready_with_everything_there(committed_db):
    answer = Client().get("/readyz")

    checks = {name: {"ok": True} for name in ("broker", "database", "migrations", "outbox")}
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "checks": checks})


def test_it_says_what_is_missing_and_no_secret(committed_db, settings):
    settings.CELERY_BROKER_URL = "redis://:the-password@127.0.0.1:1/0"
    with connections["owner"].cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'operations'")
    try:
        answer = Client().get("/readyz")
    finally:
        with connections["owner"].cursor() as cursor:
            cursor.execute(
                "INSERT INTO django_migrations (app, name, applied) VALUES ('operations', '0001_runs', now())"
            )

    assert answer.status_code == 503
    assert answer.json() == {
        "status": "not_ready",
        "checks": {
            "broker": {"ok": False, "detail": "Can't be reached: BrokerAway."},
            "database": {"ok": True},
            "migrations": {"ok": False, "detail": "1 migration is not applied: run manage.py migrate."},
            "outbox": {"ok": True},
        },
    }


def test_a_check_that_hangs_holds_nobody_up_and_is_not_started_twice(committed_db, monkeypatch):
    monkeypatch.setattr(readiness, "CHECK_SECONDS", 0.1)
    monkeypatch.setattr(readiness, "REMEMBERED_SECONDS", 0)
    started, over = [], Event()

    def hang() -> None:
        started.append(True)
        over.wait(60)

    register_check("slow", hang)
    try:
        said = [Client().get("/readyz").json()["checks"]["slow"] for _ in range(3)]
    finally:
        over.set()

    assert said == [{"ok": False, "detail": "No answer within 0.1 s."}] * 3
    assert len(started) == 1


def test_results_are_remembered_for_a_moment(committed_db):
    asked = []
    register_check("counted", lambda: asked.append(True))

    for _ in range(3):
        Client().get("/readyz")

    assert asked == [True]


def test_an_outbox_that_falls_behind_is_not_ready(committed_db, settings):
    account = make_account()
    with tenant_scope(account.pk), transaction.atomic():
        for _ in range(3):
            record_event(kind="budget.submitted", subject_type="event_budget", subject_id=uuid4())
    with connections["service"].cursor() as cursor:
        cursor.execute("UPDATE outbox_outboxevent SET created_at = now() - interval '10 minutes', relayed_at = NULL")
    settings.READY_OUTBOX_LAG_SECONDS = 300

    answer = Client().get("/readyz")

    assert answer.status_code == 503
    assert answer.json()["checks"]["outbox"]["detail"] == "The oldest event waits for 600 s: is a worker running?"
    settings.METRICS_TOKEN = "a-scraper's-token"
    told = figures_told()
    assert told["budgetsite_outbox_waiting"] == 3
    assert round(told["budgetsite_outbox_lag_seconds"]) == 600


# --- Who may see the figures ------------------------------------------------------------------------------------------


WHO_ASKS = [
    # The token that is set, whether this machine may see figures without one, what is sent, and the answer.
    ("a-scraper's-token", False, TOKEN, 200),
    ("a-scraper's-token", True, {}, 401),
    ("a-scraper's-token", True, {"Authorization": "Bearer a-scraper's-toke"}, 401),
    ("a-scraper's-token", True, {"Authorization": "Basic a-scraper's-token"}, 401),
    ("", True, {}, 200),
    ("", True, {"X-Forwarded-For": "127.0.0.1"}, 404),
    ("", False, {}, 404),
    ("", False, {"Authorization": "Bearer "}, 404),
]


def test_figures_are_for_who_has_the_token(committed_db, settings):
    for token, loopback, sent, status in WHO_ASKS:
        settings.METRICS_TOKEN, settings.METRICS_FOR_LOOPBACK = token, loopback
        answer = Client().get("/metrics", headers=sent)
        assert (answer.status_code, b"budgetsite_" in answer.content) == (status, status == 200), (
            token,
            loopback,
            sent,
        )


def test_another_machine_sees_none_without_a_token(committed_db, settings):
    settings.METRICS_TOKEN, settings.METRICS_FOR_LOOPBACK = "", True

    assert Client(REMOTE_ADDR="192.0.2.7").get("/metrics").status_code == 404


# --- What they say ----------------------------------------------------------------------------------------------------


@pytest.fixture
def scraped(committed_db: None, settings: Any) -> None:
    settings.METRICS_TOKEN = "a-scraper's-token"


def overspend(name: str) -> "Overspent":
    account = make_account(name)
    with tenant_scope(account.pk):
        user = make_member(account, Role.OWNER).user
        budget = make_budget(account, user, total="100")
        make_line(budget, user, budgeted_amount="100", actual_amount="200")
    return Overspent(account, user, budget)


@dataclass(frozen=True)
class Overspent:
    account: Account
    owner: User
    budget: EventBudget


def test_figures_of_all_accounts_are_one_sum_without_names(scraped, settings):
    first, second = overspend("Sunrise Catering"), overspend("Rival Events")

    told = figures_told()

    assert told['budgetsite_alerts_open{level="critical",type="over_budget"}'] == 2
    assert not any(each.account.slug in name for each in (first, second) for name in told)
    assert {told[name] for name in told if name.startswith("budgetsite_figure_failed")} == {0}

    settings.METRICS_PER_ACCOUNT = True
    figures._memory.clear()
    told = figures_told()
    for each in (first, second):
        label = f'account="{each.account.slug}",level="critical",type="over_budget"'
        assert told[f"budgetsite_alerts_open{{{label}}}"] == 1


def test_a_figure_that_fails_or_takes_too_long_takes_no_other_along(scraped, monkeypatch):
    monkeypatch.setattr(figures, "STATEMENT_MILLISECONDS", 100)
    register(StoredFigure("broken", "Broken.", "SELECT nothing AS value", of_accounts=False))
    register(StoredFigure("slow", "Slow.", "SELECT pg_sleep(60)::text::int AS value", of_accounts=False))
    asked = time.monotonic()

    told = figures_told()

    assert time.monotonic() - asked < 30
    failed = {name for name, value in told.items() if name.startswith("budgetsite_figure_failed") and value}
    assert failed == {'budgetsite_figure_failed{figure="broken"}', 'budgetsite_figure_failed{figure="slow"}'}
    assert "budgetsite_outbox_waiting" in told


def test_figures_are_asked_for_once_in_a_while(scraped, settings):
    asked = []

    class Counting:
        name = "counting"

        def read(self) -> list[Any]:
            asked.append(True)
            return [gauge("counting", "Counts.", len(asked))]

    register(Counting())
    assert [figures_told()["budgetsite_counting"] for _ in range(3)] == [1, 1, 1]
    assert figures.figure("counting", "counting") == 1
    settings.METRICS_REMEMBERED_SECONDS = -1
    figures._memory.clear()
    assert [figures_told()["budgetsite_counting"] for _ in range(2)] == [2, 3]


def test_scraping_takes_no_connection_of_its_own_for_ever(scraped):
    connections["service"].close()

    figures_told()

    assert connections["service"].connection is None


def test_requests_are_counted_by_route_and_never_by_address(scraped):
    overspent = overspend("Sunrise Catering")
    client, page = sign_in(overspent.owner, overspent.account), f"/budgets/{overspent.budget.pk}"
    client.get(page)
    before, statements = figures_told(), STATEMENTS.labels("budgets:detail")._value.get()

    sent: list[str] = []
    with connections["default"].execute_wrapper(lambda execute, sql, *rest: (sent.append(sql), execute(sql, *rest))[1]):
        client.get(page)
    client.get(f"/nowhere{page}")
    Client().get("/static/budgetsite/site.css").close()

    after, name = figures_told(), 'budgetsite_http_requests_total{method="GET",route="budgets:detail",status="2xx"}'
    assert after[name] - before[name] == 1
    assert STATEMENTS.labels("budgets:detail")._value.get() - statements == len(sent) > 0
    assert after['budgetsite_http_requests_total{method="GET",route="(none)",status="4xx"}'] >= 1
    assert after['budgetsite_http_requests_total{method="GET",route="(static)",status="2xx"}'] >= 1
    assert not any(str(overspent.budget.pk) in each or "nowhere" in each for each in after)


def test_refused_sign_ins_are_counted(scraped):
    def refused() -> float:
        return figures_told().get('budgetsite_sign_in_failures_total{outcome="failed"}', 0)

    before = refused()
    Client().post("/sign-in", {"username": "nobody@example.org", "password": "wrong"})

    assert refused() - before == 1


def test_answers_that_were_remembered_are_counted(scraped):
    subject = f"test-{uuid4().hex}"

    assert [remembered(subject, ["key"], lambda: 7, seconds=60) for _ in range(3)] == [7, 7, 7]

    told = figures_told()
    counts = [
        told[f'budgetsite_remembered_answers_total{{outcome="{each}",subject="{subject}"}}']
        for each in ("hits", "misses")
    ]
    assert counts == [2, 1]


def test_a_worker_on_a_machine_of_its_own_tells_what_was_counted_there(settings):
    settings.METRICS_TOKEN, settings.METRICS_WORKER_ADDRESS = "", "127.0.0.1:0"
    assert serve_figures() is None
    settings.METRICS_TOKEN = "a-scraper's-token"
    FAILURES.labels("failed").inc()
    server = serve_figures()
    assert server is not None
    try:
        worker = Visitor(f"http://127.0.0.1:{server.server_port}")
        refused = [worker.get("/metrics"), worker.get("/elsewhere")]
        worker.token = "a-scraper's-token"
        told = worker.get("/metrics")
    finally:
        server.shutdown()
        server.server_close()

    assert [reply.status for reply in refused] == [401, 404]
    assert (told.status, "budgetsite_sign_in_failures_total" in told.text) == (200, True)
    # What is asked of the database is told by web servers alone: it would be told twice.
    assert "budgetsite_alerts_open" not in told.text
