from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from budgets.models.scoped_budget import ScopedBudget
from budgetsite.money.model_fields import CurrencyField, UsageField
from budgetsite.tenancy.models import TenantForeignKey, TenantModel


class ReservationStatus(models.TextChoices):
    HELD = "held", "Held"
    SETTLED = "settled", "Settled"
    RELEASED = "released", "Released"
    EXPIRED = "expired", "Expired"


class Reservation(TenantModel):
    """An estimate that a scoped budget, and each of its ancestors, keeps free for a while.

    No promise and no entry: it counts in `reserved_amount` of the windows that hold `held_at`, until it is settled,
    released or expired. After `expires_at` it counts for nobody, whether or not a job has freed it already.
    """

    budget = TenantForeignKey(ScopedBudget, on_delete=models.PROTECT, related_name="reservations")
    currency = CurrencyField()
    amount = UsageField()
    # What is still held, and what was settled so far.
    held_amount = UsageField()
    settled_amount = UsageField(default=Decimal(0))
    status = models.CharField(max_length=10, choices=ReservationStatus.choices, default=ReservationStatus.HELD)
    # What is settled is counted at this moment: in the windows that held it.
    held_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    description = models.CharField(max_length=500, blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    # The key of the machine that reserved, by its name.
    machine = models.CharField(max_length=200, blank=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="budgets_reservation_amount_positive"),
            models.CheckConstraint(
                condition=Q(held_amount__gte=0, held_amount__lte=F("amount"), settled_amount__gte=0),
                name="budgets_reservation_holds_at_most_all",
            ),
            models.CheckConstraint(
                condition=Q(status=ReservationStatus.HELD, closed_at__isnull=True)
                | (~Q(status=ReservationStatus.HELD) & Q(closed_at__isnull=False, held_amount=0)),
                name="budgets_reservation_closed_holds_nothing",
            ),
            models.CheckConstraint(
                condition=Q(status__in=ReservationStatus.values), name="budgets_reservation_status_known"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # What has expired and is held all the same: read with every figure, and freed by a job.
            models.Index(
                fields=["tenant", "expires_at"],
                condition=Q(status=ReservationStatus.HELD, deleted_at=None),
                name="budgets_reservation_held",
            ),
            # A budget's reservations, the last one first.
            models.Index("tenant", "budget", F("created_at").desc(), F("id").desc(), name="budgets_reservation_newest"),
        ]

    def __str__(self) -> str:
        return f"Reservation {self.pk}"
