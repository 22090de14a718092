"""Somebody who listens, and what they are told: server-sent events as text."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from budgetsite.accounts.roles import Role
from budgetsite.live.journal import Cursor, Entry, Reading
from budgetsite.live.sight import Sight

# After so long a lost connection is made anew.
RETRY_MS = 3000


@dataclass(frozen=True, slots=True)
class Listener:
    """A person in an account, from `cursor` on until `ends_at` (seconds since 1970).

    With `topics_only` the stream is a page's, which only asks which of its parts to read anew; otherwise it tells the
    events themselves, of these `kinds` (None: all).
    """

    tenant_id: UUID
    user_id: UUID
    role: Role
    cursor: Cursor | None
    ends_at: float
    topics_only: bool = False
    kinds: frozenset[str] | None = None

    def told(self, reading: Reading) -> str:
        """Return what the listener is told of a reading. Its cursor is told even where nothing in it is for them."""
        if reading.is_gap:
            return self._reset(reading.cursor)
        told = "".join(self._of_entry(entry) for entry in reading.entries)
        return told or place_of(reading.cursor)

    def _of_entry(self, entry: Entry) -> str:
        content = entry.content
        sight = Sight.from_json(content["sight"])
        if not sight.lets(user_id=self.user_id, role=self.role):
            return ""
        if self.topics_only:
            return _event(entry.cursor, {"topics": list(sight.topics)}) if sight.topics else ""
        event = content.get("event")
        if event is None or (self.kinds is not None and event["type"] not in self.kinds):
            return ""
        return _event(entry.cursor, event, name=event["type"])

    def _reset(self, cursor: Cursor) -> str:
        """Something may have been missed: whatever is shown has to be read anew."""
        return _event(cursor, {"reset": True}, name="" if self.topics_only else "reset")


def beginning(*, retry_ms: int = RETRY_MS) -> str:
    """The first line of a stream: when to come back after its end."""
    return f"retry: {retry_ms}\n\n"


def place_of(cursor: Cursor) -> str:
    """Tell a place and nothing else: browsers keep it for the next connection, and run nothing."""
    return f"id: {cursor}\n:\n\n"


def _event(cursor: Cursor, data: Any, *, name: str = "") -> str:
    named = f"event: {name}\n" if name else ""
    return f"id: {cursor}\n{named}data: {json.dumps(data, separators=(',', ':'))}\n\n"
