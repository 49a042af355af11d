"""An engine that checks its own books after every event: the invariants that hold whatever an exchange reports."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from trading.decision.source import SignalSource
from trading.domain.actions import Action, SubmitOrder
from trading.domain.events import Event
from trading.domain.instruments import ZERO
from trading.domain.orders import Fill, Order, OrderState, Purpose, Side
from trading.domain.positions import Account, Correction, CorrectionKind
from trading.engine import portfolio
from trading.engine.adoption import is_left_to_a_person
from trading.engine.config import EngineConfig
from trading.engine.engine import Engine
from trading.engine.state import EngineState, Record
from trading.safety.breaker import MINUTE_MS
from trading.safety.checks import HUNDRED


class CheckedEngine(Engine):
    """Asserts after each `handle`:

    - equity is the same from cash and holdings as from profits and fees (I6), to the last digit;
    - each change of a position's quantity and of the cash is the sum of the fills and corrections recorded with it;
    - no order leaves a final state, no trade is booked twice, an order's fills sum to what it says it filled;
    - nothing held is negative; a stop that has begun to trail never falls;
    - an order is sent once (I1), after its record; entries only where nothing forbids them and within the limits (I3,
      I4); a sale is never larger than what is held, and the only one of its position.

    `fills` and `corrections` are all that were ever booked.
    """

    def __init__(self, config: EngineConfig, signals: SignalSource, state: EngineState | None = None) -> None:
        super().__init__(config, signals, state)
        self.fills: list[Fill] = []
        self.corrections: list[Correction] = []
        self.sent: dict[str, SubmitOrder] = {}
        self._orders: dict[str, Order] = dict(self.state.orders)
        self._filled: dict[str, Decimal] = {o.id: o.filled_quantity for o in self.state.orders.values()}
        self._trades: set[tuple[str, str]] = set()

    def again(self, state: EngineState) -> CheckedEngine:
        """The engine of the next process, which keeps the record of what was ever sent and booked."""
        made = CheckedEngine(self.config, self._signals, state)
        made.fills, made.corrections, made.sent = self.fills, self.corrections, self.sent
        made._trades = self._trades
        return made

    def handle(self, event: Event) -> list[Action]:
        """See `Engine`."""
        state = self.state
        mark = len(state.changes)
        held = _held(state)
        stops = {p.id: p.stop_price for p in state.positions.values() if p.high_water is not None}
        account = state.account
        actions = super().handle(event)
        changes = state.changes[mark:]
        self._check_money()
        self._check_quantities(held, changes)
        self._check_cash(account, changes)
        self._check_orders(changes)
        for position in state.positions.values():
            before = stops.get(position.id)
            assert before is None or (position.stop_price is not None and position.stop_price >= before)
        for action in actions:
            if isinstance(action, SubmitOrder):
                self._check_sent(action, changes)
        return actions

    def dust(self, base: str) -> Decimal:
        """What was booked off as dust, and so still lies at the exchange, in units of the coin."""
        return -sum(
            (
                c.quantity
                for c in self.corrections
                if c.kind is CorrectionKind.DUST and self.config.instruments[c.symbol].base == base
            ),
            ZERO,
        )

    def _check_money(self) -> None:
        state = self.state
        assert portfolio.equity(state) == portfolio.equity_from_profit(state)
        for position in state.positions.values():
            assert position.quantity >= 0, position
            assert position.bought >= 0
            assert position.sold >= 0

    def _check_quantities(self, held: dict[str, Decimal], changes: Sequence[Record]) -> None:
        expected = dict(held)
        for record in changes:
            match record:
                case Fill():
                    signed = record.quantity if record.side is Side.BUY else -record.quantity
                    expected[record.symbol] = expected.get(record.symbol, ZERO) + signed
                    self.fills.append(record)
                case Correction():
                    expected[record.symbol] = expected.get(record.symbol, ZERO) + record.quantity
                    self.corrections.append(record)
        now = _held(self.state)
        for symbol in expected.keys() | now.keys():
            assert now.get(symbol, ZERO) == expected.get(symbol, ZERO), f"{symbol} changed without a record"

    def _check_cash(self, before: Account | None, changes: Sequence[Record]) -> None:
        account = self.state.account
        if account is None or before is None:
            return
        # What the owner pays in before the first trade is the only money that comes without a trade.
        expected = before.cash + account.start_capital - before.start_capital
        for record in changes:
            match record:
                case Fill():
                    value = record.price * record.quantity
                    expected += -value if record.side is Side.BUY else value
                    expected -= record.fee if record.fee_coin == self.config.quote else ZERO
                case Correction():
                    expected += record.cash
        assert account.cash == expected, "cash changed without a record"

    def _check_orders(self, changes: Sequence[Record]) -> None:
        for record in changes:
            if isinstance(record, Fill):
                assert (record.symbol, record.trade_id) not in self._trades, f"trade {record.trade_id} booked twice"
                self._trades.add((record.symbol, record.trade_id))
                order_id = record.client_order_id
                self._filled[order_id] = self._filled.get(order_id, ZERO) + record.quantity
            elif isinstance(record, Order):
                before = self._orders.get(record.id)
                if before is not None and before.state.is_final:
                    assert record.state is before.state, f"{record.id} left {before.state} for {record.state}"
                self._orders[record.id] = record
        for record in changes:
            if isinstance(record, Order):
                assert self._orders[record.id].filled_quantity == self._filled.get(record.id, ZERO)
                assert self.state.orders[record.id] == self._orders[record.id]

    def _check_sent(self, action: SubmitOrder, changes: Sequence[Record]) -> None:
        intent = action.order.value
        assert intent.client_order_id not in self.sent, f"order {intent.client_order_id} sent twice"
        self.sent[intent.client_order_id] = action
        recorded = [r for r in changes if isinstance(r, Order) and r.id == intent.client_order_id]
        assert recorded, "sent without a record"
        assert recorded[0].state is OrderState.SUBMITTING
        if intent.purpose is Purpose.ENTRY:
            self._check_entry(intent.symbol)
            return
        position = self.state.positions[intent.symbol]
        assert intent.reduces
        assert intent.side is Side.SELL
        assert 0 < intent.quantity <= position.quantity
        live = [
            order.id
            for order in self.state.live_orders(intent.symbol)
            if order.is_live
            and order.intent.reduces
            and not is_left_to_a_person(order)
            # A stop may go back beside a sale of which nothing was heard for long: it locks what that would sell.
            and not (intent.purpose is Purpose.STOP and self._is_lost_sale(order))
        ]
        assert live == [intent.client_order_id], "two orders would sell the same coins"

    def _is_lost_sale(self, order: Order) -> bool:
        sent_ms, bound_ms = order.submitted_ms, self.config.timing.protect_ms
        is_old = sent_ms is not None and self.state.now_ms - sent_ms > bound_ms
        return is_old and order.intent.purpose is Purpose.EXIT and order.state is OrderState.UNKNOWN

    def _check_entry(self, entered: str) -> None:
        safety, limits, account = self.state.safety, self.config.limits, self.state.account
        assert not (safety.killed or safety.halted or safety.paused)
        assert self.ready
        assert account is not None
        assert len(self.state.positions) <= limits.max_open_positions
        most = self.config.capital
        capital = account.start_capital if most is None else min(most, account.start_capital)
        gross = ZERO
        for symbol in self.state.symbols:
            position = self.state.positions.get(symbol)
            entries = [o for o in self.state.live_orders(symbol) if o.intent.purpose is Purpose.ENTRY]
            quantity = position.quantity if position is not None else ZERO
            # What may still fill, or has filled and is not booked, counts as if it were held.
            for order in entries:
                quantity += order.remaining if order.is_live else order.unseen_quantity
            value = quantity * self.state.symbols[symbol].price
            gross += value
            if symbol == entered:
                assert value <= limits.max_position_notional
                assert value * 100 <= limits.max_symbol_pct * capital
        assert gross * 100 <= min(limits.max_gross_pct, limits.max_strategy_pct, HUNDRED) * capital
        since = self.state.now_ms - MINUTE_MS
        sent = [a.order.value for a in self.sent.values() if a.order.value.purpose is Purpose.ENTRY]
        assert sum(intent.created_ms > since for intent in sent) <= limits.max_orders_per_minute


def _held(state: EngineState) -> dict[str, Decimal]:
    return {symbol: position.quantity for symbol, position in state.positions.items()}
