import io
import signal
import subprocess
import sys
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from openpyxl import Workbook

from budgets.models import BudgetLineItem, Category, EventBudget, LedgerEntry
from budgets.services.ledger_proof import verify_ledger
from budgets.services.plan_import import ImportRefused, OnExisting, import_plan
from budgets.services.problems import BudgetNotFound, PlanFixed, StaleVersion
from budgetsite.accounts.roles import Role
from budgetsite.sheets.columns import UnreadableSheet
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line, move
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.other_process import environment
from budgetsite.testing.people import make_account, make_member

PLAN = """category,name,section,budgeted_amount,actual_amount,notes
Venue,Hall,Main day,1000.00,,booked
catering,"Lunch, two days",Main day,"1,500.00",1520.50,
Music,DJ,Evening,200,,
"""


def load(text, *, filename="plan.csv", **options):
    data = text if isinstance(text, bytes) else text.encode()
    return import_plan(file=io.BytesIO(data), filename=filename, **options)


def problems_of(text, **options):
    report = load(text, dry_run=True, **options)
    return [(problem.attr, problem.code, problem.value) for problem in report.problems]


def lines_of(budget):
    lines = BudgetLineItem.objects.filter(budget=budget).order_by("sort_order", "id")
    return list(
        lines.values_list("category__name", "section", "name", "budgeted_amount", "actual_amount", "sort_order")
    )


def nothing_stored():
    return not EventBudget.objects.exists() and not BudgetLineItem.objects.exists()


def test_an_event_without_a_budget_gets_one_that_follows_its_lines(account, owner):
    event = make_event(account, owner)
    report = load(PLAN, event=event, acting_user=owner)
    budget = EventBudget.objects.get(event=event)
    assert report.budget == budget
    assert (budget.total_budget_amount, budget.total_actual_amount) == (Decimal(2700), Decimal("1520.5"))
    assert (budget.total_follows_lines, budget.version) == (True, 1)
    assert lines_of(budget) == [
        ("Venue", "Main day", "Hall", Decimal(1000), Decimal(0), 10),
        ("Catering", "Main day", "Lunch, two days", Decimal(1500), Decimal("1520.5"), 20),
        ("Music", "Evening", "DJ", Decimal(200), Decimal(0), 30),
    ]
    assert BudgetLineItem.history.count() == 3
    assert verify_ledger() == []


def test_an_actual_is_one_entry_that_names_the_file(account, owner):
    load(PLAN, event=make_event(account, owner), acting_user=owner)
    entry = LedgerEntry.objects.get()
    assert (entry.kind, entry.source, entry.actual_delta) == ("actual", "import", Decimal("1520.5"))
    assert len(entry.source_id) == 64
    assert entry.description == "Actual of “Lunch, two days”, row 3 of the imported file"


def test_a_given_total_is_the_ceiling(account, owner):
    report = load(PLAN, event=make_event(account, owner), acting_user=owner, total_budget_amount=Decimal(3000))
    assert report.budget.total_budget_amount == Decimal(3000)
    assert report.budget.total_follows_lines is False


def test_lines_above_the_total_are_refused(account, owner):
    event = make_event(account, owner)
    with pytest.raises(ImportRefused) as refused:
        load(PLAN, event=event, acting_user=owner, total_budget_amount=Decimal("2699.99"))
    (problem,) = refused.value.report.problems
    assert (problem.attr, problem.code) == ("total_budget_amount", "lines_exceed_total")
    assert problem.message == (
        "The lines add up to 2,700.00 CAD, 0.01 more than the budget's total of 2,699.99. "
        "Lower a line or raise the total."
    )
    assert nothing_stored()


def test_a_dry_run_reports_and_stores_nothing(account, owner):
    event = make_event(account, owner)
    report = load(PLAN, event=event, acting_user=owner, dry_run=True)
    assert [(line.row, line.category, line.name, line.sort_order) for line in report.lines] == [
        (2, "Venue", "Hall", 10),
        (3, "Catering", "Lunch, two days", 20),
        (4, "Music", "DJ", 30),
    ]
    assert (report.budgeted_amount, report.actual_amount) == (Decimal(2700), Decimal("1520.5"))
    assert (report.total_budget_amount, report.budget, report.problems) == (Decimal(2700), None, [])
    assert nothing_stored()
    assert not LedgerEntry.objects.exists()


def test_every_problem_of_every_row_is_reported_at_once(account, owner):
    text = (
        "category,name,budget,actual,sort_order\n"
        "Venue,Hall,12.345,1,x\n"
        "Fireworks,,-1,NaN,\n"
        "Venue,Stage,1e3,=SUM(A1),\n"
        "Venue,Sound,5.50,,\n"
    )
    event = make_event(account, owner)
    assert problems_of(text, event=event, acting_user=owner) == [
        ("rows.2.budgeted_amount", "too_many_decimals", "12.345"),
        ("rows.2.sort_order", "invalid", "x"),
        ("rows.3.category", "unknown_category", "Fireworks"),
        ("rows.3.name", "required", ""),
        ("rows.3.budgeted_amount", "below_minimum", "-1"),
        ("rows.3.actual_amount", "invalid", "NaN"),
        ("rows.4.budgeted_amount", "invalid", "1e3"),
        ("rows.4.actual_amount", "formula", "=SUM(A1)"),
    ]
    with pytest.raises(ImportRefused) as refused:
        load(text, event=event, acting_user=owner)
    assert len(refused.value.report.problems) == 8
    assert nothing_stored()


def test_an_unknown_category_lists_the_known_ones(account, owner):
    report = load(
        "category,name\nFireworks,Rockets\n",
        event=make_event(account, owner),
        acting_user=owner,
        dry_run=True,
    )
    known = Category.objects.order_by("sort_order", "name").values_list("name", flat=True)
    assert report.problems[0].message == (f"There is no category “Fireworks”. The categories are: {', '.join(known)}.")


def test_unknown_categories_are_made_when_asked_for(account, owner):
    text = "category,name\nAgitprop,Posters\nagitprop,Stickers\nVENUE,Hall\n"
    event = make_event(account, owner)
    dry = load(text, event=event, acting_user=owner, create_categories=True, dry_run=True)
    assert dry.new_categories == ["Agitprop"]
    assert not Category.objects.filter(name__iexact="agitprop").exists()
    report = load(text, event=event, acting_user=owner, create_categories=True)
    assert [row[0] for row in lines_of(report.budget)] == ["Agitprop", "Agitprop", "Venue"]
    assert Category.objects.filter(name__iexact="agitprop").count() == 1


def test_a_category_too_long_to_be_made_is_a_problem(account, owner):
    assert problems_of(
        f"category,name\n{'x' * 101},Posters\n",
        event=make_event(account, owner),
        acting_user=owner,
        create_categories=True,
    ) == [("rows.2.category", "too_long", "x" * 100)]


def test_a_second_identical_import_is_refused(account, owner):
    event = make_event(account, owner)
    budget = load(PLAN, event=event, acting_user=owner).budget
    before = lines_of(budget)
    assert problems_of(PLAN, event=event, acting_user=owner) == [
        ("rows.2.name", "already_there", "Hall"),
        ("rows.3.name", "already_there", "Lunch, two days"),
        ("rows.4.name", "already_there", "DJ"),
    ]
    with pytest.raises(ImportRefused):
        load(PLAN, budget_id=budget.pk, acting_user=owner)
    assert lines_of(budget) == before


def test_rows_that_are_there_already_can_be_left_out(account, owner):
    event = make_event(account, owner)
    budget = load(PLAN, event=event, acting_user=owner).budget
    report = load(
        PLAN + "Cake,Three tiers,Evening,90,,\n",
        budget_id=budget.pk,
        acting_user=owner,
        on_existing=OnExisting.SKIP,
    )
    assert [line.name for line in report.skipped] == ["Hall", "Lunch, two days", "DJ"]
    assert report.warnings == ["3 row(s) are in the budget already and are left out."]
    assert [row[2:] for row in lines_of(budget)][3:] == [("Three tiers", Decimal(90), Decimal(0), 40)]
    assert (report.budget.total_budget_amount, report.budget.version) == (Decimal(2790), 2)
    assert LedgerEntry.objects.count() == 1


def test_leaving_out_all_rows_changes_nothing(account, owner):
    event = make_event(account, owner)
    budget = load(PLAN, event=event, acting_user=owner).budget
    report = load(PLAN, budget_id=budget.pk, acting_user=owner, on_existing=OnExisting.SKIP)
    assert (report.budget.version, len(lines_of(budget)), report.lines) == (1, 3, [])


def test_rows_are_added_once_more_only_with_a_warning(account, owner):
    budget = make_budget(account, owner)
    make_line(budget, owner, category="Venue", name="Hall")
    report = load(
        "category,name\nVenue,hall\nVenue,Stage\nVenue,Stage\n",
        budget_id=budget.pk,
        acting_user=owner,
        on_existing=OnExisting.ADD,
    )
    assert len(lines_of(budget)) == 4
    assert report.warnings == [
        "Row 2: “hall” under Venue is in the budget already. It is added once more.",
        "Rows 3 and 4 name the same line, “Stage” under Venue. Both are imported.",
    ]


def test_the_same_name_in_another_section_is_another_line(account, owner):
    budget = make_budget(account, owner)
    make_line(budget, owner, category="Venue", name="Hall", section="Day one")
    assert problems_of("category,name,section\nVenue,Hall,Day two\n", budget_id=budget.pk, acting_user=owner) == []
    assert problems_of("category,name\nVenue,Hall\n", budget_id=budget.pk, acting_user=owner) == [
        ("rows.2.name", "already_there", "Hall")
    ]


def test_an_import_into_a_budget_is_one_change_of_its_plan(account, owner):
    budget = make_budget(account, owner, total="2000")
    report = load(PLAN, budget_id=budget.pk, acting_user=owner, version=1, total_budget_amount=Decimal(5000))
    assert (report.budget.version, report.budget.total_budget_amount) == (2, Decimal(5000))
    assert set(BudgetLineItem.objects.values_list("version", flat=True)) == {2}


def test_a_stale_version_is_refused(account, owner):
    budget = make_budget(account, owner)
    make_line(budget, owner)
    for dry_run in (True, False):
        with pytest.raises(StaleVersion):
            load(PLAN, budget_id=budget.pk, acting_user=owner, version=1, dry_run=dry_run)
    assert len(lines_of(budget)) == 1


def test_a_plan_that_is_with_its_approvers_is_not_imported_into(account, owner):
    budget = make_budget(account, owner)
    move(budget, "submit", user=owner, role=Role.OWNER, account=account)
    with pytest.raises(PlanFixed):
        load(PLAN, budget_id=budget.pk, acting_user=owner)
    assert lines_of(budget) == []


def test_another_accounts_budget_is_not_found(account, other_account, owner):
    budget = make_budget(account, owner)
    with tenant_scope(other_account.pk), pytest.raises(BudgetNotFound):
        load(PLAN, budget_id=budget.pk, acting_user=owner)
    assert lines_of(budget) == []


def test_semicolons_decimal_commas_and_a_byte_order_mark_are_read(account, owner):
    text = "\ufeffCategory;Item;Budget;Spent\r\nVenue;Salón;1.234,50;0,05\r\nMusic;DJ;200;\r\n"
    report = load(text, event=make_event(account, owner), acting_user=owner)
    assert lines_of(report.budget) == [
        ("Venue", "", "Salón", Decimal("1234.5"), Decimal("0.05"), 10),
        ("Music", "", "DJ", Decimal(200), Decimal(0), 20),
    ]


def test_a_workbook_is_read_like_a_csv(account, owner):
    workbook = Workbook()
    for row in (["Category", "Name", "Planned"], ["Venue", "Hall", 1000.5], ["Cake", "=1+1", None]):
        workbook.active.append(row)
    buffer = io.BytesIO()
    workbook.save(buffer)
    event = make_event(account, owner)
    assert problems_of(buffer.getvalue(), event=event, acting_user=owner, filename="plan.xlsx") == [
        ("rows.3.name", "formula", "=1+1")
    ]


def test_a_hundred_thousand_rows_are_refused_as_a_whole(account, owner):
    text = "category,name\n" + "Venue,Chair\n" * 100_000
    with pytest.raises(UnreadableSheet, match="more than 10,000 rows") as refused:
        load(text, event=make_event(account, owner), acting_user=owner)
    assert refused.value.code == "too_many_rows"
    assert nothing_stored()


def test_more_than_ten_megabytes_are_refused(account, owner):
    with pytest.raises(UnreadableSheet) as refused:
        load(b"category,name\n" + b"x" * 10_000_000, event=make_event(account, owner), acting_user=owner)
    assert refused.value.code == "too_large"


def test_wrong_columns_name_what_is_missing(account, owner):
    with pytest.raises(UnreadableSheet, match="Missing: category, name") as refused:
        load("what,how much\nHall,5\n", event=make_event(account, owner), acting_user=owner)
    assert refused.value.code == "wrong_columns"


def test_a_file_that_is_no_spreadsheet_is_refused(account, owner):
    with pytest.raises(UnreadableSheet, match="a PDF, not a spreadsheet"):
        load(b"%PDF-1.7 ...", event=make_event(account, owner), acting_user=owner)


def test_sums_too_large_to_keep_are_a_problem_of_the_row(account, owner):
    text = "category,name,budget,actual\nVenue,A,1,999999999999\nVenue,B,1,5\n"
    assert problems_of(text, event=make_event(account, owner), acting_user=owner) == [
        ("rows.3.actual_amount", "total_out_of_range", "")
    ]
    text = "category,name,budget\nVenue,A,999999999999\nVenue,B,1\n"
    assert problems_of(text, event=make_event(account, owner), acting_user=owner) == [
        ("file", "total_out_of_range", "")
    ]


def test_rows_cost_no_statements_of_their_own(account, owner):
    def statements(count):
        text = "category,name,budget\n" + "".join(f"Venue,Chair {n},1\n" for n in range(count))
        event = make_event(account, owner)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            load(text, event=event, acting_user=owner)
        return len(queries)

    for_one = statements(1)
    assert statements(500) == for_one
    # One more batch of lines, and one of their history.
    assert statements(1000) == for_one + 2


@pytest.fixture
def house(committed_db):
    """An account that is really stored, with its owner."""
    with transaction.atomic():
        account = make_account()
        with tenant_scope(account.pk):
            return account, make_member(account, Role.OWNER).user


def test_two_imports_at_once_into_one_budget_store_its_lines_once(house):
    account, owner = house
    with tenant_scope(account.pk), transaction.atomic():
        budget = make_budget(account, owner)
    outcomes = run_at_once(
        [lambda: load(PLAN, budget_id=budget.pk, acting_user=owner) for _ in range(4)], tenant_id=account.pk
    )
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ImportRefused"] * 3 + ["ImportReport"]
    with tenant_scope(account.pk), transaction.atomic():
        assert (len(lines_of(budget)), LedgerEntry.objects.count(), verify_ledger()) == (3, 1, [])


def test_two_imports_at_once_open_an_events_budget_once(house):
    account, owner = house
    with tenant_scope(account.pk), transaction.atomic():
        event = make_event(account, owner)
    outcomes = run_at_once([lambda: load(PLAN, event=event, acting_user=owner) for _ in range(4)], tenant_id=account.pk)
    names = [type(outcome).__name__ for outcome in outcomes]
    # Who comes a little later finds the budget, and the lines in it; who comes at the same time finds it made.
    assert names.count("ImportReport") == 1
    assert set(names) - {"ImportReport"} <= {"BudgetExists", "ImportRefused"}
    with tenant_scope(account.pk), transaction.atomic():
        assert len(lines_of(EventBudget.objects.get())) == 3


def test_imports_at_once_make_a_new_category_once(house):
    account, owner = house
    with tenant_scope(account.pk), transaction.atomic():
        budgets = [make_budget(account, owner) for _ in range(4)]
    text = "category,name,budget\nAgitprop,Posters,5\n"
    outcomes = run_at_once(
        [
            lambda budget=budget: load(text, budget_id=budget.pk, acting_user=owner, create_categories=True)
            for budget in budgets
        ],
        tenant_id=account.pk,
    )
    assert [type(outcome).__name__ for outcome in outcomes] == ["ImportReport"] * 4
    with tenant_scope(account.pk), transaction.atomic():
        assert Category.objects.filter(name="Agitprop").count() == 1


def test_a_process_killed_in_the_middle_leaves_nothing(committed_db, tmp_path):
    with transaction.atomic():
        account = make_account()
        with tenant_scope(account.pk):
            event = make_event(account, None, organizer=None)
    program = """
import os, signal, sys
import django
django.setup()
from budgets.models import LedgerEntry
from budgets.signals import budget_recalculated
from budgets.services.plan_import import import_plan
from budgetsite.tenancy.scope import tenant_scope
from django.db import transaction
from events.models import Event

def die_at_the_second_posting(sender, **kwargs):
    if LedgerEntry.objects.count() == 2:
        print("dying", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

budget_recalculated.connect(die_at_the_second_posting)
with tenant_scope(sys.argv[1]), transaction.atomic(), open(sys.argv[3], "rb") as file:
    import_plan(file=file, filename="plan.csv", event=Event.objects.get(pk=sys.argv[2]), acting_user=None)
"""
    plan = tmp_path / "plan.csv"
    plan.write_text("category,name,budget,actual\nVenue,A,9,1\nVenue,B,9,2\nVenue,C,9,3\n")
    died = subprocess.run(
        [sys.executable, "-c", program, str(account.pk), str(event.pk), str(plan)],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (died.returncode, died.stdout) == (-signal.SIGKILL, "dying\n"), died.stderr
    with tenant_scope(account.pk), transaction.atomic():
        assert nothing_stored()
        assert not LedgerEntry.objects.exists()
        # And the same file goes in afterwards.
        report = load(plan.read_bytes(), event=event, acting_user=None)
        assert (report.budget.total_budget_amount, report.budget.total_actual_amount) == (27, 6)
