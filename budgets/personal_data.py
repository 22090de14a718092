"""What budgets, expenses and the ledger say of a person, and what of it goes with the person.

Reasons of decisions and the ledger's descriptions are part of the books and stay. What a person said to others
(comments), calls their own (calendars), or stands for as a vendor's contact, goes. Of company budgets and usage:
`services.personal_usage`.
"""

from collections.abc import Mapping
from functools import partial
from typing import IO

from django.core.files.storage import storages
from django.db.models import Q
from django.db.models.functions import Now

from budgets.models import (
    BudgetComment,
    BudgetDecision,
    BudgetRevision,
    BudgetTransfer,
    CalendarFeed,
    Expense,
    ExpenseInvoice,
    ExpensePayment,
    LedgerEntry,
    Receipt,
    Vendor,
)
from budgets.services.personal_usage import ERASED_TEXT, erase_usage, usage_tables
from budgetsite.accounts.models import User
from budgetsite.privacy.registry import (
    Contributor,
    NotificationType,
    PersonalData,
    PersonalFile,
    erasable_rows,
    erase_text,
    personal_rows,
    register_contributor,
    register_notification_type,
)

_DECISION = ("id", "created_at", "budget__event__name", "action", "from_status", "to_status", "role", "reason")
_REVISION = ("id", "created_at", "budget__event__name", "number", "notes", "reason", "submitted_by", "approved_by")
_TRANSFER = (
    "id", "created_at", "budget__event__name", "amount", "currency", "status", "reason", "requested_by", "decided_by",
    "decided_at", "decision_reason",
)  # fmt: skip
_ENTRY = (
    "id", "created_at", "budget__event__name", "scoped_budget__name", "kind", "committed_delta", "actual_delta",
    "currency", "occurred_at", "source", "machine", "description", "metadata",
)  # fmt: skip
# Without the notes, which the team may have written to an expense of their client's.
_EXPENSE = (
    "id", "created_at", "event__name", "description", "stage", "amount", "currency", "expense_date",
    "created_by", "decided_by", "decided_at", "decision_reason", "deleted_at",
)  # fmt: skip
_INVOICE = ("id", "created_at", "expense__description", "amount", "invoice_number", "invoice_date", "cancel_reason")
_PAYMENT = (
    "id", "created_at", "expense__description", "amount", "due_date", "paid_at", "method", "reference", "cancel_reason",
)  # fmt: skip
_RECEIPT = ("id", "created_at", "expense__description", "name", "content_type", "size", "link", "deleted_at")
_COMMENT = ("id", "created_at", "budget__event__name", "expense__description", "text", "deleted_at")
_FEED = ("id", "created_at", "name", "last_read_at", "revoked_at")
_VENDOR = ("id", "created_at", "name", "contact_name", "email", "phone", "website", "address", "deleted_at")
_CONTACT = ("contact_name", "email", "phone")


def _export(person: User) -> PersonalData:
    cancelled_or_recorded = Q(recorded_by=person) | Q(cancelled_by=person)
    receipts = Receipt.objects.filter(uploaded_by=person)
    return PersonalData(
        tables={
            "decisions": personal_rows(BudgetDecision.objects.filter(actor=person), *_DECISION),
            "revisions": personal_rows(
                BudgetRevision.objects.filter(Q(submitted_by=person) | Q(approved_by=person)), *_REVISION
            ),
            "transfers": personal_rows(
                BudgetTransfer.objects.filter(Q(requested_by=person) | Q(decided_by=person)), *_TRANSFER
            ),
            "ledger_entries": personal_rows(LedgerEntry.objects.filter(actor=person), *_ENTRY),
            "expenses": personal_rows(Expense.objects.filter(Q(created_by=person) | Q(decided_by=person)), *_EXPENSE),
            "bills": personal_rows(ExpenseInvoice.objects.filter(cancelled_or_recorded), *_INVOICE),
            "payments": personal_rows(ExpensePayment.objects.filter(cancelled_or_recorded), *_PAYMENT),
            "receipts": personal_rows(receipts, *_RECEIPT),
            "comments": personal_rows(BudgetComment.objects.filter(author=person), *_COMMENT),
            "calendars": personal_rows(CalendarFeed.objects.filter(user=person), *_FEED),
            "vendor_contacts": personal_rows(Vendor.objects.filter(email__iexact=person.email), *_VENDOR),
            **usage_tables(person),
        },
        files=[
            PersonalFile(name=receipt.name, open=partial(_open, receipt.stored_as))
            for receipt in receipts.exclude(stored_as="").order_by("created_at", "pk")
        ],
    )


def _open(stored_as: str) -> IO[bytes]:
    return storages["receipts"].open(stored_as)


def _erase(person: User) -> Mapping[str, int]:
    comments = erasable_rows(BudgetComment).filter(author_id=person.pk).exclude(text=ERASED_TEXT)
    feeds = erasable_rows(CalendarFeed).filter(user_id=person.pk)
    feeds.filter(revoked_at=None).update(revoked_at=Now())
    return {
        "comments": comments.update(text=ERASED_TEXT),
        "calendars": feeds.exclude(name=ERASED_TEXT).update(name=ERASED_TEXT, last_read_at=None),
        "contacts of vendors": _erase_contact(person),
        **erase_usage(person),
    }


def _erase_contact(person: User) -> int:
    vendors = list(erasable_rows(Vendor).filter(email__iexact=person.email).values_list("pk", flat=True))
    for column in _CONTACT:
        erase_text(Vendor, column, pk__in=vendors)
    return len(vendors)


def register() -> None:
    register_contributor(Contributor("budgets", export=_export, erase=_erase))
    for notification_type in (
        NotificationType(
            name="approvals",
            label="What waits for you",
            explanation="Plans, transfers and expenses that need your approval, and reminders of them.",
        ),
        NotificationType(
            name="payments_due",
            label="Payments that are due",
            explanation="What has to be paid soon, and what is overdue.",
        ),
    ):
        register_notification_type(notification_type)
