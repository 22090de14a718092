"""Discarding a revision: the plan in force is the budget's plan again, and nothing that was spent is lost."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.models import BudgetAlert
from budgets.models import BudgetDecision, BudgetLineItem, EntryKind, LedgerEntry, PlanDriver
from budgets.selectors.plan_diff import plan_diff
from budgets.selectors.revisions import revisions_of
from budgets.services.driver import create_driver, delete_driver, update_driver
from budgets.services.event_budget import update_event_budget
from budgets.services.ledger import OnOverrun
from budgets.services.ledger_proof import verify_ledger
from budgets.services.line_item import add_line_items, move_line_item, reorder_line_items
from budgets.services.problems import BudgetNotFound, StaleVersion
from budgets.services.revision_discard import (
    AddedLinesCarryMoney,
    LinesMovedMeanwhile,
    NothingToDiscard,
    RevisionInReview,
    discard_revision,
)
from budgets.services.workflow import RoleNotAllowed
from budgets.tests.plans import begin_story
from budgetsite.accounts.models import Membership
from budgetsite.accounts.roles import Role
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import deleted_rows_visible, tenant_scope
from budgetsite.testing.budgets import make_budget, make_line

NOW = datetime(2026, 5, 1, tzinfo=UTC)
# What a plan says, and what is spent on it.
PLAN = (
    "name",
    "category__name",
    "section",
    "description",
    "notes",
    "budgeted_amount",
    "approved_amount",
    "driver_id",
    "quantity",
    "unit_price",
    "transferred_amount",
    "sort_order",
    "committed_amount",
    "actual_amount",
    "variance_amount",
)


@pytest.fixture
def story(account):
    return begin_story(account)


@pytest.fixture
def clean_books(story):
    yield
    assert verify_ledger() == []


def discard(story, *, number=None, version=None, role=Role.OWNER, reason=""):
    now = story.now()
    return discard_revision(
        budget_id=story.budget.pk,
        number=number or now.revision,
        version=version or now.version,
        acting_user=story.owner,
        acting_role=role,
        now=NOW,
        reason=reason,
    )


def drive(story, name, quantity):
    return create_driver(budget_id=story.budget.pk, acting_user=story.owner, name=name, quantity=Decimal(quantity))


def plan_of(budget):
    lines = BudgetLineItem.objects.filter(budget=budget).order_by("sort_order", "id").values_list(*PLAN)
    return list(lines)


def head_of(story):
    budget = story.now()
    left_out = ("version", "updated_at", "ledger_seq", "ledger_hash")
    fields = [field.attname for field in budget._meta.concrete_fields if field.attname not in left_out]
    return {name: getattr(budget, name) for name in fields}


@pytest.mark.usefixtures("clean_books")
def test_the_plan_in_force_is_the_plan_again(story):
    story.add(
        name="Dinner", category="Food & Beverage", quantity="10", unit_price="5", budgeted_amount="0", section="Evening"
    )
    story.approve()
    story.transfer("Hall", "Dinner", "100")
    update_event_budget(
        budget_id=story.budget.pk, version=story.now().version, acting_user=story.owner, notes="Ask for the keys"
    )
    plan, head = plan_of(story.budget), head_of(story)
    story.step("revise")
    update_event_budget(
        budget_id=story.budget.pk,
        version=story.now().version,
        acting_user=story.owner,
        notes="Something else",
        total_budget_amount=Decimal(2000),
    )
    story.change("Hall", name="Great hall", budgeted_amount="900", description="with a stage", notes="north side")
    story.change("Band", category="Venue", section="Night")
    story.change("Dinner", quantity="20", unit_price="7")
    story.add(name="Flowers", category="Decor & Florals", budgeted_amount="80")
    story.remove("Tickets")
    reorder_line_items(budget_id=story.budget.pk, line_item_ids=[story.line("Dinner").pk], acting_user=story.owner)
    version = story.now().version

    discarded = discard(story, reason="The client has changed their mind")

    assert plan_of(story.budget) == plan
    assert head_of(story) == head
    assert (discarded.status, discarded.revision, discarded.version) == ("approved", 1, version + 1)
    assert not discarded.is_under_revision
    assert story.line("Flowers").deleted_at == NOW
    assert [(entry.number, entry.state) for entry in revisions_of(story.now())] == [(1, "in_force")]


def test_the_decision_is_kept_and_told(story):
    story.approve()
    story.step("revise")

    discard(story, reason=" Called off ")

    decision = BudgetDecision.objects.order_by("-version")[0]
    assert (decision.action, decision.from_status, decision.to_status) == ("discard", "draft", "approved")
    assert (decision.revision, decision.version, decision.reason) == (2, story.now().version, "Called off")
    assert (decision.actor, decision.role) == (story.owner, "owner")
    told = OutboxEvent.objects.order_by("-position")[0]
    assert (told.kind, told.subject_id) == ("budget.revision_discarded", story.budget.pk)
    assert told.payload == {"version": story.now().version, "revision": 1, "discarded": 2}
    record = story.now().history.order_by("-history_id")[0]
    assert (record.history_change_reason, record.revision, record.status) == ("discard: Called off", 1, "approved")


@pytest.mark.usefixtures("clean_books")
def test_an_active_budget_is_active_again(story):
    story.approve()
    story.step("activate")
    story.step("revise")
    assert discard(story).status == "active"


@pytest.mark.usefixtures("clean_books")
def test_a_line_that_the_revision_removed_returns_with_what_was_spent_on_it(story):
    story.approve()
    story.post("40", "Hall")
    story.post("90", "Tickets", kind=EntryKind.INCOME)
    story.step("revise")
    story.remove("Hall")
    story.remove("Tickets")
    assert (story.now().total_actual_amount, story.now().total_income_amount) == (0, 0)

    discard(story)

    now = story.now()
    assert (now.total_actual_amount, now.total_income_amount, now.available_amount) == (40, 90, 960)
    hall = story.line("Hall")
    assert (hall.deleted_at, hall.actual_amount, hall.variance_amount, hall.deleted_actual_amount) == (None, 40, 560, 0)
    entries = LedgerEntry.objects.filter(line_item=hall).order_by("seq")
    assert [(entry.actual_delta, entry.description) for entry in entries] == [
        (40, ""),
        (-40, "“Hall” deleted"),
        (40, "“Hall” restored"),
    ]


@pytest.mark.usefixtures("clean_books")
def test_what_was_spent_during_the_revision_stays(story):
    story.approve()
    story.step("revise")
    story.change("Hall", budgeted_amount="100")
    story.post("250", "Hall")
    story.post("50", kind=EntryKind.COMMIT)

    discard(story)

    now, hall = story.now(), story.line("Hall")
    assert (now.total_actual_amount, now.total_committed_amount, now.available_amount) == (250, 50, 700)
    assert (hall.budgeted_amount, hall.actual_amount, hall.variance_amount) == (600, 250, 350)


@pytest.mark.usefixtures("clean_books")
@pytest.mark.parametrize(("kind", "amount"), [(EntryKind.ACTUAL, "30"), (EntryKind.COMMIT, "30")])
def test_an_added_line_with_money_stands_in_the_way(story, kind, amount):
    story.approve()
    story.step("revise")
    added = story.add(name="Flowers", category="Decor & Florals", budgeted_amount="80")
    story.change("Hall", budgeted_amount="500")
    # Nothing is in force for the new line yet: only who overrides promises anything on it.
    story.post(amount, "Flowers", kind=kind, on_overrun=OnOverrun.WARN)
    plan, head = plan_of(story.budget), head_of(story)

    with pytest.raises(AddedLinesCarryMoney, match=r"“Flowers” \(30\.00 CAD\)") as refused:
        discard(story)

    assert refused.value.line_item_ids == [str(added.pk)]
    assert (plan_of(story.budget), head_of(story)) == (plan, head)
    story.post("-30", "Flowers", kind=EntryKind.RELEASE if kind == EntryKind.COMMIT else EntryKind.REFUND)
    assert discard(story).status == "approved"


@pytest.mark.usefixtures("clean_books")
def test_a_line_that_the_revision_added_and_removed_again_is_no_obstacle(story):
    story.approve()
    story.step("revise")
    story.add(name="Flowers", category="Decor & Florals", budgeted_amount="80")
    story.post("30", "Flowers")
    story.remove("Flowers")
    discard(story)
    assert story.line("Flowers").deleted_at is not None
    assert story.now().total_actual_amount == 0


@pytest.mark.usefixtures("clean_books")
def test_lines_that_moved_between_budgets_have_to_move_back(story, account):
    other = make_budget(account, story.owner, total="5000")
    make_line(other, story.owner, name="Coach", category="Transportation", budgeted_amount="10")
    coach = BudgetLineItem.objects.get(name="Coach")
    story.approve()
    story.step("revise")
    ways = ((story.line("Band"), story.budget, other), (coach, other, story.budget))
    for line, source, target in ways:
        move_line_item(budget_id=source.pk, line_item_id=line.pk, to_budget_id=target.pk, acting_user=story.owner)
    plan = plan_of(story.budget)

    with pytest.raises(LinesMovedMeanwhile) as refused:
        discard(story)

    assert refused.value.names == ["Band", "Coach"]
    assert plan_of(story.budget) == plan
    for line, source, target in ways:
        move_line_item(budget_id=target.pk, line_item_id=line.pk, to_budget_id=source.pk, acting_user=story.owner)
    assert discard(story).status == "approved"


@pytest.mark.usefixtures("clean_books")
def test_a_driver_goes_back_to_what_it_stood_at(account):
    story = begin_story(account, total=None)
    guests, days = drive(story, "Guests", "10"), drive(story, "Days", "2")
    story.add(name="Dinner", category="Food & Beverage", driver_id=guests.pk, unit_price="5", budgeted_amount="0")
    story.add(name="Tent", category="Venue", driver_id=days.pk, unit_price="20", budgeted_amount="0")
    story.approve()
    plan = plan_of(story.budget)
    story.step("revise")
    update_driver(
        budget_id=story.budget.pk,
        driver_id=guests.pk,
        version=story.now().version,
        acting_user=story.owner,
        quantity=Decimal(14),
    )
    story.change("Dinner", unit_price="6")
    story.change("Tent", driver_id=None, quantity="3")
    delete_driver(budget_id=story.budget.pk, driver_id=days.pk, acting_user=story.owner, now=NOW)
    assert story.line("Dinner").budgeted_amount == 84

    discard(story)

    assert plan_of(story.budget) == plan
    drivers = PlanDriver.objects.filter(budget=story.budget).order_by("name").values_list("name", "quantity", "version")
    assert list(drivers) == [("Days", 2, story.now().version), ("Guests", 10, story.now().version)]
    assert guests.history.order_by("-history_id")[0].quantity == 10


@pytest.mark.usefixtures("clean_books")
def test_a_driver_whose_name_is_taken_stays_away(story):
    guests = drive(story, "Guests", "10")
    story.add(name="Dinner", category="Food & Beverage", driver_id=guests.pk, unit_price="5", budgeted_amount="0")
    story.approve()
    story.step("revise")
    story.change("Dinner", driver_id=None)
    delete_driver(budget_id=story.budget.pk, driver_id=guests.pk, acting_user=story.owner, now=NOW)
    drive(story, "guests", "12")

    discard(story)

    dinner = story.line("Dinner")
    assert (dinner.driver_id, dinner.quantity, dinner.budgeted_amount) == (None, 10, 50)


@pytest.mark.usefixtures("clean_books")
def test_a_total_that_followed_its_lines_follows_them_again(account):
    story = begin_story(account, total=None)
    story.approve()
    story.step("revise")
    story.set_total("5000")
    story.change("Hall", budgeted_amount="4000")
    budget = discard(story)
    assert (budget.total_budget_amount, budget.total_follows_lines, budget.lines_total_amount) == (900, True, 900)


@pytest.mark.usefixtures("clean_books")
def test_the_next_revision_has_the_number_again_and_its_own_reason(story):
    story.approve()
    story.step("revise", reason="First try")
    discard(story)
    story.step("revise", reason="Second try")
    story.change("Hall", budgeted_amount="610")
    assert (story.now().revision, revisions_of(story.now())[0].reason) == (2, "Second try")
    assert [line.name for line in plan_diff(story.now(), 2).lines] == ["Hall"]
    story.approve()
    assert [(entry.number, entry.reason) for entry in revisions_of(story.now())] == [(2, "Second try"), (1, "")]


@pytest.mark.usefixtures("clean_books")
def test_without_a_plan_in_force_there_is_nothing_to_discard(story):
    with pytest.raises(NothingToDiscard, match="No plan has been approved yet"):
        discard(story)
    story.step("submit")
    with pytest.raises(NothingToDiscard):
        discard(story)
    story.step("approve")
    with pytest.raises(NothingToDiscard, match="nobody revises it"):
        discard(story)
    story.step("revise")
    with pytest.raises(NothingToDiscard, match="Revision 1 was approved and is kept"):
        discard(story, number=1)
    story.step("submit")
    with pytest.raises(RevisionInReview):
        discard(story)
    assert story.now().revision == 2


@pytest.mark.usefixtures("clean_books")
def test_a_stale_version_and_a_role_that_may_not_are_refused(story):
    story.approve()
    story.step("revise")
    version = story.now().version
    story.change("Hall", budgeted_amount="500")
    plan, head = plan_of(story.budget), head_of(story)
    with pytest.raises(StaleVersion):
        discard(story, version=version)
    for role in (Role.CLIENT, Role.ATTENDEE):
        with pytest.raises(RoleNotAllowed):
            discard(story, role=role)
    assert (plan_of(story.budget), head_of(story)) == (plan, head)


def test_another_accounts_revision_is_not_there(story, other_account):
    story.approve()
    story.step("revise")
    story.change("Hall", budgeted_amount="500")
    with tenant_scope(other_account.pk):
        rival = begin_story(other_account)
        rival.approve()
        rival.step("revise")
        with pytest.raises(BudgetNotFound):
            discard_revision(
                budget_id=story.budget.pk,
                number=2,
                version=story.budget.version,
                acting_user=rival.owner,
                acting_role=Role.OWNER,
                now=NOW,
            )
        discard(rival)
    assert story.line("Hall").budgeted_amount == 500
    assert story.now().is_under_revision


@pytest.mark.usefixtures("clean_books")
def test_alerts_follow_what_returns(story):
    story.approve()
    story.post("700", "Hall")
    story.step("revise")
    story.remove("Hall")
    open_alerts = BudgetAlert.objects.filter(budget=story.budget, resolved=False)
    assert not open_alerts.filter(alert_type="line_item_overrun").exists()
    discard(story)
    assert open_alerts.filter(alert_type="line_item_overrun", line_item=story.line("Hall")).count() == 1


def test_a_long_plan_takes_as_many_statements_as_a_short_one(account):
    counts = []
    for number in (1, 200):
        story = begin_story(account, total=None)
        rows = [{"category": "Venue", "name": f"Line {row}", "budgeted_amount": "1"} for row in range(number)]
        add_line_items(budget_id=story.budget.pk, acting_user=story.owner, line_items=rows)
        story.approve()
        story.step("revise")
        more = [{"category": "Venue", "name": f"More {row}", "budgeted_amount": "1"} for row in range(number)]
        add_line_items(budget_id=story.budget.pk, acting_user=story.owner, line_items=more)
        reorder_line_items(budget_id=story.budget.pk, line_item_ids=[story.line("Tickets").pk], acting_user=story.owner)
        with CaptureQueriesContext(connection) as captured:
            discard(story)
        counts.append(len(captured))
        with deleted_rows_visible():
            gone = BudgetLineItem.objects.filter(budget=story.budget, deleted_at=NOW)
            assert gone.count() == number
    assert counts[0] == counts[1]


def test_who_was_demoted_while_the_page_was_open_discards_nothing(account, story):
    story.approve()
    story.step("revise")
    head = head_of(story)
    Membership.objects.filter(user=story.owner).update(role=Role.CLIENT)
    with pytest.raises(RoleNotAllowed):
        discard(story, role=Role.OWNER)
    assert head_of(story) == head
