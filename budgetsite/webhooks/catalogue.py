"""What webhooks tell: every kind of event that leaves the site, in words, with the fields of its `data`.

Only what stands here is sent: a field that an event has besides stays inside, and so do kinds that are not listed. No
field is about a person. The tests compare every event that they record with this.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_ANY_LIST: Mapping[str, Any] = {"type": "array", "items": {"type": "string"}}
_REFUSALS: Mapping[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {"budget_id": {"type": "string", "format": "uuid"}, "remaining": {"type": "string"}},
    },
}
_ID: Mapping[str, Any] = {"type": "string", "format": "uuid"}
_ID_OR_NULL: Mapping[str, Any] = {"type": ["string", "null"], "format": "uuid"}
_MOMENT: Mapping[str, Any] = {"type": "string", "format": "date-time"}
_MOMENT_OR_NULL: Mapping[str, Any] = {"type": ["string", "null"], "format": "date-time"}
_AMOUNT: Mapping[str, Any] = {"type": "string", "description": "An amount in the currency's own number of decimals."}
_NUMBER: Mapping[str, Any] = {"type": "integer"}
_PERCENTAGE: Mapping[str, Any] = {"type": "string", "description": "A percentage with two decimals."}
_TEXT: Mapping[str, Any] = {"type": "string"}
_TEXT_OR_NULL: Mapping[str, Any] = {"type": ["string", "null"]}


@dataclass(frozen=True, slots=True)
class EventKind:
    """A kind of event: what has happened, to which type of subject, and the JSON schemas of the fields that tell of it.

    `optional` fields are left out where they say nothing. `private` ones are recorded, and never sent.
    """

    name: str
    happened: str
    subject_type: str
    fields: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    private: frozenset[str] = frozenset()

    @property
    def family(self) -> str:
        return self.name.partition(".")[0]

    def published(self, payload: Mapping[str, Any]) -> dict[str, Any]:
        """Return what of an event's payload is sent."""
        return {name: payload[name] for name in self.fields if name in payload}

    def schema(self) -> dict[str, Any]:
        """Return the JSON schema of `data`."""
        return {
            "type": "object",
            "properties": {
                "account_id": dict(_ID),
                "subject_type": {"const": self.subject_type},
                "subject_id": dict(_ID),
                "sequence": {"type": "integer", "description": "Of two events of one subject, the later has more."},
                **{name: dict(schema) for name, schema in self.fields.items()},
            },
            "required": [
                "account_id", "subject_type", "subject_id", "sequence",
                *(name for name in self.fields if name not in self.optional),
            ],
        }  # fmt: skip


_kinds: dict[str, EventKind] = {}

# What the endpoints themselves have to tell; it is sent to the one that asked for it.
TEST_KIND = "webhook.test"


def publish(kinds: Iterable[EventKind]) -> None:
    """Let webhooks tell these kinds too."""
    _kinds.update({kind.name: kind for kind in kinds})


def published_kinds() -> list[EventKind]:
    return sorted(_kinds.values(), key=lambda kind: kind.name)


def kind_called(name: str) -> EventKind | None:
    return _kinds.get(name)


def families() -> list[str]:
    return sorted({kind.family for kind in _kinds.values()})


def _family(subject_type: str, fields: Mapping[str, Mapping[str, Any]], **happened: str) -> list[EventKind]:
    """Return kinds with the same fields; `budget__submitted` is the kind `budget.submitted`."""
    return [EventKind(name.replace("__", "."), sentence, subject_type, fields) for name, sentence in happened.items()]


_MOVE = {"version": _NUMBER, "revision": _NUMBER, "status": _TEXT, "stage": _NUMBER, "awaiting_role": _TEXT}
_TRANSFER = {
    "transfer": _ID, "from_line": _ID, "to_line": _ID, "amount": _AMOUNT, "currency": _TEXT, "needs_role": _TEXT,
    "reverses": _ID_OR_NULL, "version": {"type": ["integer", "null"]}, "revision": _NUMBER,
}  # fmt: skip
_EXPENSE = {
    "event": _ID, "budget": _ID, "line": _ID, "stage": _TEXT, "approval": _TEXT, "amount": _AMOUNT, "currency": _TEXT,
    "version": _NUMBER,
}  # fmt: skip
_RECEIPT = {"budget": _ID, "receipt": _ID, "content_type": _TEXT}
_REGISTRATION = {
    "event_id": _ID, "event_option_id": _ID_OR_NULL, "status": _TEXT, "party_size": _NUMBER,
    "amount_committed": _AMOUNT,
}  # fmt: skip
_OPTION = {"event_id": _ID, "total_available": _NUMBER, "cost_per_unit": _AMOUNT, "currency": _TEXT}
_SLOT = {"event_id": _ID, "capacity": _NUMBER, "booked": _NUMBER}
_WAITLIST = {
    "event_id": _ID, "event_option_id": _ID_OR_NULL, "party_size": _NUMBER, "offer_expires_at": _MOMENT_OR_NULL,
}  # fmt: skip
_COMMENT = {"budget": _ID, "expense": _ID_OR_NULL}
_ALERT = {
    "budget_id": _ID_OR_NULL, "scoped_budget_id": _ID_OR_NULL, "line_item_id": _ID_OR_NULL, "alert_type": _TEXT,
    "level": _TEXT, "threshold": _PERCENTAGE, "utilization": _PERCENTAGE,
}  # fmt: skip

publish(
    [
        *_family(
            "event_budget",
            _MOVE,
            budget__submitted="A plan was sent for approval.",
            budget__stage_approved="A stage of the approval was passed; another one waits.",
            budget__approved="A plan was approved and is in force.",
            budget__rejected="A plan was sent back.",
            budget__activated="A budget became active.",
            budget__finalized="A budget was closed.",
            budget__archived="A closed budget was put away.",
            budget__revised="A new revision of an approved plan was begun.",
        ),
        EventKind(
            "budget.changed",
            "The plan or the figures of a budget changed: something was planned, promised or spent.",
            "event_budget",
            {"version": _NUMBER},
        ),
        EventKind(
            "budget.revision_discarded",
            "A revision was dropped; the plan before it holds.",
            "event_budget",
            {"version": _NUMBER, "revision": _NUMBER, "discarded": _NUMBER},
        ),
        EventKind(
            "budget.approval_waiting",
            "An approval has waited for longer than the account lets it.",
            "event_budget",
            {"stage": _NUMBER, "role": _TEXT, "since": _MOMENT, "reminders": _NUMBER},
        ),
        *_family(
            "event_budget",
            _TRANSFER,
            budget__transferred="Money was moved between two lines.",
            budget__transfer_requested="Somebody asks to move money between two lines.",
            budget__transfer_rejected="A transfer was refused.",
        ),
        EventKind(
            "budget.transfers_lapsed",
            "Transfers that waited lapsed, because the plan was opened or closed.",
            "event_budget",
            {"count": _NUMBER, "revision": _NUMBER},
        ),
        EventKind(
            "budget.funding_changed",
            "Another scoped budget pays for a budget, or none.",
            "event_budget",
            {"from": _ID_OR_NULL, "to": _ID_OR_NULL, "overridden": _ANY_LIST},
        ),
        EventKind(
            "budget.funding_overridden",
            "Somebody spent more than the scoped budgets above had left.",
            "event_budget",
            {"entry_id": _ID, "amount": _AMOUNT, "currency": _TEXT, "refused_by": _REFUSALS},
        ),
        *_family(
            "expense",
            _EXPENSE,
            expense__recorded="An expense was recorded.",
            expense__approved="An expense was approved.",
            expense__committed="An expense was promised to its vendor.",
            expense__rejected="An expense was refused.",
            expense__cancelled="An expense was cancelled.",
            expense__deleted="An expense was deleted.",
        ),
        EventKind(
            "expense.requested",
            "An expense was recorded that somebody else has to approve.",
            "expense",
            _EXPENSE | {"wanted_stage": _TEXT},
        ),
        EventKind("expense.changed", "An expense was changed.", "expense", _EXPENSE | {"fields": _ANY_LIST}),
        *_family(
            "expense",
            _EXPENSE | {"invoice": _ID},
            expense__invoiced="A bill arrived.",
            expense__invoice_cancelled="A bill was taken back.",
        ),
        EventKind(
            "expense.payment_planned",
            "One or more payments were planned.",
            "expense",
            _EXPENSE | {"payment": _ID, "payments": _ANY_LIST},
            optional=frozenset({"payment", "payments"}),
        ),
        *_family(
            "expense",
            _EXPENSE | {"payment": _ID},
            expense__paid="A payment left the account.",
            expense__payment_changed="A payment was changed.",
            expense__payment_cancelled="A payment was taken back.",
        ),
        *_family(
            "expense",
            _RECEIPT,
            expense__receipt_added="A receipt was added.",
            expense__receipt_deleted="A receipt was deleted.",
            expense__receipt_restored="A deleted receipt came back.",
        ),
        *(
            EventKind(name, sentence, "comment", _COMMENT, private=frozenset({"author"}))
            for name, sentence in (
                ("comment.added", "Somebody commented on a budget or an expense."),
                ("comment.deleted", "A comment was taken back."),
            )
        ),
        *_family(
            "scoped_budget",
            {},
            scoped_budget__created="A scoped budget was made.",
            scoped_budget__deleted="A scoped budget was deleted.",
            scoped_budget__restored="A deleted scoped budget came back.",
        ),
        EventKind("scoped_budget.changed", "A scoped budget was changed.", "scoped_budget", {"fields": _ANY_LIST}),
        *_family(
            "registration",
            _REGISTRATION,
            registration__requested="Somebody asked for a place.",
            registration__approved="A registration was approved.",
            registration__rejected="A registration was refused.",
            registration__cancelled="A registration was cancelled.",
            registration__slot_assigned="A registration was given a time to collect.",
            registration__notes_changed="The notes of a registration were changed.",
        ),
        *_family(
            "registration",
            {},
            registration__collected="What was registered for was handed out.",
            registration__check_in_undone="A check-in was taken back.",
        ),
        *_family(
            "event_option",
            _OPTION,
            event_option__created="An option was made.",
            event_option__changed="An option was changed.",
            event_option__deleted="An option was deleted.",
            event_option__restored="A deleted option came back.",
        ),
        *_family(
            "pickup_slot",
            _SLOT,
            pickup_slot__changed="A time to collect was changed.",
            pickup_slot__deleted="A time to collect was deleted.",
            pickup_slot__restored="A deleted time to collect came back.",
        ),
        *_family(
            "waitlist_entry",
            _WAITLIST,
            waitlist__joined="Somebody joined a waitlist.",
            waitlist__offered="Somebody on a waitlist was offered a place.",
            waitlist__accepted="An offer was taken.",
            waitlist__expired="An offer ran out.",
            waitlist__cancelled="Somebody left a waitlist.",
        ),
        EventKind(
            "waitlist.prioritised",
            "Somebody was moved up on a waitlist.",
            "waitlist_entry",
            {"event_id": _ID, "priority": _NUMBER},
        ),
        EventKind(
            "event.called_off",
            "An event was deleted, and its registrations with it.",
            "event",
            {"pending": _NUMBER, "approved": _NUMBER, "collected": _NUMBER},
        ),
        EventKind(
            "event.slots_generated",
            "The times to collect of an event were made.",
            "event",
            {"starts_at": _MOMENT, "ends_at": _MOMENT, "slots": _NUMBER},
        ),
        EventKind(
            "event.registration_policy_changed",
            "How people register for an event was changed.",
            "event",
            {"cancel_until_hours": _TEXT, "kept_share": _TEXT, "offer_minutes": _TEXT},
        ),
        *_family(
            "alert",
            _ALERT,
            alert__opened="A budget crosses a limit or heads beyond it, or a payment is due.",
            alert__raised="What an open alert tells of got worse.",
            alert__acknowledged="Somebody has seen an alert.",
            alert__resolved="An alert was dealt with, or resolved by itself.",
        ),
        EventKind(
            "webhook.paused",
            "A webhook failed for days, or is gone, and was paused. Other webhooks hear of it.",
            "webhook",
            {"reason": _TEXT},
        ),
    ]
)
