"""Many registrations in the back office: a preview first, then each by itself."""

from budgetsite.testing.registrations import NOW, ask, make_open_event, make_option
from registrations.services.registration import cancel
from registrations.tests.admin.back_office import assert_all_true, send, statuses, told
from registrations.tests.registrations import budget_of, everything_of, registration_now


def test_the_preview_says_who_would_not_fit_and_stores_nothing(worker, event, asked, guests):
    before = everything_of(event)

    page = send(worker, "approve_rows", list(reversed(asked)))

    confirmation = page.context["confirmation"]
    assert [title for title, _ in confirmation.rows] == [
        f"Guest 1 ({guests[0].email}), Event Mug",
        f"Guest 2 ({guests[1].email}), Event Mug",
    ]
    assert confirmation.refused_title == "1 would be refused"
    assert confirmation.refused_rows == [
        (
            f"Guest 3 ({guests[2].email}), Event Mug",
            "The event's budget has 20.00 CAD left; 40.00 are needed.",
        )
    ]
    assert confirmation.label == "Approve 2"
    assert "1 would be refused" in page.content.decode()
    assert everything_of(event) == before


def test_many_are_approved_one_by_one_and_each_refusal_is_told(worker, staff, event, asked, guests):
    page = send(worker, "approve_rows", asked, confirmed="yes", reason="")

    assert statuses(asked) == ["APPROVED", "APPROVED", "PENDING"]
    assert told(page) == [
        "2 approved, 1 refused.",
        f"Guest 3 ({guests[2].email}), Event Mug: The event's budget has 20.00 CAD left; 40.00 are needed.",
    ]
    assert budget_of(event).total_committed_amount == 80
    assert_all_true(event)


def test_many_of_several_events_are_decided_at_once(worker, account, owner, event, asked, guests):
    other = make_open_event(account, owner, name="Other day")
    elsewhere = ask(other, guests[0], make_option(other, owner))
    send(worker, "reject_rows", [asked[0], elsewhere], confirmed="yes", reason="Rained off")

    for row in (asked[0], elsewhere):
        found = registration_now(row)
        assert (found.status, found.reason) == ("REJECTED", "Rained off")
    assert_all_true(event)


def test_those_decided_already_are_counted_apart(worker, event, asked, owner):
    cancel(registration_id=asked[0].pk, event=event, acting_user=owner, now=NOW, reason="No")
    preview = send(worker, "cancel_rows", asked)
    page = send(worker, "cancel_rows", asked, confirmed="yes", reason="Again")

    assert preview.context["confirmation"].rows[2][1] == "Cancelled already; nothing changes."
    assert told(page) == ["2 cancelled, 1 had been already."]
    assert registration_now(asked[0]).reason == "No"


def test_nothing_to_do_offers_no_button(worker, event, asked, owner):
    cancel(registration_id=asked[0].pk, event=event, acting_user=owner, now=NOW)
    page = send(worker, "approve_rows", [asked[0]])

    confirmation = page.context["confirmation"]
    assert confirmation.refusal == "None of these can be approved."
    assert "is cancelled and can't be approved" in confirmation.refused_rows[0][1]
    assert statuses(asked)[0] == "CANCELLED"
