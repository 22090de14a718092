"""`/notifications`, one's own inbox; `/notification-preferences`, what one is told, how and when."""

from datetime import time
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from budgetsite.accounts.timezones import validate_timezone
from budgetsite.api.errors import field_error, not_found, translate_problems
from budgetsite.api.pagination import CursorPagination
from budgetsite.api.permissions import ANY_MEMBER
from budgetsite.api.views import ContractViewSet
from budgetsite.notifications.models import Level, Notification, NotificationPreference, Rhythm
from budgetsite.notifications.selectors import NEVER, choices_of, inbox_of, is_refused, settings_of
from budgetsite.notifications.services.bouncing import trust_address
from budgetsite.notifications.services.inbox import NotificationNotFound, mark_all_read, mark_read
from budgetsite.notifications.services.preferences import ChoiceChange, QuietHoursIncomplete, change_choices
from budgetsite.privacy.models import ConsentSource
from budgetsite.privacy.registry import notification_types

MAIL_CHOICES = [*Rhythm.choices, (NEVER, "Never")]
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class NotificationAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    notification_type = serializers.CharField()
    level = serializers.ChoiceField(choices=Level.choices)
    title = serializers.CharField()
    text = serializers.CharField()
    path = serializers.CharField(help_text="The page that it leads to, on this site.")
    subject_type = serializers.CharField(help_text="What it is about, as events name it; may be empty.")
    subject_id = serializers.UUIDField(allow_null=True)
    is_read = serializers.BooleanField()
    read_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


class ReadAllAnswer(serializers.Serializer):
    marked_count = serializers.IntegerField(help_text="How many were unread.")


class NotificationFilter(filters.FilterSet):
    unread = filters.BooleanFilter(field_name="read_at", lookup_expr="isnull")
    level = filters.ChoiceFilter(choices=Level.choices)
    notification_type = filters.CharFilter()


class ClockField(serializers.TimeField):
    """A time of the day, as 22:00."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(format="%H:%M", input_formats=["%H:%M", "%H:%M:%S"], **kwargs)


class ChoiceInput(serializers.Serializer):
    notification_type = serializers.CharField(max_length=60)
    in_inbox = serializers.BooleanField(required=False)
    mail = serializers.ChoiceField(choices=MAIL_CHOICES, required=False)

    def validate_notification_type(self, name: str) -> str:
        if name not in notification_types():
            known = ", ".join(sorted(notification_types()))
            raise serializers.ValidationError(f"There is no type “{name}”. Known are: {known}.", "invalid_choice")
        return name


class PreferencesInput(serializers.Serializer):
    types = ChoiceInput(many=True, required=False, help_text="Those that change; the others stay as they are.")
    quiet_from = ClockField(required=False, allow_null=True)
    quiet_until = ClockField(required=False, allow_null=True)
    critical_breaks_quiet = serializers.BooleanField(required=False)
    timezone = serializers.CharField(
        required=False, allow_blank=True, max_length=63, help_text="Empty for the account's."
    )
    digest_time = ClockField(required=False)
    digest_weekday = serializers.ChoiceField(choices=WEEKDAYS, required=False)
    mail_works = serializers.BooleanField(required=False, help_text="`true`: the address takes mail again.")

    def validate_types(self, types: list[dict[str, Any]]) -> list[dict[str, Any]]:
        names = [each["notification_type"] for each in types]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise serializers.ValidationError(f"Name each type once: {', '.join(twice)} stands here twice.", "repeated")
        return types

    def validate_timezone(self, name: str) -> str:
        if name:
            try:
                validate_timezone(name)
            except ValidationError as error:
                raise serializers.ValidationError(error.messages, "unknown_timezone") from error
        return name

    def validate_mail_works(self, works: bool) -> bool:
        if not works:
            raise serializers.ValidationError("Only true can be said here: the mail server finds out that it does not.")
        return works


class ChoiceAnswer(serializers.Serializer):
    notification_type = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # the serializer's own label is something else
    explanation = serializers.CharField()
    in_inbox = serializers.BooleanField()
    mail = serializers.ChoiceField(choices=MAIL_CHOICES)


class PreferencesAnswer(serializers.Serializer):
    types = ChoiceAnswer(many=True, help_text="All types, with what is so at present.")
    quiet_from = ClockField(allow_null=True)
    quiet_until = ClockField(allow_null=True)
    critical_breaks_quiet = serializers.BooleanField()
    timezone = serializers.CharField(help_text="By whose clock all these times are.")
    has_own_timezone = serializers.BooleanField(help_text="Otherwise it is the account's.")
    digest_time = ClockField()
    digest_weekday = serializers.ChoiceField(choices=WEEKDAYS)
    mail_works = serializers.BooleanField(help_text="Whether the address takes mail, as far as is known.")
    mail_refused_at = serializers.DateTimeField(allow_null=True)
    mail_refused_because = serializers.CharField(allow_null=True)


class NotificationViewSet(ContractViewSet):
    """What one was told in this account. Everybody has their own and sees nobody else's."""

    model = Notification
    tags = ["notifications"]
    actions = {"list": ANY_MEMBER, "retrieve": ANY_MEMBER, "read_one": ANY_MEMBER, "read_all": ANY_MEMBER}
    pagination_class = CursorPagination
    cursor_ordering = "-created_at"
    filterset_class = NotificationFilter

    def visible(self) -> QuerySet[Any]:
        return inbox_of(self.user.pk)

    @extend_schema(summary="List one's notifications", responses=NotificationAnswer(many=True))
    def list(self, request: Request) -> Response:
        """Latest first."""
        return self.page_of(self.get_queryset(), notification_answer)

    @extend_schema(summary="Read a notification", responses=NotificationAnswer)
    def retrieve(self, request: Request, notification_id: UUID) -> Response:
        """That does not mark it as read."""
        return Response(notification_answer(self.find(notification_id)))

    @extend_schema(summary="Mark a notification as read", request=None, responses={200: NotificationAnswer})
    def read_one(self, request: Request, notification_id: UUID) -> Response:
        """Marking it again changes nothing."""
        told = self.find(notification_id)
        marked = mark_read(notification_id=told.pk, acting_user=self.user, now=timezone.now())
        return Response(notification_answer(marked))

    @extend_schema(summary="Mark all notifications as read", request=None, responses={200: ReadAllAnswer})
    def read_all(self, request: Request) -> Response:
        return Response({"marked_count": mark_all_read(acting_user=self.user, now=timezone.now())})


class NotificationPreferenceViewSet(ContractViewSet):
    """What one is told in this account, how and when.

    Whether one gets mail of a type is a consent: `never` takes it back, anything else gives it.
    """

    model = NotificationPreference
    tags = ["notifications"]
    actions = {"retrieve": ANY_MEMBER, "partial_update": ANY_MEMBER}
    pagination_class = None
    filter_backends: list[Any] = []

    @extend_schema(summary="Read one's choices", responses={200: PreferencesAnswer})
    def retrieve(self, request: Request) -> Response:
        return Response(self._answer())

    @extend_schema(summary="Change one's choices", request=PreferencesInput, responses={200: PreferencesAnswer})
    def partial_update(self, request: Request) -> Response:
        """What is left out stays as it is."""
        values = self.read(PreferencesInput)
        if values.pop("mail_works", False):
            trust_address(acting_user=self.user)
        choices = {
            each["notification_type"]: ChoiceChange(in_inbox=each.get("in_inbox"), mail=each.get("mail"))
            for each in values.pop("types", [])
        }
        if "digest_weekday" in values:
            values["digest_weekday"] = WEEKDAYS.index(values["digest_weekday"])
        change_choices(acting_user=self.user, choices=choices, source=ConsentSource.API, **values)
        return Response(self._answer())

    def _answer(self) -> dict[str, Any]:
        kept = settings_of(self.user)
        refused = is_refused(kept, self.user)
        return {
            "types": [
                {
                    "notification_type": choice.notification_type,
                    "label": choice.label,
                    "explanation": choice.explanation,
                    "in_inbox": choice.in_inbox,
                    "mail": choice.mail_choice,
                }
                for choice in choices_of(self.user)
            ],
            "quiet_from": _clock(kept.quiet_from),
            "quiet_until": _clock(kept.quiet_until),
            "critical_breaks_quiet": kept.critical_breaks_quiet,
            "timezone": kept.timezone or self.account.timezone,
            "has_own_timezone": bool(kept.timezone),
            "digest_time": _clock(kept.digest_time),
            "digest_weekday": WEEKDAYS[kept.digest_weekday],
            "mail_works": not refused,
            "mail_refused_at": kept.bounced_at.isoformat() if refused and kept.bounced_at else None,
            "mail_refused_because": kept.bounce_reason if refused else None,
        }


def notification_answer(told: Notification) -> dict[str, Any]:
    return {
        "id": str(told.pk),
        "notification_type": told.notification_type,
        "level": told.level,
        "title": told.title,
        "text": told.text,
        "path": told.path,
        "subject_type": told.subject_type,
        "subject_id": None if told.subject_id is None else str(told.subject_id),
        "is_read": told.read_at is not None,
        "read_at": None if told.read_at is None else told.read_at.isoformat(),
        "created_at": told.created_at.isoformat(),
    }


def _clock(moment: time | None) -> str | None:
    return None if moment is None else f"{moment:%H:%M}"


translate_problems({NotificationNotFound: not_found, QuietHoursIncomplete: field_error("quiet_until")})
