"""Brings the candles of several symbols into one order of time: batches of one close time, sorted by symbol."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading.domain.candles import Candle
from trading.domain.errors import InvalidInput
from trading.market.candle_table import CandleTable, Integers
from trading.market.timeframes import timeframe_of


@dataclass(frozen=True, eq=False)
class MergedOrder:
    """The candles of several tables by (close time, symbol), as indices.

    tables: sorted by symbol. close_time_ms (int64, UTC ms), table_index (int32, into `tables`) and row (int32, into
    that table) have one entry a candle. batch_start (int64) has one entry a batch, the first of its candles, and the
    total as its last: batch k is `batch_start[k]` up to and without `batch_start[k + 1]`.
    """

    tables: tuple[CandleTable, ...]
    close_time_ms: Integers
    table_index: NDArray[np.int32]
    row: NDArray[np.int32]
    batch_start: Integers

    def __len__(self) -> int:
        """Number of batches."""
        return len(self.batch_start) - 1

    def batch_after(self, close_ms: int) -> int:
        """The first batch that closes after `close_ms` (UTC ms); `len(self)` where none does."""
        position = int(np.searchsorted(self.close_time_ms, close_ms, side="right"))
        return int(np.searchsorted(self.batch_start, position, side="left"))

    def batch(self, index: int) -> tuple[Candle, ...]:
        """The candles of one batch, sorted by symbol, exact."""
        places = range(self.batch_start.item(index), self.batch_start.item(index + 1))
        return tuple(self.tables[self.table_index.item(i)].candle(self.row.item(i)) for i in places)


def one_interval(tables: Sequence[CandleTable]) -> int:
    """The timeframe that all tables share, in ms.

    Raises:
        InvalidInput: no table, a symbol twice, or several timeframes.
    """
    if not tables:
        raise InvalidInput("candles", "none", "the candles of at least one symbol")
    by_symbol = {table.symbol: table for table in tables}
    if len(by_symbol) != len(tables):
        symbols = [table.symbol for table in tables]
        twice = sorted({symbol for symbol in symbols if symbols.count(symbol) > 1})
        raise InvalidInput("candles", f"{', '.join(twice)} more than once", "each symbol once")
    intervals = sorted({table.interval_ms for table in tables})
    if len(intervals) > 1:
        given = ", ".join(f"{t.symbol} {timeframe_of(t.interval_ms)}" for t in tables)
        raise InvalidInput("candles", given, "one timeframe for all symbols")
    return intervals[0]


def merge(tables: Sequence[CandleTable]) -> MergedOrder:
    """The order in which live, replay and backtest handle the tables' candles; each symbol may start and end anywhere.

    Raises:
        InvalidInput: as `one_interval`.
    """
    one_interval(tables)
    ordered = tuple(sorted(tables, key=lambda table: table.symbol))
    closes = np.concatenate([table.close_time_ms for table in ordered])
    index = np.repeat(np.arange(len(ordered), dtype=np.int32), [len(table) for table in ordered])
    row = np.concatenate([np.arange(len(table), dtype=np.int32) for table in ordered])
    # Stable: tables stand in order of symbol, so candles of one time stay in it.
    order = np.argsort(closes, kind="stable")
    closes = closes[order]
    starts = np.flatnonzero(np.diff(closes, prepend=-1))
    return MergedOrder(ordered, closes, index[order], row[order], np.append(starts, len(closes)))


def batches(tables: Sequence[CandleTable], after_close_ms: int | None = None) -> Iterator[tuple[Candle, ...]]:
    """Every batch that closes after `after_close_ms` (None: every one), in order, as exact candles.

    Raises:
        InvalidInput: as `one_interval`.
    """
    merged = merge(tables)
    first = 0 if after_close_ms is None else merged.batch_after(after_close_ms)
    return (merged.batch(index) for index in range(first, len(merged)))
