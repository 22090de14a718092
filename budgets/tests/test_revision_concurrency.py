"""Spending while a plan is approved, revised or discarded: nothing is lost, and each is measured against one plan."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection, transaction

from budgets.models import BudgetRevision, EntryKind, EventBudget, LedgerEntry
from budgets.selectors.plan_as_of import budget_as_of
from budgets.services.ledger import LineRemoved
from budgets.services.ledger_proof import verify_ledger
from budgets.services.problems import AmountDoesNotFit, StaleVersion
from budgets.services.revision_discard import discard_revision
from budgets.services.workflow import move_budget
from budgets.tests.plans import begin_story
from budgetsite.accounts.roles import Role
from budgetsite.testing.concurrency import run_at_once

POSTINGS = 8
NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def story(committed_db, account):
    with transaction.atomic():
        story = begin_story(account)
        story.approve()
    return story


def read(query):
    with transaction.atomic():
        return query()


def mover(story, action, *, user=None):
    version = read(lambda: story.now().version)

    def work():
        return move_budget(
            action=action,
            budget_id=story.budget.pk,
            version=version,
            acting_user=user or story.owner,
            acting_role=Role.OWNER if user is None else Role.MANAGER,
            account=story.account,
            now=NOW,
            reason="More guests",
        )

    return work


def discarder(story):
    version = read(lambda: story.now().version)

    def work():
        return discard_revision(
            budget_id=story.budget.pk,
            number=2,
            version=version,
            acting_user=story.owner,
            acting_role=Role.OWNER,
            now=NOW,
        )

    return work


def outcomes(results):
    return Counter(type(result).__name__ for result in results)


def spend_beside(story, work):
    """Post to a line eight times while `work` is done; nothing may be lost, and the books add up."""
    results = run_at_once(
        [work, *[lambda: story.post("10", "Hall")] * POSTINGS], tenant_id=story.account.pk, user_id=story.owner.pk
    )
    assert not [result for result in results if isinstance(result, Exception)]
    assert read(lambda: story.now().total_actual_amount) == 80
    assert read(lambda: story.line("Hall").actual_amount) == 80
    assert read(LedgerEntry.objects.count) == POSTINGS
    assert read(verify_ledger) == []


def test_spending_while_a_plan_is_revised_is_never_lost(story):
    spend_beside(story, mover(story, "revise"))
    now = read(story.now)
    assert (now.status, now.is_under_revision, now.available_amount) == ("draft", True, 920)


def test_spending_while_a_revision_is_approved_is_never_lost(story):
    with transaction.atomic():
        story.step("revise")
        story.change("Hall", budgeted_amount="100")
        story.set_total("500")
        story.step("submit")
    spend_beside(story, mover(story, "approve", user=story.manager))
    now, hall = read(story.now), read(lambda: story.line("Hall"))
    assert (now.status, now.variance_amount, now.available_amount) == ("approved", 420, 420)
    assert (hall.approved_amount, hall.variance_amount) == (None, 20)


def test_spending_while_a_revision_is_discarded_is_never_lost(story):
    with transaction.atomic():
        story.step("revise")
        story.change("Hall", budgeted_amount="100")
    spend_beside(story, discarder(story))
    now, hall = read(story.now), read(lambda: story.line("Hall"))
    assert (now.status, now.available_amount) == ("approved", 920)
    assert (hall.budgeted_amount, hall.variance_amount) == (600, 520)


def test_a_discard_and_a_submission_at_once_leave_one_of_them(story):
    with transaction.atomic():
        story.step("revise")
        story.change("Hall", budgeted_amount="100")

    results = run_at_once([discarder(story), mover(story, "submit")], tenant_id=story.account.pk)

    assert len([result for result in results if isinstance(result, StaleVersion)]) == 1
    status = read(lambda: story.now().status)
    assert (status, read(lambda: story.line("Hall").budgeted_amount)) in (("approved", 600), ("review", 100))
    assert read(verify_ledger) == []


def test_twenty_discards_at_once_leave_one(story):
    with transaction.atomic():
        story.step("revise")
        story.remove("Band")

    results = run_at_once([discarder(story)] * 20, tenant_id=story.account.pk)

    assert outcomes(results) == {"EventBudget": 1, "StaleVersion": 19}
    assert read(lambda: story.line("Band").deleted_at) is None
    assert read(verify_ledger) == []


def test_what_is_promised_while_a_higher_plan_is_approved_fits_the_plan_in_force(story):
    with transaction.atomic():
        story.step("revise")
        story.set_total("1500")
        story.step("submit")

    results = run_at_once(
        [
            mover(story, "approve", user=story.manager),
            *[lambda: story.post("400", kind=EntryKind.COMMIT)] * POSTINGS,
        ],
        tenant_id=story.account.pk,
    )

    now = read(story.now)
    refused = [result for result in results if isinstance(result, AmountDoesNotFit)]
    assert now.total_committed_amount == (POSTINGS - len(refused)) * 400
    # 1,000 hold two of them before the approval, 1,500 three after it.
    assert now.total_committed_amount in (800, 1200)
    assert now.available_amount == 1500 - now.total_committed_amount
    assert read(BudgetRevision.objects.count) == 2


def test_without_the_budgets_lock_an_approval_keeps_another_plan_than_it_puts_in_force(story):
    """The negative control: read the plan, wait, and write what was read, as a naive approval would."""
    with transaction.atomic():
        story.step("revise")

    def naive():
        total = EventBudget.objects.values_list("total_budget_amount", flat=True).get(pk=story.budget.pk)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.3)")
        EventBudget.objects.filter(pk=story.budget.pk).update(approved_total_amount=total)

    def raise_total():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(0.1)")
        EventBudget.objects.filter(pk=story.budget.pk).update(total_budget_amount=Decimal(1300))

    run_at_once([naive, raise_total], tenant_id=story.account.pk)
    now = read(story.now)
    assert (now.approved_total_amount, now.total_budget_amount) == (1000, 1300)


def test_a_posting_to_a_line_that_the_revision_removed_says_so(story):
    with transaction.atomic():
        story.step("revise")
        story.remove("Band")
        removed = story.line("Band")

    def post():
        story.post("10", "Band")

    (refused,) = run_at_once([post], tenant_id=story.account.pk)

    assert isinstance(refused, LineRemoved)
    assert str(refused) == "“Band” was removed from the plan. Choose another line, or bring this one back first."
    assert refused.line_item_id == removed.pk
    assert read(LedgerEntry.objects.count) == 0


def test_entries_posted_at_once_are_dated_in_their_order(story):
    run_at_once([lambda: story.post("10", "Hall")] * POSTINGS, tenant_id=story.account.pk)

    dates = read(lambda: list(LedgerEntry.objects.order_by("seq").values_list("created_at", flat=True)))

    assert dates == sorted(dates)
    assert len(set(dates)) == POSTINGS
    spent = [
        read(lambda moment=moment: budget_as_of(story.now(), moment).budget.total_actual_amount) for moment in dates
    ]
    assert spent == [10 * number for number in range(1, POSTINGS + 1)]
