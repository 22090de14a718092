from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from budgets.models.expense import Expense
from budgetsite.encryption.model_fields import EncryptedTextField
from budgetsite.money.model_fields import AmountField
from budgetsite.tenancy.history import TenantHistory
from budgetsite.tenancy.models import TenantForeignKey, TenantModel


class PaymentMethod(models.TextChoices):
    TRANSFER = "transfer", "Bank transfer"
    CARD = "card", "Card"
    CASH = "cash", "Cash"
    CHEQUE = "cheque", "Cheque"
    DIRECT_DEBIT = "direct_debit", "Direct debit"
    OTHER = "other", "Other"


class ExpensePayment(TenantModel):
    """One instalment of what was billed, in the expense's currency: to be paid by its due date, or paid.

    Negative where money comes back. Together with the other live ones it never goes beyond what is billed.
    """

    expense = TenantForeignKey(Expense, on_delete=models.CASCADE, related_name="payments")
    amount = AmountField()
    due_date = models.DateField(null=True, blank=True)
    paid_at = models.DateTimeField(null=True, blank=True)
    method = models.CharField(max_length=20, choices=PaymentMethod.choices, blank=True)
    reference = EncryptedTextField(blank=True)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    cancelled_at = models.DateTimeField(null=True)
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    cancel_reason = models.TextField(blank=True)

    history = TenantHistory()

    class Meta(TenantModel.Meta):
        verbose_name = "payment"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=~Q(amount=0), name="budgets_payment_amount_not_zero"),
            # Something is known of when: it was paid, or it is due.
            models.CheckConstraint(
                condition=Q(due_date__isnull=False) | Q(paid_at__isnull=False), name="budgets_payment_has_a_day"
            ),
            models.CheckConstraint(
                condition=Q(method="") | Q(method__in=PaymentMethod.values), name="budgets_payment_method_known"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # An expense's payments, in the order in which they were made.
            models.Index(fields=["tenant", "expense", "created_at", "id"], name="budgets_payment_of_expense"),
            # Instalments that are still to be paid, by day.
            models.Index(
                fields=["tenant", "due_date", "id"],
                condition=Q(paid_at=None, cancelled_at=None, deleted_at=None),
                name="budgets_payment_due",
            ),
        ]

    def __str__(self) -> str:
        return f"Payment {self.pk}"


class CalendarFeed(TenantModel):
    """A secret address at which one person's calendar reads what is to be paid. Only the secret's hash is kept."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    name = models.CharField(max_length=100)
    token_hash = models.BinaryField(editable=False)
    last_read_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["tenant", "token_hash"], name="budgets_calendarfeed_one_per_secret"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "user"], name="budgets_calendarfeed_of_person"),
        ]

    def __str__(self) -> str:
        return self.name
