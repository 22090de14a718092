"""Sending something again, and trying whether an endpoint works."""

from datetime import datetime
from uuid import UUID, uuid4

from django.db import transaction

from budgetsite.accounts.models import User
from budgetsite.webhooks.catalogue import TEST_KIND
from budgetsite.webhooks.models import DeliveryStatus, WebhookDelivery
from budgetsite.webhooks.services.endpoint import lock_endpoint, store_health
from budgetsite.webhooks.services.fanout import message, subject_data
from budgetsite.webhooks.services.problems import DeliveryNotFound, DeliveryUnderWay, WebhookIsPaused
from budgetsite.webhooks.services.waking import send_after_commit
from budgetsite.webhooks.signals import deliveries_changed


@transaction.atomic
def redeliver(*, endpoint_id: UUID, delivery_id: UUID, acting_user: User, now: datetime) -> WebhookDelivery:
    """Send a delivery once more, with the same id, and from the beginning of its attempts.

    Raises `DeliveryNotFound`, `DeliveryUnderWay`, `WebhookIsPaused`, `WebhookNotFound`.
    """
    endpoint = lock_endpoint(endpoint_id)
    deliveries = WebhookDelivery.objects.select_for_update(no_key=True).filter(endpoint=endpoint)
    delivery: WebhookDelivery | None = deliveries.filter(pk=delivery_id).first()
    if delivery is None:
        raise DeliveryNotFound(delivery_id)
    if endpoint.is_paused:
        raise WebhookIsPaused
    if delivery.leased_until is not None and delivery.leased_until > now:
        raise DeliveryUnderWay
    delivery.status, delivery.attempts, delivery.next_attempt_at = DeliveryStatus.WAITING, 0, now
    delivery.save()
    endpoint.resting_until = None
    store_health(endpoint)
    send_after_commit()
    deliveries_changed.send(sender=WebhookDelivery)
    return delivery


@transaction.atomic
def send_test(*, endpoint_id: UUID, acting_user: User, now: datetime) -> WebhookDelivery:
    """Send an event of the kind `webhook.test`, once. Raises `WebhookIsPaused`, `WebhookNotFound`."""
    endpoint = lock_endpoint(endpoint_id)
    if endpoint.is_paused:
        raise WebhookIsPaused
    data = subject_data(subject_type="webhook", subject_id=endpoint.pk, sequence=0)
    body = message(TEST_KIND, happened_at=now, data=data)
    delivery: WebhookDelivery = WebhookDelivery.objects.create(
        endpoint=endpoint, event_id=uuid4(), kind=TEST_KIND, body=body, is_test=True, next_attempt_at=now
    )
    endpoint.resting_until = None
    store_health(endpoint)
    send_after_commit()
    deliveries_changed.send(sender=WebhookDelivery)
    return delivery
