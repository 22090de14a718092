"""Transfers over the API: asked for, decided, taken back, listed; and every refusal where it belongs."""

from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from budgets.api.transfer import TransferAnswer
from budgets.models import BudgetLineItem, BudgetTransfer, EventBudget, LineKind
from budgets.services.line_item import delete_line_item
from budgets.tests.test_transfers import spend
from budgets.tests.transfers import NOW, approve, limit_transfers, line_of, make_approved, planned, transfer
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_line, move
from budgetsite.testing.people import make_member
from budgetsite.testing.rest import RestClient, rest_client, rest_client_of

NOTHING_MOVED = {"Catering": 600, "Hall": 300}


@pytest.fixture
def rest(account, owner) -> RestClient:
    return rest_client_of(owner, account)


@pytest.fixture
def manager_rest(account, manager) -> RestClient:
    return rest_client_of(manager, account)


@pytest.fixture
def budget(account, owner, manager) -> EventBudget:
    return make_approved(account, owner, manager)


def body(budget, **values):
    return {
        "from_line": str(line_of(budget, "Catering").pk),
        "to_line": str(line_of(budget, "Hall").pk),
        "amount": "100.00",
        "reason": "Fewer guests",
        **values,
    }


def path(budget, *more):
    return "/".join([f"/event-budgets/{budget.pk}/transfers", *map(str, more)])


def test_a_transfer_is_answered_with_all_that_it_did(rest, budget, owner):
    answer = rest.post(path(budget), body(budget, version=5))

    made = BudgetTransfer.objects.get()
    assert answer.status == 201
    assert answer.headers["ETag"] == '"6"'
    assert answer.json == {
        "id": str(made.pk),
        "status": "done",
        "amount": "100.00",
        "currency": "CAD",
        "from_line": str(line_of(budget, "Catering").pk),
        "from_line_name": "Catering",
        "to_line": str(line_of(budget, "Hall").pk),
        "to_line_name": "Hall",
        "reason": "Fewer guests",
        "needs_role": None,
        "requested_by": str(owner.pk),
        "requested_by_name": str(owner),
        "requested_at": answer.json["requested_at"],
        "decided_by": None,
        "decided_by_name": None,
        "decided_at": None,
        "decision_reason": "",
        "revision": 1,
        "version": 6,
        "reverses": None,
        "reversed_by": None,
        "budget_version": 6,
    }
    assert answer.json.keys() == TransferAnswer().fields.keys()
    assert planned(budget) == {"Catering": 500, "Hall": 400}
    read = rest.get(f"/event-budgets/{budget.pk}").json
    assert (read["version"], read["total_budget_amount"]) == (6, "1000.00")


@pytest.mark.parametrize(
    ("values", "field", "code"),
    [
        ({"amount": "600.01"}, "amount", "transfer_exceeds_available"),
        ({"amount": "0"}, "amount", "not_positive"),
        ({"amount": "-1.00"}, "amount", "not_positive"),
        ({"amount": "1.001"}, "amount", "too_many_decimals"),
        ({"amount": "much"}, "amount", "invalid"),
        ({"amount": None}, "amount", "null"),
        ({"reason": "  "}, "reason", "reason_required"),
        ({"reason": "x" * 2001}, "reason", "max_length"),
        ({"from_line": "Catering"}, "from_line", "invalid"),
        ({"version": 0}, "version", "min_value"),
    ],
)
def test_what_is_wrong_stands_at_its_field(rest, budget, values, field, code):
    answer = rest.post(path(budget), body(budget, **values))
    assert (answer.status, answer.fields) == (400, {field: code})
    assert (planned(budget), BudgetTransfer.objects.count()) == (NOTHING_MOVED, 0)


def test_how_much_is_available_is_said_at_the_amount(rest, budget):
    spend(budget, "Catering", committed="250", actual="50")
    answer = rest.post(path(budget), body(budget, amount="300.01"))
    assert answer.json["errors"] == [
        {
            "code": "transfer_exceeds_available",
            "detail": "Catering has 300.00 CAD available: no more than that can be moved.",
            "attr": "amount",
        }
    ]


def test_every_value_is_needed_but_the_version(rest, budget):
    answer = rest.post(path(budget), {})
    assert answer.fields == dict.fromkeys(("from_line", "to_line", "amount", "reason"), "required")


def test_one_line_is_not_both(rest, budget):
    answer = rest.post(path(budget), body(budget, to_line=str(line_of(budget, "Catering").pk)))
    assert (answer.status, answer.fields) == (400, {"to_line": "same_line"})


def test_income_is_refused_at_its_end(rest, account, owner, manager):
    budget = make_budget(account, owner, total="1000")
    make_line(budget, owner, name="Catering", budgeted_amount="600")
    make_line(budget, owner, name="Hall", budgeted_amount="300", kind=LineKind.INCOME)
    approve(budget, account, owner, manager)
    there = body(budget)
    assert rest.post(path(budget), there).fields == {"to_line": "income_line"}
    back = {**there, "from_line": there["to_line"], "to_line": there["from_line"]}
    assert rest.post(path(budget), back).fields == {"from_line": "income_line"}


def test_a_line_of_another_budget_or_tenant_is_not_found(rest, account, owner, manager, other_account, budget):
    other = make_approved(account, owner, manager)
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        second = make_member(other_account, Role.MANAGER).user
        theirs = make_approved(other_account, rival, second)
        rival_line = line_of(theirs, "Hall").pk
    for stranger in (line_of(other, "Hall").pk, rival_line, uuid4()):
        for end in ("from_line", "to_line"):
            answer = rest.post(path(budget), body(budget, **{end: str(stranger)}))
            assert (answer.status, answer.codes) == (404, ["not_found"])
    assert rest.post(path(theirs), body(budget)).status == 404
    assert (planned(budget), planned(other)) == (NOTHING_MOVED, NOTHING_MOVED)


def test_another_tenants_transfers_are_not_there(rest, other_account, budget):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        second = make_member(other_account, Role.MANAGER).user
        theirs = make_approved(other_account, rival, second)
        made = transfer(theirs, "5", user=rival, account=other_account)
    assert rest.get(path(budget)).json["results"] == []
    assert rest.get(path(theirs)).status == 404
    for below in (budget, theirs):
        assert rest.get(path(below, made.pk)).status == 404
        for step in ("approve", "reject", "reverse"):
            assert rest.post(path(below, made.pk, step), {"reason": "No"}).status == 404


def test_a_stale_version_is_a_conflict_with_the_budget_as_it_is(rest, budget):
    stale = rest.post(path(budget), body(budget, version=4))
    assert (stale.status, stale.codes, stale.json["current"]["version"]) == (409, ["stale_version"], 5)
    assert rest.post(path(budget), body(budget), If_Match='"4"').codes == ["stale_version"]
    assert rest.post(path(budget), body(budget), If_Match='"5"').status == 201


def test_a_plan_that_is_not_in_force_is_a_conflict(rest, account, owner):
    budget = make_budget(account, owner, total="1000")
    make_line(budget, owner, name="Catering", budgeted_amount="600")
    make_line(budget, owner, name="Hall", budgeted_amount="300")
    answer = rest.post(path(budget), body(budget))
    assert (answer.status, answer.codes) == (409, ["plan_not_in_force"])


def test_a_key_sent_twice_moves_once(rest, budget):
    first = rest.post(path(budget), body(budget), Idempotency_Key="move-1")
    again = rest.post(path(budget), body(budget), Idempotency_Key="move-1")
    assert (first.status, again.status, again.json) == (201, 201, first.json)
    assert planned(budget) == {"Catering": 500, "Hall": 400}


def test_above_the_limit_it_waits_for_the_role(rest, manager_rest, account, budget, manager):
    limit_transfers(above="50", role=Role.OWNER)
    asked = manager_rest.post(path(budget), body(budget))
    assert (asked.status, asked.json["status"], asked.json["needs_role"]) == (201, "pending", "owner")
    assert (asked.json["version"], asked.json["budget_version"]) == (None, 5)

    own = manager_rest.post(path(budget, asked.json["id"], "approve"), {})
    assert own.status == 403
    decided = rest.post(path(budget, asked.json["id"], "approve"), {"reason": "Agreed"})

    assert (decided.status, decided.json["status"], decided.json["version"]) == (200, "done", 6)
    assert (decided.json["decided_by"], decided.json["decision_reason"]) == (str(rest.user.pk), "Agreed")
    again = rest.post(path(budget, asked.json["id"], "approve"))
    assert (again.status, again.codes, again.json["status"]) == (409, ["transfer_decided"], "done")


def test_nobody_approves_their_own(rest, budget):
    limit_transfers()
    asked = rest.post(path(budget), body(budget)).json
    answer = rest.post(path(budget, asked["id"], "approve"), {})
    assert (answer.status, answer.codes) == (409, ["own_transfer"])
    assert rest.get(path(budget, asked["id"])).json["status"] == "pending"


def test_rejecting_asks_for_a_reason_but_not_of_who_asked(rest, manager_rest, budget):
    limit_transfers()
    first, second = (rest.post(path(budget), body(budget)).json["id"] for _ in range(2))
    assert manager_rest.post(path(budget, first, "reject"), {}).fields == {"reason": "reason_required"}
    assert manager_rest.post(path(budget, first, "reject"), {"reason": "No"}).json["status"] == "rejected"
    assert rest.post(path(budget, second, "reject")).json["status"] == "rejected"
    assert planned(budget) == NOTHING_MOVED


def test_a_colleague_may_not_withdraw_what_another_asked_for(account, rest, budget):
    limit_transfers()
    asked = rest.post(path(budget), body(budget)).json["id"]
    staff = rest_client(account, Role.STAFF)
    answer = staff.post(path(budget, asked, "reject"), {"reason": "No"})
    assert (answer.status, answer.json["errors"][0]["detail"]) == (
        403,
        "Only the account's owner or manager may do this.",
    )


def test_approving_what_is_gone_is_a_conflict(rest, manager_rest, budget):
    limit_transfers()
    asked = rest.post(path(budget), body(budget, amount="600.00")).json["id"]
    spend(budget, "Catering", committed="1")
    answer = manager_rest.post(path(budget, asked, "approve"))
    assert (answer.status, answer.codes) == (409, ["transfer_exceeds_available"])
    assert answer.json["errors"][0]["attr"] is None


def test_a_transfer_is_taken_back_once(rest, budget):
    made = rest.post(path(budget), body(budget)).json
    assert rest.post(path(budget, made["id"], "reverse"), {}).fields == {"reason": "reason_required"}

    back = rest.post(path(budget, made["id"], "reverse"), {"reason": "Not needed", "version": 6})

    assert (back.status, back.json["status"], back.json["reverses"]) == (201, "done", made["id"])
    assert (back.json["from_line"], back.json["to_line"]) == (made["to_line"], made["from_line"])
    assert (back.json["version"], back.json["budget_version"]) == (7, 7)
    assert rest.get(path(budget, made["id"])).json["reversed_by"] == back.json["id"]
    again = rest.post(path(budget, made["id"], "reverse"), {"reason": "Twice"})
    assert (again.status, again.codes, again.json["reversed_by"]) == (409, ["already_reversed"], back.json["id"])
    assert planned(budget) == NOTHING_MOVED


def test_the_list_is_newest_first_and_by_status(rest, budget):
    done = [rest.post(path(budget), body(budget, amount=amount)).json["id"] for amount in ("1.00", "2.00")]
    limit_transfers()
    waiting = rest.post(path(budget), body(budget, amount="3.00")).json["id"]

    answer = rest.get(path(budget))
    assert (answer.json["count"], [row["id"] for row in answer.json["results"]]) == (3, [waiting, *reversed(done)])
    assert all(row["budget_version"] == 7 for row in answer.json["results"])
    assert [row["id"] for row in rest.get(path(budget), status="pending").json["results"]] == [waiting]
    assert rest.get(path(budget), status="lapsed").json["results"] == []
    assert rest.get(path(budget), status="gone").fields == {"status": "invalid_choice"}


def test_a_transfer_stays_in_the_list_when_its_line_goes(rest, account, owner, manager, budget):
    made = rest.post(path(budget), body(budget, amount="600.00")).json["id"]
    move(budget, "revise", user=owner, role=Role.OWNER, account=account, reason="Rain")
    line = line_of(budget, "Catering")
    delete_line_item(budget_id=budget.pk, line_item_id=line.pk, acting_user=owner, now=NOW)

    [row] = rest.get(path(budget)).json["results"]
    assert (row["id"], row["from_line_name"]) == (made, "Catering")
    assert rest.get(path(budget, made)).json["from_line"] == str(line.pk)
    assert not BudgetLineItem.objects.filter(pk=line.pk).exists()


def test_a_client_neither_reads_nor_moves(account, owner, budget):
    client = rest_client(account, Role.CLIENT)
    budget.event.client = client.user
    budget.event.save()
    assert client.get(f"/event-budgets/{budget.pk}").status == 200
    assert client.get(path(budget)).status == 403
    assert client.post(path(budget), body(budget)).status == 403


def test_an_organizer_moves_in_their_own_events_alone(account, owner, manager, budget):
    organizer = rest_client(account, Role.ORGANIZER)
    assert organizer.post(path(budget), body(budget)).status == 404
    budget.event.organizer = organizer.user
    budget.event.save()
    assert organizer.post(path(budget), body(budget)).status == 201


def test_a_list_costs_the_same_whatever_its_length(rest, account, owner, budget):
    transfer(budget, "1", user=owner, account=account)
    counts = []
    for _round in range(2):
        with CaptureQueriesContext(connection) as captured:
            rest.get(path(budget))
        counts.append(len(captured))
        for _transfer in range(5):
            transfer(budget, "1", user=owner, account=account)
    assert counts[0] == counts[1]
    assert isinstance(UUID(rest.get(path(budget)).json["results"][0]["id"]), UUID)
