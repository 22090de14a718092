"""One entry of a scoped budget, and the sums of what counts in it from one day to another."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, Sum

from budgets.models import EntryKind, EntrySource, LedgerEntry, ScopedBudget
from budgets.selectors.scoped_entries import Counting, counting_in, entries_in
from budgets.services.windows import first_moment
from budgetsite.tenancy.scope import deleted_rows_visible

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class UsageSummary:
    """Amounts in the budget's currency: `total` was spent, `committed` is what was promised less what was released."""

    total: Decimal
    committed: Decimal
    records: int
    days: int
    by_source: Mapping[str, Decimal]
    records_by_source: Mapping[str, int]
    by_kind: Mapping[str, Decimal]

    @property
    def average_per_day(self) -> Decimal:
        return self.total / self.days


def places_of(budget_id: UUID, *, own: bool = False) -> Counting:
    """Return whose entries count in a budget; with `own` what was recorded on it itself alone."""
    return Counting([budget_id], []) if own else counting_in(budget_id)


def summarize_usage(
    budget: ScopedBudget, *, first_day: date, last_day: date, own: bool = False, source: str = ""
) -> UsageSummary:
    """Sum up what counts in a budget from one day to another, both included, as its calendar has them."""
    entries = entries_in(
        places_of(budget.pk, own=own),
        since=first_moment(first_day, budget.timezone),
        until=first_moment(last_day + timedelta(days=1), budget.timezone),
        source=source,
    )
    rows: list[Any] = list(
        entries.select_related(None)
        .order_by()
        .values("source", "kind")
        .annotate(spent=Sum("actual_delta"), promised=Sum("committed_delta"), number=Count("pk"))
    )
    sources = [name for name in EntrySource.values if any(row["source"] == name for row in rows)]
    kinds = [name for name in EntryKind.values if any(row["kind"] == name for row in rows)]
    return UsageSummary(
        total=sum((row["spent"] for row in rows), ZERO),
        committed=sum((row["promised"] for row in rows), ZERO),
        records=sum(row["number"] for row in rows),
        days=(last_day - first_day).days + 1,
        by_source={name: _sum(rows, "source", name) for name in sources},
        records_by_source={name: sum(row["number"] for row in rows if row["source"] == name) for name in sources},
        by_kind={name: _sum(rows, "kind", name) for name in kinds},
    )


def _sum(rows: Iterable[Mapping[str, Any]], column: str, value: str) -> Decimal:
    return sum((row["spent"] for row in rows if row[column] == value), ZERO)


def entry_in(budget_id: UUID, entry_id: UUID) -> LedgerEntry | None:
    """Return an entry that counts in a budget, with what it names; None for others."""
    counting = counting_in(budget_id)
    with deleted_rows_visible():
        rows = entries_in(counting).select_related("budget__funded_by")
        found: LedgerEntry | None = rows.filter(pk=entry_id).first()
        return found


def reversals_of(entries: Iterable[LedgerEntry]) -> dict[UUID, UUID]:
    """Return, for usage that was taken back, the entry that did it. One statement."""
    usage = {f"reverse:{entry.pk}": entry for entry in entries if entry.scoped_budget_id is not None}
    if not usage:
        return {}
    found = LedgerEntry.objects.filter(
        scoped_budget_id__in={entry.scoped_budget_id for entry in usage.values()}, idempotency_key__in=list(usage)
    )
    return {usage[key].pk: pk for key, pk in found.values_list("idempotency_key", "pk") if key is not None}
