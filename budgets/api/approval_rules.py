"""`/approval-rules`: what a plan, a transfer or an expense has to pass, and by whom."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api.line_inputs import CategoryField
from budgets.models import APPROVING_ROLE_CHOICES, MAX_STAGES, ApprovalRule, ApprovalSubject
from budgets.selectors.approval_rules import rules_in_order, sentence
from budgets.services.approval_rules import (
    ApprovalRuleExists,
    ApprovalRuleNotFound,
    create_approval_rule,
    delete_approval_rule,
    update_approval_rule,
)
from budgetsite.api.errors import conflict, not_found, translate_problems
from budgetsite.api.views import ContractViewSet
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.api_fields import MoneyField


class ApprovalRuleInput(serializers.Serializer):
    subject = serializers.ChoiceField(choices=ApprovalSubject.choices, required=False, help_text="A plan, if left out.")
    stage = serializers.IntegerField(
        min_value=1,
        max_value=MAX_STAGES,
        required=False,
        help_text="Stages are taken in this order. Transfers and expenses have 1.",
    )
    role = serializers.ChoiceField(choices=APPROVING_ROLE_CHOICES, help_text="Who decides, or someone above them.")
    above_amount = MoneyField(
        minimum=Decimal(0), required=False, help_text="Applies above this amount, not to exactly as much; 0 is always."
    )
    currency = serializers.CharField(
        max_length=3, required=False, help_text="Of `above_amount`; the account's, if left out."
    )
    category = CategoryField(required=False, allow_null=True)


class ApprovalRuleAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    subject = serializers.ChoiceField(choices=ApprovalSubject.choices)
    stage = serializers.IntegerField()
    role = serializers.ChoiceField(choices=APPROVING_ROLE_CHOICES)
    above_amount = MoneyField()
    currency = serializers.CharField()
    category = serializers.CharField(allow_null=True, help_text="The category's name; null for the whole plan.")
    category_id = serializers.UUIDField(allow_null=True)
    sentence = serializers.CharField(help_text="The rule in words.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class ApprovalRuleViewSet(ContractViewSet):
    """What a plan has to pass before it is in force, and a transfer or an expense before it moves money.

    Without a rule one manager or owner is enough for a plan, and transfers and expenses need nobody.

    A rule holds for what is submitted from then on. A rule in another currency than a budget's always applies to it.
    """

    model = ApprovalRule
    tags = ["approval rules"]
    actions = {
        "list": "approval_rules.view",
        "create": "approval_rules.change",
        "retrieve": "approval_rules.view",
        "partial_update": "approval_rules.change",
        "destroy": "approval_rules.change",
    }

    def visible(self) -> QuerySet[Any]:
        return rules_in_order()

    @extend_schema(summary="List approval rules", responses=ApprovalRuleAnswer(many=True))
    def list(self, request: Request) -> Response:
        """By subject: expenses, plans by stage, transfers."""
        return self.page_of(self.get_queryset(), rule_answer)

    @extend_schema(summary="Ask for an approval", request=ApprovalRuleInput, responses={201: ApprovalRuleAnswer})
    def create(self, request: Request) -> Response:
        values = {"currency": self.account.currency, **self.read(ApprovalRuleInput)}
        return Response(rule_answer(create_approval_rule(acting_user=self.user, **values)), status=201)

    @extend_schema(summary="Read an approval rule", responses=ApprovalRuleAnswer)
    def retrieve(self, request: Request, rule_id: UUID) -> Response:
        return Response(rule_answer(self.find(rule_id)))

    @extend_schema(
        summary="Change an approval rule", request=ApprovalRuleInput(partial=True), responses=ApprovalRuleAnswer
    )
    def partial_update(self, request: Request, rule_id: UUID) -> Response:
        """For what is submitted from now on; what is in review keeps its stages."""
        rule = self.find(rule_id)
        values = self.read(ApprovalRuleInput, partial=True)
        return Response(rule_answer(update_approval_rule(rule_id=rule.pk, acting_user=self.user, **values)))

    @extend_schema(summary="Ask for an approval no longer", responses={204: None})
    def destroy(self, request: Request, rule_id: UUID) -> Response:
        delete_approval_rule(rule_id=self.find(rule_id).pk, acting_user=self.user, now=timezone.now())
        return Response(status=204)


def rule_answer(rule: ApprovalRule) -> dict[str, Any]:
    return {
        "id": str(rule.pk),
        "subject": rule.subject,
        "stage": rule.stage,
        "role": rule.role,
        "above_amount": amount_to_json(rule.above_amount, rule.currency),
        "currency": rule.currency,
        "category": rule.category.name if rule.category else None,
        "category_id": rule.category_id,
        "sentence": sentence(rule),
        "created_at": rule.created_at,
        "updated_at": rule.updated_at,
    }


translate_problems({ApprovalRuleNotFound: not_found, ApprovalRuleExists: conflict("rule_id")})
