"""What an event offers: options, slots, and what keeps them true to the event, its date and its budget."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from budgets.services.line_item import delete_line_item, move_line_item
from budgets.services.problems import LineInUse
from budgetsite.accounts.roles import Role
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_line
from budgetsite.testing.people import make_member
from budgetsite.testing.registrations import NOW, ask, make_open_event, make_option
from events.services import delete_event, restore_event, update_event
from registrations.models import EventOption, EventRegistration, PickupSlot
from registrations.services.problems import InvalidPlan, LineOfAnotherBudget
from registrations.services.slot import generate_slots, update_slot
from registrations.services.waitlist import join_waitlist
from registrations.tests.registrations import (
    approved,
    assert_sound,
    at,
    budget_of,
    client_of,
    guest,
    option_now,
    slots_of,
)


@pytest.fixture
def event(account, owner):
    return make_open_event(account, owner)


@pytest.fixture
def client(owner, account):
    return client_of(owner, account)


def starts(event):
    return [f"{slot.starts_at:%m-%d %H:%M}" for slot in slots_of(event)]


def generate(event, owner, **fields):
    values = {
        "day": date(2026, 7, 20),
        "begins": time(10),
        "ends": time(18),
        "minutes": 60,
        "capacity": 4,
        "locations": [],
        **fields,
    }
    return generate_slots(event=event, acting_user=owner, **{"now": datetime(2026, 1, 1, tzinfo=UTC), **values})


# --- Options


def test_an_option_is_made_changed_and_deleted(client, event):
    made = client.post(
        f"/events/{event.pk}/options",
        {"option_name": "<i>Mug</i>", "option_type": "GIFT", "total_available": 3, "cost_per_unit": "4.50"},
    )
    assert made.status == 201
    assert (made.json["available_slots"], made.json["utilization_percentage"]) == (3, "0.00")
    path = f"/events/{event.pk}/options/{made.json['id']}"
    changed = client.patch(path, {"total_available": 7, "description": "Blue"})
    assert {"option_name": "<i>Mug</i>", "total_available": 7, "cost_per_unit": "4.50"}.items() <= changed.json.items()
    assert client.delete(path).status == 204
    assert client.get(path).status == 404
    assert client.delete(path).status == 404
    kinds = OutboxEvent.objects.filter(subject_id=made.json["id"]).values_list("kind", flat=True)
    assert set(kinds) == {"event_option.created", "event_option.changed", "event_option.deleted"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"total_available": -1}, "total_available"),
        ({"total_available": 10_000_001}, "total_available"),
        ({"cost_per_unit": "1.001"}, "cost_per_unit"),
        ({"cost_per_unit": "-1"}, "cost_per_unit"),
        ({"option_type": "CAKE"}, "option_type"),
        ({"option_name": ""}, "option_name"),
        ({"option_name": None}, "option_name"),
    ],
)
def test_what_an_option_cannot_be(client, event, owner, body, field):
    option = make_option(event, owner)
    answer = client.patch(f"/events/{event.pk}/options/{option.pk}", body)
    assert (answer.status, list(answer.fields)) == (400, [field])
    assert option_now(option).updated_at == option_now(option).created_at


def test_an_option_that_somebody_has_or_queues_for_stays(account, client, event, owner):
    option = make_option(event, owner, total_available=1)
    row = ask(event, guest(account), option)
    path = f"/events/{event.pk}/options/{option.pk}"
    assert client.delete(path).codes == ["option_in_use"]
    entry = join_waitlist(event=event, user=guest(account), option_id=option.pk, slot_id=None, now=NOW)
    with at(NOW):
        client.put(f"/events/{event.pk}/registrations/{row.pk}", {"status": "REJECTED"})
    answer = client.delete(path)
    assert (answer.status, answer.codes) == (409, ["option_in_use"])
    assert "1 people queue" in answer.json["errors"][0]["detail"]
    with at(NOW):
        assert client.delete(f"/events/{event.pk}/waitlist/{entry.pk}").status == 204
    assert client.delete(path).status == 204
    # What became of the registration is still told, and still counted.
    report = client.get(f"/events/{event.pk}/budget-variance").json
    assert (report["rejected_registrations_count"], report["option_variance"]) == (1, [])
    assert_sound()


def test_cutting_below_what_is_taken_is_a_conflict(account, client, event, owner):
    option = make_option(event, owner)
    ask(event, guest(account), option, party_size=3)
    answer = client.patch(f"/events/{event.pk}/options/{option.pk}", {"total_available": 2})
    assert (answer.status, answer.codes) == (409, ["below_taken"])
    assert client.patch(f"/events/{event.pk}/options/{option.pk}", {"total_available": 3}).status == 200


def test_only_a_line_of_cost_of_the_events_own_budget_can_pay(account, owner, event):
    foreign = make_line(make_budget(account, owner), owner)
    income = make_line(budget_of(event), owner, kind="income", name="Tickets", budgeted_amount="1")
    for line in (foreign, income):
        with pytest.raises(LineOfAnotherBudget):
            make_option(event, owner, line_item_id=line.pk)
    assert EventOption.objects.count() == 0


def test_a_line_that_options_pay_from_stays_in_its_budget(account, owner):
    event = make_open_event(account, owner, total=None)
    budget = make_budget(account, owner, event=event)
    line = make_line(budget, owner)
    option = make_option(event, owner, line_item_id=line.pk)
    with pytest.raises(LineInUse, match=r"Event Mug.*from another line first"):
        delete_line_item(budget_id=budget.pk, line_item_id=line.pk, acting_user=owner, now=NOW)
    other = make_budget(account, owner)
    with pytest.raises(LineInUse):
        move_line_item(budget_id=budget.pk, line_item_id=line.pk, to_budget_id=other.pk, acting_user=owner)
    client = client_of(owner, account)
    answer = client.delete(f"/event-budgets/{budget.pk}/line-items/{line.pk}")
    assert (answer.status, answer.codes) == (409, ["line_in_use"])
    assert client.patch(f"/events/{event.pk}/options/{option.pk}", {"line_item_id": None}).status == 200
    delete_line_item(budget_id=budget.pk, line_item_id=line.pk, acting_user=owner, now=NOW)


def test_an_option_is_always_in_the_currency_of_event_and_budget(account, owner):
    event = make_open_event(account, owner, total=None)
    free = make_option(event, owner, cost_per_unit=Decimal(0))
    event = update_event(event=event, acting_user=owner, currency="EUR")
    assert option_now(free).currency == "EUR"
    make_option(event, owner)
    with pytest.raises(ValidationError) as refusal:
        update_event(event=event, acting_user=owner, currency="JPY")
    assert list(refusal.value.error_dict) == ["currency"]
    assert set(EventOption.objects.values_list("currency", flat=True)) == {"EUR"}


# --- Slots


def test_an_event_begins_with_ten_hours_of_ten_people(event, client):
    answer = client.get(f"/events/{event.pk}/pickup-slots?limit=50")
    assert answer.json["count"] == 10
    first = answer.json["results"][0]
    assert first == {
        "id": str(slots_of(event)[0].pk),
        "start": "2026-07-15T12:00:00Z",
        "end": "2026-07-15T13:00:00Z",
        "label": "2026-07-15 08:00-09:00",
        "capacity": 10,
        "booked": 0,
        "available": 10,
        "location": "",
    }
    assert answer.json["results"][9]["label"] == "2026-07-15 17:00-18:00"


def test_quarters_of_an_hour_at_two_places_make_64(event, client):
    body = {
        "date": "2026-07-16", "from": "10:00", "to": "18:00", "minutes": 15, "capacity": 5,
        "locations": ["North", "South"],
    }  # fmt: skip
    with at(NOW):
        answer = client.post(f"/events/{event.pk}/pickup-slots/generate", body)
        again = client.post(f"/events/{event.pk}/pickup-slots/generate", body)
    assert (answer.status, answer.json["count"]) == (201, 64)
    assert {slot["id"] for slot in again.json["results"]} == {slot["id"] for slot in answer.json["results"]}
    assert PickupSlot.objects.filter(event=event).count() == 74


def test_the_last_slot_is_cut_at_the_end(event, owner):
    made = generate(event, owner, begins=time(10), ends=time(11, 10), minutes=30)
    assert [(slot.ends_at - slot.starts_at).seconds // 60 for slot in made] == [30, 30, 10]


def test_midnight_is_the_days_end(event, owner):
    made = generate(event, owner, begins=time(22), ends=time(0))
    assert [(slot.ends_at - slot.starts_at).seconds for slot in made] == [3600, 3600]


@pytest.mark.parametrize(("day", "slots"), [(date(2026, 3, 8), 2), (date(2026, 11, 1), 4), (date(2026, 7, 20), 3)])
def test_a_slot_lasts_as_long_as_it_says_when_the_clocks_change(event, owner, day, slots):
    made = generate(event, owner, day=day, begins=time(1), ends=time(4))
    assert [slot.ends_at - slot.starts_at for slot in made] == [timedelta(hours=1)] * slots


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"minutes": 4}, "minutes"),
        ({"minutes": 61}, "minutes"),
        ({"ends": time(10)}, "to"),
        ({"ends": time(9)}, "to"),
        ({"capacity": 0}, "capacity"),
        ({"day": date(1, 1, 1)}, "date"),
        ({"day": date(9999, 12, 31)}, "date"),
        ({"minutes": 5, "locations": [str(number) for number in range(50)]}, "minutes"),
        ({"day": date(2026, 3, 8), "begins": time(2), "ends": time(3)}, "from"),
        ({"begins": time(10, 0, 30)}, "from"),
        ({"begins": time(10, 0, 0, 500)}, "from"),
        ({"ends": time(18, tzinfo=UTC)}, "to"),
    ],
)
def test_plans_that_can_not_be(event, owner, fields, name):
    before = starts(event)
    with pytest.raises(InvalidPlan) as refusal:
        generate(event, owner, **fields)
    assert refusal.value.name == name
    assert starts(event) == before


def test_no_slots_for_a_time_that_is_over(client, event):
    body = {"date": "2026-06-20", "from": "02:00", "to": "05:00"}
    path, before = f"/events/{event.pk}/pickup-slots/generate", starts(event)
    # 9:00 in UTC is 5:00 in the event's time zone: the last slot has just ended.
    with at(NOW):
        soon = client.post(path, body)
    with at(event.event_date + timedelta(days=1)):
        after_it = client.post(path, body)
    for answer in (soon, after_it):
        assert (answer.status, answer.fields) == (400, {"date": "invalid"})
    assert "Choose a day that is still to come." in soon.json["errors"][0]["detail"]
    assert after_it.json["errors"][0]["detail"] == (
        "This event took place on 15 July 2026, and this time is over. "
        "Choose a day that is still to come, or give the event a new date first."
    )
    assert starts(event) == before
    with at(NOW):
        assert client.post(path, {**body, "to": "06:00"}).status == 201


def test_room_is_made_smaller_only_down_to_who_is_booked(account, client, event):
    slot = slots_of(event)[0]
    ask(event, guest(account), slot_id=slot.pk, party_size=4)
    path = f"/events/{event.pk}/pickup-slots/{slot.pk}"
    answer = client.patch(path, {"capacity": 3})
    assert (answer.status, answer.codes) == (409, ["below_booked"])
    assert client.patch(path, {"capacity": 4}).json["available"] == 0
    assert client.delete(path).codes == ["slot_in_use"]
    empty = f"/events/{event.pk}/pickup-slots/{slots_of(event)[1].pk}"
    assert (client.delete(empty).status, client.delete(empty).status) == (204, 404)
    assert len(slots_of(event)) == 9


def test_the_events_own_slots_move_with_it_unless_somebody_has_them(account, owner, event):
    taken, wanted = slots_of(event)[1], slots_of(event)[2]
    ask(event, guest(account), slot_id=taken.pk)
    update_slot(event=event, slot_id=wanted.pk, capacity=1, acting_user=owner, now=NOW)
    generate(event, owner, day=date(2026, 7, 17), begins=time(8), ends=time(9))
    update_event(event=event, acting_user=owner, event_date=datetime(2026, 7, 17, 14, 0, tzinfo=UTC))
    assert starts(event) == [
        "07-15 13:00", "07-15 14:00", "07-17 12:00", "07-17 15:00", "07-17 16:00", "07-17 17:00", "07-17 18:00",
        "07-17 19:00", "07-17 20:00", "07-17 21:00",
    ]  # fmt: skip
    assert_sound()


def test_an_event_in_another_zone_has_its_slots_there(owner, event):
    update_event(event=event, acting_user=owner, timezone="Europe/Madrid")
    assert starts(event)[0] == "07-15 06:00"
    update_event(event=event, acting_user=owner, name="Another name")
    assert len(starts(event)) == 10


# --- The event


def test_an_event_is_called_off_with_all_its_registrations_and_comes_back_with_them(account, owner, event, client):
    option = make_option(event, owner)
    row = approved(ask(event, guest(account), option), event, owner)
    ask(event, guest(account), option)
    delete_event(event=event, acting_user=owner, now=NOW)
    told = OutboxEvent.objects.get(kind="event.called_off")
    assert told.payload == {"pending": 1, "approved": 1, "collected": 0}
    assert EventRegistration.objects.count() == 0
    with at(NOW):
        scanned = client.post(f"/events/{event.pk}/check-in", {"qr_token": row.qr_token})
        asked = client.post(f"/events/{event.pk}/register", {})
    assert (scanned.status, asked.status) == (404, 404)
    assert_sound()
    restore_event(event=event, acting_user=owner)
    assert EventRegistration.objects.count() == 2
    assert budget_of(event).total_committed_amount == Decimal(10)
    assert_sound()


def test_a_strangers_options_and_slots_are_not_there(account, owner, event, other_account):
    option = make_option(event, owner)
    with tenant_scope(other_account.pk):
        rival = client_of(make_member(other_account, Role.OWNER).user, other_account)
    path = f"/events/{event.pk}"
    assert rival.get(f"{path}/options").status == 404
    assert rival.patch(f"{path}/options/{option.pk}", {"total_available": 0}).status == 404
    assert rival.delete(f"{path}/pickup-slots/{slots_of(event)[0].pk}").status == 404
    assert option_now(option).total_available == 50
    # An own event does not open a stranger's option either.
    with tenant_scope(other_account.pk):
        own = make_open_event(other_account, rival.user)
    assert rival.patch(f"/events/{own.pk}/options/{option.pk}", {"total_available": 0}).status == 404
