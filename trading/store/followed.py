"""The questions that `following` asks the database: each by a key or an index, whatever the tables hold."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from decimal import Decimal
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from trading.domain.candles import Candle
from trading.domain.orders import Fill, Order
from trading.domain.positions import Position
from trading.engine.state import SymbolState
from trading.store.alerts import Alert, to_alert
from trading.store.batch import EquityPoint
from trading.store.queries import DecisionRun, StoredEvent, to_candle, to_equity, to_event, to_fill, to_position, to_run
from trading.store.rows import Fields, to_order
from trading.store.schema import (
    ONLY_ROW,
    candles,
    commits,
    decisions,
    equity,
    events,
    fills,
    meta,
    orders,
    positions,
    symbols,
)
from trading.store.schema_alerts import alerts

R = TypeVar("R")

KEYS_AT_ONCE = 500
_WITH_FILLS = frozenset({"OrderFilled", "OrderFound", "AccountSnapshot"})


RECENT_ALERTS = 50
"""Acknowledgements of older ones are not told: nobody who follows has them before their eyes."""


class Mark(msgspec.Struct, frozen=True):
    """Where the journal stands: whose it is, its last commit and event. Another one than before: there is news.

    seen: the number of the newest alert that a person has acknowledged, of those that are still recent; else 0.
    """

    created_ms: int
    commit: int
    last_event: int
    seen: int = 0


class SymbolRow(msgspec.Struct, frozen=True):
    """A symbol that has had a candle: its number, the close time of the last one (UTC ms) and its close price."""

    id: int
    name: str
    last_close_ms: int
    price: Decimal

    def state(self) -> SymbolState:
        """As the engine has it."""
        return SymbolState(symbol=self.name, last_close_ms=self.last_close_ms, price=self.price)


class FillKey(msgspec.Struct, frozen=True):
    """Which fill an event brings, and whose."""

    symbol: str
    trade_id: str
    client_order_id: str


class _Report(msgspec.Struct):
    fills: list[FillKey] = []


class _Bringing(msgspec.Struct):
    """What can bring fills, of events: a fill, an order's report, an account's reports."""

    fill: FillKey | None = None
    report: _Report | None = None
    orders: list[_Report] = []


_RECENT = (
    sa.select(alerts.c.seq, alerts.c.acknowledged_ms).order_by(alerts.c.seq.desc()).limit(RECENT_ALERTS).subquery()
)
_SEEN = sa.select(sa.func.max(_RECENT.c.seq)).where(_RECENT.c.acknowledged_ms.is_not(None))
_MARK = sa.select(
    sa.select(meta.c.created_ms).where(meta.c.id == ONLY_ROW).scalar_subquery(),
    sa.select(commits.c.number).where(commits.c.id == ONLY_ROW).scalar_subquery(),
    sa.func.coalesce(sa.select(sa.func.max(events.c.seq)).scalar_subquery(), 0),
    sa.func.coalesce(_SEEN.scalar_subquery(), 0),
)
_SYMBOLS = sa.select(symbols.c.id, symbols.c.name, symbols.c.last_close_ms, symbols.c.price)
_SYMBOLS = _SYMBOLS.where(symbols.c.last_close_ms.is_not(None))
_decode = msgspec.json.Decoder(_Bringing).decode


def mark(connection: sa.Connection) -> Mark:
    """Where the journal stands."""
    return Mark(*connection.execute(_MARK).one())


def last_event(connection: sa.Connection) -> StoredEvent | None:
    """The newest event."""
    return _first(connection, sa.select(events).order_by(events.c.seq.desc()), to_event)


def events_from(connection: sa.Connection, seq: int, limit: int) -> list[StoredEvent]:
    """Events from this number on, oldest first."""
    query = sa.select(events).where(events.c.seq >= seq).order_by(events.c.seq)
    return _all(connection, query.limit(limit), to_event)


def recent_alerts(connection: sa.Connection, limit: int) -> list[Alert]:
    """The last alerts, oldest first."""
    return _all(connection, sa.select(alerts).order_by(alerts.c.seq.desc()).limit(limit), to_alert)[::-1]


def alerts_seen(connection: sa.Connection, after: int, up_to: int) -> list[Alert]:
    """The acknowledged alerts after one number, up to another, oldest first; of very many the last ones."""
    numbered = (alerts.c.seq > after) & (alerts.c.seq <= up_to)
    query = sa.select(alerts).where(numbered & alerts.c.acknowledged_ms.is_not(None))
    return _all(connection, query.order_by(alerts.c.seq.desc()).limit(RECENT_ALERTS), to_alert)[::-1]


def alerts_after(connection: sa.Connection, seq: int, limit: int) -> list[Alert]:
    """Alerts after this number, oldest first."""
    query = sa.select(alerts).where(alerts.c.seq > seq).order_by(alerts.c.seq)
    return _all(connection, query.limit(limit), to_alert)


def fills_in(event: StoredEvent) -> list[FillKey]:
    """The fills that an event brings."""
    if event.type not in _WITH_FILLS:
        return []
    found = _decode(event.data)
    reports = [*found.orders, *([found.report] if found.report else [])]
    return [key for report in reports for key in report.fills] + ([found.fill] if found.fill else [])


def last_decision(connection: sa.Connection) -> DecisionRun | None:
    """The decision of the highest number."""
    return _first(connection, sa.select(decisions).order_by(decisions.c.seq.desc()), to_run)


def decisions_from(connection: sa.Connection, seq: int, limit: int) -> list[DecisionRun]:
    """Decisions from this number on, oldest first."""
    query = sa.select(decisions).where(decisions.c.seq >= seq).order_by(decisions.c.seq)
    return _all(connection, query.limit(limit), to_run)


def decisions_at(connection: sa.Connection, numbers: Collection[int]) -> list[DecisionRun]:
    """The decisions of these numbers, in their order."""
    found = _by_keys(connection, sa.select(decisions), decisions.c.seq, numbers, to_run)
    return sorted(found, key=lambda run: run.seq)


def last_decisions_by_symbol(connection: sa.Connection) -> dict[str, int]:
    """The number of each symbol's last decision."""
    last = sa.select(sa.func.max(decisions.c.seq)).where(decisions.c.symbol == symbols.c.name).scalar_subquery()
    found = connection.execute(sa.select(symbols.c.name, last))
    return {name: seq for name, seq in found if seq is not None}


def last_place(connection: sa.Connection) -> int:
    """The highest place of an order."""
    return connection.execute(sa.select(sa.func.max(orders.c.place))).scalar() or 0


def live_orders(connection: sa.Connection) -> list[Order]:
    """Orders that are not settled, in their order."""
    return _all(connection, sa.select(orders).where(~orders.c.settled).order_by(orders.c.place), to_order)


def settled_orders(connection: sa.Connection, place: int, limit: int) -> list[Order]:
    """Orders that have been settled at a later place than this one, in that order."""
    query = sa.select(orders).where(orders.c.place > place, orders.c.settled).order_by(orders.c.place)
    return _all(connection, query.limit(limit), to_order)


def last_settled_orders(connection: sa.Connection, limit: int) -> list[Order]:
    """The orders that were settled last, in that order."""
    query = sa.select(orders).where(orders.c.settled).order_by(orders.c.place.desc())
    return _all(connection, query.limit(limit), to_order)[::-1]


def orders_at(connection: sa.Connection, ids: Collection[str]) -> list[Order]:
    """The orders of these ids."""
    return _by_keys(connection, sa.select(orders), orders.c.client_order_id, ids, to_order)


def fills_of(connection: sa.Connection, order_ids: Collection[str]) -> list[Fill]:
    """All fills of these orders, oldest first."""
    found = _by_keys(connection, sa.select(fills), fills.c.client_order_id, order_ids, to_fill)
    return sorted(found, key=lambda fill: (fill.time_ms, fill.symbol, len(fill.trade_id), fill.trade_id))


def recent_fills(connection: sa.Connection, limit: int) -> list[Fill]:
    """The last fills, oldest first."""
    return _all(connection, sa.select(fills).order_by(fills.c.time_ms.desc()).limit(limit), to_fill)[::-1]


def open_positions(connection: sa.Connection) -> list[Position]:
    """Open positions, in order of opening."""
    query = sa.select(positions).where(positions.c.closed_ms.is_(None)).order_by(positions.c.place)
    return _all(connection, query, to_position)


def positions_at(connection: sa.Connection, ids: Collection[str]) -> list[Position]:
    """The positions of these ids, in the order in which they ended."""
    found = _by_keys(connection, sa.select(positions), positions.c.id, ids, to_position)
    return sorted(found, key=lambda position: position.closed_ms or 0)


def symbol_rows(connection: sa.Connection) -> list[SymbolRow]:
    """Every symbol that has had a candle."""
    return [SymbolRow(*row) for row in connection.execute(_SYMBOLS)]


def interval_of(connection: sa.Connection, symbol_id: int, last_close_ms: int) -> int | None:
    """The interval (ms) of the symbol's candle that closed then; None where no candle is kept of it.

    Found by jumps along the key, from one interval to the next.
    """
    of_symbol = candles.c.symbol_id == symbol_id
    interval_ms: int | None = 0
    while True:
        longer = sa.select(sa.func.min(candles.c.interval_ms)).where(of_symbol, candles.c.interval_ms > interval_ms)
        interval_ms = connection.execute(longer).scalar()
        if interval_ms is None or candles_at(connection, [(symbol_id, interval_ms, last_close_ms - interval_ms)]):
            return interval_ms


def candles_at(connection: sa.Connection, keys: Collection[tuple[int, int, int]]) -> list[Candle]:
    """The candles of these numbers of a symbol, intervals and opening times, by symbol and time."""
    wanted = set(keys)
    query = sa.select(symbols.c.name.label("symbol"), candles)
    query = query.join_from(candles, symbols, candles.c.symbol_id == symbols.c.id)
    found: list[Candle] = []
    for interval_ms in {interval for _, interval, _ in wanted}:
        # Symbols that move together have the same few times: two short lists of which SQLite looks up each pair.
        times = sorted({open_ms for _, interval, open_ms in wanted if interval == interval_ms})
        ids = sorted({symbol for symbol, interval, _ in wanted if interval == interval_ms})
        of_interval = query.where(candles.c.interval_ms == interval_ms, candles.c.open_time_ms.in_(times))
        rows = _rows_by_keys(connection, of_interval, candles.c.symbol_id, ids)
        found += [to_candle(row) for row in rows if (row["symbol_id"], interval_ms, row["open_time_ms"]) in wanted]
    return sorted(found, key=lambda candle: (candle.symbol, candle.open_time_ms))


def last_equity(connection: sa.Connection) -> EquityPoint | None:
    """The newest point of the equity curve."""
    return _first(connection, sa.select(equity).order_by(equity.c.time_ms.desc()), to_equity)


def _all(connection: sa.Connection, query: sa.Select[Any], convert: Callable[[Fields], R]) -> list[R]:
    return [convert(row) for row in connection.execute(query).mappings()]


def _first(connection: sa.Connection, query: sa.Select[Any], convert: Callable[[Fields], R]) -> R | None:
    return next(iter(_all(connection, query.limit(1), convert)), None)


def _by_keys(
    connection: sa.Connection,
    query: sa.Select[Any],
    key: sa.Column[Any],
    values: Collection[Any],
    convert: Callable[[Fields], R],
) -> list[R]:
    return [convert(row) for row in _rows_by_keys(connection, query, key, values)]


def _rows_by_keys(
    connection: sa.Connection, query: sa.Select[Any], key: sa.Column[Any], values: Collection[Any]
) -> Iterator[Fields]:
    """The rows of these keys; nothing is asked where there are none."""
    wanted: Sequence[Any] = list(values)
    for start in range(0, len(wanted), KEYS_AT_ONCE):
        yield from connection.execute(query.where(key.in_(wanted[start : start + KEYS_AT_ONCE]))).mappings()
