"""The entries behind a figure of a report: those of one of its groups, or of one who spent."""

from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.fields.json import KeyTextTransform

from budgets.models import LedgerEntry
from budgets.selectors.report_groups import GroupBy, Grouping
from budgets.selectors.report_range import Range
from budgets.selectors.scoped_entries import counting_in, entries_in
from budgets.selectors.scoped_reports import Reported
from budgetsite.tenancy.scope import deleted_rows_visible, require_tenant_id

_PLACES = """
    SELECT b.id FROM budgets_scopedbudget b
    WHERE b.tenant_id = %(tenant)s AND (b.id = %(node)s OR b.path @> ARRAY[%(node)s]::uuid[])
        AND {place} IS NOT DISTINCT FROM %(key)s::text
"""


def entries_behind(
    budget: Reported, *, days: Range, grouping: Grouping, key: str | None, any_key: bool = False
) -> QuerySet[LedgerEntry]:
    """Return the entries of the group with this key (None: those that have nothing to be grouped by), unordered.

    With `any_key` those of all groups. Of a stretch of time the days say it all. Three statements before the entries'.
    """
    entries = entries_in(counting_in(budget.id), since=days.start, until=days.end)
    if any_key or grouping.is_time:
        return entries
    if grouping.metadata_key is not None:
        entries = entries.alias(said=KeyTextTransform(grouping.metadata_key, "metadata"))
        return entries.filter(said__isnull=True) if key is None else entries.filter(said=key)
    if grouping.name == GroupBy.EVENT:
        event_id = _uuid(key)
        if key is None:
            return entries.filter(budget__isnull=True)
        return entries.none() if event_id is None else entries.filter(budget__event_id=event_id)
    if grouping.name in (GroupBy.SOURCE, GroupBy.KIND):
        return entries.filter(**{grouping.name: key})
    places = _places(budget, grouping, key)
    return entries.filter(Q(scoped_budget_id__in=places) | Q(budget__funded_by_id__in=places))


def entries_of_spender(
    budget: Reported, *, days: Range, machine: str = "", actor_id: UUID | None = None
) -> QuerySet[LedgerEntry]:
    """Return what a machine recorded, or else a person; without both, the site itself."""
    entries = entries_in(counting_in(budget.id), since=days.start, until=days.end)
    return entries.filter(machine=machine) if machine else entries.filter(machine="", actor_id=actor_id)


def _places(budget: Reported, grouping: Grouping, key: str | None) -> list[UUID]:
    parameters: dict[str, Any] = {
        "tenant": require_tenant_id(),
        "node": budget.id,
        "key": key,
        **(grouping.sql.parameters or {}),
    }
    with deleted_rows_visible(), connection.cursor() as cursor:
        cursor.execute(_PLACES.format(place=grouping.sql.place), parameters)
        return [row[0] for row in cursor.fetchall()]


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text or "")
    except ValueError:
        return None
