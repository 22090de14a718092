from decimal import Decimal
from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.db.models import F, Q

from budgets.models.projected import ProjectedModel
from budgets.querysets import EventBudgetManager
from budgetsite.money import ratios
from budgetsite.money.model_fields import AmountField, CurrencyField, PercentageField
from budgetsite.tenancy.history import TenantHistory
from budgetsite.tenancy.models import TenantForeignKey


class BudgetStatus(models.TextChoices):
    DRAFT = "draft", "Draft"
    REVIEW = "review", "In review"
    APPROVED = "approved", "Approved"
    ACTIVE = "active", "Active"
    FINALIZED = "finalized", "Finalized"
    ARCHIVED = "archived", "Archived"


# Where the plan may be changed, and where nothing may be changed at all.
PLANNING_STATUSES = frozenset({BudgetStatus.DRAFT})
LOCKED_STATUSES = frozenset({BudgetStatus.FINALIZED, BudgetStatus.ARCHIVED})


class EventBudget(ProjectedModel):
    """The money of one event. Its totals are projections of the ledger and of its lines."""

    event = TenantForeignKey("events.Event", on_delete=models.CASCADE, related_name="budgets")
    currency = CurrencyField()
    status = models.CharField(max_length=20, choices=BudgetStatus.choices, default=BudgetStatus.DRAFT)
    # Grows by one with every change of plan or status; spending leaves it alone.
    version = models.PositiveIntegerField(default=1)
    # How often an approved plan was opened again.
    revision = models.PositiveIntegerField(default=1)
    total_budget_amount = AmountField(default=Decimal(0), help_text="The ceiling that the lines fit within.")
    total_follows_lines = models.BooleanField(default=False, help_text="The total is the sum of the lines.")
    # The total of the plan in force while a revision of it is worked on; NULL when the present plan is the one.
    approved_total_amount = AmountField(null=True, default=None, editable=False)
    lines_total_amount = AmountField(default=Decimal(0))
    # Of the income lines: what is expected, and what has come in.
    projected_income_amount = AmountField(default=Decimal(0))
    total_income_amount = AmountField(default=Decimal(0))
    total_committed_amount = AmountField(default=Decimal(0))
    total_actual_amount = AmountField(default=Decimal(0))
    # The part of both totals that was posted to the budget itself and to no line.
    unallocated_committed_amount = AmountField(default=Decimal(0))
    unallocated_actual_amount = AmountField(default=Decimal(0))
    variance_amount = AmountField(default=Decimal(0))
    variance_percentage = PercentageField(null=True, default=None)
    notes = models.TextField(blank=True)
    # The budget that it was copied from: last year's figures stand beside this one's.
    copied_from = TenantForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, editable=False, related_name="copies"
    )
    # The scoped budget whose money it is: what it commits and spends counts there and above. Changed by
    # `services.funding_change` alone, which takes the figures along.
    funded_by = TenantForeignKey(
        "budgets.ScopedBudget", on_delete=models.PROTECT, null=True, blank=True, editable=False, related_name="funds"
    )
    submitted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    submitted_at = models.DateTimeField(null=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    approved_at = models.DateTimeField(null=True)
    # While it is in review: the stage that is next, who takes it, and since when it waits for them.
    awaiting_stage = models.PositiveSmallIntegerField(null=True, default=None, editable=False)
    awaiting_role = models.CharField(max_length=20, blank=True, default="", editable=False)
    awaiting_since = models.DateTimeField(null=True, default=None, editable=False)
    reminded_at = models.DateTimeField(null=True, default=None, editable=False)
    # The head of the hash chain of its ledger entries.
    ledger_seq = models.BigIntegerField(default=0)
    ledger_hash = models.BinaryField(default=b"")
    # Grows with every change of its expenses and payments that posts nothing: what is cached is known to be old by it.
    expense_seq = models.BigIntegerField(default=0)

    projections: ClassVar[tuple[str, ...]] = (
        "status",
        "version",
        "revision",
        "approved_total_amount",
        "lines_total_amount",
        "projected_income_amount",
        "total_income_amount",
        "total_committed_amount",
        "total_actual_amount",
        "unallocated_committed_amount",
        "unallocated_actual_amount",
        "variance_amount",
        "variance_percentage",
        "submitted_by",
        "submitted_at",
        "approved_by",
        "approved_at",
        "awaiting_stage",
        "awaiting_role",
        "awaiting_since",
        "reminded_at",
        "ledger_seq",
        "ledger_hash",
        "expense_seq",
        "funded_by",
    )

    tracked: ClassVar[tuple[str, ...]] = (
        "event_id",
        "currency",
        "total_budget_amount",
        "total_follows_lines",
        "notes",
    )

    objects: ClassVar[EventBudgetManager] = EventBudgetManager()
    # Status and version belong to the story; the figures are the ledger's to tell.
    history = TenantHistory(
        projections=tuple(
            name
            for name in projections
            if name.endswith(("_amount", "_percentage", "_seq", "_hash")) or name.startswith(("awaiting_", "reminded_"))
        )
    )

    class Meta(ProjectedModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant", "event"],
                condition=Q(deleted_at=None),
                name="budgets_eventbudget_one_per_event",
            ),
            models.CheckConstraint(
                condition=Q(total_budget_amount__gte=0), name="budgets_eventbudget_total_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(lines_total_amount__lte=F("total_budget_amount")),
                name="budgets_eventbudget_lines_fit_total",
            ),
            models.CheckConstraint(
                condition=Q(approved_total_amount__isnull=True) | Q(approved_total_amount__gte=0),
                name="budgets_eventbudget_approved_not_negative",
            ),
            # Only a plan that is being worked on has another one in force beside it.
            models.CheckConstraint(
                condition=Q(approved_total_amount__isnull=True)
                | Q(status__in=[BudgetStatus.DRAFT, BudgetStatus.REVIEW]),
                name="budgets_eventbudget_revised_in_draft",
            ),
            models.CheckConstraint(
                condition=Q(total_committed_amount__gte=0), name="budgets_eventbudget_committed_not_negative"
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            *ProjectedModel.Meta.triggers,
            pgtrigger.Trigger(
                name="keep_currency",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Q(old__currency__df=pgtrigger.F("new__currency")),
                func="RAISE EXCEPTION 'amounts are never converted: a budget keeps its currency'"
                " USING ERRCODE = 'check_violation';",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # The budget of an event, deleted ones included (restore).
            models.Index(fields=["tenant", "event"], name="budgets_eventbudget_by_event"),
            # What waits for approval; counts by status.
            models.Index(fields=["tenant", "status"], name="budgets_eventbudget_by_status"),
            # Lists, newest first.
            models.Index("tenant", F("created_at").desc(), F("id").desc(), name="budgets_eventbudget_newest"),
            # What is over budget: more was spent than the plan in force has.
            models.Index(
                fields=["tenant", "id"],
                condition=Q(variance_amount__lt=0, deleted_at=None),
                name="budgets_eventbudget_overspent",
            ),
            # What a scoped budget funds.
            models.Index(
                fields=["tenant", "funded_by"],
                condition=Q(funded_by__isnull=False),
                name="budgets_eventbudget_funded_by",
            ),
            # What waits for whom, and since when.
            models.Index(
                fields=["tenant", "awaiting_since", "id"],
                condition=Q(awaiting_since__isnull=False, deleted_at=None),
                name="budgets_eventbudget_awaiting",
            ),
        ]

    def __str__(self) -> str:
        # A name must not cost a query.
        return f"Budget of {self.event}" if "event" in self._state.fields_cache else f"Budget {self.pk}"

    @property
    def in_force_amount(self) -> Decimal:
        """The total of the plan in force: the approved one while a revision is worked on."""
        return self.total_budget_amount if self.approved_total_amount is None else self.approved_total_amount

    @property
    def is_under_revision(self) -> bool:
        return self.approved_total_amount is not None

    @property
    def result_amount(self) -> Decimal:
        """What has come in less what was spent."""
        return self.total_income_amount - self.total_actual_amount

    @property
    def projected_result_amount(self) -> Decimal:
        """What the plan expects to come in less what it may spend."""
        return self.projected_income_amount - self.total_budget_amount

    @property
    def available_amount(self) -> Decimal:
        return ratios.available(self.in_force_amount, self.total_committed_amount, self.total_actual_amount)

    @property
    def overrun_amount(self) -> Decimal:
        return ratios.overrun(self.in_force_amount, self.total_actual_amount)

    @property
    def utilization_percentage(self) -> Decimal:
        return ratios.utilization_percentage(
            self.in_force_amount, self.total_committed_amount, self.total_actual_amount
        )

    @property
    def is_locked(self) -> bool:
        return self.status in LOCKED_STATUSES

    @property
    def is_over_budget(self) -> bool:
        return self.total_actual_amount > self.in_force_amount
