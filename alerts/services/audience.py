"""Who is told of alerts, as the rules say it: the account's own, and the ones that replace it for a budget."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Self
from uuid import UUID

from django.db.models import Q

from alerts.models import AlertRule
from alerts.services.rule_values import whole_audience


@dataclass(frozen=True, slots=True)
class Audiences:
    """By the budget that has a rule of its own; by None the account's."""

    by_rule: Mapping[UUID | None, Mapping[str, frozenset[str]]]

    @classmethod
    def read(cls, budget_ids: Collection[UUID]) -> Self:
        """Read what holds for these budgets. One statement, none for no budgets."""
        if not budget_ids:
            return cls({})
        rules = AlertRule.objects.filter(Q(budget=None) | Q(budget_id__in=budget_ids))
        return cls(
            {budget_id: whole_audience(stored) for budget_id, stored in rules.values_list("budget_id", "audience")}
        )

    def of(self, budget_id: UUID, level: str) -> frozenset[str]:
        """Return who is told of a budget's alert of this level: some of `alerts.models.Audience`, or nobody."""
        whose = budget_id if budget_id in self.by_rule else None
        return self.by_rule.get(whose, whole_audience({}))[level]
