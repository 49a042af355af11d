"""Candles as arrays, and the anchored window: which candles the value at a candle is computed from.

With i = open time / interval, the value at candle i is computed from the candles of the indexes
[anchor(i) - WARMUP_CANDLES, i], where anchor(i) is i rounded down to a multiple of BLOCK_CANDLES. Every indicator thus
starts at a point that follows from the clock alone. So a long history and a short one, a rolling window and a backtest,
give the same bits, and no decision depends on how far back somebody happened to load.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trading.domain.candles import Candle
from trading.domain.errors import InvalidInput

BLOCK_CANDLES = 256
WARMUP_CANDLES = 512
WARMUP_CANDLES_MIN = WARMUP_CANDLES // 2
HISTORY_CANDLES = WARMUP_CANDLES + BLOCK_CANDLES
"""So many candles before a candle always make it warm, wherever in its block it is."""

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
CodeArray = npt.NDArray[np.int8]
BoolArray = npt.NDArray[np.bool_]


def anchor_of(index: int) -> int:
    """The first candle index of the block that `index` is in."""
    return index // BLOCK_CANDLES * BLOCK_CANDLES


def window_of(open_time_ms: IntArray, anchor: int, interval_ms: int, known_from: int) -> tuple[int, bool]:
    """Where the window of the block at `anchor` starts (a row of `open_time_ms`), and whether the block is warm.

    Warm means that the symbol's history, whose first candle ever seen has the index `known_from`, reaches back to the
    window's start, and that gaps have left at least WARMUP_CANDLES_MIN candles in it before the anchor.
    """
    first = anchor - WARMUP_CANDLES
    start, end = np.searchsorted(open_time_ms, (first * interval_ms, anchor * interval_ms))
    return int(start), known_from <= first and int(end - start) >= WARMUP_CANDLES_MIN


@dataclass(frozen=True, slots=True)
class Bars:
    """Candles of one symbol as six arrays of one length, oldest first.

    open_time_ms: UTC ms, int64, rising. open, high, low, close: quote per base. volume: base. All float64: the floats
    nearest to the candles' decimals (what `float(text)` gives; beware of parsers that round otherwise).
    """

    open_time_ms: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray

    @classmethod
    def from_candles(cls, candles: Sequence[Candle]) -> Bars:
        """The arrays of these candles, which are of one symbol and sorted."""

        def floats(name: str) -> FloatArray:
            return np.array([float(getattr(candle, name)) for candle in candles], dtype=np.float64)

        times = np.array([candle.open_time_ms for candle in candles], dtype=np.int64)
        return cls(times, floats("open"), floats("high"), floats("low"), floats("close"), floats("volume"))

    def __len__(self) -> int:
        return len(self.open_time_ms)

    def between(self, start: int, stop: int) -> Bars:
        """Rows [start, stop), as views."""
        rows = slice(start, stop)
        return Bars(
            self.open_time_ms[rows],
            self.open[rows],
            self.high[rows],
            self.low[rows],
            self.close[rows],
            self.volume[rows],
        )

    def copy(self) -> Bars:
        """These rows in memory of their own, so that a larger array behind them can be let go."""
        return Bars(
            self.open_time_ms.copy(),
            self.open.copy(),
            self.high.copy(),
            self.low.copy(),
            self.close.copy(),
            self.volume.copy(),
        )

    def then(self, later: Bars) -> Bars:
        """These rows followed by `later`'s, copied."""
        return Bars(
            np.concatenate((self.open_time_ms, later.open_time_ms)),
            np.concatenate((self.open, later.open)),
            np.concatenate((self.high, later.high)),
            np.concatenate((self.low, later.low)),
            np.concatenate((self.close, later.close)),
            np.concatenate((self.volume, later.volume)),
        )

    def check(self, interval_ms: int) -> None:
        """Raise `InvalidInput` where the arrays cannot be candles of `interval_ms`."""
        if interval_ms <= 0:
            raise InvalidInput("interval_ms", interval_ms, "a number of milliseconds above 0")
        columns = (self.open_time_ms, self.open, self.high, self.low, self.close, self.volume)
        lengths = {len(column) for column in columns}
        if len(lengths) > 1:
            raise InvalidInput("candle arrays", sorted(lengths), "arrays of one length")
        for column, dtype in zip(columns, (np.int64, *[np.float64] * 5), strict=True):
            if column.dtype != dtype:
                raise InvalidInput("candle arrays", column.dtype, "int64 times and float64 prices and volumes")
        times = self.open_time_ms
        self._refuse("open_time_ms", times, times % interval_ms != 0, f"multiples of the interval, {interval_ms} ms")
        self._refuse("open_time_ms", times[1:], times[1:] <= times[:-1], "rising, each once")
        for name in ("open", "high", "low", "close"):
            prices: FloatArray = getattr(self, name)
            self._refuse(name, prices, ~(np.isfinite(prices) & (prices > 0)), "finite prices above 0")
        self._refuse("volume", self.volume, ~(np.isfinite(self.volume) & (self.volume >= 0)), "finite, 0 or more")

    def _refuse(self, field: str, values: npt.NDArray[np.generic], wrong: BoolArray, allowed: str) -> None:
        if wrong.any():
            row = int(wrong.argmax())
            raise InvalidInput(f"{field}[{row}]", values[row].item(), allowed)


class RowCursor:
    """Finds the row of a candle by its open time; at once where candles are asked for in order."""

    def __init__(self, open_time_ms: IntArray) -> None:
        self._view = memoryview(np.ascontiguousarray(open_time_ms).data)
        self._next = 0

    def row_of(self, open_time_ms: int) -> int:
        """The row. Raises `InvalidInput` for a candle that the arrays do not hold."""
        row = self._next
        if row >= len(self._view) or self._view[row] != open_time_ms:
            row = bisect_left(self._view, open_time_ms)
            if row >= len(self._view) or self._view[row] != open_time_ms:
                raise InvalidInput("candle open_time_ms", open_time_ms, "a candle that the signals were computed from")
        self._next = row + 1
        return row
