"""The roles of a membership (design §3), strongest first."""

from django.db import models


class Role(models.TextChoices):
    OWNER = "owner", "Owner"
    MANAGER = "manager", "Manager"
    STAFF = "staff", "Staff"
    ORGANIZER = "organizer", "Organizer"
    CLIENT = "client", "Client"
    ATTENDEE = "attendee", "Attendee"


# Who works in the Django admin and sees the whole account.
BACK_OFFICE = frozenset({Role.OWNER, Role.MANAGER, Role.STAFF})
