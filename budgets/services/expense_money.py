"""What an expense posts to the ledger, and what follows for it: one function for each way in which its money moves.

Each works on an expense of a budget whose row the caller has locked, changes it in memory, and leaves the saving to
the caller. Amounts of the expense are converted at the rate of the day that they are about.
"""

from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from budgets.models import BudgetLineItem, EntryKind, EntrySource, Expense, ExpenseInvoice, ExpenseStage
from budgets.services import ledger
from budgets.services.exchange_rate import Conversion
from budgets.services.expense_problems import RefundExceedsBilled

ZERO = Decimal(0)


def rate_of(expense: Expense) -> Conversion:
    """Return the rate at which the expense was recorded, and its promise was made."""
    return Conversion(expense.budget.currency, expense.exchange_rate, expense.rate_date, expense.rate_source)


@dataclass(frozen=True, slots=True)
class Override:
    """More than is available is promised, for a reason.

    `beyond_funding`: more than the scoped budgets have that pay, too.
    """

    reason: str
    beyond_funding: bool

    def told_with(self, description: str) -> str:
        return f"{description} (beyond what is available: {self.reason})"


def promise(expense: Expense, *, override: Override | None = None, description: str = "", now: datetime) -> None:
    """Commit what no bill has come for yet. Raises `AmountDoesNotFit`, unless someone with the right overrides."""
    amount = rate_of(expense).to_budget(expense.to_be_billed_amount) - expense.committed_amount
    if amount:
        described = description or f"Promised: {expense.description}"
        _post(
            expense,
            EntryKind.COMMIT if amount > 0 else EntryKind.RELEASE,
            committed=amount,
            description=override.told_with(described) if override else described,
            on_overrun=ledger.OnOverrun.WARN if override else None,
            beyond_funding=override is not None and override.beyond_funding,
            occurred_at=now,
        )
        expense.committed_amount += amount
    expense.stage = ExpenseStage.COMMITTED


def bill(expense: Expense, invoice: ExpenseInvoice, conversion: Conversion, *, final: bool, now: datetime) -> None:
    """Post a bill or a credit note: the actual, and the release of what it settles of the promise.

    With `final`, or once all of the amount is billed, nothing stays promised. Raises `RefundExceedsBilled`.
    """
    billed = expense.invoiced_amount + invoice.amount
    # Money that came back from this expense is never more than it cost; a refund on its own is an expense of its own.
    if invoice.amount * expense.amount < 0 and billed * expense.amount < 0:
        raise RefundExceedsBilled(expense.invoiced_amount, expense.currency)
    whole = final or abs(billed) >= abs(expense.amount)
    refund = invoice.amount < 0
    invoice.actual_amount = conversion.to_budget(invoice.amount)
    invoice.exchange_rate, invoice.rate_date, invoice.rate_source = (
        conversion.rate,
        conversion.on_date,
        conversion.source,
    )
    if refund:
        invoice.settled_amount = ZERO
    elif whole:
        invoice.settled_amount = expense.committed_amount
    else:
        invoice.settled_amount = min(expense.committed_amount, rate_of(expense).to_budget(invoice.amount))
    if invoice.actual_amount or invoice.settled_amount:
        kind = EntryKind.SETTLE if invoice.settled_amount else EntryKind.ACTUAL
        _post(
            expense,
            EntryKind.REFUND if refund else kind,
            committed=-invoice.settled_amount,
            actual=invoice.actual_amount,
            description=f"{'Credit note' if refund else 'Bill'} {invoice.invoice_number}".strip()
            + f": {expense.description}",
            occurred_at=moment_of(invoice.invoice_date, expense, now),
        )
    expense.committed_amount -= invoice.settled_amount
    expense.actual_amount += invoice.actual_amount
    expense.invoiced_amount = billed
    if whole and not (refund and expense.amount > 0):
        expense.stage = ExpenseStage.INVOICED


def take_back_bill(expense: Expense, invoice: ExpenseInvoice, *, now: datetime) -> None:
    """Undo what a bill posted: its actual goes, and what it had settled is promised again."""
    if invoice.actual_amount or invoice.settled_amount:
        _post(
            expense,
            EntryKind.ADJUST,
            committed=invoice.settled_amount,
            actual=-invoice.actual_amount,
            description=f"Cancelled: bill {invoice.invoice_number}".strip() + f", {expense.description}",
            occurred_at=now,
        )
    expense.committed_amount += invoice.settled_amount
    expense.actual_amount -= invoice.actual_amount
    expense.invoiced_amount -= invoice.amount
    if invoice.amount > 0:
        expense.stage = ExpenseStage.COMMITTED if expense.committed_amount else ExpenseStage.PLANNED


def take_back_all(expense: Expense, *, description: str, now: datetime) -> None:
    """Release the promise and take back the actual: the expense costs nothing any more."""
    if expense.committed_amount or expense.actual_amount:
        _post(
            expense,
            EntryKind.ADJUST if expense.actual_amount else EntryKind.RELEASE,
            committed=-expense.committed_amount,
            actual=-expense.actual_amount,
            description=description,
            occurred_at=now,
        )
    expense.committed_amount = expense.actual_amount = expense.invoiced_amount = ZERO


def correct_bill(expense: Expense, invoice: ExpenseInvoice, amount: Decimal, *, now: datetime) -> None:
    """Set the one bill of an expense to another amount, at the bill's own rate."""
    conversion = Conversion(expense.budget.currency, invoice.exchange_rate, invoice.rate_date, invoice.rate_source)
    actual = conversion.to_budget(amount)
    if actual != invoice.actual_amount:
        _post(
            expense,
            EntryKind.ADJUST,
            actual=actual - invoice.actual_amount,
            description=f"Corrected: {expense.description}",
            occurred_at=now,
        )
    expense.actual_amount += actual - invoice.actual_amount
    expense.invoiced_amount = amount
    invoice.amount, invoice.actual_amount = amount, actual


def move_money(expense: Expense, to_line: BudgetLineItem, *, override: Override | None = None, now: datetime) -> None:
    """Take what is promised and billed out of the expense's line and put it into another of the same budget.

    What is promised has to fit there, as a new promise would; what is billed is a fact. Who pays for the event's budget
    does not care for its lines. Raises `AmountDoesNotFit`.
    """
    committed, actual = expense.committed_amount, expense.actual_amount
    moved = f"Moved: {expense.description}"
    if committed or actual:
        _post(
            expense,
            EntryKind.ADJUST,
            committed=-committed,
            actual=-actual,
            description=moved,
            on_overrun=ledger.OnOverrun.IGNORE,
            occurred_at=now,
        )
    expense.line_item = to_line
    if committed:
        _post(
            expense,
            EntryKind.COMMIT,
            committed=committed,
            description=override.told_with(moved) if override else moved,
            on_overrun=ledger.OnOverrun.WARN if override else None,
            funding_stops=False,
            occurred_at=now,
        )
    if actual:
        _post(expense, EntryKind.ADJUST, actual=actual, description=moved, occurred_at=now)


def moment_of(day: date, expense: Expense, now: datetime) -> datetime:
    """Return the moment that an entry about a day carries: noon where the event is; now, where that is today."""
    zone = ZoneInfo(expense.event.timezone)
    return now if now.astimezone(zone).date() == day else datetime.combine(day, time(12), zone)


def _post(
    expense: Expense,
    kind: EntryKind,
    *,
    committed: Decimal = ZERO,
    actual: Decimal = ZERO,
    description: str,
    on_overrun: str | None = None,
    funding_stops: bool | None = None,
    beyond_funding: bool = False,
    occurred_at: datetime,
) -> None:
    ledger.post(
        budget_id=expense.budget_id,
        line_item_id=expense.line_item_id,
        kind=kind,
        committed_delta=committed,
        actual_delta=actual,
        currency=expense.budget.currency,
        source=EntrySource.EXPENSE,
        source_id=str(expense.pk),
        description=description[:500],
        occurred_at=occurred_at,
        on_overrun=on_overrun,
        funding_stops=funding_stops,
        beyond_funding=beyond_funding,
        locked=True,
    )
