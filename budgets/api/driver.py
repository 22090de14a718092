"""`/event-budgets/{id}/drivers` and each: the numbers that lines of a plan follow."""

from typing import Any
from uuid import UUID

from django.http import Http404
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from budgets.api.event_budget import BudgetViewSet
from budgets.api.inputs import VersionInput
from budgets.api.line_inputs import QuantityField
from budgets.models import PlanDriver
from budgets.selectors.drivers import drivers_of
from budgets.services.driver import (
    DriverInUse,
    QuantityFollowsGuests,
    create_driver,
    delete_driver,
    update_driver,
)
from budgets.services.driver_effects import LONGEST_NAME, DriverNameRefused, QuantityOutOfRange
from budgets.services.pricing import PriceOutOfRange, QuantityIsDrivers
from budgetsite.api.errors import conflict, field_error, translate_problems
from budgetsite.api.versions import IF_MATCH, VersionField, etag, required_version, sent_version


class DriverInput(serializers.Serializer):
    name = serializers.CharField(max_length=LONGEST_NAME, help_text="Such as Guests; one of each name.")
    quantity = QuantityField(required=False, help_text="0 unless said otherwise.")
    follows_guests = serializers.BooleanField(
        required=False,
        help_text="The quantity is the number of guests that the event expects, and follows it while the plan is a"
        " draft. One number of a budget may.",
    )
    version = VersionField()


class DriverAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    quantity = QuantityField()
    follows_guests = serializers.BooleanField()
    lines_count = serializers.IntegerField(help_text="How many lines follow it.")
    version = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


def driver_answer(driver: PlanDriver) -> dict[str, Any]:
    """Describe a driver of `drivers_of`."""
    return {
        "id": str(driver.pk),
        "name": driver.name,
        "quantity": format(driver.quantity, ".3f"),
        "follows_guests": driver.follows_guests,
        "lines_count": driver.lines_count,  # type: ignore[attr-defined]
        "version": driver.version,
        "created_at": driver.created_at,
        "updated_at": driver.updated_at,
    }


class DriverViewSet(BudgetViewSet):
    actions = {
        "list": "budgets.view",
        "create": "budgets.change",
        "retrieve": "budgets.view",
        "partial_update": "budgets.change",
        "destroy": "budgets.change",
    }
    tags = ["drivers"]
    filterset_class = None
    # Where it is said that the lines add up to more than the total.
    amount_attrs = {"partial_update": "quantity"}

    @extend_schema(summary="List the numbers that lines follow, by name", responses=DriverAnswer(many=True))
    def list(self, request: Request, budget_id: UUID) -> Response:
        self.find(budget_id)
        return self.page_of(drivers_of(budget_id), driver_answer)

    @extend_schema(
        summary="Let a plan count something",
        request=DriverInput,
        responses={201: DriverAnswer},
        parameters=[IF_MATCH],
    )
    def create(self, request: Request, budget_id: UUID) -> Response:
        self.find(budget_id)
        values = self.read(DriverInput)
        version = sent_version(request, values)
        driver = create_driver(budget_id=budget_id, acting_user=self.user, version=version, **values)
        return self._answer(budget_id, driver.pk, status=201)

    @extend_schema(summary="Read a number", responses=DriverAnswer)
    def retrieve(self, request: Request, budget_id: UUID, driver_id: UUID) -> Response:
        return self._answer(budget_id, driver_id)

    @extend_schema(
        summary="Change a number",
        request=DriverInput(partial=True),
        responses=DriverAnswer,
        parameters=[IF_MATCH],
    )
    def partial_update(self, request: Request, budget_id: UUID, driver_id: UUID) -> Response:
        """Every line that follows it gets its quantity and a new amount, all or none."""
        self._find_driver(budget_id, driver_id)
        values = self.read(DriverInput, partial=True)
        version = required_version(request, values)
        update_driver(budget_id=budget_id, driver_id=driver_id, version=version, acting_user=self.user, **values)
        return self._answer(budget_id, driver_id)

    @extend_schema(
        summary="Delete a number that no line follows", request=None, responses={204: None}, parameters=[IF_MATCH]
    )
    def destroy(self, request: Request, budget_id: UUID, driver_id: UUID) -> Response:
        self._find_driver(budget_id, driver_id)
        version = sent_version(request, self.read(VersionInput, may_be_empty=True))
        delete_driver(
            budget_id=budget_id, driver_id=driver_id, acting_user=self.user, now=timezone.now(), version=version
        )
        return Response(status=204)

    def _find_driver(self, budget_id: UUID, driver_id: UUID) -> PlanDriver:
        self.find(budget_id)
        driver = drivers_of(budget_id).filter(pk=driver_id).first()
        if driver is None:
            raise Http404
        return driver

    def _answer(self, budget_id: UUID, driver_id: UUID, *, status: int = 200) -> Response:
        driver = self._find_driver(budget_id, driver_id)
        return Response(driver_answer(driver), status=status, headers=etag(driver.version))


translate_problems(
    {
        DriverInUse: conflict("lines"),
        DriverNameRefused: field_error("name"),
        QuantityFollowsGuests: field_error("quantity"),
        QuantityOutOfRange: field_error("quantity"),
        QuantityIsDrivers: field_error("quantity"),
        PriceOutOfRange: field_error("unit_price"),
    }
)
