"""Seeded candles to measure on: plain random walks, and the demo market that the default strategy trades."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from trading.domain.instruments import Instrument
from trading.market.candle_table import CandleTable
from trading.market.demo import DemoMarket
from trading.market.demo_facts import DEMO_START_MS

MINUTE_MS = 60_000
SYMBOL = "XYZ/USDT"
INSTRUMENT = Instrument(
    symbol=SYMBOL,
    base="XYZ",
    quote="USDT",
    tick_size=Decimal("0.01"),
    lot_step=Decimal("0.001"),
    min_quantity=Decimal("0.001"),
    max_quantity=Decimal(1_000_000),
    min_notional=Decimal(5),
)


def random_walk(candles: int, seed: int = 7) -> CandleTable:
    """One-minute candles of a random walk from 100, in whole hundredths; volumes so large that they bound nothing."""
    steps = np.random.default_rng(seed).normal(0, 0.0005, candles)
    close = np.round(100 * np.exp(np.cumsum(steps)), 2)
    opened = np.concatenate(([100.0], close[:-1]))
    return CandleTable(
        symbol=SYMBOL,
        interval_ms=MINUTE_MS,
        open_time_ms=1_700_000_040_000 // MINUTE_MS * MINUTE_MS + np.arange(candles, dtype=np.int64) * MINUTE_MS,
        open=opened,
        high=np.round(np.maximum(opened, close) + 0.01, 2),
        low=np.round(np.minimum(opened, close) - 0.01, 2),
        close=close,
        volume=np.full(candles, 1e6),
    )


def demo(symbols: int, candles: int, interval_ms: int = MINUTE_MS) -> list[CandleTable]:
    """The demo market, for as many made-up symbols as asked for."""
    market = DemoMarket(1, interval_ms)
    names = [f"C{number:03d}/USDT" for number in range(symbols)]
    return [market.table(name, DEMO_START_MS // interval_ms, candles) for name in names]
