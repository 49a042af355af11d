"""The bot's time beside a wall clock that is set: it never goes back nor stands still, and comes together with it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import T0
from trading.domain.actions import Notify
from trading.live.live_clock import LiveClock


class Clocks:
    """A machine's two clocks, and a bot's time beside them."""

    def __init__(self) -> None:
        self.wall_ms = T0
        self.monotonic_s = 1_000.0
        self.told: list[Notify] = []
        self.known_ms = 0
        self.clock = LiveClock(self.told.append, lambda: self.wall_ms, lambda: self.monotonic_s)

    def look(self, passed_ms: int = 0, *, set_by_ms: int = 0) -> int:
        """The bot's time after so much time, in which the wall clock was set by so much."""
        self.monotonic_s += passed_ms / 1000
        self.wall_ms += passed_ms + set_by_ms
        self.known_ms = self.clock.after(self.known_ms)
        return self.known_ms

    @property
    def codes(self) -> list[str]:
        return [note.code for note in self.told]


@pytest.fixture
def clocks() -> Clocks:
    clocks = Clocks()
    assert clocks.look() == T0
    return clocks


def test_it_is_the_wall_clocks_time(clocks: Clocks) -> None:
    assert [clocks.look(500) for _ in range(3)] == [T0 + 500, T0 + 1_000, T0 + 1_500]
    assert clocks.codes == []


def test_after_the_wall_clock_was_set_back_time_goes_on_at_half_pace_and_the_owner_is_told_once(clocks: Clocks) -> None:
    assert clocks.look(1_000, set_by_ms=-3_600_000) == T0 + 500
    assert clocks.look(60_000) == T0 + 30_500
    assert clocks.codes == ["CLOCK_BEHIND"]
    assert clocks.look(2 * 3_600_000) == clocks.wall_ms
    assert clocks.codes == ["CLOCK_BEHIND", "CLOCK_BEHIND_ENDED"]


def test_a_small_correction_is_taken_without_a_word(clocks: Clocks) -> None:
    assert clocks.look(1_000, set_by_ms=-4_000) == T0 + 500
    assert clocks.look(7_000) == clocks.wall_ms
    assert clocks.codes == []


def test_forward_it_is_followed_at_once_and_the_owner_is_told(clocks: Clocks) -> None:
    assert clocks.look(1_000, set_by_ms=3_600_000) == T0 + 3_601_000
    assert clocks.codes == ["CLOCK_JUMPED"]


def test_what_a_candle_says_is_not_gone_back_behind(clocks: Clocks) -> None:
    clocks.known_ms = T0 + 3_600_000
    assert clocks.look(1_000) == T0 + 3_600_000
    assert clocks.look(10_000) == T0 + 3_605_000
    assert clocks.codes == ["CLOCK_BEHIND"]


def test_a_start_believes_the_wall_clock(clocks: Clocks) -> None:
    """The bot ran while the clock was an hour ahead, and is started again now that it is right."""
    clocks.look(set_by_ms=-3_600_000)
    assert clocks.clock.begin() == clocks.wall_ms
    clocks.known_ms = clocks.wall_ms
    assert clocks.look(1_000) == clocks.wall_ms


def test_many_looks_in_a_millisecond_lose_no_time(clocks: Clocks) -> None:
    clocks.look(set_by_ms=-3_600_000)
    for _ in range(1_000):
        clocks.look(1)
    assert clocks.known_ms == T0 + 500


@given(st.lists(st.tuples(st.integers(0, 100_000), st.integers(-10_000_000, 10_000_000)), max_size=30))
def test_it_never_goes_back_and_never_slower_than_half(steps: list[tuple[int, int]]) -> None:
    clocks = Clocks()
    before = clocks.look()
    for passed_ms, set_by_ms in steps:
        now = clocks.look(passed_ms, set_by_ms=set_by_ms)
        assert now >= max(before + passed_ms // 2 - 1, clocks.wall_ms)
        before = now
