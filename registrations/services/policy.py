"""What cancelling costs: nothing in time, the event's share of what was promised later."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from budgetsite.accounts.models import User
from budgetsite.money.amounts import quantize
from events.models import Event
from registrations.models import LIVE_STATUSES, EventRegistration, RegistrationDesk, RegistrationStatus


@dataclass(frozen=True, slots=True)
class CancellationTerms:
    """What happens when this person cancels now. `kept` and `committed` are in the registration's currency.

    `free_until` is the last moment at which the owner's cancelling keeps nothing.
    """

    can_cancel: bool
    committed: Decimal
    kept: Decimal
    kept_share: Decimal
    free_until: datetime
    currency: str


def cancellation_terms(
    registration: EventRegistration, event: Event, *, acting_user: User, now: datetime
) -> CancellationTerms:
    """Say, before anything is changed, what would stay as cost. One statement."""
    desk: RegistrationDesk = RegistrationDesk.objects.get(event_id=event.pk)
    own = registration.user_id == acting_user.pk
    return CancellationTerms(
        can_cancel=registration.status in LIVE_STATUSES and registration.collected_at is None,
        committed=registration.amount_committed,
        kept=kept_when_cancelled(registration, event, desk, now=now) if own else Decimal(0),
        kept_share=desk.kept_share,
        free_until=free_until(event, desk),
        currency=registration.currency,
    )


def kept_when_cancelled(
    registration: EventRegistration, event: Event, desk: RegistrationDesk, *, now: datetime
) -> Decimal:
    """Return what stays as cost when its owner cancels now: nothing in time, the event's share later."""
    if registration.status != RegistrationStatus.APPROVED or now <= free_until(event, desk):
        return Decimal(0)
    return quantize(registration.amount_committed * desk.kept_share / 100, registration.currency)


def free_until(event: Event, desk: RegistrationDesk) -> datetime:
    return event.event_date - timedelta(hours=desk.cancel_until_hours)
