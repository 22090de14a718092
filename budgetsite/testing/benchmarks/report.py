"""The rows of the report, the limits that they are held to, and the table on the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from statistics import median

from budgetsite.testing.benchmarks.measure import Spread, Turn, share_of_rate, times_as_long
from budgetsite.testing.benchmarks.measure import typical_milliseconds as milliseconds
from budgetsite.testing.benchmarks.measure import typical_rate as rate

# What every page and posting keeps to: SQL statements, the one that sets the tenant included.
MOST_STATEMENTS = 8

EXPLANATION = """\
Ratios are medians of the rounds, the spread is their middle half. Times are this machine's and say nothing alone.
Plain SQL is psycopg in this process, as the request's role: without HTTP, sign-in by token, throttling and the look at
what alerts a change demands, which are all in ours. "API" is over HTTP on one connection that is kept, gunicorn with
one worker; clients at once share two of these, four threads each. An empty request is a signed-in one that asks who it
is. What is told by webhook passes the site's workers; plain SQL writes the same rows, reads them back and tells nobody.
Statements: the one that sets the tenant and savepoints included, BEGIN and COMMIT not."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A bound that still counts as kept when it is reached exactly; one of the two is given."""

    at_most: float | None = None
    at_least: float | None = None

    def __str__(self) -> str:
        bound, sign = (self.at_most, "≤") if self.at_most is not None else (self.at_least, "≥")
        return f"{sign} {bound:g}"

    def holds(self, value: float) -> bool:
        return (self.at_most is None or value <= self.at_most) and (self.at_least is None or value >= self.at_least)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the report. `kept` is None where nothing has been demanded."""

    what: str
    ours: str = ""
    plain_sql: str = ""
    ratio: str = ""
    spread: str = ""
    limit: str = ""
    kept: bool | None = None

    @property
    def verdict(self) -> str:
        if self.kept is None:
            return "no limit set"
        return "kept" if self.kept else "MISSED"


def compared_times(what: str, ours: Sequence[Turn], plain: Sequence[Turn], limit: Limit | None = None) -> Row:
    """Say how many times as long ours takes as plain SQL."""
    ratio = times_as_long(ours, plain)
    return _row(what, _ms(ours), _ms(plain), ratio, "× the time", limit)


def compared_rates(what: str, ours: Sequence[Turn], plain: Sequence[Turn], limit: Limit | None = None) -> Row:
    """Say what part of plain SQL's rate ours reaches."""
    ratio = share_of_rate(ours, plain)
    return _row(what, f"{rate(ours):.0f}/s", f"{rate(plain):.0f}/s", ratio, "of its rate", limit)


def compared_whole(what: str, ours: Sequence[Turn], plain: Sequence[Turn], limit: Limit | None = None) -> Row:
    """Say how many times as long all of it takes, of turns in which both sides do the same once."""
    shown = [f"{median(turn.seconds for turn in turns) * 1000:.0f} ms" for turns in (ours, plain)]
    return _row(what, shown[0], shown[1], times_as_long(ours, plain), "× the time", limit)


def growth(
    what: str,
    *,
    small: Sequence[Turn],
    large: Sequence[Turn],
    plain_small: Sequence[Turn],
    plain_large: Sequence[Turn],
    limit: Limit | None = None,
) -> Row:
    """Say how many times as long the large one takes as the small one; plain SQL's growth stands beside it."""
    ratio = times_as_long(large, small)
    return _row(what, _from_to(small, large), _from_to(plain_small, plain_large), ratio, "× the small one", limit)


def statements(what: str, count: int, limit: Limit | None = None) -> Row:
    return Row(what, ours=str(count), limit=str(limit or ""), kept=None if limit is None else limit.holds(count))


def proof(what: str, *, found: str, kept: bool) -> Row:
    """A thing that must be so after all the work."""
    return Row(what, ours=found, limit="exactly", kept=kept)


def for_information(what: str, turns: Sequence[Turn]) -> Row:
    return Row(what, ours=_ms(turns))


def table(rows: Sequence[Row]) -> str:
    """Return the report, its columns aligned: words to the left, figures to the right."""
    headings = [field.name.replace("plain_sql", "plain SQL") for field in fields(Row)][:-1]
    cells = [[*headings, "verdict"]]
    cells += [[row.what, row.ours, row.plain_sql, row.ratio, row.spread, row.limit, row.verdict] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    left = {0, len(widths) - 1}
    lines = [
        "  ".join(
            cell.ljust(width) if index in left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    ]
    return "\n".join([lines[0], "  ".join("─" * width for width in widths), *lines[1:]])


def _row(what: str, ours: str, plain: str, ratio: Spread, unit: str, limit: Limit | None) -> Row:
    return Row(
        what=what,
        ours=ours,
        plain_sql=plain,
        ratio=f"{ratio.median:.2f} {unit}",
        spread=f"{ratio.lower:.2f}–{ratio.upper:.2f}",
        limit=str(limit or ""),
        kept=None if limit is None else limit.holds(ratio.median),
    )


def _ms(turns: Sequence[Turn]) -> str:
    return f"{milliseconds(turns):.2f} ms"


def _from_to(small: Sequence[Turn], large: Sequence[Turn]) -> str:
    return f"{milliseconds(small):.2f} → {milliseconds(large):.2f} ms"
