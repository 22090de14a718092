from typing import ClassVar
from zoneinfo import ZoneInfo

from django.db import models
from django.db.models import F, Q

from budgetsite.tenancy.models import TenantForeignKey, TenantModel
from events.models import Event

DEFAULT_CAPACITY = 10


class PickupSlot(TenantModel):
    """A time at a place where so many people may come to collect; `booked` moves by named SQL alone."""

    event = TenantForeignKey(Event, on_delete=models.CASCADE, related_name="pickup_slots")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    location = models.CharField(max_length=200, blank=True)
    capacity = models.PositiveIntegerField(default=DEFAULT_CAPACITY)
    booked = models.IntegerField(default=0, editable=False)

    class Meta(TenantModel.Meta):
        verbose_name = "slot"
        verbose_name_plural = "slots"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(starts_at__lt=F("ends_at")), name="registrations_slot_in_order"),
            models.CheckConstraint(
                condition=Q(booked__gte=0, booked__lte=F("capacity")), name="registrations_slot_never_overbooked"
            ),
            # Also serves the slots of an event in their order.
            models.UniqueConstraint(
                fields=["tenant", "event", "starts_at", "location"],
                condition=Q(deleted_at=None),
                name="registrations_slot_one_per_time_and_place",
            ),
        ]

    def __str__(self) -> str:
        # In the event's time zone where the event was read already: a name costs no query.
        known = PickupSlot.event.is_cached(self)
        starts_at = self.starts_at.astimezone(ZoneInfo(self.event.timezone)) if known else self.starts_at
        return f"{starts_at:%Y-%m-%d %H:%M}"

    @property
    def available(self) -> int:
        return self.capacity - self.booked
