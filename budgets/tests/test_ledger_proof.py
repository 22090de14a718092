"""`verify_ledger` names what was tampered with; `rebuild_totals` mends projections and never the entries."""

from decimal import Decimal

import pytest
from django.db import connection, connections, transaction

from budgets.models import EntryKind, EventBudget, LedgerEntry
from budgets.services import ledger
from budgets.services.ledger_proof import Rebuilt, rebuild_totals, verify_ledger
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_line
from budgetsite.testing.people import make_member


@pytest.fixture
def books(committed_db, account):
    """A budget with a line and three entries, committed, so that the owner can tamper with them."""
    with transaction.atomic():
        user = make_member(account, "owner").user
        budget = make_budget(account, user, total="1000")
        line = make_line(budget, user, budgeted_amount="100")
        for amount in ("10", "20", "30"):
            ledger.post(
                budget_id=budget.pk,
                line_item_id=line.pk,
                kind=EntryKind.ACTUAL,
                actual_delta=Decimal(amount),
                currency="CAD",
                source="manual",
            )
    return budget


def tamper(statement, parameters):
    """Change the ledger by hand, as the owner, with its guards switched off."""
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE budgets_ledgerentry DISABLE TRIGGER USER")
        cursor.execute(statement, parameters)
        assert cursor.rowcount == 1
        cursor.execute("ALTER TABLE budgets_ledgerentry ENABLE TRIGGER USER")


def verify():
    with transaction.atomic():
        return verify_ledger()


def test_untouched_books_are_clean(books):
    assert verify() == []


@pytest.mark.parametrize(
    "change",
    [
        "actual_delta = 21",
        "committed_delta = 1",
        "kind = 'refund'",
        "source = 'import'",
        "source_id = 'x'",
        "occurred_at = occurred_at + interval '1 microsecond'",
        "line_item_id = NULL",
        "hash = decode('00', 'hex')",
    ],
)
def test_an_altered_entry_is_named(books, change):
    with transaction.atomic():
        second = LedgerEntry.objects.get(seq=2)
    tamper(f"UPDATE budgets_ledgerentry SET {change} WHERE id = %s", [second.pk])
    found = verify()
    assert found[0].subject_id == str(second.pk)
    assert "entry 2" in found[0].detail
    assert "altered" in found[0].detail


def test_a_removed_entry_is_noticed_where_the_chain_breaks(books):
    tamper("DELETE FROM budgets_ledgerentry WHERE seq = 2 AND tenant_id = %s", [books.tenant_id])
    found = verify()
    assert "entry 3" in found[0].detail
    assert "does not follow the entry before it" in found[0].detail


def test_a_removed_last_entry_is_noticed(books):
    tamper("DELETE FROM budgets_ledgerentry WHERE seq = 3 AND tenant_id = %s", [books.tenant_id])
    details = [found.detail for found in verify()]
    assert "the last entry is not the one that its chain ends with" in details
    assert "ledger_seq is 3, the entries say 2" in details


def test_texts_that_name_people_are_no_part_of_the_chain(books):
    tamper("UPDATE budgets_ledgerentry SET description = 'erased' WHERE seq = 2 AND tenant_id = %s", [books.tenant_id])
    assert verify() == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE budgets_eventbudget SET total_actual_amount = total_actual_amount + 1",
        "UPDATE budgets_eventbudget SET variance_percentage = 3",
        "UPDATE budgets_eventbudget SET unallocated_actual_amount = 5",
        "UPDATE budgets_budgetlineitem SET actual_amount = 0",
        "UPDATE budgets_budgetlineitem SET variance_amount = 0",
        "UPDATE budgets_eventbudget SET lines_total_amount = 0",
    ],
)
def test_a_wrong_total_is_named_and_rebuilding_mends_it(books, statement):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    column = statement.split("SET ")[1].split(" =")[0]
    assert any(found.detail.startswith(f"{column} is ") for found in verify())
    with transaction.atomic():
        assert rebuild_totals() == Rebuilt(1, [])
    assert verify() == []
    with transaction.atomic():
        assert EventBudget.objects.get().total_actual_amount == 60


def test_rebuilding_clean_books_changes_nothing(books):
    with transaction.atomic():
        assert rebuild_totals() == Rebuilt(0, [])


def test_the_proof_looks_at_one_tenant(books, other_account):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE budgets_eventbudget SET total_actual_amount = 1")
    with transaction.atomic(), tenant_scope(other_account.pk):
        assert verify_ledger() == []
