import logging
from io import StringIO

import pytest
from celery import signals
from django.core.management import CommandError, call_command
from django.db import connections, transaction

from budgets.models import EventBudget, LedgerEntry
from budgets.tasks import LedgerDiffers, verify_ledger_of_account, verify_ledgers
from budgetsite.celery import app
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_line
from budgetsite.testing.people import make_account


@pytest.fixture
def accounts(committed_db):
    """Two accounts with a budget, two lines and two entries each."""
    made = []
    for name in ("Sunrise Catering", "Rival Events"):
        with transaction.atomic():
            account = make_account(name)
            with tenant_scope(account.pk):
                budget = make_budget(account, None)
                make_line(budget, None, name="Hall", actual_amount="10")
                make_line(budget, None, name="Stage", actual_amount="20")
        made.append(account)
    return made


def run(command, *arguments):
    printed = StringIO()
    call_command(command, *arguments, stdout=printed)
    return printed.getvalue()


def in_scope(account, read):
    with tenant_scope(account.pk), transaction.atomic():
        return read()


def alter_an_entry(account):
    """Change an amount in the ledger by hand, as only the owner of the tables can. Returns the entry's id."""
    entry_id = in_scope(account, lambda: LedgerEntry.objects.order_by("seq").values_list("pk", flat=True).first())
    with connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE budgets_ledgerentry DISABLE TRIGGER USER")
        cursor.execute("UPDATE budgets_ledgerentry SET actual_delta = 11 WHERE id = %s", [entry_id])
        cursor.execute("ALTER TABLE budgets_ledgerentry ENABLE TRIGGER USER")
    return entry_id


def falsify_a_total(account):
    with connections["service"].cursor() as cursor:
        cursor.execute(
            "UPDATE budgets_eventbudget SET total_actual_amount = 99, unallocated_actual_amount = 69"
            " WHERE tenant_id = %s",
            [account.pk],
        )


def test_books_in_order_are_said_to_be_so(accounts):
    line = "{}: all right: 1 budgets, 2 lines, 2 entries\n"
    slugs = sorted(account.slug for account in accounts)
    assert run("verify_ledger") == "".join(line.format(slug) for slug in slugs)
    assert run("verify_ledger", "--account", accounts[0].slug) == line.format(accounts[0].slug)


def test_an_altered_entry_is_named(accounts):
    entry_id = alter_an_entry(accounts[0])
    printed = StringIO()
    with pytest.raises(CommandError, match=f"The ledger of {accounts[0].slug} does not add up") as failed:
        call_command("verify_ledger", stdout=printed)
    assert failed.value.returncode == 1
    budget_id = in_scope(accounts[0], lambda: EventBudget.objects.get().pk)
    assert (
        f"{accounts[0].slug}: ledger entry {entry_id}: entry 1 of budget {budget_id} was altered: its hash does not"
        " match its contents (and 5 more)\n" in printed.getvalue()
    )
    assert f"{accounts[1].slug}: all right" in printed.getvalue()


def test_all_that_differs_can_be_listed(accounts):
    falsify_a_total(accounts[0])
    printed = StringIO()
    with pytest.raises(CommandError):
        call_command("verify_ledger", "--account", accounts[0].slug, "--all-problems", stdout=printed)
    budget_id = in_scope(accounts[0], lambda: EventBudget.objects.get().pk)
    assert printed.getvalue().splitlines()[1:] == [
        f"  budget {budget_id}: total_actual_amount is 99, the entries say 30",
        f"  budget {budget_id}: unallocated_actual_amount is 69, the entries say 0",
    ]


def test_rebuilding_mends_totals_and_leaves_entries(accounts):
    falsify_a_total(accounts[0])
    before = in_scope(accounts[0], lambda: list(LedgerEntry.objects.order_by("seq").values()))
    assert run("rebuild_totals", "--account", accounts[0].slug) == f"{accounts[0].slug}: 1 rows mended\n"
    assert in_scope(accounts[0], lambda: EventBudget.objects.get().total_actual_amount) == 30
    assert in_scope(accounts[0], lambda: list(LedgerEntry.objects.order_by("seq").values())) == before
    assert run("rebuild_totals", "--account", accounts[0].slug) == f"{accounts[0].slug}: all right\n"


@pytest.mark.parametrize("command", ["verify_ledger", "rebuild_totals"])
def test_an_unknown_account_is_said_to_be_so(committed_db, command):
    with pytest.raises(CommandError, match="There is no account 'nobody'"):
        call_command(command, "--account", "nobody")


def test_the_nightly_task_logs_what_differs_account_by_account(accounts, eager_tasks, caplog):
    entry_id = alter_an_entry(accounts[0])
    failed = []

    def fails(sender, kwargs, exception, **rest):
        failed.append((sender.name, kwargs, type(exception)))

    signals.task_failure.connect(fails)
    with caplog.at_level(logging.INFO, logger="budgets.tasks"):
        verify_ledgers.delay()
    logged = {record.getMessage().partition(": ")[0]: record for record in caplog.records}
    wrong = logged[f"ledger of account {accounts[0].pk}"]
    assert wrong.levelname == "ERROR"
    assert f"ledger entry {entry_id}" in wrong.getMessage()
    assert logged[f"ledger of account {accounts[1].pk}"].levelname == "INFO"
    # So the page “Operations” says for whom.
    assert failed == [(verify_ledger_of_account.name, {"tenant_id": str(accounts[0].pk)}, LedgerDiffers)]


def test_a_message_names_the_tenant_of_its_verification(accounts, caplog):
    with caplog.at_level(logging.INFO, logger="budgets.tasks"):
        verify_ledger_of_account.apply(kwargs={"tenant_id": str(accounts[1].pk)}, throw=True)
    assert [record.getMessage() for record in caplog.records if record.name == "budgets.tasks"] == [
        f"ledger of account {accounts[1].pk}: all right: 1 budgets, 2 lines, 2 entries"
    ]


def test_the_verification_is_scheduled_for_every_night(settings):
    (entry,) = (each for each in settings.CELERY_BEAT_SCHEDULE.values() if each["task"] == verify_ledgers.name)
    assert entry["schedule"].hour == {3}
    assert verify_ledgers.name in app.tasks
