"""A person's row of settings, which they have once they need one."""

from budgetsite.accounts.models import User
from budgetsite.notifications.models import NotificationSettings


def lock_settings(person: User) -> NotificationSettings:
    """Return the person's settings in the current account, locked until the transaction ends; made if need be."""
    # Two who make it at once queue at the person.
    User.objects.select_for_update(no_key=True).get(pk=person.pk)
    kept: NotificationSettings | None = NotificationSettings.objects.filter(person_id=person.pk).first()
    return kept or NotificationSettings.objects.create(person_id=person.pk)
