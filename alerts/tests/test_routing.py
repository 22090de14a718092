"""Who is told of what: alerts by their level, approvals to whom they wait for, decisions to whom they concern."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alerts.models import BudgetAlert
from alerts.services.reactions import acknowledge_alert, resolve_alert
from alerts.services.routing.receiving import receive
from budgets.models import EventBudget
from budgets.services.expense_stages import approve_expense
from budgetsite.accounts.roles import Role
from budgetsite.notifications.models import Mail, Notification
from budgetsite.notifications.services.sorting import sort_out
from budgetsite.notifications.services.telling import Message, tell
from budgetsite.outbox.models import OutboxEvent
from budgetsite.testing.budgets import make_budget, make_event, make_line, move
from budgetsite.testing.expenses import make_expense
from budgetsite.testing.people import make_member

NOW = datetime(2026, 6, 11, 12, tzinfo=UTC)


@pytest.fixture
def budget(account, organizer):
    return make_budget(account, organizer, total="1000")


def relay():
    """Hand on what the test's transaction has recorded, as a worker does after the commit."""
    events = list(OutboxEvent.objects.filter(relayed_at=None).order_by("position"))
    receive(events)
    OutboxEvent.objects.filter(pk__in=[event.pk for event in events]).update(relayed_at=NOW)


def told():
    return {(n.person_id, n.title) for n in Notification.objects.all()}


def spend(budget, user, amount):
    line = budget.line_items.first() or make_line(budget, user, budgeted_amount=budget.total_budget_amount)
    make_expense(budget, user, line_item=line, amount=Decimal(amount), stage="invoiced")


def test_alerts_reach_who_runs_the_event_then_managers_then_owners(budget, owner, manager, staff, organizer):
    spend(budget, organizer, 500)
    relay()
    assert told() == {(organizer.pk, "Summer gala: milestone reached")}

    spend(budget, organizer, 300)
    relay()
    assert {title for person, title in told() if person == manager.pk} == {
        "Summer gala: nearly used up",
    }
    assert not {title for person, title in told() if person == owner.pk}

    spend(budget, organizer, 300)
    relay()
    assert (owner.pk, "Summer gala: over budget") in told()
    assert staff.pk not in {person for person, _ in told()}
    # Everything of these moments waits in one mail for each of them.
    assert Mail.objects.count() == 3


def test_an_alert_is_told_once_for_each_level(budget, organizer, manager):
    spend(budget, organizer, 1100)
    relay()
    before = told()
    # More of the same raises the alert, and is no news.
    spend(budget, organizer, 50)
    relay()
    assert BudgetAlert.objects.get(alert_type="over_budget").times_raised == 1
    assert told() == before
    # Beyond 20 % above the plan the line's alert becomes critical.
    spend(budget, organizer, 100)
    relay()
    assert {n.level for n in Notification.objects.filter(person=manager, title__contains="line")} == {
        "warning",
        "critical",
    }


def test_what_somebody_has_seen_before_it_is_told_is_not_told(budget, organizer, manager):
    spend(budget, organizer, 850)
    for alert in BudgetAlert.objects.all():
        acknowledge_alert(alert_id=alert.pk, acting_user=manager, now=NOW)
    relay()
    assert told() == set()


def test_a_mail_leaves_out_what_has_resolved_since_and_the_inbox_keeps_it(budget, organizer, manager, owner):
    spend(budget, organizer, 1100)
    relay()
    kept = told()
    tell(
        [(owner.pk, Message("payments_due", "warning", "A bill is due", "/payments", "bill", "", "expense", uuid4()))],
        now=NOW,
    )

    def mailed(*mails):
        """Return what goes out to whom, and how many statements that takes."""
        with CaptureQueriesContext(connection) as queries:
            found = sort_out(mails, now=NOW)
        contents = found.contents.values()
        titles = {(each.person.pk, notification.title) for each in contents for notification in each.written_out}
        assert sum(each.total for each in contents) == len(titles)
        return titles, len(queries), {mail.status for mail in mails} - {"gathering"}

    mails = list(Mail.objects.order_by("pk"))
    bill = (owner.pk, "A bill is due")
    titles, statements, closed = mailed(*mails)
    assert (titles, closed, len(mails)) == (kept | {bill}, set(), 3)
    assert mailed(mails[0])[1] == statements
    over_budget = BudgetAlert.objects.get(alert_type="over_budget")
    resolve_alert(alert_id=over_budget.pk, acting_user=manager, now=NOW)
    titles, again, closed = mailed(*mails)
    assert (titles, again, closed) == (
        {(person, title) for person, title in kept | {bill} if title != "Summer gala: over budget"},
        statements,
        set(),
    )
    for alert in BudgetAlert.objects.open():
        resolve_alert(alert_id=alert.pk, acting_user=manager, now=NOW)
    titles, _, closed = mailed(*mails)
    # Of the three mails the one goes out of which something is left.
    assert (titles, closed, sum(mail.status == "cancelled" for mail in mails)) == ({bill}, {"cancelled"}, 2)
    inbox = Notification.objects.filter(in_inbox=True, read_at=None)
    assert {(each.person_id, each.title) for each in inbox} == kept | {bill}


def test_who_may_approve_is_asked_and_who_asked_is_told(account, budget, organizer, manager, owner):
    make_line(budget, organizer, budgeted_amount=Decimal(10))
    move(budget, "submit", user=organizer, role=Role.ORGANIZER, account=account)
    relay()
    assert told() == {(person.pk, "Summer gala: approve the budget") for person in (manager, owner)}

    move(budget, "approve", user=manager, role=Role.MANAGER, account=account)
    relay()
    assert (organizer.pk, "Summer gala: the budget was approved") in told()
    assert Notification.objects.filter(title__contains="approve the").count() == 2


def test_nobody_is_asked_to_approve_their_own(account, budget, manager, owner, organizer):
    make_line(budget, organizer, budgeted_amount=Decimal(10))
    move(budget, "submit", user=manager, role=Role.MANAGER, account=account)
    relay()
    assert told() == {(owner.pk, "Summer gala: approve the budget")}


def test_a_clients_expense_waits_for_managers_and_its_approval_is_told(account, budget, manager, organizer):
    client = make_member(account, Role.CLIENT).user
    line = make_line(budget, organizer, budgeted_amount=Decimal(500))
    expense = make_expense(budget, client, line_item=line, amount=Decimal(10), role=Role.CLIENT)
    relay()
    assert told() == {(manager.pk, "Summer gala: approve an expense")}

    approve_expense(expense_id=expense.pk, acting_user=manager, acting_role=Role.MANAGER, account=account, now=NOW)
    relay()
    assert (client.pk, "Summer gala: your expense was approved") in told()
    # They have not agreed to mail: it waits in their inbox.
    assert not Mail.objects.filter(person=client).exists()


def test_a_batch_takes_a_constant_number_of_statements(account, organizer, manager, django_assert_max_num_queries):
    for number in range(4):
        budget = make_budget(
            account, organizer, total="100", event=make_event(account, organizer, name=f"Gala {number}")
        )
        spend(budget, organizer, 120)
    with django_assert_max_num_queries(24):
        relay()
    assert Notification.objects.filter(person=manager).count() >= 4
    assert EventBudget.objects.count() == 4
