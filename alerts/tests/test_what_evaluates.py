from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from alerts import signals
from alerts.models import AlertType, BudgetAlert
from alerts.services.reactions import acknowledge_alert
from alerts.tests.figures import alert_of, all_of, open_types, spend, spend_up_to
from budgets.models import BudgetLineItem, BudgetStatus, EventBudget
from budgets.services.event_budget import delete_event_budget, restore_event_budget, update_event_budget
from budgets.services.line_item import (
    add_line_item,
    delete_line_item,
    move_line_item,
    restore_line_item,
    update_line_item,
)
from budgets.services.recalculation import recalculation_paused
from budgetsite.tenancy.deletion import restore, soft_delete
from budgetsite.tenancy.scope import deleted_rows_visible, tenant_scope
from budgetsite.testing.budgets import make_budget, make_line
from budgetsite.testing.people import make_member

NOW = datetime(2026, 7, 1, 9, 30, tzinfo=UTC)


@pytest.fixture
def budget(account, owner):
    return make_budget(account, owner, total="10000")


@pytest.fixture
def heard(account):
    """The news that the signals carry, in order: (signal, kind, utilization)."""
    found = []

    def listen(name):
        def receive(sender, news, **kwargs):
            found.append((name, news.alert_type, news.utilization))

        return receive

    receivers = {
        name: listen(name) for name in ("alert_opened", "alert_raised", "alert_acknowledged", "alert_resolved")
    }
    for name, receive in receivers.items():
        getattr(signals, name).connect(receive)
    yield found
    for name, receive in receivers.items():
        getattr(signals, name).disconnect(receive)


# --- Whatever changes the figures -------------------------------------------------------------------------------------


def test_a_changed_plan_raises_and_resolves(budget, owner):
    spend(budget, 9_000)
    update_event_budget(
        budget_id=budget.pk, version=budget.version, acting_user=owner, total_budget_amount=Decimal(8000)
    )
    assert alert_of(budget, "over_budget").utilization == Decimal("112.50")
    current = EventBudget.objects.get(pk=budget.pk)
    update_event_budget(
        budget_id=budget.pk, version=current.version, acting_user=owner, total_budget_amount=Decimal(20000)
    )
    assert open_types(budget) == []
    assert alert_count(budget) == (3, 3)


def alert_count(budget):
    alerts = BudgetAlert.objects.filter(budget=budget)
    return alerts.count(), alerts.filter(resolved=True).count()


def test_setting_a_lines_actual_alerts(budget, owner):
    line = make_line(budget, owner, budgeted_amount=Decimal(100))
    update_line_item(
        budget_id=budget.pk,
        line_item_id=line.pk,
        version=line.version,
        acting_user=owner,
        actual_amount=Decimal(130),
    )
    assert alert_of(budget, "line_item_overrun", line=line).utilization == Decimal("130.00")


def test_a_line_edited_in_the_shell_alerts(budget, owner):
    line = make_line(budget, owner, budgeted_amount=Decimal(100), actual_amount=Decimal(100))
    line.budgeted_amount = Decimal(80)
    line.save()
    assert alert_of(budget, "line_item_overrun", line=line).utilization == Decimal("125.00")


def test_deleting_a_line_resolves_its_alert_and_restoring_opens_a_new_one(budget, owner):
    line = add_line_item(
        budget_id=budget.pk,
        acting_user=owner,
        category="Venue",
        name="Hall",
        budgeted_amount=Decimal(100),
        actual_amount=Decimal(120),
    )
    delete_line_item(budget_id=budget.pk, line_item_id=line.pk, acting_user=owner, now=NOW)
    assert [alert.resolved for alert in all_of(budget, "line_item_overrun")] == [True]
    with deleted_rows_visible():
        deleted = BudgetLineItem.objects.get(pk=line.pk)
    restore_line_item(line=deleted, acting_user=owner)
    assert [alert.resolved for alert in all_of(budget, "line_item_overrun")] == [True, False]


def test_a_moved_line_takes_its_alert_along(account, budget, owner):
    other = make_budget(account, owner, total="5000")
    line = make_line(budget, owner, budgeted_amount=Decimal(100), actual_amount=Decimal(120))
    move_line_item(budget_id=budget.pk, line_item_id=line.pk, to_budget_id=other.pk, acting_user=owner)
    assert (open_types(budget), open_types(other)) == ([], ["line_item_overrun"])
    assert [alert.resolved for alert in all_of(budget, "line_item_overrun")] == [True]


@pytest.mark.parametrize("status", [BudgetStatus.FINALIZED, BudgetStatus.ARCHIVED])
def test_a_locked_budget_keeps_the_alerts_it_has(budget, status):
    spend(budget, 12_000)
    EventBudget.objects.filter(pk=budget.pk).update(status=status, total_budget_amount=Decimal(1000))
    before = list(BudgetAlert.objects.filter(budget=budget).order_by("id").values())
    EventBudget.objects.get(pk=budget.pk).save()
    assert list(BudgetAlert.objects.filter(budget=budget).order_by("id").values()) == before


def test_deleting_and_restoring_a_budget_takes_its_alerts_along(budget, owner):
    spend(budget, 12_000)
    kept = open_types(budget)
    delete_event_budget(budget_id=budget.pk, acting_user=owner, now=NOW)
    assert open_types(budget) == []
    with deleted_rows_visible():
        deleted = EventBudget.objects.get(pk=budget.pk)
    restore_event_budget(budget=deleted, acting_user=owner)
    assert open_types(budget) == kept == ["over_budget", "threshold_exceeded", "threshold_warning"]


def test_deleting_an_event_takes_its_alerts_along(account, owner, budget):
    spend(budget, 12_000)
    soft_delete(budget.event, now=NOW)
    assert BudgetAlert.objects.count() == 0
    with deleted_rows_visible():
        event = type(budget.event).objects.get(pk=budget.event_id)
    restore(event)
    assert len(open_types(budget)) == 3


def test_a_posting_that_is_rolled_back_leaves_no_alert(budget):
    with transaction.atomic():
        spend(budget, 12_000)
        assert len(open_types(budget)) == 3
        transaction.set_rollback(True)
    assert BudgetAlert.objects.count() == 0


# --- Signals, cost, guards --------------------------------------------------------------------------------------------


def test_signals_tell_what_happened(budget, staff, heard):
    spend_up_to(budget, 5_000)
    spend_up_to(budget, 6_000)
    spend_up_to(budget, 7_500)
    alert = alert_of(budget, "threshold_exceeded")
    acknowledge_alert(alert_id=alert.pk, acting_user=staff, now=NOW)
    spend_up_to(budget, 0)
    assert heard == [
        ("alert_opened", "threshold_exceeded", Decimal("50.00")),
        ("alert_raised", "threshold_exceeded", Decimal("75.00")),
        ("alert_acknowledged", "threshold_exceeded", Decimal("75.00")),
        ("alert_resolved", "threshold_exceeded", Decimal("75.00")),
    ]


def test_a_posting_that_opens_and_raises_stays_within_eight_statements(account, budget, owner):
    line = make_line(budget, owner, budgeted_amount=Decimal(100))
    spend(budget, 7_000)
    with tenant_scope(account.pk, user_id=owner.pk), CaptureQueriesContext(connection) as queries:
        spend(budget, 6_000, line=line)
    starts = [query["sql"].split()[:2] for query in queries]
    assert starts[0] == ["SELECT", "set_config('app.tenant_id',"]
    # Last the look at the alerts, and what it leads to.
    assert starts[-2:] == [["WITH", "held"], ["WITH", "changed"]]
    assert len(starts) <= 8
    assert open_types(budget) == [
        "line_item_overrun",
        "over_budget",
        "threshold_exceeded",
        "threshold_warning",
        "variance_high",
    ]


def test_setting_an_actual_adds_two_statements_for_alerts(budget, owner):
    line = make_line(budget, owner, budgeted_amount=Decimal(100))
    spend(budget, 7_000)
    line.actual_amount = Decimal(6000)
    with CaptureQueriesContext(connection) as queries:
        line.save()
    assert len([query for query in queries if "alerts_budgetalert" in query["sql"]]) == 2


def test_nothing_is_written_when_nothing_changes(budget, owner):
    line = make_line(budget, owner, budgeted_amount=Decimal(100))
    spend(budget, 12_000)
    rows = list(BudgetAlert.objects.order_by("id").values())
    with CaptureQueriesContext(connection) as queries:
        line.sort_order = 90
        line.save()
    assert len([query for query in queries if "alerts_budgetalert" in query["sql"]]) == 1
    assert list(BudgetAlert.objects.order_by("id").values()) == rows


def test_an_evaluation_costs_the_same_with_many_alerts(budget, owner):
    def statements(actual):
        with CaptureQueriesContext(connection) as queries:
            spend_up_to(budget, actual)
        return len(queries)

    few = statements(12_500)
    for number in range(5):
        make_line(budget, owner, name=f"Line {number}", budgeted_amount=Decimal(10), actual_amount=Decimal(20))
    assert statements(13_500) == few


def test_a_paused_change_of_the_plan_is_evaluated_once(budget, owner):
    lines = [
        make_line(budget, owner, name=name, budgeted_amount=Decimal(100), actual_amount=Decimal(100))
        for name in ("Hall", "Food", "Music")
    ]
    with CaptureQueriesContext(connection) as queries, recalculation_paused():
        for line in lines:
            line.budgeted_amount = Decimal(50)
            line.save()
    assert len([query for query in queries if "alerts_alertrule" in query["sql"]]) == 1
    assert {alert.line_item_id for alert in all_of(budget, "line_item_overrun")} == {line.pk for line in lines}


def test_the_database_refuses_a_second_open_alert(budget):
    spend(budget, 12_000)
    alert = alert_of(budget, "over_budget")
    with pytest.raises(IntegrityError, match="alerts_budgetalert_one_open"), transaction.atomic():
        BudgetAlert.objects.create(
            budget=budget,
            alert_type=AlertType.OVER_BUDGET,
            level=alert.level,
            threshold=alert.threshold,
            utilization=alert.utilization,
            message="The same again",
        )


def test_tenants_alerts_are_apart(account, owner, other_account, budget):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, "owner").user
        theirs = make_budget(other_account, rival, total="100")
        spend(theirs, 500)
        assert len(open_types(theirs)) == 4
    assert BudgetAlert.objects.count() == 0
    spend(budget, 12_000)
    with tenant_scope(other_account.pk):
        assert set(BudgetAlert.objects.values_list("budget_id", flat=True)) == {theirs.pk}
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT budget_id FROM alerts_budgetalert")
        assert cursor.fetchall() == [(budget.pk,)]
