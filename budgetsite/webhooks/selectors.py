"""What people see of webhooks."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from budgetsite.webhooks.models import DeliveryStatus, WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookSecret


def endpoints_in_order() -> QuerySet[Any]:
    """Return the account's webhooks as they were made, each with how many deliveries wait and were given up."""
    counted = WebhookDelivery.objects.filter(endpoint_id=OuterRef("pk")).order_by().values("endpoint_id")

    def count(status: DeliveryStatus) -> Any:
        return Coalesce(Subquery(counted.filter(status=status).annotate(n=Count("pk")).values("n")), 0)

    rows: QuerySet[Any] = WebhookEndpoint.objects.annotate(
        waiting_count=count(DeliveryStatus.WAITING), given_up_count=count(DeliveryStatus.FAILED)
    )
    return rows.order_by("created_at", "pk")


def deliveries_of(endpoint_id: UUID) -> QuerySet[Any]:
    """Return what one webhook was told, latest first."""
    rows: QuerySet[Any] = WebhookDelivery.objects.filter(endpoint_id=endpoint_id)
    return rows.order_by("-created_at", "-pk")


def attempts_of(deliveries: list[WebhookDelivery]) -> dict[UUID, list[WebhookAttempt]]:
    """Return the attempts of some deliveries, in their order. One statement."""
    found: dict[UUID, list[WebhookAttempt]] = {delivery.pk: [] for delivery in deliveries}
    rows = WebhookAttempt.objects.filter(delivery_id__in=list(found)).order_by("started_at", "pk")
    for attempt in rows:
        found[attempt.delivery_id].append(attempt)
    return found


def older_secret_signs_until(endpoint_id: UUID, now: datetime) -> datetime | None:
    """Return until when the secret before the newest one signs as well; None where there is one alone."""
    older = WebhookSecret.objects.filter(Q(expires_at__gt=now), endpoint_id=endpoint_id)
    until: datetime | None = older.values_list("expires_at", flat=True).first()
    return until
