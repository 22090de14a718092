"""Spending recorded on a company budget's page, taken back, and the list of all that counts in a budget."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from budgets.models import EventBudget, LedgerEntry
from budgets.services.ledger_proof import rebuild_totals, verify_ledger
from budgets.services.scoped_budget import delete_scoped_budget
from budgets.tests.pages import browser, words
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.scoped_budgets import make_scoped_budget, spend, standing

# Its window holds every moment that these tests know, the present one included.
LONG = {"period": "custom", "start_date": date(2020, 1, 1), "end_date": date(2100, 1, 1)}
IN_CAD = {**LONG, "currency": "CAD"}


def at(name, *args):
    return reverse(f"budgets:{name}", args=args)


def typed(**more):
    return {"amount": "50", "when": "", "description": "Ice", "metadata": "", "key": str(uuid4()), **more}


@pytest.fixture
def season(account, owner):
    return make_scoped_budget(account, owner, name="Season", **LONG)


def used(budget):
    return standing(budget, now=timezone.now()).figures.used


def test_spending_is_recorded_once_with_what_was_said_about_it(account, staff, season):
    client = browser(staff, account)
    sent = typed(amount="1,200.50", when="2021-03-04 05:06", metadata="shop: Meyer\norder: A: 7")

    first = client.post(at("company_usage_new", season.pk), sent, follow=True)
    again = client.post(at("company_usage_new", season.pk), sent, follow=True)

    (entry,) = LedgerEntry.objects.filter(scoped_budget=season)
    assert (entry.actual_delta, entry.source, entry.actor, entry.description) == (
        Decimal("1200.500000"),
        "manual",
        staff,
        "Ice",
    )
    assert entry.occurred_at == datetime(2021, 3, 4, 5, 6, tzinfo=UTC)
    assert entry.metadata == {"shop": "Meyer", "order": "A: 7"}
    assert "1,200.50 USD recorded in “Season”." in words(first)
    assert "Over now: “Season” by 200.50." in words(first)
    assert "had been recorded already: nothing was recorded again." in words(again)
    assert verify_ledger() == []


def test_what_is_wrong_is_said_at_its_field_and_nothing_is_recorded(account, owner, season):
    bar = make_scoped_budget(account, owner, name="Bar", amount=Decimal(5000), parent_id=season.pk, **LONG)
    client = browser(owner, account)

    def errors(**more):
        answer = client.post(at("company_usage_new", bar.pk), typed(**more))
        assert answer.status_code == 422
        return {name: list(told) for name, told in answer.context["form"].errors.items()}

    assert errors(amount="0") == {"amount": ["More than 0. To take something back, open its entry."]}
    assert errors(amount="0.005") == {"amount": ["USD has 2 decimals: write no more than that."]}
    tomorrow = (timezone.now() + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M")
    assert errors(when=tomorrow) == {"when": ["That is still to come: record it once it has happened."]}
    assert list(errors(when="soon")) == ["when"]
    assert errors(metadata="shop: Meyer\nA-17") == {
        "metadata": ["Line 2: write a label, a colon and a value, such as “shop: Meyer”."]
    }
    # What does not fit is refused by the budget above that has no room, where it was asked.
    assert errors(amount="1000.01", only_if_it_fits="on") == {
        "amount": ["“Season” has 1,000.00 USD left, and 1,000.01 USD do not fit."]
    }
    assert not LedgerEntry.objects.exists()
    assert used(season) == 0


def test_an_entry_is_taken_back_once_with_a_reason(account, owner, staff, season):
    bar = make_scoped_budget(account, owner, name="Bar", parent_id=season.pk, **LONG)
    entry = spend(bar, owner, "12.345678", now=timezone.now(), description="Twice").entry
    client = browser(staff, account)
    address = at("company_take_back", bar.pk, entry.pk)

    assert "in “Bar” there is so much more left, and above it in “Season”." in words(client.get(address))
    without = client.post(address, {"reason": ""})
    assert (without.status_code, used(season)) == (422, Decimal("12.345678"))
    done = client.post(address, {"reason": "Billed twice"}, follow=True)
    assert "12.345678 USD are taken back." in words(done)
    assert [used(bar), used(season)] == [0, 0]
    listed = words(client.get(at("company_entries", bar.pk)))
    assert "Billed twice" in listed
    assert "Twice taken back" in listed
    assert "Take back" not in listed.replace("taken back", "")
    again = client.post(address, {"reason": "Once more"}, follow=True)
    assert "This usage was taken back already" in words(again)
    assert LedgerEntry.objects.count() == 2
    # An entry of the budget below is taken back there, not here.
    assert client.get(at("company_take_back", season.pk, entry.pk)).status_code == 404


def test_everything_that_counts_is_listed_with_where_it_belongs(account, owner):
    season = make_scoped_budget(account, owner, name="Season", **IN_CAD)
    bar = make_scoped_budget(account, owner, name="Bar", parent_id=season.pk, **IN_CAD)
    gone = make_scoped_budget(account, owner, name="Gone", parent_id=season.pk, **IN_CAD)
    spend(season, owner, 1, description="Own", timestamp=datetime(2021, 6, 1, tzinfo=UTC))
    spend(bar, owner, 2, description="Below", source="api", timestamp=datetime(2021, 6, 30, 23, 59, tzinfo=UTC))
    spend(gone, owner, 3, description="Of a deleted one", timestamp=datetime(2021, 7, 1, tzinfo=UTC))
    delete_scoped_budget(budget_id=gone.pk, acting_user=owner, now=timezone.now())
    elsewhere = make_scoped_budget(account, owner, name="Elsewhere", **IN_CAD)
    spend(elsewhere, owner, 4, description="Elsewhere")
    budget = make_budget(account, owner, event=make_event(account, owner, name="Gala"))
    make_line(budget, owner, budgeted_amount="100", actual_amount="70")
    EventBudget.objects.filter(pk=budget.pk).update(funded_by=bar)
    rebuild_totals()
    client = browser(owner, account)

    everything = client.get(at("company_entries", season.pk))
    shown = words(everything)
    assert [entry.actual_delta for entry, _ in everything.context["rows"]] == [70, 3, 2, 1]
    assert "Gone (deleted)" in shown
    assert "Gala" in shown
    (posted,) = LedgerEntry.objects.filter(budget=budget)
    assert f"/budgets/{budget.pk}/ledger?before={posted.seq + 1}#entry-{posted.seq}" in everything.content.decode()
    # An entry is taken back in its own budget alone.
    assert shown.count("Take back") == 1

    def amounts(**query):
        rows = client.get(at("company_entries", season.pk), query).context["rows"]
        return [entry.actual_delta for entry, _ in rows]

    assert amounts(month="2021-06") == [2, 1]
    assert amounts(month="2021-07", source="manual") == [3]
    assert amounts(source="api") == [2]
    assert amounts(window="2020-01-01") == [70, 3, 2, 1]
    assert amounts(month="June") == [70, 3, 2, 1]
    assert amounts(month="1999-01") == []
    # The figure above the list is the sum of the list.
    assert used(season) == 76


def test_a_long_list_is_read_page_by_page(account, owner, season):
    for number in range(27):
        spend(
            season, owner, number, timestamp=datetime(2021, 6, 1, number % 24, tzinfo=UTC), description=f"No {number}"
        )
    client = browser(owner, account)
    first = client.get(at("company_entries", season.pk), {"source": "manual"})
    assert len(first.context["rows"]) == 25
    rest = client.get(at("company_entries", season.pk) + first.context["older_url"])
    assert sorted(entry.description for entry, _ in rest.context["rows"]) == ["No 0", "No 24"]
    assert "source=manual" in first.context["older_url"]
