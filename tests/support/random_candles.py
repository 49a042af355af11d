"""Candles from a seed: jumps, gaps, thin volume and flat stretches, in the instruments' own ticks."""

from __future__ import annotations

from random import Random

import numpy as np

from tests.support.builders import MINUTE, T0
from trading.domain.instruments import Instrument
from trading.market.candle_table import CandleTable, checked_table


def random_table(
    seed: int, instrument: Instrument, rows: int, *, price: float = 100.0, move_pct: float = 1.0, wild: bool = True
) -> CandleTable:
    """`rows` one-minute candles from `T0` on.

    Args:
        price: of the first open, quote per base.
        move_pct: typical size of a candle.
        wild: with jumps between candles, missing candles, and candles without volume.
    """
    random = Random(f"{seed}|{instrument.symbol}")
    tick = float(instrument.tick_size)
    decimals = -int(instrument.tick_size.as_tuple().exponent)
    close, minute = price, 0
    found: list[tuple[float, ...]] = []
    for _ in range(rows):
        open_ = close
        if wild and random.random() < 0.03:
            open_ *= 1 + random.gauss(0, 4 * move_pct / 100)
        close = open_ * (1 + random.gauss(0, move_pct / 100)) if random.random() > 0.1 else open_
        high = max(open_, close) * (1 + abs(random.gauss(0, move_pct / 200)))
        low = min(open_, close) * (1 - abs(random.gauss(0, move_pct / 200)))
        open_, high, low, close = (
            max(round(round(p / tick) * tick, decimals), 20 * tick) for p in (open_, high, low, close)
        )
        volume = 0.0 if wild and random.random() < 0.05 else round(random.expovariate(1 / (20_000 / price)), 3)
        found.append(((T0 // MINUTE + minute) * MINUTE, open_, high, low, close, volume))
        minute += random.choice((2, 5)) if wild and random.random() < 0.02 else 1
    columns = dict(zip(("open_time_ms", "open", "high", "low", "close", "volume"), np.array(found).T, strict=True))
    columns["open_time_ms"] = columns["open_time_ms"].astype(np.int64)
    return checked_table(instrument.symbol, MINUTE, columns, lambda row: f"{instrument.symbol} row {row}")
