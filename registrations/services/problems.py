"""Why a registration, an option or a slot stays as it is. Each says the cause in its name and carries the facts."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from budgets.services.scoped_problems import Refusal
from budgetsite.accounts.permissions import who_may
from registrations.models import RegistrationStatus


class RegistrationProblem(Exception):
    """A refusal that the caller can do something about; `code` names it for programs."""

    code = "refused"


@dataclass(frozen=True, slots=True)
class Conflict:
    """One of the four tiers that stands in the way. `available` is what is left, None where nothing is counted.

    `alternatives` are texts for people, `alternative_ids` the options or slots that they stand for.
    """

    conflict_type: str
    message: str
    available: str | None = None
    alternatives: list[str] = field(default_factory=list)
    alternative_ids: list[str] = field(default_factory=list)
    # Of the money: the scoped budgets that pay for the event's and have no room.
    refusals: list[Refusal] = field(default_factory=list)

    def for_guests(self) -> "Conflict":
        """Return it as who does not work for the account may read it: what the company has left is not theirs."""
        if not self.refusals:
            return self
        return replace(self, message="The event has no money left for this.", available=None, refusals=[])


class ConflictType:
    REGISTRATION_CLOSED = "REGISTRATION_CLOSED"
    BUDGET_EXHAUSTED = "BUDGET_EXHAUSTED"
    INVENTORY_EXHAUSTED = "INVENTORY_EXHAUSTED"
    SLOT_CONFLICT = "SLOT_CONFLICT"


class RegistrationConflict(RegistrationProblem):
    """At least one tier fails; the first is the reason, and all are listed."""

    def __init__(self, conflicts: Sequence[Conflict]) -> None:
        self.conflicts = list(conflicts)
        first = self.conflicts[0]
        self.code = self.conflict_type = first.conflict_type
        self.message = first.message
        self.alternatives = first.alternatives
        super().__init__(first.message)


class RegistrationNotFound(RegistrationProblem):
    code = "not_found"

    def __init__(self) -> None:
        super().__init__("There is no such registration.")


class EventGone(RegistrationProblem):
    code = "not_found"

    def __init__(self) -> None:
        super().__init__("This event was deleted a moment ago, and nothing was saved.")


class OptionNotFound(RegistrationProblem):
    code = "option_not_found"

    def __init__(self, option_id: UUID) -> None:
        self.option_id = option_id
        super().__init__("This event has no such option. Choose one of its options.")


class UnknownSlot(RegistrationProblem):
    code = "unknown_slot"

    def __init__(self, text: str, valid: Sequence[str]) -> None:
        self.text, self.valid = text, list(valid)
        choices = f"The slots are: {', '.join(self.valid)}." if self.valid else "This event has no slots."
        super().__init__(f"There is no pickup slot “{text}”. {choices}")


class RegisteredAlready(RegistrationProblem):
    code = "already_registered"

    def __init__(self, registration_id: UUID | None) -> None:
        self.registration_id = registration_id
        super().__init__("You have registered for this already. Cancel that registration first to change it.")


class OwnRegistration(RegistrationProblem):
    """Nobody approves their own."""

    code = "own_registration"

    def __init__(self) -> None:
        super().__init__("This is your own registration. Someone else has to approve it.")


class MayNotDecide(RegistrationProblem):
    """Deciding is for who runs the event."""

    code = "permission_denied"


class MayNotOverride(RegistrationProblem):
    """Promising more than the scoped budgets have is for few."""

    code = "override_not_yours"

    def __init__(self) -> None:
        super().__init__(who_may("scoped_budgets.override"))


# What a registration can't do any more, by the status that somebody wants for it; and what can be done instead.
_IMPOSSIBLE = {
    RegistrationStatus.PENDING: "be put back to waiting",
    RegistrationStatus.APPROVED: "be approved",
    RegistrationStatus.REJECTED: "be rejected",
    RegistrationStatus.CANCELLED: "be cancelled",
}
_POSSIBLE = {
    RegistrationStatus.APPROVED: "approve",
    RegistrationStatus.REJECTED: "reject",
    RegistrationStatus.CANCELLED: "cancel",
}


class InvalidStatusChange(RegistrationProblem):
    """`wanted` is a status, None for another slot; `allowed` are the statuses that it can still get."""

    code = "invalid_transition"

    def __init__(self, *, status: str, wanted: str | None, allowed: Sequence[str]) -> None:
        self.status, self.wanted, self.allowed = status, wanted, list(allowed)
        now = RegistrationStatus(status).label.lower()
        wish = _IMPOSSIBLE[RegistrationStatus(wanted)] if wanted else "get another slot"
        ways = " or ".join(_POSSIBLE[RegistrationStatus(way)] for way in allowed)
        then = f"You can {ways} it." if allowed else "The person can register again."
        super().__init__(f"This registration is {now} and can't {wish}. {then}")


class CollectedAlready(RegistrationProblem):
    """What was handed out can't be given back by changing a status."""

    code = "already_collected"

    def __init__(self) -> None:
        super().__init__("This was collected at the door. Take the check-in back first.")


class TooFewPlaces(RegistrationProblem):
    """The option would have fewer places than are promised and held."""

    code = "below_taken"

    def __init__(self, *, wanted: int, committed: int, held: int) -> None:
        self.wanted, self.committed, self.held = wanted, committed, held
        super().__init__(
            f"{committed} places are promised and {held} held; {wanted} are too few. "
            "Cancel or reject registrations first."
        )


class OptionInUse(RegistrationProblem):
    code = "option_in_use"

    def __init__(self, live: int, queued: int = 0) -> None:
        self.live, self.queued = live, queued
        super().__init__(
            f"{live} registration(s) are waiting or approved for this option. Cancel or reject them first."
            if live
            else f"{queued} people queue for this option. Take them off the waitlist first."
        )


class SlotInUse(RegistrationProblem):
    code = "slot_in_use"

    def __init__(self, booked: int) -> None:
        self.booked = booked
        super().__init__(f"{booked} people have, want or queue for this slot. Give them another one first.")


class SlotNotFound(RegistrationProblem):
    code = "slot_not_found"

    def __init__(self, slot_id: UUID) -> None:
        self.slot_id = slot_id
        super().__init__("This event has no such pickup slot. Choose one of its slots.")


class SlotTooSmall(RegistrationProblem):
    """The slot would have room for fewer people than are booked."""

    code = "below_booked"

    def __init__(self, *, wanted: int, booked: int) -> None:
        self.wanted, self.booked = wanted, booked
        super().__init__(f"{booked} people are booked; room for {wanted} is too little. Give some another slot first.")


class InvalidPlan(RegistrationProblem):
    """Slots can't be made from what was asked for."""

    code = "invalid"

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        super().__init__(message)


class PartyOutOfRange(RegistrationProblem):
    code = "party_out_of_range"

    def __init__(self, largest: int) -> None:
        self.largest = largest
        super().__init__(f"A party is of 1 to {largest} people.")


class PartyNeverFits(RegistrationProblem):
    """Waiting would be in vain: there were never so many places."""

    code = "party_never_fits"

    def __init__(self, places: int) -> None:
        self.places = places
        super().__init__(f"There are {places} places in all. Queue for a smaller party.")


class BooksClosed(RegistrationProblem):
    """What was promised from a closed budget can't be taken back."""

    code = "budget_locked"

    def __init__(self, status: str) -> None:
        self.status = status
        super().__init__(
            f"The event's budget is {status}, and this registration's share of it is part of the closed books. "
            "It stays as it is; record a refund outside this budget."
        )


class OptionLineGone(RegistrationProblem):
    """The line that an option pays from was removed, or is one of income by now."""

    code = "line_not_found"

    def __init__(self) -> None:
        super().__init__(
            "The line that pays for this option is no longer a line of cost in the event's budget. "
            "Choose another line for the option, or none, then approve again."
        )


class LineOfAnotherBudget(RegistrationProblem):
    code = "line_not_found"

    def __init__(self, line_item_id: UUID) -> None:
        self.line_item_id = line_item_id
        super().__init__("The event's budget has no such line of cost. Choose one of its lines, or none.")


class NotCollected(RegistrationProblem):
    code = "not_collected"

    def __init__(self) -> None:
        super().__init__("Nothing was collected with this registration; there is nothing to take back.")


class NonceUsed(RegistrationProblem):
    """A scan's number came again with another code."""

    code = "nonce_used"

    def __init__(self) -> None:
        super().__init__("This scan's number was used for another code. Scan again with a new number.")


class ScanTakenBack(NonceUsed):
    """A scan was sent again after its check-in had been undone."""

    code = "scan_taken_back"

    def __init__(self) -> None:
        RegistrationProblem.__init__(
            self, "This check-in was taken back. Scan the code again to let them in after all."
        )


class ReasonMissing(RegistrationProblem):
    code = "reason_required"

    def __init__(self) -> None:
        super().__init__("Say why: the reason is kept with the registration.")


class NothingToWaitFor(RegistrationProblem):
    code = "room_left"

    def __init__(self) -> None:
        super().__init__("There is room left. Register right away.")


class WaitingAlready(RegistrationProblem):
    code = "waiting_already"

    def __init__(self) -> None:
        super().__init__("You are in this queue already.")


class OfferGone(RegistrationProblem):
    code = "offer_gone"

    def __init__(self) -> None:
        super().__init__("There is no offer, or it has run out and went to the next in the queue.")


class InvalidPolicy(RegistrationProblem):
    """A desk can't work by these numbers."""

    code = "out_of_range"

    def __init__(self, name: str, message: str) -> None:
        self.name = name
        super().__init__(message)


class OfferNotYours(RegistrationProblem):
    code = "offer_not_yours"

    def __init__(self) -> None:
        super().__init__("This place is offered to somebody else, and only they can take it. You may take them off.")


class WaitlistEntryNotFound(RegistrationProblem):
    code = "not_found"

    def __init__(self) -> None:
        super().__init__("There is no such entry in the queue.")
