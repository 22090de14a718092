"""The staff's pages for budgets: reading, writing through the services, the steps of the workflow."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from budgets.models import (
    BudgetDecision,
    BudgetLineItem,
    BudgetStatus,
    Category,
    EntryKind,
    EntrySource,
    EventBudget,
    LedgerEntry,
)
from budgets.services import ledger
from budgets.services.line_item import update_line_item
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import deleted_rows_visible, tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line, move
from budgetsite.testing.people import make_member, sign_in

LIST = "admin:budgets_eventbudget_changelist"


def page(budget: EventBudget, name: str = "change") -> str:
    return reverse(f"admin:budgets_eventbudget_{name}", args=[budget.pk])


def texts(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


@pytest.fixture
def boss(account: Account, owner: User) -> Client:
    return sign_in(owner, account)


@pytest.fixture
def worker(account: Account, staff: User) -> Client:
    return sign_in(staff, account)


@pytest.fixture
def budget(account: Account, staff: User) -> EventBudget:
    with tenant_scope(account.pk, user_id=staff.pk):
        made = make_budget(account, staff, event=make_event(account, staff, name="Summer gala"), total="3000")
        make_line(made, staff, name="Hall", budgeted_amount=Decimal(2000))
        make_line(made, staff, name="Band", category="Entertainment", budgeted_amount=Decimal(1000))
    return EventBudget.objects.get(pk=made.pk)


def go(budget: EventBudget, *steps: str, user: User, account: Account) -> EventBudget:
    with tenant_scope(account.pk, user_id=user.pk):
        for step in steps:
            budget = move(budget, step, user=user, role=Role.OWNER, account=account)
    return budget


def form_of(client: Client, budget: EventBudget) -> dict[str, Any]:
    """Return what a browser would send back if nothing were changed, hidden initial values included."""
    response = client.get(page(budget))
    assert response.status_code == 200
    data: dict[str, Any] = {}
    admin_form = response.context["adminform"].form
    forms = [admin_form]
    for inline in response.context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.forms]
    for form in forms:
        for bound in form:
            value = bound.field.prepare_value(bound.value()) if hasattr(bound.field, "currency") else bound.value()
            data[bound.html_name] = "" if value is None else str(value)
            if bound.field.show_hidden_initial:
                data[bound.html_initial_name] = data[bound.html_name]
    return {name: value for name, value in data.items() if value != "False"}


def line_prefix(data: dict[str, Any], line_name: str) -> str:
    return next(
        key.removesuffix("-name") for key, value in data.items() if key.endswith("-name") and value == line_name
    )


def snapshot(budget: EventBudget) -> tuple[Any, ...]:
    current = EventBudget.objects.get(pk=budget.pk)
    lines = BudgetLineItem.objects.filter(budget=budget).order_by("id")
    return (
        current.version,
        current.status,
        current.total_budget_amount,
        current.notes,
        list(lines.values_list("id", "name", "budgeted_amount", "actual_amount", "sort_order")),
        LedgerEntry.objects.count(),
        BudgetDecision.objects.count(),
    )


# --- The list -------------------------------------------------------------------------------------------------------


def test_the_list_says_who_is_over_budget_in_words(account, staff, budget, boss):
    with tenant_scope(account.pk, user_id=staff.pk):
        line = BudgetLineItem.objects.get(name="Hall")
        update_line_item(
            budget_id=budget.pk,
            line_item_id=line.pk,
            version=budget.version,
            acting_user=staff,
            actual_amount=Decimal("3100.50"),
        )

    content = boss.get(reverse(LIST)).content.decode()

    assert "Over budget" in content
    assert "3,100.50" in content
    assert "100.50 over budget" in content


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("status__exact=draft", ["Summer gala"]),
        ("status__exact=active", []),
        ("over_budget=yes", []),
        ("over_budget=no", ["Summer gala"]),
        ("q=gala", ["Summer gala"]),
        ("q=100%25", []),
        ("event__event_date_from=2026-07-15&event__event_date_to=2026-07-15", ["Summer gala"]),
        ("event__event_date_from=2026-07-16", []),
        ("event__event_date_from=nonsense", ["Summer gala"]),
        ("event__event_date_from=2026-13-99", ["Summer gala"]),
        ("deleted=yes", []),
        ("category=nonsense", []),
        ("p=2", None),
        ("p=x", None),
        ("o=99", ["Summer gala"]),
        ("nonsense=1", None),
    ],
)
def test_filters_and_addresses_by_hand(budget, boss, query, found):
    response = boss.get(f"{reverse(LIST)}?{query}", follow=True)

    assert response.status_code == 200
    if found is not None:
        assert [row.event.name for row in response.context["cl"].result_list] == found


def test_a_category_narrows_the_list_to_budgets_with_such_a_line(account, staff, budget, boss):
    with tenant_scope(account.pk, user_id=staff.pk):
        make_budget(account, staff, event=make_event(account, staff, name="Other"))
    used = Category.objects.get(name="Entertainment")
    unused = Category.objects.get(name="Rings")

    def names(category: Category) -> list[str]:
        response = boss.get(reverse(LIST), {"category": str(category.pk)})
        return [row.event.name for row in response.context["cl"].result_list]

    assert names(used) == ["Summer gala"]
    assert names(unused) == []


@pytest.mark.parametrize(
    "address",
    [
        LIST,
        "admin:events_event_changelist",
        "admin:budgets_ledgerentry_changelist",
        "admin:budgets_budgetdecision_changelist",
        "admin:alerts_budgetalert_changelist",
        "admin:index",
    ],
)
def test_a_list_costs_the_same_number_of_statements_for_one_row_and_for_five(account, staff, owner, boss, address):
    guest = make_member(account, Role.CLIENT).user

    def add(number: int) -> None:
        with tenant_scope(account.pk, user_id=staff.pk):
            event = make_event(
                account,
                staff,
                name=f"Gala {number}",
                client=guest,
                event_date=datetime.now(UTC) + timedelta(days=9),
                registration_start_date=datetime.now(UTC),
                registration_end_date=datetime.now(UTC) + timedelta(days=1),
            )
            made = make_budget(account, staff, event=event, total="100")
            make_line(made, staff, budgeted_amount=Decimal(100), actual_amount=Decimal(150))
            move(made, "submit", user=staff, role=Role.STAFF, account=account)

    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert boss.get(reverse(address)).status_code == 200
        return len(captured)

    add(1)
    boss.get(reverse(address))
    one = statements()
    for number in range(2, 6):
        add(number)

    assert statements() == one


def test_a_long_list_is_never_counted_to_its_end(account, staff, budget, boss):
    with CaptureQueriesContext(connection) as captured:
        boss.get(reverse(LIST))

    counts = [query["sql"] for query in captured if "COUNT(" in query["sql"].upper()]
    assert len(counts) == 1
    assert "LIMIT 550" in counts[0]


# --- Changing -------------------------------------------------------------------------------------------------------


def test_sending_an_unchanged_page_changes_nothing(budget, worker):
    before = snapshot(budget)

    response = worker.post(page(budget), form_of(worker, budget))

    assert response.status_code == 302
    assert snapshot(budget) == before


def test_head_and_lines_are_saved_together(budget, worker, staff):
    data = form_of(worker, budget)
    hall = line_prefix(data, "Hall")
    data |= {
        "total_budget_amount": "5,000.00",
        "notes": "Two halls, O'Brien <b>",
        f"{hall}-budgeted_amount": "3,500",
        f"{hall}-actual_amount": "120.50",
    }

    response = worker.post(page(budget), data)

    assert response.status_code == 302
    saved = EventBudget.objects.get(pk=budget.pk)
    line = BudgetLineItem.objects.get(name="Hall")
    assert (saved.total_budget_amount, saved.notes) == (Decimal(5000), "Two halls, O'Brien <b>")
    assert (line.budgeted_amount, line.actual_amount) == (Decimal(3500), Decimal("120.50"))
    entry = LedgerEntry.objects.get()
    assert (entry.actual_delta, entry.actor_id) == (Decimal("120.50"), staff.pk)


def test_lines_are_added_and_deleted_in_the_page(budget, worker):
    data = form_of(worker, budget)
    band = line_prefix(data, "Band")
    category = Category.objects.get(name="Labor")
    data |= {
        "line_items-TOTAL_FORMS": "3",
        f"{band}-DELETE": "on",
        "line_items-2-category": str(category.pk),
        "line_items-2-name": "Crew",
        "line_items-2-section": "",
        "line_items-2-budgeted_amount": "400",
        "line_items-2-actual_amount": "",
        "line_items-2-sort_order": "30",
    }

    response = worker.post(page(budget), data)

    assert response.status_code == 302
    assert sorted(BudgetLineItem.objects.values_list("name", "budgeted_amount")) == [
        ("Crew", Decimal(400)),
        ("Hall", Decimal(2000)),
    ]


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("budgeted_amount", "-5"),
        ("budgeted_amount", "NaN"),
        ("budgeted_amount", "1.234,567.8"),
        ("budgeted_amount", "9" * 14),
        ("actual_amount", "10.005"),
        ("category", "not-a-category"),
        ("name", ""),
    ],
)
def test_what_a_line_cannot_be_stands_at_its_field_and_nothing_is_saved(budget, worker, field, typed):
    before = snapshot(budget)
    data = form_of(worker, budget)
    hall = line_prefix(data, "Hall")

    response = worker.post(page(budget), data | {f"{hall}-{field}": typed, "notes": "changed"})

    assert response.status_code == 200
    errors = [form.errors for form in response.context["inline_admin_formsets"][0].formset.forms]
    assert [list(error) for error in errors if error] == [[field]]
    assert snapshot(budget) == before


def test_lines_beyond_the_ceiling_are_an_error_at_the_total(budget, worker):
    before = snapshot(budget)
    data = form_of(worker, budget)
    hall = line_prefix(data, "Hall")

    response = worker.post(page(budget), data | {f"{hall}-budgeted_amount": "2500"})

    assert response.status_code == 200
    assert response.context["adminform"].form.errors == {
        "total_budget_amount": [
            "The lines add up to 3,500.00 CAD, 500.00 more than the budget's total of 3,000.00. "
            "Lower a line or raise the total."
        ]
    }
    assert "2500" in response.content.decode()
    assert snapshot(budget) == before


def test_a_stale_page_says_what_changed_and_saves_nothing(account, budget, worker, owner):
    data = form_of(worker, budget)
    hall = line_prefix(data, "Hall")
    line = BudgetLineItem.objects.get(name="Hall")
    with tenant_scope(account.pk, user_id=owner.pk):
        update_line_item(
            budget_id=budget.pk,
            line_item_id=line.pk,
            version=budget.version,
            acting_user=owner,
            budgeted_amount=Decimal(1500),
        )
    before = snapshot(budget)

    response = worker.post(page(budget), data | {f"{hall}-budgeted_amount": "1800", "notes": "mine"})

    content = response.content.decode()
    assert response.status_code == 200
    assert "This was changed by someone else" in content
    assert "What others changed since you opened this page" in content
    assert "CA$2,000.00" in content
    assert "CA$1,500.00" in content
    assert "The owner" in content
    assert snapshot(budget) == before


def test_somebody_elses_spending_is_not_overwritten(account, budget, worker, owner):
    data = form_of(worker, budget)
    hall, band = line_prefix(data, "Hall"), line_prefix(data, "Band")
    line = BudgetLineItem.objects.get(name="Hall")
    with tenant_scope(account.pk, user_id=owner.pk):
        update_line_item(
            budget_id=budget.pk,
            line_item_id=line.pk,
            version=budget.version,
            acting_user=owner,
            actual_amount=Decimal(150),
        )

    kept = worker.post(page(budget), data | {f"{band}-actual_amount": "30"})
    refused = worker.post(page(budget), data | {f"{hall}-actual_amount": "99"})

    assert (kept.status_code, refused.status_code) == (302, 200)
    assert b"It was 0.00 when you opened this page and is 150.00 now" in refused.content
    assert dict(BudgetLineItem.objects.values_list("name", "actual_amount")) == {
        "Hall": Decimal(150),
        "Band": Decimal(30),
    }


def test_a_page_opened_before_the_submission_saves_nothing_after_it(account, budget, worker, staff):
    data = form_of(worker, budget)
    go(budget, "submit", user=staff, account=account)
    before = snapshot(budget)

    response = worker.post(page(budget), data | {"total_budget_amount": "9000", "notes": "late"})

    assert response.status_code == 200
    assert b"Meanwhile the budget became" in response.content
    assert snapshot(budget) == before


def test_a_line_with_promises_is_not_deleted_and_the_page_says_why(account, budget, worker, staff):
    line = BudgetLineItem.objects.get(name="Band")
    with tenant_scope(account.pk, user_id=staff.pk):
        ledger.post(
            budget_id=budget.pk,
            line_item_id=line.pk,
            kind=EntryKind.COMMIT,
            committed_delta=Decimal(10),
            currency="CAD",
            source=EntrySource.MANUAL,
        )
    data = form_of(worker, budget)
    before = snapshot(budget)

    response = worker.post(page(budget), data | {f"{line_prefix(data, 'Band')}-DELETE": "on"}, follow=True)

    assert response.status_code == 200
    assert "10.00 CAD are promised on this line" in response.content.decode()
    assert snapshot(budget) == before


def test_after_approval_only_spending_can_be_changed(account, budget, boss, owner, staff):
    go(budget, "submit", user=staff, account=account)
    go(budget, "approve", user=owner, account=account)
    data = form_of(boss, budget)

    assert "total_budget_amount" not in data
    assert not [name for name in data if name.endswith("-budgeted_amount")]
    first = next(name for name in data if name.endswith("-actual_amount") and not name.startswith("initial-"))
    response = boss.post(page(budget), data | {first: "75", "total_budget_amount": "1", "line_items-0-name": "X"})

    assert response.status_code == 302
    saved = EventBudget.objects.get(pk=budget.pk)
    assert (saved.total_budget_amount, saved.total_actual_amount) == (Decimal(3000), Decimal(75))
    assert not BudgetLineItem.objects.filter(name="X").exists()


def test_a_finalized_budget_is_read_alone(account, budget, boss, owner, staff):
    go(budget, "submit", user=staff, account=account)
    with tenant_scope(account.pk, user_id=owner.pk):
        move(budget, "approve", user=owner, role=Role.OWNER, account=account)
        move(budget, "activate", user=owner, role=Role.OWNER, account=account)
        move(budget, "finalize", user=owner, role=Role.OWNER, account=account, override=True, reason="Cancelled")
    before = snapshot(budget)

    assert boss.get(page(budget)).status_code == 200
    assert boss.post(page(budget), {"notes": "x", "version": "5"}).status_code == 403
    assert boss.post(page(budget, "delete"), {"version": "5"}).status_code == 403
    assert snapshot(budget) == before


def test_a_budget_is_opened_for_an_event_and_a_second_one_refused(account, staff, worker):
    with tenant_scope(account.pk, user_id=staff.pk):
        event = make_event(account, staff, name="Autumn gala")
    address = reverse("admin:budgets_eventbudget_add")
    data = {"event": str(event.pk), "total_budget_amount": "1,250.50", "notes": ""}

    first = worker.post(address, data)
    second = worker.post(address, data)

    made = EventBudget.objects.get()
    assert (first.status_code, first.url) == (302, page(made))
    assert (made.total_budget_amount, made.event_id) == (Decimal("1250.50"), event.pk)
    assert second.status_code == 200
    assert list(second.context["adminform"].form.errors) == ["event"]


# --- Steps ----------------------------------------------------------------------------------------------------------


def test_a_budget_goes_its_whole_way_through_the_pages(account, budget, boss, worker, owner):
    def take(client: Client, step: str, **answers: str) -> int:
        version = EventBudget.objects.get(pk=budget.pk).version
        address = page(budget, f"{step}_budget")
        assert client.get(address).status_code == 200
        return client.post(address, {"version": str(version), **answers}).status_code

    assert take(worker, "submit") == 302
    assert take(boss, "reject", reason="Too dear") == 302
    assert take(worker, "submit") == 302
    assert take(boss, "approve") == 302
    assert take(boss, "revise", reason="A bigger hall") == 302
    assert take(worker, "submit") == 302
    assert take(boss, "approve") == 302
    assert take(worker, "activate") == 302
    assert take(boss, "finalize", override="on", reason="It was cancelled") == 302
    assert take(boss, "archive") == 302

    assert EventBudget.objects.get(pk=budget.pk).status == BudgetStatus.ARCHIVED
    told = BudgetDecision.objects.order_by("version").values_list("action", "reason")
    assert list(told) == [
        ("submit", ""),
        ("reject", "Too dear"),
        ("submit", ""),
        ("approve", ""),
        ("revise", "A bigger hall"),
        ("submit", ""),
        ("approve", ""),
        ("activate", ""),
        ("finalize", "It was cancelled"),
        ("archive", ""),
    ]


def test_only_steps_that_status_and_role_allow_are_offered(account, budget, boss, worker, staff):
    def offered(client: Client) -> list[str]:
        return [found["title"] for found in client.get(page(budget)).context["actions_detail"]]

    assert offered(boss) == ["Submit for approval"]
    go(budget, "submit", user=staff, account=account)

    assert offered(boss) == ["Approve", "Send back"]
    assert offered(worker) == []


def test_staff_cannot_approve_by_the_address(account, budget, worker, staff):
    go(budget, "submit", user=staff, account=account)
    before = snapshot(budget)

    assert worker.get(page(budget, "approve_budget")).status_code == 403
    assert worker.post(page(budget, "approve_budget"), {"version": str(before[0])}).status_code == 403
    assert snapshot(budget) == before


def test_four_eyes_are_explained_and_kept(account, budget, boss, owner):
    go(budget, "submit", user=owner, account=account)
    before = snapshot(budget)

    shown = boss.get(page(budget, "approve_budget"))
    sent = boss.post(page(budget, "approve_budget"), {"version": str(before[0])})

    assert b"Someone else has to approve it" in shown.content
    assert b'class="press press--primary"' not in shown.content
    assert sent.status_code == 409
    assert snapshot(budget) == before


@pytest.mark.parametrize("version", ["", "1", "999", "x"])
def test_a_step_on_a_version_that_was_not_read_is_refused(account, budget, boss, staff, version):
    go(budget, "submit", user=staff, account=account)
    before = snapshot(budget)

    response = boss.post(page(budget, "approve_budget"), {"version": version})

    assert response.status_code == 409
    assert b"This was changed by someone else" in response.content
    assert snapshot(budget) == before


def test_sending_back_needs_a_reason(account, budget, boss, staff):
    go(budget, "submit", user=staff, account=account)
    before = snapshot(budget)

    response = boss.post(page(budget, "reject_budget"), {"version": str(before[0]), "reason": "  "})

    assert response.status_code == 400
    assert b"Say why" in response.content
    assert snapshot(budget) == before


def test_a_step_out_of_order_is_refused(budget, boss):
    before = snapshot(budget)

    response = boss.post(page(budget, "archive_budget"), {"version": str(before[0])})

    assert response.status_code == 409
    assert snapshot(budget) == before


def test_a_manager_cannot_go_beyond_the_variance_limit_and_an_owner_says_why(account, budget, boss, staff, owner):
    go(budget, "submit", user=staff, account=account)
    go(budget, "approve", "activate", user=owner, account=account)
    manager = sign_in(make_member(account, Role.MANAGER).user, account)
    before = snapshot(budget)
    data = {"version": str(before[0])}

    shown = manager.get(page(budget, "finalize_budget"))
    by_manager = manager.post(page(budget, "finalize_budget"), data | {"override": "on", "reason": "x"})
    without_tick = boss.post(page(budget, "finalize_budget"), data | {"reason": "x"})

    assert b"An owner can finalize it" in shown.content
    assert (by_manager.status_code, without_tick.status_code) == (409, 400)
    assert snapshot(budget) == before


def test_bulk_approval_answers_for_each_row(account, boss, owner, staff):
    with tenant_scope(account.pk, user_id=staff.pk):
        made = [
            make_budget(account, staff, event=make_event(account, staff, name=name)) for name in ("One", "Two", "Three")
        ]
    go(made[0], "submit", user=staff, account=account)
    go(made[1], "submit", user=owner, account=account)
    selected = {"action": "approve_rows", "_selected_action": [str(budget.pk) for budget in made]}

    asked = boss.post(reverse(LIST), selected)
    confirmation = asked.context["confirmation"]
    versions = {name: value for name, value in confirmation.hidden if name.startswith("version_")}
    done = boss.post(reverse(LIST), {**selected, **versions, "confirmed": "yes", "reason": ""}, follow=True)

    assert confirmation.title == "Approve these 3 event budgets?"
    assert EventBudget.objects.filter(status=BudgetStatus.APPROVED).get() == made[0]
    said = texts(done)
    assert said[0] == "1 approved."
    assert sorted(said[1:]) == [
        "Budget of Three: A budget that is a draft can't be approved."
        " Possible now: submit (owner, manager, staff or organizer).",
        "Budget of Two: You submitted this budget. Someone else has to approve it.",
    ]


def test_bulk_approval_needs_the_role(account, budget, worker, staff):
    go(budget, "submit", user=staff, account=account)
    before = snapshot(budget)

    worker.post(
        reverse(LIST),
        {
            "action": "approve_rows",
            "_selected_action": [str(budget.pk)],
            "confirmed": "yes",
            f"version_{budget.pk}": str(before[0]),
        },
        follow=True,
    )

    assert snapshot(budget) == before


# --- Deleting, restoring, history -----------------------------------------------------------------------------------


def test_a_deleted_budget_is_listed_apart_and_comes_back_with_its_lines(budget, worker):
    asked = worker.get(page(budget, "delete"))
    deleted = worker.post(page(budget, "delete"), {"version": str(budget.version)})

    assert b"Its 2 line(s) and 0 alert(s) go along" in asked.content
    assert deleted.status_code == 302
    assert list(worker.get(reverse(LIST)).context["cl"].result_list) == []
    assert BudgetLineItem.objects.count() == 0
    in_bin = worker.get(reverse(LIST), {"deleted": "yes"})
    assert [row.pk for row in in_bin.context["cl"].result_list] == [budget.pk]
    assert b"Summer gala" in in_bin.content
    assert worker.get(page(budget)).status_code == 302

    restored = worker.post(page(budget, "restore_row"))

    assert restored.status_code == 302
    assert sorted(BudgetLineItem.objects.values_list("name", flat=True)) == ["Band", "Hall"]
    assert worker.get(page(budget)).status_code == 200


def test_deleting_a_version_that_was_not_read_is_refused(budget, worker):
    response = worker.post(page(budget, "delete"), {"version": "1"})

    assert response.status_code == 409
    assert EventBudget.objects.filter(pk=budget.pk).exists()


def test_several_are_deleted_and_restored_from_the_list(account, staff, worker):
    with tenant_scope(account.pk, user_id=staff.pk):
        made = [make_budget(account, staff, event=make_event(account, staff, name=name)) for name in ("One", "Two")]
    rows = {"_selected_action": [str(budget.pk) for budget in made], "confirmed": "yes"}
    versions = {f"version_{budget.pk}": str(budget.version) for budget in made}

    gone = worker.post(reverse(LIST), {"action": "delete_rows", **rows, **versions}, follow=True)
    with deleted_rows_visible():
        assert EventBudget.objects.filter(deleted_at=None).count() == 0
    back = worker.post(f"{reverse(LIST)}?deleted=yes", {"action": "restore_rows", **rows}, follow=True)

    assert texts(gone) == ["2 deleted."]
    assert texts(back) == ["2 restored."]
    assert EventBudget.objects.count() == 2


def test_a_budget_is_not_restored_beside_another_one(account, staff, budget, worker):
    worker.post(page(budget, "delete"), {"version": str(budget.version)})
    with tenant_scope(account.pk, user_id=staff.pk):
        make_budget(account, staff, event=budget.event)

    response = worker.post(page(budget, "restore_row"))

    assert response.status_code == 409
    assert b"This event has a budget already" in response.content


def test_the_history_tells_who_changed_what(account, budget, worker, owner):
    line = BudgetLineItem.objects.get(name="Hall")
    with tenant_scope(account.pk, user_id=owner.pk):
        update_line_item(
            budget_id=budget.pk,
            line_item_id=line.pk,
            version=budget.version,
            acting_user=owner,
            budgeted_amount=Decimal(1500),
            category="Labor",
        )

    newest = worker.get(page(budget, "history")).context["entries"][0]

    assert (newest.who, newest.what, newest.subject) == ("The owner", "Changed", "Line “Hall”")
    assert sorted((change.label, change.old, change.new) for change in newest.changes) == [
        ("Budgeted amount", "CA$2,000.00", "CA$1,500.00"),
        ("Category", "Venue", "Labor"),
    ]


@pytest.mark.parametrize("before", ["nonsense", "2026-13-99T00:00:00", "2026-01-01", "%00"])
def test_a_history_address_by_hand_shows_the_newest(budget, worker, before):
    assert worker.get(f"{page(budget, 'history')}?before={before}").status_code == 200


# --- The ledger -----------------------------------------------------------------------------------------------------


def test_the_ledger_is_read_and_never_written(account, staff, budget, boss):
    line = BudgetLineItem.objects.get(name="Hall")
    with tenant_scope(account.pk, user_id=staff.pk):
        update_line_item(
            budget_id=budget.pk,
            line_item_id=line.pk,
            version=budget.version,
            acting_user=staff,
            actual_amount=Decimal(70),
        )
    entry = LedgerEntry.objects.get()

    def status(name: str, *args: Any, method: str = "get") -> int:
        return getattr(boss, method)(reverse(f"admin:budgets_ledgerentry_{name}", args=args)).status_code

    shown = boss.get(reverse("admin:budgets_ledgerentry_changelist"), {"budget": str(budget.pk)})
    assert [row.pk for row in shown.context["cl"].result_list] == [entry.pk]
    assert status("change", entry.pk) == 200
    assert status("change", entry.pk, method="post") == 403
    assert status("delete", entry.pk, method="post") == 403
    assert status("add") == 403
    assert status("add", method="post") == 403
    assert boss.get(reverse("admin:budgets_ledgerentry_changelist"), {"budget": "nonsense"}).status_code == 200
    assert LedgerEntry.objects.get().hash == entry.hash


def test_the_list_of_one_budgets_ledger_does_not_name_it_in_each_row(budget, boss):
    address = reverse("admin:budgets_ledgerentry_changelist")

    assert "budget_link" in boss.get(address).context["cl"].list_display
    assert "budget_link" not in boss.get(address, {"budget": str(budget.pk)}).context["cl"].list_display


def test_the_lines_name_their_currency_once_in_the_heading(account, staff, budget, boss):
    draft = boss.get(page(budget)).content.decode()
    go(budget, "submit", user=staff, account=account)
    fixed = boss.get(page(budget)).content.decode()

    for html in (draft, fixed):
        lines = html[html.index('data-inline-type="tabular"') :]
        assert lines.partition("</fieldset>")[0].count("CAD") == 1
        assert "Lines, amounts in CAD" in lines


def test_every_control_of_a_line_has_a_name_and_every_line_its_kind(budget, boss):
    html = boss.get(page(budget)).content.decode()

    names = "name|section|category|budgeted_amount"
    controls = re.findall(rf'<(?:input|select)[^>]*name="line_items-0-(?:{names})"[^>]*>', html)
    assert len(controls) == 4
    for control in controls:
        assert re.search(r'aria-label="[A-Z][^"]+"', control), control
    assert re.search(r"field-kind_name.*?Cost", html, re.DOTALL)


def test_decisions_are_read_and_never_written(account, staff, budget, boss):
    go(budget, "submit", user=staff, account=account)
    decision = BudgetDecision.objects.get()

    assert boss.get(reverse("admin:budgets_budgetdecision_change", args=[decision.pk])).status_code == 200
    assert boss.post(reverse("admin:budgets_budgetdecision_change", args=[decision.pk])).status_code == 403
    assert boss.post(reverse("admin:budgets_budgetdecision_delete", args=[decision.pk])).status_code == 403
    assert boss.get(reverse("admin:budgets_budgetdecision_add")).status_code == 403


# --- Categories -----------------------------------------------------------------------------------------------------


def test_a_category_in_use_is_not_deleted_and_one_name_is_one_category(budget, boss):
    used = Category.objects.get(name="Entertainment")

    refused = boss.post(reverse("admin:budgets_category_delete", args=[used.pk]))
    double = boss.post(reverse("admin:budgets_category_add"), {"name": "VENUE", "sort_order": "1"})

    assert refused.status_code == 409
    assert double.status_code == 200
    assert list(double.context["adminform"].form.errors) == ["name"]


def test_categories_are_the_managers(account, worker):
    category = Category.objects.first()
    address = reverse("admin:budgets_category_change", args=[category.pk])

    assert worker.get(address).status_code == 200
    assert worker.post(address, {"name": "X", "sort_order": "1"}).status_code == 403


# --- The start page -------------------------------------------------------------------------------------------------


def test_the_start_page_lists_what_waits_for_me(account, budget, boss, owner, staff):
    with tenant_scope(account.pk, user_id=owner.pk):
        mine = make_budget(account, owner, event=make_event(account, owner, name="My own"))
    go(budget, "submit", user=staff, account=account)
    go(mine, "submit", user=owner, account=account)

    panels = {panel.title: panel for panel in boss.get(reverse("admin:index")).context["panels"]}

    assert [row.title for row in panels["Budgets to approve"].rows] == ["Summer gala"]
    assert panels["Events over budget"].rows == []


def test_the_start_page_of_an_empty_account_says_what_to_do(account, boss):
    content = boss.get(reverse("admin:index")).content.decode()

    assert "Nothing waits for your approval" in content
    assert "Add one, then give it a budget" in content
    assert reverse("admin:events_event_add") in content
