"""Money moved between two lines of an approved plan: the sum stays, and nobody takes what is promised or spent."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from budgets.models import (
    ApprovalSubject,
    BudgetLineItem,
    BudgetStatus,
    BudgetTransfer,
    EventBudget,
    LineKind,
    TransferStatus,
)
from budgets.services.approval import roles_that_may, strongest_role
from budgets.services.figures import LINE_COLUMNS, LINE_IN_FORCE, LineFigures
from budgets.services.guards import lock_budget, refuse_locked, role_under_lock
from budgets.services.problems import BudgetProblem, LineNotFound, ReasonRequired, TotalOutOfRange
from budgets.services.recalculation import recalculate_budget
from budgets.services.transfer_problems import (
    AlreadyReversed,
    IncomeLine,
    NothingToReverse,
    OwnTransfer,
    PlanNotInForce,
    RevisedSince,
    SameLine,
    TransferDecided,
    TransferExceedsAvailable,
    TransferNotAllowed,
    TransferNotFound,
)
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.permissions import PERMISSIONS, may
from budgetsite.accounts.roles import Role
from budgetsite.money.amounts import MAX_AMOUNT, InvalidAmount, amount_to_json, parse_amount
from budgetsite.outbox.services import record_event
from budgetsite.tenancy.history import record_history
from budgetsite.tenancy.scope import require_tenant_id

ZERO = Decimal(0)
# Where a plan is in force as it stands, and so may be changed by transfers.
TRANSFER_STATUSES = frozenset({BudgetStatus.APPROVED, BudgetStatus.ACTIVE})
# What the history of both lines begins with, before the reason.
TRANSFERRED = "transferred"

# One conditional update of both lines: nothing is given where not enough is left to take. Money that came back may
# leave more available than is planned; a plan never falls below 0.
_MOVE = f"""
    WITH taken AS (
        UPDATE budgets_budgetlineitem l SET
            budgeted_amount = l.budgeted_amount - %(amount)s,
            transferred_amount = l.transferred_amount - %(amount)s,
            variance_amount = l.variance_amount - %(amount)s,
            version = %(version)s
        WHERE l.tenant_id = %(tenant)s AND l.id = %(from_line)s AND l.budget_id = %(budget)s AND l.deleted_at IS NULL
            AND l.kind = %(cost)s
            AND least({LINE_IN_FORCE}, {LINE_IN_FORCE} - l.committed_amount - l.actual_amount) >= %(amount)s
            AND abs(l.transferred_amount - %(amount)s) <= %(largest)s
            AND abs(l.variance_amount - %(amount)s) <= %(largest)s
        RETURNING {LINE_COLUMNS}
    ), given AS (
        UPDATE budgets_budgetlineitem l SET
            budgeted_amount = l.budgeted_amount + %(amount)s,
            transferred_amount = l.transferred_amount + %(amount)s,
            variance_amount = l.variance_amount + %(amount)s,
            version = %(version)s
        WHERE l.tenant_id = %(tenant)s AND l.id = %(to_line)s AND l.budget_id = %(budget)s AND l.deleted_at IS NULL
            AND l.kind = %(cost)s
            AND abs(l.transferred_amount + %(amount)s) <= %(largest)s
            AND abs(l.variance_amount + %(amount)s) <= %(largest)s
            AND EXISTS (SELECT FROM taken)
        RETURNING {LINE_COLUMNS}
    )
    SELECT * FROM taken UNION ALL SELECT * FROM given
"""


def movable_amount(line: BudgetLineItem) -> Decimal:
    """Return how much a transfer may take from a line: what it has available, and never more than it has planned."""
    return max(ZERO, min(line.in_force_amount, line.available_amount))


def refuse_plan_not_in_force(budget: EventBudget) -> None:
    """Raise `PlanNotInForce` or `BudgetLocked` unless money may be moved between the budget's lines now."""
    refuse_locked(budget)
    if budget.status not in TRANSFER_STATUSES:
        raise PlanNotInForce(budget)


@transaction.atomic
def transfer_between_lines(
    *,
    budget_id: UUID,
    from_line_id: UUID,
    to_line_id: UUID,
    amount: Decimal,
    reason: str,
    acting_user: User,
    acting_role: Role,
    account: Account,
    now: datetime,
    version: int | None = None,
) -> BudgetTransfer:
    """Move `amount` (in the budget's currency) from one line of cost to another. All effects:

    - both lines' plan changes, their sum and the budget's totals do not; a line by quantity keeps its formula;
    - both lines and the budget get the next version, both lines a row of history with the reason;
    - above the account's limits it waits instead for the role that its rules ask for, and holds no money meanwhile.

    Either is told to the outbox. `version` is the budget's, where the writer has read one. Raises `PlanNotInForce`,
    `BudgetLocked`, `StaleVersion`, `LineNotFound`, `SameLine`, `IncomeLine`, `InvalidAmount`, `ReasonRequired`,
    `TransferExceedsAvailable`, `TransferNotAllowed`.
    """
    budget = lock_budget(budget_id, version=version)
    _refuse_role(acting_user, acting_role)
    refuse_plan_not_in_force(budget)
    lines = _lines(budget, from_line_id, to_line_id)
    amount = parse_amount(amount, budget.currency)
    if amount <= 0:
        raise InvalidAmount("not_positive", "Say how much is moved: an amount above 0.")
    return _request(
        BudgetTransfer(
            budget=budget,
            revision=budget.revision,
            from_line=lines[from_line_id],
            to_line=lines[to_line_id],
            amount=amount,
            currency=budget.currency,
            reason=reason.strip(),
            requested_by=acting_user,
            created_at=now,
        )
    )


@transaction.atomic
def reverse_transfer(
    *,
    budget_id: UUID,
    transfer_id: UUID,
    reason: str,
    acting_user: User,
    acting_role: Role,
    account: Account,
    now: datetime,
    version: int | None = None,
) -> BudgetTransfer:
    """Take a transfer back, once, by a second one the other way: under the same rules, and linked to the first.

    Raises as `transfer_between_lines`, and `TransferNotFound`, `NothingToReverse`, `AlreadyReversed`, `RevisedSince`.
    """
    budget = lock_budget(budget_id, version=version)
    _refuse_role(acting_user, acting_role)
    refuse_plan_not_in_force(budget)
    transfer = _transfer_of(budget, transfer_id)
    if transfer.status != TransferStatus.DONE or transfer.reverses_id is not None:
        raise NothingToReverse(transfer)
    reversal = BudgetTransfer.objects.filter(
        reverses=transfer, status__in=[TransferStatus.PENDING, TransferStatus.DONE]
    ).first()
    if reversal is not None:
        raise AlreadyReversed(reversal)
    if transfer.revision != budget.revision:
        raise RevisedSince
    lines = _lines(budget, transfer.to_line_id, transfer.from_line_id)
    return _request(
        BudgetTransfer(
            budget=budget,
            revision=budget.revision,
            from_line=lines[transfer.to_line_id],
            to_line=lines[transfer.from_line_id],
            amount=transfer.amount,
            currency=budget.currency,
            reason=reason.strip(),
            requested_by=acting_user,
            created_at=now,
            reverses=transfer,
        )
    )


@transaction.atomic
def decide_transfer(
    *,
    budget_id: UUID,
    transfer_id: UUID,
    approve: bool,
    acting_user: User,
    acting_role: Role,
    account: Account,
    now: datetime,
    reason: str = "",
) -> BudgetTransfer:
    """Approve a waiting transfer, which moves the money if it is still there, or reject it with a reason.

    Whoever asked may withdraw it, by rejecting, without a reason; nobody approves their own, unless the account has
    switched four eyes off. Raises `TransferNotFound`, `TransferDecided`, `ReasonRequired`, `TransferNotAllowed`,
    `OwnTransfer`, `PlanNotInForce`, `BudgetLocked`, `TransferExceedsAvailable`; a refused approval leaves it waiting.
    """
    budget = lock_budget(budget_id)
    transfer = _transfer_of(budget, transfer_id)
    if transfer.status != TransferStatus.PENDING:
        raise TransferDecided(transfer)
    reason = reason.strip()
    own = transfer.requested_by_id == acting_user.pk
    if not approve and not own and not reason:
        raise ReasonRequired
    if approve or not own:
        roles = PERMISSIONS["budgets.decide_transfer"] & roles_that_may(transfer.needs_role)
        if role_under_lock(acting_user, acting_role) not in roles:
            raise TransferNotAllowed(roles)
    if approve and own and account.four_eyes:
        raise OwnTransfer
    transfer.budget = budget
    transfer.decided_by, transfer.decided_at, transfer.decision_reason = acting_user, now, reason
    if approve:
        refuse_plan_not_in_force(budget)
        _carry_out(transfer)
        return transfer
    transfer.status = TransferStatus.REJECTED
    transfer.save()
    _tell("budget.transfer_rejected", transfer)
    return transfer


def lapse_transfers(budget: EventBudget, *, now: datetime) -> int:
    """Let what waits in a locked budget lapse, because its plan is opened or closed; return how many that were."""
    waiting = BudgetTransfer.objects.filter(budget_id=budget.pk, status=TransferStatus.PENDING)
    count: int = waiting.update(status=TransferStatus.LAPSED, decided_at=now)
    if count:
        record_event(
            kind="budget.transfers_lapsed",
            subject_type="event_budget",
            subject_id=budget.pk,
            payload={"count": count, "revision": budget.revision},
        )
    return count


def required_role(amount: Decimal, currency: str, category_ids: Iterable[UUID]) -> Role | None:
    """Return the strongest role that the account's rules ask for, None where the amount is within its limits.

    A rule with a category is about transfers that touch it at either end. One statement.
    """
    return strongest_role(ApprovalSubject.TRANSFER, amount, currency, category_ids)


def _request(transfer: BudgetTransfer) -> BudgetTransfer:
    """Carry a transfer of a locked budget out at once, or let it wait for whom the account's rules name."""
    source, target = transfer.from_line, transfer.to_line
    if source.pk == target.pk:
        raise SameLine(source.name)
    for end, line in (("from_line", source), ("to_line", target)):
        if line.kind != LineKind.COST:
            raise IncomeLine(line, end=end)
    if not transfer.reason:
        raise ReasonRequired
    movable = movable_amount(source)
    if movable < transfer.amount:
        raise TransferExceedsAvailable(source, movable=movable)
    role = required_role(transfer.amount, transfer.currency, [source.category_id, target.category_id])
    if role is None:
        _carry_out(transfer)
        return transfer
    transfer.status, transfer.needs_role = TransferStatus.PENDING, role
    transfer.save()
    _tell("budget.transfer_requested", transfer)
    return transfer


def _carry_out(transfer: BudgetTransfer) -> None:
    """Move the money in a locked budget. Raises `TransferExceedsAvailable` when it is no longer there."""
    budget = transfer.budget
    version = budget.version + 1
    parameters: dict[str, Any] = {
        "tenant": require_tenant_id(),
        "budget": budget.pk,
        "from_line": transfer.from_line_id,
        "to_line": transfer.to_line_id,
        "amount": transfer.amount,
        "version": version,
        "cost": LineKind.COST,
        "largest": MAX_AMOUNT,
    }
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, parameters)
        moved = [LineFigures.from_row(row) for row in cursor.fetchall()]
    if len(moved) != 2:
        raise _refusal(transfer)
    recalculate_budget(budget.pk, lines=moved, locked=True)
    transfer.status, transfer.version = TransferStatus.DONE, version
    transfer.save()
    lines = BudgetLineItem.objects.filter(pk__in=[transfer.from_line_id, transfer.to_line_id])
    record_history(lines, reason=f"{TRANSFERRED}: {transfer.reason}"[:100])
    _tell("budget.transferred", transfer)


def _refusal(transfer: BudgetTransfer) -> BudgetProblem:
    """Find out why the conditional update did not move both lines."""
    source = _lines(transfer.budget, transfer.from_line_id, transfer.to_line_id)[transfer.from_line_id]
    movable = movable_amount(source)
    if movable < transfer.amount:
        return TransferExceedsAvailable(source, movable=movable)
    return TotalOutOfRange()


def _tell(kind: str, transfer: BudgetTransfer) -> None:
    record_event(
        kind=kind,
        subject_type="event_budget",
        subject_id=transfer.budget_id,
        payload={
            "transfer": str(transfer.pk),
            "from_line": str(transfer.from_line_id),
            "to_line": str(transfer.to_line_id),
            "amount": amount_to_json(transfer.amount, transfer.currency),
            "currency": transfer.currency,
            "needs_role": transfer.needs_role,
            "reverses": None if transfer.reverses_id is None else str(transfer.reverses_id),
            "version": transfer.version,
            "revision": transfer.revision,
        },
    )


def _refuse_role(acting_user: User, acting_role: Role) -> None:
    if not may(role_under_lock(acting_user, acting_role), "budgets.transfer"):
        raise TransferNotAllowed(PERMISSIONS["budgets.transfer"])


def _lines(budget: EventBudget, *line_item_ids: UUID) -> dict[UUID, BudgetLineItem]:
    """Return these lines of the budget by their ids. Raises `LineNotFound` for one that it does not have."""
    found: dict[UUID, BudgetLineItem] = BudgetLineItem.objects.filter(budget=budget, deleted_at=None).in_bulk(
        set(line_item_ids)
    )
    for line_item_id in line_item_ids:
        if line_item_id not in found:
            raise LineNotFound(line_item_id)
    return found


def _transfer_of(budget: EventBudget, transfer_id: UUID) -> BudgetTransfer:
    transfer: BudgetTransfer | None = (
        BudgetTransfer.objects.filter(pk=transfer_id, budget=budget, deleted_at=None)
        .select_related("decided_by", "requested_by")
        .first()
    )
    if transfer is None:
        raise TransferNotFound(transfer_id)
    return transfer
