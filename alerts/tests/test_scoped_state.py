"""After any sequence of movements and changes, a scoped budget's open alerts are those that its state demands."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.models import BudgetAlert
from alerts.services.scoped_evaluation import follow_all_scoped_budgets
from budgets.models import LedgerEntry, Reservation
from budgets.services.reservation import expire_reservations, release_reservation, reserve, settle_reservation
from budgets.services.scoped_budget import update_scoped_budget
from budgets.services.scoped_problems import NoRoom
from budgets.services.usage import reverse_usage
from budgetsite.testing.scoped_budgets import NOW, make_scoped_budget, spend, standing

pytestmark = pytest.mark.slow

amounts = st.integers(1, 600)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("spend"), amounts),
        st.tuples(st.just("take back"), st.integers(0, 3)),
        st.tuples(st.just("reserve"), amounts),
        st.tuples(st.sampled_from(["settle", "release"]), amounts),
        st.tuples(st.just("wait"), st.none()),
        st.tuples(st.just("amount"), st.integers(500, 2000)),
        st.tuples(st.just("thresholds"), st.sampled_from([[], [60], [40, 110]])),
        st.tuples(st.just("look"), st.none()),
    ),
    max_size=10,
)


class Story:
    def __init__(self, budget, owner):
        self.budget, self.owner, self.now = budget, owner, NOW
        self.by = {"acting_user": owner}

    def take(self, kind, value):
        at = {"budget_id": self.budget.pk, "now": self.now}
        held = Reservation.objects.filter(status="held").order_by("created_at", "id").first()
        if kind == "spend":
            spend(self.budget, self.owner, value, now=self.now)
        elif kind == "take back":
            taken = LedgerEntry.objects.filter(kind="adjust").values_list("source_id", flat=True)
            entry = LedgerEntry.objects.filter(kind="actual").exclude(pk__in=list(taken)).order_by("seq").first()
            if entry is not None:
                reverse_usage(entry_id=entry.pk, **at, **self.by)
        elif kind == "reserve":
            # In a savepoint, as what does not fit leaves nothing.
            try:
                reserve(amount=Decimal(value), ttl_seconds=60, **at, **self.by)
            except NoRoom:
                return
        elif kind == "settle" and held is not None:
            settle_reservation(reservation_id=held.pk, amount=Decimal(value), **at, **self.by)
        elif kind == "release" and held is not None:
            release_reservation(reservation_id=held.pk, **at)
        elif kind == "wait":
            self.now += timedelta(minutes=2)
            expire_reservations(now=self.now)
        elif kind == "amount":
            update_scoped_budget(amount=Decimal(value), **at, **self.by)
        elif kind == "thresholds":
            update_scoped_budget(thresholds=[{"threshold": str(mark)} for mark in value], **at, **self.by)
        elif kind == "look":
            follow_all_scoped_budgets(now=self.now)

    def demanded(self):
        """The rules of the design once more, written down plainly."""
        stands = standing(self.budget, now=self.now)
        own = [Decimal(threshold["threshold"]) for threshold in self.stored().thresholds]
        share = stands.figures.used * 100 / stands.budget.amount
        reached = max((mark for mark in own or (80, 95, 100) if share >= mark), default=None)
        found = set()
        if reached is not None:
            found.add(("threshold_exceeded" if own else "threshold_warning", Decimal(reached)))
        if stands.figures.actual > stands.budget.amount:
            found.add(("over_budget", Decimal(100)))
        return found

    def stored(self):
        self.budget.refresh_from_db()
        return self.budget

    def open(self):
        alerts = BudgetAlert.objects.open().exclude(alert_type="forecast_overrun")
        return set(alerts.values_list("alert_type", "threshold"))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
def test_open_alerts_are_those_that_the_state_demands(account, owner, steps):
    with transaction.atomic():
        story = Story(make_scoped_budget(account, owner), owner)
        for kind, value in steps:
            story.take(kind, value)
            assert story.open() == story.demanded()
        # Looking at it changes words and figures, never which alerts there are.
        follow_all_scoped_budgets(now=story.now)
        assert story.open() == story.demanded()
        transaction.set_rollback(True)
