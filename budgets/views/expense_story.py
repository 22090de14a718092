"""The history of one expense in sentences: each record told by what it changed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any

from django.utils.formats import date_format

from budgets.models import Expense, ExpenseApproval, ExpenseStage
from budgetsite.accounts.models import User
from budgetsite.pages.amounts import format_amount


@dataclass(frozen=True, slots=True)
class Told:
    by: User | None
    at: datetime
    text: str


def story_of(
    records: Sequence[Any], expense: Expense, *, for_team: bool = True, with_reasons: bool = True
) -> list[Told]:
    """Return what happened, the last first. `records` are an expense's history, the oldest first.

    Unless it is `for_team`, what is the team's own is left out.
    """
    steps = [
        _told(record, list(_changes(before, record, expense, for_team=for_team)), with_reason=with_reasons)
        for before, record in pairwise(records)
    ]
    if records and records[0].version == 1:
        steps.insert(0, _told(records[0], [_beginning(records[0])]))
    return [step for step in reversed(steps) if step.text]


def _told(record: Any, parts: list[str], *, with_reason: bool = False) -> Told:
    said = " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts)
    reason = f" – “{record.decision_reason}”" if with_reason and record.decision_reason and _decided(parts) else ""
    return Told(record.history_user, record.history_date, f"{said}{reason}")


def _decided(parts: list[str]) -> bool:
    return bool(parts) and parts[0].split()[0] in ("approved", "declined", "cancelled")


def _beginning(record: Any) -> str:
    amount = f"{format_amount(record.amount, record.currency)} {record.currency}"
    if record.approval == ExpenseApproval.PENDING:
        return f"recorded it: {amount}, to be approved"
    how = {
        ExpenseStage.PLANNED: "planned",
        ExpenseStage.COMMITTED: "promised",
        ExpenseStage.INVOICED: "billed",
    }
    return f"recorded it: {amount}, {how[record.stage]}"


def _changes(before: Any, now: Any, expense: Expense, *, for_team: bool) -> Iterator[str]:
    if before.approval != now.approval:
        yield {
            ExpenseApproval.APPROVED: "approved it",
            ExpenseApproval.REJECTED: "declined it",
            ExpenseApproval.PENDING: "put it to its approvers again",
        }[now.approval]
    if now.stage == ExpenseStage.CANCELLED != before.stage:
        yield "cancelled it"
        return
    yield from _money(before, now)
    yield from _fields(before, now, expense)
    if for_team and before.notes != now.notes:
        yield "changed the notes"


def _money(before: Any, now: Any) -> Iterator[str]:
    currency = now.currency

    def written(amount: Any) -> str:
        return f"{format_amount(abs(amount), currency)} {currency}"

    billed = now.invoiced_amount - before.invoiced_amount
    promised = now.stage == ExpenseStage.COMMITTED and before.stage == ExpenseStage.PLANNED
    if billed and before.amount != now.amount and before.stage == ExpenseStage.INVOICED == now.stage:
        yield f"corrected the bill to {written(now.invoiced_amount)}"
    elif billed > 0:
        yield f"entered a bill of {written(billed)}"
    elif billed < 0:
        yield f"entered a credit note, or took a bill back: {written(billed)} less is billed"
    elif promised:
        yield f"promised {written(now.amount - now.invoiced_amount)}"
    paid, planned = now.paid_amount - before.paid_amount, now.scheduled_amount - before.scheduled_amount
    if paid:
        yield f"noted that {written(paid)} was paid" if paid > 0 else f"took back a payment of {written(paid)}"
    elif planned:
        yield f"planned to pay {written(planned)}" if planned > 0 else f"gave up an instalment of {written(planned)}"


def _fields(before: Any, now: Any, expense: Expense) -> Iterator[str]:
    if (before.amount, before.currency) != (now.amount, now.currency):
        was, is_now = (f"{format_amount(one.amount, one.currency)} {one.currency}" for one in (before, now))
        yield f"changed the amount from {was} to {is_now}"
    if before.line_item_id != now.line_item_id:
        where = f" to “{expense.line_item.name}”" if now.line_item_id == expense.line_item_id else ""
        yield f"moved it{where or ' to another line'}"
    if before.description != now.description:
        yield f"renamed it, it was “{before.description}”"
    if before.vendor_id != now.vendor_id:
        yield "changed the vendor" if now.vendor_id else "took the vendor away"
    for name, label in (("due_date", "due date"), ("expense_date", "day")):
        was, is_now = getattr(before, name), getattr(now, name)
        if was != is_now:
            yield f"set the {label} to {date_format(is_now, 'j F Y')}" if is_now else f"took the {label} away"
