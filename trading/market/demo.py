"""The demo market: made-up candles for any symbol, to see the bot at work without an account or a file."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

import numpy as np

from trading.domain.candles import Candle
from trading.domain.errors import InvalidInput
from trading.domain.instruments import Instrument
from trading.market.candle_table import LATEST_MS, CandleTable, Floats, Integers, checked_table
from trading.market.demo_facts import SEED_MAX
from trading.market.demo_path import BLOCK, Block, block, growth, symbol_key
from trading.market.symbols import unified_symbol
from trading.market.timeframes import timeframe_of

# Price (quote per base), decimals of the tick and of the lot step: near those of the coins' Binance spot markets.
_KNOWN = {
    "BTC": (65_000, 2, 5),
    "ETH": (3_200, 2, 4),
    "BNB": (600, 2, 3),
    "SOL": (150, 2, 3),
    "XRP": (0.6, 4, 1),
    "ADA": (0.5, 4, 1),
    "DOGE": (0.15, 5, 0),
}
_TYPICAL_TURNOVER = 250_000  # quote a candle


@dataclass(frozen=True)
class _Scale:
    """How a coin's levels become numbers: price in ticks and volume in lots at level 0, and the decimals of both."""

    ticks: int
    lots: int
    tick_decimals: int
    lot_decimals: int


class DemoMarket:
    """A market that follows from its seed. Candle N of a symbol is a function of (seed, symbol, N) alone.

    N counts intervals since 1970 UTC, so that candle N opens at N x interval. Regimes (rise, fall, range, turmoil) take
    turns every 100 to 400 candles. Random access costs at most one block of 1024 candles (under a millisecond).
    """

    def __init__(self, seed: int, interval_ms: int) -> None:
        """Markets are values: the same seed and interval give the same candles.

        Raises:
            InvalidInput: seed not in 0 … `SEED_MAX`, or an interval that no timeframe has.
        """
        if not 0 <= seed <= SEED_MAX:
            raise InvalidInput("demo seed", seed, f"a whole number from 0 to {SEED_MAX}")
        timeframe_of(interval_ms)
        self.seed = seed
        self.interval_ms = interval_ms

    @property
    def end(self) -> int:
        """The first N that the demo does not have (its candles would close after the year 9999)."""
        return LATEST_MS // self.interval_ms

    def candle(self, symbol: str, number: int) -> Candle:
        """Candle N of a symbol, every price a whole number of ticks.

        Raises:
            InvalidInput: N below 0 or not before `end`.
        """
        if not 0 <= number < self.end:
            raise InvalidInput("demo candle", number, f"a number from 0 to {self.end - 1}")
        priced = _priced_block(self.seed, symbol, number // BLOCK)
        place = number % BLOCK
        tick, lot = _scale(symbol).tick_decimals, _scale(symbol).lot_decimals
        return Candle(
            symbol,
            number * self.interval_ms,
            self.interval_ms,
            Decimal(priced.open.item(place)).scaleb(-tick),
            Decimal(priced.high.item(place)).scaleb(-tick),
            Decimal(priced.low.item(place)).scaleb(-tick),
            Decimal(priced.close.item(place)).scaleb(-tick),
            Decimal(priced.volume.item(place)).scaleb(-lot),
        )

    def table(self, symbol: str, first: int, count: int) -> CandleTable:
        """Candles `first` up to and without `first + count` as columns; the same values as `candle`."""
        numbers = np.arange(first, first + count, dtype=np.int64)
        blocks = [_priced_block(self.seed, symbol, i) for i in range(first // BLOCK, (first + count - 1) // BLOCK + 1)]
        offset = first % BLOCK
        tick, lot = 10 ** _scale(symbol).tick_decimals, 10 ** _scale(symbol).lot_decimals

        def column(name: str, unit: int) -> Floats:
            whole: Integers = np.concatenate([getattr(b, name) for b in blocks])[offset : offset + count]
            return whole / unit

        columns = {name: column(name, tick) for name in ("open", "high", "low", "close")}
        return checked_table(
            symbol,
            self.interval_ms,
            {"open_time_ms": numbers * self.interval_ms, **columns, "volume": column("volume", lot)},
            lambda row: f"demo {symbol} candle {first + row}",
        )


def demo_instrument(symbol: str) -> Instrument:
    """The rules of a demo symbol: the tick and step of its candles, and a minimum order of 5 units of the quote."""
    scale = _scale(symbol)
    base, quote = symbol.split("/")
    step = Decimal(1).scaleb(-scale.lot_decimals)
    return Instrument(
        symbol=symbol,
        base=base,
        quote=quote,
        tick_size=Decimal(1).scaleb(-scale.tick_decimals),
        lot_step=step,
        min_quantity=step,
        max_quantity=step * 10**9,
        min_notional=Decimal(5),
    )


@lru_cache(maxsize=4096)
def _scale(symbol: str) -> _Scale:
    base = unified_symbol(symbol).split("/")[0]
    if base in _KNOWN:
        price, tick_decimals, lot_decimals = _KNOWN[base]
    else:
        key = symbol_key(base)
        power = key % 4  # prices from 0.1 to 1000, with five digits
        price = (100 + key // 4 % 900) * 10**power / 1000
        tick_decimals, lot_decimals = 5 - power, 1 + power
    return _Scale(
        ticks=round(price * 10**tick_decimals),
        lots=round(_TYPICAL_TURNOVER / price * 10**lot_decimals),
        tick_decimals=tick_decimals,
        lot_decimals=lot_decimals,
    )


@lru_cache(maxsize=256)
def _priced_block(seed: int, symbol: str, index: int) -> Block:
    """A block with prices in ticks and volume in lots instead of levels and thousandths."""
    scale, levels = _scale(symbol), block(seed, symbol, index)

    def ticks(column: Integers) -> Integers:
        return np.floor(growth(column) * scale.ticks).astype(np.int64)

    return Block(
        open=ticks(levels.open),
        high=ticks(levels.high),
        low=ticks(levels.low),
        close=ticks(levels.close),
        volume=levels.volume * scale.lots // 1000 + 1,
    )
