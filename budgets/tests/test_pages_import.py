from decimal import Decimal

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from budgets.models import BudgetLineItem, Category, EventBudget
from budgets.tests.pages import browser, words
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event
from budgetsite.testing.people import make_member

GOOD = "category,name,budgeted amount,actual amount\nVenue,Hall,1000.50,10\nLabor,Crew,500,\n"
BAD = "category,name,budgeted amount\nVenue,Hall,much\nNowhere,Crew,500\nVenue,,1\n"


@pytest.fixture(autouse=True)
def empty_cache():
    cache.clear()
    yield
    cache.clear()


def form(event, text=None, **typed):
    data = {"event": str(event.pk), "on_existing": "refuse", "decimal_mark": "", "total_budget_amount": "", **typed}
    if text is not None:
        data["file"] = SimpleUploadedFile("plan.csv", text.encode(), content_type="text/csv")
    return data


def kept(response):
    return {"kept": response.context["kept"].token, "version": ""}


def test_a_file_is_looked_at_before_it_is_imported(account, organizer):
    event = make_event(account, organizer)
    client = browser(organizer, account)

    looked = client.post(reverse("budgets:import"), form(event, GOOD))

    assert looked.status_code == 200
    assert "Import 2 lines" in words(looked)
    assert looked.context["report"].budgeted_amount == Decimal("1500.50")
    assert not EventBudget.objects.exists()

    imported = client.post(reverse("budgets:import"), form(event, **kept(looked), **{"import": "1"}))

    budget = EventBudget.objects.get(event=event)
    assert imported["Location"] == reverse("budgets:detail", args=[budget.pk])
    assert (budget.total_budget_amount, budget.total_actual_amount) == (Decimal("1500.500"), Decimal(10))
    assert sorted(BudgetLineItem.objects.values_list("name", flat=True)) == ["Crew", "Hall"]


def test_every_rows_problem_is_shown_at_once_and_nothing_is_stored(account, organizer):
    event = make_event(account, organizer)

    response = browser(organizer, account).post(reverse("budgets:import"), form(event, BAD) | {"import": "1"})

    assert response.status_code == 422
    assert {problem.row for problem in response.context["report"].problems} == {2, 3, 4}
    assert b'name="import"' not in response.content
    assert not EventBudget.objects.exists()


def test_a_file_chosen_anew_is_looked_at_first(account, organizer):
    event = make_event(account, organizer)
    client = browser(organizer, account)
    looked = client.post(reverse("budgets:import"), form(event, GOOD))

    response = client.post(
        reverse("budgets:import"), form(event, "category,name\nVenue,Garden\n", **kept(looked), **{"import": "1"})
    )

    assert [line.name for line in response.context["report"].lines] == ["Garden"]
    assert not EventBudget.objects.exists()


def test_what_to_do_with_rows_already_there_is_asked_once_there_are_some(account, organizer):
    budget = make_budget(account, organizer, total=None, lines=[{"category": "Venue", "name": "Hall"}])
    client = browser(organizer, account)
    question = b'name="on_existing"'
    without = {"event": str(budget.event_id), "decimal_mark": "", "total_budget_amount": ""}

    asked = client.get(reverse("budgets:import"))
    other_rows = client.post(
        reverse("budgets:import"), form(budget.event, "category,name\nVenue,Garden\n") | {"on_existing": ""}
    )
    refused = client.post(reverse("budgets:import"), form(budget.event, GOOD) | {"on_existing": ""})
    imported = client.post(reverse("budgets:import"), without | kept(refused) | {"on_existing": "skip", "import": "1"})

    assert [question in page.content for page in (asked, other_rows, refused)] == [False, False, True]
    assert [(problem.row, problem.value) for problem in refused.context["report"].problems] == [(2, "Hall")]
    assert imported.status_code == 302
    assert sorted(BudgetLineItem.objects.values_list("name", flat=True)) == ["Crew", "Hall"]


def test_a_file_that_is_gone_is_asked_for_once_more(account, organizer):
    event = make_event(account, organizer)
    client = browser(organizer, account)
    looked = client.post(reverse("budgets:import"), form(event, GOOD))
    cache.clear()

    response = client.post(reverse("budgets:import"), form(event, **kept(looked), **{"import": "1"}))

    assert response.status_code == 422
    assert response.context["form"].errors == {"file": ["The file is no longer here. Choose it once more."]}
    assert not EventBudget.objects.exists()


def test_a_kept_file_is_nobody_elses(account, organizer):
    event = make_event(account, organizer)
    looked = browser(organizer, account).post(reverse("budgets:import"), form(event, GOOD))
    colleague = make_member(account, Role.MANAGER).user

    response = browser(colleague, account).post(reverse("budgets:import"), form(event, **kept(looked)))

    assert response.context["form"].errors == {"file": ["The file is no longer here. Choose it once more."]}


def test_a_file_that_is_no_table_is_refused_at_its_field(account, organizer):
    event = make_event(account, organizer)

    response = browser(organizer, account).post(reverse("budgets:import"), form(event, "nothing of the kind"))

    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["file"]


def test_a_budget_in_review_takes_no_import(account, organizer):
    budget = make_budget(account, organizer)
    EventBudget.objects.filter(pk=budget.pk).update(status="review")

    response = browser(organizer, account).post(reverse("budgets:import"), form(budget.event, GOOD))

    assert response.status_code == 422
    assert "Send it back to draft first." in words(response)


def test_another_accounts_event_cannot_be_chosen(account, organizer, other_account):
    with tenant_scope(other_account.pk):
        stranger = make_member(other_account, Role.OWNER).user
        theirs = make_event(other_account, stranger, name="Rival gala")
    client = browser(organizer, account)

    response = client.post(reverse("budgets:import"), form(theirs, GOOD))

    assert list(response.context["form"].errors) == ["event"]
    assert "Rival gala" not in words(client.get(reverse("budgets:import")))


def test_a_client_is_told_who_may_import(account):
    response = browser(make_member(account, Role.CLIENT).user, account).get(reverse("budgets:import"))

    assert response.status_code == 403
    assert "an owner, manager, staff or organizer may do this" in words(response)


@pytest.mark.parametrize(("role", "is_made"), [(Role.ORGANIZER, False), (Role.STAFF, False), (Role.MANAGER, True)])
def test_only_who_may_make_categories_makes_them_by_importing(account, role, is_made):
    user = make_member(account, role).user
    event = make_event(account, user)
    client = browser(user, account)
    text = "category,name,budgeted amount\nFireworks,Rockets,10\n"

    looked = client.post(reverse("budgets:import"), form(event, text, create_categories="on"))
    again = form(event, create_categories="on", **kept(looked))
    client.post(reverse("budgets:import"), again | {"import": "1"})

    assert Category.objects.filter(name="Fireworks").exists() == is_made
    assert EventBudget.objects.filter(event=event).exists() == is_made
    told = "Owners and managers may do this: ask one of them." in words(client.get(reverse("budgets:import")))
    assert told != is_made


def test_a_version_that_is_no_number_of_a_version_is_not_read(account, organizer):
    event = make_event(account, organizer)
    client = browser(organizer, account)
    looked = client.post(reverse("budgets:import"), form(event, GOOD))

    data = form(event, **kept(looked)) | {"import": "1", "version": "9" * 5000}

    assert client.post(reverse("budgets:import"), data).status_code == 302
