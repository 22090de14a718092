"""The one money bar: actual, committed and available of budgeted, as shape and sentence (design §1, §11).

Pure geometry and words. Widths are hundredths of a percent of the frame, so that they add up exactly; the
template writes them as SVG presentation attributes, because the content security policy allows no style
attribute.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from budgetsite.money.amounts import quantize
from budgetsite.pages.amounts import format_amount

FRAME = 10_000
LEAST_VISIBLE = 80


@dataclass(frozen=True)
class Segment:
    """A stretch of the bar; `x` and `width` in hundredths of a percent of the frame."""

    kind: str
    x: int
    width: int

    @property
    def x_percent(self) -> str:
        return _percent(self.x)

    @property
    def width_percent(self) -> str:
        return _percent(self.width)


@dataclass(frozen=True)
class MoneyBar:
    """What the template draws and says.

    `state` is one of within, spent_up, over_promised, over, empty. `marker` is where the budget ends, in
    hundredths of a percent, and None unless the bar goes past it.
    """

    state: str
    segments: tuple[Segment, ...]
    marker: int | None
    spent: str
    promised: str
    whole: str
    verdict: str
    short_verdict: str

    @property
    def is_past_budget(self) -> bool:
        return self.marker is not None

    @property
    def marker_percent(self) -> str | None:
        return None if self.marker is None else _percent(self.marker)

    @property
    def sentence(self) -> str:
        used = f"{self.spent} and {self.promised}" if self.promised else self.spent
        return f"{used} {self.whole}: {self.verdict}"


def money_bar(*, budgeted: Decimal, committed: Decimal, actual: Decimal, currency: str) -> MoneyBar:
    """Return the bar of one budget, line or category.

    Refunds beyond what was spent (a negative actual) count against what is promised in the shape, so that the
    filled part is always the utilization; the words keep the two apart.
    """
    budgeted, committed, actual = (quantize(value, currency) for value in (budgeted, committed, actual))
    budgeted = max(budgeted, Decimal(0))
    used = actual + committed
    spent_verb = "refunded" if actual < 0 else "spent"
    verdict, short_verdict, state = _verdict(budgeted, committed, actual, currency)
    segments = _segments(budgeted, committed, actual)
    past = next((segment.x for segment in segments if segment.kind.endswith("-over")), None)
    return MoneyBar(
        state=state,
        segments=segments,
        marker=past if used > budgeted or actual > budgeted else None,
        spent=f"{format_amount(abs(actual), currency)} {spent_verb}",
        promised=f"{format_amount(committed, currency)} promised" if committed else "",
        whole=f"of {format_amount(budgeted, currency)} {currency}",
        verdict=verdict,
        short_verdict=short_verdict,
    )


def _verdict(budgeted: Decimal, committed: Decimal, actual: Decimal, currency: str) -> tuple[str, str, str]:
    available = budgeted - committed - actual
    if actual > budgeted:
        overrun = f"{format_amount(actual - budgeted, currency)} over budget"
        if committed > 0:
            return f"{overrun}, {format_amount(-available, currency)} with what is promised", overrun, "over"
        return overrun, overrun, "over"
    if available < 0:
        excess = format_amount(-available, currency)
        return (
            f"{excess} over budget once the promises are invoiced",
            f"{excess} over-promised",
            "over_promised",
        )
    if available == 0:
        return (
            ("nothing left", "nothing left", "spent_up")
            if budgeted
            else ("nothing budgeted yet", "nothing planned", "empty")
        )
    left = f"{format_amount(available, currency)} left"
    return left, left, "within"


def _segments(budgeted: Decimal, committed: Decimal, actual: Decimal) -> tuple[Segment, ...]:
    """Cut the frame, which is the larger of the budget and what is used, into stretches that fill it."""
    shown_actual = max(actual, Decimal(0)) if committed >= 0 else max(actual + committed, Decimal(0))
    shown_committed = max(committed + min(actual, Decimal(0)), Decimal(0))
    shown_used = shown_actual + shown_committed
    stretches = [
        ("actual", min(shown_actual, budgeted)),
        ("committed", max(min(shown_used, budgeted) - shown_actual, Decimal(0))),
        ("available", max(budgeted - shown_used, Decimal(0))),
        ("actual-over", max(shown_actual - budgeted, Decimal(0))),
        ("committed-over", max(shown_used - max(shown_actual, budgeted), Decimal(0))),
    ]
    segments = []
    x = 0
    for (kind, _), width in zip(stretches, _widths([amount for _, amount in stretches]), strict=True):
        if width:
            segments.append(Segment(kind, x, width))
            x += width
    return tuple(segments)


def _widths(amounts: Sequence[Decimal]) -> list[int]:
    """Share the whole frame in proportion, with nothing that exists narrower than can be seen."""
    total = sum(amounts, Decimal(0))
    if total == 0:
        return [0] * len(amounts)
    widths = [max(int(amount * FRAME / total), LEAST_VISIBLE) if amount else 0 for amount in amounts]
    widest = widths.index(max(widths))
    widths[widest] += FRAME - sum(widths)
    return widths


def _percent(hundredths: int) -> str:
    return f"{Decimal(hundredths) / 100}%"
