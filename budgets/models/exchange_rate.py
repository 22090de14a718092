from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from budgetsite.money.model_fields import CurrencyField
from budgetsite.tenancy.history import TenantHistory
from budgetsite.tenancy.models import TenantModel

RATE_DIGITS, RATE_DECIMALS = 18, 8
# Whatever is beyond was typed wrongly, and an amount times it would not fit anywhere.
SMALLEST_RATE, LARGEST_RATE = Decimal("0.00000001"), Decimal(1_000_000_000)


class ExchangeRate(TenantModel):
    """What one unit of `base_currency` is worth in `quote_currency`, from a day on until the next rate's day."""

    base_currency = CurrencyField()
    quote_currency = CurrencyField()
    on_date = models.DateField()
    rate = models.DecimalField(max_digits=RATE_DIGITS, decimal_places=RATE_DECIMALS)
    source = models.CharField(max_length=200, help_text="Where it was read: a bank, a paper, a contract.")

    history = TenantHistory()

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Also finds the rate of a day: the last one on or before it.
            models.UniqueConstraint(
                fields=["tenant", "base_currency", "quote_currency", "on_date"],
                condition=Q(deleted_at=None),
                name="budgets_exchangerate_one_per_day",
            ),
            models.CheckConstraint(
                condition=Q(rate__gte=SMALLEST_RATE, rate__lte=LARGEST_RATE), name="budgets_exchangerate_within_bounds"
            ),
            models.CheckConstraint(
                condition=~Q(base_currency=F("quote_currency")), name="budgets_exchangerate_of_two_currencies"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.base_currency}/{self.quote_currency} {self.on_date}"
