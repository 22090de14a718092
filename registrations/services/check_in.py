"""At the door: a scan hands out, once; a second one says when and by whom."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from budgetsite.accounts.models import User
from budgetsite.outbox.services import record_event
from budgetsite.tenancy.scope import require_tenant_id
from events.models import Event
from registrations.models import CheckIn, CheckInResult, EventRegistration
from registrations.services.places import move_places
from registrations.services.problems import NonceUsed, NotCollected, ReasonMissing, RegistrationNotFound

# One conditional update decides: of two scanners at two doors only one hands out.
_COLLECT = """
    UPDATE registrations_eventregistration SET collected_at = %(now)s, collected_by_id = %(actor)s
    WHERE tenant_id = %(tenant)s AND event_id = %(event)s AND qr_token = %(token)s AND deleted_at IS NULL
        AND status = 'APPROVED' AND collected_at IS NULL
    RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Scan:
    """What a scan came to; `registration` is None where the code is not one of this event."""

    result: str
    registration: EventRegistration | None
    collected_at: datetime | None = None
    collected_by: User | None = None


def check_in(*, event: Event, qr_token: str, acting_user: User, now: datetime, nonce: str | None = None) -> Scan:
    """Hand out what the code stands for: SUCCESS, once; ALREADY_COLLECTED, NOT_APPROVED or NOT_FOUND otherwise.

    The same `nonce` twice is one check-in, and answers what the first did. Raises `NonceUsed` when it came with
    another code: whoever holds that one has not been let in.
    """
    if nonce is not None:
        earlier = _scanned_before(event, nonce, qr_token)
        if earlier is not None:
            return earlier
    try:
        with transaction.atomic():
            return _scan(event, qr_token, acting_user, nonce, now=now)
    except IntegrityError as error:
        if "registrations_checkin_once_per_nonce" not in str(error):
            raise
        # The same scan arrived twice at once; the first one counts.
        repeated = _scanned_before(event, nonce or "", qr_token)
        assert repeated is not None
        return repeated


@transaction.atomic
def undo_check_in(*, event: Event, registration_id: UUID, acting_user: User, reason: str) -> EventRegistration:
    """Take a check-in back, with a reason. Raises `NotCollected`, `ReasonMissing`, `RegistrationNotFound`."""
    if not reason.strip():
        raise ReasonMissing
    rows = EventRegistration.objects.filter(pk=registration_id, event_id=event.pk)
    registration: EventRegistration | None = rows.select_for_update(no_key=True).first()
    if registration is None:
        raise RegistrationNotFound
    if registration.collected_at is None:
        raise NotCollected
    rows.update(collected_at=None, collected_by=None)
    move_places(event_id=event.pk, option_id=registration.event_option_id, collected=-1)
    _note(event, registration.pk, CheckInResult.UNDONE, acting_user, reason=reason.strip())
    record_event(kind="registration.check_in_undone", subject_type="registration", subject_id=registration.pk)
    undone: EventRegistration = rows.get()
    return undone


def _scan(event: Event, qr_token: str, actor: User, nonce: str | None, *, now: datetime) -> Scan:
    with connection.cursor() as cursor:
        cursor.execute(
            _COLLECT,
            {
                "tenant": require_tenant_id(),
                "event": event.pk,
                "token": qr_token,
                "actor": actor.pk,
                "now": now,
            },
        )
        collected = cursor.fetchone()
    found: Any = EventRegistration.objects.filter(event_id=event.pk, qr_token=qr_token)
    registration: EventRegistration | None = found.select_related("user", "event_option", "collected_by").first()
    if registration is None:
        result = CheckInResult.NOT_FOUND
    elif collected:
        result = CheckInResult.SUCCESS
    elif registration.collected_at is not None:
        result = CheckInResult.ALREADY_COLLECTED
    else:
        result = CheckInResult.NOT_APPROVED
    if collected and registration is not None:
        move_places(event_id=event.pk, option_id=registration.event_option_id, collected=1)
        record_event(kind="registration.collected", subject_type="registration", subject_id=registration.pk)
    _note(event, registration.pk if registration else None, result, actor, nonce=nonce)
    return _as_scan(result, registration)


def _scanned_before(event: Event, nonce: str, qr_token: str) -> Scan | None:
    earlier: CheckIn | None = (
        CheckIn.objects.filter(event_id=event.pk, nonce=nonce)
        .select_related("registration__user", "registration__event_option", "registration__collected_by")
        .first()
    )
    if earlier is None:
        return None
    if earlier.registration is None:
        # Nothing was found then; a code that is somebody's is another one.
        another = EventRegistration.objects.filter(event_id=event.pk, qr_token=qr_token).exists()
    else:
        another = earlier.registration.qr_token != qr_token
    if another:
        raise NonceUsed
    return _as_scan(earlier.result, earlier.registration)


def _as_scan(result: str, registration: EventRegistration | None) -> Scan:
    if registration is None:
        return Scan(result=result, registration=None)
    return Scan(
        result=result,
        registration=registration,
        collected_at=registration.collected_at,
        collected_by=registration.collected_by,
    )


def _note(
    event: Event,
    registration_id: UUID | None,
    result: str,
    actor: User,
    *,
    nonce: str | None = None,
    reason: str = "",
) -> None:
    CheckIn.objects.create(
        event=event, registration_id=registration_id, result=result, actor=actor, nonce=nonce, reason=reason
    )
