"""What a mail says: the most important first, grouped, with a link for each, as text and as HTML."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import formataddr, parseaddr
from itertools import groupby
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from budgetsite.accounts.models import Account, User
from budgetsite.notifications.actions import mail_action_of
from budgetsite.notifications.links import page_address, unsubscribe_address
from budgetsite.notifications.models import Level, Notification, Rhythm
from budgetsite.privacy.registry import notification_types

# So many are written out; the others are counted.
WRITTEN_OUT = 20
_LONGEST_SUBJECT = 120
_GRAVEST_FIRST = tuple(reversed(Level.values))
_WHY = {
    Rhythm.IMMEDIATE: "at once",
    Rhythm.DAILY: "in a mail once a day",
    Rhythm.WEEKLY: "in a mail once a week",
}


@dataclass(frozen=True, slots=True)
class Contents:
    """All that a mail is made of. `counts` are all of its notifications by (level, type), of which `written_out` has
    the gravest and newest.
    """

    mail_id: UUID
    message_id: str
    rhythm: Rhythm
    account: Account
    person: User
    timezone: str
    counts: dict[tuple[str, str], int]
    written_out: Sequence[Notification]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def types(self) -> list[str]:
        """The types in it, those of the gravest level first."""
        return list(dict.fromkeys(name for _, name in sorted(self.counts, key=_importance)))


def message_id_of(mail_id: UUID) -> str:
    """Return the id that every attempt at a mail has."""
    host = settings.SITE_ADDRESS.partition("://")[2].partition("/")[0].partition(":")[0]
    return f"<{mail_id}@{host}>"


def compose(contents: Contents) -> EmailMultiAlternatives:
    """Write the mail. No database is asked."""
    context = _context(contents)
    _, address = parseaddr(settings.DEFAULT_FROM_EMAIL)
    everything = unsubscribe_address(
        tenant_id=contents.account.pk, person_id=contents.person.pk, notification_types=contents.types
    )
    message = EmailMultiAlternatives(
        subject=context["subject"],
        body=render_to_string("notifications/mail/mail.txt", context).strip() + "\n",
        from_email=formataddr((f"{one_line(contents.account.name)} · Budgetsite", address)),
        to=[contents.person.email],
        headers={
            "Message-ID": contents.message_id,
            # Out-of-office answers go nowhere.
            "Auto-Submitted": "auto-generated",
            "List-Unsubscribe": f"<{everything}>",
            "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        },
    )
    message.attach_alternative(render_to_string("notifications/mail/mail.html", context), "text/html")
    return message


def one_line(text: str) -> str:
    """Return a text without line breaks, control characters and signs that turn the direction of writing around."""
    seen = "".join(" " if unicodedata.category(sign) in ("Cc", "Zl", "Zp") else sign for sign in text)
    return " ".join(re.sub("[\u202a-\u202e\u2066-\u2069]", "", seen).split())


def subject_of(contents: Contents) -> str:
    first = one_line(contents.written_out[0].title)
    if len(first) > _LONGEST_SUBJECT:
        first = first[: _LONGEST_SUBJECT - 1].rstrip() + "…"
    return first if contents.total == 1 else f"{first}, and {contents.total - 1:,} more"


def _context(contents: Contents) -> dict[str, Any]:
    known = notification_types()
    return {
        "subject": subject_of(contents),
        "account": one_line(contents.account.name),
        "person": one_line(str(contents.person)),
        "is_digest": contents.rhythm != Rhythm.IMMEDIATE,
        "rhythm": contents.rhythm,
        "why": _WHY[contents.rhythm],
        "total": contents.total,
        "groups": _groups(contents),
        "left_out": contents.total - len(contents.written_out),
        "inbox_address": page_address("notifications:inbox"),
        "settings_address": page_address("notifications:settings"),
        "types": [
            {
                "label": known[name].label if name in known else name,
                "unsubscribe": unsubscribe_address(
                    tenant_id=contents.account.pk, person_id=contents.person.pk, notification_types=[name]
                ),
            }
            for name in contents.types
        ],
    }


def _groups(contents: Contents) -> list[dict[str, Any]]:
    known, zone = notification_types(), ZoneInfo(contents.timezone)

    def kind(notification: Notification) -> tuple[str, str]:
        return notification.level, notification.notification_type

    groups = []
    for (level, name), found in groupby(sorted(contents.written_out, key=lambda each: _importance(kind(each))), kind):
        entries = [
            {
                "title": one_line(notification.title),
                "text": "\n".join(filter(None, map(one_line, notification.text.splitlines()))),
                "when": _moment(notification.created_at, zone),
                "address": page_address("notifications:follow", contents.account.pk, notification.pk),
                "action": _action(notification),
            }
            for notification in found
        ]
        groups.append(
            {
                "level": level,
                "level_label": Level(level).label,
                "label": known[name].label if name in known else name,
                "entries": entries,
                "total": contents.counts[level, name],
                "is_cut": contents.counts[level, name] > len(entries),
            }
        )
    return groups


def _action(notification: Notification) -> dict[str, str] | None:
    action = mail_action_of(notification)
    if action is None:
        return None
    return {"label": action.label, "address": f"{settings.SITE_ADDRESS}{action.path_of(notification)}"}


def _importance(kind: tuple[str, str]) -> tuple[int, str]:
    level, name = kind
    return _GRAVEST_FIRST.index(level), name


def _moment(moment: datetime, zone: ZoneInfo) -> str:
    there = moment.astimezone(zone)
    return f"{there.day} {there:%b %Y, %H:%M %Z}"
