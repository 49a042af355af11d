"""Records for the tests of the store, each with as little said as the test needs."""

from __future__ import annotations

import sqlite3
from decimal import Decimal
from pathlib import Path

import psycopg

from trading.domain.candles import Candle
from trading.domain.decisions import Decision, Verdict, Vote
from trading.domain.orders import Fill, Order, OrderIntent, OrderState, OrderType, Purpose, Side
from trading.domain.positions import Account, Position, PositionSide
from trading.engine.state import SafetyState
from trading.safety.breaker import Trip, TripLevel
from trading.store import schema
from trading.store.batch import Batch
from trading.store.journal import Journal

Place = Path | str
"""Where a database is: the path of a file, or the URL of one on a server."""

BTC = "BTC/USDT"
ETH = "ETH/USDT"
MINUTE_MS = 60_000
T0 = 1_748_623_320_000
ACCOUNT = Account(quote="USDT", start_capital=Decimal(1000), cash=Decimal("900.10"))
HALTED = SafetyState(halted="drawdown", halt_code="DRAWDOWN_DAILY", losing_streak=3)
TRIP = Trip(
    id="00000001", time_ms=T0, level=TripLevel.HALT, code="DRAWDOWN_DAILY", value="5.01", limit="5", text="too deep"
)
VOTES = (Vote(analyst="trend", score=0.25, confidence=0.5, weight=1.0, reason="up"),)


def order(
    number: int,
    state: OrderState = OrderState.SUBMITTING,
    *,
    symbol: str = BTC,
    purpose: Purpose = Purpose.ENTRY,
    position: str = "p1",
    filled: str = "0",
    reported: str = "0",
    created_ms: int = T0,
) -> Order:
    """An order whose id is its number."""
    intent = OrderIntent(
        client_order_id=order_id(number),
        position_id=position,
        symbol=symbol,
        side=Side.BUY if purpose is Purpose.ENTRY else Side.SELL,
        type=OrderType.LIMIT,
        quantity=Decimal("1.50"),
        price=Decimal("100.10"),
        purpose=purpose,
        created_ms=created_ms,
        reduces=purpose is not Purpose.ENTRY,
    )
    return Order(
        intent=intent,
        state=state,
        updated_ms=created_ms,
        filled_quantity=Decimal(filled),
        reported_filled=max(Decimal(filled), Decimal(reported)),
    )


def order_id(number: int) -> str:
    return f"{number:032x}"


def fill(trade: str, number: int, *, symbol: str = BTC, time_ms: int = T0) -> Fill:
    return Fill(
        trade_id=trade,
        client_order_id=order_id(number),
        symbol=symbol,
        side=Side.BUY,
        price=Decimal("100.10"),
        quantity=Decimal("0.5"),
        fee=Decimal("0.0005"),
        fee_coin="USDT",
        time_ms=time_ms,
    )


def position(name: str = "p1", *, symbol: str = BTC, closed_ms: int | None = None, bought: str = "1.5") -> Position:
    return Position(
        id=name,
        symbol=symbol,
        side=PositionSide.LONG,
        opened_ms=T0,
        decision_price=Decimal("100.1"),
        bought=Decimal(bought),
        cost=Decimal("150.15"),
        sold=Decimal(bought) if closed_ms is not None else Decimal(0),
        closed_ms=closed_ms,
    )


def decision(minute: int, verdict: Verdict = Verdict.HOLD, *, symbol: str = BTC, veto: str = "") -> Decision:
    return Decision(
        id=f"{symbol}-{minute}",
        symbol=symbol,
        time_ms=T0 + minute * MINUTE_MS,
        price=Decimal("100.10"),
        verdict=verdict,
        score=minute / 100,
        confidence=0.5,
        regime="trend",
        votes=VOTES,
        veto=veto,
    )


def candle(minute: int, *, symbol: str = BTC, close: str = "100.20") -> Candle:
    return Candle(
        symbol=symbol,
        open_time_ms=T0 + minute * MINUTE_MS,
        interval_ms=MINUTE_MS,
        open=Decimal("100.00"),
        high=Decimal("101"),
        low=Decimal("99.9"),
        close=Decimal(close),
        volume=Decimal("12.5"),
    )


def batch(*changes: object, time_ms: int = T0, **rest: object) -> Batch:
    return Batch(time_ms=time_ms, changes=changes, **rest)  # type: ignore[arg-type]


def url_of(place: Place) -> str:
    return place if isinstance(place, str) else f"sqlite:///{place}"


def open_journal(place: Place, *, busy_timeout_ms: int = 5_000) -> Journal:
    return Journal.open(url_of(place), "bot-1", busy_timeout_ms=busy_timeout_ms)


def empty_server_database(url: str) -> None:
    """Make a migrated database on a server as it was when it was new, whatever a test has left."""
    with psycopg.connect(url) as connection:
        # The server's own vacuuming goes by the superuser, whom nobody else may end.
        connection.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        for table in schema.meta.metadata.tables.values():
            connection.execute(f"DELETE FROM {table.name}".encode())  # noqa: S608
        for table in ("events", "commands", "alerts"):
            connection.execute(f"ALTER SEQUENCE {table}_seq_seq RESTART".encode())
        connection.execute("INSERT INTO meta (id, app, created_ms) VALUES (1, %s, %s)", [schema.APP, T0 + 1])
        connection.execute("INSERT INTO commits (id, number) VALUES (1, 0)")
        connection.execute("INSERT INTO latches VALUES ('kill', false, '', '', NULL, NULL, '', '', NULL)")


def run_sql(place: Place, sql: str) -> None:
    """Change the database by another connection."""
    if isinstance(place, str):
        with psycopg.connect(place) as server:
            server.execute(sql.encode())
        return
    connection = sqlite3.connect(place)
    connection.execute(sql)
    connection.commit()
    connection.close()


def rows(place: Place, sql: str) -> list[tuple[object, ...]]:
    """What the database holds, read by another connection; money as its digits."""
    if isinstance(place, str):
        with psycopg.connect(place) as server:
            found = server.execute(sql.encode()).fetchall()
        return [tuple(str(value) if isinstance(value, Decimal) else value for value in row) for row in found]
    connection = sqlite3.connect(place)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


_SQLITE_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
_SERVER_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"


def tables(place: Place) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    names = [str(name) for (name,) in rows(place, _SERVER_TABLES if isinstance(place, str) else _SQLITE_TABLES)]
    return {name: rows(place, f'SELECT * FROM "{name}"') for name in names}  # noqa: S608
