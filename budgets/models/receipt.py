from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from budgets.models.expense import Expense
from budgetsite.tenancy.history import TenantHistory
from budgetsite.tenancy.models import TenantForeignKey, TenantModel


class ReceiptType(models.TextChoices):
    """What a receipt may be, as its content says; the name it was sent with counts for nothing."""

    JPEG = "image/jpeg", "JPEG picture"
    PNG = "image/png", "PNG picture"
    GIF = "image/gif", "GIF picture"
    PDF = "application/pdf", "PDF"
    LINK = "text/uri-list", "Link"


class Receipt(TenantModel):
    """What proves an expense: a file in the private store, or a link to a host that the account allows."""

    expense = TenantForeignKey(Expense, on_delete=models.CASCADE, related_name="receipts")
    content_type = models.CharField(max_length=50, choices=ReceiptType.choices)
    # As the person called it, for them to find it again; never part of a path.
    name = models.CharField(max_length=255)
    # Where the store keeps it; empty for a link.
    stored_as = models.CharField(max_length=255, blank=True, editable=False)
    thumbnail_as = models.CharField(max_length=255, blank=True, editable=False)
    size = models.PositiveIntegerField(default=0, editable=False)
    # Of the file as it was sent, before anything was taken out of it: how the same one is noticed.
    sha256 = models.CharField(max_length=64, blank=True, editable=False)
    link = models.URLField(max_length=2000, blank=True)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, editable=False, related_name="+", db_index=False
    )

    history = TenantHistory()

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(content_type=ReceiptType.LINK, stored_as="") & ~Q(link="")
                | ~Q(content_type=ReceiptType.LINK) & Q(link="") & ~Q(stored_as=""),
                name="budgets_receipt_file_or_link",
            ),
            models.CheckConstraint(condition=Q(content_type__in=ReceiptType.values), name="budgets_receipt_type_known"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "expense", "created_at", "id"], name="budgets_receipt_of_expense"),
        ]

    def __str__(self) -> str:
        return self.name
