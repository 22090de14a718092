"""One registration in the back office: decided, given a slot, taken back; what is refused changes nothing."""

from django.urls import reverse

from budgetsite.outbox.models import OutboxEvent
from budgetsite.testing.registrations import NOW, ask
from registrations.models import CheckIn, EventOption, PickupSlot, RegistrationDesk
from registrations.services.check_in import check_in
from registrations.services.registration import approve
from registrations.tests.admin.back_office import assert_all_true, send, statuses, told, url
from registrations.tests.registrations import at, committed, everything_of, registration_now


def test_somebody_is_approved_and_the_money_is_committed(worker, staff, event, asked):
    with at(NOW):
        page = worker.get(url(asked[0], "approve_one"))
        answer = worker.post(url(asked[0], "approve_one"), {"slot": ""})

    found = registration_now(asked[0])
    assert "CA$40.00" in page.content.decode()
    assert answer.status_code == 302
    assert (found.status, found.approved_by, found.amount_committed) == ("APPROVED", staff, 40)
    assert committed(event) == 40
    assert_all_true(event)


def test_asking_first_changes_nothing(worker, event, asked):
    before = everything_of(event)
    with at(NOW):
        for name in ("approve_one", "reject_one", "cancel_one", "assign_one", "undo_one"):
            assert worker.get(url(asked[0], name)).status_code == 200
    assert everything_of(event) == before
    assert not OutboxEvent.objects.filter(kind="registration.approved").exists()


def test_pages_are_headed_by_people_and_times(worker, event, asked):
    desk = RegistrationDesk.objects.get(event=event)
    slot = PickupSlot.objects.filter(event=event).order_by("starts_at").first()
    for row, name in ((asked[0], "Registration of Guest 1"), (desk, "Registration for Annual day")):
        assert worker.get(url(row)).context["subtitle"] == name
    # Eight in the morning in Toronto.
    assert worker.get(url(slot)).context["subtitle"] == "2026-07-15 08:00"


def test_an_approval_can_give_another_slot(worker, event, asked):
    first, second = PickupSlot.objects.filter(event=event).order_by("starts_at")[:2]
    PickupSlot.objects.filter(pk=first.pk).update(capacity=1, booked=1)
    with at(NOW):
        offered = worker.get(url(asked[0], "approve_one")).context["confirmation"].form.fields["slot"].choices
        full = worker.post(url(asked[0], "approve_one"), {"slot": str(first.pk)})
        given = worker.post(url(asked[0], "approve_one"), {"slot": str(second.pk)})

    assert str(first.pk) not in dict(offered)
    assert full.status_code == 400
    assert b"This slot has no room any more" in full.content
    assert given.status_code == 302
    assert registration_now(asked[0]).assigned_slot_id == second.pk


def test_a_full_slot_leaves_the_choice_of_another(worker, account, event, option, guests):
    event.pending_holds = False
    event.save(update_fields=["pending_holds"])
    first, second = PickupSlot.objects.filter(event=event).order_by("starts_at")[:2]
    registration = ask(event, guests[0], option, slot_id=first.pk)
    PickupSlot.objects.filter(pk=first.pk).update(capacity=1, booked=1)

    with at(NOW):
        page = worker.get(url(registration, "approve_one"))
        refused = worker.post(url(registration, "approve_one"), {"slot": ""})
        assert (refused.status_code, registration_now(registration).status) == (409, "PENDING")
        given = worker.post(url(registration, "approve_one"), {"slot": str(second.pk)})

    confirmation = page.context["confirmation"]
    assert confirmation.refusal == ""
    assert "is full" in confirmation.errors[0]
    assert "Choose another slot below." in confirmation.errors[0]
    assert given.status_code == 302
    assert registration_now(registration).assigned_slot_id == second.pk


def test_what_the_budget_cannot_pay_is_said_before_and_refused(worker, event, option, asked, owner):
    for row in asked[:2]:
        approve(registration_id=row.pk, event=event, acting_user=owner, now=NOW)
    before = everything_of(event)

    with at(NOW):
        page = worker.get(url(asked[2], "approve_one"))
        answer = worker.post(url(asked[2], "approve_one"), {"slot": ""})

    why = "The event's budget has 20.00 CAD left; 40.00 are needed."
    assert page.context["confirmation"].refusal == why
    assert answer.status_code == 409
    assert answer.context["confirmation"].errors == [why]
    assert everything_of(event) == before


def test_nobody_approves_their_own(worker, staff, event, option):
    own = ask(event, staff, option)
    with at(NOW):
        shown = worker.get(url(own)).content.decode()
        page = worker.get(url(own, "approve_one"))
        answer = worker.post(url(own, "approve_one"), {"slot": ""})
    rows = send(worker, "approve_rows", [own], confirmed="yes", reason="")

    assert url(own, "approve_one") not in shown
    assert url(own, "cancel_one") in shown
    why = "This is your own registration. Someone else has to approve it."
    assert page.context["confirmation"].refusal == why
    assert answer.status_code == 409
    assert told(rows) == ["0 approved, 1 refused.", f"{staff.name} ({staff.email}), Event Mug: {why}"]
    assert registration_now(own).status == "PENDING"


def test_rejecting_and_cancelling_give_everything_back(worker, event, asked, owner, option):
    for row in asked[:2]:
        approve(registration_id=row.pk, event=event, acting_user=owner, now=NOW)
    with at(NOW):
        rejected = worker.post(url(asked[0], "reject_one"), {"reason": "Twice on the list"})
        cancelled = worker.post(url(asked[1], "cancel_one"), {"reason": ""})
        again = worker.post(url(asked[1], "approve_one"), {"slot": ""})

    assert (rejected.status_code, cancelled.status_code, again.status_code) == (302, 302, 409)
    assert statuses(asked) == ["REJECTED", "CANCELLED", "PENDING"]
    assert registration_now(asked[0]).reason == "Twice on the list"
    assert committed(event) == 0
    assert EventOption.objects.get(pk=option.pk).committed_count == 0
    assert_all_true(event)


def test_a_slot_is_given_out_and_a_full_one_is_not(worker, event, asked):
    first, second = PickupSlot.objects.filter(event=event).order_by("starts_at")[:2]
    PickupSlot.objects.filter(pk=second.pk).update(capacity=1, booked=1)
    with at(NOW):
        given = worker.post(url(asked[0], "assign_one"), {"slot": str(first.pk)})
        full = worker.post(url(asked[0], "assign_one"), {"slot": str(second.pk)})
        nothing = worker.post(url(asked[0], "assign_one"), {"slot": ""})

    assert (given.status_code, full.status_code, nothing.status_code) == (302, 400, 400)
    assert registration_now(asked[0]).preferred_slot_id == first.pk
    assert PickupSlot.objects.get(pk=first.pk).booked == 1


def test_a_check_in_is_taken_back_with_a_reason(worker, staff, event, option, asked, owner):
    approve(registration_id=asked[0].pk, event=event, acting_user=owner, now=NOW)
    early = worker.post(url(asked[0], "undo_one"), {"reason": "Too early"})
    check_in(event=event, qr_token=asked[0].qr_token, acting_user=owner, now=NOW)
    collected = worker.get(url(asked[0])).content.decode()
    silent = worker.post(url(asked[0], "undo_one"), {"reason": " "})
    assert registration_now(asked[0]).collected_at == NOW
    done = worker.post(url(asked[0], "undo_one"), {"reason": "Wrong person"})

    assert (early.status_code, silent.status_code, done.status_code) == (409, 400, 302)
    assert url(asked[0], "undo_one") in collected
    assert url(asked[0], "cancel_one") not in collected
    assert registration_now(asked[0]).collected_at is None
    assert EventOption.objects.get(pk=option.pk).collected_count == 0
    last = CheckIn.objects.order_by("-created_at", "-id").first()
    assert (last.result, last.reason, last.actor) == ("UNDONE", "Wrong person", staff)
    assert "Wrong person" in worker.get(url(asked[0])).content.decode()


def test_what_was_collected_is_neither_cancelled_nor_rejected(worker, event, asked, owner):
    approve(registration_id=asked[0].pk, event=event, acting_user=owner, now=NOW)
    check_in(event=event, qr_token=asked[0].qr_token, acting_user=owner, now=NOW)
    before = everything_of(event)
    for name in ("cancel_one", "reject_one"):
        answer = worker.post(url(asked[0], name), {"reason": ""})
        assert answer.status_code == 409
        assert "Take the check-in back first." in answer.content.decode()
    assert everything_of(event) == before


def test_fields_are_read_only(worker, event, asked):
    assert worker.get(url(asked[0])).status_code == 200
    assert worker.post(url(asked[0]), {"status": "APPROVED", "party_size": "5"}).status_code == 403
    assert worker.get(reverse("admin:registrations_eventregistration_add")).status_code == 403
    assert worker.post(url(asked[0], "delete")).status_code == 403
    assert (registration_now(asked[0]).status, registration_now(asked[0]).party_size) == ("PENDING", 1)
