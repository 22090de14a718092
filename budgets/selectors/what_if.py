"""What would happen to the budgets above if one stood somewhere else. A question only: no budget changes its place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection
from django.db.models import Max

from budgets.models import MOST_LEVELS, ScopedBudget
from budgets.selectors.scoped_entries import Counting, counting_in
from budgets.selectors.scoped_status import Standing, standings
from budgets.services.hierarchy import ChainBudget, read_chains
from budgets.services.problems import BudgetProblem
from budgets.services.scoped_figures import ZERO, WindowFigures
from budgets.services.scoped_problems import ParentNotFound, ScopedBudgetNotFound, TooManyLevels
from budgets.services.scoped_thresholds import Threshold, reached_by
from budgetsite.tenancy.scope import require_tenant_id

# What moves along, in the window of each budget that would gain or lose it. Expired reservations hold nothing.
_MOVES_ALONG = """
    SELECT w.budget_id, sum(m.committed), sum(m.actual), sum(m.reserved)
    FROM (
        SELECT e.occurred_at AS at, e.committed_delta AS committed, e.actual_delta AS actual, 0::numeric AS reserved
        FROM budgets_ledgerentry e
        WHERE e.tenant_id = %(tenant)s AND e.kind <> 'income'
            AND (e.scoped_budget_id = ANY (%(scoped)s) OR e.budget_id = ANY (%(events)s))
            AND e.occurred_at >= %(first)s AND e.occurred_at < %(last)s
        UNION ALL
        SELECT r.held_at, 0, 0, r.held_amount FROM budgets_reservation r
        WHERE r.tenant_id = %(tenant)s AND r.budget_id = ANY (%(scoped)s) AND r.deleted_at IS NULL
            AND r.status = 'held' AND r.expires_at > %(now)s
    ) m
    JOIN unnest(%(budgets)s::uuid[], %(starts)s::timestamptz[], %(ends)s::timestamptz[]) AS w(budget_id, first, last)
        ON m.at >= w.first AND m.at < w.last
    GROUP BY w.budget_id
"""


class WouldStandUnderItself(BudgetProblem):
    code = "cycle"

    def __init__(self, *, name: str, parent_name: str) -> None:
        super().__init__(f"“{parent_name}” is “{name}” itself or stands below it. Choose a budget outside of it.")


class OtherCurrency(BudgetProblem):
    code = "parent_currency_differs"

    def __init__(self, *, name: str, currency: str, parent_name: str, parent_currency: str) -> None:
        super().__init__(
            f"“{name}” is kept in {currency} and “{parent_name}” in {parent_currency}: what is spent in one can't be "
            f"counted in the other. Choose a budget in {currency}."
        )


@dataclass(frozen=True, slots=True)
class Effect:
    """One budget above, as it stands and as it would. `change` is gains, loses or keeps."""

    change: str
    before: Standing
    after: Standing

    @property
    def budget(self) -> ChainBudget:
        return self.before.budget

    @property
    def moved(self) -> Decimal:
        """How much more it would have used; negative when it would have used less."""
        return self.after.figures.used - self.before.figures.used

    @property
    def would_be_over(self) -> bool:
        return self.before.figures.remaining >= 0 > self.after.figures.remaining

    @property
    def would_be_over_at_the_end(self) -> bool:
        """Not now: by its window's end, if it goes on as it went so far."""
        amount = self.budget.amount
        return self.after.figures.remaining >= 0 and self.before.projected_total <= amount < self.after.projected_total

    @property
    def newly_reached(self) -> list[Threshold]:
        return [threshold for threshold in self.after.reached if threshold not in self.before.reached]

    @property
    def newly_reached_at_the_end(self) -> list[Threshold]:
        """Those that would be reached by the window's end, would not be otherwise, and are not yet."""
        before, after = _reached_at_the_end(self.before), _reached_at_the_end(self.after)
        return [one for one in after if one not in before and one not in self.after.reached]

    @property
    def breaks(self) -> bool:
        return bool(
            self.would_be_over or self.would_be_over_at_the_end or self.newly_reached or self.newly_reached_at_the_end
        )

    @property
    def no_longer_reached(self) -> list[Threshold]:
        return [threshold for threshold in self.before.reached if threshold not in self.after.reached]

    @property
    def would_be_within_again(self) -> bool:
        return self.before.figures.remaining < 0 <= self.after.figures.remaining


@dataclass(frozen=True, slots=True)
class WhatIf:
    """`effects`: the new chain from the new parent upwards, then those that the budget would leave.

    `parent` is None for a budget that would stand on top.
    """

    budget: ChainBudget
    parent: ChainBudget | None
    effects: list[Effect]

    @property
    def new_chain(self) -> list[Effect]:
        return [effect for effect in self.effects if effect.change != "loses"]

    @property
    def breaking(self) -> list[Effect]:
        return [effect for effect in self.effects if effect.breaks]

    @property
    def relieved(self) -> list[Effect]:
        return [effect for effect in self.effects if effect.change == "loses"]

    @property
    def changes_nothing(self) -> bool:
        return self.budget.parent_id == (self.parent.id if self.parent else None)


def what_if(*, budget_id: UUID, parent_id: UUID | None, now: datetime) -> WhatIf:
    """Say how the budgets above would stand if this one stood under another (on top, with None). Seven statements.

    What moves along is what counts now in the present window of each. Raises `ScopedBudgetNotFound`, `ParentNotFound`,
    `OtherCurrency`, `WouldStandUnderItself`, `TooManyLevels`.
    """
    wanted = [budget_id] if parent_id is None else [budget_id, parent_id]
    chains = {budget.id: budget for budget in read_chains(wanted)}
    budget, parent = _found(chains, budget_id, parent_id)
    _refuse_what_can_not_be(budget, parent)
    new_places = [] if parent is None else [parent.id, *reversed(parent.path)]
    left = [place for place in reversed(budget.path) if place not in new_places]
    stands = {one.budget.id: one for one in standings([chains[place] for place in (*new_places, *left)], now=now)}
    gaining = [place for place in new_places if place not in budget.path]
    moving = _moving_along(counting_in(budget_id), [stands[place] for place in (*gaining, *left)], now)
    effects = []
    for place in (*new_places, *left):
        change = "gains" if place in gaining else "loses" if place in left else "keeps"
        effects.append(_effect(change, stands[place], moving.get(place)))
    return WhatIf(budget, parent, effects)


def _found(
    chains: Mapping[UUID, ChainBudget], budget_id: UUID, parent_id: UUID | None
) -> tuple[ChainBudget, ChainBudget | None]:
    if budget_id not in chains:
        raise ScopedBudgetNotFound(budget_id)
    if parent_id is not None and parent_id not in chains:
        raise ParentNotFound(parent_id)
    return chains[budget_id], None if parent_id is None else chains[parent_id]


def _refuse_what_can_not_be(budget: ChainBudget, parent: ChainBudget | None) -> None:
    if parent is None:
        return
    if budget.id in (parent.id, *parent.path):
        raise WouldStandUnderItself(name=budget.name, parent_name=parent.name)
    if budget.currency != parent.currency:
        raise OtherCurrency(
            name=budget.name, currency=budget.currency, parent_name=parent.name, parent_currency=parent.currency
        )
    deepest = ScopedBudget.objects.below([budget.id]).aggregate(depth=Max("depth"))["depth"]
    if parent.depth + 1 + deepest - budget.depth >= MOST_LEVELS:
        raise TooManyLevels(MOST_LEVELS)


def _moving_along(counting: Counting, stands: Sequence[Standing], now: datetime) -> dict[UUID, WindowFigures]:
    if not stands:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            _MOVES_ALONG,
            {
                "tenant": require_tenant_id(),
                "scoped": counting.scoped_budget_ids,
                "events": counting.event_budget_ids,
                "now": now,
                "first": min(one.window.start for one in stands),
                "last": max(one.window.end for one in stands),
                "budgets": [one.budget.id for one in stands],
                "starts": [one.window.start for one in stands],
                "ends": [one.window.end for one in stands],
            },
        )
        return {
            row[0]: WindowFigures(amount=ZERO, committed=row[1], actual=row[2], reserved=row[3])
            for row in cursor.fetchall()
        }


def _effect(change: str, before: Standing, moving: WindowFigures | None) -> Effect:
    if change == "keeps" or moving is None:
        return Effect(change, before, before)
    sign = 1 if change == "gains" else -1
    figures = replace(
        before.figures,
        committed=before.figures.committed + sign * moving.committed,
        actual=before.figures.actual + sign * moving.actual,
        reserved=before.figures.reserved + sign * moving.reserved,
    )
    return Effect(change, before, replace(before, figures=figures))


def _reached_at_the_end(standing: Standing) -> list[Threshold]:
    used = max(standing.projected_total, standing.figures.used)
    return reached_by(standing.budget.thresholds, used=used, amount=standing.budget.amount)
