"""How the money of a window has gone so far, for the picture of a forecast: running sums by days, weeks or months."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from budgets.selectors.report_groups import GroupBy, Grouping
from budgets.selectors.report_range import of_window
from budgets.selectors.scoped_reports import scoped_report
from budgets.selectors.scoped_status import Standing
from budgets.services.windows import today

# Beyond so many days weeks, and then months, are enough to see it.
_BY_DAY, _BY_WEEK = 92, 732


@dataclass(frozen=True, slots=True)
class CoursePoint:
    """What was spent in the window by the end of a day."""

    day: date
    spent: Decimal


def course_of(standing: Standing) -> list[CoursePoint]:
    """Return the running sums up to today, the last one as the status has it. One statement.

    What is recorded with a later time in the window counts already, and so in the last point.
    """
    days = of_window(standing.window)
    name = GroupBy.DAY if days.days <= _BY_DAY else GroupBy.WEEK if days.days <= _BY_WEEK else GroupBy.MONTH
    now_there = today(standing.budget, standing.now)
    if now_there < days.first_day:
        return []
    found = scoped_report(standing.budget, days=days, grouping=Grouping(name), now=standing.now)
    points: list[CoursePoint] = []
    spent = Decimal(0)
    for group in found.groups:
        first_day, last_day = group.first_day or days.first_day, group.last_day or days.last_day
        if first_day > now_there:
            break
        spent += group.actual
        points.append(CoursePoint(min(last_day, now_there), spent))
    # A window of no length is a day that its zone has skipped.
    last = points[-1].day if points else days.first_day - timedelta(days=1)
    return [*points[:-1], CoursePoint(last, found.actual)]
