from dataclasses import asdict
from typing import Any
from uuid import UUID

from django import forms
from django.core import signing
from django.utils.dateparse import parse_datetime

from budgetsite.accounts.models import User
from events.models import Event
from registrations.forms.registration import ReasonForm
from registrations.models import RegistrationStatus
from registrations.services.batch_run import Place, Run

# Whoever leaves a preview open overnight looks once more.
LONGEST_OPEN = 12 * 60 * 60
STALE = "This page is too old or was changed on the way. Go back to the desk and begin again: nothing is lost."


def sign_run(run: Run, *, event: Event, user: User) -> str:
    """Write a step down for the page, so that it comes back as it was: for this event and this person only."""
    return signing.dumps(asdict(run) | _texts(run), salt=_salt(event, user), compress=True)


class RunForm(ReasonForm):
    """One step of a run, as `sign_run` wrote it; the confirmation brings the reason along."""

    step = forms.CharField(widget=forms.HiddenInput, error_messages={"required": STALE})

    def __init__(self, *args: Any, event: Event, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.salt = _salt(event, user)

    def clean_step(self) -> Run:
        try:
            values = signing.loads(self.cleaned_data["step"], salt=self.salt, max_age=LONGEST_OPEN)
        except signing.BadSignature as error:
            raise forms.ValidationError(STALE, code="stale") from error
        return _read(values)

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or self.cleaned_data
        run: Run | None = values.get("step")
        if run is None or run.after is not None or "reason" in self.errors:
            return values
        if run.wanted == RegistrationStatus.REJECTED and not values["reason"]:
            self.add_error("reason", "Say why: the reason is kept with each of these registrations.")
        return values


def _salt(event: Event, user: User) -> str:
    return f"registrations.batch_run.{event.pk}.{user.pk}"


def _texts(run: Run) -> dict[str, Any]:
    slot_id = run.narrowing.get("slot_id")
    return {
        "narrowing": run.narrowing | {"slot_id": str(slot_id) if slot_id else None},
        "asked_by": run.asked_by.isoformat(),
        "until": _place_text(run.until),
        "after": _place_text(run.after) if run.after else None,
        "refusals": [(str(registration_id), why) for registration_id, why in run.refusals],
    }


def _place_text(place: Place) -> list[str]:
    return [place.moment.isoformat(), str(place.id)]


def _read(values: dict[str, Any]) -> Run:
    slot_id = values["narrowing"]["slot_id"]
    changes = {
        "narrowing": values["narrowing"] | {"slot_id": UUID(slot_id) if slot_id else None},
        "asked_by": parse_datetime(values["asked_by"]),
        "until": _place(values["until"]),
        "after": _place(values["after"]) if values["after"] else None,
        "refusals": tuple((UUID(registration_id), why) for registration_id, why in values["refusals"]),
    }
    return Run(**(values | changes))


def _place(texts: list[str]) -> Place:
    moment = parse_datetime(texts[0])
    assert moment is not None
    return Place(moment, UUID(texts[1]))
