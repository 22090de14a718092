import re

import pytest
from django.urls import reverse
from django.utils import timezone

from alerts.models import BudgetAlert
from budgets.models import BudgetStatus, EventBudget
from budgets.tests.pages import HTMX, words
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.people import make_member, sign_in
from budgetsite.testing.scoped_budgets import make_scoped_budget, spend


@pytest.fixture
def alert(account, organizer):
    """One open alert: a line overspent within its budget."""
    budget = make_budget(account, organizer, event=make_event(account, organizer, name="Summer gala"))
    make_line(budget, organizer, name="Hall", budgeted_amount="100", actual_amount="150")
    return BudgetAlert.objects.get()


def listed(client, **query):
    return [alert.pk for alert in client.get(reverse("alerts:list"), query).context["alerts"]]


def test_an_alert_moves_from_tab_to_tab_as_it_is_answered(account, organizer, alert):
    client = sign_in(organizer, account)
    assert listed(client) == [alert.pk]

    client.post(reverse("alerts:acknowledge", args=[alert.pk]), {"comment": "Known", "next": reverse("alerts:list")})

    assert listed(client) == []
    assert listed(client, state="acknowledged") == [alert.pk]
    alert.refresh_from_db()
    assert (alert.acknowledged_by, alert.acknowledged_comment) == (organizer, "Known")

    client.post(reverse("alerts:resolve", args=[alert.pk]), {"comment": "Paid by the client"})

    assert listed(client, state="acknowledged") == []
    page = client.get(reverse("alerts:list"), {"state": "resolved"})
    assert f"resolved by {organizer} : “Paid by the client”" in words(page)


def test_on_the_budgets_page_the_list_of_alerts_is_renewed_in_place(account, organizer, alert):
    client = sign_in(organizer, account)

    response = client.post(
        reverse("alerts:acknowledge", args=[alert.pk]), headers=HTMX | {"HX-Target": "budget-alerts"}
    )

    assert response.status_code == 200
    assert f"acknowledged by {organizer}" in words(response)
    assert reverse("alerts:resolve", args=[alert.pk]) in response.content.decode()
    assert reverse("alerts:acknowledge", args=[alert.pk]) + '"' not in response.content.decode()


def test_a_budgets_page_carries_20_alerts_and_the_way_to_the_others(account, organizer):
    budget = make_budget(account, organizer, total="30000")
    for number in range(22):
        make_line(budget, organizer, name=f"Line {number}", budgeted_amount="1", actual_amount="2")
    open_alerts = BudgetAlert.objects.open().for_budget(budget.pk).count()

    page = sign_in(organizer, account).get(reverse("budgets:detail", args=[budget.pk]))

    assert open_alerts == 22
    assert len(set(re.findall(r"/alerts/([0-9a-f-]{36})/resolve", page.content.decode()))) == 20
    assert f"All {open_alerts} open alerts" in words(page)


def test_an_alert_leaves_the_list_in_place(account, organizer, alert):
    client = sign_in(organizer, account)

    response = client.post(
        reverse("alerts:resolve", args=[alert.pk]), headers=HTMX | {"HX-Target": f"alert-{alert.pk}"}
    )

    assert "alert-list__item" not in response.content.decode()
    assert "Resolved." in words(response)


def test_a_second_acknowledgement_is_told_whose_was_first(account, organizer, manager, alert):
    sign_in(manager, account).post(reverse("alerts:acknowledge", args=[alert.pk]))

    response = sign_in(organizer, account).post(reverse("alerts:acknowledge", args=[alert.pk]), follow=True)

    assert f"{manager} acknowledged this alert already" in words(response)
    alert.refresh_from_db()
    assert alert.acknowledged_by == manager


@pytest.mark.parametrize("closed", [BudgetStatus.FINALIZED, BudgetStatus.ARCHIVED])
def test_alerts_of_closed_budgets_wait_for_nobody_and_stay_readable(account, organizer, alert, closed):
    client = sign_in(organizer, account)
    before = client.get(reverse("home"))
    EventBudget.objects.filter(pk=alert.budget_id).update(status=closed)

    after = client.get(reverse("home"))

    assert ([shown.pk for shown in before.context["alerts"]], before.context["alerts_open"]()) == ([alert.pk], 1)
    assert ([shown.pk for shown in after.context["alerts"]], after.context["alerts_open"]()) == ([], 0)
    assert listed(client) == listed(client, state="acknowledged") == []
    assert listed(client, state="closed") == [alert.pk]


def test_what_waits_is_listed_gravest_first_then_newest_on_every_page(account, organizer):
    budget = make_budget(account, organizer, total="30000")
    for number in range(60):
        # Every third line is far above its plan (critical), the others a little (warning).
        actual = "130" if number % 3 == 0 else "110"
        make_line(budget, organizer, name=f"Line {number}", budgeted_amount="100", actual_amount=actual)
    newest_first = list(BudgetAlert.objects.open().newest_first())
    expected = [alert.pk for alert in sorted(newest_first, key=lambda alert: alert.level != "critical")]
    client = sign_in(organizer, account)

    forwards, backwards = [client.get(reverse("alerts:list"))], []
    while forwards[-1].context["older_url"]:
        forwards.append(client.get(reverse("alerts:list") + forwards[-1].context["older_url"]))
    url = forwards[-1].context["newer_url"]
    while url:
        backwards.append(client.get(reverse("alerts:list") + url))
        url = backwards[-1].context["newer_url"]

    pages = [[alert.pk for alert in page.context["alerts"]] for page in forwards]
    assert [len(page) for page in pages] == [25, 25, 10]
    assert [pk for page in pages for pk in page] == expected
    assert [[alert.pk for alert in page.context["alerts"]] for page in backwards] == pages[1::-1]
    assert "The gravest first" in words(forwards[0])
    assert "No more alerts" in words(forwards[-1])


def test_the_list_narrows_to_one_event(account, organizer, alert):
    other = make_budget(account, organizer, event=make_event(account, organizer, name="Other"))
    make_line(other, organizer, budgeted_amount="1", actual_amount="2")
    client = sign_in(organizer, account)

    assert len(listed(client)) == 2
    assert listed(client, event=str(alert.budget.event_id)) == [alert.pk]
    assert len(listed(client, event="nonsense")) == 2


def test_the_way_back_never_leads_to_another_site(account, organizer, alert):
    response = sign_in(organizer, account).post(
        reverse("alerts:acknowledge", args=[alert.pk]), {"next": "https://example.com/"}
    )

    assert response["Location"] == reverse("budgets:detail", args=[alert.budget_id])


@pytest.mark.parametrize("role", [Role.CLIENT, Role.ATTENDEE])
def test_clients_and_attendees_have_no_alerts(account, alert, role):
    client = sign_in(make_member(account, role).user, account)

    assert client.get(reverse("alerts:list")).status_code == 403
    assert client.post(reverse("alerts:resolve", args=[alert.pk])).status_code == 403
    alert.refresh_from_db()
    assert not alert.resolved


def test_strangers_and_other_organizers_find_no_alert(account, alert, other_account):
    with tenant_scope(other_account.pk):
        stranger = make_member(other_account, Role.OWNER).user
    colleague = make_member(account, Role.ORGANIZER).user

    for client in (sign_in(stranger, other_account), sign_in(colleague, account)):
        assert listed(client) == []
        assert client.get(reverse("alerts:acknowledge", args=[alert.pk])).status_code == 404
        assert client.post(reverse("alerts:acknowledge", args=[alert.pk])).status_code == 404
    alert.refresh_from_db()
    assert not alert.is_acknowledged


# --- Company budgets --------------------------------------------------------------------------------------------------


def test_a_company_budgets_alerts_are_read_and_answered_where_it_stands(account, staff, organizer):
    budget = make_scoped_budget(account, staff, name="Season 2026")
    spend(budget, staff, 850, now=timezone.now())
    alert = BudgetAlert.objects.get()
    client = sign_in(staff, account)

    row = words(client.get(reverse("alerts:list")))
    assert "Season 2026 : Nearly used up (80% mark): 850.00 of 1,000.00 USD" in row
    # Whoever runs events alone sees nothing of it.
    assert listed(sign_in(organizer, account)) == []
    page = client.get(reverse("budgets:company_budget", args=[budget.pk]))
    assert "1 open alert" in words(page)

    response = client.post(
        reverse("alerts:acknowledge", args=[alert.pk]), headers=HTMX | {"HX-Target": "budget-alerts"}
    )
    assert f"acknowledged by {staff}" in words(response)
    assert client.post(reverse("alerts:resolve", args=[alert.pk])).url == reverse(
        "budgets:company_budget", args=[budget.pk]
    )
    assert listed(client, state="resolved", company_budget=budget.pk) == [alert.pk]
    assert listed(client, state="resolved", company_budget=make_scoped_budget(account, staff, scope_id="b").pk) == []


def test_the_start_page_names_the_company_budget(account, staff):
    budget = make_scoped_budget(account, staff, name="Season 2026")
    spend(budget, staff, 1_200, now=timezone.now())
    page = sign_in(staff, account).get("/")
    assert "Season 2026 : 200.00 USD over budget: 1,200.00 spent of 1,000.00 (120.00%)." in words(page)
    assert reverse("budgets:company_budget", args=[budget.pk]) in page.content.decode()
