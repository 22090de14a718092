"""Somebody who listens, and what they are told: server-sent events as text."""

import json
from dataclasses import dataclass
from functools import lru_cache
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
        tale = _understood(entry.content)
        if tale is None:
            return self._reset(entry.cursor)
        if not tale.sight.lets(user_id=self.user_id, role=self.role):
            return ""
        if self.topics_only:
            return f"id: {entry.cursor}\n{tale.topics}" if tale.topics else ""
        if not tale.kind or (self.kinds is not None and tale.kind not in self.kinds):
            return ""
        return f"id: {entry.cursor}\n{tale.event}" if tale.sight.tells_details(self.role) else ""

    def _reset(self, cursor: Cursor) -> str:
        """Something may have been missed: whatever is shown has to be read anew."""
        return f"id: {cursor}\n" + _told({"reset": True}, name="" if self.topics_only else "reset")


@dataclass(frozen=True, slots=True)
class _Tale:
    """An entry in the words in which it is told: of its topics, and of its event, whose `kind` is empty without one."""

    sight: Sight
    topics: str
    kind: str
    event: str


# However many listen, an entry is put into words once.
@lru_cache(maxsize=1024)
def _understood(content: str) -> _Tale | None:
    """Return None for what another release of this site has written in a way that this one does not know."""
    try:
        written = json.loads(content)
        sight, event = Sight.from_json(written["sight"]), written.get("event")
        settling = {"settle_ms": written["settle_ms"]} if "settle_ms" in written else {}
        return _Tale(
            sight=sight,
            topics=_told({"topics": sight.topics, **settling}) if sight.topics else "",
            kind=event["type"] if event else "",
            event=_told(event, name=event["type"]) if event else "",
        )
    except (KeyError, TypeError, ValueError):
        return None


def beginning(*, retry_ms: int = RETRY_MS) -> str:
    """The first line of a stream: when to come back after its end."""
    return f"retry: {retry_ms}\n\n"


def place_of(cursor: Cursor) -> str:
    """Tell a place and nothing else: browsers keep it for the next connection, and run nothing."""
    return f"id: {cursor}\n:\n\n"


def _told(data: Any, *, name: str = "") -> str:
    named = f"event: {name}\n" if name else ""
    return f"{named}data: {json.dumps(data, separators=(',', ':'))}\n\n"
