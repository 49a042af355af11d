"""Drives the engine over recorded candles against the simulated exchange, as fast as the machine allows.

The order of work is the live driver's: what the exchange does at the open, what it does within the candle, then the
closed candles of all symbols. A candle on which nothing is held, open or signalled is not handed over at all;
`tests/property/test_backtest_skipping.py` shows that handing it over would change nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from trading.backtest.equity import EquityPoint
from trading.backtest.passing import Passing
from trading.decision.bars import BoolArray
from trading.decision.source import SignalSource
from trading.domain.actions import Action, CancelOrder, Exit, FetchAccount, Notify, QueryOrder, SubmitOrder
from trading.domain.candles import Candle
from trading.domain.errors import InvalidInput, InvariantViolated
from trading.domain.events import CandleClosed, ClockTick, Command, CommandKind, Event, Started
from trading.engine.config import EngineConfig
from trading.engine.engine import Engine
from trading.engine.state import Record
from trading.exchange.simulated import SimulatedExchange
from trading.market.batches import MergedOrder, merge
from trading.market.candle_table import CandleTable

ROUNDS_MAX = 1_000


def carry_out(exchange: SimulatedExchange, action: Action, now_ms: int) -> list[Event]:
    """Do what the engine asks of the exchange; the exchange's answers."""
    match action:
        case SubmitOrder(order=approved):
            return exchange.submit(approved.value, now_ms)
        case CancelOrder(client_order_id=order_id, symbol=symbol):
            return exchange.cancel(order_id, symbol, now_ms)
        case QueryOrder(client_order_id=order_id, symbol=symbol):
            return exchange.query(order_id, symbol, now_ms)
        case FetchAccount(token=token):
            return exchange.account(token, now_ms)
        case Notify() | Exit():
            return []


class BacktestRunner:
    """One run over one set of candles.

    Args:
        tables: candles of each symbol, one timeframe.
        config: the engine's; `config.instruments` has every symbol of `tables`.
        exchange: fresh, with the same instruments.
        signals: the signals of every candle.
        entry_rows: by symbol, which rows of its table have a signal that an idle engine acts on; the other candles are
            left out while nothing is held or open. None hands every candle over. Candles can be left out only without
            periodic reconciliation: its answers move the engine's time on by the latency, whichever candle they follow.
        exit_rows: with `entry_rows`, which rows have a signal on which a held position is sold; candles that change
            nothing are then left out while positions are held, too.
        on_records: is given every changed record, in order.
        progress: is called with (batches done, batches in all), now and then.

    Raises:
        InvalidInput: `entry_rows` with `config.timing.reconcile_ms`.
    """

    def __init__(
        self,
        tables: Sequence[CandleTable],
        config: EngineConfig,
        exchange: SimulatedExchange,
        signals: SignalSource,
        *,
        entry_rows: Mapping[str, BoolArray] | None = None,
        exit_rows: Mapping[str, BoolArray] | None = None,
        on_records: Callable[[list[Record]], None] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> None:
        if entry_rows is not None and config.timing.reconcile_ms:
            raise InvalidInput("timing.reconcile_ms", config.timing.reconcile_ms, "0, where candles are left out")
        self.order: MergedOrder = merge(tables)
        self.exchange = exchange
        self.engine = Engine(config, signals)
        self.equity: list[EquityPoint] = []
        self.candles_handled = 0
        self._on_records = on_records
        self._progress = progress
        self._wanted = self._in_order(entry_rows) if entry_rows is not None else None
        self._exits = self._in_order(exit_rows) if exit_rows is not None else None
        # Single elements are read much faster from memory views than from arrays.
        order = self.order
        self._closes, self._starts = memoryview(order.close_time_ms.data), memoryview(order.batch_start.data)
        self._tables, self._rows = memoryview(order.table_index.data), memoryview(order.row.data)

    def run(self, *, close_at_end: bool = True) -> None:
        """Handle every candle; with `close_at_end` sell what is still held, at the last price."""
        self._pump([Started(time_ms=int(self.order.close_time_ms[0]), bot_id=self.engine.config.bot_id)])
        total = len(self.order)
        wanted, passing = self._wanted_batches(), self._passing()
        index = 0
        while index < total:
            if wanted is not None and self._is_idle():
                place = bisect_left(wanted, index)
                if place == len(wanted):
                    break
                index = wanted[place]
            elif passing is not None:
                index = passing.pass_over(index, self.equity)
                if index == total:
                    break
            self._step(index)
            index += 1
            if self._progress is not None and index % 1024 == 0:
                self._progress(index, total)
        self._pump([])  # what the last candles left behind, where they were passed over
        last_ms = int(self.order.close_time_ms[-1])
        if close_at_end:
            self._close_all(last_ms)
        self.equity.append(EquityPoint(last_ms, self.engine.equity()))
        if self._progress is not None:
            self._progress(total, total)

    def _in_order(self, by_symbol: Mapping[str, BoolArray]) -> BoolArray:
        """The rows' entries in the merged order of the candles."""
        found = np.zeros(len(self.order.row), dtype=np.bool_)
        for index, table in enumerate(self.order.tables):
            mask = self.order.table_index == index
            found[mask] = by_symbol[table.symbol][self.order.row[mask]]
        return found

    def _passing(self) -> Passing | None:
        if self._wanted is None or self._exits is None:
            return None
        return Passing(self.order, self.engine, self.exchange, self._wanted, self._exits)

    def _wanted_batches(self) -> list[int] | None:
        """The batches that hold a wanted candle, ascending."""
        if self._wanted is None:
            return None
        places = np.searchsorted(self.order.batch_start, np.flatnonzero(self._wanted), side="right") - 1
        found: list[int] = np.unique(places).tolist()
        return found

    def _is_idle(self) -> bool:
        state = self.engine.state
        return not state.positions and not any(state.live.values())

    def _step(self, index: int) -> None:
        """One batch: the exchange's open, its range, then the closed candles."""
        exchange = self.exchange
        held_before = bool(self.engine.state.positions)
        candles = self._candles(index)
        for phase in (exchange.open_phase, exchange.range_phase):
            events: list[Event] = []
            for candle in candles:
                happened = phase(candle)
                if happened:
                    events.extend(happened)
            if events:
                self._pump(events)
        close_ms = self._closes[self._starts[index]]
        closed: list[Event] = [ClockTick(time_ms=close_ms)]
        for candle in candles:
            closed.append(CandleClosed(time_ms=close_ms, candle=candle))  # noqa: PERF401 - faster than extend
        self._pump(closed)
        self.candles_handled += len(candles)
        if held_before or self.engine.state.positions:
            self.equity.append(EquityPoint(close_ms, self.engine.equity()))

    def _candles(self, index: int) -> list[Candle]:
        """The candles of a batch that must be handled; the market's price moves with the others all the same."""
        tables, wanted = self.order.tables, self._wanted
        found: list[Candle] = []
        for place in range(self._starts[index], self._starts[index + 1]):
            table = tables[self._tables[place]]
            if wanted is None or wanted[place] or not self.engine.is_idle(table.symbol):
                found.append(table.candle(self._rows[place]))
        return found

    def _pump(self, events: list[Event]) -> None:
        """Handle events, carry out what follows, handle the answers, until nothing follows any more."""
        engine, exchange = self.engine, self.exchange
        for _ in range(ROUNDS_MAX):
            actions: list[Action] = []
            for event in events:
                asked = engine.handle(event)
                if asked:
                    actions.extend(asked)
            actions = engine.withdraw(actions)
            changes = engine.state.take_changes()
            if changes and self._on_records is not None:
                self._on_records(changes)
            if not actions:
                return
            now_ms = engine.state.now_ms
            events = [answer for action in actions for answer in carry_out(exchange, action, now_ms)]
            if not events:
                return
        raise InvariantViolated(f"no rest after {ROUNDS_MAX} rounds of events at {engine.state.now_ms}")

    def _close_all(self, now_ms: int) -> None:
        command = Command(time_ms=now_ms, id="end", kind=CommandKind.CLOSE_ALL, by="backtest", reason="end of data")
        self._pump([command])
        events = self.exchange.fill_waiting(self.engine.state.now_ms)
        if events:
            self._pump(events)
