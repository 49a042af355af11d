"""The size of a database after a year of one-minute candles, with retention as it is by default.

Some days are played by a real bot; a year is these days again and again, each time with new times, keys and numbers,
and retention at work in between as a bot would have it.
"""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from benchmarks.live_path import bot
from benchmarks.markets import MINUTE_MS, demo
from benchmarks.rows import Row
from trading.store.columns import metadata
from trading.store.database import open_database
from trading.store.retention import DAY_MS, Retention, prune

YEAR_DAYS = 365
MB = 1_000_000
PRUNE_DAYS = 10
TRADES = ("positions", "orders", "fills", "corrections")
"""The tables of trades, which are kept for ten years."""

_TIMES = {
    "candles": ["open_time_ms"],
    "equity": ["time_ms"],
    "events": ["time_ms"],
    "alerts": ["time_ms"],
    "decisions": ["first_ms", "time_ms"],
    "positions": ["opened_ms", "first_fill_ms", "closed_ms"],
    "orders": ["created_ms", "updated_ms", "submitted_ms", "accepted_ms", "cancel_requested_ms"],
    "fills": ["time_ms"],
    "corrections": ["time_ms"],
}
_IDS = {
    "decisions": ["id"],
    "positions": ["id"],
    "orders": ["client_order_id", "position_id"],
    "fills": ["client_order_id"],
    "corrections": ["id", "position_id"],
}
_NUMBERS = {"decisions": ["seq"], "positions": ["place"], "orders": ["place"]}
_NUMBERED_BY_DATABASE = {"events": "seq", "alerts": "seq"}
_ENDED = {
    "positions": "closed_ms IS NOT NULL",
    "orders": "settled AND position_id IN (SELECT id FROM played.positions WHERE closed_ms IS NOT NULL)",
    "fills": "client_order_id IN (SELECT client_order_id FROM played.orders WHERE {orders})",
    "corrections": "position_id IN (SELECT id FROM played.positions WHERE closed_ms IS NOT NULL)",
}


def measure(days_played: int, symbols: int = 10, days: int = YEAR_DAYS) -> list[Row]:
    """The file after a year, and what of it the tables of trades are, which go on growing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tables = demo(symbols, days_played * DAY_MS // MINUTE_MS)
        manager, _ = bot(folder, tables)
        asyncio.run(manager.run())
        file = folder / "bench.db"
        played = folder / "played.db"
        with closing(sqlite3.connect(file)) as source:
            source.execute("VACUUM INTO ?", (str(played),))
        end_ms = int(tables[0].open_time_ms[-1]) + MINUTE_MS
        _play_on(file, played, end_ms, days_played, days)
        size = file.stat().st_size / MB
        parts = _parts(file)
    largest = ", ".join(f"{table} {mb:.0f}" for table, mb in sorted(parts.items(), key=lambda part: -part[1])[:4])
    how = f"{days_played} days of the demo market played, the rest of {days} are these days copied on"
    trades = sum(parts[table] for table in TRADES)
    kept = Retention()
    then = f"of it; kept {kept.trades_days} days (candles {kept.candles_days}; the rest has reached its bound)"
    return [
        Row(f"database, a year of {symbols} symbols", size, "MB", f"{how}; MB: {largest}", "< 2 GB", met=size < 2_000),
        Row("trades in it, added by each further year", trades, "MB", beside=then),
    ]


def _play_on(file: Path, played: Path, end_ms: int, days_played: int, days: int) -> None:
    """Copy what was played until the year is full; remove what is too old, every few days and at the end."""
    engine = open_database(f"sqlite:///{file}")
    try:
        engine.dispose()
        sa.event.listen(engine, "connect", _without_waiting_for_the_disk)
        _wall_time_is_the_candles(engine)
        pruned = 0
        for copy in range(1, days // days_played):
            _copy(engine, played, copy, copy * days_played * DAY_MS)
            day = (copy + 1) * days_played
            if day - pruned >= PRUNE_DAYS:
                _prune(engine, end_ms + copy * days_played * DAY_MS)
                pruned = day
        _prune(engine, end_ms + (days // days_played - 1) * days_played * DAY_MS)
    finally:
        engine.dispose()


def _without_waiting_for_the_disk(connection: sqlite3.Connection, _: object) -> None:
    """The size is asked for, not the time: the removal of a year is thousands of transactions."""
    connection.execute("PRAGMA synchronous=OFF")


def _wall_time_is_the_candles(engine: sa.Engine) -> None:
    """Alerts are dated by the clock of the day on which this runs: a bot of that year would have dated them by its."""
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alerts SET created_ms = time_ms"))


def _prune(engine: sa.Engine, now_ms: int) -> None:
    while prune(engine, now_ms).more:
        pass


def _copy(engine: sa.Engine, played: Path, copy: int, shift_ms: int) -> None:
    """What was played once more, `shift_ms` later. What had not ended at its end is left out."""
    # As random as the ids are: where they go in an index decides how full its pages are.
    key = f"{copy * 40_503 % 65_536:04x}"
    with engine.connect() as connection:
        connection.exec_driver_sql("ATTACH ? AS played", (str(played),))
        for table in _TIMES:
            connection.exec_driver_sql(_statement(table, key, copy, shift_ms))
        connection.commit()
        connection.exec_driver_sql("DETACH played")


def _statement(table: str, key: str, copy: int, shift_ms: int) -> str:
    columns = [column.name for column in metadata.tables[table].columns]
    columns = [name for name in columns if name != _NUMBERED_BY_DATABASE.get(table)]

    def value(name: str) -> str:
        if name in _TIMES[table] or (table == "alerts" and name == "created_ms"):
            return f'"{"time_ms" if table == "alerts" else name}" + {shift_ms}'
        if name in _IDS.get(table, ()):
            return f"substr({name}, 1, 6) || '{key}' || substr({name}, 11)"
        if name in _NUMBERS.get(table, ()):
            return f"{name} + {copy} * (SELECT max({name}) FROM played.{table})"  # noqa: S608 - names from the schema
        if table == "fills" and name == "trade_id":
            return f"{name} || '-{copy}'"
        return f'"{name}"'

    names = ", ".join(f'"{name}"' for name in columns)
    ended = _ENDED.get(table, "true").format(orders=_ENDED["orders"])
    values = ", ".join(map(value, columns))
    order = f'"{_TIMES[table][-1] if table != "orders" else "created_ms"}"'
    chosen = f"SELECT {values} FROM played.{table} WHERE {ended} ORDER BY {order}"  # noqa: S608 - as above
    return f"INSERT INTO main.{table} ({names}) {chosen}"


def _parts(file: Path) -> dict[str, float]:
    """MB by table, its indexes with it."""
    query = (
        "SELECT tbl_name, sum(pgsize) FROM dbstat JOIN sqlite_schema USING (name) "
        "WHERE aggregate = TRUE GROUP BY tbl_name"
    )
    with closing(sqlite3.connect(file)) as connection:
        return {table: size / MB for table, size in connection.execute(query)}
