"""What somebody deletes while a page is open, or while somebody else asks for it, is not there: no page breaks."""

import pytest
from django.db import OperationalError, transaction
from django.utils import timezone

from budgetsite.accounts.roles import Role
from budgetsite.testing.people import make_member, sign_in
from budgetsite.testing.registrations import NOW, ask, make_attendees, make_open_event, make_option
from events.services import delete_event
from registrations.models import EventOption, EventRegistration, PickupSlot, WaitlistEntry
from registrations.services.option import delete_option
from registrations.services.problems import OptionInUse, SlotInUse, SlotNotFound
from registrations.services.registration import assign
from registrations.services.slot import delete_slot
from registrations.services.waitlist import join_waitlist
from registrations.tests.pages import address, open_now
from registrations.tests.registrations import elsewhere
from registrations.views import option as option_views
from registrations.views import policy as policy_views
from registrations.views import public as public_views
from registrations.views import slot as slot_views

SLOT = {"date": "2099-01-05", "begins": "10:00", "ends": "11:00", "minutes": "30", "capacity": "3"}
OPTION = {"option_name": "Cap", "option_type": "GIFT", "total_available": "2", "cost_per_unit": "0"}
RULES = {"cancel_until_hours": "1", "kept_share": "1", "offer_minutes": "1"}


@pytest.mark.parametrize(
    ("module", "service", "deleted", "name", "values"),
    [
        (option_views, "update_option", "option", "option_edit", OPTION),
        (option_views, "update_option", "event", "option_edit", OPTION),
        (option_views, "cut_of_option", "option", "option_edit", OPTION | {"look": ""}),
        (option_views, "create_option", "event", "option_new", OPTION),
        (slot_views, "update_slot", "slot", "slot_edit", {"capacity": "3"}),
        (slot_views, "cut_of_slot", "slot", "slot_edit", {"capacity": "3", "look": ""}),
        (slot_views, "generate_slots", "event", "slots_generate", SLOT),
        (policy_views, "change_policy", "event", "policy", RULES),
        (public_views, "register", "event", "event", {"option": "none", "party_size": "1"}),
    ],
)
def test_a_form_about_what_was_deleted_while_it_was_sent_is_answered_404(
    monkeypatch, account, organizer, module, service, deleted, name, values
):
    event = open_now(account, organizer)
    option, slot = make_option(event, organizer), PickupSlot.objects.filter(event=event).first()
    common = {"event": event, "acting_user": organizer, "now": timezone.now()}
    delete = {
        "event": lambda: delete_event(**common),
        "option": lambda: delete_option(option_id=option.pk, **common),
        "slot": lambda: delete_slot(slot_id=slot.pk, **common),
    }[deleted]
    real = getattr(module, service)
    monkeypatch.setattr(module, service, lambda **arguments: (delete(), real(**arguments))[1])
    parts = {"option_edit": [option], "slot_edit": [slot]}.get(name, [])

    answer = sign_in(organizer, account).post(address(name, event, *parts), values)

    assert answer.status_code == 404
    assert EventRegistration.objects.count() == 0


def test_a_slot_deleted_while_it_is_given_out_is_named_as_such(account, organizer):
    event = open_now(account, organizer)
    [guest] = make_attendees(account, 1)
    row = ask(event, guest, None, now=timezone.now())
    slot = PickupSlot.objects.filter(event=event).first()
    common = {"event": event, "acting_user": organizer, "now": timezone.now(), "slot_id": slot.pk}
    delete_slot(**common)
    with pytest.raises(SlotNotFound):
        assign(registration_id=row.pk, **common)


@pytest.mark.parametrize("kept", ["option", "slot"])
def test_who_joins_a_queue_keeps_what_they_wait_for(committed_db, account, kept):
    """Who deletes it meanwhile waits, and then finds somebody in its queue."""
    with transaction.atomic():
        runner = make_member(account, Role.OWNER).user
        event = make_open_event(account, runner)
        option = make_option(event, runner, total_available=1)
        slot = PickupSlot.objects.filter(event=event).first()
        PickupSlot.objects.filter(pk=slot.pk).update(capacity=1)
        first, second = make_attendees(account, 2)
        ask(event, first, option, slot_id=slot.pk)
    common = {"event": event, "acting_user": runner, "now": NOW}
    wanted = {"option_id": option.pk, "slot_id": None} if kept == "option" else {"option_id": None, "slot_id": slot.pk}

    def delete():
        # Of those who have it nobody stands in the way.
        if kept == "option":
            EventOption.objects.filter(pk=option.pk).update(pending_count=0)
            return delete_option(option_id=option.pk, **common)
        return delete_slot(slot_id=slot.pk, **common)

    with transaction.atomic():
        join_waitlist(event=event, user=second, now=NOW, **wanted)
        waited = elsewhere(account, delete)
    assert isinstance(waited, OperationalError)
    assert "lock timeout" in str(waited)
    assert isinstance(elsewhere(account, delete), OptionInUse | SlotInUse)
    with transaction.atomic():
        assert WaitlistEntry.objects.get().status == "WAITING"
