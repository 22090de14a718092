from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from alerts.models import AlertRule, BudgetAlert
from alerts.services.rules import create_alert_rule
from alerts.tests.figures import alert_of, open_types, spend, spend_up_to
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.people import make_member, sign_in
from budgetsite.testing.scoped_budgets import make_scoped_budget
from budgetsite.testing.scoped_budgets import spend as spend_usage

ALERTS = "/api/v1/budget-alerts"
RULES = "/api/v1/alert-rules"
NOW = datetime(2026, 7, 1, 9, 30, tzinfo=UTC)


@pytest.fixture
def budget(account, owner):
    return make_budget(account, owner, total="10000")


@pytest.fixture
def alert(budget):
    spend(budget, 12_000)
    return alert_of(budget, "over_budget")


@pytest.fixture
def client(account, staff):
    return sign_in(staff, account)


@pytest.fixture
def managers_client(account, manager):
    return sign_in(manager, account)


@pytest.fixture
def rival_alert(other_account):
    """An alert of the strangers', just like ours."""
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        theirs = make_budget(other_account, rival)
        spend(theirs, 12_000)
        return alert_of(theirs, "over_budget")


def post(client, path, body=None):
    return client.post(path, {} if body is None else body, content_type="application/json")


def patch(client, path, body):
    return client.patch(path, body, content_type="application/json")


def problem(response):
    """Return the status and the code and field of the first error."""
    (first, *_others) = response.json()["errors"]
    return response.status_code, first["code"], first["attr"]


def listed(response):
    assert response.status_code == 200, response.content
    return [(row["alert_type"], row["resolved"]) for row in response.json()["results"]]


# --- Reading ----------------------------------------------------------------------------------------------------------


def test_an_alert_answers_all_fields_of_the_contract(client, alert, budget):
    answer = client.get(f"{ALERTS}/{alert.pk}").json()
    times = {answer.pop("created_at"), answer.pop("updated_at")}
    assert all(datetime.fromisoformat(time).tzinfo is not None for time in times)
    assert answer == {
        "id": str(alert.pk),
        "budget_id": str(budget.pk),
        "scoped_budget_id": None,
        "event_id": str(budget.event_id),
        "window_start": None,
        "window_end": None,
        "line_item_id": None,
        "alert_type": "over_budget",
        "level": "critical",
        "threshold": "100.00",
        "threshold_amount": None,
        "utilization": "120.00",
        "overrun_amount": "2000.00",
        "currency": "CAD",
        "message": "2,000.00 CAD over budget: 12,000.00 spent of 10,000.00 (120.00%).",
        "is_acknowledged": False,
        "acknowledged_by": None,
        "acknowledged_at": None,
        "acknowledged_comment": "",
        "resolved": False,
        "resolved_by": None,
        "resolved_at": None,
        "resolved_comment": "",
        "times_raised": 0,
        "raised_at": None,
    }


def test_a_lines_alert_names_the_line(client, owner, budget):
    line = make_line(budget, owner, budgeted_amount=Decimal(10), actual_amount=Decimal(11))
    alert = alert_of(budget, "line_item_overrun", line=line)
    assert client.get(f"{ALERTS}/{alert.pk}").json()["line_item_id"] == str(line.pk)


def test_alerts_are_listed_newest_first(client, budget):
    for actual in (5_000, 8_000, 0, 6_000):
        spend_up_to(budget, actual)
    response = client.get(ALERTS)
    assert listed(response) == [
        ("threshold_exceeded", False),
        ("threshold_warning", True),
        ("threshold_exceeded", True),
    ]
    assert (response.json()["count"], response.json()["next"], response.json()["previous"]) == (3, None, None)


def test_filters_narrow_the_list(client, account, owner, alert, budget):
    other = make_budget(account, owner)
    spend(other, 5_000)
    post(client, f"{ALERTS}/{alert.pk}/acknowledge")
    post(client, f"{ALERTS}/{alert_of(budget, 'threshold_warning').pk}/resolve")

    def found(**query):
        return sorted(listed(client.get(ALERTS, query)))

    own = [("over_budget", False), ("threshold_exceeded", False), ("threshold_warning", True)]
    assert found(budget=budget.pk) == found(event=budget.event_id) == own
    assert found(budget=other.pk) == found(event=other.event_id) == [("threshold_exceeded", False)]
    assert found(alert_type="over_budget") == found(acknowledged="true") == [("over_budget", False)]
    assert found(resolved="true") == [("threshold_warning", True)]
    assert found(resolved="false", acknowledged="false") == [("threshold_exceeded", False)] * 2
    assert found(level="critical", budget=budget.pk) == [("over_budget", False)]
    assert found(scoped_budget=uuid4()) == found(budget=uuid4()) == found(event=uuid4()) == []


def test_a_filter_that_means_nothing_is_refused(client, alert):
    for query in ({"budget": "first"}, {"alert_type": "rain"}, {"resolved": "perhaps"}, {"event": "'"}):
        response = client.get(ALERTS, query)
        assert (response.status_code, response.json()["errors"][0]["attr"]) == (400, next(iter(query)))


def test_a_long_list_is_answered_in_pages(client, account, owner):
    for _ in range(3):
        spend(make_budget(account, owner), 5_000)
    first = client.get(ALERTS, {"limit": 2}).json()
    second = client.get(first["next"]).json()
    assert (first["count"], len(first["results"]), len(second["results"]), second["next"]) == (3, 2, 1, None)
    assert len({row["id"] for row in first["results"] + second["results"]}) == 3
    assert problem(client.get(ALERTS, {"limit": 101}))[0] == 400


def test_a_list_costs_the_same_with_many_alerts(client, account, owner, budget):
    def statements():
        with CaptureQueriesContext(connection) as queries:
            assert client.get(ALERTS).status_code == 200
        # Where a test has savepoints, a request of its own begins and commits.
        return len([query for query in queries if "SAVEPOINT" not in query["sql"]])

    spend(budget, 5_000)
    client.get(ALERTS)
    one = statements()
    for _ in range(4):
        spend(make_budget(account, owner), 13_000)
    assert statements() == one <= 8


# --- Acknowledge and resolve ------------------------------------------------------------------------------------------


def test_acknowledging_answers_the_alert(client, staff, alert):
    response = post(client, f"{ALERTS}/{alert.pk}/acknowledge", {"comment": "Seen"})
    answer = response.json()
    assert (response.status_code, answer["is_acknowledged"], answer["acknowledged_by"], answer["resolved"]) == (
        200,
        True,
        str(staff.pk),
        False,
    )
    assert (answer["acknowledged_comment"], answer["acknowledged_at"] is None) == ("Seen", False)
    alert.refresh_from_db()
    assert (alert.is_acknowledged, alert.acknowledged_by_id) == (True, staff.pk)


def test_resolving_answers_the_alert(client, staff, alert):
    response = post(client, f"{ALERTS}/{alert.pk}/resolve")
    answer = response.json()
    assert (response.status_code, answer["resolved"], answer["resolved_by"]) == (200, True, str(staff.pk))
    assert answer["resolved_at"] is not None
    alert.refresh_from_db()
    assert alert.resolved is True


@pytest.mark.parametrize(
    ("reaction", "code"), [("acknowledge", "already_acknowledged"), ("resolve", "already_resolved")]
)
def test_a_second_time_is_a_conflict_and_changes_nothing(client, managers_client, alert, reaction, code):
    post(client, f"{ALERTS}/{alert.pk}/{reaction}", {"comment": "First"})
    before = BudgetAlert.objects.filter(pk=alert.pk).values().get()
    response = post(managers_client, f"{ALERTS}/{alert.pk}/{reaction}", {"comment": "Second"})
    assert problem(response) == (409, code, None)
    assert "The staff" in response.json()["errors"][0]["detail"]
    assert BudgetAlert.objects.filter(pk=alert.pk).values().get() == before


def test_what_is_no_comment_is_refused(client, alert):
    for body in ({"comment": "x" * 2001}, {"comment": None}, {"comment": {}}):
        assert problem(post(client, f"{ALERTS}/{alert.pk}/acknowledge", body))[::2] == (400, "comment")
    response = client.post(f"{ALERTS}/{alert.pk}/acknowledge", "{", content_type="application/json")
    assert response.status_code == 400
    alert.refresh_from_db()
    assert alert.is_acknowledged is False


def test_a_slash_at_the_end_is_tolerated(client, alert):
    assert client.get(f"{ALERTS}/").status_code == 200
    assert post(client, f"{ALERTS}/{alert.pk}/acknowledge/").status_code == 200


# --- Who may ----------------------------------------------------------------------------------------------------------


def test_a_strangers_alert_is_not_there(client, alert, rival_alert):
    assert {row["id"] for row in client.get(ALERTS).json()["results"]}.isdisjoint({str(rival_alert.pk)})
    assert listed(client.get(ALERTS, {"budget": rival_alert.budget_id})) == []
    for response in (
        client.get(f"{ALERTS}/{rival_alert.pk}"),
        post(client, f"{ALERTS}/{rival_alert.pk}/acknowledge"),
        post(client, f"{ALERTS}/{rival_alert.pk}/resolve"),
        client.get(f"{ALERTS}/{uuid4()}"),
        client.get(f"{ALERTS}/not-an-id"),
    ):
        assert (response.status_code, response.json()["errors"][0]["code"]) == (404, "not_found")


def test_organizers_see_and_settle_the_alerts_of_their_own_events(account, owner, organizer, alert):
    own = make_budget(account, owner, event=make_event(account, owner, organizer=organizer))
    spend(own, 5_000)
    client = sign_in(organizer, account)
    (row,) = client.get(ALERTS).json()["results"]
    assert row["budget_id"] == str(own.pk)
    assert post(client, f"{ALERTS}/{row['id']}/acknowledge").status_code == 200
    assert post(client, f"{ALERTS}/{alert.pk}/acknowledge").status_code == 404


@pytest.mark.parametrize("role", [Role.CLIENT, Role.ATTENDEE])
def test_others_have_nothing_to_do_with_alerts(account, alert, role):
    client = sign_in(make_member(account, role).user, account)
    for response in (
        client.get(ALERTS),
        client.get(f"{ALERTS}/{alert.pk}"),
        post(client, f"{ALERTS}/{alert.pk}/acknowledge"),
        post(client, f"{ALERTS}/{alert.pk}/resolve"),
        client.get(RULES),
    ):
        assert response.status_code == 403


def test_nobody_reads_alerts_without_signing_in(client, alert):
    client.logout()
    assert client.get(ALERTS).status_code == 401


# --- Rules ------------------------------------------------------------------------------------------------------------


def test_an_accounts_rule_is_made_changed_and_deleted(managers_client):
    assert managers_client.get(RULES).json()["results"] == []
    response = post(managers_client, RULES, {"warning_threshold": "70"})
    made = response.json()
    assert (response.status_code, made["budget_id"], made["warning_threshold"], made["exceeded_thresholds"]) == (
        201,
        None,
        "70.00",
        ["50.00", "75.00", "90.00"],
    )
    assert made["high_variance_percentage"] == "20.00"
    assert made["alert_types"] == [
        "threshold_warning",
        "threshold_exceeded",
        "over_budget",
        "variance_high",
        "line_item_overrun",
        "forecast_overrun",
        "payment_due",
        "payment_overdue",
    ]
    path = f"{RULES}/{made['id']}"
    changed = patch(managers_client, path, {"exceeded_thresholds": ["95.5", "10"], "budget_id": None})
    assert (changed.status_code, changed.json()["exceeded_thresholds"]) == (200, ["10.00", "95.50"])
    assert managers_client.get(path).json() == changed.json()
    assert managers_client.delete(path).status_code == 204
    assert managers_client.get(path).status_code == managers_client.delete(path).status_code == 404
    assert AlertRule.objects.count() == 0


def test_a_budgets_rule_is_in_force_with_the_answer(managers_client, budget):
    spend(budget, 4_000)
    response = post(managers_client, RULES, {"budget_id": str(budget.pk), "warning_threshold": 40})
    assert (response.status_code, response.json()["budget_id"]) == (201, str(budget.pk))
    assert open_types(budget) == ["threshold_warning"]
    patch(managers_client, f"{RULES}/{response.json()['id']}", {"alert_types": []})
    assert open_types(budget) == []


def test_a_second_rule_is_a_conflict_that_names_the_first(managers_client, budget):
    for body in ({}, {"budget_id": str(budget.pk)}):
        first = post(managers_client, RULES, body).json()["id"]
        second = post(managers_client, RULES, {**body, "warning_threshold": "1"})
        assert (*problem(second), second.json()["rule_id"]) == (409, "rule_exists", None, first)
    assert set(AlertRule.objects.values_list("warning_threshold", flat=True)) == {Decimal(80)}


def test_the_accounts_rule_is_listed_first(managers_client, owner, budget):
    of_budget = create_alert_rule(budget=budget, acting_user=owner)
    of_account = create_alert_rule(budget=None, acting_user=owner)

    def ids(**query):
        return [row["id"] for row in managers_client.get(RULES, query).json()["results"]]

    assert ids() == [str(of_account.pk), str(of_budget.pk)]
    assert ids(budget=budget.pk) == ids(of_account="false") == [str(of_budget.pk)]
    assert ids(of_account="true") == [str(of_account.pk)]


@pytest.mark.parametrize(
    ("body", "attr"),
    [
        ({"warning_threshold": "0"}, "warning_threshold"),
        ({"warning_threshold": "1000.01"}, "warning_threshold"),
        ({"warning_threshold": "80.001"}, "warning_threshold"),
        ({"warning_threshold": "NaN"}, "warning_threshold"),
        ({"warning_threshold": None}, "warning_threshold"),
        ({"high_variance_percentage": "many"}, "high_variance_percentage"),
        ({"exceeded_thresholds": ["50", "-1"]}, "exceeded_thresholds.1"),
        ({"exceeded_thresholds": "50"}, "exceeded_thresholds"),
        ({"exceeded_thresholds": list(range(1, 12))}, "exceeded_thresholds"),
        ({"alert_types": ["rain"]}, "alert_types.0"),
        ({"budget_id": "first"}, "budget_id"),
        ({"budget_id": str(uuid4())}, "budget_id"),
    ],
)
def test_a_rule_that_means_nothing_is_refused_at_its_field(managers_client, body, attr):
    response = post(managers_client, RULES, body)
    assert problem(response)[::2] == (400, attr)
    assert AlertRule.objects.count() == 0


def test_a_rule_stays_with_its_budget(managers_client, owner, budget):
    rule = create_alert_rule(budget=budget, acting_user=owner)
    for other in (None, str(uuid4())):
        response = patch(managers_client, f"{RULES}/{rule.pk}", {"budget_id": other, "warning_threshold": "1"})
        assert problem(response) == (400, "fixed", "budget_id")
    rule.refresh_from_db()
    assert (rule.budget_id, rule.warning_threshold) == (budget.pk, Decimal(80))


def test_staff_read_rules_and_managers_change_them(client, owner, budget):
    rule = create_alert_rule(budget=budget, acting_user=owner)
    assert client.get(f"{RULES}/{rule.pk}").status_code == 200
    for response in (
        post(client, RULES, {}),
        patch(client, f"{RULES}/{rule.pk}", {"warning_threshold": "1"}),
        client.delete(f"{RULES}/{rule.pk}"),
    ):
        assert response.status_code == 403
    assert AlertRule.objects.get().warning_threshold == Decimal(80)


def test_a_strangers_rule_and_budget_are_not_there(managers_client, rival_alert, other_account):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        theirs = create_alert_rule(budget=None, acting_user=rival)
    path = f"{RULES}/{theirs.pk}"
    assert managers_client.get(RULES).json()["results"] == []
    for response in (
        managers_client.get(path),
        patch(managers_client, path, {"warning_threshold": "1"}),
        managers_client.delete(path),
    ):
        assert response.status_code == 404
    response = post(managers_client, RULES, {"budget_id": str(rival_alert.budget_id)})
    assert problem(response) == (400, "does_not_exist", "budget_id")
    with tenant_scope(other_account.pk):
        assert AlertRule.objects.get().warning_threshold == Decimal(80)


def test_a_repeated_key_makes_one_rule(managers_client):
    answers = [
        managers_client.post(RULES, {}, content_type="application/json", headers={"Idempotency-Key": "one"})
        for _ in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()
    assert AlertRule.objects.count() == 1


# --- Scoped budgets ---------------------------------------------------------------------------------------------------


def test_a_scoped_budgets_alert_is_found_answered_and_agrees_with_its_status(client, account, owner, alert):
    thresholds = [{"threshold": "50"}, {"threshold": "90", "actions": ["require-approval"]}, {"threshold": "120"}]
    own = make_scoped_budget(account, owner, thresholds=thresholds)
    plain = make_scoped_budget(account, owner, scope_type="team")
    for budget in (own, plain):
        spend_usage(budget, owner, "1000.00025", now=timezone.now())

    def found(**query):
        return {row["alert_type"]: row for row in client.get(ALERTS, query).json()["results"]}

    rows = found(scoped_budget=str(own.pk), resolved="false")
    assert sorted(rows) == ["over_budget", "threshold_exceeded"]
    over = rows["over_budget"]
    assert {name: over[name] for name in ("budget_id", "event_id", "line_item_id", "currency", "overrun_amount")} == {
        "budget_id": None,
        "event_id": None,
        "line_item_id": None,
        "currency": "USD",
        "overrun_amount": "0.000250",
    }
    status = client.get(f"/api/v1/budgets/{own.pk}/status").json()
    assert (over["window_start"], over["window_end"]) == (status["window_start"], status["window_end"])
    assert over["scoped_budget_id"] == str(own.pk)
    for budget, kind in ((own, "threshold_exceeded"), (plain, "threshold_warning")):
        active = client.get(f"/api/v1/budgets/{budget.pk}/status").json()["active_alerts"]
        assert active[-1]["threshold"] == found(scoped_budget=str(budget.pk))[kind]["threshold"]
    assert "over_budget" in found(budget=str(alert.budget_id))
    assert len(client.get(ALERTS, {"alert_type": "over_budget"}).json()["results"]) == 3

    assert post(client, f"{ALERTS}/{over['id']}/acknowledge").json()["is_acknowledged"] is True
    assert problem(post(client, f"{ALERTS}/{over['id']}/acknowledge"))[:2] == (409, "already_acknowledged")
    assert post(client, f"{ALERTS}/{over['id']}/resolve").json()["resolved"] is True


def test_scoped_budgets_alerts_are_the_back_offices_alone(account, owner, organizer, other_account, client):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        theirs = make_scoped_budget(other_account, rival)
        spend_usage(theirs, rival, 1_200, now=timezone.now())
        alert = BudgetAlert.objects.filter(scoped_budget=theirs).first()
    assert client.get(f"{ALERTS}/{alert.pk}").status_code == 404
    assert client.get(ALERTS, {"scoped_budget": str(theirs.pk)}).json()["results"] == []
    spend_usage(make_scoped_budget(account, owner), owner, 1_200, now=timezone.now())
    assert sign_in(organizer, account).get(ALERTS).json()["results"] == []
    assert client.get(ALERTS).json()["count"] == 2
