"""The demo market: made-up candles for any symbol, to see the bot at work without an account or a file."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

import numpy as np

from trading.domain.candles import Candle
from trading.domain.errors import InvalidInput
from trading.domain.instruments import Instrument
from trading.exchange.instruments import fallback_instrument, table_instrument
from trading.market.candle_table import LATEST_MS, CandleTable, Floats, Integers, checked_table
from trading.market.demo_facts import SEED_MAX
from trading.market.demo_path import BLOCK, Block, block, growth, symbol_key
from trading.market.timeframes import timeframe_of

_PRICES = {
    "BTC": 65_000,
    "ETH": 3_200,
    "BNB": 600,
    "SOL": 150,
    "XRP": 0.6,
    "DOGE": 0.15,
    "ADA": 0.5,
    "TRX": 0.25,
    "AVAX": 35,
    "DOT": 7,
    "LINK": 18,
    "LTC": 100,
    "BCH": 430,
    "XLM": 0.4,
    "UNI": 12,
    "ATOM": 7,
    "ETC": 26,
    "NEAR": 5,
    "APT": 9,
    "ARB": 0.8,
    "OP": 1.8,
    "SUI": 3,
    "FIL": 5,
    "SHIB": 0.00002,
    "PEPE": 0.00002,
}
"""Where the demo begins for coins of known rules, in dollars; other pairs begin between 0.1 and 1000 of their quote."""

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


@lru_cache(maxsize=4096)
def demo_instrument(symbol: str) -> Instrument:
    """The rules of a demo symbol: those of the pair where they are known, else such as fit its price."""
    return table_instrument(symbol) or fallback_instrument(symbol, 5 - _power(symbol))


def demo_price_decimals(symbol: str) -> int:
    """Decimals of a demo symbol's prices."""
    return _decimals(demo_instrument(symbol).tick_size)


def _power(symbol: str) -> int:
    """How dear a pair without known rules is: from 0 (0.1 to 1 of the quote) to 3 (100 to 1000)."""
    return symbol_key(symbol) % 4


@lru_cache(maxsize=4096)
def _scale(symbol: str) -> _Scale:
    instrument = demo_instrument(symbol)
    known = _PRICES.get(instrument.base) if table_instrument(symbol) else None
    made_up = Decimal(100 + symbol_key(symbol) // 4 % 900) * 10 ** _power(symbol) / 1000
    price = Decimal(str(known)) if known else made_up
    return _Scale(
        ticks=int(price / instrument.tick_size),
        lots=max(1, int(_TYPICAL_TURNOVER / price / instrument.lot_step)),
        tick_decimals=_decimals(instrument.tick_size),
        lot_decimals=_decimals(instrument.lot_step),
    )


def _decimals(step: Decimal) -> int:
    """Decimals of a power of ten, such as 2 for 0.01."""
    return -int(step.as_tuple().exponent)


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
