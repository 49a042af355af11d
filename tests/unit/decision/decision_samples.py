"""Candles for the tests of the decision path: seeded markets, kind and unkind, and the recorded ones."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import numpy as np

from trading.decision.bars import Bars
from trading.domain.candles import Candle

MINUTE_MS = 60_000
SYMBOL = "TEST/USDT"
KINDS = ("calm", "trending", "flat", "no_volume", "huge_moves", "gaps", "dust_prices")


def market(kind: str, seed: int, rows: int, first_index: int = 29_000_000) -> Bars:
    """`rows` one-minute candles of a made-up market, prices and volumes as a feed would print them (8 decimals)."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    moves = rng.normal(0.0, 0.001, rows)
    if kind == "trending":
        moves += np.repeat(rng.normal(0.0, 0.0008, rows // 200 + 1), 200)[:rows]
    if kind == "flat":
        moves[rng.random(rows) < 0.97] = 0.0
        moves[rows // 2 :] = 0.0
    if kind == "huge_moves":
        moves[rng.random(rows) < 0.01] = rng.choice([-0.9, 4.0])
        moves -= np.where(moves > 1, 0.0, moves.mean())
    closes = (1e-4 if kind == "dust_prices" else 100.0) * np.cumprod(1.0 + np.maximum(moves, -0.95))
    closes = np.clip(closes, 1e-6, 1e9)
    opens = np.concatenate((closes[:1], closes[:-1]))
    spread = np.zeros(rows) if kind == "flat" else np.abs(rng.normal(0.0, 0.0005, rows))
    volume = rng.gamma(1.0, 50.0, rows)
    if kind == "no_volume":
        volume[rng.random(rows) < 0.9] = 0.0
        volume[rows // 3 : rows // 3 + 300] = 0.0
    index = first_index + np.arange(rows, dtype=np.int64)
    if kind == "gaps":
        index += np.cumsum(np.where(rng.random(rows) < 0.005, rng.integers(1, 120, rows), 0))
    return Bars(
        index * MINUTE_MS,
        np.round(opens, 8),
        np.round(np.maximum(opens, closes) * (1 + spread), 8),
        np.round(np.minimum(opens, closes) * (1 - spread), 8),
        np.round(closes, 8),
        np.round(volume, 8),
    )


def candles_of(bars: Bars, symbol: str = SYMBOL, interval_ms: int = MINUTE_MS) -> list[Candle]:
    """The same candles as the engine sees them."""
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    return [
        Candle(symbol, time, interval_ms, *(Decimal(repr(value)) for value in values))
        for time, *values in zip(bars.open_time_ms.tolist(), *(column.tolist() for column in columns), strict=True)
    ]


def recorded(folder: Path, name: str) -> Bars:
    """The recorded candles of a file such as `BTCUSDT-5m`."""
    with gzip.open(folder / f"{name}.csv.gz", "rt", encoding="ascii") as lines:
        next(lines)
        rows = [line.split(",") for line in lines]
    times = np.array([int(row[0]) for row in rows], dtype=np.int64)
    return Bars(times, *(np.array([float(row[column]) for row in rows]) for column in range(1, 6)))
