"""What one scoped budget's page lists: what stands under it, what it pays for, what is held in it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import QuerySet

from budgets.models import EventBudget, LedgerEntry, Reservation, ReservationStatus, ScopedBudget
from budgets.selectors.scoped_status import Standing, standings_of

# A longer list is asked for by the search of the tree, the list of events, the API.
MOST_LISTED = 50


Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Listed(Generic[Row]):
    """`is_cut`: there are more."""

    rows: list[Row]
    is_cut: bool


def children_of(budget_id: UUID, *, now: datetime) -> Listed[Standing]:
    """Return how those stand that are right under a budget, by name. Four statements at most."""
    ids = ScopedBudget.objects.filter(parent_id=budget_id).by_name().values_list("pk", flat=True)
    wanted = list(ids[: MOST_LISTED + 1])
    stands = {one.budget.id: one for one in standings_of(wanted[:MOST_LISTED], now=now)} if wanted else {}
    return Listed([stands[pk] for pk in wanted[:MOST_LISTED]], len(wanted) > MOST_LISTED)


def funded_by(budget_id: UUID) -> Listed[EventBudget]:
    """Return the event budgets that a scoped budget pays for itself, the latest event first."""
    rows = EventBudget.objects.filter(funded_by_id=budget_id, event__deleted_at=None).select_related("event")
    return _cut(rows.order_by("-event__event_date", "-id"))


def held_in(budget_ids: Iterable[UUID], *, now: datetime) -> Listed[Reservation]:
    """Return what reservations hold in these budgets, the one that expires first at the top."""
    rows = Reservation.objects.filter(
        budget_id__in=list(budget_ids), status=ReservationStatus.HELD, expires_at__gt=now
    ).select_related("budget", "actor")
    return _cut(rows.order_by("expires_at", "id"))


def taken_back(entry_ids: Iterable[UUID], scoped_budget_ids: Iterable[UUID]) -> set[str]:
    """Return which of these entries of usage another one takes back, as text."""
    keys = [f"reverse:{entry_id}" for entry_id in entry_ids]
    found = LedgerEntry.objects.filter(scoped_budget_id__in=list(scoped_budget_ids), idempotency_key__in=keys)
    return set(found.values_list("source_id", flat=True)) if keys else set()


def _cut(rows: QuerySet[Any, Any]) -> Listed[Any]:
    found = list(rows[: MOST_LISTED + 1])
    return Listed(found[:MOST_LISTED], len(found) > MOST_LISTED)
