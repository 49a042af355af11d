"""When an alert is due: level by channel, quiet hours in any zone, repeats held and joined."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.domain.actions import Level
from trading.monitoring.alerts.rules import AlertRules, QuietHours
from trading.store.alerts import Alert
from trading.store.deliveries import Repeats

NOW = 1_750_000_000_000
JOIN = 300_000


def ms(text: str, zone: tzinfo = UTC) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp() * 1000)


def alert(level: Level = Level.INFO) -> Alert:
    return Alert(seq=1, time_ms=NOW, created_ms=NOW, level=level, code="CODE", symbol="BTC/USDT", text="text")


def rules(level: Level = Level.INFO, quiet: QuietHours | None = None) -> AlertRules:
    return AlertRules(lambda channel: Level.CRITICAL if channel == "email" else level, join_ms=JOIN, quiet=quiet)


@pytest.mark.parametrize("level", list(Level))
@pytest.mark.parametrize("least", list(Level))
def test_only_what_is_urgent_enough_for_the_channel(level: Level, least: Level) -> None:
    order = list(Level)
    is_due = rules(least)("slack", alert(level), Repeats(), NOW) == NOW
    assert is_due == (order.index(level) >= order.index(least))
    assert (rules(least)("email", alert(level), Repeats(), NOW) is None) == (level is not Level.CRITICAL)


@pytest.mark.parametrize(
    ("hours", "now", "end"),
    [
        ("22:00-07:00", "2025-06-01T22:00", "2025-06-02T07:00"),
        ("22:00-07:00", "2025-06-01T23:59", "2025-06-02T07:00"),
        ("22:00-07:00", "2025-06-01T00:00", "2025-06-01T07:00"),
        ("22:00-07:00", "2025-06-01T06:59", "2025-06-01T07:00"),
        ("22:00-07:00", "2025-06-01T07:00", None),
        ("22:00-07:00", "2025-06-01T21:59", None),
        ("12:30-13:15", "2025-06-01T12:30", "2025-06-01T13:15"),
        ("12:30-13:15", "2025-06-01T13:14", "2025-06-01T13:15"),
        ("12:30-13:15", "2025-06-01T13:15", None),
        ("12:30-13:15", "2025-06-01T00:00", None),
        ("00:00-23:59", "2025-06-01T23:59", None),
    ],
)
def test_quiet_hours_begin_and_end_at_their_minute(hours: str, now: str, end: str | None) -> None:
    assert QuietHours(hours, UTC).end_ms(ms(now)) == (None if end is None else ms(end))


def test_quiet_hours_are_those_of_their_zone_when_clocks_change() -> None:
    quiet = QuietHours("22:00-07:00", ZoneInfo("Europe/Berlin"))
    assert quiet.end_ms(ms("2025-06-01T20:30")) == ms("2025-06-02T05:00")
    assert quiet.end_ms(ms("2025-01-01T20:30")) is None
    # The nights in which an hour is left out, and comes twice.
    assert quiet.end_ms(ms("2025-03-29T22:30")) == ms("2025-03-30T05:00")
    assert quiet.end_ms(ms("2025-10-25T22:30")) == ms("2025-10-26T06:00")


@given(begin=st.integers(0, 1439), end=st.integers(0, 1439), now=st.integers(1_700_000_000, 1_800_000_000))
def test_quiet_hours_end_within_a_day_at_their_end(begin: int, end: int, now: int) -> None:
    if begin == end:
        return
    quiet = QuietHours(f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}", UTC)
    found = quiet.end_ms(now * 1000)
    minute = now // 60 % 1440
    assert (found is not None) == ((minute - begin) % 1440 < (end - begin) % 1440)
    if found is not None:
        assert now * 1000 < found <= now * 1000 + 86_400_000
        assert found // 60_000 % 1440 == end
        assert quiet.end_ms(found) is None


def test_what_is_critical_goes_through_quiet_hours() -> None:
    night = ms("2025-06-01T23:00")
    quiet = rules(quiet=QuietHours("22:00-07:00", UTC))
    assert quiet("slack", alert(Level.CRITICAL), Repeats(), night) == night
    for level in (Level.INFO, Level.WARNING):
        assert quiet("slack", alert(level), Repeats(), night) == ms("2025-06-02T07:00")


def test_a_repeat_of_what_was_just_sent_waits_until_the_window_is_over() -> None:
    for level in Level:
        assert rules()("slack", alert(level), Repeats(sent_ms=NOW - 1_000), NOW) == NOW - 1_000 + JOIN
    assert rules()("slack", alert(), Repeats(sent_ms=NOW - JOIN), NOW) == NOW


def test_a_repeat_of_what_waits_waits_with_it() -> None:
    for waits_until in (NOW - 5_000, NOW + 5_000):
        assert rules()("slack", alert(), Repeats(waits_until, NOW - 1_000), NOW) == waits_until


def test_a_time_that_a_wrong_clock_gave_holds_nothing_back() -> None:
    assert rules()("slack", alert(), Repeats(sent_ms=NOW + 86_400_000), NOW) == NOW
