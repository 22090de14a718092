"""The account's scoped budgets as a tree, each with how it stands now: what was spent below counts above already."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from budgets.models import ScopedBudget
from budgets.selectors.scoped_status import Level, Standing, standings
from budgets.services.hierarchy import ChainBudget, read_chains
from budgets.services.windows import last_day_after, today

# More than that is no page any more: the search narrows it.
MOST_SHOWN = 1000
_GRAVE = (Level.EXCEEDED, Level.CRITICAL)


@dataclass(slots=True)
class Node:
    """A budget and those under it, by name. `is_asked_for`: not there only for the sake of one below it."""

    standing: Standing
    is_asked_for: bool
    children: list["Node"] = field(default_factory=list)

    @property
    def budget(self) -> ChainBudget:
        return self.standing.budget

    @property
    def has_trouble_below(self) -> bool:
        return any(child.standing.level in _GRAVE or child.has_trouble_below for child in self.children)


@dataclass(frozen=True, slots=True)
class CompanyTree:
    """`found` counts those asked for; `is_cut`: there are more than a page shows."""

    roots: list[Node]
    found: list[Standing]
    is_cut: bool

    def at(self, *levels: Level) -> list[Standing]:
        """Those asked for that stand so, the most used first."""
        standing = [one for one in self.found if one.level in levels]
        return sorted(standing, key=lambda one: (-one.figures.percent_used, one.budget.name, one.budget.id))


def company_tree(*, now: datetime, search: str = "", scope_type: str = "", with_ended: bool = False) -> CompanyTree:
    """Return the budgets that fit, with all above them. Four statements at most, whatever their number."""
    wanted = ScopedBudget.objects.order_by("depth", "name", "id")
    if scope_type:
        wanted = wanted.filter(scope_type=scope_type)
    if search:
        wanted = wanted.filter(Q(name__icontains=search) | Q(scope_id__icontains=search))
    ids = list(wanted.values_list("pk", flat=True)[: MOST_SHOWN + 1])
    if not ids:
        return CompanyTree([], [], is_cut=False)
    asked = set(ids[:MOST_SHOWN])
    chains = read_chains(asked)
    if not with_ended:
        asked -= {budget.id for budget in chains if has_ended(budget, now)}
    shown = _with_all_above(chains, asked)
    nodes = {one.budget.id: Node(one, one.budget.id in asked) for one in standings(shown, now=now)}
    return CompanyTree(
        roots=_grown(nodes.values(), nodes),
        found=[node.standing for node in nodes.values() if node.is_asked_for],
        is_cut=len(ids) > MOST_SHOWN,
    )


def grave_budgets(*, now: datetime) -> list[Standing]:
    """Return the budgets that are exceeded or nearly so, the most used first. Four statements at most."""
    return company_tree(now=now).at(*_GRAVE)


def has_ended(budget: ChainBudget, now: datetime) -> bool:
    last = last_day_after(budget)
    return last is not None and today(budget, now) >= last


def _with_all_above(chains: Iterable[ChainBudget], asked: Collection[UUID]) -> list[ChainBudget]:
    places: set[UUID] = set()
    for budget in chains:
        if budget.id in asked:
            places |= {*budget.path, budget.id}
    return [budget for budget in chains if budget.id in places]


def _grown(nodes: Iterable[Node], by_id: dict[UUID, Node]) -> list[Node]:
    """Hang each node under its parent and return those that have none."""
    roots: list[Node] = []
    for node in sorted(nodes, key=lambda node: (node.budget.name.casefold(), node.budget.id)):
        parent = by_id.get(node.budget.parent_id) if node.budget.parent_id else None
        (roots if parent is None else parent.children).append(node)
    return roots
