"""Forecasts of a scoped budget by its open promises and by the account's finished events, counted by hand."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from budgets.models import EntryKind, EventBudget
from budgets.selectors.forecast.history import Basis, history_forecast
from budgets.selectors.forecast.promises import PromisedMonth, promises_forecast
from budgets.selectors.forecast.sentences import (
    burn_assumption,
    burn_missing,
    history_data,
    history_missing,
    promises_data,
    promises_missing,
)
from budgets.selectors.forecast.together import forecast
from budgets.services import ledger
from budgets.services.expense_stages import invoice_expense
from budgets.services.reservation import reserve
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.benchmarks.statements import statements_of
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.expenses import make_expense
from budgetsite.testing.people import make_member
from budgetsite.testing.scoped_budgets import make_scoped_budget, spend, standing

# The tenth of June, noon; the year is the window.
NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)


@pytest.fixture
def season(account, owner):
    return make_scoped_budget(
        account, owner, currency="CAD", amount=Decimal(20_000), period="annual", start_date=date(2026, 1, 1)
    )


@pytest.fixture
def kitchen(account, owner, season):
    return make_scoped_budget(
        account,
        owner,
        name="Kitchen",
        scope_type="team",
        currency="CAD",
        parent_id=season.pk,
        amount=Decimal(20_000),
        period="annual",
        start_date=date(2026, 1, 1),
    )


def event_of(account, user, day, *, total="1000", event_type="WEDDING", funded_by=None, name="Wedding"):
    """An event with a budget, maybe paid for by a scoped budget, and a line to post on."""
    window = {"registration_start_date": day - timedelta(days=99), "registration_end_date": day}
    event = make_event(account, user, name=name, event_type=event_type, event_date=day, timezone="UTC", **window)
    budget = make_budget(account, user, total=total, event=event)
    line = make_line(budget, user, budgeted_amount=Decimal(total))
    if funded_by is not None:
        EventBudget.objects.filter(pk=budget.pk).update(funded_by=funded_by)
    return line


def post(line, at, *, committed=0, actual=0):
    kind = EntryKind.COMMIT if committed > 0 else EntryKind.RELEASE if not actual else EntryKind.ACTUAL
    ledger.post(
        budget_id=line.budget_id,
        line_item_id=line.pk,
        kind=kind,
        currency="CAD",
        source="manual",
        committed_delta=Decimal(committed),
        actual_delta=Decimal(actual),
        occurred_at=at,
        on_overrun="ignore",
    )


def past_wedding(account, user, days_ago, *, total, early, cost, name="Past wedding"):
    """One that had promised `early` 40 days before its day, and came to `cost`."""
    day = NOW - timedelta(days=days_ago)
    line = event_of(account, user, day, total=total, name=name)
    if early:
        post(line, day - timedelta(days=41), committed=early)
        post(line, day - timedelta(days=5), committed=-early)
    post(line, day - timedelta(days=1), actual=cost)


@pytest.fixture
def promised(account, owner, kitchen, season):
    """100 spent; 900 promised under it: 80 overdue, 20 reserved, 300 in August, 200 in December, 300 next year."""
    line = event_of(account, owner, datetime(2026, 8, 20, 18, tzinfo=UTC), funded_by=kitchen)
    budget = EventBudget.objects.select_related("event").get(pk=line.budget_id)

    def expense(amount, due_date, **fields):
        return make_expense(
            budget, owner, role=Role.OWNER, line_item=line, amount=Decimal(amount), due_date=due_date, **fields
        )

    expense(80, date(2026, 6, 2), stage="committed")
    expense(200, date(2026, 12, 31), stage="committed")
    expense(300, date(2027, 1, 1), stage="committed")
    # Without a day of its own: the event's.
    expense(50, None, stage="committed")
    # Agreed on, and promised by nobody yet.
    expense(10, date(2026, 7, 1), stage="planned")
    # Billed, and to be paid in July: spent already.
    billed = expense(100, date(2026, 7, 15), stage="committed")
    invoice_expense(
        expense_id=billed.pk,
        version=None,
        acting_user=owner,
        now=NOW,
        due_date=date(2026, 7, 15),
    )
    # Promised beside the expenses, as registrations do.
    post(line, NOW - timedelta(days=3), committed=250)
    reserve(budget_id=season.pk, amount=Decimal(20), ttl_seconds=3600, acting_user=owner, now=NOW)
    return line


def test_each_promise_becomes_spend_in_the_month_in_which_it_falls_due(season, promised):
    found = promises_forecast(standing(season, now=NOW))

    assert found.months == [
        # Overdue, and what is reserved until one o'clock.
        PromisedMonth(date(2026, 6, 1), expenses=Decimal(80), reservations=Decimal(20), running=Decimal(200)),
        PromisedMonth(date(2026, 7, 1), to_pay=Decimal(100)),
        PromisedMonth(date(2026, 8, 1), expenses=Decimal(50), events=Decimal(250), running=Decimal(500)),
        PromisedMonth(date(2026, 12, 1), expenses=Decimal(200), running=Decimal(700)),
        PromisedMonth(date(2027, 1, 1), expenses=Decimal(300)),
    ]
    assert (found.spent, found.within, found.later, found.overdue) == (100, 600, 300, 80)
    assert (found.projected_total, found.overrun, found.undated) == (700, 0, 1)
    assert promises_data(found) == (
        "By open promises of 4 expenses, 1 event and 1 reservation, the last of them in January 2027."
    )
    assert promises_missing(found) == "1 expense has no due date: give them one to see their month."


def test_an_expired_reservation_and_promises_elsewhere_are_no_part_of_it(account, owner, season, promised):
    elsewhere = make_scoped_budget(account, owner, currency="CAD", scope_type="team", scope_id="bar")
    stands = standing(elsewhere, now=NOW)
    found = promises_forecast(stands)
    assert (found.projected_total, found.months) == (None, [])
    assert promises_missing(found).startswith("Nothing is promised: no event that this budget pays for")

    later = promises_forecast(standing(season, now=NOW + timedelta(hours=2)))
    assert later.within == 580


def test_a_window_to_come_has_only_what_falls_due_in_it(account, owner, season, promised):
    december = make_scoped_budget(
        account, owner, name="December", currency="CAD", start_date=date(2026, 12, 1), timezone="Europe/Berlin"
    )
    EventBudget.objects.filter(pk=promised.budget_id).update(funded_by=december)
    stands = standing(december, now=NOW)
    found = promises_forecast(stands)
    assert [(month.first, month.promised, month.running) for month in found.months if month.promised] == [
        (date(2026, 12, 1), 200, 200),
        (date(2027, 1, 1), 300, None),
    ]
    assert (found.within, found.later, history_forecast(stands).events) == (200, 300, [])


def test_events_to_come_cost_what_finished_ones_did_of_their_plan(account, owner, season, kitchen):
    # 3,000 of 2,500 planned: 120 %. Forty days before they had promised 600 of 3,000: too little to go by.
    past_wedding(account, owner, 400, total="1000", early=300, cost=1100)
    past_wedding(account, owner, 300, total="1000", early=300, cost=1300)
    past_wedding(account, owner, 30, total="500", early=0, cost=600)
    # Not finished, of another type, without any cost: none of them tells anything.
    post(event_of(account, owner, NOW - timedelta(days=9)), NOW, committed=999)
    post(event_of(account, owner, NOW - timedelta(days=9), event_type="OTHER"), NOW, actual=999)
    event_of(account, owner, NOW - timedelta(days=9))

    coming = event_of(account, owner, NOW + timedelta(days=40), total="2000", funded_by=kitchen)
    post(coming, NOW, committed=100)
    post(coming, NOW, actual=50)
    spend(season, owner, 150, currency="CAD", now=NOW)
    # After the window's end.
    event_of(account, owner, datetime(2027, 1, 1, tzinfo=UTC), total="5000", funded_by=kitchen)

    found = history_forecast(standing(season, now=NOW))
    (event,) = found.events
    assert (event.basis, event.days_to_go, event.projected, event.still_to_spend) == (Basis.PLAN, 40, 2400, 2350)
    assert (found.spent, found.projected_total, found.overrun) == (200, 2550, 0)
    (weddings,) = found.types
    assert (weddings.count, weddings.cost_percentage) == (3, Decimal("120.00"))
    assert weddings.accuracy.mean_absolute_deviation == Decimal("20.00")
    assert history_data(found) == "By 3 finished events from 6 May 2025 to 11 May 2026."
    assert history_missing(found) == ""


def test_near_their_day_what_is_promised_tells_more_than_the_plan(account, owner, season, kitchen):
    # Forty days before, they had promised 2,000 of the 2,500 that they came to cost.
    for days_ago, early, cost in ((400, 1000, 1200), (300, 600, 800), (200, 400, 500)):
        past_wedding(account, owner, days_ago, total="1000", early=early, cost=cost)
    coming = event_of(account, owner, NOW + timedelta(days=40), total="9000", funded_by=season)
    post(coming, NOW, committed=800)

    found = history_forecast(standing(season, now=NOW))
    assert [(event.basis, event.projected) for event in found.events] == [(Basis.PACE, 1000)]

    # Nothing is promised yet: the plan says more.
    post(coming, NOW, committed=-800)
    found = history_forecast(standing(season, now=NOW))
    assert [(event.basis, event.projected) for event in found.events] == [(Basis.PLAN, 7500)]


def test_two_finished_events_are_chance(account, owner, season, kitchen):
    for days_ago in (400, 300):
        past_wedding(account, owner, days_ago, total="1000", early=0, cost=5000)
    coming = event_of(account, owner, NOW + timedelta(days=4), total="2000", funded_by=kitchen)
    post(coming, NOW, committed=100)
    found = history_forecast(standing(season, now=NOW))
    assert [(event.basis, event.projected) for event in found.events] == [(Basis.PRESENT, 100)]
    assert (found.projected_total, found.is_enough_data, found.known_count) == (None, False, 0)
    assert history_missing(found) == (
        "A type of event needs three finished ones in the budget's currency. There are too few of: Wedding (2). "
        "What these events have promised and spent would be taken as it is."
    )


def test_nothing_to_come_is_said(season):
    stands = standing(season, now=NOW)
    assert history_missing(history_forecast(stands)).startswith("No event that this budget pays for is still to come")


def test_the_course_ends_with_what_the_status_says_and_the_sentences_are_plain(account, owner):
    budget = make_scoped_budget(account, owner)
    for day, amount in ((1, 10), (4, 20), (10, 50), (29, 7)):
        spend(budget, owner, amount, timestamp=datetime(2026, 6, day, 8, tzinfo=UTC), now=NOW)
    found = forecast(standing(budget, now=NOW))
    assert [(point.day.day, point.spent) for point in found.course if point.day.day in (1, 3, 4, 9, 10)] == [
        (1, 10),
        (3, 10),
        (4, 30),
        (9, 30),
        # What is recorded for the 29th counts already.
        (10, 87),
    ]
    assert found.course[-1].spent == found.standing.figures.actual == 87
    assert burn_assumption(found.standing) == (
        "Money goes on being spent as on the 9 days so far: 9.67 USD a day, all 30 days of the period."
    )
    early = standing(budget, now=datetime(2026, 6, 3, tzinfo=UTC))
    assert burn_missing(forecast(early).burn, early) == (
        "Too early to say: it needs three days of data or a tenth of the period. "
        "There is enough from 4 June 2026, 00:00 on."
    )


def test_a_rivals_events_teach_nothing(account, owner, season, promised, other_account):
    stands = standing(season, now=NOW)
    before = (promises_forecast(stands), history_forecast(stands))
    stranger = make_member(other_account, Role.OWNER).user
    with tenant_scope(other_account.pk):
        rival = make_scoped_budget(other_account, stranger, currency="EUR")
        for days_ago in (9, 8, 7):
            day = NOW - timedelta(days=days_ago)
            line = event_of(other_account, stranger, day)
            ledger.post(
                budget_id=line.budget_id,
                line_item_id=line.pk,
                kind=EntryKind.ACTUAL,
                currency="EUR",
                source="manual",
                actual_delta=Decimal(5),
            )
        event_of(other_account, stranger, NOW + timedelta(days=4), funded_by=rival)
        assert [one.count for one in history_forecast(standing(rival, now=NOW)).types] == [3]
        assert promises_forecast(stands).counts == {}
    assert (promises_forecast(stands), history_forecast(stands)) == before


def test_six_statements_however_many_events_there_are(account, owner, season, kitchen):
    def ask():
        forecast(standing(season, now=NOW))

    for days_ago in (30, 31, 32):
        past_wedding(account, owner, days_ago, total="1000", early=0, cost=5)
    event_of(account, owner, NOW + timedelta(days=4), funded_by=kitchen)
    few = len(statements_of(ask))
    for days in (5, 6, 7):
        event_of(account, owner, NOW + timedelta(days=days), funded_by=kitchen)
    assert len(statements_of(ask)) == few
    assert few <= 3 + 6 + 2
