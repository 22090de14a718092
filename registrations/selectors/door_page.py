"""Who is expected at the door."""

from collections import defaultdict
from typing import Any
from uuid import UUID

from django.db.models import F

from registrations.models import EventRegistration, RegistrationStatus
from registrations.selectors.registrations import matching

# So many of one name are shown; with more, more of the name has to be typed.
MOST_FOUND = 20


def found_by_name(event_id: UUID, text: str) -> list[EventRegistration]:
    """Return the approved registrations whose person's name or address has this in it, those not yet here first."""
    approved = EventRegistration.objects.filter(event_id=event_id, status=RegistrationStatus.APPROVED)
    found = matching(approved, text).select_related("user", "event_option", "assigned_slot", "collected_by")
    return list(found.order_by(F("collected_at").asc(nulls_first=True), "user__name", "id")[:MOST_FOUND])


def expected_at_the_door(event_id: UUID) -> list[dict[str, Any]]:
    """Return every approved registration as plain values, by slot and name. One statement.

    `has_namesake`: somebody else on the list has the same name.
    """
    approved = EventRegistration.objects.filter(event_id=event_id, status=RegistrationStatus.APPROVED)
    expected: list[dict[str, Any]] = list(
        approved.order_by(
            F("assigned_slot__starts_at").asc(nulls_last=True), "assigned_slot__location", "user__name", "id"
        ).values(
            "party_size",
            "collected_at",
            name=F("user__name"),
            email=F("user__email"),
            option=F("event_option__option_name"),
            starts_at=F("assigned_slot__starts_at"),
            ends_at=F("assigned_slot__ends_at"),
            location=F("assigned_slot__location"),
        )
    )
    people: dict[str, set[str]] = defaultdict(set)
    for row in expected:
        people[row["name"]].add(row["email"])
    for row in expected:
        row["has_namesake"] = bool(row["name"]) and len(people[row["name"]]) > 1
    return expected
