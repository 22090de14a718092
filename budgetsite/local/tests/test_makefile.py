import os
import signal
import subprocess
import sys
import time

import pytest

from budgetsite.local.discovery import described
from budgetsite.local.folder import CHECKOUT
from budgetsite.local.tests.running import PATIENCE_SECONDS

pytestmark = pytest.mark.slow


def make(target, tmp_path, stand_in_mode):
    """The project's own Makefile with a Python that starts the stand-in; nothing has to be installed."""
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m budgetsite.local.tests.stand_in {stand_in_mode}\n')
    python.chmod(0o755)
    installed = tmp_path / "installed"
    installed.touch()
    os.utime(installed, (time.time() + 3600, time.time() + 3600))
    return ["make", "-C", CHECKOUT, target, f"PYTHON={python}", f"INSTALLED={installed}"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_the_whole_of_make_run_stops_everything(stand_in, tmp_path, number):
    process = stand_in.until_ready(lambda: stand_in.start_command(*make("run", tmp_path, "site")))
    processes = stand_in.description().processes.values()
    assert len(processes) == 4

    os.killpg(process.pid, number)
    process.wait(PATIENCE_SECONDS)

    assert not any(each.alive for each in processes)
    assert described(stand_in.folder) is None
    assert "Stopped." in stand_in.said()


def test_a_signal_to_make_alone_stops_everything_before_make_ends(stand_in, tmp_path):
    process = stand_in.until_ready(lambda: stand_in.start_command(*make("run", tmp_path, "site")))
    processes = stand_in.description().processes.values()

    process.terminate()

    assert process.wait(PATIENCE_SECONDS) == -signal.SIGTERM
    assert not any(each.alive for each in processes)


def test_port_data_folder_and_demo_reach_the_site_from_the_command_line(stand_in, tmp_path):
    given = {name: value for name, value in stand_in.environ.items() if name not in {"PORT", "DATA_DIR"}}
    command = make("run", tmp_path, "site")
    folder = tmp_path / "from the command line"

    answer = subprocess.run(
        [*command, "PORT=none", f"DATA_DIR={folder}", "DEMO=0"],
        env=given,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert answer.returncode == 2
    assert "PORT is 'none', but a port is a number" in answer.stderr


def test_without_a_target_make_explains_itself():
    answer = subprocess.run(["make", "-C", CHECKOUT], capture_output=True, text=True, check=True)

    assert "make run " in answer.stdout
    assert "make test " in answer.stdout
