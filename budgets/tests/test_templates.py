"""Templates: made, changed, deleted, restored, and refused when they could not be applied."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext

from budgets.models import BudgetTemplate, Category, TemplateLine
from budgets.services.categories import delete_category, restore_category
from budgets.services.problems import UnknownCategory
from budgets.services.template import (
    CurrencyNeeded,
    SharesExceedWhole,
    TemplateChanged,
    TemplateExists,
    TemplateLineRefused,
    TemplateNotFound,
    TooManyTemplateLines,
    create_template,
    delete_template,
    restore_template,
    update_template,
)
from budgets.services.template_use import template_lines
from budgetsite.tenancy.scope import deleted_rows_visible, tenant_scope

NOW = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)


def line(name="Hall", category="Venue", basis="amount", value="100", **fields):
    return {"category": category, "name": name, "basis": basis, "value": Decimal(value), **fields}


def seen(template: BudgetTemplate) -> list[tuple[str, str, str, Decimal]]:
    return [(found.category.name, found.name, found.basis, found.value) for found in template_lines(template)]


def ours() -> list[str]:
    built_in = ["Event", "Wedding (typical shares)"]
    return sorted(BudgetTemplate.objects.exclude(name__in=built_in).values_list("name", flat=True))


def test_a_template_keeps_its_lines_in_their_order(account, owner):
    template = create_template(
        acting_user=owner,
        name="  Gala ",
        description="Evening",
        currency="cad",
        lines=[
            line("Hall", value="2500.50", section="Evening", description="With stage"),
            line("Food", "Food & Beverage", "per_head", "45.25"),
            line("Flowers", "decor & florals", "share", "12.125"),
            line("Sponsor", "Miscellaneous", kind="income", value="900"),
        ],
    )

    stored = BudgetTemplate.objects.get(pk=template.pk)
    assert (stored.name, stored.description, stored.currency, stored.created_by) == ("Gala", "Evening", "CAD", owner)
    assert seen(stored) == [
        ("Venue", "Hall", "amount", Decimal("2500.500")),
        ("Food & Beverage", "Food", "per_head", Decimal("45.250")),
        ("Decor & Florals", "Flowers", "share", Decimal("12.125")),
        ("Miscellaneous", "Sponsor", "amount", Decimal("900.000")),
    ]
    first, *_, last = template_lines(stored)
    assert (first.section, first.description, first.kind, last.kind) == ("Evening", "With stage", "cost", "income")


def test_a_name_that_is_taken_is_refused_whatever_its_case(account, owner):
    create_template(acting_user=owner, name="Gala")
    with pytest.raises(TemplateExists, match="There is a template “gALA” already"):
        create_template(acting_user=owner, name="gALA", lines=[line(basis="share", value="1")])
    assert ours() == ["Gala"]
    other = create_template(acting_user=owner, name="Ball")
    with pytest.raises(TemplateExists):
        update_template(template_id=other.pk, acting_user=owner, now=NOW, name="gala")
    assert ours() == ["Ball", "Gala"]


def test_shares_above_100_percent_are_refused_by_how_much(account, owner):
    lines = [line("Hall", basis="share", value="60.5"), line("Food", basis="share", value="40")]
    with pytest.raises(SharesExceedWhole) as refusal:
        create_template(acting_user=owner, name="Gala", lines=lines)
    assert str(refusal.value) == (
        "The shares add up to 100.5%, 0.5% more than the whole. Lower some of them by 0.5% together."
    )
    assert ours() == []
    assert not TemplateLine.objects.filter(name__in=["Hall", "Food"]).exists()


def test_income_does_not_count_to_the_shares_of_the_cost(account, owner):
    lines = [line("Hall", basis="share", value="100"), line("Fee", basis="share", value="100", kind="income")]
    assert len(seen(create_template(acting_user=owner, name="Gala", lines=lines))) == 2


@pytest.mark.parametrize("basis", ["amount", "per_head"])
def test_amounts_need_a_currency_and_nothing_does_not(account, owner, basis):
    with pytest.raises(CurrencyNeeded, match="“Hall” is an amount of money"):
        create_template(acting_user=owner, name="Gala", lines=[line(basis=basis, value="1")])
    assert ours() == []
    create_template(acting_user=owner, name="Gala", lines=[line(basis=basis, value="0")])
    assert ours() == ["Gala"]


@pytest.mark.parametrize(
    ("fields", "field", "code"),
    [
        ({"value": "0.005"}, "value", "too_many_decimals"),
        ({"value": "-1"}, "value", "below_minimum"),
        ({"value": "1000000000000"}, "value", "out_of_range"),
        ({"value": "NaN"}, "value", "not_finite"),
        ({"basis": "share", "value": "100.001"}, "value", "out_of_range"),
        ({"basis": "share", "value": "-0.001"}, "value", "out_of_range"),
        ({"basis": "share", "value": "0.0001"}, "value", "too_many_decimals"),
        ({"basis": "share", "value": "NaN"}, "value", "not_finite"),
        ({"basis": "share", "value": "a third"}, "value", "invalid"),
        ({"basis": "gallons"}, "basis", "invalid_choice"),
        ({"kind": "gift"}, "kind", "invalid_choice"),
        ({"name": ""}, "name", "blank"),
        ({"name": "x" * 201}, "name", "max_length"),
    ],
)
def test_a_line_that_cannot_be_is_refused_at_its_place(account, owner, fields, field, code):
    with pytest.raises(TemplateLineRefused) as refusal:
        create_template(acting_user=owner, name="Gala", currency="CAD", lines=[line(), {**line(), **fields}])
    assert (refusal.value.position, refusal.value.field, refusal.value.code) == (1, field, code)
    assert ours() == []


def test_a_line_without_category_and_an_unknown_one_are_refused(account, owner):
    with pytest.raises(TemplateLineRefused) as refusal:
        create_template(acting_user=owner, name="Gala", lines=[{"name": "Hall", "basis": "share", "value": 1}])
    assert (refusal.value.position, refusal.value.field) == (0, "category")
    with pytest.raises(UnknownCategory):
        create_template(acting_user=owner, name="Gala", lines=[line(category="Fireworks")])
    assert ours() == []


@pytest.mark.parametrize(("fields", "name"), [({"name": " "}, "name"), ({"currency": "XXQ"}, "currency")])
def test_a_head_that_cannot_be_is_refused_at_its_field(account, owner, fields, name):
    with pytest.raises(ValidationError) as refusal:
        create_template(acting_user=owner, **{"name": "Gala", **fields})
    assert list(refusal.value.message_dict) == [name]
    assert ours() == []


def test_more_lines_than_a_template_can_have_are_refused(account, owner):
    with pytest.raises(TooManyTemplateLines, match="1000 lines at most; this one would have 1001"):
        create_template(acting_user=owner, name="Gala", lines=[line(value="0")] * 1001)
    assert ours() == []


def test_lines_are_changed_added_left_out_and_put_into_another_order(account, owner):
    template = create_template(acting_user=owner, name="Gala", currency="CAD", lines=[line("A"), line("B"), line("C")])
    a, _, c = template_lines(template)

    update_template(
        template_id=template.pk,
        acting_user=owner,
        now=NOW,
        description="Changed",
        lines=[
            {"id": c.pk, "value": Decimal(7)},
            line("New", value="9"),
            {"id": a.pk, "name": "A2", "category": "Labor"},
        ],
    )

    assert seen(template) == [
        ("Venue", "C", "amount", Decimal(7)),
        ("Venue", "New", "amount", Decimal(9)),
        ("Labor", "A2", "amount", Decimal(100)),
    ]
    assert [found.pk for found in template_lines(template)][::2] == [c.pk, a.pk]
    assert BudgetTemplate.objects.get(pk=template.pk).description == "Changed"
    with deleted_rows_visible():
        assert TemplateLine.objects.get(name="B").deleted_at == NOW


def test_a_refused_change_leaves_everything_as_it_was(account, owner):
    template = create_template(acting_user=owner, name="Gala", currency="CAD", lines=[line("A"), line("B")])
    a, b = template_lines(template)
    other = create_template(acting_user=owner, name="Ball", currency="CAD", lines=[line("Theirs")])
    (theirs,) = template_lines(other)
    for lines, refusal in (
        ([{"id": theirs.pk, "name": "Mine"}], TemplateLineRefused),
        ([{"id": a.pk}, {"id": a.pk}], TemplateLineRefused),
        ([{"id": a.pk, "basis": "share", "value": 70}, line("C", basis="share", value="31")], SharesExceedWhole),
    ):
        with pytest.raises(refusal):
            update_template(template_id=template.pk, acting_user=owner, now=NOW, name="Other", lines=lines)
        assert seen(template) == [("Venue", "A", "amount", Decimal(100)), ("Venue", "B", "amount", Decimal(100))]
        assert ours() == ["Ball", "Gala"]
    with pytest.raises(TypeError, match="amount"):
        update_template(template_id=template.pk, acting_user=owner, now=NOW, lines=[{"id": b.pk, "amount": 1}])


def test_another_currency_must_fit_the_amounts(account, owner):
    template = create_template(
        acting_user=owner, name="Gala", currency="CAD", lines=[line(value="0"), line(value="10.50")]
    )
    with pytest.raises(TemplateLineRefused, match="JPY has no decimals") as refusal:
        update_template(template_id=template.pk, acting_user=owner, now=NOW, currency="JPY")
    assert (refusal.value.position, refusal.value.field) == (1, "value")
    with pytest.raises(CurrencyNeeded):
        update_template(template_id=template.pk, acting_user=owner, now=NOW, currency="")
    assert BudgetTemplate.objects.get(pk=template.pk).currency == "CAD"
    update_template(template_id=template.pk, acting_user=owner, now=NOW, currency="USD")
    assert BudgetTemplate.objects.get(pk=template.pk).currency == "USD"


def test_what_somebody_else_saved_is_not_overwritten(account, owner):
    template = create_template(acting_user=owner, name="Gala")
    read_at = BudgetTemplate.objects.get(pk=template.pk).updated_at
    with pytest.raises(TemplateChanged):
        update_template(
            template_id=template.pk, acting_user=owner, now=NOW, name="Mine", read_at=read_at - timedelta(seconds=1)
        )
    assert ours() == ["Gala"]
    update_template(template_id=template.pk, acting_user=owner, now=NOW, name="Mine", read_at=read_at)
    assert ours() == ["Mine"]


def test_a_deleted_template_comes_back_with_the_lines_that_it_had(account, owner):
    template = create_template(acting_user=owner, name="Gala", currency="CAD", lines=[line("A"), line("B")])
    a, b = template_lines(template)
    update_template(template_id=template.pk, acting_user=owner, now=NOW - timedelta(days=1), lines=[{"id": b.pk}])
    delete_template(template_id=template.pk, acting_user=owner, now=NOW)
    assert ours() == []
    assert not TemplateLine.objects.filter(pk__in=[a.pk, b.pk]).exists()
    with pytest.raises(TemplateNotFound):
        delete_template(template_id=template.pk, acting_user=owner, now=NOW)
    with pytest.raises(TemplateNotFound):
        update_template(template_id=template.pk, acting_user=owner, now=NOW, name="Back")

    create_template(acting_user=owner, name="Ball")
    restore_template(template=template, acting_user=owner)

    assert ours() == ["Ball", "Gala"]
    assert [found.pk for found in template_lines(template)] == [b.pk]


def test_a_template_does_not_come_back_beside_another_of_its_name(account, owner):
    template = create_template(acting_user=owner, name="Gala", lines=[line(value="0")])
    delete_template(template_id=template.pk, acting_user=owner, now=NOW)
    newer = create_template(acting_user=owner, name="gala")
    with pytest.raises(TemplateExists):
        restore_template(template=template, acting_user=owner)
    assert list(BudgetTemplate.objects.filter(name__iexact="gala")) == [newer]


def test_a_deleted_category_takes_lines_of_templates_along_and_brings_them_back(account, owner):
    template = create_template(
        acting_user=owner,
        name="Gala",
        lines=[line("Hall", "Venue", "share", "60"), line("Crew", "Labor", "share", "40")],
    )
    labor = Category.objects.get(name="Labor")

    delete_category(category=labor, acting_user=owner, now=NOW)
    assert seen(template) == [("Venue", "Hall", "share", Decimal(60))]

    restore_category(category=labor, acting_user=owner)
    assert seen(template) == [
        ("Venue", "Hall", "share", Decimal(60)),
        ("Labor", "Crew", "share", Decimal(40)),
    ]


def test_another_accounts_template_is_not_there(account, owner, other_account):
    with tenant_scope(other_account.pk):
        theirs = create_template(acting_user=None, name="Gala", lines=[line(value="0")])
        (their_line,) = template_lines(theirs)
    create_template(acting_user=owner, name="Gala")
    mine = create_template(acting_user=owner, name="Mine", lines=[line(value="0")])

    for refused in (
        lambda: update_template(template_id=theirs.pk, acting_user=owner, now=NOW, name="Taken"),
        lambda: delete_template(template_id=theirs.pk, acting_user=owner, now=NOW),
    ):
        with pytest.raises(TemplateNotFound):
            refused()
    with pytest.raises(TemplateLineRefused):
        update_template(template_id=mine.pk, acting_user=owner, now=NOW, lines=[{"id": their_line.pk}])
    with tenant_scope(other_account.pk):
        assert BudgetTemplate.objects.get(pk=theirs.pk).name == "Gala"
        assert len(template_lines(theirs)) == 1


def test_two_hundred_lines_cost_no_more_statements_than_one(account, owner):
    def statements(count: int) -> tuple[int, int]:
        lines = [line(f"Line {n}") for n in range(count)]
        with CaptureQueriesContext(connection) as making:
            template = create_template(acting_user=owner, name=f"With {count}", currency="CAD", lines=lines)
        stored = template_lines(template)
        changed = [{"id": found.pk, "value": Decimal(7)} for found in stored]
        with CaptureQueriesContext(connection) as changing:
            update_template(template_id=template.pk, acting_user=owner, now=NOW, lines=changed)
        return len(making), len(changing)

    assert statements(1) == statements(200)
