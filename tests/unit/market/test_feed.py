"""Feeds: resuming, history, pace and the end of a replay, on a clock that the test moves."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.market.candle_helpers import MINUTE, table
from trading.domain.candles import Candle
from trading.domain.errors import InvalidInput
from trading.exchange.instruments import default_instruments
from trading.market.batches import batches
from trading.market.demo import DemoMarket, demo_instrument
from trading.market.demo_facts import DEMO_LABEL, DEMO_START_MS
from trading.market.feed import HISTORY_MAX, Clock, DemoFeed, Feed, LoopClock, ReplayFeed

TABLES = [table("B/USDT", [0, 1, 2, 4]), table("A/USDT", [1, 2, 3])]


class TestClock:
    """Time passes only by sleeping, or by `work` (seconds that the consumer takes for each batch)."""

    __test__ = False

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)


def collected(
    feed: Feed, after_close_ms: int | None = None, count: int = 1000, clock: TestClock | None = None, work: float = 0.0
) -> list[tuple[Candle, ...]]:
    async def collect() -> list[tuple[Candle, ...]]:
        found: list[tuple[Candle, ...]] = []
        async for batch in feed.batches(after_close_ms):
            found.append(batch)
            if clock is not None:
                clock.now += work
            if len(found) == count:
                break
        return found

    return asyncio.run(collect())


def replay(speed: float = 0, clock: Clock | None = None) -> ReplayFeed:
    return ReplayFeed(TABLES, speed, clock=clock or TestClock())


def demo(speed: float = 0, clock: Clock | None = None, timeframe: str = "5m") -> DemoFeed:
    return DemoFeed(["ETH/USDT", "BTC/USDT"], timeframe, 9, speed, clock=clock or TestClock())


def test_a_replay_gives_every_batch_and_ends() -> None:
    assert collected(replay()) == list(batches(TABLES))


@pytest.mark.parametrize("after", [0, 1, 2, 3, 4, 5, 6])
def test_a_replay_resumes_after_the_close_given(after: int) -> None:
    expected = [batch for batch in batches(TABLES) if batch[0].close_time_ms > after * MINUTE]
    assert collected(replay(), after * MINUTE) == expected


def test_a_replay_stopped_anywhere_and_resumed_gives_the_same_as_in_one_go() -> None:
    whole = collected(replay())
    for stop in range(1, len(whole)):
        first = collected(replay(), count=stop)
        assert first + collected(replay(), first[-1][0].close_time_ms) == whole


def test_a_replay_keeps_the_factor_of_real_time_also_over_gaps() -> None:
    clock = TestClock()
    assert len(collected(replay(speed=120, clock=clock))) == 5
    assert clock.slept == [0, 0.5, 0.5, 0.5, 0.5]


def test_as_fast_as_possible_still_lets_others_run() -> None:
    clock = TestClock()
    collected(replay(speed=0, clock=clock))
    assert clock.slept == [0] * 5


def test_a_slow_consumer_is_not_flooded_afterwards() -> None:
    clock = TestClock()
    collected(replay(speed=60, clock=clock), clock=clock, work=2.5)
    assert clock.slept == [0] * 5
    steady = TestClock()
    collected(replay(speed=60, clock=steady), clock=steady, work=0.25)
    assert steady.slept == [0, 0.75, 0.75, 0.75, 0.75]


def test_the_real_clock_moves_and_yields() -> None:
    async def both() -> tuple[float, float]:
        clock = LoopClock()
        before = clock.monotonic()
        await clock.sleep(0)
        return before, clock.monotonic()

    before, after = asyncio.run(both())
    assert before <= after


def test_replay_history_is_what_closed_before() -> None:
    feed = replay()
    rows = [c for b in batches(TABLES) for c in b if c.symbol == "B/USDT"]
    assert feed.history("B/USDT", 4 * MINUTE, 2) == rows[1:3]
    assert feed.history("B/USDT", 3 * MINUTE, 100) == rows[:2]
    assert feed.history("B/USDT", 99 * MINUTE, 100) == rows
    assert feed.history("B/USDT", MINUTE, 100) == []
    assert feed.history("B/USDT", 99 * MINUTE, 0) == []


def test_demo_begins_at_its_start_and_resumes_after_the_close_given() -> None:
    whole = collected(demo(), count=6)
    assert [c.symbol for c in whole[0]] == ["BTC/USDT", "ETH/USDT"]
    assert whole[0][0].open_time_ms == DEMO_START_MS
    for stop in range(5):
        assert collected(demo(), whole[stop][0].close_time_ms, count=5 - stop) == whole[stop + 1 :]
    assert collected(demo(), whole[2][0].close_time_ms - 1, count=1) == [whole[2]]


def test_demo_history_leads_up_to_the_first_batch() -> None:
    feed = demo()
    first = collected(feed, count=1)[0][1]
    history = feed.history("ETH/USDT", first.close_time_ms, 300)
    assert len(history) == 300
    assert history[-1].close_time_ms == first.open_time_ms
    assert history[-1].close == first.open
    assert feed.starts_after_ms is not None
    assert feed.history("ETH/USDT", feed.starts_after_ms + 1, 300) == history
    assert feed.history("ETH/USDT", first.close_time_ms + 1, 1) == [first]
    assert feed.history("ETH/USDT", 600_000, 10) == [DemoMarket(9, 300_000).candle("ETH/USDT", 0)]
    assert feed.history("ETH/USDT", 300_000, 10) == []


def test_demo_speed_is_candles_a_second() -> None:
    clock = TestClock()
    collected(demo(speed=4, clock=clock), count=4)
    assert clock.slept == [0, 0.25, 0.25, 0.25]


def test_demo_ends_with_the_calendar() -> None:
    last = DemoMarket(9, 86_400_000).end - 1
    found = collected(demo(timeframe="1d"), last * 86_400_000)
    assert [batch[0].open_time_ms for batch in found] == [last * 86_400_000]


def test_decimals_of_prices_make_rules_that_the_prices_keep() -> None:
    assert replay().price_decimals == {"A/USDT": 0, "B/USDT": 0}
    feed = DemoFeed(["FOO/USDT", "BTC/USDT"], "5m", 9, 0)
    rules = default_instruments(feed.symbols, feed.price_decimals)
    assert feed.price_decimals["BTC/USDT"] == 2
    assert rules == {symbol: demo_instrument(symbol) for symbol in feed.symbols}


def test_labels_say_what_the_prices_are() -> None:
    assert demo().label == DEMO_LABEL
    assert demo().is_real is False
    assert "replay" in replay().label
    assert replay().is_real is True


@pytest.mark.parametrize("feed", [replay(), demo()], ids=["replay", "demo"])
def test_history_refuses_what_it_cannot_give(feed: Feed) -> None:
    with pytest.raises(InvalidInput, match="symbol"):
        feed.history("XRP/USDT", 99 * MINUTE, 1)
    for count in (-1, HISTORY_MAX + 1):
        with pytest.raises(InvalidInput, match="history count"):
            feed.history(feed.symbols[0], 99 * MINUTE, count)


@pytest.mark.parametrize("speed", [-1, float("nan"), float("inf")])
def test_speeds_that_make_no_sense_are_refused(speed: float) -> None:
    with pytest.raises(InvalidInput, match="replay speed"):
        replay(speed)
    with pytest.raises(InvalidInput, match="demo speed"):
        demo(speed)


def test_demo_refuses_symbols_twice_none_and_unknown_timeframes() -> None:
    for symbols in ([], ["BTC/USDT", "BTC/USDT"]):
        with pytest.raises(InvalidInput, match="each once"):
            DemoFeed(symbols, "1m", 1, 0)
    with pytest.raises(InvalidInput, match="1m, 3m"):
        DemoFeed(["BTC/USDT"], "1w", 1, 0)
