"""Reading a budget's ledger, the last entry first, with the totals after each entry."""

from dataclasses import dataclass
from decimal import Decimal

from django.db.models import Sum

from budgets.models import EventBudget, LedgerEntry

ENTRIES_PER_PAGE = 50

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class RunningEntry:
    """An entry and what had been committed and spent once it was posted."""

    entry: LedgerEntry
    committed: Decimal
    actual: Decimal


@dataclass(frozen=True, slots=True)
class LedgerPage:
    """`older` is the number that the next page begins before, None on the last one."""

    rows: list[RunningEntry]
    is_later: bool
    older: int | None


def ledger_page(budget: EventBudget, *, before: int | None = None) -> LedgerPage:
    """Return the entries numbered below `before`; the totals are the budget's, taken back entry by entry."""
    entries = LedgerEntry.objects.filter(budget_id=budget.pk)
    committed, actual = budget.total_committed_amount, budget.total_actual_amount
    if before is not None:
        later = entries.filter(seq__gte=before).aggregate(
            committed=Sum("committed_delta", default=ZERO), actual=Sum("actual_delta", default=ZERO)
        )
        committed, actual = committed - later["committed"], actual - later["actual"]
        entries = entries.filter(seq__lt=before)
    found = list(entries.select_related("actor", "line_item").order_by("-seq", "-id")[: ENTRIES_PER_PAGE + 1])
    rows = []
    for entry in found[:ENTRIES_PER_PAGE]:
        rows.append(RunningEntry(entry, committed, actual))
        committed -= entry.committed_delta
        actual -= entry.actual_delta
    older = rows[-1].entry.seq if len(found) > ENTRIES_PER_PAGE else None
    return LedgerPage(rows=rows, is_later=before is not None, older=older)
