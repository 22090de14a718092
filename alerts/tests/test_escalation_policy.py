"""When an account reminds and escalates: its defaults, its own times, and what is refused."""

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction

from alerts.models import EscalationPolicy
from alerts.services.escalation_policy import change_escalation_policy, escalation_policy
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.people import make_member

DEFAULTS = ([30, 14, 7, 1], 3, 7, 4, 24)


def times():
    policy = escalation_policy()
    return (
        policy.days_before,
        policy.overdue_days_until_manager,
        policy.overdue_days_until_owner,
        policy.alert_hours_until_manager,
        policy.alert_hours_until_owner,
    )


def test_an_account_that_changes_nothing_has_the_defaults_and_no_row(account, other_account):
    with tenant_scope(other_account.pk):
        change_escalation_policy(acting_user=make_member(other_account, Role.OWNER).user, days_before=[2])
    assert (times(), EscalationPolicy.objects.count()) == (DEFAULTS, 0)


def test_what_is_changed_is_kept_with_who_did_so(account, manager):
    with tenant_scope(account.pk, user_id=manager.pk):
        change_escalation_policy(acting_user=manager, days_before=[1, 10, 1, 0], overdue_days_until_owner=None)
        policy = change_escalation_policy(acting_user=manager, alert_hours_until_manager=1)
    assert times() == ([10, 1, 0], 3, None, 1, 24)
    assert [row.history_user_id for row in policy.history.all()] == [manager.pk, manager.pk]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("days_before", [366], "out_of_range"),
        ("days_before", [-1], "out_of_range"),
        ("days_before", list(range(11)), "too_many"),
        ("overdue_days_until_manager", 0, "out_of_range"),
        ("overdue_days_until_manager", 8, "owners_first"),
        ("overdue_days_until_owner", 2, "owners_first"),
        ("alert_hours_until_owner", 721, "out_of_range"),
        ("alert_hours_until_owner", 3, "owners_first"),
    ],
)
def test_times_that_make_no_sense_are_refused_at_their_field(account, owner, field, value, code):
    with pytest.raises(ValidationError) as refusal:
        change_escalation_policy(acting_user=owner, **{field: value})
    assert {name: [one.code for one in found] for name, found in refusal.value.error_dict.items()} == {field: [code]}
    assert EscalationPolicy.objects.count() == 0


def test_two_who_change_it_first_at_once_change_one_policy(committed_db, account, owner):
    first, second = run_at_once(
        [
            lambda: change_escalation_policy(acting_user=owner, alert_hours_until_manager=1).pk,
            lambda: change_escalation_policy(acting_user=owner, alert_hours_until_owner=48).pk,
        ],
        tenant_id=account.pk,
    )
    assert first == second
    with transaction.atomic():
        assert times() == ([30, 14, 7, 1], 3, 7, 1, 48)
