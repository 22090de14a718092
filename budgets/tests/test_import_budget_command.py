from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from budgets.models import BudgetLineItem, Category, EventBudget
from budgetsite.accounts.models import Membership
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_event
from budgetsite.testing.people import make_account, make_member

PLAN = "category,name,section,budget,spent\nVenue,Hall,Day one,1000,\nMusic,DJ,,250.50,99\n"


@pytest.fixture
def house(committed_db):
    """An account with an owner, an organizer and an event named Summer gala."""
    with transaction.atomic():
        account = make_account()
        with tenant_scope(account.pk):
            owner = make_member(account, Role.OWNER, name="Ana").user
            make_member(account, Role.ORGANIZER, name="Omid")
            make_event(account, owner)
    return account


@pytest.fixture
def plan(tmp_path):
    path = tmp_path / "plan.csv"
    path.write_text(PLAN)
    return path


def run(account, plan, *options, event_name="summer gala"):
    printed = StringIO()
    try:
        call_command(
            "import_budget", "--account", account.slug, "--event-name", event_name, str(plan), *options, stdout=printed
        )
    except CommandError as error:
        return f"{printed.getvalue()}error: {error}\n"
    return printed.getvalue()


def read(account, what):
    with tenant_scope(account.pk), transaction.atomic():
        return what()


def test_a_plan_is_imported_and_reported(house, plan):
    printed = run(house, plan)
    budget = read(house, EventBudget.objects.get)
    assert printed == (
        "plan.csv → Summer gala (Sunrise Catering), in the name of Ana\n"
        "  row     2        1,000.00  Day one / Venue: Hall\n"
        "  row     3          250.50  Music: DJ, 99.00 spent\n"
        "2 rows: 1,250.50 CAD budgeted, 99.00 spent; the budget's total: 1,250.50.\n"
        f"Imported into budget {budget.pk}, now at version 1.\n"
    )


def test_a_dry_run_says_the_same_and_stores_nothing(house, plan):
    printed = run(house, plan, "--dry-run")
    assert "row     2        1,000.00  Day one / Venue: Hall" in printed
    assert printed.endswith("This was a dry run: nothing was stored.\n")
    assert not read(house, EventBudget.objects.exists)


def test_the_history_names_whoever_it_was_done_for(house, plan):
    omid = read(house, lambda: Membership.objects.select_related("user").get(role=Role.ORGANIZER).user)
    assert "in the name of Omid" in run(house, plan, "--user", omid.email)
    assert read(house, lambda: set(BudgetLineItem.history.values_list("history_user", flat=True))) == {omid.pk}


def test_problems_are_listed_and_nothing_is_stored(house, plan):
    plan.write_text("category,name,budget\nFireworks,Rockets,12.345\nVenue,Hall,5.50\n")
    for options in ((), ("--dry-run",)):
        printed = run(house, plan, *options)
        assert "  row 2, category “Fireworks”: There is no category “Fireworks”. The categories are: Food" in printed
        assert "  row 2, budget “12.345”: CAD has 2 decimals: write no more than that." in printed
        assert "error: " in printed
        assert not read(house, EventBudget.objects.exists)


def test_categories_are_made_when_asked_for(house, plan):
    plan.write_text("category,name,budget\nFireworks,Rockets,12\n")
    assert "Fireworks (new): Rockets" in run(house, plan, "--create-categories")
    assert read(house, lambda: Category.objects.filter(name="Fireworks").count()) == 1


def test_a_second_import_is_refused_or_leaves_rows_out(house, plan):
    run(house, plan)
    assert "“Hall” under Venue is in the budget already" in run(house, plan)
    assert "0 rows: 0.00 CAD budgeted" in run(house, plan, "--on-existing", "skip")
    assert read(house, BudgetLineItem.objects.count) == 2


def test_what_cannot_be_found_is_said(house, plan, tmp_path):
    assert "error: This account has no event 'Winter gala'." in run(house, plan, event_name="Winter gala")
    assert "error: nobody@example.org is no member of this account." in run(house, plan, "--user", "nobody@example.org")
    assert "No such file" in run(house, tmp_path / "missing.csv")
    with pytest.raises(CommandError, match="There is no account 'nobody'"):
        call_command("import_budget", "--account", "nobody", "--event-name", "x", str(plan))


def test_a_name_that_several_events_have_asks_for_the_id(house, plan):
    with tenant_scope(house.pk), transaction.atomic():
        second = make_event(house, None, organizer=None)
    assert f"{second.pk} (2026-07-15)" in run(house, plan)
    printed = StringIO()
    call_command("import_budget", "--account", house.slug, "--event", str(second.pk), str(plan), stdout=printed)
    assert read(house, lambda: EventBudget.objects.get().event_id) == second.pk


def test_a_total_that_is_no_amount_is_refused(house, plan):
    assert "error: Error: argument --total: invalid amount value: 'much'" in run(house, plan, "--total", "much")
    assert "error: The amount must be 0 or more." in run(house, plan, "--total=-1")
    assert "the budget's total: 2,000.00" in run(house, plan, "--total", "2000")


def test_a_file_that_is_no_spreadsheet_is_said_to_be_none(house, plan):
    plan.write_bytes(b"\x89PNG...")
    assert "error: “plan.csv” is a picture, not a spreadsheet. Save the table as CSV or XLSX" in run(house, plan)
