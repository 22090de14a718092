"""`/vendors`, `/exchange-rates`, `/expense-policy` and comments over REST."""

from decimal import Decimal
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from openpyxl import Workbook

from budgets.api.comment import CommentAnswer
from budgets.api.exchange_rate import ExchangeRateAnswer, RateImportAnswer
from budgets.api.vendor import VendorDetailAnswer
from budgets.models import BudgetComment, ExchangeRate, Vendor
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.expenses import make_expense
from budgetsite.testing.people import make_member, sign_in
from budgetsite.testing.rest import rest_client, rest_client_of

RATES = "base_currency,quote_currency,on_date,rate,source\n"


@pytest.fixture
def couple(account):
    return make_member(account, Role.CLIENT).user


@pytest.fixture
def budget(account, organizer, couple):
    budget = make_budget(account, organizer, total="1000", event=make_event(account, organizer, client=couple))
    make_line(budget, organizer, category="Flowers", name="Flowers", budgeted_amount=Decimal("1000"))
    return budget


@pytest.fixture
def api(account, staff):
    return rest_client_of(staff, account)


@pytest.fixture
def manages(account):
    return rest_client(account, Role.MANAGER)


def upload(client, account, text: bytes, name="rates.csv", **fields):
    files = {"file": SimpleUploadedFile(name, text), **fields}
    return sign_in(client.user, account).post("/api/v1/exchange-rates/import", files)


def test_a_vendor_says_what_is_spent_on_them_in_each_currency(
    api, account, budget, staff, organizer, django_assert_max_num_queries
):
    made = api.post("/vendors", {"name": "Blüten & Co", "email": "hello@example.org", "bank_details": "DE02 1203"})
    assert (made.status, set(made.json), made.json["spend"]) == (201, set(VendorDetailAnswer().fields), [])
    for amount, stage, currency in ((100, "invoiced", None), (50, "committed", None), (20, "invoiced", "EUR")):
        rate = Decimal("1.5") if currency else None
        make_expense(
            budget, staff, amount=Decimal(amount), stage=stage, currency=currency, exchange_rate=rate,
            vendor="blüten & co",
        )  # fmt: skip
    path = f"/vendors/{made.json['id']}"
    spend = api.get(path).json["spend"]
    figures = ("currency", "expenses_count", "promised_amount", "invoiced_amount", "open_amount")
    assert [tuple(row[name] for name in figures) for row in spend] == [
        ("CAD", 2, "50.00", "100.00", "100.00"),
        ("EUR", 1, "0.00", "20.00", "20.00"),
    ]
    for number in range(3):
        make_expense(budget, staff, amount=Decimal(1), vendor=f"Another {number}")
    with django_assert_max_num_queries(10):
        listed = api.get("/vendors").json
    assert (listed["count"], listed["results"][-1]["expenses_count"]) == (4, 3)
    assert "bank_details" not in listed["results"][0]
    # An organizer sums up the events that they run.
    other = rest_client(account, Role.ORGANIZER)
    assert other.get(path).json["spend"] == []


def test_a_vendor_is_named_once_and_kept_while_it_is_in_use(api, budget, staff):
    expense = make_expense(budget, staff, vendor="Florist")
    path = f"/vendors/{expense.vendor_id}"
    assert api.post("/vendors", {"name": "FLORIST"}).codes == ["vendor_exists"]
    assert api.post("/vendors", {"name": "X", "email": "no"}).fields == {"email": "invalid"}
    assert api.delete(path).codes == ["vendor_in_use"]
    assert api.patch(path, {"name": "O'Brien <b>", "payment_terms_days": 14}).json["name"] == "O'Brien <b>"
    free = api.post("/vendors", {"name": "Free"}).json
    assert api.delete(f"/vendors/{free['id']}").status == 204
    assert [vendor.name for vendor in Vendor.objects.all()] == ["O'Brien <b>"]


def test_rates_are_kept_and_used(manages, api, budget):
    rate = {"base_currency": "eur", "quote_currency": "CAD", "on_date": "2026-01-01", "rate": "1.5", "source": "Bank"}
    made = manages.post("/exchange-rates", rate)
    assert (made.status, set(made.json), made.json["rate"]) == (201, set(ExchangeRateAnswer().fields), "1.5")
    twice = manages.post("/exchange-rates", {**rate, "rate": "1.6"})
    assert (twice.status, twice.codes, twice.json["rate_id"]) == (409, ["rate_exists"], made.json["id"])
    for wrong, field, code in (
        ({"rate": "0"}, "rate", "rate_out_of_range"),
        ({"rate": "NaN"}, "rate", "invalid"),
        ({"base_currency": "ZZZ"}, "base_currency", "unknown_currency"),
        ({"base_currency": "CAD"}, "quote_currency", "same_currency"),
    ):
        assert manages.post("/exchange-rates", {**rate, **wrong}).fields == {field: code}
    expense = {
        "event_id": str(budget.event_id), "category": "Flowers", "description": "Tulips", "amount": "10",
        "currency": "EUR", "expense_date": "2026-02-01",
    }  # fmt: skip
    recorded = api.post("/expenses", expense).json
    assert (recorded["budget_amount"], recorded["rate_date"], recorded["rate_source"]) == (
        "15.00", "2026-01-01", "Bank",
    )  # fmt: skip
    path = f"/exchange-rates/{made.json['id']}"
    assert manages.patch(path, {"rate": "1.75"}).json["rate"] == "1.75"
    assert api.get(f"/expenses/{recorded['id']}").json["exchange_rate"] == "1.5"
    assert api.delete(path).status == 403
    assert (manages.delete(path).status, manages.delete(path).status) == (204, 404)
    assert api.post("/expenses", expense).fields == {"currency": "rate_missing"}


def test_a_table_of_rates_is_imported_whole_or_not_at_all(account, manages):
    manages.post(
        "/exchange-rates", {"base_currency": "USD", "quote_currency": "CAD", "on_date": "2026-01-02", "rate": "1.3"}
    )
    good = (RATES + "EUR,CAD,2026-01-01,1.46251,Bank\nusd,CAD,02.01.2026,1.3,\nGBP,CAD,2026-01-01,1.7,\n").encode()
    bad = good + b"EUR,CAD,2026-01-01,1.5,\nEUR,EUR,2026-01-01,1,\nEUR,XXX,2026-13-01,-2,\nUSD,CAD,2026-01-02,1.4,\n"

    looked = upload(manages, account, bad, dry_run="true")
    assert (looked.status_code, set(looked.json())) == (200, set(RateImportAnswer().fields))
    wrong = [
        ("rows.5.on_date", "repeated"),
        ("rows.6.quote_currency", "same_currency"),
        ("rows.7.quote_currency", "unknown_currency"),
        ("rows.7.on_date", "invalid"),
        ("rows.7.rate", "out_of_range"),
        ("rows.8.on_date", "repeated"),
    ]
    found = [(problem["attr"], problem["code"]) for problem in looked.json()["problems"]]
    assert found == wrong
    refused = upload(manages, account, bad)
    assert refused.status_code == 400
    assert {error["attr"] for error in refused.json()["errors"]} == {attr for attr, _ in found}
    assert ExchangeRate.objects.count() == 1

    stored = upload(manages, account, good)
    assert (stored.status_code, len(stored.json()["rates"]), len(stored.json()["skipped"])) == (201, 2, 1)
    euro = ExchangeRate.objects.get(base_currency="EUR")
    assert (euro.rate, euro.source, euro.history.count()) == (Decimal("1.46251"), "Bank", 1)
    assert ExchangeRate.objects.get(base_currency="GBP").source == "rates.csv"

    again = (RATES + "EUR,CAD,2026-01-01,1.46252,ECB\n").encode()
    assert upload(manages, account, again).json()["errors"][0]["code"] == "rate_exists"
    assert upload(manages, account, again, on_existing="skip").json()["rates"] == []
    assert upload(manages, account, again, on_existing="replace").json()["rates"][0]["replaces"] == "1.46251"
    euro.refresh_from_db()
    assert (euro.rate, euro.source, euro.history.count()) == (Decimal("1.46252"), "ECB", 2)


def test_a_workbook_is_a_table_too_and_other_files_are_not(account, manages, api):
    workbook, file = Workbook(), BytesIO()
    workbook.active.append(["Currency", "To", "Date", "Rate"])
    workbook.active.append(["EUR", "CAD", "2026-01-01", 1.46251])
    workbook.save(file)
    assert upload(manages, account, file.getvalue(), "rates.xlsx").status_code == 201
    assert str(ExchangeRate.objects.get().rate.normalize()) == "1.46251"
    assert upload(manages, account, b"\x89PNG\r\n\x1a\n" + bytes(50), "rates.csv").status_code == 415
    assert upload(manages, account, b"a,b\n1,2\n").json()["errors"][0]["code"] == "wrong_columns"
    assert upload(api, account, RATES.encode()).status_code == 403


def test_the_policy_is_the_accounts(manages, api, other_account):
    assert api.get("/expense-policy").json == {
        "largest_amount": "1000000.00", "currency": "CAD", "receipt_hosts": [], "clients_add_expenses": True,
        "clients_add_payments": True,
    }  # fmt: skip
    changed = manages.patch("/expense-policy", {"largest_amount": "500", "receipt_hosts": ["Drive.Example.org"]})
    assert (changed.json["largest_amount"], changed.json["receipt_hosts"]) == ("500.00", ["drive.example.org"])
    for wrong, field in (({"largest_amount": "0"}, "largest_amount"), ({"receipt_hosts": ["a/b"]}, "receipt_hosts.0")):
        assert list(manages.patch("/expense-policy", wrong).fields) == [field]
    assert api.patch("/expense-policy", {"largest_amount": "1"}).status == 403
    assert api.get("/expense-policy").json["largest_amount"] == "500.00"
    assert rest_client(other_account, Role.OWNER).get("/expense-policy").json["largest_amount"] == "1000000.00"


def test_team_and_client_talk_about_a_budget_and_its_expenses(account, couple, api, budget, staff, other_account):
    expense = make_expense(budget, staff)
    client = rest_client_of(couple, account)
    first = api.post(f"/event-budgets/{budget.pk}/comments", {"text": "  Roses or <b>tulips</b>? 💐\r\n"})
    assert (first.status, set(first.json), first.json["text"]) == (
        201, set(CommentAnswer().fields), "Roses or <b>tulips</b>? 💐",
    )  # fmt: skip
    second = client.post(f"/expenses/{expense.pk}/comments", {"text": "Roses"}).json
    about_budget = api.get(f"/event-budgets/{budget.pk}/comments").json["results"]
    assert [(row["text"], row["expense_id"], row["is_own"]) for row in about_budget] == [
        ("Roses", str(expense.pk), False), ("Roses or <b>tulips</b>? 💐", None, True),
    ]  # fmt: skip
    assert [row["id"] for row in client.get(f"/expenses/{expense.pk}/comments").json["results"]] == [second["id"]]
    assert api.post(f"/event-budgets/{budget.pk}/comments", {"text": " "}).fields == {"text": "blank"}
    assert api.post(f"/event-budgets/{budget.pk}/comments", {"text": "x" * 5001}).fields == {"text": "max_length"}

    address = f"/expenses/{expense.pk}/comments/{second['id']}"
    assert api.delete(address).codes == ["comment_not_yours"]
    assert rest_client(account, Role.CLIENT).get(f"/expenses/{expense.pk}/comments").status == 404
    stranger = rest_client(other_account, Role.OWNER)
    assert stranger.post(f"/event-budgets/{budget.pk}/comments", {"text": "Hello"}).status == 404
    assert stranger.delete(address).status == 404
    assert BudgetComment.objects.count() == 2
    assert (client.delete(address).status, client.delete(address).status) == (204, 404)
    assert BudgetComment.objects.count() == 1
