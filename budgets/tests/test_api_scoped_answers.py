"""What the endpoints of scoped budgets answer is what the schema says, name by name."""

from typing import Any

from django.utils import timezone
from rest_framework import serializers

from budgets.api.scoped_answers import ChangedScopedBudgetAnswer, RefusalAnswer, ScopedBudgetAnswer, StandingAnswer
from budgets.api.scoped_check import ScopesVerdictAnswer, VerdictAnswer
from budgets.api.scoped_places import HierarchyAnswer, NodeAnswer
from budgets.api.scoped_reservation import MadeReservationAnswer, ReservationAnswer, SettledReservationAnswer
from budgets.api.scoped_status import RefreshedAnswer, WindowPageAnswer
from budgets.api.scoped_usage_answers import RecordedUsageAnswer, UsageAnswer, UsageSummaryAnswer
from budgetsite.testing.rest import rest_client_of

ALERTS = [{"threshold": 1, "actions": ["notify"], "channels": ["mail"], "message": "Mind it."}]
SEASON = {
    "name": "Season",
    "scope_type": "team",
    "scope_id": "bar",
    "amount": "100",
    "currency": "USD",
    "period": "annual",
    "start_date": f"{timezone.now().year}-01-01",
    "alerts": ALERTS,
}


def hold(answer: Any, serializer: Any) -> None:
    """Compare the names of an answer with those of its description, to the bottom of both."""
    if isinstance(serializer, serializers.ListSerializer):
        assert answer, serializer
        for one in answer:
            hold(one, serializer.child)
        return
    assert set(answer) == set(serializer.fields), type(serializer).__name__
    for name, field in serializer.fields.items():
        if isinstance(field, serializers.BaseSerializer) and answer[name]:
            hold(answer[name], field)


def test_answers_have_the_names_of_their_descriptions(account, owner):
    rest = rest_client_of(owner, account)
    top = rest.post("/budgets", SEASON).json
    made = rest.post("/budgets", SEASON | {"amount": "200", "parent_budget_id": top["id"]}).json
    one = f"/budgets/{made['id']}"
    usage = {"amount": "50", "currency": "USD", "source": "api", "timestamp": "2019-05-05T00:00Z"}
    recorded = rest.post(f"{one}/usage", usage).json
    rest.post(f"{one}/usage", usage | {"timestamp": None})
    reserved = rest.post(f"{one}/reservations", {"amount": "30", "ttl_seconds": 60}).json
    refused = rest.post(f"{one}/reservations", {"amount": "300", "ttl_seconds": 60}).json
    check = {"estimated_cost": "90"}
    days = {"start_date": "2019-01-01", "end_date": "2019-12-31"}

    hold(made, ChangedScopedBudgetAnswer())
    hold(rest.get(one).json, ScopedBudgetAnswer())
    hold(rest.get("/budgets/scope/team/bar").json["results"], ScopedBudgetAnswer(many=True))
    hold(rest.get(f"{one}/status").json, StandingAnswer())
    hold(rest.post(f"{one}/refresh-cache").json, RefreshedAnswer())
    hold(rest.get(f"{one}/windows").json, WindowPageAnswer())
    tree = rest.get("/budgets/hierarchy/team/bar").json
    hold(tree, HierarchyAnswer())
    hold(tree["results"][0]["children"][0], NodeAnswer())
    hold(recorded, RecordedUsageAnswer())
    hold(rest.get(f"{one}/usage").json["results"], UsageAnswer(many=True))
    hold(rest.get(f"{one}/usage/summary", **days).json, UsageSummaryAnswer())
    hold(rest.post(f"{one}/check-constraints", check).json, VerdictAnswer())
    scopes = check | {"scopes": {"team": "bar", "user": "ann"}}
    hold(rest.post("/budgets/check-constraints", scopes).json, ScopesVerdictAnswer())
    hold(reserved, MadeReservationAnswer())
    hold(refused["refusals"], RefusalAnswer(many=True))
    hold(rest.get(f"{one}/reservations").json["results"], ReservationAnswer(many=True))
    settled = rest.post(f"{one}/reservations/{reserved['id']}/settle", {"amount": "5"}).json
    hold(settled, SettledReservationAnswer())
    assert recorded["warnings"] != []
    assert refused["type"] == "client_error"
