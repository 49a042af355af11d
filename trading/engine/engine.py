"""The engine: events in, actions out. Deterministic; everything else is a driver of it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from trading.decision.source import SignalSource
from trading.domain.actions import Action, CancelOrder, QueryOrder, SubmitOrder
from trading.domain.candles import Candle
from trading.domain.decisions import Signal
from trading.domain.errors import InvariantViolated
from trading.domain.events import (
    AccountSnapshot,
    CancelRejected,
    CancelUnknown,
    CandleClosed,
    ClockTick,
    Command,
    EntriesLatched,
    Event,
    OrderAbsent,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderFound,
    OrderRejected,
    OrderTriggered,
    OrderUnknown,
    QueryFailed,
    Started,
)
from trading.domain.orders import NOT_SENT, OrderState, Purpose
from trading.engine import doubt, portfolio, tracking
from trading.engine.adoption import ask_for_unstored, is_left_to_a_person
from trading.engine.breaker import may_be_worth_other, note_peak, watch_equity, watch_time
from trading.engine.commands import on_command
from trading.engine.config import EngineConfig
from trading.engine.desk import Desk
from trading.engine.entries import DECISION_FAILED, on_signal
from trading.engine.protection import on_position_candle, plan
from trading.engine.quiet import QuietRange, QuietWorth, pass_over, quiet_range, quiet_worth
from trading.engine.reconciliation import on_snapshot
from trading.engine.starting import as_after_a_start, check_symbols, forget_the_future
from trading.engine.state import EngineState, Record, SymbolState


class Engine:
    """One bot's state machine.

    Args:
        config: instruments, capital, limits, bounds.
        signals: the decision path.
        state: restored from a journal, or None for a new one.

    Raises:
        InvalidInput: something is held, or on order, in a symbol that is not among the instruments.
    """

    def __init__(self, config: EngineConfig, signals: SignalSource, state: EngineState | None = None) -> None:
        self.state = state if state is not None else EngineState(config.bot_id)
        self.config = config
        check_symbols(config, self.state)
        self._desk = Desk(config, self.state)
        self._signals = signals
        self._order_events: dict[type, Callable[[Desk, Any], str | None]] = {
            OrderAccepted: tracking.on_accepted,
            OrderRejected: tracking.on_rejected,
            OrderUnknown: doubt.on_unknown,
            OrderFilled: tracking.on_filled,
            OrderTriggered: tracking.on_triggered,
            OrderCanceled: tracking.on_canceled,
            CancelRejected: tracking.on_cancel_rejected,
            CancelUnknown: tracking.on_cancel_unknown,
            OrderFound: tracking.on_found,
            OrderAbsent: doubt.on_absent,
            QueryFailed: doubt.on_query_failed,
        }

    @property
    def ready(self) -> bool:
        """Whether the account has been read and compared since the start."""
        return self._desk.ready

    def equity(self) -> Decimal:
        """Worth of the bot's part of the account at the last prices, in quote."""
        return portfolio.equity(self.state)

    def exposure(self) -> Decimal:
        """Worth of the open positions at the last prices, in quote."""
        return portfolio.exposure(self.state)

    def is_idle(self, symbol: str) -> bool:
        """Whether nothing is held, open or in doubt in the symbol: only a signal can make it act."""
        return symbol not in self.state.positions and not self.state.live.get(symbol)

    def quiet_range(self, symbol: str) -> QuietRange | None:
        """Which prices leave the symbol's position as it is; None where that cannot be said."""
        return quiet_range(self._desk, symbol)

    def quiet_worth(self) -> QuietWorth | None:
        """Which equity tells the circuit breaker nothing, and until when; None where that cannot be said."""
        return quiet_worth(self._desk)

    def note_peak(self, worth: Decimal, now_ms: int) -> None:
        """Take in the highest equity of quiet candles (quote), and when it was (UTC ms)."""
        note_peak(self._desk, worth, now_ms)

    def pass_over(self, candle: Candle, high: Decimal) -> None:
        """Take in the last of some quiet candles of a symbol, the highest price among which is `high`."""
        pass_over(self._desk, candle, high)

    def handle(self, event: Event) -> list[Action]:
        """Take one event in; what is to be done about it. Changes of state are in `state.take_changes()`."""
        state, desk = self.state, self._desk
        # A new process begins with its clock's time: the journal's may be of a clock that was ahead.
        state.now_ms = event.time_ms if type(event) is Started else max(state.now_ms, event.time_ms)
        if type(event) is CandleClosed:
            self._on_candle(event)
        elif type(event) is ClockTick:
            self._on_tick()
        else:
            self._on_other(event)
        if not desk.actions:
            return []
        actions, desk.actions = desk.actions, []
        return actions

    def entries_blocked(self) -> str:
        """Empty, or the code of what stops entries now."""
        return self._desk.entries_blocked()

    def withdraw(self, actions: list[Action]) -> list[Action]:
        """What to do of `actions`, which several events have led to: without entries that a later one forbids.

        A driver calls this before it commits. The entries are recorded as not sent.
        """
        if not self._desk.entries_blocked():
            return actions
        stopped = {
            action.order.value.client_order_id: action
            for action in actions
            if isinstance(action, SubmitOrder) and action.order.value.purpose is Purpose.ENTRY
        }
        kept = [
            action
            for action in actions
            if not isinstance(action, SubmitOrder | CancelOrder | QueryOrder) or _order_id(action) not in stopped
        ]
        for order_id in stopped:
            why = f"stopped before it was sent: {self._desk.entries_blocked()}"
            kept += self.handle(
                OrderRejected(time_ms=self.state.now_ms, client_order_id=order_id, code=NOT_SENT, message=why)
            )
        return kept

    def committed(self) -> list[Record]:
        """What has changed is in the journal and can no longer be rolled back; the changes, as from `take_changes`."""
        self._desk.mark()
        return self.state.take_changes()

    def rollback(self) -> None:
        """Go back to the last `committed`: to handle the events since then once more, or never."""
        self.state.rollback()
        self._desk.reset()

    def _on_candle(self, event: CandleClosed) -> None:
        candle = event.candle
        symbol = candle.symbol
        state = self.state
        last = state.symbols.get(symbol)
        if last is not None and event.time_ms <= last.last_close_ms:
            return
        state.put(SymbolState(symbol=symbol, last_close_ms=event.time_ms, price=candle.close))
        watch_equity(self._desk)
        signal = self._signal(candle)
        position = state.positions.get(symbol)
        if position is not None:
            on_position_candle(self._desk, position, candle)
        if signal is not None:
            on_signal(self._desk, candle, signal)
        if not self.is_idle(symbol):
            plan(self._desk, symbol)

    def _signal(self, candle: Candle) -> Signal | None:
        """What the decision path says; where it breaks, nothing, and no entries until a person has looked."""
        try:
            return self._signals.on_candle(candle)
        except Exception as error:  # noqa: BLE001 - positions must still be looked after, whatever broke in it
            self._desk.halt(DECISION_FAILED, f"the decision on {candle.symbol} broke: {type(error).__name__}: {error}")
            return None

    def _on_other(self, event: Event) -> None:
        handler = self._order_events.get(type(event))
        if handler is not None:
            symbol = handler(self._desk, event)
            if symbol is not None:
                plan(self._desk, symbol)
            if may_be_worth_other(self._desk):
                watch_equity(self._desk)
            return
        symbols: set[str]
        match event:
            case AccountSnapshot():
                symbols = on_snapshot(self._desk, event)
            case Command():
                symbols = on_command(self._desk, event)
            case EntriesLatched():
                self._desk.entries_latched = event.reason
                symbols = set()
            case Started():
                symbols = self._on_started(event)
            case _:
                raise InvariantViolated(f"no handler for {type(event).__name__}")
        for symbol in sorted(symbols):
            plan(self._desk, symbol)
        watch_equity(self._desk)

    def _on_started(self, event: Started) -> set[str]:
        """Nothing is known for sure yet: read the account, ask about every live order, open nothing before that."""
        if event.bot_id != self.config.bot_id:
            raise InvariantViolated(f"started as {event.bot_id}, configured as {self.config.bot_id}")
        desk = self._desk
        desk.ready = False
        forget_the_future(desk)
        desk.recall_entry_times()
        for symbol in sorted(self.state.live):
            for order in self.state.live_orders(symbol):
                if not is_left_to_a_person(order):
                    desk.query(as_after_a_start(desk, order))
        for _, position in sorted(self.state.positions.items()):
            ask_for_unstored(desk, position)
        desk.fetch_account()
        return set()

    def _on_tick(self) -> None:
        """What time alone brings: a new day, what is overdue or due, periodic reconciliation."""
        desk = self._desk
        watch_time(desk)
        waiting = self._ask_what_is_due()
        for symbol in sorted(waiting):
            plan(desk, symbol)
        if waiting or may_be_worth_other(desk):
            watch_equity(desk)

    def _ask_what_is_due(self) -> set[str]:
        """Ask what has to be asked by now; the symbols that wait for something."""
        desk, state, timing = self._desk, self.state, self.config.timing
        waiting: set[str] = set()
        for symbol in state.positions:
            if not desk.is_steady(symbol):
                waiting.add(symbol)
        for symbol, orders in state.live.items():
            if not orders or desk.is_steady(symbol):
                continue
            waiting.add(symbol)
            for order in list(orders.values()):
                sent = order.submitted_ms if order.submitted_ms is not None else order.updated_ms
                if order.state is OrderState.UNKNOWN or order.has_unseen_fills:
                    doubt.call_for_person(desk, order)
                if order.state is OrderState.SUBMITTING and state.now_ms - sent > timing.answer_ms:
                    doubt.mark_unknown(desk, order, f"no answer within {timing.answer_ms} ms")
                elif order.query_due_ms is not None and order.query_due_ms <= state.now_ms:
                    desk.query(order)
                elif order.cancel_requested_ms is not None and order.query_due_ms is None:
                    if state.now_ms - order.cancel_requested_ms >= timing.answer_ms:
                        desk.query(order)
        overdue = timing.reconcile_ms and state.now_ms - desk.reconciled_ms >= timing.reconcile_ms
        if not desk.ready or overdue:
            desk.fetch_account()
        return waiting


def _order_id(action: SubmitOrder | CancelOrder | QueryOrder) -> str:
    return action.order.value.client_order_id if isinstance(action, SubmitOrder) else action.client_order_id
