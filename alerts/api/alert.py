"""`/budget-alerts` of the REST contract."""

from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.filters import BudgetAlertFilter
from alerts.models import AlertLevel, AlertType, BudgetAlert
from alerts.services.problems import AlertNotFound, AlreadyAcknowledged, AlreadyResolved
from alerts.services.reactions import acknowledge_alert, resolve_alert
from budgetsite.api.errors import conflict, not_found, translate_problems
from budgetsite.api.views import ContractViewSet
from budgetsite.money.amounts import usage_to_json
from budgetsite.money.api_fields import MoneyField, PercentageField

translate_problems(
    {
        AlertNotFound: not_found,
        AlreadyAcknowledged: conflict(),
        AlreadyResolved: conflict(),
    }
)


@extend_schema_field(
    {
        "type": "string",
        "format": "decimal",
        "pattern": r"^\d{1,18}(\.\d{1,6})?$",
        "example": "1234.50",
        "description": "With the currency's own decimals, and with six where usage has them.",
    }
)
class OverrunField(MoneyField):
    """An amount as `MoneyField` writes it, and in fractions of a coin where a scoped budget's usage has them."""

    def to_representation(self, value: Any) -> str:
        return usage_to_json(value.amount, value.currency)


class BudgetAlertAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    budget_id = serializers.UUIDField(allow_null=True, help_text="Null: the alert is about a scoped budget.")
    scoped_budget_id = serializers.UUIDField(allow_null=True, help_text="Null: the alert is about an event budget.")
    event_id = serializers.UUIDField(source="budget.event_id", allow_null=True)
    window_start = serializers.DateTimeField(allow_null=True, help_text="Of a scoped budget: the window it is about.")
    window_end = serializers.DateTimeField(allow_null=True, help_text="Exclusive.")
    line_item_id = serializers.UUIDField(allow_null=True, help_text="The line that it is about, if it is about one.")
    alert_type = serializers.ChoiceField(choices=AlertType.choices)
    level = serializers.ChoiceField(choices=AlertLevel.choices)
    threshold = PercentageField(
        help_text="The step that was reached, in percent; an amount's share of the budget. 0 for payments."
    )
    threshold_amount = MoneyField(allow_null=True, help_text="Where the step is an amount: it.")
    utilization = PercentageField(help_text="Committed and actual in percent of budgeted; the line's for a line.")
    overrun_amount = OverrunField(
        help_text="0 for alerts about use; for forecast_overrun what is foreseen, for payments what is to be paid."
    )
    currency = serializers.CharField()
    message = serializers.CharField()
    is_acknowledged = serializers.BooleanField(help_text="A higher threshold or level takes it back.")
    acknowledged_by = serializers.UUIDField(source="acknowledged_by_id", allow_null=True, help_text="Who did so last.")
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    acknowledged_comment = serializers.CharField()
    resolved = serializers.BooleanField()
    resolved_by = serializers.UUIDField(
        source="resolved_by_id", allow_null=True, help_text="Null when it resolved itself."
    )
    resolved_at = serializers.DateTimeField(allow_null=True)
    resolved_comment = serializers.CharField()
    times_raised = serializers.IntegerField(help_text="How often it got worse since it was opened.")
    raised_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class ReactionRequest(serializers.Serializer):
    comment = serializers.CharField(
        max_length=2000, required=False, default="", allow_blank=True, help_text="Kept with the alert."
    )


class BudgetAlertViewSet(ContractViewSet):
    """Alerts of the event budgets that the asking person sees, and for the back office of all scoped budgets."""

    model = BudgetAlert
    actions = {
        "list": "alerts.view",
        "retrieve": "alerts.view",
        "acknowledge": "alerts.acknowledge",
        "resolve": "alerts.acknowledge",
    }
    filterset_class = BudgetAlertFilter
    ordering_fields = {"created_at": "created_at", "utilization": "utilization"}
    tags = ["alerts"]

    def visible(self):
        return BudgetAlert.objects.visible_to(user_id=self.user.pk, role=self.role).with_budgets().newest_first()

    @extend_schema(operation_id="budget_alerts_list", summary="List alerts", responses=BudgetAlertAnswer(many=True))
    def list(self, request: Request) -> Response:
        """Newest first."""
        return self.page_of(self.get_queryset(), _alert_answer)

    @extend_schema(operation_id="budget_alerts_read", summary="Read an alert", responses=BudgetAlertAnswer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        return Response(_alert_answer(self.find(pk)))

    @extend_schema(
        operation_id="budget_alerts_acknowledge",
        summary="Acknowledge an alert",
        request=ReactionRequest,
        responses=BudgetAlertAnswer,
    )
    def acknowledge(self, request: Request, pk: UUID) -> Response:
        """Somebody has seen it. Once; then 409 `already_acknowledged`, until a higher threshold or level is reached."""
        return self._react(acknowledge_alert, pk)

    @extend_schema(
        operation_id="budget_alerts_resolve",
        summary="Resolve an alert",
        request=ReactionRequest,
        responses=BudgetAlertAnswer,
    )
    def resolve(self, request: Request, pk: UUID) -> Response:
        """Somebody has dealt with it. Once; then 409 `already_resolved`. A new one opens if it gets worse."""
        return self._react(resolve_alert, pk)

    def _react(self, service: Any, pk: UUID) -> Response:
        asked = self.read(ReactionRequest, may_be_empty=True)
        alert = service(alert_id=self.find(pk).pk, acting_user=self.user, now=timezone.now(), comment=asked["comment"])
        return Response(_alert_answer(alert))


def _alert_answer(alert: BudgetAlert) -> dict[str, Any]:
    return BudgetAlertAnswer(alert).data
