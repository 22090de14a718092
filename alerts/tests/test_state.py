"""After any sequence of postings and changes, the open alerts are those that the state demands."""

from contextlib import nullcontext
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.models import BudgetAlert
from alerts.services.evaluation import reevaluate_budget
from alerts.services.reactions import resolve_alert
from alerts.tests.figures import open_keys, promise, spend
from budgets.models import BudgetLineItem, EventBudget
from budgets.services.line_item import delete_line_item
from budgets.services.problems import LineHasCommitments
from budgetsite.testing.budgets import make_budget, make_line

pytestmark = pytest.mark.slow

NOW = datetime(2026, 7, 1, 9, 30, tzinfo=UTC)
TOTAL = Decimal(1000)

amounts = st.integers(-400, 700).filter(bool)
lines = st.integers(0, 2)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("spend"), st.none() | lines, amounts),
        st.tuples(st.just("promise"), st.none() | lines, st.integers(1, 500)),
        st.tuples(st.just("plan"), lines, st.integers(0, 300)),
        st.tuples(st.just("total"), st.none(), st.integers(900, 2000)),
        st.tuples(st.just("delete"), lines, st.none()),
        st.tuples(st.just("reevaluate"), st.none(), st.none()),
    ),
    max_size=12,
)


def demanded_by(budget_id):
    """The rules of the design once more, written down plainly, from the stored rows."""
    budget = EventBudget.objects.get(pk=budget_id)
    plan, actual = budget.total_budget_amount, budget.total_actual_amount
    used = actual + budget.total_committed_amount
    keys = set()
    # In percent of the plan, two decimals; half up matters to no whole amount of this test's sizes.
    share = round(used * 100 / plan, 2)
    if share >= 80:
        keys.add(("threshold_warning", None))
    if share >= 50:
        keys.add(("threshold_exceeded", None))
    if actual > plan:
        keys.add(("over_budget", None))
    if round((actual - plan) * 100 / plan, 2) > 20:
        keys.add(("variance_high", None))
    for line in BudgetLineItem.objects.filter(budget=budget, deleted_at=None):
        is_unplanned = line.budgeted_amount == 0 and line.committed_amount > 0
        if line.actual_amount > line.budgeted_amount or is_unplanned:
            keys.add(("line_item_overrun", line.pk))
    return keys


def take(step, budget, lines, owner):
    kind, position, amount = step
    line = None if position is None else lines[position]
    if line is not None and not BudgetLineItem.objects.filter(pk=line.pk).exists():
        return
    if kind == "spend":
        spend(budget, amount, line=line)
    elif kind == "promise":
        promise(budget, amount, line=line)
    elif kind == "plan":
        stored = BudgetLineItem.objects.get(pk=line.pk)
        stored.budgeted_amount = Decimal(amount)
        stored.save()
    elif kind == "total":
        stored = EventBudget.objects.get(pk=budget.pk)
        stored.total_budget_amount = Decimal(amount)
        stored.save()
    elif kind == "delete":
        # What is promised on a line keeps it.
        is_kept = BudgetLineItem.objects.get(pk=line.pk).committed_amount > 0
        with pytest.raises(LineHasCommitments) if is_kept else nullcontext():
            delete_line_item(budget_id=budget.pk, line_item_id=line.pk, acting_user=owner, now=NOW)
    else:
        reevaluate_budget(budget.pk)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
def test_open_alerts_are_those_that_the_state_demands(account, owner, steps):
    with transaction.atomic():
        budget = make_budget(account, owner, total=TOTAL)
        lines = [
            make_line(budget, owner, name=f"Line {number}", budgeted_amount=Decimal(100 * number))
            for number in range(3)
        ]
        for step in steps:
            take(step, budget, lines, owner)
            assert open_keys(budget.pk) == demanded_by(budget.pk)
        transaction.set_rollback(True)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actuals=st.lists(st.tuples(st.integers(0, 2000), st.booleans()), max_size=12))
def test_overspend_is_open_unless_a_person_settled_as_much(account, owner, actuals):
    """Against a model that remembers the overspend at which a person last resolved, until it falls back."""
    with transaction.atomic():
        budget = make_budget(account, owner, total=TOTAL)
        spent, is_open, settled_at = Decimal(0), False, None
        opened = 0
        for actual, is_resolved in actuals:
            if actual != spent:
                spend(budget, actual - spent)
            spent = Decimal(actual)
            overrun = spent - TOTAL
            if overrun <= 0:
                is_open, settled_at = False, None
            elif not is_open and (settled_at is None or overrun > settled_at):
                is_open, settled_at = True, None
                opened += 1
            if is_resolved and is_open:
                alert = BudgetAlert.objects.open().get(budget=budget, alert_type="over_budget")
                resolve_alert(alert_id=alert.pk, acting_user=owner, now=NOW)
                is_open, settled_at = False, overrun
            found = BudgetAlert.objects.filter(budget=budget, alert_type="over_budget")
            assert (found.open().exists(), found.count()) == (is_open, opened)
        transaction.set_rollback(True)
