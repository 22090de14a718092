from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from budgetsite.tenancy.models import TenantForeignKey, TenantRow
from events.models import Event
from registrations.models.registration import EventRegistration


class CheckInResult(models.TextChoices):
    SUCCESS = "SUCCESS", "Collected"
    ALREADY_COLLECTED = "ALREADY_COLLECTED", "Collected before"
    NOT_APPROVED = "NOT_APPROVED", "Not approved"
    NOT_FOUND = "NOT_FOUND", "Not found"
    UNDONE = "UNDONE", "Taken back"


class CheckIn(TenantRow):
    """One scan at the door, or its being taken back. Append-only."""

    event = TenantForeignKey(Event, on_delete=models.PROTECT, related_name="check_ins")
    registration = TenantForeignKey(EventRegistration, on_delete=models.PROTECT, null=True, related_name="check_ins")
    result = models.CharField(max_length=20, choices=CheckInResult.choices)
    # The scanner's own number for the scan: the same twice is one check-in.
    nonce = models.CharField(max_length=100, null=True)  # noqa: DJ001  (NULLs never collide)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    reason = models.TextField(blank=True)

    class Meta(TenantRow.Meta):
        verbose_name = "check-in"
        verbose_name_plural = "check-ins"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant", "event", "nonce"],
                condition=Q(nonce__isnull=False),
                name="registrations_checkin_once_per_nonce",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # A registration's story at the door.
            models.Index("tenant", "registration", F("created_at").desc(), name="registrations_checkin_of_reg"),
        ]

    def __str__(self) -> str:
        return str(CheckInResult(self.result).label)
