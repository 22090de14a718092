"""A budget's plan as a file, and the file back into a budget."""

import csv
import io
from decimal import Decimal
from urllib.parse import unquote
from uuid import uuid4

import openpyxl
import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from budgets.models import BudgetLineItem, EntryKind, EntrySource, EventBudget
from budgets.services import ledger
from budgets.services.categories import create_category
from budgets.services.driver import create_driver
from budgets.services.event_budget import delete_event_budget
from budgets.services.line_item import add_line_items, delete_line_item
from budgets.services.plan_export import EXPORTED_COLUMNS, PlanFormat, export_plan
from budgets.services.plan_import import import_plan
from budgets.tests.pages import address, browser, words
from budgetsite.accounts.roles import Role
from budgetsite.money.currencies import decimal_places
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.people import make_member
from budgetsite.testing.rest import rest_client_of

TYPES = {"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"}


HEADINGS = ["follows" if name == "driver" else name for name in EXPORTED_COLUMNS]


def api_address(budget):
    return f"/api/v1/event-budgets/{budget.pk}/export"


def exported(budget, plan_format="csv"):
    current = EventBudget.objects.select_related("event").get(pk=budget.pk)
    return export_plan(current, plan_format=PlanFormat(plan_format))


def table_of(content):
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline="")))


def imported_again(account, user, budget, plan_format):
    """Export the budget and import the file for a new event in the same currency; return the budget it makes."""
    file = exported(budget, plan_format)
    report = import_plan(
        file=io.BytesIO(file.content),
        filename=file.filename,
        event=make_event(account, user, currency=budget.currency),
        acting_user=user,
    )
    assert report.budget is not None
    return report.budget


def lines_of(budget):
    lines = BudgetLineItem.objects.filter(budget=budget).order_by("sort_order", "id")
    stored = [name for name in EXPORTED_COLUMNS if name not in ("category", "driver")]
    return list(lines.values_list("category__name", "driver__name", "driver__quantity", *stored))


def totals_of(budget):
    budget = EventBudget.objects.get(pk=budget.pk)
    return (
        budget.lines_total_amount,
        budget.total_actual_amount,
        budget.total_budget_amount,
        budget.variance_amount,
        budget.projected_income_amount,
        budget.total_income_amount,
    )


# What the API stores: trimmed, without control characters but line breaks and tabs.
stored_text = st.text(st.characters(blacklist_categories=["Cc", "Cs", "Cn"]), max_size=30)
tricky_text = st.text(st.sampled_from("=+-@'\"\t;, a1.\u00a0\uff1d|\\"), max_size=8)
known_text = st.sampled_from(
    ["=1+1", "O'Brien", "'=1", "قاعة الاحتفالات", "#N/A", "TRUE", "1,234", "2026-07-15", "会場"]
)
one_line = st.one_of(known_text, stored_text, tricky_text).map(str.strip).filter(bool)
# Names that no letter case makes alike.
driver_names = st.one_of(st.sampled_from(["=SUM(A1)", "+1", "@x", "'Guests", "Gäste 宾客", "7.5"]), st.uuids().map(str))
quantities = st.integers(0, 10**6).map(lambda thousandths: Decimal(thousandths) / 1000)
several_lines = st.lists(one_line, max_size=3).map("\n".join)


@st.composite
def plans(draw):
    """A currency with lines in it."""
    currency = draw(st.sampled_from(["JPY", "USD", "KWD"]))

    def amounts(least, largest):
        units = st.integers(least, largest).map(lambda units: Decimal(units).scaleb(-decimal_places(currency)))
        return st.one_of(st.just(Decimal(0)), units)

    line = st.fixed_dictionaries(
        {
            "kind": st.sampled_from(["cost", "income"]),
            "category": st.sampled_from(["Venue", "Food & Beverage", "Hair/Makeup", "=SUM(A1)"]),
            "section": st.just("") | one_line,
            "name": one_line,
            "description": several_lines,
            "budgeted_amount": amounts(0, 10**9),
            "actual_amount": amounts(-(10**9), 10**9),
            "notes": several_lines,
        }
    )
    drivers = draw(st.dictionaries(driver_names, quantities, max_size=3))
    lines = draw(st.lists(line, min_size=1, max_size=5))
    for planned in lines:
        follows = draw(st.sampled_from([None, None, "", *drivers]))
        if follows is not None:
            planned |= {"unit_price": draw(amounts(0, 10**5)), "transferred_amount": draw(amounts(-(10**5), 10**5))}
            planned |= {"driver": follows} if follows else {"quantity": draw(quantities)}
    return currency, drivers, lines


@pytest.mark.parametrize("plan_format", PlanFormat.values)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=plans())
def test_an_exported_plan_imports_again_to_the_same_lines_and_totals(account, owner, plan_format, plan):
    currency, drivers, lines = plan
    with transaction.atomic():
        create_category(name="=SUM(A1)", acting_user=owner)
        event = make_event(account, owner, currency=currency)
        budget = make_budget(account, owner, total=None, event=event)
        ids = {
            name: create_driver(budget_id=budget.pk, acting_user=owner, name=name, quantity=quantity).pk
            for name, quantity in drivers.items()
        }
        for line in lines:
            line["driver_id"] = ids.get(line.pop("driver", None))
        add_line_items(budget_id=budget.pk, acting_user=owner, line_items=lines)

        again = imported_again(account, owner, budget, plan_format)

        assert lines_of(again) == lines_of(budget)
        assert len(lines_of(again)) == len(lines)
        assert totals_of(again) == totals_of(budget)
        # (Exported once more it is the same file.)
        if plan_format == "csv":
            assert exported(again).content == exported(budget).content
        transaction.set_rollback(True)


@pytest.mark.parametrize("plan_format", PlanFormat.values)
def test_line_breaks_stay_in_texts_and_become_spaces_in_names(account, owner, plan_format):
    budget = make_budget(account, owner, total=None)
    make_line(budget, owner, name="Hall\nand garden", description="One\r\ntwo\n\nthree", notes="=1\n=2")
    again = imported_again(account, owner, budget, plan_format)
    [line] = BudgetLineItem.objects.filter(budget=again)
    assert (line.name, line.description, line.notes) == ("Hall and garden", "One\ntwo\n\nthree", "=1\n=2")


@pytest.mark.parametrize("plan_format", PlanFormat.values)
def test_the_longest_texts_that_the_api_takes_come_back_whole(account, owner, plan_format):
    budget = make_budget(account, owner, total=None)
    longest = {"name": "=" * 200, "section": "ن" * 200, "description": "é" * 10_000, "notes": "=" + "x" * 9_999}
    answer = rest_client_of(owner, account).post(
        f"/event-budgets/{budget.pk}/line-items",
        {"category": "Venue", "budgeted_amount": "999999999999.99", "version": 1, **longest},
    )
    assert answer.status == 201, answer.json
    again = imported_again(account, owner, budget, plan_format)
    assert lines_of(again) == lines_of(budget)


@pytest.mark.parametrize("plan_format", PlanFormat.values)
def test_invisible_characters_of_old_data_do_not_stop_the_import(account, owner, plan_format):
    budget = make_budget(account, owner, total=None)
    make_line(budget, owner, name="Ha\x07ll\x85", notes="\x1bone\ttwo\uffff")
    again = imported_again(account, owner, budget, plan_format)
    [line] = BudgetLineItem.objects.filter(budget=again)
    assert (line.name, line.notes) == ("Ha\ufffdll\ufffd", "\ufffdone\ttwo\ufffd")


@pytest.mark.parametrize(
    ("stored", "written"),
    [
        ([7, 20, 1_000_000_000], [7, 20, 1_000_000_000]),
        ([0, 0, 5], [10, 20, 30]),
        ([-1, 5, 6], [10, 20, 30]),
        ([5, 6, 1_000_000_001], [10, 20, 30]),
    ],
)
def test_places_are_written_anew_only_where_the_order_would_be_lost(account, owner, stored, written):
    lines = [{"category": "Venue", "name": f"Line {place}", "sort_order": place} for place in stored]
    budget = make_budget(account, owner, total=None, lines=[{"budgeted_amount": "1", **line} for line in lines])
    rows = table_of(exported(budget).content)[1:]
    assert [int(row[-1]) for row in rows] == written
    stored_order = BudgetLineItem.objects.filter(budget=budget).order_by("sort_order", "id")
    assert [row[2] for row in rows] == list(stored_order.values_list("name", flat=True))
    again = BudgetLineItem.objects.filter(budget=imported_again(account, owner, budget, "csv"))
    assert list(again.order_by("sort_order").values_list("name", flat=True)) == [row[2] for row in rows]


def test_the_csv_is_exactly_this(account, owner):
    budget = make_budget(account, owner, total="9000")
    make_line(budget, owner, name="O'Brien, hall", section="Day one", budgeted_amount="1234.5", actual_amount="-5")
    make_line(budget, owner, name="=cmd|' /C calc'!A0", category="music", notes='said "yes"')
    guests = create_driver(budget_id=budget.pk, acting_user=owner, name="=Guests", quantity=Decimal("7.5"))
    dinner = {"category": "Food & Beverage", "name": "Dinner", "unit_price": "33.33", "budgeted_amount": 0}
    make_line(budget, owner, driver_id=guests.pk, transferred_amount=Decimal(-50), **dinner)
    tickets = {"name": "Tickets", "kind": "income", "unit_price": "10", "actual_amount": "20", "budgeted_amount": 0}
    make_line(budget, owner, category="Miscellaneous", driver_id=guests.pk, **tickets)
    assert (
        exported(budget).content
        == (
            "\ufeffsection,category,name,description,kind,quantity,unit_price,follows,transferred_amount,"
            "budgeted_amount,committed_amount,actual_amount,notes,sort_order\r\n"
            'Day one,Venue,"O\'Brien, hall",,cost,,,,,1234.50,0.00,-5.00,,10\r\n'
            ',Music,\'=cmd|\' /C calc\'!A0,,cost,,,,,1000.00,0.00,0.00,"said ""yes""",20\r\n'
            ",Food & Beverage,Dinner,,cost,7.5,33.33,'=Guests,-50.00,199.98,0.00,0.00,,30\r\n"
            ",Miscellaneous,Tickets,,income,7.5,10.00,'=Guests,,75.00,0.00,20.00,,40\r\n"
        ).encode()
    )


def test_the_workbook_has_numbers_texts_and_no_formula(account, owner):
    budget = make_budget(account, owner, total=None, event=make_event(account, owner, currency="KWD"))
    make_line(budget, owner, name="=1+1", budgeted_amount="1234.567", actual_amount="0.001")
    make_line(budget, owner, name="#N/A", description="+1")
    make_line(budget, owner, name="By quantity", quantity="7.5", unit_price="0.004", budgeted_amount=0)
    sheet = openpyxl.load_workbook(io.BytesIO(exported(budget, "xlsx").content)).active
    headings, first, second, third = sheet.rows
    assert [cell.value for cell in headings] == HEADINGS
    assert [cell.value for cell in first] == [
        None,
        "Venue",
        "'=1+1",
        None,
        "cost",
        None,
        None,
        None,
        None,
        1234.567,
        0,
        0.001,
        None,
        10,
    ]
    assert (first[2].data_type, first[9].data_type, first[9].number_format) == ("s", "n", "#,##0.000")
    assert [(cell.value, cell.data_type) for cell in second[2:4]] == [("#N/A", "s"), ("'+1", "s")]
    assert [cell.value for cell in third[4:10]] == ["cost", 7.5, 0.004, None, None, 0.03]
    assert (third[5].data_type, third[5].number_format) == ("n", "General")


@pytest.mark.parametrize(
    ("currency", "shown"),
    [
        ("JPY", ["1500", "0", "0"]),
        ("USD", ["1500.00", "0.00", "0.00"]),
        ("KWD", ["1500.000", "0.000", "0.000"]),
    ],
)
def test_amounts_have_the_decimals_of_their_currency(account, owner, currency, shown):
    budget = make_budget(account, owner, total=None, event=make_event(account, owner, currency=currency))
    make_line(budget, owner, budgeted_amount="1500")
    [_, row] = table_of(exported(budget).content)
    assert row[9:12] == shown


def test_what_is_no_live_line_stays_out(account, owner, other_account):
    budget = make_budget(account, owner)
    make_line(budget, owner, name="Kept")
    gone = make_line(budget, owner, name="Gone")
    delete_line_item(budget_id=budget.pk, line_item_id=gone.pk, acting_user=owner, now=timezone.now())
    make_line(make_budget(account, owner), owner, name="Of another budget")
    ledger.post(
        budget_id=budget.pk,
        kind=EntryKind.ACTUAL,
        actual_delta=Decimal(70),
        currency=budget.currency,
        source=EntrySource.MANUAL,
    )
    assert [row[2] for row in table_of(exported(budget).content)] == ["name", "Kept"]


@pytest.mark.parametrize("plan_format", PlanFormat.values)
def test_a_budget_without_lines_is_a_row_of_headings(account, owner, plan_format):
    content = exported(make_budget(account, owner), plan_format).content
    if plan_format == "csv":
        assert table_of(content) == [HEADINGS]
    else:
        assert [[cell.value for cell in row] for row in openpyxl.load_workbook(io.BytesIO(content)).active.rows] == [
            HEADINGS
        ]


@pytest.mark.parametrize(
    ("event_name", "filename"),
    [
        ("Summer gala", "Summer gala budget.csv"),
        ("O'Brien & Sons: 50%/50%", "O'Brien & Sons 50 50 budget.csv"),
        ('../../etc/"passwd"\r\nX-Evil: 1', "etc passwd X-Evil 1 budget.csv"),
        ("Ana\u202egpj.exe", "Ana gpj.exe budget.csv"),
        ("///", "budget.csv"),
        ("حفل زفاف", "حفل زفاف budget.csv"),
        ("Fête d'été 会場 🎉", "Fête d'été 会場 🎉 budget.csv"),
        ("🎉" * 100, "🎉" * 30 + " budget.csv"),
    ],
)
def test_the_file_is_named_after_the_event(account, owner, event_name, filename):
    budget = make_budget(account, owner, event=make_event(account, owner, name=event_name))
    answer = rest_client_of(owner, account).client.get(api_address(budget))
    disposition = answer["Content-Disposition"]
    if filename.isascii():
        assert disposition == f'attachment; filename="{filename}"'
    else:
        assert disposition.startswith("attachment; filename*=utf-8''")
        assert disposition.isascii()
        assert unquote(disposition.partition("''")[2]) == filename


def page_and_api(account, user, budget):
    client = browser(user, account)
    return [(client, address("export", budget)), (client, api_address(budget))]


@pytest.mark.parametrize("plan_format", PlanFormat.values)
def test_the_page_and_the_api_answer_the_same_download(account, owner, plan_format):
    budget = make_budget(account, owner)
    make_line(budget, owner, name="قاعة")
    for client, where in page_and_api(account, owner, budget):
        answer = client.get(where, {"format": plan_format})
        assert answer.status_code == 200
        assert answer["Content-Type"] == TYPES[plan_format]
        assert answer["Content-Disposition"] == f'attachment; filename="Summer gala budget.{plan_format}"'
        assert answer["Content-Length"] == str(len(answer.content))
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Cache-Control"] == "private, no-store"
        if plan_format == "csv":
            assert answer.content == exported(budget).content
            assert client.get(where).content == answer.content
            assert client.get(where, headers={"Accept": "text/csv"}).content == answer.content
        else:
            assert openpyxl.load_workbook(io.BytesIO(answer.content)).active["C2"].value == "قاعة"
        assert client.head(where).status_code == 200
        assert client.post(where).status_code == 405


@pytest.mark.parametrize("wanted", ["doc", "CSV", "", "xlsx ", "csv\x00", "x" * 5000])
def test_another_format_is_refused_with_the_valid_ones(account, owner, wanted):
    budget = make_budget(account, owner)
    answer = rest_client_of(owner, account).get(f"/event-budgets/{budget.pk}/export", format=wanted)
    assert answer.status == 400
    assert answer.json["errors"] == [
        {"code": "invalid_choice", "detail": "Choose one of: csv, xlsx, pdf.", "attr": "format"}
    ]
    page = browser(owner, account).get(address("export", budget), {"format": wanted})
    assert page.status_code == 400
    assert "pdf, csv or xlsx" in words(page)
    assert "attachment" not in page.get("Content-Disposition", "")


def test_each_role_exports_what_it_may_see(account, owner):
    organizer, client = (make_member(account, role).user for role in (Role.ORGANIZER, Role.CLIENT))
    event = make_event(account, owner, organizer=organizer, client=client)
    own, foreign = make_budget(account, owner, event=event), make_budget(account, owner)
    statuses = {}
    for role in Role:
        user = {Role.ORGANIZER: organizer, Role.CLIENT: client}.get(role) or make_member(account, role).user
        statuses[role] = [
            visitor.get(where).status_code
            for budget in (own, foreign)
            for visitor, where in page_and_api(account, user, budget)
        ]
    assert statuses == {
        Role.OWNER: [200, 200, 200, 200],
        Role.MANAGER: [200, 200, 200, 200],
        Role.STAFF: [200, 200, 200, 200],
        Role.ORGANIZER: [200, 200, 404, 404],
        Role.CLIENT: [200, 200, 404, 404],
        # (A page that one may not see is not there; the API says that the role may not.)
        Role.ATTENDEE: [404, 403, 404, 403],
    }


def test_a_strangers_budget_is_not_there(account, owner, other_account):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        budget = make_budget(other_account, rival)
        make_line(budget, rival, name="Secret hall")
    for client, where in page_and_api(account, owner, budget):
        for plan_format in [*PlanFormat.values, "pdf"]:
            answer = client.get(where, {"format": plan_format})
            assert answer.status_code == 404
            assert b"Secret hall" not in answer.content


def test_a_deleted_budget_and_an_unknown_one_are_not_there(account, owner):
    budget = make_budget(account, owner)
    delete_event_budget(budget_id=budget.pk, acting_user=owner, now=timezone.now())
    for client, where in page_and_api(account, owner, budget):
        assert client.get(where).status_code == 404
        assert client.get(where.replace(str(budget.pk), str(uuid4()))).status_code == 404


@pytest.mark.parametrize("plan_format", PlanFormat.values)
def test_a_thousand_lines_cost_as_many_statements_as_one(account, owner, plan_format):
    budget = make_budget(account, owner, total=None)
    make_line(budget, owner)

    def statements():
        counts = []
        for client, where in page_and_api(account, owner, budget):
            client.get(where)
            with CaptureQueriesContext(connection) as asked:
                assert client.get(where, {"format": plan_format}).status_code == 200
            counts.append(len(asked))
        return counts

    with_one = statements()
    lines = [{"category": "Venue", "name": f"Line {n}", "budgeted_amount": "1"} for n in range(999)]
    add_line_items(budget_id=budget.pk, acting_user=owner, line_items=lines)
    assert statements() == with_one
    assert max(with_one) <= 10
    current = EventBudget.objects.select_related("event").get(pk=budget.pk)
    with CaptureQueriesContext(connection) as asked:
        file = export_plan(current, plan_format=PlanFormat(plan_format))
    assert len(asked) == 1
    if plan_format == "csv":
        assert len(table_of(file.content)) == 1001


def test_the_schema_describes_three_files_and_a_refusal(db):
    schema = SchemaGenerator().get_schema(request=None, public=True)
    operation = schema["paths"]["/api/v1/event-budgets/{budget_id}/export"]["get"]
    file = {"schema": {"type": "string", "format": "binary"}}
    types = ("text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/pdf")
    assert operation["responses"]["200"]["content"] == dict.fromkeys(types, file)
    assert set(operation["responses"]) >= {"400", "401", "403", "404"}
    [choice] = [parameter for parameter in operation["parameters"] if parameter["name"] == "format"]
    assert choice["schema"] == {"type": "string", "enum": ["csv", "pdf", "xlsx"], "default": "csv"}


@pytest.mark.parametrize("role", [Role.OWNER, Role.CLIENT])
def test_the_budgets_page_offers_both_formats(account, owner, role):
    user = make_member(account, role).user
    event = make_event(account, owner, client=user if role == Role.CLIENT else None)
    budget = make_budget(account, owner, event=event)
    html = browser(user, account).get(address("detail", budget)).content.decode()
    for plan_format in PlanFormat.values:
        assert f'href="{address("export", budget)}?format={plan_format}"' in html
