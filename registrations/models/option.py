from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from budgets.models import BudgetLineItem
from budgetsite.money.model_fields import AmountField, CurrencyField
from budgetsite.tenancy.history import TenantHistory
from budgetsite.tenancy.models import TenantForeignKey, TenantModel
from events.models import Event

# More places than any event has.
MOST_PLACES = 10_000_000


class OptionType(models.TextChoices):
    TRACK = "TRACK", "Track"
    INVENTORY = "INVENTORY", "Item"
    GIFT = "GIFT", "Gift"
    VOLUNTEER = "VOLUNTEER", "Volunteering"
    TICKET = "TICKET", "Ticket"


class EventOption(TenantModel):
    """What one may register for at an event: so many places, each at a cost to the event's budget.

    Available = total − committed − held. The counters move with the registrations, by named SQL alone; the number of
    people in each status stands beside them, so that no report counts rows.
    """

    event = TenantForeignKey(Event, on_delete=models.CASCADE, related_name="options")
    option_name = models.CharField(max_length=200)
    option_type = models.CharField(max_length=20, choices=OptionType.choices, default=OptionType.INVENTORY)
    description = models.TextField(blank=True)
    total_available = models.PositiveIntegerField(help_text="How many places there are.")
    cost_per_unit = AmountField(default=Decimal(0), help_text="What one place costs the event's budget.")
    currency = CurrencyField()
    line_item = TenantForeignKey(
        BudgetLineItem,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="options",
        help_text="The line of the budget that pays for it; without one the budget does.",
    )
    sort_order = models.IntegerField(default=0)
    # Places: promised for good, and kept for those who wait for a decision.
    committed_count = models.IntegerField(default=0, editable=False)
    held_count = models.IntegerField(default=0, editable=False)
    # Places asked for, whether or not asking holds them.
    pending_places = models.IntegerField(default=0, editable=False)
    # Registrations by status.
    pending_count = models.IntegerField(default=0, editable=False)
    approved_count = models.IntegerField(default=0, editable=False)
    rejected_count = models.IntegerField(default=0, editable=False)
    cancelled_count = models.IntegerField(default=0, editable=False)
    collected_count = models.IntegerField(default=0, editable=False)

    COUNTERS: ClassVar[tuple[str, ...]] = (
        "committed_count",
        "held_count",
        "pending_places",
        "pending_count",
        "approved_count",
        "rejected_count",
        "cancelled_count",
        "collected_count",
    )

    history = TenantHistory(projections=COUNTERS)

    class Meta(TenantModel.Meta):
        verbose_name = "option"
        verbose_name_plural = "options"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(committed_count__gte=0, held_count__gte=0, pending_places__gte=0),
                name="registrations_option_counts_not_negative",
            ),
            # Whatever happens at once: never more places than there are.
            models.CheckConstraint(
                condition=Q(total_available__gte=F("committed_count") + F("held_count")),
                name="registrations_option_never_oversold",
            ),
            models.CheckConstraint(condition=Q(cost_per_unit__gte=0), name="registrations_option_cost_not_negative"),
            models.CheckConstraint(
                condition=Q(option_type__in=OptionType.values), name="registrations_option_type_known"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # The options of an event, in their order.
            models.Index(fields=["tenant", "event", "sort_order", "id"], name="registrations_option_of_event"),
            # What hangs on a line.
            models.Index(
                fields=["tenant", "line_item"],
                condition=Q(line_item__isnull=False),
                name="registrations_option_of_line",
            ),
        ]

    def __str__(self) -> str:
        return self.option_name

    @property
    def available_slots(self) -> int:
        return self.total_available - self.committed_count - self.held_count

    @property
    def utilization_percentage(self) -> Decimal:
        """Promised places as a percentage of all, 2 decimals; 0 where there are none."""
        if not self.total_available:
            return Decimal("0.00")
        return round(Decimal(self.committed_count) * 100 / self.total_available, 2)
