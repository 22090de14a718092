"""Where the books stand, as one text: what was computed before a change is never taken for what holds after it.

Every posting, change of a plan, of an expense or of a payment writes its budget's row (`ledger_seq`, `version`,
`expense_seq`); the rest that figures show stands on the rows of events and categories and in the names of clients. A
stored version of a row is told apart from all others by the transaction that wrote it and its place (`xmin`, `ctid`): a
change gives a row another pair, a change that is rolled back leaves the old one, and a deleted row is missing. Numbers
of transactions come round again after four thousand million of them, far longer than anything is remembered.

The position is read before the figures. What is committed in between makes the figures newer than the position that
they are remembered under, never older; and whoever reads the books after that commit asks with another position.
"""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

from django.db import connection

from budgets.selectors.analytics.inquiry import Inquiry
from budgetsite.caching.remembering import remembered
from budgetsite.tenancy.scope import require_tenant_id

Answer = TypeVar("Answer")

SUBJECT = "analytics"
REMEMBERED_SECONDS = 600

_VERSIONS_OF = """
    SELECT concat(count(*), ':', sum(hash_record_extended(ROW(r.id, r.xmin, r.ctid), 0)))
    FROM {table} r WHERE r.tenant_id = %(tenant)s AND r.deleted_at IS NULL
"""
_POSITION = f"""
    SELECT ({_VERSIONS_OF.format(table="budgets_eventbudget")}),
           ({_VERSIONS_OF.format(table="events_event")}),
           ({_VERSIONS_OF.format(table="budgets_category")}),
           (SELECT sum(hash_record_extended(ROW(u.id, u.name, u.email), 0)) FROM accounts_user u WHERE u.id IN (
               SELECT e.client_id FROM events_event e WHERE e.tenant_id = %(tenant)s AND e.deleted_at IS NULL))
"""


def books_position() -> str:
    """Return where the current tenant's books stand. One statement, over the rows of budgets, not the entries."""
    with connection.cursor() as cursor:
        cursor.execute(_POSITION, {"tenant": require_tenant_id()})
        return " ".join(str(part) for part in cursor.fetchone() or ())


def answer(question: str, inquiry: Inquiry, compute: Callable[[], Answer], *about: object) -> Answer:
    """Return what `compute` answers to a question as the books stand now, remembered for minutes.

    `about` is what the question depends on beside the inquiry: an event's id.
    """
    key = (question, inquiry.whose, *_asked(inquiry), *map(str, about), books_position(), _release())
    return remembered(SUBJECT, key, compute, seconds=REMEMBERED_SECONDS)


def _asked(inquiry: Inquiry) -> list[str]:
    names = ("account_id", "zone", "currency", "as_of", "event_type", "client_id", "first", "last")
    return [str(getattr(inquiry, name)) for name in names]


@cache
def _release() -> str:
    """Return what tells this code's answers from those of another release, which may be of another shape."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
