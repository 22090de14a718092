"""What must be paid when: one statement that agrees with the expenses' due dates; paying in one press; calendars."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from budgets.models import CalendarFeed, Expense, ExpensePayment
from budgets.selectors.payments_due import DueFilter, billed_without_a_day, due_sums, payments_due
from budgets.selectors.payments_page import by_week
from budgets.services.calendar_feed import FeedNotFound, TooManyFeeds, make_feed, revoke_feed
from budgets.services.expense_stages import cancel_expense, invoice_expense
from budgets.services.payment import add_payment
from budgets.services.payment_due import NothingDue, pay_bill, pay_instalment, unpay_bill, unpay_instalment
from budgetsite.accounts.models import Membership
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.deletion import soft_delete
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event
from budgetsite.testing.expenses import NOW, make_expense
from budgetsite.testing.people import make_account, make_member

TODAY = date(2026, 7, 1)


@pytest.fixture
def budget(account, organizer):
    return make_budget(account, organizer, total="100000")


def acting(user, role=Role.STAFF):
    return {"acting_user": user, "acting_role": role, "now": NOW}


def sight(user, role=Role.STAFF):
    return {"user_id": user.pk, "role": role, "now": NOW}


def listed(user, **wanted):
    found = payments_due(**sight(user), wanted=DueFilter(**wanted), limit=100)
    return [(item.kind, item.due_date, item.amount, item.is_overdue) for item in found]


days = st.integers(-20, 40).map(lambda number: TODAY + timedelta(days=number))
bills = st.lists(st.tuples(st.integers(-30, 60), days), min_size=0, max_size=4)
payments = st.lists(st.tuples(st.integers(1, 90), st.none() | days), max_size=3)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(due=st.none() | days, billed=bills, paid=payments)
def test_the_first_day_of_an_expenses_items_is_its_next_due_date(budget, staff, due, billed, paid):
    expense = make_expense(
        budget, staff, amount=Decimal(100), stage="committed", due_date=due, expense_date=date(2026, 1, 1)
    )
    for amount, day in billed:
        expense.refresh_from_db()
        if amount and expense.invoiced_amount + amount >= 0:
            invoice_expense(
                expense_id=expense.pk, acting_user=staff, now=NOW, amount=Decimal(amount), due_date=day,
                invoice_date=date(2026, 1, 1),
            )  # fmt: skip
    for amount, day in paid:
        expense.refresh_from_db()
        still_open = expense.invoiced_amount - expense.paid_amount - expense.scheduled_amount
        if still_open > 0:
            add_payment(expense_id=expense.pk, amount=min(Decimal(amount), still_open), due_date=day, **acting(staff))
    expense.refresh_from_db()

    found = payments_due(**sight(staff), wanted=DueFilter(expense_id=expense.pk), limit=100)

    assert min((item.due_date for item in found), default=None) == expense.next_due_date
    # What is planned and what no payment covers is what is billed and not paid, where every bill has its day.
    if found:
        owed = sum(item.amount for item in found if item.kind != "agreed")
        assert owed == max(expense.owed_amount, expense.scheduled_amount)


def test_today_is_where_the_event_is_and_sums_keep_currencies_apart(
    account, organizer, staff, django_assert_num_queries
):
    # Noon in London: already tomorrow on Kiritimati, still the same day in Toronto.
    for number, zone in enumerate(("Pacific/Kiritimati", "America/Toronto")):
        event = make_event(account, organizer, name=zone, timezone=zone)
        there = make_budget(account, organizer, event=event, total="100000")
        make_expense(
            there, staff, description=zone, amount=Decimal(100 + number), stage="invoiced", due_date=TODAY,
            expense_date=date(2026, 1, 1),
        )  # fmt: skip
        make_expense(
            there, staff, amount=Decimal(7), currency="EUR", exchange_rate=Decimal("1.5"), stage="invoiced",
            due_date=TODAY + timedelta(days=9), expense_date=date(2026, 1, 1),
        )  # fmt: skip
        make_expense(there, staff, amount=Decimal(11), stage="invoiced", expense_date=date(2026, 1, 1))
    with django_assert_num_queries(2):
        found = payments_due(**sight(staff), limit=100)
    assert {item.expense.description: item.is_overdue for item in found} == {
        "Pacific/Kiritimati": True,
        "America/Toronto": False,
        "Roses": False,
    }
    sums = [(one.currency, one.is_overdue, one.amount, one.number) for one in due_sums(**sight(staff))]
    assert sums == [("CAD", True, 100, 1), ("CAD", False, 101, 1), ("EUR", False, 14, 2)]
    without = billed_without_a_day(user_id=staff.pk, role=Role.STAFF)
    assert [(one.currency, one.amount, one.number) for one in without] == [("CAD", 22, 2)]
    groups = by_week(sorted(found, key=lambda item: not item.is_overdue), cut_before=False, cut_after=True)
    assert [(group.monday, group.sums) for group in groups] == [
        (None, [("CAD", Decimal(100))]),
        (date(2026, 6, 29), [("CAD", Decimal(101))]),
        (date(2026, 7, 6), []),
    ]


def test_a_bill_is_paid_in_one_press_and_not_twice(budget, staff):
    expense = make_expense(
        budget, staff, amount=Decimal(500), stage="invoiced", due_date=TODAY, expense_date=date(2026, 1, 1)
    )
    bill = expense.invoices.get()
    add_payment(expense_id=expense.pk, amount=Decimal(120), **acting(staff))
    press = {"expense_id": expense.pk, "invoice_id": bill.pk, **acting(staff)}

    payment = pay_bill(**press)
    assert (payment.amount, payment.paid_at) == (380, NOW)
    with pytest.raises(NothingDue):
        pay_bill(**press)
    expense.refresh_from_db()
    assert (expense.payment_status, expense.next_due_date, listed(staff)) == ("paid", None, [])

    unpay_bill(expense_id=expense.pk, payment_id=payment.pk, **acting(staff))
    assert listed(staff) == [("bill", TODAY, 380, False)]


def test_an_instalment_is_paid_in_one_press_and_planned_again_in_another(budget, staff):
    expense = make_expense(budget, staff, amount=Decimal(500), stage="invoiced", expense_date=date(2026, 1, 1))
    payment = add_payment(expense_id=expense.pk, amount=Decimal(500), due_date=TODAY, **acting(staff))
    press = {"expense_id": expense.pk, "payment_id": payment.pk, **acting(staff)}

    assert pay_instalment(**press).paid_at == NOW
    with pytest.raises(NothingDue):
        pay_instalment(**press)
    assert unpay_instalment(**press).paid_at is None
    with pytest.raises(NothingDue):
        unpay_instalment(**press)
    assert listed(staff) == [("instalment", TODAY, 500, False)]


def feed_text(client, account, secret, **headers):
    return client.get(f"/calendar/{account.slug}/{secret}.ics", headers=headers)


@pytest.fixture
def calendar(committed_db, account):
    """An organizer's address, committed: its account is looked up by a login of its own."""
    with transaction.atomic():
        staff, member = make_member(account, Role.STAFF).user, make_member(account, Role.ORGANIZER)
        budget = make_budget(account, member.user, total="100000")
        hall = make_expense(
            budget, staff, description="Hall, half", amount=Decimal(1200), vendor="O'Brien; <b>", due_date=TODAY,
            stage="invoiced", expense_date=date(2026, 1, 1),
        )  # fmt: skip
        band = make_expense(budget, staff, description="Band", amount=Decimal(80), due_date=TODAY, stage="committed")
        others = make_budget(account, staff, event=make_event(account, staff, name="Not theirs"))
        make_expense(others, staff, description="Not theirs", due_date=TODAY, stage="committed")
        made = make_feed(name="My phone", acting_user=member.user)
        assert made.secret not in str(CalendarFeed.objects.values().get())
        bill = hall.invoices.get().pk
    return SimpleNamespace(secret=made.secret, member=member, staff=staff, hall=hall, band=band, bill=bill)


def test_a_calendar_reads_what_its_person_may_see_until_they_may_no_more(calendar, account, client, settings):
    answer = feed_text(client, account, calendar.secret)
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/calendar; charset=utf-8")
    entries = {str(entry["uid"]): entry for entry in Calendar.from_ical(answer.content).walk("VEVENT")}
    assert entries.keys() == {f"bill-{calendar.bill}@budgetsite", f"agreed-{calendar.band.pk}@budgetsite"}
    entry = entries[f"bill-{calendar.bill}@budgetsite"]
    assert str(entry["summary"]) == "Pay 1,200.00 CAD to O'Brien; <b>: Hall, half"
    assert (entry["dtstart"].dt, entry["dtend"].dt) == (TODAY, TODAY + timedelta(days=1))
    assert str(entry["url"]).endswith(f"/expenses/{calendar.hall.pk}")

    assert feed_text(client, account, calendar.secret, If_None_Match=answer["ETag"]).status_code == 304
    with transaction.atomic():
        cancel_expense(expense_id=calendar.band.pk, whole=True, **acting(calendar.staff))
        assert CalendarFeed.objects.get().last_read_at is not None
    changed = feed_text(client, account, calendar.secret, If_None_Match=answer["ETag"])
    assert (changed.status_code, changed.content.count(b"BEGIN:VEVENT")) == (200, 1)

    rival = make_account("Rival Events")
    assert feed_text(client, account, calendar.secret[:-1] + "!").status_code == 404
    assert feed_text(client, rival, calendar.secret).status_code == 404
    assert client.get(f"/calendar/nowhere/{calendar.secret}.ics").status_code == 404
    settings.THROTTLE_CALENDAR = "1/hour"
    feed_text(client, account, calendar.secret)
    assert feed_text(client, account, calendar.secret)["Retry-After"]
    settings.THROTTLE_CALENDAR = "100000/min"

    # An attendee sees no expenses; an owner all; who has left sees nothing.
    def after(change):
        with transaction.atomic():
            change(Membership.objects.get(pk=calendar.member.pk))
        answer = feed_text(client, account, calendar.secret)
        return answer.status_code, answer.content.count(b"BEGIN:VEVENT")

    assert after(lambda one: Membership.objects.filter(pk=one.pk).update(role=Role.ATTENDEE)) == (404, 0)
    assert after(lambda one: Membership.objects.filter(pk=one.pk).update(role=Role.OWNER)) == (200, 2)
    assert after(lambda one: soft_delete(one, now=datetime.now(UTC))) == (404, 0)


def test_addresses_are_few_one_s_own_and_revoked_for_good(account, other_account, staff, owner, client):
    made = [make_feed(name=f"Phone {number}", acting_user=staff) for number in range(10)]
    with pytest.raises(TooManyFeeds):
        make_feed(name="One more", acting_user=staff)
    with pytest.raises(FeedNotFound):
        revoke_feed(feed_id=made[0].feed.pk, acting_user=owner, now=NOW)
    with tenant_scope(other_account.pk), pytest.raises(FeedNotFound):
        revoke_feed(feed_id=made[0].feed.pk, acting_user=staff, now=NOW)
    revoke_feed(feed_id=made[0].feed.pk, acting_user=staff, now=NOW)
    with pytest.raises(FeedNotFound):
        revoke_feed(feed_id=made[0].feed.pk, acting_user=staff, now=NOW)
    assert CalendarFeed.objects.filter(revoked_at=None).count() == 9
    assert Expense.objects.count() == ExpensePayment.objects.count() == 0
