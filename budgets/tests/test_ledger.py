from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction

from budgets.models import BudgetLineItem, EntryKind, EntrySource, EventBudget, LedgerEntry
from budgets.services import ledger
from budgets.services.ledger_proof import verify_ledger
from budgets.services.problems import (
    AmountDoesNotFit,
    BudgetLocked,
    BudgetNotFound,
    CurrencyMismatch,
    IdempotencyMismatch,
    LineNotFound,
    ReleaseExceedsCommitted,
    TotalOutOfRange,
)
from budgets.signals import budget_recalculated
from budgetsite.money.amounts import InvalidAmount
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_line, move
from budgetsite.testing.people import make_member


def post(budget, kind=EntryKind.ACTUAL, *, committed="0", actual="0", line=None, **options):
    values = {"currency": budget.currency, "source": EntrySource.MANUAL, **options}
    return ledger.post(
        budget_id=budget.pk,
        kind=kind,
        committed_delta=Decimal(committed),
        actual_delta=Decimal(actual),
        line_item_id=line.pk if line else None,
        **values,
    )


def figures(budget):
    stored = EventBudget.objects.get(pk=budget.pk)
    return stored.total_committed_amount, stored.total_actual_amount, stored.available_amount


@pytest.fixture
def budget(account, owner):
    return make_budget(account, owner, total="1000")


def test_committing_and_settling_moves_money_from_committed_to_actual(account, owner, budget):
    line = make_line(budget, owner, budgeted_amount="200")
    post(budget, EntryKind.COMMIT, committed="30", line=line)
    assert figures(budget) == (30, 0, 970)
    post(budget, EntryKind.SETTLE, committed="-10", actual="10", line=line)
    assert figures(budget) == (20, 10, 970)
    stored = BudgetLineItem.objects.get(pk=line.pk)
    assert (stored.committed_amount, stored.actual_amount, stored.variance_amount) == (20, 10, 190)
    assert verify_ledger() == []


def test_money_without_a_line_counts_in_the_budget_alone(account, owner, budget):
    make_line(budget, owner)
    post(budget, actual="12.34")
    stored = EventBudget.objects.get(pk=budget.pk)
    assert (stored.total_actual_amount, stored.unallocated_actual_amount) == (Decimal("12.34"), Decimal("12.34"))
    # A recompute from the lines keeps it.
    make_line(budget, owner, name="Another", budgeted_amount="0")
    assert figures(budget)[1] == Decimal("12.34")
    assert verify_ledger() == []


def test_a_commitment_stops_at_what_is_available(budget):
    post(budget, EntryKind.COMMIT, committed="900")
    with pytest.raises(AmountDoesNotFit) as refused:
        post(budget, EntryKind.COMMIT, committed="100.01")
    assert (refused.value.amount, refused.value.available) == (Decimal("100.01"), 100)
    assert str(refused.value) == "100.01 CAD do not fit: 100.00 are available."
    assert figures(budget) == (900, 0, 100)
    post(budget, EntryKind.COMMIT, committed="100")
    assert figures(budget) == (1000, 0, 0)


def test_an_invoice_is_posted_whatever_it_overruns(budget):
    post(budget, actual="1200.50")
    stored = EventBudget.objects.get(pk=budget.pk)
    assert stored.overrun_amount == Decimal("200.50")
    assert (stored.variance_amount, stored.variance_percentage) == (Decimal("-200.50"), Decimal("-20.05"))


def test_on_overrun_can_be_chosen(budget):
    with pytest.raises(AmountDoesNotFit):
        post(budget, actual="1000.01", on_overrun=ledger.OnOverrun.STOP)
    post(budget, EntryKind.COMMIT, committed="5000", on_overrun=ledger.OnOverrun.WARN)
    assert figures(budget) == (5000, 0, -4000)


def test_ignoring_tells_nobody(budget):
    heard = []

    def listen(**kwargs):
        heard.append(kwargs["figures"].actual)

    budget_recalculated.connect(listen)
    try:
        post(budget, actual="1", on_overrun=ledger.OnOverrun.IGNORE)
        post(budget, actual="2")
    finally:
        budget_recalculated.disconnect(listen)
    assert heard == [3]


def test_refunds_and_releases_are_always_possible_within_what_is_there(budget):
    post(budget, EntryKind.COMMIT, committed="100")
    post(budget, actual="950", on_overrun=ledger.OnOverrun.WARN)
    post(budget, EntryKind.REFUND, actual="-960")
    post(budget, EntryKind.RELEASE, committed="-100")
    assert figures(budget) == (0, -10, 1010)
    with pytest.raises(ReleaseExceedsCommitted):
        post(budget, EntryKind.RELEASE, committed="-0.01")


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"currency": "USD"}, CurrencyMismatch),
        ({"actual": "999999999999.99"}, TotalOutOfRange),
    ],
)
def test_a_refused_posting_changes_nothing(budget, change, refusal):
    post(budget, actual="10")
    with pytest.raises(refusal):
        post(budget, **{"actual": "5", **change})
    assert figures(budget) == (0, 10, 990)
    assert LedgerEntry.objects.count() == 1
    assert verify_ledger() == []


@pytest.mark.parametrize("amount", ["12.345", "NaN", "Infinity", "1000000000000"])
def test_amounts_that_the_currency_cannot_hold_are_refused(budget, amount):
    with pytest.raises(InvalidAmount):
        post(budget, actual=amount)


def test_an_entry_that_moves_nothing_is_a_bug_of_the_caller(budget):
    with pytest.raises(ValueError, match="moves money"):
        post(budget)


def test_a_line_of_another_budget_is_refused(account, owner, budget):
    stranger = make_line(make_budget(account, owner), owner)
    with pytest.raises(LineNotFound):
        post(budget, actual="1", line=stranger)


def test_locked_budgets_take_no_entries(account, owner, manager, budget):
    for action, user, role in (
        ("submit", owner, "owner"),
        ("approve", manager, "manager"),
        ("activate", owner, "owner"),
    ):
        move(budget, action, user=user, role=role, account=account)
    move(budget, "finalize", user=owner, role="owner", account=account, override=True, reason="cancelled")
    with pytest.raises(BudgetLocked):
        post(budget, actual="1")
    # Not even past the service.
    with pytest.raises(DatabaseError, match="no open budget"), transaction.atomic():
        LedgerEntry.objects.create(
            budget=budget, kind="actual", actual_delta=Decimal(1), currency="CAD", source="manual"
        )


def test_another_tenants_budget_does_not_exist(account, other_account, budget):
    with tenant_scope(other_account.pk), pytest.raises(BudgetNotFound):
        post(budget, actual="1")


def test_the_entry_says_who_and_what(account, owner, budget):
    user = make_member(account, "staff").user
    with tenant_scope(account.pk, user_id=user.pk):
        posting = post(budget, actual="7", description="Balloons", source_id="invoice-9")
    entry = LedgerEntry.objects.get(pk=posting.entry_id)
    assert (entry.actor, entry.description, entry.source_id, entry.seq) == (user, "Balloons", "invoice-9", 1)


def test_a_repeated_key_posts_once(budget):
    first = post(budget, actual="40", idempotency_key="bill-1")
    again = post(budget, actual="40", idempotency_key="bill-1")
    assert (again.repeated, again.entry_id) == (True, first.entry_id)
    assert figures(budget) == (0, 40, 960)
    with pytest.raises(IdempotencyMismatch):
        post(budget, actual="41", idempotency_key="bill-1")


def test_a_posting_takes_at_most_eight_statements(account, owner, budget, django_assert_max_num_queries):
    line = make_line(budget, owner)
    with django_assert_max_num_queries(8), tenant_scope(account.pk, user_id=owner.pk):
        post(budget, EntryKind.COMMIT, committed="1", line=line)


def test_entries_cannot_be_changed_or_removed(budget):
    post(budget, actual="10")
    for statement in (
        "UPDATE budgets_ledgerentry SET actual_delta = 1",
        "DELETE FROM budgets_ledgerentry",
        "TRUNCATE budgets_ledgerentry",
    ):
        with (
            pytest.raises(DatabaseError, match="permission denied"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
    assert LedgerEntry.objects.get().actual_delta == 10


def test_the_database_numbers_and_chains_entries_made_past_the_service(budget):
    post(budget, actual="10")
    forged = LedgerEntry(budget=budget, kind="actual", actual_delta=Decimal(5), currency="CAD", source="manual")
    forged.seq, forged.prev_hash, forged.hash = 77, b"made up", b"made up"
    forged.save(force_insert=True)
    first, second = LedgerEntry.objects.order_by("seq")
    assert (first.seq, second.seq) == (1, 2)
    assert bytes(second.prev_hash) == bytes(first.hash)
    # What was slipped in is chained all right, but no total contains it: the proof says so.
    assert any("total_actual_amount is 10, the entries say 15" in str(found) for found in verify_ledger())


def test_a_promise_stops_at_what_its_line_has_left(account, owner):
    budget = make_budget(account, owner, total="1000")
    line = make_line(budget, owner, name="Mugs", budgeted_amount="100", actual_amount=Decimal(40))
    post = {"budget_id": budget.pk, "line_item_id": line.pk, "currency": "CAD", "source": "manual"}
    with pytest.raises(AmountDoesNotFit) as refusal:
        ledger.post(kind=EntryKind.COMMIT, committed_delta=Decimal("60.01"), **post)
    assert (refusal.value.available, refusal.value.line_name) == (Decimal(60), "Mugs")
    ledger.post(kind=EntryKind.COMMIT, committed_delta=Decimal(60), **post)
    # An invoice that has arrived is a fact, on whichever line.
    ledger.post(kind=EntryKind.ACTUAL, actual_delta=Decimal(5), **post)
    line.refresh_from_db()
    assert line.available_amount == -5
    assert verify_ledger() == []
