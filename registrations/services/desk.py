"""How an event takes registrations: its desk is opened with it."""

from decimal import Decimal

from django.db import transaction

from budgetsite.accounts.models import User
from budgetsite.tenancy.history import record_history
from events.models import Event
from registrations.models import RegistrationDesk
from registrations.services.slot import make_default_slots


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
    """Change until when a registration is cancelled for nothing, what is kept later, and how long offers last."""
    rows = RegistrationDesk.objects.filter(event_id=event.pk)
    desk: RegistrationDesk = rows.select_for_update(no_key=True).get()
    desk.cancel_until_hours = cancel_until_hours
    desk.kept_share = kept_share
    desk.offer_minutes = offer_minutes
    desk.clean_fields(exclude=["tenant", "event"])
    rows.update(cancel_until_hours=cancel_until_hours, kept_share=kept_share, offer_minutes=offer_minutes)
    record_history(rows, reason="changed")
    return desk
