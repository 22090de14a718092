"""Slots and the rules of a desk in the back office."""

from decimal import Decimal

from django.urls import reverse

from budgetsite.outbox.models import OutboxEvent
from registrations.models import PickupSlot, RegistrationDesk
from registrations.tests.admin.back_office import (
    form_of,
    listed,
    url,
)


def test_a_slots_room_is_changed_but_never_below_what_is_booked(worker, event, asked):
    slot = PickupSlot.objects.filter(event=event).order_by("starts_at").first()
    PickupSlot.objects.filter(pk=slot.pk).update(booked=4)

    few = worker.post(url(slot), {"capacity": "3"})
    none = worker.post(url(slot), {"capacity": "0"})
    assert PickupSlot.objects.get(pk=slot.pk).capacity == 10
    more = worker.post(url(slot), {"capacity": "4"})

    assert few.context["adminform"].form.errors == {
        "capacity": ["4 people are booked; room for 3 is too little. Give some another slot first."]
    }
    assert none.context["adminform"].form.errors.keys() == {"capacity"}
    assert more.status_code == 302
    assert PickupSlot.objects.get(pk=slot.pk).capacity == 4
    assert "4 of 4" in worker.get(listed(PickupSlot)).content.decode()
    assert worker.post(url(slot, "delete")).status_code == 409
    assert worker.get(reverse("admin:registrations_pickupslot_add")).status_code == 403


def test_the_policy_is_changed_by_its_service(worker, event):
    desk = RegistrationDesk.objects.get(event=event)
    data = form_of(worker, desk)

    wrong = worker.post(url(desk), data | {"kept_share": "101"})
    assert wrong.context["adminform"].form.errors.keys() == {"kept_share"}
    assert RegistrationDesk.objects.get(pk=desk.pk).kept_share == 0
    right = worker.post(url(desk), data | {"kept_share": "12.5", "cancel_until_hours": "48"})

    found = RegistrationDesk.objects.get(pk=desk.pk)
    assert right.status_code == 302
    assert (found.kept_share, found.cancel_until_hours, found.offer_minutes) == (Decimal("12.50"), 48, 1440)
    assert OutboxEvent.objects.filter(kind="event.registration_policy_changed").count() == 1
    assert worker.get(reverse("admin:registrations_registrationdesk_add")).status_code == 403
    assert worker.post(url(desk, "delete")).status_code == 403


def test_a_deleted_slot_comes_back_unless_another_has_its_time(worker, event, owner):
    slot, other = PickupSlot.objects.filter(event=event).order_by("starts_at")[:2]
    for row in (slot, other):
        assert worker.post(url(row, "delete")).status_code == 302
    PickupSlot.objects.create(event=event, starts_at=other.starts_at, ends_at=other.ends_at)

    assert worker.post(url(slot, "restore_row")).status_code == 302
    refused = worker.post(url(other, "restore_row"))

    assert refused.status_code == 409
    assert b"There is another slot at this time and place now." in refused.content
    assert PickupSlot.objects.filter(pk__in=[slot.pk, other.pk]).get() == slot
