"""PostgreSQL or Valkey goes away and comes back under a web process; a database that keeps nobody apart.

The servers are this module's own, since no other test could do without them.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from budgetsite.local.folder import CHECKOUT, DataFolder
from budgetsite.local.postgres import APP, SUPERUSER, Postgres
from budgetsite.local.servers import LocalServers
from budgetsite.local.signals import StopSignals
from budgetsite.local.valkey import Valkey
from budgetsite.testing.visitor import Reply, Visitor
from budgetsite.testing.web_process import PATIENCE_SECONDS, THREADS, WebProcess, eventually

pytestmark = pytest.mark.slow

EMAIL, PASSWORD = "ana@example.org", "correct horse battery"
DATE = "2026-07-15T14:00:00-04:00"
PAGES = ["/", "/sign-in"]
API = ["/api/v1/events", "/api/v1/me", "/api/v1/budget-alerts"]
AWAY_SECONDS = 5  # for so long Valkey is left alone after a failure (budgetsite.valkey)


@dataclass(frozen=True)
class House:
    """Servers with one account on them, whose owner is `EMAIL`."""

    postgres: Postgres
    valkey: Valkey
    environ: dict[str, str]
    logs: Path

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, CHECKOUT / "manage.py", *arguments]
        return subprocess.run(command, env=self.environ, cwd=CHECKOUT, capture_output=True, text=True)

    def web(self, name: str, **environ: str) -> WebProcess:
        return WebProcess(self.environ | environ, self.logs / f"{name}.log")

    def as_superuser(self) -> "psycopg.Connection[tuple[Any, ...]]":
        return psycopg.connect(
            host="127.0.0.1",
            port=self.postgres.port,
            dbname="budgetsite",
            user=SUPERUSER,
            password=self.postgres.folder.secrets().superuser_password,
            autocommit=True,
        )


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> Iterator[House]:
    folder = DataFolder(tmp_path_factory.mktemp("house"))
    settings = {"DJANGO_SETTINGS_MODULE": "budgetsite.settings.local", "DATA_DIR": str(folder.path)}
    with LocalServers(folder, StopSignals(), {}, durable=False) as servers:
        assert servers.postgres is not None
        assert servers.valkey is not None
        environ = {**os.environ, **servers.environment(), **settings}
        house = House(servers.postgres, servers.valkey, environ, folder.logs)
        account = ["Sunrise Catering", "--slug", "sunrise", "--currency", "CAD", "--timezone", "America/Toronto"]
        owner = ["--owner-email", EMAIL, "--password", PASSWORD]
        for command in (["prepare_database"], ["migrate", "--no-input"], ["create_account", *account, *owner]):
            done = house.manage(*command)
            assert done.returncode == 0, done.stderr
        yield house


@dataclass(frozen=True)
class Scene:
    """An event with a budget of 1,000 and a line of 800 on which nothing is spent."""

    budget: str
    line: str

    @property
    def page(self) -> str:
        return f"/budgets/{self.budget}"

    @property
    def line_page(self) -> str:
        return f"{self.page}/lines/{self.line}/edit"

    @property
    def address(self) -> str:
        return f"/api/v1/event-budgets/{self.budget}"

    @property
    def line_address(self) -> str:
        return f"{self.address}/line-items/{self.line}"


def open_scene(client: Visitor) -> Scene:
    event = {
        "name": "Summer gala",
        "event_type": "CATERING",
        "event_date": DATE,
        "registration_start_date": "2026-06-01T00:00:00Z",
        "registration_end_date": "2026-07-01T00:00:00Z",
        "event_budget_amount": "1000.00",
    }
    made = client.send("POST", "/api/v1/events", event)
    assert made.status == 201, made.text
    budget = made.json["budget_id"]
    hall = {"category": "Venue", "name": "Hall", "budgeted_amount": "800.00", "version": 1}
    line = client.send("POST", f"/api/v1/event-budgets/{budget}/line-items", hall)
    assert line.status == 201, line.text
    return Scene(budget, line.json["id"])


def client_of(web: WebProcess) -> Visitor:
    client = web.visitor()
    reply = client.take_token(EMAIL, PASSWORD)
    assert reply.status == 200, reply.text
    return client


def at_once(ask: Callable[[], Reply], times: int) -> list[int]:
    """Ask from several threads, which keeps all threads of the web process busy; return the statuses."""
    with ThreadPoolExecutor(times) as pool:
        return [reply.status for reply in pool.map(lambda _: ask(), range(times))]


@contextmanager
def without(server: Postgres | Valkey) -> Iterator[None]:
    server.stop()
    try:
        yield
    finally:
        server.start()


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


def assert_page_is_away(reply: Reply) -> None:
    assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
    assert reply.headers["Content-Type"].startswith("text/html")
    assert "Budgetsite is away for a moment" in reply.text


def assert_api_is_away(reply: Reply) -> None:
    assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
    detail = "The database can't be reached just now. Nothing was saved; please try again in a few seconds."
    error = {"code": "service_unavailable", "detail": detail, "attr": None}
    assert reply.json == {"type": "server_error", "errors": [error]}


def not_ready(visitor: Visitor) -> set[str]:
    reply = visitor.get("/readyz")
    assert (reply.status, reply.json["status"]) == (503, "not_ready")
    return {name for name, check in reply.json["checks"].items() if not check["ok"]}


def test_without_postgresql_everything_is_503_and_afterwards_the_same_process_serves(house):
    with house.web("postgres-away") as web:
        client = client_of(web)
        scene = open_scene(client)
        browser = web.visitor()
        assert browser.sign_in(EMAIL, PASSWORD).status == 200
        # Every thread has a connection that is about to break.
        assert at_once(lambda: client.get(scene.address), THREADS * 2) == [200] * THREADS * 2
        worker = web.worker

        with without(house.postgres):
            for path in [*PAGES, scene.page]:
                assert_page_is_away(browser.get(path))
            for path in [*API, scene.address]:
                assert_api_is_away(client.get(path))
            # It lives, and is not to be sent anything.
            assert browser.get("/healthz").status == 200
            assert not_ready(browser) >= {"database"}
            assert_api_is_away(client.send("PATCH", scene.line_address, {"version": 2, "actual_amount": "5.00"}))
            assert_api_is_away(web.visitor().take_token(EMAIL, PASSWORD))

        assert at_once(lambda: client.get(scene.address), THREADS * 2) == [200] * THREADS * 2
        assert client.get(scene.address).json["total_actual_amount"] == "0.00"
        assert browser.get(scene.page).address.endswith(scene.page)
        assert client.send("PATCH", scene.line_address, {"version": 2, "actual_amount": "5.00"}).status == 200
        assert web.worker == worker


def test_a_restart_of_postgresql_between_two_requests_is_noticed_by_nobody(house):
    with house.web("postgres-restarted") as web:
        client = client_of(web)
        assert at_once(lambda: client.get("/api/v1/me"), THREADS * 2) == [200] * THREADS * 2

        house.postgres.stop()
        house.postgres.start()

        assert at_once(lambda: client.get("/api/v1/me"), THREADS * 2) == [200] * THREADS * 2


def test_postgresql_that_ends_during_a_change_makes_it_503_and_undone(house):
    with house.web("postgres-ends") as web, ThreadPoolExecutor(1) as pool:
        client = client_of(web)
        scene = open_scene(client)
        # Holds up the posting when it has moved the budget's total already.
        holder = psycopg.connect(house.postgres.addresses.service)
        holder.execute("SELECT FROM budgets_budgetlineitem WHERE id = %s FOR UPDATE", [scene.line])
        edit = {"version": 2, "actual_amount": "5.00"}
        reply = pool.submit(client.send, "PATCH", scene.line_address, edit)
        with house.as_superuser() as observer:
            waiting = "SELECT pid FROM pg_locks WHERE NOT granted AND %s = ANY (pg_blocking_pids(pid))"
            eventually(lambda: observer.execute(waiting, [holder.info.backend_pid]).fetchone(), "A posting that waits")

        with without(house.postgres):
            assert_api_is_away(reply.result())
        holder.close()

        assert client.get(scene.address).json["total_actual_amount"] == "0.00"
        assert client.send("PATCH", scene.line_address, edit).status == 200
        assert client.get(scene.address).json["total_actual_amount"] == "5.00"
    assert house.manage("verify_ledger").returncode == 0


def test_a_web_process_that_starts_before_postgresql_serves_once_it_is_there(house):
    with without(house.postgres):
        web = house.web("postgres-later")
        web.__enter__()
        assert_page_is_away(web.visitor().get("/sign-in"))
    try:
        assert web.visitor().get("/sign-in").status == 200
        assert eventually(lambda: web.visitor().get("/readyz").status == 200, "Readiness")
        assert "tenant isolation not checked" in web.said()
    finally:
        web.end()


# --- Valkey -----------------------------------------------------------------------------------------------------------


def work_a_day(web: WebProcess) -> None:
    """Sign in, look, edit, post and change the account's rule: on the pages and over the API."""
    client = client_of(web)
    scene = open_scene(client)
    browser = web.visitor()
    assert browser.sign_in(EMAIL, PASSWORD).address == f"{browser.address}/"
    page = browser.get(scene.page)
    assert (page.status, page.address) == (200, browser.address + scene.page)
    edited = browser.submit(scene.line_page, name="Great hall", actual_amount="12.50")
    assert (edited.status, edited.address.partition("#")[0]) == (200, browser.address + scene.page)
    line = client.get(scene.line_address).json
    assert (line["name"], line["actual_amount"]) == ("Great hall", "12.50")
    posted = client.send("PATCH", scene.line_address, {"version": line["version"], "actual_amount": "900.00"})
    assert (posted.status, posted.json["actual_amount"]) == (200, "900.00")
    entries = client.get(f"{scene.address}/ledger").json["results"]
    assert sorted(entry["actual_delta"] for entry in entries) == ["12.50", "887.50"]
    alerts = client.get(f"/api/v1/budget-alerts?budget={scene.budget}").json["results"]
    assert {alert["alert_type"] for alert in alerts} >= {"line_item_overrun", "threshold_warning"}
    change_the_rule(client)


def change_the_rule(client: Visitor) -> None:
    """Change the account's rule, after which a worker is to look at its budgets once more."""
    rules = client.get("/api/v1/alert-rules").json["results"]
    if not rules:
        changed = client.send("POST", "/api/v1/alert-rules", {"warning_threshold": "40.00"})
    else:
        other = {"warning_threshold": "45.00" if rules[0]["warning_threshold"] == "40.00" else "40.00"}
        changed = client.send("PATCH", f"/api/v1/alert-rules/{rules[0]['id']}", other)
    assert changed.status in (200, 201), changed.text


def assert_work_was_not_lost_silently(web: WebProcess) -> None:
    failures = [line for line in web.said().splitlines() if "reevaluate_account_soon" in line and " ERROR " in line]
    assert len(failures) == 1


def passes(log: str) -> int:
    """How often a request has tried Valkey in vain."""
    return log.count("throttling is off while Valkey is away")


def test_without_valkey_people_work_on_and_nobody_waits_for_it_twice(house):
    # One attempt to sign in per minute: with the throttle at work, the second would be refused.
    with house.web("no-valkey", REDIS_URL="redis://127.0.0.1:1/0", THROTTLE_SIGN_IN="1/min") as web:
        started = time.monotonic()
        work_a_day(web)
        windows = 1 + int((time.monotonic() - started) / AWAY_SECONDS)

        assert 1 <= passes(web.said()) <= windows
        assert_work_was_not_lost_silently(web)


def test_valkey_that_never_answers_holds_up_one_request_in_five_seconds(house):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(100)
        port = silent.getsockname()[1]
        with house.web("silent-valkey", REDIS_URL=f"redis://127.0.0.1:{port}/0", THROTTLE_SIGN_IN="1/min") as web:
            started = time.monotonic()
            work_a_day(web)
            windows = 1 + int((time.monotonic() - started) / AWAY_SECONDS)

            assert 1 <= passes(web.said()) <= windows
            assert_work_was_not_lost_silently(web)
        # The throttle's attempts, those to start the relay, and the one of the changed rule to queue work.
        assert connections_to(silent) <= 2 * windows + 1


def connections_to(listener: socket.socket) -> int:
    listener.setblocking(False)
    count = 0
    while True:
        try:
            listener.accept()[0].close()
        except BlockingIOError:
            return count
        count += 1


def test_valkey_that_ends_and_comes_back_is_used_again_by_the_same_process(house):
    with house.web("valkey-ends", THROTTLE_SIGN_IN="5/min") as web:
        worker = web.worker
        client = client_of(web)

        with without(house.valkey):
            work_a_day(web)
            assert not_ready(web.visitor()) == {"broker"}
            assert at_once(lambda: web.visitor().take_token(EMAIL, PASSWORD), 8) == [200] * 8

        refused = eventually(lambda: refusal(web), "A throttle that counts again")
        assert refused.json["errors"][0]["code"] == "throttled"
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        with redis.Redis.from_url(house.valkey.address) as queue:
            queue.delete("celery")
            change_the_rule(client)
            tasks = [json.loads(message)["headers"]["task"] for message in queue.lrange("celery", 0, -1)]
        assert tasks == ["alerts.tasks.reevaluate_account"]
        assert web.worker == worker


def refusal(web: WebProcess) -> Reply | None:
    reply = web.visitor().take_token(EMAIL, PASSWORD)
    return reply if reply.status == 429 else None


# --- A database that does not keep tenants apart ----------------------------------------------------------------------


@pytest.fixture
def unsafe_house(house) -> Iterator[House]:
    """The house while its request role may look past the policies."""
    with house.as_superuser() as connection:
        connection.execute(f"ALTER ROLE {APP} BYPASSRLS")
        yield house
        connection.execute(f"ALTER ROLE {APP} NOBYPASSRLS")


SAYS_WHY = f"The request role {APP} bypasses row-level security: take SUPERUSER and BYPASSRLS from it."


def test_the_web_process_refuses_a_role_that_bypasses_the_policies_and_says_why(unsafe_house):
    web = unsafe_house.web("unsafe")
    process = web.launch()
    try:
        assert process.wait(PATIENCE_SECONDS) == 3  # gunicorn's own: a worker could not boot
    finally:
        web.end()

    assert "The database does not keep tenants apart." in web.said()
    assert SAYS_WHY in web.said()


def test_a_worker_refuses_it_too(unsafe_house):
    worker = subprocess.run(
        [sys.executable, "-m", "celery", "--app", "budgetsite", "worker", "--concurrency", "1"],
        env=unsafe_house.environ,
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )

    assert worker.returncode == 1
    assert SAYS_WHY in worker.stderr


def test_the_check_says_what_is_wrong(unsafe_house):
    check = unsafe_house.manage("check", "--database", "default")

    assert check.returncode == 1
    assert SAYS_WHY in check.stderr
