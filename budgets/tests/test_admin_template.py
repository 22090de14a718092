"""The staff's pages for templates."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from budgets.models import BudgetTemplate, Category
from budgets.services.template import create_template, delete_template, update_template
from budgets.services.template_use import template_lines
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import sign_in

NOW = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)
LIST = "admin:budgets_budgettemplate_changelist"


@pytest.fixture
def worker(account, staff) -> Client:
    return sign_in(staff, account)


@pytest.fixture
def template(account, staff) -> BudgetTemplate:
    lines = [line("Hall", "share", "33.333"), line("Band", "amount", "1200.5"), line("Bar", "per_head", "9")]
    return create_template(acting_user=staff, name="Gala", currency="CAD", lines=lines)


def line(name: str, basis: str = "share", value: str = "1", **fields: Any) -> dict[str, Any]:
    return {"category": "Venue", "name": name, "basis": basis, "value": Decimal(value), **fields}


def page(template: BudgetTemplate, name: str = "change") -> str:
    return reverse(f"admin:budgets_budgettemplate_{name}", args=[template.pk])


def form_of(client: Client, template: BudgetTemplate) -> dict[str, Any]:
    """Return what a browser would send back if nothing were changed."""
    response = client.get(page(template))
    assert response.status_code == 200
    forms = [response.context["adminform"].form]
    for inline in response.context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.forms]
    data = {bound.html_name: bound.value() for form in forms for bound in form}
    return {name: str(value) for name, value in data.items() if value not in (None, False)}


def prefix_of(data: dict[str, Any], name: str) -> str:
    return next(key.removesuffix("-name") for key, value in data.items() if value == name and key.startswith("lines-"))


def seen(template: BudgetTemplate) -> list[tuple[str, str, Decimal]]:
    return [(found.name, found.basis, found.value) for found in template_lines(template)]


UNCHANGED = [
    ("Hall", "share", Decimal("33.333")),
    ("Band", "amount", Decimal("1200.50")),
    ("Bar", "per_head", Decimal("9.00")),
]


def test_the_list_says_what_each_is(worker, template):
    text = worker.get(reverse(LIST)).content.decode()
    for said in ("Gala", "33.333%", "Wedding (typical shares)", "100%", "CAD", "any"):
        assert said in text


def test_a_template_is_made_and_wants_lines_next(worker, account, staff):
    answer = worker.post(
        reverse("admin:budgets_budgettemplate_add"), {"name": "Ball", "description": "D", "currency": "EUR"}
    )
    made = BudgetTemplate.objects.get(name="Ball")
    assert (made.currency, made.description, made.created_by) == ("EUR", "D", staff)
    assert answer.url == page(made)


def test_sending_an_unchanged_page_changes_nothing(worker, template):
    ids = [found.pk for found in template_lines(template)]
    assert worker.post(page(template), form_of(worker, template)).status_code == 302
    assert seen(template) == UNCHANGED
    assert [found.pk for found in template_lines(template)] == ids


def test_head_and_lines_are_saved_together(worker, template):
    data = form_of(worker, template)
    hall, band, bar = (prefix_of(data, name) for name in ("Hall", "Band", "Bar"))
    new = f"lines-{data['lines-TOTAL_FORMS']}"
    data |= {
        "name": "Ball",
        f"{hall}-value": "40",
        f"{band}-DELETE": "on",
        f"{bar}-sort_order": "5",
        "lines-TOTAL_FORMS": str(int(data["lines-TOTAL_FORMS"]) + 1),
        f"{new}-name": "Flowers",
        f"{new}-category": str(Category.objects.get(name="Flowers").pk),
        f"{new}-kind": "cost",
        f"{new}-basis": "share",
        f"{new}-value": "60",
        f"{new}-template": str(template.pk),
    }

    answer = worker.post(page(template), data)

    assert answer.status_code == 302, answer.context["errors"]
    assert BudgetTemplate.objects.get(pk=template.pk).name == "Ball"
    assert seen(template) == [
        ("Bar", "per_head", Decimal(9)),
        ("Hall", "share", Decimal(40)),
        ("Flowers", "share", Decimal(60)),
    ]


@pytest.mark.parametrize(
    ("of", "name", "typed", "sentence"),
    [
        ("Hall", "value", "101", "between 0 and 100 percent"),
        ("Band", "value", "0.005", "CAD has 2 decimals"),
        ("Band", "value", "", "required"),
        ("Band", "name", "", "required"),
        (None, "currency", "", "say which currency"),
        (None, "name", "event", "There is a template “event” already"),
    ],
)
def test_what_cannot_be_stands_at_its_field_and_nothing_is_saved(worker, template, of, name, typed, sentence):
    data = form_of(worker, template)
    data |= {"name": "Other", name if of is None else f"{prefix_of(data, of)}-{name}": typed}
    answer = worker.post(page(template), data)
    assert answer.status_code == 200
    assert sentence in answer.content.decode()
    assert BudgetTemplate.objects.get(pk=template.pk).name == "Gala"
    assert seen(template) == UNCHANGED


def test_shares_above_the_whole_are_an_error_of_the_page(worker, template):
    data = form_of(worker, template)
    data |= {f"{prefix_of(data, 'Band')}-basis": "share", f"{prefix_of(data, 'Band')}-value": "70"}
    answer = worker.post(page(template), data)
    assert "The shares add up to 103.333%, 3.333% more than the whole." in answer.content.decode()
    assert seen(template) == UNCHANGED


def test_what_somebody_else_saved_is_not_overwritten(worker, template):
    data = form_of(worker, template)
    answer = worker.post(page(template), data | {"read_at": "2026-01-01T00:00:00+00:00", "name": "Mine"})
    assert "Someone else changed this template" in answer.content.decode()
    assert BudgetTemplate.objects.get(pk=template.pk).name == "Gala"


def test_a_deleted_template_is_listed_apart_and_comes_back(worker, template, staff):
    assert "Budgets that were opened with it stay" in worker.get(page(template, "delete")).content.decode()
    assert worker.post(page(template, "delete")).status_code == 302
    assert not BudgetTemplate.objects.filter(pk=template.pk).exists()
    assert "Gala" in worker.get(reverse(LIST), {"deleted": "yes"}).content.decode()
    worker.post(reverse("admin:budgets_budgettemplate_restore_row", args=[template.pk]))
    assert seen(template) == UNCHANGED


def test_deleting_a_category_says_that_lines_of_templates_go_along(account, owner, template):
    boss = sign_in(owner, account)
    flowers = Category.objects.get(name="Flowers")
    text = boss.get(reverse("admin:budgets_category_delete", args=[flowers.pk])).content.decode()
    assert "1 line(s) of templates go along, and come back with it." in text


def test_another_accounts_template_is_not_there(worker, other_account):
    with tenant_scope(other_account.pk):
        theirs = create_template(acting_user=None, name="Rival")
    assert worker.get(page(theirs)).status_code == 302
    assert worker.post(page(theirs), {"name": "Taken", "currency": ""}).status_code == 302
    assert "Rival" not in worker.get(reverse(LIST)).content.decode()
    with tenant_scope(other_account.pk):
        assert BudgetTemplate.objects.get(pk=theirs.pk).name == "Rival"


def test_its_history_says_who_changed_what(worker, account, staff, template):
    with tenant_scope(account.pk, user_id=staff.pk):
        update_template(template_id=template.pk, acting_user=staff, now=NOW, description="For the gala")
        delete_template(template_id=template.pk, acting_user=staff, now=NOW)
    text = worker.get(reverse(LIST), {"deleted": "yes"}).content.decode()
    assert "Gala" in text
    assert [row.history_type for row in BudgetTemplate.history.filter(id=template.pk).order_by("history_id")] == [
        "+",
        "~",
        "~",
    ]


def test_more_lines_cost_no_more_statements(worker, staff):
    counts = []
    for number in (1, 60):
        made = create_template(acting_user=staff, name=f"{number}", lines=[line("A")] * number)
        with CaptureQueriesContext(connection) as used:
            assert worker.get(page(made)).status_code == 200
        counts.append(len(used))
    assert counts[0] == counts[1]
