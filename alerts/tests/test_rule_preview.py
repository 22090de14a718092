"""A rule tried on the past year: as often as the evaluation itself opens alerts and makes them graver."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.urls import reverse
from django.utils import timezone

from alerts.models import AlertRule, BudgetAlert
from alerts.services import replay
from alerts.services.rule_values import DEFAULT_RULE
from alerts.services.rules import create_alert_rule, preview_alert_rule
from alerts.tests.figures import promise, spend
from budgets.tests.pages import words
from budgetsite.accounts.roles import Role
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.people import make_member, sign_in
from budgetsite.testing.rest import rest_client

PREVIEW = "/alert-rules/preview"


@pytest.fixture
def budget(account, owner):
    """A year in which 500, 800, 1,100 and (after a refund) 1,300 of 1,000 were spent."""
    budget = make_budget(account, owner, total="1000")
    line = make_line(budget, owner, budgeted_amount=Decimal(600))
    for amount in (500, 300):
        spend(budget, amount, line=line)
    promise(budget, 100)
    spend(budget, 300)
    spend(budget, -600)
    promise(budget, -100)
    spend(budget, 800, line=line)
    return budget


def tried(budget=None, **fields):
    return preview_alert_rule(budget=budget, now=timezone.now(), **fields)


def told():
    """Count what people are told of: each alert at each of its levels."""
    events = OutboxEvent.objects.filter(kind__in=["alert.opened", "alert.raised"])
    news = {(event.subject_id, event.payload["level"], event.payload["alert_type"]) for event in events}
    return dict(Counter(alert_type for _, _, alert_type in news))


def test_the_rule_in_force_fires_as_often_as_the_evaluation_has_told(budget):
    preview = tried()
    assert preview.proposed.by_type == preview.present.by_type == told()
    assert (preview.proposed.fired, preview.proposed.budgets, preview.proposed.movements) == (
        sum(told().values()),
        1,
        7,
    )


def test_another_rule_fires_as_often_as_it_would_have(budget):
    preview = tried(alert_types=["over_budget"]).proposed
    assert (preview.by_type, preview.fired, preview.budgets_that_fired) == ({"over_budget": 2}, 2, 1)
    assert tried(alert_types=["variance_high"], high_variance_percentage=Decimal(35)).proposed.fired == 0
    # 800 of 1,000 at once past both milestones is one; at 1,100 the higher one is critical, and so it is told.
    milestones = {"alert_types": ["threshold_exceeded"], "exceeded_thresholds": [Decimal(60), Decimal(70)]}
    assert tried(**milestones).proposed.fired == 2
    assert tried(alert_types=["threshold_exceeded"], exceeded_thresholds=[]).proposed.budgets_that_fired == 0


def test_nothing_is_stored_and_a_rule_that_makes_no_sense_is_refused(budget):
    before = list(BudgetAlert.objects.order_by("id").values())
    tried(warning_threshold=Decimal(1))
    assert (list(BudgetAlert.objects.order_by("id").values()), AlertRule.objects.count()) == (before, 0)
    for value in (Decimal(0), Decimal(101), Decimal("NaN")):
        with pytest.raises(ValidationError) as refusal:
            tried(warning_threshold=value)
        assert list(refusal.value.error_dict) == ["warning_threshold"]


def test_one_budget_by_its_own_rule_and_only_what_moved_in_the_year(account, owner, budget, django_assert_num_queries):
    other = make_budget(account, owner, total="100")
    spend(other, 150)
    create_alert_rule(budget=other, acting_user=owner, alert_types=["over_budget"])
    preview = tried(other)
    assert (preview.present.by_type, preview.present.budgets) == ({"over_budget": 1}, 1)
    later = preview_alert_rule(budget=None, now=timezone.now() + timedelta(days=366))
    assert (later.proposed.budgets, later.proposed.fired) == (0, 0)
    # The statement, its time limit and the former one, and a savepoint.
    with django_assert_num_queries(5):
        replay.replay_rules([DEFAULT_RULE] * 2, budget_id=None, now=timezone.now())


def test_a_strangers_ledger_is_not_replayed(account, owner, other_account):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        spend(make_budget(other_account, rival, total="10"), 20)
    assert tried().proposed.budgets == 0


def test_more_movements_than_can_be_looked_at_are_left_out_and_it_is_said(account, staff, budget, monkeypatch):
    monkeypatch.setattr(replay, "MOST_MOVEMENTS", 3)
    preview = tried().proposed
    assert (preview.movements, preview.is_cut, preview.by_type) == (
        3,
        True,
        {"threshold_warning": 1, "threshold_exceeded": 2, "line_item_overrun": 1},
    )


def test_a_try_that_takes_too_long_is_given_up_and_says_what_to_do_instead(account, manager, budget, monkeypatch):
    client, api = sign_in(manager, account), rest_client(account, Role.STAFF)
    monkeypatch.setattr(replay, "MOST_MILLISECONDS", 20)
    monkeypatch.setattr(replay, "_MOVEMENTS", "SELECT pg_sleep(10)")
    sentence = "There is too much to try the rule on just now. Try it on a single budget."
    page = client.post(reverse("alerts:rules"), form(do="preview"))
    assert (page.status_code, sentence in words(page)) == (422, True)
    refused = api.post(PREVIEW, {})
    assert (refused.status, refused.json["errors"][0]["code"], refused.json["errors"][0]["detail"]) == (
        409,
        "too_much_to_try",
        sentence,
    )
    with pytest.raises(replay.TooMuchToTry, match="in some minutes"):
        tried(budget)
    # The limit was that statement's alone.
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


# --- REST and pages ---------------------------------------------------------------------------------------------------


def test_a_rule_is_tried_over_rest(account, budget, other_account):
    api = rest_client(account, Role.STAFF)
    answer = api.post(PREVIEW, {"alert_types": ["over_budget"]})
    assert (answer.status, answer.json["fired"], answer.json["by_type"], answer.json["budgets"]) == (
        200,
        2,
        [{"alert_type": "over_budget", "fired": 2}],
        1,
    )
    assert answer.json["in_force"]["fired"] == sum(told().values())
    assert api.post(PREVIEW, {"budget_id": str(budget.pk)}).json["movements"] == 7
    for wrong, field in (
        ({"warning_threshold": "0"}, "warning_threshold"),
        ({"warning_threshold": "101"}, "warning_threshold"),
        ({"warning_threshold": "abc"}, "warning_threshold"),
        ({"exceeded_thresholds": ["50", "0"]}, "exceeded_thresholds.1"),
        ({"exceeded_thresholds": ["1000.01"]}, "exceeded_thresholds.0"),
        ({"high_variance_percentage": "abc"}, "high_variance_percentage"),
    ):
        refused = api.post(PREVIEW, wrong)
        assert (refused.status, list(refused.fields)) == (400, [field])
    stranger = rest_client(other_account, Role.OWNER)
    assert list(stranger.post(PREVIEW, {"budget_id": str(budget.pk)}).fields) == ["budget_id"]


def form(**changed):
    return {
        "alert_types": ["over_budget", "threshold_warning"],
        "warning_threshold": "80",
        "exceeded_thresholds": "50, 75, 90",
        "high_variance_percentage": "20",
        "do": "save",
        **changed,
    }


def test_managers_try_and_save_a_rule_on_its_page_and_go_back(account, manager, budget):
    client = sign_in(manager, account)
    page = reverse("alerts:rules")
    assert "Nothing was changed yet" in words(client.get(page))

    text = words(client.post(page, form(alert_types=["over_budget"], do="preview")))
    assert "this rule would have fired 2 times , in 1 of 1 budget" in text
    assert AlertRule.objects.count() == 0

    assert client.post(page, form(warning_threshold="62.5")).status_code == 302
    assert client.post(page, form(warning_threshold="65")).status_code == 302
    rule = AlertRule.objects.get()
    assert (rule.budget_id, rule.warning_threshold, rule.exceeded_thresholds) == (
        None,
        Decimal(65),
        [Decimal(50), Decimal(75), Decimal(90)],
    )
    assert client.post(page, {"do": "remove"}).status_code == 302
    assert AlertRule.objects.count() == 0


def test_each_wrong_value_is_said_at_its_field(account, manager, budget):
    client = sign_in(manager, account)
    for changed, field in (
        ({"warning_threshold": "0"}, "warning_threshold"),
        ({"warning_threshold": "101"}, "warning_threshold"),
        ({"warning_threshold": "abc"}, "warning_threshold"),
        ({"exceeded_thresholds": "50, abc"}, "exceeded_thresholds"),
        ({"exceeded_thresholds": "0"}, "exceeded_thresholds"),
        ({"exceeded_thresholds": "NaN"}, "exceeded_thresholds"),
        ({"high_variance_percentage": "-1"}, "high_variance_percentage"),
        ({"alert_types": ["rainfall"]}, "alert_types"),
    ):
        for do in ("save", "preview"):
            page = client.post(reverse("alerts:rules"), form(do=do, **changed))
            assert (page.status_code, list(page.context["form"].errors)) == (422, [field]), changed
    assert AlertRule.objects.count() == 0


def test_a_budget_gets_a_rule_of_its_own(account, manager, organizer, budget, other_account):
    client = sign_in(manager, account)
    page = reverse("alerts:budget_rule", args=[budget.pk])
    assert page in client.get(reverse("alerts:list"), {"event": budget.event_id}).content.decode()
    assert "The account's rule holds for this budget." in words(client.get(page))
    client.post(page, form())
    assert AlertRule.objects.get().budget_id == budget.pk
    assert page in client.get(reverse("alerts:rules")).content.decode()

    assert sign_in(organizer, account).get(page).status_code == 403
    stranger = make_member(other_account, Role.OWNER).user
    assert sign_in(stranger, other_account).get(page).status_code == 404


def test_staff_try_rules_and_change_none(account, staff, budget):
    client = sign_in(staff, account)
    assert client.post(reverse("alerts:rules"), form(do="preview")).status_code == 200
    for do in ("save", "remove"):
        assert client.post(reverse("alerts:rules"), form(do=do)).status_code == 403
    assert client.post(reverse("alerts:escalation"), {"days_before": "1"}).status_code == 403
    assert AlertRule.objects.count() == 0
    assert "30, 14, 7, 1 days before, to whoever runs the event" in words(client.get(reverse("alerts:rules")))


def test_the_rules_page_costs_the_same_with_many_budgets_rules(account, manager, django_assert_num_queries):
    client = sign_in(manager, account)

    def cost():
        with django_assert_num_queries(12):
            client.get(reverse("alerts:rules"))

    create_alert_rule(budget=make_budget(account, manager), acting_user=manager)
    cost()
    for number in range(3):
        event = make_event(account, manager, name=f"Gala {number}")
        create_alert_rule(budget=make_budget(account, manager, event=event), acting_user=manager)
    cost()
