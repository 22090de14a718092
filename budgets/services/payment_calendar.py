"""What is to be paid as an iCalendar file (RFC 5545)."""

from collections.abc import Callable, Iterable
from datetime import timedelta

from icalendar import Calendar, Event

from budgets.models import Expense
from budgets.selectors.payments_due import AGREED, DueItem
from budgetsite.money.amounts import format_amount

REFRESHED_EVERY = timedelta(hours=1)


def payment_calendar(items: Iterable[DueItem], *, name: str, address_of: Callable[[Expense], str]) -> bytes:
    """Return a calendar with a whole day for each item; `address_of` leads to an expense's page.

    An item keeps its UID for as long as it is to be paid; what is paid or cancelled is in it no more. The same items
    make the same bytes.
    """
    calendar = Calendar()
    calendar.add("prodid", "-//Budgetsite//Payments//EN")
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", name)
    calendar.add("refresh-interval", REFRESHED_EVERY, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT1H")
    for item in items:
        calendar.add_component(_entry(item, address_of(item.expense)))
    written: bytes = calendar.to_ical()
    return written


def _entry(item: DueItem, address: str) -> Event:
    expense = item.expense
    amount = f"{format_amount(item.amount, item.currency, 'en')} {item.currency}"
    to = f" to {expense.vendor.name}" if expense.vendor else ""
    entry = Event()
    entry.add("uid", f"{item.kind}-{item.id}@budgetsite")
    # As it was last changed, not as it is read: what has not changed is the same file.
    entry.add("dtstamp", expense.updated_at)
    entry.add("dtstart", item.due_date)
    entry.add("dtend", item.due_date + timedelta(days=1))
    entry.add("summary", f"{'Expected' if item.kind == AGREED else 'Pay'} {amount}{to}: {expense.description}")
    entry.add("description", f"{expense.event.name}. {expense.description}")
    entry.add("url", address)
    entry.add("transp", "TRANSPARENT")
    return entry
