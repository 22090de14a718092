import os
import signal

import psutil
import pytest

from budgetsite.local import throwaway
from budgetsite.local.folder import DataFolder
from budgetsite.local.tests.running import PATIENCE_SECONDS, eventually
from budgetsite.local.throwaway import PREFIX, folder_in_memory, throwaway_folder


def throwaway_folders(stand_in):
    return list(stand_in.folder.path.glob(f"{PREFIX}*"))


@pytest.mark.parametrize("code", [0, 5])
def test_the_command_s_exit_code_is_passed_on_and_everything_is_gone(stand_in, code):
    assert stand_in.run("throwaway", str(code)) == code

    assert stand_in.said() == "stand-in prepared with DATABASE_URL REDIS_URL SECRET_KEY\n"
    assert throwaway_folders(stand_in) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_command_and_removes_everything(stand_in, number):
    process = stand_in.start("waiting")
    eventually(lambda: "stand-in works" in stand_in.said(), "the command")
    [folder] = throwaway_folders(stand_in)
    postmaster = int((folder / "postgres" / "postmaster.pid").read_text().splitlines()[0])

    process.send_signal(number)

    assert process.wait(PATIENCE_SECONDS) == 128 + number
    assert throwaway_folders(stand_in) == []
    assert not psutil.pid_exists(postmaster)


def test_two_runs_at_once_use_folders_of_their_own(stand_in):
    waiting = stand_in.start("waiting")
    eventually(lambda: "stand-in works" in stand_in.said(), "the first command")

    assert stand_in.run("throwaway", "0") == 0

    assert waiting.poll() is None
    assert len(throwaway_folders(stand_in)) == 1


def test_what_a_killed_run_left_is_removed_by_the_next_and_nothing_else_is(folder):
    left = folder.path / f"{PREFIX}left"
    left.mkdir()
    (left / "big").write_text("x")
    (folder.path / "mine").mkdir()

    with throwaway_folder(folder.path) as first, throwaway_folder(folder.path) as second:
        assert not left.exists()
        assert isinstance(second, DataFolder)
        assert first.path != second.path
        assert first.path.exists()

    assert sorted(path.name for path in folder.path.iterdir()) == ["logs", "mine", "valkey"]


def test_given_servers_are_used(stand_in, postgres):
    stand_in.environ |= {"DATABASE_URL": postgres.addresses.owner, "REDIS_URL": "redis://127.0.0.1:1/0"}

    assert stand_in.run("throwaway", "0") == 0

    assert not (stand_in.folder.logs / "valkey.log").exists()


def test_in_memory_the_folder_is_the_users_own(tmp_path):
    folder = folder_in_memory({}, tmp_path)

    assert folder == tmp_path / f"budgetsite-{os.geteuid()}"
    # PostgreSQL of another user passes through; nobody else lists it.
    assert folder.stat().st_mode & 0o777 == 0o711
    assert folder_in_memory({}, tmp_path) == folder


@pytest.mark.parametrize("reason", ["another place is named", "nothing is there", "somebody else's", "too little"])
def test_data_stays_in_the_data_folder_when(reason, tmp_path, monkeypatch):
    environ, memory = {}, tmp_path
    if reason == "another place is named":
        environ = {"DATA_DIR": str(tmp_path)}
    elif reason == "nothing is there":
        memory = tmp_path / "shm"
    elif reason == "somebody else's":
        (tmp_path / "theirs").mkdir()
        (tmp_path / f"budgetsite-{os.geteuid()}").symlink_to(tmp_path / "theirs")
    else:
        monkeypatch.setattr(throwaway, "LEAST_FREE_BYTES", 10**18)

    assert folder_in_memory(environ, memory) is None
