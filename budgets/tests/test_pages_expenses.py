"""The pages of expenses: the quick line, the list, one expense's steps and payments, who sees what."""

from datetime import date
from decimal import Decimal

import pytest
from django.urls import reverse

from budgets.models import BudgetComment, Expense, ExpensePayment, ExpenseStage
from budgets.services.expense_stages import commit_expense
from budgets.services.ledger_proof import verify_ledger
from budgets.tests.pages import HTMX, address, browser, words
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.expenses import NOW, figures, limit_expenses, make_expense
from budgetsite.testing.people import make_member


@pytest.fixture
def couple(account):
    return make_member(account, Role.CLIENT, name="The couple").user


@pytest.fixture
def budget(account, owner, couple):
    return make_budget(account, owner, total="10000", event=make_event(account, owner, client=couple))


@pytest.fixture
def roses(budget, owner):
    return make_line(budget, owner, category="Flowers", name="Roses", budgeted_amount=Decimal(1000))


def page_of(expense):
    return reverse("budgets:expense", args=[expense.pk])


def step_of(expense, step):
    return reverse("budgets:expense_step", args=[expense.pk, step])


def stored(expense):
    return Expense.objects.get(pk=expense.pk)


def entered(line, **typed):
    """What the form that follows a quick line sends."""
    return {
        "description": "Roses",
        "target": f"line:{line.pk}",
        "amount": "500",
        "currency": "CAD",
        "stage": "planned",
        **typed,
    }


def test_a_quick_line_is_shown_before_it_is_saved(account, staff, budget, roses):
    client = browser(staff, account)
    shown = client.post(address("expense_quick", budget), {"line": "Roses 500 due 12 May 2027 committed"}, headers=HTMX)
    assert "Roses : 500.00 CAD for the line “Roses” (Flowers), due Wednesday 12 May 2027, committed" in words(shown)
    assert not Expense.objects.exists()
    form = shown.context["form"]
    sent = {name: form[name].value() or "" for name in form.fields}
    saved = client.post(address("expense_new", budget), sent, headers=HTMX)
    expense = Expense.objects.get()
    assert (expense.stage, expense.due_date, figures(roses)) == ("committed", date(2027, 5, 12), ("500", "0", "500"))
    text = saved.content.decode()
    assert "Roses, 500.00 CAD: recorded as committed." in words(saved)
    # The line is empty again and has the focus; the list beneath is renewed.
    for piece in ('value=""', "data-take-focus", 'hx-swap-oob="true"'):
        assert piece in text
    assert page_of(expense) in text


def test_what_is_open_is_a_choice_and_nothing_is_guessed(account, staff, budget, roses):
    make_line(budget, staff, category="Flowers", name="Rose arch", budgeted_amount=Decimal(10))
    page = browser(staff, account).post(address("expense_quick", budget), {"line": "Rose 12 300 from Meyer"})
    assert "2 things to say before it can be saved" in words(page)
    form = page.context["form"]
    assert [question.part for question in form.questions] == ["target", "amount"]
    assert [value for value, _ in form.fields["amount"].widget.choices] == ["12", "300", "12300"]
    assert (form["target"].value(), form["vendor"].value()) == ("", "Meyer")


def test_an_expense_that_is_paid_is_billed_and_paid_in_one_step(account, staff, budget, roses):
    browser(staff, account).post(
        address("expense_new", budget), entered(roses, stage="paid", expense_date="2026-07-01")
    )
    expense = Expense.objects.get()
    payment = ExpensePayment.objects.get()
    assert (expense.stage, expense.payment_status, expense.paid_amount) == ("invoiced", "paid", Decimal(500))
    assert (payment.amount, payment.paid_at.date()) == (Decimal(500), date(2026, 7, 1))


def test_spending_without_a_line_makes_one_that_says_so(account, staff, budget, roses):
    client = browser(staff, account)
    client.post(address("expense_quick", budget), {"line": "Transport 80 billed"})
    shown = client.post(address("expense_quick", budget), {"line": "Transport 80 billed"}).context["form"]
    sent = {name: shown[name].value() or "" for name in shown.fields}
    done = client.post(address("expense_new", budget), sent, follow=True)
    assert "It is not in the plan, and the line says so." in words(done)
    assert "not in the plan" in words(client.get(address("detail", budget)))


def test_what_does_not_fit_may_be_overridden_by_who_may(account, staff, manager, budget, roses):
    typed = entered(roses, amount="5000", stage="committed")
    refused = browser(staff, account).post(address("expense_new", budget), typed)
    assert refused.status_code == 422
    assert "5,000.00 CAD do not fit" in words(refused)
    assert b'name="override"' not in refused.content
    client = browser(manager, account)
    assert b'name="override"' in client.post(address("expense_new", budget), typed).content
    without = client.post(address("expense_new", budget), {**typed, "override": "on"})
    assert list(without.context["form"].errors) == ["reason"]
    assert 'name="reason"' in without.content.decode()
    client.post(address("expense_new", budget), {**typed, "override": "on", "reason": "The boss agreed"})
    assert figures(roses) == ("5000", "0", "-4000")


def test_a_promise_that_does_not_fit_asks_for_a_reason(account, staff, manager, budget, roses):
    expense = make_expense(budget, staff, line_item=roses, amount=Decimal(1500))
    typed = {"version": expense.version}
    refused = browser(staff, account).post(step_of(expense, "commit"), typed)
    assert refused.status_code == 409
    assert "1,500.00 CAD do not fit: 1,000.00 are available on “Roses”" in words(refused)
    assert b'name="override"' not in refused.content
    client = browser(manager, account)
    assert b'name="override"' in client.post(step_of(expense, "commit"), typed).content
    assert figures(roses) == ("0", "0", "1000")
    client.post(step_of(expense, "commit"), {**typed, "override": "on", "reason": "agreed with the couple"})
    assert figures(roses) == ("1500", "0", "-500")


def test_a_bill_number_that_was_there_is_asked_about(account, staff, budget, roses):
    make_expense(budget, staff, line_item=roses, vendor="Meyer", stage="invoiced", invoice_number="7")
    expense = make_expense(budget, staff, line_item=roses, vendor="Meyer", stage="committed")
    client = browser(staff, account)
    page = client.get(step_of(expense, "invoice"))
    assert page.context["form"]["amount"].value() == "500.00"
    typed = {"amount": "200", "invoice_number": "7", "invoice_date": "2026-07-01", "version": expense.version}
    asked = client.post(step_of(expense, "invoice"), typed)
    assert asked.status_code == 409
    assert "Bill 7 of Meyer is recorded already" in words(asked)
    client.post(step_of(expense, "invoice"), {**typed, "confirm_duplicate": "on"})
    assert figures(roses) == ("300", "700", "0")


def test_a_bill_is_taken_back_and_the_promise_is_there_again(account, staff, budget, roses):
    expense = make_expense(budget, staff, line_item=roses, stage="committed")
    client = browser(staff, account)
    typed = {"amount": "100", "invoice_date": "2026-07-01", "version": expense.version, "final": "on"}
    client.post(step_of(expense, "invoice"), typed)
    bill = stored(expense).invoices.get()
    assert figures(roses) == ("0", "100", "900")
    where = reverse("budgets:bill_cancel", args=[expense.pk, bill.pk])
    assert "100.00 CAD are no longer spent, and 500.00 are promised again" in words(client.get(where))
    client.post(where, {"version": stored(expense).version, "reason": "wrong event"})
    assert figures(roses) == ("500", "0", "500")
    assert "taken back: wrong event" in words(client.get(page_of(expense)))


def test_instalments_add_up_and_are_paid_one_by_one(account, staff, budget, roses):
    expense = make_expense(budget, staff, line_item=roses, stage="invoiced")
    client = browser(staff, account)
    client.post(
        reverse("budgets:payment_plan", args=[expense.pk]),
        {"parts": "3", "interval": "month", "first_due": "2026-08-31"},
    )
    planned = list(ExpensePayment.objects.order_by("due_date"))
    assert [(str(one.amount), str(one.due_date)) for one in planned] == [
        ("166.670", "2026-08-31"),
        ("166.670", "2026-09-30"),
        ("166.660", "2026-10-31"),
    ]
    where = reverse("budgets:payment_paid", args=[expense.pk, planned[0].pk])
    done = client.post(where, {"day": "2026-08-30", "method": "transfer", "reference": "A-1"}, follow=True)
    assert "166.67 CAD paid." in words(done)
    assert (stored(expense).payment_status, stored(expense).next_due_date) == ("partial", date(2026, 9, 30))
    too_much = client.post(reverse("budgets:payment_new", args=[expense.pk]), {"amount": "1", "when": "paid"})
    assert too_much.status_code == 404 or "still to be paid or planned" in words(too_much)
    client.post(
        reverse("budgets:payment_cancel", args=[expense.pk, planned[0].pk]), {"version": "1", "reason": "bounced"}
    )
    assert stored(expense).paid_amount == 0


def test_cancelling_shows_first_what_it_takes_back(account, staff, budget, roses):
    expense = make_expense(budget, staff, line_item=roses, stage="committed")
    client = browser(staff, account)
    assert "500.00 CAD are no longer promised." in words(client.get(step_of(expense, "cancel")))
    assert figures(roses) == ("500", "0", "500")
    client.post(step_of(expense, "cancel"), {"version": expense.version, "reason": "rained off"})
    assert (stored(expense).stage, figures(roses)) == ("cancelled", ("0", "0", "1000"))
    assert verify_ledger() == []


def test_a_step_looked_at_before_a_change_is_shown_anew(account, staff, manager, budget, roses):
    expense = make_expense(budget, staff, line_item=roses)
    browser(manager, account).post(
        reverse("budgets:expense_edit", args=[expense.pk]), entered(roses, amount="700", version=1)
    )
    client = browser(staff, account)
    stale = client.post(step_of(expense, "commit"), {"version": 1})
    assert stale.status_code == 409
    assert "700.00 CAD are set aside on “Roses”" in words(stale)
    assert figures(roses) == ("0", "0", "1000")
    client.post(step_of(expense, "commit"), {"version": stale.context["form"]["version"].value()})
    assert figures(roses) == ("700", "0", "300")


def test_two_at_one_expense_see_what_the_other_changed(account, staff, manager, budget, roses):
    expense = make_expense(budget, staff, line_item=roses)
    where = reverse("budgets:expense_edit", args=[expense.pk])
    mine, theirs = browser(staff, account), browser(manager, account)
    typed = entered(roses, version=expense.version, expense_date="2026-07-01")
    theirs.post(where, {**typed, "amount": "600", "vendor": "Meyer"})
    conflict = mine.post(where, {**typed, "amount": "700"})
    assert conflict.status_code == 409
    assert "The manager changed this expense meanwhile" in words(conflict)
    assert "Vendor is now “Meyer”, it was empty." in words(conflict)
    assert (stored(expense).amount, stored(expense).version) == (Decimal(600), 2)
    mine.post(where, {**typed, "amount": "700", "vendor": "Meyer", "version": 2})
    assert stored(expense).amount == Decimal(700)


def test_the_history_is_told_in_sentences(account, staff, manager, budget, roses):
    limit_expenses("400")
    expense = make_expense(budget, staff, line_item=roses, stage="committed")
    browser(manager, account).post(step_of(expense, "approve"), {"version": expense.version, "reason": "fine"})
    browser(staff, account).post(
        step_of(expense, "invoice"), {"amount": "200", "invoice_date": "2026-07-01", "version": 2}
    )
    told = [f"{step.by} {step.text}" for step in browser(staff, account).get(page_of(expense)).context["story"]]
    assert told == [
        "The staff entered a bill of 200.00 CAD",
        "The manager approved it and promised 500.00 CAD – “fine”",
        "None recorded it: 500.00 CAD, to be approved",
    ]


def test_what_waits_stands_in_the_inbox_of_who_decides(account, staff, manager, budget, roses, couple):
    limit_expenses("400")
    own = make_expense(budget, staff, line_item=roses, description="Own roses")
    of_client = make_expense(budget, couple, role=Role.CLIENT, line_item=roses, amount=Decimal(20), description="Vase")
    inbox = reverse("budgets:approvals")
    page = browser(manager, account).get(inbox)
    assert [one.description for one in page.context["expenses"].to_decide] == ["Own roses", "Vase"]
    assert "2 expenses wait for you" in words(page)
    page = browser(staff, account).get(inbox)
    assert [one.description for one in page.context["expenses"].own] == ["Own roses"]
    assert [one.description for one in page.context["expenses"].others] == ["Vase"]
    browser(manager, account).post(f"{step_of(own, 'reject')}?inbox", {"version": 1, "reason": "too dear"})
    assert (stored(own).approval, stored(own).decision_reason) == ("rejected", "too dear")
    assert browser(staff, account).post(step_of(of_client, "approve"), {"version": 1}).status_code == 409
    assert stored(of_client).approval == "pending"


def test_many_are_looked_at_before_they_are_changed(account, staff, budget, roses):
    hall = make_line(budget, staff, category="Venue", name="Hall", budgeted_amount=Decimal(100))
    small = make_expense(budget, staff, line_item=roses, amount=Decimal(60), stage="committed", description="Small")
    large = make_expense(budget, staff, line_item=roses, amount=Decimal(200), stage="committed", description="Large")
    client, where = browser(staff, account), reverse("budgets:expenses_bulk")
    sent = {"expense": [small.pk, large.pk], "action": "move", "target": f"line:{hall.pk}"}
    preview = client.post(where, sent)
    assert [one.description for one in preview.context["fine"]] == ["Small"]
    assert [one.description for one, _ in preview.context["refused"]] == ["Large"]
    assert (figures(hall), stored(small).line_item_id) == (("0", "0", "100"), roses.pk)
    done = client.post(where, {**sent, "confirm": "1"}, follow=True)
    assert "1 expense changed." in words(done)
    assert "Left as it was: 200.00 CAD do not fit" in words(done)
    assert (figures(hall), figures(roses)) == (("60", "0", "40"), ("200", "0", "800"))
    client.post(where, {"expense": [small.pk, large.pk], "action": "cancel", "confirm": "1"})
    assert {stored(small).stage, stored(large).stage} == {ExpenseStage.CANCELLED}
    assert verify_ledger() == []


def test_the_list_is_narrowed_and_its_sums_follow(account, staff, budget, roses, django_assert_max_num_queries):
    for number in range(3):
        make_expense(
            budget,
            staff,
            line_item=roses,
            description=f"Vase {number}",
            amount=Decimal(300),
            vendor="Meyer",
            stage="committed",
        )
    make_expense(budget, staff, category="Transport", description="Van", amount=Decimal(70), stage="invoiced")
    client = browser(staff, account)
    with django_assert_max_num_queries(18):
        page = client.get(address("budget_expenses", budget))
    [sums] = page.context["sums"]
    assert (sums.count, sums.amount, sums.committed, sums.actual) == (4, Decimal(970), Decimal(900), Decimal(70))
    assert "not in the plan" in words(page)
    found = client.get(reverse("budgets:expenses"), {"search": "meyer", "stage": "committed"})
    assert [row.expense.description for row in found.context["rows"]] == ["Vase 2", "Vase 1", "Vase 0"]
    assert [
        row.expense.description
        for row in client.get(reverse("budgets:expenses"), {"payment": "pending"}).context["rows"]
    ] == ["Van"]


def test_a_client_records_comments_and_pays_and_sees_no_internals(account, staff, couple, budget, roses):
    agreed = make_expense(budget, staff, line_item=roses, stage="invoiced", notes="They would take 400", vendor="Meyer")
    client = browser(couple, account)
    client.post(
        address("expense_new", budget), entered(roses, amount="40", stage="paid", notes="hidden", override="on")
    )
    own = Expense.objects.get(amount=40)
    assert (own.approval, own.notes, own.paid_amount) == ("pending", "", 0)
    page = client.get(page_of(agreed))
    assert ("They would take 400" in words(page), "Meyer" in words(page)) == (False, True)
    client.post(reverse("budgets:expense_comment", args=[agreed.pk]), {"text": "Lovely <b>roses</b>"})
    assert "Lovely <b>roses</b>" in words(client.get(page_of(agreed)))
    client.post(reverse("budgets:payment_new", args=[agreed.pk]), {"amount": "100", "when": "paid"})
    assert stored(agreed).paid_amount == 100
    for name in ("expense_edit", "bill_cancel"):
        more = [agreed.pk] if name == "expense_edit" else [agreed.pk, agreed.invoices.get().pk]
        assert client.post(reverse(f"budgets:{name}", args=more), {}).status_code in (302, 403)
    assert client.post(step_of(agreed, "cancel"), {"version": stored(agreed).version}).status_code == 409
    assert stored(agreed).stage == "invoiced"
    for name in ("vendors", "exchange_rates", "expense_rules"):
        assert client.get(reverse(f"budgets:{name}")).status_code == 403
    assert client.get(reverse("budgets:vendor", args=[agreed.vendor_id])).status_code == 403
    client.post(step_of(own, "withdraw"), {"version": 1})
    assert stored(own).approval == "rejected"


def test_a_currency_without_a_rate_says_what_next(account, staff, couple, budget, roses):
    typed = entered(roses, currency="EUR")
    of_team = browser(staff, account).post(address("expense_new", budget), typed)
    of_client = browser(couple, account).post(address("expense_new", budget), typed)
    assert list(of_team.context["form"].errors) == ["exchange_rate"]
    assert of_client.context["form"].errors["currency"] == [
        "The team has no rate for EUR yet. Write the amount in CAD, or ask them in a comment."
    ]
    browser(staff, account).post(
        address("expense_new", budget), {**typed, "exchange_rate": "1.5", "rate_source": "bank"}
    )
    expense = Expense.objects.get()
    assert (expense.amount, expense.budget_amount, expense.rate_source) == (500, 750, "bank")
    assert "1 EUR = 1.5 CAD" in words(browser(couple, account).get(page_of(expense)))


def test_why_the_team_decided_is_the_teams(account, staff, manager, couple, budget, roses):
    limit_expenses("400")
    of_team = make_expense(budget, staff, line_item=roses, description="Peonies")
    of_client = make_expense(budget, couple, role=Role.CLIENT, line_item=roses, amount=Decimal(20))
    for expense, reason in ((of_team, "They pay late"), (of_client, "We bring vases")):
        browser(manager, account).post(step_of(expense, "reject"), {"version": 1, "reason": reason})
    client = browser(couple, account)
    assert "They pay late" not in words(client.get(page_of(of_team)))
    assert "We bring vases" in words(client.get(page_of(of_client)))
    assert "They pay late" in words(browser(staff, account).get(page_of(of_team)))


def test_a_clients_home_leads_to_their_expenses(account, couple, budget):
    client = browser(couple, account)
    home = client.get("/")
    assert address("budget_expenses", budget) in home.content.decode()
    # Of their one event everything is entered where all is listed.
    assert b'id="quick-line"' in client.get(reverse("budgets:expenses")).content


def test_planned_expenses_stand_with_their_line(account, staff, budget, roses):
    make_expense(budget, staff, line_item=roses)
    make_expense(budget, staff, line_item=roses, stage="committed")
    text = words(browser(staff, account).get(address("detail", budget)))
    assert "1 planned expense, 500.00: no money moved yet" in text


def test_the_team_and_the_client_talk_about_the_budget(account, staff, couple, owner, budget, roses):
    expense = make_expense(budget, staff, line_item=roses)
    client, where = browser(couple, account), address("comments", budget)
    client.post(where, {"text": "Could we pay later?"})
    browser(staff, account).post(reverse("budgets:expense_comment", args=[expense.pk]), {"text": "Red ones"})
    page = client.get(where)
    assert [comment.text for comment in page.context["comments"]] == ["Red ones", "Could we pay later?"]
    empty = client.post(where, {"text": " "})
    assert (empty.status_code, BudgetComment.objects.count()) == (422, 2)
    red, own = page.context["comments"]
    refused = client.post(address("budget_comment_delete", budget, red.pk), follow=True)
    assert "Only who wrote a comment deletes it." in words(refused)
    client.post(address("budget_comment_delete", budget, own.pk))
    assert list(BudgetComment.objects.values_list("text", flat=True)) == ["Red ones"]
    elsewhere = make_budget(account, owner, event=make_event(account, owner, name="Somebody else's"))
    assert client.post(address("comments", elsewhere), {"text": "Hello"}).status_code == 404


def test_a_client_finds_no_other_event(account, owner, couple, staff):
    elsewhere = make_budget(account, owner, event=make_event(account, owner, name="Somebody else's"))
    expense = make_expense(elsewhere, staff)
    client = browser(couple, account)
    assert client.get(page_of(expense)).status_code == 404
    assert client.get(address("budget_expenses", elsewhere)).status_code == 404
    assert client.get(reverse("budgets:expenses")).context["rows"] == []


def test_a_strangers_expense_is_not_there(account, staff, budget, roses, other_account):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        expense = make_expense(make_budget(other_account, rival), rival, currency="EUR", stage="committed")
    client = browser(staff, account)
    assert client.get(page_of(expense)).status_code == 404
    for name in ("expense_edit", "payment_new", "payment_plan", "expense_comment"):
        assert client.post(reverse(f"budgets:{name}", args=[expense.pk]), {"text": "x"}).status_code == 404
    for step in ("commit", "invoice", "cancel"):
        assert client.post(step_of(expense, step), {"version": 1}).status_code == 404
    client.post(reverse("budgets:expenses_bulk"), {"expense": [expense.pk], "action": "cancel", "confirm": "1"})
    with tenant_scope(other_account.pk):
        assert (stored(expense).stage, BudgetComment.objects.count()) == ("committed", 0)


def test_only_who_may_takes_a_step(account, staff, organizer, budget, roses):
    expense = make_expense(budget, staff, line_item=roses)
    assert browser(organizer, account).get(page_of(expense)).status_code == 404
    assert browser(make_member(account, Role.ATTENDEE).user, account).get(page_of(expense)).status_code == 403
    commit_expense(expense_id=expense.pk, acting_user=staff, acting_role=Role.STAFF, now=NOW)
    again = browser(staff, account).post(step_of(expense, "commit"), {"version": 2})
    assert (again.status_code, stored(expense).version) == (409, 2)
