"""The events asked for, one row each: figures for lists that are read page by page, and so never remembered."""

from django.db.models import QuerySet

from budgets.models import EventBudget
from budgets.selectors.analytics.inquiry import Inquiry, budgets_of

ORDERS = {
    "event_date": "event__event_date",
    "name": "event__name",
    "actual_amount": "total_actual_amount",
    "variance_amount": "variance_amount",
}


def events(inquiry: Inquiry) -> QuerySet[EventBudget]:
    """Return the budgets of the events asked for with their events, the latest event first."""
    budgets: QuerySet[EventBudget] = budgets_of(inquiry).select_related("event")
    return budgets.order_by("-event__event_date", "-id")
