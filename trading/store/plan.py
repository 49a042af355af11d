"""Turns a batch into the rows of one commit. Pure: it changes a copy of the memory, kept if the commit stands."""

from __future__ import annotations

from typing import Any

from trading.domain.decisions import Decision, Verdict
from trading.domain.errors import InvariantViolated
from trading.domain.events import CandleClosed, ClockTick, Command, EntriesLatched, Event, OrderFilled, OrderFound
from trading.domain.orders import Fill, Order, OrderState, Purpose
from trading.domain.positions import Account, Correction, Position
from trading.engine.state import SafetyState, SymbolState
from trading.safety.breaker import BreakerState, Trip
from trading.store.batch import Batch
from trading.store.rows import Row, alert_row, breaker_row, decision_row, event_row, order_row, plain, position_row
from trading.store.schema import ONLY_ROW

_NOT_STORED = (CandleClosed, ClockTick, EntriesLatched)
_UNSENT = (OrderState.INTENT, OrderState.SUBMITTING)


class Memory:
    """What the journal knows of its tables, so that it need not ask.

    symbols: ids by name. place, seq: the next ones to give. runs: by symbol, the row of the run of idle decisions
    that the next one like them lengthens, and what they are alike in: verdict and veto.
    """

    def __init__(self) -> None:
        self.symbols: dict[str, int] = {}
        self.place = 1
        self.seq = 1
        self.runs: dict[str, tuple[int, Verdict, str]] = {}

    def copy(self) -> Memory:
        """A copy that may be changed."""
        found = Memory()
        found.symbols = dict(self.symbols)
        found.place, found.seq = self.place, self.seq
        found.runs = dict(self.runs)
        return found

    def symbol_id(self, name: str) -> int:
        """The symbol's number; a new one for a new symbol."""
        return self.symbols.setdefault(name, len(self.symbols) + 1)


class Plan:
    """The rows to write, by table; the opening orders that the kill switch may forbid; the memory afterwards.

    Args:
        batch: what to write.
        memory: of the journal before it.
        wall_ms: now (UTC ms), as the alerts' time of creation.
    """

    def __init__(self, batch: Batch, memory: Memory, wall_ms: int) -> None:
        self.memory = memory.copy()
        self.rows: dict[str, list[Row]] = {}
        self.openings: dict[str, OrderState] = {}
        self.commands: list[str] = []
        self._changes(batch)
        self._candles(batch, known=len(memory.symbols))
        self._put("equity", [plain(point) for point in batch.equity])
        self._events(batch)
        self._put("alerts", [alert_row(note, batch.time_ms, wall_ms) for note in batch.notifications])

    def _put(self, table: str, rows: list[Row]) -> None:
        if rows:
            self.rows[table] = rows

    def _changes(self, batch: Batch) -> None:
        """The last version of each record that changed; every fill, correction and trip."""
        changed: dict[type, list[Any]] = {}
        for record in batch.changes:
            changed.setdefault(type(record), []).append(record)
        self._symbols(changed.pop(SymbolState, []))
        self._put("account", [{"id": ONLY_ROW, **plain(account)} for account in changed.pop(Account, [])[-1:]])
        self._put("safety", [{"id": ONLY_ROW, **plain(safety)} for safety in changed.pop(SafetyState, [])[-1:]])
        self._put("breaker", [breaker_row(breaker) for breaker in changed.pop(BreakerState, [])[-1:]])
        for table, kind in (("fills", Fill), ("corrections", Correction), ("trips", Trip)):
            self._put(table, [plain(record) for record in changed.pop(kind, [])])
        self._positions(changed.pop(Position, []))
        self._orders(changed.pop(Order, []))
        self._decisions(changed.pop(Decision, []))
        if changed:
            raise InvariantViolated(f"the journal has no table for {', '.join(kind.__name__ for kind in changed)}")

    def _symbols(self, states: list[SymbolState]) -> None:
        last = {state.symbol: state for state in states}
        self._put("symbols", [self._symbol_row(state) for state in last.values()])

    def _positions(self, positions: list[Position]) -> None:
        last: dict[str, tuple[Position, int]] = {}
        for position in positions:
            last[position.id] = (position, self._position_place(last.get(position.id)))
        self._put("positions", [position_row(position, place) for position, place in last.values()])

    def _orders(self, orders: list[Order]) -> None:
        last: dict[str, tuple[Order, int]] = {}
        for order in orders:
            last[order.id] = (order, self._order_place(order, last.get(order.id)))
        self._put("orders", [order_row(order, place) for order, place in last.values()])
        for order, _ in last.values():
            if order.intent.purpose is Purpose.ENTRY and order.state in _UNSENT:
                self.openings[order.id] = order.state

    def _order_place(self, order: Order, before: tuple[Order, int] | None) -> int:
        if before is not None and before[0].is_settled == order.is_settled:
            return before[1]
        return self._next_place()

    def _position_place(self, before: tuple[Position, int] | None) -> int:
        if before is not None and not before[0].is_closed:
            return before[1]
        return self._next_place()

    def _next_place(self) -> int:
        place = self.memory.place
        self.memory.place += 1
        return place

    def _symbol_row(self, state: SymbolState) -> Row:
        row = plain(state)
        row["name"] = row.pop("symbol")
        row["id"] = self.memory.symbol_id(state.symbol)
        return row

    def _decisions(self, decisions: list[Decision]) -> None:
        """One row a decision, but for runs of idle ones: they lengthen the row that the run began with."""
        last = {decision.id: decision for decision in decisions}
        runs = self.memory.runs
        rows: dict[int, Row] = {}
        for decision in last.values():
            run = runs.get(decision.symbol)
            if not decision.is_idle or run is None or run[1:] != (decision.verdict, decision.veto):
                seq = self.memory.seq
                self.memory.seq += 1
                rows[seq] = decision_row(decision, seq)
                if decision.is_idle:
                    runs[decision.symbol] = (seq, decision.verdict, decision.veto)
                else:
                    runs.pop(decision.symbol, None)
                continue
            row = decision_row(decision, run[0])
            if run[0] in rows:
                row["id"], row["first_ms"] = rows[run[0]]["id"], rows[run[0]]["first_ms"]
                row["count"] += rows[run[0]]["count"]
            rows[run[0]] = row
        self._put("decisions", list(rows.values()))

    def _candles(self, batch: Batch, known: int) -> None:
        rows = []
        for candle in batch.candles:
            row = plain(candle)
            row["symbol_id"] = self.memory.symbol_id(row.pop("symbol"))
            rows.append(row)
        self._put("candles", rows)
        written = {row["name"] for row in self.rows.get("symbols", ())}
        for name, number in list(self.memory.symbols.items())[known:]:
            if name not in written:
                bare = {"id": number, "name": name, "last_close_ms": None, "price": None}
                self.rows.setdefault("symbols", []).append(bare)

    def _events(self, batch: Batch) -> None:
        rows = []
        for event in batch.events:
            if isinstance(event, _NOT_STORED):
                continue
            rows.append(event_row(event.time_ms, event, _symbol_of(event)))
            if isinstance(event, Command):
                self.commands.append(event.id)
        rows.extend(event_row(batch.time_ms, note, note.symbol) for note in batch.notifications)
        self._put("events", rows)


def _symbol_of(event: Event) -> str:
    if isinstance(event, OrderFilled):
        return event.fill.symbol
    if isinstance(event, OrderFound):
        return event.report.symbol
    found: str = getattr(event, "symbol", "")
    return found
