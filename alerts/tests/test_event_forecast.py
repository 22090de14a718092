"""Where an event's money is heading: spent, promised, and what is still open at what is planned for it."""

from decimal import Decimal

import pytest

from alerts.services.event_forecast import event_forecasts
from alerts.services.outlook import follow_event_budgets
from alerts.services.rules import set_alert_rule
from alerts.tests.figures import alert_of, all_of, open_types, promise, spend
from budgets.models import BudgetLineItem
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget, make_event
from budgetsite.testing.expenses import NOW, make_expense
from budgetsite.testing.people import make_member

LINES = [
    {"category": "Venue", "name": "Hall", "budgeted_amount": Decimal(4000)},
    {"category": "Catering", "name": "Dinner", "budgeted_amount": Decimal(3000)},
    {"category": "Flowers", "name": "Roses", "budgeted_amount": Decimal(3000)},
]


@pytest.fixture
def budget(account, organizer):
    return make_budget(account, organizer, lines=LINES)


def line(budget, name):
    return BudgetLineItem.objects.get(budget=budget, name=name)


def follow(budget):
    return follow_event_budgets([budget.pk], now=NOW).alerts


def total(budget):
    return event_forecasts([budget.pk])[budget.pk].total


def forecasts(budget):
    return [kind for kind in open_types(budget) if kind == "forecast_overrun"]


def test_a_plan_that_nobody_has_touched_heads_nowhere(account, budget, organizer, owner):
    assert (total(budget), follow(budget)) == (Decimal(10000), 0)
    # Not even where somebody wants to hear of nine tenths.
    rule = {"measure": "percentage", "at": Decimal(90), "basis": "forecast", "level": "warning", "currency": None}
    set_alert_rule(budget=budget, acting_user=owner, thresholds=[rule])
    assert follow(budget) == 0
    # What a client asks for counts once it is agreed.
    client = make_member(account, Role.CLIENT).user
    make_expense(budget, client, role=Role.CLIENT, stage="planned", amount=Decimal(9000))
    assert (total(budget), follow(budget)) == (Decimal(10000), 0)


def test_an_overrun_that_the_rest_of_the_plan_does_not_make_up_for_is_foreseen(budget, staff):
    spend(budget, 5_000, line=line(budget, "Hall"))
    assert follow(budget) == 1
    alert = alert_of(budget, "forecast_overrun")
    assert (alert.level, alert.threshold, alert.utilization, alert.overrun_amount) == (
        "warning", Decimal(100), Decimal("50.00"), Decimal(1000),
    )  # fmt: skip
    assert alert.message == (
        "Heading 1,000.00 CAD over budget if what is still open costs what is planned: 5,000.00 spent and 6,000.00 "
        "still to come make 11,000.00 of 10,000.00 (110.00%)."
    )
    # A part of the dinner is promised: the rest of it is still expected.
    promise(budget, 2_000, line=line(budget, "Dinner"))
    follow(budget)
    assert (alert_of(budget, "forecast_overrun").overrun_amount, total(budget)) == (Decimal(1000), Decimal(11000))
    # So it is while only a part is billed, though nothing is promised any more.
    promise(budget, -2_000, line=line(budget, "Dinner"))
    spend(budget, "2399.99", line=line(budget, "Dinner"))
    assert (follow(budget), total(budget)) == (1, Decimal(11000))
    # The roses are billed with less than planned, which makes up for a half of the hall; the dinner for the rest.
    spend(budget, 2_500, line=line(budget, "Roses"))
    follow(budget)
    assert alert_of(budget, "forecast_overrun").overrun_amount == Decimal(500)
    spend(budget, "100.01", line=line(budget, "Dinner"))
    assert (follow(budget), forecasts(budget), total(budget)) == (1, [], Decimal(10000))
    # Not for more roses, which are promised.
    promise(budget, 2_001, line=line(budget, "Roses"))
    follow(budget)
    found = all_of(budget, "forecast_overrun")
    assert {(alert.resolved, alert.line_item_id is None, alert.level) for alert in found} == {
        (True, True, "warning"), (False, True, "critical"), (False, False, "warning"),
    }  # fmt: skip
    assert alert_of(budget, "forecast_overrun").message == (
        "Heading 2,001.00 CAD over budget once all promised is billed: 10,000.00 spent and 2,001.00 promised "
        "make 12,001.00 of 10,000.00 (120.01%)."
    )
    # Once more is spent than there is, over_budget says it all, and the line's own overspend.
    spend(budget, 501, line=line(budget, "Roses"))
    follow(budget)
    assert (forecasts(budget), "over_budget" in open_types(budget)) == ([], True)


def test_planned_expenses_count_at_what_they_are_expected_to_cost(budget, staff):
    make_expense(budget, staff, stage="planned", amount=Decimal(2000), line_item=line(budget, "Roses"))
    assert (total(budget), follow(budget)) == (Decimal(10000), 0)
    make_expense(
        budget, staff, stage="planned", amount=Decimal("1000.01"), currency="EUR", exchange_rate=Decimal("1.5"),
        line_item=line(budget, "Roses"),
    )  # fmt: skip
    assert follow(budget) == 2
    # 1,000.01 EUR are 1,500.015 CAD.
    assert alert_of(budget, "forecast_overrun").overrun_amount == Decimal("500.02")
    roses = alert_of(budget, "forecast_overrun", line=line(budget, "Roses"))
    assert (roses.level, roses.utilization, roses.overrun_amount, roses.message) == (
        "warning", Decimal(0), Decimal("500.02"),
        "“Roses” is heading 500.02 CAD over its plan once all of it is billed: 3,500.02 in planned expenses of "
        "3,000.00 (116.67%).",
    )  # fmt: skip


def test_a_rules_own_thresholds_on_the_forecast(account, budget, owner):
    rules = [
        {"measure": "percentage", "at": Decimal(95), "basis": "forecast", "level": "information", "currency": None},
        {"measure": "amount", "at": Decimal(9800), "basis": "forecast", "level": "critical", "currency": "CAD"},
        {"measure": "amount", "at": Decimal(1), "basis": "forecast", "level": "critical", "currency": "EUR"},
    ]
    set_alert_rule(budget=None, acting_user=owner, thresholds=rules)
    spend(budget, "3600", line=line(budget, "Hall"))
    follow(budget)
    alert = alert_of(budget, "forecast_overrun")
    assert (alert.level, alert.threshold, alert.threshold_amount, alert.overrun_amount) == (
        "information", Decimal(95), None, 0,
    )  # fmt: skip
    assert alert.message == (
        "Heading for 95% if what is still open costs what is planned: 3,600.00 spent and 6,000.00 still to come "
        "make 9,600.00 of 10,000.00 (96.00%)."
    )
    spend(budget, "200", line=line(budget, "Hall"))
    follow(budget)
    raised = alert_of(budget, "forecast_overrun")
    assert (raised.pk, raised.level, raised.threshold, raised.threshold_amount) == (
        alert.pk, "critical", Decimal(98), Decimal(9800),
    )  # fmt: skip
    assert raised.message.startswith("Heading for 9,800.00 CAD if ")
    # Without a plan there is nothing to head beyond.
    bare = make_budget(account, owner, total="0", event=make_event(account, owner, name="Bare"))
    promise(bare, 500)
    assert (follow(bare), total(bare)) == (0, Decimal(500))
