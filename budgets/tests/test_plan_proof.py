"""`verify_ledger` names the first plan in force that is not what was approved and transferred."""

import pytest
from django.db import connections, transaction

from budgets.models import BudgetRevision, BudgetTransfer, PlanLine
from budgets.services.ledger_audit import audit_ledger
from budgets.services.ledger_proof import verify_ledger
from budgets.services.line_item import move_line_item
from budgets.tests.plans import begin_story
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget


@pytest.fixture
def story(committed_db, account):
    """An approved plan with a transfer on it, committed, so that the owner can tamper with it."""
    with transaction.atomic():
        story = begin_story(account)
        story.approve()
        story.transfer("Hall", "Band", "100")
        return story


@pytest.fixture
def revised(story):
    with transaction.atomic():
        story.step("revise")
        story.change("Hall", budgeted_amount="20")
        story.remove("Band")
        story.add(name="Flowers", category="Decor & Florals", budgeted_amount="80")
    return story


def tamper(statement, *parameters):
    """Change what is stored by hand, as the owner of the tables."""
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute(statement, parameters)
        assert cursor.rowcount == 1


def found():
    with transaction.atomic():
        return [str(discrepancy) for discrepancy in verify_ledger()]


def line_id(story, name):
    with transaction.atomic():
        return story.line(name).pk


def kept(story, name):
    with transaction.atomic():
        return PlanLine.objects.get(revision__budget=story.budget, name=name).pk


def test_untouched_plans_are_clean(revised):
    assert found() == []


def test_an_approved_plan_that_was_changed_by_hand_is_named(story):
    pk = line_id(story, "Hall")
    tamper("UPDATE budgets_budgetlineitem SET budgeted_amount = 450, variance_amount = 450 WHERE id = %s", pk)
    tamper("UPDATE budgets_eventbudget SET lines_total_amount = 850 WHERE id = %s", story.budget.pk)

    assert found() == [f"line {pk}: budgeted_amount is 450.000, revision 1 and its transfers say 500.000"]
    with transaction.atomic():
        assert audit_ledger().verdict == found()[0]


def test_a_kept_plan_that_was_changed_by_hand_is_named(story):
    tamper("UPDATE budgets_planline SET budgeted_amount = 610 WHERE id = %s", kept(story, "Hall"))
    assert found() == [
        f"line {line_id(story, 'Hall')}: budgeted_amount is 500.000, revision 1 and its transfers say 510.000"
    ]


def test_a_transfer_that_was_changed_by_hand_is_named_at_both_lines(story):
    with transaction.atomic():
        transfer = BudgetTransfer.objects.get().pk
    tamper("UPDATE budgets_budgettransfer SET amount = 90 WHERE id = %s", transfer)
    assert sorted(found()) == sorted(
        [
            f"line {line_id(story, 'Hall')}: budgeted_amount is 500.000, revision 1 and its transfers say 510.000",
            f"line {line_id(story, 'Band')}: budgeted_amount is 400.000, revision 1 and its transfers say 390.000",
        ]
    )


def test_a_total_that_was_not_approved_is_named(story):
    tamper(
        "UPDATE budgets_eventbudget SET total_budget_amount = 1100, variance_amount = 1100 WHERE id = %s",
        story.budget.pk,
    )
    assert found() == [f"budget {story.budget.pk}: total_budget_amount is 1100.000, revision 1 says 1000.000"]


def test_a_line_that_is_missing_in_the_kept_plan_is_named(story):
    pk = line_id(story, "Tickets")
    tamper("DELETE FROM budgets_planline WHERE id = %s", kept(story, "Tickets"))
    assert found() == [f"line {pk}: budgeted_amount is 200.000, revision 1 has no such line"]


def test_a_line_that_vanished_from_an_approved_plan_is_named(story):
    pk = line_id(story, "Tickets")
    tamper("UPDATE budgets_budgetlineitem SET deleted_at = now() WHERE id = %s", pk)
    tamper("UPDATE budgets_eventbudget SET projected_income_amount = 0 WHERE id = %s", story.budget.pk)
    assert found() == [f"line {pk}: is in revision 1, which is in force, and not in the budget"]


def test_a_plan_that_was_not_kept_is_named_once(story):
    with transaction.atomic():
        revision = BudgetRevision.objects.get().pk
    tamper("UPDATE budgets_budgetrevision SET number = 7 WHERE id = %s", revision)
    assert found() == [f"budget {story.budget.pk}: no plan was kept for revision 1, which is in force"]


@pytest.mark.parametrize(("name", "says"), [("Hall", "500.000"), ("Band", "400.000")])
def test_what_is_in_force_while_it_is_revised_is_compared_too(revised, name, says):
    pk = line_id(revised, name)
    tamper(
        "UPDATE budgets_budgetlineitem SET approved_amount = 7, variance_amount = 7 - actual_amount WHERE id = %s", pk
    )
    assert found() == [f"line {pk}: approved_amount is 7.000, revision 1 and its transfers say {says}"]


def test_a_line_that_the_revision_added_has_nothing_in_force(revised):
    pk = line_id(revised, "Flowers")
    tamper("UPDATE budgets_budgetlineitem SET approved_amount = 7, variance_amount = 7 WHERE id = %s", pk)
    assert found() == [f"line {pk}: approved_amount is 7.000, revision 1 has no such line"]


def test_the_total_in_force_while_it_is_revised_is_compared_too(revised):
    tamper(
        "UPDATE budgets_eventbudget SET approved_total_amount = 1200, variance_amount = 1200 WHERE id = %s",
        revised.budget.pk,
    )
    assert found() == [f"budget {revised.budget.pk}: approved_total_amount is 1200.000, revision 1 says 1000.000"]


def test_a_line_that_moved_to_another_budget_during_a_revision_is_no_discrepancy(story, account):
    with transaction.atomic():
        story.step("revise")
        other = make_budget(account, story.owner, total="5000")
        move_line_item(
            budget_id=story.budget.pk,
            line_item_id=story.line("Band").pk,
            to_budget_id=other.pk,
            acting_user=story.owner,
        )
    assert found() == []


def test_another_accounts_plans_are_left_to_it(story, other_account):
    pk = kept(story, "Hall")
    tamper("UPDATE budgets_planline SET budgeted_amount = 610 WHERE id = %s", pk)
    with tenant_scope(other_account.pk):
        assert found() == []
