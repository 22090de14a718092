from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from threading import Barrier, Event
from time import monotonic
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction

from alerts.models import AlertLevel, BudgetAlert
from alerts.querysets import AlertCount
from alerts.services import following
from alerts.services.evaluation import reevaluate_budget
from alerts.services.problems import AlertNotFound, AlreadyAcknowledged, AlreadyResolved
from alerts.services.reactions import acknowledge_alert, acknowledge_alerts, resolve_alert, resolve_alerts
from alerts.tests.figures import alert_of, spend, spend_up_to, stored_figures
from budgets.models import EventBudget
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.people import make_member

NOW = datetime(2026, 7, 1, 9, 30, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def alert(account, owner):
    budget = make_budget(account, owner)
    spend(budget, 12_000)
    return alert_of(budget, "over_budget")


def test_acknowledging_keeps_who_when_and_why(alert, staff):
    answer = acknowledge_alert(alert_id=alert.pk, acting_user=staff, now=NOW, comment=" The band was dearer. ")
    alert.refresh_from_db()
    assert (
        alert.is_acknowledged,
        alert.acknowledged_by_id,
        alert.acknowledged_at,
        alert.acknowledged_comment,
        alert.resolved,
    ) == (True, staff.pk, NOW, "The band was dearer.", False)
    assert (answer.pk, answer.is_acknowledged) == (alert.pk, True)


def test_resolving_keeps_who_when_and_why(alert, staff):
    answer = resolve_alert(alert_id=alert.pk, acting_user=staff, now=NOW, comment="Agreed with the client")
    alert.refresh_from_db()
    assert (alert.resolved, alert.resolved_by_id, alert.resolved_at, alert.resolved_comment) == (
        True,
        staff.pk,
        NOW,
        "Agreed with the client",
    )
    assert (answer.resolved, alert.is_acknowledged) == (True, False)


def test_acknowledging_twice_is_refused_and_changes_nothing(alert, staff, manager):
    acknowledge_alert(alert_id=alert.pk, acting_user=staff, now=NOW, comment="First")
    before = stored_figures(alert)
    with pytest.raises(AlreadyAcknowledged) as refusal:
        acknowledge_alert(alert_id=alert.pk, acting_user=manager, now=LATER, comment="Second")
    assert (refusal.value.by, refusal.value.at) == (staff, NOW)
    assert str(refusal.value) == (
        "The staff acknowledged this alert already on 01 July 2026 at 09:30 UTC. Nothing more has to be done."
    )
    assert stored_figures(alert) == before


def test_resolving_twice_is_refused_and_changes_nothing(alert, staff, manager):
    resolve_alert(alert_id=alert.pk, acting_user=staff, now=NOW)
    before = stored_figures(alert)
    with pytest.raises(AlreadyResolved) as refusal:
        resolve_alert(alert_id=alert.pk, acting_user=manager, now=LATER)
    assert (refusal.value.by, refusal.value.at) == (staff, NOW)
    assert stored_figures(alert) == before


def test_what_resolved_itself_cannot_be_resolved_again(alert, staff):
    spend_up_to(alert.budget, 0)
    with pytest.raises(AlreadyResolved, match="This alert resolved itself on "):
        resolve_alert(alert_id=alert.pk, acting_user=staff, now=NOW)


def test_a_resolved_alert_can_still_be_acknowledged(alert, staff):
    resolve_alert(alert_id=alert.pk, acting_user=staff, now=NOW)
    assert acknowledge_alert(alert_id=alert.pk, acting_user=staff, now=LATER).is_acknowledged is True


def test_an_unknown_alert_is_not_found(account, staff):
    for service in (acknowledge_alert, resolve_alert):
        with pytest.raises(AlertNotFound):
            service(alert_id=uuid4(), acting_user=staff, now=NOW)


def test_a_strangers_alert_is_not_found_and_stays_as_it_is(alert, other_account):
    before = stored_figures(alert)
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        with pytest.raises(AlertNotFound):
            acknowledge_alert(alert_id=alert.pk, acting_user=rival, now=NOW)
        assert resolve_alerts(alert_ids=[alert.pk], acting_user=rival, now=NOW).done == []
    assert stored_figures(alert) == before


def test_several_are_acknowledged_at_once_save_those_that_are(alert, staff, manager, django_assert_num_queries):
    first, *others = list(BudgetAlert.objects.filter(budget=alert.budget).order_by("id"))
    acknowledge_alert(alert_id=first.pk, acting_user=staff, now=NOW)
    with django_assert_num_queries(4):  # savepoint, update, the others, release
        answer = acknowledge_alerts(
            alert_ids=[first.pk, *[other.pk for other in others], uuid4()], acting_user=manager, now=LATER
        )
    assert (answer.done, answer.already) == ([other.pk for other in others], [first.pk])
    assert set(BudgetAlert.objects.values_list("acknowledged_by_id", "acknowledged_at")) == {
        (staff.pk, NOW),
        (manager.pk, LATER),
    }


def test_several_are_resolved_at_once(alert, staff):
    ids = sorted(BudgetAlert.objects.filter(budget=alert.budget).values_list("pk", flat=True))
    answer = resolve_alerts(alert_ids=ids, acting_user=staff, now=NOW)
    assert (answer.done, answer.already) == (ids, [])
    assert BudgetAlert.objects.open().count() == 0


# --- Reading ----------------------------------------------------------------------------------------------------------


def test_counts_are_by_level_and_leave_out_the_resolved(alert, staff, django_assert_num_queries):
    acknowledge_alert(alert_id=alert.pk, acting_user=staff, now=NOW)
    spend_up_to(alert.budget, 13_000)
    resolve_alert(alert_id=alert_of(alert.budget, "threshold_warning").pk, acting_user=staff, now=NOW)
    with django_assert_num_queries(1):
        counts = BudgetAlert.objects.visible_to(user_id=staff.pk, role=Role.STAFF).open().count_by_level()
    assert counts == {
        AlertLevel.CRITICAL: AlertCount(alerts=2, unacknowledged=1),
        AlertLevel.WARNING: AlertCount(alerts=1, unacknowledged=1),
    }


@pytest.mark.parametrize("role", [Role.ORGANIZER, Role.CLIENT])
def test_others_than_the_back_office_see_their_own_events_alerts_alone(account, owner, alert, role):
    person = make_member(account, role).user
    field = "organizer" if role == Role.ORGANIZER else "client"
    own = make_budget(account, owner, event=make_event(account, owner, **{field: person}))
    spend(own, 5_000)
    visible = BudgetAlert.objects.visible_to(user_id=person.pk, role=role)
    assert [found.budget_id for found in visible] == [own.pk]
    assert BudgetAlert.objects.visible_to(user_id=owner.pk, role=Role.OWNER).count() == 4


def test_an_attendee_sees_no_alert(account, alert):
    person = make_member(account, Role.ATTENDEE).user
    assert list(BudgetAlert.objects.visible_to(user_id=person.pk, role=Role.ATTENDEE)) == []


def test_a_budgets_alerts_come_newest_first(alert, owner):
    spend_up_to(alert.budget, 0)
    spend_up_to(alert.budget, 5_000)
    found = list(BudgetAlert.objects.for_event(alert.budget.event_id).newest_first())
    assert (found[0].alert_type, found[0].resolved) == ("threshold_exceeded", False)
    assert [one.created_at for one in found] == sorted((one.created_at for one in found), reverse=True)
    assert len(found) == 4


# --- Two at once ------------------------------------------------------------------------------------------------------


@pytest.fixture
def committed_alert(committed_db, account, owner, manager):
    with transaction.atomic():
        budget = make_budget(account, owner)
        spend(budget, 12_000)
        return alert_of(budget, "over_budget")


@pytest.mark.parametrize(
    ("react", "refusal", "who"),
    [
        (acknowledge_alert, AlreadyAcknowledged, "acknowledged_by_id"),
        (resolve_alert, AlreadyResolved, "resolved_by_id"),
    ],
)
def test_of_two_people_at_once_one_wins(committed_alert, account, owner, manager, react, refusal, who):
    both_have_looked = Barrier(2, timeout=20)

    def as_person(user):
        def run():
            assert BudgetAlert.objects.open().unacknowledged().filter(pk=committed_alert.pk).exists()
            both_have_looked.wait()
            react(alert_id=committed_alert.pk, acting_user=user, now=NOW)
            return user.pk

        return run

    results = run_at_once([as_person(owner), as_person(manager)], tenant_id=account.pk)
    refused = [result for result in results if isinstance(result, refusal)]
    winners = [result for result in results if not isinstance(result, Exception)]
    assert (len(refused), len(winners)) == (1, 1)
    with transaction.atomic():
        assert getattr(BudgetAlert.objects.get(pk=committed_alert.pk), who) == winners[0]


def test_without_the_condition_in_the_update_both_would_win(committed_alert, account, owner, manager):
    """The negative control: looking first and changing afterwards lets the second overwrite the first."""
    both_have_looked = Barrier(2, timeout=20)

    def as_person(user):
        def run():
            alert = BudgetAlert.objects.get(pk=committed_alert.pk)
            both_have_looked.wait()
            if alert.is_acknowledged:
                raise AlreadyAcknowledged(alert_id=alert.pk, by=None, at=None)
            return BudgetAlert.objects.filter(pk=alert.pk).update(
                is_acknowledged=True, acknowledged_by=user, acknowledged_at=NOW
            )

        return run

    assert run_at_once([as_person(owner), as_person(manager)], tenant_id=account.pk) == [1, 1]


def test_resolving_waits_for_an_evaluation_that_has_looked_at_the_alert(committed_alert, account, owner):
    """Otherwise the evaluation would raise one that is resolved by then, and open none."""
    looked = Event()

    def evaluate():
        # Nothing has changed, so that the look alone has locked the alert.
        reevaluate_budget(committed_alert.budget_id)
        looked.set()
        return wait_until_somebody_waits_for_this_connection()

    def resolve():
        assert looked.wait(timeout=20)
        return resolve_alert(alert_id=committed_alert.pk, acting_user=owner, now=NOW).resolved

    assert run_at_once([evaluate, resolve], tenant_id=account.pk) == [True, True]


def test_several_are_acknowledged_while_their_budgets_are_evaluated_one_after_the_other(
    committed_db, account, owner, monkeypatch
):
    """By the ids of the alerts alone, each of the two would hold what the other waits for."""
    falling = (UUID(int=2**127 - number) for number in count())
    monkeypatch.setattr(following, "uuid4", lambda: next(falling))
    with transaction.atomic():
        events = [make_event(account, owner, name=name) for name in ("Gala", "Ball")]
        first, second = sorted([make_budget(account, owner, event=event).pk for event in events])
        for budget in EventBudget.objects.order_by("pk"):
            spend(budget, 12_000)
        ids = list(BudgetAlert.objects.values_list("pk", flat=True))
    looked = Event()

    def evaluate():
        reevaluate_budget(first)
        looked.set()
        somebody_waits = wait_until_somebody_waits_for_this_connection()
        reevaluate_budget(second)
        return somebody_waits

    def acknowledge():
        assert looked.wait(timeout=20)
        return len(acknowledge_alerts(alert_ids=ids, acting_user=owner, now=NOW).done)

    assert run_at_once([evaluate, acknowledge], tenant_id=account.pk) == [True, len(ids)]


def wait_until_somebody_waits_for_this_connection():
    deadline = monotonic() + 5
    with connection.cursor() as cursor:
        while monotonic() < deadline:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))")
            if cursor.fetchone()[0]:
                return True
    return False


def test_many_postings_at_once_leave_one_open_alert_of_each_kind(committed_db, account, owner):
    with transaction.atomic():
        budget = make_budget(account, owner, total="1000")
    assert run_at_once([lambda: spend(budget, 125)] * 16, tenant_id=account.pk) == [None] * 16
    with transaction.atomic():
        assert EventBudget.objects.get(pk=budget.pk).total_actual_amount == Decimal(2000)
        assert sorted(BudgetAlert.objects.values_list("alert_type", "utilization", "resolved")) == [
            ("over_budget", Decimal("200.00"), False),
            ("threshold_exceeded", Decimal("200.00"), False),
            ("threshold_warning", Decimal("200.00"), False),
            ("variance_high", Decimal("200.00"), False),
        ]
