"""The ledger's entries behind a figure, of all events together."""

from datetime import timedelta
from uuid import UUID

from django.db.models import QuerySet

from budgets.models import EntryKind, LedgerEntry
from budgets.selectors.analytics.inquiry import Inquiry, budgets_of
from budgets.selectors.analytics.trends import day_begins

INCOME, SPENT, COMMITTED = "income", "spent", "committed"
WHAT = (SPENT, COMMITTED, INCOME)


def movements(
    inquiry: Inquiry, *, what: str = "", category_id: UUID | None = None, source: str = "", event_id: UUID | None = None
) -> QuerySet[LedgerEntry]:
    """Return the entries of the budgets asked for, with what their rows name; the days bound when money moved.

    `what` is one of `WHAT`, and leaves those out that moved nothing of the kind.
    """
    budgets = budgets_of(inquiry.on_any_day())
    if event_id is not None:
        budgets = budgets.filter(event_id=event_id)
    entries: QuerySet[LedgerEntry] = LedgerEntry.objects.filter(budget__in=budgets.order_by().values("pk"))
    if inquiry.first:
        entries = entries.filter(occurred_at__gte=day_begins(inquiry.first, inquiry.zone))
    if inquiry.last:
        entries = entries.filter(occurred_at__lt=day_begins(inquiry.last + timedelta(days=1), inquiry.zone))
    if what == INCOME:
        entries = entries.filter(kind=EntryKind.INCOME)
    elif what == SPENT:
        entries = entries.exclude(kind=EntryKind.INCOME).exclude(actual_delta=0)
    elif what == COMMITTED:
        entries = entries.exclude(committed_delta=0)
    if category_id is not None:
        entries = entries.filter(line_item__category_id=category_id)
    if source:
        entries = entries.filter(source=source)
    return entries.select_related("budget__event", "line_item__category", "actor")
