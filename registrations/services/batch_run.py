"""Deciding on all who wait and match, however many, in steps: each is complete by itself, and none is needed twice.

A run is what the server said before the step: whom it is about and between which two registrations the step lies. So a
step that is sent again finds nobody who still waits to be decided on but those that it refused.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from budgetsite.accounts.models import User
from events.models import Event
from registrations.models import EventRegistration, RegistrationStatus
from registrations.selectors.batch_preview import waiting
from registrations.services.decision import decide_many, lock_for_deciding

STEP = 100
# So many of those that were refused are kept with why.
MOST_REFUSALS = 50


@dataclass(frozen=True, slots=True)
class Place:
    """A registration in the order in which they asked."""

    moment: datetime
    id: UUID


@dataclass(frozen=True, slots=True)
class Run:
    """One step of a run, and what the steps before it came to.

    The step is about those who wait after `after` (None: from the first) up to `until`, and of the whole run about
    those who had asked by `asked_by`. `narrowing` holds arguments of `desk_rows` other than the status.
    """

    wanted: str
    narrowing: dict[str, Any]
    asked_by: datetime
    until: Place
    after: Place | None = None
    reason: str = ""
    total: int = 0
    done: int = 0
    refused: int = 0
    refusals: tuple[tuple[UUID, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Progress:
    """What a run came to so far; `following` is its next step, None at its end."""

    run: Run
    left: int
    following: Run | None

    @property
    def handled(self) -> int:
        return max(0, self.run.total - self.left)


def first_step(*, event: Event, wanted: str, narrowing: dict[str, Any], now: datetime, total: int) -> Run | None:
    """Return the first step of a run over `total` people; None when nobody waits. Saves nothing."""
    until = _end_of_step(waiting(event.pk, narrowing, asked_by=now))
    if until is None:
        return None
    return Run(wanted=wanted, narrowing=narrowing, asked_by=now, until=until, total=total)


@transaction.atomic
def take_step(*, event: Event, run: Run, acting_user: User, now: datetime) -> Progress:
    """Decide on those of this step who still wait, who asked first first; refused ones are passed over and counted.

    What somebody else decided meanwhile stays as they decided it.
    """
    everybody = waiting(event.pk, run.narrowing, asked_by=run.asked_by)
    ids = list(_between(everybody, run.after, run.until).values_list("pk", flat=True)[:STEP])
    lock_for_deciding(event, ids)
    # Read again under the lock: an approval of a moment ago must not be rejected as if it still waited.
    still = set(
        EventRegistration.objects.filter(pk__in=ids, status=RegistrationStatus.PENDING).values_list("pk", flat=True)
    )
    outcomes = decide_many(
        event=event,
        registration_ids=[registration_id for registration_id in ids if registration_id in still],
        wanted=run.wanted,
        acting_user=acting_user,
        now=now,
        reason=run.reason,
    )
    refusals = [(outcome.registration_id, str(outcome.error)) for outcome in outcomes if not outcome.ok]
    taken = replace(
        run,
        done=run.done + len(outcomes) - len(refusals),
        refused=run.refused + len(refusals),
        refusals=(*run.refusals, *refusals)[:MOST_REFUSALS],
    )
    rest = _between(everybody, run.until, None)
    until = _end_of_step(rest)
    if until is None:
        return Progress(run=taken, left=0, following=None)
    return Progress(run=taken, left=rest.count(), following=replace(taken, after=run.until, until=until))


def _end_of_step(registrations: QuerySet[EventRegistration]) -> Place | None:
    """Return the last of the next `STEP`, or of all when there are fewer."""
    places = list(registrations.order_by("created_at", "pk").values_list("created_at", "pk")[:STEP])
    return Place(*places[-1]) if places else None


def _between(
    registrations: QuerySet[EventRegistration], after: Place | None, until: Place | None
) -> QuerySet[EventRegistration]:
    if after is not None:
        registrations = registrations.filter(
            Q(created_at__gt=after.moment) | Q(created_at=after.moment, pk__gt=after.id)
        )
    if until is not None:
        registrations = registrations.filter(
            Q(created_at__lt=until.moment) | Q(created_at=until.moment, pk__lte=until.id)
        )
    return registrations.order_by("created_at", "pk")
