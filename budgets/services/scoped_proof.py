"""Proof of the scoped budgets' books: their chains of usage, and every window recomputed."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db import connection

from budgets.services.discrepancy import Discrepancy
from budgets.services.hierarchy import read_chains
from budgets.services.window_movements import MOVED
from budgets.services.windows import window_at
from budgetsite.tenancy.scope import require_tenant_id

_BROKEN_USAGE = """
    SELECT scoped_budget_id, id, seq, out_of_order, unlinked, altered FROM (
        SELECT e.scoped_budget_id, e.id, e.seq,
               e.seq IS DISTINCT FROM row_number() OVER chain AS out_of_order,
               e.prev_hash IS DISTINCT FROM coalesce(lag(e.hash) OVER chain, ''::bytea) AS unlinked,
               e.hash IS DISTINCT FROM budgets_usage_hash(e.prev_hash, e.tenant_id, e.id, e.scoped_budget_id, e.seq,
                   e.kind, e.committed_delta, e.actual_delta, e.currency, e.source, e.source_id, e.occurred_at)
                   AS altered
        FROM budgets_ledgerentry e
        WHERE e.tenant_id = %(tenant)s AND e.scoped_budget_id IS NOT NULL
        WINDOW chain AS (PARTITION BY e.scoped_budget_id ORDER BY e.seq, e.id)
    ) c
    WHERE out_of_order OR unlinked OR altered ORDER BY scoped_budget_id, seq LIMIT 100
"""

_WRONG_HEADS = """
    SELECT b.id FROM budgets_scopedbudget b
    LEFT JOIN LATERAL (
        SELECT e.seq, e.hash FROM budgets_ledgerentry e
        WHERE e.tenant_id = b.tenant_id AND e.scoped_budget_id = b.id ORDER BY e.seq DESC LIMIT 1
    ) last ON true
    WHERE b.tenant_id = %(tenant)s
        AND (b.ledger_seq, b.ledger_hash) IS DISTINCT FROM (coalesce(last.seq, 0), coalesce(last.hash, ''::bytea))
    ORDER BY b.id
"""

MEND_HEADS = """
    UPDATE budgets_scopedbudget b SET ledger_seq = last.seq, ledger_hash = last.hash
    FROM (
        SELECT DISTINCT ON (s.id) s.id, coalesce(e.seq, 0) AS seq, coalesce(e.hash, ''::bytea) AS hash
        FROM budgets_scopedbudget s
        LEFT JOIN budgets_ledgerentry e ON e.tenant_id = s.tenant_id AND e.scoped_budget_id = s.id
        WHERE s.tenant_id = %(tenant)s
        ORDER BY s.id, e.seq DESC
    ) last
    WHERE b.tenant_id = %(tenant)s AND b.id = last.id
        AND (b.ledger_seq, b.ledger_hash) IS DISTINCT FROM (last.seq, last.hash)
"""

_WRONG_PLACES = """
    SELECT b.id FROM budgets_scopedbudget b
    LEFT JOIN budgets_scopedbudget p ON p.tenant_id = b.tenant_id AND p.id = b.parent_id
    WHERE b.tenant_id = %(tenant)s AND (
        b.path <> CASE WHEN b.parent_id IS NULL THEN '{}'::uuid[] ELSE p.path || p.id END
        OR b.depth <> cardinality(b.path)
        OR b.currency <> coalesce(p.currency, b.currency))
    ORDER BY b.id
"""

_WRONG_CURRENCIES = """
    SELECT 'usage', e.id, e.currency, s.currency FROM budgets_ledgerentry e
    JOIN budgets_scopedbudget s ON s.tenant_id = e.tenant_id AND s.id = e.scoped_budget_id
    WHERE e.tenant_id = %(tenant)s AND e.currency <> s.currency
    UNION ALL
    SELECT 'budget', b.id, b.currency, s.currency FROM budgets_eventbudget b
    JOIN budgets_scopedbudget s ON s.tenant_id = b.tenant_id AND s.id = b.funded_by_id
    WHERE b.tenant_id = %(tenant)s AND b.currency <> s.currency
"""

# The window that holds a movement is the last stored one that begins before it, unless that has ended.
_WRONG_WINDOWS = f"""
    WITH {MOVED},
    expected AS (
        SELECT m.node, CASE WHEN m.at < w.window_end THEN w.window_start END AS window_start,
               sum(m.committed) AS committed, sum(m.actual) AS actual, sum(m.reserved) AS reserved,
               sum(m.entries) AS entries
        FROM moved m
        LEFT JOIN LATERAL (
            SELECT b.window_start, b.window_end FROM budgets_budgetwindow b
            WHERE b.tenant_id = %(tenant)s AND b.budget_id = m.node AND b.deleted_at IS NULL AND b.window_start <= m.at
            ORDER BY b.window_start DESC LIMIT 1
        ) w ON true
        GROUP BY 1, 2
    ),
    stored AS (
        SELECT b.budget_id AS node, b.window_start, sum(b.committed_amount) AS committed,
               sum(b.actual_amount) AS actual, sum(b.reserved_amount) AS reserved, sum(b.entries_count) AS entries
        FROM budgets_budgetwindow b
        WHERE b.tenant_id = %(tenant)s AND b.deleted_at IS NULL AND (%(node)s::uuid IS NULL OR b.budget_id = %(node)s)
        GROUP BY 1, 2
    )
    SELECT coalesce(s.node, e.node), coalesce(s.window_start, e.window_start),
           coalesce(s.committed, 0), coalesce(s.actual, 0), coalesce(s.reserved, 0), coalesce(s.entries, 0),
           coalesce(e.committed, 0), coalesce(e.actual, 0), coalesce(e.reserved, 0), coalesce(e.entries, 0)
    FROM stored s FULL JOIN expected e ON e.node = s.node AND e.window_start = s.window_start
    WHERE (coalesce(s.committed, 0), coalesce(s.actual, 0), coalesce(s.reserved, 0), coalesce(s.entries, 0))
        IS DISTINCT FROM
          (coalesce(e.committed, 0), coalesce(e.actual, 0), coalesce(e.reserved, 0), coalesce(e.entries, 0))
    ORDER BY 1, 2
"""
_FIGURES = ("committed_amount", "actual_amount", "reserved_amount", "entries_count")

_STORED_WINDOWS = """
    SELECT DISTINCT b.budget_id, b.window_start, b.window_end FROM budgets_budgetwindow b
    WHERE b.tenant_id = %(tenant)s AND b.deleted_at IS NULL AND (%(node)s::uuid IS NULL OR b.budget_id = %(node)s)
    ORDER BY 1, 2
"""


def wrong_scoped_budgets() -> Iterator[Discrepancy]:
    """Yield what differs in the account's scoped budgets, entries first. Deleted rows have to be visible."""
    for budget_id, entry_id, seq, _out_of_order, unlinked, altered in _rows(_BROKEN_USAGE):
        if altered:
            detail = f"usage {seq} of budget {budget_id} was altered: its hash does not match its contents"
        elif unlinked:
            detail = f"usage {seq} of budget {budget_id} does not follow the usage before it"
        else:
            detail = f"usage {seq} of budget {budget_id} is out of order: one is missing or was added"
        yield Discrepancy("ledger entry", str(entry_id), detail)
    for (budget_id,) in _rows(_WRONG_HEADS):
        yield Discrepancy("scoped budget", str(budget_id), "the last usage is not the one that its chain ends with")
    for (budget_id,) in _rows(_WRONG_PLACES):
        yield Discrepancy("scoped budget", str(budget_id), "its path does not lead to its parent")
    for subject, subject_id, currency, kept_in in _rows(_WRONG_CURRENCIES):
        yield Discrepancy(subject, str(subject_id), f"is in {currency}, its scoped budget in {kept_in}")
    yield from wrong_windows()


def wrong_windows(budget_id: UUID | None = None) -> Iterator[Discrepancy]:
    """Yield which windows, of one budget or of all, differ from their entries or from their budget's calendar."""
    for row in _rows(_WRONG_WINDOWS, budget_id):
        since = "in no window" if row[1] is None else f"in the window from {row[1]:%Y-%m-%d %H:%M} UTC"
        for name, stored, true in zip(_FIGURES, row[2:6], row[6:10], strict=True):
            if stored != true:
                yield Discrepancy.of_figure("scoped budget", row[0], f"{name} {since}", stored, true)
    stored_windows = _rows(_STORED_WINDOWS, budget_id)
    budgets = {b.id: b for b in read_chains({row[0] for row in stored_windows}, deleted=True)}
    for node, start, end in stored_windows:
        window = window_at(budgets[node], start)
        if (window.start, window.end) != (start, end):
            yield Discrepancy("scoped budget", str(node), f"no window of it goes from {start} to {end}")


def budgets_with_wrong_windows() -> set[UUID]:
    return {UUID(discrepancy.subject_id) for discrepancy in wrong_windows()}


def _rows(query: str, node: UUID | None = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"tenant": require_tenant_id(), "node": node})
        found: list[Any] = cursor.fetchall()
        return found
