from datetime import UTC, datetime
from typing import ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import F, Q

from budgetsite.accounts.timezones import validate_timezone
from budgetsite.money.model_fields import CurrencyField
from budgetsite.tenancy.history import TenantHistory
from budgetsite.tenancy.models import TenantForeignKey, TenantModel
from events.querysets import EventManager

FIRST_YEAR, LAST_YEAR = 1900, 2999
FIRST_MOMENT = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
LAST_MOMENT = datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC)
# More than any event has had; with it a number per guest stays far from overflowing.
MOST_GUESTS = 10_000_000


def in_usable_year(moment: datetime) -> bool:
    """Whether a moment, read in any zone, stays within the calendar; for what people write, before it is converted."""
    return FIRST_YEAR <= moment.year <= LAST_YEAR


def validate_moment(moment: datetime) -> None:
    if not FIRST_MOMENT <= moment < LAST_MOMENT:
        raise ValidationError("Give a date between the years 1900 and 2999.", code="out_of_range")


class EventType(models.TextChoices):
    ANNUAL_DAY = "ANNUAL_DAY", "Annual day"
    GIFTING = "GIFTING", "Gifting"
    WEDDING = "WEDDING", "Wedding"
    CATERING = "CATERING", "Catering"
    CONFERENCE = "CONFERENCE", "Conference"
    CORPORATE = "CORPORATE", "Corporate"
    OTHER = "OTHER", "Other"


class Venue(TenantModel):
    name = models.CharField(max_length=200)
    address = models.TextField(blank=True)
    city = models.CharField(max_length=200, blank=True)
    country = models.CharField(max_length=100, blank=True)
    timezone = models.CharField(max_length=63, blank=True, validators=[validate_timezone])
    capacity = models.PositiveIntegerField(null=True, blank=True, help_text="How many people fit.")
    notes = models.TextField(blank=True)

    class Meta(TenantModel.Meta):
        indexes: ClassVar[list[models.Index]] = [
            # The list of venues, by name.
            models.Index(fields=["tenant", "name", "id"], name="events_venue_by_name"),
        ]

    def __str__(self) -> str:
        return self.name


class Event(TenantModel):
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    event_type = models.CharField(max_length=20, choices=EventType.choices, default=EventType.OTHER)
    event_date = models.DateTimeField(validators=[validate_moment], help_text="When it begins.")
    registration_start_date = models.DateTimeField(validators=[validate_moment])
    registration_end_date = models.DateTimeField(
        validators=[validate_moment], help_text="Inclusive: the last moment at which one may register."
    )
    timezone = models.CharField(max_length=63, validators=[validate_timezone])
    currency = CurrencyField()
    expected_guests = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=[MaxValueValidator(MOST_GUESTS, "Expect 10,000,000 guests at most.")],
        help_text="How many guests are expected; a plan can count on it.",
    )
    pending_holds = models.BooleanField(
        default=True, help_text="A registration that waits for approval holds its stock and its slot."
    )
    venue = TenantForeignKey(Venue, on_delete=models.PROTECT, null=True, blank=True, related_name="events")
    # A member of the account with the role client: whose event it is.
    client = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    organizer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
        db_index=False,
    )

    objects: ClassVar[EventManager] = EventManager()
    history = TenantHistory()

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(registration_start_date__lte=F("registration_end_date")),
                name="events_event_registration_window_in_order",
            ),
            # A moment near the calendar's ends could be stored and never read again in another zone.
            models.CheckConstraint(
                condition=Q(event_date__gte=FIRST_MOMENT, event_date__lt=LAST_MOMENT)
                & Q(registration_start_date__gte=FIRST_MOMENT, registration_end_date__lt=LAST_MOMENT),
                name="events_event_within_the_calendar",
            ),
            models.CheckConstraint(
                condition=Q(expected_guests__isnull=True) | Q(expected_guests__range=(0, MOST_GUESTS)),
                name="events_event_guests_within_bounds",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # Lists of events, newest first.
            models.Index("tenant", F("event_date").desc(), F("id").desc(), name="events_event_newest_first"),
            models.Index(fields=["tenant", "venue"], name="events_event_by_venue"),
            # A client's, an organizer's own events.
            models.Index(fields=["tenant", "client"], name="events_event_by_client"),
            models.Index(fields=["tenant", "organizer"], name="events_event_by_organizer"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_active(self) -> bool:
        return self.deleted_at is None
