"""Telling people of something: once each, into their inbox, and into the mail that gathers for them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from django.db import connection, transaction

from budgetsite.notifications.models import Level, Notification, Rhythm
from budgetsite.notifications.services.waking import MAILING
from budgetsite.notifications.services.wishes import Wishes, last_written, wishes_of
from budgetsite.notifications.signals import inboxes_changed
from budgetsite.notifications.timing import due_at
from budgetsite.tenancy.scope import require_tenant_id

# A statement takes 65,535 values.
_AT_ONCE = 2_000
_RANKS = {level: rank for rank, level in enumerate(Level.values)}

# A mail that gathers already goes out at the earlier of the two times.
_GATHER = """
    INSERT INTO notifications_mail AS m (id, tenant_id, person_id, rhythm, status, due_at, attempts, message_id,
        failure)
    SELECT n.id, %(tenant)s, n.person_id, n.rhythm, 'gathering', n.due_at, 0, '', ''
    FROM unnest(%(ids)s::uuid[], %(people)s::uuid[], %(rhythms)s::text[], %(due)s::timestamptz[])
        AS n(id, person_id, rhythm, due_at)
    ORDER BY n.person_id, n.rhythm
    ON CONFLICT (tenant_id, person_id, rhythm) WHERE status = 'gathering'
        DO UPDATE SET due_at = least(m.due_at, excluded.due_at)
    RETURNING m.person_id, m.rhythm, m.id
"""


@dataclass(frozen=True, slots=True)
class Message:
    """What is told. Who was told of `dedup_key` already is not told again."""

    notification_type: str
    level: str
    title: str
    path: str
    dedup_key: str
    text: str = ""
    subject_type: str = ""
    subject_id: UUID | None = None


def tell(messages: Iterable[tuple[UUID, Message]], *, now: datetime) -> int:
    """Tell people (id, message) of the current account; return how many notifications were new.

    Inside the caller's transaction: told once it commits. People who are no members are passed over, and so is what
    somebody wants neither in their inbox nor by mail. A constant number of statements for each 2,000.
    """
    # By person, so that two who tell many people lock their mails in one order.
    wanted = sorted(messages, key=lambda pair: (str(pair[0]), pair[1].dedup_key))
    if not wanted:
        return 0
    wishes = wishes_of({person for person, _ in wanted}, {message.notification_type for _, message in wanted})
    heard = [pair for pair in wanted if _is_wanted(wishes, *pair)]
    with transaction.atomic():
        fresh = _fresh(heard)
        mails = _gather(fresh, wishes, now=now)
        Notification.objects.bulk_create(
            [_notification(person, message, wishes, mails) for person, message in fresh], batch_size=_AT_ONCE
        )
    if mails:
        MAILING.after_commit()
    if fresh:
        inboxes_changed.send(sender=Notification, person_ids={person for person, _ in fresh})
    return len(fresh)


def _is_wanted(wishes: Wishes, person_id: UUID, message: Message) -> bool:
    wish = wishes.of(person_id, message.notification_type)
    return wish is not None and (wish.in_inbox or wish.mail is not None)


def _fresh(heard: Sequence[tuple[UUID, Message]]) -> list[tuple[UUID, Message]]:
    """Leave out what people were told before, and the second of two that are the same.

    Two who tell the same at the same moment meet in the unique index: one of them is tried again, and finds it told.
    """
    told: set[tuple[UUID, str]] = set()
    for some in (heard[begin : begin + _AT_ONCE] for begin in range(0, len(heard), _AT_ONCE)):
        told.update(
            Notification.objects.filter(
                person_id__in={person for person, _ in some}, dedup_key__in={message.dedup_key for _, message in some}
            ).values_list("person_id", "dedup_key")
        )
    fresh = []
    for person, message in heard:
        key = (person, message.dedup_key)
        if key not in told:
            told.add(key)
            fresh.append((person, message))
    return fresh


def _gather(fresh: Sequence[tuple[UUID, Message]], wishes: Wishes, *, now: datetime) -> Mapping[tuple[UUID, str], UUID]:
    """Return the mail that gathers for each person and rhythm among these, made where there was none."""
    levels: dict[tuple[UUID, str], str] = {}
    for person, message in fresh:
        wish = wishes.of(person, message.notification_type)
        if wish is not None and wish.mail is not None:
            key = (person, str(wish.mail))
            levels[key] = max(levels.get(key, message.level), message.level, key=_RANKS.__getitem__)
    if not levels:
        return {}
    written = last_written({person for person, rhythm in levels if rhythm == Rhythm.IMMEDIATE})
    times = [
        due_at(
            wishes.habits[person],
            rhythm,
            level,
            now=now,
            last_written_at=written[person].closed_at if person in written else None,
        )
        for (person, rhythm), level in levels.items()
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            _GATHER,
            {
                "tenant": require_tenant_id(),
                "ids": [uuid4() for _ in levels],
                "people": [person for person, _ in levels],
                "rhythms": [rhythm for _, rhythm in levels],
                "due": times,
            },
        )
        return {(person, rhythm): mail_id for person, rhythm, mail_id in cursor.fetchall()}


def _notification(
    person: UUID, message: Message, wishes: Wishes, mails: Mapping[tuple[UUID, str], UUID]
) -> Notification:
    wish = wishes.of(person, message.notification_type)
    assert wish is not None
    return Notification(
        person_id=person,
        notification_type=message.notification_type,
        level=message.level,
        title=message.title[:200],
        text=message.text,
        path=message.path,
        subject_type=message.subject_type,
        subject_id=message.subject_id,
        dedup_key=message.dedup_key,
        in_inbox=wish.in_inbox,
        mail_id=None if wish.mail is None else mails[person, str(wish.mail)],
    )
