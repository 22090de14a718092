"""A scoped budget's windows, the present one and those before it: what was spent and promised in each."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Sum

from budgets.models import BudgetWindow, ScopedBudget
from budgets.selectors.scoped_status import Level, Standing, level_of
from budgets.services.hierarchy import ChainBudget
from budgets.services.scoped_figures import ZERO, WindowFigures
from budgets.services.windows import OutsideCalendar, Window, first_moment, window_at

WINDOWS_PER_PAGE = 12
_MOMENT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class PastWindow:
    """One window, its figures measured against the amount that the budget had when it ended (now, if it has not)."""

    window: Window
    figures: WindowFigures

    @property
    def level(self) -> Level:
        return level_of(self.figures)


@dataclass(frozen=True, slots=True)
class WindowsPage:
    """`older` is the first day of the window that the next page begins before, None on the last one."""

    rows: list[PastWindow]
    older: date | None


def windows_page(standing: Standing, *, before: date | None = None, size: int = WINDOWS_PER_PAGE) -> WindowsPage:
    """Return the windows up to the present one, or those before the one that begins on `before`, the last first.

    Windows before the start date are there where something was recorded in them. Three statements at most.
    """
    budget = standing.budget
    found: list[Window] = []
    window = standing.window if before is None else _before(budget, first_moment(before, budget.timezone))
    while window is not None and window.number >= 0 and len(found) <= size:
        found.append(window)
        window = _before(budget, window.start)
    if window is not None and len(found) <= size:
        found += _recorded_early(budget, until=window.end, at_most=size + 1 - len(found))
    shown = found[:size]
    return WindowsPage(
        rows=_with_figures(standing, shown),
        older=shown[-1].first_day if len(found) > size else None,
    )


def _recorded_early(budget: ChainBudget, *, until: datetime, at_most: int) -> list[Window]:
    """Return the windows before the start date that something was recorded in, the last first."""
    starts = (
        BudgetWindow.objects.filter(budget_id=budget.id, deleted_at=None, window_start__lt=until)
        .order_by("-window_start")
        .values_list("window_start", flat=True)
        .distinct()
    )
    return [window_at(budget, start) for start in starts[:at_most]]


def window_on(budget: ChainBudget, day: date) -> Window:
    """Return the window that a day of the budget's calendar belongs to. Raises `OutsideCalendar`."""
    return window_at(budget, first_moment(day, budget.timezone))


def _before(budget: ChainBudget, moment: datetime) -> Window | None:
    try:
        return window_at(budget, moment - _MOMENT)
    except (OutsideCalendar, OverflowError):
        return None


def _with_figures(standing: Standing, windows: list[Window]) -> list[PastWindow]:
    counted: dict[datetime, dict[str, Any]] = {
        row["window_start"]: row
        for row in BudgetWindow.objects.filter(
            budget_id=standing.budget.id,
            deleted_at=None,
            window_start__in=[window.start for window in windows],
        )
        .order_by("window_start")
        .values("window_start")
        .annotate(committed=Sum("committed_amount"), actual=Sum("actual_amount"), number=Sum("entries_count"))
    }
    amounts = _amounts(standing.budget.id)
    rows = []
    for window in windows:
        if window == standing.window:
            rows.append(PastWindow(window, standing.figures))
            continue
        row = counted.get(window.start)
        amount = _amount_at(amounts, window.end, standing.budget.amount)
        # What is still reserved is shown where it can be freed: with the present window.
        rows.append(
            PastWindow(
                window,
                WindowFigures(
                    amount=amount,
                    committed=row["committed"] if row else ZERO,
                    actual=row["actual"] if row else ZERO,
                    entries=int(row["number"]) if row else 0,
                ),
            )
        )
    return rows


def _amounts(budget_id: UUID) -> list[tuple[datetime, Decimal]]:
    """Return every amount that the budget has had, and since when."""
    told = ScopedBudget.history.filter(id=budget_id).order_by("history_id").values_list("history_date", "amount")
    return list(told)


def _amount_at(amounts: list[tuple[datetime, Decimal]], moment: datetime, otherwise: Decimal) -> Decimal:
    """Return the last amount before `moment`; the first one for the time before the budget was made."""
    found = amounts[0][1] if amounts else otherwise
    for since, amount in amounts:
        if since >= moment:
            break
        found = amount
    return found
