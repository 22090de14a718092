"""`/budget-templates`: plans to begin with."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api.line_inputs import CategoryField
from budgets.models import BudgetTemplate, EventBudget, LineKind, TemplateBasis, TemplateLine
from budgets.selectors.templates import templates_by_name
from budgets.services.template import (
    MAX_LINES,
    CurrencyNeeded,
    SharesExceedWhole,
    TemplateLineRefused,
    TemplateNotFound,
    TooManyTemplateLines,
    create_template,
    delete_template,
    update_template,
)
from budgets.services.template_from_budget import NothingToShare, ShareTooLarge, save_budget_as_template
from budgets.services.template_use import TemplateExceedsTotal, TemplateInOtherCurrency, TotalNeeded, template_lines
from budgetsite.api.errors import field_error, not_found, translate_problems
from budgetsite.api.refusals import field_refusal
from budgetsite.api.views import ContractViewSet
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.api_fields import MoneyField

_LONGEST_TEXT = 10_000
_VALUE = {
    "type": "string",
    "format": "decimal",
    "example": "12.500",
    "description": "By `basis`: an amount in the template's currency, a percentage of the total with up to three"
    " decimals, or an amount for each expected guest.",
}


@extend_schema_field(_VALUE)
class TemplateValueField(MoneyField):
    """Read as an amount of any currency; the service knows by the line's basis what it has to be."""


class TemplateLineInput(serializers.Serializer):
    category = CategoryField()
    name = serializers.CharField(max_length=200)
    kind = serializers.ChoiceField(choices=LineKind.choices, required=False)
    section = serializers.CharField(max_length=200, required=False, allow_blank=True)
    description = serializers.CharField(max_length=_LONGEST_TEXT, required=False, allow_blank=True)
    basis = serializers.ChoiceField(choices=TemplateBasis.choices)
    value = TemplateValueField(minimum=Decimal(0))


class TemplateLineChangesInput(TemplateLineInput):
    id = serializers.UUIDField(required=False, help_text="A line that the template has; without it one is added.")


class TemplateInput(serializers.Serializer):
    """A template from its lines, or from a budget as it is now."""

    name = serializers.CharField(max_length=200)
    description = serializers.CharField(max_length=_LONGEST_TEXT, required=False, allow_blank=True)
    currency = serializers.CharField(
        max_length=3, required=False, allow_blank=True, help_text="Needed once a line is an amount, or one per guest."
    )
    lines = TemplateLineInput(many=True, required=False, max_length=MAX_LINES)  # type: ignore[call-arg]
    from_budget_id = serializers.UUIDField(required=False, help_text="Instead of `lines`: a budget that you may see.")
    lines_as = serializers.DictField(
        child=serializers.ChoiceField(choices=TemplateBasis.choices),
        required=False,
        help_text="With `from_budget_id`: a line's id → how that one is kept, where it is not as `as` says.",
    )

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        # A word that Python keeps for itself.
        fields["as"] = serializers.ChoiceField(
            choices=TemplateBasis.choices,
            required=False,
            help_text="With `from_budget_id`: how its lines of cost are kept, by default as amounts. Income stays an"
            " amount, unless `lines_as` names it.",
        )
        return fields

    def validate_lines_as(self, value: dict[str, str]) -> dict[UUID, TemplateBasis]:
        try:
            return {UUID(line_id): TemplateBasis(basis) for line_id, basis in value.items()}
        except ValueError as error:
            raise serializers.ValidationError("Name the lines by their ids.") from error

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "from_budget_id" in attrs:
            beside = [name for name in ("lines", "currency") if attrs.get(name)]
            if beside:
                raise field_refusal(beside[0], "ambiguous", f"With from_budget_id, {beside[0]} come from that budget.")
            return attrs
        for name in ("as", "lines_as"):
            if name in attrs:
                raise field_refusal(name, "ambiguous", f"“{name}” says how a budget is kept: send from_budget_id too.")
        return attrs


class TemplateChangesInput(serializers.Serializer):
    name = serializers.CharField(max_length=200, required=False)
    description = serializers.CharField(max_length=_LONGEST_TEXT, required=False, allow_blank=True)
    currency = serializers.CharField(max_length=3, required=False, allow_blank=True)
    lines = TemplateLineChangesInput(  # type: ignore[call-arg]
        many=True,
        required=False,
        max_length=MAX_LINES,
        help_text="All lines that it is to have, in their order; those left out are deleted.",
    )


@extend_schema_field(_VALUE)
class _ValueAnswer(serializers.CharField):
    pass


class TemplateLineAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    kind = serializers.ChoiceField(choices=LineKind.choices)
    category = serializers.CharField(help_text="The category's name.")
    category_id = serializers.UUIDField()
    section = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    basis = serializers.ChoiceField(choices=TemplateBasis.choices)
    value = _ValueAnswer()
    sort_order = serializers.IntegerField()


class TemplateAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    description = serializers.CharField()
    currency = serializers.CharField(help_text="Empty where it has no amounts: it suits any currency then.")
    line_count = serializers.IntegerField()
    shares_percentage = serializers.DecimalField(
        max_digits=15, decimal_places=3, help_text="What the shares of its lines of cost add up to: 100.000 at most."
    )
    needs_total = serializers.BooleanField(help_text="It has shares: applying it needs a total.")
    needs_guests = serializers.BooleanField(help_text="It has amounts per guest: the event has to expect some.")
    created_by = serializers.UUIDField(allow_null=True, help_text="Null for those that every account begins with.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class TemplateDetailAnswer(TemplateAnswer):
    lines = TemplateLineAnswer(many=True)


def template_answer(template: Any) -> dict[str, Any]:
    """Describe a template of `templates_by_name`."""
    return {
        "id": str(template.pk),
        "name": template.name,
        "description": template.description,
        "currency": template.currency,
        "line_count": template.line_count,
        "shares_percentage": format(template.shares, ".3f"),
        "needs_total": template.needs_total,
        "needs_guests": template.per_head_count > 0,
        "created_by": template.created_by_id,
        "created_at": template.created_at,
        "updated_at": template.updated_at,
    }


def _line_answer(line: TemplateLine, currency: str) -> dict[str, Any]:
    is_amount = line.basis != TemplateBasis.SHARE and currency
    return {
        "id": str(line.pk),
        "kind": line.kind,
        "category": line.category.name,
        "category_id": str(line.category_id),
        "section": line.section,
        "name": line.name,
        "description": line.description,
        "basis": line.basis,
        "value": amount_to_json(line.value, currency) if is_amount else format(line.value, ".3f"),
        "sort_order": line.sort_order,
    }


class TemplateViewSet(ContractViewSet):
    model = BudgetTemplate
    tags = ["budget templates"]
    actions = {
        "list": "templates.view",
        "create": "templates.change",
        "retrieve": "templates.view",
        "partial_update": "templates.change",
        "destroy": "templates.change",
    }
    search_fields = ["name"]
    ordering_fields = {"name": "name", "created_at": "created_at", "updated_at": "updated_at"}

    def visible(self) -> QuerySet[Any]:
        return templates_by_name()

    @extend_schema(summary="List templates of plans by name", responses=TemplateAnswer(many=True))
    def list(self, request: Request) -> Response:
        return self.page_of(self.get_queryset(), template_answer)

    @extend_schema(
        summary="Make a template from lines, or from a budget",
        request=TemplateInput,
        responses={201: TemplateDetailAnswer},
    )
    def create(self, request: Request) -> Response:
        values = self.read(TemplateInput)
        budget_id = values.pop("from_budget_id", None)
        if budget_id is None:
            return self._answer(create_template(acting_user=self.user, **values).pk, status=201)
        if not EventBudget.objects.visible_to(user_id=self.user.pk, role=self.role).filter(pk=budget_id).exists():
            raise Http404
        template = save_budget_as_template(
            budget_id=budget_id,
            acting_user=self.user,
            name=values["name"],
            description=values.get("description", ""),
            basis=TemplateBasis(values.get("as", TemplateBasis.AMOUNT)),
            bases=values.get("lines_as"),
        )
        return self._answer(template.pk, status=201)

    @extend_schema(summary="Read a template with its lines", responses=TemplateDetailAnswer)
    def retrieve(self, request: Request, template_id: UUID) -> Response:
        return self._answer(template_id)

    @extend_schema(
        summary="Change a template", request=TemplateChangesInput(partial=True), responses=TemplateDetailAnswer
    )
    def partial_update(self, request: Request, template_id: UUID) -> Response:
        self.find(template_id)
        values = self.read(TemplateChangesInput, partial=True)
        update_template(template_id=template_id, acting_user=self.user, now=timezone.now(), **values)
        return self._answer(template_id)

    @extend_schema(summary="Delete a template; budgets made from it stay", responses={204: None})
    def destroy(self, request: Request, template_id: UUID) -> Response:
        delete_template(template_id=template_id, acting_user=self.user, now=timezone.now())
        return Response(status=204)

    def _answer(self, template_id: UUID, *, status: int = 200) -> Response:
        template = self.find(template_id)
        lines = [_line_answer(line, template.currency) for line in template_lines(template)]
        return Response({**template_answer(template), "lines": lines}, status=status)


def _line_refused(error: TemplateLineRefused, view: Any) -> APIException:
    return field_refusal(f"lines.{error.position}.{error.field}", error.code, str(error))


translate_problems(
    {
        TemplateNotFound: not_found,
        TemplateLineRefused: _line_refused,
        TooManyTemplateLines: field_error("lines"),
        SharesExceedWhole: field_error("lines"),
        CurrencyNeeded: field_error("currency"),
        NothingToShare: field_error("as"),
        ShareTooLarge: field_error("lines_as"),
        TotalNeeded: field_error("total_budget_amount"),
        TemplateExceedsTotal: field_error("total_budget_amount"),
        TemplateInOtherCurrency: field_error("template_id"),
    }
)
