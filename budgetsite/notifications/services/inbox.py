"""Reading what one was told."""

from datetime import datetime
from uuid import UUID

from budgetsite.accounts.models import User
from budgetsite.notifications.models import Notification
from budgetsite.notifications.selectors import inbox_of, told_to
from budgetsite.notifications.signals import inboxes_changed


class NotificationNotFound(LookupError):
    def __init__(self, notification_id: UUID) -> None:
        self.notification_id = notification_id
        super().__init__("There is no such notification of yours, or it is no longer kept.")


def mark_read(*, notification_id: UUID, acting_user: User, now: datetime) -> Notification:
    """Mark one of one's own as read; the first time counts. Raises `NotificationNotFound`."""
    mine = told_to(acting_user.pk).filter(pk=notification_id)
    if mine.filter(read_at=None).update(read_at=now):
        inboxes_changed.send(sender=Notification, person_ids={acting_user.pk})
    found = mine.first()
    if found is None:
        raise NotificationNotFound(notification_id)
    return found


def mark_all_read(*, acting_user: User, now: datetime) -> int:
    """Mark all that is in one's inbox by now as read; return how many were not."""
    count = inbox_of(acting_user.pk).filter(read_at=None, created_at__lte=now).update(read_at=now)
    if count:
        inboxes_changed.send(sender=Notification, person_ids={acting_user.pk})
    return count
