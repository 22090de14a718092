from datetime import UTC, datetime
from decimal import Decimal

import pytest

from alerts.models import AlertLevel, BudgetAlert
from alerts.services.reactions import acknowledge_alert, resolve_alert
from alerts.tests.figures import alert_of, all_of, open_types, promise, spend, spend_up_to, stored_figures
from budgetsite.testing.budgets import make_budget, make_line

NOW = datetime(2026, 7, 1, 9, 30, tzinfo=UTC)


@pytest.fixture
def budget(account, owner):
    return make_budget(account, owner, total="10000")


# --- The design's example ---------------------------------------------------------------------------------------------


def test_exactly_the_whole_budget_is_not_over_budget(budget):
    spend(budget, 10_000)
    assert all_of(budget, "over_budget") == []


def test_overspend_opens_one_alert(budget):
    spend(budget, 12_000)
    alert = alert_of(budget, "over_budget")
    assert (alert.utilization, alert.threshold, alert.level, alert.overrun_amount) == (
        Decimal("120.00"),
        Decimal("100.00"),
        AlertLevel.CRITICAL,
        Decimal("2000"),
    )
    assert alert.message == "2,000.00 CAD over budget: 12,000.00 spent of 10,000.00 (120.00%)."
    assert (alert.is_acknowledged, alert.resolved, alert.resolved_at, alert.times_raised) == (False, False, None, 0)


def test_more_overspend_raises_the_same_alert(budget):
    spend_up_to(budget, 12_000)
    first = alert_of(budget, "over_budget")
    spend_up_to(budget, 13_000)
    (alert,) = all_of(budget, "over_budget")
    assert alert.pk == first.pk
    assert (alert.utilization, alert.overrun_amount, alert.times_raised) == (Decimal("130.00"), Decimal(3000), 1)
    assert alert.message == "3,000.00 CAD over budget: 13,000.00 spent of 10,000.00 (130.00%)."
    assert alert.raised_at is not None


def test_overspend_after_a_person_resolved_it_opens_another(budget, staff):
    spend_up_to(budget, 13_000)
    first = alert_of(budget, "over_budget")
    resolve_alert(alert_id=first.pk, acting_user=staff, now=NOW)
    spend_up_to(budget, 14_000)
    old, new = all_of(budget, "over_budget")
    assert (old.pk, old.resolved, old.utilization, old.resolved_by_id, old.resolved_at) == (
        first.pk,
        True,
        Decimal("130.00"),
        staff.pk,
        NOW,
    )
    assert (new.resolved, new.utilization, new.times_raised) == (False, Decimal("140.00"), 0)


def test_overspend_after_the_figures_fell_back_opens_another(budget):
    spend_up_to(budget, 13_000)
    spend_up_to(budget, 10_000)
    (fallen,) = all_of(budget, "over_budget")
    assert (fallen.resolved, fallen.resolved_by_id, fallen.utilization) == (True, None, Decimal("130.00"))
    assert fallen.resolved_at is not None
    spend_up_to(budget, 12_000)
    old, new = all_of(budget, "over_budget")
    assert (old.pk, old.resolved, new.resolved, new.utilization) == (fallen.pk, True, False, Decimal("120.00"))


# --- Resolved by a person while the state persists --------------------------------------------------------------------


def test_a_resolved_alert_stays_resolved_until_it_gets_worse(budget, staff):
    spend_up_to(budget, 13_000)
    first = alert_of(budget, "over_budget")
    resolve_alert(alert_id=first.pk, acting_user=staff, now=NOW)
    left = stored_figures(first)
    for actual in ("12000", "13000", "10000.01"):
        spend_up_to(budget, actual)
        assert stored_figures(first) == left
        assert len(all_of(budget, "over_budget")) == 1
    spend_up_to(budget, "13000.01")
    assert [alert.resolved for alert in all_of(budget, "over_budget")] == [True, False]


def test_falling_back_ends_what_a_person_had_settled(budget, staff):
    spend_up_to(budget, 13_000)
    resolve_alert(alert_id=alert_of(budget, "over_budget").pk, acting_user=staff, now=NOW)
    spend_up_to(budget, 9_000)
    (settled,) = all_of(budget, "over_budget")
    assert (settled.resolved_by_id, settled.resolved_at, settled.state_holds) == (staff.pk, NOW, False)
    spend_up_to(budget, 10_500)
    new = alert_of(budget, "over_budget")
    assert (new.pk != settled.pk, new.utilization) == (True, Decimal("105.00"))


def test_a_settled_warning_is_not_opened_by_the_next_posting(budget, staff):
    spend_up_to(budget, 8_100)
    resolve_alert(alert_id=alert_of(budget, "threshold_warning").pk, acting_user=staff, now=NOW)
    spend_up_to(budget, 8_900)
    assert [alert.resolved for alert in all_of(budget, "threshold_warning")] == [True]


def test_a_settled_milestone_is_opened_by_the_next_one(budget, staff):
    spend_up_to(budget, 5_000)
    resolve_alert(alert_id=alert_of(budget, "threshold_exceeded").pk, acting_user=staff, now=NOW)
    spend_up_to(budget, 7_499)
    assert [alert.resolved for alert in all_of(budget, "threshold_exceeded")] == [True]
    spend_up_to(budget, 7_500)
    assert [(alert.resolved, alert.threshold) for alert in all_of(budget, "threshold_exceeded")] == [
        (True, Decimal("50.00")),
        (False, Decimal("75.00")),
    ]


# --- Each kind --------------------------------------------------------------------------------------------------------


def test_the_warning_opens_at_its_threshold_and_closes_below(budget):
    spend_up_to(budget, "7999.49")
    assert all_of(budget, "threshold_warning") == []
    spend_up_to(budget, 8_000)
    alert = alert_of(budget, "threshold_warning")
    assert (alert.utilization, alert.threshold, alert.level) == (Decimal("80.00"), Decimal("80.00"), "warning")
    assert alert.message == (
        "Nearly used up (warning at 80%): 8,000.00 of 10,000.00 CAD spent or promised (80.00%), 2,000.00 left."
    )
    spend_up_to(budget, 7_000)
    (alert,) = all_of(budget, "threshold_warning")
    assert (alert.resolved, alert.utilization) == (True, Decimal("80.00"))


def test_promises_count_towards_thresholds_and_not_towards_overspend(budget):
    promise(budget, 9_000)
    spend(budget, 2_000)
    assert open_types(budget) == ["threshold_exceeded", "threshold_warning"]
    alert = alert_of(budget, "threshold_warning")
    assert alert.utilization == Decimal("110.00")
    assert alert.message == ("110.00% of the budget is used, past the 80% mark: 1,000.00 CAD more than there is.")


@pytest.mark.parametrize(
    ("actual", "message"),
    [
        ("9999.99", "The 90% milestone is reached: 9,999.99 of 10,000.00 CAD spent or promised (100.00%), 0.01 left."),
        ("10000", "100.00% of the budget is used, past the 90% mark: nothing left."),
        ("11939", "119.39% of the budget is used, past the 90% mark: 1,939.00 CAD more than there is."),
    ],
)
def test_a_milestone_is_worded_by_what_is_left(budget, actual, message):
    spend(budget, actual)

    assert alert_of(budget, "threshold_exceeded").message == message


def test_overspend_names_what_is_promised_beside_it(budget):
    spend(budget, 12_000)
    promise(budget, 500)
    alert = alert_of(budget, "over_budget")
    assert alert.utilization == Decimal("125.00")
    assert alert.message == ("2,000.00 CAD over budget: 12,000.00 spent of 10,000.00 (120.00%); 500.00 more promised.")
    # What is promised does not make the overspend larger.
    assert alert.times_raised == 0


def test_milestones_move_up_and_down_in_one_alert(budget):
    steps = []
    for actual in (4_999, 5_000, 7_500, 9_000, 7_600, 6_000):
        spend_up_to(budget, actual)
        steps += [
            (alert.threshold, alert.level, alert.times_raised)
            for alert in BudgetAlert.objects.open().filter(budget=budget, alert_type="threshold_exceeded")
        ]
    assert steps == [
        (Decimal(50), "information", 0),
        (Decimal(75), "information", 1),
        (Decimal(90), "warning", 2),
        (Decimal(75), "information", 2),
        (Decimal(50), "information", 2),
    ]
    assert len(all_of(budget, "threshold_exceeded")) == 1
    assert alert_of(budget, "threshold_exceeded").message == (
        "The 50% milestone is reached: 6,000.00 of 10,000.00 CAD spent or promised (60.00%), 4,000.00 left."
    )


def test_far_above_the_plan_opens_strictly_above_the_limit(budget):
    spend_up_to(budget, 12_000)
    assert all_of(budget, "variance_high") == []
    spend_up_to(budget, 12_001)
    alert = alert_of(budget, "variance_high")
    assert (alert.level, alert.threshold, alert.utilization) == ("critical", Decimal(20), Decimal("120.01"))
    assert alert.message == (
        "Spending is 20.01% above the plan (the limit is 20%): 12,001.00 spent of 10,000.00 (120.01%)."
    )
    spend_up_to(budget, 12_500)
    assert alert_of(budget, "variance_high").times_raised == 1
    spend_up_to(budget, 12_000)
    assert [alert.resolved for alert in all_of(budget, "variance_high")] == [True]
    assert open_types(budget) == ["over_budget", "threshold_exceeded", "threshold_warning"]


def test_an_underspent_budget_has_no_high_variance(budget):
    spend(budget, 100)
    assert open_types(budget) == []


def test_a_line_overspends_strictly_above_its_plan(budget, owner):
    line = make_line(budget, owner, name="Catering", budgeted_amount=Decimal(1000))
    spend(budget, 1_000, line=line)
    assert open_types(budget) == []
    spend(budget, 150, line=line)
    alert = alert_of(budget, "line_item_overrun", line=line)
    assert (alert.level, alert.utilization, alert.threshold) == ("warning", Decimal("115.00"), Decimal(100))
    assert alert.message == "“Catering” is 150.00 CAD over: 1,150.00 spent of 1,000.00 (115.00%)."
    spend(budget, 51, line=line)
    alert.refresh_from_db()
    assert (alert.level, alert.utilization, alert.times_raised) == ("critical", Decimal("120.10"), 1)
    spend(budget, -201, line=line)
    alert.refresh_from_db()
    assert (alert.resolved, alert.resolved_by_id) == (True, None)
    spend(budget, 1, line=line)
    assert len(all_of(budget, "line_item_overrun")) == 2


def test_spending_on_a_line_without_a_plan_is_an_overrun(budget, owner):
    line = make_line(budget, owner, name="Security", budgeted_amount=Decimal(0))
    spend(budget, "1467.85", line=line)
    alert = alert_of(budget, "line_item_overrun", line=line)
    assert (alert.level, alert.utilization) == ("warning", Decimal("100.00"))
    assert alert.message == "“Security” has no money planned: 1,467.85 CAD spent."


def test_each_line_has_an_alert_of_its_own(budget, owner):
    hall = make_line(budget, owner, name="Hall", budgeted_amount=Decimal(100))
    food = make_line(budget, owner, name="Food", budgeted_amount=Decimal(100))
    spend(budget, 101, line=hall)
    spend(budget, 102, line=food)
    spend(budget, -1, line=hall)
    assert {alert.line_item_id: alert.resolved for alert in all_of(budget, "line_item_overrun")} == {
        hall.pk: True,
        food.pk: False,
    }


def test_anything_spent_of_a_budget_of_nothing_is_over_budget(account, owner):
    budget = make_budget(account, owner, total=None)
    spend(budget, "0.01")
    assert open_types(budget) == ["over_budget", "threshold_exceeded", "threshold_warning"]
    alert = alert_of(budget, "over_budget")
    assert alert.utilization == Decimal("100.00")
    assert alert.message == "0.01 CAD over budget: 0.01 spent, nothing budgeted."
    assert alert_of(budget, "threshold_warning").message == ("0.01 CAD spent or promised, nothing budgeted.")


def test_amounts_are_written_in_the_currencys_decimals(account, owner):
    account.currency = "JPY"
    budget = make_budget(account, owner, total="1000")
    spend(budget, 1_500)
    assert alert_of(budget, "over_budget").message == "500 JPY over budget: 1,500 spent of 1,000 (150.00%)."


def test_an_overspend_of_a_millionfold_is_stored(account, owner):
    budget = make_budget(account, owner, total="0.01")
    spend(budget, "999999999999.99")
    assert alert_of(budget, "over_budget").utilization == Decimal("9999999999.99")


# --- Acknowledgement while it gets worse ------------------------------------------------------------------------------


def test_a_higher_step_asks_for_a_new_acknowledgement(budget, staff):
    spend_up_to(budget, 5_000)
    alert = alert_of(budget, "threshold_exceeded")
    acknowledge_alert(alert_id=alert.pk, acting_user=staff, now=NOW, comment="On it")
    spend_up_to(budget, 7_400)
    alert.refresh_from_db()
    assert (alert.is_acknowledged, alert.utilization) == (True, Decimal("74.00"))
    spend_up_to(budget, 7_500)
    alert.refresh_from_db()
    assert alert.is_acknowledged is False
    # Who had seen the lower step is kept until somebody has seen this one.
    assert (alert.acknowledged_by_id, alert.acknowledged_at, alert.acknowledged_comment) == (staff.pk, NOW, "On it")


def test_more_of_the_same_stays_acknowledged(budget, staff):
    spend_up_to(budget, 12_000)
    alert = alert_of(budget, "over_budget")
    acknowledge_alert(alert_id=alert.pk, acting_user=staff, now=NOW)
    spend_up_to(budget, 19_000)
    alert.refresh_from_db()
    assert (alert.is_acknowledged, alert.times_raised) == (True, 1)
