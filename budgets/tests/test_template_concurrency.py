"""Several people at once: at one template, at one name, at one event's budget, at a category that a line needs."""

from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

import pytest
from django.db import transaction

from budgets.models import BudgetTemplate, Category, EventBudget, TemplateLine
from budgets.services.categories import delete_category
from budgets.services.problems import BudgetExists, UnknownCategory
from budgets.services.template import TemplateChanged, TemplateExists, create_template, update_template
from budgets.services.template_use import open_budget_from_template, template_lines
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_event
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.people import make_account, make_member

NOW = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)


@pytest.fixture
def house(committed_db):
    """An account, its owner and a template of theirs, committed."""
    with transaction.atomic():
        account = make_account()
    with transaction.atomic(), tenant_scope(account.pk):
        owner = make_member(account, Role.OWNER).user
        template = create_template(acting_user=owner, name="Gala", lines=[line("Hall", "60")])
    return account, owner, template


def line(name, share, category="Venue"):
    return {"category": category, "name": name, "basis": "share", "value": Decimal(share)}


def test_of_ten_who_read_the_same_template_one_saves_and_the_others_are_told(house):
    account, owner, template = house
    with transaction.atomic(), tenant_scope(account.pk):
        read_at = BudgetTemplate.objects.get(pk=template.pk).updated_at
    change = partial(update_template, template_id=template.pk, acting_user=owner, now=NOW, read_at=read_at)

    answers = run_at_once(
        [partial(change, lines=[line(f"Line {n}", "50"), line("More", "50")]) for n in range(10)], tenant_id=account.pk
    )

    assert sorted(type(answer).__name__ for answer in answers) == ["BudgetTemplate"] + ["TemplateChanged"] * 9
    assert [answer for answer in answers if isinstance(answer, TemplateChanged)]
    with transaction.atomic(), tenant_scope(account.pk):
        assert len(template_lines(template)) == 2


def test_of_ten_templates_of_one_name_one_is_made(house):
    account, owner, _ = house
    make = partial(create_template, acting_user=owner, name="Ball", lines=[line("Hall", "10")])

    answers = run_at_once([make] * 10, tenant_id=account.pk)

    assert len([answer for answer in answers if isinstance(answer, TemplateExists)]) == 9
    with transaction.atomic(), tenant_scope(account.pk):
        assert TemplateLine.objects.filter(template__name="Ball").count() == 1


def test_an_events_budget_is_opened_from_a_template_once(house):
    account, owner, template = house
    with transaction.atomic(), tenant_scope(account.pk):
        event = make_event(account, owner)
    use = partial(
        open_budget_from_template,
        event=event,
        template_id=template.pk,
        acting_user=owner,
        total_budget_amount=Decimal(100),
    )

    answers = run_at_once([use] * 6, tenant_id=account.pk)

    assert len([answer for answer in answers if isinstance(answer, BudgetExists)]) == 5
    with transaction.atomic(), tenant_scope(account.pk):
        budget = EventBudget.objects.get()
        assert [found.budgeted_amount for found in budget.line_items.all()] == [60]


def test_a_category_deleted_meanwhile_never_leaves_a_live_line_behind(house):
    account, owner, _ = house
    with transaction.atomic(), tenant_scope(account.pk):
        category = Category.objects.get(name="Rings")

    answers = run_at_once(
        [
            partial(delete_category, category=category, acting_user=owner, now=NOW),
            *[
                partial(create_template, acting_user=owner, name=f"T{n}", lines=[line("Rings", "5", "Rings")])
                for n in range(5)
            ],
        ],
        tenant_id=account.pk,
    )

    assert answers[0] is None
    assert all(isinstance(answer, BudgetTemplate | UnknownCategory) for answer in answers[1:])
    with transaction.atomic(), tenant_scope(account.pk):
        assert not TemplateLine.objects.filter(category_id=category.pk).exists()
