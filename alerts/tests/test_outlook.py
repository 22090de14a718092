"""Alerts about what is ahead of budgets: asked for by what changes them, brought in line by a job, each by one."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts import tasks
from alerts.models import AlertType, BudgetAlert
from alerts.services import evaluation_request, outlook, outlook_news
from alerts.services.escalation_policy import change_escalation_policy
from alerts.services.evaluation import reevaluate_budget
from alerts.services.evaluators import BY_FIGURES, BY_OUTLOOK
from alerts.services.outlook import follow_all_event_budgets, follow_event_budgets
from alerts.services.routing.alert_escalation import escalate_alerts
from alerts.services.routing.payment_reminders import remind_of_payments
from alerts.services.rules import set_alert_rule
from alerts.tests.figures import alert_of, open_types, spend, spend_up_to
from alerts.tests.test_payment_alerts import FLOWERS, TODAY, bill, pay
from alerts.tests.test_routing import relay
from budgets.services.expense_bulk import change_expenses
from budgetsite.accounts.roles import Role
from budgetsite.notifications.models import Mail, Notification
from budgetsite.operations.piecework import SomeFailed
from budgetsite.outbox.models import OutboxEvent
from budgetsite.outbox.relay import relay_pending
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.expenses import NOW
from budgetsite.testing.people import make_member


def budgets(account, user, number):
    return [
        make_budget(account, user, event=make_event(account, user, name=f"Event {place}"), lines=FLOWERS)
        for place in range(number)
    ]


@pytest.fixture
def asked(monkeypatch):
    """What is asked of workers: the ids of budgets, message by message; `all` for an account's."""
    messages = []
    monkeypatch.setattr(
        tasks.evaluate_outlook_of_budgets, "apply_async", lambda *, kwargs, **_: messages.append(kwargs["budget_ids"])
    )
    monkeypatch.setattr(
        tasks.follow_event_budgets_of_account, "apply_async", lambda *, kwargs: messages.append(["all"])
    )
    monkeypatch.setattr(evaluation_request.absence, "until", 0.0)
    return messages


def test_each_type_has_one_evaluation_and_a_posting_leaves_the_others_alone(account, owner):
    assert (frozenset(AlertType), frozenset()) == (BY_FIGURES | BY_OUTLOOK, BY_FIGURES & BY_OUTLOOK)
    [budget] = budgets(account, owner, 1)
    hall = make_line(budget, owner, budgeted_amount=Decimal(0))
    bill(budget, owner, in_days=-1, role=Role.OWNER)
    spend(budget, 1, line=hall)
    follow_event_budgets([budget.pk], now=NOW)
    assert open_types(budget) == ["forecast_overrun", "line_item_overrun", "payment_overdue"]
    spend_up_to(budget, 9_000)
    reevaluate_budget(budget.pk)
    assert {"forecast_overrun", "payment_overdue", "threshold_warning"} < set(open_types(budget))
    follow_event_budgets([budget.pk], now=NOW)
    assert "threshold_warning" in open_types(budget)


def test_what_changes_expenses_plans_rules_or_reminders_asks_for_it_once(
    account, owner, asked, django_capture_on_commit_callbacks
):
    first, second, third = budgets(account, owner, 3)
    waiting = OutboxEvent.objects.filter(relayed_at=None)
    waiting.update(relayed_at=NOW)

    def heard():
        events = list(waiting.order_by("position"))
        waiting.update(relayed_at=NOW)
        with django_capture_on_commit_callbacks(execute=True):
            outlook_news.receive(events)
        evaluation_request.has_begun([first.pk, second.pk])
        told = [sorted(message) for message in asked]
        asked.clear()
        return told

    expense = bill(first, owner, in_days=10, role=Role.OWNER)
    bill(first, owner, in_days=20, role=Role.OWNER)
    bill(second, owner, in_days=30, role=Role.OWNER)
    assert heard() == [sorted([str(first.pk), str(second.pk)])]
    pay(expense, owner, 500)
    assert heard() == [[str(first.pk)]]
    # What alerts themselves tell asks for nothing.
    follow_event_budgets([first.pk], now=NOW)
    assert (waiting.count(), heard()) == (1, [])
    spend_up_to(second, 8_000)
    assert heard() == [[str(second.pk)]]
    with django_capture_on_commit_callbacks(execute=True):
        set_alert_rule(budget=third, acting_user=owner, alert_types=[])
        change_escalation_policy(acting_user=owner, days_before=[3])
        change_escalation_policy(acting_user=owner, alert_hours_until_manager=2)
    assert asked == [[str(third.pk)], ["all"]]


def test_nobody_is_told_of_a_payment_by_its_alert_beside_the_reminder(account, owner, organizer, manager):
    first, second = budgets(account, organizer, 2)
    expenses = [bill(budget, organizer, in_days=60, role=Role.OWNER) for budget in (first, first, second)]
    outcomes = change_expenses(
        expense_ids=[expense.pk for expense in expenses], acting_user=owner, acting_role=Role.OWNER, account=account,
        now=NOW, due_date=TODAY - timedelta(days=7),
    )  # fmt: skip
    assert [outcome.ok for outcome in outcomes] == [True, True, True]
    assert follow_event_budgets([first.pk, second.pk], now=NOW).alerts == 2
    relay()
    assert {alert_of(budget, "payment_overdue").level for budget in (first, second)} == {"critical"}
    assert Notification.objects.count() == 0
    # Nor when nobody acknowledges them.
    assert escalate_alerts(now=timezone.now() + timedelta(days=3)) == 0
    # The reminders tell of each, all in one mail to each person.
    assert remind_of_payments(now=NOW) == 9
    assert set(Notification.objects.values_list("notification_type", "level")) == {("payments_due", "critical")}
    assert {(mail.person, mail.notifications.count()) for mail in Mail.objects.all()} == {
        (organizer, 3), (manager, 3), (owner, 3),
    }  # fmt: skip


def test_a_stranger_sees_nothing_and_the_work_does_not_grow(account, owner, other_account, monkeypatch):
    def statements(user, number):
        made = budgets(account, user, number)
        for budget in made:
            bill(budget, user, in_days=-1, role=Role.OWNER)
        with CaptureQueriesContext(connection) as queries:
            assert follow_all_event_budgets(now=NOW).alerts == number
        return len([query for query in queries if "SAVEPOINT" not in query["sql"]])

    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        bill(*budgets(other_account, rival, 1), rival, in_days=-1, role=Role.OWNER, currency="EUR")
    few = statements(owner, 1)
    assert (statements(owner, 4), few) == (few, 12)
    with tenant_scope(other_account.pk):
        assert BudgetAlert.objects.count() == 0
        assert follow_all_event_budgets(now=NOW).alerts == 1
    monkeypatch.setattr(outlook, "BATCH_SIZE", 2)
    monkeypatch.setattr(outlook, "LOCKED_TOGETHER", 2)
    followed = follow_all_event_budgets(now=NOW + timedelta(days=6))
    assert (followed.budgets, followed.alerts) == (5, 5)
    assert set(BudgetAlert.objects.values_list("level", "times_raised")) == {("critical", 1)}


def test_one_that_fails_stops_no_other(account, owner, monkeypatch):
    good, bad = budgets(account, owner, 2)
    for budget in (good, bad):
        bill(budget, owner, in_days=-1, role=Role.OWNER)
    follow = outlook.follow

    def fail(comparisons):
        if any(comparison.subject.budget_id == bad.pk for comparison in comparisons):
            raise DatabaseError("of one budget")
        return follow(comparisons)

    monkeypatch.setattr(outlook, "follow", fail)
    with pytest.raises(SomeFailed, match="1 failed"):
        follow_event_budgets([good.pk, bad.pk], now=NOW)
    assert (open_types(good), open_types(bad)) == (["payment_overdue"], [])


def test_two_jobs_at_once_open_one_alert_and_the_relay_starts_them(committed_db, account, request):
    with transaction.atomic():
        owner = make_member(account, Role.OWNER).user
        made = budgets(account, owner, 3)
        for budget in made:
            bill(budget, owner, in_days=-1, role=Role.OWNER)
    done = run_at_once([lambda: follow_all_event_budgets(now=NOW).alerts] * 2, tenant_id=account.pk)
    assert sorted(done) == [0, 3]
    request.getfixturevalue("eager_tasks")
    relay_pending(seconds=10)
    with transaction.atomic():
        assert BudgetAlert.objects.count() == 3
        # By the clock they are long overdue: what the relay has started has found that.
        assert set(BudgetAlert.objects.values_list("alert_type", "level")) == {("payment_overdue", "critical")}
        expense = made[0].expenses.get()
        pay(expense, owner, 500)
    relay_pending(seconds=10)
    with transaction.atomic():
        assert [open_types(budget) for budget in made] == [[], ["payment_overdue"], ["payment_overdue"]]
