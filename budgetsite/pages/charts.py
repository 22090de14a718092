"""Charts as SVG that the server draws: pure geometry and words, like the money bar.

Horizontal places are percentages of the picture's width and vertical ones pixels, so that letters keep their size on
every screen. Colours and letters are the stylesheet's, by class; there is no style and no script in the picture.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from budgetsite.pages.amounts import MINUS, format_quantity

PLOT_TOP = 24
PLOT_HEIGHT = 168
LABELS_HEIGHT = 28
MOST_LABELS = 12
TICKS = 4

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `x` and `width` are percentages of the picture, `y` and `height` pixels. A label may be empty."""

    label: str
    x: str
    width: str
    y: int
    height: int
    is_negative: bool


@dataclass(frozen=True, slots=True)
class Tick:
    label: str
    y: int


@dataclass(frozen=True, slots=True)
class ColumnChart:
    """`baseline` is where 0 is; `height` is the whole picture's, in pixels."""

    columns: list[Column]
    ticks: list[Tick]
    baseline: int
    height: int

    @property
    def labels_y(self) -> int:
        return self.height - 8


def column_chart(values: Sequence[tuple[str, Decimal]]) -> ColumnChart:
    """Return a column for each (label, value), negative ones below the line, on a scale of round numbers."""
    highest = max([ZERO, *(value for _, value in values)])
    lowest = min([ZERO, *(value for _, value in values)])
    step = round_step((highest - lowest) / TICKS)
    top = _multiple_above(highest, step)
    bottom = -_multiple_above(-lowest, step)
    if top == bottom:
        top = step

    def y_of(value: Decimal) -> int:
        return PLOT_TOP + round((top - value) * PLOT_HEIGHT / (top - bottom))

    baseline = y_of(ZERO)
    wide = Decimal(100) / max(len(values), 1)
    every = -(-len(values) // MOST_LABELS) or 1
    columns = []
    for number, (label, value) in enumerate(values):
        end = y_of(value)
        height = abs(end - baseline)
        # What exists is seen.
        height = max(height, 1) if value else 0
        columns.append(
            Column(
                label=label if (len(values) - 1 - number) % every == 0 else "",
                x=f"{round(wide * number, 3)}%",
                width=f"{round(wide, 3)}%",
                y=baseline if value < 0 else baseline - height,
                height=height,
                is_negative=value < 0,
            )
        )
    count = int((top - bottom) / step)
    ticks = [bottom + step * number for number in range(count + 1)]
    return ColumnChart(
        columns=columns,
        ticks=[Tick(format_quantity(tick).replace("-", MINUS), y_of(tick)) for tick in ticks],
        baseline=baseline,
        height=PLOT_TOP + PLOT_HEIGHT + LABELS_HEIGHT,
    )


def round_step(least: Decimal) -> Decimal:
    """Return the smallest of 1, 2, 5 × 10ⁿ that is no less than `least`; 1 for nothing."""
    if least <= 0:
        return Decimal(1)
    power = Decimal(10) ** least.adjusted()
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least)


def _multiple_above(value: Decimal, step: Decimal) -> Decimal:
    return (value / step).to_integral_value(ROUND_CEILING) * step


@dataclass(frozen=True, slots=True)
class ShareBar:
    """A share beside the typical one, on a scale that its neighbours have too. Places are percentages of the frame."""

    width: str
    marker: str | None


def share_bar(share: Decimal, typical: Decimal | None, scale: Decimal) -> ShareBar:
    """Raises `ZeroDivisionError` on a scale of 0."""
    return ShareBar(width=_part(share, scale), marker=None if typical is None else _part(typical, scale))


def scale_of(shares: Sequence[Decimal | None]) -> Decimal:
    """Return a round number that no share goes beyond, 10 at least."""
    highest = max([Decimal(10), *(share for share in shares if share is not None)])
    return _multiple_above(highest, Decimal(10))


@dataclass(frozen=True, slots=True)
class Stretch:
    """One part of a whole; `kind` is the class that colours it."""

    kind: str
    label: str
    amount: Decimal
    x: str = "0%"
    width: str = "0%"


def stacked(parts: Sequence[tuple[str, str, Decimal]]) -> list[Stretch]:
    """Return parts (kind, label, amount) side by side, each as wide as its part of all; what is not above 0 is none."""
    whole = sum((amount for _, _, amount in parts if amount > 0), ZERO)
    stretches, so_far = [], ZERO
    for kind, label, amount in parts:
        if amount > 0:
            stretches.append(Stretch(kind, label, amount, _part(so_far, whole), _part(amount, whole)))
            so_far += amount
    return stretches


def _part(value: Decimal, whole: Decimal) -> str:
    return f"{min(max(round(value * 100 / whole, 3), ZERO), Decimal(100))}%"
