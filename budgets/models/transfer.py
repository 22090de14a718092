from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from budgets.models.approval import APPROVING_ROLE_CHOICES
from budgets.models.event_budget import EventBudget
from budgets.models.line_item import BudgetLineItem
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.model_fields import AmountField, CurrencyField
from budgetsite.tenancy.models import TenantForeignKey, TenantModel


class TransferStatus(models.TextChoices):
    PENDING = "pending", "Waiting for approval"
    DONE = "done", "Done"
    REJECTED = "rejected", "Rejected"
    # The budget was revised or closed while it waited.
    LAPSED = "lapsed", "Lapsed"


class BudgetTransfer(TenantModel):
    """Money moved from one line of an approved plan to another: the sum stays, nothing else changes."""

    budget = TenantForeignKey(EventBudget, on_delete=models.CASCADE, related_name="transfers")
    # The revision of the plan that it changes.
    revision = models.PositiveIntegerField()
    from_line = TenantForeignKey(BudgetLineItem, on_delete=models.PROTECT, related_name="transfers_out")
    to_line = TenantForeignKey(BudgetLineItem, on_delete=models.PROTECT, related_name="transfers_in")
    amount = AmountField()
    currency = CurrencyField()
    reason = models.TextField()
    status = models.CharField(max_length=10, choices=TransferStatus.choices)
    # Who has to agree, while it waits.
    needs_role = models.CharField(max_length=20, choices=APPROVING_ROLE_CHOICES, blank=True)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    decided_at = models.DateTimeField(null=True)
    decision_reason = models.TextField(blank=True)
    # The version of the budget that it led to, once done.
    version = models.PositiveIntegerField(null=True)
    reverses = TenantForeignKey("self", on_delete=models.PROTECT, null=True, related_name="reversals")

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="budgets_transfer_amount_positive"),
            models.CheckConstraint(condition=~Q(from_line=F("to_line")), name="budgets_transfer_between_two_lines"),
            models.CheckConstraint(condition=Q(status__in=TransferStatus.values), name="budgets_transfer_status_known"),
            models.CheckConstraint(
                condition=~Q(status=TransferStatus.DONE) | Q(version__isnull=False),
                name="budgets_transfer_done_at_a_version",
            ),
            # Taken back once: a reversal that waits or is done stands in the way of another.
            models.UniqueConstraint(
                fields=["tenant", "reverses"],
                condition=Q(reverses__isnull=False, status__in=[TransferStatus.PENDING, TransferStatus.DONE]),
                name="budgets_transfer_reversed_once",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # A budget's transfers, newest first; what a revision's lines were changed by.
            models.Index("tenant", "budget", F("created_at").desc(), F("id").desc(), name="budgets_transfer_of_budget"),
            # What waits for approval.
            models.Index(
                fields=["tenant", "created_at"],
                condition=Q(status=TransferStatus.PENDING, deleted_at=None),
                name="budgets_transfer_waiting",
            ),
        ]

    def __str__(self) -> str:
        return f"Transfer of {amount_to_json(self.amount, self.currency)} {self.currency}"
