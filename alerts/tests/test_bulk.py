from decimal import Decimal

from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.models import BudgetAlert
from alerts.tests.figures import alert_of, open_types
from budgets.models import BudgetLineItem
from budgets.services.line_item import add_line_items
from budgets.services.recalculation import recalculation_paused
from budgetsite.testing.budgets import make_budget, make_line

LINES = [
    {"category": "Venue", "name": f"Line {number}", "budgeted_amount": Decimal(100), "actual_amount": Decimal(30)}
    for number in range(6)
]


def test_lines_that_come_with_their_actuals_open_nothing_that_never_was(account, owner):
    """The total follows the lines: while they are inserted, more is spent than is yet budgeted."""
    make_budget(account, owner, total=None, lines=LINES)
    assert list(BudgetAlert.objects.values_list("alert_type", "resolved")) == []


def test_lines_that_come_overspent_open_their_alerts(account, owner):
    overspent = [{**line, "actual_amount": Decimal(130)} for line in LINES]
    budget = make_budget(account, owner, total=None, lines=overspent)
    assert alert_of(budget, "over_budget").utilization == Decimal("130.00")
    assert open_types(budget).count("line_item_overrun") == 6
    assert set(BudgetAlert.objects.values_list("resolved", "times_raised")) == {(False, 0)}


def test_lines_added_together_cost_the_same_looks_however_many(account, owner):
    def looks(lines):
        budget = make_budget(account, owner)
        with CaptureQueriesContext(connection) as queries:
            add_line_items(budget_id=budget.pk, acting_user=owner, line_items=lines)
        return len([query for query in queries if "alerts_alertrule" in query["sql"]])

    assert looks(LINES[:1]) == looks(LINES)


def test_a_paused_change_of_actuals_alone_is_evaluated_once(account, owner):
    budget = make_budget(account, owner, total="1000")
    lines = [make_line(budget, owner, name=name, budgeted_amount=Decimal(100)) for name in ("Hall", "Food")]
    with CaptureQueriesContext(connection) as queries, recalculation_paused():
        for line in BudgetLineItem.objects.filter(pk__in=[line.pk for line in lines]):
            line.actual_amount = Decimal(101)
            line.save()
    assert len([query for query in queries if "alerts_alertrule" in query["sql"]]) == 1
    assert open_types(budget) == ["line_item_overrun", "line_item_overrun"]
