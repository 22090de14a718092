"""Thin receivers: each calls one named service."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib.auth.signals import user_logged_out
from django.db.models.signals import post_save
from django.dispatch import receiver

from budgetsite.accounts.models import Membership, User
from budgetsite.accounts.signals import access_changed
from budgetsite.live.publishing import end_streams_after_commit
from budgetsite.live.sights import let_count_anew, let_deliveries_be_seen
from budgetsite.notifications.models import Notification
from budgetsite.notifications.signals import inboxes_changed
from budgetsite.webhooks.models import WebhookDelivery
from budgetsite.webhooks.signals import deliveries_changed

# What a person is let in by.
_OF_ACCESS = frozenset({"is_active", "is_superuser", "password"})


@receiver(inboxes_changed, sender=Notification, dispatch_uid="live.inboxes_changed")
def people_have_news(sender: type[Notification], person_ids: Iterable[UUID], **kwargs: Any) -> None:
    let_count_anew(person_ids)


@receiver(deliveries_changed, sender=WebhookDelivery, dispatch_uid="live.deliveries_changed")
def something_came_of_deliveries(sender: type[WebhookDelivery], **kwargs: Any) -> None:
    let_deliveries_be_seen()


@receiver(access_changed, sender=Membership, dispatch_uid="live.access_changed")
def member_is_something_else(sender: type[Membership], membership: Membership, **kwargs: Any) -> None:
    end_streams_after_commit([membership.user_id])


@receiver(post_save, sender=User, dispatch_uid="live.user_saved")
def person_is_let_in_otherwise(
    sender: type[User],
    instance: User,
    created: bool,
    raw: bool,
    using: str,
    update_fields: Iterable[str] | None,
    **kwargs: Any,
) -> None:
    if not (created or raw) and (update_fields is None or not _OF_ACCESS.isdisjoint(update_fields)):
        end_streams_after_commit([instance.pk], using=using)


@receiver(user_logged_out, dispatch_uid="live.user_logged_out")
def person_has_signed_out(sender: type[User] | None, user: User | None, **kwargs: Any) -> None:
    if user is not None:
        end_streams_after_commit([user.pk])
