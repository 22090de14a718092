"""Who has to approve is reminded: once after each interval, through the outbox."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction

from budgets.models import EventBudget
from budgets.services.approval_reminders import remind_of_waiting
from budgets.services.workflow import move_budget
from budgets.tasks import remind_of_waiting_approvals
from budgetsite.accounts.roles import Role
from budgetsite.accounts.services import change_account
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.deletion import soft_delete
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.people import make_member

SUBMITTED = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
# A new account's interval.
DAYS = timedelta(days=3)


def waiting(account, user, *, since=SUBMITTED, name="Gala"):
    budget = make_budget(account, user, event=make_event(account, user, name=name))
    return take(budget, "submit", user, Role.OWNER, account, now=since)


def take(budget, action, user, role, account, *, now, reason=""):
    return move_budget(
        action=action,
        budget_id=budget.pk,
        version=EventBudget.objects.get(pk=budget.pk).version,
        acting_user=user,
        acting_role=role,
        account=account,
        now=now,
        reason=reason,
    ).budget


def told():
    return list(OutboxEvent.objects.filter(kind="budget.approval_waiting").order_by("position"))


def test_a_reminder_says_what_waits_for_whom_since_when(account, owner):
    budget = waiting(account, owner)

    assert remind_of_waiting(now=SUBMITTED + DAYS - timedelta(seconds=1)) == []
    assert remind_of_waiting(now=SUBMITTED + DAYS) == [budget.pk]

    [event] = told()
    assert (event.subject_type, event.subject_id, event.actor) == ("event_budget", budget.pk, None)
    assert event.payload == {"stage": 1, "role": "manager", "since": "2026-03-02T09:00:00+00:00", "reminders": 1}


def test_one_reminder_in_each_interval_however_often_it_is_looked(account, owner):
    waiting(account, owner)
    for hours in range(0, 24 * 10, 6):
        remind_of_waiting(now=SUBMITTED + timedelta(hours=hours))
    assert [event.payload["reminders"] for event in told()] == [1, 2, 3]


def test_nobody_is_reminded_of_what_is_decided_and_a_new_submission_waits_anew(account, owner, manager):
    budget = waiting(account, owner)
    take(budget, "reject", manager, Role.MANAGER, account, now=SUBMITTED + DAYS / 2, reason="Too dear")
    assert remind_of_waiting(now=SUBMITTED + 2 * DAYS) == []

    again = SUBMITTED + 2 * DAYS
    take(budget, "submit", owner, Role.OWNER, account, now=again)
    assert remind_of_waiting(now=again + DAYS / 2) == []
    assert remind_of_waiting(now=again + DAYS) == [budget.pk]
    assert told()[0].payload["reminders"] == 1


def test_none_is_a_number_of_days_too(account, owner):
    waiting(account, owner)
    change_account(account=account, acting_user=owner, approval_reminder_days=0)
    assert remind_of_waiting(now=SUBMITTED + 100 * DAYS) == []
    change_account(account=account, acting_user=owner, approval_reminder_days=7)
    assert remind_of_waiting(now=SUBMITTED + timedelta(days=7)) != []
    with pytest.raises(ValidationError):
        change_account(account=account, acting_user=owner, approval_reminder_days=-1)


def test_deleted_events_and_other_accounts_are_left_alone(account, owner, other_account):
    soft_delete(waiting(account, owner).event, now=SUBMITTED)
    with tenant_scope(other_account.pk):
        waiting(other_account, make_member(other_account, Role.OWNER).user, name="Rival gala")

    assert remind_of_waiting(now=SUBMITTED + DAYS) == []
    with tenant_scope(other_account.pk):
        assert told() == []


def test_any_number_takes_three_statements(account, owner, django_assert_num_queries):
    for number in range(5):
        waiting(account, owner, name=f"Gala {number}")
    # Beside the savepoint's two.
    with django_assert_num_queries(5):
        assert len(remind_of_waiting(now=SUBMITTED + DAYS)) == 5


def test_two_machines_at_once_remind_once(committed_db, account):
    with transaction.atomic():
        owner = make_member(account, Role.OWNER).user
        for number in range(4):
            waiting(account, owner, name=f"Gala {number}")

    run_at_once([lambda: remind_of_waiting(now=SUBMITTED + DAYS)] * 6, tenant_id=account.pk)

    with transaction.atomic():
        assert len({event.subject_id for event in told()}) == len(told()) == 4


def test_the_job_goes_through_all_accounts(committed_db, account, other_account, eager_tasks):
    for tenant in (account, other_account):
        with transaction.atomic(), tenant_scope(tenant.pk):
            waiting(tenant, make_member(tenant, Role.OWNER).user)

    remind_of_waiting_approvals()
    remind_of_waiting_approvals()

    for tenant in (account, other_account):
        with tenant_scope(tenant.pk), transaction.atomic():
            assert len(told()) == 1
