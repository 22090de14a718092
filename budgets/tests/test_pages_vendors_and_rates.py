"""The pages of vendors, exchange rates and expense rules."""

from datetime import date
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from budgets.models import ApprovalRule, ExchangeRate, ExpensePolicy, Vendor
from budgets.services.vendor import create_vendor
from budgets.tests.pages import browser, words
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event
from budgetsite.testing.expenses import make_expense
from budgetsite.testing.people import make_member


def at(name, *args):
    return reverse(f"budgets:{name}", args=args)


def test_a_vendor_is_made_found_changed_and_deleted(account, staff):
    client = browser(staff, account)
    typed = {
        "name": "Blumen O'Brien",
        "email": "rosa@example.org",
        "payment_terms_days": "14",
        "website": "example.org",
    }
    made = client.post(at("vendor_create"), {**typed, "bank_details": "AT61 1904"}, follow=True)
    vendor = Vendor.objects.get()
    assert (vendor.website, vendor.payment_terms_days) == ("https://example.org", 14)
    assert "Bills are due 14 days after their date." in words(made)
    assert "AT61 1904" in words(made)
    again = client.post(at("vendor_create"), {"name": "blumen o'brien"})
    assert again.status_code == 422
    assert again.context["form"].errors["name"] == ["There is a vendor “blumen o'brien” already."]
    too_long = client.post(at("vendor_edit", vendor.pk), {**typed, "payment_terms_days": "400"})
    assert list(too_long.context["form"].errors) == ["payment_terms_days"]
    vendor.refresh_from_db()
    assert vendor.payment_terms_days == 14
    assert "Blumen O'Brien" in words(client.get(at("vendors"), {"search": "rosa"}))
    client.post(at("vendor_delete", vendor.pk))
    assert not Vendor.objects.exists()
    client.post(at("vendor_restore", vendor.pk))
    assert Vendor.objects.get() == vendor


def test_what_a_vendor_costs_stands_by_event_and_currency(account, staff, owner, django_assert_max_num_queries):
    gala = make_budget(account, owner, event=make_event(account, owner, name="Gala"))
    ExchangeRate.objects.create(
        base_currency="EUR", quote_currency="CAD", on_date=date(2026, 1, 1), rate=Decimal("1.5"), source="bank"
    )
    make_expense(gala, staff, vendor="Meyer", stage="invoiced", amount=Decimal(300))
    make_expense(gala, staff, vendor="Meyer", stage="committed", amount=Decimal(200), currency="EUR")
    make_expense(gala, staff, vendor="Huber", stage="committed", amount=Decimal(9))
    client = browser(staff, account)
    with django_assert_max_num_queries(10):
        rows = client.get(at("vendors")).context["rows"]
    assert [(vendor.name, [str(sum_["open_amount"]) for sum_ in sums]) for vendor, sums in rows] == [
        ("Huber", ["0.000"]),
        ("Meyer", ["300.000", "0.000"]),
    ]
    page = client.get(at("vendor", Vendor.objects.get(name="Meyer").pk))
    found = {row["currency"]: (row["promised"], row["billed"], row["open"]) for row in page.context["rows"]}
    assert found == {"CAD": (0, 300, 300), "EUR": (200, 0, 0)}
    refused = client.post(at("vendor_delete", Vendor.objects.get(name="Huber").pk), follow=True)
    assert "“Huber” has expenses, and those keep their vendor." in words(refused)


def test_rates_are_added_changed_and_imported_after_a_look(account, manager):
    client = browser(manager, account)
    typed = {
        "base_currency": "EUR",
        "quote_currency": "CAD",
        "rate": "1.4821",
        "on_date": "2026-05-01",
        "source": "bank",
    }
    client.post(at("rate_create"), typed)
    rate = ExchangeRate.objects.get()
    assert "1.4821" in words(client.get(at("exchange_rates")))
    same = client.post(at("rate_create"), typed)
    assert "EUR in CAD has a rate of 2026-05-01 already" in words(same)
    out_of_range = client.post(at("rate_edit", rate.pk), {**typed, "rate": "0"})
    assert list(out_of_range.context["form"].errors) == ["rate"]
    lines = b"currency,to,date,rate\nEUR,CAD,2026-06-01,1.49\nEUR,CAD,2026-05-01,1.50\n"
    file = SimpleUploadedFile("rates.csv", lines, content_type="text/csv")
    look = client.post(at("rates_import"), {"file": file})
    assert look.status_code == 422
    assert "1 thing to put right in rates.csv. Nothing was imported." in words(look)
    kept = look.context["kept"].token
    look = client.post(at("rates_import"), {"kept": kept, "on_existing": "replace"})
    assert "instead of 1.4821" in words(look)
    assert ExchangeRate.objects.count() == 1
    client.post(at("rates_import"), {"kept": kept, "on_existing": "replace", "import": "1"})
    assert sorted(str(one.rate) for one in ExchangeRate.objects.all()) == ["1.49000000", "1.50000000"]
    client.post(at("rate_delete", rate.pk))
    assert ExchangeRate.objects.count() == 1


def test_the_expense_rules_are_set_by_managers(account, manager, staff):
    ApprovalRule.objects.create(subject="expense", role="manager", above_amount=Decimal(500), currency="CAD")
    typed = {
        "largest_amount": "2,500",
        "receipt_hosts": "Drive.example.org\nfiles.example.org",
        "clients_add_payments": "on",
    }
    assert browser(staff, account).post(at("expense_rules"), typed).status_code == 403
    assert not ExpensePolicy.objects.exists()
    page = browser(manager, account).post(at("expense_rules"), typed, follow=True)
    assert "A manager or an owner, for an expense above 500.00 CAD" in words(page)
    policy = ExpensePolicy.objects.get()
    assert (policy.largest_amount, policy.receipt_hosts) == (2500, ["drive.example.org", "files.example.org"])
    assert (policy.clients_add_expenses, policy.clients_add_payments) == (False, True)
    read = words(browser(staff, account).get(at("expense_rules")))
    assert "note no expenses; note what they have paid" in read


@pytest.mark.parametrize("role", [Role.STAFF, Role.ORGANIZER])
def test_others_read_the_rates_and_change_none(account, role):
    client = browser(make_member(account, role).user, account)
    assert client.get(at("exchange_rates")).status_code == 200
    for name in ("rate_create", "rates_import"):
        assert client.post(at(name), {}).status_code == 403


def test_a_strangers_vendor_and_rate_are_not_there(account, manager, other_account):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        vendor = create_vendor(acting_user=rival, name="Rival flowers")
        rate = ExchangeRate.objects.create(
            base_currency="USD", quote_currency="EUR", on_date=date(2026, 1, 1), rate=Decimal("0.9"), source="bank"
        )
    client = browser(manager, account)
    assert client.get(at("vendor", vendor.pk)).status_code == 404
    for name, pk in (("vendor_edit", vendor.pk), ("vendor_delete", vendor.pk), ("rate_edit", rate.pk)):
        assert client.post(at(name, pk), {"name": "Mine"}).status_code == 404
    assert "Rival" not in words(client.get(at("vendors")))
    assert client.get(at("exchange_rates")).context["rates"] == []
