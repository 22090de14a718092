"""Thin receivers: each calls one named service."""

from typing import Any

from django.db.models.signals import post_save
from django.dispatch import receiver

from events.models import Event
from registrations.services.desk import open_desk


@receiver(post_save, sender=Event, dispatch_uid="registrations.event_saved")
def event_saved(sender: type[Event], instance: Event, created: bool, raw: bool, **kwargs: Any) -> None:
    if created and not raw:
        open_desk(instance)
