"""Asking before spending: `/check-constraints`; and `/reservations`, held, settled, released and expired."""

from datetime import date, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.utils import timezone

from budgets.models import LedgerEntry, Reservation, ReservationStatus
from budgetsite.testing.rest import rest_client_of
from budgetsite.testing.scoped_budgets import make_scoped_budget

NOW = timezone.now()
START = date(NOW.year, 1, 1)


@pytest.fixture
def rest(account, owner):
    return rest_client_of(owner, account)


@pytest.fixture
def budget(account, owner):
    return make_scoped_budget(account, owner, period="annual", start_date=START)


def test_a_check_says_what_would_happen_and_changes_nothing(rest, account, owner):
    alerts = [{"threshold": 80, "actions": ["block-all"]}, {"threshold": 90, "actions": ["notify"]}]
    top = make_scoped_budget(account, owner, start_date=START, period="annual", thresholds=alerts)
    leaf = make_scoped_budget(
        account, owner, name="Bar", scope_type="team", scope_id="bar", parent_id=top.pk, start_date=START, amount=5000
    )
    path = f"/budgets/{leaf.pk}/check-constraints"

    fits = rest.post(path, {"estimated_cost": "799.99"}).json
    assert (fits["can_proceed"], fits["reason"], fits["refusals"], fits["suggested_actions"]) == (True, "", [], [])
    assert [(one["name"], one["remaining_after"]) for one in fits["budgets"]] == [
        ("Bar", "4200.01"),
        ("Season", "200.01"),
    ]
    refused = rest.post(path, {"estimated_cost": "950"}).json
    assert (refused["can_proceed"], refused["projected_percent"]) == (False, "95.00")
    assert refused["suggested_actions"] == ["block-all", "notify"]
    assert [(one["name"], one["action"], one["remaining"]) for one in refused["refusals"]] == [
        ("Season", "block-all", "1000.00")
    ]
    assert "Season" in refused["reason"]
    for estimate, code in (("-1", "below_minimum"), ("Infinity", "not_finite"), ("", "invalid"), (None, "null")):
        assert rest.post(path, {"estimated_cost": estimate}).fields == {"estimated_cost": code}
    assert rest.post(path, {}).fields == {"estimated_cost": "required"}
    # An estimate in another currency can't be judged: that is no yes.
    assert rest.post(path, {"estimated_cost": "1", "currency": "EUR"}).json["can_proceed"] is False
    assert not LedgerEntry.objects.exists()

    def check(**scopes):
        return rest.post("/budgets/check-constraints", {"scopes": scopes, "estimated_cost": "900"})

    assert check(team="bar").json["can_proceed"] is False
    assert check(team="bar", user="ann").json["without_budget"] == ["user"]
    nobody = check(user="ann").json
    assert (nobody["can_proceed"], nobody["budgets"]) == (False, [])
    assert check(dept="x").fields == {"scopes": "invalid_choice"}
    assert "organization, team, user, project" in check(dept="x").json["errors"][0]["detail"]
    assert check().fields == {"scopes": "required"}
    assert check(team=None).fields == {"scopes.team": "null"}


def test_a_reservation_is_held_settled_and_released(rest, budget):
    path = f"/budgets/{budget.pk}/reservations"
    made = rest.post(path, {"amount": "600", "ttl_seconds": 60, "description": "A batch"})
    assert (made.status, made.json["status"], made.json["held_amount"]) == (201, "held", "600.00")
    assert (made.json["ttl_seconds"], made.json["budget_status"]["reserved_amount"]) == (60, "600.00")

    refused = rest.post(path, {"amount": "400.01", "ttl_seconds": 60})
    assert (refused.status, refused.codes) == (409, ["does_not_fit"])
    assert [(one["name"], one["remaining"]) for one in refused.json["refusals"]] == [("Season", "400.00")]
    assert Reservation.objects.count() == 1

    one = f"{path}/{made.json['id']}"
    part = rest.post(f"{one}/settle", {"amount": "100", "final": False}).json
    assert (part["status"], part["held_amount"], part["settled_amount"]) == ("held", "500.00", "100.00")
    assert (part["usage"]["amount"], part["budget_status"]["committed_amount"]) == ("100.00", "500.00")
    done = rest.post(f"{one}/settle", {"amount": "150", "metadata": {"model": "m1"}, "source": "relaycore"}).json
    assert (done["status"], done["held_amount"], done["settled_amount"]) == ("settled", "0.00", "250.00")
    assert (done["usage"]["source"], done["usage"]["metadata"]) == ("relaycore", {"model": "m1"})
    for step, body in (("settle", {"amount": "1"}), ("release", None)):
        closed = rest.post(f"{one}/{step}", body)
        assert (closed.status, closed.codes, closed.json["current"]["id"]) == (
            409,
            ["reservation_closed"],
            made.json["id"],
        )

    second = rest.post(path, {"amount": "10", "ttl_seconds": 60}).json
    for _ in range(2):
        assert rest.post(f"{path}/{second['id']}/release").json["status"] == "released"
    Reservation.objects.create(
        budget=budget, currency="USD", amount=5, held_amount=5, held_at=NOW - timedelta(hours=2),
        expires_at=NOW - timedelta(hours=1), status=ReservationStatus.HELD,
    )  # fmt: skip
    assert [row["status"] for row in rest.get(path).json["results"]] == ["expired", "released", "settled"]
    assert [row["held_amount"] for row in rest.get(path, status="expired").json["results"]] == ["0.00"]
    assert rest.get(path, status="held").json["results"] == []
    assert rest.get(one).json == {name: done[name] for name in rest.get(one).json}


def test_bad_reservations_are_refused(rest, budget):
    path = f"/budgets/{budget.pk}/reservations"
    good = {"amount": "1", "ttl_seconds": 60}
    table = [
        ({"amount": "0"}, "amount", "below_minimum"),
        ({"amount": "-1"}, "amount", "below_minimum"),
        ({"amount": "nan"}, "amount", "not_finite"),
        ({"ttl_seconds": 0}, "ttl_seconds", "min_value"),
        ({"ttl_seconds": 30 * 24 * 3600 + 1}, "ttl_seconds", "max_value"),
        ({"ttl_seconds": None}, "ttl_seconds", "null"),
        ({"currency": "EUR"}, "currency", "currency_mismatch"),
    ]
    for changes, field, code in table:
        assert rest.post(path, good | changes).fields == {field: code}, changes
    made = rest.post(path, good).json
    for amount, code in (("-1", "below_minimum"), (None, "null")):
        assert rest.post(f"{path}/{made['id']}/settle", {"amount": amount}).fields == {"amount": code}
    assert rest.get(path, status="lost").fields == {"status": "invalid_choice"}
    for step in ("settle", "release"):
        assert rest.post(f"{path}/{uuid4()}/{step}", {"amount": "1"}).status == 404
    assert Reservation.objects.get().held_amount == Decimal(1)
