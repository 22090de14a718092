"""Receipts of an expense: files and links that prove it, added, deleted and brought back."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import F

from budgets.models import EventBudget, Expense, Receipt
from budgets.models.receipt import ReceiptType
from budgets.services.expense_access import lock_expense
from budgets.services.expense_policy import expense_policy
from budgets.services.expense_problems import ClientsMayNot, ExpenseNotFound
from budgets.services.guards import refuse_locked
from budgets.services.problems import BudgetProblem
from budgets.services.receipt_file import ReceiptFile, read_receipt, shown_name
from budgets.services.receipt_link import checked_link
from budgets.services.receipt_problems import MOST_RECEIPTS, ReceiptNotFound, SameReceipt, TooManyReceipts
from budgets.services.receipt_store import discard, keep
from budgets.tasks import draw_thumbnail_soon
from budgetsite.accounts.models import User
from budgetsite.accounts.roles import Role
from budgetsite.outbox.services import record_event
from budgetsite.tenancy.deletion import restore, soft_delete
from budgetsite.tenancy.scope import deleted_rows_visible


@dataclass(frozen=True, slots=True)
class AddedReceipts:
    """What became of several files: each by itself. `refused` says why, in the files' order."""

    added: list[Receipt]
    refused: list[BudgetProblem]


def add_receipt(
    *, expense_id: UUID, file: BinaryIO, name: str, acting_user: User, acting_role: Role, now: datetime
) -> Receipt:
    """Look at a file, keep what of it is a receipt (a picture without its metadata), and put it to an expense.

    An expense of a closed budget takes receipts too: papers come late. The file is stored before its row; where the
    transaction fails later, `sweep_orphans` removes it. Raises what `read_receipt` does, and `ExpenseNotFound`,
    `ClientsMayNot`, `SameReceipt` for a file that the expense has already, `TooManyReceipts`.
    """
    return _put(expense_id, read_receipt(file, name), acting_user, acting_role)


def add_receipts(
    *,
    expense_id: UUID,
    files: Iterable[tuple[BinaryIO, str]],
    acting_user: User,
    acting_role: Role,
    now: datetime,
) -> AddedReceipts:
    """Put several files (each with its name) to an expense; one that is refused stops no other.

    Raises `ExpenseNotFound`; all else of `add_receipt` is told in the result.
    """
    found: list[ReceiptFile] = []
    refused: list[BudgetProblem] = []
    # All are looked at before the first is put: afterwards the budget's row is locked.
    for file, name in files:
        try:
            found.append(read_receipt(file, name))
        except BudgetProblem as problem:
            refused.append(problem)
    added: list[Receipt] = []
    for one in found:
        try:
            added.append(_put(expense_id, one, acting_user, acting_role))
        except ExpenseNotFound:
            raise
        except BudgetProblem as problem:
            refused.append(problem)
    return AddedReceipts(added, refused)


@transaction.atomic
def add_receipt_link(
    *, expense_id: UUID, link: str, acting_user: User, acting_role: Role, now: datetime, name: str = ""
) -> Receipt:
    """Put a link to a receipt to an expense. Nobody here opens it.

    Raises `LinkRefused`, `HostNotAllowed`, `ExpenseNotFound`, `ClientsMayNot`, `SameReceipt`, `TooManyReceipts`.
    """
    address = checked_link(link, expense_policy().receipt_hosts)
    expense = _lock_to_add(expense_id, acting_user, acting_role)
    same = expense.receipts.filter(link=address, deleted_at=None).first()
    if same is not None:
        raise SameReceipt(same.name, str(same.pk))
    receipt = Receipt(
        pk=uuid4(),
        expense=expense,
        content_type=ReceiptType.LINK,
        name=shown_name(name) if name.strip() else address[:255],
        link=address,
        uploaded_by=acting_user,
    )
    receipt.save(force_insert=True)
    _tell(expense, "expense.receipt_added", receipt)
    return receipt


@transaction.atomic
def delete_receipt(
    *, expense_id: UUID, receipt_id: UUID, acting_user: User, acting_role: Role, now: datetime
) -> Receipt:
    """Soft-delete a receipt; its history says who did, and its file stays for as long as it can be brought back.

    Raises `ReceiptNotFound`, `ClientsMayNot` for what others sent, `BudgetLocked`: what a closed budget is proven by
    stays, `ExpenseNotFound`.
    """
    expense = lock_expense(expense_id)
    refuse_locked(expense.budget)
    receipt: Receipt | None = expense.receipts.filter(pk=receipt_id, deleted_at=None).first()
    if receipt is None:
        raise ReceiptNotFound
    if acting_role == Role.CLIENT and receipt.uploaded_by_id != acting_user.pk:
        raise ClientsMayNot("the receipts that it sent itself")
    soft_delete(receipt, now=now)
    _tell(expense, "expense.receipt_deleted", receipt)
    return receipt


@transaction.atomic
def restore_receipt(*, expense_id: UUID, receipt_id: UUID, acting_user: User, acting_role: Role) -> Receipt:
    """Bring a deleted receipt back. Raises as `add_receipt`, and `ReceiptNotFound`, `BudgetLocked`."""
    expense = lock_expense(expense_id)
    refuse_locked(expense.budget)
    with deleted_rows_visible():
        receipt: Receipt | None = Receipt.objects.filter(
            pk=receipt_id, expense_id=expense_id, deleted_at__isnull=False
        ).first()
    if receipt is None:
        raise ReceiptNotFound
    if acting_role == Role.CLIENT and receipt.uploaded_by_id != acting_user.pk:
        raise ClientsMayNot("the receipts that it sent itself")
    _refuse_more(expense)
    _refuse_same(expense, receipt)
    restore(receipt)
    receipt.deleted_at = None
    _tell(expense, "expense.receipt_restored", receipt)
    return receipt


def _put(expense_id: UUID, found: ReceiptFile, acting_user: User, acting_role: Role) -> Receipt:
    # Stored before the budget's row is locked: nobody waits for a slow store.
    stored_as, thumbnail_as = keep(found.content), keep(found.thumbnail) if found.thumbnail else ""
    try:
        with transaction.atomic():
            expense = _lock_to_add(expense_id, acting_user, acting_role)
            _refuse_same(expense, found)
            receipt = Receipt(
                pk=uuid4(),
                expense=expense,
                content_type=found.content_type,
                name=found.name,
                stored_as=stored_as,
                thumbnail_as=thumbnail_as,
                size=len(found.content),
                sha256=found.sha256,
                uploaded_by=acting_user,
            )
            receipt.save(force_insert=True)
            _tell(expense, "expense.receipt_added", receipt)
    except BaseException:
        discard(stored_as, thumbnail_as)
        raise
    if not thumbnail_as:
        draw_thumbnail_soon(receipt.pk)
    return receipt


def may_add_receipts(expense: Expense, *, user_id: UUID, role: Role) -> bool:
    """The team proves every expense; a client those that they recorded themselves."""
    return role != Role.CLIENT or expense.created_by_id == user_id


def _lock_to_add(expense_id: UUID, acting_user: User, acting_role: Role) -> Expense:
    expense = lock_expense(expense_id)
    if not may_add_receipts(expense, user_id=acting_user.pk, role=acting_role):
        raise ClientsMayNot("receipts of its own expenses")
    _refuse_more(expense)
    return expense


def _refuse_more(expense: Expense) -> None:
    if expense.receipts.filter(deleted_at=None).count() >= MOST_RECEIPTS:
        raise TooManyReceipts


def _refuse_same(expense: Expense, found: ReceiptFile | Receipt) -> None:
    if not found.sha256:
        return
    same = expense.receipts.filter(sha256=found.sha256, deleted_at=None).first()
    if same is not None:
        raise SameReceipt(same.name, str(same.pk))


def _tell(expense: Expense, kind: str, receipt: Receipt) -> None:
    """No money has moved and nobody's open page of the expense is stale: its version stays."""
    EventBudget.objects.filter(pk=expense.budget_id).update(expense_seq=F("expense_seq") + 1)
    record_event(
        kind=kind,
        subject_type="expense",
        subject_id=expense.pk,
        payload={"budget": str(expense.budget_id), "receipt": str(receipt.pk), "content_type": receipt.content_type},
    )
