import signal

import psutil
import pytest

from budgetsite.local.folder import DataFolder
from budgetsite.local.tests.running import PATIENCE_SECONDS, eventually
from budgetsite.local.throwaway import PREFIX, throwaway_folder


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
