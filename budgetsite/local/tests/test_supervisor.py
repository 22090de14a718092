import sys

import psutil
import pytest

from budgetsite.local.problems import LocalProblem
from budgetsite.local.supervisor import RESTARTS, LogEcho, Program, Supervisor
from budgetsite.local.tests.running import eventually


def program(folder, source, name="worker"):
    return Program(name, [sys.executable, "-c", source], folder=folder, environ={}, cwd=folder.path)


def test_a_program_that_always_ends_is_given_up_after_three_restarts(folder, signals):
    worker = program(folder, "print('cannot work'); raise SystemExit(4)")
    said, changes = [], []
    worker.start()
    supervisor = Supervisor(
        [worker], signals, say=said.append, changed=lambda: changes.append(1), first_delay_seconds=0.01
    )

    with pytest.raises(LocalProblem, match=r"worker ended with code 4 and does not stay up(.|\n)*cannot work"):
        supervisor.watch()

    assert len(changes) == RESTARTS
    assert [line for line in said if "starting it again" in line] == [
        "worker ended with code 4; starting it again in 0.01 s (1 of 3).",
        "worker ended with code 4; starting it again in 0.02 s (2 of 3).",
        "worker ended with code 4; starting it again in 0.04 s (3 of 3).",
    ]


def test_what_a_program_writes_is_shown_by_whole_lines_and_once(folder):
    web = program(folder, "", name="web")
    web.log.write_text("of an earlier run\n")
    shown = []
    echo = LogEcho(web, shown.append)

    with web.log.open("a", encoding="utf-8") as log:
        log.write("Traceback\nVal")
        log.flush()
        echo.show_new()
        assert shown == ["web    | Traceback"]
        log.write("ueError: ü\n")
        log.flush()
        echo.show_new()
        echo.show_new()

    assert shown == ["web    | Traceback", "web    | ValueError: ü"]


def test_stopping_a_program_ends_what_it_started(folder):
    worker = program(
        folder,
        "import subprocess, signal, time\n"
        "child = subprocess.Popen(['tail', '-f', '/dev/null'])\n"
        "print(child.pid, flush=True)\n"
        "signal.pause()",
    )
    worker.start()
    eventually(lambda: worker.log.read_text().strip() != "", "the child's id")
    child = psutil.Process(int(worker.log.read_text()))

    worker.stop()

    assert worker.process.poll() is not None
    eventually(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, "the child's end")
