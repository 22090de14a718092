import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from budgetsite.local.folder import DataFolder
from budgetsite.local.postgres import Postgres
from budgetsite.local.servers import ADDRESSES
from budgetsite.local.signals import StopSignals
from budgetsite.local.tests.running import StandIn


@pytest.fixture
def reachable_path() -> Iterator[Path]:
    """A temporary folder that every user may pass through; pytest's own are closed to others."""
    path = Path(tempfile.mkdtemp(prefix="budgetsite-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """A data folder whose path needs care: spaces, quotes and letters beyond ASCII."""
    folder = DataFolder(tmp_path / 'Fête d\'été "2018" 東京')
    folder.create()
    return folder


@pytest.fixture
def signals() -> StopSignals:
    return StopSignals()


@pytest.fixture
def postgres(folder: DataFolder, signals: StopSignals) -> Iterator[Postgres]:
    postgres = Postgres(folder, signals, durable=False)
    postgres.start()
    yield postgres
    postgres.stop()


@pytest.fixture
def environ(folder: DataFolder) -> dict[str, str]:
    """The environment of a person who has set nothing but the data folder."""
    set_by_the_test_run = {*ADDRESSES, "SECRET_KEY", "FIELD_ENCRYPTION_KEYS", "PORT", "DEMO", "DJANGO_SETTINGS_MODULE"}
    usual = {name: value for name, value in os.environ.items() if name not in set_by_the_test_run}
    return usual | {"DATA_DIR": str(folder.path)}


@pytest.fixture
def stand_in(environ: dict[str, str], tmp_path: Path) -> Iterator[StandIn]:
    stand_in = StandIn(environ, tmp_path / "output")
    yield stand_in
    stand_in.end()
