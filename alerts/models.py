from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.db.models.lookups import Exact

from alerts.querysets import AlertRuleManager, BudgetAlertManager
from budgets.models import BudgetLineItem, EventBudget, ScopedBudget
from budgetsite.money.model_fields import AmountField, PercentageField, UsageTotalField
from budgetsite.tenancy.history import TenantHistory
from budgetsite.tenancy.models import TenantForeignKey, TenantModel
from events.models import Event


class AlertType(models.TextChoices):
    THRESHOLD_WARNING = "threshold_warning", "Nearly used up"
    THRESHOLD_EXCEEDED = "threshold_exceeded", "Milestone reached"
    OVER_BUDGET = "over_budget", "Over budget"
    VARIANCE_HIGH = "variance_high", "Far above the plan"
    LINE_ITEM_OVERRUN = "line_item_overrun", "Line overspent"
    FORECAST_OVERRUN = "forecast_overrun", "Heading over budget"
    PAYMENT_DUE = "payment_due", "Payment due soon"
    PAYMENT_OVERDUE = "payment_overdue", "Payment overdue"


class AlertLevel(models.TextChoices):
    INFORMATION = "information", "Information"
    WARNING = "warning", "Warning"
    CRITICAL = "critical", "Critical"

    @property
    def rank(self) -> int:
        """0 for information, rising with the urgency."""
        return list(AlertLevel).index(self)


class Basis(models.TextChoices):
    """What is compared with a threshold."""

    ACTUAL = "actual", "Spent"
    COMMITTED_AND_ACTUAL = "committed_and_actual", "Spent or promised"
    FORECAST = "forecast", "Forecast"


# What a forecast is compared with are thresholds of their own.
RULE_BASIS_CHOICES = [choice for choice in Basis.choices if choice[0] != Basis.FORECAST]


class Measure(models.TextChoices):
    PERCENTAGE = "percentage", "Percent of the budget"
    AMOUNT = "amount", "Amount"


class Audience(models.TextChoices):
    """Who can be told of an alert."""

    ORGANIZER = "organizer", "Who runs the event"
    MANAGER = "manager", "Managers"
    OWNER = "owner", "Owners"
    STAFF = "staff", "Staff"


def _is_json(column: str, kind: str) -> Exact:
    return Exact(models.Func(F(column), function="jsonb_typeof", output_field=models.TextField()), kind)


class AlertRule(TenantModel):
    """What raises an alert: the account's own rule (without a budget), or the one that replaces it for a budget.

    An account that has never changed anything has no row: `DEFAULT_RULE` of `alerts.services.rule_values` holds then.
    """

    budget = TenantForeignKey(EventBudget, on_delete=models.CASCADE, null=True, blank=True, related_name="alert_rules")
    alert_types = ArrayField(
        models.CharField(max_length=30, choices=AlertType.choices),
        blank=True,
        help_text="The kinds of alert that are switched on.",
    )
    warning_threshold = PercentageField(help_text="Warn once this much of the budget is used, in percent.")
    exceeded_thresholds = ArrayField(
        PercentageField(), blank=True, help_text="Milestones of the budget's use, in percent."
    )
    high_variance_percentage = PercentageField(
        help_text="How far spending may go above the plan, in percent of it, before it is far above."
    )
    basis = models.CharField(
        max_length=30,
        choices=RULE_BASIS_CHOICES,
        default=Basis.COMMITTED_AND_ACTUAL,
        help_text="What the warning and the milestones look at.",
    )
    # [{measure, at, basis, level, currency}]: `at` is a decimal as text, `currency` null for a percentage. Written and
    # read by `alerts.services.own_thresholds` alone.
    thresholds = models.JSONField(default=list, blank=True, help_text="Further thresholds, each with a level.")
    # {level: [who]}; a level that is left out is told as everywhere.
    audience = models.JSONField(default=dict, blank=True, help_text="Who is told, by the level of the alert.")

    objects: ClassVar[AlertRuleManager] = AlertRuleManager()
    history = TenantHistory()

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # One for the account (budget null) and one for each budget; also how an evaluation finds both.
            models.UniqueConstraint(
                fields=["tenant", "budget"],
                condition=Q(deleted_at=None),
                nulls_distinct=False,
                name="alerts_alertrule_one_per_budget",
            ),
            models.CheckConstraint(
                condition=Q(warning_threshold__gt=0, high_variance_percentage__gt=0),
                name="alerts_alertrule_percentages_positive",
            ),
            models.CheckConstraint(
                condition=Q(_is_json("thresholds", "array")) & Q(_is_json("audience", "object")),
                name="alerts_alertrule_json_shapes",
            ),
            models.CheckConstraint(
                condition=Q(basis__in=[Basis.ACTUAL, Basis.COMMITTED_AND_ACTUAL]),
                name="alerts_alertrule_basis_known",
            ),
        ]

    def __str__(self) -> str:
        return "The account's alert rule" if self.budget_id is None else f"Alert rule of {self.budget_id}"


class EscalationPolicy(TenantModel):
    """When an account reminds of payments, and whom it tells of what nobody has dealt with.

    An account that has never changed anything has no row: `alerts.services.escalation_policy` knows what holds then.
    """

    days_before = ArrayField(
        models.PositiveSmallIntegerField(),
        default=list,
        blank=True,
        help_text="So many days before a payment is due whoever runs the event is reminded; 0 is the day itself.",
    )
    # Days after the due date; NULL is never. Who runs the event hears of it on the first day.
    overdue_days_until_manager = models.PositiveSmallIntegerField(
        default=3, null=True, blank=True, help_text="A payment so many days overdue is told to the managers."
    )
    overdue_days_until_owner = models.PositiveSmallIntegerField(
        default=7, null=True, blank=True, help_text="A payment so many days overdue is told to the owners."
    )
    # Hours since it waits for somebody to acknowledge it; NULL is never.
    alert_hours_until_manager = models.PositiveSmallIntegerField(
        default=4, null=True, blank=True, help_text="After so many hours the managers hear that nobody acknowledged it."
    )
    alert_hours_until_owner = models.PositiveSmallIntegerField(
        default=24, null=True, blank=True, help_text="After so many hours the owners hear that nobody acknowledged it."
    )

    history = TenantHistory()

    class Meta(TenantModel.Meta):
        verbose_name_plural = "escalation policies"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant"], condition=Q(deleted_at=None), name="alerts_escalationpolicy_one_per_account"
            ),
            # Where one of two is never, a comparison is NULL, which a constraint lets pass.
            models.CheckConstraint(
                condition=Q(overdue_days_until_owner__gte=F("overdue_days_until_manager"))
                & Q(alert_hours_until_owner__gte=F("alert_hours_until_manager")),
                name="alerts_escalationpolicy_managers_first",
            ),
            models.CheckConstraint(
                condition=Q(overdue_days_until_manager__gte=1)
                & Q(overdue_days_until_owner__gte=1)
                & Q(alert_hours_until_manager__gte=1)
                & Q(alert_hours_until_owner__gte=1),
                name="alerts_escalationpolicy_positive",
            ),
        ]

    def __str__(self) -> str:
        return "When the account reminds and escalates"


class BudgetAlert(TenantModel):
    """Something about a budget, or one of its lines, that people should know. It follows the state (design §9).

    It is about an event's budget, or about a scoped one in the window that it is in. Open means not resolved. It is
    resolved by the figures when they fall back (for a scoped budget also when its window is over), or by a person; the
    evaluation of the budget (`alerts.services.evaluation`, `scoped_evaluation`) writes all but what people say of it.
    """

    # What is to be paid goes on when the books are closed.
    OF_PAYMENTS: ClassVar[frozenset[AlertType]] = frozenset({AlertType.PAYMENT_DUE, AlertType.PAYMENT_OVERDUE})

    budget = TenantForeignKey(EventBudget, on_delete=models.CASCADE, null=True, blank=True, related_name="alerts")
    scoped_budget = TenantForeignKey(
        ScopedBudget, on_delete=models.CASCADE, null=True, blank=True, related_name="alerts"
    )
    # Half-open, as the scoped budget's windows are.
    window_start = models.DateTimeField(null=True, editable=False)
    window_end = models.DateTimeField(null=True, editable=False)
    # An alert goes with its budget; when its line goes, or moves elsewhere, the evaluation resolves it.
    line_item = TenantForeignKey(BudgetLineItem, on_delete=models.PROTECT, null=True, blank=True, related_name="alerts")
    alert_type = models.CharField(max_length=30, choices=AlertType.choices)
    level = models.CharField(max_length=20, choices=AlertLevel.choices)
    # The percentage that was reached or passed: of use; of variance for variance_high, of what the window or the event
    # is foreseen to come to for forecast_overrun. 0 for payments.
    threshold = PercentageField()
    # Where the step is an amount: it, in the budget's currency; `threshold` is then its share of the budget.
    threshold_amount = AmountField(null=True)
    # The budget's, or for a line's alert the line's.
    utilization = PercentageField()
    # With six decimals, as usage has them. For forecast_overrun what is foreseen, for payments what is to be paid.
    overrun_amount = UsageTotalField(default=Decimal(0))
    message = models.TextField()
    raised_at = models.DateTimeField(null=True, editable=False)
    times_raised = models.PositiveIntegerField(default=0, editable=False)
    # Since when it waits, at its level, for somebody to acknowledge it.
    waits_since = models.DateTimeField(db_default=Now(), editable=False)
    is_acknowledged = models.BooleanField(default=False)
    # The last acknowledgement; kept when getting worse asks for another.
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_comment = models.TextField(blank=True)
    resolved = models.BooleanField(default=False)
    # Nobody, when the figures fell back by themselves.
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    resolved_at = models.DateTimeField(null=True)
    resolved_comment = models.TextField(blank=True)
    # Whether what it reports is still so. Where a person resolved it meanwhile, it keeps the same news from being
    # opened again until the figures get worse or have fallen back in between.
    state_holds = models.BooleanField(default=True, editable=False)

    objects: ClassVar[BudgetAlertManager] = BudgetAlertManager()

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Also serves the open alerts of a budget.
            models.UniqueConstraint(
                fields=["tenant", "budget", "alert_type", "line_item"],
                condition=Q(budget__isnull=False, resolved=False, deleted_at=None),
                nulls_distinct=False,
                name="alerts_budgetalert_one_open",
            ),
            # Also serves the open alerts of a scoped budget.
            models.UniqueConstraint(
                fields=["tenant", "scoped_budget", "alert_type"],
                condition=Q(scoped_budget__isnull=False, resolved=False, deleted_at=None),
                name="alerts_budgetalert_one_open_of_scoped",
            ),
            models.CheckConstraint(
                condition=Q(
                    budget__isnull=False, scoped_budget=None, window_start__isnull=True, window_end__isnull=True
                )
                | Q(
                    budget=None,
                    line_item=None,
                    scoped_budget__isnull=False,
                    window_start__isnull=False,
                    window_end__isnull=False,
                ),
                name="alerts_budgetalert_about_one_budget",
            ),
            models.CheckConstraint(
                condition=Q(is_acknowledged=False) | Q(acknowledged_at__isnull=False),
                name="alerts_budgetalert_acknowledged_has_time",
            ),
            models.CheckConstraint(
                condition=Q(resolved=False, state_holds=True, resolved_at=None)
                | Q(resolved=True, resolved_at__isnull=False),
                name="alerts_budgetalert_resolved_has_time",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # Lists, newest first.
            models.Index("tenant", F("created_at").desc(), F("id").desc(), name="alerts_newest"),
            # A budget's alerts, newest first; deleting a budget with its alerts.
            models.Index("tenant", "budget", F("created_at").desc(), F("id").desc(), name="alerts_of_budget_newest"),
            models.Index(
                "tenant",
                "scoped_budget",
                F("created_at").desc(),
                F("id").desc(),
                condition=Q(scoped_budget__isnull=False),
                name="alerts_of_scoped_newest",
            ),
            # Deleting a line with its alerts.
            models.Index(fields=["tenant", "line_item"], condition=Q(line_item__isnull=False), name="alerts_of_line"),
            # What an evaluation compares the figures with, in every posting.
            models.Index(
                fields=["tenant", "budget"],
                condition=Q(state_holds=True, deleted_at=None),
                name="alerts_that_hold",
            ),
            models.Index(
                fields=["tenant", "scoped_budget"],
                condition=Q(scoped_budget__isnull=False, state_holds=True, deleted_at=None),
                name="alerts_that_hold_of_scoped",
            ),
            # Counts by level on the start page and in the navigation.
            models.Index(
                fields=["tenant", "level"],
                condition=Q(resolved=False, is_acknowledged=False, deleted_at=None),
                name="alerts_unacknowledged",
            ),
            models.Index("tenant", "alert_type", F("created_at").desc(), F("id").desc(), name="alerts_by_type"),
        ]

    def __str__(self) -> str:
        return self.message

    @property
    def is_open(self) -> bool:
        return not self.resolved

    @property
    def is_settled(self) -> bool:
        """Whether it stays as it is, as `BudgetAlertQuerySet.settled` says; read it together with its budget."""
        return self.budget is not None and self.budget.is_locked and self.alert_type not in self.OF_PAYMENTS

    @property
    def event_budget(self) -> EventBudget:
        """The event's budget that it is about. Raises `ValueError` for an alert of a scoped one."""
        budget: EventBudget | None = self.budget
        if budget is None:
            raise ValueError("the alert is about a scoped budget")
        return budget

    @property
    def currency(self) -> str:
        """Its budget's; read the alert together with it."""
        currency: str = (self.scoped_budget or self.event_budget).currency
        return currency

    @property
    def about(self) -> Event | ScopedBudget:
        """What people know the budget by: its event, or itself. Read the alert together with either."""
        about: Event | ScopedBudget = self.scoped_budget or self.event_budget.event
        return about

    @property
    def headline(self) -> str:
        """What kind of alert it is, in words. A forecast that stays within the budget has reached a threshold alone."""
        if self.alert_type == AlertType.FORECAST_OVERRUN and not self.overrun_amount:
            return "Heading for a threshold"
        return self.get_alert_type_display()

    @property
    def is_about_payments(self) -> bool:
        return self.alert_type in (AlertType.PAYMENT_DUE, AlertType.PAYMENT_OVERDUE)

    @property
    def why_it_ended(self) -> str:
        """Why it resolved itself, as a clause; nothing is meant by it of one that a person resolved."""
        if self.ended_with_its_window:
            return "its period is over"
        if self.alert_type == AlertType.PAYMENT_DUE:
            return "nothing is due soon any more"
        if self.alert_type == AlertType.PAYMENT_OVERDUE:
            return "nothing is overdue any more"
        return "it is foreseen no more" if self.alert_type == AlertType.FORECAST_OVERRUN else "the figures fell back"

    @property
    def about_name(self) -> str:
        return str(self.about)

    @property
    def ended_with_its_window(self) -> bool:
        """Whether it resolved itself because the scoped budget's window was over."""
        if self.resolved_by_id is not None or self.resolved_at is None or self.window_end is None:
            return False
        return self.resolved_at >= self.window_end
