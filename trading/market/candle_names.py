"""What the name of a candle file says: market, timeframe, and which part of its history."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from trading.domain.errors import InvalidInput
from trading.market.symbols import unified_symbol
from trading.market.timeframes import TIMEFRAMES, interval_of

SUFFIXES = (".csv.gz", ".csv", ".zip", ".json.gz", ".json", ".feather", ".parquet")
"""Endings, in any case, by which candle files are picked from a folder. What they hold is known by content."""
NAMING = "a file named SYMBOL-TIMEFRAME, such as BTCUSDT-5m.csv.gz, BTCUSDT-5m-2024-01.zip or BTC_USDT-5m.feather"

_PERIOD = r"[0-9]{4}-[0-9]{2}(?:-[0-9]{2})?"
_NAME = re.compile(rf"(?P<symbol>.+)-(?P<timeframe>[0-9]+[A-Za-z])(?:-(?P<kind>spot|futures)|-(?P<period>{_PERIOD}))?")
# freqtrade names a linear perpetual BASE_QUOTE_SETTLE. An inverse one settles in its base, and its volume is in
# contracts; such a name gives no symbol.
_LINEAR_FUTURE = re.compile(r"(?P<pair>[^_]+_(?P<quote>[^_]+))_(?P=quote)")
_NO_CANDLES = re.compile(rf".+-(?:mark|index|premiumIndex|funding_rate|trades|aggTrades)(?:-{_PERIOD})?")


class CandleFileName(NamedTuple):
    """What a name says.

    symbol: unified.
    interval_ms: length of a candle.
    period: '2024-01' or '2024-01-05' where the file is that part of a longer history, else None.
    """

    symbol: str
    interval_ms: int
    period: str | None = None


def parsed(path: Path) -> CandleFileName | None:
    """What a candle file's name says, or None where it names no market and timeframe."""
    match = _NAME.fullmatch(_stem(path))
    if match is None or match["timeframe"] not in TIMEFRAMES:
        return None
    symbol = match["symbol"]
    if match["kind"] == "futures" and (future := _LINEAR_FUTURE.fullmatch(symbol)):
        symbol = future["pair"]
    try:
        return CandleFileName(unified_symbol(symbol), interval_of(match["timeframe"]), match["period"])
    except InvalidInput:
        return None


def says_no_candles(path: Path) -> bool:
    """Whether the name is of something that lies beside candles: trades, mark prices, funding rates."""
    return _NO_CANDLES.fullmatch(_stem(path)) is not None


def _stem(path: Path) -> str:
    ending = next((suffix for suffix in SUFFIXES if path.name.lower().endswith(suffix)), "")
    return path.name[: len(path.name) - len(ending)]
