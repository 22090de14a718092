from decimal import Decimal
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from budgetsite.money.model_fields import AmountField
from budgetsite.tenancy.history import TenantHistory
from budgetsite.tenancy.models import TenantModel

LARGEST_AMOUNT = Decimal(1_000_000)


class ExpensePolicy(TenantModel):
    """What an account allows of expenses. One without a row has the defaults.

    From which amount on an expense needs approval, the approval rules say (`ApprovalRule`, subject expense).
    """

    largest_amount = AmountField(
        default=LARGEST_AMOUNT, help_text="No expense may be larger, in its own currency; typing errors usually are."
    )
    receipt_hosts = ArrayField(
        models.CharField(max_length=253),
        default=list,
        blank=True,
        help_text="Receipts may be links to these hosts, such as drive.example.org.",
    )
    clients_add_expenses = models.BooleanField(
        default=True, help_text="Clients may note expenses of their own event; the team decides on them."
    )
    clients_add_payments = models.BooleanField(
        default=True, help_text="Clients may note what they have paid themselves for their own event."
    )

    history = TenantHistory()

    class Meta(TenantModel.Meta):
        verbose_name_plural = "expense policies"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant"], condition=Q(deleted_at=None), name="budgets_expensepolicy_one_per_account"
            ),
            models.CheckConstraint(condition=Q(largest_amount__gt=0), name="budgets_expensepolicy_amount_positive"),
        ]

    def __str__(self) -> str:
        return "What the account allows of expenses"
