"""Small candle tables and files for the tests of this folder."""

from __future__ import annotations

import numpy as np

from trading.market.candle_csv import HEADER
from trading.market.candle_table import CandleTable, checked_table

MINUTE = 60_000


def csv_text(*rows: str) -> str:
    return "\n".join([HEADER, *rows, ""])


def good_rows(count: int, first: int = 0) -> list[str]:
    """Rows that can all be true, one a minute from minute `first`; row i opens at 100 + i."""
    return [f"{(first + i) * MINUTE},{100 + i}.5,{103 + i},{99 + i},{101 + i}.25,{10 + i}.0" for i in range(count)]


def table(symbol: str, minutes: list[int], interval_ms: int = MINUTE) -> CandleTable:
    """A table with candles at the given numbers of intervals; candle at minute m opens at 100 + m."""
    opens = np.array(minutes, dtype=np.float64) + 100
    columns = {"open": opens, "high": opens + 2, "low": opens - 1, "close": opens + 1, "volume": opens * 10}
    times = np.array(minutes, dtype=np.int64) * interval_ms
    return checked_table(symbol, interval_ms, {"open_time_ms": times, **columns}, lambda row: f"{symbol} row {row}")
