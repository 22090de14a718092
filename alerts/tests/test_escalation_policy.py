"""When an account reminds and escalates: its defaults, its own times, and what is refused."""

import pytest
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse

from alerts.models import EscalationPolicy
from alerts.services.escalation_policy import change_escalation_policy, escalation_policy
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.people import make_member, sign_in
from budgetsite.testing.rest import rest_client

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


def test_the_policy_over_rest(account, other_account):
    managers, staff = rest_client(account, Role.MANAGER), rest_client(account, Role.STAFF)
    stored = {
        "days_before": [30, 14, 7, 1],
        "overdue_days_until_manager": 3,
        "overdue_days_until_owner": 7,
        "alert_hours_until_manager": 4,
        "alert_hours_until_owner": 24,
    }
    assert staff.get("/escalation-policy").json == stored
    changed = managers.patch("/escalation-policy", {"days_before": [1, 10], "alert_hours_until_owner": None})
    assert changed.json == stored | {"days_before": [10, 1], "alert_hours_until_owner": None}
    for wrong, field in (
        ({"days_before": [-1]}, "days_before.0"),
        ({"overdue_days_until_manager": 0}, "overdue_days_until_manager"),
        ({"overdue_days_until_owner": 2}, "overdue_days_until_owner"),
        ({"alert_hours_until_manager": "soon"}, "alert_hours_until_manager"),
    ):
        refused = managers.patch("/escalation-policy", wrong)
        assert (refused.status, list(refused.fields)) == (400, [field])
    assert staff.patch("/escalation-policy", {"days_before": []}).status == 403
    assert staff.get("/escalation-policy").json == changed.json
    assert rest_client(other_account, Role.OWNER).get("/escalation-policy").json == stored


def test_the_policy_on_the_rules_page(account, manager):
    client = sign_in(manager, account)
    wanted = {
        "days_before": "10, 2",
        "overdue_days_until_manager": "2",
        "overdue_days_until_owner": "",
        "alert_hours_until_manager": "1",
        "alert_hours_until_owner": "2",
    }
    address = reverse("alerts:escalation")
    assert client.post(address, wanted).status_code == 302
    assert times() == ([10, 2], 2, None, 1, 2)
    for changed, field in (
        ({"days_before": "10, soon"}, "days_before"),
        ({"days_before": "400"}, "days_before"),
        ({"overdue_days_until_manager": "x"}, "overdue_days_until_manager"),
        ({"alert_hours_until_manager": "3"}, "alert_hours_until_owner"),
    ):
        page = client.post(address, wanted | changed)
        assert (page.status_code, list(page.context["escalation_form"].errors)) == (422, [field])
    # The address of a form that was wrong, opened again.
    assert client.get(address)["Location"] == reverse("alerts:rules") + "#escalation"
    assert times() == ([10, 2], 2, None, 1, 2)


def test_the_policy_in_the_back_office(account, owner):
    client = sign_in(owner, account)
    add = reverse("admin:alerts_escalationpolicy_add")
    assert 'value="30, 14, 7, 1"' in client.get(add).content.decode()
    assert client.post(add, {"days_before": "5, 50", "overdue_days_until_manager": "9"}).status_code == 302
    assert times() == ([50, 5], 9, None, None, None)
    assert client.get(add).status_code == 403
    change = reverse("admin:alerts_escalationpolicy_change", args=[EscalationPolicy.objects.get().pk])
    refused = client.post(
        change, {"days_before": "5", "overdue_days_until_manager": "9", "overdue_days_until_owner": "1"}
    )
    assert "Managers hear first: after 9 here, and owners after 1." in refused.content.decode()
    assert times() == ([50, 5], 9, None, None, None)
