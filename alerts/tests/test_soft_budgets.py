"""Soft budgets are evaluated after the commit: once for a burst, by a job when nobody asks, and never by who spends."""

from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts import tasks
from alerts.models import BudgetAlert
from alerts.services import evaluation_request
from alerts.services.scoped_evaluation import follow_all_scoped_budgets
from budgets.models import Reservation
from budgets.services.reservation import reserve
from budgets.tasks import free_expired_reservations
from budgetsite.accounts.roles import Role
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.people import make_member
from budgetsite.testing.scoped_budgets import NOW, make_scoped_budget, spend


@pytest.fixture
def asked(monkeypatch):
    """What is asked of workers: the ids of budgets, message by message."""
    messages = []

    def note(*, kwargs, countdown, retry):
        assert (countdown, retry) == (0.5, False)
        messages.append(kwargs["budget_ids"])

    monkeypatch.setattr(tasks.evaluate_scoped_budgets, "apply_async", note)
    monkeypatch.setattr(evaluation_request.absence, "until", 0.0)
    return messages


def soft(account, owner, **fields):
    return make_scoped_budget(account, owner, name="Soft", enforcement="warn", **fields)


def open_types(budget):
    return sorted(BudgetAlert.objects.open().filter(scoped_budget=budget).values_list("alert_type", flat=True))


def test_a_burst_of_postings_asks_once_and_then_again(committed_db, account, asked):
    with transaction.atomic():
        owner = make_member(account, Role.OWNER).user
        top = soft(account, owner)
        team = soft(account, owner, parent_id=top.pk, scope_type="team")
        leaf = make_scoped_budget(account, owner, parent_id=team.pk, scope_type="project", enforcement="ignore")

    def post():
        with CaptureQueriesContext(connection) as queries, transaction.atomic():
            for _ in range(3):
                spend(leaf, owner, 300, now=timezone.now())
        assert not [query for query in queries if "alerts_" in query["sql"]]

    post()
    post()
    both = sorted([str(team.pk), str(top.pk)])
    assert [sorted(message) for message in asked] == [both]
    # The task has begun: what comes now may be later than what it reads.
    evaluation_request.has_begun([top.pk])
    post()
    assert asked[1:] == [[str(top.pk)]]


def test_without_valkey_nothing_breaks_and_the_job_follows(
    account, owner, asked, settings, caplog, django_capture_on_commit_callbacks
):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    budget = soft(account, owner)
    for _ in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            spend(budget, owner, 600)
    assert asked == []
    # After the first attempt nobody waits for it in vain.
    assert [record.levelname for record in caplog.records if record.name == evaluation_request.__name__] == ["WARNING"]
    assert open_types(budget) == []
    assert follow_all_scoped_budgets(now=NOW).alerts == 3
    assert open_types(budget) == ["forecast_overrun", "over_budget", "threshold_warning"]


def test_eight_who_spend_under_a_soft_top_open_one_alert_of_each_kind(committed_db, account, eager_tasks):
    with transaction.atomic():
        owner = make_member(account, Role.OWNER).user
        top = soft(account, owner, amount=Decimal(500))
        leaves = [
            make_scoped_budget(account, owner, parent_id=top.pk, scope_type="team", scope_id=str(number))
            for number in range(8)
        ]

    def spend_from(leaf):
        return lambda: spend(leaf, owner, 100, now=timezone.now())

    work = [spend_from(leaf) for leaf in leaves]
    results = run_at_once(work, tenant_id=account.pk, user_id=owner.pk)

    assert not [result for result in results if isinstance(result, Exception)]
    with transaction.atomic():
        figures = BudgetAlert.objects.filter(scoped_budget=top).exclude(alert_type="forecast_overrun")
        assert sorted(figures.values_list("alert_type", "utilization", "resolved")) == [
            ("over_budget", Decimal("160.00"), False),
            ("threshold_warning", Decimal("160.00"), False),
        ]
        ids = [str(pk) for pk in figures.values_list("pk", flat=True)]
        opened = OutboxEvent.objects.filter(kind="alert.opened", subject_id__in=ids)
        assert opened.count() == 2


def test_the_jobs_do_every_accounts_work_and_twice_is_once(committed_db, account, other_account, eager_tasks):
    budgets = []
    for tenant in (account, other_account):
        with tenant_scope(tenant.pk), transaction.atomic():
            owner = make_member(tenant, Role.OWNER).user
            budget = soft(tenant, owner)
            spend(budget, owner, 1_200, now=timezone.now())
            hard = make_scoped_budget(tenant, owner)
            long_ago = timezone.now() - timezone.timedelta(hours=1)
            reserve(budget_id=hard.pk, amount=Decimal(10), ttl_seconds=60, acting_user=owner, now=long_ago)
            budgets.append((tenant, budget))
    for _ in range(2):
        tasks.follow_scoped_budgets_everywhere.delay()
        free_expired_reservations.delay()
    for tenant, budget in budgets:
        with tenant_scope(tenant.pk), transaction.atomic():
            assert "over_budget" in open_types(budget)
            assert Reservation.objects.values_list("status", "held_amount").get() == ("expired", 0)
            assert BudgetAlert.objects.filter(alert_type="over_budget").count() == 1


def test_looking_costs_the_same_however_many_budgets_there_are(account, owner):
    def statements():
        with CaptureQueriesContext(connection) as queries:
            assert follow_all_scoped_budgets(now=NOW).alerts == 0
        return len(queries)

    make_scoped_budget(account, owner)
    few = statements()
    for number in range(5):
        make_scoped_budget(account, owner, scope_id=str(number))
    assert statements() == few
