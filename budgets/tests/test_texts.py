"""A text that is sent back as it was read is no change, whichever way its line breaks travelled."""

import pytest

from budgets.models import BudgetLineItem, EventBudget
from budgets.services.event_budget import update_event_budget
from budgets.services.texts import one_line, plain_breaks
from budgets.tests.pages import address, browser, fresh, line_data
from budgetsite.testing.budgets import make_budget, make_line
from budgetsite.testing.rest import rest_client_of


@pytest.mark.parametrize("sent", ["Bring chairs\nand tables", "Bring chairs\r\nand tables", "Bring chairs\rand tables"])
def test_every_line_break_is_stored_as_one_character(account, owner, sent):
    budget = make_budget(account, owner)
    rest = rest_client_of(owner, account)
    line = rest.post(
        f"/event-budgets/{budget.pk}/line-items",
        {"category": "Venue", "name": "Hall", "budgeted_amount": "1", "description": sent, "notes": sent, "version": 1},
    ).json
    assert {line["description"], line["notes"]} == {"Bring chairs\nand tables"}
    changed = rest.patch(f"/event-budgets/{budget.pk}", {"notes": sent, "version": line["version"]})
    assert changed.json["notes"] == "Bring chairs\nand tables"


def test_a_page_saved_as_it_was_read_changes_nothing(account, organizer):
    budget = make_budget(account, organizer, total="2000")
    update_event_budget(budget_id=budget.pk, version=1, acting_user=organizer, notes="First\nsecond")
    line = make_line(budget, organizer, name="Hall", notes="Bring chairs\nand tables", budgeted_amount="1000")
    version, history = EventBudget.objects.get().version, BudgetLineItem.history.count()
    client = browser(organizer, account)

    # As a browser sends what stands in a text area.
    saved = client.post(address("line_edit", budget, line.pk), line_data(line, notes="Bring chairs\r\nand tables"))
    head = {"version": version, "total_budget_amount": "2000", "notes": "First\r\nsecond"}
    saved_head = client.post(address("edit", budget), head)

    assert (saved.status_code, saved_head.status_code) == (302, 302)
    assert (fresh(line).version, fresh(line).notes) == (line.version, "Bring chairs\nand tables")
    assert EventBudget.objects.get().version == version
    assert BudgetLineItem.history.count() == history


def test_a_name_stays_on_one_line(account, owner):
    budget = make_budget(account, owner)
    line = make_line(budget, owner, name="Great\r\nhall", section="First \n day", budgeted_amount="1")
    assert (line.name, line.section) == ("Great hall", "First day")
    assert (one_line("two  spaces stay"), plain_breaks("a\r\n\r\nb")) == ("two  spaces stay", "a\n\nb")
