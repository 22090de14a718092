"""The staff's pages for alerts: seen, dealt with, one at a time and many at once."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alerts.models import BudgetAlert
from budgets.models import BudgetStatus, EventBudget
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.people import make_member, sign_in
from budgetsite.testing.scoped_budgets import make_scoped_budget, spend

LIST = "admin:alerts_budgetalert_changelist"


@pytest.fixture
def worker(account: Account, staff: User) -> Client:
    return sign_in(staff, account)


@pytest.fixture
def alerts(account: Account, staff: User) -> list[BudgetAlert]:
    with tenant_scope(account.pk, user_id=staff.pk):
        budget = make_budget(account, staff, event=make_event(account, staff, name="Summer gala"), total="1000")
        make_line(budget, staff, budgeted_amount=Decimal(1000), actual_amount=Decimal(1200))
    return list(BudgetAlert.objects.order_by("id"))


def told(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def test_an_alert_is_acknowledged_once_with_a_comment(alerts, worker, staff):
    address = reverse("admin:alerts_budgetalert_acknowledge", args=[alerts[0].pk])

    asked = worker.get(address)
    first = worker.post(address, {"reason": "Called the caterer"})
    second = worker.post(address, {"reason": "Me too"})

    alert = BudgetAlert.objects.get(pk=alerts[0].pk)
    assert asked.status_code == 200
    assert (first.status_code, second.status_code) == (302, 409)
    assert (alert.acknowledged_by_id, alert.acknowledged_comment) == (staff.pk, "Called the caterer")
    assert b"acknowledged this alert already" in second.content


def test_an_alert_is_resolved(alerts, worker, staff):
    response = worker.post(reverse("admin:alerts_budgetalert_resolve", args=[alerts[0].pk]), {"reason": ""})

    alert = BudgetAlert.objects.get(pk=alerts[0].pk)
    assert response.status_code == 302
    assert (alert.resolved, alert.resolved_by_id) == (True, staff.pk)


def test_looking_at_the_question_changes_nothing(alerts, worker):
    worker.get(reverse("admin:alerts_budgetalert_acknowledge", args=[alerts[0].pk]))

    assert not BudgetAlert.objects.filter(is_acknowledged=True).exists()


def test_many_are_acknowledged_at_once_and_counted(alerts, worker):
    worker.post(reverse("admin:alerts_budgetalert_acknowledge", args=[alerts[0].pk]), {"reason": ""})
    data = {"action": "acknowledge_rows", "_selected_action": [str(alert.pk) for alert in alerts]}

    asked = worker.post(reverse(LIST), data)
    done = worker.post(reverse(LIST), {**data, "confirmed": "yes", "reason": "Seen"}, follow=True)

    assert len(asked.context["confirmation"].rows) == len(alerts)
    assert told(done) == [f"{len(alerts) - 1} acknowledged, 1 had been already."]
    assert BudgetAlert.objects.filter(is_acknowledged=True).count() == len(alerts)


def test_many_are_resolved_at_once(alerts, worker):
    data = {
        "action": "resolve_rows",
        "_selected_action": [str(alert.pk) for alert in alerts],
        "confirmed": "yes",
        "reason": "",
    }

    done = worker.post(reverse(LIST), data, follow=True)

    assert told(done) == [f"{len(alerts)} resolved."]
    assert BudgetAlert.objects.open().count() == 0


def test_another_accounts_alerts_are_not_reached_by_a_bulk_action(alerts, other_account, owner):
    stranger = sign_in(make_member(other_account, Role.OWNER).user, other_account)

    stranger.post(
        reverse(LIST),
        {
            "action": "resolve_rows",
            "_selected_action": [str(alert.pk) for alert in alerts],
            "confirmed": "yes",
            "reason": "",
        },
    )

    assert BudgetAlert.objects.open().count() == len(alerts)


@pytest.mark.parametrize(
    ("query", "all_found"),
    [
        ("state=waiting", True),
        ("state=open", True),
        ("state=resolved", False),
        ("level__exact=information", False),
        ("q=gala", True),
        ("q=nothing", False),
    ],
)
def test_filters(alerts, worker, query, all_found):
    response = worker.get(f"{reverse(LIST)}?{query}")

    assert len(response.context["cl"].result_list) == (len(alerts) if all_found else 0)


def test_alerts_are_neither_added_changed_nor_deleted_by_hand(alerts, worker):
    def status(name: str, *args: Any) -> int:
        return worker.post(reverse(f"admin:alerts_budgetalert_{name}", args=args), {"message": "x"}).status_code

    assert status("add") == 403
    assert status("change", alerts[0].pk) == 403
    assert status("delete", alerts[0].pk) == 403


def test_the_start_page_shows_those_that_wait(alerts, worker):
    def waiting() -> int:
        panels = {panel.title: panel for panel in worker.get(reverse("admin:index")).context["panels"]}
        return len(panels["Alerts to acknowledge"].rows)

    before = waiting()
    worker.post(reverse("admin:alerts_budgetalert_acknowledge", args=[alerts[0].pk]), {"reason": ""})

    assert (before, waiting()) == (len(alerts), len(alerts) - 1)


def test_alerts_of_closed_budgets_leave_what_waits_and_stay_in_the_list(alerts, worker):
    EventBudget.objects.update(status=BudgetStatus.ARCHIVED)

    panels = {panel.title: panel for panel in worker.get(reverse("admin:index")).context["panels"]}
    waiting = worker.get(reverse(LIST), {"state": "waiting"}).context["cl"].result_list
    everything = worker.get(reverse(LIST))

    assert (panels["Alerts to acknowledge"].rows, list(waiting)) == ([], [])
    assert {alert.pk for alert in everything.context["cl"].result_list} == {alert.pk for alert in alerts}
    assert b"Budget closed" in everything.content


def test_a_company_budgets_alerts_stand_beside_those_of_events(alerts, account, worker, staff):
    with tenant_scope(account.pk, user_id=staff.pk):
        budget = make_scoped_budget(account, staff, name="Season 2026")
        spend(budget, staff, "1000.5", now=timezone.now())
    alert = BudgetAlert.objects.get(scoped_budget=budget, alert_type="over_budget")

    company = worker.get(reverse(LIST), {"about": "company", "q": "season"}).content.decode()
    assert "Season 2026" in company
    assert "Summer gala" not in company
    page = worker.get(reverse("admin:alerts_budgetalert_change", args=[alert.pk])).content.decode()
    assert "0.50 USD over budget: 1,000.50 spent of 1,000.00 (100.05%)." in page
    assert "Season 2026" in worker.get(reverse("admin:index")).content.decode()
    assert worker.post(reverse("admin:alerts_budgetalert_resolve", args=[alert.pk]), {"reason": ""}).status_code == 302
    assert BudgetAlert.objects.get(pk=alert.pk).resolved_by_id == staff.pk
