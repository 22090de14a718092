"""What a line of the log says: where it belongs, and in production everything as a JSON object without personal data.

No library writes these lines: those there are write everything that anybody has hung on a record, which is how task
arguments and people's addresses come into logs. Here a member has to be named to be written.
"""

import json
import logging
import traceback
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from budgetsite.operations.log_redaction import hide_secrets
from budgetsite.operations.request_id import current_request_id
from budgetsite.tenancy.scope import current_scope

FRAMES = 25
# The task that is at work: its name and id.
current_task: ContextVar[tuple[str, str] | None] = ContextVar("current_task", default=None)


class WhereItBelongs(logging.Filter):
    """Put on each record the request, the tenant, the person and the task that it was written in."""

    def filter(self, record: logging.LogRecord) -> bool:
        request, task = getattr(record, "request", None), current_task.get()
        scope = getattr(request, "scope_at_end", None) or current_scope()
        record.request_id = getattr(request, "request_id", None) or current_request_id()
        record.tenant_id, record.user_id = scope.tenant_id, scope.user_id
        record.task_name, record.task_id = task or (None, None)
        return True


class JsonLine(logging.Formatter):
    """One object on one line; a member without a value is left out. `facts` of a record are members of their own."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": hide_secrets(record.getMessage()),
            "request_id": getattr(record, "request_id", None),
            "tenant_id": getattr(record, "tenant_id", None),
            "user_id": getattr(record, "user_id", None),
            "task": getattr(record, "task_name", None),
            "task_id": getattr(record, "task_id", None),
        }
        facts = getattr(record, "facts", {})
        line.update((name, value) for name, value in facts.items() if value is not None)
        if record.exc_info and record.exc_info[1] is not None:
            line["errors"] = list(_errors(record.exc_info[1]))
        return json.dumps({name: value for name, value in line.items() if value is not None}, default=str)


def _errors(error: BaseException) -> Iterator[dict[str, Any]]:
    """Yield an exception and its causes, the last one first: type and place alone. What they say may name people."""
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        constraint = _constraint_of(found)
        told = {"type": type_of(found), "at": _places(found.__traceback__)}
        yield told | ({"constraint": constraint} if constraint else {})
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


def type_of(error: BaseException) -> str:
    """Return an exception's type with its module: `django.db.utils.IntegrityError`."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _constraint_of(error: BaseException) -> str | None:
    """Return the name of the constraint that refused, which says what a database error is about."""
    return getattr(getattr(error, "diag", None), "constraint_name", None)


def _places(trace: TracebackType | None) -> list[str]:
    frames = traceback.extract_tb(trace)[-FRAMES:]
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
