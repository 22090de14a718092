"""A chart of running sums over a stretch of days: what was, what is foreseen in several ways, and the limit.

Places from left to right are percentages of the picture, vertical ones pixels. Lines are drawn in a frame of their own
that stretches with the screen; their width and the letters do not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from budgetsite.pages.amounts import MINUS, format_quantity
from budgetsite.pages.charts import LABELS_HEIGHT, PLOT_HEIGHT, PLOT_TOP, TICKS, Tick, round_step

ZERO = Decimal(0)
HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class CourseLine:
    """`kind` is the class that draws it; `points` is SVG's list, x from 0 to 100."""

    kind: str
    points: str


@dataclass(frozen=True, slots=True)
class CourseChart:
    lines: list[CourseLine]
    ticks: list[Tick]
    labels: list[tuple[str, str, str]]
    limit_y: int
    baseline: int
    height: int

    @property
    def labels_y(self) -> int:
        return self.height - 8


def course_chart(
    lines: Sequence[tuple[str, Sequence[tuple[Decimal, Decimal]]]],
    *,
    limit: Decimal,
    first_label: str,
    last_label: str,
) -> CourseChart:
    """Return lines (kind, points), each point a share of the way from 0 to 1 and an amount, on one scale of amounts."""
    values = [ZERO, limit, *(value for _, points in lines for _, value in points)]
    step = round_step((max(values) - min(values)) / TICKS)
    top, bottom = _beyond(max(values), step), -_beyond(-min(values), step)

    def y_of(value: Decimal) -> int:
        return PLOT_TOP + round((top - value) * PLOT_HEIGHT / (top - bottom))

    count = int((top - bottom) / step)
    ticks = [bottom + step * number for number in range(count + 1)]
    return CourseChart(
        lines=[
            CourseLine(kind, " ".join(f"{_x(x)},{y_of(value)}" for x, value in points))
            for kind, points in lines
            if points
        ],
        ticks=[Tick(format_quantity(tick).replace("-", MINUS), y_of(tick)) for tick in ticks],
        labels=[("0", "start", first_label), ("100%", "end", last_label)],
        limit_y=y_of(limit),
        baseline=y_of(ZERO),
        height=PLOT_TOP + PLOT_HEIGHT + LABELS_HEIGHT,
    )


def _x(share: Decimal) -> str:
    return str(round(min(max(share, ZERO), Decimal(1)) * HUNDRED, 2))


def _beyond(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).to_integral_value(ROUND_CEILING) * step
