"""Transfers, commitments and approvals at once, on real connections."""

import threading
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import transaction

from budgets.models import BudgetLineItem, BudgetTransfer, EntryKind, EventBudget
from budgets.services import ledger
from budgets.services.ledger_proof import verify_ledger
from budgets.services.transfer import decide_transfer, movable_amount, reverse_transfer
from budgets.tests.transfers import limit_transfers, line_of, make_approved, planned, transfer
from budgetsite.accounts.roles import Role
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.people import make_member

NOW = datetime(2026, 5, 1, tzinfo=UTC)
THREADS = 16


@pytest.fixture
def people(committed_db, account):
    with transaction.atomic():
        return make_member(account, Role.OWNER).user, make_member(account, Role.MANAGER).user


@pytest.fixture
def budget(people, account):
    """600 on Catering, 300 on Hall: all that there is."""
    with transaction.atomic():
        return make_approved(account, *people, total="900")


def outcomes(results):
    return Counter(type(result).__name__ for result in results)


def read(query):
    with transaction.atomic():
        return query()


def commit(line, amount):
    return ledger.post(
        budget_id=line.budget_id,
        line_item_id=line.pk,
        kind=EntryKind.COMMIT,
        committed_delta=Decimal(amount),
        currency="CAD",
        source="manual",
    )


def test_many_transfers_out_of_one_line_take_no_more_than_it_has(account, people, budget):
    owner, _ = people
    results = run_at_once([lambda: transfer(budget, "70", user=owner, account=account)] * THREADS, tenant_id=account.pk)
    assert outcomes(results) == {"BudgetTransfer": 8, "TransferExceedsAvailable": THREADS - 8}
    assert read(lambda: planned(budget)) == {"Catering": 40, "Hall": 860}
    assert read(lambda: EventBudget.objects.get().lines_total_amount) == 900
    versions = read(lambda: sorted(BudgetTransfer.objects.values_list("version", flat=True)))
    assert versions == list(range(versions[0], versions[0] + 8))
    assert read(verify_ledger) == []


def test_the_update_itself_takes_no_more_even_where_nothing_was_locked_before_the_look(
    account, people, budget, monkeypatch
):
    owner, _ = people
    monkeypatch.setattr(
        "budgets.services.transfer.lock_budget", lambda budget_id, version=None: EventBudget.objects.get(pk=budget_id)
    )
    results = run_at_once([lambda: transfer(budget, "70", user=owner, account=account)] * THREADS, tenant_id=account.pk)
    assert outcomes(results) == {"BudgetTransfer": 8, "TransferExceedsAvailable": THREADS - 8}
    assert read(lambda: planned(budget)) == {"Catering": 40, "Hall": 860}


def test_transfers_both_ways_never_deadlock_and_keep_the_sum(account, people, budget):
    owner, _ = people

    def there():
        return transfer(budget, "10", user=owner, account=account)

    def and_back():
        return transfer(budget, "10", user=owner, account=account, source="Hall", target="Catering")

    results = run_at_once([there, and_back] * 8, tenant_id=account.pk)
    assert outcomes(results) == {"BudgetTransfer": 16}
    assert read(lambda: planned(budget)) == {"Catering": 600, "Hall": 300}
    assert read(verify_ledger) == []


def test_a_transfer_never_takes_what_a_commitment_has_just_taken(account, people, budget):
    """Each wants 100 of the 600 on Catering; whoever comes first, no line's promise is left without its money."""
    owner, _ = people
    with transaction.atomic():
        catering = line_of(budget, "Catering")
    work = [lambda: commit(catering, "100"), lambda: transfer(budget, "100", user=owner, account=account)]

    results = run_at_once(work * 8, tenant_id=account.pk)

    told = outcomes(results)
    assert set(told) <= {"Posting", "BudgetTransfer", "AmountDoesNotFit", "TransferExceedsAvailable"}
    line = read(lambda: line_of(budget, "Catering"))
    assert line.committed_amount == 100 * told["Posting"]
    assert line.budgeted_amount == 600 - 100 * told["BudgetTransfer"]
    assert (told["Posting"] + told["BudgetTransfer"], line.available_amount) == (6, 0)
    assert read(lambda: EventBudget.objects.get().available_amount) >= 0
    assert read(verify_ledger) == []


@pytest.mark.parametrize("_round", range(3))
def test_one_commitment_and_one_transfer_of_everything_never_both_get_it(account, people, budget, _round):
    owner, _ = people
    with transaction.atomic():
        catering = line_of(budget, "Catering")
        commit(line_of(budget, "Hall"), "300")
    results = run_at_once(
        [lambda: transfer(budget, "600", user=owner, account=account), lambda: commit(catering, "600")],
        tenant_id=account.pk,
    )
    # Whoever is first gets it: the line never has less than nothing.
    entry_first = type(results[1]).__name__ == "Posting"
    line = read(lambda: line_of(budget, "Catering"))
    assert line.available_amount == 0
    if entry_first:
        assert str(results[0]).startswith("Catering has nothing available")
        assert (line.budgeted_amount, line.committed_amount) == (600, 600)
    else:
        assert type(results[0]).__name__ == "BudgetTransfer"
        assert str(results[1]) == ("600.00 CAD do not fit: 0.00 are available on “Catering”. Move money to it first.")
        assert (line.budgeted_amount, line.committed_amount) == (0, 0)
    assert read(lambda: EventBudget.objects.get().available_amount) == (0 if entry_first else 600)


def test_a_check_before_the_lock_takes_what_was_promised(account, people, budget):
    """The negative control: look, then move, as a naive service would."""
    with transaction.atomic():
        catering = line_of(budget, "Catering")
    looked, promised = threading.Event(), threading.Event()

    def promise():
        assert looked.wait(timeout=30)
        posting = commit(catering, "600")
        promised.set()
        return posting

    def naive():
        line = BudgetLineItem.objects.get(pk=catering.pk)
        available = movable_amount(line)
        looked.set()
        assert promised.wait(timeout=30)
        if available >= 600:
            BudgetLineItem.objects.filter(pk=line.pk).update(budgeted_amount=0)
            return "moved"
        return "refused"

    results = run_at_once([naive, promise], tenant_id=account.pk)
    assert results[0] == "moved"
    assert read(lambda: line_of(budget, "Catering").available_amount) == -600


def test_of_twenty_approvals_one_wins(account, people, budget):
    owner, manager = people
    with transaction.atomic():
        limit_transfers()
        waiting = transfer(budget, "500", user=owner, account=account)

    def approve():
        return decide_transfer(
            budget_id=budget.pk,
            transfer_id=waiting.pk,
            approve=True,
            acting_user=manager,
            acting_role=Role.MANAGER,
            account=account,
            now=NOW,
        )

    results = run_at_once([approve] * 20, tenant_id=account.pk)
    assert outcomes(results) == {"BudgetTransfer": 1, "TransferDecided": 19}
    assert {str(result) for result in results if isinstance(result, Exception)} == {
        f"This transfer was approved already by {manager}."
    }
    assert read(lambda: planned(budget)) == {"Catering": 100, "Hall": 800}
    assert read(verify_ledger) == []


def test_of_many_who_take_it_back_one_does(account, people, budget):
    owner, _ = people
    with transaction.atomic():
        made = transfer(budget, "200", user=owner, account=account)

    def reverse():
        return reverse_transfer(
            budget_id=budget.pk,
            transfer_id=made.pk,
            reason="No",
            acting_user=owner,
            acting_role=Role.OWNER,
            account=account,
            now=NOW,
        )

    results = run_at_once([reverse] * THREADS, tenant_id=account.pk)
    assert outcomes(results) == {"BudgetTransfer": 1, "AlreadyReversed": THREADS - 1}
    assert read(lambda: planned(budget)) == {"Catering": 600, "Hall": 300}
