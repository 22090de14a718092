from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q

from budgets.models.category import Category
from budgets.models.event_budget import EventBudget
from budgetsite.accounts.roles import Role
from budgetsite.money.model_fields import AmountField, CurrencyField
from budgetsite.tenancy.history import TenantHistory
from budgetsite.tenancy.models import TenantForeignKey, TenantModel

MAX_STAGES = 5
# Who may be asked to approve, the stronger one last.
APPROVING_ROLES = (Role.MANAGER, Role.OWNER)
APPROVING_ROLE_CHOICES = [(role.value, role.label) for role in APPROVING_ROLES]


class ApprovalSubject(models.TextChoices):
    PLAN = "plan", "A plan"
    TRANSFER = "transfer", "A transfer between lines"
    EXPENSE = "expense", "An expense"


class ApprovalRule(TenantModel):
    """One rule of an account's approval policy: what needs whom, at which stage.

    A rule about a plan applies to a total above `above_amount`, or, with a category, to any of its lines above it; one
    about a transfer to what is moved; one about an expense to its amount in the budget's currency. An amount in another
    currency is never compared: there the rule always applies.
    """

    subject = models.CharField(max_length=10, choices=ApprovalSubject.choices, default=ApprovalSubject.PLAN)
    stage = models.PositiveSmallIntegerField(
        default=1,
        validators=[MinValueValidator(1), MaxValueValidator(MAX_STAGES)],
        help_text="Stages are taken in this order.",
    )
    role = models.CharField(
        max_length=20, choices=APPROVING_ROLE_CHOICES, help_text="Who decides, or someone above them."
    )
    above_amount = AmountField(default=Decimal(0), help_text="Applies above this amount; 0 means always.")
    currency = CurrencyField()
    category = TenantForeignKey(
        Category,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="approval_rules",
        help_text="Only for lines of this category.",
    )

    history = TenantHistory()

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(above_amount__gte=0), name="budgets_approvalrule_amount_not_negative"),
            models.CheckConstraint(
                condition=Q(stage__gte=1, stage__lte=MAX_STAGES), name="budgets_approvalrule_stage_known"
            ),
            models.CheckConstraint(
                condition=Q(role__in=[role.value for role in APPROVING_ROLES]), name="budgets_approvalrule_role_known"
            ),
            models.CheckConstraint(
                condition=Q(subject__in=ApprovalSubject.values), name="budgets_approvalrule_subject_known"
            ),
            # A transfer, or an expense, is decided in one step.
            models.CheckConstraint(
                condition=Q(subject=ApprovalSubject.PLAN) | Q(stage=1), name="budgets_approvalrule_one_stage_transfer"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_subject_display()}, stage {self.stage}: {self.get_role_display()}"


class ApprovalStage(TenantModel):
    """One stage that a submitted plan has to pass; made when it is submitted, decided by one person.

    `submission` is the version that the submission led to. Stages of an earlier submission have lapsed.
    """

    budget = TenantForeignKey(EventBudget, on_delete=models.CASCADE, related_name="approval_stages")
    submission = models.PositiveIntegerField()
    stage = models.PositiveSmallIntegerField()
    role = models.CharField(max_length=20, choices=APPROVING_ROLE_CHOICES)
    # Why it is needed, in words, as the rules were when the plan was submitted.
    because = models.CharField(max_length=500, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    decided_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Also serves reading a submission's stages in order.
            models.UniqueConstraint(
                fields=["tenant", "budget", "submission", "stage"], name="budgets_approvalstage_one_per_stage"
            ),
            # One person never takes two stages of one submission.
            models.UniqueConstraint(
                fields=["tenant", "budget", "submission", "decided_by"],
                condition=Q(decided_by__isnull=False),
                name="budgets_approvalstage_one_per_person",
            ),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True, decided_at__isnull=True)
                | Q(decided_by__isnull=False, decided_at__isnull=False),
                name="budgets_approvalstage_decided_whole",
            ),
        ]

    def __str__(self) -> str:
        return f"Stage {self.stage}: {self.get_role_display()}"
