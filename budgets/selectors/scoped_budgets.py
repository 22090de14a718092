"""Which scoped budgets there are: by scope, by tag, those that are over, and the trees that stand under them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import (
    Case,
    DateField,
    DateTimeField,
    DurationField,
    ExpressionWrapper,
    F,
    Func,
    Q,
    QuerySet,
    Value,
    When,
)
from django.db.models.functions import Cast, Least

from budgets.models import Period, ScopedBudget
from budgets.selectors.scoped_status import Standing, standings
from budgets.services.hierarchy import read_chains

_LENGTHS = {
    Period.DAILY: "1 day",
    Period.WEEKLY: "7 days",
    Period.MONTHLY: "1 month",
    Period.QUARTERLY: "3 months",
    Period.ANNUAL: "1 year",
}


def not_over(budgets: QuerySet[Any], *, now: datetime) -> QuerySet[Any]:
    """Keep the budgets that are not over on the day that it is where each of them is, as `windows` has it."""
    return _with_last_day(budgets, now).filter(Q(day_after=None) | Q(day_after__gt=F("today_there")))


def over(budgets: QuerySet[Any], *, now: datetime) -> QuerySet[Any]:
    return _with_last_day(budgets, now).filter(day_after__lte=F("today_there"))


def tagged(budgets: QuerySet[ScopedBudget], tag: str) -> QuerySet[ScopedBudget]:
    """Keep those with this label, or this key; `key:value` keeps those with that value of the key."""
    key, colon, value = tag.partition(":")
    wanted = Q(tags__contains=[tag]) | Q(tags__has_key=tag)
    if colon:
        wanted |= Q(tags__contains={key: value})
    return budgets.filter(wanted)


def _with_last_day(budgets: QuerySet[Any], now: datetime) -> QuerySet[Any]:
    # One that does not recur is over with its first window. PostgreSQL's intervals know months, LEAST leaves NULL out.
    ends = [
        When(period=period, then=Cast(F("start_date") + Cast(Value(length), DurationField()), DateField()))
        for period, length in _LENGTHS.items()
    ]
    there = Func(F("timezone"), Value(now, output_field=DateTimeField()), function="timezone")
    with_days: QuerySet[Any] = budgets.alias(
        day_after=Case(
            When(recurring=True, then=F("end_date")),
            default=Least(F("end_date"), Case(*ends, default=F("end_date"), output_field=DateField())),
            output_field=DateField(),
        ),
        today_there=Cast(ExpressionWrapper(there, output_field=DateTimeField()), DateField()),
    )
    return with_days


@dataclass(slots=True)
class Node:
    """A budget in a tree, with all that was counted in it and below it."""

    standing: Standing
    level: int
    children: list["Node"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Trees:
    roots: list[Node]
    # How many budgets they have in all.
    size: int


def trees_of(roots: Sequence[ScopedBudget], *, kept: QuerySet[ScopedBudget], now: datetime) -> Trees:
    """Return the trees under these budgets, of those below that are `kept`: five statements, whatever their size.

    A root that stands under another is found there.
    """
    ids = {root.pk for root in roots}
    tops = [root for root in roots if ids.isdisjoint(root.path)]
    below: set[UUID] = set(kept.below([top.pk for top in tops]).values_list("pk", flat=True))  # type: ignore[attr-defined]
    wanted = below | {top.pk for top in tops}
    budgets = [budget for budget in read_chains(wanted) if budget.id in wanted]
    nodes = {standing.budget.id: Node(standing, 0) for standing in standings(budgets, now=now)}
    found = []
    # From the top down, so that whoever stands above has its level already.
    for node in sorted(nodes.values(), key=_place):
        above = next((nodes[pk] for pk in reversed(node.standing.budget.path) if pk in nodes), None)
        if above is None:
            found.append(node)
        else:
            node.level = above.level + 1
            above.children.append(node)
    return Trees(found, len(nodes))


def _place(node: Node) -> tuple[int, str, str]:
    budget = node.standing.budget
    return budget.depth, budget.name.casefold(), str(budget.id)
