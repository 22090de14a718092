"""Nothing is missed: by whoever reads on from a place, joins while others write, reads slowly, or loses Valkey."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
import redis
from django.db import connection

from budgetsite.accounts.roles import Role
from budgetsite.live import hub as hub_module
from budgetsite.live.hub import Hub
from budgetsite.live.journal import KEPT_ENTRIES, MOST_ENTRIES_AT_ONCE, PEOPLE, Cursor, append, read
from budgetsite.live.listener import Listener
from budgetsite.live.sight import Sight
from budgetsite.local.folder import DataFolder
from budgetsite.local.signals import StopSignals
from budgetsite.local.valkey import Valkey
from budgetsite.testing.event_loop import in_a_loop

DAY_MS = 24 * 3600 * 1000
PATIENCE_SECONDS = 20


@pytest.fixture
def tenant_id() -> UUID:
    return uuid4()


@pytest.fixture
def valkey(tmp_path, settings) -> Iterator[Valkey]:
    """A server of the test's own, which it may end."""
    folder = DataFolder(tmp_path / "data")
    folder.create()
    server = Valkey(folder, StopSignals())
    server.start()
    settings.REDIS_URL = server.address
    yield server
    server.stop()


def played(story: Coroutine[Any, Any, Any]) -> Any:
    """Run a story of several who listen and write at once; one that hangs fails."""

    async def in_time() -> Any:
        return await asyncio.wait_for(story, PATIENCE_SECONDS)

    return in_a_loop(in_time())


def entry(number: int) -> dict:
    return {"sight": Sight(needs="events.view", topics=[str(number)], attendees=True).as_json()}


def write(tenant_id: UUID, *numbers: int) -> None:
    append({tenant_id: [entry(number) for number in numbers]})


def somebody(tenant_id: UUID, cursor: Cursor | None = None) -> Listener:
    return Listener(tenant_id, uuid4(), Role.ATTENDEE, cursor, ends_at=time.time() + 60, topics_only=True)


def numbers_in(reading) -> list[int]:
    return [int(json.loads(entry.content)["sight"]["topics"][0]) for entry in reading.entries]


@asynccontextmanager
async def open_hub() -> AsyncIterator[Hub]:
    hub = Hub()
    try:
        yield hub
    finally:
        tasks = hub._tasks
        hub.close()
        await asyncio.gather(*tasks, return_exceptions=True)
        if hub._valkey is not None:
            await hub._valkey.aclose()


async def listen_until(hub: Hub, listener: Listener, last: int) -> list[int]:
    """Listen as a browser does, coming back with the last place whenever sent away; -1 stands for a reset."""
    heard: list[int] = []
    while last not in heard:
        async with hub.seat(listener, asked_at=time.monotonic()) as (seat, reading):
            while reading is not None:
                heard += [-1] if reading.is_gap else numbers_in(reading)
                listener = replace(listener, cursor=reading.cursor)
                if last in heard:
                    break
                reading = await asyncio.wait_for(seat.readings.get(), PATIENCE_SECONDS)
    return heard


# --- Places in the journal --------------------------------------------------------------------------------------------


def test_a_place_is_read_as_it_was_written_and_nothing_else_is():
    cursor = Cursor("0123456789abcdef", (1781900000000, 7))
    assert Cursor.parse(str(cursor)) == cursor
    for text in ("", "0123456789abcdef", "0123456789abcdef.1-", "0123456789abcdef.1-2-3", "x" * 16 + ".1-2",
                 "0123456789abcdef.1-2\n", f"0123456789abcdef.{'9' * 20}-1"):  # fmt: skip
        assert Cursor.parse(text) is None, text


def test_what_stands_behind_a_place_is_given_once_and_in_order(tenant_id):
    start = read(tenant_id, None).cursor
    write(tenant_id, 1, 2)
    first = read(tenant_id, start)
    write(tenant_id, 3)

    assert (numbers_in(first), first.is_gap) == ([1, 2], False)
    assert numbers_in(read(tenant_id, first.cursor)) == [3]
    assert numbers_in(read(tenant_id, first.entries[0].cursor)) == [2, 3]
    assert read(tenant_id, read(tenant_id, None).cursor).entries == []


def test_too_much_too_old_and_what_is_trimmed_are_gaps(tenant_id):
    start = read(tenant_id, None).cursor
    write(tenant_id, *range(MOST_ENTRIES_AT_ONCE))
    assert numbers_in(read(tenant_id, start)) == list(range(MOST_ENTRIES_AT_ONCE))

    write(tenant_id, MOST_ENTRIES_AT_ONCE)
    gap = read(tenant_id, start)
    assert (gap.is_gap, gap.entries, gap.cursor) == (True, [], read(tenant_id, None).cursor)
    for _ in range(3):
        write(tenant_id, *range(KEPT_ENTRIES // 2))
    assert read(tenant_id, start).is_gap

    now = read(tenant_id, None).cursor
    assert read(tenant_id, Cursor(now.era, (now.place[0] - DAY_MS - 1000, 0))).is_gap
    assert read(tenant_id, Cursor("f" * 16, now.place)).is_gap


@pytest.mark.parametrize("how", ["emptied", "restarted with an older copy"])
def test_a_valkey_that_may_have_lost_something_is_a_gap(valkey, tenant_id, how):
    write(tenant_id, 1)
    start = read(tenant_id, None).cursor
    with redis.Redis.from_url(valkey.address) as client:
        if how == "emptied":
            write(tenant_id, 2)
            client.flushall()
        else:
            client.save()
            write(tenant_id, 2)
            valkey.process.kill()
            valkey.process.wait()
            valkey.start()
    write(tenant_id, 3)

    assert read(tenant_id, start).is_gap


# --- The hub ----------------------------------------------------------------------------------------------------------


def test_whoever_joins_while_others_write_misses_nothing_and_hears_nothing_twice(tenant_id):
    async def story() -> list[list[int]]:
        start = read(tenant_id, None).cursor
        writers, each, listeners = 4, 60, 60

        async def write_some(writer: int) -> None:
            for number in range(each):
                await asyncio.to_thread(write, tenant_id, writer * each + number)

        async with open_hub() as hub:
            # Some are there from the beginning, most come while the writers write, from the same place.
            heard = [asyncio.create_task(listen_until(hub, somebody(tenant_id, start), -2)) for _ in range(5)]
            writing = [asyncio.create_task(write_some(writer)) for writer in range(writers)]
            while len(heard) < listeners:
                await asyncio.sleep(0.005)
                heard.append(asyncio.create_task(listen_until(hub, somebody(tenant_id, start), -2)))
            await asyncio.gather(*writing)
            await asyncio.to_thread(write, tenant_id, -2)
            return await asyncio.gather(*heard)

    lists = played(story())
    assert sorted(lists[0]) == [-2, *range(240)]
    assert all(heard == lists[0] for heard in lists)


def test_who_reads_slowly_is_sent_away_and_comes_back_whole(tenant_id, monkeypatch):
    monkeypatch.setattr(hub_module, "_MOST_WAITING", 3)

    async def story() -> list[int]:
        async with open_hub() as hub:
            async with hub.seat(somebody(tenant_id), asked_at=time.monotonic()) as (seat, beginning):
                for number in range(10):
                    await asyncio.to_thread(write, tenant_id, number)
                    while seat.cursor != read(tenant_id, None).cursor:
                        await asyncio.sleep(0.005)
                last, heard = beginning.cursor, []
                while (reading := seat.readings.get_nowait()) is not None:
                    last, heard = reading.cursor, heard + numbers_in(reading)
                assert heard == list(range(len(heard)))
            return heard + (await listen_until(hub, somebody(tenant_id, last), 9))

    assert played(story()) == list(range(10))


def test_valkey_that_ends_while_people_listen_makes_them_read_anew(valkey, tenant_id):
    async def story() -> list[int]:
        async with open_hub() as hub:
            listening = asyncio.create_task(listen_until(hub, somebody(tenant_id), -1))
            while not hub.count():
                await asyncio.sleep(0.01)
            await asyncio.to_thread(write, tenant_id, 1)
            await asyncio.to_thread(valkey.stop)
            with pytest.raises(hub_module.JournalAway):
                async with hub.seat(somebody(tenant_id), asked_at=time.monotonic()):
                    raise AssertionError("Nobody sits down without Valkey.")
            assert hub.count() == 1
            await asyncio.to_thread(valkey.start)
            heard = await listening
            start = read(tenant_id, None).cursor
            await asyncio.to_thread(write, tenant_id, 2)
            return heard + await listen_until(hub, somebody(tenant_id, start), 2)

    # What was written just before it ended may have been told or not.
    assert played(story()) in ([-1, 2], [1, -1, 2])


def test_an_entry_that_nobody_can_read_does_not_stop_the_others(tenant_id):
    other = uuid4()

    async def story() -> list[int]:
        async with open_hub() as hub:
            listening = asyncio.create_task(listen_until(hub, somebody(tenant_id), 2))
            while not hub.count():
                await asyncio.sleep(0.01)
            # Told on the channel, and in the journal of people.
            with redis.Redis.from_url(hub_module.settings.REDIS_URL) as client:
                client.publish(hub_module.channel(), "no account")
            append({PEOPLE: [{"person": "nobody"}], other: [entry(1)]})
            await asyncio.sleep(0)
            write(tenant_id, 2)
            return await listening

    # Whoever listens meanwhile is sent away at most, and comes back.
    assert played(story()) == [2]
    with redis.Redis.from_url(hub_module.settings.REDIS_URL) as client:
        client.delete(f"budgetsite-live:{connection.settings_dict['NAME']}:{PEOPLE}")


# --- Access that has changed ------------------------------------------------------------------------------------------


def test_streams_of_whose_access_has_changed_end_wherever_they_are_on_their_way(tenant_id):
    anne, ben = somebody(tenant_id), somebody(tenant_id)

    async def story() -> list[bool]:
        asked_at = time.monotonic()
        async with (
            open_hub() as hub,
            hub.seat(anne, asked_at=asked_at) as (sitting, _),
            hub.seat(ben, asked_at=asked_at) as (other, _),
        ):
            append({PEOPLE: [{"person": str(anne.user_id)}]})
            assert await asyncio.wait_for(sitting.readings.get(), PATIENCE_SECONDS) is None
            # Judged before the change, seated after it.
            async with hub.seat(anne, asked_at=asked_at) as (late, _):
                assert late.readings.get_nowait() is None
            async with hub.seat(anne, asked_at=time.monotonic()) as (judged_anew, _):
                write(tenant_id, 1)
                assert numbers_in(await asyncio.wait_for(judged_anew.readings.get(), PATIENCE_SECONDS)) == [1]
            assert numbers_in(await asyncio.wait_for(other.readings.get(), PATIENCE_SECONDS)) == [1]
        # A process that has just begun: it was not there when the change was told.
        async with open_hub() as hub, hub.seat(anne, asked_at=asked_at) as (seat, _):
            assert await asyncio.wait_for(seat.readings.get(), PATIENCE_SECONDS) is None

    played(story())
