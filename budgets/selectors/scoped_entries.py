"""The ledger's entries that count in a scoped budget: its own usage, that of budgets below, and of events they fund."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from budgets.models import EntryKind, EventBudget, LedgerEntry, ScopedBudget
from budgetsite.tenancy.scope import deleted_rows_visible


@dataclass(frozen=True, slots=True)
class Counting:
    """Whose entries count: those of scoped budgets, and of the event budgets that these fund."""

    scoped_budget_ids: list[UUID]
    event_budget_ids: list[UUID]


def counting_in(budget_id: UUID) -> Counting:
    """Return the budget with all below it, deleted ones too: what was spent there goes on counting. 2 statements."""
    with deleted_rows_visible():
        scoped = list(ScopedBudget.objects.below([budget_id]).order_by("depth", "id").values_list("pk", flat=True))
        events = EventBudget.objects.filter(funded_by_id__in=scoped).order_by("id")
        return Counting(scoped, list(events.values_list("pk", flat=True)))


def entries_in(
    counting: Counting, *, since: datetime | None = None, until: datetime | None = None, source: str = ""
) -> QuerySet[LedgerEntry]:
    """Return their entries, unordered, with what their rows name; `[since, until)` bounds when money moved.

    What events bring in counts in no scoped budget. Names of deleted budgets show where deleted rows do.
    """
    entries: QuerySet[LedgerEntry] = LedgerEntry.objects.filter(
        Q(scoped_budget_id__in=counting.scoped_budget_ids) | Q(budget_id__in=counting.event_budget_ids)
    ).exclude(kind=EntryKind.INCOME)
    if since is not None:
        entries = entries.filter(occurred_at__gte=since)
    if until is not None:
        entries = entries.filter(occurred_at__lt=until)
    if source:
        entries = entries.filter(source=source)
    return entries.select_related("scoped_budget", "budget__event", "line_item", "actor")
