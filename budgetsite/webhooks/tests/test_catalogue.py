"""What the catalogue says of events is what the apps record."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from uuid import UUID

import pytest

from alerts.models import BudgetAlert
from alerts.services.reactions import acknowledge_alert
from budgets.services.comment import add_comment, delete_comment
from budgets.services.expense_stages import cancel_expense, invoice_expense
from budgets.services.payment import add_payment
from budgets.services.receipt import add_receipt
from budgets.services.transfer import transfer_between_lines
from budgetsite.accounts.roles import Role
from budgetsite.local.folder import CHECKOUT
from budgetsite.outbox.models import OutboxEvent
from budgetsite.testing.budgets import make_budget, make_line, move
from budgetsite.testing.expenses import make_expense
from budgetsite.testing.papers import png
from budgetsite.testing.people import make_member
from budgetsite.testing.registrations import NOW, ask, make_attendees, make_open_event, make_option
from budgetsite.webhooks.catalogue import TEST_KIND, families, kind_called, published_kinds
from budgetsite.webhooks.forms import FAMILY_LABELS
from registrations.models import PickupSlot
from registrations.services.check_in import check_in, undo_check_in
from registrations.services.decision import decide
from registrations.services.option import delete_option, update_option
from registrations.services.slot import update_slot
from registrations.services.waitlist import join_waitlist, leave_waitlist

APPS = ["alerts", "registrations", "budgets", "events", "budgetsite"]
_TYPES = {"string": str, "integer": int, "array": list, "null": type(None)}


def differences(event):
    """Yield what the catalogue says otherwise than an event is."""
    kind = kind_called(event.kind)
    if kind is None:
        yield f"{event.kind} is not in the catalogue"
        return
    if event.subject_type != kind.subject_type:
        yield f"{event.kind} is about {event.subject_type}"
    for name in event.payload.keys() - kind.fields.keys() - kind.private:
        yield f"{event.kind} has {name}"
    for name in kind.fields.keys() - event.payload.keys() - kind.optional:
        yield f"{event.kind} lacks {name}"
    for name in kind.fields.keys() & event.payload.keys():
        if not conforms(event.payload[name], kind.fields[name]):
            yield f"{event.kind}.{name} is {event.payload[name]!r}"


def conforms(value, schema):
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if isinstance(value, bool) or not isinstance(value, tuple(_TYPES[name] for name in types)):
        return False
    if value is None or "format" not in schema:
        return True
    return bool({"uuid": UUID, "date-time": datetime.fromisoformat}[schema["format"]](value))


@pytest.fixture
def a_good_deal_happens(account, owner):
    boss = make_member(account, Role.OWNER).user
    acting = {"acting_user": owner, "acting_role": Role.OWNER, "now": datetime.now(UTC)}
    budget = make_budget(account, owner, total="5000")
    hall, extra = make_line(budget, owner, budgeted_amount="3000"), make_line(budget, owner, name="Extra")

    def step(action, user=owner, **options):
        move(budget, action, user=user, role=Role.OWNER, account=account, **options)

    step("submit")
    step("reject", user=boss, reason="Too dear")
    step("submit")
    step("approve", user=boss)
    step("activate")
    between = {"budget_id": budget.pk, "from_line_id": hall.pk, "to_line_id": extra.pk, "account": account}
    transfer_between_lines(amount=Decimal(10), reason="Less", **between, **acting)
    spent = {"role": Role.OWNER, "line_item": hall, "stage": "committed"}
    expense = make_expense(budget, owner, amount=Decimal(2900), **spent)
    bill = {"expense_id": expense.pk, "acting_user": owner, "now": acting["now"]}
    invoice_expense(**bill, amount=Decimal(2800))
    add_payment(expense_id=expense.pk, amount=Decimal(100), paid_at=acting["now"], **acting)
    add_payment(expense_id=expense.pk, amount=Decimal(100), due_date=acting["now"].date(), **acting)
    add_receipt(expense_id=expense.pk, file=BytesIO(png()), name="Bill", **acting)
    comment = add_comment(budget=budget, expense=expense, acting_user=owner, text="Paid in part")
    delete_comment(comment=comment, acting_user=owner, now=acting["now"])
    cancel_expense(expense_id=make_expense(budget, owner, role=Role.OWNER).pk, **acting)
    acknowledge_alert(alert_id=BudgetAlert.objects.filter(resolved=False)[0].pk, acting_user=owner, now=acting["now"])
    step("revise", reason="More guests")

    event = make_open_event(account, owner)
    mug = make_option(event, owner, total_available=1)
    guest, late = make_attendees(account, 2)
    registration = ask(event, guest, mug)
    decide(registration_id=registration.pk, event=event, wanted="APPROVED", acting_user=owner, may_decide=True, now=NOW)
    check_in(event=event, qr_token=registration.qr_token, acting_user=owner, now=NOW)
    undo_check_in(event=event, registration_id=registration.pk, acting_user=owner, reason="The wrong mug")
    entry = join_waitlist(event=event, user=late, option_id=mug.pk, slot_id=None, now=NOW)
    leave_waitlist(entry_id=entry.pk, event=event, user=late, now=NOW)
    cancelled = ask(event, late, make_option(event, owner, option_name="Cap"))
    decide(registration_id=cancelled.pk, event=event, wanted="REJECTED", acting_user=owner, may_decide=True, now=NOW,
           reason="Too late")  # fmt: skip
    update_option(event=event, option_id=mug.pk, acting_user=owner, now=NOW, total_available=5)
    delete_option(event=event, option_id=make_option(event, owner, option_name="Pen").pk, acting_user=owner, now=NOW)
    slot = PickupSlot.objects.filter(event=event)[0]
    update_slot(event=event, slot_id=slot.pk, capacity=3, acting_user=owner, now=NOW)


def test_what_happens_is_described_field_by_field(a_good_deal_happens):
    recorded = list(OutboxEvent.objects.all())
    assert [difference for event in recorded for difference in differences(event)] == []
    assert {event.kind for event in recorded} >= {
        "alert.acknowledged", "alert.opened", "budget.activated", "budget.approved", "budget.rejected",
        "budget.revised", "budget.submitted", "budget.transferred", "comment.added", "comment.deleted",
        "event_option.changed", "event_option.created", "event_option.deleted", "expense.cancelled",
        "expense.invoiced", "expense.paid", "expense.payment_planned", "expense.receipt_added", "expense.recorded",
        "pickup_slot.changed", "registration.approved", "registration.check_in_undone", "registration.collected",
        "registration.rejected", "registration.requested", "waitlist.cancelled", "waitlist.joined",
    }  # fmt: skip


def test_every_kind_that_the_source_names_is_described():
    named = re.compile(rf'"((?:{"|".join(families())})\.[a-z_]+)"')
    found = {
        match
        for app in APPS
        for path in (CHECKOUT / app).rglob("*.py")
        if not {"tests", "testing", "migrations", "webhooks"} & set(path.parts)
        for line in path.read_text().splitlines()
        if re.search("kind|tell", line, re.IGNORECASE)
        for match in named.findall(line)
    }
    assert len(found) > 20
    assert found - {kind.name for kind in published_kinds()} == set()


def test_every_family_has_a_name_on_the_form():
    assert set(families()) == FAMILY_LABELS.keys()


def test_nothing_private_is_published():
    for kind in published_kinds():
        assert not kind.private & kind.fields.keys()
    assert kind_called(TEST_KIND) is None
