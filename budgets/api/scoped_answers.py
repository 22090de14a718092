"""What the endpoints of scoped budgets answer: made by hand, beside the serializers that describe it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from rest_framework import serializers

from budgets.api.answers import WarningAnswer
from budgets.api.answers.percentages import percentage
from budgets.api.scoped_inputs import TagsField, UsageAmountField
from budgets.models import Enforcement, Period, ScopedBudget, ScopeType, ThresholdAction
from budgets.selectors.scoped_status import Level, Standing
from budgets.services.scoped_problems import Refusal
from budgets.services.scoped_thresholds import Threshold
from budgets.services.windows import last_day_after, today
from budgetsite.money.amounts import amount_to_json, usage_to_json
from budgetsite.money.api_fields import MoneyField, PercentageField

LEVEL_CHOICES = [(level.value, level.value) for level in Level]


class ThresholdAnswer(serializers.Serializer):
    threshold = PercentageField(help_text="Of the amount.")
    actions = serializers.ListField(child=serializers.ChoiceField(choices=ThresholdAction.choices))
    channels = serializers.ListField(child=serializers.CharField())
    message = serializers.CharField()


class ScopedBudgetAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField()
    scope_type = serializers.ChoiceField(choices=ScopeType.choices)
    scope_id = serializers.CharField()
    amount = MoneyField()
    currency = serializers.CharField()
    period = serializers.ChoiceField(choices=Period.choices)
    start_date = serializers.DateField()
    end_date = serializers.DateField(allow_null=True)
    recurring = serializers.BooleanField()
    timezone = serializers.CharField()
    alerts = ThresholdAnswer(many=True)
    tags = TagsField()
    parent_budget_id = serializers.UUIDField(allow_null=True)
    path = serializers.ListField(child=serializers.UUIDField(), help_text="Its ancestors, from the top down.")
    depth = serializers.IntegerField(help_text="How many stand above it.")
    enforcement = serializers.ChoiceField(choices=Enforcement.choices)
    is_active = serializers.BooleanField(help_text="Neither over nor deleted.")
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    deleted_at = serializers.DateTimeField(allow_null=True)


class ChangedScopedBudgetAnswer(ScopedBudgetAnswer):
    warnings = WarningAnswer(many=True, help_text="What is allowed, and may not have been meant.")


def scoped_budget_answer(budget: ScopedBudget, now: datetime) -> dict[str, Any]:
    return {
        "id": str(budget.pk),
        "name": budget.name,
        "description": budget.description,
        "scope_type": budget.scope_type,
        "scope_id": budget.scope_id,
        "amount": amount_to_json(budget.amount, budget.currency),
        "currency": budget.currency,
        "period": budget.period,
        "start_date": budget.start_date,
        "end_date": budget.end_date,
        "recurring": budget.recurring,
        "timezone": budget.timezone,
        "alerts": budget.thresholds,
        "tags": budget.tags,
        "parent_budget_id": budget.parent_id,
        "path": budget.path,
        "depth": budget.depth,
        "enforcement": budget.enforcement,
        "is_active": not budget.is_deleted and not _is_over(budget, now),
        "version": budget.version,
        "created_at": budget.created_at,
        "updated_at": budget.updated_at,
        "deleted_at": budget.deleted_at,
    }


def _is_over(budget: ScopedBudget, now: datetime) -> bool:
    over = last_day_after(budget)
    return over is not None and today(budget, now) >= over


class StandingAnswer(serializers.Serializer):
    """How a budget stands in the window that it is in, with everything below it."""

    budget_id = serializers.UUIDField()
    name = serializers.CharField()
    scope_type = serializers.ChoiceField(choices=ScopeType.choices)
    scope_id = serializers.CharField()
    parent_budget_id = serializers.UUIDField(allow_null=True)
    period = serializers.ChoiceField(choices=Period.choices)
    timezone = serializers.CharField()
    enforcement = serializers.ChoiceField(choices=Enforcement.choices)
    window_start = serializers.DateTimeField()
    window_end = serializers.DateTimeField(help_text="Exclusive.")
    current_amount = UsageAmountField(help_text="What was spent.")
    committed_amount = UsageAmountField(help_text="What is promised, reservations included.")
    reserved_amount = UsageAmountField(help_text="What reservations hold.")
    limit = MoneyField()
    currency = serializers.CharField()
    percent_used = PercentageField(help_text="Spent and promised, of the limit.")
    remaining = UsageAmountField(help_text="Negative when more is spent and promised than there is.")
    overrun = UsageAmountField(help_text="What was spent above the limit.")
    days_elapsed = serializers.IntegerField(help_text="Whole days, at least 1.")
    days_remaining = serializers.IntegerField()
    days_total = serializers.IntegerField()
    burn_rate = MoneyField(help_text="What was spent a day so far.")
    projected_total = MoneyField(help_text="At the window's end, if it goes on like this.")
    status = serializers.ChoiceField(choices=LEVEL_CHOICES)
    active_alerts = ThresholdAnswer(
        many=True,
        help_text="The thresholds that are reached, the lowest first; the levels of the status where it has none.",
    )
    is_in_force = serializers.BooleanField(help_text="It has begun and is not over.")
    entries_count = serializers.IntegerField()
    last_updated = serializers.DateTimeField(allow_null=True, help_text="Null while nothing was counted.")


def standing_answer(standing: Standing) -> dict[str, Any]:
    budget, figures = standing.budget, standing.figures
    usage = usage_writer(budget.currency)
    return {
        "budget_id": str(budget.id),
        "name": budget.name,
        "scope_type": budget.scope_type,
        "scope_id": budget.scope_id,
        "parent_budget_id": budget.parent_id,
        "period": budget.period,
        "timezone": budget.timezone,
        "enforcement": budget.enforcement,
        "window_start": standing.window.start,
        "window_end": standing.window.end,
        "current_amount": usage(figures.actual),
        "committed_amount": usage(figures.promised),
        "reserved_amount": usage(figures.reserved),
        "limit": amount_to_json(budget.amount, budget.currency),
        "currency": budget.currency,
        "percent_used": percentage(figures.percent_used),
        "remaining": usage(figures.remaining),
        "overrun": usage(figures.overrun),
        "days_elapsed": standing.days_elapsed,
        "days_remaining": standing.days_remaining,
        "days_total": standing.days,
        "burn_rate": amount_to_json(standing.burn_rate, budget.currency),
        "projected_total": amount_to_json(standing.projected_total, budget.currency),
        "status": standing.level.value,
        "active_alerts": thresholds_answer(standing.alerting),
        "is_in_force": standing.is_in_force,
        "entries_count": figures.entries,
        "last_updated": standing.last_updated,
    }


def thresholds_answer(thresholds: Iterable[Threshold]) -> list[dict[str, Any]]:
    return [threshold.as_json() for threshold in thresholds]


class RefusalAnswer(serializers.Serializer):
    budget_id = serializers.UUIDField(allow_null=True)
    name = serializers.CharField()
    scope_type = serializers.ChoiceField(choices=ScopeType.choices)
    scope_id = serializers.CharField()
    reason = serializers.CharField()
    action = serializers.ChoiceField(
        choices=ThresholdAction.choices, help_text="The strictest of the thresholds that would be reached."
    )
    remaining = UsageAmountField(help_text="What it has left now.")
    currency = serializers.CharField()


def refusals_answer(refusals: Sequence[Refusal]) -> list[dict[str, Any]]:
    return [
        {
            "budget_id": str(refusal.budget_id),
            "name": refusal.name,
            "scope_type": refusal.scope_type,
            "scope_id": refusal.scope_id,
            "reason": refusal.reason,
            "action": refusal.action,
            "remaining": usage_to_json(refusal.remaining, refusal.currency),
            "currency": refusal.currency,
        }
        for refusal in refusals
    ]


def usage_writer(currency: str) -> Any:
    """Return the function that writes amounts of usage in a currency."""

    def write(amount: Decimal) -> str:
        return usage_to_json(amount, currency)

    return write
