"""Critical alerts that nobody acknowledges go up, once per stage and person."""

from datetime import timedelta

import pytest

from alerts.models import BudgetAlert
from alerts.services.escalation_policy import change_escalation_policy
from alerts.services.reactions import acknowledge_alert, resolve_alert
from alerts.services.routing import alert_escalation
from alerts.services.routing.alert_escalation import escalate_alerts
from alerts.tests.figures import alert_of, spend_up_to
from budgets.models import EventBudget
from budgetsite.accounts.roles import Role
from budgetsite.notifications.models import Notification
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget
from budgetsite.testing.people import make_member


@pytest.fixture
def alert(account, organizer):
    budget = make_budget(account, organizer, total="1000")
    spend_up_to(budget, 1_100)
    return alert_of(budget, "over_budget")


def after(alert, **time):
    return escalate_alerts(now=alert.waits_since + timedelta(**time))


def told():
    return {(n.person, n.level, n.title) for n in Notification.objects.all()}


def test_it_goes_to_managers_and_then_to_owners_each_once(alert, organizer, staff, manager, owner):
    assert [after(alert, minutes=minutes) for minutes in (239, 240, 241, 1439, 1440, 99999)] == [0, 1, 0, 0, 2, 0]
    title = "Not acknowledged: Summer gala: over budget"
    assert told() == {(manager, "critical", title), (owner, "critical", title)}
    texts = Notification.objects.filter(person=manager).values_list("text", flat=True)
    assert set(texts) == {f"{alert.message}\nNobody has acknowledged this for {hours} hours." for hours in (4, 24)}


def test_of_stages_that_passed_while_nobody_looked_the_last_is_told_alone(alert, manager, owner):
    assert (after(alert, hours=30), after(alert, hours=31)) == (2, 0)


@pytest.mark.parametrize("reaction", [acknowledge_alert, resolve_alert])
def test_what_somebody_has_answered_goes_no_further(alert, manager, owner, reaction):
    reaction(alert_id=alert.pk, acting_user=manager, now=alert.waits_since)
    assert (after(alert, hours=48), told()) == (0, set())


def test_neither_warnings_nor_alerts_of_closed_budgets_go_up(alert, manager, owner):
    EventBudget.objects.update(status="finalized")
    assert (BudgetAlert.objects.filter(level="warning").exists(), after(alert, hours=48)) == (True, 0)


def test_what_has_got_worse_since_it_was_acknowledged_begins_anew(alert, manager, owner):
    after(alert, hours=4)
    acknowledge_alert(alert_id=alert.pk, acting_user=manager, now=alert.waits_since)
    later = alert.waits_since + timedelta(days=3)
    BudgetAlert.objects.filter(pk=alert.pk).update(is_acknowledged=False, waits_since=later)
    alert.refresh_from_db()
    assert [after(alert, hours=hours) for hours in (3, 4, 5)] == [0, 1, 0]
    assert Notification.objects.filter(person=manager).count() == 2


def test_an_alert_waits_since_it_was_opened_or_last_asked_for_an_acknowledgement(alert, manager):
    budget, long_ago = alert.budget, alert.waits_since - timedelta(days=9)
    BudgetAlert.objects.update(waits_since=long_ago)
    # More of the same asks for nothing, and so does a further milestone that nobody has seen.
    spend_up_to(budget, 1_150)
    assert set(BudgetAlert.objects.filter(resolved=False).values_list("waits_since", flat=True)) == {long_ago}
    milestone = alert_of(budget, "threshold_exceeded")
    acknowledge_alert(alert_id=milestone.pk, acting_user=manager, now=long_ago)
    BudgetAlert.objects.filter(pk=milestone.pk).update(threshold=60)
    spend_up_to(budget, 1_160)
    milestone.refresh_from_db()
    assert (milestone.is_acknowledged, milestone.waits_since > long_ago) == (False, True)


def test_an_account_that_wants_none_gets_none(alert, manager, owner):
    change_escalation_policy(acting_user=owner, alert_hours_until_manager=None, alert_hours_until_owner=None)
    assert after(alert, hours=99) == 0


def test_a_stranger_hears_nothing_and_the_work_does_not_grow_with_the_alerts(
    account, organizer, alert, manager, other_account, django_assert_num_queries, monkeypatch
):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        spend_up_to(make_budget(other_account, rival, total="10"), 20)
    for _ in range(4):
        spend_up_to(make_budget(account, organizer, total="1000"), 1_100)
    with django_assert_num_queries(17):
        assert after(alert, hours=5) == 5
    BudgetAlert.objects.update(waits_since=alert.waits_since + timedelta(hours=1))
    monkeypatch.setattr(alert_escalation, "BATCH_SIZE", 2)
    assert after(alert, hours=6) == 5
    with tenant_scope(other_account.pk):
        assert Notification.objects.count() == 0
