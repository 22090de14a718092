"""Alerts of scoped budgets follow their figures: within the posting, window by window, budget by budget of a chain."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from alerts.models import BudgetAlert
from alerts.services import scoped_evaluation
from alerts.services.problems import AlreadyAcknowledged
from alerts.services.reactions import acknowledge_alert, resolve_alert
from alerts.services.rules import create_alert_rule
from alerts.services.scoped_evaluation import follow_all_scoped_budgets
from budgets.services.reservation import expire_reservations, release_reservation, reserve, settle_reservation
from budgets.services.scoped_budget import delete_scoped_budget, restore_scoped_budget, update_scoped_budget
from budgets.services.usage import reverse_usage
from budgetsite.accounts.roles import Role
from budgetsite.operations.piecework import SomeFailed
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import deleted_rows_visible, tenant_scope
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.people import make_member
from budgetsite.testing.scoped_budgets import NOW, make_scoped_budget, make_tree, spend

OWN = [
    {"threshold": "50", "actions": ["notify"]},
    {"threshold": "90", "actions": ["block-all"], "message": "Ask Maria first."},
]


def alerts_of(budget, alert_type=None):
    """(kind, threshold, level, utilization, still open) of a budget's alerts, oldest first."""
    found = BudgetAlert.objects.filter(scoped_budget=budget).order_by("created_at", "alert_type", "id")
    if alert_type is not None:
        found = found.filter(alert_type=alert_type)
    return [
        (alert.alert_type, f"{alert.threshold.normalize():f}", alert.level, str(alert.utilization), not alert.resolved)
        for alert in found
    ]


def open_of(budget):
    return [found[:2] for found in alerts_of(budget) if found[-1]]


def alert_statements(queries):
    return [query["sql"] for query in queries if "alerts_" in query["sql"]]


def test_none_at_100_one_at_120_raised_resolved_and_a_new_one_at_140(account, owner):
    budget = make_scoped_budget(account, owner, amount=Decimal(10_000))

    def over():
        return alerts_of(budget, "over_budget")

    spend(budget, owner, 10_000)
    assert over() == []
    entry = spend(budget, owner, 2_000).entry
    assert over() == [("over_budget", "100", "critical", "120.00", True)]
    acknowledge_alert(alert_id=BudgetAlert.objects.get(alert_type="over_budget").pk, acting_user=owner, now=NOW)
    more = spend(budget, owner, 1_000).entry
    assert over() == [("over_budget", "100", "critical", "130.00", True)]
    raised = BudgetAlert.objects.get(alert_type="over_budget")
    # More of the same is news, and asks for no second answer.
    assert (raised.times_raised, raised.is_acknowledged, raised.overrun_amount) == (1, True, 3000)
    assert raised.message == "3,000.00 USD over budget: 13,000.00 spent of 10,000.00 (130.00%)."

    for taken_back in (more, entry):
        reverse_usage(budget_id=budget.pk, entry_id=taken_back.pk, acting_user=owner, now=NOW)
    # As it last was.
    assert over() == [("over_budget", "100", "critical", "120.00", False)]
    spend(budget, owner, 4_000)
    assert [found[3:] for found in over()] == [("120.00", False), ("140.00", True)]
    told = OutboxEvent.objects.filter(subject_type="alert", payload__alert_type="over_budget").order_by("position")
    happened = ["opened", "acknowledged", "raised", "resolved", "opened"]
    assert [event.kind for event in told] == [f"alert.{what}" for what in happened]
    first = told[0]
    assert first.subject_id == raised.pk
    assert first.payload == {
        "budget_id": None,
        "scoped_budget_id": str(budget.pk),
        "line_item_id": None,
        "alert_type": "over_budget",
        "level": "critical",
        "threshold": "100.00",
        "utilization": "120.00",
    }


def test_without_thresholds_of_its_own_the_levels_of_the_status_hold(account, owner):
    budget = make_scoped_budget(account, owner)
    seen = []
    for amount in ("799.99", "0.01", "150", "50"):
        spend(budget, owner, amount)
        seen.append([found[1:4] for found in alerts_of(budget)])
    assert seen == [
        [],
        [("80", "warning", "80.00")],
        [("95", "critical", "95.00")],
        [("100", "critical", "100.00")],
    ]
    alert = BudgetAlert.objects.get()
    assert (alert.alert_type, alert.times_raised) == ("threshold_warning", 2)
    assert alert.message == "100.00% of the budget is used, at the 100% mark: nothing left."
    assert (alert.window_start, alert.window_end) == (
        datetime(2026, 6, 1, tzinfo=UTC),
        datetime(2026, 7, 1, tzinfo=UTC),
    )


def test_its_own_thresholds_speak_their_own_words_and_a_higher_one_asks_again(account, owner):
    budget = make_scoped_budget(account, owner, thresholds=OWN)
    spend(budget, owner, 500)
    assert alerts_of(budget) == [("threshold_exceeded", "50", "information", "50.00", True)]
    alert = BudgetAlert.objects.get()
    acknowledge_alert(alert_id=alert.pk, acting_user=owner, now=NOW)
    with pytest.raises(AlreadyAcknowledged):
        acknowledge_alert(alert_id=alert.pk, acting_user=owner, now=NOW)

    spend(budget, owner, 400)
    alert.refresh_from_db()
    assert (alert.level, alert.is_acknowledged, alert.times_raised) == ("critical", False, 1)
    assert alert.message == (
        "The 90% threshold is reached: 900.00 of 1,000.00 USD spent, promised or reserved (90.00%), 100.00 left. "
        "Everything is blocked from here on. Ask Maria first."
    )


def test_each_budget_of_a_chain_has_its_own_alert(account, owner):
    top, team, user, project = make_tree(account, owner)
    for budget, amount in ((top, 4000), (team, 1000), (user, 900)):
        update_scoped_budget(budget_id=budget.pk, acting_user=owner, amount=Decimal(amount), now=NOW)
    spend(project, owner, 900)

    assert [open_of(budget) for budget in (top, team, user, project)] == [
        [],
        [("threshold_warning", "80")],
        [("threshold_warning", "100")],
        [("threshold_warning", "80")],
    ]


def test_a_posting_that_crosses_nothing_asks_nothing_and_one_that_does_asks_twice(account, owner):
    top, *_rest, leaf = make_tree(account, owner)

    def statements(amount):
        with CaptureQueriesContext(connection) as queries:
            spend(leaf, owner, amount)
        return len(alert_statements(queries))

    # 10 %, 60 %, 85 % of all four, 90 %, 96 %.
    assert [statements(amount) for amount in (100, 500, 250, 50, 60)] == [0, 0, 2, 0, 2]
    assert [open_of(budget) for budget in (top, leaf)] == [[("threshold_warning", "95")]] * 2


def test_reservations_raise_alerts_and_take_them_away_however_they_end(account, owner):
    budget = make_scoped_budget(account, owner)

    def hold(amount):
        return reserve(budget_id=budget.pk, amount=Decimal(amount), ttl_seconds=60, acting_user=owner, now=NOW)

    held = hold(850)
    assert open_of(budget) == [("threshold_warning", "80")]
    release_reservation(budget_id=budget.pk, reservation_id=held.pk, now=NOW)
    assert open_of(budget) == []

    held = hold(850)
    settle_reservation(budget_id=budget.pk, reservation_id=held.pk, amount=Decimal(100), acting_user=owner, now=NOW)
    assert open_of(budget) == []

    # Neither of the two alone is what the alert is about.
    hold(300)
    hold(400)
    assert open_of(budget) == [("threshold_warning", "80")]
    expire_reservations(now=NOW + timedelta(minutes=1))
    assert open_of(budget) == []
    assert len(alerts_of(budget)) == 3


def test_what_a_person_resolved_comes_back_only_when_it_is_worse(account, owner):
    budget = make_scoped_budget(account, owner)
    spend(budget, owner, 850)
    resolve_alert(alert_id=BudgetAlert.objects.get().pk, acting_user=owner, now=NOW)
    spend(budget, owner, 50)
    follow_all_scoped_budgets(now=NOW)
    assert open_of(budget) == [("forecast_overrun", "120")]
    spend(budget, owner, 60)
    assert ("threshold_warning", "95") in open_of(budget)


def test_one_that_cannot_be_evaluated_keeps_no_other_from_it(account, owner, monkeypatch):
    broken, other = sorted(
        (make_scoped_budget(account, owner, scope_id=name) for name in ("one", "two")), key=lambda budget: budget.pk
    )
    for budget in (broken, other):
        spend(budget, owner, 850)
    evaluate = scoped_evaluation.evaluate_scoped_budget

    def fails_for_one(budget_id, *, now):
        if budget_id == broken.pk:
            raise RuntimeError("out of paper")
        return evaluate(budget_id, now=now)

    monkeypatch.setattr(scoped_evaluation, "evaluate_scoped_budget", fails_for_one)
    monkeypatch.setattr(scoped_evaluation, "BATCH_SIZE", 1)
    with pytest.raises(SomeFailed) as told:
        follow_all_scoped_budgets(now=NOW)
    assert told.value.first_by_account == {account.pk: "RuntimeError"}
    forecasts = [[kind for kind, _ in open_of(budget)].count("forecast_overrun") for budget in (broken, other)]
    assert forecasts == [0, 1]


def test_a_budget_that_only_counts_alerts_nobody(account, owner):
    budget = make_scoped_budget(account, owner, thresholds=OWN)
    spend(budget, owner, 1500)
    assert len(open_of(budget)) == 2
    update_scoped_budget(budget_id=budget.pk, acting_user=owner, enforcement="ignore", now=NOW)
    assert open_of(budget) == []
    follow_all_scoped_budgets(now=NOW)
    assert open_of(budget) == []


def test_a_change_of_the_budget_is_evaluated_with_it(account, owner):
    budget = make_scoped_budget(account, owner)
    spend(budget, owner, 700)

    def change(**fields):
        update_scoped_budget(budget_id=budget.pk, acting_user=owner, now=NOW, **fields)
        return open_of(budget)

    assert change(description="Nothing of it changes how it stands") == []
    over = [("forecast_overrun", "120"), ("over_budget", "100"), ("threshold_warning", "100")]
    assert sorted(change(amount=Decimal(500))) == over
    assert change(amount=Decimal(2100)) == []
    assert change(thresholds=[{"threshold": "30"}]) == [("threshold_exceeded", "30")]
    # Of a quarter as of a month a third is used, and the window is another one.
    assert open_of(budget) == [("threshold_exceeded", "30")]
    assert ("threshold_exceeded", "30") in change(period="quarterly", amount=Decimal(2300))
    assert set(BudgetAlert.objects.open().values_list("window_end", flat=True)) == {datetime(2026, 9, 1, tzinfo=UTC)}


def test_at_the_years_end_alerts_resolve_by_themselves_and_the_next_crossing_opens_new_ones(account, owner):
    budget = make_scoped_budget(
        account, owner, period="annual", start_date=date(2026, 1, 1), timezone="America/Toronto"
    )
    # 31 December, 23:59:59 in Toronto: the last second of the year there.
    last = datetime(2027, 1, 1, 4, 59, 59, tzinfo=UTC)
    spend(budget, owner, 1_100, now=last)
    follow_all_scoped_budgets(now=last)
    assert sorted(open_of(budget)) == [
        ("forecast_overrun", "100"),
        ("over_budget", "100"),
        ("threshold_warning", "100"),
    ]

    first = last + timedelta(seconds=1)
    # What belongs to the year before alerts nobody any more.
    spend(budget, owner, 500, now=first, timestamp=last)
    spend(budget, owner, 850, now=first)
    assert open_of(budget) == [("threshold_warning", "80")]
    assert follow_all_scoped_budgets(now=first).alerts == 0
    assert [found[-1] for found in alerts_of(budget, "threshold_warning")] == [False, True]
    windows = BudgetAlert.objects.open().values_list("window_start", flat=True)
    assert set(windows) == {datetime(2027, 1, 1, 5, tzinfo=UTC)}


def test_the_job_resolves_what_is_over_although_nobody_spends(account, owner):
    budget = make_scoped_budget(account, owner)
    spend(budget, owner, 1_100)
    july = datetime(2026, 7, 1, tzinfo=UTC)
    assert follow_all_scoped_budgets(now=july).alerts == 2
    assert open_of(budget) == []
    assert set(BudgetAlert.objects.values_list("resolved_by", flat=True)) == {None}
    assert follow_all_scoped_budgets(now=july).alerts == 0


def test_forecasts_come_and_go_with_time_alone(account, owner):
    budget = make_scoped_budget(account, owner)
    spend(budget, owner, 150, now=datetime(2026, 6, 1, 12, tzinfo=UTC))

    def after(day, hour=12):
        follow_all_scoped_budgets(now=datetime(2026, 6, day, hour, tzinfo=UTC))
        return [(found[1], found[2]) for found in alerts_of(budget, "forecast_overrun") if found[-1]]

    # Two days are not enough; then 150 in 3 days come to 1,500; in 4 to 1,125; in 5 to 900.
    assert [after(3), after(4), after(5), after(6)] == [[], [("120", "critical")], [("100", "warning")], []]
    alert = BudgetAlert.objects.get()
    assert (alert.resolved, alert.times_raised, alert.overrun_amount) == (True, 0, 125)
    assert alert.message == (
        "If it goes on like this, the period ends at 1,125.00 of 1,000.00 USD (112.50%): "
        "37.50 were spent a day so far. The money is used up on 27 June 2026."
    )


def test_kinds_that_the_account_switched_off_are_not_opened(account, owner):
    create_alert_rule(budget=None, acting_user=owner, alert_types=["over_budget"])
    budget = make_scoped_budget(account, owner)
    spend(budget, owner, 1_100)
    follow_all_scoped_budgets(now=NOW)
    assert open_of(budget) == [("over_budget", "100")]


def test_a_deleted_budget_takes_its_alerts_along_and_brings_them_back(account, owner):
    budget = make_scoped_budget(account, owner)
    spend(budget, owner, 850)
    delete_scoped_budget(budget_id=budget.pk, acting_user=owner, now=NOW)
    assert not BudgetAlert.objects.exists()
    with deleted_rows_visible():
        restore_scoped_budget(budget=budget, acting_user=owner)
    assert open_of(budget) == [("threshold_warning", "80")]


def test_usage_beyond_all_bounds_and_below_a_cent_is_kept_and_told(account, owner):
    small = make_scoped_budget(account, owner, amount=Decimal("0.01"))
    spend(small, owner, "999999999999")
    assert {alert.utilization for alert in BudgetAlert.objects.all()} == {Decimal("9999999999.99")}
    exact = make_scoped_budget(account, owner, scope_id="other")
    spend(exact, owner, "1000.000001")
    over = BudgetAlert.objects.get(scoped_budget=exact, alert_type="over_budget")
    assert over.overrun_amount == Decimal("0.000001")
    assert over.message.startswith("0.000001 USD over budget: 1,000.00 spent of 1,000.00 (100.00%)")
    spend(exact, owner, "24.230507")
    over.refresh_from_db()
    assert over.message.startswith("24.23 USD over budget: 1,024.23 spent of 1,000.00 (102.42%)")


def test_another_accounts_budgets_and_rules_have_no_part_in_it(account, owner, other_account):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        create_alert_rule(budget=None, acting_user=rival, alert_types=[])
        theirs = make_scoped_budget(other_account, rival)
        spend(theirs, rival, 1_100)
        assert follow_all_scoped_budgets(now=NOW).budgets == 1
        assert not BudgetAlert.objects.exists()
    ours = make_scoped_budget(account, owner)
    spend(ours, owner, 850)
    assert open_of(ours) == [("threshold_warning", "80")]
    with tenant_scope(other_account.pk):
        follow_all_scoped_budgets(now=NOW)
        assert not BudgetAlert.objects.exists()


def test_a_crowd_that_crosses_together_opens_one_alert_of_each_kind(committed_db, account):
    with transaction.atomic():
        owner = make_member(account, Role.OWNER).user
        budget = make_scoped_budget(account, owner)
    work = [lambda: spend(budget, owner, 50)] * 40
    assert not [
        found for found in run_at_once(work, tenant_id=account.pk, user_id=owner.pk) if isinstance(found, Exception)
    ]
    with transaction.atomic():
        assert sorted(alerts_of(budget)) == [
            ("over_budget", "100", "critical", "200.00", True),
            ("threshold_warning", "100", "critical", "200.00", True),
        ]
        events = OutboxEvent.objects.filter(subject_type="alert", kind="alert.opened")
        assert events.count() == 2
