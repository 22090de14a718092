"""Letting a scoped budget pay for an event's budget, another one, or none: its figures go along."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from budgets.models import BudgetDecision, EventBudget, ScopedBudget
from budgets.services.counting import Counted
from budgets.services.funding import funding_chain
from budgets.services.funding_figures import Part, move_parts, parts_of
from budgets.services.guards import lock_budget, refuse_locked, role_under_lock
from budgets.services.hierarchy import ChainBudget, have_hierarchy_alone, hold_hierarchy, read_chain
from budgets.services.problems import BudgetProblem, ReasonRequired
from budgets.services.scoped_figures import WindowFigures
from budgets.services.scoped_problems import FundingDoesNotFit, Refusal
from budgets.services.windows import is_in_force
from budgets.signals import scoped_budgets_counted
from budgetsite.accounts.models import User
from budgetsite.accounts.permissions import may, who_may
from budgetsite.accounts.roles import Role
from budgetsite.accounts.selectors import present_role
from budgetsite.money.amounts import format_amount
from budgetsite.outbox.services import record_event
from budgetsite.tenancy.history import record_history


class FunderNotFound(BudgetProblem):
    code = "funder_not_found"

    def __init__(self, scoped_budget_id: UUID) -> None:
        self.scoped_budget_id = scoped_budget_id
        super().__init__("There is no such budget to pay from, or it was deleted. Choose another one.")


class FunderCurrencyDiffers(BudgetProblem):
    """Amounts are never converted."""

    code = "funder_currency_differs"

    def __init__(self, funder: ChainBudget, currency: str) -> None:
        super().__init__(
            f"“{funder.name}” is kept in {funder.currency}, the event's budget in {currency}. "
            f"Choose one that is kept in {currency}."
        )


class FundingNotYours(BudgetProblem):
    code = "funding_not_yours"

    def __init__(self) -> None:
        super().__init__(who_may("scoped_budgets.change"))


class FundingOverrideNotYours(BudgetProblem):
    code = "override_not_yours"

    def __init__(self) -> None:
        super().__init__(who_may("scoped_budgets.override"))


class PromisesDoNotFit(FundingDoesNotFit):
    """What is promised already has no room in the budget that should pay from now on."""

    def __init__(self, *, committed: Decimal, refusals: list[Refusal]) -> None:
        super().__init__(amount=committed, refusals=refusals)
        currency = refusals[0].currency
        self.args = (
            f"{format_amount(committed, currency, 'en')} {currency} are promised from the event's budget already. "
            + " ".join(refusal.reason for refusal in refusals),
        )


@dataclass(frozen=True, slots=True)
class FundingMove:
    """What changes when another scoped budget pays, or none. Chains are from the leaf up, empty where nothing pays.

    What stands in both chains keeps its figures: `leaving` and `joining` are about the others, window by window.
    `refusals` say where what is promised has no room.
    """

    budget: EventBudget
    old_chain: list[ChainBudget]
    new_chain: list[ChainBudget]
    leaving: list[Part]
    joining: list[Part]

    @property
    def changes(self) -> bool:
        return [b.id for b in self.old_chain[:1]] != [b.id for b in self.new_chain[:1]]

    @property
    def refusals(self) -> list[Refusal]:
        # What was promised and settled since is history in whatever window it was.
        if not self.budget.total_committed_amount:
            return []
        refusals: dict[UUID, Refusal] = {}
        for part in self.joining:
            refusal = part.refusal
            if refusal is not None:
                refusals.setdefault(part.budget.id, refusal)
        return list(refusals.values())


def look_at_funding(*, budget: EventBudget, scoped_budget_id: UUID | None, now: datetime) -> FundingMove:
    """Return what it would mean if this scoped budget paid; nothing is locked or stored.

    Raises `FunderNotFound`, `FunderCurrencyDiffers`. A constant number of statements.
    """
    old_chain = funding_chain(budget.funded_by_id) if budget.funded_by_id else []
    new_chain = _chain_of_funder(scoped_budget_id, budget.currency)
    shared = {b.id for b in old_chain} & {b.id for b in new_chain}
    leaving = [b for b in old_chain if b.id not in shared]
    joining = [b for b in new_chain if b.id not in shared]
    return FundingMove(
        budget=budget,
        old_chain=old_chain,
        new_chain=new_chain,
        leaving=parts_of(budget.pk, leaving, counted=True, now=now),
        joining=parts_of(budget.pk, joining, counted=False, now=now),
    )


@transaction.atomic
def set_funding(
    *,
    budget_id: UUID,
    scoped_budget_id: UUID | None,
    acting_user: User,
    acting_role: Role,
    now: datetime,
    override: bool = False,
    reason: str = "",
) -> FundingMove:
    """Let a scoped budget pay for an event's budget from now on; None lets nothing pay. All effects:

    - what was promised and spent so far leaves the windows of the old chain and goes to those of the new one;
    - what is promised has to fit there, unless someone with the right overrides that with a `reason`;
    - it is told in the budget's decisions, its history and the outbox. The version stays: the plan is what it was.

    Raises `FundingNotYours`, `FunderNotFound`, `FunderCurrencyDiffers`, `PromisesDoNotFit`, `FundingOverrideNotYours`,
    `ReasonRequired`, `BudgetLocked`, `BudgetNotFound`. Locks the budget, then has the hierarchy alone.
    """
    budget = lock_budget(budget_id)
    refuse_locked(budget)
    role = role_under_lock(acting_user, acting_role)
    if not may(role, "scoped_budgets.change"):
        raise FundingNotYours
    have_hierarchy_alone()
    move = look_at_funding(budget=budget, scoped_budget_id=scoped_budget_id, now=now)
    if not move.changes:
        return move
    refusals = move.refusals
    if refusals and not override:
        raise PromisesDoNotFit(committed=budget.total_committed_amount, refusals=refusals)
    if refusals and not may(role, "scoped_budgets.override"):
        raise FundingOverrideNotYours
    if refusals and not reason.strip():
        raise ReasonRequired
    EventBudget.objects.filter(pk=budget.pk).update(funded_by_id=scoped_budget_id)
    move_parts(move.leaving, move.joining)
    _tell(move, acting_user=acting_user, role=role, reason=reason.strip())
    scoped_budgets_counted.send(
        sender=ScopedBudget,
        counted=[
            *(_counted(part, part.after, part.before) for part in move.leaving),
            *(_counted(part, part.before, part.after) for part in move.joining),
        ],
        now=now,
    )
    return move


def refuse_funder(scoped_budget_id: UUID, *, currency: str, acting_user: User) -> None:
    """Raise unless this person may let this scoped budget pay for a budget that is being opened.

    It can't be deleted until the transaction ends. Raises `FundingNotYours`, `FunderNotFound`, `FunderCurrencyDiffers`.
    """
    if not may(present_role(acting_user), "scoped_budgets.change"):
        raise FundingNotYours
    hold_hierarchy()
    _chain_of_funder(scoped_budget_id, currency)


def take_over_funding(budget: EventBudget, source: EventBudget, *, day: datetime) -> None:
    """Let what pays for an earlier budget pay for the one that was just copied from it, where it can.

    It can where it is live, kept in the same currency, and in force on that day: last season's money is not this one's.
    Whoever may copy need not be one who may choose: with it the company's stop holds for the copy too.
    """
    if source.funded_by_id is None:
        return
    hold_hierarchy()
    chain = read_chain(source.funded_by_id)
    if chain and chain[0].currency == budget.currency and is_in_force(chain[0], day):
        EventBudget.objects.filter(pk=budget.pk).update(funded_by_id=source.funded_by_id)
        record_history(EventBudget.objects.filter(pk=budget.pk), reason=f"paid from {_named(chain)}"[:100])


def _counted(part: Part, before: WindowFigures, after: WindowFigures) -> Counted:
    """As whoever counts tells it: a soft budget has no exact figures in the midst of others' work."""
    if part.budget.is_hard:
        return Counted(part.budget, part.window, before, after)
    return Counted(part.budget, part.window, None, None)


def _chain_of_funder(scoped_budget_id: UUID | None, currency: str) -> list[ChainBudget]:
    if scoped_budget_id is None:
        return []
    chain = read_chain(scoped_budget_id)
    if not chain:
        raise FunderNotFound(scoped_budget_id)
    if chain[0].currency != currency:
        raise FunderCurrencyDiffers(chain[0], currency)
    return chain


def _tell(move: FundingMove, *, acting_user: User, role: Role | None, reason: str) -> None:
    budget = move.budget
    old, new = move.old_chain[:1], move.new_chain[:1]
    said = f"from {_named(old)} to {_named(new)}"
    beyond = ", beyond what is left there" if move.refusals else ""
    BudgetDecision.objects.create(
        budget=budget,
        action="fund",
        from_status=budget.status,
        to_status=budget.status,
        version=budget.version,
        revision=budget.revision,
        actor=acting_user,
        role=role or "",
        reason=f"{said}{beyond}. {reason}".strip(),
    )
    record_event(
        kind="budget.funding_changed",
        subject_type="event_budget",
        subject_id=budget.pk,
        payload={
            "from": str(old[0].id) if old else None,
            "to": str(new[0].id) if new else None,
            "overridden": [str(refusal.budget_id) for refusal in move.refusals],
        },
    )
    record_history(EventBudget.objects.filter(pk=budget.pk), reason=f"paid {said}"[:100])


def _named(leaf: list[ChainBudget]) -> str:
    return f"“{leaf[0].name}”" if leaf else "nothing"
