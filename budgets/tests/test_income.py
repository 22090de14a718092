"""Lines of income beside lines of cost: what comes in counts to the result, and never makes room to spend."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.models import BudgetAlert
from budgets.models import BudgetLineItem, EntryKind, EventBudget, LedgerEntry
from budgets.services import ledger
from budgets.services.ledger_proof import rebuild_totals, verify_ledger
from budgets.services.line_item import (
    add_line_item,
    delete_line_item,
    move_line_item,
    restore_line_item,
    update_line_item,
)
from budgets.services.problems import AmountDoesNotFit, BudgetProblem, TotalOutOfRange, WrongKindOfLine
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import deleted_rows_visible, tenant_scope
from budgetsite.testing.budgets import make_budget, make_line, move
from budgetsite.testing.people import make_member
from budgetsite.testing.rest import rest_client_of

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def budget(account, owner):
    """Of 1,000.00: a hall for 600.00, and tickets that should bring 800.00."""
    budget = make_budget(account, owner, total="1000")
    make_line(budget, owner, name="Hall", budgeted_amount="600")
    make_line(budget, owner, name="Tickets", category="Miscellaneous", kind="income", budgeted_amount="800")
    return budget


def line_of(budget, name):
    return BudgetLineItem.objects.get(budget=budget, name=name)


def now(budget):
    return EventBudget.objects.get(pk=budget.pk)


def post(budget, kind, amount, line=None, **options):
    deltas = (
        {"committed_delta": Decimal(amount)} if kind in ("commit", "release") else {"actual_delta": Decimal(amount)}
    )
    return ledger.post(
        budget_id=budget.pk,
        line_item_id=line.pk if line else None,
        kind=EntryKind(kind),
        currency=budget.currency,
        source="manual",
        **deltas,
        **options,
    )


def edit(budget, owner, line, **fields):
    return update_line_item(
        budget_id=budget.pk, line_item_id=line.pk, version=now(budget).version, acting_user=owner, **fields
    )


def figures(budget):
    budget = now(budget)
    return {
        "income": budget.total_income_amount,
        "projected": budget.projected_income_amount,
        "actual": budget.total_actual_amount,
        "available": budget.available_amount,
        "result": budget.result_amount,
        "projected_result": budget.projected_result_amount,
    }


def assert_books(*budgets):
    assert verify_ledger() == []
    assert rebuild_totals().changed == 0
    for budget in budgets:
        entries = LedgerEntry.objects.filter(budget=budget, kind="income")
        assert now(budget).total_income_amount == sum((entry.actual_delta for entry in entries), Decimal(0))


def test_what_comes_in_makes_the_result_and_no_room(account, owner, budget):
    assert figures(budget) == {
        "income": 0,
        "projected": 800,
        "actual": 0,
        "available": 1000,
        "result": 0,
        "projected_result": -200,
    }
    posting = post(budget, "income", "950.50", line_of(budget, "Tickets"))
    post(budget, "actual", "700", line_of(budget, "Hall"))
    assert posting.line.actual == Decimal("950.50")
    assert figures(budget) == {
        "income": Decimal("950.50"),
        "projected": 800,
        "actual": 700,
        "available": 300,
        "result": Decimal("250.50"),
        "projected_result": -200,
    }
    with pytest.raises(AmountDoesNotFit) as refused:
        post(budget, "commit", "300.01")
    assert refused.value.available == 300
    line = line_of(budget, "Tickets")
    assert (line.actual_amount, line.variance_amount) == (Decimal("950.50"), Decimal("-150.50"))
    assert now(budget).version == 3
    assert_books(budget)


def test_money_given_back_is_a_negative_difference(account, owner, budget):
    tickets = line_of(budget, "Tickets")
    post(budget, "income", "500", tickets)
    with tenant_scope(account.pk, user_id=owner.pk):
        edit(budget, owner, tickets, actual_amount=Decimal("420.25"))
    last = LedgerEntry.objects.latest("seq")
    assert (last.kind, last.actual_delta, last.actor_id) == ("income", Decimal("-79.75"), owner.pk)
    # More may be given back than ever came in.
    post(budget, "income", "-500", tickets)
    assert (figures(budget)["income"], figures(budget)["result"]) == (Decimal("-79.75"), Decimal("-79.75"))
    assert figures(budget)["available"] == 1000
    assert_books(budget)


@pytest.mark.parametrize(("kind", "amount"), [("commit", "1"), ("actual", "1"), ("adjust", "1"), ("refund", "-1")])
def test_nothing_is_promised_or_spent_on_a_line_of_income(account, owner, budget, kind, amount):
    before = figures(budget)
    with pytest.raises(WrongKindOfLine, match="“Tickets” is a line of income") as refused:
        post(budget, kind, amount, line_of(budget, "Tickets"))
    assert refused.value.is_income
    assert figures(budget) == before
    assert not LedgerEntry.objects.exists()


def test_no_income_is_received_on_a_line_of_cost(account, owner, budget):
    with pytest.raises(WrongKindOfLine, match="“Hall” is a line of cost"):
        post(budget, "income", "5", line_of(budget, "Hall"))
    with pytest.raises(ValueError, match="on a line of its own"):
        post(budget, "income", "5")
    assert not LedgerEntry.objects.exists()


def test_income_beyond_what_can_be_kept_is_refused(account, owner, budget):
    tickets = line_of(budget, "Tickets")
    post(budget, "income", "999999999999.99", tickets)
    other = make_line(budget, owner, name="Sponsor", kind="income", budgeted_amount="0")
    for line in (tickets, other):
        with pytest.raises(TotalOutOfRange), transaction.atomic():
            post(budget, "income", "1", line)
    assert figures(budget)["income"] == Decimal("999999999999.99")
    assert_books(budget)


def test_income_of_any_size_raises_no_alert(account, owner, budget):
    tickets = line_of(budget, "Tickets")
    for amount in ("750", "100", "100000"):
        post(budget, "income", amount, tickets)
    edit(budget, owner, tickets, budgeted_amount=Decimal(1))
    assert not BudgetAlert.objects.exists()
    post(budget, "actual", "1000.01", line_of(budget, "Hall"))
    assert BudgetAlert.objects.filter(alert_type="over_budget", resolved=False).count() == 1
    post(budget, "income", "1", tickets)
    assert not BudgetAlert.objects.filter(line_item=tickets).exists()
    assert BudgetAlert.objects.filter(alert_type="over_budget", resolved=False).count() == 1


def test_a_line_of_income_is_deleted_and_restored_with_its_money(account, owner, budget):
    tickets = line_of(budget, "Tickets")
    post(budget, "income", "500", tickets)
    delete_line_item(budget_id=budget.pk, line_item_id=tickets.pk, acting_user=owner, now=NOW)
    assert (figures(budget)["income"], figures(budget)["projected"], figures(budget)["result"]) == (0, 0, 0)
    assert_books(budget)
    with deleted_rows_visible():
        gone = BudgetLineItem.objects.get(pk=tickets.pk)
        assert gone.deleted_actual_amount == 500
    restore_line_item(line=gone, acting_user=owner)
    assert (figures(budget)["income"], figures(budget)["projected"], figures(budget)["actual"]) == (500, 800, 0)
    kinds = LedgerEntry.objects.order_by("seq").values_list("kind", "actual_delta")
    assert list(kinds) == [("income", 500), ("income", -500), ("income", 500)]
    assert_books(budget)


def test_a_line_of_income_moves_with_its_money(account, owner, budget):
    tickets = line_of(budget, "Tickets")
    post(budget, "income", "500", tickets)
    other = make_budget(account, owner, total="50")
    move_line_item(budget_id=budget.pk, line_item_id=tickets.pk, to_budget_id=other.pk, acting_user=owner)
    assert (figures(budget)["income"], figures(budget)["projected"]) == (0, 0)
    assert figures(other) == {
        "income": 500,
        "projected": 800,
        "actual": 0,
        "available": 50,
        "result": 500,
        "projected_result": 750,
    }
    assert line_of(other, "Tickets").actual_amount == 500
    assert_books(budget, other)


def test_income_is_no_part_of_ceiling_and_finalizing(account, owner, budget):
    manager = make_member(account, Role.MANAGER).user
    make_line(budget, owner, name="Sponsor", kind="income", budgeted_amount="100000")
    assert (now(budget).lines_total_amount, now(budget).total_budget_amount) == (600, 1000)
    move(budget, "submit", user=owner, role=Role.OWNER, account=account)
    move(budget, "approve", user=manager, role=Role.MANAGER, account=account)
    move(budget, "activate", user=owner, role=Role.OWNER, account=account)
    post(budget, "actual", "950", line_of(budget, "Hall"))
    post(budget, "income", "40000", line_of(budget, "Sponsor"))
    move(budget, "finalize", user=manager, role=Role.MANAGER, account=account)
    assert figures(budget)["result"] == 39050
    with pytest.raises(BudgetProblem):
        post(budget, "income", "1", line_of(budget, "Sponsor"))
    assert_books(budget)


def test_the_api_posts_income_and_answers_the_result(account, owner, budget):
    rest = rest_client_of(owner, account)
    path = f"/event-budgets/{budget.pk}"
    tickets = line_of(budget, "Tickets")
    changed = rest.patch(f"{path}/line-items/{tickets.pk}", {"version": 3, "actual_amount": "900"})
    assert (changed.status, changed.json["kind"], changed.json["actual_amount"]) == (200, "income", "900.00")
    assert changed.json["version"] == tickets.version
    answer = rest.get(path).json
    assert {name: answer[name] for name in answer if "income_amount" in name or "result" in name} == {
        "projected_income_amount": "800.00",
        "total_income_amount": "900.00",
        "projected_result_amount": "-200.00",
        "result_amount": "900.00",
    }
    assert (answer["total_actual_amount"], answer["available_amount"]) == ("0.00", "1000.00")
    assert [line["name"] for line in answer["line_items"]] == ["Hall"]
    assert [line["name"] for line in answer["income_lines"]] == ["Tickets"]
    [entry] = rest.get(f"{path}/ledger").json["results"]
    assert (entry["kind"], entry["actual_delta"]) == ("income", "900.00")
    added = rest.post(
        f"{path}/line-items",
        {"kind": "income", "category": "Miscellaneous", "name": "Fee", "budgeted_amount": "5", "actual_amount": "-2.5"},
    )
    assert (added.status, added.json["actual_amount"]) == (201, "-2.50")
    assert rest.get(path).json["result_amount"] == "897.50"
    summary = rest.get("/event-budgets/summary").json
    assert [row["category"] for row in summary["by_category"]] == ["Venue"]
    assert_books(budget)


def test_a_strangers_income_is_out_of_reach(account, owner, other_account, budget):
    tickets = line_of(budget, "Tickets")
    with tenant_scope(other_account.pk):
        rival = make_budget(other_account, owner, total="1")
        for target in (budget, rival):
            with pytest.raises(BudgetProblem), transaction.atomic():
                ledger.post(
                    budget_id=target.pk,
                    line_item_id=tickets.pk,
                    kind=EntryKind.INCOME,
                    actual_delta=Decimal(5),
                    currency=target.currency,
                    source="manual",
                )
    assert figures(budget)["income"] == 0


CENTS = st.integers(-50_000, 200_000).map(lambda cents: Decimal(cents) / 100)
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "receive", "set", "plan", "delete", "restore", "move"]), st.integers(0, 9), CENTS
    ),
    max_size=20,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_any_order_of_receiving_leaves_the_books_right(account, owner, steps):
    with transaction.atomic():
        budgets = [make_budget(account, owner, total="100"), make_budget(account, owner, total=None)]
        for action, pick, amount in steps:
            lines = list(BudgetLineItem.objects.order_by("created_at", "id"))
            line = lines[pick % len(lines)] if lines else None
            if action == "add":
                add_line_item(
                    budget_id=budgets[pick % 2].pk,
                    acting_user=owner,
                    category="Venue",
                    name="Source",
                    kind="income",
                    budgeted_amount=abs(amount),
                    actual_amount=amount,
                )
            elif action == "restore":
                with deleted_rows_visible():
                    gone = BudgetLineItem.objects.exclude(deleted_at=None).order_by("created_at", "id").first()
                if gone is not None:
                    restore_line_item(line=gone, acting_user=owner)
            elif line is None:
                continue
            elif action == "receive" and amount:
                post(line.budget, "income", amount, line)
            elif action == "set":
                edit(line.budget, owner, line, actual_amount=amount)
            elif action == "plan":
                edit(line.budget, owner, line, budgeted_amount=abs(amount))
            elif action == "delete":
                delete_line_item(budget_id=line.budget_id, line_item_id=line.pk, acting_user=owner, now=NOW)
            elif action == "move":
                target = next(budget for budget in budgets if budget.pk != line.budget_id)
                move_line_item(
                    budget_id=line.budget_id, line_item_id=line.pk, to_budget_id=target.pk, acting_user=owner
                )
        assert_books(*budgets)
        for budget in budgets:
            lines = BudgetLineItem.objects.filter(budget=budget)
            assert figures(budget)["projected"] == sum((line.budgeted_amount for line in lines), Decimal(0))
            assert (now(budget).total_actual_amount, now(budget).lines_total_amount) == (0, 0)
        transaction.set_rollback(True)
