"""Follows what the bot writes, look by look, from the tables that it writes anyway: it costs the bot nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable

import msgspec
import sqlalchemy as sa

from trading.domain.candles import Candle
from trading.domain.orders import Fill, Order
from trading.domain.positions import Position
from trading.engine.state import SymbolState
from trading.store import followed
from trading.store.alerts import Alert
from trading.store.batch import EquityPoint
from trading.store.followed import FillKey, Mark, SymbolRow
from trading.store.queries import DecisionRun, StoredEvent

ROWS_MAX = 500
"""The most events, finished orders or decisions that one look takes in; who is further behind begins anew."""

SETTLED_KEPT = 1_000
CANDLES_PER_SYMBOL = 12
"""The most candles of a symbol that one call of `series` gives: no gap up to some 50 candles a second."""

RECENT = 50


class FellBehind(Exception):
    """What happened in between cannot be told one by one: too much, removed, or the database is not the one it was."""


class Present(msgspec.Struct, frozen=True, kw_only=True):
    """What there is at the beginning.

    orders: live ones. positions: open ones. fills, alerts: the last ones, oldest first. symbols, candles, decisions:
    of each symbol the last price, the newest candles, the last decision. equity: the last point.
    """

    orders: list[Order]
    positions: list[Position]
    fills: list[Fill]
    alerts: list[Alert]
    symbols: list[SymbolState]
    candles: list[Candle]
    decisions: list[DecisionRun]
    equity: EquityPoint | None


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What has changed since the look before, all of one moment.

    events, fills, alerts: new ones, oldest first. seen: alerts told before that a person has acknowledged since.
    orders: new, changed and finished ones, as they are now. positions: new, changed and closed ones. decisions: new
    ones but idle ones. symbols: those with a later candle.
    """

    events: list[StoredEvent]
    orders: list[Order]
    fills: list[Fill]
    positions: list[Position]
    decisions: list[DecisionRun]
    alerts: list[Alert]
    seen: list[Alert]
    symbols: list[SymbolState]


class Series(msgspec.Struct, frozen=True, kw_only=True):
    """What comes with every candle, thinned out.

    Of each symbol that moved since the last time the newest candles, and the last decision if that is idle; the equity,
    if there is a later one.
    """

    candles: list[Candle]
    decisions: list[DecisionRun]
    equity: EquityPoint | None


class _Known(msgspec.Struct):
    """An order as it was last told, and which of its trades were."""

    order: Order
    trades: set[str]


class Follower:
    """Tells what has changed since its last look. All that one call reads must be of one moment: one transaction.

    Every event, fill and decision that is not idle is told exactly once; every order and position that changed, in its
    last state at least. A call that fails may be repeated: it has told nothing. For one thread at a time.
    """

    def __init__(self) -> None:
        self._mark = Mark(0, 0, 0)
        self._event: StoredEvent | None = None
        self._decision: DecisionRun | None = None
        self._alert = 0
        self._place = 0
        self._live: dict[str, _Known] = {}
        self._settled: OrderedDict[str, _Known] = OrderedDict()
        self._positions: dict[str, Position] = {}
        self._symbols: dict[str, SymbolRow] = {}
        self._last_decision: dict[str, int] = {}
        self._moved: set[str] = set()
        self._candle_ms: dict[str, int] = {}
        self._intervals: dict[str, int] = {}
        self._equity_ms = -1

    @classmethod
    def begin(cls, connection: sa.Connection) -> tuple[Follower, Present]:
        """Take what is there now as known; from here on, only what comes later is told."""
        new = cls()
        new._mark = followed.mark(connection)
        new._event = followed.last_event(connection)
        new._decision = followed.last_decision(connection)
        new._place = followed.last_place(connection)
        orders = followed.live_orders(connection)
        # The last finished ones too: a fill may still come late.
        known = [*followed.last_settled_orders(connection, RECENT), *orders]
        new._keep_orders(known, followed.fills_of(connection, [order.id for order in known]))
        positions = followed.open_positions(connection)
        new._positions = {position.id: position for position in positions}
        new._symbols = {row.name: row for row in followed.symbol_rows(connection)}
        new._last_decision = followed.last_decisions_by_symbol(connection)
        new._moved = set(new._symbols)
        decisions = followed.decisions_at(connection, new._last_decision.values())
        alerts = followed.recent_alerts(connection, RECENT)
        new._alert = alerts[-1].seq if alerts else 0
        series = new.series(connection)
        present = Present(
            orders=orders,
            positions=positions,
            fills=followed.recent_fills(connection, RECENT),
            alerts=alerts,
            symbols=[row.state() for row in new._symbols.values()],
            candles=series.candles,
            decisions=decisions,
            equity=series.equity,
        )
        return new, present

    def changes(self, connection: sa.Connection) -> Changes | None:
        """What has changed since the last look; None if nothing has.

        Raises:
            FellBehind: `begin` anew.
        """
        mark = followed.mark(connection)
        if mark == self._mark:
            return None
        if mark.created_ms != self._mark.created_ms or mark.commit < self._mark.commit:
            raise FellBehind("another database, or an older state of it, has taken the place of the one before")
        events = self._new_events(connection)
        runs = self._new_decisions(connection)
        brought = [key for event in events for key in followed.fills_in(event)]
        changed, late = self._changed_orders(connection, brought)
        orders = changed | late
        fills = self._new_fills(connection, orders, late, brought)
        positions = self._changed_positions(connection, orders.values())
        alerts = followed.alerts_after(connection, self._alert, ROWS_MAX)  # there are no more than events
        seen = followed.alerts_seen(connection, self._mark.seen, min(mark.seen, self._alert))
        place = followed.last_place(connection)
        symbols = [row for row in followed.symbol_rows(connection) if row != self._symbols.get(row.name)]
        # Nothing has been changed up to here, so that a read that failed loses nothing; nothing from here on fails.
        self._mark = mark
        self._keep_numbers(events, runs, alerts, place)
        self._keep_orders(orders.values(), fills)
        for position in positions:
            if position.is_closed:
                self._positions.pop(position.id, None)
            else:
                self._positions[position.id] = position
        self._symbols.update((row.name, row) for row in symbols)
        self._moved.update(row.name for row in symbols)
        return Changes(
            events=events,
            orders=list(orders.values()),
            fills=fills,
            positions=positions,
            decisions=[run for run in runs if not run.decision.is_idle],
            alerts=alerts,
            seen=seen,
            symbols=[row.state() for row in symbols],
        )

    def series(self, connection: sa.Connection) -> Series:
        """The newest of what comes with every candle, since the last call."""
        if not self._moved:
            return Series(candles=[], decisions=[], equity=None)
        moved = [self._symbols[name] for name in sorted(self._moved)]
        candles = self._new_candles(connection, moved)
        numbers = [self._last_decision[row.name] for row in moved if row.name in self._last_decision]
        runs = followed.decisions_at(connection, numbers)
        point = followed.last_equity(connection)
        if point is not None and point.time_ms <= self._equity_ms:
            point = None
        self._moved.clear()
        for candle in candles:
            self._candle_ms[candle.symbol] = max(candle.open_time_ms, self._candle_ms.get(candle.symbol, -1))
        if point is not None:
            self._equity_ms = point.time_ms
        idle = [run for run in runs if run.decision.is_idle]
        return Series(candles=candles, decisions=idle, equity=point)

    def _new_events(self, connection: sa.Connection) -> list[StoredEvent]:
        """Events after the last one known, which must be there still, unchanged: else one in between may be gone."""
        known = self._event
        found = followed.events_from(connection, known.seq if known else 0, ROWS_MAX + 2)
        if known is not None:
            if not found or found[0] != known:
                raise FellBehind("events after the last one seen have been removed")
            found = found[1:]
        if len(found) > ROWS_MAX:
            raise FellBehind("too many events since the last look")
        return found

    def _new_decisions(self, connection: sa.Connection) -> list[DecisionRun]:
        known = self._decision
        found = followed.decisions_from(connection, known.seq if known else 0, ROWS_MAX + 2)
        if known is not None:
            if not found or not _is_same_run(found[0], known):
                raise FellBehind("decisions after the last one seen have been taken back")
            found = found[1:]
        if len(found) > ROWS_MAX:
            raise FellBehind("too many decisions since the last look")
        return found

    def _changed_orders(
        self, connection: sa.Connection, brought: Iterable[FillKey]
    ) -> tuple[dict[str, Order], dict[str, Order]]:
        """By id: orders that came, changed or ended; and those that had ended before and change all the same."""
        live = followed.live_orders(connection)
        settled = followed.settled_orders(connection, self._place, ROWS_MAX + 1)
        if len(settled) > ROWS_MAX:
            raise FellBehind("too many finished orders since the last look")
        found = {order.id: order for order in (*settled, *live)}
        late = followed.orders_at(connection, {key.client_order_id for key in brought} - found.keys())
        return self._news(found.values()), self._news(late)

    def _news(self, orders: Iterable[Order]) -> dict[str, Order]:
        return {o.id: o for o in orders if (known := self._known(o.id)) is None or known.order != o}

    def _known(self, order_id: str) -> _Known | None:
        return self._live.get(order_id) or self._settled.get(order_id)

    def _new_fills(
        self, connection: sa.Connection, orders: dict[str, Order], late: Collection[str], brought: Iterable[FillKey]
    ) -> list[Fill]:
        """Fills of these orders that were not told. Of one that ended long ago, only what the events bring is news."""
        trades = {(key.symbol, key.trade_id) for key in brought}
        found: list[Fill] = []
        for fill in followed.fills_of(connection, [order.id for order in orders.values() if order.filled_quantity]):
            known = self._known(fill.client_order_id)
            if known is not None:
                is_new = fill.trade_id not in known.trades
            else:
                is_new = fill.client_order_id not in late or (fill.symbol, fill.trade_id) in trades
            if is_new:
                found.append(fill)
        return found

    def _changed_positions(self, connection: sa.Connection, orders: Iterable[Order]) -> list[Position]:
        """Positions that opened, changed or closed, the closed ones first: a symbol may have one of each."""
        now_open = {position.id: position for position in followed.open_positions(connection)}
        others = (self._positions.keys() | {order.intent.position_id for order in orders}) - now_open.keys()
        closed = followed.positions_at(connection, others)
        return [p for p in (*closed, *now_open.values()) if self._positions.get(p.id) != p]

    def _new_candles(self, connection: sa.Connection, moved: Iterable[SymbolRow]) -> list[Candle]:
        """Of each symbol the newest candles that were not told, oldest first."""
        keys: list[tuple[int, int, int]] = []
        for row in moved:
            interval = self._intervals.get(row.name)
            if interval is None:
                interval = followed.interval_of(connection, row.id, row.last_close_ms)
                if interval is None:
                    continue
                self._intervals[row.name] = interval
            opens = range(row.last_close_ms - interval, self._candle_ms.get(row.name, -1), -interval)
            keys.extend((row.id, interval, open_ms) for open_ms in opens[:CANDLES_PER_SYMBOL])
        found = followed.candles_at(connection, keys)
        for name in {row.name for row in moved} - {candle.symbol for candle in found}:
            self._intervals.pop(name, None)  # it may have been started again with another
        return found

    def _keep_numbers(
        self, events: list[StoredEvent], runs: list[DecisionRun], alerts: list[Alert], place: int
    ) -> None:
        if events:
            self._event = events[-1]
        if runs:
            self._decision = runs[-1]
        if alerts:
            self._alert = alerts[-1].seq
        self._last_decision.update((run.decision.symbol, run.seq) for run in runs)
        self._place = place

    def _keep_orders(self, orders: Iterable[Order], fills: Iterable[Fill]) -> None:
        trades: dict[str, set[str]] = {}
        for fill in fills:
            trades.setdefault(fill.client_order_id, set()).add(fill.trade_id)
        for order in orders:
            known = self._live.pop(order.id, None) or self._settled.pop(order.id, None)
            told = trades.get(order.id, set()) | (known.trades if known is not None else set())
            (self._settled if order.is_settled else self._live)[order.id] = _Known(order, told)
        while len(self._settled) > SETTLED_KEPT:
            self._settled.popitem(last=False)


def _is_same_run(found: DecisionRun, known: DecisionRun) -> bool:
    """Whether it is the row that was seen. A run of idle ones grows longer: its beginning stays."""
    if known.decision.is_idle:
        return (found.seq, found.decision.symbol, found.first_ms) == (known.seq, known.decision.symbol, known.first_ms)
    return (found.seq, found.decision.id) == (known.seq, known.decision.id)
