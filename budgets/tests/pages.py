"""Walking the budgets' pages: addresses, and requests as htmx sends them."""

from html import unescape
from re import sub
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from budgets.models import BudgetLineItem, EventBudget
from budgetsite.accounts.models import Account, User
from budgetsite.money.amounts import amount_to_json
from budgetsite.testing.people import sign_in

HTMX = {"HX-Request": "true"}


def browser(user: User, account: Account) -> Client:
    return sign_in(user, account)


def address(name: str, budget: EventBudget, *more: Any) -> str:
    return reverse(f"budgets:{name}", args=[budget.pk, *more])


def line_data(line: BudgetLineItem, **typed: Any) -> dict[str, Any]:
    """What the form of a line sends, as it was read, with what was typed."""
    return {
        "name": line.name,
        "category": str(line.category_id),
        "section": line.section,
        "description": line.description,
        "budgeted_amount": amount_to_json(line.budgeted_amount, line.currency),
        "quantity": "" if line.quantity is None or line.driver_id else str(line.quantity),
        "driver": str(line.driver_id or ""),
        "unit_price": "" if line.unit_price is None else amount_to_json(line.unit_price, line.currency),
        "notes": line.notes,
        "actual_amount": amount_to_json(line.actual_amount, line.currency),
        "version": str(line.version),
        "actual_read": amount_to_json(line.actual_amount, line.currency),
        **typed,
    }


def words(response: HttpResponse) -> str:
    """The words of an answer, one space between them."""
    text = sub(r"<[^>]*>", " ", response.content.decode())
    return sub(r"\s+", " ", unescape(text)).strip()


def fresh(line: BudgetLineItem) -> BudgetLineItem:
    return BudgetLineItem.objects.get(pk=line.pk)
