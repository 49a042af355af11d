"""How long each table keeps what it holds, and the removal of what is older, a little at a time.

Account, safety state, breaker, symbols, kill switch, process and the database's own row have one row each and stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import sqlalchemy as sa

from trading.store.commit_number import lock_journal
from trading.store.database import reading, writing
from trading.store.recovery import first_kept_place
from trading.store.schema import (
    candles,
    commands,
    corrections,
    decisions,
    equity,
    events,
    fills,
    orders,
    positions,
    symbols,
    trips,
)
from trading.store.schema_alerts import alert_deliveries, alerts

DAY_MS = 86_400_000
CHUNK = 500
POSITIONS_CHUNK = 20
CANDLES_CHUNK = 5_000


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """Ages in days, and most rows. The defaults keep ten symbols on one-minute candles well under 2 GB.

    trades: closed positions with their orders, fills and corrections. unfilled_orders: finished orders without a fill.
    decisions, events, alerts: whichever limit is reached first. commands: those that were answered. Alerts go with what
    is kept of their way to the channels, even where one could not be reached in all that time.
    """

    candles_days: int = 400
    trades_days: int = 3_660
    unfilled_orders_days: int = 90
    decisions_days: int = 400
    decisions_rows: int = 300_000
    equity_days: int = 800
    events_days: int = 30
    events_rows: int = 1_000_000
    commands_days: int = 400
    trips_days: int = 3_660
    alerts_days: int = 400
    alerts_rows: int = 100_000


class Pruned(msgspec.Struct, frozen=True):
    """What one call removed: rows by table, and whether there is more to remove."""

    rows: dict[str, int]
    more: bool


Step = Callable[[sa.Connection], int]


def prune(
    engine: sa.Engine,
    now_ms: int,
    limits: Retention | None = None,
    *,
    transactions: int = 50,
    wall_ms: int | None = None,
) -> Pruned:
    """Remove what is older than its table's retention, in at most `transactions` short transactions.

    `now_ms` is the engine's time, which a replay's candles tell; `wall_ms` that of the clock, for what is stored by it:
    commands and alerts. Where it is not given they are the same.

    Never removed: open positions with their orders, fills and corrections; orders that are not settled; the finished
    orders that the engine remembers over a restart, and their fills; each symbol's last decision; unanswered commands.

    Raises:
        JournalError: the database could not be read or written; each transaction is whole or not at all.
    """
    limits = limits or Retention()
    rows: dict[str, int] = {}
    left = transactions
    for table, step in _steps(engine, now_ms, limits, now_ms if wall_ms is None else wall_ms):
        while True:
            if not left:
                return Pruned(rows, more=True)
            with writing(engine) as connection:
                lock_journal(connection)
                removed = step(connection)
            if not removed:
                break
            left -= 1
            rows[table] = rows.get(table, 0) + removed
    return Pruned(rows, more=False)


def _steps(engine: sa.Engine, now_ms: int, limits: Retention, wall_ms: int) -> Iterator[tuple[str, Step]]:
    """By name, a function that removes one chunk and tells how many rows that were."""

    def before(days: int) -> int:
        return now_ms - days * DAY_MS

    with reading(engine) as connection:
        series = _candle_series(connection)
        kept = first_kept_place(connection)
        last = sa.select(sa.func.max(decisions.c.seq)).group_by(decisions.c.symbol)
        last_decisions = set(connection.execute(last).scalars())
        newest_decision = max(last_decisions, default=0)
        newest_event = connection.execute(sa.select(sa.func.max(events.c.seq))).scalar() or 0
        newest_alert = connection.execute(sa.select(sa.func.max(alerts.c.seq))).scalar() or 0

    too_old = events.c.time_ms < before(limits.events_days)
    yield "events", _by_key(events.c.seq, too_old)
    yield "events", _by_key(events.c.seq, events.c.seq <= newest_event - limits.events_rows)

    spare = decisions.c.seq.not_in(last_decisions)
    too_old = decisions.c.time_ms < before(limits.decisions_days)
    yield "decisions", _by_key(decisions.c.seq, too_old & spare)
    too_many = decisions.c.seq <= newest_decision - limits.decisions_rows
    yield "decisions", _by_key(decisions.c.seq, too_many & spare)

    yield "trips", _by_key(trips.c.id, trips.c.time_ms < before(limits.trips_days))
    yield "equity", _by_key(equity.c.time_ms, equity.c.time_ms < before(limits.equity_days))
    yield "commands", _by_key(commands.c.seq, commands.c.done_ms < wall_ms - limits.commands_days * DAY_MS)
    yield "alerts", _alerts(alerts.c.created_ms < wall_ms - limits.alerts_days * DAY_MS)
    yield "alerts", _alerts(alerts.c.seq <= newest_alert - limits.alerts_rows)
    for symbol_id, interval_ms in series:
        yield "candles", _candles(symbol_id, interval_ms, before(limits.candles_days))
    yield "orders", _by_key(orders.c.client_order_id, _is_unfilled(before(limits.unfilled_orders_days), kept))
    yield "positions", _trades(before(limits.trades_days), kept)


def _alerts(condition: sa.ColumnElement[bool]) -> Step:
    """Removes alerts with their deliveries."""
    chunk = sa.select(alerts.c.seq).where(condition).limit(CHUNK)

    def step(connection: sa.Connection) -> int:
        seqs = list(connection.execute(chunk).scalars())
        connection.execute(sa.delete(alert_deliveries).where(alert_deliveries.c.alert_seq.in_(seqs)))
        return connection.execute(sa.delete(alerts).where(alerts.c.seq.in_(seqs))).rowcount

    return step


_IS_OPEN = positions.c.closed_ms.is_(None)


def _by_key(key: sa.Column[Any], condition: sa.ColumnElement[bool]) -> Step:
    chunk = sa.select(key).where(condition).limit(CHUNK)
    return lambda connection: connection.execute(sa.delete(key.table).where(key.in_(chunk))).rowcount


def _is_unfilled(until_ms: int, kept: int) -> sa.ColumnElement[bool]:
    filled = sa.exists().where(fills.c.client_order_id == orders.c.client_order_id)
    return sa.and_(
        orders.c.created_ms < until_ms,
        orders.c.settled,
        orders.c.place + 0 < kept,  # a sum, so that the index on the time of creation is the one that is used
        ~filled,
        orders.c.position_id.not_in(sa.select(positions.c.id).where(_IS_OPEN)),
    )


def _trades(until_ms: int, kept: int) -> Step:
    """Removes closed positions with all that belongs to them; counts the positions."""
    # A late fill opens a position anew although its order belongs to the one before: that one stays with it.
    reopened = positions.alias()
    needed = sa.exists().where(
        reopened.c.closed_ms.is_(None),
        reopened.c.symbol == orders.c.symbol,
        reopened.c.opened_ms <= orders.c.updated_ms,
    )
    in_use = sa.exists().where(
        orders.c.position_id == positions.c.id,
        sa.or_(~orders.c.settled, orders.c.place >= kept, orders.c.updated_ms >= until_ms, needed),
    )
    chunk = sa.select(positions.c.id).where(positions.c.closed_ms < until_ms, ~in_use)
    chunk = chunk.order_by(positions.c.closed_ms).limit(POSITIONS_CHUNK)

    def step(connection: sa.Connection) -> int:
        ids = list(connection.execute(chunk).scalars())
        theirs = sa.select(orders.c.client_order_id).where(orders.c.position_id.in_(ids))
        connection.execute(sa.delete(fills).where(fills.c.client_order_id.in_(theirs)))
        connection.execute(sa.delete(corrections).where(corrections.c.position_id.in_(ids)))
        connection.execute(sa.delete(orders).where(orders.c.position_id.in_(ids)))
        connection.execute(sa.delete(positions).where(positions.c.id.in_(ids)))
        return len(ids)

    return step


def _candle_series(connection: sa.Connection) -> list[tuple[int, int]]:
    """The pairs of symbol id and interval that have candles, found by jumps along the key."""
    found: list[tuple[int, int]] = []
    for symbol_id in connection.execute(sa.select(symbols.c.id)).scalars().all():
        interval_ms: int | None = 0
        while True:
            above = sa.select(sa.func.min(candles.c.interval_ms)).where(
                candles.c.symbol_id == symbol_id, candles.c.interval_ms > interval_ms
            )
            interval_ms = connection.execute(above).scalar()
            if interval_ms is None:
                break
            found.append((symbol_id, interval_ms))
    return found


def _candles(symbol_id: int, interval_ms: int, until_ms: int) -> Step:
    of_series = sa.and_(candles.c.symbol_id == symbol_id, candles.c.interval_ms == interval_ms)
    times = sa.select(candles.c.open_time_ms).where(of_series).order_by(candles.c.open_time_ms)
    next_chunk = times.limit(1).offset(CANDLES_CHUNK)

    def step(connection: sa.Connection) -> int:
        following = connection.execute(next_chunk).scalar()
        until = until_ms if following is None else min(until_ms, following)
        return connection.execute(sa.delete(candles).where(of_series, candles.c.open_time_ms < until)).rowcount

    return step
