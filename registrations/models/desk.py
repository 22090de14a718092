from decimal import Decimal
from typing import ClassVar

from django.db import models
from django.db.models import Q

from budgetsite.money.model_fields import PercentageField
from budgetsite.tenancy.history import TenantHistory
from budgetsite.tenancy.models import TenantForeignKey, TenantModel
from events.models import Event


class RegistrationDesk(TenantModel):
    """How an event takes registrations, and how many it has that name no option. One row per event."""

    event = TenantForeignKey(Event, on_delete=models.CASCADE, related_name="desks")
    cancel_until_hours = models.PositiveIntegerField(
        default=0, help_text="Until so many hours before the event an approved registration is cancelled for nothing."
    )
    kept_share = PercentageField(
        default=Decimal(0), help_text="What stays as cost when it is cancelled later, in percent of what was promised."
    )
    offer_minutes = models.PositiveIntegerField(
        default=24 * 60, help_text="How long a place that became free is kept for whom it is offered to."
    )
    pending_count = models.IntegerField(default=0, editable=False)
    approved_count = models.IntegerField(default=0, editable=False)
    rejected_count = models.IntegerField(default=0, editable=False)
    cancelled_count = models.IntegerField(default=0, editable=False)
    collected_count = models.IntegerField(default=0, editable=False)

    COUNTERS: ClassVar[tuple[str, ...]] = (
        "pending_count",
        "approved_count",
        "rejected_count",
        "cancelled_count",
        "collected_count",
    )

    history = TenantHistory(projections=COUNTERS)

    class Meta(TenantModel.Meta):
        verbose_name = "registration policy"
        verbose_name_plural = "registration policies"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant", "event"], condition=Q(deleted_at=None), name="registrations_desk_one_per_event"
            ),
            models.CheckConstraint(
                condition=Q(kept_share__gte=0, kept_share__lte=100), name="registrations_desk_share_in_range"
            ),
            models.CheckConstraint(condition=Q(offer_minutes__gte=1), name="registrations_desk_offers_last"),
        ]

    def __str__(self) -> str:
        # Only with what was read already: a name costs no query.
        known = RegistrationDesk.event.is_cached(self)
        return f"Registration for {self.event}" if known else f"Registration desk {self.pk}"
