from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from budgets.models.approval import APPROVING_ROLE_CHOICES
from budgets.models.event_budget import EventBudget
from budgets.models.exchange_rate import RATE_DECIMALS, RATE_DIGITS
from budgets.models.line_item import BudgetLineItem
from budgets.models.vendor import Vendor
from budgets.querysets import ExpenseManager
from budgetsite.encryption.model_fields import EncryptedTextField
from budgetsite.money.model_fields import AmountField, CurrencyField
from budgetsite.tenancy.history import TenantHistory
from budgetsite.tenancy.models import TenantForeignKey, TenantModel
from events.models import Event


class ExpenseStage(models.TextChoices):
    """How far an expense has come. It is invoiced once nothing of it is left to be billed."""

    PLANNED = "planned", "Planned"
    COMMITTED = "committed", "Committed"
    INVOICED = "invoiced", "Invoiced"
    CANCELLED = "cancelled", "Cancelled"


class ExpenseApproval(models.TextChoices):
    PENDING = "pending", "Waiting for approval"
    APPROVED = "approved", "Approved"
    REJECTED = "rejected", "Rejected"


class PaymentStatus(models.TextChoices):
    """Stored as one of these except `OVERDUE`, which the calendar makes of `next_due_date`."""

    PENDING = "pending", "Not paid"
    PARTIAL = "partial", "Partly paid"
    PAID = "paid", "Paid"
    OVERDUE = "overdue", "Overdue"
    CANCELLED = "cancelled", "Cancelled"


class Expense(TenantModel):
    """Something that is bought for an event: planned, then promised, then billed in one bill or several, then paid.

    `amount`, `invoiced_amount`, `paid_amount` and `scheduled_amount` are in the expense's own currency;
    `budget_amount`, `committed_amount` and `actual_amount` in the budget's. All but the first are projections: of its
    bills, its payments and the ledger's entries with its id as their source (`verify_ledger` proves them). A
    negative amount is a refund, which is billed at once.
    """

    event = TenantForeignKey(Event, on_delete=models.PROTECT, related_name="expenses")
    budget = TenantForeignKey(EventBudget, on_delete=models.CASCADE, related_name="expenses")
    line_item = TenantForeignKey(BudgetLineItem, on_delete=models.PROTECT, related_name="expenses")
    vendor = TenantForeignKey(Vendor, on_delete=models.PROTECT, null=True, blank=True, related_name="expenses")
    description = models.CharField(max_length=500)
    stage = models.CharField(max_length=10, choices=ExpenseStage.choices, default=ExpenseStage.PLANNED)
    amount = AmountField()
    currency = CurrencyField()
    budget_amount = AmountField()
    # What one unit of its currency was worth in the budget's when it was recorded; NULL where they are the same.
    exchange_rate = models.DecimalField(max_digits=RATE_DIGITS, decimal_places=RATE_DECIMALS, null=True)
    rate_date = models.DateField(null=True)
    rate_source = models.CharField(max_length=200, blank=True)
    committed_amount = AmountField(default=Decimal(0), editable=False)
    actual_amount = AmountField(default=Decimal(0), editable=False)
    invoiced_amount = AmountField(default=Decimal(0), editable=False)
    paid_amount = AmountField(default=Decimal(0), editable=False)
    scheduled_amount = AmountField(default=Decimal(0), editable=False)
    expense_date = models.DateField()
    # As it was said when it was recorded; each bill has its own.
    due_date = models.DateField(null=True, blank=True)
    invoice_number = models.CharField(max_length=100, blank=True)
    payment_status = models.CharField(
        max_length=10, choices=PaymentStatus.choices, default=PaymentStatus.PENDING, editable=False
    )
    # The earliest day by which something is still to be paid.
    next_due_date = models.DateField(null=True, editable=False)
    approval = models.CharField(max_length=10, choices=ExpenseApproval.choices, default=ExpenseApproval.APPROVED)
    # Who has to agree, and how far it is to go once they do, while it waits.
    needs_role = models.CharField(max_length=20, choices=APPROVING_ROLE_CHOICES, blank=True)
    wanted_stage = models.CharField(max_length=10, choices=ExpenseStage.choices, default=ExpenseStage.PLANNED)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, editable=False, related_name="+", db_index=False
    )
    decided_at = models.DateTimeField(null=True, editable=False)
    decision_reason = models.TextField(blank=True)
    # The team's own; a client does not see them.
    notes = EncryptedTextField(blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, editable=False, related_name="+", db_index=False
    )
    version = models.PositiveIntegerField(default=1)

    objects: ClassVar[ExpenseManager] = ExpenseManager()
    history = TenantHistory()

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=~Q(amount=0), name="budgets_expense_amount_not_zero"),
            models.CheckConstraint(condition=Q(stage__in=ExpenseStage.values), name="budgets_expense_stage_known"),
            models.CheckConstraint(
                condition=Q(approval__in=ExpenseApproval.values), name="budgets_expense_approval_known"
            ),
            models.CheckConstraint(
                condition=Q(payment_status__in=[s.value for s in PaymentStatus if s != PaymentStatus.OVERDUE]),
                name="budgets_expense_payment_status_stored",
            ),
            models.CheckConstraint(condition=Q(committed_amount__gte=0), name="budgets_expense_committed_not_negative"),
            # What waits or was refused has moved no money.
            models.CheckConstraint(
                condition=Q(approval=ExpenseApproval.APPROVED)
                | Q(committed_amount=0, actual_amount=0, invoiced_amount=0, paid_amount=0),
                name="budgets_expense_money_was_approved",
            ),
            models.CheckConstraint(
                condition=Q(exchange_rate__isnull=True, rate_date__isnull=True)
                | Q(exchange_rate__gt=0, rate_date__isnull=False),
                name="budgets_expense_rate_whole",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # The account's list, newest first, by keyset; a budget's, an event's, a line's, a vendor's.
            models.Index("tenant", F("created_at").desc(), F("id").desc(), name="budgets_expense_newest"),
            models.Index("tenant", "event", F("created_at").desc(), F("id").desc(), name="budgets_expense_of_event"),
            models.Index("tenant", "budget", F("created_at").desc(), F("id").desc(), name="budgets_expense_of_budget"),
            models.Index("tenant", "line_item", F("created_at").desc(), F("id").desc(), name="budgets_expense_of_line"),
            models.Index(
                "tenant",
                "vendor",
                F("created_at").desc(),
                F("id").desc(),
                condition=Q(vendor__isnull=False),
                name="budgets_expense_of_vendor",
            ),
            # What is to be paid, by day.
            models.Index(
                fields=["tenant", "next_due_date", "id"],
                condition=Q(next_due_date__isnull=False, deleted_at=None),
                name="budgets_expense_due",
            ),
            # What waits for approval.
            models.Index(
                fields=["tenant", "created_at"],
                condition=Q(approval=ExpenseApproval.PENDING, deleted_at=None),
                name="budgets_expense_waiting",
            ),
        ]

    def __str__(self) -> str:
        return self.description

    @property
    def is_live(self) -> bool:
        return self.stage != ExpenseStage.CANCELLED and self.approval != ExpenseApproval.REJECTED

    @property
    def to_be_billed_amount(self) -> Decimal:
        """What no bill has come for yet, in its own currency."""
        open_still = self.is_live and self.stage != ExpenseStage.INVOICED
        return self.amount - self.invoiced_amount if open_still else Decimal(0)

    @property
    def owed_amount(self) -> Decimal:
        """What is billed and not paid, in its own currency; negative when money is to come back."""
        return self.invoiced_amount - self.paid_amount


class ExpenseInvoice(TenantModel):
    """One bill of an expense, or a credit note (negative). A cancelled one stays, and no longer counts."""

    expense = TenantForeignKey(Expense, on_delete=models.CASCADE, related_name="invoices")
    # The expense's vendor when the bill came: a number is unusual twice with one vendor.
    vendor = TenantForeignKey(Vendor, on_delete=models.PROTECT, null=True, related_name="+")
    amount = AmountField()
    # In the budget's currency, at the rate of the bill's day: what it cost, and what it took from the promise.
    actual_amount = AmountField()
    settled_amount = AmountField(default=Decimal(0))
    exchange_rate = models.DecimalField(max_digits=RATE_DIGITS, decimal_places=RATE_DECIMALS, null=True)
    rate_date = models.DateField(null=True)
    rate_source = models.CharField(max_length=200, blank=True)
    invoice_number = models.CharField(max_length=100, blank=True)
    invoice_date = models.DateField()
    due_date = models.DateField(null=True, blank=True)
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
        verbose_name = "bill"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=~Q(amount=0), name="budgets_expenseinvoice_amount_not_zero"),
            models.CheckConstraint(condition=Q(settled_amount__gte=0), name="budgets_expenseinvoice_settled"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # An expense's bills in the order in which they came.
            models.Index(fields=["tenant", "expense", "created_at", "id"], name="budgets_invoice_of_expense"),
            # Whether a vendor's number was there before.
            models.Index(
                fields=["tenant", "vendor", "invoice_number"],
                condition=Q(cancelled_at=None, vendor__isnull=False, deleted_at=None) & ~Q(invoice_number=""),
                name="budgets_invoice_by_number",
            ),
        ]

    def __str__(self) -> str:
        return f"Bill {self.invoice_number}".strip()
