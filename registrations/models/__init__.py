"""One file per aggregate; this is their index."""

from registrations.models.check_in import CheckIn, CheckInResult
from registrations.models.desk import RegistrationDesk
from registrations.models.option import MOST_PLACES, EventOption, OptionType
from registrations.models.registration import LIVE_STATUSES, MAX_PARTY, EventRegistration, RegistrationStatus
from registrations.models.slot import DEFAULT_CAPACITY, PickupSlot
from registrations.models.waitlist import QUEUED_STATUSES, WaitlistEntry, WaitlistStatus

__all__ = [
    "DEFAULT_CAPACITY",
    "LIVE_STATUSES",
    "MAX_PARTY",
    "MOST_PLACES",
    "QUEUED_STATUSES",
    "CheckIn",
    "CheckInResult",
    "EventOption",
    "EventRegistration",
    "OptionType",
    "PickupSlot",
    "RegistrationDesk",
    "RegistrationStatus",
    "WaitlistEntry",
    "WaitlistStatus",
]
