"""Who is told of alerts: as the rule of the account or the budget says, by their level."""

from decimal import Decimal
from functools import partial

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from alerts.models import AlertRule, BudgetAlert
from alerts.services.audience import Audiences
from alerts.services.problems import RuleNotFound
from alerts.services.routing.receiving import receive
from alerts.services.rules import (
    create_alert_rule,
    delete_alert_rule,
    governing_rule,
    set_alert_rule,
    update_alert_rule,
)
from alerts.tests.figures import spend
from budgetsite.accounts.models import Membership
from budgetsite.accounts.roles import Role
from budgetsite.notifications.models import Notification
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.people import make_member
from budgetsite.testing.scoped_budgets import make_scoped_budget
from budgetsite.testing.scoped_budgets import spend as use

ORGANIZER, MANAGER, OWNER, STAFF = "organizer", "manager", "owner", "staff"


@pytest.fixture
def people(organizer, manager, owner, staff):
    return {organizer.pk: ORGANIZER, manager.pk: MANAGER, owner.pk: OWNER, staff.pk: STAFF}


@pytest.fixture
def budget(account, organizer):
    return make_budget(account, organizer, total="1000")


@pytest.fixture
def told(people):
    """Hand on what was recorded, and return who has been told since, by level."""
    seen = set()

    def relay():
        receive(list(OutboxEvent.objects.filter(relayed_at=None).order_by("position")))
        OutboxEvent.objects.filter(relayed_at=None).update(relayed_at=timezone.now())
        found = {}
        for notification in Notification.objects.exclude(pk__in=seen):
            seen.add(notification.pk)
            found.setdefault(notification.level, set()).add(people[notification.person_id])
        return found

    return relay


def test_each_level_is_told_to_whom_the_account_says(account, owner, budget, told):
    audience = {"information": [STAFF], "warning": [], "critical": [OWNER, STAFF]}
    create_alert_rule(budget=None, acting_user=owner, audience=audience)
    spend(budget, 500)
    assert told() == {"information": {STAFF}}
    # Nearly used up is a warning: nobody's.
    spend(budget, 350)
    assert told() == {}
    assert BudgetAlert.objects.filter(level="warning").count() == 1
    spend(budget, 300)
    assert told() == {"critical": {OWNER, STAFF}}


def test_a_budgets_own_rule_replaces_the_accounts_and_what_is_left_out_stays(account, owner, budget, organizer, told):
    create_alert_rule(budget=None, acting_user=owner, audience={"information": [OWNER]})
    create_alert_rule(budget=budget, acting_user=owner, audience={"critical": [MANAGER]})
    other = make_budget(account, organizer, total="1000", event=make_event(account, organizer, name="Other"))
    spend(budget, 1_100)
    assert told() == {"warning": {ORGANIZER, MANAGER}, "critical": {MANAGER}}
    spend(other, 500)
    assert told() == {"information": {OWNER}}
    assert governing_rule(budget.pk).as_fields()["audience"] == {
        "information": [OWNER],
        "warning": [ORGANIZER, MANAGER],
        "critical": [MANAGER],
    }


def test_where_nobody_of_them_is_there_managers_hear(account, owner, budget, told, staff):
    create_alert_rule(budget=None, acting_user=owner, audience={"information": [STAFF]})
    Membership.objects.filter(user=staff).update(role=Role.ATTENDEE)
    spend(budget, 500)
    assert told() == {"information": {MANAGER}}


def test_company_budgets_and_strangers_are_told_as_before(account, owner, manager, budget, other_account, told):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        create_alert_rule(budget=None, acting_user=rival, audience={"information": [STAFF]})
        assert set(Audiences.read([budget.pk]).by_rule) == {None}
    spend(budget, 500)
    assert told() == {"information": {ORGANIZER}}
    create_alert_rule(budget=None, acting_user=owner, audience={"warning": [STAFF], "critical": [STAFF]})
    use(make_scoped_budget(account, owner, amount=100), owner, 85)
    assert told() == {"warning": {MANAGER}}


def test_two_who_change_one_rule_at_once_lose_nothing(committed_db, account, owner):
    with transaction.atomic():
        rule = create_alert_rule(budget=None, acting_user=owner)
    run_at_once(
        [
            partial(update_alert_rule, rule=rule, acting_user=owner, audience={"information": [STAFF]}),
            partial(update_alert_rule, rule=rule, acting_user=owner, audience={"critical": [OWNER]}),
        ],
        tenant_id=account.pk,
    )
    with transaction.atomic():
        assert governing_rule(None).as_fields()["audience"] == {
            "information": [STAFF],
            "warning": [ORGANIZER, MANAGER],
            "critical": [OWNER],
        }
        delete_alert_rule(rule=rule, acting_user=owner, now=timezone.now())
        with pytest.raises(RuleNotFound):
            update_alert_rule(rule=rule, acting_user=owner, warning_threshold=Decimal(70))


def test_any_number_of_budgets_is_one_statement(account, owner, budget, django_assert_num_queries):
    set_alert_rule(budget=budget, acting_user=owner, audience={"information": []})
    with django_assert_num_queries(1):
        audiences = Audiences.read([budget.pk, account.pk])
    assert (audiences.of(budget.pk, "information"), audiences.of(account.pk, "information")) == (
        frozenset(),
        frozenset({ORGANIZER}),
    )
    with django_assert_num_queries(0):
        Audiences.read([])


def test_an_audience_that_makes_no_sense_is_refused(account, owner):
    for audience, field, code in (
        ({"critical": []}, "audience.critical", "nobody"),
        ({"warning": ["client"]}, "audience.warning", "invalid_choice"),
        ({"fatal": [OWNER]}, "audience.fatal", "invalid_choice"),
    ):
        with pytest.raises(ValidationError) as refusal:
            create_alert_rule(budget=None, acting_user=owner, audience=audience)
        assert {name: [each.code for each in wrong] for name, wrong in refusal.value.error_dict.items()} == {
            field: [code]
        }
    assert AlertRule.objects.count() == 0
