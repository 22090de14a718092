from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from budgets.models.category import Category
from budgets.models.line_item import LineKind
from budgetsite.money.model_fields import CurrencyField
from budgetsite.tenancy.history import TenantHistory
from budgetsite.tenancy.models import TenantForeignKey, TenantModel


class TemplateBasis(models.TextChoices):
    AMOUNT = "amount", "An amount"
    SHARE = "share", "A share of the total"
    PER_HEAD = "per_head", "Per guest"


class BudgetTemplate(TenantModel):
    """A plan to begin with: applied to a new event, its lines become that event's."""

    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    # What its amounts are in; a template of shares alone suits any currency.
    currency = CurrencyField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, editable=False, related_name="+", db_index=False
    )

    history = TenantHistory()

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Also serves the list by name.
            models.UniqueConstraint(
                "tenant", Lower("name"), condition=Q(deleted_at=None), name="budgets_template_one_per_name"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TemplateLine(TenantModel):
    """One line of a template. `value` is an amount, a percentage of the total, or an amount per guest."""

    template = TenantForeignKey(BudgetTemplate, on_delete=models.CASCADE, related_name="lines")
    kind = models.CharField(max_length=10, choices=LineKind.choices, default=LineKind.COST)
    # A deleted category takes the lines of templates along; nothing was planned or spent on those.
    category = TenantForeignKey(Category, on_delete=models.CASCADE, related_name="template_lines")
    section = models.CharField(max_length=200, blank=True)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    basis = models.CharField(max_length=10, choices=TemplateBasis.choices, default=TemplateBasis.AMOUNT)
    value = models.DecimalField(max_digits=15, decimal_places=3, default=Decimal(0))
    sort_order = models.IntegerField(default=0)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(value__gte=0), name="budgets_templateline_value_not_negative"),
            models.CheckConstraint(condition=Q(kind__in=LineKind.values), name="budgets_templateline_kind_known"),
            models.CheckConstraint(
                condition=Q(basis__in=TemplateBasis.values), name="budgets_templateline_basis_known"
            ),
            models.CheckConstraint(
                condition=~Q(basis=TemplateBasis.SHARE) | Q(value__lte=100),
                name="budgets_templateline_share_at_most_100",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # The lines of a template, in their order.
            models.Index(fields=["tenant", "template", "sort_order", "id"], name="budgets_templateline_of_tmpl"),
            # Whether a category is in use.
            models.Index(fields=["tenant", "category"], name="budgets_templateline_by_cat"),
        ]

    def __str__(self) -> str:
        return self.name
