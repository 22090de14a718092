"""Which of the mails that are due go out now, and with what: people leave, change their minds, and read meanwhile."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, F, IntegerField, Q, QuerySet, Value, When, Window
from django.db.models.functions import RowNumber

from budgetsite.accounts.models import Account, User
from budgetsite.notifications.models import Level, Mail, MailStatus, Notification, Rhythm
from budgetsite.notifications.news import kinds_that_pass, over
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

    What its person has read meanwhile is left out, and what is over (`budgetsite.notifications.news`); a mail of which
    nothing is left is closed. A constant number of statements.
    """
    people = {mail.person_id for mail in mails}
    addressed = User.objects.in_bulk(people)
    wishes = wishes_of(people, notification_types())
    news = _news(mails)
    counts = _counts(mails, news, wishes)
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
    written_out = _written_out(to_send, news, counts)
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


def _news(mails: Iterable[Mail]) -> QuerySet[Any]:
    """Return what of these mails is unread and still so."""
    unread: QuerySet[Any] = Notification.objects.filter(mail_id__in=[mail.pk for mail in mails], read_at=None)
    asked = unread.filter(subject_type__in=kinds_that_pass(), subject_id__isnull=False).order_by()
    for kind, ids in over(list(asked.values_list("subject_type", "subject_id").distinct())).items():
        if ids:
            unread = unread.exclude(subject_type=kind, subject_id__in=ids)
    return unread


def _counts(mails: Iterable[Mail], news: QuerySet[Any], wishes: Wishes) -> dict[UUID, dict[tuple[str, str], int]]:
    """Return for each mail how many of its `news` are wanted by mail, by (level, type)."""
    people = {mail.pk: mail.person_id for mail in mails}
    counts: dict[UUID, dict[tuple[str, str], int]] = defaultdict(dict)
    counted: Any = news.order_by().values_list("mail_id", "level", "notification_type").annotate(number=Count("pk"))
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
    mails: Iterable[Mail], news: QuerySet[Any], counts: dict[UUID, dict[tuple[str, str], int]]
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
    rows = news.filter(wanted).annotate(place=place).filter(place__lte=WRITTEN_OUT)
    found: dict[UUID, list[Notification]] = defaultdict(list)
    for notification in rows.order_by("mail_id", "place"):
        found[notification.mail_id].append(notification)
    return found
