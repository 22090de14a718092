"""Deciding on registrations from the staff's pages: one, or many, with what would be refused said beforehand."""

from collections.abc import Collection, Iterable
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from unfold.decorators import action
from unfold.enums import ActionVariant

from budgets.services.problems import BudgetProblem
from budgetsite.pages.amounts import format_money
from budgetsite.pages.back_office.confirmation import Confirmation, confirmation_page
from budgetsite.pages.back_office.model_admin import REFUSALS_SHOWN, ReadOnlyAdmin
from budgetsite.pages.back_office.refusals import sentence
from budgetsite.pages.back_office.requests import StaffRequest
from budgetsite.pages.back_office.steps import StepsMixin
from registrations.admin.displays import facts_of_person
from registrations.admin.wording import (
    APPROVED,
    CANCELLED,
    REJECTED,
    WORDS,
    DecisionReasonForm,
    SlotForm,
    UndoForm,
    facts_of,
    in_words,
    standing_of,
    why_not,
)
from registrations.models import LIVE_STATUSES, EventRegistration
from registrations.services.check_in import undo_check_in
from registrations.services.decision import Outcome, decide, decide_on_events
from registrations.services.policy import cancellation_terms
from registrations.services.problems import ConflictType, RegistrationConflict, RegistrationProblem
from registrations.services.registration import MOVES, assign

# As many as are sent in one go without anybody's browser giving up; a page of the list has 50.
MOST_AT_ONCE = 200


class DecisionsMixin(StepsMixin, ReadOnlyAdmin):
    """Approve, reject, cancel, give another slot, take a check-in back: from the list, and from one's own page."""

    refusals = (RegistrationProblem, BudgetProblem)
    actions = ("approve_rows", "reject_rows", "cancel_rows")
    steps_need = "registrations.decide"
    actions_detail = ("approve_one", "assign_one", "reject_one", "cancel_one", "undo_one")

    def steps_offered(self, request: StaffRequest, row: EventRegistration) -> Collection[str]:
        return self.steps_of(request, row)

    def steps_of(self, request: StaffRequest, registration: EventRegistration) -> dict[str, str]:
        """Return action → label of what this person can do with a registration as it stands."""
        steps: dict[str, str] = {}
        collected = registration.collected_at is not None
        if self.may(request, "registrations.decide") and not collected:
            possible = MOVES[registration.status]
            if APPROVED in possible and registration.user_id != request.user.pk:
                steps["approve_one"] = "Approve"
            if registration.status in LIVE_STATUSES:
                steps["assign_one"] = "Give a slot"
            if REJECTED in possible:
                steps["reject_one"] = "Reject"
            if CANCELLED in possible:
                steps["cancel_one"] = "Cancel"
        if collected and self.may(request, "registrations.check_in"):
            steps["undo_one"] = "Take check-in back"
        return steps

    # --- One --------------------------------------------------------------------------------------------------------

    @action(description="Approve", url_path="approve", icon="check_circle", variant=ActionVariant.PRIMARY)
    def approve_one(self, request: StaffRequest, object_id: str) -> HttpResponse:
        return self._decide_one(request, object_id, APPROVED)

    @action(description="Reject", url_path="reject", icon="block")
    def reject_one(self, request: StaffRequest, object_id: str) -> HttpResponse:
        return self._decide_one(request, object_id, REJECTED)

    @action(description="Cancel", url_path="cancel", icon="event_busy")
    def cancel_one(self, request: StaffRequest, object_id: str) -> HttpResponse:
        return self._decide_one(request, object_id, CANCELLED)

    @action(description="Give a slot", url_path="assign", icon="schedule")
    def assign_one(self, request: StaffRequest, object_id: str) -> HttpResponse:
        registration = self._registration(request, object_id, "registrations.decide")
        if registration is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        now = self.now()
        data = request.POST if request.method == "POST" else None
        form = SlotForm(data, registration=registration, now=now, empty="Choose a slot", required=True)
        page = self._page(
            request,
            registration,
            title="Give this registration another slot?",
            label="Give this slot",
            consequences=["The slot that it had is free again, and offered to whoever waits for it."],
            form=form,
        )
        if registration.collected_at is not None or registration.status not in LIVE_STATUSES:
            page.refusal = "Only a registration that waits or is approved, and was not collected yet, gets a slot."
        elif not form.has_slots:
            page.refusal = "No slot that is still to come has room for this party. Give a slot more room first."
        return self._answer(
            request,
            registration,
            page,
            form,
            lambda: assign(
                registration_id=registration.pk,
                event=registration.event,
                slot_id=UUID(form.cleaned_data["slot"]),
                acting_user=request.user,
                now=now,
            ),
            said="The slot was given out.",
        )

    @action(description="Take check-in back", url_path="undo-check-in", icon="undo")
    def undo_one(self, request: StaffRequest, object_id: str) -> HttpResponse:
        registration = self._registration(request, object_id, "registrations.check_in")
        if registration is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        form = UndoForm(request.POST if request.method == "POST" else None)
        page = self._page(
            request,
            registration,
            title="Take this check-in back?",
            label="Take it back",
            consequences=["The code can be scanned again. Your reason is kept with the check-ins."],
            form=form,
            tone="danger",
        )
        if registration.collected_at is None:
            page.refusal = "Nothing was collected with this registration; there is nothing to take back."
        return self._answer(
            request,
            registration,
            page,
            form,
            lambda: undo_check_in(
                event=registration.event,
                registration_id=registration.pk,
                acting_user=request.user,
                reason=form.cleaned_data["reason"],
            ),
            said="The check-in was taken back.",
        )

    def _decide_one(self, request: StaffRequest, object_id: str, wanted: str) -> HttpResponse:
        registration = self._registration(request, object_id, "registrations.decide")
        if registration is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        words, now = WORDS[wanted], self.now()
        data = request.POST if request.method == "POST" else None
        form: forms.Form = (
            SlotForm(data, registration=registration, now=now, empty="As wished", required=False)
            if wanted == APPROVED
            else DecisionReasonForm(data)
        )
        page = self._page(
            request,
            registration,
            title=f"{words.label} this registration?",
            label="Cancel it" if wanted == CANCELLED else words.label,
            consequences=list(words.consequences),
            form=form,
            tone=words.tone,
        )
        if wanted == CANCELLED and registration.amount_committed:
            terms = cancellation_terms(registration, registration.event, acting_user=request.user, now=now)
            page.facts = [*page.facts, ("Stays as cost", format_money(terms.kept, terms.currency))]
        if request.method != "POST":
            self._say_beforehand(request, page, registration, wanted, now=now)
        return self._answer(
            request,
            registration,
            page,
            form,
            lambda: decide(
                registration_id=registration.pk,
                event=registration.event,
                wanted=wanted,
                acting_user=request.user,
                may_decide=True,
                now=now,
                reason=form.cleaned_data.get("reason", ""),
                slot_id=form.slot_id if isinstance(form, SlotForm) else None,
            ),
            said=f"The registration was {words.done}.",
        )

    def _say_beforehand(
        self, request: StaffRequest, page: Confirmation, registration: EventRegistration, wanted: str, *, now: datetime
    ) -> None:
        """Try it, take it back, and say what stands in the way, so that nobody fills in a form for nothing."""
        if registration.status == wanted:
            page.refusal = f"This registration is {WORDS[wanted].done} already."
            return
        outcome = _outcomes(request, [registration], wanted, now=now, dry_run=True)[0]
        if outcome.error is None:
            return
        why = why_not(outcome)
        if outcome.conflicts and {found.conflict_type for found in outcome.conflicts} == {ConflictType.SLOT_CONFLICT}:
            # Another slot helps: the form offers those with room.
            page.errors.append(f"{why} Choose another slot below.")
        else:
            page.refusal = why

    def _page(self, request: StaffRequest, registration: EventRegistration, **words: Any) -> Confirmation:
        return Confirmation(back_url=self.url_of(registration), facts=facts_of(registration), **words)

    def _registration(self, request: StaffRequest, object_id: str, permission: str) -> EventRegistration | None:
        if not self.may(request, permission):
            raise PermissionDenied
        found: EventRegistration | None = self.get_object(request, unquote(object_id))
        return found

    def _answer(
        self,
        request: StaffRequest,
        registration: EventRegistration,
        page: Confirmation,
        form: forms.Form,
        do: Any,
        *,
        said: str,
    ) -> HttpResponse:
        """Show the page, or do it by one service call; what that refuses is said on the same page."""
        if request.method != "POST":
            return confirmation_page(request, self, page, obj=registration)
        if not form.is_valid():
            return confirmation_page(request, self, page, obj=registration, status=400)
        try:
            with transaction.atomic():
                do()
        except RegistrationConflict as problem:
            page.errors.append(in_words(problem.conflicts))
            return confirmation_page(request, self, page, obj=registration, status=409)
        except self._refusals as problem:
            page.errors.append(sentence(problem))
            return confirmation_page(request, self, page, obj=registration, status=409)
        self.message_user(request, said, messages.SUCCESS)
        return redirect(self.url_of(registration))

    # --- Many -------------------------------------------------------------------------------------------------------

    @action(description="Approve selected")
    def approve_rows(self, request: StaffRequest, queryset: Any) -> HttpResponse | None:
        return self._decide_many(request, queryset, APPROVED, action_name="approve_rows")

    @action(description="Reject selected")
    def reject_rows(self, request: StaffRequest, queryset: Any) -> HttpResponse | None:
        return self._decide_many(request, queryset, REJECTED, action_name="reject_rows")

    @action(description="Cancel selected")
    def cancel_rows(self, request: StaffRequest, queryset: Any) -> HttpResponse | None:
        return self._decide_many(request, queryset, CANCELLED, action_name="cancel_rows")

    def _decide_many(
        self, request: StaffRequest, queryset: Any, wanted: str, *, action_name: str
    ) -> HttpResponse | None:
        if not self.may(request, "registrations.decide"):
            raise PermissionDenied
        rows = list(queryset[: MOST_AT_ONCE + 1])
        if len(rows) > MOST_AT_ONCE:
            self.message_user(request, f"Choose {MOST_AT_ONCE} at most; nothing was changed.", messages.ERROR)
            return redirect(request.get_full_path())
        confirmed = "confirmed" in request.POST
        # An approval keeps no reason.
        form = None if wanted == APPROVED else DecisionReasonForm(request.POST if confirmed else None)
        if not confirmed or (form is not None and not form.is_valid()):
            page = self._preview(request, rows, wanted, form, action_name=action_name)
            return confirmation_page(request, self, page)
        reason = form.cleaned_data["reason"] if form is not None else ""
        to_decide = [row for row in rows if row.status != wanted]
        outcomes = _outcomes(request, to_decide, wanted, now=self.now(), reason=reason)
        self._tell(request, rows, outcomes, wanted)
        return redirect(request.get_full_path())

    def _preview(
        self,
        request: StaffRequest,
        rows: list[EventRegistration],
        wanted: str,
        form: forms.Form | None,
        *,
        action_name: str,
    ) -> Confirmation:
        """Say before anything is saved which will not fit, and why: each with what those before it took."""
        words = WORDS[wanted]
        to_decide = [row for row in rows if row.status != wanted]
        outcomes = {
            outcome.registration_id: outcome
            for outcome in _outcomes(request, to_decide, wanted, now=self.now(), dry_run=True)
        }
        fit = [row for row in _in_order(to_decide) if outcomes[row.pk].ok]
        refused = [row for row in _in_order(to_decide) if not outcomes[row.pk].ok]
        already = [row for row in rows if row.status == wanted]
        page = self.bulk_page(
            request,
            rows,
            action_name=action_name,
            title=f"{words.label} these {{count}}?",
            label=f"{words.label} {len(fit)}",
            consequences=list(words.consequences),
            form=form,
            tone=words.tone,
        )
        page.rows = [
            *((self.name_of(row), standing_of(row)) for row in fit),
            *((self.name_of(row), f"{words.done.capitalize()} already; nothing changes.") for row in already),
        ]
        page.refused_title = f"{len(refused)} would be refused"
        page.refused_rows = [(self.name_of(row), why_not(outcomes[row.pk])) for row in refused]
        if not fit:
            page.refusal = f"None of these can be {words.done}."
        return page

    def _tell(self, request: StaffRequest, rows: list[EventRegistration], outcomes: list[Outcome], wanted: str) -> None:
        by_id = {row.pk: row for row in rows}
        refused = [outcome for outcome in outcomes if not outcome.ok]
        count, already = len(outcomes) - len(refused), len(rows) - len(outcomes)
        said = f"{count} {WORDS[wanted].done}"
        if already:
            said += f", {already} had been already"
        if refused:
            said += f", {len(refused)} refused"
        self.message_user(request, f"{said}.", messages.SUCCESS if count else messages.INFO)
        for outcome in refused[:REFUSALS_SHOWN]:
            name = self.name_of(by_id[outcome.registration_id])
            self.message_user(request, f"{name}: {why_not(outcome)}", messages.WARNING)
        if len(refused) > REFUSALS_SHOWN:
            self.message_user(
                request, f"{len(refused) - REFUSALS_SHOWN} more were refused for the like.", messages.WARNING
            )

    def name_of(self, obj: EventRegistration) -> str:
        what = obj.event_option.option_name if obj.event_option else "no option"
        return f"{facts_of_person(obj.user)}, {what}"


def _outcomes(
    request: StaffRequest, rows: Iterable[EventRegistration], wanted: str, *, now: datetime, **how: Any
) -> list[Outcome]:
    """Decide event by event; who asked first comes first."""
    of_events = {
        event: [row.pk for row in of_event] for event, of_event in groupby(_in_order(rows), key=lambda row: row.event)
    }
    return decide_on_events(registration_ids=of_events, wanted=wanted, acting_user=request.user, now=now, **how)


def _in_order(rows: Iterable[EventRegistration]) -> list[EventRegistration]:
    return sorted(rows, key=lambda row: (row.event_id, row.requested_at, row.pk))
