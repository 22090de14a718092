"""Figures that are asked for when somebody scrapes `/metrics`; what processes count while they work is none of these.

An app adds its own in `<app>/metrics.py`, which is imported when the site is ready:

    register(StoredFigure(name="alerts_open", explanation="…", labels=("type",), sql="SELECT tenant_id, … AS value …"))

Scraping never hurts: each figure has a second, is remembered for a while, and one that fails takes no other along.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from django.conf import settings
from django.db import connections, transaction
from prometheus_client.core import GaugeMetricFamily, Metric

logger = logging.getLogger(__name__)

PREFIX = "budgetsite_"
# The role that sees all tenants.
ROLE = "service"
STATEMENT_MILLISECONDS = 1000


class Source(Protocol):
    """What answers with figures; `name` tells sources apart, and names the one that failed."""

    @property
    def name(self) -> str: ...

    def read(self) -> Sequence[Metric]: ...


@dataclass(frozen=True, slots=True)
class StoredFigure:
    """A figure of all tenants' rows: `sql` gives the columns `tenant_id`, each of `labels`, and `value`.

    Values are put together over the accounts, as a sum or as the greatest. With METRICS_PER_ACCOUNT each account has
    its own, labelled with its slug. A figure that is not `of_accounts` has no column `tenant_id` and no such label.
    """

    name: str
    explanation: str
    sql: str
    labels: tuple[str, ...] = ()
    together: Literal["sum", "max"] = "sum"
    of_accounts: bool = True

    def read(self) -> Sequence[Metric]:
        by_account = self.of_accounts and settings.METRICS_PER_ACCOUNT
        labels = ("account", *self.labels) if by_account else self.labels
        metric = GaugeMetricFamily(f"{PREFIX}{self.name}", self.explanation, labels=labels)
        for *values, value in _asked(self._statement(by_account=by_account)):
            metric.add_metric([str(each) for each in values], float(value or 0))
        return [metric]

    def _statement(self, *, by_account: bool) -> str:
        # Put together from the source's own constants; nothing of it comes from outside.
        labels = [f"figure.{label}" for label in self.labels]
        account = "JOIN accounts_account account ON account.id = figure.tenant_id" if by_account else ""
        columns = ["account.slug", *labels] if by_account else labels
        group = f"GROUP BY {', '.join(columns)}" if columns else ""
        selected = ", ".join([*columns, f"{self.together}(figure.value)"])
        return f"SELECT {selected} FROM ({self.sql}) figure {account} {group}"  # noqa: S608 - see above


@dataclass(frozen=True, slots=True)
class AskedFigure:
    """A figure that is found elsewhere than in the database: `ask` gives the values of `labels`, and the figure."""

    name: str
    explanation: str
    ask: Callable[[], Iterable[tuple[tuple[str, ...], float]]]
    labels: tuple[str, ...] = ()

    def read(self) -> Sequence[Metric]:
        metric = GaugeMetricFamily(f"{PREFIX}{self.name}", self.explanation, labels=self.labels)
        for values, value in self.ask():
            metric.add_metric(values, value)
        return [metric]


def gauge(name: str, explanation: str, value: float) -> Metric:
    """Return one figure without labels, for a source of its own."""
    return GaugeMetricFamily(f"{PREFIX}{name}", explanation, value=value)


@contextmanager
def briefly() -> Iterator[None]:
    """Ask the database as the role that sees all tenants; a statement that takes longer than a second is given up."""
    with transaction.atomic(using=ROLE):
        with connections[ROLE].cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(STATEMENT_MILLISECONDS)])
        yield


def _asked(statement: str) -> list[tuple[Any, ...]]:
    with briefly(), connections[ROLE].cursor() as cursor:
        cursor.execute(statement)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


_sources: dict[str, Source] = {}


def register(source: Source) -> None:
    """Let `/metrics` tell what `source` knows; a second one of the same name takes the place of the first."""
    _sources[source.name] = source


def forget(name: str) -> None:
    _sources.pop(name, None)
    _memory.pop(name, None)


@dataclass(frozen=True, slots=True)
class _Answer:
    source: Source
    metrics: Sequence[Metric]
    failed: bool
    until: float


_memory: dict[str, _Answer] = {}
# One scrape asks at a time; the others take its answers, or after a moment those of before.
_asking = threading.Lock()
PATIENCE_SECONDS = 2
# With a database that hangs, the figures that come after this long are not asked for.
ROUND_SECONDS = 5


class AskedFigures:
    """The library's collector of all sources."""

    def collect(self) -> Iterable[Metric]:
        failed = GaugeMetricFamily(
            f"{PREFIX}figure_failed", "1 for a figure that could not be asked for.", labels=["figure"]
        )
        for name, answer in sorted(_answers(list(_sources)).items()):
            failed.add_metric([name], float(answer.failed))
            yield from answer.metrics
        yield failed


def figure(source: str, name: str) -> float | None:
    """Return the greatest value of a source's figure just now; None when it could not be asked for, or is nobody's."""
    answer = _answers([source]).get(source) if source in _sources else None
    metrics = [] if answer is None else answer.metrics
    found = [sample.value for metric in metrics if metric.name == f"{PREFIX}{name}" for sample in metric.samples]
    return max(found, default=None)


def _answers(names: list[str]) -> dict[str, _Answer]:
    if _asking.acquire(timeout=PATIENCE_SECONDS):
        try:
            _ask_again(names)
        finally:
            _asking.release()
    return {name: _memory[name] for name in names if name in _memory}


def _ask_again(names: list[str]) -> None:
    started = time.monotonic()
    stale = [name for name in names if _is_stale(name, started)]
    was_open = connections[ROLE].connection is not None
    try:
        for name in stale:
            until = started + settings.METRICS_REMEMBERED_SECONDS
            if time.monotonic() - started > ROUND_SECONDS:
                _memory[name] = _Answer(_sources[name], [], failed=True, until=until)
            else:
                _memory[name] = _read(_sources[name], until=until)
    finally:
        # Asked for every few seconds at most, by any thread: not worth a connection of its own for ever.
        if stale and not was_open:
            connections[ROLE].close()


def _is_stale(name: str, now: float) -> bool:
    answer = _memory.get(name)
    return answer is None or answer.until < now or answer.source is not _sources[name]


def _read(source: Source, *, until: float) -> _Answer:
    try:
        return _Answer(source, source.read(), failed=False, until=until)
    except Exception as error:
        # Whatever it is, the other figures are told; this one's absence is a figure too.
        logger.warning("the figure %s can't be asked for: %s", source.name, type(error).__name__)
        return _Answer(source, [], failed=True, until=until)
