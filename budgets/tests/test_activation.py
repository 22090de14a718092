"""Approved budgets become active on the day of their event, by the calendar of the place where it is."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from budgets.models import BudgetDecision, EventBudget
from budgets.services import activation
from budgets.services.activation import activate_due
from budgets.services.event_budget import delete_event_budget
from budgets.services.workflow import NotItsDay, activate_on_its_day
from budgets.tasks import activate_due_budgets, remind_of_waiting_approvals
from budgetsite.accounts.roles import Role
from budgetsite.operations.piecework import SomeFailed
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.deletion import soft_delete
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, move
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.people import make_member

# Three in the afternoon of 10 March where the sun rises first, the evening of the 9th where it rises last.
BEGINS = datetime(2026, 3, 10, 2, 0, tzinfo=UTC)


def approved(account, owner, manager, *, timezone="UTC", begins=BEGINS, name="Gala"):
    event = make_event(
        account,
        owner,
        name=name,
        timezone=timezone,
        event_date=begins,
        registration_start_date=begins - timedelta(days=30),
        registration_end_date=begins,
    )
    budget = make_budget(account, owner, event=event)
    move(budget, "submit", user=owner, role=Role.OWNER, account=account)
    return move(budget, "approve", user=manager, role=Role.MANAGER, account=account)


def statuses():
    return dict(EventBudget.objects.values_list("event__name", "status"))


@pytest.mark.parametrize(
    ("timezone", "last_moment_before"),
    [
        # The event's day, 10 March there, begins on the 9th of UTC.
        ("Pacific/Auckland", datetime(2026, 3, 9, 10, 59, 59, tzinfo=UTC)),
        # 9 March there: it begins when UTC has had seven hours of it.
        ("America/Los_Angeles", datetime(2026, 3, 9, 6, 59, 59, tzinfo=UTC)),
        ("UTC", datetime(2026, 3, 9, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_the_day_begins_where_the_event_is(account, owner, manager, timezone, last_moment_before):
    budget = approved(account, owner, manager, timezone=timezone)

    assert activate_due(now=last_moment_before) == []
    assert statuses() == {"Gala": "approved"}
    assert activate_due(now=last_moment_before + timedelta(seconds=1)) == [budget.pk]
    assert statuses() == {"Gala": "active"}


def test_it_happens_once_and_nobody_did_it(account, owner, manager):
    budget = approved(account, owner, manager)

    assert [activate_due(now=BEGINS), activate_due(now=BEGINS)] == [[budget.pk], []]

    decision = BudgetDecision.objects.get(action="activate")
    assert (decision.actor, decision.role, decision.reason) == (None, "system", "The day of the event has come.")
    assert OutboxEvent.objects.filter(kind="budget.activated").count() == 1
    assert EventBudget.objects.get().version == budget.version + 1


def test_nothing_but_live_approved_budgets_of_live_events_becomes_active(account, owner, manager):
    approved(account, owner, manager, name="Tomorrow", begins=BEGINS + timedelta(days=1))
    deleted = approved(account, owner, manager, name="Budget deleted")
    soft_delete(approved(account, owner, manager, name="Event deleted").event, now=BEGINS)
    delete_event_budget(budget_id=deleted.pk, acting_user=owner, now=BEGINS)
    revised = approved(account, owner, manager, name="Revised")
    move(revised, "revise", user=owner, role=Role.OWNER, account=account, reason="Halls are dear")
    make_budget(account, owner, event=make_event(account, owner, name="Draft", event_date=BEGINS))

    assert activate_due(now=BEGINS) == []
    assert statuses() == {"Tomorrow": "approved", "Revised": "draft", "Draft": "draft"}


def test_an_event_put_off_meanwhile_is_left_alone(account, owner, manager):
    budget = approved(account, owner, manager)
    with pytest.raises(NotItsDay):
        activate_on_its_day(budget_id=budget.pk, version=budget.version, now=BEGINS - timedelta(days=1))
    assert statuses() == {"Gala": "approved"}


def test_one_that_fails_is_told_and_stops_no_other(account, owner, manager, monkeypatch, caplog):
    broken, *others = sorted(
        (approved(account, owner, manager, name=f"Gala {n}") for n in range(3)), key=lambda b: b.pk
    )
    real = activation.activate_on_its_day

    def fails_for_one(*, budget_id, **arguments):
        moved = real(budget_id=budget_id, **arguments)
        if budget_id == broken.pk:
            raise RuntimeError("out of paper")
        return moved

    monkeypatch.setattr(activation, "activate_on_its_day", fails_for_one)

    monkeypatch.setattr(activation, "BATCH_SIZE", 1)
    with caplog.at_level(logging.ERROR), pytest.raises(SomeFailed) as told:
        activate_due(now=BEGINS)

    assert (told.value.first_by_account, told.value.failed) == ({account.pk: "RuntimeError"}, 1)
    assert [record.getMessage() for record in caplog.records] == [
        f"budget {broken.pk} could not be activated; the next run tries again"
    ]
    assert "out of paper" in caplog.text
    assert EventBudget.objects.get(pk=broken.pk).status == "approved"
    assert set(EventBudget.objects.filter(status="active")) == set(others)
    assert BudgetDecision.objects.filter(action="activate").count() == 2


def test_an_event_of_another_account_is_not_touched(account, owner, manager, other_account):
    with tenant_scope(other_account.pk):
        rival, second = (make_member(other_account, role).user for role in (Role.OWNER, Role.MANAGER))
        approved(other_account, rival, second, name="Rival gala")
    approved(account, owner, manager)

    activate_due(now=BEGINS)

    assert statuses() == {"Gala": "active"}
    with tenant_scope(other_account.pk):
        assert statuses() == {"Rival gala": "approved"}


def test_two_machines_at_once_activate_each_budget_once(committed_db, account):
    with transaction.atomic():
        owner, manager = (make_member(account, role).user for role in (Role.OWNER, Role.MANAGER))
        budgets = [approved(account, owner, manager, name=f"Gala {n}") for n in range(4)]

    results = run_at_once([lambda: activate_due(now=BEGINS)] * 4, tenant_id=account.pk)

    done = [budget_id for result in results for budget_id in result]
    assert sorted(done) == sorted(budget.pk for budget in budgets)
    with transaction.atomic():
        assert set(statuses().values()) == {"active"}
        assert BudgetDecision.objects.filter(action="activate").count() == 4


def test_the_job_goes_through_all_accounts(committed_db, account, other_account, eager_tasks):
    for tenant in (account, other_account):
        with transaction.atomic(), tenant_scope(tenant.pk):
            owner, manager = (make_member(tenant, role).user for role in (Role.OWNER, Role.MANAGER))
            approved(tenant, owner, manager, begins=datetime(2020, 3, 10, tzinfo=UTC))

    activate_due_budgets()
    activate_due_budgets()

    for tenant in (account, other_account):
        with tenant_scope(tenant.pk), transaction.atomic():
            assert statuses() == {"Gala": "active"}
            assert BudgetDecision.objects.filter(action="activate").count() == 1


def test_both_jobs_are_on_the_calendar(settings):
    jobs = {activate_due_budgets.name, remind_of_waiting_approvals.name}
    assert jobs <= {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
