from decimal import Decimal

from budgets.models import BudgetLineItem, Category, EventBudget
from budgets.selectors.budget_page import LINES_PER_PAGE
from budgets.services.line_item import add_line_items, update_line_item
from budgets.tests.pages import HTMX, address, browser, fresh, line_data, words
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import deleted_rows_visible, tenant_scope
from budgetsite.testing.budgets import make_budget, make_line, move
from budgetsite.testing.people import make_member


def test_a_saved_row_comes_back_with_every_figure_that_moved(account, organizer):
    budget = make_budget(account, organizer, total="2000")
    line = make_line(budget, organizer, name="Hall", budgeted_amount="1000")
    data = line_data(line, actual_amount="1,250.50")

    response = browser(organizer, account).post(address("line_edit", budget, line.pk), data, headers=HTMX)

    assert response.status_code == 200
    assert fresh(line).actual_amount == Decimal("1250.500")
    html = response.content.decode()
    assert html.lstrip().startswith("<tr")
    for piece in (
        f'id="line-{line.pk}"',
        f'id="group-head-{line.category_id}"',
        'id="lines-total"',
        'id="budget-summary"',
        'id="budget-moves"',
    ):
        assert html.count(piece) == 1
    assert html.count('hx-swap-oob="true"') == 6
    assert "250.50 over budget" in words(response)
    assert "“Hall” is 250.50 CAD over" in words(response)


def test_without_script_a_line_is_edited_on_a_page_of_its_own(account, organizer):
    budget = make_budget(account, organizer)
    line = make_line(budget, organizer, name="Hall", budgeted_amount="1000")
    client = browser(organizer, account)

    form = client.get(address("line_edit", budget, line.pk))
    response = client.post(address("line_edit", budget, line.pk), line_data(line, name="Great hall"))

    assert b"<!DOCTYPE html>" in form.content
    assert response.status_code == 302
    assert response["Location"] == f"{address('detail', budget)}#line-{line.pk}"
    assert fresh(line).name == "Great hall"


def test_an_amount_that_does_not_fit_is_said_at_its_field_and_nothing_changes(account, organizer):
    budget = make_budget(account, organizer, total="1000")
    line = make_line(budget, organizer, budgeted_amount="1000")

    response = browser(organizer, account).post(
        address("line_edit", budget, line.pk), line_data(line, budgeted_amount="1000.01"), headers=HTMX
    )

    assert response.status_code == 422
    assert "Lower a line or raise the total." in response.context["form"].errors["budgeted_amount"][0]
    assert fresh(line).budgeted_amount == Decimal(1000)


def test_what_cannot_be_read_as_an_amount_is_refused_at_its_field(account, organizer):
    budget = make_budget(account, organizer)
    line = make_line(budget, organizer)

    response = browser(organizer, account).post(
        address("line_edit", budget, line.pk),
        line_data(line, budgeted_amount="much", actual_amount="1.234"),
        headers=HTMX,
    )

    assert response.status_code == 422
    assert set(response.context["form"].errors) == {"budgeted_amount", "actual_amount"}
    assert fresh(line).version == line.version


def test_a_stale_row_says_who_changed_what_and_keeps_what_was_typed(account, organizer, manager):
    budget = make_budget(account, organizer)
    line = make_line(budget, organizer, name="Hall", budgeted_amount="1000")
    with tenant_scope(account.pk, user_id=manager.pk):
        update_line_item(
            budget_id=budget.pk, line_item_id=line.pk, version=line.version, acting_user=manager, budgeted_amount="1500"
        )
    client = browser(organizer, account)

    refused = client.post(address("line_edit", budget, line.pk), line_data(line, name="Great hall"), headers=HTMX)

    assert refused.status_code == 409
    assert f"{manager} changed this line meanwhile Budgeted is now 1,500.00, it was 1,000.00." in words(refused)
    assert fresh(line).name == "Hall"
    form = refused.context["form"]
    assert (form["name"].value(), form["budgeted_amount"].value()) == ("Great hall", "1,500.00")

    again = client.post(
        address("line_edit", budget, line.pk), {name: form[name].value() for name in form.fields}, headers=HTMX
    )

    assert again.status_code == 200
    assert (fresh(line).name, fresh(line).budgeted_amount) == ("Great hall", Decimal(1500))


def test_spending_that_came_in_meanwhile_is_not_written_over(account, organizer, manager):
    budget = make_budget(account, organizer)
    line = make_line(budget, organizer, actual_amount="100")
    with tenant_scope(account.pk, user_id=manager.pk):
        update_line_item(
            budget_id=budget.pk, line_item_id=line.pk, version=line.version, acting_user=manager, actual_amount="400"
        )
    client = browser(organizer, account)

    renamed = client.post(address("line_edit", budget, line.pk), line_data(line, name="Great hall"), headers=HTMX)
    conflicting = client.post(
        address("line_edit", budget, line.pk),
        line_data(fresh(line), actual_read="100", actual_amount="150"),
        headers=HTMX,
    )

    assert renamed.status_code == 200
    assert conflicting.status_code == 409
    told = words(conflicting)
    assert f"{manager} changed this line meanwhile Actual, which was 100.00: yours: 150.00 {manager}: 400.00" in told
    assert fresh(line).actual_amount == Decimal(400)


def test_after_approval_the_row_offers_the_actual_alone(account, organizer, manager):
    budget = make_budget(account, organizer)
    line = make_line(budget, organizer, budgeted_amount="1000")
    move(budget, "submit", user=organizer, role=Role.ORGANIZER, account=account)
    move(budget, "approve", user=manager, role=Role.MANAGER, account=account)
    client = browser(organizer, account)

    form = client.get(address("line_edit", budget, line.pk), headers=HTMX)
    response = client.post(
        address("line_edit", budget, line.pk),
        line_data(fresh(line), budgeted_amount="9000", name="Palace", actual_amount="10"),
        headers=HTMX,
    )

    assert set(form.context["form"].fields) == {"actual_amount", "version", "actual_read"}
    assert response.status_code == 200
    stored = fresh(line)
    assert (stored.name, stored.budgeted_amount, stored.actual_amount) == ("Hall", Decimal(1000), Decimal(10))
    page = words(client.get(address("detail", budget)))
    assert "The plan is approved" in page
    assert "Revise the plan" in page


def test_a_finalized_budget_refuses_an_actual(account, owner, organizer, manager):
    budget = make_budget(account, organizer)
    line = make_line(budget, organizer, budgeted_amount="1000", actual_amount="10000")
    for action, user, role in (
        ("submit", organizer, Role.ORGANIZER),
        ("approve", manager, Role.MANAGER),
        ("activate", organizer, Role.ORGANIZER),
        ("finalize", owner, Role.OWNER),
    ):
        move(budget, action, user=user, role=role, account=account)

    response = browser(organizer, account).post(
        address("line_edit", budget, line.pk), line_data(fresh(line), actual_amount="1"), headers=HTMX
    )

    assert response.status_code == 409
    assert "can no longer be changed" in words(response)
    assert fresh(line).actual_amount == Decimal(10000)


def test_a_line_added_in_its_group_brings_the_row_and_the_place_for_the_next(account, organizer):
    budget = make_budget(account, organizer)
    line = make_line(budget, organizer, category="Venue")
    add = f"{address('line_add', budget)}?category={line.category_id}"

    response = browser(organizer, account).post(
        add, {"name": "Chairs", "category": str(line.category_id), "budgeted_amount": "300"}, headers=HTMX
    )

    assert response.status_code == 200
    added = BudgetLineItem.objects.get(name="Chairs")
    html = response.content.decode()
    assert f'id="line-{added.pk}"' in html
    assert f'id="line-new-{line.category_id}"' in html
    assert "HX-Retarget" not in response


def test_a_line_added_elsewhere_renews_all_lines(account, organizer):
    budget = make_budget(account, organizer)
    category = Category.objects.get(name="Venue")

    response = browser(organizer, account).post(
        address("line_add", budget),
        {"name": "Hall", "category": str(category.pk), "budgeted_amount": "300"},
        headers=HTMX,
    )

    assert (response["HX-Retarget"], response["HX-Reswap"]) == ("#plan", "outerHTML")
    assert EventBudget.objects.get(pk=budget.pk).lines_total_amount == Decimal(300)


def test_a_new_line_without_an_amount_is_refused_at_the_field(account, organizer):
    budget = make_budget(account, organizer)
    category = Category.objects.get(name="Venue")

    response = browser(organizer, account).post(
        address("line_add", budget), {"name": "Hall", "category": str(category.pk), "budgeted_amount": ""}, headers=HTMX
    )

    assert response.status_code == 422
    assert response.context["form"].errors == {"budgeted_amount": ["Say what is planned; it may be 0."]}
    assert not BudgetLineItem.objects.exists()


def test_a_removed_line_returns_at_one_press_with_what_it_had_spent(account, organizer):
    budget = make_budget(account, organizer)
    line = make_line(budget, organizer, name="Hall", actual_amount="70")
    client = browser(organizer, account)

    removed = client.post(address("line_remove", budget, line.pk), headers=HTMX)

    assert removed.status_code == 200
    assert address("line_restore", budget, line.pk) in removed.content.decode()
    assert EventBudget.objects.get(pk=budget.pk).total_actual_amount == 0

    restored = client.post(address("line_restore", budget, line.pk))

    assert restored["Location"].endswith(f"#line-{line.pk}")
    assert EventBudget.objects.get(pk=budget.pk).total_actual_amount == Decimal(70)


def test_lines_move_within_their_category_past_lines_of_others(account, organizer):
    budget = make_budget(account, organizer)
    first = make_line(budget, organizer, category="Venue", name="First")
    make_line(budget, organizer, category="Labor", name="Between")
    last = make_line(budget, organizer, category="Venue", name="Last")

    response = browser(organizer, account).post(
        address("line_move", budget, last.pk), {"direction": "up"}, headers=HTMX
    )

    order = BudgetLineItem.objects.filter(budget=budget).order_by("sort_order", "id").values_list("name", flat=True)
    assert list(order) == ["Last", "Between", "First"]
    assert response["HX-Retarget"] == f"#group-{first.category_id}"


def test_moving_a_line_of_a_long_budget_renews_the_shown_page_alone(account, organizer):
    budget = make_budget(account, organizer, total=None)
    lines = add_line_items(
        budget_id=budget.pk,
        acting_user=organizer,
        line_items=[{"category": "Venue", "name": f"L{n}", "budgeted_amount": "1"} for n in range(LINES_PER_PAGE + 5)],
    )

    response = browser(organizer, account).post(
        address("line_move", budget, lines[-1].pk),
        {"direction": "up"},
        headers=HTMX | {"HX-Current-URL": f"http://testserver{address('detail', budget)}?page=2#plan"},
    )

    shown = [row.line.name for row in response.context["group"].rows]
    assert shown == ["L200", "L201", "L202", "L204", "L203"]


def test_moving_the_first_line_up_changes_nothing(account, organizer):
    budget = make_budget(account, organizer)
    first = make_line(budget, organizer, name="First")
    make_line(budget, organizer, name="Last")
    version = EventBudget.objects.get(pk=budget.pk).version

    browser(organizer, account).post(address("line_move", budget, first.pk), {"direction": "up"})

    assert EventBudget.objects.get(pk=budget.pk).version == version


def test_a_line_of_another_budget_is_not_found(account, organizer):
    budget, other = make_budget(account, organizer), make_budget(account, organizer)
    line = make_line(other, organizer)
    client = browser(organizer, account)

    for name in ("line", "line_edit"):
        assert client.get(address(name, budget, line.pk)).status_code == 404
    assert client.post(address("line_remove", budget, line.pk)).status_code == 404
    assert fresh(line).deleted_at is None


def test_a_stranger_reaches_no_line(account, organizer, other_account):
    budget = make_budget(account, organizer)
    line = make_line(budget, organizer, name="Hall")
    with tenant_scope(other_account.pk):
        stranger = make_member(other_account, Role.OWNER).user
    client = browser(stranger, other_account)

    answers = [
        client.get(address("detail", budget)),
        client.get(address("line_edit", budget, line.pk), headers=HTMX),
        client.post(address("line_edit", budget, line.pk), line_data(line, name="Mine"), headers=HTMX),
        client.post(address("line_remove", budget, line.pk)),
        client.post(address("line_restore", budget, line.pk)),
    ]

    assert [answer.status_code for answer in answers] == [404] * 5
    assert not any(b"Hall" in answer.content for answer in answers)
    with deleted_rows_visible():
        assert (fresh(line).name, fresh(line).deleted_at) == ("Hall", None)


def test_a_client_reads_and_may_not_write(account, organizer):
    client_user = make_member(account, Role.CLIENT).user
    budget = make_budget(account, organizer)
    EventBudget.objects.get(pk=budget.pk)
    budget.event.client = client_user
    budget.event.save()
    line = make_line(budget, organizer, name="Hall")
    client = browser(client_user, account)

    page = client.get(address("detail", budget))
    refused = client.post(address("line_edit", budget, line.pk), line_data(line, name="Mine"))

    assert page.status_code == 200
    assert "You can read this budget" in words(page)
    assert address("line_edit", budget, line.pk) not in page.content.decode()
    assert refused.status_code == 403
    assert "an owner, manager, staff or organizer may do this" in words(refused)
    assert fresh(line).name == "Hall"


def test_names_are_shown_as_data(account, organizer):
    budget = make_budget(account, organizer)
    make_line(budget, organizer, name="<script>alert(1)</script> O'Brien")

    page = browser(organizer, account).get(address("detail", budget)).content.decode()

    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; O&#x27;Brien" in page
