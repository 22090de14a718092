"""`/venues`."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from budgetsite.api.errors import conflict, translate_problems
from budgetsite.api.views import ContractViewSet
from events.models import Venue
from events.services import VenueInUse, create_venue, delete_venue, update_venue

translate_problems({VenueInUse: conflict("events", code="venue_in_use")})


class VenueSerializer(serializers.ModelSerializer):
    class Meta:
        model = Venue
        fields = (
            "id",
            "name",
            "address",
            "city",
            "country",
            "timezone",
            "capacity",
            "notes",
            "created_at",
            "updated_at",
        )
        read_only_fields = ("created_at", "updated_at")


class VenueViewSet(ContractViewSet):
    model = Venue
    tags = ["venues"]
    actions = {
        "list": "venues.view",
        "create": "venues.change",
        "retrieve": "venues.view",
        "update": "venues.change",
        "partial_update": "venues.change",
        "destroy": "venues.change",
    }
    search_fields = ["name", "city"]
    ordering_fields = {"name": "name", "city": "city", "capacity": "capacity"}

    def visible(self) -> QuerySet[Any]:
        return Venue.objects.order_by("name", "id")

    @extend_schema(summary="List venues by name", responses=VenueSerializer(many=True))
    def list(self, request: Request) -> Response:
        return self.page_of(self.get_queryset(), lambda venue: VenueSerializer(venue).data)

    @extend_schema(summary="Add a venue", request=VenueSerializer, responses={201: VenueSerializer})
    def create(self, request: Request) -> Response:
        venue = create_venue(acting_user=self.user, **self.read(VenueSerializer))
        return self._answer(venue.pk, status=201)

    @extend_schema(summary="Read a venue", responses=VenueSerializer)
    def retrieve(self, request: Request, venue_id: UUID) -> Response:
        return self._answer(venue_id)

    @extend_schema(summary="Change a venue", request=VenueSerializer, responses=VenueSerializer)
    def update(self, request: Request, venue_id: UUID) -> Response:
        return self._change(venue_id, partial=False)

    @extend_schema(summary="Change parts of a venue", request=VenueSerializer(partial=True), responses=VenueSerializer)
    def partial_update(self, request: Request, venue_id: UUID) -> Response:
        return self._change(venue_id, partial=True)

    @extend_schema(summary="Delete a venue where no event takes place", responses={204: None})
    def destroy(self, request: Request, venue_id: UUID) -> Response:
        delete_venue(venue=self.find(venue_id), acting_user=self.user, now=timezone.now())
        return Response(status=204)

    def _change(self, venue_id: UUID, *, partial: bool) -> Response:
        venue = self.find(venue_id)
        update_venue(venue=venue, acting_user=self.user, **self.read(VenueSerializer, partial=partial))
        return self._answer(venue_id)

    def _answer(self, venue_id: UUID, *, status: int = 200) -> Response:
        return Response(VenueSerializer(self.find(venue_id)).data, status=status)
