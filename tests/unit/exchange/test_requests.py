"""Requests and their answers: acceptance, locks, cancel, query, account, and what is forgotten."""

from __future__ import annotations

import pytest

from tests.unit.exchange.exchange_helpers import (
    MINUTE,
    SYMBOL,
    D,
    at,
    balance,
    candle,
    costs,
    ended,
    exchange,
    fills,
    flat,
    limit,
    market,
    play,
    prices,
    stop,
)
from trading.domain.errors import InvalidInput
from trading.domain.events import (
    AccountSnapshot,
    CancelRejected,
    OrderAbsent,
    OrderAccepted,
    OrderCanceled,
    OrderFound,
)
from trading.domain.orders import OrderState, Side
from trading.exchange.books import FINISHED_ORDERS_KEPT
from trading.exchange.costs import FeePolicy
from trading.exchange.simulated import SimulatedExchange


def report_state(made: SimulatedExchange, number: int) -> OrderState:
    (found,) = made.query(f"{number:032x}", SYMBOL, at(0))
    assert isinstance(found, OrderFound)
    return found.report.state


def snapshot(made: SimulatedExchange, now_ms: int) -> AccountSnapshot:
    (event,) = made.account(7, now_ms)
    assert isinstance(event, AccountSnapshot)
    return event


def test_answers_are_late_by_the_latency() -> None:
    """All of them: accepted, rejected, cancelled, found, absent, account."""
    made = exchange(costs=costs(latency_ms=250))
    late = at(0) + 250
    (accepted,) = made.submit(limit(1, Side.BUY, "1", "90"), at(0))
    assert accepted == OrderAccepted(time_ms=late, client_order_id=f"{1:032x}", exchange_order_id="1")
    answers = [
        *made.submit(limit(1, Side.BUY, "1", "90"), at(0)),
        *made.query(f"{1:032x}", SYMBOL, at(0)),
        *made.query("nothing", SYMBOL, at(0)),
        *made.account(0, at(0)),
        *made.cancel(f"{1:032x}", SYMBOL, at(0)),
        *made.cancel(f"{1:032x}", SYMBOL, at(0)),
    ]
    assert [event.time_ms for event in answers] == [late] * 6


def test_exchange_ids_count_up_and_refusals_use_none() -> None:
    """The second order is refused; the third gets the second id."""
    made = exchange()
    ids = []
    for number, price in ((1, "90"), (2, "90.001"), (3, "91")):
        (event,) = made.submit(limit(number, Side.BUY, "1", price), at(0))
        ids.append(event.exchange_order_id if isinstance(event, OrderAccepted) else None)
    assert ids == ["1", None, "2"]


def test_a_limit_buy_locks_price_times_quantity() -> None:
    """And a cancel gives it back."""
    made = exchange(USDT="1000")
    made.submit(limit(1, Side.BUY, "2", "90"), at(0))
    assert balance(made, "USDT") == (D(820), D(180))
    assert ended(made.cancel(f"{1:032x}", SYMBOL, at(0))) == [(False, D(0))]
    assert balance(made, "USDT") == (D(1000), D(0))
    assert report_state(made, 1) is OrderState.CANCELED


def test_a_limit_buy_with_fees_in_quote_locks_the_fee_too() -> None:
    """By the higher rate: 180 x 1.002."""
    made = exchange(costs=costs(maker_fee="0.001", taker_fee="0.002", fee_policy=FeePolicy.QUOTE), USDT="1000")
    made.submit(limit(1, Side.BUY, "2", "90"), at(0))
    assert balance(made, "USDT") == (D("819.64"), D("180.36"))


def test_a_sell_locks_the_base_coin() -> None:
    """Whatever its type: a resting stop leaves nothing to sell."""
    made = exchange(BTC="3")
    made.submit(stop(1, Side.SELL, "2", "95"), at(0))
    assert balance(made, "BTC") == (D(1), D(2))
    made.submit(market(2, Side.SELL, "1"), at(0))
    assert balance(made, "BTC") == (D(0), D(3))


def test_market_and_stop_buys_lock_an_estimate() -> None:
    """Last price, or stop price, with half the spread, rounded up to the tick."""
    made = exchange(costs=costs(half_spread_bps="1"), USDT="1000")
    made.submit(market(1, Side.BUY, "1"), at(0))
    assert balance(made, "USDT") == (D("899.99"), D("100.01"))
    made.submit(stop(2, Side.BUY, "1", "110"), at(0))
    assert balance(made, "USDT") == (D("789.97"), D("210.03"))


def test_a_partial_fill_leaves_the_rest_locked() -> None:
    """2 of 5 filled at 90 from a lock of 450; cancelling reports what was filled."""
    made = exchange(costs=costs(max_volume_share="0.1"), USDT="1000")
    made.submit(limit(1, Side.BUY, "5", "90"), at(0))
    play(made, candle(0, "100", "100", "85", "95", volume="20"))
    assert report_state(made, 1) is OrderState.PARTIALLY_FILLED
    assert balance(made, "USDT") == (D(550), D(270))
    assert balance(made, "BTC") == (D(2), D(0))
    assert ended(made.cancel(f"{1:032x}", SYMBOL, at(1))) == [(False, D(2))]
    assert balance(made, "USDT") == (D(820), D(0))


def test_cancel_of_what_is_not_open_is_refused() -> None:
    """errors.md, -2011 CANCEL_REJECTED, "Unknown order sent.": never known, finished, or in another symbol."""
    made = exchange()
    made.submit(market(1, Side.BUY, "1"), at(0))
    made.submit(limit(2, Side.BUY, "1", "90"), at(0))
    play(made, flat(0, "100"))
    for client_id, symbol in (("nothing", SYMBOL), (f"{1:032x}", SYMBOL), (f"{2:032x}", "ETH/USDT")):
        assert made.cancel(client_id, symbol, at(1)) == [
            CancelRejected(time_ms=at(1), client_order_id=client_id, code="-2011", message="Unknown order sent.")
        ]
    assert isinstance(made.cancel(f"{2:032x}", SYMBOL, at(1))[0], OrderCanceled)


def test_a_cancelled_order_never_fills() -> None:
    """Also where the candle would have filled it."""
    made = exchange()
    made.submit(limit(1, Side.BUY, "1", "90"), at(0))
    made.cancel(f"{1:032x}", SYMBOL, at(0))
    assert play(made, candle(0, "100", "100", "80", "85")) == []


def test_query_shows_state_and_all_trades() -> None:
    """Filled in two parts, over two candles."""
    made = exchange(costs=costs(max_volume_share="0.1"))
    made.submit(market(1, Side.BUY, "3"), at(0))
    events = play(made, flat(0, "100", volume="20")) + play(made, flat(1, "101", volume="20"))
    (found,) = made.query(f"{1:032x}", SYMBOL, at(2))
    assert isinstance(found, OrderFound)
    assert found.report.state is OrderState.FILLED
    assert found.report.filled_quantity == 3
    assert list(found.report.fills) == fills(events)
    assert [fill.trade_id for fill in found.report.fills] == ["1", "2"]


def test_query_of_the_unknown_is_conclusive() -> None:
    """Also in another symbol than the order's."""
    made = exchange()
    made.submit(limit(1, Side.BUY, "1", "90"), at(0))
    for client_id, symbol in ((f"{2:032x}", SYMBOL), (f"{1:032x}", "ETH/USDT")):
        (absent,) = made.query(client_id, symbol, at(0))
        assert isinstance(absent, OrderAbsent)
        assert absent.conclusive


def test_query_finds_the_newest_order_of_an_id_used_twice() -> None:
    """The first was cancelled, the second rests."""
    made = exchange()
    made.submit(limit(1, Side.BUY, "1", "90"), at(0))
    made.cancel(f"{1:032x}", SYMBOL, at(0))
    made.submit(limit(1, Side.BUY, "1", "90"), at(0))
    assert report_state(made, 1) is OrderState.OPEN
    assert [order.exchange_order_id for order in snapshot(made, at(0)).orders] == ["1", "2"]


def test_account_shows_open_orders_and_those_that_ended_within_a_day() -> None:
    """A day later the finished one is gone, the open one is not."""
    made = exchange()
    made.submit(limit(1, Side.BUY, "1", "90"), at(0))
    made.submit(market(2, Side.BUY, "1"), at(0))
    play(made, flat(0, "100"))
    shown = snapshot(made, at(1))
    assert (shown.token, [order.client_order_id for order in shown.orders]) == (7, [f"{1:032x}", f"{2:032x}"])
    assert shown.orders[1].fills[0].price == 100
    assert shown.balances["BTC"].total == 1
    later = snapshot(made, at(0) + 24 * 60 * MINUTE)
    assert len(later.orders) == 2
    assert [order.client_order_id for order in snapshot(made, later.time_ms + 1).orders] == [f"{1:032x}"]


def test_memory_is_bounded_by_dropping_the_oldest_finished_orders() -> None:
    """An open order stays however old; a dropped one is absent, its trades too."""
    made = exchange(USDT="10000")
    made.submit(limit(0, Side.BUY, "1", "50"), at(0))
    for number in range(1, FINISHED_ORDERS_KEPT + 3):
        made.submit(limit(number, Side.BUY, "1", "60"), at(0))
        made.cancel(f"{number:032x}", SYMBOL, at(0))
    state = made.state()
    assert len(state.orders) == FINISHED_ORDERS_KEPT + 1
    assert [order.order_id for order in state.orders[:2]] == [1, 4]
    assert report_state(made, 0) is OrderState.OPEN
    assert isinstance(made.query(f"{2:032x}", SYMBOL, at(0))[0], OrderAbsent)
    assert len(snapshot(made, at(0)).orders) == 1_001
    made.check()


def test_dropping_an_order_leaves_the_newer_one_of_the_same_client_id() -> None:
    """The id was used again before the older order was forgotten."""
    made = exchange(USDT="10000")
    made.submit(limit(0, Side.BUY, "1", "50"), at(0))
    made.cancel(f"{0:032x}", SYMBOL, at(0))
    made.submit(limit(0, Side.BUY, "1", "50"), at(0))
    for number in range(1, FINISHED_ORDERS_KEPT + 1):
        made.submit(limit(number, Side.BUY, "1", "60"), at(0))
        made.cancel(f"{number:032x}", SYMBOL, at(0))
    assert made.state().orders[0].order_id == 2
    assert report_state(made, 0) is OrderState.OPEN


def test_has_orders_tells_a_driver_which_candles_to_bring() -> None:
    """By symbol, until the last one ends."""
    made = exchange()
    assert not made.has_orders(SYMBOL)
    made.submit(market(1, Side.BUY, "1"), at(0))
    assert made.has_orders(SYMBOL)
    assert not made.has_orders("ETH/USDT")
    play(made, flat(0, "100"))
    assert not made.has_orders(SYMBOL)


def test_an_unknown_symbol_in_a_candle_is_the_drivers_mistake() -> None:
    """Named, with what is known."""
    made = exchange()
    for call in (made.open_phase, made.range_phase):
        with pytest.raises(InvalidInput, match="XRP/USDT"):
            call(flat(0, "1", symbol="XRP/USDT"))


def test_phases_that_are_not_news_change_nothing() -> None:
    """The same phase again, an older candle, an open after its own range."""
    made = exchange()
    made.submit(market(1, Side.BUY, "1"), at(0))
    shown = flat(0, "100")
    assert prices(made.open_phase(shown)) == [(D(100), D(1))]
    made.submit(market(2, Side.BUY, "1"), at(-1))
    assert made.open_phase(shown) == []
    made.range_phase(shown)
    made.submit(market(3, Side.BUY, "1"), at(-1))
    before = made.state()
    assert play(made, shown) == []
    assert play(made, flat(-1, "50")) == []
    assert made.state() == before


def test_observe_brings_the_price_of_skipped_candles() -> None:
    """Later news counts, older does not, and the skipped candles are over."""
    made = exchange(price="100")
    made.observe(SYMBOL, at(5), D(200))
    made.observe(SYMBOL, at(4), D(150))
    assert made.last_price(SYMBOL) == 200
    assert play(made, flat(4, "150")) == []
    made.open_phase(flat(5, "201"))
    assert made.last_price(SYMBOL) == 201
