"""When people are written to: quiet hours over midnight and changing clocks, digests, and rest between two messages."""

from datetime import UTC, datetime, time, timedelta

import pytest

from budgetsite.notifications.timing import Habits, due_at, quiet_end

NIGHT = Habits(timezone="Europe/Madrid", quiet_from=time(22), quiet_until=time(7))


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        ("2026-06-10T20:30", "2026-06-11T05:00"),
        ("2026-06-10T22:30", "2026-06-11T05:00"),
        ("2026-06-10T05:00", None),
        ("2026-06-10T19:59:59", None),
        # The night in which the clocks go forward is an hour shorter, the one in which they go back an hour longer.
        ("2026-03-28T21:30", "2026-03-29T05:00"),
        ("2026-10-24T20:30", "2026-10-25T06:00"),
    ],
)
def test_quiet_hours_last_until_the_clock_there_says_so(now, ends):
    assert quiet_end(NIGHT, at(now)) == (None if ends is None else at(ends))


def test_quiet_hours_within_a_day():
    siesta = Habits(timezone="UTC", quiet_from=time(13), quiet_until=time(15))
    assert quiet_end(siesta, at("2026-06-10T14:00")) == at("2026-06-10T15:00")
    assert quiet_end(siesta, at("2026-06-10T15:00")) is None
    assert quiet_end(Habits(timezone="UTC"), at("2026-06-10T03:00")) is None


def due(habits, now, rhythm="immediate", level="warning", written=None):
    return due_at(habits, rhythm, level, now=at(now), last_written_at=None if written is None else at(written))


def test_what_comes_at_once_waits_a_moment_for_more_and_for_the_end_of_the_night():
    assert due(NIGHT, "2026-06-10T12:00") == at("2026-06-10T12:00:30")
    assert due(NIGHT, "2026-06-10T19:59:45") == at("2026-06-11T05:00")
    assert due(NIGHT, "2026-06-10T23:00", level="critical") == at("2026-06-11T05:00")
    loud = Habits(timezone="Europe/Madrid", quiet_from=time(22), quiet_until=time(7), critical_breaks_quiet=True)
    assert due(loud, "2026-06-10T23:00", level="critical") == at("2026-06-10T23:00:30")
    assert due(loud, "2026-06-10T23:00") == at("2026-06-11T05:00")


def test_who_was_just_written_to_is_left_alone_unless_it_is_critical():
    habits = Habits(timezone="UTC")
    assert due(habits, "2026-06-10T12:01", written="2026-06-10T12:00") == at("2026-06-10T12:10")
    assert due(habits, "2026-06-10T12:01", written="2026-06-10T12:00", level="critical") == at("2026-06-10T12:01:30")
    assert due(habits, "2026-06-10T13:00", written="2026-06-10T12:00") == at("2026-06-10T13:00:30")


def test_digests_go_out_at_their_hour_on_their_day():
    habits = Habits(timezone="America/New_York", digest_time=time(8), digest_weekday=4)
    assert due(habits, "2026-06-10T11:59", rhythm="daily") == at("2026-06-10T12:00")
    assert due(habits, "2026-06-10T12:00", rhythm="daily") == at("2026-06-11T12:00")
    # 10 June 2026 is a Wednesday.
    assert due(habits, "2026-06-10T12:00", rhythm="weekly") == at("2026-06-12T12:00")
    assert due(habits, "2026-06-12T12:00", rhythm="weekly") == at("2026-06-19T12:00")
    # The hour that is skipped in March: the next one that the clock shows.
    skipped = Habits(timezone="America/New_York", digest_time=time(2, 30))
    assert due(skipped, "2026-03-08T05:00", rhythm="daily") - at("2026-03-08T05:00") < timedelta(hours=3)
