import json
import os
import stat
from dataclasses import asdict
from pathlib import Path

import pytest

from budgetsite.local.folder import (
    CHECKOUT,
    LARGEST_LOG_BYTES,
    DataFolder,
    FolderInUse,
    data_folder_path,
)
from budgetsite.local.problems import LocalProblem


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_data_folder_is_dot_local_in_the_checkout_unless_named():
    assert data_folder_path({}) == CHECKOUT / ".local"
    assert data_folder_path({"DATA_DIR": ""}) == CHECKOUT / ".local"
    assert (CHECKOUT / "manage.py").is_file()


def test_named_data_folder_may_be_relative_or_in_the_home_folder(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/somebody")

    assert data_folder_path({"DATA_DIR": "my data"}) == tmp_path / "my data"
    assert data_folder_path({"DATA_DIR": "~/data"}) == Path("/home/somebody/data")


def test_everything_in_the_folder_is_private_whatever_the_umask(tmp_path):
    previous = os.umask(0)
    try:
        folder = DataFolder(tmp_path / "data")
        folder.create()
        folder.secrets()
        folder.log("web")
        with folder.held("me"):
            modes = {path.name: mode(path) for path in folder.path.iterdir()}
    finally:
        os.umask(previous)

    assert mode(folder.path) == 0o700
    assert modes == {"valkey": 0o700, "logs": 0o700, "secrets.json": 0o600, "lock": 0o600}
    assert mode(folder.logs / "web.log") == 0o600


def test_a_folder_that_exists_keeps_its_mode(tmp_path):
    path = tmp_path / "data"
    path.mkdir()
    path.chmod(0o755)

    DataFolder(path).create()

    assert mode(path) == 0o755


def test_traversable_folder_can_be_passed_through_and_not_listed(tmp_path):
    folder = DataFolder(tmp_path / "data")

    folder.create(traversable=True)

    assert mode(folder.path) == 0o701


def test_a_file_in_the_folder_s_place_is_a_problem_that_names_it(tmp_path):
    (tmp_path / "data").write_text("somebody's")

    with pytest.raises(LocalProblem, match=r"cannot be made .*DATA_DIR="):
        DataFolder(tmp_path / "data").create()

    assert (tmp_path / "data").read_text() == "somebody's"


def test_the_secrets_of_an_earlier_release_are_kept_and_completed(tmp_path):
    folder = DataFolder(tmp_path)
    made = asdict(folder.secrets())
    earlier = {name: value for name, value in made.items() if name != "field_encryption_keys"}
    folder.secrets_file.write_text(json.dumps(earlier))

    assert folder.known_secrets() is None
    completed = asdict(folder.secrets())

    assert {name: completed[name] for name in earlier} == earlier
    assert asdict(folder.secrets()) == completed


def test_secrets_are_random_and_stay_the_same(tmp_path):
    one, other = DataFolder(tmp_path / "one"), DataFolder(tmp_path / "other")
    one.create()
    other.create()

    first = one.secrets()

    assert DataFolder(one.path).secrets() == first
    assert other.secrets() != first
    assert len({*vars(first).values()}) == 7
    assert min(len(secret) for secret in vars(first).values()) >= 48


def test_looking_for_secrets_makes_none(folder):
    assert folder.known_secrets() is None
    assert not folder.secrets_file.exists()


@pytest.mark.parametrize("damaged", ["{", "[]", '{"owner_password": "of which", "nobody": "knows"}'])
def test_damaged_secrets_are_a_problem_and_are_not_overwritten(folder, damaged):
    folder.secrets_file.write_text(damaged)

    with pytest.raises(LocalProblem, match="damaged"):
        folder.secrets()

    assert folder.secrets_file.read_text() == damaged


def test_a_held_folder_is_refused_with_its_holder_s_words_and_free_afterwards(folder):
    other = DataFolder(folder.path)

    with folder.held("http://127.0.0.1:8000/"):
        with pytest.raises(FolderInUse) as refusal, other.held("another"):
            pytest.fail("held twice")
        assert refusal.value.holder == "http://127.0.0.1:8000/"

    with other.held("another"):
        assert folder.lock_file.read_text() == "another"


def test_a_log_that_has_grown_large_is_put_aside(folder):
    log = folder.log("web")
    log.write_bytes(b"x" * (LARGEST_LOG_BYTES + 1))

    assert folder.log("web").read_bytes() == b""
    assert (folder.logs / "web.log.1").stat().st_size == LARGEST_LOG_BYTES + 1
    assert mode(folder.logs / "web.log") == 0o600
