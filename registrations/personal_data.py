"""What registrations say of a person, what goes with the person, and what goes with time."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Min, Q, QuerySet
from django.db.models.functions import Now

from budgetsite.accounts.models import User
from budgetsite.privacy.registry import (
    ERASER,
    Contributor,
    NotificationType,
    Outdated,
    PersonalData,
    RetentionKind,
    erasable_rows,
    erase_text,
    personal_rows,
    register_contributor,
    register_notification_type,
    register_retention_kind,
)
from events.holding import hold_events
from registrations.models import LIVE_STATUSES, CheckIn, EventRegistration, RegistrationStatus, WaitlistEntry

_REGISTRATION = (
    "id", "created_at", "event__name", "event__event_date", "event_option__option_name", "status", "party_size",
    "requested_at", "preferred_slot__starts_at", "assigned_slot__starts_at", "quoted_cost", "currency",
    "amount_committed", "amount_kept", "notes", "reason", "decided_at", "approved_at", "collected_at", "deleted_at",
)  # fmt: skip
_WAITING = (
    "id", "created_at", "event__name", "event_option__option_name", "preferred_slot__starts_at", "party_size", "status",
    "priority", "notes", "offered_at", "offer_expires_at", "decided_at", "deleted_at",
)  # fmt: skip
_CHECK_IN = ("id", "created_at", "registration_id", "event__name", "result", "reason")

_DECLINED = (RegistrationStatus.REJECTED, RegistrationStatus.CANCELLED)
_HAS_TEXT = ~Q(notes="") | ~Q(reason="")


def _export(person: User) -> PersonalData:
    return PersonalData(
        tables={
            "registrations": personal_rows(EventRegistration.objects.filter(user=person), *_REGISTRATION),
            "waitlist": personal_rows(WaitlistEntry.objects.filter(user=person), *_WAITING),
            "check_ins": personal_rows(CheckIn.objects.filter(registration__user=person), *_CHECK_IN),
        }
    )


def _hold(person: User) -> None:
    """Hold the events that the person stands in the lists of: who deletes one waits, and so nobody in a circle."""
    events: set[UUID] = set()
    for model in (EventRegistration, WaitlistEntry):
        events.update(erasable_rows(model).filter(user_id=person.pk).values_list("event_id", flat=True))
    hold_events(events, using=ERASER)


def _erase(person: User) -> Mapping[str, int]:
    """Notes, and the reasons given to the person. Places, amounts and times stay: stock and ledger count on them."""
    for model in (EventRegistration, WaitlistEntry):
        # In the order of their ids, as everybody locks several.
        own = erasable_rows(model).filter(user_id=person.pk).order_by("pk")
        list(own.select_for_update(no_key=True).values_list("pk", flat=True))
    return {
        "notes with registrations": erase_text(EventRegistration, "notes", user_id=person.pk)
        + erase_text(WaitlistEntry, "notes", user_id=person.pk),
        "reasons given to them": erase_text(EventRegistration, "reason", user_id=person.pk)
        + erase_text(CheckIn, "reason", registration__user_id=person.pk),
    }


def _stays(person: User) -> Sequence[str]:
    live = erasable_rows(EventRegistration).filter(user_id=person.pk, status__in=LIVE_STATUSES, deleted_at=None)
    count = live.filter(event__event_date__gt=Now()).count()
    if not count:
        return []
    return [f"{count} of their registrations still keep a place. Cancel them at the desk if nobody comes."]


def _lists(person: User) -> Mapping[UUID, datetime]:
    """The lists of the events that the person registered or waits for."""
    since: dict[UUID, datetime] = {}
    for model in (EventRegistration, WaitlistEntry):
        first = model.objects.filter(user=person).values("event_id").annotate(first=Min("created_at"))
        for row in first.order_by():
            event_id, moment = row["event_id"], row["first"]
            since[event_id] = min(moment, since.get(event_id, moment))
    return since


def _after_event(before: datetime) -> dict[type[Any], QuerySet[Any]]:
    return {
        EventRegistration: erasable_rows(EventRegistration).filter(_HAS_TEXT, event__event_date__lt=before),
        WaitlistEntry: erasable_rows(WaitlistEntry).filter(~Q(notes=""), event__event_date__lt=before),
    }


def _outdated_after_event(before: datetime) -> Iterator[Outdated]:
    for model, rows in _after_event(before).items():
        what = "notes and reason" if model is EventRegistration else "notes"
        for row_id, moment in rows.order_by("event__event_date", "pk").values_list("pk", "event__event_date"):
            yield Outdated(model._meta.db_table, str(row_id), what, moment)


def _forget_after_event(before: datetime) -> int:
    rows = _after_event(before)
    registrations = _not_busy(rows[EventRegistration]).update(notes="", reason="")
    return registrations + _not_busy(rows[WaitlistEntry]).update(notes="")


def _declined(before: datetime) -> QuerySet[EventRegistration]:
    return erasable_rows(EventRegistration).filter(_HAS_TEXT, status__in=_DECLINED, decided_at__lt=before)


def _outdated_declined(before: datetime) -> Iterator[Outdated]:
    for row_id, moment in _declined(before).order_by("decided_at", "pk").values_list("pk", "decided_at"):
        assert moment is not None  # compared with a moment above
        yield Outdated(EventRegistration._meta.db_table, str(row_id), "notes and reason", moment)


def _forget_declined(before: datetime) -> int:
    return _not_busy(_declined(before)).update(notes="", reason="")


def _not_busy(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return the rows that nobody is changing, locked; the others are let go of the next time.

    Who waits for no row can't wait in a circle, however many events the rows are of.
    """
    free = rows.order_by().select_for_update(no_key=True, skip_locked=True, of=("self",)).values("pk")
    return erasable_rows(rows.model).filter(pk__in=free)


def register() -> None:
    register_contributor(
        Contributor("registrations", export=_export, erase=_erase, lists=_lists, hold=_hold, stays=_stays)
    )
    register_retention_kind(
        RetentionKind(
            name="registrations",
            label="What people wrote with their registrations",
            explanation="Notes and reasons go so many months after the event's day; places and amounts stay.",
            outdated=_outdated_after_event,
            forget=_forget_after_event,
        )
    )
    register_retention_kind(
        RetentionKind(
            name="declined_registrations",
            label="What people wrote with registrations that came to nothing",
            explanation="Notes and reasons go so many months after the registration was rejected or cancelled.",
            outdated=_outdated_declined,
            forget=_forget_declined,
        )
    )
    register_notification_type(
        NotificationType(
            name="registration_news",
            label="Your registrations",
            explanation="What becomes of them: approved, rejected, moved, a place that has become free.",
        )
    )
