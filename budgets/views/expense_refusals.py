"""At which field of a form a refusal stands."""

from django.core.exceptions import ValidationError
from django.forms import BaseForm

from budgets.services import expense_problems as problems
from budgets.services.problems import (
    AmountDoesNotFit,
    BudgetProblem,
    LineNotFound,
    ReasonRequired,
    UnknownCategory,
    WrongKindOfLine,
)
from budgets.services.scoped_problems import FundingDoesNotFit
from budgetsite.money.amounts import InvalidAmount

FIELDS: dict[type[Exception], str] = {
    problems.RateMissing: "exchange_rate",
    problems.RateOutOfRange: "exchange_rate",
    problems.DueBeforeBilled: "due_date",
    problems.DuplicateInvoice: "invoice_number",
    problems.WhatItIsFor: "target",
    LineNotFound: "target",
    UnknownCategory: "target",
    WrongKindOfLine: "target",
    problems.CurrencyOfBilled: "currency",
    problems.VendorNotFound: "vendor",
    ReasonRequired: "reason",
    problems.OverrideNotYours: "override",
    problems.AmountTooLarge: "amount",
    problems.RefundWithoutBill: "amount",
    problems.AmountBelowBilled: "amount",
    problems.SeveralBills: "amount",
    problems.RaiseNeedsApproval: "amount",
    problems.RefundExceedsBilled: "amount",
    problems.PaymentExceedsBilled: "amount",
    AmountDoesNotFit: "amount",
    FundingDoesNotFit: "amount",
}
# What a person may confirm beside the refusal, by the field that confirms it.
CONFIRMED_BY: dict[type[Exception], str] = {
    problems.DuplicateInvoice: "confirm_duplicate",
    AmountDoesNotFit: "override",
    FundingDoesNotFit: "override",
}
REFUSALS = (BudgetProblem, InvalidAmount, ValidationError)


def tell(form: BaseForm, problem: Exception) -> str:
    """Put a refusal at its field, or at the form's top; return the name of the field that would confirm it, or ""."""
    if isinstance(problem, ValidationError):
        form.add_error(None, problem)
        return ""
    if isinstance(problem, problems.RateMissing) and "exchange_rate" not in form.fields:
        # A client enters no rates.
        form.add_error(
            "currency",
            f"The team has no rate for {problem.currency} yet. Write the amount in {problem.budget_currency}, or ask "
            "them in a comment.",
        )
        return ""
    name = "amount" if isinstance(problem, InvalidAmount) else FIELDS.get(type(problem), "")
    form.add_error(name if name in form.fields else None, str(problem))
    return CONFIRMED_BY.get(type(problem), "")
