"""Thin receivers: each calls one named service."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.dispatch import receiver

from budgetsite.live.sights import let_count_anew
from budgetsite.notifications.models import Notification
from budgetsite.notifications.signals import inboxes_changed


@receiver(inboxes_changed, sender=Notification, dispatch_uid="live.inboxes_changed")
def people_have_news(sender: type[Notification], person_ids: Iterable[UUID], **kwargs: Any) -> None:
    let_count_anew(person_ids)
