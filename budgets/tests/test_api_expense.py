"""`/expenses`: recorded, found, changed and taken through their stages over REST."""

from datetime import date
from decimal import Decimal
from itertools import chain

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from budgets.api.answers.expense import ExpenseAnswer
from budgets.models import BudgetLineItem, Expense, ExpenseInvoice, LedgerEntry, Vendor
from budgets.services.ledger_proof import verify_ledger
from budgetsite.accounts.roles import Role
from budgetsite.accounts.sign_in import Standing
from budgetsite.accounts.tokens import issue_access_token
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.expenses import figures, make_expense
from budgetsite.testing.people import make_member
from budgetsite.testing.rest import RestClient, rest_client, rest_client_of


@pytest.fixture
def couple(account):
    return make_member(account, Role.CLIENT).user


@pytest.fixture
def budget(account, organizer, couple):
    return make_budget(account, organizer, total="1000", event=make_event(account, organizer, client=couple))


@pytest.fixture
def line(budget, organizer):
    return make_line(budget, organizer, category="Flowers", name="Flowers", budgeted_amount=Decimal("1000"))


@pytest.fixture
def api(account, staff):
    return rest_client_of(staff, account)


@pytest.fixture
def body(budget, line):
    return {"event_id": str(budget.event_id), "category": "flowers", "description": "Roses", "amount": "30"}


def record(api, body, **fields):
    answer = api.post("/expenses", {**body, **fields})
    assert answer.status == 201, answer.json
    return answer.json


def test_an_expense_goes_from_promise_to_bill_and_back(api, budget, line, body):
    made = record(api, body, vendor="Blüten & Co", stage="committed", due_date="2099-09-01", notes="Ask for a discount")
    assert set(made) == set(ExpenseAnswer().fields)
    assert api.get(f"/expenses/{made['id']}").json == made
    shown = ("amount", "committed_amount", "actual_amount", "stage", "approval", "payment_status", "vendor", "version")
    assert [made[name] for name in shown] == [
        "30.00", "30.00", "0.00", "committed", "approved", "pending", "Blüten & Co", 1,
    ]  # fmt: skip
    assert (made["line_item_id"], made["category"], made["is_unbudgeted"]) == (str(line.pk), "Flowers", False)
    assert (made["next_due_date"], made["possible_steps"]) == ("2099-09-01", ["invoice", "cancel"])
    assert figures(line) == ("30", "0", "970")

    path = f"/expenses/{made['id']}"
    billed = api.post(f"{path}/invoice", {"amount": "10", "invoice_number": "R-1"}).json
    assert [billed[name] for name in ("committed_amount", "actual_amount", "invoiced_amount", "version")] == [
        "20.00", "10.00", "10.00", 2,
    ]  # fmt: skip
    assert figures(line) == figures(budget) == ("20", "10", "970")
    [bill] = api.get(f"{path}/invoices").json["results"]
    assert (bill["invoice_number"], bill["amount"], bill["settled_amount"]) == ("R-1", "10.00", "10.00")

    assert api.post(f"{path}/cancel").json["committed_amount"] == "30.00"
    assert figures(line) == ("30", "0", "970")
    rest = api.post(f"{path}/invoice")
    assert (rest.status, rest.json["actual_amount"], rest.json["stage"]) == (200, "30.00", "invoiced")
    assert api.delete(path).status == 204
    assert api.get(path).status == 404
    assert figures(line) == ("0", "0", "1000")
    assert verify_ledger() == []


@pytest.mark.parametrize(
    ("wrong", "field", "code"),
    [
        ({"amount": "0"}, "amount", "zero"),
        ({"amount": "123.456"}, "amount", "too_many_decimals"),
        ({"amount": "1234567890"}, "amount", "too_large"),
        ({"amount": "NaN"}, "amount", "not_finite"),
        ({"amount": "1e400"}, "amount", "invalid"),
        ({"amount": "-5"}, "amount", "refund_without_bill"),
        ({"amount": None}, "amount", "null"),
        (
            {"due_date": "2026-05-01", "expense_date": "2026-05-02", "stage": "invoiced"},
            "due_date",
            "due_before_billed",
        ),
        ({"due_date": "0001-01-01"}, "due_date", "out_of_range"),
        ({"currency": "ZZZ"}, "currency", "unknown_currency"),
        ({"currency": "EUR"}, "currency", "rate_missing"),
        ({"currency": "EUR", "exchange_rate": "0"}, "exchange_rate", "rate_out_of_range"),
        ({"category": "Fireworks"}, "category", "unknown_category"),
        ({"category": None}, "category", "required"),
        ({"line_item_id": "00000000-0000-0000-0000-000000000000"}, "line_item_id", "line_not_found"),
        ({"vendor": "00000000-0000-0000-0000-000000000000"}, "vendor", "vendor_not_found"),
        ({"stage": "cancelled"}, "stage", "invalid_choice"),
        ({"description": ""}, "description", "blank"),
    ],
)
def test_what_cannot_be_meant_is_refused_at_its_field(api, body, wrong, field, code):
    answer = api.post("/expenses", {**body, **wrong})
    assert (answer.status, answer.fields) == (400, {field: code})
    assert (Expense.objects.count(), LedgerEntry.objects.count(), Vendor.objects.count()) == (0, 0, 0)


def test_a_number_that_json_cannot_hold_and_an_unknown_category_say_what_would_be_right(api, body):
    sent = str({**body, "amount": 0}).replace("'", '"').replace(": 0}", ": 1e400}")
    answer = api.raw("POST", "/api/v1/expenses", sent.encode())
    assert (answer.status, answer.fields) == (400, {"amount": "not_finite"})
    answer = api.post("/expenses", {**body, "category": "Fireworks"})
    assert "Venue" in answer.json["errors"][0]["detail"]


@pytest.mark.parametrize("name", ["O'Brien", "<script>alert(1)</script>", "זר פרחים", "💐 Blumen"])
def test_names_are_stored_as_typed(api, body, name):
    made = record(api, body, description=name, vendor=name)
    assert (made["description"], made["vendor"]) == (name, name)
    assert [row["id"] for row in api.get("/expenses", search=name).json["results"]] == [made["id"]]
    assert [row["id"] for row in api.get("/expenses", vendor=name.upper()).json["results"]] == [made["id"]]


def test_the_same_key_records_once(api, line, body):
    answers = [api.post("/expenses", {**body, "stage": "invoiced"}, Idempotency_Key="one") for _ in range(2)]
    assert [answer.status for answer in answers] == [201, 201]
    assert answers[0].json == answers[1].json
    assert figures(line) == ("0", "30", "970")
    assert api.post("/expenses", {**body, "amount": "31"}, Idempotency_Key="one").codes == ["idempotency_mismatch"]
    path = f"/expenses/{answers[0].json['id']}"
    for _ in range(2):
        assert api.post(f"{path}/payments", {"amount": "20"}, Idempotency_Key="two").status == 201
    assert api.get(path).json["paid_amount"] == "20.00"


def test_a_writer_says_which_version_they_read(api, line, body):
    made = record(api, body)
    path = f"/expenses/{made['id']}"
    assert api.patch(path, {"amount": "40"}).fields == {"version": "required"}
    changed = api.patch(path, {"amount": "40"}, If_Match='"1"')
    assert (changed.status, changed.json["amount"], changed.headers["ETag"]) == (200, "40.00", '"2"')
    stale = api.patch(path, {"amount": "50", "version": 1})
    assert (stale.status, stale.codes, stale.json["current"]) == (409, ["stale_version"], changed.json)
    whole = api.put(path, {**changed.json, "description": "Red roses"})
    assert (whole.status, whole.json["description"], whole.json["amount"]) == (200, "Red roses", "40.00")
    assert api.patch(path, {"stage": "invoiced", "version": 3}).fields == {"stage": "not_changed_here"}
    wrong = api.patch(path, {"line_item_id": str(line.pk), "category": "Cake", "version": 3})
    assert wrong.fields == {"category": "line_of_other_category"}
    assert (api.get(path).json["version"], api.get(path).json["approval"]) == (3, "approved")


def test_a_rate_given_with_an_expense_stays_with_it(api, body):
    made = record(api, body, currency="eur", exchange_rate="1.5", rate_source="The bank", amount="10")
    assert (made["currency"], made["budget_amount"], made["exchange_rate"]) == ("EUR", "15.00", "1.5")
    changed = api.patch(f"/expenses/{made['id']}", {"amount": "20", "version": 1}).json
    assert (changed["budget_amount"], changed["exchange_rate"], changed["rate_source"]) == ("30.00", "1.5", "The bank")


def test_above_the_limit_someone_else_decides(account, line, body, manager):
    rule = {"subject": "expense", "role": "manager", "above_amount": "20", "category": "Flowers"}
    owner = rest_client(account, Role.OWNER)
    assert owner.post("/approval-rules", rule).status == 201
    assert owner.post("/approval-rules", {**rule, "stage": 2}).fields == {"stage": "one_stage"}
    first, second = rest_client_of(manager, account), rest_client(account, Role.MANAGER)
    made = record(first, body, stage="committed")
    path = f"/expenses/{made['id']}"
    assert (made["approval"], made["stage"], made["needs_role"]) == ("pending", "planned", "manager")
    assert (first.post(f"{path}/approve").status, first.post(f"{path}/commit").codes) == (403, ["not_approved"])
    assert figures(line) == ("0", "0", "1000")
    assert second.post(f"{path}/reject").fields == {"reason": "reason_required"}
    approved = second.post(f"{path}/approve", {"reason": "Fine"}).json
    assert (approved["approval"], approved["stage"], approved["decided_by"]) == (
        "approved", "committed", str(second.user.pk),
    )  # fmt: skip
    again = second.post(f"{path}/approve")
    assert (again.codes, again.json["allowed"]) == (["invalid_transition"], ["invoice", "cancel"])
    assert figures(line) == ("30", "0", "970")


def test_a_promise_that_does_not_fit_and_a_number_used_twice_are_asked_about(account, api, body, line):
    too_much = api.post("/expenses", {**body, "amount": "1000.01", "stage": "committed"})
    assert (too_much.status, too_much.codes) == (409, ["budget_exhausted"])
    over = {**body, "amount": "1000.01", "stage": "committed", "override": True, "reason": "The couple insists"}
    assert api.post("/expenses", over).codes == ["override_not_yours"]
    assert rest_client(account, Role.MANAGER).post("/expenses", over).status == 201
    bill = {**body, "vendor": "Florist", "invoice_number": "R-7", "stage": "invoiced"}
    first = record(api, bill)
    twice = api.post("/expenses", bill)
    assert (twice.status, twice.codes, twice.json["expense_id"]) == (409, ["duplicate_invoice"], first["id"])
    assert ExpenseInvoice.objects.count() == 1
    record(api, bill, confirm_duplicate=True)
    assert figures(line)[1] == "60"


def test_the_list_is_filtered_ordered_and_paged_in_the_same_number_of_statements(
    account, api, budget, line, organizer, staff
):
    cake = make_line(budget, organizer, category="Cake", name="Cake", budgeted_amount=Decimal(0))
    days = [date(2020, 3, 1), date(2020, 2, 1), None, date(2099, 12, 31), None]
    made = [
        make_expense(
            budget, staff, line_item=line if n % 2 else cake, amount=Decimal(10 * (n + 1)), due_date=day,
            description=f"No {n}", vendor=f"Vendor {n}", stage="invoiced" if n == 0 else "planned",
        )
        for n, day in enumerate(days)
    ]  # fmt: skip

    def found(**query):
        return [int(row["description"][3:]) for row in api.get("/expenses", **query).json["results"]]

    def walked(**query):
        pages, answer = [], api.get("/expenses", limit=2, **query).json
        pages.append([int(row["description"][3:]) for row in answer["results"]])
        while answer["next"]:
            answer = api.get(answer["next"].partition("/api/v1")[2]).json
            pages.append([int(row["description"][3:]) for row in answer["results"]])
        back = api.get(answer["previous"].partition("/api/v1")[2]).json
        assert [int(row["description"][3:]) for row in back["results"]] == pages[-2]
        return list(chain.from_iterable(pages))

    assert found() == [4, 3, 2, 1, 0] == walked()
    assert walked(ordering="amount") == [0, 1, 2, 3, 4]
    assert walked(ordering="-amount") == [4, 3, 2, 1, 0]
    assert walked(ordering="due_date")[:3] == [1, 0, 3]
    assert set(walked(ordering="-due_date")[3:]) == {2, 4}
    assert found(category="cake") == [4, 2, 0] == found(line_item=str(cake.pk))
    assert found(payment_status="overdue") == [1, 0]
    assert found(payment_status="pending") == [4, 3, 2]
    assert found(due_before="2020-03-01") == [1, 0]
    assert found(due_after="2020-03-01") == [3, 0]
    assert found(min="20", max="40.00") == [3, 2, 1]
    assert found(vendor=str(made[2].vendor_id)) == [2] == found(search="vendor 2")
    assert (found(stage="invoiced"), found(approval="pending"), found(budget=str(budget.pk))) == (
        [0], [], [4, 3, 2, 1, 0],
    )  # fmt: skip
    for field in ("min", "ordering", "cursor", "category", "payment_status", "due_before"):
        assert list(api.get("/expenses", **{field: "x"}).fields) == [field]

    by_token = _by_token(account, staff)
    counts = []
    for limit in (1, 5):
        with CaptureQueriesContext(connection) as captured:
            assert len(by_token.get("/expenses", limit=limit).json["results"]) == limit
        counts.append(_statements(captured))
    assert counts[0] == counts[1] <= 6


def test_recording_takes_fourteen_statements(account, body, line, staff):
    api = _by_token(account, staff)
    record(api, body, vendor="Florist", stage="invoiced")
    with CaptureQueriesContext(connection) as captured:
        record(api, body, vendor="Florist", stage="invoiced")
    assert _statements(captured) <= 14


def test_many_are_changed_each_by_itself(api, budget, line, organizer, staff):
    budget.total_budget_amount = Decimal(1030)
    budget.save()
    cake = make_line(budget, organizer, category="Cake", name="Cake", budgeted_amount=Decimal(30))
    small = make_expense(budget, staff, line_item=line, amount=Decimal(30), stage="committed")
    large = make_expense(budget, staff, line_item=line, amount=Decimal(31), stage="committed")
    gone = "00000000-0000-0000-0000-000000000000"
    answer = api.post(
        "/expenses/bulk", {"ids": [str(small.pk), str(large.pk), gone], "category": "Cake", "vendor": "Baker"}
    )
    assert [(row["ok"], row["code"]) for row in answer.json["results"]] == [
        (True, None), (False, "budget_exhausted"), (False, "expense_not_found"),
    ]  # fmt: skip
    assert (figures(cake), figures(line)) == (("30", "0", "0"), ("31", "0", "969"))
    assert [e.vendor_id is None for e in (Expense.objects.get(pk=small.pk), Expense.objects.get(pk=large.pk))] == [
        False, True,
    ]  # fmt: skip
    assert api.post("/expenses/bulk", {"ids": [str(small.pk)]}).fields == {"ids": "required"}
    assert verify_ledger() == []


def test_a_client_sees_and_adds_to_their_own_event_and_nothing_else(account, couple, api, body, organizer, staff, line):
    other = make_budget(account, organizer, total="500")
    hidden = make_expense(other, staff, notes="Ours")
    made = record(api, body, notes="They pay late")
    client = rest_client_of(couple, account)
    [seen] = client.get("/expenses").json["results"]
    assert (seen["id"], seen["notes"], seen["created_by"], seen["possible_steps"]) == (made["id"], "", None, [])
    assert client.get(f"/expenses/{hidden.pk}").status == 404
    assert client.post("/expenses", {**body, "event_id": str(other.event_id)}).status == 404
    assert client.patch(f"/expenses/{made['id']}", {"amount": "1", "version": 1}).status == 403
    assert client.post(f"/expenses/{made['id']}/commit").status == 403

    own = record(client, body, stage="invoiced")
    assert (own["approval"], own["needs_role"], own["possible_steps"]) == ("pending", None, ["reject"])
    assert client.get(f"/expenses/{own['id']}").json == own
    assert figures(line) == ("0", "0", "1000")
    manager = rest_client(account, Role.MANAGER)
    assert manager.post(f"/expenses/{own['id']}/reject", {"reason": "Billed twice"}).status == 200
    refused = client.get(f"/expenses/{own['id']}").json
    assert (refused["approval"], refused["decision_reason"], refused["decided_by"]) == (
        "rejected",
        "Billed twice",
        None,
    )
    assert client.get("/vendors").status == 403


def test_a_stranger_finds_nothing_and_changes_nothing(account, other_account, api, body, line, budget):
    made = record(api, body, vendor="Florist", stage="committed")
    with tenant_scope(other_account.pk):
        rival = make_budget(other_account, make_member(other_account, Role.OWNER).user, total="100")
        rival_line = make_line(rival, rival.event.organizer, name="Rival", budgeted_amount=Decimal(1))
    stranger = rest_client(other_account, Role.OWNER)
    path = f"/expenses/{made['id']}"
    assert stranger.get("/expenses").json["results"] == []
    statuses = [
        stranger.get(path).status,
        stranger.patch(path, {"amount": "1", "version": 1}).status,
        stranger.post(f"{path}/cancel").status,
        stranger.delete(path).status,
        stranger.post("/expenses", body).status,
    ]
    assert statuses == [404] * 5
    theirs = {"event_id": str(rival.event_id), "description": "X", "amount": "1"}
    assert stranger.post("/expenses", {**theirs, "line_item_id": str(line.pk)}).fields == {
        "line_item_id": "line_not_found"
    }
    vendor = {**theirs, "category": "Venue", "vendor": made["vendor_id"]}
    assert stranger.post("/expenses", vendor).fields == {"vendor": "vendor_not_found"}
    bulk = stranger.post("/expenses/bulk", {"ids": [made["id"]], "category": "Cake"}).json["results"]
    assert [row["code"] for row in bulk] == ["expense_not_found"]
    assert api.post("/expenses", {**body, "line_item_id": str(rival_line.pk)}).status == 400
    assert figures(line) == ("30", "0", "970")
    assert BudgetLineItem.objects.filter(budget=budget).count() == 1


def _by_token(account, user) -> RestClient:
    token = issue_access_token(Standing(user, account, Role.STAFF))
    return RestClient(Client(), user, {"Authorization": f"Bearer {token}"})


def _statements(captured) -> int:
    """Count as the benchmarks do: the request's own transaction, a savepoint within the test's, is the frame."""
    statements = [query["sql"] for query in captured]
    frame = [sql for sql in statements if sql.startswith(("SAVEPOINT", "RELEASE"))]
    assert frame
    return len(statements) - 2
