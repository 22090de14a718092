"""Thresholds beside the milestones: by percent or amount, on what is spent or promised, each with its level."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts.models import AlertRule, BudgetAlert
from alerts.services.evaluation import reevaluate_budget
from alerts.services.reactions import acknowledge_alert
from alerts.services.rules import create_alert_rule, governing_rule, preview_alert_rule, set_alert_rule
from alerts.tests.figures import alert_of, all_of, open_types, promise, spend, spend_up_to
from budgets.models import EventBudget
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget
from budgetsite.testing.people import make_member


@pytest.fixture
def budget(account, owner):
    return make_budget(account, owner, total="10000")


def percent(at, basis="committed_and_actual", level="warning"):
    return {"measure": "percentage", "at": Decimal(at), "basis": basis, "level": level, "currency": None}


def amount(at, basis="committed_and_actual", level="warning", currency="CAD"):
    return {"measure": "amount", "at": Decimal(at), "basis": basis, "level": level, "currency": currency}


def have(budget, owner, *thresholds, **fields):
    """Let own thresholds alone tell of the budget."""
    fields = {"alert_types": ["threshold_exceeded"], "exceeded_thresholds": [], **fields}
    return set_alert_rule(budget=budget, acting_user=owner, thresholds=list(thresholds), **fields)


def said(budget):
    alert = alert_of(budget, "threshold_exceeded")
    return str(alert.threshold), alert.threshold_amount, alert.level, alert.message


def test_an_amount_on_what_is_spent_is_crossed_up_and_down_and_up_again(budget, owner):
    have(budget, owner, amount(5000, "actual", "critical"))
    promise(budget, 3_000)
    spend(budget, "4999.99")
    assert open_types(budget) == []
    spend(budget, "0.01")
    assert said(budget) == (
        "50.00",
        Decimal(5000),
        "critical",
        "The 5,000.00 CAD mark is reached: 5,000.00 of 10,000.00 CAD spent (50.00%), 3,000.00 more promised, "
        "2,000.00 left.",
    )
    spend(budget, "-0.01")
    assert [alert.resolved for alert in all_of(budget, "threshold_exceeded")] == [True]
    spend(budget, 5_000)
    assert [alert.resolved for alert in all_of(budget, "threshold_exceeded")] == [True, False]
    # More is spent and promised than there is, while less than all is spent.
    assert said(budget)[3] == (
        "The 5,000.00 CAD mark is reached: 9,999.99 of 10,000.00 CAD spent (100.00%), 3,000.00 more promised, "
        "2,999.99 CAD more than there is."
    )
    spend_up_to(budget, 12_000)
    assert said(budget)[3] == (
        "120.00% of the budget is spent, past the 5,000.00 CAD mark: 5,000.00 CAD more than there is."
    )


def test_promises_count_where_the_threshold_says_so(budget, owner):
    have(budget, owner, amount(4000), percent(60, "actual", "information"))
    promise(budget, 3_999)
    assert open_types(budget) == []
    promise(budget, 1)
    assert said(budget) == (
        "40.00",
        Decimal(4000),
        "warning",
        "The 4,000.00 CAD mark is reached: 4,000.00 of 10,000.00 CAD spent or promised (40.00%), 6,000.00 left.",
    )
    promise(budget, -4_000)
    spend(budget, 6_000)
    # The higher one tells, as grave as the graver one.
    assert said(budget) == (
        "60.00",
        None,
        "warning",
        "The 60% milestone is reached: 6,000.00 of 10,000.00 CAD spent (60.00%), 4,000.00 left.",
    )
    spend(budget, -6_000)
    assert open_types(budget) == []


def test_several_thresholds_are_one_alert_that_rises_in_place(budget, owner):
    have(budget, owner, amount(2000, level="critical"), percent(30), amount(5000), exceeded_thresholds=[Decimal(40)])
    steps = []
    for spent in (2_000, 3_000, 4_000, 5_000):
        spend_up_to(budget, spent)
        steps.append(said(budget)[:3])
    assert steps == [
        ("20.00", Decimal(2000), "critical"),
        ("30.00", None, "critical"),
        ("40.00", None, "critical"),
        ("50.00", Decimal(5000), "critical"),
    ]
    [alert] = all_of(budget, "threshold_exceeded")
    assert alert.times_raised == 3


def test_another_plan_is_no_higher_step_of_the_same_amount(budget, owner):
    have(budget, owner, amount(5000), amount(6000))
    spend(budget, 5_500)
    acknowledge_alert(alert_id=alert_of(budget, "threshold_exceeded").pk, acting_user=owner, now=timezone.now())
    EventBudget.objects.filter(pk=budget.pk).update(total_budget_amount=Decimal(8000))
    reevaluate_budget(budget.pk)
    alert = alert_of(budget, "threshold_exceeded")
    assert (alert.threshold, alert.threshold_amount, alert.is_acknowledged, alert.times_raised) == (
        Decimal("62.50"),
        Decimal(5000),
        True,
        0,
    )
    # The next one is, although its share of a larger plan is smaller.
    EventBudget.objects.filter(pk=budget.pk).update(total_budget_amount=Decimal(20000))
    spend(budget, 500)
    alert = alert_of(budget, "threshold_exceeded")
    assert (alert.threshold, alert.threshold_amount, alert.is_acknowledged, alert.times_raised) == (
        Decimal("30.00"),
        Decimal(6000),
        False,
        1,
    )


def test_the_warning_and_the_milestones_may_look_at_what_is_spent_alone(budget, owner):
    set_alert_rule(budget=budget, acting_user=owner, basis="actual")
    promise(budget, 9_000)
    assert open_types(budget) == []
    spend(budget, 8_000)
    assert alert_of(budget, "threshold_warning").message == (
        "Nearly used up (warning at 80%): 8,000.00 of 10,000.00 CAD spent (80.00%), 9,000.00 more promised, "
        "7,000.00 CAD more than there is."
    )
    alert = alert_of(budget, "threshold_exceeded")
    # What the budget's use is does not depend on it.
    assert (alert.threshold, alert.utilization) == (Decimal(75), Decimal("170.00"))
    spend_up_to(budget, 4_000)
    assert open_types(budget) == []


def test_where_nothing_is_budgeted_amounts_still_say_something(account, owner):
    budget = make_budget(account, owner, total="0")
    have(budget, owner, amount(100), amount(200), percent(120))
    spend(budget, 250)
    assert said(budget) == (
        "100.00",
        Decimal(200),
        "warning",
        "The 200.00 CAD mark is reached: 250.00 CAD spent or promised, nothing budgeted.",
    )


def test_an_amount_holds_for_budgets_in_its_currency_alone(account, owner, budget, other_account):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, "owner").user
        create_alert_rule(budget=None, acting_user=rival, thresholds=[amount(1)])
    have(None, owner, amount(100, currency="EUR"), amount(300), percent(90))
    spend(budget, 200)
    assert open_types(budget) == []
    spend(budget, 100)
    assert said(budget)[1] == Decimal(300)
    # A rule of its own takes over what is in its currency.
    own = create_alert_rule(budget=budget, acting_user=owner, warning_threshold=Decimal(70))
    assert [row["at"] for row in own.thresholds] == ["300.00", "90.00"]


def test_a_posting_costs_one_statement_and_a_crossing_two(budget, owner):
    have(budget, owner, amount(1000, "actual"), percent(20), percent(90, "forecast"), audience={"warning": ["staff"]})

    def statements(spent):
        with CaptureQueriesContext(connection) as queries:
            spend(budget, spent)
        return sum("alerts_" in query["sql"] for query in queries)

    assert [statements(spent) for spent in (10, 990, 10, 990)] == [1, 2, 2, 2]
    with CaptureQueriesContext(connection) as queries:
        reevaluate_budget(budget.pk)
    assert len(queries) == 4


def test_a_preview_counts_them_and_leaves_the_forecast_out(budget, owner):
    for spent in (400, 700, -700, 700):
        spend(budget, spent)
    fields = {"alert_types": ["threshold_exceeded", "forecast_overrun"], "exceeded_thresholds": []}
    tried = preview_alert_rule(
        budget=budget,
        now=timezone.now(),
        thresholds=[amount(1000, "actual"), percent(1, "forecast")],
        **fields,
    )
    assert (tried.proposed.by_type, tried.present.fired, AlertRule.objects.count()) == (
        {"threshold_exceeded": 2},
        0,
        0,
    )


def test_thresholds_that_make_no_sense_are_refused_at_their_part(account, owner):
    for thresholds, field, code in (
        ([percent(0)], "thresholds.0.at", "out_of_range"),
        ([percent(50), percent(-1)], "thresholds.1.at", "out_of_range"),
        ([percent("1000.01")], "thresholds.0.at", "out_of_range"),
        ([percent("NaN")], "thresholds.0.at", "out_of_range"),
        ([percent("50.001")], "thresholds.0.at", "too_many_decimals"),
        ([amount(0)], "thresholds.0.at", "out_of_range"),
        ([amount(-5)], "thresholds.0.at", "out_of_range"),
        ([amount("NaN")], "thresholds.0.at", "not_finite"),
        ([amount("5.001")], "thresholds.0.at", "too_many_decimals"),
        ([amount(10**12)], "thresholds.0.at", "out_of_range"),
        ([amount(5, currency=None)], "thresholds.0.currency", "currency_needed"),
        ([amount(5, currency="XXQ")], "thresholds.0.currency", "unknown_currency"),
        ([percent(5) | {"currency": "CAD"}], "thresholds.0.currency", "not_an_amount"),
        ([percent(5) | {"measure": "weight"}], "thresholds.0.measure", "invalid_choice"),
        ([percent(5, basis="hope")], "thresholds.0.basis", "invalid_choice"),
        ([percent(5, level="fatal")], "thresholds.0.level", "invalid_choice"),
        ([percent(5), percent("5.00", level="critical")], "thresholds.1.at", "repeated"),
        ([percent(number) for number in range(1, 12)], "thresholds", "too_many"),
    ):
        with pytest.raises(ValidationError) as refusal:
            create_alert_rule(budget=None, acting_user=owner, thresholds=thresholds)
        found = {name: [each.code for each in wrong] for name, wrong in refusal.value.error_dict.items()}
        assert found == {field: [code]}
    assert AlertRule.objects.count() == 0


def test_a_budgets_amounts_are_in_its_currency_and_its_basis_is_no_forecast(budget, owner):
    for fields, field, code in (
        ({"thresholds": [amount(5, currency="EUR")]}, "thresholds.0.currency", "currency_differs"),
        ({"basis": "forecast"}, "basis", "invalid_choice"),
        ({"basis": "hope"}, "basis", "invalid_choice"),
    ):
        with pytest.raises(ValidationError) as refusal:
            set_alert_rule(budget=budget, acting_user=owner, **fields)
        assert [each.code for each in refusal.value.error_dict[field]] == [code]
    have(budget, owner, amount(5, currency=None))
    assert governing_rule(budget.pk).thresholds[0].currency == "CAD"
    assert BudgetAlert.objects.count() == 0
