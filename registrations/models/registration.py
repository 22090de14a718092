from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce

from budgetsite.money.model_fields import AmountField, CurrencyField
from budgetsite.tenancy.models import TenantForeignKey, TenantModel
from events.models import Event
from registrations.models.option import EventOption
from registrations.models.slot import PickupSlot
from registrations.querysets import RegistrationManager

MAX_PARTY = 100


class RegistrationStatus(models.TextChoices):
    PENDING = "PENDING", "Waiting for approval"
    APPROVED = "APPROVED", "Approved"
    REJECTED = "REJECTED", "Rejected"
    CANCELLED = "CANCELLED", "Cancelled"


LIVE_STATUSES = (RegistrationStatus.PENDING, RegistrationStatus.APPROVED)


class EventRegistration(TenantModel):
    """One person's request for a place, or for a party of places, and what became of it."""

    event = TenantForeignKey(Event, on_delete=models.CASCADE, related_name="registrations")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    event_option = TenantForeignKey(
        EventOption, on_delete=models.PROTECT, null=True, blank=True, related_name="registrations"
    )
    status = models.CharField(max_length=20, choices=RegistrationStatus.choices, default=RegistrationStatus.PENDING)
    party_size = models.PositiveIntegerField(default=1)
    # The registration window is judged by this moment, also when it is approved later.
    requested_at = models.DateTimeField(editable=False)
    # Whether its place is kept while it waits: the event may choose that asking keeps nothing.
    holds = models.BooleanField(default=True, editable=False)
    preferred_slot = TenantForeignKey(PickupSlot, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    assigned_slot = TenantForeignKey(PickupSlot, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    # What one place cost when it was asked for, as the person was shown; approval commits the price of that moment.
    quoted_cost = AmountField(default=Decimal(0), editable=False)
    currency = CurrencyField()
    amount_committed = AmountField(default=Decimal(0), editable=False)
    # The part of it that stays as cost after a late cancellation.
    amount_kept = AmountField(default=Decimal(0), editable=False)
    # Where it was committed: the option may name another line by the time it is released.
    committed_line_id = models.UUIDField(null=True, editable=False)
    committed_budget_id = models.UUIDField(null=True, editable=False)
    notes = models.TextField(blank=True)
    qr_token = models.CharField(max_length=64, editable=False)
    decided_at = models.DateTimeField(null=True, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, editable=False, related_name="+", db_index=False
    )
    reason = models.TextField(blank=True)
    approved_at = models.DateTimeField(null=True, editable=False)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, editable=False, related_name="+", db_index=False
    )
    collected_at = models.DateTimeField(null=True, editable=False)
    collected_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, editable=False, related_name="+", db_index=False
    )

    objects: ClassVar[RegistrationManager] = RegistrationManager()

    class Meta(TenantModel.Meta):
        verbose_name = "registration"
        verbose_name_plural = "registrations"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # One live registration per person and option, or per person and event where it names none.
            models.UniqueConstraint(
                F("tenant"),
                F("event"),
                F("user"),
                Coalesce(F("event_option"), F("event")),
                condition=Q(status__in=[status.value for status in LIVE_STATUSES], deleted_at=None),
                name="registrations_one_live_per_person",
            ),
            models.UniqueConstraint(fields=["tenant", "qr_token"], name="registrations_qr_token_unique"),
            models.CheckConstraint(
                condition=Q(party_size__gte=1, party_size__lte=MAX_PARTY), name="registrations_party_in_range"
            ),
            models.CheckConstraint(
                condition=Q(status__in=RegistrationStatus.values), name="registrations_status_known"
            ),
            models.CheckConstraint(
                condition=Q(amount_committed__gte=0, amount_kept__gte=0), name="registrations_amounts_not_negative"
            ),
            # Only who was approved has collected anything.
            models.CheckConstraint(
                condition=Q(collected_at__isnull=True) | Q(status=RegistrationStatus.APPROVED),
                name="registrations_collected_was_approved",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # The back office's list over all events, newest first.
            models.Index("tenant", F("created_at").desc(), F("id").desc(), name="registrations_newest"),
            # The desk's list, newest first, by keyset.
            models.Index(
                "tenant", "event", F("created_at").desc(), F("id").desc(), name="registrations_of_event_newest"
            ),
            # The desk's list of one status.
            models.Index(
                "tenant", "event", "status", F("created_at").desc(), F("id").desc(), name="registrations_of_status"
            ),
            # A person's own.
            models.Index("tenant", "user", F("created_at").desc(), F("id").desc(), name="registrations_of_person"),
            # Who comes at a time; who has an option.
            models.Index(
                fields=["tenant", "assigned_slot"],
                condition=Q(assigned_slot__isnull=False),
                name="registrations_of_slot",
            ),
            models.Index(
                fields=["tenant", "event_option", "status"],
                condition=Q(event_option__isnull=False),
                name="registrations_of_option",
            ),
        ]

    def __str__(self) -> str:
        # Only with what was read already: a name costs no query.
        known = EventRegistration.user.is_cached(self)
        return f"Registration of {self.user}" if known else f"Registration {self.pk}"
