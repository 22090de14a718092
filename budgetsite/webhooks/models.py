from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from budgetsite.encryption.model_fields import EncryptedTextField
from budgetsite.tenancy.history import TenantHistory
from budgetsite.tenancy.models import TenantForeignKey, TenantModel, TenantRow

MAX_URL_LENGTH = 1000


class PauseReason(models.TextChoices):
    BY_HAND = "by_hand", "Paused by somebody"
    FAILING = "failing", "It failed for days"
    GONE = "gone", "It answered 410 Gone"


class DeliveryStatus(models.TextChoices):
    WAITING = "waiting", "Waiting"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Given up"


class WebhookEndpoint(TenantModel):
    """An address of the account's own that is told of events as they happen."""

    url = models.CharField(max_length=MAX_URL_LENGTH)
    description = models.CharField(max_length=200, blank=True)
    # Kinds (budget.approved) or whole families of them (budget.*); none means all.
    kinds = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    pause_reason = models.CharField(max_length=10, choices=PauseReason.choices, blank=True, editable=False)
    # How the receiver is: since when and how many times in a row it failed, and until when it is left alone.
    failing_since = models.DateTimeField(null=True, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    resting_until = models.DateTimeField(null=True, editable=False)
    delivered_at = models.DateTimeField(null=True, editable=False)

    history = TenantHistory(projections=("failing_since", "failures", "resting_until", "delivered_at"))

    class Meta(TenantModel.Meta):
        verbose_name = "webhook"
        indexes: ClassVar[list[models.Index]] = [
            # The account's webhooks, in the order in which they were made.
            models.Index(fields=["tenant", "created_at", "id"], condition=Q(deleted_at=None), name="webhooks_endpoints")
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(paused_at=None, pause_reason="") | (Q(paused_at__isnull=False) & ~Q(pause_reason="")),
                name="webhooks_endpoint_paused_for_a_reason",
            ),
        ]

    def __str__(self) -> str:
        return self.description or self.url

    @property
    def is_paused(self) -> bool:
        return self.paused_at is not None


class WebhookSecret(TenantModel):
    """What an endpoint's messages are signed with: the newest, and after a rotation for a while the one before it."""

    endpoint = TenantForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="secrets")
    # As Standard Webhooks writes it: whsec_ and base64. Emptied once it signs no more.
    text = EncryptedTextField(editable=False)
    expires_at = models.DateTimeField(null=True, editable=False)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Also how an endpoint's secrets are found.
            models.UniqueConstraint(
                fields=["tenant", "endpoint"],
                condition=Q(expires_at=None, deleted_at=None),
                name="webhooks_secret_one_newest",
            ),
        ]

    def __str__(self) -> str:
        return f"Secret of {self.endpoint_id}"


class WebhookDelivery(TenantRow):
    """One event to be told to one endpoint; every attempt is kept beside it.

    `body` is sent as it is stored, each time: the signature is over it. `lease` says which attempt is under way.
    """

    endpoint = TenantForeignKey(WebhookEndpoint, on_delete=models.PROTECT, related_name="deliveries")
    # The message's id, by which a receiver knows a repeat: that of the outbox's event.
    event_id = models.UUIDField()
    kind = models.CharField(max_length=60)
    body = models.TextField()
    is_test = models.BooleanField(default=False)
    status = models.CharField(max_length=10, choices=DeliveryStatus.choices, default=DeliveryStatus.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(db_default=Now())
    lease = models.UUIDField(null=True, editable=False)
    leased_until = models.DateTimeField(null=True, editable=False)
    delivered_at = models.DateTimeField(null=True, editable=False)

    class Meta(TenantRow.Meta):
        indexes: ClassVar[list[models.Index]] = [
            # What is to be sent, by endpoint and time.
            models.Index(
                fields=["tenant", "endpoint", "next_attempt_at"], condition=Q(status="waiting"), name="webhooks_waiting"
            ),
            # How many an endpoint has been given up on.
            models.Index(fields=["tenant", "endpoint"], condition=Q(status="failed"), name="webhooks_given_up"),
            # An endpoint's deliveries, latest first.
            models.Index(fields=["tenant", "endpoint", "-created_at", "-id"], name="webhooks_of_endpoint"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # An event that is relayed again is not told again.
            models.UniqueConstraint(fields=["tenant", "endpoint", "event_id"], name="webhooks_delivery_once_per_event"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id}"


class WebhookAttempt(TenantRow):
    """What came of sending a delivery once."""

    delivery = TenantForeignKey(WebhookDelivery, on_delete=models.PROTECT, related_name="log")
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    # Null when there was no answer; `problem` then says why.
    status_code = models.PositiveSmallIntegerField(null=True)
    problem = models.CharField(max_length=30, blank=True)
    # The beginning of what was answered.
    answer = models.TextField(blank=True)

    class Meta(TenantRow.Meta):
        indexes: ClassVar[list[models.Index]] = [
            # A delivery's attempts in their order.
            models.Index(fields=["tenant", "delivery", "started_at", "id"], name="webhooks_attempts"),
        ]

    def __str__(self) -> str:
        return f"{self.status_code or self.problem}"
