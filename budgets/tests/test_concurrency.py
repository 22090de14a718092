"""Many at once, on real connections; each lock with a negative control that shows the race it prevents."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection, transaction

from budgets.models import BudgetLineItem, EntryKind, EventBudget, LedgerEntry
from budgets.services import ledger
from budgets.services.event_budget import create_event_budget
from budgets.services.ledger import LineRemoved
from budgets.services.ledger_proof import verify_ledger
from budgets.services.line_item import delete_line_item, move_line_item, update_line_item
from budgets.services.problems import AmountDoesNotFit, BudgetExists, InvalidTransition, LineNotFound, StaleVersion
from budgets.services.workflow import move_budget
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget, make_event, make_line, move
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.people import make_member

THREADS = 16
NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def people(committed_db, account):
    with transaction.atomic():
        return make_member(account, Role.OWNER).user, make_member(account, Role.MANAGER).user


@pytest.fixture
def budget(people, account):
    with transaction.atomic():
        return make_budget(account, people[0], total="1000")


@pytest.fixture
def line(people, budget):
    with transaction.atomic():
        return make_line(budget, people[0], budgeted_amount="100")


def post(budget, kind, *, line=None, key=None, **deltas):
    return ledger.post(
        budget_id=budget.pk,
        line_item_id=line.pk if line else None,
        kind=kind,
        currency="CAD",
        source="manual",
        idempotency_key=key,
        **deltas,
    )


def outcomes(results):
    return Counter(type(result).__name__ for result in results)


def read(query):
    with transaction.atomic():
        return query()


def assert_clean():
    assert read(verify_ledger) == []


def test_parallel_postings_lose_nothing(account, budget, line):
    results = run_at_once(
        [lambda: post(budget, EntryKind.ACTUAL, line=line, actual_delta=Decimal("1.25"))] * THREADS,
        tenant_id=account.pk,
    )
    assert outcomes(results) == {"Posting": THREADS}
    assert read(lambda: EventBudget.objects.get().total_actual_amount) == Decimal("20")
    assert read(lambda: sorted(LedgerEntry.objects.values_list("seq", flat=True))) == list(range(1, THREADS + 1))
    assert_clean()


def test_without_the_conditional_update_postings_are_lost(account, budget):
    """The negative control: read, add and write back, as a naive service would."""

    def naive():
        total = EventBudget.objects.values_list("total_actual_amount", flat=True).get(pk=budget.pk)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.05)")
        EventBudget.objects.filter(pk=budget.pk).update(total_actual_amount=total + 1)

    run_at_once([naive] * THREADS, tenant_id=account.pk)
    assert read(lambda: EventBudget.objects.get().total_actual_amount) < THREADS


def test_commitments_never_exceed_what_is_available(account, budget):
    results = run_at_once(
        [lambda: post(budget, EntryKind.COMMIT, committed_delta=Decimal(150))] * THREADS, tenant_id=account.pk
    )
    assert outcomes(results) == {"Posting": 6, "AmountDoesNotFit": THREADS - 6}
    assert all(isinstance(result, ledger.Posting | AmountDoesNotFit) for result in results)
    assert read(lambda: EventBudget.objects.get().available_amount) == 100
    assert_clean()


def test_one_key_posts_once_however_many_send_it(account, budget):
    results = run_at_once(
        [lambda: post(budget, EntryKind.ACTUAL, actual_delta=Decimal(5), key="bill-7")] * THREADS,
        tenant_id=account.pk,
    )
    assert len({result.entry_id for result in results}) == 1
    assert sum(not result.repeated for result in results) == 1
    assert read(lambda: EventBudget.objects.get().total_actual_amount) == 5
    assert_clean()


def test_of_many_writers_with_one_version_one_wins_and_the_others_are_told(account, people, budget, line):
    owner, _ = people

    def rename(name):
        return lambda: update_line_item(
            budget_id=budget.pk, line_item_id=line.pk, version=line.version, acting_user=owner, name=name
        )

    results = run_at_once([rename(f"name {n}") for n in range(THREADS)], tenant_id=account.pk)
    assert outcomes(results) == {"BudgetLineItem": 1, "StaleVersion": THREADS - 1}
    [winner] = [result for result in results if not isinstance(result, StaleVersion)]
    assert read(lambda: BudgetLineItem.objects.get().name) == winner.name


def test_of_many_approvals_one_wins(account, people, budget):
    owner, manager = people
    with transaction.atomic():
        version = move(budget, "submit", user=owner, role=Role.OWNER, account=account).version

    def approve():
        return move_budget(
            action="approve",
            budget_id=budget.pk,
            version=version,
            acting_user=manager,
            acting_role=Role.MANAGER,
            account=account,
            now=NOW,
        )

    results = run_at_once([approve] * THREADS, tenant_id=account.pk)
    told = outcomes(results)
    assert told.pop("Moved") == 1
    assert set(told) <= {InvalidTransition.__name__, StaleVersion.__name__}
    assert read(lambda: EventBudget.objects.get().version) == version + 1


def test_of_many_budgets_for_one_event_one_is_opened(account, people):
    owner, _ = people
    with transaction.atomic():
        event = make_event(account, owner)
    results = run_at_once(
        [lambda: create_event_budget(event=event, acting_user=owner, total_budget_amount=Decimal(5))] * 8,
        tenant_id=account.pk,
    )
    assert outcomes(results) == {"EventBudget": 1, BudgetExists.__name__: 7}


def test_deleting_a_line_while_money_is_posted_to_it_keeps_the_books(account, people, budget, line):
    owner, _ = people
    postings = [lambda: post(budget, EntryKind.ACTUAL, line=line, actual_delta=Decimal(3))] * 8

    def delete():
        delete_line_item(budget_id=budget.pk, line_item_id=line.pk, acting_user=owner, now=NOW)

    results = run_at_once([*postings[:4], delete, *postings[4:]], tenant_id=account.pk)
    assert set(outcomes(results)) <= {"Posting", "NoneType", LineNotFound.__name__, LineRemoved.__name__}
    assert read(lambda: EventBudget.objects.get().total_actual_amount) == 0
    assert_clean()


def test_lines_moving_both_ways_never_deadlock(account, people, budget, line):
    owner, _ = people
    with transaction.atomic():
        other = make_budget(account, owner, total="1000")
        back = make_line(other, owner, name="Back", budgeted_amount="50", actual_amount="5")

    def there():
        move_line_item(budget_id=budget.pk, line_item_id=line.pk, to_budget_id=other.pk, acting_user=owner)

    def and_back():
        move_line_item(budget_id=other.pk, line_item_id=back.pk, to_budget_id=budget.pk, acting_user=owner)

    for _round in range(5):
        results = run_at_once([there, and_back], tenant_id=account.pk)
        assert set(outcomes(results)) <= {"NoneType", LineNotFound.__name__, LineRemoved.__name__}
    assert read(lambda: set(BudgetLineItem.objects.values_list("name", "budget_id"))) == {
        ("Hall", other.pk),
        ("Back", budget.pk),
    }
    assert_clean()
