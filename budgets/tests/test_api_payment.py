"""`/expenses/{id}/payments`: instalments over REST, never beyond what is billed."""

from decimal import Decimal

import pytest

from budgets.api.payment import PaymentAnswer
from budgets.models import ExpensePayment
from budgets.services.expense_policy import change_expense_policy
from budgets.services.ledger_proof import verify_ledger
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.expenses import figures, make_expense
from budgetsite.testing.people import make_member
from budgetsite.testing.rest import rest_client, rest_client_of


@pytest.fixture
def couple(account):
    return make_member(account, Role.CLIENT).user


@pytest.fixture
def line(account, organizer, couple):
    budget = make_budget(account, organizer, total="1000", event=make_event(account, organizer, client=couple))
    return make_line(budget, organizer, category="Flowers", name="Flowers", budgeted_amount=Decimal("1000"))


@pytest.fixture
def expense(line, staff):
    return make_expense(line.budget, staff, line_item=line, amount=Decimal(100), stage="invoiced")


@pytest.fixture
def path(expense):
    return f"/expenses/{expense.pk}"


@pytest.fixture
def api(account, staff):
    return rest_client_of(staff, account)


def paid(api, path):
    answer = api.get(path).json
    return answer["paid_amount"], answer["scheduled_amount"], answer["payment_status"], answer["next_due_date"]


def test_a_bill_is_paid_in_instalments_and_money_that_is_paid_is_not_spent_twice(api, path, line):
    first = api.post(f"{path}/payments", {"amount": "40", "paid_at": "2026-07-02", "method": "transfer"})
    assert (first.status, set(first.json)) == (201, set(PaymentAnswer().fields))
    assert (first.json["status"], first.json["paid_at"], first.json["method"]) == (
        "paid", "2026-07-02T16:00:00Z", "transfer",
    )  # fmt: skip
    planned = api.post(f"{path}/payments", {"amount": "60", "due_date": "2099-01-31", "reference": "RF18 5390"}).json
    assert (planned["status"], planned["reference"]) == ("planned", "RF18 5390")
    assert paid(api, path) == ("40.00", "60.00", "partial", "2099-01-31")

    address = f"{path}/payments/{planned['id']}"
    late = api.patch(address, {"due_date": "2020-01-31"}).json
    assert (late["status"], paid(api, path)[2]) == ("overdue", "overdue")
    assert api.patch(address, {"paid_at": "2026-07-03T08:00:00Z"}).json["status"] == "paid"
    assert paid(api, path) == ("100.00", "0.00", "paid", None)
    assert [row["id"] for row in api.get(f"{path}/payments").json["results"]] == [planned["id"], first.json["id"]]

    assert api.delete(address, {"reason": "It came back"}).status == 204
    assert (api.get(address).json["status"], api.get(address).json["cancel_reason"]) == ("cancelled", "It came back")
    assert paid(api, path)[:3] == ("40.00", "0.00", "partial")
    assert [row["amount"] for row in api.get(f"{path}/payments", cancelled="false").json["results"]] == ["40.00"]
    assert api.delete(address).status == 404
    assert figures(line) == ("0", "100", "900")
    assert verify_ledger() == []


@pytest.mark.parametrize(
    ("wrong", "status", "code"),
    [
        ({"amount": "60.01"}, 409, "payment_exceeds_invoiced"),
        ({"amount": "-1"}, 409, "payment_exceeds_invoiced"),
        ({"amount": "0"}, 400, "zero"),
        ({"amount": "1.234"}, 400, "too_many_decimals"),
        ({"amount": "NaN"}, 400, "not_finite"),
        ({}, 400, "required"),
        ({"amount": "1", "paid_at": "2190-01-01"}, 400, "in_future"),
        ({"amount": "1", "paid_at": "yesterday"}, 400, "invalid"),
        ({"amount": "1", "method": "gold"}, 400, "invalid_choice"),
        ({"amount": "1", "due_date": "9999-12-31"}, 400, "out_of_range"),
        ({"amount": "1", "version": 1}, 409, "stale_version"),
    ],
)
def test_what_cannot_be_paid_is_refused_and_nothing_changes(api, path, wrong, status, code):
    api.post(f"{path}/payments", {"amount": "40"})
    before = paid(api, path)
    answer = api.post(f"{path}/payments", wrong)
    assert (answer.status, answer.codes) == (status, [code])
    assert (paid(api, path), ExpensePayment.objects.count()) == (before, 1)
    if code == "payment_exceeds_invoiced":
        assert answer.json["open_amount"] == "60.00"


def test_what_is_paid_keeps_the_bill_under_it(api, path):
    payment = api.post(f"{path}/payments", {"amount": "40"}).json
    refused = [api.delete(path), api.post(f"{path}/cancel"), api.patch(path, {"amount": "39", "version": 2})]
    assert [(answer.status, answer.codes) for answer in refused] == [(409, ["paid_already"])] * 3
    assert api.patch(f"{path}/payments/{payment['id']}", {"amount": "100.01"}).codes == ["payment_exceeds_invoiced"]
    assert paid(api, path)[:2] == ("40.00", "0.00")


def test_a_client_pays_for_their_own_event_where_the_account_lets_them(account, couple, api, path, owner):
    api.post(f"{path}/payments", {"amount": "10", "reference": "Ours"})
    client = rest_client_of(couple, account)
    own = client.post(f"{path}/payments", {"amount": "20", "reference": "Theirs"}).json
    seen = [(row["reference"], row["recorded_by"]) for row in client.get(f"{path}/payments").json["results"]]
    assert seen == [("Theirs", str(couple.pk)), ("", None)]
    teams = api.get(f"{path}/payments").json["results"][1]["id"]
    assert client.delete(f"{path}/payments/{teams}").status == 403
    change_expense_policy(acting_user=owner, clients_add_payments=False)
    assert client.post(f"{path}/payments", {"amount": "1"}).status == 403
    assert client.delete(f"{path}/payments/{own['id']}").status == 403
    assert paid(api, path)[0] == "30.00"


def test_a_strangers_payments_are_not_there(other_account, api, path):
    payment = api.post(f"{path}/payments", {"amount": "40"}).json
    stranger = rest_client(other_account, Role.OWNER)
    address = f"{path}/payments/{payment['id']}"
    statuses = [
        stranger.get(f"{path}/payments").status,
        stranger.post(f"{path}/payments", {"amount": "1"}).status,
        stranger.get(address).status,
        stranger.patch(address, {"amount": "1"}).status,
        stranger.delete(address).status,
    ]
    assert statuses == [404] * 5
    assert paid(api, path)[0] == "40.00"
