from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from budgetsite.tenancy.models import TenantForeignKey, TenantModel
from events.models import Event
from registrations.models.option import EventOption
from registrations.models.registration import MAX_PARTY, EventRegistration
from registrations.models.slot import PickupSlot


class WaitlistStatus(models.TextChoices):
    WAITING = "WAITING", "Waiting"
    OFFERED = "OFFERED", "Offered"
    ACCEPTED = "ACCEPTED", "Accepted"
    EXPIRED = "EXPIRED", "Expired"
    CANCELLED = "CANCELLED", "Cancelled"


QUEUED_STATUSES = (WaitlistStatus.WAITING, WaitlistStatus.OFFERED)


class WaitlistEntry(TenantModel):
    """A person in the queue for an option or a slot that has no room. An offer holds the place until it expires."""

    event = TenantForeignKey(Event, on_delete=models.CASCADE, related_name="waitlist")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    event_option = TenantForeignKey(
        EventOption, on_delete=models.PROTECT, null=True, blank=True, related_name="waitlist"
    )
    preferred_slot = TenantForeignKey(
        PickupSlot, on_delete=models.PROTECT, null=True, blank=True, related_name="waitlist"
    )
    party_size = models.PositiveIntegerField(default=1)
    status = models.CharField(max_length=20, choices=WaitlistStatus.choices, default=WaitlistStatus.WAITING)
    # Higher goes first; set by staff.
    priority = models.IntegerField(default=0)
    notes = models.TextField(blank=True)
    offered_at = models.DateTimeField(null=True, editable=False)
    offer_expires_at = models.DateTimeField(null=True, editable=False)
    decided_at = models.DateTimeField(null=True, editable=False)
    registration = TenantForeignKey(
        EventRegistration, on_delete=models.PROTECT, null=True, editable=False, related_name="+"
    )

    class Meta(TenantModel.Meta):
        verbose_name = "waitlist entry"
        verbose_name_plural = "waitlist entries"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                F("tenant"),
                F("event"),
                F("user"),
                Coalesce(F("event_option"), F("event")),
                condition=Q(status__in=[status.value for status in QUEUED_STATUSES], deleted_at=None),
                name="registrations_waits_once",
            ),
            models.CheckConstraint(
                condition=Q(party_size__gte=1, party_size__lte=MAX_PARTY), name="registrations_waiting_party_in_range"
            ),
            models.CheckConstraint(
                condition=Q(status__in=WaitlistStatus.values), name="registrations_waitlist_status_known"
            ),
            # An offer lasts until a moment.
            models.CheckConstraint(
                condition=~Q(status=WaitlistStatus.OFFERED) | Q(offer_expires_at__isnull=False),
                name="registrations_offer_expires",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # The queue: staff's priority first, then who came first.
            models.Index(
                "tenant",
                "event",
                "event_option",
                F("priority").desc(),
                "created_at",
                "id",
                condition=Q(status="WAITING", deleted_at=None),
                name="registrations_queue",
            ),
            # Offers that have run out.
            models.Index(
                fields=["tenant", "offer_expires_at"],
                condition=Q(status="OFFERED", deleted_at=None),
                name="registrations_offers_out",
            ),
        ]

    def __str__(self) -> str:
        # Only with what was read already: a name costs no query.
        known = WaitlistEntry.user.is_cached(self)
        return f"{self.user} on the waitlist" if known else f"Waitlist entry {self.pk}"
