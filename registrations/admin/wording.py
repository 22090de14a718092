"""What the pages that decide on registrations ask, and how they say what follows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django import forms
from django.db.models import F
from unfold.widgets import UnfoldAdminSelectWidget

from budgetsite.pages.amounts import format_money
from budgetsite.pages.back_office.confirmation import OptionalReasonForm, ReasonForm
from budgetsite.pages.back_office.displays import moment
from registrations.admin.displays import STATUS_WORDS, facts_of_person, slot_words
from registrations.models import EventRegistration, PickupSlot, RegistrationStatus
from registrations.selectors.slots import slots_of
from registrations.services.decision import Outcome
from registrations.services.problems import Conflict

APPROVED, REJECTED = RegistrationStatus.APPROVED, RegistrationStatus.REJECTED
CANCELLED = RegistrationStatus.CANCELLED


@dataclass(frozen=True, slots=True)
class Words:
    label: str
    done: str
    consequences: tuple[str, ...]
    tone: str = "primary"


WORDS: dict[str, Words] = {
    APPROVED: Words(
        "Approve",
        "approved",
        (
            "Places and slots are promised for good, and what they cost is committed to the event's budget.",
            "Your name and the time are kept.",
        ),
    ),
    REJECTED: Words(
        "Reject",
        "rejected",
        ("Places, slots and money that were held or promised are free again.", "It can't be undone."),
        "danger",
    ),
    CANCELLED: Words(
        "Cancel",
        "cancelled",
        ("Places, slots and money that were held or promised are free again.", "It can't be undone."),
        "danger",
    ),
}


class DecisionReasonForm(OptionalReasonForm):
    reason = forms.CharField(
        label="Reason (optional, kept with the registration)",
        max_length=2000,
        required=False,
        widget=OptionalReasonForm.base_fields["reason"].widget,
    )


class UndoForm(ReasonForm):
    reason = forms.CharField(
        label="Reason",
        max_length=2000,
        widget=ReasonForm.base_fields["reason"].widget,
        error_messages={"required": "Say why: the reason is kept with the check-in."},
    )


class SlotForm(forms.Form):
    """A slot of the event that is still to come and has room for the party."""

    slot = forms.ChoiceField(
        label="Slot",
        widget=UnfoldAdminSelectWidget,
        error_messages={
            "required": "Choose a slot.",
            "invalid_choice": "This slot has no room any more, or is over. Choose another one.",
        },
    )

    def __init__(
        self, data: Any, *, registration: EventRegistration, now: datetime, empty: str, required: bool
    ) -> None:
        super().__init__(data)
        event = registration.event
        slots = slots_of(event.pk).filter(ends_at__gt=now, capacity__gte=F("booked") + registration.party_size)
        choices = [(str(slot.pk), _room(slot, registration)) for slot in slots]
        self.has_slots = bool(choices)
        field = self.fields["slot"]
        assert isinstance(field, forms.ChoiceField)
        field.required = required
        field.choices = [("", empty), *choices]

    @property
    def slot_id(self) -> UUID | None:
        chosen = self.cleaned_data["slot"]
        return UUID(chosen) if chosen else None


def why_not(outcome: Outcome) -> str:
    """Return what a person is told about a refusal: every tier that fails, with what there is instead."""
    return in_words(outcome.conflicts) if outcome.conflicts else outcome.error or ""


def in_words(conflicts: Sequence[Conflict]) -> str:
    said = []
    for conflict in conflicts:
        instead = f" There is room in: {', '.join(conflict.alternatives)}." if conflict.alternatives else ""
        said.append(f"{conflict.message}{instead}")
    return " ".join(said)


def standing_of(row: EventRegistration) -> str:
    places = f"party of {row.party_size}, " if row.party_size > 1 else ""
    return f"{row.event}; {places}{STATUS_WORDS[row.status].lower()} since {moment(row.decided_at or row.requested_at)}"


def _room(slot: PickupSlot, registration: EventRegistration) -> str:
    return f"{slot_words(slot, registration.event)} ({slot.available} left)"


def facts_of(registration: EventRegistration) -> list[tuple[str, str]]:
    option, event = registration.event_option, registration.event
    facts = [
        ("Event", event.name),
        ("Person", facts_of_person(registration.user)),
        ("Option", option.option_name if option else "none"),
        ("Party", str(registration.party_size)),
        ("Status", STATUS_WORDS[registration.status]),
        ("Slot", slot_words(registration.assigned_slot or registration.preferred_slot, event)),
    ]
    if option is not None and registration.status == RegistrationStatus.PENDING:
        facts.append(("Would commit", format_money(option.cost_per_unit * registration.party_size, option.currency)))
        facts.append(("Places left", str(option.available_slots)))
    if registration.amount_committed:
        facts.append(("Committed", format_money(registration.amount_committed, registration.currency)))
    if registration.collected_at is not None:
        facts.append(("Collected", f"{moment(registration.collected_at)}, by {registration.collected_by}"))
    return facts
