from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from budgets.models import BudgetDecision, BudgetLineItem, EntryKind, EntrySource, EventBudget
from budgets.selectors.budget_page import LINES_PER_PAGE
from budgets.selectors.history_page import STEPS_PER_PAGE
from budgets.services import ledger
from budgets.services.event_budget import update_event_budget
from budgets.services.line_item import add_line_items
from budgets.tests.pages import address, browser, words
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line, move
from budgetsite.testing.people import make_member


def many_lines(number: int, **fields: object) -> list[dict[str, object]]:
    return [{"category": "Venue", "name": f"Line {n:04}", "budgeted_amount": "10", **fields} for n in range(number)]


def test_the_answer_comes_first(account, organizer):
    budget = make_budget(account, organizer, total="1000")
    make_line(budget, organizer, budgeted_amount="600", actual_amount="1200.25")

    page = browser(organizer, account).get(address("detail", budget))

    text = words(page)
    assert "Are we within budget? No: 200.25 CAD over budget" in text
    assert "Variance 200.25 over −20.03% of budgeted" in text
    assert text.index("over budget") < text.index("Lines in CAD")


def test_lines_stand_in_groups_with_subtotals(account, organizer):
    budget = make_budget(account, organizer)
    make_line(budget, organizer, category="Venue", name="Hall", budgeted_amount="700", section="Day one")
    make_line(budget, organizer, category="Labor", name="Crew", budgeted_amount="50", actual_amount="20")
    make_line(budget, organizer, category="Venue", name="Garden", budgeted_amount="200.50")

    response = browser(organizer, account).get(address("detail", budget))

    groups = [
        (group.name, group.budgeted, group.actual, [row.line.name for row in group.rows])
        for group in response.context["plan"].groups
    ]
    assert groups == [
        ("Labor", Decimal(50), Decimal(20), ["Crew"]),
        ("Venue", Decimal("900.500"), Decimal(0), ["Hall", "Garden"]),
    ]
    assert "Day one" in words(response)


def test_a_long_budget_is_paged_with_subtotals_of_all_its_lines(account, organizer):
    budget = make_budget(account, organizer, total=None)
    add_line_items(budget_id=budget.pk, acting_user=organizer, line_items=many_lines(LINES_PER_PAGE + 5))
    client = browser(organizer, account)

    first, second = client.get(address("detail", budget)), client.get(address("detail", budget) + "?page=2")

    assert first.context["plan"].groups[0].budgeted == Decimal(10 * (LINES_PER_PAGE + 5))
    assert len(first.context["plan"].groups[0].rows) == LINES_PER_PAGE
    assert [row.line.name for row in second.context["plan"].groups[0].rows] == [
        f"Line {n:04}" for n in range(LINES_PER_PAGE, LINES_PER_PAGE + 5)
    ]
    assert "Lines 201 to 205 of 205" in words(second)


@pytest.mark.parametrize("page", ["0", "99", "x", "-1", "²"])
def test_a_page_of_lines_that_does_not_exist_is_the_nearest(account, organizer, page):
    budget = make_budget(account, organizer, lines=many_lines(2))

    response = browser(organizer, account).get(f"{address('detail', budget)}?page={page}")

    assert response.status_code == 200
    assert response.context["plan"].number == 1


def test_more_lines_cost_no_more_statements(account, organizer):
    small, large = make_budget(account, organizer, total=None), make_budget(account, organizer, total=None)
    add_line_items(budget_id=small.pk, acting_user=organizer, line_items=many_lines(1))
    add_line_items(budget_id=large.pk, acting_user=organizer, line_items=many_lines(20, actual_amount="20"))
    client = browser(organizer, account)
    counts = []
    for budget in (small, large):
        with CaptureQueriesContext(connection) as statements:
            assert client.get(address("detail", budget)).status_code == 200
        counts.append(len([s for s in statements if "SAVEPOINT" not in s["sql"]]))

    # Scope, session, user, scope, membership, then budget, lines, what is planned to be bought, quantities, alerts,
    # decisions, and the shell in one.
    assert counts[0] == counts[1] <= 12


def test_a_budget_is_opened_with_a_total_or_follows_its_lines(account, organizer):
    client = browser(organizer, account)
    with_total, without = make_event(account, organizer), make_event(account, organizer)

    client.post(reverse("budgets:create", args=[with_total.pk]), {"total_budget_amount": "5,000", "notes": "Careful"})
    client.post(reverse("budgets:create", args=[without.pk]), {"total_budget_amount": ""})

    first, second = EventBudget.objects.get(event=with_total), EventBudget.objects.get(event=without)
    assert (first.total_budget_amount, first.total_follows_lines, first.notes) == (Decimal(5000), False, "Careful")
    assert second.total_follows_lines is True


def test_opening_a_second_budget_leads_to_the_first(account, organizer):
    budget = make_budget(account, organizer)

    response = browser(organizer, account).post(
        reverse("budgets:create", args=[budget.event_id]), {"total_budget_amount": "1"}
    )

    assert response["Location"] == address("detail", budget)
    assert EventBudget.objects.count() == 1


def test_a_total_below_the_lines_is_refused_at_its_field(account, organizer):
    budget = make_budget(account, organizer, total="1000")
    make_line(budget, organizer, budgeted_amount="900")
    version = EventBudget.objects.get(pk=budget.pk).version

    response = browser(organizer, account).post(
        address("edit", budget), {"total_budget_amount": "899.99", "notes": "", "version": version}
    )

    assert response.status_code == 422
    assert "Lower a line or raise the total." in response.context["form"].errors["total_budget_amount"][0]
    assert EventBudget.objects.get(pk=budget.pk).total_budget_amount == Decimal(1000)


def test_a_stale_total_is_refused_once_and_kept_in_the_form(account, organizer, manager):
    budget = make_budget(account, organizer, total="1000")
    update_event_budget(budget_id=budget.pk, version=1, acting_user=manager, total_budget_amount=Decimal(1200))
    client = browser(organizer, account)
    typed = {"total_budget_amount": "1500", "notes": "", "version": "1"}

    refused = client.post(address("edit", budget), typed)
    typed["version"] = refused.context["form"]["version"].value()
    saved = client.post(address("edit", budget), typed)

    assert refused.status_code == 409
    assert "changed this budget meanwhile" in words(refused)
    assert "Total, which was 1,000.00: yours: 1,500.00" in words(refused)
    assert refused.context["form"]["total_budget_amount"].value() == "1500"
    assert saved.status_code == 302
    assert EventBudget.objects.get(pk=budget.pk).total_budget_amount == Decimal(1500)


def test_a_deleted_budget_returns_at_one_press(account, manager):
    budget = make_budget(account, manager, lines=many_lines(2))
    client = browser(manager, account)

    asked = client.get(address("delete", budget))
    client.post(address("delete", budget))
    gone = client.get(address("detail", budget))
    client.post(address("restore", budget))

    assert "2 lines and 10,000.00 CAD of plan leave all lists" in words(asked)
    assert gone.status_code == 404
    assert client.get(address("detail", budget)).context["plan"].lines_count == 2


def test_the_history_tells_who_changed_what(account, organizer, manager):
    with tenant_scope(account.pk, user_id=organizer.pk):
        budget = make_budget(account, organizer)
        line = make_line(budget, organizer, name="Hall", budgeted_amount="1000")
        line.budgeted_amount = Decimal(1500)
        line.save()
        line.actual_amount = Decimal("80.50")
        line.save()
        move(budget, "submit", user=organizer, role=Role.ORGANIZER, account=account)
    with tenant_scope(account.pk, user_id=manager.pk):
        move(budget, "reject", user=manager, role=Role.MANAGER, account=account, reason="Too dear")

    text = words(browser(organizer, account).get(address("history", budget)))

    story = [
        f"{manager} sent the budget back – “Too dear”",
        f"{organizer} submitted the budget for approval",
        f"{organizer} recorded 80.50 spent on “Hall”",
        f"{organizer} raised “Hall” from 1,000.00 to 1,500.00",
        f"{organizer} added “Hall” with 1,000.00",
        f"{organizer} opened the budget",
    ]
    assert [sentence for sentence in story if sentence not in text] == []


def test_the_pages_of_a_history_hold_every_step_once(account, organizer):
    budget = make_budget(account, organizer, total=None)
    number = STEPS_PER_PAGE * 2 + 7
    # All in one moment: the hardest case for a page to begin in.
    add_line_items(budget_id=budget.pk, acting_user=organizer, line_items=many_lines(number, actual_amount="1"))
    client = browser(organizer, account)
    told: list[tuple[str, str]] = []
    url = address("history", budget)
    while url:
        response = client.get(url)
        told += [(step.kind, step.name) for step in response.context["steps"]]
        url = response.context["older_url"] and address("history", budget) + response.context["older_url"]

    lines = [f"Line {n:04}" for n in range(number)]
    assert sorted(name for kind, name in told if kind == "line") == lines
    assert sorted(name for kind, name in told if kind == "ledger") == lines
    assert len(told) == len(set(told))


def test_the_ledger_runs_back_from_the_totals_over_its_pages(account, organizer):
    budget = make_budget(account, organizer)
    for amount in range(1, 61):
        ledger.post(
            budget_id=budget.pk,
            kind=EntryKind.ACTUAL,
            actual_delta=Decimal(amount),
            currency="CAD",
            source=EntrySource.MANUAL,
        )
    client = browser(organizer, account)

    first = client.get(address("ledger", budget))
    second = client.get(address("ledger", budget) + first.context["older_url"])

    running = [(row.entry.seq, row.actual) for page in (first, second) for row in page.context["entries"]]
    assert running == [(n, Decimal(n * (n + 1) // 2)) for n in range(60, 0, -1)]
    assert second.context["older_url"] == ""


def test_a_client_sees_no_ledger_and_nobody_elses_budget(account, organizer):
    client_user = make_member(account, Role.CLIENT).user
    budget = make_budget(account, organizer)
    client = browser(client_user, account)

    assert client.get(address("detail", budget)).status_code == 404
    assert client.get(address("history", budget)).status_code == 404
    assert client.get(address("ledger", budget)).status_code == 403


def test_an_attendee_sees_no_money(account, organizer):
    budget = make_budget(account, organizer)
    client = browser(make_member(account, Role.ATTENDEE).user, account)

    assert client.get(address("detail", budget)).status_code == 404
    assert "10,000" not in words(client.get(reverse("events:detail", args=[budget.event_id])))
    assert "10,000" not in words(client.get(reverse("home")))


def test_a_stranger_opens_edits_and_deletes_no_budget(account, organizer, other_account):
    budget = make_budget(account, organizer)
    with tenant_scope(other_account.pk):
        stranger = make_member(other_account, Role.OWNER).user
    client = browser(stranger, other_account)

    for name in ("edit", "delete", "history", "ledger"):
        assert client.get(address(name, budget)).status_code == 404
    for name in ("edit", "delete", "restore"):
        assert client.post(address(name, budget), {"version": 1, "total_budget_amount": "1"}).status_code == 404
    assert client.get(reverse("budgets:create", args=[budget.event_id])).status_code == 404
    assert EventBudget.objects.get(pk=budget.pk).total_budget_amount == Decimal(10000)
    assert (BudgetLineItem.objects.count(), BudgetDecision.objects.count()) == (0, 0)
