"""Changing what raises an alert: the account's rule, and the ones that replace it for a budget.

A change is in force at once: a budget's own rule evaluates that budget in the same transaction, the account's evaluates
all others in the background.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from alerts.models import AlertRule, AlertType
from alerts.services.evaluation import reevaluate_budget
from alerts.services.problems import RuleExists
from alerts.services.replay import Replay, replay_rules
from alerts.services.rule_values import DEFAULT_RULE, RuleValues
from alerts.tasks import reevaluate_account_soon
from budgets.models import EventBudget
from budgetsite.accounts.models import User
from budgetsite.tenancy.deletion import soft_delete

RULE_FIELDS = frozenset({"alert_types", "warning_threshold", "exceeded_thresholds", "high_variance_percentage"})
MOST_THRESHOLDS = 10
LARGEST_PERCENTAGE = Decimal(1000)
# Nothing is nearly used up that is used up. Milestones may lie beyond.
LARGEST_WARNING = Decimal(100)


def governing_rule(budget_id: UUID | None) -> RuleValues:
    """Return what raises alerts for a budget now, or (for None) for those that have no rule of their own."""
    rules: dict[UUID | None, AlertRule] = {
        rule.budget_id: rule
        for rule in AlertRule.objects.filter(deleted_at=None)
        if rule.budget_id in (None, budget_id)
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
    values = {**governing_rule(budget_id).as_fields(), **_checked(fields)}
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
    """Change a rule. Raises `ValidationError` by field; nothing is stored then."""
    changes = {name: value for name, value in _checked(fields).items() if getattr(rule, name) != value}
    if not changes:
        return rule
    for name, value in changes.items():
        setattr(rule, name, value)
    rule.save(update_fields=list(changes))
    _apply(rule.budget_id)
    return _stored(rule)


@transaction.atomic
def set_alert_rule(*, budget: EventBudget | None, acting_user: User, **fields: Any) -> AlertRule:
    """Change the account's or the budget's rule, made where there is none. Raises as the two above."""
    rule: AlertRule | None = AlertRule.objects.filter(budget=budget).first()
    if rule is None:
        return create_alert_rule(budget=budget, acting_user=acting_user, **fields)
    return update_alert_rule(rule=rule, acting_user=acting_user, **fields)


@dataclass(frozen=True, slots=True)
class RulePreview:
    """What a rule would have told of in the past year, beside what the one in force would have."""

    proposed: Replay
    present: Replay


def preview_alert_rule(*, budget_id: UUID | None, now: datetime, **fields: Any) -> RulePreview:
    """Try a rule on the past year's movements; what `fields` leave out is as in the rule in force. Stores nothing.

    Raises `ValidationError` by field.
    """
    present = governing_rule(budget_id)
    proposed = RuleValues.from_mapping({**present.as_fields(), **_checked(fields)})
    return RulePreview(*replay_rules([proposed, present], budget_id=budget_id, now=now))


@transaction.atomic
def delete_alert_rule(*, rule: AlertRule, acting_user: User, now: datetime) -> None:
    """Go back to the account's rule for a budget, or to the default for the account."""
    soft_delete(rule, now=now)
    _apply(rule.budget_id)


def _apply(budget_id: UUID | None) -> None:
    if budget_id is None:
        reevaluate_account_soon()
    else:
        reevaluate_budget(budget_id)


def _stored(rule: AlertRule) -> AlertRule:
    """Read the rule back: its times are PostgreSQL's."""
    stored: AlertRule = AlertRule.objects.get(pk=rule.pk)
    return stored


def _checked(fields: dict[str, Any]) -> dict[str, Any]:
    """Return model values for a request's fields. Raises `TypeError` for unknown ones: that is the caller's bug."""
    unknown = fields.keys() - RULE_FIELDS
    if unknown:
        raise TypeError(f"not fields of a rule: {', '.join(sorted(unknown))}")
    values = dict(fields)
    errors: dict[str, ValidationError] = {}
    for name, value in fields.items():
        try:
            if name == "alert_types":
                values[name] = _types(value)
            elif name == "exceeded_thresholds":
                values[name] = _thresholds(value)
            elif name == "warning_threshold":
                values[name] = _percentage(value, largest=LARGEST_WARNING)
            else:
                values[name] = _percentage(value)
        except ValidationError as error:
            errors[name] = error
    if errors:
        raise ValidationError(errors)
    return values


def _types(wanted: Sequence[str]) -> list[str]:
    known = [str(kind) for kind in AlertType]
    for kind in wanted:
        if kind not in known:
            raise ValidationError(
                f"“{kind}” is not a kind of alert. Choose from {', '.join(known)}.", code="invalid_choice"
            )
    return [kind for kind in known if kind in wanted]


def _thresholds(wanted: Sequence[Decimal]) -> list[Decimal]:
    if len(wanted) > MOST_THRESHOLDS:
        raise ValidationError(f"Give at most {MOST_THRESHOLDS} milestones.", code="too_many")
    return sorted({_percentage(threshold) for threshold in wanted})


def _percentage(value: Decimal, *, largest: Decimal = LARGEST_PERCENTAGE) -> Decimal:
    if not value.is_finite() or not 0 < value <= largest:
        raise ValidationError(f"Give a percentage above 0 and up to {largest}, such as 80.", code="out_of_range")
    rounded = value.quantize(Decimal("0.01"))
    if rounded != value:
        raise ValidationError("Give a percentage with at most two decimals.", code="too_many_decimals")
    return rounded
