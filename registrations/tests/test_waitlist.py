"""The queue: joined when there is no room, offered in order, accepted in time, passed on."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.conf import settings

from budgetsite.outbox.models import OutboxEvent
from budgetsite.testing.registrations import NOW, ask, make_open_event, make_option
from registrations.models import PickupSlot, WaitlistEntry
from registrations.services.option import update_option
from registrations.services.problems import OfferGone, PartyNeverFits
from registrations.services.registration import cancel, reject
from registrations.services.slot import update_slot
from registrations.services.waitlist import accept_offer, join_waitlist, leave_waitlist, prioritise
from registrations.tasks import mind_one_waitlist, mind_waitlists, mind_waitlists_of_account
from registrations.tests.registrations import (
    approved,
    assert_sound,
    at,
    client_of,
    expire_offers,
    guest,
    option_now,
    registration_now,
    slots_of,
)

A_DAY = timedelta(days=1)


@pytest.fixture
def event(account, owner):
    return make_open_event(account, owner)


@pytest.fixture
def option(event, owner):
    return make_option(event, owner, total_available=2)


@pytest.fixture
def taken(account, event, option):
    return [ask(event, guest(account), option) for _ in range(2)]


def join(event, option, user, **fields):
    values = {"slot_id": None, "now": NOW, **fields}
    return join_waitlist(event=event, user=user, option_id=option.pk if option else None, **values)


def statuses(*entries):
    stored = {entry.pk: entry.status for entry in WaitlistEntry.objects.all()}
    return [stored[entry.pk] for entry in entries]


def free(row, event, now=NOW):
    cancel(registration_id=row.pk, event=event, acting_user=row.user, now=now)


def test_a_freed_place_is_offered_to_the_first_and_kept_for_them(account, owner, event, option, taken):
    first, second = guest(account), guest(account)
    entries = [join(event, option, first), join(event, option, second)]
    free(taken[0], event)
    assert statuses(*entries) == ["OFFERED", "WAITING"]
    offered = WaitlistEntry.objects.get(pk=entries[0].pk)
    assert offered.offer_expires_at == NOW + A_DAY
    assert (option_now(option).held_count, option_now(option).available_slots) == (2, 0)
    made = accept_offer(entry_id=offered.pk, event=event, user=first, now=NOW + A_DAY - timedelta(seconds=1))
    assert (made.status, made.quoted_cost) == ("PENDING", Decimal(10))
    assert statuses(*entries) == ["ACCEPTED", "WAITING"]
    assert approved(made, event, owner).amount_committed == Decimal(10)
    kinds = OutboxEvent.objects.filter(subject_id=offered.pk).values_list("kind", flat=True)
    assert set(kinds) == {"waitlist.joined", "waitlist.offered", "waitlist.accepted"}
    assert_sound()


def test_staffs_priority_goes_first(account, owner, event, option, taken):
    entries = [join(event, option, guest(account)) for _ in range(3)]
    prioritise(entry_id=entries[2].pk, event=event, acting_user=owner, priority=5)
    free(taken[0], event)
    assert statuses(*entries) == ["WAITING", "WAITING", "OFFERED"]


def test_an_offer_that_runs_out_passes_on(account, event, option, taken):
    entries = [join(event, option, guest(account)) for _ in range(2)]
    free(taken[0], event)
    late = NOW + A_DAY
    with pytest.raises(OfferGone):
        accept_offer(entry_id=entries[0].pk, event=event, user=entries[0].user, now=late)
    assert expire_offers(now=late - timedelta(seconds=1)) == 0
    assert expire_offers(now=late) == 1
    assert expire_offers(now=late) == 0
    assert statuses(*entries) == ["EXPIRED", "OFFERED"]
    assert option_now(option).held_count == 2
    assert_sound()


def test_turning_an_offer_down_passes_on(account, event, option, taken):
    entries = [join(event, option, guest(account)) for _ in range(2)]
    free(taken[0], event)
    leave_waitlist(entry_id=entries[0].pk, event=event, user=entries[0].user, now=NOW)
    assert statuses(*entries) == ["CANCELLED", "OFFERED"]
    with pytest.raises(OfferGone):
        leave_waitlist(entry_id=entries[0].pk, event=event, user=entries[0].user, now=NOW)
    assert_sound()


def test_rejecting_and_more_stock_free_places_too(account, owner, event, option, taken):
    entries = [join(event, option, guest(account)) for _ in range(3)]
    reject(registration_id=taken[0].pk, event=event, acting_user=owner, now=NOW)
    assert statuses(*entries) == ["OFFERED", "WAITING", "WAITING"]
    update_option(event=event, option_id=option.pk, acting_user=owner, now=NOW, total_available=4)
    assert statuses(*entries) == ["OFFERED", "OFFERED", "OFFERED"]
    assert_sound()


def test_a_large_party_at_the_head_is_not_passed_over(account, event, option, taken):
    large, small = join(event, option, guest(account), party_size=2), join(event, option, guest(account))
    free(taken[0], event)
    assert statuses(large, small) == ["WAITING", "WAITING"]
    free(taken[1], event)
    assert statuses(large, small) == ["OFFERED", "WAITING"]
    assert_sound()


def test_a_party_that_stock_was_cut_below_keeps_nobody_waiting(account, owner, event, option, taken):
    large, small = join(event, option, guest(account), party_size=2), join(event, option, guest(account))
    free(taken[0], event)
    update_option(event=event, option_id=option.pk, acting_user=owner, now=NOW, total_available=1)
    free(taken[1], event)
    assert statuses(large, small) == ["WAITING", "OFFERED"]


def test_a_freed_slot_is_offered_whatever_option_its_holder_had(account, owner, event, option):
    slot = slots_of(event)[0]
    update_slot(event=event, slot_id=slot.pk, capacity=1, acting_user=owner, now=NOW)
    holder = ask(event, guest(account), option, slot_id=slot.pk)
    other = make_option(event, owner, option_name="Tote Bag")
    entry = join(event, other, guest(account), slot_id=slot.pk)
    alone = join(event, None, guest(account), slot_id=slot.pk)
    free(holder, event)
    assert sorted(statuses(entry, alone)) == ["OFFERED", "WAITING"]
    assert PickupSlot.objects.get(pk=slot.pk).booked == 1
    update_slot(event=event, slot_id=slot.pk, capacity=2, acting_user=owner, now=NOW)
    assert statuses(entry, alone) == ["OFFERED", "OFFERED"]
    assert_sound()


def test_who_waits_for_a_full_slot_keeps_nobody_else_waiting(account, owner, event, option, taken):
    slot = slots_of(event)[0]
    ask(event, guest(account), slot_id=slot.pk, party_size=10)
    blocked, free_to_go = join(event, option, guest(account), slot_id=slot.pk), join(event, option, guest(account))
    free(taken[0], event)
    assert statuses(blocked, free_to_go) == ["WAITING", "OFFERED"]
    assert_sound()


def test_an_offer_after_the_windows_end_can_be_accepted_and_approved(account, owner, event, option, taken):
    entry = join(event, option, guest(account))
    later = event.registration_end_date + A_DAY
    free(taken[0], event, now=later)
    made = accept_offer(entry_id=entry.pk, event=event, user=entry.user, now=later)
    assert approved(made, event, owner, now=later).status == "APPROVED"


def test_nothing_is_offered_once_the_event_has_begun(account, event, option, taken):
    entry = join(event, option, guest(account))
    free(taken[0], event, now=event.event_date)
    assert statuses(entry) == ["WAITING"]


def test_the_job_offers_what_was_left_over(account, event, option, taken):
    entry = join(event, option, guest(account))
    # A place that became free without an offer, as when a slot was busy at that moment.
    type(option).objects.filter(pk=option.pk).update(total_available=3)
    assert expire_offers(now=NOW) == 0
    assert statuses(entry) == ["OFFERED"]


def test_the_job_runs_account_by_account_and_queue_by_queue(account, event, option, taken):
    entry = join(event, option, guest(account))
    free(taken[0], event)
    WaitlistEntry.objects.filter(pk=entry.pk).update(offer_expires_at=NOW)
    mind_waitlists_of_account.run()
    mind_one_waitlist(tenant_id=str(account.pk), event_id=str(event.pk), option_id=str(option.pk))
    assert statuses(entry) == ["EXPIRED"]
    assert mind_waitlists.name in {job["task"] for job in settings.CELERY_BEAT_SCHEDULE.values()}
    assert_sound()


# --- Over the API


def post(client, event, path, body=None, now=NOW):
    with at(now):
        return client.post(f"/events/{event.pk}/waitlist{path}", body)


def test_a_guest_joins_waits_accepts(account, event, option, taken):
    person = guest(account, name="Ana")
    client = client_of(person, account)
    joined = post(client, event, "", {"event_option_id": str(option.pk), "notes": "Please"})
    expected = {"status": "WAITING", "position": 1, "option_name": "Event Mug", "user_name": "Ana", "priority": 0}
    assert joined.status == 201
    assert expected.items() <= joined.json.items()
    path = f"/{joined.json['id']}"
    assert post(client, event, f"{path}/accept").codes == ["offer_gone"]
    free(taken[0], event)
    with at(NOW):
        offered = client.get(f"/events/{event.pk}/waitlist{path}")
    assert (offered.json["status"], offered.json["position"]) == ("OFFERED", None)
    assert offered.json["offer_expires_at"] == "2026-06-21T09:00:00Z"
    made = post(client, event, f"{path}/accept")
    assert (made.status, made.json["status"], made.json["notes"]) == (201, "PENDING", "Please")
    assert post(client, event, f"{path}/accept").codes == ["offer_gone"]
    assert_sound()


def test_whoever_looks_next_lets_offers_run_out(account, event, option, taken):
    first, second = join(event, option, guest(account)), join(event, option, guest(account))
    free(taken[0], event)
    with at(NOW + A_DAY):
        seen = client_of(second.user, account).get(f"/events/{event.pk}/waitlist")
    assert [(row["id"], row["status"]) for row in seen.json["results"]] == [(str(second.pk), "OFFERED")]
    assert statuses(first) == ["EXPIRED"]


def test_whoever_registers_next_gets_what_an_offer_that_ran_out_held(account, event, option, taken):
    entry = join(event, option, guest(account))
    free(taken[0], event)
    client = client_of(guest(account), account)
    body = {"event_option_id": str(option.pk)}
    for moment, status in ((NOW, 409), (NOW + A_DAY, 201)):
        with at(moment):
            assert client.post(f"/events/{event.pk}/register", body).status == status
    assert statuses(entry) == ["EXPIRED"]
    assert_sound()


def test_whoever_registers_next_does_not_overtake_the_queue(account, event, option, taken):
    first, second = join(event, option, guest(account)), join(event, option, guest(account))
    free(taken[0], event)
    client = client_of(guest(account), account)
    with at(NOW + A_DAY):
        answer = client.post(f"/events/{event.pk}/register", {"event_option_id": str(option.pk)})
    assert (answer.status, answer.json["conflict_type"]) == (409, "INVENTORY_EXHAUSTED")
    # The refused request has stored nothing; the job lets the offer pass on.
    assert expire_offers(now=NOW + A_DAY) == 1
    assert statuses(first, second) == ["EXPIRED", "OFFERED"]
    assert_sound()


def test_staff_see_the_whole_queue_in_its_order_and_others_their_own(account, owner, event, option, taken):
    entries = [join(event, option, guest(account)) for _ in range(3)]
    client = client_of(owner, account)
    with at(NOW):
        changed = client.patch(f"/events/{event.pk}/waitlist/{entries[2].pk}", {"priority": 1})
        assert (changed.status, changed.json["position"]) == (200, 1)
        seen = client.get(f"/events/{event.pk}/waitlist").json["results"]
        own = client_of(entries[0].user, account).get(f"/events/{event.pk}/waitlist").json["results"]
    assert [row["position"] for row in seen] == [1, 2, 3]
    assert seen[0]["id"] == str(entries[2].pk)
    assert [row["id"] for row in own] == [str(entries[0].pk)]


def test_only_ones_own_offer_is_accepted_and_staff_may_take_anybody_off(account, owner, event, option, taken):
    entry = join(event, option, guest(account))
    free(taken[0], event)
    nosy = client_of(guest(account), account)
    assert post(nosy, event, f"/{entry.pk}/accept").status == 404
    with at(NOW):
        assert nosy.delete(f"/events/{event.pk}/waitlist/{entry.pk}").status == 404
        assert nosy.patch(f"/events/{event.pk}/waitlist/{entry.pk}", {"priority": 9}).status == 403
    assert post(client_of(owner, account), event, f"/{entry.pk}/accept").codes == ["offer_not_yours"]
    assert statuses(entry) == ["OFFERED"]
    with at(NOW):
        assert client_of(owner, account).delete(f"/events/{event.pk}/waitlist/{entry.pk}").status == 204
    assert statuses(entry) == ["CANCELLED"]


def test_what_there_is_room_for_needs_no_queue(account, event, option, owner):
    client = client_of(guest(account), account)
    assert post(client, event, "", {"event_option_id": str(option.pk)}).codes == ["room_left"]
    assert post(client, event, "", {}).codes == ["room_left"]
    with pytest.raises(PartyNeverFits):
        join(event, option, guest(account), party_size=3)
    ask(event, client.user, option, party_size=2)
    assert post(client, event, "", {"event_option_id": str(option.pk)}).codes == ["already_registered"]
    other = client_of(guest(account), account)
    assert post(other, event, "", {"event_option_id": str(option.pk)}).status == 201
    assert post(other, event, "", {"event_option_id": str(option.pk)}).codes == ["waiting_already"]
    closed = post(client_of(guest(account), account), event, "", {}, now=event.registration_end_date + A_DAY)
    assert (closed.status, closed.json["conflict_type"]) == (409, "REGISTRATION_CLOSED")
    assert WaitlistEntry.objects.count() == 1


def test_a_slot_that_is_over_is_not_waited_for(account, owner):
    event = make_open_event(account, owner, event_date=NOW - A_DAY)
    answer = post(client_of(guest(account), account), event, "", {"preferred_pickup_slot": "2026-06-19 08:00-09:00"})
    assert (answer.status, answer.json["conflict_type"]) == (409, "SLOT_CONFLICT")


def test_the_places_of_an_accepted_offer_go_with_the_registration(account, event, option, taken):
    entry = join(event, option, guest(account))
    free(taken[0], event)
    made = accept_offer(entry_id=entry.pk, event=event, user=entry.user, now=NOW)
    free(made, event)
    assert registration_now(made).status == "CANCELLED"
    assert option_now(option).held_count == 1
    assert_sound()
