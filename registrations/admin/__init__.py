"""The staff's pages for registrations: one file per aggregate."""

from registrations.admin import panels
from registrations.admin.check_in import CheckInAdmin
from registrations.admin.desk import RegistrationDeskAdmin
from registrations.admin.option import EventOptionAdmin
from registrations.admin.registration import EventRegistrationAdmin
from registrations.admin.slot import PickupSlotAdmin
from registrations.admin.waitlist import WaitlistEntryAdmin

__all__ = [
    "CheckInAdmin",
    "EventOptionAdmin",
    "EventRegistrationAdmin",
    "PickupSlotAdmin",
    "RegistrationDeskAdmin",
    "WaitlistEntryAdmin",
    "panels",
]
