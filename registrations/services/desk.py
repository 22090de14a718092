"""How an event takes registrations: its desk is opened with it."""

from decimal import Decimal

from django.db import transaction

from budgetsite.accounts.models import User
from budgetsite.outbox.services import record_event
from budgetsite.tenancy.history import record_history
from events.models import Event
from registrations.models import RegistrationDesk
from registrations.services.holding import keep_event
from registrations.services.problems import InvalidPolicy
from registrations.services.slot import make_default_slots

# A year before the event; a month for an offer.
MOST_CANCEL_HOURS = 366 * 24
MOST_OFFER_MINUTES = 31 * 24 * 60


def open_desk(event: Event) -> None:
    """Give a new event its desk and its first slots. Two statements."""
    RegistrationDesk.objects.create(event=event)
    make_default_slots(event)


@transaction.atomic
def change_policy(
    *,
    event: Event,
    acting_user: User,
    cancel_until_hours: int,
    kept_share: Decimal,
    offer_minutes: int,
) -> RegistrationDesk:
    """Change until when a registration is cancelled for nothing, what is kept later, and how long offers last.

    `kept_share` is in percent, with up to 2 decimals. Offers that are out keep their time. Raises `InvalidPolicy`.
    """
    if not 0 <= cancel_until_hours <= MOST_CANCEL_HOURS:
        raise InvalidPolicy("cancel_until_hours", f"Give 0 to {MOST_CANCEL_HOURS} hours: a year at most.")
    if not kept_share.is_finite() or not 0 <= kept_share <= 100 or kept_share != round(kept_share, 2):
        raise InvalidPolicy("kept_share", "Give a percentage from 0 to 100, with two decimals at most.")
    if not 1 <= offer_minutes <= MOST_OFFER_MINUTES:
        raise InvalidPolicy("offer_minutes", f"Give 1 to {MOST_OFFER_MINUTES} minutes: a month at most.")
    keep_event(event)
    rows = RegistrationDesk.objects.filter(event_id=event.pk)
    desk: RegistrationDesk = rows.select_for_update(no_key=True).get()
    wanted = {"cancel_until_hours": cancel_until_hours, "kept_share": kept_share, "offer_minutes": offer_minutes}
    if all(getattr(desk, name) == value for name, value in wanted.items()):
        return desk
    rows.update(**wanted)
    record_history(rows, reason="changed")
    record_event(
        kind="event.registration_policy_changed",
        subject_type="event",
        subject_id=event.pk,
        payload={name: str(value) for name, value in wanted.items()},
    )
    changed: RegistrationDesk = rows.get()
    return changed
