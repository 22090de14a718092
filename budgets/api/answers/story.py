"""Who did what with a budget: its decisions and its changes."""

from typing import Any

from rest_framework import serializers

from budgets.models import BudgetDecision, BudgetStatus
from budgets.selectors.budget_history import Change
from budgets.selectors.changed_fields import ChangedField
from budgetsite.accounts.models import User
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
    return {
        "at": change.place.at,
        "by": _person(change.by),
        "kind": change.place.kind,
        "object_id": str(change.object_id),
        "name": change.title,
        "action": change.action,
        "reason": change.reason,
        "version": change.version,
        "changes": [
            {
                "field": field.name,
                "old": _value(field.name, field.old, currency),
                "new": _value(field.name, field.new, currency),
            }
            for field in change.fields
        ],
    }


class ChangedFieldAnswer(serializers.Serializer):
    """A field that someone else changed since it was read."""

    field = serializers.CharField()
    before = serializers.JSONField(help_text="As it was read.")
    now = serializers.JSONField()
    by = PersonAnswer(allow_null=True, help_text="Who changed it last; null for what no person did.")
    at = serializers.DateTimeField(allow_null=True)
    line_item_id = serializers.UUIDField(allow_null=True)
    driver_id = serializers.UUIDField(allow_null=True)
    name = serializers.CharField(help_text="The line's or the driver's; empty for the budget itself.")


def changed_field_answer(change: ChangedField, currency: str) -> dict[str, Any]:
    return {
        "field": change.name,
        "before": _value(change.name, change.before, currency),
        "now": _value(change.name, change.now, currency),
        "by": _person(change.by),
        "at": change.at,
        "line_item_id": None if change.line_item_id is None else str(change.line_item_id),
        "driver_id": None if change.driver_id is None else str(change.driver_id),
        "name": change.title,
    }


def _person(user: User | None) -> dict[str, str] | None:
    return None if user is None else {"id": str(user.pk), "name": str(user)}


def _value(name: str, value: Any, currency: str) -> Any:
    """Return a field's value as the answers about the thing itself have it."""
    if value is None:
        return None
    if name.endswith("_amount") or name == "unit_price":
        return amount_to_json(value, currency)
    return format(value, ".3f") if name == "quantity" else value
