"""The staff's page of approved plans: read, and never written; it leads to the plans side by side."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from budgets.models import BudgetRevision
from budgets.tests.pages import address, words
from budgets.tests.plans import begin_story
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import sign_in

LIST = "admin:budgets_budgetrevision_changelist"


@pytest.fixture
def story(account):
    story = begin_story(account)
    story.approve()
    story.step("revise", reason="A bigger hall")
    story.set_total("1400")
    return story


@pytest.fixture
def boss(story, account):
    return sign_in(story.owner, account)


def test_the_list_says_what_is_in_force_and_leads_to_the_comparison(story, boss):
    story.approve()
    page = boss.get(reverse(LIST))
    text = words(page)
    assert page.status_code == 200
    assert "In force" in text
    assert "Superseded" in text
    assert "A bigger hall" in text
    assert f"{address('revision_diff', story.budget)}?revision=2" in page.content.decode()
    assert f"{address('revision_diff', story.budget)}?revision=1" not in page.content.decode()


def test_the_plan_in_force_stays_so_while_it_is_revised(story, boss):
    assert "In force" in words(boss.get(reverse(LIST)))
    assert "Superseded" not in words(boss.get(reverse(LIST)))


def test_a_revision_is_read_and_never_written(story, boss):
    revision = BudgetRevision.objects.get()
    page = boss.get(reverse("admin:budgets_budgetrevision_change", args=[revision.pk]))
    assert page.status_code == 200
    assert address("revision", story.budget, 1) in page.content.decode()
    for name, more in (("change", [revision.pk]), ("delete", [revision.pk]), ("add", [])):
        assert boss.post(reverse(f"admin:budgets_budgetrevision_{name}", args=more)).status_code == 403
    assert BudgetRevision.objects.get().number == 1


def test_a_budgets_page_leads_to_its_plans(story, boss):
    page = boss.get(reverse("admin:budgets_eventbudget_change", args=[story.budget.pk]))
    assert address("revisions", story.budget) in page.content.decode()


def test_the_list_takes_as_many_statements_for_many(story, boss, account):
    counts = []
    for number in (0, 4):
        for _ in range(number):
            begin_story(account).approve()
        with CaptureQueriesContext(connection) as captured:
            assert boss.get(reverse(LIST)).status_code == 200
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_another_accounts_plans_are_not_there(story, boss, other_account):
    with tenant_scope(other_account.pk):
        begin_story(other_account).approve()
        rival = BudgetRevision.objects.get()
    assert "Our rival" not in words(boss.get(reverse(LIST)))
    away = boss.get(reverse("admin:budgets_budgetrevision_change", args=[rival.pk]))
    assert away.status_code == 302
    assert "doesn’t exist" in words(boss.get(away["Location"]))
