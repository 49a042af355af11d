"""Performance from the database, kept up to date by reading only what is new since the last look."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import msgspec
import numpy as np
import sqlalchemy as sa

from trading.monitoring.performance import (
    Floats,
    Performance,
    Times,
    TradeResult,
    TradeStats,
    performance_of,
    trade_result,
    trade_stats,
)
from trading.store.database import reading
from trading.store.queries import Queries
from trading.store.schema import equity, meta

CACHE_SECONDS = 1.0
POINTS = 50_000
TRADES = 500


class Realtime(msgspec.Struct, frozen=True, kw_only=True):
    """How the bot did since its database began: the equity series from candle to candle, and its finished trades."""

    performance: Performance = Performance()
    trades: TradeStats = TradeStats()


class PerformanceReader:
    """Reads equity points and closed positions once, and afterwards those that have come since.

    Safe to call from several threads; a look is at most `CACHE_SECONDS` old.

    Args:
        monotonic: seconds that never run backwards.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._kept: tuple[float, Realtime] | None = None
        self._begin(0)

    def read(self, queries: Queries) -> Realtime:
        """How the bot did.

        Raises:
            StoreError: the database could not be read.
        """
        with self._lock:
            if self._kept is not None and self._monotonic() - self._kept[0] < CACHE_SECONDS:
                return self._kept[1]
            with reading(queries.engine) as connection:
                created_ms = connection.execute(sa.select(meta.c.created_ms)).scalar_one()
            if created_ms != self._created_ms:  # another database has taken its place
                self._begin(created_ms)
            has_points, has_trades = self._read_equity(queries), self._read_trades(queries)
            if has_points:
                self._performance = performance_of(self._times, self._equity, exposure=self._exposure)
            if has_trades:
                self._stats = trade_stats(self._trades)
            found = Realtime(performance=self._performance, trades=self._stats)
            self._kept = self._monotonic(), found
            return found

    def _begin(self, created_ms: int) -> None:
        self._created_ms = created_ms
        self._times: Times = np.zeros(0, np.int64)
        self._equity: Floats = np.zeros(0)
        self._exposure: Floats = np.zeros(0)
        self._trades: list[TradeResult] = []
        self._last_closed: tuple[int, set[str]] = (-1, set())
        self._performance, self._stats = Performance(), TradeStats()

    def _read_equity(self, queries: Queries) -> bool:
        """Take in the points since the last one, in short transactions; whether there were any."""
        worth = [sa.cast(column, sa.Float) for column in (equity.c.equity, equity.c.exposure)]
        parts: list[Floats] = []
        after = int(self._times[-1]) if len(self._times) else -1
        while True:
            query = sa.select(equity.c.time_ms, *worth).where(equity.c.time_ms > after)
            with reading(queries.engine) as connection:
                rows = connection.execute(query.order_by(equity.c.time_ms).limit(POINTS)).all()
            if rows:
                after = rows[-1][0]
                parts.append(np.array([tuple(row) for row in rows], dtype=np.float64))
            if len(rows) < POINTS:
                break
        if not parts:
            return False
        new = np.concatenate(parts)
        self._times = np.append(self._times, new[:, 0].astype(np.int64))
        self._equity = np.append(self._equity, new[:, 1])
        self._exposure = np.append(self._exposure, new[:, 2])
        return True

    def _read_trades(self, queries: Queries) -> bool:
        """Take in the positions that were closed since; whether there were any."""
        since, known = self._last_closed
        found: list[tuple[int, str, TradeResult]] = []
        offset = 0
        while True:
            page = queries.history(since_ms=max(since, 0), limit=TRADES, offset=offset)
            found += [(p.closed_ms or 0, p.id, trade_result(p)) for p in page if p.id not in known]
            if len(page) < TRADES:
                break
            offset += len(page)
        if not found:
            return False
        found.reverse()
        self._trades += [result for _, _, result in found]
        last = found[-1][0]
        self._last_closed = (
            last,
            {name for closed, name, _ in found if closed == last} | (known if last == since else set()),
        )
        return True
