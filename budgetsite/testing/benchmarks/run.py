"""One run of the benchmarks: how long, with how many clients, and which subjects."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeVar

from budgetsite.testing.benchmarks.measure import Side, Turn, interleaved
from budgetsite.testing.benchmarks.plain_plans import PlainPlans
from budgetsite.testing.benchmarks.plain_sql import PlainSql
from budgetsite.testing.benchmarks.scenery import Scene
from budgetsite.testing.benchmarks.site import Site

_CHANGING_IN_A_SECOND = 10_000
Plain = TypeVar("Plain", bound=PlainSql)


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is measured: `rounds` turns of each side, `seconds` each; `clients` at once where there are many.

    Many short rounds rather than few long ones: what disturbs the machine then disturbs both sides of a ratio. `large`
    is the size of the large account and the large budget, `entries` that of the long ledger,
    `crowds` those of the events that many have registered for, from the smallest to the largest, `usage` that of the
    many usages of one tree of budgets.
    """

    seconds: float
    rounds: int
    clients: int
    large: int
    entries: int
    crowds: tuple[int, ...]
    usage: int

    @property
    def changing(self) -> int:
        """How many budgets change at once: as many as are large, fewer in runs that are only to end soon."""
        return max(1, min(self.large, int(self.seconds * _CHANGING_IN_A_SECOND)))


FULL = Extent(
    seconds=0.3, rounds=11, clients=32, large=1000, entries=100_000, crowds=(1_000, 10_000, 100_000), usage=1_000_000
)
QUICK = Extent(seconds=0.1, rounds=5, clients=32, large=1000, entries=10_000, crowds=(1_000, 3_000), usage=20_000)
# Many clients queue for one budget: one operation of each takes a good part of an ordinary turn.
CROWD_STRETCH = 4


@dataclass
class Run:
    """What the subjects share. The site is started for the first one that asks for it, and ends with the run."""

    extent: Extent
    say: Callable[[str], Any]
    _stack: ExitStack = field(default_factory=ExitStack)
    _site: Site | None = None

    def __enter__(self) -> "Run":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def measure(self, sides: Sequence[Side], *, crowded: bool = False) -> list[list[Turn]]:
        seconds = self.extent.seconds * (CROWD_STRETCH if crowded else 1)
        return interleaved(sides, rounds=self.extent.rounds, seconds=seconds)

    def site(self) -> Site:
        if self._site is None:
            self._site = self._stack.enter_context(Site())
        return self._site

    def plain_sql(self, scene: Scene) -> PlainSql:
        """Return a connection for plain SQL in the scene's account, closed with the run."""
        return self._closed_with_the_run(PlainSql(scene.tenant_id, scene.user.pk))

    def plain_plans(self, scene: Scene) -> PlainPlans:
        return self._closed_with_the_run(PlainPlans(scene.tenant_id, scene.user.pk))

    def _closed_with_the_run(self, plain: Plain) -> Plain:
        self._stack.callback(plain.close)
        return plain

    def at_the_end(self, close: Callable[[], Any]) -> None:
        """Call this when the run is over."""
        self._stack.callback(close)
