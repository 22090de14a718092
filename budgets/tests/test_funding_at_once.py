"""Events that one scoped budget pays for, with many who promise, spend and move at once: exact, never in a circle."""

import threading
from decimal import Decimal

import pytest
from django.db import OperationalError, connection, connections, transaction

from budgets.services import funding
from budgets.services.expense_bulk_steps import COMMIT, change_many
from budgets.services.ledger_proof import verify_ledger
from budgets.services.scoped_problems import FundingDoesNotFit
from budgets.services.usage import record_usage
from budgets.tests.funding import commit, fund, make_pot, post, used
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.expenses import NOW, make_expense
from budgetsite.testing.people import make_member


@pytest.fixture
def company(committed_db, account):
    """An owner, a hard top of 1,000 with two pots under it, and an event's budget paid from each."""
    with transaction.atomic():
        owner = make_member(account, Role.OWNER).user
        top = make_pot(account, owner, "Company", 1000)
        pots = [make_pot(account, owner, name, 900, top) for name in ("Kitchen", "Bar")]
        budgets = [make_budget(account, owner, total="5000") for _ in pots]
        for one, pot in zip(budgets, pots, strict=True):
            fund(one, pot, owner)
    return owner, top, pots, budgets


def test_of_two_events_under_one_top_exactly_what_fits_is_promised(account, company):
    owner, top, _pots, budgets = company
    work = [lambda budget=budget: post(budget, committed=30) for budget in budgets for _ in range(20)]
    results = run_at_once(work, tenant_id=account.pk, user_id=owner.pk)

    refusals = [result for result in results if isinstance(result, Exception)]
    assert (len(refusals), {type(refusal) for refusal in refusals}) == (7, {FundingDoesNotFit})
    with transaction.atomic():
        assert (used(top), verify_ledger()) == ((990, 0), [])


def test_sixty_who_promise_move_and_spend_at_once_never_wait_in_a_circle(account, company):
    owner, top, pots, budgets = company
    with transaction.atomic():
        ids = [make_expense(one, owner, amount=Decimal(3)).pk for one in budgets for _ in range(15)]

    def in_bulk(order):
        acting = {"acting_user": owner, "acting_role": Role.OWNER, "account": account, "now": NOW}
        return lambda: change_many(expense_ids=order, step=COMMIT, **acting)

    def usage(pot):
        return lambda: record_usage(
            budget_id=pot.pk, amount=Decimal(1), currency="CAD", source="manual", acting_user=owner, now=NOW
        )

    work = [
        *(in_bulk(ids[start::3][::step]) for start in range(3) for step in (1, -1)),
        *(usage(pot) for pot in (*pots, top) for _ in range(10)),
        *(lambda one=one: post(one, committed=1) for one in budgets for _ in range(10)),
        *(lambda one=one, pot=pot: fund(one, pot, owner) for one in budgets for pot in (*pots[::-1],)),
    ]
    results = run_at_once(work, tenant_id=account.pk, user_id=owner.pk)

    assert len(work) == 60
    assert [result for result in results if isinstance(result, Exception)] == []
    with transaction.atomic():
        assert (used(top), verify_ledger()) == ((110, 30), [])


@pytest.mark.parametrize("in_order", [True, False])
def test_who_counts_in_two_chains_locks_them_in_one_order(account, company, monkeypatch, in_order):
    """Without that, the one who holds the top waits for a leaf, whose holder waits for the top."""
    owner, top, pots, budgets = company
    if not in_order:
        monkeypatch.setattr(funding, "lock_windows", lambda budgets, *, at: None)
    first_posted, other_waits = threading.Event(), threading.Event()

    def both():
        funding.lock_funding(funding.lock_budgets(one.pk for one in budgets), at=NOW)
        post(budgets[0], committed=1)
        first_posted.set()
        assert other_waits.wait(20)
        post(budgets[1], committed=1)

    def one():
        assert first_posted.wait(20)
        watch = threading.Thread(target=_tell_when_blocked, args=(connection.connection.info.backend_pid, other_waits))
        watch.start()
        try:
            record_usage(
                budget_id=pots[1].pk, amount=Decimal(1), currency="CAD", source="manual", acting_user=owner, now=NOW
            )
        finally:
            other_waits.set()
            watch.join()

    results = run_at_once([both, one], tenant_id=account.pk, user_id=owner.pk)

    failed = [type(result) for result in results if isinstance(result, Exception)]
    assert failed == ([] if in_order else [OperationalError])
    with transaction.atomic():
        assert verify_ledger() == []
        assert not in_order or used(top) == (2, 1)


def _tell_when_blocked(pid, blocked):
    try:
        with connections["default"].cursor() as cursor:
            while not blocked.is_set():
                cursor.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [pid])
                if cursor.fetchone()[0]:
                    blocked.set()
    finally:
        connections.close_all()


def test_who_names_a_vendor_for_many_waits_for_no_one_who_waits_for_the_top(account, company):
    """The vendor is being made by somebody who promises under the same top next: the top is locked after the name."""
    owner, top, _pots, budgets = company
    with transaction.atomic():
        ids = [make_expense(one, owner, amount=Decimal(3), stage="committed").pk for one in budgets]
        other = make_budget(account, owner)
        fund(other, top, owner)
    named, bulk_waits = threading.Event(), threading.Event()

    def makes_the_vendor():
        expense = make_expense(other, owner, vendor="Florist", amount=Decimal(5))
        named.set()
        assert bulk_waits.wait(20)
        commit(expense, owner, role=Role.OWNER)

    def many():
        assert named.wait(20)
        watch = threading.Thread(target=_tell_when_blocked, args=(connection.connection.info.backend_pid, bulk_waits))
        watch.start()
        try:
            acting = {"acting_user": owner, "acting_role": Role.OWNER, "account": account, "now": NOW}
            return change_many(expense_ids=ids, vendor="Florist", **acting)
        finally:
            bulk_waits.set()
            watch.join()

    results = run_at_once([makes_the_vendor, many], tenant_id=account.pk, user_id=owner.pk)
    assert [result for result in results if isinstance(result, Exception)] == []
    assert [outcome.error for outcome in results[1]] == [None, None]
    with transaction.atomic():
        assert (used(top), verify_ledger()) == ((11, 0), [])
