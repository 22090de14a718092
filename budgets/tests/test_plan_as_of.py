"""A budget as of a moment is what its address answered then: plan from the history, figures from the ledger."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from budgets.api.answers import as_of_answer, budget_detail
from budgets.models import EntryKind
from budgets.selectors.event_budgets import budgets_in_sight
from budgets.selectors.plan_as_of import FutureMoment, NoBudgetThen, UnreadableMoment, budget_as_of, parse_moment
from budgets.services.event_budget import delete_event_budget, restore_event_budget, update_event_budget
from budgets.services.line_item import add_line_items, move_line_item, reorder_line_items, restore_line_item
from budgets.services.revision_discard import discard_revision
from budgets.tests.plans import begin_story
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget

NOW = datetime(2026, 5, 2, 12, 0, tzinfo=UTC)


class Witness:
    """Writes down what a budget's address answers, and when, to be compared with what is said of then afterwards."""

    def __init__(self, story):
        self.story = story
        self.seen = []

    def look(self):
        self.seen.append((timezone.now(), self.answer(budget_detail, self.found())))

    def found(self):
        return budgets_in_sight(user_id=self.story.owner.pk, role=Role.OWNER).get(pk=self.story.budget.pk)

    def as_of(self, moment):
        return budget_as_of(self.found(), moment)

    @staticmethod
    def answer(describe, budget):
        answer = describe(budget)
        # Spending changes it too, a little later by another clock.
        answer.pop("updated_at")
        return answer

    def check(self):
        for moment, seen in self.seen:
            then = self.answer(as_of_answer, self.as_of(moment))
            assert {name: then[name] for name in seen} == seen
        assert len(self.seen) > 2


@pytest.fixture
def story(account):
    return begin_story(account)


@pytest.fixture
def witness(story):
    return Witness(story)


def test_every_moment_of_a_budgets_life_is_answered_as_it_was(story, witness):
    witness.look()
    story.change("Hall", budgeted_amount="500", name="Great hall", notes="north side")
    witness.look()
    story.post("40", "Great hall")
    story.post("25", kind=EntryKind.COMMIT)
    story.post("90", "Tickets", kind=EntryKind.INCOME)
    witness.look()
    story.step("submit")
    witness.look()
    story.step("approve")
    witness.look()
    story.transfer("Great hall", "Band", "60")
    witness.look()
    story.step("activate")
    story.post("700", "Band")
    witness.look()
    story.step("revise")
    story.set_total("2000")
    story.change("Band", budgeted_amount="900", category="Venue")
    story.add(name="Flowers", category="Decor & Florals", budgeted_amount="80")
    witness.look()
    story.remove("Band")
    witness.look()
    restore_line_item(line=story.line("Band"), acting_user=story.owner)
    story.step("submit")
    witness.look()
    story.step("reject")
    witness.look()
    story.approve()
    story.post("10", "Flowers")
    witness.look()
    story.transfer("Flowers", "Band", "5")
    witness.look()
    witness.check()


def test_a_total_that_follows_its_lines_is_their_sum_then(account):
    story = begin_story(account, total=None)
    witness = Witness(story)
    witness.look()
    story.change("Hall", budgeted_amount="650.50")
    witness.look()
    story.set_total("3000")
    witness.look()
    story.set_total("0")
    story.remove("Band")
    witness.look()
    witness.check()
    totals = [witness.as_of(moment).budget.total_budget_amount for moment, _ in witness.seen]
    assert totals == [900, Decimal("950.50"), 3000, Decimal("650.50")]


def test_a_discarded_revision_was_worked_on_all_the_same(story, witness):
    story.approve()
    story.transfer("Hall", "Band", "100")
    story.step("revise")
    story.change("Hall", budgeted_amount="1")
    witness.look()
    discard_revision(
        budget_id=story.budget.pk,
        number=2,
        version=story.now().version,
        acting_user=story.owner,
        acting_role=Role.OWNER,
        now=timezone.now(),
    )
    witness.look()
    story.transfer("Band", "Hall", "30")
    story.step("revise")
    witness.look()
    witness.check()
    assert [witness.as_of(moment).revision_in_force for moment, _ in witness.seen] == [1, 1, 1]
    hall = [next(line for line in witness.as_of(moment).lines if line.name == "Hall") for moment, _ in witness.seen]
    assert [(line.budgeted_amount, line.in_force_amount) for line in hall] == [(1, 500), (500, 500), (530, 530)]


def test_lines_in_force_that_the_revision_left_out_are_told(story, witness):
    story.approve()
    story.post("40", "Band")
    story.step("revise")
    story.remove("Band")
    moment = timezone.now()
    story.approve()

    then, now = witness.as_of(moment), witness.as_of(timezone.now())

    (band,) = then.left_out
    assert (band.name, band.in_force_amount, band.budgeted_amount, band.actual_amount) == ("Band", 300, 0, 0)
    assert [line.name for line in then.lines] == ["Hall", "Tickets"]
    assert (then.budget.in_force_amount, then.revision_in_force) == (1000, 1)
    assert (now.left_out, now.revision_in_force) == ([], 2)


def test_an_entry_counts_from_when_it_was_posted_not_from_the_day_that_it_is_about(story, witness):
    before = timezone.now()
    story.post("40", "Hall")
    assert witness.as_of(before).budget.total_actual_amount == 0
    assert witness.as_of(timezone.now()).budget.total_actual_amount == 40


def test_a_line_that_moved_counts_where_it_was(story, witness, account):
    other = make_budget(account, story.owner, total="5000")
    story.post("40", "Hall")
    before = timezone.now()
    move_line_item(
        budget_id=story.budget.pk, line_item_id=story.line("Hall").pk, to_budget_id=other.pk, acting_user=story.owner
    )
    after = timezone.now()

    def lines(budget, moment):
        found = budgets_in_sight(user_id=story.owner.pk, role=Role.OWNER).get(pk=budget.pk)
        return [(line.name, line.actual_amount) for line in budget_as_of(found, moment).lines]

    assert lines(story.budget, before) == [("Hall", 40), ("Band", 0), ("Tickets", 0)]
    assert lines(story.budget, after) == [("Band", 0), ("Tickets", 0)]
    assert lines(other, before) == []
    assert lines(other, after) == [("Hall", 40)]


def test_the_order_of_then_is_kept(story, witness):
    moment = timezone.now()
    reorder_line_items(budget_id=story.budget.pk, line_item_ids=[story.line("Tickets").pk], acting_user=story.owner)
    assert [line.name for line in witness.as_of(moment).lines] == ["Hall", "Band", "Tickets"]
    assert [line.name for line in witness.as_of(timezone.now()).lines] == ["Tickets", "Hall", "Band"]


def test_before_it_was_opened_there_was_no_budget(story, witness):
    with pytest.raises(NoBudgetThen, match=r"There was no such budget then: it was opened on .*America/Toronto"):
        witness.as_of(timezone.now() - timedelta(hours=1))


def test_while_it_was_deleted_there_was_no_budget(story, witness):
    live = timezone.now()
    delete_event_budget(budget_id=story.budget.pk, acting_user=story.owner, now=timezone.now())
    deleted = timezone.now()
    restore_event_budget(budget=story.budget, acting_user=story.owner)

    with pytest.raises(NoBudgetThen, match="deleted at that moment"):
        witness.as_of(deleted)
    assert [line.name for line in witness.as_of(live).lines] == ["Hall", "Band", "Tickets"]
    assert [line.name for line in witness.as_of(timezone.now()).lines] == ["Hall", "Band", "Tickets"]


def test_notes_that_change_after_the_approval_are_those_of_then(story, witness):
    story.approve()
    moment = timezone.now()
    update_event_budget(
        budget_id=story.budget.pk, version=story.now().version, acting_user=story.owner, notes="Call the hall"
    )
    assert witness.as_of(moment).budget.notes == ""
    assert witness.as_of(timezone.now()).budget.notes == "Call the hall"


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-01T10:00:00Z", datetime(2026, 5, 1, 10, tzinfo=UTC)),
        ("2026-05-01T10:00:00+02:00", datetime(2026, 5, 1, 8, tzinfo=UTC)),
        # As it arrives when the plus was not encoded.
        ("2026-05-01T10:00:00 02:00", datetime(2026, 5, 1, 8, tzinfo=UTC)),
        ("2026-05-01 10:00:00.250000 02:00", datetime(2026, 5, 1, 8, 0, 0, 250000, tzinfo=UTC)),
        # The end of the day in Toronto, four hours behind.
        ("2026-05-01", datetime(2026, 5, 2, 3, 59, 59, 999999, tzinfo=UTC)),
        # The day that the clocks go forward there.
        ("2026-03-08", datetime(2026, 3, 9, 3, 59, 59, 999999, tzinfo=UTC)),
        ("2026-05-02", NOW),
    ],
)
def test_a_moment_is_read(text, moment):
    assert parse_moment(text, zone="America/Toronto", now=NOW) == moment


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-13-01", "2026-02-30", "2026-05-01T10:00:00", "2026-05-01T25:00:00Z", "٢٠٢٦"],
)
def test_what_is_no_moment_is_refused(text):
    with pytest.raises(UnreadableMoment):
        parse_moment(text, zone="America/Toronto", now=NOW)


@pytest.mark.parametrize("text", ["2026-05-03", "2026-05-02T12:00:01Z", "9999-12-30", "9999-12-31"])
def test_what_is_still_to_come_is_refused(text):
    with pytest.raises(FutureMoment):
        parse_moment(text, zone="America/Toronto", now=NOW)


def test_many_lines_and_entries_take_as_many_statements_as_few(account):
    counts = []
    for number in (1, 200):
        story = begin_story(account, total=None)
        rows = [{"category": "Venue", "name": f"Line {row}", "budgeted_amount": "1"} for row in range(number)]
        add_line_items(budget_id=story.budget.pk, acting_user=story.owner, line_items=rows)
        for row in range(min(number, 20)):
            story.post("1", f"Line {row}")
        story.approve()
        story.step("revise")
        story.remove("Band")
        found = Witness(story).found()
        with CaptureQueriesContext(connection) as captured:
            budget_as_of(found, timezone.now())
        counts.append(len(captured))
    assert counts[0] == counts[1]
