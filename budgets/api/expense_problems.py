"""What the refusals of expenses, bills and payments mean to a client."""

from typing import Any

from rest_framework.exceptions import APIException, NotFound

from budgets.api.answers.expense import ExpenseReader
from budgets.selectors.expense_rows import expense_rows
from budgets.services import expense_problems as problems
from budgets.services.expense_access import StaleExpense
from budgetsite.accounts.permissions import may
from budgetsite.api.errors import conflict, field_error, forbidden, forbidden_with, not_found, translate_problems
from budgetsite.api.refusals import Conflict, field_refusal
from budgetsite.money.amounts import amount_to_json


def _stale_expense(error: StaleExpense, view: Any) -> APIException:
    """Answer with the expense as it is now, so that the client can go on from there."""
    reader: ExpenseReader = view.reader()
    rows = expense_rows(
        user_id=reader.user_id, role=reader.role, with_notes=may(reader.role, "expenses.view_internals")
    )
    row = rows.filter(pk=error.expense.pk).first()
    if row is None:
        return NotFound()
    return Conflict(error.code, str(error), current=reader.describe(row))


def _payment_exceeds(error: problems.PaymentExceedsBilled, view: Any) -> APIException:
    return Conflict(error.code, str(error), open_amount=amount_to_json(error.open_amount, error.currency))


def _rate_out_of_range(error: problems.RateOutOfRange, view: Any) -> APIException:
    return field_refusal(getattr(view, "rate_attr", "exchange_rate"), error.code, str(error))


translate_problems(
    {
        StaleExpense: _stale_expense,
        problems.ExpenseNotFound: not_found,
        problems.InvoiceNotFound: field_error("invoice_id"),
        problems.PaymentNotFound: not_found,
        problems.WhatItIsFor: field_error("category"),
        problems.LineOfOtherCategory: field_error("category"),
        problems.RefundWithoutBill: field_error("amount"),
        problems.AmountTooLarge: field_error("amount"),
        problems.RateMissing: field_error("currency"),
        problems.RateOutOfRange: _rate_out_of_range,
        problems.DueBeforeBilled: field_error("due_date"),
        problems.DuplicateInvoice: conflict("expense_id"),
        problems.InvalidStep: conflict("allowed"),
        problems.ApprovalNotYours: forbidden_with("roles"),
        problems.OwnExpense: forbidden_with(),
        problems.OverrideNotYours: forbidden_with(),
        problems.RaiseNeedsApproval: forbidden_with(),
        problems.ClientsMayNot: forbidden,
        problems.PaymentExceedsBilled: _payment_exceeds,
        problems.VendorNotFound: field_error("vendor"),
    }
)
