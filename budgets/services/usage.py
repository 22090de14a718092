"""Usage: money that was spent from a scoped budget directly, by a person or by another system."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction

from budgets.models import EntryKind, EntrySource, LedgerEntry, ScopedBudget
from budgets.services.counting import Counted, Movement, count
from budgets.services.hierarchy import ChainBudget, hold_hierarchy, read_chain
from budgets.services.problems import CurrencyMismatch, IdempotencyMismatch
from budgets.services.scoped_problems import ScopedBudgetNotFound, UsageAlreadyReversed, UsageNotFound
from budgets.services.windows import is_in_force
from budgetsite.accounts.models import User
from budgetsite.money.amounts import parse_usage

ZERO = Decimal(0)

# Who reports usage says where it comes from; the ledger's other sources are its own.
USAGE_SOURCES = (
    EntrySource.RELAYCORE,
    EntrySource.AUTERITY,
    EntrySource.MANUAL,
    EntrySource.REGISTRATION,
    EntrySource.EXPENSE,
    EntrySource.IMPORT,
    EntrySource.API,
)


# What two postings under one key have in common; when it is said to have happened may differ by the moment of asking.
_SAME = ("kind", "actual_delta", "currency", "source", "source_id")


@dataclass(frozen=True, slots=True)
class Recorded:
    """An entry of usage. `repeated`: its key had recorded it before. `counted`: empty then, else leaf first."""

    entry: LedgerEntry
    counted: list[Counted]
    repeated: bool = False
    # It belongs to a time in which the budget was not in force.
    outside: bool = False


@transaction.atomic
def record_usage(
    *,
    budget_id: UUID,
    amount: Decimal,
    currency: str,
    source: str,
    acting_user: User,
    now: datetime,
    timestamp: datetime | None = None,
    description: str = "",
    metadata: Mapping[str, Any] | None = None,
    enforce: bool = False,
    idempotency_key: str | None = None,
    machine: str = "",
) -> Recorded:
    """Record usage of a scoped budget: it counts there and in every ancestor, in the windows that hold `timestamp`.

    What has happened is recorded whatever it overruns; with `enforce` it is a question first: `NoRoom` when it does not
    fit, and nothing is recorded. A repeated `idempotency_key` records nothing again. Raises `ScopedBudgetNotFound`,
    `CurrencyMismatch`, `InvalidAmount`, `IdempotencyMismatch`, `OutsideCalendar`.
    """
    hold_hierarchy()
    chain = read_chain(budget_id)
    if not chain:
        raise ScopedBudgetNotFound(budget_id)
    if chain[0].currency != currency:
        raise CurrencyMismatch(posted=currency, budget=chain[0].currency)
    return post_usage(
        chain,
        kind=EntryKind.ACTUAL,
        amount=parse_usage(amount, minimum=ZERO),
        source=source,
        acting_user=acting_user,
        occurred_at=timestamp or now,
        description=description,
        metadata=dict(metadata) if metadata else None,
        stops=enforce,
        idempotency_key=idempotency_key,
        machine=machine,
        now=now,
    )


@transaction.atomic
def reverse_usage(
    *, budget_id: UUID, entry_id: UUID, acting_user: User, now: datetime, reason: str = "", machine: str = ""
) -> Recorded:
    """Take usage back by an entry against it, in the windows in which it counts.

    Raises `ScopedBudgetNotFound`, `UsageNotFound`, `UsageAlreadyReversed`.
    """
    hold_hierarchy()
    chain = read_chain(budget_id)
    if not chain:
        raise ScopedBudgetNotFound(budget_id)
    entry = LedgerEntry.objects.filter(scoped_budget_id=budget_id, pk=entry_id).first()
    if entry is None:
        raise UsageNotFound
    key = f"reverse:{entry.pk}"
    if entry.kind == EntryKind.ADJUST:
        raise UsageAlreadyReversed
    recorded = post_usage(
        chain,
        kind=EntryKind.ADJUST,
        amount=-entry.actual_delta,
        source=entry.source,
        source_id=str(entry.pk),
        acting_user=acting_user,
        occurred_at=entry.occurred_at,
        description=reason or f"Taken back: {entry.description}".removesuffix(": ")[:500],
        metadata=entry.metadata,
        stops=False,
        idempotency_key=key,
        machine=machine,
        now=now,
    )
    if recorded.repeated:
        raise UsageAlreadyReversed
    return recorded


def post_usage(
    chain: list[ChainBudget],
    *,
    kind: EntryKind,
    amount: Decimal,
    source: str,
    acting_user: User | None,
    occurred_at: datetime,
    description: str,
    metadata: dict[str, Any] | None,
    stops: bool,
    now: datetime,
    source_id: str = "",
    reserved: Decimal = ZERO,
    idempotency_key: str | None = None,
    machine: str = "",
) -> Recorded:
    """Write the entry on the chain's leaf and count it in the whole chain; `reserved` goes with it into the windows.

    The caller holds the hierarchy, and lets refusals end its own savepoint: they have written something.
    """
    leaf = chain[0]
    entry = LedgerEntry(
        scoped_budget_id=leaf.id,
        kind=kind,
        actual_delta=amount,
        currency=leaf.currency,
        occurred_at=occurred_at,
        source=source,
        source_id=source_id,
        idempotency_key=idempotency_key,
        actor=acting_user,
        description=description,
        metadata=metadata,
        machine=machine,
    )
    if idempotency_key is not None:
        earlier = _recorded_before(entry)
        if earlier is not None:
            return Recorded(earlier, [], repeated=True)
    entry.save(force_insert=True)
    # What does not fit is found out by counting it.
    counted = count(chain, Movement(at=occurred_at, actual=amount, reserved=reserved), stops=stops, now=now)
    return Recorded(entry, counted, outside=not is_in_force(leaf, occurred_at))


def _recorded_before(wanted: LedgerEntry) -> LedgerEntry | None:
    """Return what the key recorded on this budget. Raises `IdempotencyMismatch` when it was something else.

    Locks the budget: whoever records under the same key at the same time is seen.
    """
    list(ScopedBudget.objects.filter(pk=wanted.scoped_budget_id).select_for_update(no_key=True).values_list("pk"))
    earlier: LedgerEntry | None = LedgerEntry.objects.filter(
        scoped_budget_id=wanted.scoped_budget_id, idempotency_key=wanted.idempotency_key
    ).first()
    if earlier is None:
        return None
    if any(getattr(earlier, name) != getattr(wanted, name) for name in _SAME):
        raise IdempotencyMismatch(str(wanted.idempotency_key))
    return earlier
