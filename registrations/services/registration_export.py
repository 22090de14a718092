"""An event's registrations as a file for spreadsheet programs; the status import takes it back."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from django.db.models import TextChoices

from budgetsite.accounts.models import User
from budgetsite.accounts.roles import Role
from budgetsite.privacy.models import AccessAction
from budgetsite.privacy.services.access_log import record_access
from budgetsite.sheets.columns import Amount, Column, Integer, Text
from budgetsite.sheets.writing import write_csv, write_xlsx
from events.models import Event
from registrations.selectors.registrations import registrations_of
from registrations.services.conflicts import times_label


class SheetFormat(TextChoices):
    CSV = "csv", "CSV"
    XLSX = "xlsx", "Excel workbook"


CONTENT_TYPES = {
    SheetFormat.CSV: "text/csv; charset=utf-8",
    SheetFormat.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
EXPORTED_COLUMNS = (
    "id",
    "name",
    "email",
    "option",
    "status",
    "party_size",
    "preferred_slot",
    "assigned_slot",
    "currency",
    "quoted_cost",
    "amount_committed",
    "amount_kept",
    "requested_at",
    "approved_at",
    "collected_at",
    "notes",
    "reason",
)
_AMOUNTS = frozenset({"quoted_cost", "amount_committed", "amount_kept"})
# Rows are read so many at a time.
_CHUNK = 2_000


@dataclass(frozen=True, slots=True)
class RegistrationFile:
    filename: str
    content_type: str
    content: bytes


def export_registrations(
    *, event: Event, acting_user: User, role: Role, sheet_format: SheetFormat, status: str | None = None
) -> RegistrationFile:
    """Return the registrations that this person may see, newest first; of one status where it is named.

    Moments are in the event's time zone. The codes for the door are not in the file: whoever has one can collect. One
    statement for any number of rows, and one that records who took them away.
    """
    columns = [Column(name, _kind(name, event.currency)) for name in EXPORTED_COLUMNS]
    written = count()
    rows = (row for row, _ in zip(_rows(event, acting_user, role, status), written, strict=False))
    content = (
        write_csv(columns, rows)
        if sheet_format == SheetFormat.CSV
        else write_xlsx(columns, rows, title="Registrations")
    )
    record_access(
        action=AccessAction.EXPORTED,
        kind="registrations",
        list_id=event.pk,
        people=next(written),
        place=f"Registrations of an event, {sheet_format.label}",
    )
    day = event.event_date.astimezone(ZoneInfo(event.timezone)).date()
    return RegistrationFile(
        filename=f"registrations-{day.isoformat()}.{sheet_format.value}",
        content_type=CONTENT_TYPES[sheet_format],
        content=content,
    )


def _kind(name: str, currency: str) -> Any:
    if name in _AMOUNTS:
        return Amount(currency)
    return Integer() if name == "party_size" else Text()


def _rows(event: Event, acting_user: User, role: Role, status: str | None) -> Iterator[dict[str, Any]]:
    registrations = registrations_of(event.pk, user_id=acting_user.pk, role=role)
    if status is not None:
        registrations = registrations.filter(status=status)
    zone = ZoneInfo(event.timezone)
    read = registrations.values_list(
        "id", "user__name", "user__email", "event_option__option_name", "status", "party_size",
        "preferred_slot__starts_at", "preferred_slot__ends_at", "assigned_slot__starts_at", "assigned_slot__ends_at",
        "currency", "quoted_cost", "amount_committed", "amount_kept", "requested_at", "approved_at", "collected_at",
        "notes", "reason",
    )  # fmt: skip
    for row in read.iterator(chunk_size=_CHUNK):
        pk, name, email, option, state, party, wanted_from, wanted_to, given_from, given_to, *rest = row
        slots = (times_label(wanted_from, wanted_to, zone), times_label(given_from, given_to, zone))
        values = (str(pk), name, email, option, state, party, *slots, *rest)
        yield {column: _readable(value, zone) for column, value in zip(EXPORTED_COLUMNS, values, strict=True)}


def _readable(value: Any, zone: ZoneInfo) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(zone).strftime("%Y-%m-%d %H:%M")
    return value if isinstance(value, int | Decimal) else value or ""
