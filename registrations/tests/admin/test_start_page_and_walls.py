"""What the start page says, and who is kept out."""

from datetime import timedelta

import pytest
from django.urls import reverse

from budgetsite.accounts.roles import BACK_OFFICE, Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import make_member
from budgetsite.testing.registrations import NOW, ask, make_open_event, make_option
from registrations.services.registration import cancel
from registrations.tests.admin.back_office import (
    LIST,
    panels_of,
    send,
    statuses,
    url,
)
from registrations.tests.registrations import at, everything_of


def test_the_start_page_says_what_waits(worker, event, option, asked):
    with at(NOW):
        panel = panels_of(worker)["Registrations to decide"]

    row = panel.rows[0]
    assert (row.title, row.badge) == ("Annual day", "3 waiting")
    assert "CA$120.00" in row.note
    assert worker.get(row.url).context["cl"].result_count == 3


def test_the_start_page_says_which_offers_run_out_within_a_day(worker, event, owner, queue):
    cancel(registration_id=queue[0].taken.pk, event=event, acting_user=owner, now=NOW)
    with at(NOW + timedelta(hours=22, minutes=30)):
        shown = panels_of(worker)["Offers about to run out"]
    with at(NOW + timedelta(hours=25)):
        gone = panels_of(worker)
    with at(NOW - timedelta(minutes=1)):
        far = panels_of(worker)

    assert [(row.title.partition(" (")[0], row.badge) for row in shown.rows] == [("Guest 2", "1 h 30 min left")]
    assert "Offers about to run out" not in gone
    assert "Offers about to run out" not in far


def test_an_account_that_takes_none_is_not_bothered(worker):
    assert not {"Registrations to decide", "Offers about to run out"} & panels_of(worker).keys()


@pytest.mark.parametrize("role", list(Role))
def test_the_back_office_decides_and_nobody_else_enters(account, event, asked, member_client, role):
    with at(NOW):
        answer = member_client(role).post(url(asked[0], "approve_one"), {"slot": ""})

    assert answer.status_code == (302 if role in BACK_OFFICE else 403)
    assert statuses(asked)[0] == ("APPROVED" if role in BACK_OFFICE else "PENDING")


def test_another_accounts_rows_can_be_neither_chosen_nor_offered(worker, other_account, event, option, asked):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        foreign = make_open_event(other_account, rival, name="Rival's day")
        theirs = make_option(foreign, rival, option_name="Rival's cup")
        wanted = ask(foreign, rival, theirs)
        before = everything_of(foreign)

    send(worker, "cancel_rows", [wanted, asked[0]], confirmed="yes", reason="")
    made = worker.post(
        reverse("admin:registrations_eventoption_add"),
        {
            "event": str(foreign.pk),
            "option_name": "Intruder",
            "option_type": "GIFT",
            "sort_order": "0",
            "total_available": "1",
            "cost_per_unit": "0",
        },
    )
    filtered = worker.get(reverse(LIST), {"event__id__exact": foreign.pk, "option": theirs.pk})

    assert statuses(asked)[0] == "CANCELLED"
    assert made.context["adminform"].form.errors.keys() == {"event"}
    assert b"Rival&#x27;s" not in filtered.content
    assert filtered.context["cl"].result_count == 0
    with tenant_scope(other_account.pk):
        assert everything_of(foreign) == before
