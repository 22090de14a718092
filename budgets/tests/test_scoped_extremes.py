"""Numbers, nulls and clocks that nobody means, and that programs send all the same."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import connection

from budgets.forms.scoped_budget import PREFIX, thresholds_formset
from budgets.models import LedgerEntry, Reservation, ScopedBudget
from budgets.services.ledger_proof import rebuild_totals, verify_ledger
from budgets.services.window_refresh import refresh_windows
from budgetsite.testing.rest import rest_client_of
from budgetsite.testing.scoped_budgets import make_scoped_budget, spend

SEASON = {
    "name": "Season",
    "scope_type": "team",
    "scope_id": "kitchen",
    "amount": "1000",
    "currency": "USD",
    "period": "monthly",
    "start_date": "2026-06-01",
}
USAGE = {"amount": "1", "currency": "USD", "source": "api"}
LARGEST = "999999999999.999"


@pytest.fixture
def rest(account, owner):
    return rest_client_of(owner, account)


def test_null_among_the_thresholds_is_refused_and_null_instead_of_them_is_none(rest):
    answer = rest.post("/budgets", SEASON | {"alerts": [{"threshold": 80, "actions": ["notify"]}, None]})
    assert (answer.status, answer.fields) == (400, {"alerts": "null"}), answer.json
    assert not ScopedBudget.objects.exists()
    assert rest.post("/budgets", SEASON | {"alerts": None}).json["alerts"] == []


def test_an_endless_number_is_no_tag(rest):
    body = b'{"name": "Season", "scope_type": "team", "scope_id": "kitchen", "amount": "1000", "currency": "USD",'
    body += b' "period": "monthly", "start_date": "2026-06-01", "tags": [1e400]}'
    assert rest.raw("POST", "/api/v1/budgets", body).fields == {"tags": "invalid"}
    assert not ScopedBudget.objects.exists()


def test_metadata_keeps_a_whole_number_larger_than_any_float(rest, account, owner):
    path = f"/budgets/{make_scoped_budget(account, owner).pk}/usage"
    made = rest.post(path, USAGE | {"metadata": {"request": 10**400, "parts": [-(10**400)]}})
    assert (made.status, made.json["metadata"]) == (201, {"request": 10**400, "parts": [-(10**400)]})
    assert rest.get(path).json["results"][0]["metadata"] == made.json["metadata"]


def test_what_one_reservation_cannot_keep_is_refused_and_recorded_as_usage_instead(rest, account, owner):
    path = f"/budgets/{make_scoped_budget(account, owner, enforcement='warn').pk}"
    made = rest.post(f"{path}/reservations", {"amount": LARGEST, "ttl_seconds": 60}).json
    settle = f"{path}/reservations/{made['id']}/settle"
    assert rest.post(settle, {"amount": "999999999999.99", "final": False}).status == 200

    refused = rest.post(settle, {"amount": LARGEST})
    assert (refused.status, refused.fields) == (400, {"amount": "out_of_range"}), refused.json
    assert Reservation.objects.get().held_amount == Decimal("0.009")
    assert LedgerEntry.objects.count() == 1
    assert rest.post(f"{path}/usage", USAGE | {"amount": LARGEST}).status == 201
    assert verify_ledger() == []


def test_an_hour_that_the_clocks_show_again_before_midnight_counts_in_the_day_that_had_begun(account, owner):
    """In Newfoundland they were turned back at one minute past midnight, until 2011."""
    budget = make_scoped_budget(
        account, owner, period="daily", start_date=date(2010, 11, 1), timezone="America/St_Johns"
    )
    spend(budget, owner, 1, timestamp=datetime(2010, 11, 7, 2, 30, 30, tzinfo=UTC))
    # 23:30 on the 6th, for the second time.
    spend(budget, owner, 2, timestamp=datetime(2010, 11, 7, 3, 0, tzinfo=UTC))

    assert verify_ledger() == []
    assert refresh_windows(budget_id=budget.pk) == []
    [window] = budget.windows.all()
    assert (window.window_start, window.actual_amount) == (datetime(2010, 11, 7, 2, 30, tzinfo=UTC), 3)


def test_the_head_of_a_chain_without_usage_is_mended_too(account, owner):
    budget = make_scoped_budget(account, owner)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE budgets_scopedbudget SET ledger_seq = 7 WHERE id = %s", [budget.pk])
    assert [wrong.subject for wrong in verify_ledger()] == ["scoped budget"]
    assert rebuild_totals().changed == 1
    assert verify_ledger() == []


@pytest.mark.parametrize(
    ("kept", "channels"),
    [
        ('{"channels": ["\\u0000", "\\ud800", "mail"]}', ["mail"]),
        ("[" * 5000, []),
        ('{"channels": 5, "actions": ["shout"]}', []),
    ],
)
def test_what_a_page_sends_back_in_another_form_than_it_got_is_nothing(kept, channels):
    row = {"percentage": "80", "action": "notify", "message": "", "kept": kept}
    data = {f"{PREFIX}-0-{name}": value for name, value in row.items()}
    formset = thresholds_formset(data={f"{PREFIX}-TOTAL_FORMS": "1", f"{PREFIX}-INITIAL_FORMS": "0", **data})
    assert formset.is_valid(), formset.errors
    assert formset.thresholds() == [
        {"threshold": Decimal(80), "actions": ["notify"], "channels": channels, "message": ""}
    ]
