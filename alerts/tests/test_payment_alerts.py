"""One alert per budget for what must be paid soon and one for what is late, by the calendar where the event is."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from alerts.models import BudgetAlert
from alerts.services.escalation_policy import change_escalation_policy
from alerts.services.outlook import follow_all_event_budgets, follow_event_budgets
from alerts.services.reactions import acknowledge_alert, resolve_alert
from alerts.services.rules import set_alert_rule
from alerts.tests.figures import alert_of, all_of, open_types, spend
from budgets.models import BudgetStatus, EventBudget, Expense
from budgets.services.expense_stages import cancel_expense
from budgets.services.payment import add_payment, change_payment
from budgets.tests.pages import words
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.expenses import NOW, make_expense
from budgetsite.testing.people import make_member, sign_in

# NOW is eight in the morning of the 1st of July in Toronto.
TODAY = date(2026, 7, 1)
FLOWERS = [{"category": "Flowers", "name": "Flowers", "budgeted_amount": Decimal(10000)}]


@pytest.fixture
def budget(account, organizer):
    return make_budget(account, organizer, lines=FLOWERS)


def bill(budget, user, *, in_days, **fields):
    values = {"stage": "invoiced", "expense_date": date(2026, 1, 1), **fields}
    return make_expense(budget, user, due_date=TODAY + timedelta(days=in_days), **values)


def follow(budget, *, day=0, hours=0):
    return follow_event_budgets([budget.pk], now=NOW + timedelta(days=day, hours=hours)).alerts


def pay(expense, user, amount):
    return add_payment(
        expense_id=expense.pk, amount=Decimal(amount), acting_user=user, acting_role=Role.STAFF, now=NOW, paid_at=NOW
    )


def shown(budget, kind):
    alert = alert_of(budget, kind)
    return alert.level, alert.overrun_amount, alert.message


def test_what_is_due_opens_is_raised_resolved_and_opened_anew(budget, staff):
    first = bill(budget, staff, in_days=31, amount=Decimal("500.50"))
    assert (follow(budget), open_types(budget)) == (0, [])
    # Thirty days before, as the earliest reminder.
    assert follow(budget, day=1) == 1
    assert shown(budget, "payment_due") == (
        "information", Decimal("500.50"), "A payment of 500.50 CAD is due on 1 August 2026.",
    )  # fmt: skip
    second = bill(budget, staff, in_days=20, amount=Decimal(1000))
    assert (follow(budget, day=1), follow(budget, day=1)) == (1, 0)
    assert shown(budget, "payment_due") == (
        "information", Decimal("1500.50"),
        "2 payments of 1,500.50 CAD in all are due within 30 days, the first on 21 July 2026.",
    )  # fmt: skip
    acknowledge_alert(alert_id=alert_of(budget, "payment_due").pk, acting_user=staff, now=NOW)
    pay(first, staff, "500.50")
    follow(budget, day=1)
    paid_one = alert_of(budget, "payment_due")
    assert (paid_one.overrun_amount, paid_one.times_raised, paid_one.is_acknowledged) == (Decimal(1000), 1, True)
    # Tomorrow is a warning, which asks again.
    follow(budget, day=19)
    tomorrow = alert_of(budget, "payment_due")
    assert (tomorrow.level, tomorrow.is_acknowledged, tomorrow.times_raised) == ("warning", False, 2)
    pay(second, staff, 1000)
    assert (follow(budget, day=19), open_types(budget)) == (1, [])
    bill(budget, staff, in_days=25)
    follow(budget, day=19)
    assert [alert.resolved for alert in all_of(budget, "payment_due")] == [True, False]


def test_the_day_after_it_is_overdue_and_grave_when_owners_hear_of_it(budget, staff):
    expense = bill(budget, staff, in_days=0)
    follow(budget)
    assert (open_types(budget), shown(budget, "payment_due")[0]) == (["payment_due"], "warning")
    follow(budget, day=1)
    assert open_types(budget) == ["payment_overdue"]
    assert shown(budget, "payment_overdue") == (
        "warning", Decimal(500), "A payment of 500.00 CAD is overdue: it was due on 1 July 2026.",
    )  # fmt: skip
    assert [follow(budget, day=day) for day in (2, 6, 7, 8)] == [0, 0, 1, 0]
    assert shown(budget, "payment_overdue")[0] == "critical"
    # Another that is late makes it more; moved to a later day it is none of them.
    other = bill(budget, staff, in_days=3, amount=Decimal(70), stage="planned")
    follow(budget, day=7)
    assert shown(budget, "payment_overdue")[1:] == (
        Decimal(570), "2 payments of 570.00 CAD in all are overdue: the first was due on 1 July 2026.",
    )  # fmt: skip
    Expense.objects.filter(pk=other.pk).update(due_date=TODAY + timedelta(days=9), next_due_date=TODAY + timedelta(9))
    cancel_expense(expense_id=expense.pk, acting_user=staff, acting_role=Role.STAFF, now=NOW, reason="Not delivered")
    follow(budget, day=7)
    assert open_types(budget) == ["payment_due"]


def test_the_day_is_that_of_the_event(account, organizer):
    event = make_event(account, organizer, name="Dawn", timezone="Pacific/Auckland")
    budget = make_budget(account, organizer, event=event, lines=FLOWERS)
    # In Auckland the 2nd has begun at NOW; the 3rd begins a day later.
    bill(budget, organizer, in_days=1)
    follow(budget, hours=23)
    assert (open_types(budget), follow(budget, hours=23, day=0)) == (["payment_due"], 0)
    follow(budget, day=1)
    assert open_types(budget) == ["payment_overdue"]


def test_instalments_of_other_currencies_and_refunds_are_one_alert(budget, staff):
    florist = bill(budget, staff, in_days=90, amount=Decimal(900), currency="EUR", exchange_rate=Decimal("1.5"))
    for amount, in_days in (("100.01", -3), ("200", -2)):
        add_payment(
            expense_id=florist.pk, amount=Decimal(amount), due_date=TODAY + timedelta(days=in_days), acting_user=staff,
            acting_role=Role.STAFF, now=NOW,
        )  # fmt: skip
    back = bill(budget, staff, in_days=60, amount=Decimal(-80))
    add_payment(
        expense_id=back.pk, amount=Decimal(-80), due_date=TODAY - timedelta(days=1), acting_user=staff,
        acting_role=Role.STAFF, now=NOW,
    )  # fmt: skip
    follow(budget)
    # 300.01 EUR are 450.015 CAD.
    assert shown(budget, "payment_overdue") == (
        "warning", Decimal("450.02"),
        "2 payments of 450.02 CAD in all are overdue: the first was due on 28 June 2026. A refund of 80.00 CAD is "
        "overdue: it was due on 30 June 2026. Other currencies are converted as their expenses were.",
    )  # fmt: skip


def test_what_waits_for_approval_or_is_switched_off_alerts_nobody(account, budget, owner, staff):
    bill(budget, make_member(account, Role.CLIENT).user, in_days=1, role=Role.CLIENT, stage="planned")
    assert follow(budget) == 0
    # Reminders that nobody wants: what is late is told all the same.
    change_escalation_policy(acting_user=owner, days_before=[])
    bill(budget, owner, in_days=1, role=Role.OWNER)
    assert (follow(budget), follow(budget, day=2)) == (0, 1)
    set_alert_rule(budget=budget, acting_user=owner, alert_types=["payment_due"])
    assert (follow(budget, day=2), open_types(budget)) == (1, [])


@pytest.mark.parametrize("status", [BudgetStatus.FINALIZED, BudgetStatus.ARCHIVED])
def test_payments_of_closed_budgets_are_followed_and_nothing_else_of_them(account, budget, owner, staff, status):
    make_budget(account, owner, event=make_event(account, owner, name="Open"), lines=FLOWERS)
    spend(budget, 1, line=make_line(budget, owner, budgeted_amount=Decimal(0)))
    tomorrow, later = bill(budget, staff, in_days=1), bill(budget, staff, in_days=60, amount=Decimal(70))
    follow(budget)
    figures = ["forecast_overrun", "line_item_overrun"]
    assert open_types(budget) == [*figures, "payment_due"]
    EventBudget.objects.filter(pk=budget.pk).update(status=status)

    def follow_all(day):
        followed = follow_all_event_budgets(now=NOW + timedelta(days=day))
        return followed.budgets, followed.alerts

    # Where the spending was heading stays as it was, whatever it comes to.
    EventBudget.objects.filter(pk=budget.pk).update(total_budget_amount=Decimal(20000))
    assert (follow_all(2), open_types(budget)) == ((2, 2), [*figures, "payment_overdue"])
    waiting = BudgetAlert.objects.waiting()
    assert (list(waiting), set(BudgetAlert.objects.open().settled()) & set(waiting)) == (
        [alert_of(budget, "payment_overdue")],
        set(),
    )
    assert BudgetAlert.objects.settled().count() == 2
    pay(tomorrow, staff, 500)
    assert (follow(budget, day=2), open_types(budget)) == (1, figures)
    assert (follow_all(31), shown(budget, "payment_due")[1]) == ((2, 1), Decimal(70))
    pay(later, staff, 70)
    # Once looked at for the alert that it holds; then nothing is left to look at.
    assert (follow_all(31), follow_all(32), open_types(budget)) == ((2, 1), (1, 0), figures)


def test_a_person_who_settled_it_hears_again_when_it_gets_worse(budget, staff):
    bill(budget, staff, in_days=-1)
    follow(budget)
    resolve_alert(alert_id=alert_of(budget, "payment_overdue").pk, acting_user=staff, now=NOW)
    assert (follow(budget), open_types(budget)) == (0, [])
    bill(budget, staff, in_days=-1)
    follow(budget)
    assert BudgetAlert.objects.filter(alert_type="payment_overdue").count() == 2
    assert shown(budget, "payment_overdue")[1] == Decimal(1000)


def test_an_instalment_that_is_moved_leaves_the_alert(budget, staff):
    expense = bill(budget, staff, in_days=90, amount=Decimal(900))
    payment = add_payment(
        expense_id=expense.pk, amount=Decimal(300), due_date=TODAY, acting_user=staff, acting_role=Role.STAFF, now=NOW
    )
    follow(budget)
    assert shown(budget, "payment_due")[1] == Decimal(300)
    change_payment(
        expense_id=expense.pk, payment_id=payment.pk, acting_user=staff, acting_role=Role.STAFF, now=NOW,
        due_date=TODAY + timedelta(days=40),
    )  # fmt: skip
    follow(budget)
    assert open_types(budget) == []


def test_they_are_seen_where_alerts_are_with_the_way_to_the_payments(account, budget, organizer, staff):
    expense = bill(budget, organizer, in_days=-1)
    follow(budget)
    alert = alert_of(budget, "payment_overdue")
    client = sign_in(organizer, account)
    to_payments = f'href="{reverse("budgets:payments")}?event={budget.event_id}"'
    for path in (reverse("alerts:list"), reverse("budgets:detail", args=[budget.pk]), "/"):
        page = client.get(path)
        assert (alert.message in words(page), to_payments in page.content.decode()) == (True, True), path
    assert client.get(reverse("budgets:payments"), {"event": budget.event_id}).context["event"] == budget.event
    [row] = client.get("/api/v1/budget-alerts?alert_type=payment_overdue").json()["results"]
    assert (row["threshold"], row["overrun_amount"], row["currency"], row["utilization"]) == (
        "0.00",
        "500.00",
        "CAD",
        "5.00",
    )
    pay(expense, staff, 500)
    follow(budget)
    assert "resolved by itself: nothing is overdue any more" in words(
        client.get(reverse("alerts:list"), {"state": "resolved"})
    )
    back_office = sign_in(staff, account)
    page = words(back_office.get(reverse("admin:alerts_budgetalert_change", args=[alert.pk])))
    assert ("Payment overdue" in page, "nothing is overdue any more" in page) == (True, True)
    answer = back_office.post(f"/api/v1/budget-alerts/{alert.pk}/resolve", {}, content_type="application/json")
    assert (answer.status_code, "nothing is overdue any more" in answer.content.decode()) == (409, True)
