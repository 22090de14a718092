"""Thin receivers: each calls one named service."""

from typing import Any

from django.db.models.signals import post_save, pre_save
from django.dispatch import receiver

from budgets.models import BudgetLineItem
from budgets.signals import line_leaving
from events.models import Event
from events.signals import event_deleting
from registrations.services.desk import open_desk
from registrations.services.event_changes import call_off, follow_event
from registrations.services.option import why_line_stays


@receiver(pre_save, sender=Event, dispatch_uid="registrations.event_saving")
def event_saving(sender: type[Event], instance: Event, raw: bool, **kwargs: Any) -> None:
    if not raw:
        follow_event(instance)


@receiver(post_save, sender=Event, dispatch_uid="registrations.event_saved")
def event_saved(sender: type[Event], instance: Event, created: bool, raw: bool, **kwargs: Any) -> None:
    if created and not raw:
        open_desk(instance)


@receiver(event_deleting, sender=Event, dispatch_uid="registrations.event_deleting")
def event_to_be_deleted(sender: type[Event], event: Event, **kwargs: Any) -> None:
    call_off(event)


@receiver(line_leaving, sender=BudgetLineItem, dispatch_uid="registrations.line_leaving")
def line_to_leave(sender: type[BudgetLineItem], line: BudgetLineItem, **kwargs: Any) -> str | None:
    return why_line_stays(line)
