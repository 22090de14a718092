"""Storing what somebody asks for. It is stored before its places are taken: registration → option is the lock order,
and a second request of the same person waits here, holding nothing that the first one needs.
"""

import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django.db import IntegrityError, connection, transaction
from psycopg.types.json import Jsonb

from budgetsite.accounts.models import User
from budgetsite.outbox.services import INSERT_EVENT, record_event, relay_after_commit
from budgetsite.tenancy.scope import current_scope
from events.models import Event
from registrations.models import LIVE_STATUSES, EventRegistration
from registrations.services.problems import RegisteredAlready

# 192 random bits: nobody guesses the token of somebody else.
QR_BYTES = 24


def store_request(
    *,
    event: Event,
    user: User,
    option_id: UUID | None,
    slot_id: UUID | None,
    party_size: int,
    holds: bool,
    quoted_cost: Decimal,
    notes: str,
    now: datetime,
) -> EventRegistration:
    """Store a registration that waits for approval, inside `one_live_per_person`."""
    registration = EventRegistration(
        event=event,
        user=user,
        event_option_id=option_id,
        party_size=party_size,
        holds=holds,
        preferred_slot_id=slot_id,
        quoted_cost=quoted_cost,
        currency=event.currency,
        notes=notes,
        requested_at=now,
        qr_token=secrets.token_urlsafe(QR_BYTES),
    )
    registration.save(force_insert=True)
    tell(registration, "requested")
    return registration


@contextmanager
def one_live_per_person(event: Event, user: User, option_id: UUID | None) -> Iterator[None]:
    """Work in a savepoint; raise `RegisteredAlready` when the person turns out to have a live registration."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        if "registrations_one_live_per_person" not in str(error):
            raise
        raise RegisteredAlready(_live_one(event, user, option_id)) from error


def tell(registration: EventRegistration, happened: str) -> None:
    """Record for the outbox that something has happened to a registration."""
    record_event(
        kind=f"registration.{happened}",
        subject_type="registration",
        subject_id=registration.pk,
        payload=_facts(registration),
    )


def keep_and_tell(registration: EventRegistration, changes: Mapping[str, Any], happened: str) -> None:
    """Store these columns of a registration that has them already, and record what happened. One statement."""
    assignments = ", ".join(f"{column} = %({column})s" for column in changes)
    parameters = {
        **changes,
        "tenant": registration.tenant_id,
        "registration": registration.pk,
        "told": uuid4(),
        "kind": f"registration.{happened}",
        "facts": Jsonb(_facts(registration)),
        "told_by": current_scope().user_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH kept AS (
                UPDATE registrations_eventregistration SET {assignments}
                WHERE tenant_id = %(tenant)s AND id = %(registration)s RETURNING tenant_id, id
            )
            {INSERT_EVENT}
            SELECT %(told)s, tenant_id, %(kind)s, 'registration', id, %(facts)s, %(told_by)s FROM kept
            """,
            parameters,
        )
    relay_after_commit()


def _facts(registration: EventRegistration) -> dict[str, Any]:
    return {
        "event_id": str(registration.event_id),
        "event_option_id": str(registration.event_option_id) if registration.event_option_id else None,
        "status": str(registration.status),
        "party_size": registration.party_size,
        "amount_committed": str(registration.amount_committed),
    }


def _live_one(event: Event, user: User, option_id: UUID | None) -> UUID | None:
    """Return the registration that this person has for this option already."""
    live = EventRegistration.objects.filter(
        event_id=event.pk, user=user, event_option_id=option_id, status__in=LIVE_STATUSES
    )
    found: UUID | None = live.values_list("pk", flat=True).first()
    return found
