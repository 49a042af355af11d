"""What a commit costs on SQLite and on PostgreSQL: the same bot on the same candles, one after the other."""

from __future__ import annotations

import asyncio
import math
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.live_path import bot
from benchmarks.markets import demo
from benchmarks.rows import Row, quantile
from tests.support.postgres import NOT_HERE, PostgresServer, programs
from trading.market.candle_table import CandleTable
from trading.store.batch import Batch

SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"


def measure(candles: int, symbols: int = 10) -> list[Row]:
    """Events a second and the time of a commit on both; without a server's programs its rows say so."""
    tables = demo(symbols, candles)
    rows = _of(SQLITE, tables, "")
    with _server() as url:
        if not url:
            left_out = f"left out: {NOT_HERE}"
            return [*rows, *(Row(f"{name}, {POSTGRESQL}", math.nan, "", beside=left_out) for name in NAMES)]
        beside = {row.name.removesuffix(f", {SQLITE}"): row.value for row in rows}
        return [*rows, *_of(POSTGRESQL, tables, url, beside)]


NAMES = ("events committed", "commit, p50", "commit, p99")


def _of(database: str, tables: list[CandleTable], url: str, sqlite: dict[str, float] | None = None) -> list[Row]:
    """Rows of one database; beside those of PostgreSQL stands how they compare with SQLite's."""
    times: list[float] = []
    events = 0
    with tempfile.TemporaryDirectory() as name:
        manager, _ = bot(Path(name), tables, url=url)
        commit = manager.journal.commit

        def timed(batch: Batch) -> None:
            nonlocal events
            began = time.perf_counter()
            commit(batch)
            times.append(time.perf_counter() - began)
            events += len(batch.events)

        manager.journal.commit = timed  # type: ignore[method-assign]
        asyncio.run(manager.run())
    times.sort()
    values = (events / sum(times), quantile(times, 0.5) * 1000, quantile(times, 0.99) * 1000)
    rows = []
    for figure, value, unit in zip(NAMES, values, ("events/s", "ms", "ms"), strict=True):
        if sqlite is None:
            beside = f"{events:,} events in {len(times):,} commits, each with fsync; {len(tables)} symbols"
        else:
            beside = f"{value / sqlite[figure]:.2f} x {SQLITE} in the same run"
        rows.append(Row(f"{figure}, {database}", value, unit, beside=beside))
    return rows


@contextmanager
def _server() -> Iterator[str]:
    """The address of an empty database on a server that ends with the block; empty text without its programs."""
    folder = programs()
    if folder is None:
        yield ""
        return
    server = PostgresServer(folder, is_durable=True)
    try:
        server.start()
        yield server.create_database()
    finally:
        server.stop()
