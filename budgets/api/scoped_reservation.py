"""`/budgets/{id}/reservations`: an estimate is held for a while, then settled with the real amount or released."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api.scoped_answers import StandingAnswer, standing_answer, usage_writer
from budgets.api.scoped_inputs import ReservationInput, SettlementInput, UsageAmountField, choice
from budgets.api.scoped_usage_answers import SettledUsageAnswer, recorded_answer
from budgets.api.scoped_views import ScopedViewSet
from budgets.models import Reservation, ReservationStatus
from budgets.selectors.scoped_status import standing_of
from budgets.services.reservation import release_reservation, reserve, settle_reservation
from budgets.services.scoped_problems import ReservationClosed
from budgetsite.api.errors import translate_problems
from budgetsite.api.keyset import KeysetPagination
from budgetsite.api.refusals import Conflict


class ReservationQuery(serializers.Serializer):
    status = choice(ReservationStatus, "status", required=False)


class ReservationAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    budget_id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=ReservationStatus.choices)
    amount = UsageAmountField()
    held_amount = UsageAmountField(help_text="What is still held; 0 once it is closed.")
    settled_amount = UsageAmountField()
    currency = serializers.CharField()
    description = serializers.CharField()
    held_at = serializers.DateTimeField(help_text="What is settled counts in the window of this moment.")
    expires_at = serializers.DateTimeField()
    ttl_seconds = serializers.IntegerField()
    closed_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    reserved_by = serializers.UUIDField(allow_null=True)
    machine = serializers.CharField(allow_null=True)


class MadeReservationAnswer(ReservationAnswer):
    budget_status = StandingAnswer(help_text="How the budget stands with it.")


class SettledReservationAnswer(MadeReservationAnswer):
    usage = SettledUsageAnswer(help_text="The entry of what was spent.")


def reservation_answer(reservation: Reservation, now: datetime) -> dict[str, Any]:
    """Describe it as it counts: one that has expired holds nothing, whether or not a job has freed it."""
    usage = usage_writer(reservation.currency)
    is_late = reservation.status == ReservationStatus.HELD and reservation.expires_at <= now
    return {
        "id": str(reservation.pk),
        "budget_id": str(reservation.budget_id),
        "status": ReservationStatus.EXPIRED.value if is_late else reservation.status,
        "amount": usage(reservation.amount),
        "held_amount": usage(reservation.amount * 0 if is_late else reservation.held_amount),
        "settled_amount": usage(reservation.settled_amount),
        "currency": reservation.currency,
        "description": reservation.description,
        "held_at": reservation.held_at,
        "expires_at": reservation.expires_at,
        "ttl_seconds": round((reservation.expires_at - reservation.held_at).total_seconds()),
        "closed_at": reservation.expires_at if is_late else reservation.closed_at,
        "created_at": reservation.created_at,
        "reserved_by": reservation.actor_id,
        "machine": reservation.machine or None,
    }


class ReservationViewSet(ScopedViewSet):
    actions = {
        "list": "scoped_budgets.view",
        "create": "scoped_budgets.reserve",
        "retrieve": "scoped_budgets.view",
        "settle": "scoped_budgets.reserve",
        "release": "scoped_budgets.reserve",
    }
    pagination_class = KeysetPagination
    cursor_ordering = "-created_at"
    ordering_fields = {"created_at": "created_at"}
    filter_backends: list[Any] = []

    @extend_schema(
        summary="List a scoped budget's reservations, newest first",
        parameters=[ReservationQuery],
        responses=ReservationAnswer(many=True),
    )
    def list(self, request: Request, scoped_budget_id: UUID) -> Response:
        self.find(scoped_budget_id)
        query = ReservationQuery(data=request.query_params)
        query.is_valid(raise_exception=True)
        now = timezone.now()
        rows = _standing_as(query.validated_data.get("status"), now).filter(budget_id=scoped_budget_id)
        return self.page_of(rows, lambda reservation: reservation_answer(reservation, now))

    @extend_schema(
        summary="Reserve an amount for a while", request=ReservationInput, responses={201: MadeReservationAnswer}
    )
    def create(self, request: Request, scoped_budget_id: UUID) -> Response:
        """In the budget and all above it; 409 with `refusals` where it does not fit. It expires by itself."""
        values = self.read_for(scoped_budget_id, ReservationInput)
        now = timezone.now()
        reservation = reserve(
            budget_id=scoped_budget_id,
            acting_user=self.user,
            machine=self.machine,
            now=now,
            **(values | {"description": values.get("description") or ""}),
        )
        return self._answer(reservation, now, status=201)

    @extend_schema(summary="Read a reservation", responses=ReservationAnswer)
    def retrieve(self, request: Request, scoped_budget_id: UUID, reservation_id: UUID) -> Response:
        self.find(scoped_budget_id)
        reservation = Reservation.objects.filter(budget_id=scoped_budget_id, pk=reservation_id).first()
        if reservation is None:
            raise Http404
        return Response(reservation_answer(reservation, timezone.now()))

    @extend_schema(
        summary="Settle a reservation with what was really spent",
        request=SettlementInput,
        responses={200: SettledReservationAnswer},
    )
    def settle(self, request: Request, scoped_budget_id: UUID, reservation_id: UUID) -> Response:
        """Frees what was held; with `final` false the rest stays held. More than was held, or after it has expired, is
        recorded all the same."""
        values = self.read_for(scoped_budget_id, SettlementInput)
        now = timezone.now()
        settled = settle_reservation(
            budget_id=scoped_budget_id,
            reservation_id=reservation_id,
            acting_user=self.user,
            machine=self.machine,
            now=now,
            **(values | {"description": values.get("description") or ""}),
        )
        usage = recorded_answer(settled.usage, now=now)
        status = usage.pop("status")
        return Response({**reservation_answer(settled.reservation, now), "budget_status": status, "usage": usage})

    @extend_schema(summary="Release a reservation", request=None, responses={200: MadeReservationAnswer})
    def release(self, request: Request, scoped_budget_id: UUID, reservation_id: UUID) -> Response:
        """What is held is free at once. Releasing again, or what has expired, changes nothing."""
        self.require_reach(scoped_budget_id)
        now = timezone.now()
        reservation = release_reservation(budget_id=scoped_budget_id, reservation_id=reservation_id, now=now)
        return self._answer(reservation, now)

    def _answer(self, reservation: Reservation, now: datetime, *, status: int = 200) -> Response:
        standing = standing_of(reservation.budget_id, now=now)
        if standing is None:
            raise Http404
        answer = reservation_answer(reservation, now)
        return Response({**answer, "budget_status": standing_answer(standing)}, status=status)


def _standing_as(status: str | None, now: datetime) -> QuerySet[Reservation]:
    """Return the reservations that are shown with this status."""
    rows: QuerySet[Reservation] = Reservation.objects.all()
    late = Q(status=ReservationStatus.HELD, expires_at__lte=now)
    if status == ReservationStatus.EXPIRED:
        return rows.filter(Q(status=status) | late)
    if status == ReservationStatus.HELD:
        return rows.filter(status=status, expires_at__gt=now)
    return rows.filter(status=status) if status else rows


def _closed(error: ReservationClosed, view: Any) -> APIException:
    """Say what has become of it: whoever lost an answer finds it here."""
    reservation = Reservation.objects.filter(pk=view.kwargs["reservation_id"]).first()
    current = None if reservation is None else reservation_answer(reservation, timezone.now())
    return Conflict(error.code, str(error), current=current)


translate_problems({ReservationClosed: _closed})
