"""Which of the mails that are due go out now, and with what: people leave, change their minds, and read meanwhile."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, F, IntegerField, Q, Value, When, Window
from django.db.models.functions import RowNumber

from budgetsite.accounts.models import Account, User
from budgetsite.notifications.models import Level, Mail, MailStatus, Notification, Rhythm
from budgetsite.notifications.services.bouncing import refused_addresses
from budgetsite.notifications.services.wishes import Wishes, wishes_of
from budgetsite.notifications.services.wording import WRITTEN_OUT, Contents, message_id_of
from budgetsite.notifications.timing import quiet_end
from budgetsite.privacy.registry import notification_types
from budgetsite.tenancy.scope import require_tenant_id

_RANK = Case(
    *[When(level=level, then=Value(rank)) for rank, level in enumerate(reversed(Level.values))],
    output_field=IntegerField(),
)


@dataclass(frozen=True, slots=True)
class Sorted:
    """Mails that go out, and the contents of each by its id."""

    to_send: list[Mail]
    contents: dict[UUID, Contents]


def sort_out(mails: Sequence[Mail], *, now: datetime) -> Sorted:
    """Close what nobody wants or can get, put off what quiet hours hold back, and return the rest. Saves nothing.

    What its person has read meanwhile is left out. A constant number of statements.
    """
    people = {mail.person_id for mail in mails}
    addressed = User.objects.in_bulk(people)
    wishes = wishes_of(people, notification_types())
    counts = _counts(mails, wishes)
    refused = refused_addresses(people)
    to_send = []
    for mail in mails:
        if mail.pk not in counts:
            mail.status, mail.closed_at = MailStatus.CANCELLED, now
        elif refused.get(mail.person_id) == addressed[mail.person_id].email:
            mail.status, mail.closed_at = MailStatus.FAILED, now
            mail.failure = "not tried: the address was refused before"
        elif (silent_until := _silent_until(mail, wishes, counts[mail.pk], now)) is not None:
            mail.due_at = silent_until
        else:
            to_send.append(mail)
    if not to_send:
        return Sorted([], {})
    written_out = _written_out(to_send, counts)
    account = Account.objects.get(pk=require_tenant_id())
    return Sorted(
        to_send,
        {
            mail.pk: Contents(
                mail_id=mail.pk,
                message_id=mail.message_id or message_id_of(mail.pk),
                rhythm=Rhythm(mail.rhythm),
                account=account,
                person=addressed[mail.person_id],
                timezone=wishes.habits[mail.person_id].timezone,
                counts=counts[mail.pk],
                written_out=written_out[mail.pk],
            )
            for mail in to_send
        },
    )


def _counts(mails: Iterable[Mail], wishes: Wishes) -> dict[UUID, dict[tuple[str, str], int]]:
    """Return for each mail how many unread notifications it has that are wanted by mail, by (level, type)."""
    people = {mail.pk: mail.person_id for mail in mails}
    counts: dict[UUID, dict[tuple[str, str], int]] = defaultdict(dict)
    counted: Any = (
        Notification.objects.filter(mail_id__in=people, read_at=None)
        .order_by()
        .values_list("mail_id", "level", "notification_type")
        .annotate(number=Count("pk"))
    )
    for mail_id, level, name, number in counted:
        wish = wishes.of(people[mail_id], name)
        if wish is not None and wish.mail is not None:
            counts[mail_id][level, name] = number
    return dict(counts)


def _silent_until(mail: Mail, wishes: Wishes, counts: dict[tuple[str, str], int], now: datetime) -> datetime | None:
    """Return when the quiet hours end that hold it back; a digest comes at the time that was chosen for it."""
    habits = wishes.habits[mail.person_id]
    if mail.rhythm != Rhythm.IMMEDIATE and not mail.attempts:
        return None
    if habits.critical_breaks_quiet and any(level == Level.CRITICAL for level, _ in counts):
        return None
    return quiet_end(habits, now)


def _written_out(
    mails: Iterable[Mail], counts: dict[UUID, dict[tuple[str, str], int]]
) -> dict[UUID, list[Notification]]:
    """Return the gravest and newest notifications of each mail."""
    wanted = reduce(
        or_,
        (Q(mail_id=mail.pk, notification_type__in={name for _, name in counts[mail.pk]}) for mail in mails),
    )
    place = Window(
        RowNumber(),
        partition_by=F("mail_id"),
        order_by=[_RANK.asc(), F("created_at").desc(), F("pk").desc()],
    )
    rows = Notification.objects.filter(wanted, read_at=None).annotate(place=place).filter(place__lte=WRITTEN_OUT)
    found: dict[UUID, list[Notification]] = defaultdict(list)
    for notification in rows.order_by("mail_id", "place"):
        found[notification.mail_id].append(notification)
    return found
