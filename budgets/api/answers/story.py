"""Who did what with a budget: its decisions and its changes."""

from typing import Any

from rest_framework import serializers

from budgets.models import BudgetDecision, BudgetStatus
from budgets.selectors.budget_history import Change
from budgetsite.money.amounts import amount_to_json


class PersonAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()


class DecisionAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    action = serializers.CharField()
    stage = serializers.IntegerField()
    from_status = serializers.ChoiceField(choices=BudgetStatus.choices)
    to_status = serializers.ChoiceField(choices=BudgetStatus.choices)
    version = serializers.IntegerField(help_text="The version that it led to.")
    revision = serializers.IntegerField(help_text="The revision of the plan that it was about.")
    actor = serializers.UUIDField(allow_null=True)
    actor_name = serializers.CharField(allow_null=True)
    role = serializers.CharField()
    reason = serializers.CharField()
    created_at = serializers.DateTimeField()


def decision_answer(decision: BudgetDecision) -> dict[str, Any]:
    return {
        "id": str(decision.pk),
        "action": decision.action,
        "stage": decision.stage,
        "from_status": decision.from_status,
        "to_status": decision.to_status,
        "version": decision.version,
        "revision": decision.revision,
        "actor": decision.actor_id,
        "actor_name": str(decision.actor) if decision.actor else None,
        "role": decision.role,
        "reason": decision.reason,
        "created_at": decision.created_at,
    }


class FieldChangeAnswer(serializers.Serializer):
    field = serializers.CharField()
    old = serializers.CharField(allow_null=True)
    new = serializers.CharField(allow_null=True)


class ChangeAnswer(serializers.Serializer):
    at = serializers.DateTimeField()
    by = PersonAnswer(allow_null=True, help_text="Null for what no person did.")
    kind = serializers.ChoiceField(choices=["budget", "line_item"])
    object_id = serializers.UUIDField()
    name = serializers.CharField(help_text="The line's name; empty for the budget itself.")
    action = serializers.ChoiceField(choices=["created", "changed", "deleted", "restored"])
    reason = serializers.CharField()
    version = serializers.IntegerField()
    changes = FieldChangeAnswer(many=True)


def change_answer(change: Change, currency: str) -> dict[str, Any]:
    def shown(name: str, value: Any) -> Any:
        return amount_to_json(value, currency) if name.endswith("_amount") and value is not None else value

    return {
        "at": change.place.at,
        "by": {"id": str(change.by.pk), "name": str(change.by)} if change.by else None,
        "kind": change.place.kind,
        "object_id": str(change.object_id),
        "name": change.title,
        "action": change.action,
        "reason": change.reason,
        "version": change.version,
        "changes": [
            {"field": field.name, "old": shown(field.name, field.old), "new": shown(field.name, field.new)}
            for field in change.fields
        ],
    }
