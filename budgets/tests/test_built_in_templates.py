"""The templates that every account begins with: seeded with a new one, and given to those that were there before."""

from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module

import pytest
from django.db import connections, transaction

from budgets.models import BudgetTemplate, Category, TemplateBasis, TemplateLine
from budgets.services.built_in_templates import EVENT_TEMPLATE, WEDDING_TEMPLATE, wedding_shares
from budgets.services.categories import EVENT_CATEGORIES, delete_category
from budgets.services.template import create_template
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import make_account

NOW = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)
GIVEN = import_module("budgets.migrations.0008_built_in_templates").Migration.operations[0]


def lines_of(name: str) -> list[tuple[str, str, str, Decimal, int]]:
    lines = TemplateLine.objects.filter(template__name=name).select_related("category").order_by("sort_order", "id")
    return [(line.category.name, line.name, line.basis, line.value, line.sort_order) for line in lines]


def run(statements: str) -> None:
    with transaction.atomic("owner"), connections["owner"].cursor() as cursor:
        cursor.execute(statements)


def test_typical_shares_are_brought_from_130_to_exactly_100_percent():
    shares = wedding_shares()
    assert sum(shares.values()) == Decimal("100.000")
    assert list(shares.items())[:3] == [
        ("Venue", Decimal("30.769")),
        ("Catering", Decimal("23.077")),
        ("Photography", Decimal("7.692")),
    ]
    assert len(shares) == 15


def test_a_new_account_has_both(account):
    assert lines_of(WEDDING_TEMPLATE) == [
        (name, name, TemplateBasis.SHARE, share, place * 10)
        for place, (name, share) in enumerate(wedding_shares().items(), start=1)
    ]
    assert lines_of(EVENT_TEMPLATE) == [
        (name, name, TemplateBasis.AMOUNT, Decimal(0), place * 10)
        for place, name in enumerate(EVENT_CATEGORIES, start=1)
    ]
    wedding = BudgetTemplate.objects.get(name=WEDDING_TEMPLATE)
    assert "130%" in wedding.description
    assert (wedding.currency, wedding.created_by) == ("", None)
    assert [row.history_type for row in wedding.history.all()] == ["+"]


@pytest.fixture
def older_account(committed_db):
    """An account from before there were templates."""
    with transaction.atomic():
        account = make_account()
    run(GIVEN.reverse_sql)
    return account


def test_accounts_that_were_there_before_get_the_same(older_account):
    with transaction.atomic(), tenant_scope(older_account.pk):
        assert BudgetTemplate.objects.count() == 0
    run(GIVEN.sql)
    with transaction.atomic():
        new = make_account("Later Events")
    found = []
    for account in (older_account, new):
        with transaction.atomic(), tenant_scope(account.pk):
            found.append(
                [
                    (t.name, t.description, t.currency, t.created_by_id, t.history.count(), lines_of(t.name))
                    for t in BudgetTemplate.objects.order_by("name")
                ]
            )
    assert len(found[0]) == 2
    assert found[0] == found[1]


def test_giving_them_twice_or_beside_ones_own_changes_nothing(older_account):
    with transaction.atomic(), tenant_scope(older_account.pk):
        own = create_template(acting_user=None, name="EVENT", description="Ours")
    run(GIVEN.sql)
    run(GIVEN.sql)
    with transaction.atomic(), tenant_scope(older_account.pk):
        names = list(BudgetTemplate.objects.order_by("name").values_list("name", flat=True))
        assert sorted(names) == ["EVENT", WEDDING_TEMPLATE]
        assert own.lines.count() == 0
        assert TemplateLine.objects.count() == 15


def test_lines_are_given_for_the_categories_that_the_account_still_has(older_account):
    with transaction.atomic(), tenant_scope(older_account.pk):
        delete_category(category=Category.objects.get(name="Rings"), acting_user=None, now=NOW)
    run(GIVEN.sql)
    with transaction.atomic(), tenant_scope(older_account.pk):
        assert len(lines_of(WEDDING_TEMPLATE)) == 14


def test_taking_them_back_leaves_ones_own(older_account):
    with transaction.atomic(), tenant_scope(older_account.pk):
        create_template(acting_user=None, name="Ours")
    run(GIVEN.sql)
    run(GIVEN.reverse_sql)
    with transaction.atomic(), tenant_scope(older_account.pk):
        assert list(BudgetTemplate.objects.values_list("name", flat=True)) == ["Ours"]
        assert TemplateLine.objects.count() == 0
