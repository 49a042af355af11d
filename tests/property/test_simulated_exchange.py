"""The simulated exchange under any sequence of orders, cancels and candles: money adds up and the rules hold."""

from __future__ import annotations

from decimal import Decimal
from unittest import mock

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.property.exchange_scripts import (
    COSTS,
    Script,
    follow,
    new_exchange,
    play,
    scripts,
)
from trading.domain.candles import Candle
from trading.domain.events import (
    Event,
    OrderAccepted,
    OrderCanceled,
    OrderFilled,
    OrderRejected,
    OrderTriggered,
)
from trading.domain.orders import Fill, Liquidity, OrderState, Side
from trading.exchange.books import Book
from trading.exchange.costs import FillAt
from trading.exchange.matching import has_limit
from trading.exchange.records import SimOrder, SimState
from trading.exchange.simulated import SimulatedExchange

TICK = Decimal("0.01")


@given(script=scripts())
def test_money_adds_up_after_every_step(script: Script) -> None:
    """No negative balance, each coin sums to zero, locks are those of the open orders, fills those of the orders."""
    exchange = new_exchange(script)
    for step in script.steps:
        play(exchange, step)
        exchange.check()


@given(script=scripts())
def test_no_order_leaves_a_final_state_and_none_fills_more_than_its_quantity(script: Script) -> None:
    """Seen from outside, by the reports of the account."""
    exchange = new_exchange(script)
    final: dict[int, tuple[OrderState, Decimal]] = {}
    for step in script.steps:
        play(exchange, step)
        for order in exchange.state().orders:
            assert Decimal(0) <= order.filled <= order.intent.quantity
            if order.order_id in final:
                assert (order.state, order.filled) == final[order.order_id]
            if order.state.is_final:
                final[order.order_id] = (order.state, order.filled)


@given(script=scripts())
def test_the_events_alone_tell_what_every_order_came_to(script: Script) -> None:
    """A bot that only listens ends up with the same orders, fills and states; each trade is told once."""
    exchange = new_exchange(script)
    events = [event for step in script.steps for event in play(exchange, step)]
    accepted = [e for e in events if isinstance(e, OrderAccepted)]
    orders = exchange.state().orders
    assert [int(e.exchange_order_id) for e in accepted] == [order.order_id for order in orders]
    filled: dict[str, Decimal] = {}
    ended: dict[str, OrderCanceled] = {}
    trades = [e.fill.trade_id for e in events if isinstance(e, OrderFilled)]
    assert trades == [str(number) for number in range(1, len(trades) + 1)]
    for event in events:
        if isinstance(event, OrderFilled):
            name = event.fill.client_order_id
            assert name not in ended
            filled[name] = filled.get(name, Decimal(0)) + event.fill.quantity
        elif isinstance(event, OrderCanceled):
            assert event.filled_quantity == filled.get(event.client_order_id, Decimal(0))
            ended[event.client_order_id] = event
    for order in orders:
        name = order.intent.client_order_id
        assert order.filled == filled.get(name, Decimal(0))
        assert order.state is _expected_state(order, ended.get(name))


def _expected_state(order: SimOrder, end: OrderCanceled | None) -> OrderState:
    if end is not None:
        return OrderState.EXPIRED if end.expired else OrderState.CANCELED
    if order.filled == order.intent.quantity:
        return OrderState.FILLED
    return OrderState.PARTIALLY_FILLED if order.filled else OrderState.OPEN


@given(script=scripts(fill_at=st.just(FillAt.NEXT_OPEN)))
def test_fills_are_at_prices_of_their_candle_or_worse_for_us(script: Script) -> None:
    """A buy never below the low, a sell never above the high; a limit is kept; what is worse is spread and impact."""
    exchange = new_exchange(script)
    for step in script.steps:
        events = play(exchange, step)
        if not isinstance(step.candle, Candle):
            continue
        orders = {order.intent.client_order_id: order for order in exchange.state().orders}
        for event in events:
            if isinstance(event, OrderFilled):
                _check_price(event.fill, orders[event.fill.client_order_id], step.candle, exchange)


def _check_price(fill: Fill, order: SimOrder, candle: Candle, exchange: SimulatedExchange) -> None:
    is_buy = fill.side is Side.BUY
    intent = order.intent
    assert fill.price % TICK == 0
    if intent.price is not None and has_limit(intent):
        assert fill.price <= intent.price if is_buy else fill.price >= intent.price
    assert fill.price >= candle.low if is_buy else fill.price <= candle.high
    if fill.liquidity is Liquidity.MAKER:
        assert fill.price == intent.price
        return
    costs = exchange.costs
    share = costs.max_volume_share or Decimal(1)
    slip = costs.half_spread_bps / 10_000 + costs.price_impact * share * share
    if is_buy:
        assert fill.price <= candle.high * (1 + slip) + TICK
    else:
        assert fill.price >= candle.low * (1 - slip) - TICK


@given(script=scripts())
def test_times_are_within_the_candle_and_never_go_back_in_a_phase(script: Script) -> None:
    """From its open to before its close."""
    exchange = new_exchange(script)
    for step in script.steps:
        if step.candle is None:
            continue
        for events in (exchange.open_phase(step.candle), exchange.range_phase(step.candle)):
            times = [event.time_ms for event in events]
            assert times == sorted(times)
            assert all(step.candle.open_time_ms <= time < step.candle.close_time_ms for time in times)


@given(script=scripts())
def test_two_exchanges_given_the_same_are_the_same(script: Script) -> None:
    """To the byte: answers and state."""
    first, second = new_exchange(script), new_exchange(script)
    for step in script.steps:
        assert msgspec.json.encode(play(first, step)) == msgspec.json.encode(play(second, step))
    assert msgspec.json.encode(first.state()) == msgspec.json.encode(second.state())


@given(script=scripts(), cut=st.integers(0, 30))
def test_state_taken_out_and_put_into_another_exchange_goes_on_the_same(script: Script, cut: int) -> None:
    """The state is all there is: no behaviour hangs on what is not in it."""
    exchange = new_exchange(script)
    for step in script.steps[:cut]:
        play(exchange, step)
    other = new_exchange(script)
    other.load(msgspec.json.decode(msgspec.json.encode(exchange.state()), type=SimState))
    for step in script.steps[cut:]:
        assert play(exchange, step) == play(other, step)
    assert exchange.state() == other.state()


@given(script=scripts())
def test_quiet_candles_may_be_skipped_by_a_driver(script: Script) -> None:
    """A symbol without orders: its candles matter only for the last price, which `observe` can bring."""
    shown, spared = new_exchange(script), new_exchange(script)
    for step in script.steps:
        if step.candle is not None and not spared.has_orders(step.candle.symbol) and step.between is None:
            assert play(shown, step) == []
            spared.observe(step.candle.symbol, step.candle.close_time_ms, step.candle.close)
        elif script.fill_at is FillAt.NEXT_OPEN:
            assert play(shown, step) == play(spared, step)
        else:
            # With fills at the close the volume of the skipped candle counts, so this driver may not skip.
            break


@given(script=scripts())
def test_the_quick_look_at_a_range_hides_nothing(script: Script) -> None:
    """An exchange that looks at every order at every candle answers the same."""
    exchange, thorough = new_exchange(script), new_exchange(script)
    for step in script.steps:
        events = play(exchange, step)
        with mock.patch.object(Book, "is_quiet", return_value=False):
            assert play(thorough, step) == events
    assert exchange.state() == thorough.state()


@given(script=scripts())
def test_refusals_change_nothing(script: Script) -> None:
    """Nor do questions."""
    exchange = new_exchange(script)
    for step in script.steps:
        before = msgspec.json.encode(exchange.state())
        exchange.query("0" * 32, "BTC/USDT", 0)
        exchange.account(0, 0)
        assert msgspec.json.encode(exchange.state()) == before
        events: list[Event] = play(exchange, step)
        if step.candle is None and all(isinstance(event, OrderRejected) for event in events):
            assert msgspec.json.encode(exchange.state()) == before


def test_the_scripts_reach_every_kind_of_event() -> None:
    """Otherwise the properties above would hold of nothing."""
    seen = follow(COSTS)
    assert {OrderAccepted, OrderRejected, OrderFilled, OrderCanceled, OrderTriggered} <= seen.kinds
    assert {Liquidity.MAKER, Liquidity.TAKER} <= seen.liquidity
    assert set(OrderState) - {OrderState.INTENT, OrderState.SUBMITTING, OrderState.UNKNOWN, OrderState.REJECTED} <= (
        seen.states
    )
