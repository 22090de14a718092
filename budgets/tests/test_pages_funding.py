"""The event budget's page says who pays; owners and managers change it on a page that shows what moves."""

from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse

from budgets.models import EventBudget
from budgets.services.ledger_proof import verify_ledger
from budgets.tests.pages import address, browser, words
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget
from budgetsite.testing.expenses import make_expense
from budgetsite.testing.people import make_member
from budgetsite.testing.scoped_budgets import make_scoped_budget


@pytest.fixture
def pots(account, owner):
    fields = {"currency": "CAD", "period": "annual", "start_date": date(2026, 1, 1)}
    season = make_scoped_budget(account, owner, name="Season", **fields)
    return season, make_scoped_budget(
        account, owner, name="Catering", parent_id=season.pk, **fields | {"amount": Decimal(300)}
    )


@pytest.fixture
def budget(account, organizer, staff):
    made = make_budget(account, organizer)
    make_expense(made, staff, amount=Decimal(200), stage="committed")
    return made


def test_it_is_chosen_with_what_moves_in_sight_and_then_told(account, budget, pots, manager, organizer):
    catering = pots[1]
    page = browser(manager, account)
    assert "No company budget pays for this event. Choose who pays" in words(page.get(address("detail", budget)))
    url = f"{address('funding', budget)}?funder={catering.pk}"
    looked = words(page.get(url))
    assert "Catering 2026 200.00 0.00 300.00 100.00" in looked
    assert "Season 2026 200.00 0.00 1,000.00 800.00" in looked
    assert EventBudget.objects.get(pk=budget.pk).funded_by_id is None

    done = words(page.post(url, {"reason": "Agreed in May"}, follow=True))
    assert "Paid from Season › Catering : 100.00 CAD left there Change who pays" in done
    assert "The manager changed which company budget pays: from nothing to “Catering”. Agreed in May" in done
    assert "Nothing would change." in words(page.get(url))

    seen = words(browser(organizer, account).get(address("detail", budget)))
    assert "Paid from Season › Catering : there is room" in seen
    assert "Change who pays" not in seen
    assert browser(organizer, account).get(address("funding", budget)).status_code == 403


def test_what_does_not_fit_is_named_and_goes_with_a_reason(account, owner, budget, pots, manager):
    small = make_scoped_budget(
        account, owner, name="Small", currency="CAD", period="annual", start_date=date(2026, 1, 1), amount=Decimal(150)
    )
    page = browser(manager, account)
    url = f"{address('funding', budget)}?funder={small.pk}"
    assert "“Small” has 150.00 CAD left, and 200.00 CAD do not fit." in words(page.get(url))
    refused = page.post(url, {"reason": " "})
    assert (refused.status_code, "Say why it goes there although it does not fit." in words(refused)) == (422, True)
    done = words(page.post(url, {"reason": "Signed"}, follow=True))
    assert "Paid from Small : no room left in “Small”" in done
    assert page.get(f"{address('funding', budget)}?funder={owner.pk}").status_code == 422
    assert verify_ledger() == []

    # And what is promised next is refused at the form, with what next.
    expense = make_expense(budget, owner, amount=Decimal(10))
    step = reverse("budgets:expense_step", args=[expense.pk, "commit"])
    refused = page.post(step, {"version": expense.version})
    assert refused.status_code == 409
    assert "“Small” is over by 50.00 CAD already, and 10.00 CAD do not fit." in words(refused)
    assert "Promise more than is available" in words(refused)
    typed = {
        "description": "Ice",
        "target": f"line:{expense.line_item_id}",
        "amount": "10",
        "currency": "CAD",
        "stage": "committed",
    }
    entered = page.post(address("expense_new", budget), typed)
    assert entered.context["form"].errors == {
        "amount": [
            "10.00 CAD can't be promised: “Small” is over by 50.00 CAD already, and 10.00 CAD do not fit. "
            "Promise less or make room there; an owner or a manager may go beyond it with a reason."
        ]
    }
    assert "Promise more than is available" in words(entered)
    page.post(address("expense_new", budget), typed | {"override": "on", "reason": "The ice melts"})
    assert EventBudget.objects.get(pk=budget.pk).total_committed_amount == 210


def test_a_client_is_told_nothing_of_it(account, budget, pots, manager):
    client = make_member(account, Role.CLIENT).user
    budget.event.client = client
    budget.event.save()
    browser(manager, account).post(f"{address('funding', budget)}?funder={pots[1].pk}", {})
    page = browser(client, account).get(address("detail", budget))
    assert (page.status_code, "Catering" in words(page).replace("Sunrise Catering", "")) == (200, False)
