"""`/alert-rules` of the REST contract: what raises alerts, and what a rule would have raised in the past year."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.filters import AlertRuleFilter
from alerts.models import RULE_BASIS_CHOICES, AlertLevel, AlertRule, AlertType, Audience, Basis, Measure
from alerts.services.problems import RuleExists, RuleNotFound
from alerts.services.replay import Replay, TooMuchToTry
from alerts.services.rule_checks import LARGEST_PERCENTAGE, LARGEST_WARNING, MOST_THRESHOLDS
from alerts.services.rules import (
    RulePreview,
    create_alert_rule,
    delete_alert_rule,
    preview_alert_rule,
    update_alert_rule,
    values_of,
)
from budgets.models import EventBudget
from budgetsite.api.errors import conflict, not_found, translate_problems
from budgetsite.api.refusals import field_refusal
from budgetsite.api.views import ContractViewSet
from budgetsite.money.api_fields import PercentageField

translate_problems({RuleExists: conflict("rule_id"), RuleNotFound: not_found, TooMuchToTry: conflict()})


def _percentage(*, largest: Decimal = LARGEST_PERCENTAGE, **kwargs: Any) -> serializers.DecimalField:
    return serializers.DecimalField(
        max_digits=6, decimal_places=2, min_value=Decimal("0.01"), max_value=largest, **kwargs
    )


def _who(**kwargs: Any) -> serializers.ListField:
    return serializers.ListField(child=serializers.ChoiceField(choices=Audience.choices), **kwargs)


class OwnThresholdRequest(serializers.Serializer):
    """A threshold beside the milestones."""

    measure = serializers.ChoiceField(choices=Measure.choices)
    at = serializers.DecimalField(
        max_digits=15,
        decimal_places=3,
        help_text="A percentage of the budget, above 0 and up to 1000, or an amount above 0. Reaching it is enough.",
    )
    basis = serializers.ChoiceField(
        choices=Basis.choices,
        required=False,
        help_text="What is compared with it; committed_and_actual unless it says otherwise. The forecast is made anew "
        "some moments after most changes, and every ten minutes.",
    )
    level = serializers.ChoiceField(
        choices=AlertLevel.choices, required=False, help_text="Warning unless it says otherwise."
    )
    currency = serializers.CharField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=3,
        help_text="Of an amount; the threshold holds for budgets in it alone. Left out in a budget's rule it is the "
        "budget's.",
    )


class AudienceRequest(serializers.Serializer):
    """A level that is left out stays as it is."""

    information = _who(required=False)
    warning = _who(required=False)
    critical = _who(required=False, help_text="At least one.")

    def to_internal_value(self, data: Any) -> Any:
        """A level that is misspelt is no level left out: whoever sent it would think that its people are told."""
        unknown = [name for name in data if name not in self.fields] if isinstance(data, Mapping) else []
        if unknown:
            known = ", ".join(self.fields)
            raise serializers.ValidationError(
                {name: [f"There is no such level. Choose from {known}."] for name in unknown}, code="unknown_level"
            )
        return super().to_internal_value(data)


class RuleRequest(serializers.Serializer):
    """What is left out stays as it is; in a new rule it is what holds so far."""

    budget_id = serializers.UUIDField(required=False, allow_null=True, help_text="None for the account's own rule.")
    alert_types = serializers.ListField(
        child=serializers.ChoiceField(choices=AlertType.choices), required=False, help_text="Those switched on."
    )
    warning_threshold = _percentage(largest=LARGEST_WARNING, required=False)
    exceeded_thresholds = serializers.ListField(child=_percentage(), required=False, max_length=MOST_THRESHOLDS)
    high_variance_percentage = _percentage(required=False)
    basis = serializers.ChoiceField(
        choices=RULE_BASIS_CHOICES,
        required=False,
        help_text="What warning_threshold and exceeded_thresholds look at.",
    )
    thresholds = serializers.ListField(
        child=OwnThresholdRequest(),
        required=False,
        max_length=MOST_THRESHOLDS,
        help_text="Further thresholds. They open threshold_exceeded, those on the forecast forecast_overrun.",
    )
    audience = AudienceRequest(required=False, help_text="Who is told, by the level of the alert.")


class OwnThresholdAnswer(serializers.Serializer):
    measure = serializers.ChoiceField(choices=Measure.choices)
    at = serializers.CharField(help_text="A percentage, or an amount in the currency's decimals.")
    basis = serializers.ChoiceField(choices=Basis.choices)
    level = serializers.ChoiceField(choices=AlertLevel.choices)
    currency = serializers.CharField(allow_null=True)


class AudienceAnswer(serializers.Serializer):
    information = _who()
    warning = _who()
    critical = _who()


class AlertRuleAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    budget_id = serializers.UUIDField(allow_null=True, help_text="Null: the account's own rule.")
    alert_types = serializers.ListField(child=serializers.ChoiceField(choices=AlertType.choices))
    warning_threshold = PercentageField()
    exceeded_thresholds = serializers.ListField(child=PercentageField())
    high_variance_percentage = PercentageField()
    basis = serializers.ChoiceField(choices=RULE_BASIS_CHOICES)
    thresholds = OwnThresholdAnswer(many=True)
    audience = AudienceAnswer()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class FiredAnswer(serializers.Serializer):
    alert_type = serializers.ChoiceField(choices=AlertType.choices)
    fired = serializers.IntegerField()


class ReplayAnswer(serializers.Serializer):
    fired = serializers.IntegerField(help_text="How often an alert would have opened, or become graver.")
    budgets_that_fired = serializers.IntegerField()
    by_type = FiredAnswer(many=True)


class RulePreviewAnswer(ReplayAnswer):
    in_force = ReplayAnswer(help_text="The same of the rule in force.")
    budgets = serializers.IntegerField(help_text="Those that moved since then.")
    movements = serializers.IntegerField(help_text="Entries of their ledgers.")
    since = serializers.DateTimeField()
    is_cut = serializers.BooleanField(help_text="There were more: those of the budgets that moved last were looked at.")


class AlertRuleViewSet(ContractViewSet):
    """What raises an alert: the account's own rule, and those that replace it for a budget.

    An account that has changed nothing has none: then the warning is at 80 %, milestones are at 50, 75 and 90 % of what
    is spent and promised, and spending is far above the plan beyond 20 %. `thresholds` adds others, by percentage or
    amount, on what is spent, spent and promised, or foreseen, each with its level. Of several that are reached one
    alert tells: at the highest one, as grave as the gravest. `audience` says who is told of which level: who runs the
    event, managers, owners, staff. Scoped budgets have thresholds of their own: of the account's rule they heed which
    kinds are switched on.
    """

    model = AlertRule
    actions = {
        "list": "alert_rules.view",
        "retrieve": "alert_rules.view",
        "create": "alert_rules.change",
        "preview": "alert_rules.view",
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
        operation_id="alert_rules_preview",
        summary="Try an alert rule",
        request=RuleRequest,
        responses=RulePreviewAnswer,
    )
    def preview(self, request: Request) -> Response:
        """How often it would have fired in the past year, against the plans as they are now. Stores nothing.

        What is left out is taken from the rule in force. Where there is too much to look at it is refused
        (`too_much_to_try`): try the rule on one budget then.
        """
        asked = self.read(RuleRequest, may_be_empty=True)
        budget = self._budget(asked.pop("budget_id", None))
        preview = preview_alert_rule(budget=budget, now=timezone.now(), **asked)
        return Response(_preview_answer(preview))

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


def _rule_answer(rule: AlertRule) -> dict[str, Any]:
    values = values_of(rule).as_fields()
    return AlertRuleAnswer(
        {
            "id": rule.pk,
            "budget_id": rule.budget_id,
            **values,
            "created_at": rule.created_at,
            "updated_at": rule.updated_at,
        }
    ).data


def _replay_answer(replay: Replay) -> dict[str, Any]:
    return {
        "fired": replay.fired,
        "budgets_that_fired": replay.budgets_that_fired,
        "by_type": [{"alert_type": kind, "fired": fired} for kind, fired in replay.by_type.items()],
    }


def _preview_answer(preview: RulePreview) -> dict[str, Any]:
    tried = preview.proposed
    return {
        **_replay_answer(tried),
        "in_force": _replay_answer(preview.present),
        "budgets": tried.budgets,
        "movements": tried.movements,
        "since": tried.since,
        "is_cut": tried.is_cut,
    }
