"""`/budgets/{id}/reports` and `/forecast` over REST: answers by their schema, files, refusals, a machine's reach."""

import csv
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO, StringIO

import pytest
from django.test import Client
from django.utils import timezone
from openpyxl import load_workbook

from budgets.api.forecast import ForecastAnswer
from budgets.api.scoped_reports import ScopedReportAnswer
from budgets.models import EventBudget
from budgetsite.accounts.api_keys import create_api_key
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.benchmarks.statements import statements_of
from budgetsite.testing.budgets import make_budget, make_event
from budgetsite.testing.people import make_member
from budgetsite.testing.rest import RestClient, rest_client_of
from budgetsite.testing.scoped_budgets import make_scoped_budget, spend, standing

FORMULA = '=HYPERLINK("http://evil.example")'


@pytest.fixture
def rest(account, owner) -> RestClient:
    return rest_client_of(owner, account)


@pytest.fixture
def budget(account, owner):
    """This month's 1,000.00 USD; 12.50 and a fraction of a cent were spent just now."""
    now = timezone.now()
    made = make_scoped_budget(account, owner, start_date=now.date().replace(day=1))
    spend(made, owner, "12.50", now=now, metadata={"model": FORMULA})
    spend(made, owner, "0.000001", now=now, source="api", machine=FORMULA)
    return made


def described(answer, serializer):
    """Return whether an answer has exactly the fields of its schema, all the way down."""
    fields = serializer.fields
    if set(answer) != set(fields):
        return set(answer) ^ set(fields)
    for name, field in fields.items():
        child = getattr(field, "child", field)
        if hasattr(child, "fields"):
            values = answer[name] if isinstance(answer[name], list) else [answer[name]]
            for value in values:
                assert value is None or described(value, child) is True, name
    return True


def test_a_report_is_answered_as_described_with_the_status_figures(rest, budget):
    answer = rest.get(f"/budgets/{budget.pk}/reports", group_by="source").json
    assert described(answer, ScopedReportAnswer()) is True
    status = rest.get(f"/budgets/{budget.pk}/status").json
    assert (answer["total"], answer["committed_amount"]) == (status["current_amount"], status["committed_amount"])
    assert [(group["key"], group["total"], group["share_percentage"]) for group in answer["groups"]] == [
        ("manual", "12.50", "100.00"),
        ("api", "0.000001", "0.00"),
    ]
    assert [(one["kind"], one["total"]) for one in answer["top_spenders"]] == [
        ("person", "12.50"),
        ("machine", "0.000001"),
    ]
    assert (answer["total"], answer["count"], answer["time_range"]) == ("12.500001", 2, "this_window")


def test_left_out_it_is_this_window_by_day(rest, budget):
    answer = rest.get(f"/budgets/{budget.pk}/reports").json
    today = datetime.now(UTC).date().isoformat()
    assert answer["group_by"] == "day"
    assert [(group["key"], group["total"]) for group in answer["groups"] if group["count"]] == [(today, "12.500001")]
    dates = rest.get(f"/budgets/{budget.pk}/reports", start_date=today, group_by="model").json
    assert (dates["start_date"], dates["end_date"], dates["group_by"]) == (today, today, "metadata:model")


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ({"time_range": "last_decade"}, {"time_range": "invalid_choice"}),
        ({"time_range": "7d", "start_date": "2026-01-01"}, {"time_range": "invalid"}),
        ({"end_date": "2026-01-01"}, {"start_date": "required"}),
        ({"start_date": "2026-01-02", "end_date": "2026-01-01"}, {"end_date": "out_of_range"}),
        ({"start_date": "2010-01-01", "end_date": "2026-01-01"}, {"start_date": "out_of_range"}),
        ({"start_date": "2025-01-01", "end_date": "2026-06-01", "group_by": "day"}, {"group_by": "out_of_range"}),
        ({"start_date": "yesterday"}, {"start_date": "invalid"}),
        ({"group_by": "tag:"}, {"group_by": "invalid"}),
        ({"group_by": "x" * 200}, {"group_by": "max_length"}),
        ({"format": "pdf"}, {"format": "invalid_choice"}),
        ({"format": "csv", "table": "people"}, {"table": "invalid_choice"}),
    ],
)
def test_what_cannot_be_meant_is_refused_at_its_field(rest, budget, query, fields):
    answer = rest.get(f"/budgets/{budget.pk}/reports", **query)
    assert (answer.status, answer.fields) == (400, fields)


def test_files_hold_all_decimals_and_run_no_formula(rest, budget):
    def file(**query):
        answer = rest.client.get(f"/api/v1/budgets/{budget.pk}/reports", {"group_by": "model", **query})
        assert answer.status_code == 200
        return answer

    answer = file(format="csv")
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"].startswith('attachment; filename="Season groups ')
    rows = list(csv.DictReader(StringIO(answer.content.decode("utf-8-sig"))))
    assert [(row["Group"], row["Key"], row["Spent"], row["Share in percent"], row["Currency"]) for row in rows] == [
        (f"'{FORMULA}", f"'{FORMULA}", "12.50", "100", "USD"),
        ("Not said", "", "0.000001", "0", "USD"),
    ]
    sheet = load_workbook(BytesIO(file(format="xlsx", table="spenders").content)).active
    names = [row[0] for row in sheet.iter_rows(values_only=True)]
    assert names[0] == "Spender"
    assert f"'{FORMULA}" in names
    assert {cell.data_type for row in sheet.iter_rows() for cell in row} <= {"s", "n"}
    assert sheet["C3"].value == pytest.approx(0.000001)


def test_a_forecast_is_answered_as_described(rest, budget, account, owner):
    day = datetime.now(UTC) + timedelta(days=1)
    window = {"registration_start_date": day - timedelta(days=9), "registration_end_date": day}
    coming = make_budget(account, owner, event=make_event(account, owner, event_date=day, currency="USD", **window))
    year = make_scoped_budget(
        account, owner, name="Year", period="annual", start_date=day.date() - timedelta(days=30), currency="USD"
    )
    spend(year, owner, 60, now=timezone.now())
    EventBudget.objects.filter(pk=coming.pk).update(funded_by=year)
    answer = rest.get(f"/budgets/{year.pk}/forecast").json
    assert described(answer, ForecastAnswer()) is True
    status = rest.get(f"/budgets/{year.pk}/status").json
    assert answer["burn_rate"]["projected_total"] == status["projected_total"]
    assert answer["burn_rate"]["burn_rate"] == status["burn_rate"]
    assert answer["commitments"]["projected_total"] is None
    assert answer["commitments"]["missing"].startswith("Nothing is promised")
    assert [event["basis"] for event in answer["history"]["events"]] == ["present"]
    assert answer["history"]["missing"].startswith("A type of event needs three finished ones")
    assert answer["course"][-1]["total"] == status["current_amount"] == "60.00"
    json.dumps(answer)


def test_a_machine_reports_what_its_key_reaches_and_nothing_beside_it(account, owner, budget):
    below = make_scoped_budget(account, owner, name="Kitchen", scope_type="team", parent_id=budget.pk)
    beside = make_scoped_budget(account, owner, name="Bar", scope_type="team", scope_id="bar")

    def machine(*actions, budget_ids=()):
        key = create_api_key(
            name=f"Relay {actions} {len(budget_ids)}",
            actions=actions,
            acting_user=owner,
            now=timezone.now(),
            budget_ids=budget_ids,
        )
        return RestClient(Client(), headers={"Authorization": f"Bearer {key.text}"})

    narrow = machine("scoped_budgets.view", budget_ids=[below.pk])
    for place in ("reports", "forecast"):
        assert narrow.get(f"/budgets/{below.pk}/{place}").status == 200
        # What is above it and beside it is as good as not there.
        assert narrow.get(f"/budgets/{budget.pk}/{place}").status == 404
        assert narrow.get(f"/budgets/{beside.pk}/{place}").status == 404
        assert (
            machine("scoped_budgets.check", budget_ids=[below.pk, beside.pk][: 1 + (place == "forecast")])
            .get(f"/budgets/{below.pk}/{place}")
            .status
            == 403
        )


def test_a_strangers_and_a_deleted_budget_are_not_found(rest, other_account, budget, owner):
    stranger = make_member(other_account, Role.OWNER).user
    with tenant_scope(other_account.pk):
        rival = make_scoped_budget(other_account, stranger)
    rest.delete(f"/budgets/{budget.pk}", {"version": 1})
    for place in ("reports", "forecast"):
        assert rest.get(f"/budgets/{rival.pk}/{place}").status == 404
        assert rest.get(f"/budgets/{budget.pk}/{place}").status == 404


def test_statements_stay_as_they_are_however_much_there_is(rest, account, owner, budget):
    def ask(place):
        return len(statements_of(lambda: rest.get(f"/budgets/{budget.pk}/{place}")))

    before = [ask("reports"), ask("forecast")]
    for number in range(5):
        child = make_scoped_budget(account, owner, name=f"Child {number}", parent_id=budget.pk)
        spend(child, owner, 1, now=timezone.now(), metadata={"model": str(number)})
    assert [ask("reports"), ask("forecast")] == before
    assert Decimal(rest.get(f"/budgets/{budget.pk}/reports").json["total"]) == Decimal("17.500001")
    assert standing(budget, now=timezone.now()).figures.actual == Decimal("17.500001")
