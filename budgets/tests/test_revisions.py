"""A budget's plans side by side: the list of them, and two compared line by line."""

from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from budgets.models import BudgetRevision, Category, EventBudget
from budgets.selectors.plan_diff import ADDED, CHANGED, REMOVED, NoSuchRevision, NotAnEarlierRevision, plan_diff
from budgets.selectors.revisions import lines_of_plan, revision_entry, revisions_of
from budgets.services.categories import delete_category
from budgets.services.line_item import add_line_items, restore_line_item
from budgets.services.problems import CategoryInUse
from budgets.tests.plans import begin_story
from budgetsite.tenancy.scope import tenant_scope


@pytest.fixture
def story(account):
    return begin_story(account)


def statements_of(work):
    with CaptureQueriesContext(connection) as captured:
        work()
    return len(captured)


def told(diff):
    """Every line of a diff as (what, name, before, after)."""
    return [(line.what, line.name, line.before, line.after) for line in diff.lines]


def test_the_plan_that_is_worked_on_comes_first_then_those_approved(story):
    story.approve()
    first = story.now()
    story.step("revise", reason="A bigger hall")
    story.set_total("1400")
    story.change("Hall", budgeted_amount="1000")

    working, kept = revisions_of(story.now())

    assert (working.number, working.state, working.total_budget_amount) == (2, "draft", 1400)
    assert (working.reason, working.lines_count, working.projected_income_amount) == ("A bigger hall", 3, 200)
    assert (working.submitted_by, working.approved_by, working.version) == (None, None, None)
    assert (kept.number, kept.state, kept.total_budget_amount) == (1, "in_force", 1000)
    assert (kept.reason, kept.lines_count, kept.projected_income_amount) == ("", 3, 200)
    assert (kept.submitted_by, kept.approved_by) == (story.owner, story.manager)
    assert (kept.version, kept.approved_at) == (first.version, first.approved_at)


def test_an_approved_revision_supersedes_the_one_before(story):
    story.approve()
    story.step("revise", reason="A bigger hall")
    story.step("submit")
    assert [(entry.number, entry.state) for entry in revisions_of(story.now())] == [(2, "review"), (1, "in_force")]
    story.step("approve")

    entries = revisions_of(story.now())

    assert [(entry.number, entry.state) for entry in entries] == [(2, "in_force"), (1, "superseded")]
    assert entries[0].reason == "A bigger hall"


def test_the_first_draft_is_the_only_plan(story):
    assert [(entry.number, entry.state) for entry in revisions_of(story.now())] == [(1, "draft")]
    assert revision_entry(story.now(), 2) is None


def test_a_closed_budget_keeps_its_last_plan_in_force(story):
    story.approve()
    story.step("activate")
    story.step("finalize", override=True, reason="Called off")
    assert [(entry.number, entry.state) for entry in revisions_of(story.now())] == [(1, "in_force")]


def test_a_kept_plan_stays_as_it_was(story):
    story.approve()
    story.transfer("Hall", "Band", "100")
    story.step("revise")
    story.change("Hall", name="Great hall", budgeted_amount="1")
    story.remove("Band")

    lines = lines_of_plan(story.now(), revision_entry(story.now(), 1))

    assert [(line.name, line.budgeted_amount, line.transferred, line.in_force_amount) for line in lines] == [
        ("Hall", 600, -100, 500),
        ("Band", 300, 100, 400),
        ("Tickets", 200, 0, 200),
    ]
    assert [line.name for line in lines_of_plan(story.now(), revision_entry(story.now(), 2))] == [
        "Great hall",
        "Tickets",
    ]


def test_the_diff_tells_each_line_exactly(story):
    story.add(name="Flowers", category="Decor & Florals", budgeted_amount="50", notes="white")
    story.approve()
    story.step("revise")
    story.set_total("1500")
    story.change("Hall", budgeted_amount="650")
    story.change("Band", name="Big band", category="Venue", section="Evening", description="Eight of them")
    story.remove("Flowers")
    story.add(name="Photos", category="Entertainment", budgeted_amount="120.50")

    diff = plan_diff(story.now(), 2)

    assert (diff.before.number, diff.after.number, diff.unchanged_count, diff.transfers) == (1, 2, 1, [])
    assert (diff.total_before, diff.after.total_budget_amount, diff.total_difference) == (1000, 1500, 500)
    assert (diff.income_before, diff.income_difference) == (200, 0)
    assert sorted(told(diff)) == [
        (ADDED, "Photos", 0, Decimal("120.50")),
        (CHANGED, "Big band", 300, 300),
        (CHANGED, "Hall", 600, 650),
        (REMOVED, "Flowers", 50, 0),
    ]
    by_name = {line.name: line for line in diff.lines}
    assert by_name["Hall"].difference == 50
    assert by_name["Hall"].fields == ()
    assert [(field.name, field.before, field.after) for field in by_name["Big band"].fields] == [
        ("name", "Band", "Big band"),
        ("category", "Entertainment", "Venue"),
        ("section", "", "Evening"),
        ("description", "", "Eight of them"),
    ]
    assert (by_name["Flowers"].category, by_name["Flowers"].difference) == ("Decor & Florals", -50)


def test_quantity_price_and_notes_are_compared(story):
    story.add(name="Dinner", category="Food & Beverage", quantity="10", unit_price="5", budgeted_amount="0")
    story.approve()
    story.step("revise")
    story.change("Dinner", quantity="12", unit_price="4.50", notes="vegetarian")

    (line,) = plan_diff(story.now(), 2).lines

    assert (line.what, line.name, line.before, line.after) == (CHANGED, "Dinner", 50, 54)
    assert [(field.name, field.before, field.after) for field in line.fields] == [
        ("quantity", Decimal("10.000"), Decimal("12.000")),
        ("unit_price", Decimal("5.000"), Decimal("4.500")),
        ("notes", "", "vegetarian"),
    ]


def test_income_is_told_apart(story):
    story.approve()
    story.step("revise")
    story.change("Tickets", budgeted_amount="350")

    diff = plan_diff(story.now(), 2)

    assert (diff.total_difference, diff.income_before, diff.income_difference) == (0, 200, 150)
    assert [(line.name, line.is_income, line.difference) for line in diff.lines] == [("Tickets", True, 150)]


def test_a_revision_that_changes_nothing_says_so(story):
    story.approve()
    story.step("revise")
    diff = plan_diff(story.now(), 2)
    assert (diff.lines, diff.unchanged_count, diff.total_difference) == ([], 3, 0)


def test_a_moved_line_alone_is_no_difference(story):
    story.approve()
    story.step("revise")
    story.change("Tickets", sort_order=1)
    assert plan_diff(story.now(), 2).lines == []


def test_the_first_plan_is_all_new(story):
    diff = plan_diff(story.now(), 1)
    assert diff.before is None
    assert (diff.total_before, diff.total_difference, diff.unchanged_count) == (0, 1000, 0)
    assert {line.what for line in diff.lines} == {ADDED}
    assert len(diff.lines) == 3


def test_what_was_transferred_was_in_force_before(story):
    story.approve()
    story.transfer("Hall", "Band", "100")
    story.step("revise")
    story.change("Band", budgeted_amount="450")

    diff = plan_diff(story.now(), 2)

    (band,) = diff.lines
    assert (band.name, band.before, band.after, band.difference) == ("Band", 400, 450, 50)
    assert (band.transferred_before, band.transferred_between) == (100, 0)
    (transfer,) = diff.transfers
    assert (transfer.from_line.name, transfer.to_line.name, transfer.amount) == ("Hall", "Band", 100)


def test_transfers_of_the_plans_in_between_are_part_of_the_difference(story):
    story.approve()
    story.transfer("Hall", "Band", "100")
    story.step("revise")
    story.approve()
    story.transfer("Band", "Hall", "30")
    story.step("revise")
    story.change("Band", budgeted_amount="450")

    diff = plan_diff(story.now(), 3, against=1)

    assert sorted(told(diff)) == [(CHANGED, "Band", 400, 450), (CHANGED, "Hall", 500, 530)]
    by_name = {line.name: line for line in diff.lines}
    assert (by_name["Band"].transferred_before, by_name["Band"].transferred_between) == (100, -30)
    assert (by_name["Hall"].transferred_before, by_name["Hall"].transferred_between) == (-100, 30)
    assert [transfer.revision for transfer in diff.transfers] == [1, 2]
    assert (
        told(plan_diff(story.now(), 3, against=2)) == told(plan_diff(story.now(), 3)) == [(CHANGED, "Band", 370, 450)]
    )


def test_two_kept_plans_are_compared_as_they_were_approved(story):
    story.approve()
    story.step("revise")
    story.change("Hall", budgeted_amount="650")
    story.approve()
    story.transfer("Hall", "Band", "200")
    assert told(plan_diff(story.now(), 2)) == [(CHANGED, "Hall", 600, 650)]


def test_a_line_that_left_and_returned_is_unchanged(story):
    story.approve()
    story.step("revise")
    story.remove("Band")
    assert told(plan_diff(story.now(), 2)) == [(REMOVED, "Band", 300, 0)]
    restore_line_item(line=story.line("Band"), acting_user=story.owner)
    assert plan_diff(story.now(), 2).lines == []


@pytest.mark.parametrize("number", [0, 3, 2**40])
def test_there_is_no_diff_of_a_revision_that_is_not_there(story, number):
    story.approve()
    story.step("revise")
    with pytest.raises(NoSuchRevision):
        plan_diff(story.now(), number)


@pytest.mark.parametrize("against", [0, 2, 3])
def test_a_plan_is_compared_with_an_earlier_one(story, against):
    story.approve()
    story.step("revise")
    with pytest.raises(NotAnEarlierRevision):
        plan_diff(story.now(), 2, against)
    with pytest.raises(NotAnEarlierRevision, match="first plan"):
        plan_diff(story.now(), 1, 1)


def test_a_category_of_the_plan_in_force_stays_until_the_revision_is_approved(story):
    story.approve()
    story.step("revise")
    story.change("Band", category="Venue")
    category = Category.objects.get(name="Entertainment")
    with pytest.raises(CategoryInUse):
        delete_category(category=category, acting_user=story.owner, now=timezone.now())
    story.approve()
    delete_category(category=category, acting_user=story.owner, now=timezone.now())

    (line,) = plan_diff(story.now(), 2).lines

    assert [(field.name, field.before, field.after) for field in line.fields] == [
        ("category", "Entertainment", "Venue")
    ]
    kept = lines_of_plan(story.now(), revision_entry(story.now(), 1))
    assert [line.category for line in kept] == ["Venue", "Entertainment", "Miscellaneous"]


def test_a_long_plan_takes_as_many_statements_as_a_short_one(account):
    counts = []
    for lines in (1, 200):
        story = begin_story(account, total=None)
        rows = [{"category": "Venue", "name": f"Line {number}", "budgeted_amount": "1"} for number in range(lines)]
        add_line_items(budget_id=story.budget.pk, acting_user=story.owner, line_items=rows)
        story.approve()
        story.step("revise")
        for number in range(min(lines, 5)):
            story.change(f"Line {number}", budgeted_amount="2")
        budget = story.now()
        counts.append(
            (
                statements_of(lambda budget=budget: revisions_of(budget)),
                statements_of(lambda budget=budget: plan_diff(budget, 2)),
                statements_of(lambda budget=budget: lines_of_plan(budget, revision_entry(budget, 1))),
            )
        )
    assert counts[0] == counts[1]


def test_approving_and_revising_take_as_many_statements_for_many_lines(account):
    counts = []
    for lines in (1, 200):
        story = begin_story(account, total=None)
        rows = [{"category": "Venue", "name": f"Line {number}", "budgeted_amount": "1"} for number in range(lines)]
        add_line_items(budget_id=story.budget.pk, acting_user=story.owner, line_items=rows)
        story.approve()
        story.step("revise")
        story.step("submit")
        counts.append(
            (
                statements_of(lambda story=story: story.step("approve")),
                statements_of(lambda story=story: story.step("revise")),
            )
        )
    assert counts[0] == counts[1]


def test_another_accounts_plans_are_not_there(story, other_account):
    story.approve()
    budget = story.now()
    with tenant_scope(other_account.pk):
        rival = begin_story(other_account)
        rival.approve()
        assert revisions_of(budget) == []
        assert BudgetRevision.objects.get().budget_id == rival.budget.pk
        assert not EventBudget.objects.filter(pk=budget.pk).exists()
