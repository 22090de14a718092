"""Mails as those who look after the account see them: whether they arrive, and nothing of what they say."""

from typing import Any

from django.contrib import admin
from unfold.decorators import display

from budgetsite.notifications.models import Mail, MailStatus
from budgetsite.pages.back_office.displays import badge, moment, moment_cell
from budgetsite.pages.back_office.model_admin import ReadOnlyAdmin
from budgetsite.pages.back_office.requests import StaffRequest

_TONES = {MailStatus.SENT: "good", MailStatus.FAILED: "critical", MailStatus.UNCERTAIN: "warning"}


@admin.register(Mail)
class MailAdmin(ReadOnlyAdmin):
    view_action = "operations.view"
    list_display = ("made", "who", "how_soon", "state", "attempts", "failure")
    list_select_related = ("person",)
    list_filter = ("status", "rhythm")
    ordering = ("-created_at", "-id")
    fields = (("who", "how_soon"), ("state", "attempts"), ("due", "closed"), ("failure", "message_id"))

    def get_readonly_fields(self, request: StaffRequest, obj: Any = None) -> list[str]:
        return [name for row in self.fields for name in row]

    @display(description="Begun", ordering="created_at")
    def made(self, mail: Mail) -> Any:
        return moment_cell(mail.created_at)

    @display(description="To")
    def who(self, mail: Mail) -> str:
        return mail.person.name or "–"

    @display(description="How soon")
    def how_soon(self, mail: Mail) -> str:
        return mail.get_rhythm_display()

    @display(description="State")
    def state(self, mail: Mail) -> Any:
        status = MailStatus(mail.status)
        return badge(str(status.label), _TONES.get(status, "neutral"))

    @display(description="To be sent")
    def due(self, mail: Mail) -> str:
        return moment(mail.due_at)

    @display(description="Done", empty_value="–")
    def closed(self, mail: Mail) -> str | None:
        return None if mail.closed_at is None else moment(mail.closed_at)

    def name_of(self, obj: Mail) -> str:
        return f"Mail of {moment(obj.created_at)}"
