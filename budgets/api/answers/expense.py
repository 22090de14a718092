"""An expense, and a bill of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from rest_framework import serializers

from budgets.models import ExpenseApproval, ExpenseInvoice, ExpenseStage, PaymentStatus
from budgets.models.approval import APPROVING_ROLE_CHOICES
from budgets.selectors.expense_rows import ShownStatus
from budgets.services.expense_access import steps_from
from budgetsite.accounts.permissions import may
from budgetsite.accounts.roles import Role
from budgetsite.money.amounts import amount_to_json
from budgetsite.money.api_fields import MoneyField

STEPS = ("approve", "reject", "commit", "invoice", "cancel")


class RateValueField(serializers.DecimalField):
    """A rate as people write it: without the zeros at its end."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=18, decimal_places=8, **kwargs)


def rate_to_json(rate: Any) -> str | None:
    """Return "1.0842" for 1.08420000; null where both currencies are one."""
    return None if rate is None else format(rate.normalize(), "f")


class ExpenseAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    event_id = serializers.UUIDField()
    event_name = serializers.CharField()
    budget_id = serializers.UUIDField()
    line_item_id = serializers.UUIDField()
    line_item_name = serializers.CharField()
    category = serializers.CharField(help_text="The category's name.")
    category_id = serializers.UUIDField()
    is_unbudgeted = serializers.BooleanField(help_text="The plan had no line for it: it is on one that spending made.")
    vendor = serializers.CharField(allow_null=True, help_text="The vendor's name.")
    vendor_id = serializers.UUIDField(allow_null=True)
    description = serializers.CharField()
    amount = MoneyField(help_text="In `currency`, like `invoiced_amount`, `paid_amount` and `scheduled_amount`.")
    currency = serializers.CharField()
    budget_amount = MoneyField(help_text="In `budget_currency`, like `committed_amount` and `actual_amount`.")
    budget_currency = serializers.CharField()
    exchange_rate = RateValueField(allow_null=True, help_text="What one unit of `currency` is in `budget_currency`.")
    rate_date = serializers.DateField(allow_null=True)
    rate_source = serializers.CharField()
    committed_amount = MoneyField(help_text="Promised and not billed yet.")
    actual_amount = MoneyField()
    invoiced_amount = MoneyField()
    paid_amount = MoneyField()
    scheduled_amount = MoneyField(help_text="Instalments that are still to be paid.")
    stage = serializers.ChoiceField(choices=ExpenseStage.choices)
    wanted_stage = serializers.ChoiceField(
        choices=ExpenseStage.choices, help_text="How far it goes once it is approved."
    )
    approval = serializers.ChoiceField(choices=ExpenseApproval.choices)
    needs_role = serializers.ChoiceField(
        choices=APPROVING_ROLE_CHOICES, allow_null=True, help_text="Who decides while it waits, or someone above them."
    )
    payment_status = serializers.ChoiceField(
        choices=PaymentStatus.choices, help_text="Overdue: a day by which to pay has passed where the event is."
    )
    due_date = serializers.DateField(allow_null=True, help_text="As it was agreed on.")
    next_due_date = serializers.DateField(allow_null=True, help_text="The next day by which something is to be paid.")
    expense_date = serializers.DateField()
    invoice_number = serializers.CharField()
    notes = serializers.CharField(help_text="The team's own: empty for a client.")
    created_by = serializers.UUIDField(allow_null=True)
    decided_by = serializers.UUIDField(allow_null=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    decision_reason = serializers.CharField()
    version = serializers.IntegerField()
    possible_steps = serializers.ListField(
        child=serializers.ChoiceField(choices=STEPS), help_text="What may be done with it now."
    )
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


@dataclass(slots=True)
class ExpenseReader:
    """Who an expense is described to: a client reads neither notes nor how the team decided."""

    user_id: UUID
    role: Role
    status: ShownStatus

    @classmethod
    def at(cls, now: datetime, *, user_id: UUID, role: Role) -> "ExpenseReader":
        return cls(user_id, role, ShownStatus(now))

    @property
    def sees_internals(self) -> bool:
        return may(self.role, "expenses.view_internals")

    def describe(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Describe a row of `expense_rows`."""
        own, budgets = row["currency"], row["budget_currency"]
        answer = {
            "id": str(row["id"]),
            "event_id": str(row["event_id"]),
            "event_name": row["event_name"],
            "budget_id": str(row["budget_id"]),
            "line_item_id": str(row["line_item_id"]),
            "line_item_name": row["line_item_name"],
            "category": row["category"],
            "category_id": str(row["category_id"]),
            "is_unbudgeted": row["is_unbudgeted"],
            "vendor": row["vendor_name"],
            "vendor_id": row["vendor_id"],
            "description": row["description"],
            "amount": amount_to_json(row["amount"], own),
            "currency": own,
            "budget_amount": amount_to_json(row["budget_amount"], budgets),
            "budget_currency": budgets,
            "exchange_rate": rate_to_json(row["exchange_rate"]),
            "rate_date": row["rate_date"],
            "rate_source": row["rate_source"],
            "committed_amount": amount_to_json(row["committed_amount"], budgets),
            "actual_amount": amount_to_json(row["actual_amount"], budgets),
            "invoiced_amount": amount_to_json(row["invoiced_amount"], own),
            "paid_amount": amount_to_json(row["paid_amount"], own),
            "scheduled_amount": amount_to_json(row["scheduled_amount"], own),
            "stage": row["stage"],
            "wanted_stage": row["wanted_stage"],
            "approval": row["approval"],
            "needs_role": row["needs_role"] or None,
            "payment_status": self.status.of(row),
            "due_date": row["due_date"],
            "next_due_date": row["next_due_date"],
            "expense_date": row["expense_date"],
            "invoice_number": row["invoice_number"],
            "notes": row.get("notes", ""),
            "created_by": row["created_by_id"],
            "decided_by": row["decided_by_id"],
            "decided_at": row["decided_at"],
            "decision_reason": row["decision_reason"],
            "version": row["version"],
            "possible_steps": steps_from(row["stage"], row["approval"]),
            "created_at": row["created_at"],
            "updated_at": row["updated_at"],
        }
        return answer if self.sees_internals else self._for_client(answer)

    def _for_client(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Leave out the team's own. Who recorded an expense that was refused reads why, and may withdraw it before."""
        own = answer["created_by"] == self.user_id
        refused = own and answer["approval"] == ExpenseApproval.REJECTED
        waits = own and answer["approval"] == ExpenseApproval.PENDING and answer["possible_steps"]
        return answer | {
            "notes": "",
            "needs_role": None,
            "created_by": answer["created_by"] if own else None,
            "decided_by": None,
            "decided_at": None,
            "decision_reason": answer["decision_reason"] if refused else "",
            "rate_source": "",
            "possible_steps": ["reject"] if waits else [],
        }


class InvoiceAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    expense_id = serializers.UUIDField()
    amount = MoneyField(help_text="In the expense's currency; a credit note is negative.")
    currency = serializers.CharField()
    actual_amount = MoneyField(help_text="In the budget's currency, at the rate of the bill's day.")
    settled_amount = MoneyField(help_text="What it took from the promise, in the budget's currency.")
    budget_currency = serializers.CharField()
    exchange_rate = RateValueField(allow_null=True)
    rate_date = serializers.DateField(allow_null=True)
    invoice_number = serializers.CharField()
    invoice_date = serializers.DateField()
    due_date = serializers.DateField(allow_null=True)
    is_cancelled = serializers.BooleanField(help_text="A cancelled bill stays to be read, and no longer counts.")
    cancelled_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()


def invoice_answer(invoice: ExpenseInvoice, *, currency: str, budget_currency: str) -> dict[str, Any]:
    return {
        "id": str(invoice.pk),
        "expense_id": str(invoice.expense_id),
        "amount": amount_to_json(invoice.amount, currency),
        "currency": currency,
        "actual_amount": amount_to_json(invoice.actual_amount, budget_currency),
        "settled_amount": amount_to_json(invoice.settled_amount, budget_currency),
        "budget_currency": budget_currency,
        "exchange_rate": rate_to_json(invoice.exchange_rate),
        "rate_date": invoice.rate_date,
        "invoice_number": invoice.invoice_number,
        "invoice_date": invoice.invoice_date,
        "due_date": invoice.due_date,
        "is_cancelled": invoice.cancelled_at is not None,
        "cancelled_at": invoice.cancelled_at,
        "created_at": invoice.created_at,
    }
