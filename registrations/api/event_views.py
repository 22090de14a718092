"""What all views below `/events/{id}` for registrations have in common: the events that the asking person may see."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import Http404
from rest_framework.serializers import Serializer

from budgetsite.api.refusals import field_refusal
from budgetsite.api.views import ContractViewSet
from events.models import Event


class EventPartViewSet(ContractViewSet):
    """Views of one event's options, slots and registrations."""

    filterset_class: Any = None

    def find_event(self, event_id: UUID) -> Event:
        """Return the event if the asking person may see it. Everybody else's is a 404."""
        event: Event | None = Event.objects.visible_to(user_id=self.user.pk, role=self.role).filter(pk=event_id).first()
        if event is None:
            raise Http404
        return event

    def read_about(self, event: Event, serializer_class: type[Serializer], **how: Any) -> dict[str, Any]:
        """Return the validated body, as `read`. An `event_id` in it that is another event's is a 400."""
        values = self.read(serializer_class, **how)
        if values.get("event_id", event.pk) != event.pk:
            raise field_refusal("event_id", "mismatch", "This is another event than the one in the address.")
        return values

    def visible(self) -> QuerySet[Any]:
        return self.model._default_manager.all()
