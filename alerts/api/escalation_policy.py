"""`/escalation-policy`: when the account reminds of payments, and whom what nobody deals with goes up to."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.models import EscalationPolicy
from alerts.services.escalation_policy import (
    LONGEST_ALERT_HOURS,
    LONGEST_BEFORE,
    LONGEST_OVERDUE_DAYS,
    MOST_REMINDERS,
    POLICY_FIELDS,
    change_escalation_policy,
    escalation_policy,
)
from budgetsite.api.views import ContractViewSet


def _time(largest: int, help_text: str) -> serializers.IntegerField:
    return serializers.IntegerField(
        min_value=1, max_value=largest, required=False, allow_null=True, help_text=f"{help_text} Null is never."
    )


class EscalationPolicyInput(serializers.Serializer):
    days_before = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=LONGEST_BEFORE),
        max_length=MOST_REMINDERS,
        required=False,
        help_text="So many days before a payment is due whoever runs the event is reminded; 0 is the day itself.",
    )
    overdue_days_until_manager = _time(LONGEST_OVERDUE_DAYS, "A payment so many days overdue is told to managers.")
    overdue_days_until_owner = _time(LONGEST_OVERDUE_DAYS, "And to owners. Not before the managers.")
    alert_hours_until_manager = _time(
        LONGEST_ALERT_HOURS, "A critical alert that nobody acknowledged for so long is told to managers again."
    )
    alert_hours_until_owner = _time(LONGEST_ALERT_HOURS, "And to owners. Not before the managers.")


class EscalationPolicyAnswer(serializers.Serializer):
    days_before = serializers.ListField(child=serializers.IntegerField(), help_text="The most first.")
    overdue_days_until_manager = serializers.IntegerField(allow_null=True)
    overdue_days_until_owner = serializers.IntegerField(allow_null=True)
    alert_hours_until_manager = serializers.IntegerField(allow_null=True)
    alert_hours_until_owner = serializers.IntegerField(allow_null=True)


class EscalationPolicyViewSet(ContractViewSet):
    """Who runs an event hears of its payments and alerts first. Nobody is told the same twice."""

    model = EscalationPolicy
    tags = ["alerts"]
    actions = {"retrieve": "alert_rules.view", "partial_update": "alert_rules.change"}

    def visible(self) -> QuerySet[Any]:
        return EscalationPolicy.objects.all()

    @extend_schema(
        operation_id="escalation_policy_read",
        summary="Read when the account reminds and escalates",
        responses=EscalationPolicyAnswer,
    )
    def retrieve(self, request: Request) -> Response:
        return Response(_answer(escalation_policy()))

    @extend_schema(
        operation_id="escalation_policy_change",
        summary="Change when the account reminds and escalates",
        request=EscalationPolicyInput(partial=True),
        responses=EscalationPolicyAnswer,
    )
    def partial_update(self, request: Request) -> Response:
        """What people were told already they are not told again."""
        values = self.read(EscalationPolicyInput, partial=True)
        return Response(_answer(change_escalation_policy(acting_user=self.user, **values)))


def _answer(policy: EscalationPolicy) -> dict[str, Any]:
    return {name: getattr(policy, name) for name in POLICY_FIELDS}
