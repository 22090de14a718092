"""What processes have counted, added up over processes that work, that have ended, and that were killed."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from budgetsite.operations.exposition import exposition
from budgetsite.operations.figures_folder import VARIABLE, add_up_ended, open_folder

COUNTS = """
import sys
from prometheus_client import Counter, Gauge, Histogram
Counter("jobs", "Jobs.", ["kind"]).labels("small").inc(float(sys.argv[1]))
seconds = Histogram("job_seconds", "How long.", buckets=(1, 2))
seconds.observe(0.5)
seconds.observe(1.5)
Gauge("open_jobs", "Jobs that are open.", multiprocess_mode="livesum").inc()
print("counted", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    return tmp_path


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.communicate()


def count(processes: list[subprocess.Popen[str]], jobs: int) -> subprocess.Popen[str]:
    """Start a process that counts and waits."""
    command = [sys.executable, "-c", COUNTS, str(jobs)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ)
    processes.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "counted\n"
    return process


def told() -> dict[str, float]:
    lines = re.findall(r"^(job\S+) (\S+)$", exposition().decode(), re.MULTILINE)
    return {name: float(value) for name, value in lines if "created" not in name}


def open_jobs() -> float:
    return sum(float(value) for value in re.findall(r"^open_jobs (\S+)$", exposition().decode(), re.MULTILINE))


THREE_PROCESSES = {
    'jobs_total{kind="small"}': 7.0,
    'job_seconds_bucket{le="1.0"}': 3.0,
    'job_seconds_bucket{le="2.0"}': 6.0,
    'job_seconds_bucket{le="+Inf"}': 6.0,
    "job_seconds_count": 6.0,
    "job_seconds_sum": 6.0,
}


def test_sums_stay_and_files_stay_few_when_processes_end(folder, processes):
    killed = count(processes, 1)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    ended = count(processes, 2)
    ended.communicate()
    at_work = count(processes, 4)
    assert told() == THREE_PROCESSES

    add_up_ended()
    add_up_ended()

    assert told() == THREE_PROCESSES
    # What an ended process had open is open no more.
    assert open_jobs() == 1
    kept = [f"{kind}_{process}.db" for kind in ("counter", "histogram") for process in (0, at_work.pid)]
    kept.append(f"gauge_livesum_{at_work.pid}.db")
    assert sorted(path.name for path in folder.glob("*.db")) == sorted(kept)
    at_work.communicate()
    add_up_ended()
    assert told() == THREE_PROCESSES
    assert sorted(path.name for path in folder.glob("*.db")) == ["counter_0.db", "histogram_0.db"]


def test_a_server_that_starts_beside_others_leaves_what_they_counted(folder, processes):
    count(processes, 1).communicate()
    count(processes, 2)

    open_folder()

    assert told()['jobs_total{kind="small"}'] == 3


def test_where_nothing_runs_counting_begins_anew(folder, processes):
    count(processes, 1).communicate()

    open_folder()

    assert told() == {}
    assert list(folder.glob("*.db")) == []


def test_without_a_folder_nothing_is_made(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)

    open_folder()
    add_up_ended()

    assert list(tmp_path.iterdir()) == []


def test_a_command_needs_no_folder_and_leaves_none(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "figures"))
    subprocess.run([sys.executable, "-c", "import django; django.setup()"], check=True)
    assert list(tmp_path.iterdir()) == []
