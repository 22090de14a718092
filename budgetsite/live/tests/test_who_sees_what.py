"""Who is told what: each kind of event, each role, by the way that events really take."""

import json
from uuid import uuid4

import pytest
from django.db.models import QuerySet
from django.utils import timezone

from alerts.models import BudgetAlert
from budgets.models import EventBudget, Expense
from budgetsite.accounts.permissions import may
from budgetsite.accounts.roles import BACK_OFFICE, Role
from budgetsite.live.journal import append, read
from budgetsite.live.listener import Listener
from budgetsite.live.publishing import receive
from budgetsite.live.sight import has_sight
from budgetsite.outbox.models import OutboxEvent
from budgetsite.testing.budgets import make_budget, make_line
from budgetsite.testing.expenses import make_expense
from budgetsite.testing.people import make_member
from budgetsite.testing.registrations import NOW, ask, make_open_event, make_option
from budgetsite.webhooks.catalogue import TEST_KIND, published_kinds
from events.models import Event
from registrations.models import EventRegistration
from registrations.services.waitlist import join_waitlist

OFFICE = frozenset({"owner", "manager", "staff"})
TEAM = OFFICE | {"organizer"}
WITH_CLIENT = TEAM | {"client"}
WHOEVER_MAY_REGISTER = WITH_CLIENT | {"attendee", "guest"}

# Of the kinds about these, whatever has happened; others stand by their names.
SEEN_BY = {
    "event_budget": TEAM,
    "budget.approved": WITH_CLIENT,
    "budget.activated": WITH_CLIENT,
    "budget.changed": WITH_CLIENT,
    "budget.finalized": WITH_CLIENT,
    "budget.transferred": WITH_CLIENT,
    # What company budgets have left is the office's; that something has happened moves the organizer's page too.
    "budget.funding_changed": OFFICE,
    "budget.funding_overridden": OFFICE,
    "expense": WITH_CLIENT,
    "comment": WITH_CLIENT,
    "scoped_budget": OFFICE,
    "registration": TEAM | {"guest"},
    "waitlist_entry": TEAM | {"guest"},
    "event_option": WHOEVER_MAY_REGISTER,
    "pickup_slot": WHOEVER_MAY_REGISTER,
    "event": WHOEVER_MAY_REGISTER,
    "event.called_off": TEAM,
    "alert": TEAM,
    "webhook": frozenset({"owner", "manager"}),
}
MOVED_BESIDE = {
    "budget.funding_changed": TEAM,
    "budget.funding_overridden": TEAM,
    "event.called_off": WHOEVER_MAY_REGISTER,
}
KINDS = [kind for kind in published_kinds() if kind.name != TEST_KIND]


@pytest.fixture
def people(account):
    roles = {
        "owner": Role.OWNER,
        "manager": Role.MANAGER,
        "staff": Role.STAFF,
        "organizer": Role.ORGANIZER,
        "other organizer": Role.ORGANIZER,
        "client": Role.CLIENT,
        "other client": Role.CLIENT,
        # Made the event when they worked here, and are somebody's client now.
        "maker, now a client": Role.CLIENT,
        "attendee": Role.ATTENDEE,
        "guest": Role.ATTENDEE,
    }
    return {name: make_member(account, role) for name, role in roles.items()}


@pytest.fixture
def subjects(account, people):
    """A row of each type that events are about, all of them about one event; a rival event has other people."""
    user = {name: member.user for name, member in people.items()}
    event = make_open_event(account, user["owner"], organizer=user["organizer"], client=user["client"], total=None)
    Event.objects.filter(pk=event.pk).update(created_by=user["maker, now a client"])
    make_open_event(account, user["owner"], organizer=user["other organizer"], client=user["other client"])
    budget = make_budget(account, user["owner"], event=event)
    make_line(budget, user["owner"], actual_amount="1001")
    option = make_option(event, user["owner"], total_available=1)
    registration = ask(event, user["guest"], option)
    full = make_option(event, user["owner"], option_name="Tour", total_available=1)
    ask(event, user["attendee"], full)
    waiting = join_waitlist(event=event, user=user["guest"], option_id=full.pk, slot_id=None, now=NOW)
    expense = make_expense(budget, user["owner"])
    return {
        "event": event.pk,
        "event_budget": budget.pk,
        "event_option": option.pk,
        "pickup_slot": uuid4(),
        "registration": registration.pk,
        "waitlist_entry": getattr(waiting, "entry", waiting).pk,
        "expense": expense.pk,
        "comment": uuid4(),
        "scoped_budget": uuid4(),
        "alert": BudgetAlert.objects.filter(budget=budget).first().pk,
        "webhook": uuid4(),
    }


def happened(subjects, kind, **payload):
    names = {
        "event_id": str(subjects["event"]),
        "budget": str(subjects["event_budget"]),
        "budget_id": str(subjects["event_budget"]),
        "scoped_budget_id": None,
        **payload,
    }
    return OutboxEvent(
        kind=kind.name,
        subject_type=kind.subject_type,
        subject_id=subjects[kind.subject_type],
        payload=names,
        created_at=timezone.now(),
        position=1,
    )


def told(account, member, since, **wishes):
    listener = Listener(
        tenant_id=account.pk,
        user_id=member.user_id,
        role=Role(member.role),
        cursor=since,
        ends_at=0,
        **wishes,
    )
    text = listener.told(read(account.pk, since))
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]


def test_every_subject_of_the_catalogue_has_a_sight():
    assert [kind.name for kind in KINDS if not has_sight(kind.subject_type)] == []


def test_each_role_is_told_exactly_what_its_pages_show(account, people, subjects, other_account):
    since = read(account.pk, None).cursor
    receive([happened(subjects, kind) for kind in KINDS])
    append({other_account.pk: [{"sight": {"needs": None}}]})

    for name, member in people.items():
        events = told(account, member, since)
        assert sorted(event["type"] for event in events) == sorted(
            kind.name for kind in KINDS if name in SEEN_BY.get(kind.name, SEEN_BY[kind.subject_type])
        ), name
        moved = told(account, member, since, topics_only=True)
        assert len(moved) == sum(
            name in MOVED_BESIDE.get(kind.name, SEEN_BY.get(kind.name, SEEN_BY[kind.subject_type])) for kind in KINDS
        ), name
        assert all(set(message) == {"topics"} for message in moved)


def test_that_is_what_their_lists_show(account, people, subjects):
    """The rows in sight, by the querysets that all pages and answers begin with."""
    for name, member in people.items():
        who = {"user_id": member.user_id, "role": Role(member.role)}
        role = who["role"]
        shown = {
            "event": shows(Event.objects.visible_to(**who), subjects["event"]),
            "event_budget": shows(EventBudget.objects.visible_to(**who), subjects["event_budget"]),
            "expense": shows(Expense.objects.visible_to(**who), subjects["expense"]),
            "alert": may(role, "alerts.view") and shows(BudgetAlert.objects.visible_to(**who), subjects["alert"]),
            "registration": shows(
                # Who decides does so in the events in their sight.
                EventRegistration.objects.visible_to(**who).filter(event__in=Event.objects.visible_to(**who)),
                subjects["registration"],
            ),
        }
        expected = {
            "event": name in SEEN_BY["event"],
            "event_budget": name in SEEN_BY["budget.changed"],
            "expense": name in SEEN_BY["expense"],
            "alert": name in SEEN_BY["alert"],
            "registration": name in SEEN_BY["registration"],
        }
        assert shown == expected, name


def shows(rows: QuerySet, row_id) -> bool:
    return rows.filter(pk=row_id).exists()


def test_alerts_of_company_budgets_are_the_back_offices(account, people, subjects):
    since = read(account.pk, None).cursor
    (opened,) = (kind for kind in KINDS if kind.name == "alert.opened")
    receive([happened(subjects, opened, budget_id=None, scoped_budget_id=str(uuid4()))])

    assert {name for name, member in people.items() if told(account, member, since)} == {
        name for name, member in people.items() if member.role in BACK_OFFICE
    }


def test_what_another_release_has_written_is_read_anew(account, people):
    since = read(account.pk, None).cursor
    append({account.pk: [{"sight": {"needs": "events.view"}}, {"visible": "to all"}]})

    assert told(account, people["attendee"], since) == [{"reset": True}, {"reset": True}]


def test_a_repeat_has_the_same_id(account, people, subjects):
    since = read(account.pk, None).cursor
    submitted = happened(subjects, KINDS[0])
    receive([submitted])
    receive([submitted])

    ids = [event["id"] for event in told(account, people["owner"], since)]
    assert ids == [str(submitted.pk)] * 2
