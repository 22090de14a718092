"""The one door through which money is promised, spent and corrected (design §4)."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.utils import timezone

from budgets.models import (
    LOCKED_STATUSES,
    BudgetLineItem,
    EntryKind,
    EntrySource,
    EventBudget,
    LedgerEntry,
    LineKind,
)
from budgets.services.budget_news import telling
from budgets.services.figures import (
    BUDGET_COLUMNS,
    LINE_COLUMNS,
    LINE_IN_FORCE,
    TOTAL_IN_FORCE,
    BudgetFigures,
    LineFigures,
    variance_percentage_sql,
)
from budgets.services.funding import count_funded, tell_overridden
from budgets.services.problems import (
    AmountDoesNotFit,
    BudgetLocked,
    BudgetNotFound,
    CurrencyMismatch,
    IdempotencyMismatch,
    LineNotFound,
    ReleaseExceedsCommitted,
    TotalOutOfRange,
    WrongKindOfLine,
)
from budgets.services.recalculation import lock_budget_row, tell_recalculated
from budgetsite.money.amounts import MAX_AMOUNT, parse_amount
from budgetsite.money.ratios import PERCENTAGE_LIMIT
from budgetsite.outbox.services import relay_after_commit
from budgetsite.tenancy.scope import current_scope, deleted_rows_visible, require_tenant_id

ZERO = Decimal(0)

# One conditional update: whatever stands in the way leaves no row changed, and the row stays locked until the end.
_UPDATE_BUDGET = telling(f"""
    UPDATE budgets_eventbudget b SET
        total_committed_amount = b.total_committed_amount + %(committed)s,
        total_actual_amount = b.total_actual_amount + %(actual)s,
        total_income_amount = b.total_income_amount + %(income)s,
        unallocated_committed_amount = b.unallocated_committed_amount
            + CASE WHEN %(line)s::uuid IS NULL THEN %(committed)s ELSE 0 END,
        unallocated_actual_amount = b.unallocated_actual_amount
            + CASE WHEN %(line)s::uuid IS NULL THEN %(actual)s ELSE 0 END,
        variance_amount = {TOTAL_IN_FORCE} - b.total_actual_amount - %(actual)s,
        variance_percentage = {variance_percentage_sql(TOTAL_IN_FORCE, "b.total_actual_amount + %(actual)s")}
    WHERE b.tenant_id = %(tenant)s AND b.id = %(budget)s AND b.deleted_at IS NULL
        AND b.currency = %(currency)s
        AND b.status <> ALL (%(locked)s)
        AND b.funded_by_id IS NOT DISTINCT FROM %(funded_by)s::uuid
        AND b.total_committed_amount + %(committed)s >= 0
        AND abs(b.total_actual_amount + %(actual)s) <= %(largest)s
        AND abs(b.total_income_amount + %(income)s) <= %(largest)s
        AND b.total_committed_amount + %(committed)s <= %(largest)s
        AND abs({TOTAL_IN_FORCE} - b.total_actual_amount - %(actual)s) <= %(largest)s
        AND (NOT %(stops)s
             OR {TOTAL_IN_FORCE} - b.total_committed_amount - b.total_actual_amount >= %(amount)s)
        AND (%(line)s::uuid IS NULL OR EXISTS (
            SELECT FROM budgets_budgetlineitem l
            WHERE l.tenant_id = %(tenant)s AND l.id = %(line)s AND l.budget_id = b.id AND l.deleted_at IS NULL
                AND l.kind = %(line_kind)s
                AND l.committed_amount + %(committed)s >= 0
                AND (NOT %(stops)s OR l.is_unbudgeted AND {LINE_IN_FORCE} = 0
                     OR {LINE_IN_FORCE} - l.committed_amount - l.actual_amount >= %(amount)s)
                AND abs({LINE_IN_FORCE} - l.actual_amount - %(line_actual)s) <= %(largest)s
                AND abs(l.actual_amount + %(line_actual)s) <= %(largest)s))
    RETURNING {BUDGET_COLUMNS}
""")

_UPDATE_LINE = f"""
    UPDATE budgets_budgetlineitem l SET
        committed_amount = l.committed_amount + %(committed)s,
        actual_amount = l.actual_amount + %(line_actual)s,
        variance_amount = {LINE_IN_FORCE} - l.actual_amount - %(line_actual)s
    WHERE l.tenant_id = %(tenant)s AND l.id = %(line)s
    RETURNING {LINE_COLUMNS}
"""

_INSERT_ENTRY = """
    INSERT INTO budgets_ledgerentry (id, tenant_id, budget_id, line_item_id, kind, committed_delta, actual_delta,
        currency, occurred_at, source, source_id, idempotency_key, actor_id, description)
    VALUES (%(entry)s, %(tenant)s, %(budget)s, %(line)s, %(kind)s, %(committed)s, %(line_actual)s,
        %(currency)s, %(occurred_at)s, %(source)s, %(source_id)s, %(key)s, %(actor)s, %(description)s)
"""

_UPDATE_LINE_AND_INSERT_ENTRY = f"""
    WITH line AS ({_UPDATE_LINE}), entry AS ({_INSERT_ENTRY}) SELECT * FROM line
"""


@dataclass(frozen=True, slots=True)
class Posting:
    """What was posted, and the figures that it led to. `repeated`: the key had posted it before."""

    entry_id: UUID
    figures: BudgetFigures | None
    line: LineFigures | None
    repeated: bool = False


class LineRemoved(LineNotFound):
    """The line was taken out of the plan, perhaps by a revision that nobody has approved yet."""

    code = "line_removed"

    def __init__(self, line: BudgetLineItem) -> None:
        super().__init__(line.pk)
        self.name = line.name
        self.args = (f"“{line.name}” was removed from the plan. Choose another line, or bring this one back first.",)


class OnOverrun:
    """What happens when an amount does not fit into what is available."""

    STOP = "stop"
    WARN = "warn"
    IGNORE = "ignore"


def post(
    *,
    budget_id: UUID,
    kind: EntryKind,
    currency: str,
    source: EntrySource,
    committed_delta: Decimal = ZERO,
    actual_delta: Decimal = ZERO,
    line_item_id: UUID | None = None,
    source_id: str = "",
    idempotency_key: str | None = None,
    description: str = "",
    occurred_at: datetime | None = None,
    on_overrun: str | None = None,
    funding_stops: bool | None = None,
    beyond_funding: bool = False,
    locked: bool = False,
) -> Posting:
    """Post one entry and move the totals of budget and line with it: all or nothing, inside the caller's transaction.

    Amounts are signed, in the budget's currency. Lines of income take entries of the kind `INCOME` alone, whose
    `actual_delta` is what came in; what may be spent does not grow by it.

    `on_overrun` is by default `stop` for commitments (an amount that does not fit into the budget, or into the line
    that it is posted to, raises `AmountDoesNotFit`) and `warn` for actuals: an invoice that has arrived is a fact. A
    line that spending made beside the plan has no limit of its own.

    Where a scoped budget funds the event's, the entry counts there and in all above. Commitments that do not fit there
    raise `FundingDoesNotFit`, whatever `on_overrun` says of the event's own budget; `funding_stops` says otherwise.
    `beyond_funding` lets pass what someone with the right agreed to, and records which budgets had no room. A
    transaction that posts to several budgets calls `funding.lock_budgets` and `lock_funding` first.

    `locked` says that the caller holds the budget's lock. The acting user is the scope's. A repeated `idempotency_key`
    posts nothing and returns the first posting, or raises `IdempotencyMismatch` when it was for something else. Locks
    the budget, then the line. A refusal has written nothing.
    """
    committed_delta = parse_amount(committed_delta, currency)
    actual_delta = parse_amount(actual_delta, currency)
    if not committed_delta and not actual_delta:
        raise ValueError("an entry moves money")
    income = kind == EntryKind.INCOME
    if income and (committed_delta or line_item_id is None):
        raise ValueError("income is received, on a line of its own")
    if idempotency_key is not None and not 0 < len(idempotency_key) <= 200:
        raise ValueError("an idempotency key has 1 to 200 characters")
    if not locked and (line_item_id is not None or idempotency_key is not None):
        # PostgreSQL judges the other tables by the snapshot from before it waited for the budget's row: with the row
        # locked first, the line and the key are judged as they are now.
        lock_budget_row(budget_id)
    if idempotency_key is not None:
        wanted = (kind, committed_delta, actual_delta, currency, line_item_id, source, source_id)
        earlier = _posted_before(budget_id, idempotency_key, wanted)
        if earlier is not None:
            return earlier
    # Money that comes in makes no room: what may be spent is what was planned.
    amount = ZERO if income else committed_delta + actual_delta
    if on_overrun is None:
        on_overrun = OnOverrun.STOP if kind == EntryKind.COMMIT else OnOverrun.WARN
    parameters: dict[str, Any] = {
        "tenant": require_tenant_id(),
        "budget": budget_id,
        "line": line_item_id,
        "committed": committed_delta,
        "actual": ZERO if income else actual_delta,
        "income": actual_delta if income else ZERO,
        "line_actual": actual_delta,
        "line_kind": LineKind.INCOME if income else LineKind.COST,
        "amount": amount,
        "stops": on_overrun == OnOverrun.STOP and amount > 0,
        "currency": currency,
        "locked": sorted(LOCKED_STATUSES),
        "largest": MAX_AMOUNT,
        "percentage_limit": PERCENTAGE_LIMIT,
        "entry": uuid4(),
        "kind": kind,
        "occurred_at": occurred_at or timezone.now(),
        "source": source,
        "source_id": source_id,
        "key": idempotency_key,
        "actor": current_scope().user_id,
        "description": description,
        "funded_by": None,
    }
    if funding_stops is None:
        funding_stops = kind == EntryKind.COMMIT
    funding = {"stops": funding_stops and not beyond_funding, "beyond": beyond_funding}
    held = locked or line_item_id is not None or idempotency_key is not None
    with connection.cursor() as cursor:
        posted = _write(cursor, parameters) or _write_where_funded(cursor, parameters, held=held, **funding)
    if posted is None:
        raise _refusal(parameters)
    figures, line = posted
    if on_overrun != OnOverrun.IGNORE:
        tell_recalculated(figures, [line] if line else [])
    return Posting(entry_id=parameters["entry"], figures=figures, line=line)


def _write(cursor: Any, parameters: dict[str, Any]) -> tuple[BudgetFigures, LineFigures | None] | None:
    """Update the totals and insert the entry. None when something stands in the way: nothing is written then."""
    cursor.execute(_UPDATE_BUDGET, parameters)
    row = cursor.fetchone()
    if row is None:
        return None
    relay_after_commit()
    figures = BudgetFigures.from_row(row)
    if parameters["line"] is None:
        cursor.execute(_INSERT_ENTRY, parameters)
        return figures, None
    cursor.execute(_UPDATE_LINE_AND_INSERT_ENTRY, parameters)
    return figures, LineFigures.from_row(cursor.fetchone())


def _write_where_funded(
    cursor: Any, parameters: dict[str, Any], *, held: bool, stops: bool, beyond: bool
) -> tuple[BudgetFigures, LineFigures | None] | None:
    """Write an entry that a scoped budget pays for, and count it there and above. None when nothing was written.

    Only budgets that are funded pay for the question, and for the savepoint: what does not fit is found out by
    counting it. The budget is locked with the question, so that nobody lets another one pay meanwhile.
    """
    rows: Any = EventBudget.objects.filter(pk=parameters["budget"]).select_for_update(no_key=True)
    funded_by = rows.values_list("funded_by_id", flat=True).first()
    if funded_by is None:
        # Unless it was held before, it may have been funded until a moment ago.
        return None if held else _write(cursor, parameters)
    with transaction.atomic():
        posted = _write(cursor, parameters | {"funded_by": funded_by})
        if posted is not None:
            refusals = count_funded(
                funded_by,
                committed=parameters["committed"],
                actual=parameters["actual"],
                at=parameters["occurred_at"],
                stops=stops,
            )
            if beyond and refusals:
                tell_overridden(parameters["budget"], parameters["entry"], parameters["amount"], refusals)
    return posted


def _posted_before(budget_id: UUID, key: str, wanted: tuple[Any, ...]) -> Posting | None:
    """Return what the key posted to the locked budget. Raises `IdempotencyMismatch` when it was something else."""
    earlier: LedgerEntry | None = LedgerEntry.objects.filter(budget_id=budget_id, idempotency_key=key).first()
    if earlier is None:
        return None
    posted = (
        earlier.kind,
        earlier.committed_delta,
        earlier.actual_delta,
        earlier.currency,
        earlier.line_item_id,
        earlier.source,
        earlier.source_id,
    )
    if posted != wanted:
        raise IdempotencyMismatch(key)
    return Posting(entry_id=earlier.pk, figures=None, line=None, repeated=True)


def _refusal(wanted: dict[str, Any]) -> Exception:
    """Find out why a conditional update changed nothing."""
    budget = EventBudget.objects.filter(pk=wanted["budget"], deleted_at=None).first()
    if budget is None:
        return BudgetNotFound(wanted["budget"])
    if budget.is_locked:
        return BudgetLocked(budget.status)
    if budget.currency != wanted["currency"]:
        return CurrencyMismatch(posted=wanted["currency"], budget=budget.currency)
    committed, available, line_name = budget.total_committed_amount, budget.available_amount, ""
    if wanted["line"] is not None:
        line = BudgetLineItem.objects.filter(pk=wanted["line"], budget=budget, deleted_at=None).first()
        if line is None:
            return _no_such_line(budget, wanted["line"])
        if line.kind != wanted["line_kind"]:
            return WrongKindOfLine(line.name, is_income=line.is_income)
        committed = min(committed, line.committed_amount)
        if line.available_amount < available and (line.in_force_amount or not line.is_unbudgeted):
            available, line_name = line.available_amount, line.name
    if committed + wanted["committed"] < 0:
        return ReleaseExceedsCommitted(released=-wanted["committed"], committed=committed, currency=budget.currency)
    if wanted["stops"] and available < wanted["amount"]:
        return AmountDoesNotFit(
            amount=wanted["amount"], available=available, currency=budget.currency, line_name=line_name
        )
    return TotalOutOfRange()


def _no_such_line(budget: EventBudget, line_item_id: UUID) -> LineNotFound:
    with deleted_rows_visible():
        removed: BudgetLineItem | None = BudgetLineItem.objects.filter(pk=line_item_id, budget=budget).first()
    return LineNotFound(line_item_id) if removed is None else LineRemoved(removed)
