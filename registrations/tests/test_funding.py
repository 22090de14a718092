"""Approving a registration promises the company's money too: refused, and overridden, at the scoped budgets above."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from budgets.models import LedgerEntry
from budgets.services.funding_change import set_funding
from budgets.services.ledger_proof import verify_ledger
from budgets.services.scoped_budget import update_scoped_budget
from budgetsite.accounts.roles import Role
from budgetsite.outbox.models import OutboxEvent
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.people import make_member, sign_in
from budgetsite.testing.registrations import NOW, ask, make_attendees, make_open_event, make_option
from budgetsite.testing.scoped_budgets import make_scoped_budget, spend, standing
from registrations.models import EventRegistration
from registrations.services.conflicts import detect_conflicts
from registrations.services.decision import change_registration, decide_many, decide_on_events
from registrations.services.problems import ConflictType, MayNotOverride, ReasonMissing, RegistrationConflict
from registrations.services.registration import cancel
from registrations.tests.registrations import approved, at, budget_of, client_of, committed, registration_now


def make_pot(account, user, name, amount, parent=None, **fields):
    values = {"name": name, "amount": Decimal(amount), "currency": "CAD", "scope_id": name, **fields}
    values = {"period": "annual", "start_date": date(2026, 1, 1), **values}
    return make_scoped_budget(account, user, parent_id=parent.pk if parent else None, **values)


def funded_event(account, owner, pot, **fields):
    event = make_open_event(account, owner, **fields)
    set_funding(
        budget_id=budget_of(event).pk,
        scoped_budget_id=pot.pk,
        acting_user=owner,
        acting_role=Role.OWNER,
        now=NOW,
    )
    return event


@pytest.fixture
def season(account, owner):
    return make_pot(account, owner, "Season", 35)


@pytest.fixture
def catering(account, owner, season):
    return make_pot(account, owner, "Catering", 25, season)


@pytest.fixture
def event(account, owner, catering):
    return funded_event(account, owner, catering)


@pytest.fixture
def option(event, owner):
    return make_option(event, owner)


def promised(pot):
    return standing(pot, now=NOW).figures.committed


def test_an_approval_is_refused_by_the_ancestors_without_room_naming_them(
    account, owner, event, option, season, catering
):
    rows = [ask(event, guest, option) for guest in make_attendees(account, 3)]
    for row in rows[:2]:
        approved(row, event, owner)
    with pytest.raises(RegistrationConflict) as refused:
        approved(rows[2], event, owner)
    conflict = refused.value.conflicts[0]
    assert (conflict.conflict_type, conflict.available) == (ConflictType.BUDGET_EXHAUSTED, "5.00")
    assert conflict.message == "“Catering” has 5.00 CAD left, and 10.00 CAD do not fit."
    assert [refusal.name for refusal in conflict.refusals] == ["Catering"]
    assert (registration_now(rows[2]).status, committed(event), promised(season)) == ("PENDING", 20, 20)

    spend(season, owner, 10, currency="CAD", now=NOW)
    with pytest.raises(RegistrationConflict) as refused:
        approved(rows[2], event, owner)
    assert [refusal.name for refusal in refused.value.conflicts[0].refusals] == ["Catering", "Season"]
    cancel(registration_id=rows[0].pk, event=event, acting_user=owner, now=NOW)
    update_scoped_budget(budget_id=season.pk, acting_user=owner, enforcement="warn")
    approved(rows[2], event, owner)
    assert (committed(event), promised(season), promised(catering)) == (20, 20, 20)
    assert verify_ledger() == []


def test_asking_and_looking_know_it_too_at_a_constant_price(account, owner, event, option, catering):
    approved(ask(event, make_attendees(account, 1)[0], option, party_size=2), event, owner)
    guest = make_attendees(account, 1)[0]
    with pytest.raises(RegistrationConflict) as refused:
        ask(event, guest, option)
    assert refused.value.message == "“Catering” has 5.00 CAD left, and 10.00 CAD do not fit."
    assert not EventRegistration.objects.filter(user=guest).exists()

    def statements(of_event, of_option):
        with CaptureQueriesContext(connection) as captured:
            found = detect_conflicts(event=of_event, option=of_option, slot=None, party_size=1, moment=NOW, now=NOW)
        return len(captured), [conflict.conflict_type for conflict in found]

    unfunded = make_open_event(account, owner)
    assert statements(unfunded, make_option(unfunded, owner)) == (1, [])
    assert statements(event, option) == (3, ["BUDGET_EXHAUSTED"])


def test_owners_and_managers_go_beyond_with_a_reason_and_never_beyond_the_events_own(
    account, owner, manager, organizer, event, option, season, catering
):
    row = ask(event, make_attendees(account, 1)[0], make_option(event, owner, option_name="Dinner"), party_size=2)
    spend(catering, owner, 20, currency="CAD", now=NOW)

    def approve_all_the_same(user, reason="The sponsor pays"):
        change_registration(
            registration_id=row.pk,
            event=event,
            acting_user=user,
            may_decide=True,
            status="APPROVED",
            override=True,
            reason=reason,
            now=NOW,
        )

    with pytest.raises(MayNotOverride):
        approve_all_the_same(organizer)
    with pytest.raises(ReasonMissing):
        approve_all_the_same(manager, reason="  ")
    assert registration_now(row).status == "PENDING"
    approve_all_the_same(manager)
    assert (registration_now(row).status, registration_now(row).reason) == ("APPROVED", "The sponsor pays")
    entry = LedgerEntry.objects.get(budget=budget_of(event))
    assert entry.description == "Registration approved (beyond what is available: The sponsor pays)"
    told = OutboxEvent.objects.get(kind="budget.funding_overridden").payload["refused_by"]
    assert [one["remaining"] for one in told] == ["5.00", "15.00"]
    assert (promised(catering), promised(season), verify_ledger()) == (20, 20, [])

    dear = make_option(event, owner, option_name="Yacht", cost_per_unit=Decimal(981))
    EventRegistration.objects.filter(pk=row.pk).update(event_option=dear)
    with pytest.raises(RegistrationConflict) as refused:
        row = ask(event, owner, dear)
    assert refused.value.message.startswith("The event's budget has 980.00 CAD left; 981.00 are needed. “Catering”")


def test_in_bulk_each_says_for_itself_who_has_no_room(account, owner, event, option, catering):
    rows = [ask(event, guest, option) for guest in make_attendees(account, 3)]
    decision = {"event": event, "wanted": "APPROVED", "acting_user": owner, "now": NOW}
    for dry_run in (True, False):
        outcomes = decide_many(registration_ids=[row.pk for row in rows], dry_run=dry_run, **decision)
        assert [outcome.error for outcome in outcomes] == [
            None,
            None,
            "“Catering” has 5.00 CAD left, and 10.00 CAD do not fit.",
        ]
        assert promised(catering) == (0 if dry_run else 20)
    assert verify_ledger() == []


def test_the_api_names_who_refuses_to_the_team_and_not_to_guests(account, owner, manager, event, option, catering):
    row = ask(event, make_attendees(account, 1)[0], option, party_size=2)
    guest = make_attendees(account, 1)[0]
    spend(catering, owner, 20, currency="CAD", now=NOW)
    url = f"/events/{event.pk}/registrations/{row.pk}"
    with at(NOW):
        staff, stranger = client_of(manager, account), client_of(guest, account)
        refused = staff.put(url, {"status": "APPROVED"})
        assert refused.status == 409
        assert refused.json["conflicts"][0]["refusals"][0] == {
            "budget_id": str(catering.pk),
            "name": "Catering",
            "scope_type": "organization",
            "scope_id": "Catering",
            "reason": "“Catering” has 5.00 CAD left, and 20.00 CAD do not fit.",
            "action": "block-all",
            "remaining": "5.00",
            "currency": "CAD",
        }
        assert [refusal["name"] for refusal in refused.json["conflicts"][0]["refusals"]] == ["Catering", "Season"]
        body = {"event_option_id": str(option.pk)}
        seen = staff.post(f"/events/{event.pk}/check-conflicts", body).json
        assert "“Catering” has 5.00 CAD left" in seen["conflict_message"]
        told = stranger.post(f"/events/{event.pk}/check-conflicts", body).json
        assert (told["conflict_message"], told["conflicts"][0]["refusals"]) == (
            "The event has no money left for this.",
            [],
        )
        asked = stranger.post(f"/events/{event.pk}/register", body)
        assert (asked.status, asked.json["message"]) == (409, "The event has no money left for this.")
        assert "Catering" not in str(asked.json)

        assert staff.put(url, {"status": "APPROVED", "override": True}).status == 400
        assert staff.put(url, {"status": "APPROVED", "override": True, "reason": "Paid back"}).status == 200
        organizer = client_of(make_member(account, Role.ORGANIZER).user, account)
        assert organizer.put(url, {"status": "APPROVED", "override": True, "reason": "x"}).status in (403, 404)


def test_many_who_approve_at_two_events_of_one_top_promise_exactly_what_it_has(committed_db, account):
    """One by one, many at once, and across both events in either order: nobody waits in a circle."""
    with transaction.atomic():
        owner = make_member(account, Role.OWNER).user
        top = make_pot(account, owner, "Company", 150)
        events = [
            funded_event(account, owner, make_pot(account, owner, name, 1000, top)) for name in ("Kitchen", "Bar")
        ]
        guests = make_attendees(account, 12)
        rows = {
            event: [ask(event, guest, option).pk for guest in guests]
            for event, option in [(event, make_option(event, owner)) for event in events]
        }

    def across(chosen):
        return lambda: decide_on_events(
            registration_ids={event: rows[event][:6] for event in chosen},
            wanted="APPROVED",
            acting_user=owner,
            now=NOW,
        )

    def single(event, row):
        return lambda: approved(EventRegistration(pk=row), event, owner)

    work = [across(events), across(events[::-1])]
    work += [single(event, row) for event in events for row in rows[event][6:]]
    results = run_at_once(work, tenant_id=account.pk, user_id=owner.pk)

    assert {type(result) for result in results if isinstance(result, Exception)} <= {RegistrationConflict}
    with transaction.atomic():
        assert EventRegistration.objects.filter(status="APPROVED").count() == 15
        assert (promised(top), verify_ledger()) == (150, [])


def test_windows_hold_the_moment_of_the_decision(account, owner):
    month = make_pot(account, owner, "June", 1000, period="monthly", start_date=date(2026, 6, 1))
    event = funded_event(account, owner, month)
    option = make_option(event, owner)
    row = ask(event, make_attendees(account, 1)[0], option)
    approved(row, event, owner)
    july = datetime(2026, 7, 2, tzinfo=UTC)
    assert (promised(month), standing(month, now=july).figures.committed) == (10, 0)
    assert verify_ledger() == []


def test_the_page_of_a_registration_says_who_has_no_room_and_lets_an_owner_go_beyond(
    account, owner, event, option, catering
):
    row = ask(event, make_attendees(account, 1)[0], option, party_size=2)
    spend(catering, owner, 10, currency="CAD", now=NOW)
    url = reverse("registrations:registration", args=[event.pk, row.pk])
    decide = reverse("registrations:decide", args=[event.pk, row.pk])
    with at(NOW):
        page = sign_in(owner, account)
        shown = page.get(url).content.decode()
        assert "“Catering” has 15.00 CAD left, and 20.00 CAD do not fit." in shown
        desk = page.get(reverse("registrations:desk", args=[event.pk])).content.decode()
        assert "20.00 CAD, of which “Catering” is <strong>short by 5.00</strong>." in " ".join(desk.split())
        assert 'name="override"' in shown
        page.post(decide, {"status": "APPROVED", "next": url})
        page.post(decide, {"status": "APPROVED", "next": url, "override": "on"})
        assert registration_now(row).status == "PENDING"
        assert "Say why: the reason is kept with the registration." in page.get(url).content.decode()
        page.post(decide, {"status": "APPROVED", "next": url, "override": "on", "reason": "Paid by the sponsor"})
    assert registration_now(row).status == "APPROVED"
    assert verify_ledger() == []
