import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from budgetsite.local import privileges
from budgetsite.local.folder import CHECKOUT, DataFolder
from budgetsite.local.postgres import APP, OWNER, Postgres
from budgetsite.local.privileges import RunAs, as_existing_user, in_namespace
from budgetsite.local.problems import LocalProblem, StopRequested
from budgetsite.local.tests.running import eventually


def query(address: str, statement: str) -> tuple[object, ...] | None:
    with psycopg.connect(address, connect_timeout=5) as connection:
        return connection.execute(statement).fetchone()


def test_owner_role_can_make_databases_and_roles_and_nothing_more(postgres):
    row = query(
        postgres.addresses.owner,
        "SELECT current_user::text, rolcreatedb, rolcreaterole, rolsuper, rolbypassrls, rolreplication,"
        " (SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = current_database())"
        " FROM pg_roles WHERE rolname = current_user",
    )

    assert row == (OWNER, True, True, False, False, False, OWNER)


def test_only_the_owner_exists_and_the_other_logins_differ(postgres):
    addresses = postgres.addresses

    roles = query(
        addresses.owner,
        "SELECT array_agg(rolname::text ORDER BY 1) FROM pg_roles WHERE rolname LIKE 'budget%'",
    )

    assert roles == ([OWNER],)
    assert addresses.app.startswith(f"postgres://{APP}:")
    assert len({addresses.owner, addresses.app, addresses.service}) == 3


def test_it_listens_on_loopback_alone_and_has_no_socket_file(postgres):
    sockets = psutil.Process(postgres.process.pid).net_connections("all")
    listening = {
        each.laddr[:2] for each in sockets if each.status == psutil.CONN_LISTEN or each.family == socket.AF_UNIX
    }

    assert listening == {("127.0.0.1", postgres.port)}


def test_a_wrong_or_missing_password_is_refused(postgres):
    address = postgres.addresses.owner
    password = postgres.folder.secrets().owner_password

    for wrong in (address.replace(password, "wrong"), address.replace(f":{password}", "")):
        with pytest.raises(psycopg.OperationalError):
            query(wrong, "SELECT 1")


def test_text_is_utf_8_with_upper_case_of_every_script(postgres):
    row = query(
        postgres.addresses.owner,
        "SELECT upper('straße œuvre жук'), getdatabaseencoding()::text, current_setting('TimeZone')",
    )

    assert row == ("STRASSE ŒUVRE ЖУК", "UTF8", "UTC")


def test_throwaway_servers_skip_the_disk_and_durable_ones_do_not(postgres, tmp_path, signals):
    durable = Postgres(DataFolder(tmp_path / "durable"), signals)
    durable.folder.create()
    statement = "SELECT current_setting('fsync'), current_setting('synchronous_commit')"
    try:
        durable.start()
        assert query(durable.addresses.owner, statement) == ("on", "on")
    finally:
        durable.stop()
    assert query(postgres.addresses.owner, statement) == ("off", "off")


def test_data_and_passwords_survive_a_restart(postgres, folder, signals):
    before = postgres.addresses
    with psycopg.connect(before.owner) as connection:
        connection.execute("CREATE TABLE guests AS SELECT 'Zoë' AS name")
    postgres.stop()

    again = Postgres(folder, signals, durable=False)
    again.start()
    try:
        assert query(again.addresses.owner, "SELECT name FROM guests") == ("Zoë",)
        assert again.folder.secrets().owner_password in before.owner
    finally:
        again.stop()


def test_a_server_that_died_comes_back_on_its_port(postgres):
    before = postgres.addresses
    postgres.process.send_signal(signal.SIGQUIT)
    postgres.process.wait(20)

    postgres.start()

    assert postgres.addresses == before
    assert query(before.owner, "SELECT 1") == (1,)


def test_files_are_private_and_no_password_file_stays(postgres):
    folder = postgres.folder

    assert stat.S_IMODE(folder.postgres.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder.logs / "postgres.log").stat().st_mode) == 0o600
    assert not list(folder.path.glob("*.password")) + list(folder.path.glob("*.new"))


def test_the_leftover_of_a_killed_run_is_stopped_by_its_own_id(postgres, folder, signals):
    leftover = postgres.process
    with psycopg.connect(postgres.addresses.owner) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")

    again = Postgres(folder, signals, durable=False)
    again.start()
    try:
        assert leftover.wait(20) == 0
        assert query(again.addresses.owner, "SELECT one FROM kept") == (1,)
    finally:
        again.stop()


def test_a_stranger_with_the_id_of_an_old_server_is_left_alone(postgres, folder, signals):
    postgres.stop()
    stranger = subprocess.Popen(["tail", "-f", "/dev/null"])
    try:
        (folder.postgres / "postmaster.pid").write_text(f"{stranger.pid}\n{folder.postgres}\n")
        assert Postgres(folder, signals).leftover() is None
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_an_interrupted_first_start_leaves_nothing_half_made(folder, signals):
    (folder.path / "postgres.new").mkdir()
    (folder.path / "postgres.new" / "PG_VERSION").write_text("half")
    signals.received = signal.SIGTERM

    with pytest.raises(StopRequested):
        Postgres(folder, signals, durable=False).start()

    assert not folder.postgres.exists()
    assert not (folder.path / "postgres.password").exists()


def test_data_of_another_version_is_refused_and_left_alone(folder, signals):
    folder.postgres.mkdir()
    (folder.postgres / "PG_VERSION").write_text("12\n")

    with pytest.raises(LocalProblem, match="made by PostgreSQL 12, but version 18 is installed"):
        Postgres(folder, signals).start()

    assert [path.name for path in folder.postgres.iterdir()] == ["PG_VERSION"]


def test_lost_secrets_are_explained_and_nothing_keeps_running(postgres, folder, signals):
    postgres.stop()
    folder.secrets_file.unlink()
    again = Postgres(folder, signals, durable=False)
    try:
        with pytest.raises(LocalProblem, match=r"refuses the password in .*secrets\.json"):
            again.start()
    finally:
        again.stop()
    assert again.process.poll() is not None


def test_it_starts_where_the_path_is_longer_than_a_socket_s_may_be(tmp_path, signals):
    folder = DataFolder(tmp_path / ("long " * 20) / ("länger " * 15))
    folder.create()
    assert len(os.fsencode(folder.path)) > 107
    postgres = Postgres(folder, signals, durable=False)
    try:
        postgres.start()
        assert query(postgres.addresses.owner, "SELECT 1") == (1,)
    finally:
        postgres.stop()


def ways_to_run() -> list[RunAs]:
    """The ways that this machine offers: for root a namespace and another user, for others as they are."""
    if os.geteuid() != 0:
        return [RunAs()]
    return [way for way in (in_namespace(), as_existing_user()) if way is not None]


@pytest.fixture(params=ways_to_run(), ids=lambda way: way.user_name or "same user or namespace")
def way(request: pytest.FixtureRequest) -> Iterator[RunAs]:
    return request.param


def test_it_runs_as_somebody_other_than_root_and_gives_way_both_ways(way, reachable_path, signals):
    folder = DataFolder(reachable_path / "data")
    folder.create(traversable=way.user is not None)
    postgres = Postgres(folder, signals, durable=False, running_as=way)
    try:
        postgres.start()
        assert query(postgres.addresses.owner, "SELECT 1") == (1,)
        assert folder.postgres.stat().st_uid == (os.geteuid() if way.user is None else way.user)
        assert folder.path.stat().st_uid == os.geteuid()
        assert folder.secrets_file.stat().st_uid == os.geteuid()
    finally:
        postgres.stop()

    usual = Postgres(folder, signals, durable=False)
    try:
        usual.start()
        assert query(usual.addresses.owner, "SELECT 1") == (1,)
    finally:
        usual.stop()


def test_a_folder_that_the_other_user_cannot_reach_is_named(tmp_path, signals):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    folder = DataFolder(closed / "data")
    folder.create(traversable=True)
    # pytest's folders above are closed as well, so that the first of them is the one to name.
    first_closed = next(path for path in reversed(folder.postgres.parents) if not path.stat().st_mode & stat.S_IXOTH)
    nobody = RunAs(user=65534, group=65534, user_name="nobody")

    with pytest.raises(LocalProblem, match=f"the user nobody; .* may not pass through {first_closed}\\."):
        Postgres(folder, signals, running_as=nobody).start()

    assert not folder.postgres.exists()


def test_root_without_namespaces_becomes_another_user(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(privileges.shutil, "which", lambda name: None)

    way = privileges.run_as()

    assert way.prefix == ()
    assert way.user not in (None, 0)


def test_an_ordinary_user_stays_who_they_are(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert privileges.run_as() == RunAs()


def test_postgres_stops_when_the_process_that_started_it_is_killed(folder, tmp_path):
    pid_file: Path = tmp_path / "pid"
    folder.secrets()
    program = (
        "import os, sys, pathlib, signal\n"
        "from budgetsite.local.folder import DataFolder\n"
        "from budgetsite.local.postgres import Postgres\n"
        "from budgetsite.local.signals import StopSignals\n"
        "postgres = Postgres(DataFolder(pathlib.Path(sys.argv[1])), StopSignals(), durable=False)\n"
        "postgres.start()\n"
        "pathlib.Path(sys.argv[2]).write_text(str(postgres.process.pid))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program, folder.path, pid_file], cwd=CHECKOUT, timeout=60)

    assert killed.returncode == -signal.SIGKILL
    pid = int(pid_file.read_text())
    eventually(lambda: not psutil.pid_exists(pid), "PostgreSQL's end")
    assert not (folder.postgres / "postmaster.pid").exists()
