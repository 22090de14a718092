"""Changing what raises an alert: the account's rule, and the ones that replace it for a budget.

A change is in force at once: a budget's own rule evaluates that budget in the same transaction, the account's evaluates
all others in the background. Alerts about payments and forecasts follow after the commit.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet

from alerts.models import AlertRule
from alerts.services.evaluation import reevaluate_budget
from alerts.services.evaluation_request import OUTLOOK, evaluate_after_commit
from alerts.services.problems import RuleExists, RuleNotFound
from alerts.services.replay import Replay, replay_rules
from alerts.services.rule_checks import RULE_FIELDS, checked_fields
from alerts.services.rule_values import DEFAULT_RULE, RuleValues
from alerts.tasks import reevaluate_account_soon
from budgets.models import EventBudget
from budgetsite.accounts.models import Account, User
from budgetsite.tenancy.deletion import soft_delete
from budgetsite.tenancy.scope import require_tenant_id

# What decides who is told, and no figure.
_TELLING = {"audience"}


def governing_rule(budget_id: UUID | None) -> RuleValues:
    """Return what raises alerts for a budget now, or (for None) for those that have no rule of their own."""
    rules: dict[UUID | None, AlertRule] = {
        rule.budget_id: rule for rule in AlertRule.objects.filter(Q(budget=None) | Q(budget_id=budget_id))
    }
    rule = rules.get(budget_id) or rules.get(None)
    return DEFAULT_RULE if rule is None else values_of(rule)


def values_of(rule: AlertRule) -> RuleValues:
    return RuleValues.from_mapping({name: getattr(rule, name) for name in RULE_FIELDS})


@transaction.atomic
def create_alert_rule(*, budget: EventBudget | None, acting_user: User, **fields: Any) -> AlertRule:
    """Make the account's rule (`budget` None) or one that replaces it for a budget.

    `fields` are those of `RULE_FIELDS`; what is left out is taken from the rule in force. Raises `RuleExists`,
    `ValidationError` by field.
    """
    budget_id = None if budget is None else budget.pk
    _hold(budget_id)
    values = _proposed(fields, budget).as_fields()
    rule = AlertRule(budget=budget, **values)
    try:
        with transaction.atomic():
            rule.save(force_insert=True)
    except IntegrityError as error:
        if "alerts_alertrule_one_per_budget" not in str(error):
            raise
        existing = AlertRule.objects.filter(budget=budget, deleted_at=None).first()
        raise RuleExists(budget_id=budget_id, rule_id=existing.pk if existing else None) from error
    _apply(budget_id)
    return _stored(rule)


@transaction.atomic
def update_alert_rule(*, rule: AlertRule, acting_user: User, **fields: Any) -> AlertRule:
    """Change a rule. Raises `ValidationError` by field, `RuleNotFound` when it is gone; nothing is stored then."""
    _hold(rule.budget_id)
    found: AlertRule | None = AlertRule.objects.select_related("budget").filter(pk=rule.pk).first()
    if found is None:
        raise RuleNotFound(rule.pk)
    rule = found
    currency = None if rule.budget is None else rule.budget.currency
    values = checked_fields(fields, present=values_of(rule), currency=currency)
    changes = {name: value for name, value in values.items() if getattr(rule, name) != value}
    if not changes:
        return rule
    for name, value in changes.items():
        setattr(rule, name, value)
    rule.save(update_fields=list(changes))
    if changes.keys() - _TELLING:
        _apply(rule.budget_id)
    return _stored(rule)


@transaction.atomic
def set_alert_rule(*, budget: EventBudget | None, acting_user: User, **fields: Any) -> AlertRule:
    """Change the account's or the budget's rule, made where there is none. Raises as the two above."""
    _hold(None if budget is None else budget.pk)
    rule: AlertRule | None = AlertRule.objects.filter(budget=budget).first()
    if rule is None:
        return create_alert_rule(budget=budget, acting_user=acting_user, **fields)
    return update_alert_rule(rule=rule, acting_user=acting_user, **fields)


@dataclass(frozen=True, slots=True)
class RulePreview:
    """What a rule would have told of in the past year, beside what the one in force would have."""

    proposed: Replay
    present: Replay


def preview_alert_rule(*, budget: EventBudget | None, now: datetime, **fields: Any) -> RulePreview:
    """Try a rule on the past year's movements; what `fields` leave out is as in the rule in force. Stores nothing.

    Raises `ValidationError` by field, `TooMuchToTry` when the movements are not found in time.
    """
    budget_id = None if budget is None else budget.pk
    rules = [_proposed(fields, budget), governing_rule(budget_id)]
    return RulePreview(*replay_rules(rules, budget_id=budget_id, now=now))


@transaction.atomic
def delete_alert_rule(*, rule: AlertRule, acting_user: User, now: datetime) -> None:
    """Go back to the account's rule for a budget, or to the default for the account."""
    _hold(rule.budget_id)
    soft_delete(rule, now=now)
    _apply(rule.budget_id)


def _hold(budget_id: UUID | None) -> None:
    """Let two who change one rule do so one after the other. A budget's row is locked before its rule's."""
    held: QuerySet[Any] = (
        Account.objects.filter(pk=require_tenant_id())
        if budget_id is None
        else EventBudget.objects.filter(pk=budget_id)
    )
    list(held.select_for_update(no_key=True).values_list("pk"))


def _apply(budget_id: UUID | None) -> None:
    if budget_id is None:
        reevaluate_account_soon()
    else:
        reevaluate_budget(budget_id)
        evaluate_after_commit({budget_id}, task_name=OUTLOOK)


def _stored(rule: AlertRule) -> AlertRule:
    """Read the rule back: its times are PostgreSQL's."""
    stored: AlertRule = AlertRule.objects.get(pk=rule.pk)
    return stored


def _proposed(fields: dict[str, Any], budget: EventBudget | None) -> RuleValues:
    """Return the rule in force with these fields changed. Raises `ValidationError` by field."""
    present = governing_rule(None if budget is None else budget.pk)
    if budget is not None:
        # Amounts in other currencies, which the account's rule may have, are nothing to this budget.
        present = replace(present, thresholds=present.own_thresholds(budget.currency))
    currency = None if budget is None else budget.currency
    return RuleValues.from_mapping(present.as_fields() | checked_fields(fields, present=present, currency=currency))
