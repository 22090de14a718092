"""Why a change of an expense, a bill or a payment is refused. Each says the cause in its name and carries the facts."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from uuid import UUID

from django.utils.formats import date_format

from budgets.services.problems import BudgetProblem
from budgetsite.accounts.permissions import article
from budgetsite.accounts.roles import Role
from budgetsite.money.amounts import format_amount


class ExpenseNotFound(BudgetProblem):
    code = "expense_not_found"

    def __init__(self, expense_id: UUID) -> None:
        self.expense_id = expense_id
        super().__init__("There is no such expense.")


class InvoiceNotFound(BudgetProblem):
    code = "invoice_not_found"

    def __init__(self, invoice_id: UUID) -> None:
        self.invoice_id = invoice_id
        super().__init__("This expense has no such bill, or it is cancelled already.")


class PaymentNotFound(BudgetProblem):
    code = "payment_not_found"

    def __init__(self, payment_id: UUID) -> None:
        self.payment_id = payment_id
        super().__init__("This expense has no such payment, or it is cancelled already.")


class NoBudgetToSpend(BudgetProblem):
    code = "no_budget"

    def __init__(self, event_name: str) -> None:
        super().__init__(f"“{event_name}” has no budget yet. Open one, then record what it costs.")


class WhatItIsFor(BudgetProblem):
    """Neither a line nor a category was named."""

    code = "required"

    def __init__(self) -> None:
        super().__init__("Say what it is for: a line of the budget, or a category.")


class LineOfOtherCategory(BudgetProblem):
    """A line and a category were named, and they contradict each other."""

    code = "line_of_other_category"

    def __init__(self, line: str, category: str) -> None:
        super().__init__(f"“{line}” is a line of {category}. Name the line alone, or the category alone.")


class RefundWithoutBill(BudgetProblem):
    code = "refund_without_bill"

    def __init__(self) -> None:
        super().__init__("A negative amount is a refund, and a refund comes with a credit note: record it as invoiced.")


class AmountTooLarge(BudgetProblem):
    code = "too_large"

    def __init__(self, largest: Decimal, currency: str) -> None:
        self.largest = largest
        super().__init__(
            f"This account takes expenses up to {format_amount(largest, currency, 'en')} {currency}. "
            "Check the amount, or ask a manager to raise the limit."
        )


class RateMissing(BudgetProblem):
    """Amounts are never taken 1:1 from one currency into another."""

    code = "rate_missing"

    def __init__(self, currency: str, budget_currency: str, on_date: date) -> None:
        self.currency, self.budget_currency, self.on_date = currency, budget_currency, on_date
        super().__init__(
            f"The budget is kept in {budget_currency}, and there is no rate for {currency} on or before "
            f"{date_format(on_date, 'j F Y')}. Add one under exchange rates, or send the rate with the expense."
        )


class RateOutOfRange(BudgetProblem):
    code = "rate_out_of_range"

    def __init__(self) -> None:
        super().__init__("Give the rate as a number above 0 with up to eight decimals, such as 1.0842.")


class DueBeforeBilled(BudgetProblem):
    code = "due_before_billed"

    def __init__(self, billed_on: date) -> None:
        self.billed_on = billed_on
        super().__init__(f"It can't be due before it is billed, on {date_format(billed_on, 'j F Y')}.")


class NotApprovedYet(BudgetProblem):
    code = "not_approved"

    def __init__(self, approval: str) -> None:
        self.approval = approval
        super().__init__(
            "This expense was not approved. Change it, and it is put to its approvers again."
            if approval == "rejected"
            else "This expense waits for approval. Once it is approved, it can be promised and billed."
        )


class InvalidStep(BudgetProblem):
    """`allowed` are the steps that are possible now."""

    code = "invalid_transition"

    def __init__(self, *, step: str, stage: str, allowed: Iterable[str]) -> None:
        self.allowed = list(allowed)
        possible = f"Possible now: {', '.join(self.allowed)}." if self.allowed else "No further step is possible."
        super().__init__(f"This expense is {stage}; {_REFUSED[step]}. {possible}")


_REFUSED = {
    "approve": "there is nothing to approve",
    "reject": "there is nothing to reject",
    "commit": "there is nothing left to promise",
    "invoice": "there is nothing left to bill",
    "cancel": "there is nothing to cancel",
    "change": "it stays as it is",
    "pay": "nothing of it is to be paid",
}


class ApprovalNotYours(BudgetProblem):
    code = "approval_not_yours"

    def __init__(self, roles: Iterable[Role]) -> None:
        self.roles = sorted(roles, key=list(Role).index)
        names = " or ".join(role.label.lower() for role in self.roles)
        super().__init__(f"In this account {article(names)} {names} decides on this expense.")


class OwnExpense(BudgetProblem):
    """Four eyes: nobody approves what they recorded."""

    code = "own_expense"

    def __init__(self) -> None:
        super().__init__("You recorded this expense. Someone else has to approve it.")


class OverrideNotYours(BudgetProblem):
    code = "override_not_yours"

    def __init__(self) -> None:
        super().__init__("An owner or a manager may promise more than is available: ask one of them.")


class RaiseNeedsApproval(BudgetProblem):
    """Money is promised or billed already, so that the expense can't wait for its approval again."""

    code = "raise_needs_approval"

    def __init__(self, role: Role) -> None:
        super().__init__(
            f"An expense this large needs the agreement of {article(role.label)} {role.label.lower()} who did not "
            "record it. Ask one to change the amount, or record what is added as an expense of its own."
        )


class AmountBelowBilled(BudgetProblem):
    code = "amount_below_billed"

    def __init__(self, invoiced: Decimal, currency: str) -> None:
        super().__init__(
            f"{format_amount(invoiced, currency, 'en')} {currency} are billed already. "
            "Cancel a bill or enter a credit note first."
        )


class SeveralBills(BudgetProblem):
    code = "several_bills"

    def __init__(self, bills: int) -> None:
        super().__init__(
            f"{bills} bills make up this expense. Cancel the one that is wrong and enter it again, or enter a credit "
            "note."
        )


class CurrencyOfBilled(BudgetProblem):
    code = "currency_fixed"

    def __init__(self) -> None:
        super().__init__("Money was promised or billed in this currency. Cancel the expense and record it anew.")


class RefundExceedsBilled(BudgetProblem):
    code = "refund_exceeds_billed"

    def __init__(self, invoiced: Decimal, currency: str) -> None:
        super().__init__(
            f"Only {format_amount(invoiced, currency, 'en')} {currency} of this expense are billed. "
            "Record what goes beyond as a refund of its own."
        )


class CreditNoteFirst(BudgetProblem):
    """More would have come back of the expense than it cost."""

    code = "credit_note_first"

    def __init__(self) -> None:
        super().__init__("A credit note came for this bill. Cancel the credit note first, then the bill.")


class DuplicateInvoice(BudgetProblem):
    """The vendor has sent a bill with this number before; sent again with `confirm_duplicate` it is kept.

    `description` is what it was for, empty where that is another event's.
    """

    code = "duplicate_invoice"

    def __init__(self, number: str, vendor: str, expense_id: UUID, description: str) -> None:
        self.expense_id = str(expense_id)
        where = f"with “{description}”" if description else "for another event"
        super().__init__(
            f"Bill {number} of {vendor} is recorded already, {where}. "
            "If this is another bill with the same number, confirm that."
        )


class PaymentExceedsBilled(BudgetProblem):
    code = "payment_exceeds_invoiced"

    def __init__(self, *, invoiced: Decimal, open_amount: Decimal, currency: str) -> None:
        self.open_amount, self.currency = open_amount, currency
        still = format_amount(open_amount, currency, "en")
        super().__init__(
            "No bill has come yet; enter it first, then what is paid."
            if not invoiced
            else f"Of {format_amount(invoiced, currency, 'en')} {currency} that are billed, {still} are still to be "
            "paid or planned. Correct the amount, or enter the missing bill first."
        )


class PaidAlready(BudgetProblem):
    """What was paid would be more than what is billed."""

    code = "paid_already"

    def __init__(self, paid: Decimal, currency: str) -> None:
        super().__init__(
            f"{format_amount(paid, currency, 'en')} {currency} of it are paid or planned to be. "
            "Cancel these payments first."
        )


class MoneyCameBack(BudgetProblem):
    """More would have been paid back than was paid."""

    code = "money_came_back"

    def __init__(self) -> None:
        super().__init__("Some of this payment came back. Cancel the payment that came back first, then this one.")


class ClientsMayNot(BudgetProblem):
    code = "clients_may_not"

    def __init__(self, what: str) -> None:
        super().__init__(f"In this account the team enters {what}. Tell them in a comment.")


class VendorExists(BudgetProblem):
    code = "vendor_exists"

    def __init__(self, name: str) -> None:
        super().__init__(f"There is a vendor “{name}” already.")


class VendorInUse(BudgetProblem):
    code = "vendor_in_use"

    def __init__(self, name: str) -> None:
        super().__init__(f"“{name}” has expenses, and those keep their vendor. Rename it instead.")


class VendorNotFound(BudgetProblem):
    code = "vendor_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such vendor. Send a name, and a new one is made.")
