"""`/events/{id}/register`, `/registrations`, `/check-conflicts`, `/budget-variance`: asking, deciding, reporting."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import django_filters
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from budgetsite.api.errors import conflict, field_error, forbidden, forbidden_with, not_found, translate_problems
from budgetsite.api.pagination import CursorPagination
from budgetsite.api.refusals import Conflict, field_refusal
from events.models import Event
from registrations.api import answers
from registrations.api.event_views import EventPartViewSet
from registrations.models import MAX_PARTY, EventRegistration, RegistrationDesk, RegistrationStatus
from registrations.qr import qr_png, qr_svg
from registrations.selectors.one_registration import visible_registration
from registrations.selectors.registrations import matching, registrations_of, with_slot
from registrations.selectors.variance import variance_of
from registrations.services import problems
from registrations.services.conflicts import detect_conflicts
from registrations.services.decision import change_registration
from registrations.services.registration import register
from registrations.services.slot import find_slot, find_slot_id
from registrations.services.wish import find_option

_LONGEST_TEXT = 10_000
# Of the code; the first one for who wants neither more than the other.
PICTURES = {"image/svg+xml": qr_svg, "image/png": qr_png}


class WishInput(serializers.Serializer):
    event_id = serializers.UUIDField(required=False, help_text="The path's, when it is sent at all.")
    event_option_id = serializers.UUIDField(required=False, allow_null=True)
    preferred_pickup_slot = serializers.CharField(
        max_length=200, required=False, allow_null=True, allow_blank=True, help_text="A slot's id or its text."
    )
    party_size = serializers.IntegerField(required=False, default=1, min_value=1, max_value=MAX_PARTY)


class RegisterInput(WishInput):
    notes = serializers.CharField(max_length=_LONGEST_TEXT, required=False, allow_blank=True, default="")


class RegistrationDecisionInput(serializers.Serializer):
    status = serializers.ChoiceField(choices=RegistrationStatus.choices, required=False)
    assigned_pickup_slot = serializers.CharField(max_length=200, required=False, allow_null=True, allow_blank=True)
    notes = serializers.CharField(max_length=_LONGEST_TEXT, required=False, allow_blank=True)
    reason = serializers.CharField(max_length=2000, required=False, allow_blank=True, default="")
    override = serializers.BooleanField(
        required=False,
        default=False,
        help_text="Approve beyond what the scoped budgets have that pay for the event's: by an owner or a manager, "
        "with a reason.",
    )


class RegistrationFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(choices=RegistrationStatus.choices)
    status_filter = django_filters.ChoiceFilter(
        choices=RegistrationStatus.choices, field_name="status", label="Another word for status."
    )
    option = django_filters.UUIDFilter(field_name="event_option_id")
    slot = django_filters.UUIDFilter(method="of_slot", label="Who has that slot, or wants it while they wait.")
    user = django_filters.UUIDFilter(field_name="user_id")

    class Meta:
        model = EventRegistration
        fields: list[str] = []

    def of_slot(self, rows: QuerySet[Any], name: str, slot_id: UUID) -> QuerySet[Any]:
        return with_slot(rows, slot_id)


class RegistrationViewSet(EventPartViewSet):
    model = EventRegistration
    tags = ["registrations"]
    actions = {
        "register": "registrations.register",
        "check_conflicts": "registrations.register",
        "list": "registrations.view",
        "retrieve": "registrations.view",
        "update": "registrations.view",
        "qr": "registrations.view",
        "variance": "registrations.report",
    }
    pagination_class = CursorPagination
    cursor_ordering = "-created_at"
    filterset_class = RegistrationFilter

    @extend_schema(
        summary="Ask for a place",
        request=RegisterInput,
        responses={201: answers.RegistrationAnswer},
    )
    def register(self, request: Request, event_id: UUID) -> Response:
        """Waits for approval. A 409 lists every tier that stands in the way, with what is left and alternatives."""
        event = self.find_event(event_id)
        values = self.read_about(event, RegisterInput)
        slot = find_slot(event, values.get("preferred_pickup_slot"), party_size=values["party_size"])
        made = register(
            event=event,
            user=self.user,
            option_id=values.get("event_option_id"),
            slot_id=slot.pk if slot else None,
            party_size=values["party_size"],
            notes=values["notes"],
            now=timezone.now(),
        )
        made.preferred_slot = slot
        return Response(answers.registration_answer(made, event), status=201)

    @extend_schema(
        summary="Find out what would stand in the way; nothing is stored",
        request=WishInput,
        responses=answers.PreflightAnswer,
    )
    def check_conflicts(self, request: Request, event_id: UUID) -> Response:
        event = self.find_event(event_id)
        values = self.read_about(event, WishInput, may_be_empty=True)
        now = timezone.now()
        conflicts = detect_conflicts(
            event=event,
            option=find_option(event, values.get("event_option_id")),
            slot=find_slot(event, values.get("preferred_pickup_slot"), party_size=values["party_size"]),
            party_size=values["party_size"],
            moment=now,
            now=now,
        )
        return Response(answers.preflight_answer(_as_told_to(self, conflicts)))

    @extend_schema(
        summary="List an event's registrations, newest first", responses=answers.RegistrationAnswer(many=True)
    )
    def list(self, request: Request, event_id: UUID) -> Response:
        """Who decides sees all, everybody else their own."""
        event = self.find_event(event_id)
        rows = self._of(event)
        search = request.query_params.get("search", "").strip()
        if search:
            rows = matching(rows, search)
        return self.page_of(rows, lambda registration: answers.registration_answer(registration, event))

    @extend_schema(summary="Read a registration", responses=answers.RegistrationAnswer)
    def retrieve(self, request: Request, event_id: UUID, registration_id: UUID) -> Response:
        return self._answer(self.find_event(event_id), registration_id)

    @extend_schema(
        summary="Approve, reject or cancel; give another slot; change the notes",
        request=RegistrationDecisionInput,
        responses=answers.RegistrationAnswer,
    )
    def update(self, request: Request, event_id: UUID, registration_id: UUID) -> Response:
        """Owners cancel their own; approving and rejecting is for who decides, and never one's own."""
        event = self.find_event(event_id)
        values = self.read(RegistrationDecisionInput)
        with naming_slot("assigned_pickup_slot"):
            slot_id = find_slot_id(event, values.get("assigned_pickup_slot"))
        change_registration(
            registration_id=registration_id,
            event=event,
            acting_user=self.user,
            may_decide=self.allows("registrations.decide"),
            status=values.get("status"),
            slot_id=slot_id,
            notes=values.get("notes"),
            reason=values["reason"],
            override=values["override"],
            now=timezone.now(),
        )
        return self._answer(event, registration_id)

    @extend_schema(
        summary="The code that is scanned at the door, as SVG or PNG by Accept",
        responses={(200, "image/svg+xml"): OpenApiResponse(bytes), (200, "image/png"): OpenApiResponse(bytes)},
    )
    def qr(self, request: Request, event_id: UUID, registration_id: UUID) -> HttpResponse:
        registration = self._find(self.find_event(event_id), registration_id)
        address = request.build_absolute_uri(f"/check-in/{registration.qr_token}")
        # Who accepts neither is sent the first.
        kind = request.get_preferred_type(list(PICTURES)) or next(iter(PICTURES))
        headers = {"Cache-Control": "private, no-store", "Vary": "Accept"}
        return HttpResponse(PICTURES[kind](address), content_type=kind, headers=headers)

    @extend_schema(summary="How an event's money and registrations stand", responses=answers.VarianceAnswer)
    def variance(self, request: Request, event_id: UUID) -> Response:
        event = self.find_event(event_id)
        return Response(answers.variance_answer(event, variance_of(event.pk)))

    def _of(self, event: Event) -> QuerySet[Any]:
        return registrations_of(event.pk, user_id=self.user.pk, role=self.role)

    def _find(self, event: Event, registration_id: UUID) -> EventRegistration:
        return visible_registration(registration_id, event.pk, user_id=self.user.pk, role=self.role)

    def _answer(self, event: Event, registration_id: UUID, *, status: int = 200) -> Response:
        return Response(answers.registration_answer(self._find(event, registration_id), event), status=status)


@contextmanager
def naming_slot(attr: str) -> Iterator[None]:
    """Refuse an unknown slot at the field that named it."""
    try:
        yield
    except problems.UnknownSlot as error:
        raise field_refusal(attr, error.code, str(error)) from error


def _not_there(error: Any, view: Any) -> NotFound:
    return NotFound("There is no such registration.")


def _event_gone(error: Any, view: Any) -> NotFound:
    """Every event has its desk; without it the event was deleted while it was being read."""
    return NotFound(str(problems.EventGone()))


def _registration_conflict(error: problems.RegistrationConflict, view: Any) -> Any:
    told = _as_told_to(view, error.conflicts)
    return Conflict(
        error.conflict_type,
        told[0].message,
        conflict_type=error.conflict_type,
        message=told[0].message,
        alternatives=error.alternatives,
        conflicts=[answers.tier_answer(found) for found in told],
    )


def _as_told_to(view: Any, conflicts: Sequence[problems.Conflict]) -> Sequence[problems.Conflict]:
    """What the company has left is for the team."""
    if view.allows("budgets.view_internals"):
        return conflicts
    return [conflict.for_guests() for conflict in conflicts]


translate_problems(
    {
        problems.RegistrationProblem: conflict(),
        problems.RegistrationConflict: _registration_conflict,
        problems.RegistrationNotFound: not_found,
        problems.EventGone: not_found,
        problems.WaitlistEntryNotFound: not_found,
        problems.OptionNotFound: not_found,
        problems.OwnRegistration: forbidden,
        problems.MayNotDecide: forbidden,
        problems.MayNotOverride: forbidden_with(),
        problems.SlotNotFound: not_found,
        problems.PartyNeverFits: field_error("party_size"),
        EventRegistration.DoesNotExist: _not_there,
        RegistrationDesk.DoesNotExist: _event_gone,
        problems.UnknownSlot: field_error("preferred_pickup_slot"),
        problems.PartyOutOfRange: field_error("party_size"),
        problems.LineOfAnotherBudget: field_error("line_item_id"),
        problems.ReasonMissing: field_error("reason"),
        problems.InvalidStatusChange: conflict("allowed"),
        problems.RegisteredAlready: conflict("registration_id"),
    }
)
