from decimal import Decimal
from typing import ClassVar

from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Lower

from budgetsite.money.model_fields import PercentageField
from budgetsite.tenancy.models import TenantModel


class Category(TenantModel):
    """What money is planned and spent for. Belongs to the account, which starts with those of both seed lists."""

    name = models.CharField(max_length=100)
    for_events = models.BooleanField(default=True, help_text="Offered for events in general.")
    for_weddings = models.BooleanField(default=False, help_text="Offered for weddings.")
    # Typical shares of a wedding's total. They are not an allocation: the seeds' add up to 130 %.
    benchmark_share = PercentageField(
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
        help_text="What is typically spent on it, in percent of the total.",
    )
    sort_order = models.IntegerField(default=0)

    class Meta(TenantModel.Meta):
        verbose_name_plural = "categories"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                "tenant",
                Lower("name"),
                condition=models.Q(deleted_at=None),
                name="budgets_category_one_per_name",
            ),
        ]

    def __str__(self) -> str:
        return self.name
