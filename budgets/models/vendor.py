from typing import ClassVar

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from budgetsite.encryption.model_fields import EncryptedTextField
from budgetsite.tenancy.history import TenantHistory
from budgetsite.tenancy.models import TenantModel

LONGEST_TERMS_DAYS = 365


class Vendor(TenantModel):
    """Who is paid: a florist, a hall, a band. Named once in an account, whatever the case of the letters."""

    name = models.CharField(max_length=200)
    contact_name = models.CharField(max_length=200, blank=True)
    email = models.EmailField(max_length=254, blank=True)
    phone = models.CharField(max_length=50, blank=True)
    website = models.URLField(max_length=500, blank=True)
    address = models.TextField(blank=True)
    tax_number = models.CharField(max_length=50, blank=True, help_text="As it stands on their invoices.")
    payment_terms_days = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MaxValueValidator(LONGEST_TERMS_DAYS)],
        help_text="Their bills are due so many days after their date, where a bill does not say it itself.",
    )
    bank_details = EncryptedTextField(blank=True)
    notes = EncryptedTextField(blank=True)

    history = TenantHistory()

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                "tenant",
                Lower("name"),
                condition=Q(deleted_at=None),
                name="budgets_vendor_one_per_name",
            ),
            models.CheckConstraint(
                condition=Q(payment_terms_days__isnull=True) | Q(payment_terms_days__lte=LONGEST_TERMS_DAYS),
                name="budgets_vendor_terms_within_a_year",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # The list of vendors, by name.
            models.Index(fields=["tenant", "name", "id"], name="budgets_vendor_by_name"),
        ]

    def __str__(self) -> str:
        return self.name
