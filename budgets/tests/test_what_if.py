"""What if a budget stood under another: who would break, now and by the end, and who would be relieved."""

from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from budgets.api.what_if import EffectAnswer, WhatIfAnswer
from budgets.models import ScopedBudget
from budgets.selectors.what_if import OtherCurrency, WouldStandUnderItself, what_if
from budgets.services.reservation import reserve
from budgets.services.scoped_problems import ParentNotFound, ScopedBudgetNotFound
from budgets.tests.pages import browser, words
from budgetsite.accounts.api_keys import create_api_key
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import make_account, make_member
from budgetsite.testing.rest import RestClient, rest_client
from budgetsite.testing.scoped_budgets import NOW, make_scoped_budget, spend

NOTIFY_AT_80 = [{"threshold": "80", "actions": ["notify"]}]


def told(effect):
    return {
        "name": effect.budget.name,
        "change": effect.change,
        "used": (effect.before.figures.used, effect.after.figures.used),
        "projected": (effect.before.projected_total, effect.after.projected_total),
    }


@pytest.fixture
def places(account: Account, owner: User) -> dict[str, ScopedBudget]:
    """Season (3,000) with Kitchen (1,000), the Bar under it (500), and Marketing (500) beside it."""
    season = make_scoped_budget(account, owner, name="Season", amount=Decimal(3000))
    kitchen = make_scoped_budget(account, owner, name="Kitchen", parent_id=season.pk, thresholds=NOTIFY_AT_80)
    bar = make_scoped_budget(account, owner, name="Bar", amount=Decimal(500), parent_id=kitchen.pk)
    marketing = make_scoped_budget(
        account, owner, name="Marketing", amount=Decimal(500), parent_id=season.pk, thresholds=NOTIFY_AT_80
    )
    return {"season": season, "kitchen": kitchen, "bar": bar, "marketing": marketing}


def test_who_would_break_who_would_be_relieved_and_who_keeps_it(owner, places, django_assert_max_num_queries):
    kitchen, bar, marketing = places["kitchen"], places["bar"], places["marketing"]
    spend(bar, owner, 300)
    spend(kitchen, owner, 500)
    spend(marketing, owner, 250)
    reserve(budget_id=bar.pk, amount=Decimal(50), ttl_seconds=600, acting_user=owner, now=NOW)
    # Held no longer, whether or not a job has freed it; and spent in another window.
    reserve(
        budget_id=bar.pk, amount=Decimal(5), ttl_seconds=1, acting_user=owner, now=datetime(2026, 6, 10, tzinfo=UTC)
    )
    spend(bar, owner, 70, timestamp=datetime(2026, 5, 31, 23, tzinfo=UTC))

    with django_assert_max_num_queries(8):
        found = what_if(budget_id=bar.pk, parent_id=marketing.pk, now=NOW)

    assert [told(effect) for effect in found.effects] == [
        {"name": "Marketing", "change": "gains", "used": (250, 600), "projected": (750, 1650)},
        {"name": "Season", "change": "keeps", "used": (1100, 1100), "projected": (3150, 3150)},
        {"name": "Kitchen", "change": "loses", "used": (850, 500), "projected": (2400, 1500)},
    ]
    gains, keeps, loses = found.effects
    assert found.breaking == [gains]
    assert gains.would_be_over
    assert [one.percentage for one in gains.newly_reached] == [80]
    # It would have been over by the end as it is.
    assert (gains.would_be_over_at_the_end, keeps.breaks, loses.breaks) == (False, False, False)
    assert [one.percentage for one in loses.no_longer_reached] == [80]
    # A question only.
    assert ScopedBudget.objects.get(pk=bar.pk).parent_id == kitchen.pk


def test_each_budget_above_is_asked_in_its_own_window_and_by_its_own_end(account, owner, places):
    bar = places["bar"]
    spend(bar, owner, 20)
    spend(bar, owner, 100, timestamp=datetime(2026, 3, 1, tzinfo=UTC))
    year = make_scoped_budget(
        account, owner, name="Year", amount=Decimal(260), period="annual", start_date=date(2026, 1, 1)
    )
    spend(year, owner, 1)

    (effect, *left) = what_if(budget_id=bar.pk, parent_id=year.pk, now=NOW).effects

    # 121 in 161 of 365 days.
    assert (effect.after.figures.used, effect.after.projected_total) == (121, Decimal("274.32"))
    assert (effect.would_be_over, effect.would_be_over_at_the_end, effect.breaks) == (False, True, True)
    assert [(one.budget.name, one.moved) for one in left] == [("Kitchen", -20), ("Season", -20)]


def test_on_top_it_burdens_nobody_and_where_it_stands_nothing_changes(owner, places):
    bar, kitchen = places["bar"], places["kitchen"]
    spend(bar, owner, 30)
    on_top = what_if(budget_id=bar.pk, parent_id=None, now=NOW)
    assert [(one.budget.name, one.change, one.moved) for one in on_top.effects] == [
        ("Kitchen", "loses", -30),
        ("Season", "loses", -30),
    ]
    same = what_if(budget_id=bar.pk, parent_id=kitchen.pk, now=NOW)
    assert same.changes_nothing
    assert {one.change for one in same.effects} == {"keeps"}


def test_another_currency_a_circle_and_what_is_not_there_are_refused(account, owner, places):
    euros = make_scoped_budget(account, owner, name="Berlin", currency="EUR")
    with pytest.raises(OtherCurrency, match="“Bar” is kept in USD and “Berlin” in EUR"):
        what_if(budget_id=places["bar"].pk, parent_id=euros.pk, now=NOW)
    with pytest.raises(WouldStandUnderItself, match="“Bar” is “Season” itself or stands below it"):
        what_if(budget_id=places["season"].pk, parent_id=places["bar"].pk, now=NOW)
    with pytest.raises(WouldStandUnderItself):
        what_if(budget_id=places["bar"].pk, parent_id=places["bar"].pk, now=NOW)
    other = make_account("Rival")
    with tenant_scope(other.pk):
        theirs = make_scoped_budget(other, make_member(other, Role.OWNER).user)
    with pytest.raises(ParentNotFound):
        what_if(budget_id=places["bar"].pk, parent_id=theirs.pk, now=NOW)
    with pytest.raises(ScopedBudgetNotFound):
        what_if(budget_id=theirs.pk, parent_id=None, now=NOW)


def test_the_page_names_who_would_break_and_says_why_not_where_it_can_not_be(account, owner, places, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    bar, marketing = places["bar"], places["marketing"]
    spend(bar, owner, 300)
    spend(marketing, owner, 250)
    client = browser(owner, account)
    path = f"/company-budgets/{bar.pk}/what-if"

    shown = words(client.get(path, {"parent": str(marketing.pk)}))
    assert "“Marketing” would break" in shown
    assert "Over by 50.00 Reached: from 80% on somebody is told" in shown
    assert "300.00 more left than now." in shown
    assert "Nobody would break" in words(client.get(path, {"parent": "top"}))
    assert "It stands there already" in words(client.get(path, {"parent": str(bar.parent_id)}))
    itself = client.get(path, {"parent": str(bar.pk)})
    assert itself.context["form"].errors["parent"] == [
        "“Bar” is “Bar” itself or stands below it. Choose a budget outside of it."
    ]
    assert client.get(path, {"parent": str(uuid4())}).context["answer"] is None


def test_the_api_answers_what_if_and_refuses_at_the_field(account, owner, places, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    bar, marketing = places["bar"], places["marketing"]
    spend(bar, owner, 450)
    client = rest_client(account, Role.STAFF)
    path = f"/budgets/{bar.pk}/what-if"

    answer = client.get(path, parent_budget_id=str(marketing.pk)).json
    assert (answer["would_break"], answer["changes_nothing"]) == (True, False)
    assert [(one["name"], one["change"], one["breaks"]) for one in answer["effects"]] == [
        ("Marketing", "gains", True),
        ("Season", "keeps", False),
        ("Kitchen", "loses", False),
    ]
    gains = answer["effects"][0]
    assert (set(answer), set(gains)) == (set(WhatIfAnswer().fields), set(EffectAnswer().fields))
    assert (gains["before"]["current_amount"], gains["after"]["current_amount"]) == ("0.00", "450.00")
    assert [one["threshold"] for one in gains["newly_reached"]] == ["80.00"]
    assert client.get(path).json["parent_budget_id"] is None
    for said in (str(bar.pk), str(uuid4()), "x"):
        refused = client.get(path, parent_budget_id=said)
        assert (refused.status, refused.json["errors"][0]["attr"]) == (400, "parent_budget_id")
    assert client.get(f"/budgets/{uuid4()}/what-if").status == 404


def test_a_machine_asks_about_budgets_in_its_reach_and_sees_no_others(account, owner, places):
    kitchen, bar, marketing = places["kitchen"], places["bar"], places["marketing"]
    spend(bar, owner, 450)
    shown = create_api_key(
        name="Till", actions=["scoped_budgets.view"], budget_ids=[kitchen.pk], acting_user=owner, now=timezone.now()
    )
    machine = RestClient(Client(), headers={"Authorization": f"Bearer {shown.text}"})

    answer = machine.get(f"/budgets/{bar.pk}/what-if")

    assert (answer.status, [one["name"] for one in answer.json["effects"]]) == (200, ["Kitchen"])
    assert machine.get(f"/budgets/{bar.pk}/what-if", parent_budget_id=str(marketing.pk)).status == 404
    assert machine.get(f"/budgets/{marketing.pk}/what-if").status == 404
