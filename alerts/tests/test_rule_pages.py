"""Rules with thresholds of their own and an audience, over REST, on their page and in the back office."""

from decimal import Decimal

import pytest
from django.urls import reverse

from alerts.models import AlertRule
from alerts.services.rules import create_alert_rule
from alerts.tests.figures import spend
from budgets.tests.pages import words
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event
from budgetsite.testing.people import make_member, sign_in
from budgetsite.testing.rest import rest_client

USUAL_AUDIENCE = {
    "information": ["organizer"],
    "warning": ["organizer", "manager"],
    "critical": ["organizer", "manager", "owner"],
}
SPENT = {"measure": "amount", "at": "5000.00", "basis": "actual", "level": "critical", "currency": "CAD"}
FORESEEN = {"measure": "percentage", "at": "95.00", "basis": "forecast", "level": "warning", "currency": None}


@pytest.fixture
def budget(account, organizer):
    return make_budget(account, organizer, event=make_event(account, organizer, name="Summer gala"), total="10000")


# --- REST -------------------------------------------------------------------------------------------------------------


def test_rules_over_rest_keep_what_is_left_out(account, budget):
    api = rest_client(account, Role.MANAGER)
    made = api.post("/alert-rules", {"warning_threshold": "70"}).json
    assert (made["basis"], made["thresholds"], made["audience"]) == ("committed_and_actual", [], USUAL_AUDIENCE)
    path = f"/alert-rules/{made['id']}"
    asked = {
        "thresholds": [{"measure": "amount", "at": "5000", "basis": "actual", "level": "critical", "currency": "CAD"}],
        "audience": {"warning": ["staff", "organizer"]},
    }
    changed = api.patch(path, asked).json
    assert changed == made | {
        "thresholds": [SPENT],
        "audience": USUAL_AUDIENCE | {"warning": ["organizer", "staff"]},
        "updated_at": changed["updated_at"],
    }
    # What is left out of a threshold is as usual; of the rule it stays.
    again = api.patch(path, {"thresholds": [{"measure": "percentage", "at": 95}], "basis": "actual"}).json
    assert (again["thresholds"], again["basis"], again["audience"]["warning"], again["warning_threshold"]) == (
        [FORESEEN | {"basis": "committed_and_actual"}],
        "actual",
        ["organizer", "staff"],
        "70.00",
    )
    # A budget's rule takes its currency.
    own = api.post(
        "/alert-rules", {"budget_id": str(budget.pk), "thresholds": [{"measure": "amount", "at": "5000.1"}]}
    ).json
    assert own["thresholds"] == [SPENT | {"at": "5000.10", "basis": "committed_and_actual", "level": "warning"}]
    spend(budget, 6000)
    alert = api.get(f"/budget-alerts?budget={budget.pk}&alert_type=threshold_exceeded").json["results"][0]
    assert (alert["threshold"], alert["threshold_amount"], alert["level"]) == ("50.00", "5000.10", "warning")
    tried = api.post("/alert-rules/preview", {"budget_id": str(budget.pk), "thresholds": [SPENT | {"at": "7000"}]})
    assert tried.status == 200


def test_what_makes_no_sense_over_rest_is_refused_at_its_field(account, budget, other_account):
    api = rest_client(account, Role.MANAGER)
    rule = api.post("/alert-rules", {"thresholds": [SPENT]}).json
    many = [{"measure": "percentage", "at": str(number)} for number in range(1, 12)]
    for wrong, fields in (
        ({"thresholds": [FORESEEN | {"at": "0"}]}, ["thresholds.0.at"]),
        ({"thresholds": [SPENT, SPENT | {"at": "-1"}]}, ["thresholds.1.at"]),
        ({"thresholds": [SPENT | {"at": "abc"}]}, ["thresholds.0.at"]),
        ({"thresholds": [SPENT | {"at": "NaN"}]}, ["thresholds.0.at"]),
        ({"thresholds": [SPENT | {"at": None}]}, ["thresholds.0.at"]),
        ({"thresholds": [{"measure": "percentage"}]}, ["thresholds.0.at"]),
        ({"thresholds": [{"at": "5"}]}, ["thresholds.0.measure"]),
        ({"thresholds": [SPENT | {"currency": None}]}, ["thresholds.0.currency"]),
        ({"thresholds": [SPENT | {"currency": "XXQ"}]}, ["thresholds.0.currency"]),
        ({"thresholds": [SPENT | {"level": "fatal", "basis": "hope"}]}, ["thresholds.0.basis", "thresholds.0.level"]),
        ({"thresholds": many}, ["thresholds"]),
        ({"thresholds": "all"}, ["thresholds"]),
        ({"basis": "forecast"}, ["basis"]),
        ({"audience": {"critical": []}}, ["audience.critical"]),
        ({"audience": {"warning": ["client"]}}, ["audience.warning.0"]),
        ({"audience": {"critcal": ["owner"]}}, ["audience.critcal"]),
    ):
        for refused in (api.patch(f"/alert-rules/{rule['id']}", wrong), api.post("/alert-rules/preview", wrong)):
            assert (refused.status, sorted(refused.fields)) == (400, fields), wrong
    assert api.get(f"/alert-rules/{rule['id']}").json == rule
    stranger = rest_client(other_account, Role.OWNER)
    assert stranger.patch(f"/alert-rules/{rule['id']}", {"thresholds": []}).status == 404


# --- The page ---------------------------------------------------------------------------------------------------------


def form(*rows, **changed):
    """What the page sends: rows are at, unit, basis and level."""
    sent = {
        "alert_types": ["over_budget", "threshold_exceeded"],
        "warning_threshold": "80",
        "exceeded_thresholds": "50, 75, 90",
        "high_variance_percentage": "20",
        "more": "True",
        "basis": "committed_and_actual",
        **{f"audience_{level}": people for level, people in USUAL_AUDIENCE.items()},
        "thresholds-TOTAL_FORMS": str(len(rows)),
        "thresholds-INITIAL_FORMS": "0",
    }
    for place, row in enumerate(rows):
        names = ("at", "unit", "basis", "level")
        sent |= {f"thresholds-{place}-{name}": value for name, value in zip(names, row, strict=True)}
    return sent | changed


def rows_of(response):
    return [row["at"].value() for row in response.context["form"].rows.forms]


ONE = ("5,000", "CAD", "actual", "critical")
EMPTY = ("", "percentage", "committed_and_actual", "warning")


def test_rows_are_added_and_removed_without_scripts_and_nothing_is_judged_yet(account, manager, budget):
    client, page = sign_in(manager, account), reverse("alerts:rules")
    assert 'class="unfold rule-more" >' in client.get(page).content.decode()
    more = client.post(page, form(ONE, ("abc", *EMPTY[1:]), warning_threshold="x", step="add"))
    assert (more.status_code, rows_of(more), len(more.context["form"].errors)) == (200, ["5,000", "abc", None], 0)
    assert 'value="x"' in more.content.decode()
    less = client.post(page, form(ONE, ("abc", *EMPTY[1:]), step="remove-1"), headers={"HX-Request": "true"})
    assert rows_of(less) == ["5,000"]
    assert less.content.decode().lstrip().startswith('<section class="rule-more__part"')
    full = client.post(page, form(*[ONE] * 10, step="add"))
    assert len(rows_of(full)) == 10
    assert AlertRule.objects.count() == 0


def test_thresholds_and_audience_are_tried_and_saved_on_the_page(account, manager, budget):
    spend(budget, 5_000)
    client, page = sign_in(manager, account), reverse("alerts:rules")
    sent = form(ONE, EMPTY, exceeded_thresholds="", audience_information=[])
    tried = words(client.post(page, sent | {"do": "preview"}))
    assert "this rule would have fired 1 time , in 1 of 1 budget" in tried
    assert client.post(page, sent | {"do": "save"}).status_code == 302
    rule = AlertRule.objects.get()
    assert (rule.thresholds, rule.audience) == ([SPENT], USUAL_AUDIENCE | {"information": []})
    shown = client.get(page)
    assert 'class="unfold rule-more" open>' in shown.content.decode()
    assert rows_of(shown) == ["5,000.00"]
    # A page that knows nothing of them, and one budget's, leave them as they are.
    old = {name: value for name, value in sent.items() if name != "more"}
    client.post(page, old | {"warning_threshold": "75", "do": "save"})
    rule.refresh_from_db()
    assert (rule.warning_threshold, rule.thresholds) == (Decimal(75), [SPENT])
    own = reverse("alerts:budget_rule", args=[budget.pk])
    assert rows_of(client.get(own)) == ["5,000.00"]
    client.post(own, form(("90", "percentage", "forecast", "warning"), do="save"))
    assert AlertRule.objects.get(budget=budget).thresholds == [FORESEEN | {"at": "90.00"}]
    rule.refresh_from_db()
    assert rule.thresholds == [SPENT]


def test_each_wrong_row_says_so_at_its_field(account, manager, budget):
    client, page = sign_in(manager, account), reverse("alerts:rules")
    for row, field, text in (
        (("0", *EMPTY[1:]), "at", "Give a percentage above 0 and up to 1000, such as 80."),
        (("abc", *EMPTY[1:]), "at", ""),
        (("NaN", *ONE[1:]), "at", ""),
        (("-5", *ONE[1:]), "at", "Give an amount above 0, such as 5000."),
        (("5.001", *ONE[1:]), "at", ""),
        (("5", "XXQ", *ONE[2:]), "unit", ""),
        (("5", "CAD", "hope", "critical"), "basis", ""),
        (("5", "CAD", "actual", "fatal"), "level", ""),
        (ONE, "at", "This threshold stands above already: one row for each."),
    ):
        response = client.post(page, form(ONE, EMPTY, row, do="save" if text else "preview"))
        wrong = response.context["form"].rows.forms[2].errors
        assert (response.status_code, list(wrong)) == (422, [field]), row
        assert text in str(wrong[field])
        assert "Threshold 3" in words(response)
    for changed, field in (({"audience_critical": []}, "audience_critical"), ({"basis": "forecast"}, "basis")):
        response = client.post(page, form(ONE, do="save", **changed))
        assert (response.status_code, list(response.context["form"].errors)) == (422, [field])
    own = client.post(reverse("alerts:budget_rule", args=[budget.pk]), form(("5", "EUR", *ONE[2:]), do="save"))
    assert list(own.context["form"].rows.forms[0].errors) == ["unit"]
    # What can't be read and what makes no sense are said together.
    for row, wrong_there in ((("abc", *ONE[1:]), ["at"]), (("-5", *ONE[1:]), ["at"]), (ONE, [])):
        mixed = form(row, warning_threshold="abc", high_variance_percentage="0", audience_critical=[], do="save")
        judged = client.post(page, mixed).context["form"]
        assert set(judged.errors) == {"warning_threshold", "high_variance_percentage", "audience_critical"}
        assert [len(errors) for errors in judged.errors.values()] == [1, 1, 1]
        assert list(judged.rows.forms[0].errors) == wrong_there
    assert AlertRule.objects.count() == 0


# --- The back office --------------------------------------------------------------------------------------------------


def test_a_rule_in_the_back_office(account, owner, staff, budget, other_account):
    client, add = sign_in(owner, account), reverse("admin:alerts_alertrule_add")
    assert client.get(add).status_code == 200
    sent = {
        "alert_types": ["over_budget"],
        "warning_threshold": "80",
        "exceeded_thresholds": "50, 75",
        "high_variance_percentage": "20",
        "basis": "actual",
        "thresholds": "5000 CAD, spent, critical\n\n 95%, forecast",
        "audience_warning": ["staff"],
        "audience_critical": ["owner"],
    }
    assert client.post(add, sent).status_code == 302
    again = client.post(add, sent)
    assert "The account has an alert rule already. Change that one." in again.content.decode()
    rule = AlertRule.objects.get()
    assert (rule.budget_id, rule.basis, rule.thresholds, rule.audience) == (
        None,
        "actual",
        [SPENT, FORESEEN],
        {"information": [], "warning": ["staff"], "critical": ["owner"]},
    )
    change = reverse("admin:alerts_alertrule_change", args=[rule.pk])
    assert "5000.00 CAD, spent, critical\n95 %, forecast, warning" in client.get(change).content.decode()
    for wrong, text in (
        ({"thresholds": "5000 CAD, spent\n0 %"}, "Threshold 2: Give a percentage above 0"),
        ({"thresholds": "abc"}, "Threshold 1: “abc” is no number."),
        ({"thresholds": "5, whenever"}, "Threshold 1: “whenever” is none of these"),
        ({"exceeded_thresholds": "50, x"}, "Write percentages, such as 50, 75, 90."),
        ({"audience_critical": []}, "Somebody has to hear of what is critical."),
    ):
        assert text in client.post(change, sent | wrong).content.decode(), wrong
    assert client.post(change, sent | {"thresholds": "", "warning_threshold": "85"}).status_code == 302
    rule.refresh_from_db()
    assert (rule.thresholds, rule.warning_threshold) == ([], Decimal(85))
    story = words(client.get(reverse("admin:alerts_alertrule_history", args=[rule.pk])))
    assert "5000.00 CAD, spent, critical; 95 %, forecast, warning" in story

    # Neither another's budget nor what is no id at all.
    with tenant_scope(other_account.pk):
        rival = make_budget(other_account, make_member(other_account, Role.OWNER).user)
    for nobodys, text in ((str(rival.pk), "is not one of the available choices"), ("zz", "is not a valid UUID")):
        assert text in words(client.post(add, sent | {"budget": nobodys}))
    assert client.get(add, {"budget": "zz"}).status_code == 200
    assert client.post(add, sent | {"budget": str(budget.pk)}).status_code == 302
    listed = words(client.get(reverse("admin:alerts_alertrule_changelist")))
    assert "The account's rule" in listed
    assert "Summer gala" in listed
    seen = sign_in(staff, account)
    assert "owners" in words(seen.get(change))
    assert seen.post(change, sent).status_code == 403
    client.post(reverse("admin:alerts_alertrule_delete", args=[rule.pk]), {"post": "yes"})
    assert list(AlertRule.objects.values_list("budget_id", flat=True)) == [budget.pk]
    stranger = make_member(other_account, Role.OWNER).user
    assert sign_in(stranger, other_account).get(change).status_code == 302
    with tenant_scope(other_account.pk):
        create_alert_rule(budget=None, acting_user=stranger)
    assert AlertRule.objects.count() == 1
