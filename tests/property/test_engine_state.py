"""The engine's memory: a rollback leaves what the last commit left, a restore what was restored."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.builders import BOT, BTC, ETH, D
from trading.domain.decisions import Decision, Verdict
from trading.domain.errors import InvariantViolated
from trading.domain.orders import Fill, Order, OrderIntent, OrderState, OrderType, Purpose, Side
from trading.domain.positions import Account, Correction, CorrectionKind, Position, PositionSide
from trading.engine import state as state_module
from trading.engine.state import EngineState, Record, SafetyState, SymbolState
from trading.safety.breaker import BreakerState, Trip, TripLevel

SYMBOLS = (BTC.symbol, ETH.symbol)


@dataclass
class Scribe:
    """Makes up records that may follow one another: orders stay final, trades are new."""

    random: Random
    orders: dict[str, Order] = field(default_factory=dict)
    trades: int = 0

    def record(self) -> Record:
        makers = (self._order, self._order, self._fill, self._position, self._symbol, self._rest)
        return self.random.choice(makers)()

    def _order(self) -> Record:
        known = self.random.choice([*self.orders.values(), None])
        if known is None:
            known = an_order(f"{len(self.orders):032x}", self.random.choice(SYMBOLS))
        elif not known.state.is_final:
            known = replace(known, state=self.random.choice(list(OrderState)))
        reported = D(self.random.randrange(3))
        known = replace(known, reported_filled=reported, updated_ms=known.updated_ms + 1)
        if self.random.random() < 0.7:
            known = replace(known, filled_quantity=reported)
        self.orders[known.id] = known
        return known

    def _fill(self) -> Record:
        if not self.orders:
            return self._order()
        self.trades += 1
        order = self.random.choice(list(self.orders.values()))
        return Fill(
            trade_id=str(self.trades),
            client_order_id=order.id,
            symbol=order.intent.symbol,
            side=Side.BUY,
            price=D(1),
            quantity=D(1),
            fee=D(0),
            fee_coin="USDT",
            time_ms=self.trades,
        )

    def _position(self) -> Record:
        symbol = self.random.choice(SYMBOLS)
        closed = self.random.choice((None, None, 5))
        return a_position(symbol, bought=self._amount(), closed_ms=closed)

    def _symbol(self) -> Record:
        return SymbolState(
            symbol=self.random.choice(SYMBOLS), last_close_ms=self.random.randrange(1000), price=self._amount()
        )

    def _rest(self) -> Record:
        return self.random.choice(
            (
                Account(quote="USDT", start_capital=D(10), cash=self._amount()),
                SafetyState(killed=str(self.random.randrange(3))),
                BreakerState(day_peak=self._amount()),
                Correction(
                    id="c",
                    position_id="p",
                    symbol=BTC.symbol,
                    kind=CorrectionKind.DUST,
                    quantity=D(1),
                    cost=D(1),
                    time_ms=1,
                ),
                Decision(
                    id="d",
                    symbol=BTC.symbol,
                    time_ms=1,
                    price=D(1),
                    verdict=Verdict.HOLD,
                    score=0,
                    confidence=0,
                    regime="",
                ),
                Trip(id="1", time_ms=1, level=TripLevel.WARN, code="c", value="1", limit="1", text=""),
            )
        )

    def _amount(self) -> Decimal:
        return D(self.random.randrange(1, 1000)) / 100


def an_order(order_id: str, symbol: str = BTC.symbol, state: OrderState = OrderState.SUBMITTING) -> Order:
    intent = OrderIntent(
        client_order_id=order_id,
        position_id="p",
        symbol=symbol,
        side=Side.BUY,
        type=OrderType.MARKET,
        quantity=D(2),
        purpose=Purpose.ENTRY,
        created_ms=1,
    )
    return Order(intent=intent, state=state, updated_ms=1)


def a_position(symbol: str = BTC.symbol, bought: Decimal = Decimal(1), closed_ms: int | None = None) -> Position:
    return Position(
        id=f"p{symbol}",
        symbol=symbol,
        side=PositionSide.LONG,
        opened_ms=1,
        decision_price=D(1),
        bought=bought,
        closed_ms=closed_ms,
    )


def everything(state: EngineState) -> tuple[object, ...]:
    """All that the state holds, what `records` leaves out too."""
    return (
        state.records(),
        {symbol: dict(orders) for symbol, orders in state.live.items() if orders},
        {order_id: set(trades) for order_id, trades in state.trades.items()},
        dict(state._owners),
        set(state._finished),
    )


@given(seed=st.integers(0, 2**32), kept=st.integers(0, 60), taken_back=st.integers(0, 40))
def test_a_rollback_leaves_what_the_last_commit_left(seed: int, kept: int, taken_back: int) -> None:
    scribe = Scribe(Random(seed))
    state = EngineState(BOT)
    for _ in range(kept):
        state.put(scribe.record())
    assert len(state.take_changes()) == kept
    before = everything(state)
    for _ in range(taken_back):
        state.put(scribe.record())
    state.rollback()
    assert everything(state) == before
    assert state.changes == []
    state.rollback()
    assert everything(state) == before


@given(seed=st.integers(0, 2**32), count=st.integers(0, 80))
def test_a_restored_state_has_the_same_records(seed: int, count: int) -> None:
    scribe = Scribe(Random(seed))
    state = EngineState(BOT)
    for _ in range(count):
        state.put(scribe.record())
    fills = [record for record in state.take_changes() if isinstance(record, Fill)]
    again = EngineState(BOT)
    again.restore([*state.records(), *fills])
    assert everything(again) == everything(state)
    assert again.changes == []
    times = [s.last_close_ms for s in state.symbols.values()] + [o.updated_ms for o in state.orders.values()]
    assert again.now_ms == max(times, default=0)


@given(seed=st.integers(0, 2**32))
def test_changes_are_all_records_in_the_order_in_which_they_were_put(seed: int) -> None:
    scribe = Scribe(Random(seed))
    state = EngineState(BOT)
    put = [scribe.record() for _ in range(20)]
    for record in put:
        state.put(record)
    assert state.changes == put
    assert state.take_changes() == put
    assert state.take_changes() == []


def test_an_order_that_would_leave_a_final_state_is_refused() -> None:
    state = EngineState(BOT)
    state.put(an_order("a", state=OrderState.CANCELED))
    with pytest.raises(InvariantViolated, match="would leave canceled for filled"):
        state.put(an_order("a", state=OrderState.FILLED))
    assert state.orders["a"].state is OrderState.CANCELED


def test_a_trade_that_would_be_booked_twice_is_refused_and_the_first_stays_booked() -> None:
    state = EngineState(BOT)
    scribe = Scribe(Random(1))
    state.put(an_order("a"))
    scribe.orders["a"] = an_order("a")
    fill = scribe._fill()
    assert isinstance(fill, Fill)
    state.put(fill)
    state.take_changes()
    for again in (fill, replace(fill, client_order_id="b")):
        with pytest.raises(InvariantViolated, match="booked twice"):
            state.put(again)
    state.rollback()
    assert state.order_of_trade(BTC.symbol, fill.trade_id) == "a"
    assert state.order_of_trade(BTC.symbol, "other") is None


def test_old_finished_orders_are_forgotten_with_their_trades_and_live_ones_never(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(state_module, "FINISHED_ORDERS_KEPT", 3)
    state = EngineState(BOT)
    state.put(an_order("live"))
    late = replace(an_order("late", state=OrderState.CANCELED), reported_filled=D(1))
    state.put(replace(late, reported_filled=D(0)))
    scribe = Scribe(Random(1))
    for number in range(6):
        order = an_order(f"{number}", state=OrderState.FILLED)
        state.put(order)
        scribe.orders = {order.id: order}
        state.put(scribe._fill())
        if number == 1:
            state.put(late)  # A fill of it has shown up: it is live again.
    state.take_changes()
    assert set(state.orders) == {"live", "late", "3", "4", "5"}
    assert set(state.trades) == {"3", "4", "5"}
    assert [order.id for order in state.live_orders(BTC.symbol)] == ["live", "late"]
    assert state.order_of_trade(BTC.symbol, "1") is None
