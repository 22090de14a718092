import json
from datetime import UTC, datetime
from decimal import Decimal
from queue import Empty
from uuid import uuid4

import pytest
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from alerts import tasks
from alerts.models import AlertRule, AlertType, BudgetAlert
from alerts.services.evaluation import reevaluate_budget
from alerts.services.problems import RuleExists
from alerts.services.rule_values import DEFAULT_RULE
from alerts.services.rules import create_alert_rule, delete_alert_rule, governing_rule, update_alert_rule
from alerts.tests.figures import alert_of, all_of, open_types, spend, spend_up_to
from budgets.models import BudgetStatus, EventBudget
from budgetsite.celery import app
from budgetsite.operations.piecework import SomeFailed
from budgetsite.tenancy.scope import NOBODY, scope, tenant_scope
from budgetsite.testing.budgets import make_budget, make_line
from budgetsite.testing.people import make_member

NOW = datetime(2026, 7, 1, 9, 30, tzinfo=UTC)

# What time changes is looked at elsewhere.
BY_FIGURES = ["threshold_warning", "threshold_exceeded", "over_budget", "variance_high", "line_item_overrun"]


@pytest.fixture
def budget(account, owner):
    return make_budget(account, owner, total="10000")


@pytest.fixture
def account_rule(account, owner):
    return create_alert_rule(budget=None, acting_user=owner)


# --- Which rule governs -----------------------------------------------------------------------------------------------


def test_a_new_account_has_the_designs_thresholds_and_no_row(account, budget):
    assert AlertRule.objects.count() == 0
    assert governing_rule(budget.pk) == governing_rule(None) == DEFAULT_RULE
    assert (
        DEFAULT_RULE.warning_threshold,
        DEFAULT_RULE.exceeded_thresholds,
        DEFAULT_RULE.high_variance_percentage,
        sorted(DEFAULT_RULE.alert_types),
    ) == (
        Decimal(80),
        (Decimal(50), Decimal(75), Decimal(90)),
        Decimal(20),
        [
            "forecast_overrun",
            "line_item_overrun",
            "over_budget",
            "payment_due",
            "payment_overdue",
            "threshold_exceeded",
            "threshold_warning",
            "variance_high",
        ],
    )


def test_what_a_new_rule_leaves_out_is_as_before(account, owner, budget):
    create_alert_rule(budget=None, acting_user=owner, warning_threshold=Decimal(70))
    rule = create_alert_rule(budget=budget, acting_user=owner, high_variance_percentage=Decimal(5))
    assert (rule.warning_threshold, rule.high_variance_percentage, rule.exceeded_thresholds, rule.alert_types) == (
        Decimal(70),
        Decimal(5),
        [Decimal(50), Decimal(75), Decimal(90)],
        [str(kind) for kind in AlertType],
    )


def test_a_budgets_rule_replaces_the_accounts(account, owner, account_rule):
    loose, strict = make_budget(account, owner), make_budget(account, owner)
    create_alert_rule(budget=strict, acting_user=owner, warning_threshold=Decimal("62.5"))
    for each in (loose, strict):
        spend(each, 6_250)
    assert "threshold_warning" not in open_types(loose)
    alert = alert_of(strict, "threshold_warning")
    assert (alert.threshold, alert.message) == (
        Decimal("62.50"),
        "Nearly used up (warning at 62.5%): 6,250.00 of 10,000.00 CAD spent or promised (62.50%), 3,750.00 left.",
    )


def test_a_budgets_rule_stands_when_the_accounts_changes(owner, budget, account_rule):
    create_alert_rule(budget=budget, acting_user=owner)
    update_alert_rule(rule=account_rule, acting_user=owner, warning_threshold=Decimal(10))
    spend(budget, 2_000)
    assert open_types(budget) == []


def test_a_strangers_rules_are_not_ours(budget, owner, other_account):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, "owner").user
        create_alert_rule(budget=None, acting_user=rival, warning_threshold=Decimal(1))
        assert AlertRule.objects.count() == 1
    spend(budget, 2_000)
    assert open_types(budget) == []
    assert (AlertRule.objects.count(), governing_rule(None)) == (0, DEFAULT_RULE)


# --- Changes are in force at once -------------------------------------------------------------------------------------


def test_a_changed_budgets_rule_opens_and_resolves_at_once(owner, budget):
    spend(budget, 6_000)
    rule = create_alert_rule(budget=budget, acting_user=owner, warning_threshold=Decimal(60))
    assert open_types(budget) == ["threshold_exceeded", "threshold_warning"]
    update_alert_rule(rule=rule, acting_user=owner, warning_threshold=Decimal(61))
    assert open_types(budget) == ["threshold_exceeded"]
    update_alert_rule(rule=rule, acting_user=owner, alert_types=["over_budget"])
    assert open_types(budget) == []
    delete_alert_rule(rule=rule, acting_user=owner, now=NOW)
    assert (open_types(budget), AlertRule.objects.count()) == (["threshold_exceeded"], 0)


@pytest.mark.parametrize("kind", BY_FIGURES)
def test_a_kind_that_is_switched_off_raises_nothing(owner, budget, kind):
    line = make_line(budget, owner)
    others = [other for other in BY_FIGURES if other != kind]
    create_alert_rule(budget=budget, acting_user=owner, alert_types=others)
    spend(budget, 13_000, line=line)
    assert open_types(budget) == sorted(others)


def test_no_milestones_raise_none(owner, budget):
    create_alert_rule(budget=budget, acting_user=owner, exceeded_thresholds=[])
    spend(budget, 9_500)
    assert open_types(budget) == ["threshold_warning"]


def test_a_milestone_beyond_the_budget_is_critical(owner, budget):
    create_alert_rule(budget=budget, acting_user=owner, exceeded_thresholds=[Decimal(120), Decimal(60)])
    spend_up_to(budget, 6_000)
    assert alert_of(budget, "threshold_exceeded").level == "information"
    spend_up_to(budget, 12_000)
    alert = alert_of(budget, "threshold_exceeded")
    assert (alert.threshold, alert.level) == (Decimal(120), "critical")


def test_a_lower_limit_makes_lines_critical(owner, budget):
    line = make_line(budget, owner, budgeted_amount=Decimal(100), actual_amount=Decimal(110))
    assert alert_of(budget, "line_item_overrun", line=line).level == "warning"
    create_alert_rule(budget=budget, acting_user=owner, high_variance_percentage=Decimal("9.99"))
    assert alert_of(budget, "line_item_overrun", line=line).level == "critical"


def test_reevaluating_changes_nothing_when_nothing_has_changed(owner, budget):
    line = make_line(budget, owner)
    spend(budget, 13_000, line=line)
    rows = list(BudgetAlert.objects.order_by("id").values())
    with CaptureQueriesContext(connection) as queries:
        reevaluate_budget(budget.pk)
    assert list(BudgetAlert.objects.order_by("id").values()) == rows
    assert len(queries) == 4  # savepoint, lock, look, release


def test_reevaluating_an_unknown_or_strange_budget_does_nothing(budget, owner, other_account):
    spend(budget, 13_000)
    BudgetAlert.objects.update(utilization=Decimal(1))
    reevaluate_budget(uuid4())
    with tenant_scope(other_account.pk):
        reevaluate_budget(budget.pk)
    assert set(BudgetAlert.objects.values_list("utilization", flat=True)) == {Decimal(1)}


def test_alerts_put_out_of_step_by_hand_are_mended(owner, budget):
    spend(budget, 13_000)
    BudgetAlert.objects.filter(alert_type="over_budget").update(utilization=Decimal(1), message="nonsense")
    BudgetAlert.objects.filter(alert_type="variance_high").update(resolved=True, resolved_at=NOW, state_holds=False)
    reevaluate_budget(budget.pk)
    assert alert_of(budget, "over_budget").utilization == Decimal("130.00")
    assert [alert.resolved for alert in all_of(budget, "variance_high")] == [True, False]


# --- The account's rule reaches every budget --------------------------------------------------------------------------


@pytest.fixture
def own_queue(monkeypatch):
    """A queue of the broker's for this test alone; afterwards it is gone."""
    name = f"test-{uuid4()}"
    monkeypatch.setattr(tasks.reevaluate_account, "queue", name, raising=False)
    # Where Celery remembers it.
    monkeypatch.setattr(tasks.reevaluate_account, "_exec_options", None)
    with app.connection_for_read() as broker:
        queue = broker.SimpleQueue(name)
        yield queue
        queue.queue.delete()
        queue.close()


def run_queued(queue):
    """Do what lies in the queue, and what that queues in turn, as a worker would; return the answers."""
    answers = []
    while True:
        try:
            message = queue.get(block=False)
        except Empty:
            return answers
        message.ack()
        _args, kwargs, _embedded = json.loads(message.body)
        with scope(NOBODY):
            answers.append(tasks.reevaluate_account.apply(kwargs=kwargs, throw=True).get())


def test_the_accounts_rule_reaches_its_budgets_in_batches(
    committed_db, account, owner, other_account, own_queue, monkeypatch
):
    monkeypatch.setattr(tasks, "BATCH_SIZE", 2)
    with transaction.atomic():
        budgets = [make_budget(account, owner) for _ in range(4)]
        for budget in budgets:
            spend(budget, 4_000)
        EventBudget.objects.filter(pk=budgets[0].pk).update(status=BudgetStatus.FINALIZED)
    with tenant_scope(other_account.pk), transaction.atomic():
        rival = make_member(other_account, "owner").user
        theirs = make_budget(other_account, rival)
        spend(theirs, 4_000)
    with transaction.atomic():
        create_alert_rule(budget=None, acting_user=owner, warning_threshold=Decimal(40))
        assert run_queued(own_queue) == []
    assert run_queued(own_queue) == [2, 1]
    with transaction.atomic():
        assert [open_types(budget) for budget in budgets] == [[], *[["threshold_warning"]] * 3]
    with tenant_scope(other_account.pk), transaction.atomic():
        assert open_types(theirs) == []


def test_a_budget_that_cannot_be_evaluated_keeps_the_rule_from_no_other(
    committed_db, account, owner, own_queue, monkeypatch
):
    monkeypatch.setattr(tasks, "BATCH_SIZE", 2)
    with transaction.atomic():
        broken, *others = sorted((make_budget(account, owner) for _ in range(3)), key=lambda budget: budget.pk)
        for budget in (broken, *others):
            spend(budget, 4_000)

    def fails_for_one(budget_id):
        reevaluate_budget(budget_id)
        if budget_id == broken.pk:
            raise RuntimeError("out of paper")

    monkeypatch.setattr(tasks, "reevaluate_budget", fails_for_one)
    with transaction.atomic():
        create_alert_rule(budget=None, acting_user=owner, warning_threshold=Decimal(40))
    with pytest.raises(SomeFailed):
        run_queued(own_queue)
    assert run_queued(own_queue) == [1]
    with transaction.atomic():
        assert [open_types(budget) for budget in (broken, *others)] == [[], *[["threshold_warning"]] * 2]


def test_a_rule_that_is_rolled_back_queues_nothing(committed_db, account, owner, own_queue):
    with transaction.atomic():
        create_alert_rule(budget=None, acting_user=owner)
        transaction.set_rollback(True)
    assert run_queued(own_queue) == []


def test_a_rule_is_changed_although_the_queue_is_away(committed_db, account, owner, monkeypatch, caplog):
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setattr(app.amqp, "_producer_pool", None)
    with transaction.atomic():
        create_alert_rule(budget=None, acting_user=owner, warning_threshold=Decimal(40))
    with transaction.atomic():
        assert AlertRule.objects.get().warning_threshold == Decimal(40)
    (failure,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert failure.name == "django.db.backends.base"
    assert "reevaluate_account_soon" in failure.getMessage()


# --- Refusals ---------------------------------------------------------------------------------------------------------


def test_a_second_rule_for_the_same_is_refused(owner, budget, account_rule):
    with pytest.raises(RuleExists) as refusal:
        create_alert_rule(budget=None, acting_user=owner, warning_threshold=Decimal(1))
    assert refusal.value.rule_id == account_rule.pk
    of_budget = create_alert_rule(budget=budget, acting_user=owner)
    with pytest.raises(RuleExists, match=r"This budget has an alert rule already. Change that one.") as refusal:
        create_alert_rule(budget=budget, acting_user=owner)
    assert (refusal.value.rule_id, AlertRule.objects.count()) == (of_budget.pk, 2)


def test_a_deleted_rule_makes_room_for_another(owner, account_rule):
    delete_alert_rule(rule=account_rule, acting_user=owner, now=NOW)
    assert create_alert_rule(budget=None, acting_user=owner).pk != account_rule.pk


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("warning_threshold", Decimal(0), "out_of_range"),
        ("warning_threshold", Decimal("1000.01"), "out_of_range"),
        ("warning_threshold", Decimal("NaN"), "out_of_range"),
        ("high_variance_percentage", Decimal(-1), "out_of_range"),
        ("high_variance_percentage", Decimal("0.001"), "too_many_decimals"),
        ("exceeded_thresholds", [Decimal(50), Decimal(0)], "out_of_range"),
        ("exceeded_thresholds", [Decimal(number) for number in range(1, 12)], "too_many"),
        ("alert_types", ["over_budget", "rainfall"], "invalid_choice"),
    ],
)
def test_values_that_make_no_rule_are_refused(owner, account_rule, field, value, code):
    with pytest.raises(ValidationError) as refusal:
        update_alert_rule(rule=account_rule, acting_user=owner, **{field: value})
    assert [problem.code for problem in refusal.value.error_dict[field]] == [code]
    assert governing_rule(None) == DEFAULT_RULE


def test_milestones_are_sorted_and_counted_once(owner, account_rule):
    rule = update_alert_rule(
        rule=account_rule,
        acting_user=owner,
        exceeded_thresholds=[Decimal(90), Decimal(30), Decimal("30.0")],
        alert_types=["variance_high", "over_budget", "over_budget"],
    )
    assert (rule.exceeded_thresholds, rule.alert_types) == (
        [Decimal(30), Decimal(90)],
        ["over_budget", "variance_high"],
    )


def test_who_changed_a_rule_is_kept(account, owner, account_rule):
    with tenant_scope(account.pk, user_id=owner.pk):
        update_alert_rule(rule=account_rule, acting_user=owner, warning_threshold=Decimal(70))
    newest = account_rule.history.order_by("-history_id").first()
    assert (newest.history_user_id, newest.warning_threshold) == (owner.pk, Decimal(70))
