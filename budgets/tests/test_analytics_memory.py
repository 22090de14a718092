"""What is remembered is never older than the books: real connections, real Valkey."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from budgets.models import Category, EntryKind, EventBudget
from budgets.selectors.analytics import position
from budgets.selectors.analytics.clients import clients
from budgets.selectors.analytics.inquiry import inquiry_at
from budgets.selectors.analytics.overview import overview
from budgets.selectors.analytics.payments import payments
from budgets.selectors.analytics.position import answer, books_position
from budgets.services import ledger
from budgets.services.expense_change import change_expense
from budgets.services.line_item import update_line_item
from budgetsite.accounts.roles import Role
from budgetsite.caching.remembering import hit_count, remembered
from budgetsite.tenancy.deletion import soft_delete
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_line
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.expenses import make_expense
from budgetsite.testing.people import make_member

NOW = datetime(2026, 7, 1, 12, 7, tzinfo=UTC)


@pytest.fixture
def owner(committed_db, account):
    with transaction.atomic():
        return make_member(account, Role.OWNER).user


@pytest.fixture
def line(owner, account):
    with transaction.atomic():
        return make_line(make_budget(account, owner, total="1000"), owner, budgeted_amount=Decimal(1000))


@pytest.fixture
def asked(account, owner):
    return inquiry_at(NOW, account=account, user_id=owner.pk, role=Role.OWNER)


def spend(line, amount="10"):
    return ledger.post(
        budget_id=line.budget_id,
        line_item_id=line.pk,
        kind=EntryKind.ACTUAL,
        currency="CAD",
        source="manual",
        actual_delta=Decimal(amount),
    )


def in_own_transaction(work):
    with transaction.atomic():
        return work()


def elsewhere(work, account):
    """Do it on another connection, and commit."""
    (result,) = run_at_once([work], tenant_id=account.pk)
    assert not isinstance(result, Exception), result
    return result


def test_an_answer_is_remembered_until_the_books_move(asked, line, account):
    asking = [lambda: in_own_transaction(lambda: overview(asked).figures.actual)] * 2
    before = hit_count(position.SUBJECT)
    assert [ask() for ask in asking] == [0, 0]
    counted = hit_count(position.SUBJECT)
    assert (counted.hits - before.hits, counted.misses - before.misses) == (1, 1)
    elsewhere(lambda: spend(line), account)
    assert [ask() for ask in asking] == [10, 10]
    after = hit_count(position.SUBJECT)
    assert (after.hits - counted.hits, after.misses - counted.misses) == (1, 1)


def test_every_committed_change_moves_the_position_and_a_rolled_back_one_does_not(line, owner, account):
    expense = in_own_transaction(
        lambda: make_expense(line.budget, owner, line_item=line, amount=Decimal(5), stage="invoiced")
    )

    wish = in_own_transaction(lambda: make_expense(line.budget, owner, line_item=line, amount=Decimal(3)))
    other = in_own_transaction(lambda: make_line(line.budget, owner, name="Garden", budgeted_amount=Decimal(0)))

    def change(expense, **fields):
        acting = {"acting_user": owner, "acting_role": Role.OWNER, "account": account}
        change_expense(expense_id=expense.pk, version=expense.version, now=NOW, **acting, **fields)

    def change_notes():
        change(expense, notes="Call them")

    def move_what_holds_no_money():
        change(wish, line_item_id=other.pk)

    def rename_line():
        update_line_item(
            budget_id=line.budget_id,
            line_item_id=line.pk,
            version=EventBudget.objects.get(pk=line.budget_id).version,
            acting_user=owner,
            name="Great hall",
        )

    def share():
        Category.objects.filter(name="Venue").update(benchmark_share=33)

    def rename_event():
        type(line.budget.event).objects.filter(pk=line.budget.event_id).update(name="Winter gala")

    def delete():
        soft_delete(line.budget.event, now=NOW)

    seen = [in_own_transaction(books_position)]
    for step in (lambda: spend(line), change_notes, move_what_holds_no_money, rename_line, share, rename_event, delete):
        with transaction.atomic():
            step()
            transaction.set_rollback(True)
        assert in_own_transaction(books_position) == seen[-1]
        in_own_transaction(step)
        seen.append(in_own_transaction(books_position))
    assert len(set(seen)) == len(seen)


def test_a_change_in_the_same_transaction_is_seen_before_it_is_committed(asked, line):
    with transaction.atomic():
        found = []
        for _ in range(3):
            spend(line)
            found.append(overview(asked).figures.actual)
        assert found == [10, 20, 30]
        transaction.set_rollback(True)
    assert in_own_transaction(lambda: overview(asked).figures.actual) == 0


def test_what_is_committed_while_figures_are_computed_hides_nothing_from_whoever_asks_next(asked, line, account):
    """Its position is older than the figures that stand under it, never newer."""

    def slowly(after_position):
        def compute():
            after_position()
            return EventBudget.objects.get(pk=line.budget_id).total_actual_amount

        return lambda: in_own_transaction(lambda: answer("slow", asked, compute))

    assert slowly(lambda: elsewhere(lambda: spend(line), account))() == 10
    assert slowly(lambda: None)() == 10


def test_a_position_that_is_read_after_the_figures_would_hide_a_change(asked, line, account):
    """The control of the test above: the other order does remember old figures as if they were new."""

    def actual():
        return EventBudget.objects.get(pk=line.budget_id).total_actual_amount

    with transaction.atomic():
        figures = actual()
        elsewhere(lambda: spend(line), account)
        remembered("control", [books_position()], lambda: figures, seconds=60)
    with transaction.atomic():
        assert remembered("control", [books_position()], actual, seconds=60) == 0
        assert actual() == 10


def test_the_clock_and_a_clients_name_make_another_answer(asked, line, owner, account):
    def due():
        found = in_own_transaction(lambda: payments(asked))
        return found.by_due["overdue"].count

    in_own_transaction(
        lambda: make_expense(
            line.budget, owner, line_item=line, amount=Decimal(5), stage="invoiced", due_date=NOW.date()
        )
    )
    assert due() == 0
    # Midnight in Toronto, where the event is.
    late = datetime(2026, 7, 2, 3, 59, tzinfo=UTC)
    for moment, count in ((late, 0), (late + timedelta(minutes=1), 1)):
        asked = inquiry_at(moment, account=account, user_id=owner.pk, role=Role.OWNER)
        assert due() == count
    client = in_own_transaction(lambda: make_member(account, Role.CLIENT, name="Before").user)
    event = line.budget.event
    in_own_transaction(lambda: type(event).objects.filter(pk=event.pk).update(client=client))
    for name in ("Before", "After"):
        client.name = name
        in_own_transaction(client.save)
        assert [row.name for row in in_own_transaction(lambda: clients(asked))] == [name]


def test_without_valkey_figures_are_computed(asked, line, settings):
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": "redis://127.0.0.1:1/0"}}
    for spent in (10, 20):
        in_own_transaction(lambda: spend(line))
        assert in_own_transaction(lambda: overview(asked).figures.actual) == spent
    assert (hit_count(position.SUBJECT).hits, hit_count(position.SUBJECT).rate) == (0, None)


def test_nobody_is_given_what_another_was_shown(asked, line, account, other_account):
    assert in_own_transaction(lambda: overview(asked).figures.budgeted) == 1000
    organizer = in_own_transaction(lambda: make_member(account, Role.ORGANIZER).user)
    theirs = inquiry_at(NOW, account=account, user_id=organizer.pk, role=Role.ORGANIZER)
    assert in_own_transaction(lambda: overview(theirs).figures.budgeted) == 0
    with tenant_scope(other_account.pk), transaction.atomic():
        stranger = make_member(other_account, Role.OWNER).user
        rival = inquiry_at(NOW, account=other_account, user_id=stranger.pk, role=Role.OWNER, currency="CAD")
        assert overview(rival).figures.budgeted == 0
