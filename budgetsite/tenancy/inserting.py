"""New rows of several tables, each with its history, in one statement: for paths that are walked often."""

from collections.abc import Sequence
from typing import Any

from django.db import connection, models
from django.db.models.sql import InsertQuery
from django.utils import timezone
from simple_history.utils import get_change_reason_from_object

from budgetsite.tenancy.history import acting_user_reference


def insert_at_once(rows: Sequence[models.Model]) -> None:
    """Insert unsaved rows with their first versions; what the database sets by itself (their times) is read back.

    Foreign keys are checked at the end of the transaction, so that rows may name each other. No signal is sent: only
    for models that nobody listens to. Their keys have to be set beforehand.
    """
    versions = [_first_version(row) for row in rows if hasattr(type(row), "history")]
    parts: list[str] = []
    parameters: list[Any] = []
    columns: list[str] = []
    targets: list[tuple[models.Model, Any]] = []
    for position, row in enumerate([*rows, *versions]):
        fields = _set_by_the_database(row) if position < len(rows) else []
        statement, values = _insertion(row, fields)
        parts.append(f"w{position} AS ({statement})")
        parameters.extend(values)
        columns.extend(f"w{position}.{connection.ops.quote_name(field.column)}" for field in fields)
        targets.extend((row, field) for field in fields)
    sources = ", ".join(dict.fromkeys(column.partition(".")[0] for column in columns))
    with connection.cursor() as cursor:
        # Names of our own columns, and Django's own statements.
        cursor.execute(f"WITH {', '.join(parts)} SELECT {', '.join(columns)} FROM {sources}", parameters)  # noqa: S608  (no value is in it)
        found = cursor.fetchone()
    for (row, field), value in zip(targets, found, strict=True):
        setattr(row, field.attname, value)
    for row in rows:
        row._state.adding, row._state.db = False, connection.alias


def _set_by_the_database(row: models.Model) -> list[Any]:
    return [field for field in row._meta.concrete_fields if field.has_db_default()]


def _first_version(row: models.Model) -> models.Model:
    history: Any = type(row).history.model  # type: ignore[attr-defined]
    version: models.Model = history(
        history_date=timezone.now(),
        history_user=acting_user_reference(),
        history_change_reason=get_change_reason_from_object(row),
        history_type="+",
        **{field.attname: getattr(row, field.attname) for field in history.tracked_fields},
    )
    return version


def _insertion(row: models.Model, returned: Sequence[Any]) -> tuple[str, Sequence[Any]]:
    model = type(row)
    query = InsertQuery(model)
    fields = [field for field in model._meta.concrete_fields if field is not model._meta.auto_field]
    query.insert_values(fields, [row])
    compiler: Any = query.get_compiler(connection=connection)
    compiler.returning_fields = list(returned)
    [(statement, values)] = compiler.as_sql()
    return statement, values
