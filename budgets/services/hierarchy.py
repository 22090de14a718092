"""A scoped budget with all its ancestors: read as they are in force, and kept so until the transaction ends.

Whoever counts money in a chain holds the account's hierarchy; whoever changes what a budget is (its amount, its
windows, its thresholds) or takes one away has it alone. PostgreSQL's advisory locks: they write nothing, and strangers
who count under one budget share them.

Lock order: the event's budget and its line, then the hierarchy, then the scoped budget that usage is recorded on, then
the windows from the leaf up. Chains of one tree meet in that order, because no budget ever changes its place.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Self
from uuid import UUID

from django.db import connection

from budgets.models import Enforcement
from budgets.services.scoped_thresholds import Threshold, stored_thresholds
from budgetsite.tenancy.scope import require_tenant_id

# Of a budget `b`, as `ChainBudget.from_row` takes them.
COLUMNS = (
    "b.id, b.name, b.scope_type, b.scope_id, b.amount, b.currency, b.period, b.start_date, b.end_date, b.recurring, "
    "b.timezone, b.thresholds, b.enforcement, b.depth, b.parent_id, b.path"
)
_NUMBER_OF_COLUMNS = 16

_CHAINS = f"""
    SELECT {COLUMNS} FROM budgets_scopedbudget b
    WHERE b.tenant_id = %(tenant)s AND (b.deleted_at IS NULL OR %(deleted)s) AND b.id IN (
        SELECT unnest(l.path || l.id) FROM budgets_scopedbudget l
        WHERE l.tenant_id = %(tenant)s AND l.id = ANY (%(leaves)s) AND (l.deleted_at IS NULL OR %(deleted)s))
    ORDER BY b.depth DESC, b.id
"""


@dataclass(frozen=True, slots=True)
class ChainBudget:
    """One budget of a chain, as it is in force."""

    id: UUID
    name: str
    scope_type: str
    scope_id: str
    amount: Decimal
    currency: str
    period: str
    start_date: date
    end_date: date | None
    recurring: bool
    timezone: str
    thresholds: tuple[Threshold, ...]
    enforcement: str
    depth: int
    parent_id: UUID | None
    path: tuple[UUID, ...]

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> Self:
        """Read a row that begins with `COLUMNS`."""
        values = list(row[:_NUMBER_OF_COLUMNS])
        values[11] = stored_thresholds(values[11])
        values[15] = tuple(values[15])
        return cls(*values)

    @property
    def is_hard(self) -> bool:
        """Whether anything can be refused by it: then its figures are exact at every moment, in one row."""
        if self.enforcement == Enforcement.WARN:
            return any(threshold.strictest.blocks for threshold in self.thresholds)
        return self.enforcement == Enforcement.STOP


def hold_hierarchy() -> None:
    """Keep every scoped budget of the account as it is until the transaction ends. Waits for who changes one."""
    _lock("pg_advisory_xact_lock_shared")


def have_hierarchy_alone() -> None:
    """Wait until nobody counts in the account's scoped budgets; nobody can until the transaction ends."""
    _lock("pg_advisory_xact_lock")


def read_chain(budget_id: UUID) -> list[ChainBudget]:
    """Return a live scoped budget and its ancestors, from the leaf up; nothing when there is none. One statement."""
    chain = read_chains([budget_id])
    # A chain is of no use without its leaf.
    return chain if chain and chain[0].id == budget_id else []


def read_chains(budget_ids: Iterable[UUID], *, deleted: bool = False) -> list[ChainBudget]:
    """Return several live budgets with all their ancestors, each once, the deepest first. One statement.

    With `deleted` those too that are deleted, where the scope shows them.
    """
    parameters: dict[str, Any] = {"tenant": require_tenant_id(), "leaves": list(budget_ids), "deleted": deleted}
    with connection.cursor() as cursor:
        cursor.execute(_CHAINS, parameters)
        return [ChainBudget.from_row(row) for row in cursor.fetchall()]


def _lock(function: str) -> None:
    # Half of a hash: the account's own advisory locks of events are halves of random ids.
    digest = blake2b(b"scoped budgets" + require_tenant_id().bytes, digest_size=8).digest()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {function}(%s::bigint)", [int.from_bytes(digest, signed=True)])
