"""Sending the mails that are due: each once, never long by one slow answer, nothing lost while the server is away.

A mail is claimed in a short transaction, which asks again whether it is wanted. A thread then connects and names sender
and recipient; that the server is about to have it (`handed_at`) is committed before it is given the message. A worker
that dies before leaves a claim that is freed; one that dies after leaves a mail that nobody knows about, which is never
sent a second time: its person finds everything in the inbox.
"""

import logging
import random
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.mail import EmailMultiAlternatives
from django.db import connections, transaction
from django.utils import timezone

from budgetsite.notifications.handing_over import (
    UNREACHABLE,
    AddressRefused,
    Handover,
    MailServer,
    NotTaken,
    PerhapsTaken,
    Unreachable,
)
from budgetsite.notifications.models import OPEN_MAIL, Mail, MailStatus
from budgetsite.notifications.services.bouncing import record_bounce
from budgetsite.notifications.services.sorting import Sorted, sort_out
from budgetsite.notifications.services.wording import Contents, compose
from budgetsite.operations.piecework import Piecework
from budgetsite.tenancy.scope import require_tenant_id, tenant_scope

logger = logging.getLogger(__name__)

SENDERS = 8
# Longer than anything takes that happens to a mail in a worker that lives.
CLAIM_LASTS = timedelta(minutes=5)
IN_DOUBT_AFTER = timedelta(minutes=10)
# Waits between the attempts, about a day together; each a fifth more or less.
RETRY_AFTER = [
    timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(minutes=30), timedelta(hours=1),
    timedelta(hours=2), timedelta(hours=4), timedelta(hours=7), timedelta(hours=9, minutes=9),
]  # fmt: skip
# Walks from account to account in the index of open mail, however much of it waits.
_DUE_TENANTS = """
    WITH RECURSIVE first AS (
        (
            SELECT tenant_id, due_at FROM notifications_mail WHERE status IN ('gathering', 'waiting')
            ORDER BY tenant_id, due_at LIMIT 1
        )
        UNION ALL
        SELECT next.tenant_id, next.due_at FROM first f CROSS JOIN LATERAL (
            SELECT m.tenant_id, m.due_at FROM notifications_mail m
            WHERE m.status IN ('gathering', 'waiting') AND m.tenant_id > f.tenant_id
            ORDER BY m.tenant_id, m.due_at LIMIT 1
        ) next
    )
    SELECT tenant_id FROM first WHERE due_at <= statement_timestamp()
"""
_FREE = """
    UPDATE notifications_mail SET status = 'waiting', claimed_at = NULL, failure = 'worker died before sending'
    WHERE status = 'sending' AND handed_at IS NULL AND claimed_at < %(before)s
"""
# What waits because of the server alone does not wait for its own next attempt.
_HASTEN = """
    UPDATE notifications_mail SET due_at = now()
    WHERE status = 'waiting' AND due_at > now() AND failure LIKE %s
"""
_DOUBT = """
    UPDATE notifications_mail SET status = 'uncertain', closed_at = %(now)s, failure = 'worker died while sending'
    WHERE status = 'sending' AND handed_at < %(before)s
"""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A claimed mail. `claimed_at` tells this claim from a later one."""

    tenant_id: UUID
    mail_id: UUID
    claimed_at: datetime
    contents: Contents


def send_due(*, seconds: float) -> bool:
    """Send what is due, of all accounts, and begin nothing new after `seconds`; return whether more may be due.

    While the mail server is away nothing more is begun: every mail would only wait for it in turn. Once it is back, all
    that waited for it is due. Commits step by step: call it outside any transaction. An account whose mails can't be
    read keeps those of no other waiting; raises `SomeFailed` at the end.
    """
    until = time.monotonic() + seconds
    is_away = is_back = False
    beginning: dict[Future[Any], Outgoing] = {}
    finishing: dict[Future[Any], Outgoing] = {}
    with (
        Piecework(logger, "the mails of account %s could not be read") as work,
        MailServer() as server,
        ThreadPoolExecutor(SENDERS) as pool,
    ):
        while True:
            flying = len(beginning) + len(finishing)
            goes_on = not is_away and time.monotonic() < until
            if goes_on and flying <= SENDERS // 2:
                for outgoing in claim_due(room=SENDERS - flying, work=work):
                    message = _composed(outgoing)
                    if message is not None:
                        beginning[pool.submit(server.begin, message)] = outgoing
            if not beginning and not finishing:
                return not goes_on and not is_away
            done, _ = wait({*beginning, *finishing}, timeout=0.5, return_when=FIRST_COMPLETED)
            for future in done:
                if future in beginning:
                    outgoing = beginning.pop(future)
                    handover, unreachable = _begun(outgoing, future)
                    is_away = is_away or unreachable
                    if handover is not None:
                        finishing[pool.submit(handover.finish)] = outgoing
                else:
                    went_well = _finished(finishing.pop(future), future)
                    if went_well and not is_back:
                        is_back = True
                        _hasten()


def free_claims(*, now: datetime) -> None:
    """Let mails of all accounts be sent again that a dead worker had only claimed; those it was handing over never."""
    with connections["service"].cursor() as cursor:
        cursor.execute(_FREE, {"before": now - CLAIM_LASTS})
        cursor.execute(_DOUBT, {"before": now - IN_DOUBT_AFTER, "now": now})


def _hasten() -> None:
    with connections["service"].cursor() as cursor:
        cursor.execute(_HASTEN, [f"{UNREACHABLE}:%"])


def claim_due(*, room: int, work: Piecework) -> Iterator[Outgoing]:
    """Claim up to `room` mails; accounts in any order, each with its share, without those that failed before."""
    with connections["service"].cursor() as cursor:
        cursor.execute(_DUE_TENANTS)
        tenants = [row[0] for row in cursor.fetchall() if row[0] not in work.failed]
    random.shuffle(tenants)
    for tenant_id in tenants:
        if room <= 0:
            return
        claimed: list[Outgoing] = []
        with work.piece(tenant_id, tenant_id=tenant_id), tenant_scope(tenant_id), transaction.atomic():
            claimed = _claim(max(1, room // len(tenants)))
        room -= len(claimed)
        yield from claimed


def _claim(most: int) -> list[Outgoing]:
    """Claim mails of the current account, and close or put off those that are not to be sent now."""
    now = timezone.now()
    mails = list(
        Mail.objects.filter(status__in=OPEN_MAIL, due_at__lte=now)
        .order_by("due_at", "pk")
        .select_for_update(no_key=True, skip_locked=True)[:most]
    )
    if not mails:
        return []
    found: Sorted = sort_out(mails, now=now)
    for mail in found.to_send:
        mail.status, mail.claimed_at, mail.attempts = MailStatus.SENDING, now, mail.attempts + 1
        mail.message_id = found.contents[mail.pk].message_id
    changed = ["status", "due_at", "attempts", "claimed_at", "closed_at", "message_id", "failure"]
    Mail.objects.bulk_update(mails, changed)
    return [
        Outgoing(
            tenant_id=require_tenant_id(), mail_id=mail.pk, claimed_at=mail.claimed_at, contents=found.contents[mail.pk]
        )
        for mail in found.to_send
        if mail.claimed_at is not None
    ]


def _composed(outgoing: Outgoing) -> EmailMultiAlternatives | None:
    """Write the mail. One that cannot be written is put off, and holds up no other."""
    try:
        message = compose(outgoing.contents)
        # What is wrong with an address or a header shows here.
        message.message()
    except Exception as error:
        logger.exception("mail %s cannot be written", outgoing.mail_id)
        put_off(outgoing, failure=f"writing: {type(error).__name__}")
        return None
    return message


def _begun(outgoing: Outgoing, future: Future[Handover]) -> tuple[Handover | None, bool]:
    """Return how to go on, and whether the server cannot be reached."""
    try:
        handover = future.result()
    except AddressRefused as problem:
        give_up(outgoing, failure=problem.failure, refused=problem.reason)
        return None, False
    except NotTaken as problem:
        put_off(outgoing, failure=problem.failure)
        return None, isinstance(problem, Unreachable)
    except Exception as error:
        logger.exception("mail %s cannot be sent", outgoing.mail_id)
        put_off(outgoing, failure=f"sending: {type(error).__name__}")
        return None, False
    if not mark_handed(outgoing):
        # Somebody thought that this worker was dead, and the mail is theirs now.
        handover.abandon()
        return None, False
    return handover, False


def _finished(outgoing: Outgoing, future: Future[None]) -> bool:
    """Write down what became of it; return whether the server has it."""
    try:
        future.result()
    except NotTaken as problem:
        put_off(outgoing, failure=problem.failure)
    except PerhapsTaken as problem:
        _close(outgoing, MailStatus.UNCERTAIN, failure=problem.failure)
    except Exception as error:
        logger.exception("what became of mail %s is unknown", outgoing.mail_id)
        _close(outgoing, MailStatus.UNCERTAIN, failure=f"sending: {type(error).__name__}")
    else:
        _close(outgoing, MailStatus.SENT, failure="")
        return True
    return False


def mark_handed(outgoing: Outgoing) -> bool:
    """Write down that the server is about to have it; False when the claim is another's by now."""
    with tenant_scope(outgoing.tenant_id), transaction.atomic():
        claim = Mail.objects.filter(
            pk=outgoing.mail_id, status=MailStatus.SENDING, claimed_at=outgoing.claimed_at, handed_at=None
        )
        return bool(claim.update(handed_at=timezone.now()))


def put_off(outgoing: Outgoing, *, failure: str) -> None:
    """Send it later, or not at all once it has been tried for about a day."""
    with tenant_scope(outgoing.tenant_id), transaction.atomic():
        mail = _locked(outgoing)
        if mail is None:
            return
        if mail.attempts > len(RETRY_AFTER):
            give_up(outgoing, failure=failure)
            return
        mail.status, mail.claimed_at, mail.handed_at, mail.failure = MailStatus.WAITING, None, None, failure
        spread = random.uniform(0.8, 1.2)  # noqa: S311 - nobody gains by guessing it
        mail.due_at = timezone.now() + RETRY_AFTER[mail.attempts - 1] * spread
        mail.save(update_fields=["status", "claimed_at", "handed_at", "failure", "due_at"])


def give_up(outgoing: Outgoing, *, failure: str, refused: str = "") -> None:
    """Send it no more. Where the address was refused (`refused` says in which words), nothing else is sent there."""
    with tenant_scope(outgoing.tenant_id), transaction.atomic():
        if _close(outgoing, MailStatus.FAILED, failure=failure) and refused:
            record_bounce(person=outgoing.contents.person, reason=refused, now=timezone.now())


def _close(outgoing: Outgoing, status: MailStatus, *, failure: str) -> bool:
    with tenant_scope(outgoing.tenant_id), transaction.atomic():
        mail = _locked(outgoing)
        if mail is None:
            return False
        mail.status, mail.closed_at, mail.failure = status, timezone.now(), failure[:200]
        mail.save(update_fields=["status", "closed_at", "failure"])
        return True


def _locked(outgoing: Outgoing) -> Mail | None:
    """Return the mail while this claim holds. Whoever comes late changes nothing, except a doubt that it can end."""
    mine = Mail.objects.filter(pk=outgoing.mail_id, claimed_at=outgoing.claimed_at)
    still = mine.filter(status__in=(MailStatus.SENDING, MailStatus.UNCERTAIN))
    found: Mail | None = still.select_for_update(no_key=True).first()
    return found
