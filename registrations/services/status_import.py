"""Deciding by a table: who is approved, rejected or cancelled, from CSV or XLSX. All rows, or none."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, BinaryIO
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Lower

from budgetsite.accounts.models import User
from budgetsite.sheets.columns import Choice, Column, InvalidCell, Problem, Row, Text
from budgetsite.sheets.reading import read_sheet
from events.models import Event
from registrations.models import LIVE_STATUSES, EventRegistration, RegistrationStatus
from registrations.services.decision import lock_for_deciding, try_to_decide

MOST_ROWS = 2_000
MOST_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One row of the table: whom it is about, and what it changes; `changes` is False when that is so already."""

    number: int
    registration_id: UUID
    person: str
    status_before: str
    status: str
    changes: bool


@dataclass(slots=True)
class StatusReport:
    """What a table would change, or has changed. Nothing is stored while there are problems."""

    rows: list[StatusRow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    ignored_columns: list[str] = field(default_factory=list)


class StatusImportRefused(Exception):
    """At least one row can't be carried out, so none was; the report lists every problem."""

    def __init__(self, report: StatusReport) -> None:
        self.report = report
        super().__init__(f"{len(report.problems)} problem(s)")


class _OnlyLooking(Exception):
    """Takes back what was tried."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    row: Row
    registration: EventRegistration
    status: str


def import_statuses(
    *, event: Event, file: BinaryIO, filename: str, acting_user: User, now: datetime, dry_run: bool
) -> StatusReport:
    """Carry out a table of registration (by `id`, `qr_token` or `email`), `status` and, if wanted, `reason`.

    For who runs the event. Everything is tried, so that each row is judged with what the rows before it took; with
    `dry_run` or any problem all of it is taken back. Raises `StatusImportRefused`, `UnreadableSheet`.
    """
    sheet = read_sheet(file, filename=filename, columns=_COLUMNS, max_rows=MOST_ROWS, max_bytes=MOST_BYTES)
    report = StatusReport(problems=list(sheet.problems), ignored_columns=sheet.ignored_columns)
    try:
        with transaction.atomic():
            _carry_out(event, _resolved(event, sheet.rows, report), report, acting_user=acting_user, now=now)
            if report.problems or dry_run:
                raise _OnlyLooking
    except _OnlyLooking:
        report.problems.sort(key=lambda problem: problem.row)
        if not dry_run:
            raise StatusImportRefused(report) from None
    return report


def _status(text: str) -> str:
    wanted = text.strip().upper()
    if wanted not in RegistrationStatus.values:
        raise InvalidCell("invalid_choice", f"Choose one of: {', '.join(RegistrationStatus.values)}.")
    return wanted


_COLUMNS = (
    Column("id", Text(max_length=64), required=False, aliases=("registration", "registration_id")),
    Column("qr_token", Text(max_length=200), required=False, aliases=("code", "qr")),
    Column("email", Text(max_length=254), required=False, aliases=("e_mail", "user_email")),
    Column("option", Text(max_length=200), required=False, aliases=("option_name", "event_option")),
    Column("status", Choice(_status)),
    Column("reason", Text(max_length=2000, multiline=True), required=False),
)


def _resolved(event: Event, rows: Sequence[Row], report: StatusReport) -> list[_Wanted]:
    """Find whom each row is about; what can't be told is a problem. Three statements for any number of rows."""
    by_key = _registrations_by_key(event, rows)
    wanted: list[_Wanted] = []
    seen: dict[UUID, int] = {}
    for row in rows:
        try:
            registration = _find(row.values, by_key)
        except InvalidCell as error:
            column, value = _key_of(row.values)
            report.problems.append(Problem(row.number, column, error.code, error.message, value))
            continue
        if registration.pk in seen:
            message = f"Row {seen[registration.pk]} is about the same registration. Keep one of them."
            report.problems.append(Problem(row.number, *_about(row.values, "repeated", message)))
            continue
        seen[registration.pk] = row.number
        wanted.append(_Wanted(row, registration, row.values["status"]))
    return wanted


def _registrations_by_key(event: Event, rows: Sequence[Row]) -> Mapping[str, list[EventRegistration]]:
    ids, tokens, emails = set(), set(), set()
    for row in rows:
        column, value = _key_of(row.values)
        if column == "id" and (pk := _as_uuid(value)) is not None:
            ids.add(pk)
        elif column == "qr_token":
            tokens.add(value)
        elif column == "email":
            emails.add(value.lower())
    found: Any = (
        EventRegistration.objects.filter(event_id=event.pk)
        .annotate(email=Lower("user__email"))
        .filter(Q(pk__in=ids) | Q(qr_token__in=tokens) | Q(email__in=emails))
        .select_related("user", "event_option")
        .order_by("created_at", "id")
    )
    by_key: dict[str, list[EventRegistration]] = defaultdict(list)
    for registration in found:
        for key in (f"id:{registration.pk}", f"qr_token:{registration.qr_token}", f"email:{registration.email}"):
            by_key[key].append(registration)
    return by_key


def _find(values: Mapping[str, Any], by_key: Mapping[str, list[EventRegistration]]) -> EventRegistration:
    """Return the one registration that a row is about. Raises `InvalidCell` when there is none, or more than one."""
    column, value = _key_of(values)
    if not column:
        raise InvalidCell("required", "Say whom this is about: fill in id, qr_token or email.")
    if column == "id":
        value = str(_as_uuid(value) or value)
    elif column == "email":
        value = value.lower()
    found = by_key.get(f"{column}:{value}", [])
    if column == "email":
        # Of a person's registrations those that can still be decided are meant.
        option = (values.get("option") or "").casefold()
        named = [row for row in found if not option or (row.event_option and _name(row) == option)]
        live = [row for row in named if row.status in LIVE_STATUSES]
        found = live or named[-1:]
    if not found:
        raise InvalidCell("not_found", "This event has no such registration.")
    if len(found) > 1:
        raise InvalidCell("ambiguous", "This person has several registrations. Name the option, or use the id.")
    return found[0]


def _carry_out(
    event: Event, wanted: Sequence[_Wanted], report: StatusReport, *, acting_user: User, now: datetime
) -> None:
    lock_for_deciding(event, [item.registration.pk for item in wanted])
    for item in wanted:
        outcome = try_to_decide(
            registration_id=item.registration.pk,
            event=event,
            wanted=item.status,
            acting_user=acting_user,
            may_decide=True,
            now=now,
            reason=item.row.values.get("reason") or "",
        )
        if not outcome.ok:
            message, code = outcome.error or "", outcome.code or "refused"
            report.problems.append(Problem(item.row.number, "status", code, message, item.status))
        before = item.registration.status
        report.rows.append(
            StatusRow(
                number=item.row.number,
                registration_id=item.registration.pk,
                person=str(item.registration.user),
                status_before=before,
                status=item.status,
                changes=outcome.ok and before != item.status,
            )
        )


def _key_of(values: Mapping[str, Any]) -> tuple[str, str]:
    """Return the column that says whom a row is about, and what it says."""
    for column in ("id", "qr_token", "email"):
        if values.get(column):
            return column, str(values[column])
    return "", ""


def _about(values: Mapping[str, Any], code: str, message: str) -> tuple[str, str, str, str]:
    column, value = _key_of(values)
    return column, code, message, value


def _name(registration: EventRegistration) -> str:
    assert registration.event_option is not None
    return str(registration.event_option.option_name).casefold()


def _as_uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
