from types import SimpleNamespace

import pytest
from django.db import connections

from budgetsite.testing import template_database
from budgetsite.testing.template_database import NotMade, create_database, drop_database, template_for


def worker(done):
    return SimpleNamespace(workerinput={"template": ("test_site_template", str(done))})


def test_a_run_without_workers_copies_nothing():
    assert template_for(SimpleNamespace()) is None


def test_a_worker_copies_what_is_ready(tmp_path):
    (tmp_path / "done").touch()

    assert template_for(worker(tmp_path / "done")) == "test_site_template"


def test_a_worker_is_told_what_went_wrong(tmp_path):
    (tmp_path / "done").write_text("ProgrammingError: no such function")

    with pytest.raises(NotMade, match=r"could not be made\.\nProgrammingError: no such function"):
        template_for(worker(tmp_path / "done"))


def test_a_worker_does_not_wait_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(template_database, "PATIENCE_SECONDS", 0.1)

    with pytest.raises(NotMade, match=r"not ready within 0\.1 seconds"):
        template_for(worker(tmp_path / "done"))


def test_a_copy_is_made_and_dropped(django_db_setup, django_db_blocker):
    name = f"{connections['owner'].settings_dict['NAME']}_copy"
    with django_db_blocker.unblock():
        drop_database(name)
        create_database(name, template="template0")
        with connections["owner"].cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_database WHERE datname = %s", [name])
            assert cursor.fetchone() == (1,)
            drop_database(name)
            cursor.execute("SELECT count(*) FROM pg_database WHERE datname = %s", [name])
            assert cursor.fetchone() == (0,)
        connections["owner"].close()
