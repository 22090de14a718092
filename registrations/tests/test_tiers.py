"""The four tiers: in their order, all that fail at once, with what is left and what can be had instead."""

from datetime import timedelta
from decimal import Decimal

import pytest

from budgets.models import BudgetLineItem, EventBudget
from budgetsite.testing.budgets import make_line
from budgetsite.testing.registrations import NOW, ask, make_open_event, make_option
from registrations.models import EventRegistration, PickupSlot
from registrations.tests.registrations import approved, at, client_of, everything_of, guest, slots_of


@pytest.fixture
def event(account, owner):
    return make_open_event(account, owner)


@pytest.fixture
def client(account):
    return client_of(guest(account), account)


def fill(slot, *, left=0):
    PickupSlot.objects.filter(pk=slot.pk).update(booked=slot.capacity - left)


def post(client, event, call, body, *, now=NOW):
    with at(now):
        return client.post(f"/events/{event.pk}/{call}", body)


def test_everything_that_fails_is_listed_in_order(account, owner, client):
    event = make_open_event(account, owner, total="5")
    mug = make_option(event, owner, total_available=0)
    make_option(event, owner, option_name="Tote Bag", total_available=120, cost_per_unit=0)
    make_option(event, owner, option_name="Lecture", option_type="TRACK", total_available=9)
    slots = slots_of(event)
    fill(slots[2])
    fill(slots[3], left=8)
    before = everything_of(event)
    body = {"event_option_id": str(mug.pk), "preferred_pickup_slot": "2026-07-15 10:00-11:00"}
    answer = post(client, event, "register", body, now=event.registration_end_date + timedelta(seconds=1))

    assert answer.status == 409
    assert answer.json["conflict_type"] == "REGISTRATION_CLOSED"
    assert answer.codes == ["REGISTRATION_CLOSED"]
    assert answer.json["alternatives"] == []
    tiers = answer.json["conflicts"]
    assert [tier["conflict_type"] for tier in tiers] == [
        "REGISTRATION_CLOSED", "BUDGET_EXHAUSTED", "INVENTORY_EXHAUSTED", "SLOT_CONFLICT",
    ]  # fmt: skip
    assert [tier["available"] for tier in tiers] == [None, "5.00", "0", "0"]
    assert tiers[1]["message"] == "The event's budget has 5.00 CAD left; 10.00 are needed."
    assert tiers[2]["message"] == "Event Mug: none left."
    assert tiers[2]["alternatives"] == ["Tote Bag (120 slots)"]
    assert tiers[3]["message"] == "2026-07-15 10:00-11:00 is full."
    assert tiers[3]["alternatives"][:2] == ["08:00-09:00 (10 available)", "09:00-10:00 (10 available)"]
    assert tiers[3]["alternatives"][2] == "11:00-12:00 (8 available)"
    assert tiers[3]["alternative_ids"][2] == str(slots[3].pk)
    assert everything_of(event) == before


def test_the_refusal_of_sold_out_stock_offers_what_is_left(client, event, owner):
    mug = make_option(event, owner, total_available=0, cost_per_unit=0)
    other = make_option(event, owner, option_name="Tote Bag", total_available=2)
    make_option(event, owner, option_name="Pen", total_available=1)
    answer = post(client, event, "register", {"event_option_id": str(mug.pk), "party_size": 2})
    assert answer.status == 409
    assert {name: answer.json[name] for name in ("conflict_type", "message", "alternatives")} == {
        "conflict_type": "INVENTORY_EXHAUSTED",
        "message": "Event Mug: none left.",
        "alternatives": ["Tote Bag (2 slots)"],
    }
    assert answer.json["conflicts"][0]["alternative_ids"] == [str(other.pk)]


def test_the_preflight_says_the_same_and_creates_nothing(client, event, owner):
    mug = make_option(event, owner, total_available=0)
    before = everything_of(event)
    answer = post(client, event, "check-conflicts", {"event_option_id": str(mug.pk)})
    assert answer.status == 200
    assert {name: value for name, value in answer.json.items() if name != "conflicts"} == {
        "has_conflict": True,
        "conflict_type": "INVENTORY_EXHAUSTED",
        "conflict_message": "Event Mug: none left.",
        "available_alternatives": [],
    }
    assert [tier["conflict_type"] for tier in answer.json["conflicts"]] == ["INVENTORY_EXHAUSTED"]
    assert everything_of(event) == before


def test_the_preflight_of_what_can_be_had(client, event, owner):
    mug = make_option(event, owner)
    body = {"event_option_id": str(mug.pk), "preferred_pickup_slot": str(slots_of(event)[0].pk)}
    for sent in (body, {}, None):
        with at(NOW):
            answer = client.post(f"/events/{event.pk}/check-conflicts", sent)
        assert answer.json == {
            "has_conflict": False,
            "conflict_type": None,
            "conflict_message": None,
            "available_alternatives": [],
            "conflicts": [],
        }
    assert EventRegistration.objects.count() == 0


def test_a_priced_option_needs_a_budget(account, owner, client):
    event = make_open_event(account, owner, total=None)
    priced, free = make_option(event, owner), make_option(event, owner, cost_per_unit=0)
    answer = post(client, event, "register", {"event_option_id": str(priced.pk)})
    assert (answer.status, answer.json["conflict_type"]) == (409, "BUDGET_EXHAUSTED")
    assert answer.json["conflicts"][0]["available"] is None
    assert "Open one first" in answer.json["message"]
    assert post(client, event, "register", {"event_option_id": str(free.pk)}).status == 201


def test_exactly_what_the_budget_has_is_enough(account, owner, client):
    event = make_open_event(account, owner, total="10")
    mug = make_option(event, owner)
    assert post(client, event, "register", {"event_option_id": str(mug.pk)}).status == 201
    approved(EventRegistration.objects.get(), event, owner)
    answer = post(client_of(guest(account), account), event, "register", {"event_option_id": str(mug.pk)})
    assert (answer.status, answer.json["conflict_type"]) == (409, "BUDGET_EXHAUSTED")


def test_a_line_beside_the_plan_has_no_limit_of_its_own(event, owner, client):
    """As the ledger has it: what is refused beforehand is what would be refused then, and nothing else."""
    line = make_line(EventBudget.objects.get(event=event), owner, budgeted_amount=Decimal(0))
    body = {"event_option_id": str(make_option(event, owner, line_item_id=line.pk).pk)}
    planned = [post(client, event, call, body).json["conflict_type"] for call in ("check-conflicts", "register")]
    BudgetLineItem.objects.filter(pk=line.pk).update(is_unbudgeted=True)

    assert planned == ["BUDGET_EXHAUSTED", "BUDGET_EXHAUSTED"]
    assert post(client, event, "check-conflicts", body).json["has_conflict"] is False
    assert post(client, event, "register", body).status == 201
    assert approved(EventRegistration.objects.get(), event, owner).amount_committed == Decimal(10)


def test_a_closed_budget_promises_nothing(event, owner, client):
    mug = make_option(event, owner)
    EventBudget.objects.filter(event=event).update(status="finalized")
    answer = post(client, event, "register", {"event_option_id": str(mug.pk)})
    assert (answer.status, answer.json["conflict_type"]) == (409, "BUDGET_EXHAUSTED")
    assert answer.json["message"] == "The event's budget is finalized: nothing can be promised from it any more."
    assert EventRegistration.objects.count() == 0


def test_a_slot_on_another_day_is_named_with_its_day(account, owner, event, client):
    for slot in slots_of(event):
        fill(slot)
    PickupSlot.objects.create(
        event=event,
        starts_at=event.event_date + timedelta(days=1),
        ends_at=event.event_date + timedelta(days=1, hours=1),
        location="Tent",
        capacity=3,
    )
    answer = post(client, event, "register", {"preferred_pickup_slot": "2026-07-15 08:00-09:00"})
    assert answer.json["alternatives"] == ["2026-07-16 10:00-11:00 Tent (3 available)"]


def test_a_party_that_fits_no_slot_is_told_what_is_left(account, event, client):
    slot = slots_of(event)[0]
    ask(event, guest(account), slot_id=slot.pk, party_size=8)
    answer = post(client, event, "register", {"preferred_pickup_slot": "2026-07-15 08:00-09:00", "party_size": 3})
    assert answer.json["message"] == "2026-07-15 08:00-09:00: only 2 left."
    assert answer.json["conflicts"][0]["available"] == "2"
    assert len(answer.json["alternatives"]) == 9


def test_a_price_is_kept_as_text_of_the_currency(event, owner, account):
    option = make_option(event, owner, cost_per_unit=Decimal("9.5"))
    answer = client_of(owner, account).get(f"/events/{event.pk}/options/{option.pk}")
    assert answer.json["cost_per_unit"] == "9.50"
