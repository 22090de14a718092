"""The pages of templates, opening a budget from them or as a copy, and saving a budget as one."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from budgets.models import BudgetTemplate, Category, EventBudget
from budgets.services.template import create_template, delete_template, update_template
from budgets.services.template_use import template_lines
from budgets.tests.pages import browser, words
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event
from budgetsite.testing.people import make_member

NOW = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)


@pytest.fixture
def client(account, organizer) -> Client:
    return browser(organizer, account)


def line(name="Hall", category="Venue", basis="share", value="50", **fields: Any) -> dict[str, Any]:
    return {"category": category, "name": name, "basis": basis, "value": Decimal(value), **fields}


def category(name: str) -> str:
    return str(Category.objects.get(name=name).pk)


def page_of(*rows: dict[str, str], **head: str) -> dict[str, str]:
    """What the editor's page sends: each row as it is typed, over what an empty one has."""
    data = {
        "name": "Gala",
        "description": "",
        "currency": "CAD",
        "lines-TOTAL_FORMS": str(len(rows)),
        "lines-INITIAL_FORMS": "0",
        **head,
    }
    for place, row in enumerate(rows):
        typed = {"id": "", "name": "", "category": "", "basis": "amount", "value": "", "kind": "cost", **row}
        data |= {f"lines-{place}-{name}": value for name, value in typed.items()}
    return data


def seen(template: BudgetTemplate) -> list[tuple[str, str, Decimal]]:
    return [(found.name, found.basis, found.value) for found in template_lines(template)]


def ours() -> list[str]:
    return sorted(BudgetTemplate.objects.exclude(created_by=None).values_list("name", flat=True))


# --- The list and one of it -------------------------------------------------------------------------------------------


def test_the_list_says_what_each_is(client, organizer):
    create_template(
        acting_user=organizer,
        name="Mixed",
        currency="CAD",
        lines=[line(), line(basis="amount"), line(basis="per_head")],
    )
    create_template(acting_user=organizer, name="Bare")

    text = words(client.get(reverse("budgets:templates")))

    assert "Mixed 1 share, 50% · 1 amount · 1 per guest CAD" in text
    assert "Bare no lines yet any" in text
    assert "15 shares, 100% any" in text
    assert "Typical shares add up to 130%" in text


def test_the_navigation_leads_there_whoever_plans(client, account):
    assert f'href="{reverse("budgets:templates")}"' in client.get("/events/").content.decode()
    attendee = browser(make_member(account, Role.ATTENDEE).user, account)
    assert reverse("budgets:templates") not in attendee.get("/events/").content.decode()
    assert attendee.get(reverse("budgets:templates")).status_code == 403


def test_a_preview_says_what_it_gives_before_anything_is_stored(client, organizer):
    template = create_template(
        acting_user=organizer,
        name="Gala",
        currency="CAD",
        lines=[
            line(value="62.5"),
            line("Dinner", basis="per_head", value="45.25"),
            line("Fee", kind="income", value="10"),
        ],
    )
    address = reverse("budgets:template", args=[template.pk])

    text = words(client.get(address, {"total": "20,000", "guests": "80"}))

    assert "Hall 62.5% of the total Venue 12,500.00" in text
    assert "Dinner 80 × 45.25 Venue 3,620.00" in text
    assert "Fee Income 10% of the total Venue 2,000.00" in text
    assert "3,880.00 of 20,000.00 are on no line yet." in text
    assert "2,000.00 of income is expected beside the costs 16,120.00" in text
    assert not EventBudget.objects.exists()


@pytest.mark.parametrize(
    ("asked", "at", "sentence"),
    [
        ({"total": "1000", "guests": ""}, "guests", "say how many guests"),
        ({"total": "", "guests": "80"}, "total", "say how much the total is"),
        ({"total": "1000", "guests": "80"}, "total", "3,120.00 more than the total of 1,000.00"),
        ({"total": "x", "guests": "80"}, "total", "such as"),
        ({"total": "1000", "guests": "-1"}, "guests", "greater than or equal to 0"),
    ],
)
def test_a_preview_that_cannot_be_says_why_at_its_field(client, organizer, asked, at, sentence):
    lines = [line(), line("Dinner", basis="per_head", value="45.25")]
    template = create_template(acting_user=organizer, name="Gala", currency="CAD", lines=lines)
    answer = client.get(reverse("budgets:template", args=[template.pk]), asked)
    assert answer.status_code == 422
    assert list(answer.context["form"].errors) == [at]
    assert sentence in words(answer)


def test_a_template_leads_to_an_event_without_a_budget(client, account, organizer):
    event = make_event(account, organizer, name="Free")
    taken = make_budget(account, organizer, event=make_event(account, organizer, name="Taken")).event
    template = create_template(acting_user=organizer, name="Gala", lines=[line()])
    page = client.get(reverse("budgets:template", args=[template.pk]))
    assert page.context["events"] == [event]
    assert taken.name not in words(page)

    use = reverse("budgets:template_use", args=[template.pk])
    assert client.get(use, {"event": str(event.pk)}).url == (
        reverse("budgets:create", args=[event.pk]) + f"?template={template.pk}"
    )
    assert client.get(use, {"event": "x"}).url == reverse("budgets:template", args=[template.pk])
    opening = client.get(reverse("budgets:create", args=[event.pk]), {"template": str(template.pk)})
    assert (opening.context["form"]["start"].value(), opening.context["form"]["template"].value()) == (
        "template",
        str(template.pk),
    )


def test_a_deleted_template_is_brought_back_with_one_press(client, organizer):
    template = create_template(acting_user=organizer, name="Gala", lines=[line()])
    address = reverse("budgets:template_delete", args=[template.pk])
    assert "Budgets that were opened with it stay as they are." in words(client.get(address))
    assert ours() == ["Gala"]

    after = client.post(address, follow=True)

    assert ours() == []
    restore = reverse("budgets:template_restore", args=[template.pk])
    assert restore in after.content.decode()
    assert client.post(restore).status_code == 302
    assert (ours(), len(template_lines(template))) == (["Gala"], 1)
    delete_template(template_id=template.pk, acting_user=organizer, now=NOW)
    create_template(acting_user=organizer, name="gala")
    assert "There is a template “Gala” already" in words(client.post(restore, follow=True))


# --- The editor -------------------------------------------------------------------------------------------------------


def test_a_template_is_made_and_empty_rows_are_passed_over(client, organizer):
    answer = client.post(
        reverse("budgets:template_new"),
        page_of(
            {"name": "Hall", "category": category("Venue"), "basis": "share", "value": "12.5"},
            {},
            {"name": "Band", "category": category("Labor"), "value": "1,200.50", "kind": "income", "section": "Eve"},
        ),
    )
    template = BudgetTemplate.objects.get(name="Gala")
    assert answer.url == reverse("budgets:template", args=[template.pk])
    assert seen(template) == [("Hall", "share", Decimal("12.5")), ("Band", "amount", Decimal("1200.50"))]
    band = template_lines(template)[1]
    assert (band.kind, band.section, template.created_by) == ("income", "Eve", organizer)


def test_what_is_stored_comes_back_as_it_can_be_typed_and_is_saved_unchanged(client, organizer):
    template = create_template(
        acting_user=organizer,
        name="Gala",
        currency="CAD",
        lines=[
            line(value="33.333"),
            line("Band", basis="amount", value="1200.5"),
            line("Bar", basis="per_head", value="0"),
        ],
    )
    address = reverse("budgets:template_edit", args=[template.pk])
    page = client.get(address)
    rows = [row.initial for row in page.context["formset"].forms]
    assert [row.get("value") for row in rows] == ["33.333", "1,200.50", "0.00", None]
    sent = page_of(
        *({name: str(value) for name, value in row.items()} for row in rows),
        read_at=page.context["form"]["read_at"].value(),
    )
    before = [found.pk for found in template_lines(template)]

    assert client.post(address, sent).status_code == 302

    assert seen(template) == [
        ("Hall", "share", Decimal("33.333")),
        ("Band", "amount", Decimal("1200.50")),
        ("Bar", "per_head", Decimal(0)),
    ]
    assert [found.pk for found in template_lines(template)] == before


@pytest.mark.parametrize(
    ("step", "names", "focus"),
    [
        ("add", ["A", "B", "C", ""], ("add", 3)),
        ("up-1", ["B", "A", "C"], ("down", 0)),
        ("up-2", ["A", "C", "B"], ("up", 1)),
        ("down-1", ["A", "C", "B"], ("up", 2)),
        ("down-0", ["B", "A", "C"], ("down", 1)),
        ("remove-0", ["B", "C"], ("remove", 0)),
        ("remove-2", ["A", "B"], ("remove", 1)),
        ("up-0", ["A", "B", "C"], ("down", 0)),
        ("remove-9", ["A", "B", "C"], ("remove", 0)),
    ],
)
def test_rows_are_added_moved_and_taken_out_without_storing_anything(client, step, names, focus):
    rows = [{"name": name, "value": "not judged yet"} for name in "ABC"]
    answer = client.post(reverse("budgets:template_new"), page_of(*rows, step=step, name="Typed", currency="JPY"))
    assert answer.status_code == 200
    assert [row["name"].value() or "" for row in answer.context["formset"].forms] == names
    assert answer.context["formset"].forms[0]["value"].value() == "not judged yet"
    assert (answer.context["form"]["name"].value(), answer.context["form"]["currency"].value()) == ("Typed", "JPY")
    assert answer.context["focus"] == focus
    assert answer.content.decode().count("autofocus") == 1
    assert ours() == []


def test_removing_the_last_row_leaves_an_empty_one(client):
    answer = client.post(reverse("budgets:template_new"), page_of({"name": "A"}, step="remove-0"))
    assert [row["name"].value() for row in answer.context["formset"].forms] == [None]


@pytest.mark.parametrize(
    ("row", "head", "where", "sentence"),
    [
        ({"name": ""}, {}, ("row", "name"), "Name the line."),
        ({"category": ""}, {}, ("row", "category"), "Choose a category."),
        ({"value": ""}, {}, ("row", "value"), "Say how much; it may be 0."),
        ({"value": "0.0001"}, {}, ("row", "value"), "Write three decimals at most."),
        ({"value": "0.005", "basis": "amount"}, {}, ("row", "value"), "CAD has 2 decimals: write no more than that."),
        ({"value": "100.5"}, {}, ("row", "value"), "between 0 and 100 percent"),
        ({"basis": "amount"}, {"currency": ""}, ("head", "currency"), "say which currency"),
        ({}, {"name": ""}, ("head", "name"), "Name the template."),
        ({}, {"name": "EVENT"}, ("head", "name"), "There is a template “EVENT” already"),
        ({"value": "60"}, {}, ("head", "__all__"), "The shares add up to 110%, 10% more than the whole."),
    ],
)
def test_everything_wrong_stands_at_its_field_and_nothing_is_stored(client, row, head, where, sentence):
    first = {"name": "Hall", "category": category("Venue"), "basis": "share", "value": "50"}
    answer = client.post(reverse("budgets:template_new"), page_of(first, {**first, "name": "Band", **row}, **head))
    assert answer.status_code == 422
    form = answer.context["form"] if where[0] == "head" else answer.context["formset"].forms[1]
    assert sentence in " ".join(form.errors[where[1]])
    assert sentence in words(answer)
    assert answer.context["wrong_lines"] == ([1] if where[0] == "row" else [])
    assert ours() == []


def test_what_somebody_else_saved_is_not_overwritten(client, organizer):
    template = create_template(acting_user=organizer, name="Gala", lines=[line()])
    address = reverse("budgets:template_edit", args=[template.pk])
    stale = "2026-01-01T00:00:00+00:00"
    answer = client.post(address, page_of({"name": "Mine", "category": category("Venue"), "value": "1"}, read_at=stale))
    assert answer.status_code == 409
    assert "Someone else changed this template meanwhile" in words(answer)
    assert answer.context["formset"].forms[0]["name"].value() == "Mine"
    assert seen(template) == [("Hall", "share", Decimal(50))]


def test_a_template_of_two_hundred_lines_is_edited_with_as_many_statements(client, organizer):
    def statements(count: int) -> tuple[int, int]:
        template = create_template(acting_user=organizer, name=f"{count}", lines=[line(value="0.1")] * count)
        address = reverse("budgets:template_edit", args=[template.pk])
        with CaptureQueriesContext(connection) as reading:
            rows = [row.initial for row in client.get(address).context["formset"].forms]
        sent = page_of(*({name: str(value) for name, value in row.items()} for row in rows), name=f"{count}")
        with CaptureQueriesContext(connection) as saving:
            assert client.post(address, sent).status_code == 302
        return len(reading), len(saving)

    assert statements(1) == statements(200)


# --- Opening a budget -------------------------------------------------------------------------------------------------


def test_a_budget_is_opened_with_a_template_after_a_look(client, account, organizer):
    event = make_event(account, organizer, expected_guests=80)
    template = create_template(
        acting_user=organizer, name="Gala", currency="CAD", lines=[line(), line("Bar", basis="per_head", value="9.5")]
    )
    address = reverse("budgets:create", args=[event.pk])
    sent = {"start": "template", "template": str(template.pk), "total_budget_amount": "2,000", "notes": "N"}

    look = client.post(address, {**sent, "look": "1"})

    assert look.status_code == 200
    assert "Bar 80 × 9.50 Venue 760.00" in words(look)
    assert "240.00 of 2,000.00 are on no line yet." in words(look)
    assert not EventBudget.objects.exists()

    assert client.post(address, sent).status_code == 302
    budget = EventBudget.objects.get()
    assert (budget.total_budget_amount, budget.lines_total_amount, budget.notes) == (2000, 1760, "N")


def test_a_budget_is_opened_as_a_copy_after_a_look(client, account, organizer):
    lines = [
        {"category": "Venue", "name": "Hall", "budgeted_amount": "1000.50", "actual_amount": "1100"},
        {"category": "Labor", "name": "Crew", "unit_price": "20", "quantity": "3"},
    ]
    source = make_budget(account, organizer, total=None, lines=lines, event=make_event(account, organizer, name="Old"))
    event = make_event(account, organizer)
    address = reverse("budgets:create", args=[event.pk])
    sent = {"start": "copy", "copy_from": str(source.pk), "factor": "1,05", "basis": "plan"}
    assert "Old (2026), 1,060.50 CAD" in words(client.get(address))

    look = words(client.post(address, {**sent, "look": "1"}))

    assert "Hall Venue 1,000.50 1,100.00 1,050.53" in look
    assert "Crew 3 × 21.00 Labor 60.00 0.00 63.00" in look
    assert EventBudget.objects.count() == 1

    client.post(address, sent)
    budget = EventBudget.objects.get(event=event)
    assert (budget.total_budget_amount, budget.copied_from) == (Decimal("1113.53"), source)
    actual = make_event(account, organizer)
    client.post(reverse("budgets:create", args=[actual.pk]), {**sent, "factor": "1", "basis": "actual"})
    assert EventBudget.objects.get(event=actual).total_budget_amount == 1100


def test_what_cannot_be_opened_says_why_at_its_field_and_nothing_is_stored(client, account, organizer):
    event = make_event(account, organizer)
    source = make_budget(account, organizer, lines=[{"category": "Venue", "name": "Hall", "budgeted_amount": "100"}])
    shares = create_template(acting_user=organizer, name="Shares", lines=[line()])
    guests = create_template(acting_user=organizer, name="G", currency="CAD", lines=[line(basis="per_head")])
    yen = create_template(acting_user=organizer, name="Y", currency="JPY", lines=[line(basis="amount")])
    fixed = create_template(acting_user=organizer, name="F", currency="CAD", lines=[line(basis="amount", value="9")])
    copy = {"start": "copy", "copy_from": str(source.pk), "factor": "1", "basis": "plan"}
    for sent, at, sentence in (
        ({"start": "template"}, "template", "Choose the template to begin with."),
        ({"start": "copy", "factor": "1", "basis": "plan"}, "copy_from", "Choose the budget to copy."),
        ({"start": "copied"}, "start", "not one of the available choices"),
        ({**copy, "factor": "0"}, "factor", "more than 0 and 10 at most"),
        ({**copy, "factor": ""}, "factor", "1 copies the amounts as they are"),
        ({**copy, "basis": "guess"}, "basis", "not one of the available choices"),
        ({**copy, "total_budget_amount": "99"}, "total_budget_amount", "1.00 more than the total of 99.00"),
        ({"start": "template", "template": str(shares.pk)}, "total_budget_amount", "say how much the total is"),
        ({"start": "template", "template": str(guests.pk)}, "template", "Edit the event first"),
        ({"start": "template", "template": str(yen.pk)}, "template", "amounts are in JPY"),
        (
            {"start": "template", "template": str(fixed.pk), "total_budget_amount": "8"},
            "total_budget_amount",
            "1.00 more than the total of 8.00",
        ),
    ):
        for look in ({}, {"look": "1"}):
            answer = client.post(reverse("budgets:create", args=[event.pk]), {**sent, **look})
            assert (answer.status_code, list(answer.context["form"].errors)) == (422, [at])
            assert sentence in words(answer)
            assert not EventBudget.objects.filter(event=event).exists()


def test_nothing_is_asked_of_a_beginning_that_was_not_chosen(client, account, organizer):
    event = make_event(account, organizer)
    sent = {"start": "empty", "factor": "nonsense", "basis": "", "copy_from": "", "total_budget_amount": "70"}
    assert client.post(reverse("budgets:create", args=[event.pk]), sent).status_code == 302
    assert EventBudget.objects.get().total_budget_amount == 70


def test_only_budgets_in_sight_and_in_the_events_currency_are_offered(client, account, organizer, owner, other_account):
    with tenant_scope(other_account.pk):
        stranger = make_member(other_account, Role.OWNER).user
        theirs = make_budget(other_account, stranger, event=make_event(other_account, stranger, currency="CAD"))
        their_template = create_template(acting_user=stranger, name="Rival")
    hidden = make_budget(account, owner, event=make_event(account, owner))
    other_currency = make_budget(account, organizer, event=make_event(account, organizer, currency="USD"))
    mine = make_budget(account, organizer)
    event = make_event(account, organizer)
    address = reverse("budgets:create", args=[event.pk])

    form = client.get(address).context["form"]

    assert list(form.earlier) == [str(mine.pk)]
    assert [found.name for found in form.templates.values()] == ["Event", "Wedding (typical shares)"]
    for budget in (theirs, hidden, other_currency):
        sent = {"start": "copy", "copy_from": str(budget.pk), "factor": "1", "basis": "plan"}
        assert client.post(address, sent).status_code == 422
    assert client.post(address, {"start": "template", "template": str(their_template.pk)}).status_code == 422
    assert not EventBudget.objects.filter(event=event).exists()


# --- Saving a budget as one -------------------------------------------------------------------------------------------


def test_a_budget_is_saved_as_a_template_with_single_lines_otherwise(client, account, organizer):
    lines = [{"category": "Venue", "name": name, "budgeted_amount": "100"} for name in ("Hall", "Garden", "Bar")]
    budget = make_budget(
        account, organizer, total=None, lines=lines, event=make_event(account, organizer, expected_guests=10)
    )
    bar = budget.line_items.get(name="Bar")
    address = reverse("budgets:save_as_template", args=[budget.pk])
    assert client.get(address).context["form"]["name"].value() == budget.event.name

    answer = client.post(address, {"name": "Gala", "basis": "share", f"basis-{bar.pk}": "per_head"})

    template = BudgetTemplate.objects.get(name="Gala")
    assert answer.url == reverse("budgets:template", args=[template.pk])
    assert seen(template) == [
        ("Hall", "share", Decimal("33.334")),
        ("Garden", "share", Decimal("33.333")),
        ("Bar", "per_head", Decimal(10)),
    ]


@pytest.mark.parametrize(
    ("sent", "at", "sentence"),
    [
        ({"name": "", "basis": "share"}, "name", "Name the template."),
        ({"name": "event", "basis": "share"}, "name", "There is a template “event” already"),
        ({"name": "Gala", "basis": "per_head"}, "basis", "Edit the event first"),
        ({"name": "Gala", "basis": "half"}, "basis", "not one of the available choices"),
        ({"name": "Gala"}, "basis", "required"),
    ],
)
def test_what_cannot_be_saved_says_why_at_its_field(client, account, organizer, sent, at, sentence):
    budget = make_budget(account, organizer, lines=[{"category": "Venue", "name": "Hall", "budgeted_amount": "1"}])
    answer = client.post(reverse("budgets:save_as_template", args=[budget.pk]), sent)
    assert (answer.status_code, list(answer.context["form"].errors)) == (422, [at])
    assert sentence in words(answer)
    assert ours() == []


def test_an_empty_budget_has_nothing_to_save(client, account, organizer):
    budget = make_budget(account, organizer)
    address = reverse("budgets:save_as_template", args=[budget.pk])
    assert "No lines to save" in words(client.get(address))
    assert client.post(address, {"name": "Gala", "basis": "share"}).status_code == 422
    assert ours() == []


# --- Who may ----------------------------------------------------------------------------------------------------------


def test_strangers_templates_and_budgets_are_not_there(client, account, organizer, owner, other_account):
    with tenant_scope(other_account.pk):
        stranger = make_member(other_account, Role.OWNER).user
        theirs = create_template(acting_user=stranger, name="Rival", lines=[line()])
        their_budget = make_budget(other_account, stranger)
    hidden = make_budget(account, owner, event=make_event(account, owner))
    mine = create_template(acting_user=organizer, name="Mine")
    event = make_event(account, owner)
    assert "Rival" not in words(client.get(reverse("budgets:templates")))
    for name in ("template", "template_edit", "template_delete", "template_use"):
        assert client.get(reverse(f"budgets:{name}", args=[theirs.pk])).status_code == 404
    for name in ("template_edit", "template_delete", "template_restore"):
        assert client.post(reverse(f"budgets:{name}", args=[theirs.pk])).status_code == 404
    for budget in (their_budget, hidden):
        assert client.get(reverse("budgets:save_as_template", args=[budget.pk])).status_code == 404
    assert client.get(reverse("budgets:template_use", args=[mine.pk]), {"event": str(event.pk)}).status_code == 404
    with tenant_scope(other_account.pk):
        assert BudgetTemplate.objects.get(pk=theirs.pk).name == "Rival"


def test_a_client_sees_no_templates(account, organizer):
    template = create_template(acting_user=organizer, name="Gala")
    member = make_member(account, Role.CLIENT).user
    client = browser(member, account)
    for address in (
        reverse("budgets:templates"),
        reverse("budgets:template_new"),
        reverse("budgets:template", args=[template.pk]),
        reverse("budgets:template_edit", args=[template.pk]),
    ):
        assert client.get(address).status_code == 403


def test_a_line_removed_while_it_was_edited_is_said_at_its_row(client, organizer):
    template = create_template(acting_user=organizer, name="Gala", lines=[line("A"), line("B", value="5")])
    a, b = template_lines(template)
    update_template(template_id=template.pk, acting_user=organizer, now=NOW, lines=[{"id": b.pk}])
    row = {"id": str(a.pk), "name": "A", "category": category("Venue"), "basis": "share", "value": "1"}
    answer = client.post(reverse("budgets:template_edit", args=[template.pk]), page_of(row))
    assert answer.status_code == 422
    assert "This template has no such line (any more)." in words(answer)
    assert seen(template) == [("B", "share", Decimal(5))]
