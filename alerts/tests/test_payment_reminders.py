"""Who is told of payments that are due or late: each step once, by the calendar where the event is."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import transaction

from alerts.services.escalation_policy import change_escalation_policy, escalation_policy
from alerts.services.routing import payment_reminders
from alerts.services.routing.payment_reminders import remind_of_payments, step_of
from alerts.tasks import remind_of_payments_of_account
from budgets.models import Expense
from budgets.services.expense_stages import cancel_expense
from budgets.services.payment import add_payment
from budgetsite.accounts.roles import Role
from budgetsite.notifications.models import Mail, Notification
from budgetsite.tenancy.deletion import soft_delete
from budgetsite.tenancy.scope import NOBODY, scope, tenant_scope
from budgetsite.testing.budgets import make_budget, make_event
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.expenses import NOW, make_expense
from budgetsite.testing.people import make_member

# NOW is eight in the morning of the 1st of July in Toronto.
TODAY = date(2026, 7, 1)


@pytest.fixture
def budget(account, organizer):
    return make_budget(account, organizer, total="100000")


def bill(budget, user, *, in_days, **fields):
    values = {"stage": "invoiced", "expense_date": date(2026, 1, 1), "vendor": "Florist", **fields}
    return make_expense(budget, user, due_date=TODAY + timedelta(days=in_days), **values)


def days_later(days):
    return NOW + timedelta(days=days)


def told():
    return [(n.person, n.level, n.title) for n in Notification.objects.order_by("created_at", "title", "person_id")]


def test_each_step_is_told_once_and_says_what_how_much_and_where(budget, organizer, manager, owner):
    expense = bill(budget, organizer, in_days=30, amount=Decimal("1234.50"))

    assert [remind_of_payments(now=days_later(day)) for day in (-1, 0, 0, 15, 16, 17, 23, 28, 29, 30)] == [
        0, 1, 0, 0, 1, 0, 1, 0, 1, 0,
    ]  # fmt: skip

    assert told() == [
        (organizer, "information", "Summer gala: “Roses” is due in 30 days"),
        (organizer, "information", "Summer gala: “Roses” is due in 14 days"),
        (organizer, "information", "Summer gala: “Roses” is due in 7 days"),
        (organizer, "warning", "Summer gala: “Roses” is due tomorrow"),
    ]
    first = Notification.objects.filter(title__contains="30 days").get()
    assert (first.notification_type, first.text, first.path) == (
        "payments_due",
        "CA$1,234.50 to Florist, to be paid by 31 July 2026.",
        f"/expenses/{expense.pk}#payments-title",
    )


def test_what_is_late_goes_up_to_managers_and_then_owners(budget, staff, organizer, manager, owner):
    bill(budget, organizer, in_days=0)
    assert [remind_of_payments(now=days_later(day)) for day in (1, 2, 3, 4, 7, 8, 60)] == [1, 0, 2, 0, 3, 0, 0]
    assert {(person, title) for person, level, title in told() if level == "critical"} == {
        (person, "Summer gala: “Roses” is 7 days overdue") for person in (organizer, manager, owner)
    }
    assert {person for person, level, title in told() if "3 days" in title} == {organizer, manager}
    assert [person for person, level, title in told() if "1 day overdue" in title] == [organizer]


def test_of_steps_that_passed_while_nobody_looked_the_last_is_told_alone(budget, organizer, owner):
    bill(budget, organizer, in_days=20)
    remind_of_payments(now=days_later(8))
    assert told() == [(organizer, "information", "Summer gala: “Roses” is due in 12 days")]
    remind_of_payments(now=days_later(40))
    assert {title for _, _, title in told()} == {
        "Summer gala: “Roses” is due in 12 days",
        "Summer gala: “Roses” is 20 days overdue",
    }


def test_a_new_due_date_is_news_again_and_a_new_amount_is_not(budget, organizer):
    expense = bill(budget, organizer, in_days=7, stage="planned")
    assert remind_of_payments(now=NOW) == 1
    Expense.objects.filter(pk=expense.pk).update(amount=Decimal(700))
    assert remind_of_payments(now=NOW) == 0
    Expense.objects.filter(pk=expense.pk).update(due_date=TODAY + timedelta(days=6))
    assert remind_of_payments(now=NOW) == 1


def test_nothing_is_said_of_what_is_paid_cancelled_deleted_or_waits_for_approval(account, budget, organizer, staff):
    paid = bill(budget, organizer, in_days=1)
    add_payment(expense_id=paid.pk, amount=paid.amount, paid_at=NOW, acting_user=staff, acting_role=Role.STAFF, now=NOW)
    cancelled = bill(budget, organizer, in_days=1, stage="committed")
    cancel_expense(expense_id=cancelled.pk, acting_user=staff, acting_role=Role.STAFF, now=NOW, reason="Not needed")
    bill(budget, make_member(account, Role.CLIENT).user, in_days=1, role=Role.CLIENT, stage="planned")
    gone = make_budget(account, organizer, event=make_event(account, organizer, name="Called off"))
    bill(gone, organizer, in_days=1)
    soft_delete(gone.event, now=NOW)
    assert (remind_of_payments(now=NOW), told()) == (0, [])


def test_instalments_of_one_day_come_as_one_and_payments_of_one_person_in_one_mail(budget, organizer, staff):
    expense = bill(budget, organizer, in_days=90, amount=Decimal(900))
    for amount in (100, 200):
        add_payment(
            expense_id=expense.pk, amount=Decimal(amount), due_date=TODAY + timedelta(days=7), acting_user=staff,
            acting_role=Role.STAFF, now=NOW,
        )  # fmt: skip
    bill(budget, organizer, in_days=14, description="Tables", currency="CAD")
    assert remind_of_payments(now=NOW) == 2
    assert set(Notification.objects.values_list("text", flat=True)) == {
        "CA$300.00 to Florist, to be paid by 8 July 2026.",
        "CA$500.00 to Florist, to be paid by 15 July 2026.",
    }
    assert [mail.notifications.count() for mail in Mail.objects.all()] == [2]


def test_the_day_is_that_of_the_event_and_begins_in_the_morning(account, organizer):
    event = make_event(account, organizer, name="Dawn", timezone="Pacific/Auckland")
    # Due on the 3rd. In Auckland the 2nd has begun at NOW, and it is midnight.
    bill(make_budget(account, organizer, event=event), organizer, in_days=2)
    change_escalation_policy(acting_user=organizer, days_before=[1])
    assert remind_of_payments(now=NOW + timedelta(hours=7, minutes=59)) == 0
    assert remind_of_payments(now=NOW + timedelta(hours=8)) == 1
    assert [title for _, _, title in told()] == ["Dawn: “Roses” is due tomorrow"]


def test_where_nobody_runs_the_event_any_more_managers_are_told(account, budget, organizer, manager, owner):
    bill(budget, organizer, in_days=1)
    soft_delete(organizer.memberships.get(), now=NOW)
    remind_of_payments(now=NOW)
    assert [person for person, _, _ in told()] == [manager]


def test_an_account_that_wants_no_reminders_gets_none(budget, organizer, manager, owner):
    change_escalation_policy(
        acting_user=owner, days_before=[], overdue_days_until_manager=None, overdue_days_until_owner=None
    )
    bill(budget, organizer, in_days=1)
    assert remind_of_payments(now=NOW) == 0
    assert remind_of_payments(now=days_later(30)) == 1
    assert [person for person, _, _ in told()] == [organizer]


@pytest.mark.parametrize(
    ("days_left", "step"),
    [(31, None), (30, "30"), (15, "30"), (14, "14"), (1, "1"), (0, "1"), (-1, "overdue"), (-3, "overdue-manager"),
     (-7, "overdue-owner")],
)  # fmt: skip
def test_the_step_is_the_last_that_was_reached(account, days_left, step):
    assert step_of(days_left, escalation_policy()) == step


def test_a_stranger_hears_nothing_and_the_work_does_not_grow_with_the_payments(
    budget, organizer, other_account, django_assert_num_queries, monkeypatch
):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        bill(make_budget(other_account, rival), rival, in_days=1, currency="EUR")
    for number in range(5):
        bill(budget, organizer, in_days=1, description=f"Bill {number}")
    with django_assert_num_queries(18):
        assert remind_of_payments(now=NOW) == 5
    monkeypatch.setattr(payment_reminders, "BATCH_SIZE", 2)
    assert remind_of_payments(now=days_later(2)) == 5
    with tenant_scope(other_account.pk):
        assert Notification.objects.count() == 0


def test_two_machines_at_once_tell_once(committed_db, account, organizer):
    with transaction.atomic():
        bill(make_budget(account, organizer), organizer, in_days=1)
    done = run_at_once([lambda: remind_of_payments(now=NOW)] * 2, tenant_id=account.pk)
    assert sorted(done) == [0, 1]
    with scope(NOBODY):
        remind_of_payments_of_account.apply(kwargs={"tenant_id": str(account.pk)}, throw=True)
    with transaction.atomic():
        # The task looks at the clock, by which it is long overdue.
        titles = [title for _, _, title in told()]
        assert [title for title in titles if "overdue" not in title] == ["Summer gala: “Roses” is due tomorrow"]
        assert len(titles) == 2
