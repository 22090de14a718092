"""What one line says: a table of lines and what is understood, and what is asked instead of guessed."""

from datetime import date
from decimal import Decimal

import pytest

from budgets.services.quick_expense import Understood, understand
from budgets.services.quick_target import Target
from budgets.services.typed_dates import read_day

# A Saturday.
TODAY = date(2026, 4, 11)
TARGETS = [
    Target("line:hall", "Hall", "Venue"),
    Target("line:garden", "Garden", "Venue"),
    Target("line:roses", "Roses", "Flowers"),
    Target("line:band", "Band", "Music"),
    Target("category:venue", "Venue"),
    Target("category:flowers", "Flowers"),
    Target("category:cake", "Cake & desserts"),
    Target("category:music", "Music"),
    Target("category:transport", "Transport"),
    Target("category:stationery", "Stationery"),
    Target("category:photography", "Photography & video"),
]
VENDORS = ["Zuckerbäcker", "Blumen Meyer", "Blumen Huber"]


def vendors_like(name: str) -> list[str]:
    return [vendor for vendor in VENDORS if vendor.casefold().startswith(name.casefold())]


def said(text: str, currency: str = "EUR", language: str = "en") -> Understood:
    return understand(
        text, targets=TARGETS, currency=currency, today=TODAY, language=language, vendors_like=vendors_like
    )


def in_short(found: Understood) -> dict[str, str]:
    """The parts that were understood, as text, and what is asked."""
    parts = {
        "for": found.target.key.partition(":")[2] if found.target else "",
        "amount": str(found.amount or ""),
        "currency": "" if found.currency == "EUR" else found.currency,
        "vendor": found.vendor,
        "due": str(found.due_date or ""),
        "on": str(found.expense_date or ""),
        "stage": found.stage,
        "asks": " ".join(question.part for question in found.questions),
    }
    return {"what": found.description} | {name: value for name, value in parts.items() if value}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Flowers 500 due 12 May", {"what": "Flowers", "for": "flowers", "amount": "500.00", "due": "2026-05-12"}),
        ("Band 1.200,50 EUR paid", {"what": "Band", "for": "band", "amount": "1200.50", "stage": "paid"}),
        (
            "Cake deposit 300 from Zuckerbäcker due tomorrow committed",
            {
                "what": "Cake deposit",
                "for": "cake",
                "amount": "300.00",
                "vendor": "Zuckerbäcker",
                "due": "2026-04-12",
                "stage": "committed",
            },
        ),
        ("flow 80", {"what": "Flowers", "for": "flowers", "amount": "80.00"}),
        (
            "Flowers for the hall entrance 120",
            {"what": "Flowers for the hall entrance", "amount": "120.00", "asks": "target"},
        ),
        ("Hall second rate 1,000.00", {"what": "Hall second rate", "for": "hall", "amount": "1000.00"}),
        ("$80 roses", {"what": "Roses", "for": "roses", "amount": "80.00", "asks": "currency"}),
        (
            "Roses USD 80 billed",
            {"what": "Roses", "for": "roses", "amount": "80.00", "currency": "USD", "stage": "invoiced"},
        ),
        ("Roses 80usd", {"what": "Roses", "for": "roses", "amount": "80.00", "currency": "USD"}),
        ("Roses 80€", {"what": "Roses", "for": "roses", "amount": "80.00"}),
        ("Roses 500 try them all", {"what": "Roses try them all", "for": "roses", "amount": "500.00"}),
        ("Roses 1 200,50", {"what": "Roses", "for": "roses", "amount": "1200.50"}),
        ("Roses -30", {"what": "Roses", "for": "roses", "amount": "-30.00", "stage": "invoiced"}),
        ("Roses 40 on 3 April", {"what": "Roses", "for": "roses", "amount": "40.00", "on": "2026-04-03"}),
        ("Music on stage 40", {"what": "Music on stage", "for": "music", "amount": "40.00"}),
        (
            "Roses 40 due friday from meyer & sons",
            {"what": "Roses", "for": "roses", "amount": "40.00", "vendor": "meyer & sons", "due": "2026-04-17"},
        ),
        ("Gift for O'Brien 25.50", {"what": "Gift for O'Brien", "amount": "25.50", "asks": "target"}),
    ],
)
def test_a_line_is_understood(text, expected):
    assert in_short(said(text)) == {name: value for name, value in expected.items() if value}


@pytest.mark.parametrize(
    ("text", "part", "choices"),
    [
        ("Fireworks 500", "target", ()),
        ("Video 500", "target", ("category:photography",)),
        ("Band transport 500", "target", ("line:band", "category:transport")),
        ("St 500", "target", ()),
        ("Table 12 flowers 500", "amount", ("12", "500")),
        ("Roses 12 300", "amount", ("12", "300", "12300")),
        ("Roses 1.200", "amount", ("1200", "1.2")),
        ("Roses 1.234", "amount", ("1234",)),
        ("Roses", "amount", ()),
        ("Roses 0", "amount", ()),
        ("Roses 500 from blumen", "vendor", ("Blumen Meyer", "Blumen Huber", "blumen")),
        ("Roses 500 from", "vendor", ()),
        ("Roses 500 due 03/04", "due_date", ("2026-03-04", "2026-04-03", "2027-03-04", "2027-04-03")),
        ("Roses 500 due 31 June", "due_date", ()),
        ("Roses 500 due soon", "due_date", ()),
        ("Roses 500 due saturday", "due_date", ("2026-04-11", "2026-04-18")),
        ("Roses 500 due next friday", "due_date", ("2026-04-17", "2026-04-24")),
        ("Roses 500 due 1 April", "due_date", ("2026-04-01", "2027-04-01")),
        ("Roses 500 12 May", "due_date", ("2026-05-12",)),
        ("Roses 500 committed paid", "stage", ("committed", "paid")),
        ("Roses -500 committed", "stage", ("invoiced", "paid")),
        ("Roses $500", "currency", ("USD", "CAD", "AUD")),
        ("500 due friday", "description", ()),
    ],
)
def test_what_is_open_is_asked(text, part, choices):
    found = said(text)
    question = found.question(part)
    assert question is not None
    assert question.choices == choices
    value = getattr(found, part)
    assert value in (None, "") or part == "vendor"


def test_the_readers_language_decides_between_two_readings_of_a_number():
    assert said("Roses 1.200", language="de").amount == Decimal("1200.00")
    assert said("Roses 1,50", language="de").amount == Decimal("1.50")
    assert said("Roses 500 due 3. Mai", language="de").due_date == date(2026, 5, 3)
    assert said("Roses 1,200").amount == Decimal("1200.00")


def test_a_dollar_sign_is_the_budgets_dollar_where_it_has_one():
    found = said("Roses $500", currency="CAD")
    assert (found.amount, found.currency, found.questions) == (Decimal("500.00"), "CAD", [])


def test_a_currency_without_decimals_takes_none():
    assert said("Roses 500 JPY").amount == Decimal(500)
    assert said("Roses 500.50 JPY").question("amount").text == "JPY has no decimals: write a whole number."


def test_a_new_vendor_is_told_apart_from_a_known_one():
    assert (said("Roses 5 from zuckerbäcker").vendor, said("Roses 5 from zuckerbäcker").is_new_vendor) == (
        "Zuckerbäcker",
        False,
    )
    assert (said("Roses 5 from Rossi").vendor, said("Roses 5 from Rossi").is_new_vendor) == ("Rossi", True)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("2027-05-12", ["2027-05-12"]),
        ("12.5.", ["2026-05-12"]),
        ("12.05.2027", ["2027-05-12"]),
        ("25/12", ["2026-12-25"]),
        ("May 12th 2028", ["2028-05-12"]),
        ("29 Feb", ["2028-02-29"]),
        ("in 2 weeks", ["2026-04-25"]),
        ("today", ["2026-04-11"]),
        ("mon", ["2026-04-13"]),
    ],
)
def test_a_day_is_read(text, days):
    found = read_day(text.split(), today=TODAY, language="en")
    assert (found.words, [str(day) for day in found.days]) == (len(text.split()), days)


@pytest.mark.parametrize("text", ["12", "500", "May", "12 roses", "noon", "12.50"])
def test_what_is_no_day_is_none(text):
    assert read_day(text.split(), today=TODAY, language="en") is None
