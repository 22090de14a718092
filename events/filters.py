"""Narrowing down the list of events."""

from datetime import datetime, time, timedelta
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from budgetsite.api.filters import TruthFilter
from events.models import Event, EventType, in_usable_year
from events.querysets import EventStatus


class _MomentField(forms.CharField):
    """A date (the whole day, in the current time zone) or a moment with its zone."""

    def __init__(self, *args: Any, end_of_day: bool = False, **kwargs: Any) -> None:
        self.end_of_day = end_of_day
        super().__init__(*args, **kwargs)

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        # A plus in a query string that was not escaped arrives as a space.
        text = text.replace(" ", "+") if "T" in text else text
        try:
            day = parse_date(text)
            moment = parse_datetime(text) if day is None else datetime.combine(day, time.min)
            if day is not None and self.end_of_day and moment is not None:
                moment += timedelta(days=1)
            if moment is None or not in_usable_year(moment):
                raise ValueError
            return timezone.make_aware(moment) if timezone.is_naive(moment) else moment
        except (ValueError, OverflowError) as error:
            raise ValidationError(
                "Write a date such as 2026-07-15, or a moment such as 2026-07-15T10:00:00Z.", code="invalid"
            ) from error


class MomentFilter(django_filters.Filter):
    field_class = _MomentField


class EventFilter(django_filters.FilterSet):
    """`is_active` is the view's: it decides which rows PostgreSQL shows at all."""

    is_active = TruthFilter(
        method="leave_alone", label="True (as when left out) for live events, false for deleted ones."
    )
    event_type = django_filters.ChoiceFilter(choices=EventType.choices, label="The kind of event.")
    venue = django_filters.UUIDFilter(field_name="venue_id", label="The venue's id.")
    client = django_filters.UUIDFilter(field_name="client_id", label="The client's id.")
    status = django_filters.ChoiceFilter(
        choices=[(status, status) for status in EventStatus.ALL],
        method="by_status",
        label="Where the event stands now.",
    )
    date_from = MomentFilter(field_name="event_date", lookup_expr="gte", label="Begins on or after this date.")
    date_to = MomentFilter(
        field_name="event_date", lookup_expr="lt", end_of_day=True, label="Begins on or before this date."
    )
    event_date_after = MomentFilter(field_name="event_date", lookup_expr="gte", label="The same as date_from.")
    event_date_before = MomentFilter(
        field_name="event_date", lookup_expr="lt", end_of_day=True, label="The same as date_to."
    )

    def leave_alone(self, queryset: QuerySet[Event], name: str, value: bool) -> QuerySet[Event]:
        return queryset

    def by_status(self, queryset: QuerySet[Event], name: str, value: str) -> QuerySet[Event]:
        return queryset.with_status(value, now=timezone.now())  # type: ignore[attr-defined]
