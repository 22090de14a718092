"""What an event offers, on the organizer's pages: options, slots, the rules, and who no longer fits into less."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from budgets.models import EventBudget
from budgets.services.line_item import delete_line_item
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import deleted_rows_visible, tenant_scope
from budgetsite.testing.budgets import make_line
from budgetsite.testing.people import make_member, sign_in
from budgetsite.testing.registrations import make_attendees, make_option
from registrations.models import EventOption, PickupSlot, RegistrationDesk
from registrations.tests.pages import address, ask_now, open_now, words
from registrations.views.page_parts import slot_in_words


@pytest.fixture
def event(account, organizer):
    return open_now(account, organizer, total="100")


@pytest.fixture
def client(account, organizer):
    return sign_in(organizer, account)


def undo_of(answer):
    return next(str(message.extra_tags) for message in answer.context["messages"])


def test_options_are_made_changed_and_deleted(client, event, organizer):
    values = {"option_name": "Tote bag", "option_type": "GIFT", "description": "", "total_available": "20",
              "cost_per_unit": "4.50", "line_item": "", "sort_order": ""}  # fmt: skip
    assert "Nothing to choose from yet" in words(client.get(address("options", event)))

    client.post(address("option_new", event), values)
    option = EventOption.objects.get()
    assert (option.option_name, option.total_available, option.cost_per_unit) == ("Tote bag", 20, Decimal("4.500"))
    wrong = client.post(address("option_edit", event, option), values | {"cost_per_unit": "4.555"})
    assert wrong.status_code == 422
    assert "cost_per_unit" in wrong.context["form"].errors
    client.post(address("option_edit", event, option), values | {"total_available": "30"})
    assert EventOption.objects.get().total_available == 30
    client.post(address("option_delete", event, option))
    assert EventOption.objects.count() == 0


def test_fewer_places_than_are_taken_show_who_no_longer_fits_and_change_nothing(client, account, event, organizer):
    option = make_option(event, organizer, total_available=3, cost_per_unit=Decimal(1))
    for guest in make_attendees(account, 3):
        ask_now(event, guest, option)
    form = client.get(address("option_edit", event, option)).context["form"]
    values = dict(form.initial) | {"total_available": "1", "cost_per_unit": "1.00"}

    looked = client.post(address("option_edit", event, option), values | {"look": "1"})
    refused = client.post(address("option_edit", event, option), values)

    assert (looked.status_code, refused.status_code) == (200, 409)
    assert "2 registrations would no longer fit" in words(looked)
    assert [str(row.user) for row in refused.context["cut"].registrations] == ["Guest 3", "Guest 2"]
    assert EventOption.objects.get().total_available == 3


def test_slots_are_made_for_a_day_and_a_plan_that_can_not_be_is_told_at_its_field(client, event):
    before = PickupSlot.objects.count()
    day = event.event_date.date().isoformat()
    values = {"date": day, "begins": "20:00", "ends": "21:00", "minutes": "15", "capacity": "4", "locations": "A\nB"}

    wrong = client.post(address("slots_generate", event), values | {"ends": "19:00"})
    assert wrong.context["form"].errors["ends"] == ["The end has to be after the beginning."]
    client.post(address("slots_generate", event), values)

    assert PickupSlot.objects.count() == before + 8


def test_the_rules_are_changed_and_wrong_ones_refused(client, event):
    values = {"cancel_until_hours": "48", "kept_share": "12.5", "offer_minutes": "90"}

    assert client.post(address("policy", event), values | {"kept_share": "101"}).status_code == 422
    client.post(address("policy", event), values)

    desk = RegistrationDesk.objects.get(event=event)
    assert (desk.cancel_until_hours, desk.kept_share, desk.offer_minutes) == (48, Decimal("12.50"), 90)
    for share in ("12.5", "50", "100", "0"):
        client.post(address("policy", event), values | {"kept_share": share})
        assert client.get(address("policy", event)).context["form"]["kept_share"].value() == share


def test_a_lower_budget_shows_who_it_no_longer_pays_for(client, account, event, organizer):
    option = make_option(event, organizer, cost_per_unit=Decimal("30"))
    for guest in make_attendees(account, 2):
        ask_now(event, guest, option)

    page = client.get(address("lower_budget", event), {"amount": "40"})

    assert "1 registration would no longer fit" in words(page)
    assert "Guest 2" in words(page)


def test_slots_are_shown_a_day_at_a_time_at_the_same_cost_however_many(client, event):
    first = PickupSlot.objects.filter(event=event).order_by("starts_at").first()
    for day in range(1, 4):
        PickupSlot.objects.bulk_create(
            PickupSlot(
                event=event,
                starts_at=first.starts_at + timedelta(days=day, minutes=5 * number),
                ends_at=first.ends_at + timedelta(days=day, minutes=5 * number),
            )
            for number in range(day)
        )
    PickupSlot.objects.filter(pk=first.pk).update(booked=first.capacity)

    days = client.get(address("slots", event)).context["days"]
    third = client.get(days[3]["url"])
    unreadable = client.get(address("slots", event), {"day": "2026-02-31"})

    assert [day["current"] for day in days] == [True, False, False, False]
    assert len(third.context["slots"]) == 3
    assert unreadable.context["day"] == first.starts_at.date()
    costs = []
    for day in days[1:]:
        with CaptureQueriesContext(connection) as queries:
            client.get(day["url"])
        costs.append(len(queries))
    assert costs == [costs[0]] * 3
    # What somebody has cannot be deleted: it is not offered.
    shown = client.get(days[0]["url"]).content.decode()
    assert (shown.count('/delete"'), address("slot_delete", event, first) in shown) == (9, False)


def test_a_deleted_option_is_brought_back_at_one_press_and_the_budget_pays_when_its_line_is_gone(
    client, account, event, organizer
):
    budget = EventBudget.objects.get(event=event)
    line = make_line(budget, organizer, name="Gifts", budgeted_amount=Decimal(50))
    option = make_option(event, organizer, line_item_id=line.pk)

    deleted = client.post(address("option_delete", event, option), follow=True)
    assert "Event Mug is deleted." in words(deleted)
    assert undo_of(deleted) == address("option_restore", event, option)
    delete_line_item(budget_id=budget.pk, line_item_id=line.pk, acting_user=organizer, now=timezone.now())
    back = client.post(undo_of(deleted), follow=True)
    again = client.post(undo_of(deleted), follow=True)

    assert "Event Mug is back." in words(back)
    assert again.status_code == 200
    assert EventOption.objects.get().line_item_id is None


def test_a_deleted_slot_is_brought_back_unless_another_has_its_time(client, event):
    slot, other = PickupSlot.objects.filter(event=event).order_by("starts_at")[:2]
    undo = [undo_of(client.post(address("slot_delete", event, row), follow=True)) for row in (slot, other)]
    PickupSlot.objects.create(event=event, starts_at=other.starts_at, ends_at=other.ends_at)

    back = client.post(undo[0], follow=True)
    refused = client.post(undo[1], follow=True)

    assert f"{slot_in_words(slot, event)} is back." in words(back)
    assert "There is another slot at this time and place now." in words(refused)
    assert PickupSlot.objects.filter(event=event).count() == 10
    with deleted_rows_visible():
        assert PickupSlot.objects.get(pk=other.pk).is_deleted


def test_nobody_brings_back_what_is_another_accounts_or_what_was_never_there(
    client, account, other_account, event, organizer
):
    option = make_option(event, organizer)
    client.post(address("option_delete", event, option))
    with tenant_scope(other_account.pk):
        stranger = sign_in(make_member(other_account, Role.OWNER).user, other_account)

    slot = PickupSlot.objects.filter(event=event).first()
    assert stranger.post(address("option_restore", event, option)).status_code == 404
    assert client.post(address("option_restore", event, slot)).status_code == 404
    assert client.post(address("slot_restore", event, option)).status_code == 404
    assert EventOption.objects.count() == 0
