import csv
import hashlib
import json
import subprocess
import sys
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.db.migrations.loader import MigrationLoader

from budgets.models import LedgerEntry
from budgets.services.line_item import delete_line_item
from budgetsite.tenancy.isolation import tenant_models
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_line
from budgetsite.testing.other_process import environment
from budgetsite.testing.people import make_account, make_member
from budgetsite.testing.template_database import create_database, drop_database, template_for

CHECKOUT = Path(__file__).parents[3]


def make_account_with_a_budget(name, *, line="Hall", description=""):
    """An account with an owner and a budget of two lines, one of them deleted; three entries."""
    with transaction.atomic():
        account = make_account(name)
        with tenant_scope(account.pk):
            owner = make_member(account, "owner", name="Ana “O'Brien”, owner").user
        with tenant_scope(account.pk, user_id=owner.pk):
            budget = make_budget(account, owner)
            make_line(budget, owner, name=line, description=description, actual_amount="10")
            gone = make_line(budget, owner, name="Stage", actual_amount="20")
            delete_line_item(budget_id=budget.pk, line_item_id=gone.pk, acting_user=owner, now=datetime.now(UTC))
    return account


def export(account, directory):
    printed = StringIO()
    call_command("export_account", "--account", account.slug, "--out", str(directory), stdout=printed)
    return printed.getvalue()


def read(directory, table):
    with (directory / f"{table}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_an_export_holds_history_ledger_and_deleted_rows(committed_db, tmp_path):
    account = make_account_with_a_budget("Sunrise Catering", description='Großer "Saal", Süd\nzweite Zeile')
    export(account, tmp_path / "out")
    lines = read(tmp_path / "out", "budgets_budgetlineitem")
    assert {(row["name"], row["description"], bool(row["deleted_at"])) for row in lines} == {
        ("Hall", 'Großer "Saal", Süd\nzweite Zeile', False),
        ("Stage", "", True),
    }
    entries = sorted(read(tmp_path / "out", "budgets_ledgerentry"), key=lambda row: int(row["seq"]))
    assert [row["actual_delta"] for row in entries] == ["10.000000", "20.000000", "-20.000000"]
    with tenant_scope(account.pk), transaction.atomic():
        hashes = [bytes(value).hex() for value in LedgerEntry.objects.order_by("seq").values_list("hash", flat=True)]
    assert [row["hash"] for row in entries] == [f"\\x{value}" for value in hashes]
    history = read(tmp_path / "out", "budgets_historicalbudgetlineitem")
    assert [row["history_type"] for row in history if row["name"] == "Stage"] == ["+", "~"]


def test_an_export_has_every_table_of_tenants_and_people_without_their_passwords(committed_db, tmp_path):
    account = make_account_with_a_budget("Sunrise Catering")
    export(account, tmp_path / "out")
    tables = {model._meta.db_table for model in tenant_models()} | {"accounts_account", "accounts_user"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "manifest.json",
        *(f"{table}.csv" for table in tables),
    }
    (person,) = read(tmp_path / "out", "accounts_user")
    assert person["name"] == "Ana “O'Brien”, owner"
    assert set(person) == {"id", "email", "name", "is_active", "date_joined"}


def test_an_export_has_nothing_of_another_account(committed_db, tmp_path):
    account = make_account_with_a_budget("Sunrise Catering")
    make_account_with_a_budget("Rival Events", line="Secret ballroom")
    export(account, tmp_path / "out")
    text = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "out").iterdir())
    assert "Secret ballroom" not in text
    assert [row["slug"] for row in read(tmp_path / "out", "accounts_account")] == [account.slug]
    assert len(read(tmp_path / "out", "budgets_eventbudget")) == 1


def test_the_manifest_counts_rows_and_proves_files(committed_db, tmp_path):
    account = make_account_with_a_budget("Sunrise Catering")
    printed = export(account, tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["account_id"] == str(account.pk)
    counted = {table["table"]: table["rows"] for table in manifest["tables"]}
    assert (counted["budgets_budgetlineitem"], counted["budgets_ledgerentry"]) == (2, 3)
    for table in manifest["tables"]:
        content = (tmp_path / "out" / table["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == table["sha256"]
        assert len(read(tmp_path / "out", table["table"])) == table["rows"]
    assert f"{sum(counted.values())} rows of {account.slug}" in printed


def test_files_are_for_their_owner_alone(committed_db, tmp_path):
    export(make_account_with_a_budget("Sunrise Catering"), tmp_path / "out")
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "out").iterdir()} == {0o600}


def test_a_folder_that_is_not_empty_is_refused(committed_db, tmp_path):
    account = make_account_with_a_budget("Sunrise Catering")
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(CommandError, match="is not an empty folder"):
        export(account, tmp_path)
    with pytest.raises(CommandError, match="is not an empty folder"):
        export(account, tmp_path / "mine.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_an_unknown_account_leaves_no_folder(committed_db, tmp_path):
    with pytest.raises(CommandError, match="There is no account 'nobody'"):
        call_command("export_account", "--account", "nobody", "--out", str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_the_connection_goes_back_to_its_usual_isolation(committed_db, tmp_path):
    export(make_account_with_a_budget("Sunrise Catering"), tmp_path / "out")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SHOW transaction_isolation")
        assert cursor.fetchone()[0] == "read committed"


# --- Down to zero and up again ---------------------------------------------------------------------------------------


@pytest.fixture
def scratch(request, django_db_setup, django_db_blocker):
    """A migrated database of its own, without rows; a function that runs manage.py on it."""
    name, template = f"scratch_{uuid4().hex[:12]}", template_for(request.config)
    with django_db_blocker.unblock():
        create_database(name, template=template)
        variables = environment(name)

        def manage(*arguments):
            done = subprocess.run(
                [sys.executable, "manage.py", *arguments],
                cwd=CHECKOUT,
                env=variables,
                capture_output=True,
                text=True,
                timeout=300,
            )
            assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
            return done.stdout

        if template is None:
            manage("migrate", "--verbosity", "0")
        manage.url = variables["DATABASE_URL"]
        yield manage
        drop_database(name)
        connections["owner"].close()


def schema_of(url):
    """Return tables with their forced security, policies, triggers, constraints, indexes and functions."""
    queries = {
        "tables": "SELECT relname, relrowsecurity, relforcerowsecurity, relreplident::text FROM pg_class"
        " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'",
        "policies": "SELECT tablename, policyname, cmd, roles::text, qual, with_check FROM pg_policies",
        "triggers": "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal",
        "constraints": "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE connamespace = 'public'::regnamespace",
        "indexes": "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "functions": "SELECT proname::text FROM pg_proc WHERE pronamespace = 'public'::regnamespace",
        "grants": "SELECT table_name::text, grantee::text, privilege_type::text FROM"
        " information_schema.role_table_grants WHERE table_schema = 'public'",
    }
    with psycopg.connect(url) as database:
        return {name: sorted(map(repr, database.execute(query))) for name, query in queries.items()}


@pytest.mark.slow
def test_migrating_down_to_zero_and_up_again_brings_back_tables_and_policies(scratch, tmp_path):
    before = schema_of(scratch.url)
    scratch("create_account", "Sunrise", "--slug", "sunrise", "--currency", "CAD", "--timezone", "America/Toronto",
            "--owner-email", "ana@sunrise.example", "--password", "correct horse battery")  # fmt: skip
    fill = """
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.selectors import find_account
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_line
from django.db import transaction
owner = User.objects.get()
with tenant_scope(find_account("sunrise").pk, user_id=owner.pk), transaction.atomic():
    budget = make_budget(Account.objects.get(), owner)
    for name in ("Hall", "Stage", "Sound"):
        make_line(budget, owner, name=name, actual_amount="12.50")
"""
    scratch("shell", "--command", fill)
    assert "sunrise: all right: 1 budgets, 3 lines, 3 entries" in scratch("verify_ledger")
    scratch("export_account", "--account", "sunrise", "--out", str(tmp_path / "out"))
    assert len(read(tmp_path / "out", "budgets_budgetlineitem")) == 3

    labels = sorted({label for label, _name in MigrationLoader(None).disk_migrations})
    # All at once: `migrate LABEL zero` would work out the state of every model again for each label.
    down = f"""
import gc
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from budgetsite.tenancy.migration_states import keeping_classes
gc.set_threshold(200_000)
with keeping_classes():
    MigrationExecutor(connections["owner"]).migrate([(label, None) for label in {labels}])
"""
    scratch("shell", "--command", down)
    assert schema_of(scratch.url)["tables"] == ["('django_migrations', False, False, 'd')"]
    assert not any("budgets_" in name for name in schema_of(scratch.url)["functions"])

    scratch("migrate", "--verbosity", "0")
    assert schema_of(scratch.url) == before
    # The start-up check looks at policies and composite keys once more, as the request role.
    scratch("check", "--database", "default", "--tag", "database")
    assert scratch("verify_ledger") == ""
