"""The pages of receipts, of payments and of calendar addresses, as forms and as pieces."""

import re
from datetime import date
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from budgets.models import CalendarFeed, ExpensePayment, Receipt
from budgets.tests.pages import HTMX, browser, words
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget, make_event
from budgetsite.testing.expenses import make_expense
from budgetsite.testing.papers import HTML, gif, photo, png
from budgetsite.testing.people import make_member
from events.models import Event


@pytest.fixture
def expense(account, organizer, staff):
    return make_expense(
        make_budget(account, organizer), staff, description="Roses & <b>", amount=Decimal(500), stage="invoiced",
        due_date=date(2020, 2, 1), expense_date=date(2020, 1, 1), vendor="O'Brien",
    )  # fmt: skip


@pytest.fixture
def worker(account, staff):
    return browser(staff, account)


def files(*contents):
    return {"file": [SimpleUploadedFile(f"{number}.jpg", content) for number, content in enumerate(contents)]}


def test_receipts_are_sent_several_at_once_and_deleted_at_one_press(worker, expense):
    address = reverse("budgets:receipts", args=[expense.pk])
    page = worker.get(address)
    assert "Add the bill or a photo of the receipt" in words(page)
    assert 'capture="environment"' in page.content.decode()
    assert "Add a link instead" not in words(page)

    sent = worker.post(address, files(photo(), HTML, gif()))
    assert sent.status_code == 422
    assert "2 receipts are added." in words(sent)
    assert "“1.jpg” is a web page. Send a JPEG, PNG or GIF picture, or a PDF." in words(sent)
    assert [receipt.name for receipt in Receipt.objects.order_by("created_at")] == ["0.jpg", "2.jpg"]

    piece = worker.post(address, files(png()), headers=HTMX)
    assert piece.status_code == 200
    assert "“0.jpg” is added." in words(piece)
    assert "<html" not in piece.content.decode()
    assert worker.post(address, {}, headers=HTMX).status_code == 422

    receipt = Receipt.objects.latest("created_at")
    picture = worker.get(reverse("budgets:receipt", args=[expense.pk, receipt.pk]), {"thumbnail": "1"})
    assert (picture.status_code, picture["Content-Type"]) == (200, "image/jpeg")
    gone = worker.post(reverse("budgets:receipt_delete", args=[expense.pk, receipt.pk]))
    assert gone.url == reverse("budgets:expense", args=[expense.pk]) + "#receipts"
    assert worker.get(reverse("budgets:receipt", args=[expense.pk, receipt.pk])).status_code == 404
    worker.post(reverse("budgets:receipt_restore", args=[expense.pk, receipt.pk]))
    assert Receipt.objects.count() == 3


def test_receipts_of_an_expense_out_of_sight_are_not_there(account, other_account, expense):
    stranger = make_member(account, Role.CLIENT).user
    rival = make_member(other_account, Role.OWNER).user
    for person, where in ((stranger, account), (rival, other_account)):
        client = browser(person, where)
        assert client.get(reverse("budgets:receipts", args=[expense.pk])).status_code == 404
        assert client.post(reverse("budgets:receipts", args=[expense.pk]), files(png())).status_code == 404


def test_payments_by_week_are_paid_and_taken_back_at_one_press(worker, account, organizer, staff, expense):
    other = make_budget(account, organizer, event=make_event(account, organizer, name="Winter ball"))
    make_expense(other, staff, description="Band", amount=Decimal(80), due_date=date(2099, 1, 1), stage="committed")
    page = worker.get(reverse("budgets:payments"))
    assert "500.00 CAD should have been paid by now." in words(page)
    assert "Roses & <b> O'Brien · billed" in words(page)
    assert "Week of 29 December 2098" in words(page)
    assert "Roses &amp; &lt;b&gt;" in page.content.decode()
    narrowed = words(worker.get(reverse("budgets:payments"), {"event": other.event_id}))
    assert "Band" in narrowed
    assert "Roses" not in narrowed

    bill = expense.invoices.get()
    pay = reverse("budgets:payment_pay", args=[expense.pk, "bill", bill.pk])
    row = worker.post(pay, headers=HTMX)
    payment = ExpensePayment.objects.get()
    undo = reverse("budgets:payment_unpay", args=[expense.pk, "bill", bill.pk, payment.pk])
    assert (payment.amount, undo in row.content.decode()) == (500, True)
    again = worker.post(pay)
    assert again.url == reverse("budgets:payments")
    assert "somebody has noted it already" in words(worker.get(again.url))
    assert pay in worker.post(undo, headers=HTMX).content.decode()
    assert worker.post(pay).status_code == 302
    told = worker.get(reverse("budgets:payments"))
    assert "500.00 CAD for “Roses & <b>” noted as paid." in words(told)
    assert "Nothing is overdue." in words(told)
    assert "Paid lately" in words(told)


def test_a_month_shows_each_day_and_its_neighbours(worker, expense):
    page = worker.get(reverse("budgets:payments_month"), {"month": "2020-02"})
    text = words(page)
    assert "February 2020" in text
    assert "500.00 CAD Roses & <b>, overdue" in text
    assert page.content.decode().count("<td") == 35
    assert "?month=2020-01" in page.content.decode()
    assert "?month=2020-03" in page.content.decode()
    assert "Nothing is to be paid in this month." in words(
        worker.get(reverse("budgets:payments_month"), {"month": "2020-04"})
    )
    assert worker.get(reverse("budgets:payments_month"), {"month": "2020-13"}).status_code == 200


def test_a_client_sees_their_events_payments_alone(account, expense):
    person = make_member(account, Role.CLIENT).user
    client = browser(person, account)
    pay = reverse("budgets:payment_pay", args=[expense.pk, "bill", expense.invoices.get().pk])
    assert "Nothing is to be paid" in words(client.get(reverse("budgets:payments")))
    assert client.post(pay).status_code == 404
    Event.objects.filter(pk=expense.event_id).update(client=person)
    assert "500.00 CAD" in words(client.get(reverse("budgets:payments")))
    assert client.post(pay).status_code == 302
    assert ExpensePayment.objects.get().recorded_by == person
    attendee = browser(make_member(account, Role.ATTENDEE).user, account)
    assert attendee.get(reverse("budgets:payments")).status_code == 403


def test_a_calendar_address_is_shown_once_and_revoked(worker, account, staff):
    address = reverse("budgets:calendar_feeds")
    assert worker.post(address, {"name": " "}).status_code == 422
    made = worker.post(address, {"name": "My phone"})
    secret = re.search(rf"/calendar/{account.slug}/([\w-]+)\.ics", made.content.decode())[1]
    assert (made.status_code, len(secret)) == (201, 32)
    later = worker.get(address).content.decode()
    assert secret not in later
    assert "My phone" in later
    feed = CalendarFeed.objects.get()
    rival = browser(make_member(account, Role.OWNER).user, account)
    assert rival.post(reverse("budgets:calendar_feed_revoke", args=[feed.pk])).status_code == 404
    worker.post(reverse("budgets:calendar_feed_revoke", args=[feed.pk]))
    assert CalendarFeed.objects.get().revoked_at is not None
    assert feed.user_id == staff.pk
