"""Changing a registration as a person does in one go: its notes, its slot, its status; and deciding on many."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from budgets.models import EventBudget
from budgets.services.funding import lock_budgets, lock_funding
from budgets.services.problems import BudgetProblem
from budgetsite.accounts.models import User
from budgetsite.accounts.permissions import may
from budgetsite.accounts.selectors import present_role
from events.models import Event
from registrations.models import EventRegistration, RegistrationStatus
from registrations.services.holding import keep_event
from registrations.services.places import lock_places
from registrations.services.problems import (
    Conflict,
    InvalidStatusChange,
    MayNotDecide,
    MayNotOverride,
    ReasonMissing,
    RegistrationConflict,
    RegistrationNotFound,
    RegistrationProblem,
)
from registrations.services.registration import MOVES, approve, assign, cancel, reject
from registrations.services.request import tell


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one of many, or would become; `error` is the sentence, `conflicts` the tiers that fail."""

    registration_id: UUID
    error: str | None = None
    code: str | None = None
    conflicts: Sequence[Conflict] = ()

    @property
    def ok(self) -> bool:
        return self.error is None


def change_registration(
    *,
    registration_id: UUID,
    event: Event,
    acting_user: User,
    may_decide: bool,
    now: datetime,
    status: str | None = None,
    slot_id: UUID | None = None,
    notes: str | None = None,
    reason: str = "",
    override: bool = False,
) -> None:
    """Change what is given, all or nothing. The slot goes with an approval, or is given out by itself.

    `may_decide`: the person's role runs the event. Others cancel their own and write its notes. `override` approves
    beyond what the scoped budgets have that pay for the event's, by who may, with a `reason`. Raises `MayNotDecide`,
    `MayNotOverride`, `ReasonMissing`, and as `approve`, `reject`, `cancel` and `assign`.
    """
    if slot_id is not None and not may_decide:
        raise MayNotDecide("Only who runs the event gives out slots.")
    beyond_funding = _why_beyond_funding(reason, acting_user) if override else ""
    moving: dict[str, Any] = {
        "registration_id": registration_id,
        "event": event,
        "acting_user": acting_user,
        "now": now,
    }
    if may_decide and status == RegistrationStatus.APPROVED and notes is None:
        # The usual change, in as few statements as it takes.
        decided = approve(assigned_slot_id=slot_id, beyond_funding=beyond_funding, **moving)
        if not decided.changed and slot_id is not None:
            assign(slot_id=slot_id, **moving)
        return
    with transaction.atomic():
        keep_event(event)
        registration = _own_or_any(registration_id, event, acting_user, may_decide=may_decide)
        if notes is not None and notes != registration.notes:
            EventRegistration.objects.filter(pk=registration.pk).update(notes=notes)
            tell(registration, "notes_changed")
        if status is not None and status != registration.status:
            decide(
                wanted=status,
                may_decide=may_decide,
                reason=reason,
                slot_id=slot_id,
                beyond_funding=beyond_funding,
                **moving,
            )
        elif slot_id is not None:
            assign(slot_id=slot_id, **moving)


def decide(
    *,
    registration_id: UUID,
    event: Event,
    wanted: str,
    acting_user: User,
    may_decide: bool,
    now: datetime,
    reason: str = "",
    slot_id: UUID | None = None,
    beyond_funding: str = "",
) -> None:
    """Move a registration to a status. Raises as `change_registration`."""
    common: dict[str, Any] = {
        "registration_id": registration_id,
        "event": event,
        "acting_user": acting_user,
        "now": now,
    }
    if wanted == RegistrationStatus.CANCELLED:
        cancel(reason=reason, **common)
        return
    if not may_decide:
        raise MayNotDecide("Only who runs the event approves and rejects.")
    if wanted == RegistrationStatus.APPROVED:
        approve(assigned_slot_id=slot_id, beyond_funding=beyond_funding, **common)
    elif wanted == RegistrationStatus.REJECTED:
        reject(reason=reason, **common)
    else:
        _refuse_to_reopen(registration_id, event, wanted)


class _OnlyLooking(Exception):
    """Takes back what a dry run did."""


def decide_many(
    *,
    event: Event,
    registration_ids: Sequence[UUID],
    wanted: str,
    acting_user: User,
    now: datetime,
    reason: str = "",
    dry_run: bool = False,
) -> list[Outcome]:
    """Decide on each by itself, in their order: one that is refused changes nothing and stops no other.

    For who runs the event. With `dry_run` everything is tried and taken back, so that the outcomes are exactly those
    that would come, each with what the ones before it took. All that may be needed is locked first, in the order in
    which everybody locks.
    """
    ids = list(dict.fromkeys(registration_ids))
    outcomes: list[Outcome] = []
    try:
        with transaction.atomic():
            lock_for_deciding(event, ids)
            outcomes += [
                try_to_decide(
                    registration_id=registration_id,
                    event=event,
                    wanted=wanted,
                    acting_user=acting_user,
                    may_decide=True,
                    now=now,
                    reason=reason,
                )
                for registration_id in ids
            ]
            if dry_run:
                raise _OnlyLooking
    except _OnlyLooking:
        return outcomes
    return outcomes


def decide_on_events(
    *, registration_ids: Mapping[Event, Sequence[UUID]], acting_user: User, now: datetime, **decision: Any
) -> list[Outcome]:
    """Decide on registrations of several events as `decide_many` does on those of one; all or nothing is not meant.

    One scoped budget may pay for several events, and who decides on one of them waits for it last: so all that is
    needed is locked first, event by event, before any money moves.
    """
    events = sorted(registration_ids, key=lambda event: event.pk)
    with transaction.atomic():
        for event in events:
            lock_for_deciding(event, list(registration_ids[event]))
        budgets = EventBudget.objects.filter(event__in=events)
        lock_funding(lock_budgets(budgets.values_list("pk", flat=True)), at=now)
        return [
            outcome
            for event in events
            for outcome in decide_many(
                event=event,
                registration_ids=registration_ids[event],
                acting_user=acting_user,
                now=now,
                **decision,
            )
        ]


def try_to_decide(*, registration_id: UUID, **decision: Any) -> Outcome:
    """Decide in a savepoint of its own; a refusal becomes an outcome."""
    try:
        with transaction.atomic():
            decide(registration_id=registration_id, **decision)
    except RegistrationConflict as refusal:
        return Outcome(registration_id, str(refusal), refusal.code, refusal.conflicts)
    except (RegistrationProblem, BudgetProblem) as refusal:
        return Outcome(registration_id, str(refusal), refusal.code)
    return Outcome(registration_id)


def lock_for_deciding(event: Event, registration_ids: Sequence[UUID]) -> None:
    """Hold the event and lock what deciding may touch: registrations, desk, options, slots, budget; each kind by id."""
    keep_event(event)
    rows: Any = EventRegistration.objects.filter(event_id=event.pk, pk__in=registration_ids)
    locked = list(rows.order_by("pk").select_for_update(no_key=True))
    lock_places(
        event_id=event.pk,
        option_ids={row.event_option_id for row in locked},
        slot_ids={slot_id for row in locked for slot_id in (row.preferred_slot_id, row.assigned_slot_id)},
    )
    list(EventBudget.objects.filter(event_id=event.pk).select_for_update(no_key=True).values_list("pk"))


def _own_or_any(registration_id: UUID, event: Event, person: User, *, may_decide: bool) -> EventRegistration:
    """Return a registration that this person may change. Raises `RegistrationNotFound`."""
    registration: EventRegistration | None = EventRegistration.objects.filter(
        pk=registration_id, event_id=event.pk
    ).first()
    if registration is None or not (may_decide or registration.user_id == person.pk):
        raise RegistrationNotFound
    return registration


def _why_beyond_funding(reason: str, acting_user: User) -> str:
    """Return why more is promised than there is, said by somebody who may."""
    if not may(present_role(acting_user), "scoped_budgets.override"):
        raise MayNotOverride
    if not reason.strip():
        raise ReasonMissing
    return reason.strip()


def _refuse_to_reopen(registration_id: UUID, event: Event, wanted: str) -> None:
    status = (
        EventRegistration.objects.filter(pk=registration_id, event_id=event.pk).values_list("status", flat=True).first()
    )
    if status is None:
        raise RegistrationNotFound
    if status != wanted:
        raise InvalidStatusChange(status=status, wanted=wanted, allowed=[str(move) for move in MOVES[status]])
