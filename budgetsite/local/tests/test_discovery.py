import os
import stat
import subprocess
import sys

import pytest

from budgetsite.encryption.keys import parse_keys
from budgetsite.local.discovery import (
    PLACEHOLDERS,
    RunningServers,
    describe,
    described,
    explain_unreachable_database,
    forget,
    local_environment,
    running_servers,
)
from budgetsite.local.folder import CHECKOUT, DataFolder
from budgetsite.local.problems import LocalServersNotRunning
from budgetsite.local.processes import ProcessIdentity, identity_of

ADDRESSES = {
    "DATABASE_URL": "postgres://owner:1@127.0.0.1:5001/budgetsite",
    "DATABASE_APP_URL": "postgres://app:2@127.0.0.1:5001/budgetsite",
    "DATABASE_SERVICE_URL": "postgres://service:3@127.0.0.1:5001/budgetsite",
    "REDIS_URL": "redis://:4@127.0.0.1:5002/0",
    "SECRET_KEY": "key",
    "FIELD_ENCRYPTION_KEYS": "k:cafe",
}


@pytest.fixture
def alive(folder):
    description = RunningServers(
        supervisor=identity_of(os.getpid()),
        environment=ADDRESSES,
        site="http://127.0.0.1:8000/",
        processes={"web": identity_of(os.getpid())},
    )
    describe(folder, description)
    return description


def test_running_servers_are_found_as_they_described_themselves(folder, alive):
    assert described(folder) == alive
    assert running_servers(folder.path) == alive
    assert local_environment(folder.path, {}) == ADDRESSES
    assert local_environment(given={"DATA_DIR": str(folder.path)}) == ADDRESSES


def test_the_description_is_private(folder, alive):
    assert stat.S_IMODE(folder.servers_file.stat().st_mode) == 0o600


def test_what_is_given_wins(folder, alive):
    given = {"DATABASE_URL": "postgres://me@db/mine", "SECRET_KEY": "mine", "FIELD_ENCRYPTION_KEYS": "mine:1"}

    assert local_environment(folder.path, given) == {"REDIS_URL": ADDRESSES["REDIS_URL"]}


def test_without_servers_the_settings_load_and_nothing_is_written(tmp_path):
    path = tmp_path / "never made"

    environment = local_environment(path, {})

    assert environment.keys() == ADDRESSES.keys()
    assert environment | PLACEHOLDERS == environment
    assert len(environment["SECRET_KEY"]) > 50
    assert not path.exists()


def test_the_keys_stay_while_the_servers_are_down(folder):
    kept = folder.secrets()

    environment = local_environment(folder.path, {})

    assert (environment["SECRET_KEY"], environment["FIELD_ENCRYPTION_KEYS"]) == (
        kept.secret_key,
        kept.field_encryption_keys,
    )


def test_what_is_encrypted_in_a_database_of_one_s_own_can_be_read_the_next_time(tmp_path):
    given = {"DATABASE_URL": "postgres://me@db/mine"}
    path = tmp_path / "not yet made"

    first, second = local_environment(path, given), local_environment(path, given)

    assert first == second
    assert parse_keys(first["FIELD_ENCRYPTION_KEYS"])[0].id == "local"


def test_dead_servers_and_a_reused_process_id_count_as_not_running(folder):
    ended = subprocess.Popen(["true"])
    ended.wait()
    now = identity_of(os.getpid())
    for identity in (ProcessIdentity(ended.pid, now.started), ProcessIdentity(now.pid, now.started - 100)):
        describe(folder, RunningServers(supervisor=identity, environment=ADDRESSES))

        with pytest.raises(LocalServersNotRunning, match="make run"):
            running_servers(folder.path)
        assert local_environment(folder.path, {})["DATABASE_URL"] == PLACEHOLDERS["DATABASE_URL"]


def test_a_forgotten_or_damaged_description_counts_as_not_running(folder, alive):
    folder.servers_file.write_text('{"supervisor": 3}')
    assert described(folder) is None

    forget(folder)
    forget(folder)
    assert described(folder) is None


def test_a_refused_connection_is_explained_only_when_the_local_servers_are_missing(tmp_path, folder, alive):
    missing = tmp_path / "missing"

    assert "make run" in str(explain_unreachable_database({}, missing))
    assert str(missing) in str(explain_unreachable_database({}, missing))
    assert explain_unreachable_database({"DATABASE_URL": "postgres://db/mine"}, missing) is None
    assert explain_unreachable_database({}, folder.path) is None


def test_a_command_that_needs_the_database_says_how_to_start_it(environ, folder):
    answer = subprocess.run(
        [sys.executable, "manage.py", "showmigrations"],
        cwd=CHECKOUT,
        env=environ | {"DJANGO_SETTINGS_MODULE": "budgetsite.settings.local"},
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert answer.returncode == 1
    assert "Start it with `make run`" in answer.stderr
    assert str(folder.path) in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_command_that_needs_no_database_works_without_it(environ, folder):
    subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=CHECKOUT,
        env=environ | {"DJANGO_SETTINGS_MODULE": "budgetsite.settings.local"},
        check=True,
        timeout=60,
    )

    assert not DataFolder(folder.path).servers_file.exists()
