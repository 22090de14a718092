"""When an account reminds of payments, and after how long what nobody deals with goes up: to managers, then owners."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from alerts.models import EscalationPolicy
from alerts.services.outlook_news import evaluate_account_after_commit
from budgetsite.accounts.models import Account, User
from budgetsite.tenancy.scope import require_tenant_id

DEFAULT_DAYS_BEFORE = (30, 14, 7, 1)
MOST_REMINDERS = 10
LONGEST_BEFORE = 365
# A quarter of a year of days, a month of hours.
LONGEST_OVERDUE_DAYS = 90
LONGEST_ALERT_HOURS = 720
_LONGEST = {
    "overdue_days_until_manager": LONGEST_OVERDUE_DAYS,
    "overdue_days_until_owner": LONGEST_OVERDUE_DAYS,
    "alert_hours_until_manager": LONGEST_ALERT_HOURS,
    "alert_hours_until_owner": LONGEST_ALERT_HOURS,
}
POLICY_FIELDS = ("days_before", *_LONGEST)


def escalation_policy() -> EscalationPolicy:
    """Return the account's policy; one that was never changed is not stored."""
    found: EscalationPolicy | None = EscalationPolicy.objects.first()
    return found or EscalationPolicy(days_before=list(DEFAULT_DAYS_BEFORE))


@transaction.atomic
def change_escalation_policy(*, acting_user: User, **fields: Any) -> EscalationPolicy:
    """Set some of `POLICY_FIELDS`; days and hours that are None are never. Raises `ValidationError` by field.

    What people were told already they are not told again.
    """
    unknown = fields.keys() - set(POLICY_FIELDS)
    if unknown:
        raise TypeError(f"not fields of an escalation policy: {', '.join(sorted(unknown))}")
    # Of two who change it for the first time, one finds the other's.
    Account.objects.select_for_update(no_key=True).get(pk=require_tenant_id())
    policy = escalation_policy()
    for name, value in _checked(fields, policy).items():
        setattr(policy, name, value)
    policy.save()
    if "days_before" in fields or "overdue_days_until_owner" in fields:
        evaluate_account_after_commit()
    stored: EscalationPolicy = EscalationPolicy.objects.get(pk=policy.pk)
    return stored


def _checked(fields: dict[str, Any], policy: EscalationPolicy) -> dict[str, Any]:
    values, errors = dict(fields), {}
    for name, value in fields.items():
        try:
            if name == "days_before":
                values[name] = _days(value)
            elif value is not None:
                _within(value, 1, _LONGEST[name])
        except ValidationError as error:
            errors[name] = error
    for first, then in (
        ("overdue_days_until_manager", "overdue_days_until_owner"),
        ("alert_hours_until_manager", "alert_hours_until_owner"),
    ):
        managers, owners = (values.get(name, getattr(policy, name)) for name in (first, then))
        if first not in errors and then not in errors and None not in (managers, owners) and owners < managers:
            # At the one that was given.
            wrong = then if then in fields else first
            errors[wrong] = ValidationError(
                f"Managers hear first: after {managers} here, and owners after {owners}.", code="owners_first"
            )
    if errors:
        raise ValidationError(errors)
    return values


def _days(wanted: Sequence[int]) -> list[int]:
    if len(wanted) > MOST_REMINDERS:
        raise ValidationError(f"Give at most {MOST_REMINDERS} reminders.", code="too_many")
    for days in wanted:
        _within(days, 0, LONGEST_BEFORE)
    return sorted(set(wanted), reverse=True)


def _within(value: int, smallest: int, largest: int) -> None:
    if not smallest <= value <= largest:
        raise ValidationError(f"Give a whole number from {smallest} to {largest}.", code="out_of_range")
