"""Retention rules: what the account decided not to keep for ever, and letting go of it every night."""

import logging
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connections, transaction

from budgetsite.accounts.models import User
from budgetsite.operations.piecework import Piecework
from budgetsite.privacy.models import RetentionRule
from budgetsite.privacy.registry import ERASER, Outdated, RetentionKind, erasable_rows, retention_kinds
from budgetsite.tenancy.deletion import soft_delete
from budgetsite.tenancy.scope import require_tenant_id

logger = logging.getLogger(__name__)

RULE_FIELDS = frozenset({"kind", "months", "is_active"})


class RetentionRuleExists(ValueError):
    def __init__(self, label: str) -> None:
        super().__init__(f"There is a rule for “{label}” already. Change that one.")


@dataclass(frozen=True, slots=True)
class Applied:
    """What one rule let go of. `busy`: another process is applying the account's rules at this moment."""

    kind: RetentionKind
    before: datetime
    forgotten: int = 0
    busy: bool = False


@transaction.atomic
def create_retention_rule(*, kind: str, months: int, acting_user: User, is_active: bool = True) -> RetentionRule:
    """Keep a kind of data for so many months only. Raises `ValidationError` by field, `RetentionRuleExists`."""
    return _save(RetentionRule(kind=kind, months=months, is_active=is_active))


@transaction.atomic
def change_retention_rule(*, rule_id: UUID, acting_user: User, **fields: Any) -> RetentionRule:
    """Change some of `RULE_FIELDS`. Raises what `create_retention_rule` does."""
    unknown = fields.keys() - RULE_FIELDS
    if unknown:
        raise TypeError(f"not fields of a retention rule: {', '.join(sorted(unknown))}")
    rule = RetentionRule.objects.select_for_update(no_key=True).get(pk=rule_id)
    for name, value in fields.items():
        setattr(rule, name, value)
    return _save(rule)


@transaction.atomic
def delete_retention_rule(*, rule_id: UUID, acting_user: User, now: datetime) -> None:
    """Keep this kind of data from now on. What has gone does not come back."""
    soft_delete(RetentionRule.objects.get(pk=rule_id), now=now)


def _save(rule: RetentionRule) -> RetentionRule:
    if rule.kind not in retention_kinds():
        raise ValidationError({"kind": f"Choose one of: {', '.join(sorted(retention_kinds()))}."})
    rule.clean_fields(exclude=["tenant"])
    try:
        with transaction.atomic():
            rule.save()
    except IntegrityError as error:
        if "privacy_retention_one_per_kind" in str(error):
            raise RetentionRuleExists(retention_kinds()[rule.kind].label) from error
        raise
    return rule


def outdated_data(*, now: datetime) -> Iterator[tuple[RetentionKind, list[Outdated]]]:
    """Yield for each rule exactly what `apply_retention` would let go of at this moment."""
    for kind, before in _rules_in_force(now):
        with transaction.atomic(using=ERASER):
            yield kind, list(kind.outdated(before))


def apply_retention(*, now: datetime) -> list[Applied]:
    """Let go of what the current account's rules no longer keep. Safe to repeat, and on two machines at once.

    Each rule is a transaction of its own: what was interrupted goes on the next time. One failing stops no other:
    `SomeFailed` is raised at the end.
    """
    applied = []
    with Piecework(logger, "the retention rule for %s could not be applied") as work:
        for kind, before in _rules_in_force(now):
            with work.piece(kind.name):
                applied.append(_apply(kind, before))
    return applied


def _apply(kind: RetentionKind, before: datetime) -> Applied:
    with transaction.atomic(using=ERASER):
        with connections[ERASER].cursor() as cursor:
            cursor.execute(
                "SELECT pg_try_advisory_xact_lock(hashtext('privacy.retention'), hashtext(%s))",
                [f"{require_tenant_id()} {kind.name}"],
            )
            [alone] = cursor.fetchone()
        if not alone:
            return Applied(kind, before, busy=True)
        return Applied(kind, before, forgotten=kind.forget(before))


def _rules_in_force(now: datetime) -> list[tuple[RetentionKind, datetime]]:
    """Return each rule's kind and the moment before which its data goes, by the kinds' names.

    A rule of a kind that this release does not know keeps everything.
    """
    kinds = retention_kinds()
    with transaction.atomic(using=ERASER):
        rules = list(erasable_rows(RetentionRule).filter(is_active=True, deleted_at=None).order_by("kind"))
    return [(kinds[rule.kind], months_before(now, rule.months)) for rule in rules if rule.kind in kinds]


def months_before(moment: datetime, months: int) -> datetime:
    """Return the same time so many months earlier; on the month's last day where it has no such day."""
    year, month = divmod(moment.year * 12 + moment.month - 1 - months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))
