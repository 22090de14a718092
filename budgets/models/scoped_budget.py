from typing import ClassVar

import pgtrigger
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from budgets.models.projected import ProjectedModel
from budgets.querysets import ScopedBudgetManager
from budgetsite.accounts.timezones import validate_timezone
from budgetsite.money.amounts import MAX_AMOUNT
from budgetsite.money.model_fields import AmountField, CurrencyField
from budgetsite.tenancy.history import TenantHistory
from budgetsite.tenancy.models import TenantForeignKey

# A chain longer than this is a mistake in somebody's import, and each posting counts in all of it.
MOST_LEVELS = 20


class ScopeType(models.TextChoices):
    ORGANIZATION = "organization", "Organization"
    TEAM = "team", "Team"
    USER = "user", "Person"
    PROJECT = "project", "Project"


class Period(models.TextChoices):
    DAILY = "daily", "Daily"
    WEEKLY = "weekly", "Weekly"
    MONTHLY = "monthly", "Monthly"
    QUARTERLY = "quarterly", "Quarterly"
    ANNUAL = "annual", "Annual"
    CUSTOM = "custom", "Custom"


class Enforcement(models.TextChoices):
    """What happens to a promise, or to usage that asks first, when it does not fit."""

    STOP = "stop", "Stop what does not fit"
    WARN = "warn", "Let it pass and warn"
    IGNORE = "ignore", "Only count"


class ThresholdAction(models.TextChoices):
    """What is to be done from a threshold on, from the mildest to the strictest."""

    NOTIFY = "notify", "Notify"
    AUTO_DOWNGRADE = "auto-downgrade", "Use something cheaper"
    RESTRICT_MODELS = "restrict-models", "Restrict the choice"
    REQUIRE_APPROVAL = "require-approval", "Require approval"
    BLOCK_ALL = "block-all", "Block everything"

    @property
    def rank(self) -> int:
        return list(ThresholdAction).index(self)

    @property
    def blocks(self) -> bool:
        """Whether nothing goes on without a person's decision."""
        return self in BLOCKING_ACTIONS


BLOCKING_ACTIONS = frozenset({ThresholdAction.REQUIRE_APPROVAL, ThresholdAction.BLOCK_ALL})


class ScopedBudget(ProjectedModel):
    """The money of an organization, a team, a person or a project, for one period after the other.

    What is spent in it counts in each of its ancestors too. Scope, parent and currency never change, and so `path` and
    `depth` do not either. Figures are kept by `BudgetWindow`.
    """

    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    scope_type = models.CharField(max_length=20, choices=ScopeType.choices)
    # Whatever the account calls its team, person or project: text of its own, or an id of another system.
    scope_id = models.CharField(max_length=255)
    amount = AmountField(help_text="What may be spent in one period.")
    currency = CurrencyField()
    period = models.CharField(max_length=20, choices=Period.choices)
    start_date = models.DateField()
    # Exclusive: of a custom period the day after its last one, of the others the day from which they are over.
    end_date = models.DateField(null=True, blank=True)
    recurring = models.BooleanField(default=True)
    timezone = models.CharField(max_length=63, default="UTC", validators=[validate_timezone])
    # [{"threshold": "80.00", "actions": ["notify"], "channels": [], "message": ""}], lowest first.
    thresholds = models.JSONField(default=list, blank=True)
    # Labels (["q3"]) or keys with values ({"department": "kitchen"}).
    tags = models.JSONField(default=list, blank=True)
    enforcement = models.CharField(max_length=10, choices=Enforcement.choices, default=Enforcement.STOP)
    parent = TenantForeignKey("self", on_delete=models.PROTECT, null=True, blank=True, related_name="children")
    # The ids of its ancestors, from the top down.
    path = ArrayField(models.UUIDField(), default=list, blank=True, editable=False)
    depth = models.PositiveSmallIntegerField(default=0, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    # The head of the hash chain of the usage recorded on it.
    ledger_seq = models.BigIntegerField(default=0, editable=False)
    ledger_hash = models.BinaryField(default=b"", editable=False)

    projections: ClassVar[tuple[str, ...]] = ("ledger_seq", "ledger_hash")
    tracked: ClassVar[tuple[str, ...]] = (
        "name",
        "description",
        "amount",
        "period",
        "start_date",
        "end_date",
        "recurring",
        "timezone",
        "thresholds",
        "tags",
        "enforcement",
        "version",
    )

    objects: ClassVar[ScopedBudgetManager] = ScopedBudgetManager()
    history = TenantHistory(projections=projections)

    class Meta(ProjectedModel.Meta):
        # As its pages call it.
        verbose_name = "company budget"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Whatever is not below a bound is too large, or not a number.
            models.CheckConstraint(
                condition=Q(amount__gt=0, amount__lte=MAX_AMOUNT), name="budgets_scopedbudget_amount_positive"
            ),
            models.CheckConstraint(
                condition=Q(end_date__isnull=True) | Q(end_date__gt=F("start_date")),
                name="budgets_scopedbudget_ends_after_start",
            ),
            models.CheckConstraint(
                condition=~Q(period=Period.CUSTOM) | Q(end_date__isnull=False), name="budgets_scopedbudget_custom_ends"
            ),
            models.CheckConstraint(
                condition=Q(scope_type__in=ScopeType.values), name="budgets_scopedbudget_scope_known"
            ),
            models.CheckConstraint(condition=Q(period__in=Period.values), name="budgets_scopedbudget_period_known"),
            models.CheckConstraint(
                condition=Q(enforcement__in=Enforcement.values), name="budgets_scopedbudget_enforcement_known"
            ),
            models.CheckConstraint(
                condition=Q(parent__isnull=True, depth=0) | Q(parent__isnull=False, depth__gt=0, depth__lt=MOST_LEVELS),
                name="budgets_scopedbudget_depth_of_parent",
            ),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            *ProjectedModel.Meta.triggers,
            pgtrigger.Trigger(
                name="keep_place",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Q(old__currency__df=pgtrigger.F("new__currency"))
                | pgtrigger.Q(old__parent__df=pgtrigger.F("new__parent"))
                | pgtrigger.Q(old__path__df=pgtrigger.F("new__path"))
                | pgtrigger.Q(old__scope_type__df=pgtrigger.F("new__scope_type"))
                | pgtrigger.Q(old__scope_id__df=pgtrigger.F("new__scope_id")),
                func="RAISE EXCEPTION 'a scoped budget keeps its scope, its parent and its currency'"
                " USING ERRCODE = 'check_violation';",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # The budgets of a scope.
            models.Index(fields=["tenant", "scope_type", "scope_id"], name="budgets_scoped_by_scope"),
            # A budget's children.
            models.Index(fields=["tenant", "parent"], name="budgets_scoped_by_parent"),
            # Lists and the tree, by name.
            models.Index(fields=["tenant", "name", "id"], name="budgets_scoped_by_name"),
        ]

    def __str__(self) -> str:
        return self.name
