"""A scoped budget pays for an event's: what that promises and spends counts there and above, and moves with it."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from budgets.models import BudgetDecision, EntryKind, EventBudget, LedgerEntry
from budgets.selectors.funding import funding_of
from budgets.services import ledger
from budgets.services.budget_copy import copy_budget
from budgets.services.event_budget import create_event_budget, delete_event_budget, restore_event_budget
from budgets.services.expense_stages import cancel_expense, invoice_expense
from budgets.services.funding_change import (
    FunderCurrencyDiffers,
    FunderNotFound,
    FundingNotYours,
    PromisesDoNotFit,
    look_at_funding,
)
from budgets.services.ledger_proof import verify_ledger
from budgets.services.line_item import move_line_item
from budgets.services.problems import AmountDoesNotFit, BudgetLocked, ReasonRequired
from budgets.services.scoped_budget import delete_scoped_budget, update_scoped_budget
from budgets.services.scoped_problems import FundingDoesNotFit, FundsEvents
from budgets.tests.funding import YEAR, commit, fund, held, make_pot, post, used
from budgetsite.accounts.roles import Role
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.expenses import NOW, make_expense
from budgetsite.testing.people import make_member
from budgetsite.testing.scoped_budgets import make_scoped_budget, standing
from events.services import delete_event, restore_event


@pytest.fixture
def season(account, owner):
    return make_pot(account, owner, "Season", 1000)


@pytest.fixture
def catering(account, owner, season):
    return make_pot(account, owner, "Catering", 600, season)


@pytest.fixture
def budget(account, owner):
    return make_budget(account, owner, total="5000")


def test_figures_of_three_months_move_between_chains_and_the_shared_top_keeps_its_own(account, owner, season):
    monthly = {"period": "monthly", "start_date": date(2026, 1, 31), "timezone": "America/Toronto"}
    kitchen = make_pot(account, owner, "Kitchen", 600, season, **monthly)
    bar = make_pot(account, owner, "Bar", 600, season, enforcement="warn", **YEAR | {"timezone": "Asia/Tokyo"})
    budget = make_budget(account, owner)
    fund(budget, kitchen, owner)
    post(budget, committed=300, at=datetime(2026, 3, 31, 3, 59, tzinfo=UTC))
    post(budget, committed=-100, actual=120, at=datetime(2026, 3, 31, 4, tzinfo=UTC), kind=EntryKind.SETTLE)
    post(budget, actual=50, at=datetime(2026, 6, 3, tzinfo=UTC))
    line = make_line(budget, owner, kind="income")
    post(budget, actual=9, kind=EntryKind.INCOME, line_item_id=line.pk)
    assert held(kitchen) == {"2026-02-28": (300, 0, 1), "2026-03-31": (-100, 120, 1), "2026-05-31": (0, 50, 1)}
    assert held(season) == {"2026-01-01": (200, 170, 3)}

    move = fund(budget, bar, owner, reason="The bar asked for it")

    assert {part.budget.name for part in [*move.leaving, *move.joining]} == {"Kitchen", "Bar"}
    assert held(kitchen) == {}
    assert held(bar) == {"2025-12-31": (200, 170, 3)}
    assert held(season) == {"2026-01-01": (200, 170, 3)}
    assert verify_ledger() == []
    fund(budget, None, owner)
    assert (held(bar), held(season)) == ({}, {})
    decisions = BudgetDecision.objects.order_by("created_at").values_list("action", "reason", "actor")
    assert list(decisions)[1:] == [
        ("fund", "from “Kitchen” to “Bar”. The bar asked for it", owner.pk),
        ("fund", "from “Bar” to nothing.", owner.pk),
    ]
    told = OutboxEvent.objects.filter(kind="budget.funding_changed").values_list("payload", flat=True)
    assert {payload["to"] for payload in told} == {str(kitchen.pk), str(bar.pk), None}
    assert verify_ledger() == []


def test_what_is_promised_has_to_fit_where_it_goes_and_what_was_spent_does_not(
    account, owner, manager, budget, season, catering
):
    post(budget, committed=400, actual=0)
    post(budget, actual=300)
    with pytest.raises(PromisesDoNotFit) as refused:
        fund(budget, catering, owner)
    assert [(refusal.name, refusal.remaining) for refusal in refused.value.refusals] == [("Catering", 600)]
    assert str(refused.value) == (
        "400.00 CAD are promised from the event's budget already. "
        "“Catering” has 600.00 CAD left, and 700.00 CAD do not fit."
    )
    with pytest.raises(ReasonRequired):
        fund(budget, catering, manager, role=Role.MANAGER, override=True, reason=" ")
    assert (held(catering), EventBudget.objects.get(pk=budget.pk).funded_by_id) == ({}, None)

    fund(budget, catering, manager, role=Role.MANAGER, override=True, reason="Signed last year")
    assert (used(catering), used(season)) == ((400, 300), (400, 300))
    assert BudgetDecision.objects.get().reason.startswith("from nothing to “Catering”, beyond what is left there.")
    # Spent money is a fact, and goes wherever somebody says.
    fund(budget, None, owner)
    post(budget, committed=-400, kind=EntryKind.RELEASE)
    post(budget, actual=900)
    fund(budget, catering, owner)
    assert used(catering) == (0, 1200)
    assert verify_ledger() == []


def test_what_a_look_says_is_what_happens_and_a_look_changes_nothing(account, owner, budget, season, catering):
    post(budget, committed=250)
    fund(budget, season, owner)
    look = look_at_funding(budget=EventBudget.objects.get(pk=budget.pk), scoped_budget_id=catering.pk, now=NOW)
    assert [(part.budget.name, part.before.remaining, part.after.remaining) for part in look.joining] == [
        ("Catering", 600, 350)
    ]
    assert (look.leaving, look.refusals, used(season), held(catering)) == ([], [], (250, 0), {})
    fund(budget, catering, owner)
    assert standing(catering, now=NOW).figures.remaining == 350


def test_funders_are_live_of_the_account_and_in_its_currency_and_chosen_by_few(
    account, owner, staff, budget, season, other_account
):
    with tenant_scope(other_account.pk):
        stranger = make_member(other_account, Role.OWNER).user
        rival = make_scoped_budget(other_account, stranger, currency="CAD")
    dollars = make_pot(account, owner, "Dollars", 5, currency="USD")
    gone = make_pot(account, owner, "Gone", 5)
    delete_scoped_budget(budget_id=gone.pk, acting_user=owner, now=NOW)
    for pot, refusal in ((rival, FunderNotFound), (gone, FunderNotFound), (dollars, FunderCurrencyDiffers)):
        with pytest.raises(refusal):
            fund(budget, pot, owner)
        with pytest.raises(refusal):
            create_event_budget(event=make_event(account, owner), acting_user=owner, funded_by=pot.pk)
    with pytest.raises(FundingNotYours):
        fund(budget, season, staff, role=Role.STAFF)
    with pytest.raises(FundingNotYours):
        create_event_budget(event=make_event(account, owner), acting_user=staff, funded_by=season.pk)
    EventBudget.objects.filter(pk=budget.pk).update(status="finalized")
    with pytest.raises(BudgetLocked):
        fund(budget, season, owner)
    assert not EventBudget.objects.filter(funded_by__isnull=False).exists()
    assert not BudgetDecision.objects.exists()


def test_a_budget_opens_funded_and_a_copy_stays_so_while_the_money_lasts(account, owner, organizer, season):
    opened = create_event_budget(
        event=make_event(account, owner),
        acting_user=owner,
        funded_by=season.pk,
        line_items=[{"category": "Venue", "name": "Hall", "budgeted_amount": Decimal(9), "actual_amount": Decimal(7)}],
    )
    assert (opened.funded_by_id, standing(season, now=datetime.now(UTC)).figures.actual) == (season.pk, 7)
    copied = copy_budget(source_id=opened.pk, event=make_event(account, owner), acting_user=organizer)
    assert EventBudget.objects.get(pk=copied.pk).funded_by_id == season.pk
    update_scoped_budget(budget_id=season.pk, acting_user=owner, end_date=date(2026, 7, 1))
    later = copy_budget(source_id=opened.pk, event=make_event(account, owner), acting_user=organizer)
    assert EventBudget.objects.get(pk=later.pk).funded_by_id is None
    assert verify_ledger() == []


def test_an_expense_is_refused_by_every_ancestor_without_room_and_overridden_with_a_reason(
    account, owner, manager, staff, budget, season, catering
):
    fund(budget, catering, owner)
    post(make_budget(account, owner), committed=1)
    make_expense(budget, staff, amount=Decimal(500), stage="committed")
    expense = make_expense(budget, staff, amount=Decimal(600))
    with pytest.raises(FundingDoesNotFit) as refused:
        commit(expense, staff)
    assert [(refusal.name, refusal.remaining) for refusal in refused.value.refusals] == [
        ("Catering", 100),
        ("Season", 500),
    ]
    assert isinstance(refused.value, AmountDoesNotFit)
    assert (used(season), LedgerEntry.objects.count(), expense.stage) == ((500, 0), 2, "planned")

    commit(expense, manager, role=Role.MANAGER, override=True, reason="The client pays it back")
    assert (used(catering), used(season)) == ((1100, 0), (1100, 0))
    entry = LedgerEntry.objects.filter(budget=budget).latest("seq")
    assert entry.description == "Promised: Roses (beyond what is available: The client pays it back)"
    told = OutboxEvent.objects.get(kind="budget.funding_overridden").payload
    assert (told["entry_id"], told["amount"]) == (str(entry.pk), "600.00")
    assert told["refused_by"] == [
        {"budget_id": str(catering.pk), "remaining": "100.00"},
        {"budget_id": str(season.pk), "remaining": "500.00"},
    ]
    # The bill is a fact: it is posted whatever it overruns. And taking all back gives all back.
    invoice_expense(expense_id=expense.pk, acting_user=staff, now=NOW, amount=Decimal(2000))
    assert used(season) == (500, 2000)
    cancel_expense(expense_id=expense.pk, acting_user=staff, acting_role=Role.STAFF, now=NOW, whole=True)
    assert used(season) == (500, 0)
    assert verify_ledger() == []


def test_whose_own_budget_may_be_overridden_does_not_go_beyond_the_companys(account, owner, manager, catering):
    budget = make_budget(account, owner, total="10")
    fund(budget, catering, owner)
    with pytest.raises(FundingDoesNotFit):
        post(budget, committed=700, on_overrun=ledger.OnOverrun.WARN)
    post(budget, committed=500, on_overrun=ledger.OnOverrun.WARN)
    with pytest.raises(AmountDoesNotFit):
        post(budget, committed=700, beyond_funding=True)
    assert used(catering) == (500, 0)


def test_a_soft_top_lets_it_pass_and_one_that_only_counts_too(account, owner, budget):
    top = make_pot(account, owner, "Company", 100, enforcement="warn")
    leaf = make_pot(account, owner, "Counted", 1, top, enforcement="ignore")
    fund(budget, leaf, owner)
    post(budget, committed=150)
    assert (used(top), used(leaf)) == ((150, 0), (150, 0))
    assert standing(top, now=NOW).level == "exceeded"
    pays = funding_of(leaf.pk, now=NOW)
    assert pays is not None
    assert (pays.path, pays.room, pays.tightest) == ("Company › Counted", None, None)


def test_room_is_that_of_whoever_refuses_first(account, owner, season, catering):
    blocking = [{"threshold": "50", "actions": ["block-all"]}]
    update_scoped_budget(budget_id=season.pk, acting_user=owner, thresholds=blocking)
    pays = funding_of(catering.pk, now=NOW)
    assert pays is not None
    assert (pays.room, pays.tightest and pays.tightest.budget.name) == (500, "Season")
    before = funding_of(catering.pk, now=datetime(2025, 12, 1, tzinfo=UTC))
    assert before is not None
    assert before.room == 0


def test_a_line_takes_its_money_from_pot_to_pot_and_is_refused_without_room_for_its_promises(
    account, owner, season, catering
):
    bar = make_pot(account, owner, "Bar", 100, season)
    here, there = (make_budget(account, owner, total="2000") for _ in range(2))
    fund(here, catering, owner)
    fund(there, bar, owner)
    line = make_line(here, owner)
    post(here, committed=80, line_item_id=line.pk)
    post(here, actual=10, line_item_id=line.pk)

    def moved():
        return move_line_item(budget_id=here.pk, line_item_id=line.pk, to_budget_id=there.pk, acting_user=owner)

    now = datetime.now(UTC)
    post(there, committed=11, at=now)
    with pytest.raises(FundingDoesNotFit) as refused, transaction.atomic():
        moved()
    assert [refusal.name for refusal in refused.value.refusals] == ["Bar"]
    assert verify_ledger() == []
    post(there, committed=-1, at=now, kind=EntryKind.RELEASE)
    moved()
    assert (held(catering), held(bar)) == ({"2026-01-01": (0, 0, 3)}, {"2026-01-01": (90, 10, 3)})
    assert held(season) == {"2026-01-01": (90, 10, 6)}
    assert verify_ledger() == []


def test_deleted_events_go_on_counting_and_their_pot_too_when_it_went_meanwhile(
    account, owner, budget, season, catering
):
    fund(budget, catering, owner)
    with pytest.raises(FundsEvents):
        delete_scoped_budget(budget_id=catering.pk, acting_user=owner, now=NOW)
    post(budget, actual=40)
    delete_event_budget(budget_id=budget.pk, acting_user=owner, now=NOW)
    assert (used(season), verify_ledger()) == ((0, 40), [])
    restore_event_budget(budget=budget, acting_user=owner)
    post(budget, committed=60)
    delete_event(event=budget.event, acting_user=owner, now=NOW)
    assert (used(season), verify_ledger()) == ((60, 40), [])

    delete_scoped_budget(budget_id=catering.pk, acting_user=owner, now=NOW)
    restore_event(event=budget.event, acting_user=owner)
    post(budget, committed=100)
    with pytest.raises(FundingDoesNotFit):
        post(budget, committed=401)
    assert (used(season), verify_ledger()) == ((160, 40), [])
    fund(budget, season, owner)
    assert (used(season), held(catering), verify_ledger()) == ((160, 40), {}, [])


def test_a_posting_of_a_funded_budget_takes_nine_statements_and_of_another_two(account, owner, budget, catering):
    def statements():
        with CaptureQueriesContext(connection) as captured:
            post(budget, committed=1)
        return [query["sql"] for query in captured if "alerts_" not in query["sql"]]

    assert len(statements()) == 2
    fund(budget, catering, owner)
    assert len(statements()) == 9
