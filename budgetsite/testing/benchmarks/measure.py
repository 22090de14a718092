"""Turns, rounds and ratios. Nothing here knows a database.

Each side takes a turn in every round, so that whatever disturbs the machine disturbs all sides alike; ratios are taken
within a round, and the median of the rounds is what counts.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles

WARM_UP_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side did in one turn: `operations` within `seconds` on the clock, by however many clients."""

    operations: int
    seconds: float

    def __post_init__(self) -> None:
        if self.operations < 1 or self.seconds <= 0:
            raise ValueError("a turn has at least one operation and takes some time")

    @property
    def rate(self) -> float:
        """Operations in a second."""
        return self.operations / self.seconds

    @property
    def milliseconds(self) -> float:
        """The time of one operation, of clients one after the other."""
        return self.seconds * 1000 / self.operations


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of what the rounds gave, and the middle half of them around it.

    The half says how sure the median is; the rounds outside met whatever else the machine was doing.
    """

    median: float
    lower: float
    upper: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        if len(values) == 1:
            return cls(values[0], values[0], values[0])
        lower, middle, upper = quantiles(values, n=4, method="inclusive")
        return cls(middle, lower, upper)


Side = Callable[[float], Turn]


def interleaved(sides: Sequence[Side], *, rounds: int, seconds: float) -> list[list[Turn]]:
    """Let every side take a turn of `seconds` in each round; return the turns of each side, in the order of rounds.

    The order turns round from one round to the next (AB BA AB …): nobody always works in the other's wake. A shorter
    turn beforehand warms up connections, plans and caches and is not counted.
    """
    for side in sides:
        side(seconds * WARM_UP_SHARE)
    turns: list[list[Turn]] = [[] for _ in sides]
    for number in range(rounds):
        order = range(len(sides)) if number % 2 == 0 else reversed(range(len(sides)))
        for index in order:
            turns[index].append(sides[index](seconds))
    return turns


def repeating(operation: Callable[[], object], *, clock: Callable[[], float] = time.perf_counter) -> Side:
    """Return a side that repeats an operation until its turn is over; a long one is done once, and to its end."""

    def turn(seconds: float) -> Turn:
        start = now = clock()
        operations = 0
        while operations == 0 or now - start < seconds:
            operation()
            operations += 1
            now = clock()
        return Turn(operations, now - start)

    return turn


def times_as_long(turns: Sequence[Turn], than: Sequence[Turn]) -> Spread:
    """Return how many times as long an operation of `turns` takes as one of `than`, round by round."""
    return Spread.of([turn.milliseconds / other.milliseconds for turn, other in zip(turns, than, strict=True)])


def share_of_rate(turns: Sequence[Turn], of: Sequence[Turn]) -> Spread:
    """Return what part of the other side's rate `turns` reach, round by round: 0.5 is half as many in a second."""
    return Spread.of([turn.rate / other.rate for turn, other in zip(turns, of, strict=True)])


def typical_milliseconds(turns: Sequence[Turn]) -> float:
    return median(turn.milliseconds for turn in turns)


def typical_rate(turns: Sequence[Turn]) -> float:
    return median(turn.rate for turn in turns)
