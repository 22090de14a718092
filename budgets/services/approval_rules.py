"""The account's approval policy, one rule at a time. An account without rules needs one manager or owner.

A rule holds for what is submitted or requested after it: stages that wait already stay as they were asked for.
"""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import transaction

from budgets.models import (
    APPROVING_ROLES,
    MAX_STAGES,
    ApprovalRule,
    ApprovalSubject,
    Category,
)
from budgets.services.categories import hold_categories
from budgets.services.problems import BudgetProblem
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.money.amounts import InvalidAmount, parse_amount
from budgetsite.money.currencies import UnknownCurrency, is_currency
from budgetsite.tenancy.deletion import soft_delete
from budgetsite.tenancy.scope import require_tenant_id

_IN_ONE_STEP = frozenset({ApprovalSubject.TRANSFER, ApprovalSubject.EXPENSE})
RULE_FIELDS = frozenset({"subject", "stage", "role", "above_amount", "currency", "category"})
# More than anybody can oversee; what is submitted is compared with each.
MAX_RULES = 50

_ROLES_IN_WORDS = " or ".join(role.value for role in APPROVING_ROLES)


class ApprovalRuleNotFound(BudgetProblem):
    code = "not_found"

    def __init__(self, rule_id: UUID) -> None:
        self.rule_id = rule_id
        super().__init__("There is no such approval rule. It may have been removed a moment ago.")


class ApprovalRuleExists(BudgetProblem):
    code = "rule_exists"

    def __init__(self, rule_id: UUID) -> None:
        self.rule_id = rule_id
        super().__init__("There is a rule that says exactly this already. Change that one, or say something else.")


class TooManyApprovalRules(BudgetProblem):
    code = "too_many_rules"

    def __init__(self) -> None:
        super().__init__(f"An account has at most {MAX_RULES} approval rules. Remove one first.")


@transaction.atomic
def create_approval_rule(
    *,
    acting_user: User,
    role: str,
    currency: str,
    subject: str = ApprovalSubject.PLAN,
    stage: int = 1,
    above_amount: Decimal | int | str = Decimal(0),
    category: Category | None = None,
) -> ApprovalRule:
    """Ask for an approval by `role` above `above_amount`, an amount in `currency`; 0 means always.

    Raises `ValidationError` by field, `UnknownCategory`, `ApprovalRuleExists`, `TooManyApprovalRules`.
    """
    rules = _hold_rules()
    if len(rules) >= MAX_RULES:
        raise TooManyApprovalRules
    rule = ApprovalRule(subject=subject, stage=stage, role=role, currency=currency, category=category)
    # Read by `_check`, in the rule's currency.
    rule.above_amount = above_amount
    _check(rule, rules)
    rule.save(force_insert=True)
    return _stored(rule.pk)


@transaction.atomic
def update_approval_rule(*, rule_id: UUID, acting_user: User, **fields: Any) -> ApprovalRule:
    """Change some of `RULE_FIELDS`. Raises what `create_approval_rule` does, and `ApprovalRuleNotFound`."""
    unknown = fields.keys() - RULE_FIELDS
    if unknown:
        raise TypeError(f"not fields of an approval rule: {', '.join(sorted(unknown))}")
    rules = _hold_rules()
    rule = next((rule for rule in rules if rule.pk == rule_id), None)
    if rule is None:
        raise ApprovalRuleNotFound(rule_id)
    before = _values(rule)
    for name, value in fields.items():
        setattr(rule, name, value)
    _check(rule, [other for other in rules if other.pk != rule_id])
    if _values(rule) != before:
        rule.save(update_fields=[*RULE_FIELDS])
    return _stored(rule_id)


@transaction.atomic
def delete_approval_rule(*, rule_id: UUID, acting_user: User, now: datetime) -> None:
    """Ask for this approval no longer. Raises `ApprovalRuleNotFound`."""
    rule = next((rule for rule in _hold_rules() if rule.pk == rule_id), None)
    if rule is None:
        raise ApprovalRuleNotFound(rule_id)
    soft_delete(rule, now=now)


def _hold_rules() -> list[ApprovalRule]:
    """Return the account's rules, and let nobody else change them before this transaction ends."""
    Account.objects.select_for_update(no_key=True).get(pk=require_tenant_id())
    return list(ApprovalRule.objects.filter(deleted_at=None).order_by("subject", "stage", "id"))


def _check(rule: ApprovalRule, others: list[ApprovalRule]) -> None:
    errors = dict(_wrong_fields(rule))
    if errors:
        raise ValidationError(errors)
    rule.full_clean(exclude=["tenant", "category"], validate_unique=False, validate_constraints=False)
    if rule.category_id is not None:
        hold_categories({rule.category_id})
    meaning = _meaning(rule)
    for other in others:
        if _meaning(other) == meaning:
            raise ApprovalRuleExists(other.pk)


def _wrong_fields(rule: ApprovalRule) -> dict[str, ValidationError]:
    """Return what is wrong by field; the amount is read in the rule's currency and put back as that."""
    errors: dict[str, ValidationError] = {}
    if rule.subject not in ApprovalSubject.values:
        errors["subject"] = ValidationError(
            f"Choose what is approved: {' or '.join(ApprovalSubject.values)}.", code="invalid_choice"
        )
    if not isinstance(rule.stage, int) or isinstance(rule.stage, bool) or not 1 <= rule.stage <= MAX_STAGES:
        errors["stage"] = ValidationError(f"Give a stage from 1 to {MAX_STAGES}.", code="out_of_range")
    elif rule.subject in _IN_ONE_STEP and rule.stage != 1:
        decided = ApprovalSubject(rule.subject).label
        errors["stage"] = ValidationError(f"{decided} is decided in one step: its stage is 1.", code="one_stage")
    if rule.role not in [role.value for role in APPROVING_ROLES]:
        errors["role"] = ValidationError(f"Choose who decides: {_ROLES_IN_WORDS}.", code="invalid_choice")
    if not is_currency(rule.currency):
        errors["currency"] = ValidationError(str(UnknownCurrency(rule.currency)), code="unknown_currency")
        return errors
    try:
        rule.above_amount = parse_amount(rule.above_amount, rule.currency, minimum=Decimal(0))
    except InvalidAmount as problem:
        errors["above_amount"] = ValidationError(problem.message, code=problem.code)
    return errors


def _values(rule: ApprovalRule) -> tuple[Any, ...]:
    return (rule.subject, rule.stage, Role(rule.role), rule.above_amount, rule.currency, rule.category_id)


def _meaning(rule: ApprovalRule) -> tuple[Any, ...]:
    """Return what the rule says. One that always applies says the same in every currency."""
    subject, stage, role, amount, currency, category_id = _values(rule)
    return (subject, stage, role, amount, currency if amount else "", category_id)


def _stored(rule_id: UUID) -> ApprovalRule:
    """Read the rule back: its times are PostgreSQL's."""
    stored: ApprovalRule = ApprovalRule.objects.select_related("category").get(pk=rule_id)
    return stored
