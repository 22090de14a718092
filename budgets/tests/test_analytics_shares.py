"""Typical shares: from five past events on the account's own, until then the benchmark; beside a budget's plan."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from budgets.models import Category
from budgets.selectors.analytics.inquiry import inquiry_at
from budgets.selectors.analytics.plan_shares import plan_shares
from budgets.selectors.analytics.shares import ShareStatistics, TypicalShare
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.expenses import make_expense
from budgetsite.testing.rest import rest_client, rest_client_of


@pytest.fixture
def past_weddings(account, owner):
    """Return a function that makes past weddings, each with what it spent on its venue of 100.00 in all."""

    def make(*spent_on_venue, **fields):
        for number, spent in enumerate(spent_on_venue, start=1):
            begins = datetime.now(UTC) - timedelta(days=30 * number)
            event = make_event(
                account,
                owner,
                name=f"Wedding {number}",
                event_type="WEDDING",
                event_date=begins,
                registration_start_date=begins - timedelta(days=5),
                registration_end_date=begins,
                **fields,
            )
            budget = make_budget(account, owner, total="100", event=event)
            for category, amount in (("Venue", spent), ("Labor", 100 - spent)):
                make_line(budget, owner, category=category, name=category, budgeted_amount="50", actual_amount=amount)

    return make


def venue_of(rest):
    rows = rest.get("/categories", search="Venue").json["results"]
    return rows[0]["statistics"]["share_of_spend"]


def test_statistics_begin_with_the_fifth_past_event_and_show_an_organizer_their_own(
    account, owner, organizer, past_weddings
):
    rest = rest_client_of(owner, account)
    past_weddings(20, 30, 40, 45)
    assert venue_of(rest) is None
    past_weddings(60, currency="JPY")
    # 20, 30, 40, 45, 60
    assert venue_of(rest) == {
        "event_count": 5,
        "mean_share": "39.00",
        "median_share": "40.00",
        "lower_quartile_share": "30.00",
        "upper_quartile_share": "45.00",
    }
    found = {row["category"]: row for row in rest.get("/analytics/categories").json["categories"]}
    assert found["Venue"]["typical"] == {"share": "40.00", "source": "own_events"}
    assert found["Venue"]["hint"] == (
        "You plan 50% for Venue; 40% is typical: half of your 5 past events had between 30% and 45%."
    )
    for role in (Role.ORGANIZER, Role.CLIENT):
        assert venue_of(rest_client(account, role)) is None


def test_what_lies_within_two_points_or_the_middle_half_is_usual():
    benchmark = TypicalShare(Decimal(40), "benchmark")
    shares = (Decimal("37.99"), Decimal(38), Decimal(42), Decimal("42.01"))
    assert [benchmark.compare(share) for share in shares] == ["below", "usual", "usual", "above"]
    wide = TypicalShare(
        Decimal(40), "own_events", ShareStatistics(5, Decimal(40), Decimal(40), Decimal(30), Decimal(55))
    )
    assert [wide.compare(Decimal(share)) for share in (29, 30, 55, 56)] == ["below", "usual", "usual", "above"]


def test_a_weddings_plan_stands_beside_typical_shares_and_its_total_is_shared_out_by_130(account, owner):
    wedding = make_budget(account, owner, total="1000", event=make_event(account, owner, event_type="WEDDING"))
    make_line(wedding, owner, category="Venue", budgeted_amount=Decimal(450))
    make_line(wedding, owner, category="Labor", name="Hands", budgeted_amount=Decimal(550))
    inquiry = inquiry_at(datetime.now(UTC), account=account, user_id=owner.pk, role=Role.OWNER)
    found = plan_shares(wedding, inquiry)
    rows = {row.name: row for row in found.rows}
    assert (rows["Venue"].share, rows["Venue"].allocated, rows["Venue"].compared) == (45, Decimal("307.69"), "above")
    assert rows["Venue"].hint == "You plan 45% for Venue; 40% is typical."
    assert rows["Photography"].hint == "Nothing is planned for Photography; 10% is typical."
    assert (found.benchmark_total, sum(row.allocated for row in found.rows)) == (130, 1000)
    conference = make_budget(account, owner, total="100", event=make_event(account, owner, event_type="CONFERENCE"))
    make_line(conference, owner, category="Venue", budgeted_amount=Decimal(100))
    assert plan_shares(conference, inquiry).rows == []


def test_a_category_that_an_expense_is_in_is_not_deleted(account, owner):
    budget = make_budget(account, owner)
    make_expense(budget, owner, category="Cake", stage="invoiced")
    cake = Category.objects.get(name="Cake")
    answer = rest_client_of(owner, account).delete(f"/categories/{cake.pk}")
    assert (answer.status, answer.codes) == (409, ["category_in_use"])
