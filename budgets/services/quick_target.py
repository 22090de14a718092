"""Which line or category a few words mean: by its name, or by the beginning of its name."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

# "Ca" would be the beginning of too much.
SHORTEST_BEGINNING = 3


@dataclass(frozen=True, slots=True)
class Target:
    """A line of a budget (`key` "line:<id>") or a category ("category:<id>"); `category` is the name of a line's."""

    key: str
    name: str
    category: str = ""

    @property
    def is_line(self) -> bool:
        return bool(self.category)


@dataclass(frozen=True, slots=True)
class FoundTarget:
    """`target` where it is clear; else the `candidates`, none where nothing was meant. `said` are the words."""

    target: Target | None = None
    candidates: tuple[Target, ...] = field(default=())
    said: str = ""
    is_all_said: bool = False


def find_target(words: Sequence[str], targets: Sequence[Target]) -> FoundTarget:
    """Return what `words` name. A whole name goes before a beginning, a longer one before a shorter within it.

    Of a line and its own category that are both named, the line is meant.
    """
    for matches in (_whole, _beginning, _word_within):
        found: dict[str, tuple[str, Target]] = {}
        covered: list[range] = []
        for run in _runs(len(words)):
            if any(run.start >= other.start and run.stop <= other.stop for other in covered):
                continue
            said = " ".join(words[run.start : run.stop]).strip(",;:").casefold()
            hits = [target for target in targets if matches(said, target.name.casefold())]
            if hits:
                covered.append(run)
                found |= {hit.key: (said, hit) for hit in hits}
        candidates = _narrowed([hit for _, hit in found.values()])
        if not candidates:
            continue
        said = found[candidates[0].key][0]
        if len(candidates) == 1 and matches is not _word_within:
            is_all = said == " ".join(words).strip(",;:").casefold()
            return FoundTarget(target=candidates[0], said=said, is_all_said=is_all)
        return FoundTarget(candidates=tuple(candidates), said=said)
    return FoundTarget()


def _runs(count: int) -> Iterator[range]:
    """Yield the longest runs of words first, of equal ones the leftmost."""
    for length in range(count, 0, -1):
        for start in range(count - length + 1):
            yield range(start, start + length)


def _whole(said: str, name: str) -> bool:
    return said == name


def _beginning(said: str, name: str) -> bool:
    return len(said) >= SHORTEST_BEGINNING and name.startswith(said)


def _word_within(said: str, name: str) -> bool:
    return len(said) >= SHORTEST_BEGINNING and any(word.startswith(said) for word in name.split()[1:])


def _narrowed(found: list[Target]) -> list[Target]:
    """Leave out a category beside one line of it: whoever names both means the line."""
    lines = [target for target in found if target.is_line]
    categories = {target.category.casefold() for target in lines}
    alone = [line for line in lines if sum(other.category == line.category for other in lines) == 1]
    if len(alone) == len(lines):
        return [target for target in found if target.is_line or target.name.casefold() not in categories]
    return found
