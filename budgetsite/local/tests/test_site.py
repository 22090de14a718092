import http.server
import signal
import stat

import psycopg
import pytest
import redis

from budgetsite.local.discovery import described, local_environment
from budgetsite.local.folder import DataFolder
from budgetsite.local.problems import LocalProblem
from budgetsite.local.processes import port_is_free
from budgetsite.local.site import budgetsite, run_site, with_demo
from budgetsite.local.tests.running import PATIENCE_SECONDS, eventually
from budgetsite.operations import web_server
from budgetsite.operations.access_log import AccessLog
from budgetsite.operations.broker import queue_names

pytestmark = pytest.mark.slow


def test_it_serves_says_where_and_is_found_by_others(stand_in):
    stand_in.serve()

    environment = local_environment(stand_in.folder.path, {})
    assert stand_in.is_healthy()
    assert f"Budgetsite is ready at {stand_in.address}" in stand_in.said()
    assert "stand-in prepared with DATABASE_URL REDIS_URL SECRET_KEY" in stand_in.said()
    assert stand_in.description().site == stand_in.address
    assert set(stand_in.description().processes) == {"PostgreSQL", "Valkey", "web", "worker"}
    assert stat.S_IMODE(stand_in.folder.servers_file.stat().st_mode) == 0o600
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT current_database()::text").fetchone() == ("budgetsite",)
    with redis.Redis.from_url(environment["REDIS_URL"]) as client:
        assert client.ping() is True


def test_a_second_run_says_where_the_first_is_and_disturbs_nothing(stand_in):
    first = stand_in.serve()
    before = stand_in.description()

    assert stand_in.run("site") == 1

    assert f"Already running at {stand_in.address}" in stand_in.said()
    assert stand_in.description() == before
    assert first.poll() is None
    assert stand_in.is_healthy()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_stops_everything_and_is_success(stand_in, number):
    process = stand_in.serve()
    processes = stand_in.description().processes.values()
    assert all(each.alive for each in processes)

    process.send_signal(number)

    assert process.wait(PATIENCE_SECONDS) == 0
    assert not any(each.alive for each in processes)
    assert described(stand_in.folder) is None
    assert not (stand_in.folder.postgres / "postmaster.pid").exists()
    assert stand_in.said().endswith("Stopped.\n")


def test_passwords_and_data_are_the_same_at_the_next_start(stand_in):
    process = stand_in.serve()
    before = local_environment(stand_in.folder.path, {})
    with psycopg.connect(before["DATABASE_URL"]) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    process.terminate()
    process.wait(PATIENCE_SECONDS)

    stand_in.serve()

    after = local_environment(stand_in.folder.path, {})
    assert after["SECRET_KEY"] == before["SECRET_KEY"]
    with psycopg.connect(after["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)


def test_after_a_killed_run_the_next_one_starts_and_nothing_of_the_old_one_lives(stand_in):
    process = stand_in.serve()
    old = stand_in.description().processes

    process.kill()
    process.wait(PATIENCE_SECONDS)
    stand_in.serve()

    new = stand_in.description().processes
    assert not any(each.alive for each in old.values())
    assert all(each.alive for each in new.values())
    assert stand_in.is_healthy()


@pytest.mark.parametrize("name", ["web", "worker", "Valkey", "PostgreSQL"])
def test_what_dies_is_reported_and_started_again(stand_in, name):
    stand_in.serve()
    before = stand_in.description()
    before.processes[name].process().kill()

    eventually(
        lambda: stand_in.description().processes.get(name, before.processes[name]) != before.processes[name],
        f"a new {name}",
    )

    assert f"{name} was killed by signal 9; starting it again in 1 s (1 of 3)." in stand_in.said()
    assert stand_in.description().environment == before.environment
    eventually(stand_in.is_healthy, "health")
    with psycopg.connect(before.environment["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_program_that_ends_while_starting_stops_everything_and_shows_its_log(stand_in):
    assert stand_in.run("fragile") == 1

    assert "worker ended while starting" in stand_in.said()
    assert stand_in.said().endswith("  stand-in cannot work\n")
    assert described(stand_in.folder) is None
    assert not (stand_in.folder.postgres / "postmaster.pid").exists()


def test_a_failed_preparation_stops_everything_and_shows_what_it_said(stand_in):
    assert stand_in.run("unprepared") == 1

    assert "Stopped while loading the stand-in." in stand_in.said()
    assert "stand-in prepared with" in stand_in.said()
    assert not stand_in.is_healthy()
    assert not (stand_in.folder.postgres / "postmaster.pid").exists()


def test_a_taken_port_is_said_before_anything_starts(stand_in):
    with http.server.HTTPServer(("127.0.0.1", stand_in.port), http.server.BaseHTTPRequestHandler):
        assert not port_is_free(stand_in.port)
        assert stand_in.run("site") == 1

    assert f"Port {stand_in.port} is taken" in stand_in.said()
    assert f"make run PORT={stand_in.port + 1}" in stand_in.said()
    assert not stand_in.folder.postgres.exists()
    assert port_is_free(stand_in.port)


@pytest.mark.parametrize("port", ["web", "0", "65536", "-1", "8e3", "٣٠٠٠"])
def test_a_port_that_is_none_is_explained(folder, signals, port):
    with pytest.raises(LocalProblem, match="a port is a number from 1 to 65535"):
        run_site(folder, {"PORT": port}, signals)


def test_given_servers_are_used_and_none_of_our_own_started(stand_in, postgres):
    given = postgres.addresses.owner
    stand_in.environ |= {"DATABASE_URL": given, "REDIS_URL": "redis://127.0.0.1:1/0"}
    stand_in.folder = DataFolder(stand_in.folder.path.with_name("given"))
    stand_in.environ["DATA_DIR"] = str(stand_in.folder.path)

    stand_in.serve()

    assert set(stand_in.description().processes) == {"web", "worker"}
    assert stand_in.description().environment == {
        "DATABASE_URL": given,
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "SECRET_KEY": stand_in.folder.secrets().secret_key,
        "FIELD_ENCRYPTION_KEYS": stand_in.folder.secrets().field_encryption_keys,
    }
    assert not stand_in.folder.postgres.exists()


def test_the_site_is_web_workers_and_beat_and_the_demo_is_optional(folder):
    with_demo, without = budgetsite(8123, folder, demo=True), budgetsite(8123, folder, demo=False)

    assert [each.arguments[2] for each in with_demo.preparations] == [
        "prepare_database",
        "migrate",
        "load_demo",
    ]
    assert [each.arguments[2] for each in without.preparations] == ["prepare_database", "migrate"]
    assert list(without.programs) == ["web", "worker", "webhooks", "mail", "beat"]
    queues = [
        arguments[arguments.index("--queues") + 1] for arguments in without.programs.values() if "--queues" in arguments
    ]
    # Each queue has one worker, and what waits for others' servers has one for itself.
    assert queues == ["celery,outbox,nightly", "webhooks", "mail"]
    assert sorted(",".join(queues).split(",")) == queue_names()
    assert "127.0.0.1:8123" in without.programs["web"]


def test_the_access_log_keeps_no_secrets(folder):
    web = budgetsite(8123, folder, demo=False).programs["web"]

    assert web[web.index("--config") + 1] == f"python:{web_server.__name__}"
    assert web_server.logger_class == f"{AccessLog.__module__}.{AccessLog.__qualname__}"


@pytest.mark.parametrize(
    ("said", "demo"),
    [({}, True), ({"DEMO": ""}, True), ({"DEMO": "1"}, True), ({"DEMO": "0"}, False), ({"DEMO": " Off "}, False)],
)
def test_the_demo_is_left_out_only_when_asked(said, demo):
    assert with_demo(said) is demo
