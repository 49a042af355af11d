"""What commands and dashboard read: short read transactions that never hold up the bot, whether it runs or not."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa

from trading.domain.candles import Candle
from trading.domain.decisions import Decision, Verdict
from trading.domain.orders import Fill, Order, OrderState, Purpose
from trading.domain.positions import Correction, CorrectionKind, Position
from trading.safety.breaker import Trip
from trading.store.batch import EquityPoint
from trading.store.commands import QueuedCommand, to_queued
from trading.store.database import BUSY_TIMEOUT_MS, open_reader, reading
from trading.store.rows import Fields, to_decision, to_order, to_record
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
from trading.store.status import Status, open_positions, status_of

__all__ = ["PAGE", "SERIES", "DecisionRun", "Queries", "Status", "StoredEvent"]

R = TypeVar("R")

PAGE = 100
SERIES = 2_000


class DecisionRun(msgspec.Struct, frozen=True, kw_only=True):
    """A decision; of a run of idle ones the last, by the id of the first, with their count and its time (UTC ms)."""

    seq: int
    decision: Decision
    first_ms: int
    count: int


class StoredEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A row of the event table. data: the event as JSON, with its `type`; seq only grows."""

    seq: int
    time_ms: int
    type: str
    symbol: str
    data: str


to_position = to_record(Position)
to_fill = to_record(Fill)
_to_correction = to_record(Correction)
to_equity = to_record(EquityPoint)
to_candle = to_record(Candle)
_to_trip = to_record(Trip)
to_event = to_record(StoredEvent)


class Queries:
    """Read-only questions. Lists are newest first where nothing else is said; `since_ms <= t < until_ms`, UTC ms."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    @classmethod
    def open(cls, url: str, *, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> Queries:
        """Open the database for reading.

        Raises:
            NoDatabaseYet: there is none.
            StoreError: this program cannot read it.
        """
        return cls(open_reader(url, busy_timeout_ms=busy_timeout_ms))

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    def status(self) -> Status:
        """Account, safety, circuit breaker, kill switch, process, symbols, open positions and live orders."""
        with reading(self.engine) as connection:
            return status_of(connection)

    def positions(self) -> list[Position]:
        """Open positions, in order of opening."""
        return self._all(open_positions(), to_position)

    def position(self, position_id: str) -> Position | None:
        """One position, open or closed."""
        return next(iter(self._all(sa.select(positions).where(positions.c.id == position_id), to_position)), None)

    def history(
        self,
        *,
        symbol: str | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
        limit: int = PAGE,
        offset: int = 0,
    ) -> list[Position]:
        """Closed positions that ever held anything, by time of closing."""
        query = sa.select(positions).where(positions.c.closed_ms.is_not(None), positions.c.traded)
        query = _filtered(query, positions.c.closed_ms, since_ms, until_ms, [(positions.c.symbol, symbol)])
        query = query.order_by(positions.c.closed_ms.desc(), positions.c.place.desc())
        return self._all(query.limit(limit).offset(offset), to_position)

    def orders(
        self,
        *,
        symbol: str | None = None,
        state: OrderState | None = None,
        purpose: Purpose | None = None,
        position_id: str | None = None,
        live: bool | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
        limit: int = PAGE,
        offset: int = 0,
    ) -> list[Order]:
        """Orders by time of creation. live: only those not settled (by when they became so), or only those settled."""
        query = _filtered(
            sa.select(orders),
            orders.c.created_ms,
            since_ms,
            until_ms,
            [
                (orders.c.symbol, symbol),
                (orders.c.state, state),
                (orders.c.purpose, purpose),
                (orders.c.position_id, position_id),
            ],
        )
        if live is not None:
            query = query.where(~orders.c.settled if live else orders.c.settled)
        newest_first = [orders.c.place.desc()] if live else [orders.c.created_ms.desc(), orders.c.place.desc()]
        return self._all(query.order_by(*newest_first).limit(limit).offset(offset), to_order)

    def order(self, client_order_id: str) -> Order | None:
        """One order."""
        return next(
            iter(self._all(sa.select(orders).where(orders.c.client_order_id == client_order_id), to_order)), None
        )

    def fills(
        self,
        *,
        symbol: str | None = None,
        client_order_id: str | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
        limit: int = PAGE,
        offset: int = 0,
    ) -> list[Fill]:
        """Fills by time."""
        pairs = [(fills.c.symbol, symbol), (fills.c.client_order_id, client_order_id)]
        query = _filtered(sa.select(fills), fills.c.time_ms, since_ms, until_ms, pairs)
        query = query.order_by(fills.c.time_ms.desc(), fills.c.symbol, fills.c.trade_id.desc())
        return self._all(query.limit(limit).offset(offset), to_fill)

    def fills_of(self, position_ids: Collection[str]) -> list[tuple[str, Fill]]:
        """The fills of these positions' orders, each with its position's id, oldest first."""
        query = sa.select(fills, orders.c.position_id).join_from(
            fills, orders, fills.c.client_order_id == orders.c.client_order_id
        )
        query = query.where(orders.c.position_id.in_(position_ids)).order_by(fills.c.time_ms, fills.c.trade_id)
        return self._all(query, lambda row: (row["position_id"], to_fill(row)))

    def decisions_of(self, decision_ids: Collection[str]) -> dict[str, Decision]:
        """These decisions, by id; a position has the id of the decision that opened it. Old ones may be gone."""
        runs = self._all(sa.select(decisions).where(decisions.c.id.in_(decision_ids)), to_run)
        return {run.decision.id: run.decision for run in runs}

    def corrections(self, position_id: str) -> list[Correction]:
        """Corrections booked on a position, oldest first."""
        query = sa.select(corrections).where(corrections.c.position_id == position_id)
        return self._all(query.order_by(corrections.c.time_ms, corrections.c.id), _to_correction)

    def booked_corrections(
        self,
        *,
        symbol: str | None = None,
        kind: CorrectionKind | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
        limit: int = PAGE,
        offset: int = 0,
    ) -> list[Correction]:
        """Corrections of all positions, by time."""
        pairs = [(corrections.c.symbol, symbol), (corrections.c.kind, kind)]
        query = _filtered(sa.select(corrections), corrections.c.time_ms, since_ms, until_ms, pairs)
        query = query.order_by(corrections.c.time_ms.desc(), corrections.c.id)
        return self._all(query.limit(limit).offset(offset), _to_correction)

    def decisions(
        self,
        *,
        symbol: str | None = None,
        verdict: Verdict | None = None,
        decision_id: str | None = None,
        vetoed: bool | None = None,
        since_ms: int | None = None,
        until_ms: int | None = None,
        limit: int = PAGE,
        offset: int = 0,
    ) -> list[DecisionRun]:
        """Decisions and runs of idle ones, by time (of a run: its last). vetoed: only those, or only the others."""
        pairs = [(decisions.c.symbol, symbol), (decisions.c.verdict, verdict), (decisions.c.id, decision_id)]
        query = _filtered(sa.select(decisions), decisions.c.time_ms, since_ms, until_ms, pairs)
        if vetoed is not None:
            query = query.where(decisions.c.veto != "" if vetoed else decisions.c.veto == "")
        # Of one symbol the numbers are in the order of time, and there is an index for them.
        newest_first = [decisions.c.seq.desc()] if symbol else [decisions.c.time_ms.desc(), decisions.c.seq.desc()]
        query = query.order_by(*newest_first)
        return self._all(query.limit(limit).offset(offset), to_run)

    def trips(
        self, *, since_ms: int | None = None, until_ms: int | None = None, limit: int = PAGE, offset: int = 0
    ) -> list[Trip]:
        """Trips of the circuit breaker, by time."""
        query = _filtered(sa.select(trips), trips.c.time_ms, since_ms, until_ms, [])
        query = query.order_by(trips.c.time_ms.desc(), trips.c.id.desc())
        return self._all(query.limit(limit).offset(offset), _to_trip)

    def equity(
        self, *, since_ms: int | None = None, until_ms: int | None = None, step_ms: int = 1, limit: int = SERIES
    ) -> list[EquityPoint]:
        """Equity, oldest first: the last point of each `step_ms`, and of all these the newest `limit`."""
        query = _filtered(_equity_down(), equity.c.time_ms, since_ms, until_ms, [])
        if step_ms > 1:
            last = _filtered(sa.select(sa.func.max(equity.c.time_ms)), equity.c.time_ms, since_ms, until_ms, [])
            query = query.where(equity.c.time_ms.in_(last.group_by(equity.c.time_ms - equity.c.time_ms % step_ms)))
        return self._all(query.limit(limit), to_equity)[::-1]

    def equity_span(self, *, since_ms: int | None = None, until_ms: int | None = None) -> tuple[int, int] | None:
        """The times of the first and the last point of equity within these bounds, None where there is none."""
        ends = sa.select(sa.func.min(equity.c.time_ms), sa.func.max(equity.c.time_ms))
        with reading(self.engine) as connection:
            first, last = connection.execute(_filtered(ends, equity.c.time_ms, since_ms, until_ms, [])).one()
        return None if first is None else (first, last)

    def first_equity(self) -> EquityPoint | None:
        """The oldest point of equity."""
        return next(iter(self._all(sa.select(equity).order_by(equity.c.time_ms).limit(1), to_equity)), None)

    def candles(
        self,
        symbol: str,
        interval_ms: int,
        *,
        since_ms: int | None = None,
        until_ms: int | None = None,
        limit: int = SERIES,
    ) -> list[Candle]:
        """Candles of a symbol by open time, oldest first: the newest `limit` of those asked for."""
        query = (
            sa.select(symbols.c.name.label("symbol"), *[c for c in candles.c if c.name != "symbol_id"])
            .join_from(candles, symbols, candles.c.symbol_id == symbols.c.id)
            .where(symbols.c.name == symbol, candles.c.interval_ms == interval_ms)
        )
        query = _filtered(query, candles.c.open_time_ms, since_ms, until_ms, [])
        return self._all(query.order_by(candles.c.open_time_ms.desc()).limit(limit), to_candle)[::-1]

    def events(self, *, after_seq: int = 0, type: str | None = None, limit: int = PAGE) -> list[StoredEvent]:  # noqa: A002
        """Events with a number above `after_seq`, oldest first."""
        query = _filtered(sa.select(events), events.c.seq, after_seq + 1, None, [(events.c.type, type)])
        return self._all(query.order_by(events.c.seq).limit(limit), to_event)

    def event_range(self) -> tuple[int, int]:
        """The lowest and the highest number in the event table (0, 0: it is empty). Older ones have been removed."""
        with reading(self.engine) as connection:
            low, high = connection.execute(sa.select(sa.func.min(events.c.seq), sa.func.max(events.c.seq))).one()
        return low or 0, high or 0

    def commands(self, *, command_id: str | None = None, limit: int = PAGE, offset: int = 0) -> list[QueuedCommand]:
        """Operators' commands and the bot's answers."""
        query = _filtered(sa.select(commands), commands.c.seq, None, None, [(commands.c.id, command_id)])
        return self._all(query.order_by(commands.c.seq.desc()).limit(limit).offset(offset), to_queued)

    def _all(self, query: sa.Select[Any], convert: Callable[[Fields], R]) -> list[R]:
        with reading(self.engine) as connection:
            return _read(connection, query, convert)


def _read(connection: sa.Connection, query: sa.Select[Any], convert: Callable[[Fields], R]) -> list[R]:
    return [convert(row) for row in connection.execute(query).mappings()]


def _filtered(
    query: sa.Select[Any],
    time: sa.Column[int],
    since: int | None,
    until: int | None,
    equal: Iterable[tuple[sa.Column[str], str | None]],
) -> sa.Select[Any]:
    """The query with the filters that were given; None is none."""
    if since is not None:
        query = query.where(time >= since)
    if until is not None:
        query = query.where(time < until)
    for column, value in equal:
        if value is not None:
            query = query.where(column == str(value))
    return query


def _equity_down() -> sa.Select[Any]:
    return sa.select(equity).order_by(equity.c.time_ms.desc())


def to_run(row: Fields) -> DecisionRun:
    """A decision or run of idle ones from its row."""
    return DecisionRun(seq=row["seq"], decision=to_decision(row), first_ms=row["first_ms"], count=row["count"])
