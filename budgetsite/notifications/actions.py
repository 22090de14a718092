"""What can be done from a mail without signing in, said by the app that knows what its notifications are about."""

from collections.abc import Callable
from dataclasses import dataclass

from budgetsite.notifications.models import Notification


@dataclass(frozen=True, slots=True)
class MailAction:
    """A link beside a notification in a mail. `path_of` returns a path of this site that allows the person of the
    notification the one thing, signed, for some days; it asks the database nothing.
    """

    label: str
    path_of: Callable[[Notification], str]


_actions: dict[str, MailAction] = {}


def register_mail_action(subject_type: str, action: MailAction) -> None:
    """Put `action` beside all notifications about this kind of subject."""
    _actions[subject_type] = action


def mail_action_of(notification: Notification) -> MailAction | None:
    return _actions.get(notification.subject_type)
