"""What the registrations' endpoints answer, each beside the serializer that describes it."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from rest_framework import serializers

from budgetsite.money.amounts import amount_to_json
from budgetsite.money.api_fields import MoneyField, PercentageField
from events.models import Event
from registrations.models import EventOption, EventRegistration, PickupSlot, RegistrationStatus
from registrations.selectors.variance import EventVariance
from registrations.services.conflicts import slot_label
from registrations.services.problems import Conflict, ConflictType

ZERO = Decimal(0)
CONFLICT_TYPES = [
    ConflictType.REGISTRATION_CLOSED,
    ConflictType.BUDGET_EXHAUSTED,
    ConflictType.INVENTORY_EXHAUSTED,
    ConflictType.SLOT_CONFLICT,
]


class RegistrationAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    event_id = serializers.UUIDField()
    user_id = serializers.UUIDField()
    user_name = serializers.CharField()
    event_option_id = serializers.UUIDField(allow_null=True)
    option_name = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=RegistrationStatus.choices)
    party_size = serializers.IntegerField()
    qr_token = serializers.CharField(help_text="Shown to its owner and to the event's staff alone.")
    preferred_pickup_slot = serializers.CharField(allow_null=True)
    preferred_pickup_slot_id = serializers.UUIDField(allow_null=True)
    assigned_pickup_slot = serializers.CharField(allow_null=True)
    assigned_pickup_slot_id = serializers.UUIDField(allow_null=True)
    currency = serializers.CharField()
    quoted_cost = MoneyField(help_text="What a place cost when it was asked for.")
    amount_committed = MoneyField()
    amount_kept = MoneyField(help_text="What stayed as cost after a late cancellation.")
    notes = serializers.CharField()
    reason = serializers.CharField()
    created_at = serializers.DateTimeField()
    approved_at = serializers.DateTimeField(allow_null=True)
    approved_by = serializers.UUIDField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    decided_by = serializers.UUIDField(allow_null=True)
    collected_at = serializers.DateTimeField(allow_null=True)
    collected_by = serializers.UUIDField(allow_null=True)


def registration_answer(registration: EventRegistration, event: Event) -> dict[str, Any]:
    """Describe a registration of `registrations_of`."""
    currency = registration.currency
    return {
        "id": str(registration.pk),
        "event_id": str(registration.event_id),
        "user_id": str(registration.user_id),
        "user_name": str(registration.user),
        "event_option_id": registration.event_option_id,
        "option_name": registration.event_option.option_name if registration.event_option else None,
        "status": registration.status,
        "party_size": registration.party_size,
        "qr_token": registration.qr_token,
        "preferred_pickup_slot": _label(registration.preferred_slot, event),
        "preferred_pickup_slot_id": registration.preferred_slot_id,
        "assigned_pickup_slot": _label(registration.assigned_slot, event),
        "assigned_pickup_slot_id": registration.assigned_slot_id,
        "currency": currency,
        "quoted_cost": amount_to_json(registration.quoted_cost, currency),
        "amount_committed": amount_to_json(registration.amount_committed, currency),
        "amount_kept": amount_to_json(registration.amount_kept, currency),
        "notes": registration.notes,
        "reason": registration.reason,
        "created_at": registration.created_at,
        "approved_at": registration.approved_at,
        "approved_by": registration.approved_by_id,
        "decided_at": registration.decided_at,
        "decided_by": registration.decided_by_id,
        "collected_at": registration.collected_at,
        "collected_by": registration.collected_by_id,
    }


class FundingRefusalAnswer(serializers.Serializer):
    """A scoped budget that pays for the event's, or stands above one that does, and has no room."""

    budget_id = serializers.UUIDField()
    name = serializers.CharField()
    scope_type = serializers.CharField()
    scope_id = serializers.CharField()
    reason = serializers.CharField()
    action = serializers.CharField(help_text="The strictest of its thresholds that would be reached.")
    remaining = serializers.CharField(help_text="What it has left now; negative when it is overspent.")
    currency = serializers.CharField()


class TierAnswer(serializers.Serializer):
    conflict_type = serializers.ChoiceField(choices=CONFLICT_TYPES)
    message = serializers.CharField()
    available = serializers.CharField(allow_null=True, help_text="What is left: places, or an amount of money.")
    alternatives = serializers.ListField(child=serializers.CharField())
    alternative_ids = serializers.ListField(child=serializers.CharField())
    refusals = FundingRefusalAnswer(many=True, help_text="Of BUDGET_EXHAUSTED, for the team: who above has no room.")


def tier_answer(conflict: Conflict) -> dict[str, Any]:
    return {
        "conflict_type": conflict.conflict_type,
        "message": conflict.message,
        "available": conflict.available,
        "alternatives": conflict.alternatives,
        "alternative_ids": conflict.alternative_ids,
        "refusals": [refusal.as_json() for refusal in conflict.refusals],
    }


class PreflightAnswer(serializers.Serializer):
    has_conflict = serializers.BooleanField()
    conflict_type = serializers.ChoiceField(choices=CONFLICT_TYPES, allow_null=True)
    conflict_message = serializers.CharField(allow_null=True)
    available_alternatives = serializers.ListField(child=serializers.CharField())
    conflicts = TierAnswer(many=True)


def preflight_answer(conflicts: Sequence[Conflict]) -> dict[str, Any]:
    first = conflicts[0] if conflicts else None
    return {
        "has_conflict": bool(conflicts),
        "conflict_type": first.conflict_type if first else None,
        "conflict_message": first.message if first else None,
        "available_alternatives": first.alternatives if first else [],
        "conflicts": [tier_answer(conflict) for conflict in conflicts],
    }


class OptionVarianceAnswer(serializers.Serializer):
    option_id = serializers.UUIDField()
    option_name = serializers.CharField()
    total_available = serializers.IntegerField()
    committed_count = serializers.IntegerField()
    held_count = serializers.IntegerField()
    available_slots = serializers.IntegerField()
    utilization_percentage = PercentageField()


class VarianceAnswer(serializers.Serializer):
    event_id = serializers.UUIDField()
    event_name = serializers.CharField()
    currency = serializers.CharField()
    total_budget = MoneyField()
    budget_committed = MoneyField()
    budget_actual = MoneyField()
    budget_available = MoneyField()
    utilization_percentage = PercentageField()
    pending_exposure = MoneyField(help_text="What the waiting requests would commit if all were approved.")
    short_by = MoneyField(help_text="What would be missing then.")
    registered_users_count = serializers.IntegerField(help_text="Registrations that wait or are approved.")
    approved_registrations_count = serializers.IntegerField()
    pending_registrations_count = serializers.IntegerField()
    rejected_registrations_count = serializers.IntegerField()
    cancelled_registrations_count = serializers.IntegerField()
    collected_registrations_count = serializers.IntegerField()
    option_variance = OptionVarianceAnswer(many=True)


def variance_answer(event: Event, variance: EventVariance) -> dict[str, Any]:
    budget, currency = variance.budget, event.currency

    def money(amount: Any) -> str:
        return amount_to_json(amount, currency)

    return {
        "event_id": str(event.pk),
        "event_name": event.name,
        "currency": currency,
        "total_budget": money(budget.in_force_amount if budget else ZERO),
        "budget_committed": money(budget.total_committed_amount if budget else ZERO),
        "budget_actual": money(budget.total_actual_amount if budget else ZERO),
        "budget_available": money(budget.available_amount if budget else ZERO),
        "utilization_percentage": format(budget.utilization_percentage if budget else ZERO, ".2f"),
        "pending_exposure": money(variance.pending_exposure),
        "short_by": money(variance.short_by),
        "registered_users_count": variance.registered,
        "approved_registrations_count": variance.approved,
        "pending_registrations_count": variance.pending,
        "rejected_registrations_count": variance.rejected,
        "cancelled_registrations_count": variance.cancelled,
        "collected_registrations_count": variance.collected,
        "option_variance": [_option_variance(option) for option in variance.options],
    }


class CheckInAnswer(serializers.Serializer):
    result = serializers.CharField(help_text="SUCCESS, ALREADY_COLLECTED, NOT_APPROVED or NOT_FOUND.")
    registration = RegistrationAnswer(allow_null=True)
    collected_at = serializers.DateTimeField(allow_null=True)
    collected_by = serializers.CharField(allow_null=True)


def _option_variance(option: EventOption) -> dict[str, Any]:
    return {
        "option_id": str(option.pk),
        "option_name": option.option_name,
        "total_available": option.total_available,
        "committed_count": option.committed_count,
        "held_count": option.held_count,
        "available_slots": option.available_slots,
        "utilization_percentage": format(option.utilization_percentage, ".2f"),
    }


def _label(slot: PickupSlot | None, event: Event) -> str | None:
    return None if slot is None else slot_label(slot, event)
