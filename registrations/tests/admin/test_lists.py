"""The lists of the staff: narrowed, searched, at the same cost whatever their length."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from budgetsite.testing.registrations import NOW, ask, make_attendees, make_open_event, make_option
from registrations.models import CheckIn, EventOption, EventRegistration, PickupSlot, RegistrationDesk, WaitlistEntry
from registrations.services.check_in import check_in
from registrations.services.registration import approve
from registrations.services.waitlist import join_waitlist
from registrations.tests.admin.back_office import LIST, listed


def test_the_list_tells_who_asked_for_what(worker, event, option, asked, guests, owner):
    approve(registration_id=asked[0].pk, event=event, acting_user=owner, now=NOW)

    page = worker.get(reverse(LIST)).content.decode()

    for said in ("Guest 1", guests[0].email, "Annual day", "Event Mug", "Approved", "Waits", "40.00"):
        assert said in page


def test_filters_and_search_narrow_the_list(worker, account, event, option, asked, guests, owner, staff):
    slot = PickupSlot.objects.filter(event=event).order_by("starts_at").first()
    approve(registration_id=asked[0].pk, event=event, acting_user=owner, now=NOW, assigned_slot_id=slot.pk)
    check_in(event=event, qr_token=asked[0].qr_token, acting_user=owner, now=NOW)
    other = make_open_event(account, owner, name="Other day")
    elsewhere = ask(other, guests[1])

    def found(**query: Any) -> set[Any]:
        return {row.pk for row in worker.get(reverse(LIST), query).context["cl"].result_list}

    everybody = {row.pk for row in asked}
    assert found() == everybody | {elsewhere.pk}
    assert found(status__exact="APPROVED") == {asked[0].pk}
    assert found(collected="yes") == {asked[0].pk}
    assert found(collected="no") == {asked[1].pk, asked[2].pk, elsewhere.pk}
    assert found(event__id__exact=event.pk) == everybody
    assert found(event__id__exact=event.pk, option=option.pk) == everybody
    assert found(option=option.pk) == everybody
    assert found(event__id__exact=other.pk, option=option.pk) == set()
    assert found(event__id__exact=event.pk, slot=slot.pk) == {asked[0].pk}
    assert found(slot=slot.pk) == {asked[0].pk}
    assert found(q='"Guest 3"') == {asked[2].pk}
    assert found(q=guests[1].email) == {asked[1].pk, elsewhere.pk}
    assert found(q=asked[1].qr_token[:12]) == {asked[1].pk}
    assert found(q=asked[1].qr_token[1:12]) == set()


def test_an_address_that_names_nothing_finds_nothing_or_leads_back(worker, event, asked):
    assert worker.get(reverse(LIST), {"option": "none"}).context["cl"].result_count == 0
    assert worker.get(reverse(LIST), {"event__id__exact": "none"}).status_code == 302


@pytest.mark.parametrize(
    "model", [EventRegistration, EventOption, PickupSlot, RegistrationDesk, WaitlistEntry, CheckIn]
)
def test_a_list_costs_the_same_number_of_queries_whatever_its_length(worker, account, owner, model):
    def fill(name: str, people: int) -> None:
        event = make_open_event(account, owner, name=name)
        only = make_option(event, owner, total_available=people)
        guests = make_attendees(account, people * 2)
        slot = PickupSlot.objects.filter(event=event).order_by("starts_at").first()
        for guest in guests[:people]:
            row = ask(event, guest, only, slot_id=slot.pk)
            approve(registration_id=row.pk, event=event, acting_user=owner, now=NOW)
            check_in(event=event, qr_token=row.qr_token, acting_user=owner, now=NOW)
        for guest in guests[people:]:
            join_waitlist(event=event, user=guest, option_id=only.pk, slot_id=slot.pk, now=NOW)

    def statements() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert worker.get(listed(model)).status_code == 200
        return len(captured)

    fill("First", 1)
    worker.get(listed(model))
    before = statements()
    fill("Second", 4)
    assert statements() == before
