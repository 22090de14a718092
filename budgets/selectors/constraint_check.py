"""Asking before spending: whether an estimate fits a scoped budget and all above it. Changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import Q

from budgets.models import ScopedBudget, ThresholdAction
from budgets.selectors.scoped_status import Standing, chain_standings
from budgets.services.constraints import Judgement, judge, refusal_by
from budgets.services.problems import BudgetProblem
from budgets.services.scoped_problems import Refusal, ScopedBudgetNotFound
from budgetsite.money.amounts import parse_usage

ZERO = Decimal(0)


class ScopeOutOfReach(BudgetProblem):
    code = "not_found"

    def __init__(self, scope_type: str, scope_id: str) -> None:
        self.scope_type, self.scope_id = scope_type, scope_id
        super().__init__(
            f"There is no budget of the {scope_type} “{scope_id}” in your reach. Leave it out, or ask for more reach."
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What all budgets that were asked say together; `judgements` has the leaves first, their tops last."""

    estimate: Decimal
    judgements: list[Judgement]

    @property
    def refusals(self) -> list[Refusal]:
        return [judgement.refusal for judgement in self.judgements if judgement.refusal is not None]

    @property
    def can_proceed(self) -> bool:
        # Nobody asked is nobody who agreed.
        return bool(self.judgements) and not self.refusals

    @property
    def suggested_actions(self) -> list[ThresholdAction]:
        """Of all thresholds that would be reached anywhere, from the strictest to the mildest."""
        actions = {action for judgement in self.judgements for action in judgement.actions}
        return sorted(actions, key=lambda action: -action.rank)

    @property
    def projected_percent(self) -> Decimal:
        """The highest share that any of the budgets would be used to."""
        return max((judgement.figures.percent_used for judgement in self.judgements), default=ZERO)

    @property
    def reason(self) -> str:
        if not self.judgements:
            return "None of these has a budget in force: nothing says what may be spent."
        if self.refusals:
            return " ".join(refusal.reason for refusal in self.refusals)
        return " ".join(judgement.caution for judgement in self.judgements if judgement.caution)


def check_constraints(
    *, budget_id: UUID, estimated_cost: Decimal, now: datetime, currency: str | None = None
) -> Verdict:
    """Judge an estimate by a scoped budget and all its ancestors. Raises `ScopedBudgetNotFound`, `InvalidAmount`."""
    estimate = parse_usage(estimated_cost, minimum=ZERO)
    chain = chain_standings([budget_id], now=now)
    # A chain is of no use without its leaf.
    if not chain or chain[0].budget.id != budget_id:
        raise ScopedBudgetNotFound(budget_id)
    return _verdict(chain, estimate, currency, now)


def check_scopes(
    *,
    scopes: Mapping[str, str],
    estimated_cost: Decimal,
    now: datetime,
    currency: str | None = None,
    reach: Q | None = None,
) -> Verdict:
    """Judge an estimate by every budget in force of several scopes (type → id), and by all their ancestors.

    A scope without a budget in force says nothing; where none has one, nothing may be spent. Who asks with a `reach`
    has to find a budget of each scope within it: what lies beyond could refuse, and is not theirs to know of. Raises
    `InvalidAmount`, `ScopeOutOfReach`.
    """
    estimate = parse_usage(estimated_cost, minimum=ZERO)
    named = Q()
    for scope_type, scope_id in scopes.items():
        named |= Q(scope_type=scope_type, scope_id=scope_id)
    leaves = (
        ScopedBudget.objects.filter(named, reach or Q(), deleted_at=None) if scopes else ScopedBudget.objects.none()
    )
    found = list(leaves.values_list("pk", "scope_type", "scope_id"))
    if reach is not None:
        _require_each(scopes, {(scope_type, scope_id) for _pk, scope_type, scope_id in found})
    wanted = {pk for pk, _scope_type, _scope_id in found}
    chains = chain_standings(wanted, now=now)
    present = {standing.budget for standing in chains if standing.budget.id in wanted and standing.is_in_force}
    concerned = {place for budget in present for place in (*budget.path, budget.id)}
    return _verdict([standing for standing in chains if standing.budget.id in concerned], estimate, currency, now)


def _require_each(scopes: Mapping[str, str], found: set[tuple[str, str]]) -> None:
    for scope in scopes.items():
        if scope not in found:
            raise ScopeOutOfReach(*scope)


def _verdict(chains: Sequence[Standing], estimate: Decimal, currency: str | None, now: datetime) -> Verdict:
    currencies = {standing.budget.currency for standing in chains}
    # An estimate without a currency is in the one that all of them are kept in.
    spoken = currency or (next(iter(currencies)) if len(currencies) == 1 else None)
    judgements = []
    for standing in chains:
        judgement = judge(standing.budget, standing.figures, estimate, at=now)
        if standing.budget.currency != spoken:
            judgement = replace(judgement, refusal=_other_currency(judgement, spoken))
        judgements.append(judgement)
    return Verdict(estimate, judgements)


def _other_currency(judgement: Judgement, spoken: str | None) -> Refusal:
    budget = judgement.budget
    asked = f"an estimate in {spoken} can't be judged there" if spoken else "say in which currency the estimate is"
    reason = f"“{budget.name}” is kept in {budget.currency}: {asked}."
    return refusal_by(budget, judgement.before, reason)
