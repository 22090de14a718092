"""`/budget-alerts` and `/alert-rules` of the REST contract."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.filters import AlertRuleFilter, BudgetAlertFilter
from alerts.models import AlertLevel, AlertRule, AlertType, BudgetAlert
from alerts.services.problems import AlertNotFound, AlreadyAcknowledged, AlreadyResolved, RuleExists
from alerts.services.reactions import acknowledge_alert, resolve_alert
from alerts.services.rules import (
    LARGEST_PERCENTAGE,
    MOST_THRESHOLDS,
    create_alert_rule,
    delete_alert_rule,
    update_alert_rule,
)
from budgets.models import EventBudget
from budgetsite.api.errors import conflict, not_found, translate_problems
from budgetsite.api.refusals import field_refusal
from budgetsite.api.views import ContractViewSet
from budgetsite.money.amounts import usage_to_json
from budgetsite.money.api_fields import MoneyField, PercentageField

translate_problems(
    {
        AlertNotFound: not_found,
        AlreadyAcknowledged: conflict(),
        AlreadyResolved: conflict(),
        RuleExists: conflict("rule_id"),
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
    threshold = PercentageField(help_text="The step that was reached, in percent.")
    utilization = PercentageField(help_text="Committed and actual in percent of budgeted; the line's for a line.")
    overrun_amount = OverrunField(
        help_text="0 for alerts about use; for forecast_overrun what is foreseen at the window's end."
    )
    currency = serializers.CharField()
    message = serializers.CharField()
    is_acknowledged = serializers.BooleanField(help_text="A higher threshold or level takes it back.")
    acknowledged_by = serializers.UUIDField(source="acknowledged_by_id", allow_null=True, help_text="Who did so last.")
    acknowledged_at = serializers.DateTimeField(allow_null=True)
    acknowledged_comment = serializers.CharField()
    resolved = serializers.BooleanField()
    resolved_by = serializers.UUIDField(
        source="resolved_by_id", allow_null=True, help_text="Null when the figures fell back, or the window is over."
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


def _percentage(**kwargs: Any) -> serializers.DecimalField:
    return serializers.DecimalField(
        max_digits=6, decimal_places=2, min_value=Decimal("0.01"), max_value=LARGEST_PERCENTAGE, **kwargs
    )


class RuleRequest(serializers.Serializer):
    """What is left out stays as it is; in a new rule it is what holds so far."""

    budget_id = serializers.UUIDField(required=False, allow_null=True, help_text="None for the account's own rule.")
    alert_types = serializers.ListField(
        child=serializers.ChoiceField(choices=AlertType.choices), required=False, help_text="Those switched on."
    )
    warning_threshold = _percentage(required=False)
    exceeded_thresholds = serializers.ListField(child=_percentage(), required=False, max_length=MOST_THRESHOLDS)
    high_variance_percentage = _percentage(required=False)


class AlertRuleAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    budget_id = serializers.UUIDField(allow_null=True, help_text="Null: the account's own rule.")
    alert_types = serializers.ListField(child=serializers.ChoiceField(choices=AlertType.choices))
    warning_threshold = PercentageField()
    exceeded_thresholds = serializers.ListField(child=PercentageField())
    high_variance_percentage = PercentageField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


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


class AlertRuleViewSet(ContractViewSet):
    """What raises an alert: the account's own rule, and those that replace it for a budget.

    An account that has changed nothing has none: then the warning is at 80 %, milestones are at 50, 75 and 90 %, and
    spending is far above the plan beyond 20 %. Scoped budgets have thresholds of their own: of the account's rule they
    heed which kinds are switched on.
    """

    model = AlertRule
    actions = {
        "list": "alert_rules.view",
        "retrieve": "alert_rules.view",
        "create": "alert_rules.change",
        "partial_update": "alert_rules.change",
        "destroy": "alert_rules.change",
    }
    filterset_class = AlertRuleFilter
    tags = ["alerts"]

    def visible(self):
        return AlertRule.objects.accounts_first()

    @extend_schema(operation_id="alert_rules_list", summary="List alert rules", responses=AlertRuleAnswer(many=True))
    def list(self, request: Request) -> Response:
        """The account's own first, then those of budgets, oldest first."""
        return self.page_of(self.get_queryset(), _rule_answer)

    @extend_schema(operation_id="alert_rules_read", summary="Read an alert rule", responses=AlertRuleAnswer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        return Response(_rule_answer(self.find(pk)))

    @extend_schema(
        operation_id="alert_rules_create",
        summary="Make an alert rule",
        request=RuleRequest,
        responses={201: AlertRuleAnswer},
    )
    def create(self, request: Request) -> Response:
        """For the account, or for one budget. What is left out is taken from the rule in force so far."""
        asked = self.read(RuleRequest, may_be_empty=True)
        rule = create_alert_rule(budget=self._budget(asked.pop("budget_id", None)), acting_user=self.user, **asked)
        return Response(_rule_answer(rule), status=status.HTTP_201_CREATED)

    @extend_schema(
        operation_id="alert_rules_change",
        summary="Change an alert rule",
        request=RuleRequest,
        responses=AlertRuleAnswer,
    )
    def partial_update(self, request: Request, pk: UUID) -> Response:
        """In force at once. Whose rule it is doesn't change."""
        asked = self.read(RuleRequest, partial=True)
        rule = self.find(pk)
        if "budget_id" in asked and asked.pop("budget_id") != rule.budget_id:
            raise field_refusal("budget_id", "fixed", "A rule stays with its budget. Make another for another budget.")
        return Response(_rule_answer(update_alert_rule(rule=rule, acting_user=self.user, **asked)))

    @extend_schema(operation_id="alert_rules_delete", summary="Delete an alert rule", responses={204: None})
    def destroy(self, request: Request, pk: UUID) -> Response:
        """Back to the account's rule for a budget, or to what every new account has."""
        delete_alert_rule(rule=self.find(pk), acting_user=self.user, now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _budget(self, budget_id: UUID | None) -> EventBudget | None:
        if budget_id is None:
            return None
        budget = EventBudget.objects.visible_to(user_id=self.user.pk, role=self.role).filter(pk=budget_id).first()
        if budget is None:
            raise field_refusal("budget_id", "does_not_exist", "There is no such budget. Give the id of one of yours.")
        return budget


def _alert_answer(alert: BudgetAlert) -> dict[str, Any]:
    return BudgetAlertAnswer(alert).data


def _rule_answer(rule: AlertRule) -> dict[str, Any]:
    return AlertRuleAnswer(rule).data
