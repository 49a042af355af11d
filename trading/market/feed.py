"""Feeds for the live driver: batches of candles at a pace, from recorded tables or from the demo market."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Protocol

from trading.domain.candles import Candle
from trading.domain.errors import InvalidInput
from trading.market.batches import merge
from trading.market.candle_table import CandleTable
from trading.market.demo import DemoMarket, demo_price_decimals
from trading.market.demo_facts import DEMO_LABEL, DEMO_START_MS
from trading.market.timeframes import interval_of

HISTORY_MAX = 100_000
"""The most candles that one `history` call gives."""


class Feed(Protocol):
    """Where the live driver gets its candles.

    Attributes:
        symbols: sorted, unified. interval_ms: the timeframe of all of them.
        batch_seconds: the time from one batch to the next, by the world's clock; 0 where they come as fast as they are
            taken.
        label: what to tell people about these prices.
        is_real: whether a market made these prices (recorded ones included); False for the demo's.
        price_decimals: by symbol, how many decimals its prices have; a symbol may be missing that everybody knows.
        starts_after_ms: the close time that a first start goes on after, with history before it; None where the feed's
            own first candle is the first.
    """

    symbols: tuple[str, ...]
    interval_ms: int
    batch_seconds: float
    label: str
    is_real: bool
    price_decimals: Mapping[str, int]
    starts_after_ms: int | None

    def batches(self, after_close_ms: int | None) -> AsyncIterator[tuple[Candle, ...]]:
        """Batches of one close time, sorted by symbol, in order of time, each as soon as its time has come.

        Args:
            after_close_ms: begin with the first close time after this one (UTC ms), the last that was committed; None
                begins where the feed begins (after `starts_after_ms`).

        Ends where the feed has no more candles; the driver then stays up, idle.
        """
        ...

    def history(self, symbol: str, before_close_ms: int, count: int) -> list[Candle]:
        """The latest `count` candles (or fewer) of `symbol` that close before `before_close_ms` (UTC ms), oldest first.

        Raises:
            InvalidInput: not one of `symbols`, or a count not in 0 … `HISTORY_MAX`.
        """
        ...


class Clock(Protocol):
    """What pacing needs of time; a test gives its own."""

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let other tasks run for so long; 0 lets each run once."""
        ...


class LoopClock:
    """The real clock."""

    def monotonic(self) -> float:
        """Seconds of the machine's monotonic clock."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait without holding up other tasks."""
        await asyncio.sleep(seconds)


class Pacer:
    """Keeps the distance between batches: `seconds` apart, or 0 for as fast as the consumer takes them.

    A consumer that falls behind is not made to catch up in a burst: the next batch comes at once, and the distance
    counts from there. Other tasks get their turn between any two batches.
    """

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self._due: float | None = None

    async def wait(self) -> None:
        """Return when the next batch is due; the first is due at once."""
        now = self._clock.monotonic()
        due = now if self._due is None else max(self._due + self._seconds, now)
        await self._clock.sleep(due - now)
        self._due = due


class ReplayFeed:
    """Recorded candles, one batch after the other; a gap in the recording is not waited for.

    Args:
        tables: of one timeframe, each symbol once.
        speed: factor of real time (60: a 1m candle each second); 0 as fast as they are taken.

    Raises:
        InvalidInput: tables that do not fit together, or a speed below 0.
    """

    is_real = True
    starts_after_ms: int | None = None

    def __init__(self, tables: Sequence[CandleTable], speed: float, *, clock: Clock | None = None) -> None:
        _check_speed("replay speed", speed)
        self._order = merge(tables)
        self._tables = {table.symbol: table for table in self._order.tables}
        self.price_decimals: Mapping[str, int] = {t.symbol: t.price_decimals() for t in self._order.tables}
        self.symbols = tuple(self._tables)
        self.interval_ms = self._order.tables[0].interval_ms
        self.label = "replay of recorded candles"
        self.batch_seconds = self.interval_ms / 1000 / speed if speed else 0.0
        self._clock = clock or LoopClock()

    async def batches(self, after_close_ms: int | None) -> AsyncIterator[tuple[Candle, ...]]:
        """As `Feed.batches`; ends with the recording."""
        first = 0 if after_close_ms is None else self._order.batch_after(after_close_ms)
        pacer = Pacer(self.batch_seconds, self._clock)
        for index in range(first, len(self._order)):
            await pacer.wait()
            yield self._order.batch(index)

    def history(self, symbol: str, before_close_ms: int, count: int) -> list[Candle]:
        """As `Feed.history`."""
        _check_history(self.symbols, symbol, count)
        table = self._tables[symbol]
        stop = table.rows_before(before_close_ms)
        return table.candles(max(0, stop - count), stop)


class DemoFeed:
    """The demo market, from `DEMO_START_MS` on its own clock.

    Args:
        symbols: unified, each once.
        timeframe: name of the candles' interval.
        seed: of the market; the same seed gives the same candles.
        speed: candles of each symbol per second; 0 as fast as they are taken.

    Raises:
        InvalidInput: no symbol or one twice, no such timeframe, a seed out of range, or a speed below 0.
    """

    is_real = False
    label = DEMO_LABEL
    starts_after_ms: int | None = DEMO_START_MS

    def __init__(
        self, symbols: Sequence[str], timeframe: str, seed: int, speed: float, *, clock: Clock | None = None
    ) -> None:
        _check_speed("demo speed", speed)
        if not symbols or len(set(symbols)) != len(symbols):
            raise InvalidInput("demo symbols", ", ".join(symbols), "at least one symbol, each once")
        self.symbols = tuple(sorted(symbols))
        self.interval_ms = interval_of(timeframe)
        self.market = DemoMarket(seed, self.interval_ms)
        self.price_decimals: Mapping[str, int] = {s: demo_price_decimals(s) for s in self.symbols}
        self.batch_seconds = 1.0 / speed if speed else 0.0
        self._clock = clock or LoopClock()

    async def batches(self, after_close_ms: int | None) -> AsyncIterator[tuple[Candle, ...]]:
        """As `Feed.batches`; ends only with the calendar."""
        after = DEMO_START_MS if after_close_ms is None else after_close_ms
        pacer = Pacer(self.batch_seconds, self._clock)
        # Candle N closes at (N + 1) x interval: the first that closes after a time has N = time // interval.
        for number in range(max(0, after // self.interval_ms), self.market.end):
            await pacer.wait()
            yield tuple(self.market.candle(symbol, number) for symbol in self.symbols)

    def history(self, symbol: str, before_close_ms: int, count: int) -> list[Candle]:
        """As `Feed.history`."""
        _check_history(self.symbols, symbol, count)
        # The last that closes before a time has (N + 1) x interval <= time - 1.
        stop = min(max(0, (before_close_ms - 1) // self.interval_ms), self.market.end)
        return [self.market.candle(symbol, number) for number in range(max(0, stop - count), stop)]


def _check_speed(field: str, speed: float) -> None:
    if not 0 <= speed < float("inf"):
        raise InvalidInput(field, speed, "a number above 0, or 0 for as fast as possible")


def _check_history(symbols: tuple[str, ...], symbol: str, count: int) -> None:
    if symbol not in symbols:
        raise InvalidInput("symbol", symbol, f"one of {', '.join(symbols)}")
    if not 0 <= count <= HISTORY_MAX:
        raise InvalidInput("history count", count, f"a whole number from 0 to {HISTORY_MAX}")
