"""The journal: what has happened last in each account, in the order in which it was told, kept in Valkey for a day.

A reader's place in it is a cursor. Reading on from a cursor gives everything written after it, or says that this is not
possible any more (the journal is another one, or too much was written meanwhile): then what the reader shows has to be
read anew, which misses nothing either.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID, uuid4

import redis
from django.conf import settings
from django.db import connection

from budgetsite.valkey import valkey

KEPT_ENTRIES = 5000
# Whoever has missed more is told to read anew.
MOST_ENTRIES_AT_ONCE = 500
# A web process reads for all who listen, who have missed nothing; only a flood runs away from it. Less than is kept, so
# that what was trimmed is never missed unnoticed.
MOST_ENTRIES_FOR_ALL = 4000
_KEPT_SECONDS = 2 * 24 * 3600
# Less than journals are kept, for the same reason.
_OLDEST_CURSOR_MS = 24 * 3600 * 1000
_ANSWER_WITHIN_SECONDS = 0.5
_CURSOR = re.compile(r"([0-9a-f]{16})\.([0-9]{1,19})-([0-9]{1,19})")
# The journal of no account: people whose access has changed, whose streams end.
PEOPLE = UUID(int=0)

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in an account's journal. `era` changes when Valkey may have lost some of its journals: when it was
    emptied, and when another process serves, which may have begun with an older copy.
    """

    era: str
    place: Place

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """Read what `str` of a cursor gave; None for anything else."""
        found = _CURSOR.fullmatch(text)
        return None if found is None else cls(found[1], (int(found[2]), int(found[3])))

    def __str__(self) -> str:
        return f"{self.era}.{self.place[0]}-{self.place[1]}"


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that has happened; `content` is JSON, as `publishing` wrote it down."""

    cursor: Cursor
    content: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What stands behind a cursor, and where to read on. `is_gap`: something may have been missed."""

    entries: Sequence[Entry]
    cursor: Cursor
    is_gap: bool = False


def channel() -> str:
    """The channel on which it is told that a journal has grown, by its account's id."""
    return _name("written")


def append(written: Mapping[UUID, Sequence[Mapping[str, Any]]]) -> None:
    """Write entries into the journals of accounts, and tell who listens. Raises `redis.RedisError`; what was written
    by then is written again when the caller tries again.
    """
    pipeline = _valkey().pipeline(transaction=False)
    pipeline.set(_name("era"), uuid4().hex[:8], nx=True)
    for tenant_id, entries in written.items():
        key = _name(str(tenant_id))
        for content in entries:
            pipeline.xadd(key, {"content": json.dumps(content)}, maxlen=KEPT_ENTRIES, approximate=True)
        pipeline.expire(key, _KEPT_SECONDS)
        pipeline.publish(channel(), str(tenant_id))
    pipeline.execute()


def note_once(what: str, *, milliseconds: int) -> bool:
    """Whether nobody has noted `what` within so long; from now on it is noted. Raises `redis.RedisError`."""
    return bool(_valkey().set(_name(f"noted:{what}"), 1, px=milliseconds, nx=True))


def read(tenant_id: UUID, cursor: Cursor | None) -> Reading:
    """Return what stands behind `cursor`; without one nothing, and where the journal ends now.

    Raises `redis.RedisError`.
    """
    pipeline = _valkey().pipeline(transaction=False)
    ask(pipeline, tenant_id, cursor)
    return understand(pipeline.execute(), cursor)


def ask(pipeline: Any, tenant_id: UUID, cursor: Cursor | None, *, most: int = MOST_ENTRIES_AT_ONCE) -> None:
    """Put on a pipeline, of either kind of client, what `understand` reads; more than `most` entries are a gap."""
    key = _name(str(tenant_id))
    pipeline.set(_name("era"), uuid4().hex[:8], nx=True)
    pipeline.get(_name("era"))
    pipeline.info("server")
    pipeline.time()
    pipeline.xrevrange(key, count=1)
    if cursor is not None:
        pipeline.xrange(key, min=f"({cursor.place[0]}-{cursor.place[1]}", count=most + 1)


def understand(answers: Sequence[Any], cursor: Cursor | None, *, most: int = MOST_ENTRIES_AT_ONCE) -> Reading:
    _, era_bytes, server, (seconds, microseconds), newest, *found = answers
    era, now_ms = f"{era_bytes.decode()}{server['run_id'][:8]}", seconds * 1000 + microseconds // 1000
    # Where nothing is written yet, the moment before this one: an entry of this very millisecond comes after it.
    end = Cursor(era, _place(newest[0][0]) if newest else (now_ms - 1, 0))
    if cursor is None:
        return Reading([], end)
    (rows,) = found
    is_gap = cursor.era != era or cursor.place[0] < now_ms - _OLDEST_CURSOR_MS or len(rows) > most
    if is_gap:
        return Reading([], end, is_gap=True)
    entries = [Entry(Cursor(era, _place(row_id)), fields[b"content"].decode()) for row_id, fields in rows]
    return Reading(entries, entries[-1].cursor if entries else cursor)


def _place(row_id: bytes) -> Place:
    milliseconds, _, number = row_id.partition(b"-")
    return int(milliseconds), int(number)


def _name(what: str) -> str:
    # Several databases may have one Valkey: those of tests do.
    return f"budgetsite-live:{connection.settings_dict['NAME']}:{what}"


def _valkey() -> "redis.Redis":
    return valkey(settings.REDIS_URL, answer_within_seconds=_ANSWER_WITHIN_SECONDS)
