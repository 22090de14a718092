"""`/event-budgets/{id}/funding`: who pays, what would move, and who refuses."""

from datetime import date
from decimal import Decimal
from unittest.mock import patch
from uuid import uuid4

import pytest

from budgets.models import EventBudget
from budgets.services.ledger_proof import verify_ledger
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import EVENT_DATE, make_budget
from budgetsite.testing.expenses import NOW, make_expense
from budgetsite.testing.people import make_member
from budgetsite.testing.rest import rest_client_of
from budgetsite.testing.scoped_budgets import make_scoped_budget, standing


@pytest.fixture
def pots(account, owner):
    fields = {"currency": "CAD", "period": "annual", "start_date": date(2026, 1, 1)}
    season = make_scoped_budget(account, owner, name="Season", **fields)
    return season, make_scoped_budget(
        account, owner, name="Catering", parent_id=season.pk, **fields | {"amount": Decimal(300)}
    )


@pytest.fixture
def budget(account, organizer, staff):
    made = make_budget(account, organizer)
    make_expense(made, staff, amount=Decimal(200), stage="committed")
    return made


@pytest.fixture
def client(account, manager):
    with patch("django.utils.timezone.now", return_value=NOW):
        yield rest_client_of(manager, account)


def test_a_dry_run_says_what_moves_and_the_real_one_moves_it(client, account, budget, pots, organizer):
    season, catering = pots
    path = f"/event-budgets/{budget.pk}/funding"
    seen = client.post(path, {"scoped_budget_id": str(catering.pk), "dry_run": True})
    assert (seen.status, seen.json["can_move"], seen.json["funding"]["funded_by"]) == (200, True, None)
    assert [(part["name"], part["committed"], part["remaining_after"]) for part in seen.json["joining"]] == [
        ("Catering", "200.00", "100.00"),
        ("Season", "200.00", "800.00"),
    ]
    assert EventBudget.objects.get(pk=budget.pk).funded_by_id is None

    moved = client.post(path, {"scoped_budget_id": str(catering.pk)}).json
    assert moved["joining"] == seen.json["joining"]
    assert (moved["funding"]["room"], moved["funding"]["funded_by"]["name"]) == ("100.00", "Catering")
    assert not client.post(path, {"scoped_budget_id": str(catering.pk)}).json["changes"]
    answer = client.get(f"/event-budgets/{budget.pk}").json
    assert answer["funded_by"] == {"id": str(catering.pk), "name": "Catering"}
    approvals = client.get(f"/event-budgets/{budget.pk}/approvals").json["results"]
    assert [(one["action"], one["reason"]) for one in approvals] == [("fund", "from nothing to “Catering”.")]
    history = client.get(f"/event-budgets/{budget.pk}/history").json["results"]
    assert {"field": "funded_by", "old": None, "new": "Catering"} in [
        change for record in history for change in record["changes"]
    ]
    seen = rest_client_of(organizer, account).get(path)
    assert (seen.json["room"], seen.json["chain"][0]) == (
        None,
        {"id": str(catering.pk), "name": "Catering", "has_room": True, "remaining": None},
    )
    assert standing(season, now=NOW).figures.committed == 200
    assert verify_ledger() == []


def test_refusals_are_409_naming_everyone_and_overridden_with_a_reason(client, account, budget, pots, staff):
    season, catering = pots
    path = f"/event-budgets/{budget.pk}/funding"
    client.post(path, {"scoped_budget_id": str(catering.pk)})
    expense = make_expense(budget, staff, amount=Decimal(900))
    commit = f"/expenses/{expense.pk}/commit"
    refused = client.post(commit, {})
    assert (refused.status, refused.json["errors"][0]["code"]) == (409, "funding_exhausted")
    assert [(one["name"], one["remaining"]) for one in refused.json["refusals"]] == [
        ("Catering", "100.00"),
        ("Season", "800.00"),
    ]
    assert client.post(commit, {"override": True}).status == 400
    assert client.post(commit, {"override": True, "reason": "Signed"}).status == 200
    assert client.post(path, {"scoped_budget_id": None}).json["funding"]["funded_by"] is None
    again = client.post(path, {"scoped_budget_id": str(season.pk)})
    assert (again.status, [one["name"] for one in again.json["refusals"]]) == (409, ["Season"])
    beyond = client.post(path, {"scoped_budget_id": str(season.pk), "override": True, "reason": "Agreed"})
    assert (beyond.status, beyond.json["funding"]["room"]) == (200, "-100.00")


def test_strangers_roles_and_wrong_funders_are_refused(client, account, budget, pots, other_account, staff):
    path = f"/event-budgets/{budget.pk}/funding"
    with tenant_scope(other_account.pk):
        stranger = make_member(other_account, Role.OWNER).user
        rival = make_scoped_budget(other_account, stranger, currency="CAD")
    for funder in (rival.pk, uuid4()):
        refused = client.post(path, {"scoped_budget_id": str(funder)})
        assert (refused.status, refused.json["errors"][0]["attr"]) == (400, "scoped_budget_id")
    assert rest_client_of(stranger, other_account).post(path, {"scoped_budget_id": str(rival.pk)}).status == 404
    assert rest_client_of(staff, account).post(path, {"scoped_budget_id": None}).status == 403
    assert EventBudget.objects.get(pk=budget.pk).funded_by_id is None


def test_events_and_budgets_open_with_who_pays(client, account, pots, staff):
    _season, catering = pots
    day = EVENT_DATE.isoformat()
    event = {"name": "Gala", "event_date": day, "registration_start_date": day, "registration_end_date": day}
    opened = client.post("/events", {**event, "funded_by": str(catering.pk)})
    assert opened.status == 201, opened.json
    answer = client.get(f"/event-budgets/{opened.json['budget_id']}").json
    assert (answer["funded_by"]["name"], answer["total_follows_lines"]) == ("Catering", True)
    changed = client.patch(f"/events/{opened.json['id']}", {"funded_by": str(catering.pk)})
    assert (changed.status, changed.json["errors"][0]["attr"]) == (400, "funded_by")

    bare = client.post("/events", event).json
    body = {"event_id": bare["id"], "funded_by": str(uuid4())}
    refused = client.post("/event-budgets", body)
    assert (refused.status, refused.json["errors"][0]["attr"]) == (400, "funded_by")
    assert rest_client_of(staff, account).post("/event-budgets", {**body, "funded_by": str(catering.pk)}).status == 403
    assert client.post("/event-budgets", {**body, "funded_by": str(catering.pk)}).status == 201
