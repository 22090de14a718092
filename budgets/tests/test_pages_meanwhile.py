"""Two people at one budget: the second sees what the first changed, field by field, and can take either."""

from decimal import Decimal

from budgets.models import BudgetLineItem, Category, EventBudget
from budgets.services.driver import create_driver, update_driver
from budgets.services.event_budget import update_event_budget
from budgets.services.line_item import reorder_line_items, update_line_item
from budgets.tests.pages import HTMX, address, browser, fresh, line_data, words
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_line, move


def change(line, by, account, **fields):
    with tenant_scope(account.pk, user_id=by.pk):
        update_line_item(
            budget_id=line.budget_id,
            line_item_id=line.pk,
            version=fresh(line).version,
            acting_user=by,
            **fields,
        )


def sent_again(response, **chosen):
    form = response.context["form"]
    return {name: form[name].value() or "" for name in form.fields} | chosen


def test_each_field_that_both_changed_is_asked_about_and_either_may_be_taken(account, organizer, manager):
    budget = make_budget(account, organizer)
    line = make_line(budget, organizer, name="Hall", budgeted_amount="1000", section="Day one")
    change(line, manager, account, name="Great hall", budgeted_amount="1500", section="Day two")
    client = browser(organizer, account)
    url = address("line_edit", budget, line.pk)
    mine = line_data(line, name="Palace", budgeted_amount="1200")

    refused = client.post(url, mine, headers=HTMX)

    assert refused.status_code == 409
    text = words(refused)
    assert f"{manager} changed this line meanwhile Section is now “Day two”, it was “Day one”." in text
    assert f"Line, which was “Hall”: yours: “Palace” {manager}: “Great hall”" in text
    assert f"Budgeted, which was 1,000.00: yours: 1,200.00 {manager}: 1,500.00" in text
    assert (fresh(line).name, fresh(line).budgeted_amount) == ("Great hall", Decimal(1500))

    saved = client.post(url, sent_again(refused, take_name="theirs", take_budgeted_amount="mine"), headers=HTMX)

    assert saved.status_code == 200
    stored = fresh(line)
    assert (stored.name, stored.budgeted_amount, stored.section) == ("Great hall", Decimal(1200), "Day two")


def test_taking_theirs_takes_nothing_that_a_third_person_changed_since(account, organizer, manager, owner):
    budget = make_budget(account, organizer)
    line = make_line(budget, organizer, budgeted_amount="1000")
    change(line, manager, account, budgeted_amount="1500")
    client = browser(organizer, account)
    url = address("line_edit", budget, line.pk)
    refused = client.post(url, line_data(line, budgeted_amount="1200"), headers=HTMX)
    change(line, owner, account, budgeted_amount="1900")

    again = client.post(url, sent_again(refused, take_budgeted_amount="theirs"), headers=HTMX)

    assert again.status_code == 409
    assert f"Budgeted, which was 1,500.00: yours: 1,200.00 {owner}: 1,900.00" in words(again)
    assert fresh(line).budgeted_amount == Decimal(1900)


def test_a_category_and_a_quantity_are_told_by_their_names(account, organizer, manager):
    budget = make_budget(account, organizer, total="100000")
    guests = create_driver(budget_id=budget.pk, acting_user=organizer, name="Guests", quantity=Decimal(100))
    line = make_line(budget, organizer, category="Venue", budgeted_amount="1000")
    labor = Category.objects.get(name="Labor")
    change(line, manager, account, category=labor, driver_id=guests.pk, unit_price="45")
    client = browser(organizer, account)

    refused = client.post(
        address("line_edit", budget, line.pk), line_data(line, quantity="7", unit_price="10"), headers=HTMX
    )

    text = words(refused)
    assert "Category is now “Labor”, it was “Venue”." in text
    assert f"or as many as, which was empty: yours: empty {manager}: “Guests”" in text
    assert f"Price of one, which was empty: yours: 10.00 {manager}: 45.00" in text
    form = refused.context["form"]
    assert (form["category"].value(), form["quantity"].value()) == (str(labor.pk), "7")

    saved = client.post(
        address("line_edit", budget, line.pk),
        sent_again(refused, budgeted_amount="", take_driver="theirs", take_unit_price="theirs", quantity=""),
        headers=HTMX,
    )

    assert saved.status_code == 200
    stored = fresh(line)
    assert (stored.driver_id, stored.unit_price, stored.budgeted_amount) == (guests.pk, Decimal(45), Decimal(4500))


def test_notes_of_a_line_are_compared_like_every_field(account, organizer, manager):
    budget = make_budget(account, organizer)
    line = make_line(budget, organizer, notes="Call Marta")
    change(line, manager, account, notes="Call Pau")

    refused = browser(organizer, account).post(
        address("line_edit", budget, line.pk), line_data(line, notes="Write to Marta"), headers=HTMX
    )

    assert "Notes, which was “Call Marta”: yours: “Write to Marta”" in words(refused)
    assert fresh(line).notes == "Call Pau"


def test_the_head_of_a_budget_is_compared_field_by_field(account, organizer, manager):
    budget = make_budget(account, organizer, total="10000")
    with tenant_scope(account.pk, user_id=manager.pk):
        update_event_budget(
            budget_id=budget.pk, version=1, acting_user=manager, total_budget_amount=Decimal(12000), notes="By May"
        )
    client = browser(organizer, account)

    refused = client.post(
        address("edit", budget), {"total_budget_amount": "15000", "notes": budget.notes, "version": "1"}
    )

    text = words(refused)
    assert f"{manager} changed this budget meanwhile Notes is now “By May”, it was empty." in text
    assert f"Total, which was 10,000.00: yours: 15,000.00 {manager}: 12,000.00" in text

    saved = client.post(address("edit", budget), sent_again(refused, take_total_budget_amount="theirs"))

    assert saved.status_code == 302
    stored = EventBudget.objects.get(pk=budget.pk)
    assert (stored.total_budget_amount, stored.notes) == (Decimal(12000), "By May")


def test_a_line_that_someone_changed_is_removed_only_when_asked_again(account, organizer, manager):
    budget = make_budget(account, organizer)
    line = make_line(budget, organizer, name="Hall", budgeted_amount="1000")
    seen = line.version
    change(line, manager, account, budgeted_amount="1500")
    client = browser(organizer, account)

    refused = client.post(address("line_remove", budget, line.pk), {"version": seen}, headers=HTMX)

    assert f"“Hall” was not removed: {manager} changed it meanwhile (budgeted was 1,000.00 and is 1,500.00)." in words(
        refused
    )
    assert fresh(line).budgeted_amount == Decimal(1500)

    client.post(address("line_remove", budget, line.pk), {"version": fresh(line).version}, headers=HTMX)

    assert not BudgetLineItem.objects.exists()


def test_rows_send_the_version_that_their_reader_sees(account, organizer):
    budget = make_budget(account, organizer)
    line = make_line(budget, organizer)

    page = browser(organizer, account).get(address("detail", budget)).content.decode()

    form = page[page.index(f'action="{address("line_remove", budget, line.pk)}"') :].partition("</form>")[0]
    assert f'name="version" value="{line.version}"' in " ".join(form.split())


def test_an_order_that_someone_else_made_is_kept_when_a_line_moves(account, organizer, manager):
    budget = make_budget(account, organizer)
    first, second, third = (make_line(budget, organizer, name=name) for name in ("First", "Second", "Third"))
    with tenant_scope(account.pk, user_id=manager.pk):
        reorder_line_items(budget_id=budget.pk, line_item_ids=[third.pk, first.pk, second.pk], acting_user=manager)

    browser(organizer, account).post(address("line_move", budget, second.pk), {"direction": "up"}, headers=HTMX)

    order = BudgetLineItem.objects.order_by("sort_order").values_list("name", flat=True)
    assert list(order) == ["Third", "Second", "First"]


def test_a_line_that_only_got_another_place_is_saved_and_removed_without_a_question(account, organizer, manager):
    budget = make_budget(account, organizer)
    first, second = (make_line(budget, organizer, name=name) for name in ("First", "Second"))
    with tenant_scope(account.pk, user_id=manager.pk):
        reorder_line_items(budget_id=budget.pk, line_item_ids=[second.pk, first.pk], acting_user=manager)
    client = browser(organizer, account)

    saved = client.post(address("line_edit", budget, first.pk), line_data(first, name="Hall"), headers=HTMX)
    removed = client.post(address("line_remove", budget, second.pk), {"version": second.version}, headers=HTMX)

    assert (saved.status_code, fresh(first).name) == (200, "Hall")
    assert "“Second” removed." in words(removed)
    assert list(BudgetLineItem.objects.values_list("name", flat=True)) == ["Hall"]


def test_a_form_without_a_version_overwrites_nothing(account, organizer):
    budget = make_budget(account, organizer)
    line = make_line(budget, organizer, name="Hall")

    for version in ("", "0", "x"):
        refused = browser(organizer, account).post(
            address("line_edit", budget, line.pk), line_data(line, name="Palace", version=version), headers=HTMX
        )
        assert refused.status_code == 409

    assert fresh(line).name == "Hall"


def test_a_plan_typed_into_a_form_that_was_fixed_meanwhile_is_not_lost_without_a_word(account, organizer):
    budget = make_budget(account, organizer)
    line = make_line(budget, organizer, name="Hall", budgeted_amount="1000")
    move(budget, "submit", user=organizer, role=Role.ORGANIZER, account=account)

    response = browser(organizer, account).post(
        address("line_edit", budget, line.pk), line_data(line, budgeted_amount="1200", actual_amount="5"), headers=HTMX
    )

    assert response.status_code == 200
    assert "The plan is fixed by now: of “Hall” only the actual amount was saved." in words(response)
    assert (fresh(line).budgeted_amount, fresh(line).actual_amount) == (Decimal(1000), Decimal(5))


def test_a_stale_move_shows_what_was_done_since(account, organizer, manager):
    budget = make_budget(account, organizer)
    line = make_line(budget, organizer, name="Hall", budgeted_amount="1000")
    seen = EventBudget.objects.get(pk=budget.pk).version
    change(line, manager, account, budgeted_amount="1500")

    refused = browser(organizer, account).post(address("move", budget, "submit"), {"version": seen})

    assert refused.status_code == 409
    assert f"Since you opened it: {manager} raised “Hall” from 1,000.00 to 1,500.00" in words(refused)
    assert EventBudget.objects.get(pk=budget.pk).status == "draft"


def test_a_quantity_that_someone_changed_is_asked_about(account, organizer, manager):
    budget = make_budget(account, organizer)
    hours = create_driver(budget_id=budget.pk, acting_user=organizer, name="Hours", quantity=Decimal(8))
    with tenant_scope(account.pk, user_id=manager.pk):
        update_driver(
            budget_id=budget.pk, driver_id=hours.pk, version=hours.version, acting_user=manager, quantity=Decimal(10)
        )
    client = browser(organizer, account)
    url = address("driver_edit", budget, hours.pk)

    refused = client.post(url, {"name": "Hours", "quantity": "9", "version": hours.version})

    assert refused.status_code == 409
    assert f"How many, which was 8: yours: 9 {manager}: 10" in words(refused)

    saved = client.post(url, sent_again(refused, follows_guests="", take_quantity="theirs"))

    assert saved.status_code == 302
    assert budget.drivers.get().quantity == Decimal(10)
