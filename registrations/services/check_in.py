"""At the door: a scan hands out, once; a second one says when and by whom."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction

from budgetsite.accounts.models import User
from budgetsite.outbox.services import INSERT_EVENT, record_event, relay_after_commit
from budgetsite.tenancy.scope import current_scope, require_tenant_id
from events.holding import HOLD_EVENT, event_lock
from events.models import Event
from registrations.models import CheckIn, CheckInResult, EventRegistration
from registrations.selectors.one_registration import SHOWN_COLUMNS, SHOWN_JOINS, first_shown
from registrations.services.holding import keep_event
from registrations.services.places import move_places
from registrations.services.problems import (
    NonceUsed,
    NotCollected,
    ReasonMissing,
    RegistrationNotFound,
    ScanTakenBack,
)

# The usual scan in one statement: handed out, counted, noted and told, or nothing at all. One conditional update
# decides: of two scanners at two doors only one hands out.
_COLLECT = f"""
    WITH gate AS MATERIALIZED (SELECT {HOLD_EVENT}), collected AS (
        UPDATE registrations_eventregistration r SET collected_at = %(now)s, collected_by_id = %(actor)s
        FROM gate
        WHERE r.tenant_id = %(tenant)s AND r.event_id = %(event)s AND r.qr_token = %(token)s AND r.deleted_at IS NULL
            AND r.status = 'APPROVED' AND r.collected_at IS NULL
        RETURNING r.*
    ), counted AS (
        UPDATE registrations_eventoption o SET collected_count = o.collected_count + 1
        FROM collected c WHERE o.tenant_id = %(tenant)s AND o.id = c.event_option_id
    ), counted_at_the_desk AS (
        UPDATE registrations_registrationdesk d SET collected_count = d.collected_count + 1
        FROM collected c
        WHERE d.tenant_id = %(tenant)s AND d.event_id = c.event_id AND d.deleted_at IS NULL
            AND c.event_option_id IS NULL
    ), noted AS (
        INSERT INTO registrations_checkin (id, tenant_id, event_id, registration_id, result, nonce, actor_id, reason)
        SELECT %(scan)s, c.tenant_id, c.event_id, c.id, 'SUCCESS', %(nonce)s, %(actor)s, '' FROM collected c
    ), told AS (
        {INSERT_EVENT}
        SELECT %(told)s, c.tenant_id, 'registration.collected', 'registration', c.id, '{{}}', %(told_by)s
        FROM collected c
    )
    SELECT {SHOWN_COLUMNS} FROM collected r {SHOWN_JOINS}
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
    another code (whoever holds that one has not been let in), `ScanTakenBack` when that check-in was undone since.
    """
    if nonce is None:
        # Nothing is stored that a repetition could collide with, so no savepoint is needed.
        with transaction.atomic(savepoint=False):
            return _scan(event, qr_token, acting_user, None, now=now)
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
        repeated = _scanned_before(event, nonce, qr_token)
        assert repeated is not None
        return repeated


@transaction.atomic
def undo_check_in(*, event: Event, registration_id: UUID, acting_user: User, reason: str) -> EventRegistration:
    """Take a check-in back, with a reason. Raises `NotCollected`, `ReasonMissing`, `RegistrationNotFound`."""
    if not reason.strip():
        raise ReasonMissing
    keep_event(event)
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
    parameters = {
        "tenant": require_tenant_id(),
        "event": event.pk,
        "event_lock": event_lock(event.pk),
        "token": qr_token,
        "actor": actor.pk,
        "now": now,
        "scan": uuid4(),
        "nonce": nonce,
        "told": uuid4(),
        "told_by": current_scope().user_id,
    }
    collected = first_shown(_COLLECT, parameters)
    if collected is not None:
        relay_after_commit()
        collected.collected_by = actor
        return _as_scan(CheckInResult.SUCCESS, collected)
    found = EventRegistration.objects.filter(event_id=event.pk, qr_token=qr_token)
    registration: EventRegistration | None = found.select_related("user", "event_option", "collected_by").first()
    if registration is None:
        result = CheckInResult.NOT_FOUND
    elif registration.collected_at is not None:
        result = CheckInResult.ALREADY_COLLECTED
    else:
        result = CheckInResult.NOT_APPROVED
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
    if earlier.result == CheckInResult.SUCCESS and _undone_since(earlier):
        # It must neither hand out a second time nor say that it does.
        raise ScanTakenBack
    return _as_scan(earlier.result, earlier.registration)


def _undone_since(scan: CheckIn) -> bool:
    undone = CheckIn.objects.filter(registration_id=scan.registration_id, result=CheckInResult.UNDONE)
    return bool(undone.filter(created_at__gt=scan.created_at).exists())


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
