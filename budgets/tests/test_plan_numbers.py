"""Files with kinds of lines, quantities, prices and the numbers that lines follow; and old files without."""

import io
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from budgets.models import BudgetLineItem, EntryKind, EventBudget, LedgerEntry, PlanDriver
from budgets.services.driver import create_driver
from budgets.services.ledger_proof import verify_ledger
from budgets.services.plan_export import PlanFormat, export_plan
from budgets.services.plan_import import ImportRefused, OnExisting, import_plan
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.rest import rest_client_of

HEADINGS = "kind,category,name,quantity,unit_price,follows,transferred_amount,budgeted_amount,actual_amount"


@pytest.fixture
def event(account, owner):
    return make_event(account, owner)


@pytest.fixture
def read(owner, event):
    """Import these rows for the event, or for the budget that is named."""

    def work(*rows, headings=HEADINGS, **options):
        target = {} if "budget_id" in options else {"event": event}
        data = "\n".join([headings, *rows]).encode()
        return import_plan(file=io.BytesIO(data), filename="plan.csv", acting_user=owner, **target, **options)

    return work


def problems(report):
    return [(problem.attr, problem.code, problem.value) for problem in report.problems]


def planned(budget):
    lines = BudgetLineItem.objects.filter(budget=budget).select_related("driver").order_by("sort_order", "id")
    return [
        (line.kind, line.name, line.quantity, line.unit_price, line.driver and line.driver.name, line.budgeted_amount)
        for line in lines
    ]


def test_costs_and_income_prices_and_numbers_are_read(read):
    report = read(
        "cost,Venue,Hall,,,,,1000,",
        "Cost,Catering,Dinner,120,45.5,Guests,,,",
        ",Catering,Drinks,,12,guests,-40,1400.00,100",
        "INCOME,Miscellaneous,Tickets,,30,Guests,,,250",
        "cost,Music,Band,7.5,100,,,750,",
    )
    budget = report.budget
    assert report.new_drivers == ["Guests"]
    assert planned(budget) == [
        ("cost", "Hall", None, None, None, 1000),
        ("cost", "Dinner", 120, Decimal("45.5"), "Guests", 5460),
        ("cost", "Drinks", 120, 12, "Guests", 1400),
        ("income", "Tickets", 120, 30, "Guests", 3600),
        ("cost", "Band", Decimal("7.5"), 100, None, 750),
    ]
    assert (report.budgeted_amount, report.actual_amount) == (8610, 100)
    assert (report.projected_income_amount, report.income_amount) == (3600, 250)
    assert (budget.total_budget_amount, budget.projected_income_amount) == (8610, 3600)
    assert (budget.total_actual_amount, budget.total_income_amount) == (100, 250)
    assert dict(LedgerEntry.objects.values_list("line_item__name", "kind")) == {
        "Drinks": EntryKind.ACTUAL,
        "Tickets": EntryKind.INCOME,
    }
    assert budget.version == 1
    assert verify_ledger() == []


def test_rows_follow_the_numbers_that_the_budget_has(read, owner, account):
    budget = make_budget(account, owner, total="5000")
    create_driver(budget_id=budget.pk, acting_user=owner, name="Guests", quantity=Decimal(80))
    report = read("cost,Catering,Dinner,,10,GUESTS,,,", "cost,Music,Band,4,100,Hours,,,", budget_id=budget.pk)
    assert report.new_drivers == ["Hours"]
    assert planned(budget) == [
        ("cost", "Dinner", 80, 10, "Guests", 800),
        ("cost", "Band", 4, 100, "Hours", 400),
    ]
    assert EventBudget.objects.get(pk=budget.pk).version == 3
    assert set(PlanDriver.objects.values_list("name", "quantity")) == {("Guests", 80), ("Hours", 4)}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("gift,Venue,Hall,,,,,1,", ("kind", "unknown_kind", "gift")),
        ("cost,Venue,Hall,-1,5,,,,", ("quantity", "out_of_range", "-1")),
        ("cost,Venue,Hall,1000000000,5,,,,", ("quantity", "out_of_range", "1000000000")),
        ("cost,Venue,Hall,1.2345,5,,,,", ("quantity", "too_many_decimals", "1.2345")),
        ("cost,Venue,Hall,many,5,,,,", ("quantity", "invalid", "many")),
        ("cost,Venue,Hall,=1+1,5,,,,", ("quantity", "formula", "=1+1")),
        ("cost,Venue,Hall,2,-5,,,,", ("unit_price", "below_minimum", "-5")),
        ("cost,Venue,Hall,2,0.001,,,,", ("unit_price", "too_many_decimals", "0.001")),
        ("cost,Venue,Hall,2,,,,10,", ("unit_price", "incomplete_price", "")),
        ("cost,Venue,Hall,,,Guests,,10,", ("unit_price", "incomplete_price", "")),
        ("cost,Venue,Hall,,5,,,10,", ("quantity", "incomplete_price", "")),
        ("cost,Venue,Hall,,5,Guests,,10,", ("quantity", "required", "")),
        ("cost,Venue,Hall,2,5,,,11,", ("budgeted_amount", "priced_line", "11.00")),
        ("cost,Venue,Hall,2,999999999999,,,,", ("unit_price", "out_of_range", "999999999999.00")),
        (f"cost,Venue,Hall,2,5,{'x' * 61},,,", ("driver", "too_long", "x" * 61)),
    ],
)
def test_what_is_wrong_is_said_by_row_and_column_and_nothing_is_stored(read, event, row, expected):
    good = "cost,Venue,Garden,1,5,,,,"
    with pytest.raises(ImportRefused) as refused:
        read(good, row)
    column, code, value = expected
    assert problems(refused.value.report) == [(f"rows.3.{column}", code, value)]
    assert problems(read(good, row, dry_run=True)) == [(f"rows.3.{column}", code, value)]
    assert not EventBudget.objects.exists()
    assert not PlanDriver.objects.exists()


def test_a_number_that_two_places_say_differently_is_refused(read, owner, account):
    budget = make_budget(account, owner, total=None)
    create_driver(budget_id=budget.pk, acting_user=owner, name="Guests", quantity=Decimal(80))
    rows = (
        "cost,Catering,Dinner,80,10,Guests,,,",
        "cost,Catering,Drinks,81,10,guests,,,",
        "cost,Music,Band,4,100,Hours,,,",
        "cost,Music,DJ,5,50,hours,,,",
    )
    report = read(*rows, budget_id=budget.pk, dry_run=True)
    assert problems(report) == [
        ("rows.3.quantity", "quantity_is_drivers", "81"),
        ("rows.5.quantity", "quantity_is_drivers", "5"),
    ]
    assert "“Guests” is 80 in this budget" in report.problems[0].message
    assert "“Hours” is 4 in row 4 of the file" in report.problems[1].message


def test_a_file_without_the_new_columns_is_read_as_before(read):
    report = read("Venue,Hall,1000,20", headings="category,name,budgeted_amount,actual_amount")
    assert planned(report.budget) == [("cost", "Hall", None, None, None, 1000)]
    assert (report.warnings, report.new_drivers) == ([], [])


def test_quantities_of_a_file_without_prices_are_remarks(read):
    report = read("Venue,Chairs,80,1000", headings="category,name,quantity,amount")
    assert planned(report.budget) == [("cost", "Chairs", None, None, None, 1000)]
    assert report.warnings == ["Not imported: quantity."]


def test_decimal_commas_are_read_in_quantities_too(read):
    report = read("Venue;Hall;7,5;1.234,50", headings="category;name;quantity;unit_price")
    assert planned(report.budget) == [("cost", "Hall", Decimal("7.5"), Decimal("1234.5"), None, Decimal("9258.75"))]


def test_promises_are_read_by_people_alone(read):
    report = read("Venue,Hall,1000,300", headings="category,name,budgeted_amount,committed_amount")
    assert (report.budget.total_committed_amount, report.budget.total_budget_amount) == (0, 1000)
    assert report.warnings == ["What is promised is not imported: promises are made by what promises them."]


def test_a_cost_and_an_income_of_one_name_are_two_lines(read, owner, account):
    budget = make_budget(account, owner, total=None)
    make_line(budget, owner, category="Miscellaneous", name="Swag", budgeted_amount="5")
    rows = ("income,Miscellaneous,Swag,,,,,865,", "cost,Miscellaneous,Swag,,,,,5,")
    report = read(*rows, budget_id=budget.pk, on_existing=OnExisting.SKIP)
    assert [(line.kind, line.name) for line in report.lines] == [("income", "Swag")]
    assert [(line.kind, line.name) for line in report.skipped] == [("cost", "Swag")]


def test_income_needs_no_room_below_the_ceiling(read, owner, account):
    budget = make_budget(account, owner, total="100")
    read("income,Miscellaneous,Tickets,10,500,,,,", budget_id=budget.pk)
    with pytest.raises(ImportRefused) as refused:
        read("cost,Venue,Hall,3,50,,,,", budget_id=budget.pk)
    assert problems(refused.value.report) == [("total_budget_amount", "lines_exceed_total", "")]


@pytest.mark.parametrize("plan_format", PlanFormat.values)
def test_an_export_skips_every_line_of_its_own_budget(account, owner, plan_format):
    budget = make_budget(account, owner, total=None)
    guests = create_driver(budget_id=budget.pk, acting_user=owner, name="Guests", quantity=Decimal(80))
    make_line(budget, owner, name="Dinner", unit_price="10", driver_id=guests.pk, budgeted_amount=0)
    make_line(budget, owner, name="Tickets", kind="income", unit_price="5", driver_id=guests.pk, budgeted_amount=0)
    file = export_plan(
        EventBudget.objects.select_related("event").get(pk=budget.pk), plan_format=PlanFormat(plan_format)
    )
    before = planned(budget)
    report = import_plan(
        file=io.BytesIO(file.content),
        filename=file.filename,
        budget_id=budget.pk,
        acting_user=owner,
        on_existing=OnExisting.SKIP,
    )
    assert (len(report.lines), len(report.skipped), report.new_drivers) == (0, 2, [])
    assert planned(budget) == before
    assert EventBudget.objects.get(pk=budget.pk).version == 4


def test_the_api_reports_prices_numbers_and_income(account, owner, event):
    rest = rest_client_of(owner, account)
    data = "\n".join([HEADINGS, "income,Catering,Tickets,120,45.5,Guests,,,10"]).encode()

    def send(**form):
        file = SimpleUploadedFile("plan.csv", data, content_type="text/csv")
        return rest.client.post("/api/v1/event-budgets/import", {"file": file, "event_id": str(event.pk), **form})

    report = send(dry_run="true").json()
    [row] = report["rows"]
    assert {name: row[name] for name in ("kind", "quantity", "unit_price", "driver", "budgeted_amount")} == {
        "kind": "income",
        "quantity": "120.000",
        "unit_price": "45.50",
        "driver": "Guests",
        "budgeted_amount": "5460.00",
    }
    assert report["totals"] == {
        "rows": 1,
        "budgeted_amount": "0.00",
        "actual_amount": "0.00",
        "projected_income_amount": "5460.00",
        "total_income_amount": "10.00",
    }
    assert report["new_drivers"] == ["Guests"]
    answer = send()
    assert answer.status_code == 201
    assert [line["name"] for line in answer.json()["income_lines"]] == ["Tickets"]
