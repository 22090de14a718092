"""Money moved between the lines of an approved plan: what it changes, what it leaves alone, and what refuses it."""

from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from budgets.models import BudgetLineItem, BudgetTransfer, EntryKind, EventBudget, LineKind, PlanDriver
from budgets.services import ledger
from budgets.services.ledger_proof import verify_ledger
from budgets.services.problems import BudgetLocked, BudgetNotFound, LineNotFound, ReasonRequired, StaleVersion
from budgets.services.transfer import transfer_between_lines
from budgets.services.transfer_problems import (
    IncomeLine,
    PlanNotInForce,
    SameLine,
    TransferExceedsAvailable,
    TransferNotAllowed,
)
from budgets.signals import budget_recalculated
from budgets.tests.transfers import NOW, approve, limit_transfers, line_of, make_approved, planned, transfer
from budgetsite.accounts.roles import Role
from budgetsite.money.amounts import InvalidAmount
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_line, move
from budgetsite.testing.people import make_member


@pytest.fixture
def budget(account, owner, manager) -> EventBudget:
    return make_approved(account, owner, manager)


def spend(budget, name, *, committed="0", actual="0"):
    for kind, deltas in (
        (EntryKind.COMMIT, {"committed_delta": Decimal(committed)}),
        (EntryKind.ACTUAL, {"actual_delta": Decimal(actual)}),
    ):
        if any(deltas.values()):
            ledger.post(
                budget_id=budget.pk,
                line_item_id=line_of(budget, name).pk,
                kind=kind,
                currency="CAD",
                source="manual",
                **deltas,
            )


def stored(budget):
    """Everything that a transfer could have changed."""
    lines = BudgetLineItem.objects.filter(budget=budget).order_by("pk")
    return (
        list(lines.values()),
        EventBudget.objects.filter(pk=budget.pk).values().get(),
        BudgetTransfer.objects.count(),
        BudgetLineItem.history.count(),
        OutboxEvent.objects.count(),
    )


def refused(budget, problem, **options):
    """Ask for a transfer, see it refused and nothing changed; return the refusal."""
    before = stored(budget)
    with pytest.raises(problem) as refusal, transaction.atomic():
        transfer(budget, **options)
    assert stored(budget) == before
    return refusal.value


@pytest.mark.parametrize("active", [False, True])
def test_the_amount_leaves_one_line_and_arrives_on_the_other(account, owner, manager, active):
    budget = make_approved(account, owner, manager, active=active)
    before = EventBudget.objects.get(pk=budget.pk)

    made = transfer(budget, "250.50", user=owner, account=account)

    assert planned(budget) == {"Catering": Decimal("349.50"), "Hall": Decimal("550.50")}
    after = EventBudget.objects.get(pk=budget.pk)
    assert after.version == before.version + 1
    for name in ("status", "revision", "total_budget_amount", "lines_total_amount", "variance_amount"):
        assert getattr(after, name) == getattr(before, name), name
    assert (made.status, made.version, made.revision) == ("done", after.version, 1)
    assert (made.requested_by, made.created_at, made.needs_role, made.decided_by) == (owner, NOW, "", None)
    assert [line_of(budget, name).version for name in ("Catering", "Hall")] == [after.version] * 2
    assert verify_ledger() == []


def test_both_lines_say_what_was_moved_and_why_in_their_history(account, owner, manager, budget):
    with tenant_scope(account.pk, user_id=owner.pk):
        transfer(budget, "100", user=owner, account=account, reason="  Fewer guests than we thought  ")

    for name, amount, moved in (("Catering", 500, -100), ("Hall", 400, 100)):
        line = line_of(budget, name)
        last = line.history.order_by("-history_id").first()
        assert last.history_change_reason == "transferred: Fewer guests than we thought"
        assert (last.budgeted_amount, last.transferred_amount) == (amount, moved)
        assert (last.history_user_id, last.version) == (owner.pk, line.version)
        assert line.transferred_amount == moved


def test_the_outbox_hears_of_it(account, owner, budget):
    made = transfer(budget, "100", user=owner, account=account)

    event = OutboxEvent.objects.get(kind="budget.transferred")
    assert (event.subject_type, event.subject_id) == ("event_budget", budget.pk)
    assert event.payload == {
        "transfer": str(made.pk),
        "from_line": str(made.from_line_id),
        "to_line": str(made.to_line_id),
        "amount": "100.00",
        "currency": "CAD",
        "needs_role": "",
        "reverses": None,
        "version": made.version,
        "revision": 1,
    }


def test_alerts_follow_the_lines(account, owner, budget):
    spend(budget, "Hall", actual="320")
    heard = []

    def hear(figures, lines, **_):
        heard.append((figures.version, {line.name: (line.budgeted, line.variance) for line in lines}))

    budget_recalculated.connect(hear)
    try:
        made = transfer(budget, "50", user=owner, account=account)
    finally:
        budget_recalculated.disconnect(hear)

    assert heard == [
        (made.version, {"Catering": (Decimal(550), Decimal(550)), "Hall": (Decimal(350), Decimal(30))}),
    ]
    assert not budget.alerts.filter(alert_type="line_item_overrun", resolved=False).exists()
    assert budget.alerts.filter(alert_type="line_item_overrun", resolved=True).count() == 1


def test_a_line_by_quantity_keeps_its_formula(account, owner, manager):
    budget = make_budget(account, owner, total="2000")
    guests = PlanDriver.objects.create(budget=budget, name="Guests", quantity=10)
    make_line(budget, owner, name="Catering", budgeted_amount="0", driver_id=guests.pk, unit_price="50")
    make_line(budget, owner, name="Hall", budgeted_amount="300")
    approve(budget, account, owner, manager)
    transfer(budget, "120", user=owner, account=account)
    line = line_of(budget, "Catering")
    assert (line.budgeted_amount, line.quantity, line.unit_price, line.transferred_amount) == (380, 10, 50, -120)

    move(budget, "revise", user=owner, role=Role.OWNER, account=account, reason="More guests")
    line = line_of(budget, "Catering")
    line.unit_price = Decimal(60)
    line.save()

    assert line_of(budget, "Catering").budgeted_amount == 480


def test_no_more_is_moved_than_the_line_has_available(account, owner, budget):
    spend(budget, "Catering", committed="200", actual="100.10")

    problem = refused(budget, TransferExceedsAvailable, amount="299.91", user=owner, account=account)

    assert str(problem) == "Catering has 299.90 CAD available: no more than that can be moved."
    transfer(budget, "299.90", user=owner, account=account)
    assert line_of(budget, "Catering").available_amount == 0
    assert verify_ledger() == []


def test_a_line_that_is_used_up_has_nothing_to_give(account, owner, budget):
    spend(budget, "Catering", actual="700")
    problem = refused(budget, TransferExceedsAvailable, amount="0.01", user=owner, account=account)
    assert str(problem) == "Catering has nothing available: its plan is promised or spent. Choose another line."


def test_money_that_came_back_makes_no_plan_below_nothing(account, owner, budget):
    spend(budget, "Catering", actual="-50")
    problem = refused(budget, TransferExceedsAvailable, amount="600.01", user=owner, account=account)
    assert str(problem) == "Catering has 600.00 CAD planned: no more than that can be moved."
    transfer(budget, "600", user=owner, account=account)
    assert planned(budget) == {"Catering": 0, "Hall": 900}


@pytest.mark.parametrize(
    ("amount", "code"),
    [("0", "not_positive"), ("-5", "not_positive"), ("1.005", "too_many_decimals"), ("NaN", "not_finite")],
)
def test_an_amount_that_cannot_be_moved_is_refused(account, owner, budget, amount, code):
    assert refused(budget, InvalidAmount, amount=amount, user=owner, account=account).code == code


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_transfer_has_a_reason(account, owner, budget, reason):
    refused(budget, ReasonRequired, amount="5", user=owner, account=account, reason=reason)


def test_a_line_gives_nothing_to_itself(account, owner, budget):
    refused(budget, SameLine, amount="5", user=owner, account=account, target="Catering")


def test_income_never_mixes_with_cost(account, owner, manager):
    budget = make_budget(account, owner, total="1000")
    make_line(budget, owner, name="Catering", budgeted_amount="600")
    make_line(budget, owner, name="Sponsor", budgeted_amount="500", kind=LineKind.INCOME)
    make_line(budget, owner, name="Tickets", budgeted_amount="500", kind=LineKind.INCOME)
    approve(budget, account, owner, manager)
    for source, target, end in (
        ("Catering", "Sponsor", "to_line"),
        ("Sponsor", "Catering", "from_line"),
        ("Sponsor", "Tickets", "from_line"),
    ):
        problem = refused(budget, IncomeLine, amount="5", user=owner, account=account, source=source, target=target)
        assert problem.end == end


def test_a_line_of_another_budget_is_none_of_this_one(account, owner, manager, budget):
    other = make_approved(account, owner, manager)
    before = stored(budget), stored(other)
    for source, target in (
        (line_of(other, "Catering"), line_of(budget, "Hall")),
        (line_of(budget, "Catering"), line_of(other, "Hall")),
    ):
        with pytest.raises(LineNotFound), transaction.atomic():
            transfer_between_lines(
                budget_id=budget.pk,
                from_line_id=source.pk,
                to_line_id=target.pk,
                amount=Decimal(5),
                reason="No",
                acting_user=owner,
                acting_role=Role.OWNER,
                account=account,
                now=NOW,
            )
    assert (stored(budget), stored(other)) == before


def test_a_strangers_budget_is_not_there(account, owner, other_account, budget):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        second = make_member(other_account, Role.MANAGER).user
        theirs = make_approved(other_account, rival, second)
        lines = [line_of(theirs, name).pk for name in ("Catering", "Hall")]
    with pytest.raises(BudgetNotFound), transaction.atomic():
        transfer_between_lines(
            budget_id=theirs.pk,
            from_line_id=lines[0],
            to_line_id=lines[1],
            amount=Decimal(5),
            reason="No",
            acting_user=owner,
            acting_role=Role.OWNER,
            account=account,
            now=NOW,
        )
    with tenant_scope(other_account.pk):
        assert planned(theirs) == {"Catering": 600, "Hall": 300}


def test_before_the_plan_is_approved_its_lines_are_changed_instead(account, owner, manager):
    budget = make_budget(account, owner, total="1000")
    make_line(budget, owner, name="Catering", budgeted_amount="600")
    make_line(budget, owner, name="Hall", budgeted_amount="300")
    asked = {"amount": "5", "user": owner, "account": account}
    assert "The plan is a draft: change its lines" in str(refused(budget, PlanNotInForce, **asked))
    move(budget, "submit", user=owner, role=Role.OWNER, account=account)
    assert "with its approvers" in str(refused(budget, PlanNotInForce, **asked))
    move(budget, "approve", user=manager, role=Role.MANAGER, account=account)
    move(budget, "revise", user=owner, role=Role.OWNER, account=account, reason="Rain")
    assert "change the lines of the revision" in str(refused(budget, PlanNotInForce, **asked))


def test_a_closed_budget_stays_as_it_is(account, owner, manager):
    budget = make_approved(account, owner, manager, active=True)
    spend(budget, "Catering", actual="900")
    move(budget, "finalize", user=manager, role=Role.MANAGER, account=account)
    refused(budget, BudgetLocked, amount="5", user=owner, account=account, source="Hall", target="Catering")
    move(budget, "archive", user=manager, role=Role.MANAGER, account=account)
    refused(budget, BudgetLocked, amount="5", user=owner, account=account, source="Hall", target="Catering")


def test_who_has_read_another_version_is_told(account, owner, budget):
    version = EventBudget.objects.get(pk=budget.pk).version
    problem = refused(budget, StaleVersion, amount="5", user=owner, account=account, version=version - 1)
    assert (problem.sent, problem.current) == (version - 1, version)
    assert transfer(budget, "5", user=owner, account=account, version=version).version == version + 1


@pytest.mark.parametrize("role", [Role.CLIENT, Role.ATTENDEE])
def test_a_role_that_may_not_is_refused(account, owner, budget, role):
    problem = refused(budget, TransferNotAllowed, amount="5", user=owner, account=account, role=role)
    assert str(problem) == "Only the account's owner or manager or staff or organizer may do this."


def test_the_next_revision_begins_with_what_was_moved(account, owner, manager, budget):
    transfer(budget, "100", user=owner, account=account)
    move(budget, "revise", user=owner, role=Role.OWNER, account=account, reason="Rain")
    assert [line_of(budget, name).in_force_amount for name in ("Catering", "Hall")] == [500, 400]
    approve(budget, account, owner, manager)
    assert planned(budget) == {"Catering": 500, "Hall": 400}
    assert transfer(budget, "100", user=owner, account=account).revision == 2
    assert verify_ledger() == []


def test_a_budget_that_follows_its_lines_keeps_its_total(account, owner, manager):
    budget = make_approved(account, owner, manager, total=None)
    transfer(budget, "100", user=owner, account=account)
    after = EventBudget.objects.get(pk=budget.pk)
    assert (after.total_budget_amount, after.lines_total_amount) == (900, 900)
    assert verify_ledger() == []


@pytest.mark.parametrize("waits", [False, True])
def test_a_transfer_takes_the_same_statements_whatever_the_number_of_lines(account, owner, manager, waits):
    if waits:
        limit_transfers()
    counts = []
    for lines in (2, 200):
        names = ["Catering", "Hall", *(f"Line {number}" for number in range(lines - 2))]
        fields = [{"category": "Venue", "name": name, "budgeted_amount": Decimal(10)} for name in names]
        budget = approve(make_budget(account, owner, lines=fields), account, owner, manager)
        source, target = line_of(budget, "Catering"), line_of(budget, "Hall")
        with CaptureQueriesContext(connection) as captured:
            transfer_between_lines(
                budget_id=budget.pk,
                from_line_id=source.pk,
                to_line_id=target.pk,
                amount=Decimal(5),
                reason="Moved",
                acting_user=owner,
                acting_role=Role.OWNER,
                account=account,
                now=NOW,
            )
        counts.append(len(captured))
    assert counts[0] == counts[1]
