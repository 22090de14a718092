"""What a person chooses: of each type whether and how, and when they may be written to.

Whether they want mail of a type at all is their consent (`budgetsite.privacy`): a choice here records it there, in the
same transaction, and a choice there shows here.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from budgetsite.accounts.models import User
from budgetsite.notifications.models import NotificationPreference, Rhythm
from budgetsite.notifications.selectors import Choice, choices_of
from budgetsite.notifications.services.own_settings import lock_settings
from budgetsite.privacy.models import ConsentSource
from budgetsite.privacy.registry import notification_types
from budgetsite.privacy.services.consent import UnknownNotificationType, give_consent, withdraw_consent

SETTINGS = ("quiet_from", "quiet_until", "critical_breaks_quiet", "timezone", "digest_time", "digest_weekday")


@dataclass(frozen=True, slots=True)
class ChoiceChange:
    """What becomes different about a type; None stays as it is. `mail` is a rhythm, or "never"."""

    in_inbox: bool | None = None
    mail: str | None = None


class QuietHoursIncomplete(ValueError):
    code = "quiet_hours_incomplete"

    def __init__(self) -> None:
        super().__init__("Quiet hours have a beginning and an end, at two different times. Leave both empty for none.")


@transaction.atomic
def change_choices(
    *, acting_user: User, choices: Mapping[str, ChoiceChange], source: ConsentSource, **settings: Any
) -> None:
    """Change a person's own choices by type, and any of `SETTINGS`; all or nothing.

    What gathers already goes out as it would have: of a type that is not wanted any more nothing does. Raises
    `UnknownNotificationType`, `QuietHoursIncomplete`, `ValidationError` for a time zone that there is not.
    """
    for name in choices:
        if name not in notification_types():
            raise UnknownNotificationType(name)
    # Locks the person as well: their changes come one after the other.
    kept = lock_settings(acting_user)
    _change_settings(kept, settings)
    present = {choice.notification_type: choice for choice in choices_of(acting_user)}
    for name, change in choices.items():
        _change(acting_user, present[name], change, source)


def end_mails(*, person: User, notification_types: Iterable[str]) -> list[str]:
    """Record a person's no to these types, said by the link in a mail; return those that were a yes before.

    A type that there is no longer is passed over: no mail of it comes anyway.
    """
    known = {choice.notification_type for choice in choices_of(person) if choice.mail is not None}
    ended = [name for name in notification_types if name in known]
    for name in ended:
        withdraw_consent(person=person, notification_type=name, source=ConsentSource.LINK)
    return ended


def _change_settings(kept: Any, settings: Mapping[str, Any]) -> None:
    for name, value in settings.items():
        if name not in SETTINGS:
            raise TypeError(f"There is no setting {name!r}.")
        setattr(kept, name, value)
    if not settings:
        return
    if (kept.quiet_from is None) != (kept.quiet_until is None) or (
        kept.quiet_from is not None and kept.quiet_from == kept.quiet_until
    ):
        raise QuietHoursIncomplete
    kept.full_clean(exclude=["tenant", "person"])
    kept.save()


def _change(person: User, present: Choice, change: ChoiceChange, source: ConsentSource) -> None:
    name = present.notification_type
    in_inbox = present.in_inbox if change.in_inbox is None else change.in_inbox
    mail = present.mail_choice if change.mail is None else change.mail
    if (in_inbox, mail) == (present.in_inbox, present.mail_choice):
        return
    if mail == "never":
        if present.mail is not None:
            withdraw_consent(person=person, notification_type=name, source=source)
        rhythm = present.rhythm
    else:
        if mail not in Rhythm.values:
            raise ValidationError({"mail": f"There is no {mail!r}."}, code="invalid_choice")
        if present.mail is None:
            give_consent(person=person, notification_type=name, source=source)
        rhythm = Rhythm(mail)
    NotificationPreference.objects.update_or_create(
        person_id=person.pk, notification_type=name, defaults={"in_inbox": in_inbox, "mail_rhythm": rhythm}
    )
