"""Market orders: where they fill, at which price, in which parts, and what they cost."""

from __future__ import annotations

import pytest

from tests.unit.exchange.exchange_helpers import (
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
)
from trading.domain.events import OrderAccepted, OrderFilled
from trading.domain.orders import Liquidity, Side, TimeInForce
from trading.exchange.costs import FeePolicy, FillAt


def test_fills_at_the_next_open() -> None:
    """Decided on the close at 100, filled at the open of 103."""
    made = exchange()
    made.submit(market(1, Side.BUY, "2"), at(0))
    (event,) = made.open_phase(candle(0, "103", "110", "90", "95"))
    assert isinstance(event, OrderFilled)
    assert (event.time_ms, event.fill.price, event.fill.quantity) == (at(0), D(103), D(2))
    assert event.fill.liquidity is Liquidity.TAKER
    assert balance(made, "USDT") == (D("9794"), D(0))
    assert balance(made, "BTC") == (D(2), D(0))


def test_latency_moves_the_time_not_the_candle() -> None:
    """Arrived 200 ms into the candle, it fills at the open's price, 200 ms later."""
    made = exchange(costs=costs(latency_ms=200))
    made.submit(market(1, Side.BUY, "1"), at(0))
    (fill,) = fills(made.open_phase(flat(0, "101")))
    assert (fill.price, fill.time_ms) == (D(101), at(0) + 200)


def test_latency_beyond_the_close_waits_for_the_candle_it_arrives_in() -> None:
    """Eligible where arrival is before the candle's close: sent 10 s before it, 10 s of latency miss it."""
    made = exchange(costs=costs(latency_ms=10_000))
    made.submit(market(1, Side.BUY, "1"), at(0) + 50_000)
    assert play(made, flat(0, "101")) == []
    (fill,) = fills(made.open_phase(flat(1, "102")))
    assert (fill.price, fill.time_ms) == (D(102), at(1))


def test_sent_on_a_fill_at_the_open_it_fills_in_the_same_candle_at_the_open() -> None:
    """The bot answers the open phase at once; the price is still the open's."""
    made = exchange(costs=costs(latency_ms=50), BTC="1")
    shown = candle(0, "100", "120", "80", "90")
    made.open_phase(shown)
    made.submit(market(1, Side.SELL, "1"), at(0) + 50)
    (fill,) = fills(made.range_phase(shown))
    assert (fill.price, fill.time_ms) == (D(100), at(0) + 100)


@pytest.mark.parametrize(
    ("side", "close", "expected"),
    [(Side.BUY, "90", "100"), (Side.BUY, "110", "110"), (Side.SELL, "90", "90"), (Side.SELL, "110", "100")],
)
def test_sent_later_in_the_candle_it_gets_the_worse_of_open_and_close(side: Side, close: str, expected: str) -> None:
    """Its price is not known, and the open was over when it was sent."""
    made = exchange(USDT="1000", BTC="1")
    made.submit(market(1, side, "1"), at(0) + 40_000)
    shown = candle(0, "100", "120", "80", close)
    assert made.open_phase(shown) == []
    (fill,) = fills(made.range_phase(shown))
    assert (fill.price, fill.time_ms) == (D(expected), at(0) + 40_000)


def test_fill_at_close_fills_at_once_at_the_last_price() -> None:
    """The answer to the request has the fill."""
    made = exchange(fill_at=FillAt.CLOSE, costs=costs(taker_fee="0.001", latency_ms=10))
    accepted, filled = made.submit(market(1, Side.BUY, "1"), at(0))
    assert isinstance(accepted, OrderAccepted)
    assert isinstance(filled, OrderFilled)
    assert (filled.fill.price, filled.fill.time_ms, filled.fill.fee) == (D(100), at(0) + 10, D("0.001"))
    assert play(made, flat(0, "105")) == []


def test_fill_at_close_leaves_what_the_volume_lacks_for_the_next_open() -> None:
    """A tenth of 1000 at the close, the rest at the open."""
    made = exchange(fill_at=FillAt.CLOSE, costs=costs(max_volume_share="0.1"), USDT="100000")
    assert prices(made.submit(market(1, Side.BUY, "130"), at(0))) == [(D(100), D(100))]
    assert prices(made.open_phase(flat(0, "105"))) == [(D(105), D(30))]


def test_spread_and_impact_are_paid_in_ticks_against_us() -> None:
    """20 of 1000: 100 x (0.0001 + 0.1 x 0.02^2) = 0.014, so 100.02 and 99.98."""
    priced = costs(half_spread_bps="1", price_impact="0.1")
    made = exchange(costs=priced, USDT="10000", BTC="20")
    made.submit(market(1, Side.BUY, "20"), at(0))
    assert prices(play(made, flat(0, "100"))) == [(D("100.02"), D(20))]
    made.submit(market(2, Side.SELL, "20"), at(1))
    assert prices(play(made, flat(1, "100"))) == [(D("99.98"), D(20))]


def test_impact_grows_with_all_that_we_use_of_a_candle() -> None:
    """The second order of the candle pays for the first one's share too: 0.1 x (20/1000)^2, then (40/1000)^2."""
    made = exchange(costs=costs(price_impact="10"))
    made.submit(market(1, Side.BUY, "20"), at(0))
    made.submit(market(2, Side.BUY, "20"), at(0))
    assert prices(made.open_phase(flat(0, "100"))) == [(D("100.40"), D(20)), (D("101.60"), D(20))]


def test_volume_share_makes_partial_fills_that_add_up() -> None:
    """A tenth of each candle's volume, whole lots; a candle without volume brings nothing."""
    made = exchange(costs=costs(max_volume_share="0.1"))
    made.submit(market(1, Side.BUY, "10"), at(0))
    volumes = ["45.678", "0", "30", "1000"]
    found = [prices(play(made, flat(n, "100", volume=volume))) for n, volume in enumerate(volumes)]
    assert found == [[(D(100), D("4.567"))], [], [(D(100), D(3))], [(D(100), D("2.433"))]]
    assert balance(made, "BTC") == (D(10), D(0))


def test_volume_share_is_one_budget_for_both_phases() -> None:
    """The open used 6 of 10; the range has 4 left."""
    made = exchange(costs=costs(max_volume_share="0.1"), USDT="10000")
    made.submit(market(1, Side.BUY, "6"), at(0))
    made.submit(limit(2, Side.BUY, "6", "90"), at(0))
    shown = candle(0, "100", "100", "80", "85", volume="100")
    assert prices(made.open_phase(shown)) == [(D(100), D(6))]
    assert prices(made.range_phase(shown)) == [(D(90), D(4))]
    assert prices(play(made, flat(1, "85", volume="100"))) == [(D(90), D(2))]


def test_a_range_without_its_open_has_the_volume_of_its_own_candle() -> None:
    """A driver may leave out the open of a symbol that had no order then."""
    made = exchange(costs=costs(max_volume_share="0.1"))
    made.submit(market(1, Side.BUY, "3"), at(0))
    assert prices(play(made, flat(0, "100", volume="20"))) == [(D(100), D(2))]
    assert prices(made.range_phase(flat(1, "101", volume="20"))) == [(D(101), D(1))]


def test_a_buy_that_the_open_makes_too_dear_is_trimmed_and_the_rest_expires() -> None:
    """10 at 100 locks all of 1000; at 120 it pays for 8.333."""
    made = exchange(USDT="1000")
    made.submit(market(1, Side.BUY, "10"), at(0))
    events = made.open_phase(flat(0, "120"))
    assert prices(events) == [(D(120), D("8.333"))]
    assert ended(events) == [(True, D("8.333"))]
    assert balance(made, "USDT") == (D("0.04"), D(0))


def test_a_buy_that_cannot_pay_for_a_lot_expires_unfilled() -> None:
    """What is free in the account does not reach for 0.001 of a coin that jumped."""
    made = exchange(USDT="6")
    made.submit(market(1, Side.BUY, "0.06"), at(0))
    events = made.open_phase(flat(0, "7000"))
    assert prices(events) == []
    assert ended(events) == [(True, D(0))]
    assert balance(made, "USDT") == (D(6), D(0))


def test_a_buy_may_use_free_cash_beyond_its_estimate() -> None:
    """Locked for 100, filled at 103, paid from the free 50."""
    made = exchange(USDT="150")
    made.submit(market(1, Side.BUY, "1"), at(0))
    assert balance(made, "USDT") == (D(50), D(100))
    assert prices(made.open_phase(flat(0, "103"))) == [(D(103), D(1))]
    assert balance(made, "USDT") == (D(47), D(0))


def test_a_buy_in_parts_keeps_locked_what_is_left() -> None:
    """The price rose between the parts: the second part's lock shrinks to the cash there is, and it is trimmed."""
    made = exchange(costs=costs(max_volume_share="0.1"), USDT="1000")
    made.submit(market(1, Side.BUY, "10"), at(0))
    assert prices(play(made, flat(0, "110", volume="50"))) == [(D(110), D(5))]
    assert balance(made, "USDT") == (D(0), D(450))
    events = play(made, flat(1, "120", volume="50"))
    assert prices(events) == [(D(120), D("3.75"))]
    assert ended(events) == [(True, D("8.75"))]
    assert balance(made, "USDT") == (D(0), D(0))


def test_fee_in_the_received_coin() -> None:
    """Base on the buy: less is held than was bought. Quote on the sell."""
    made = exchange(costs=costs(taker_fee="0.001"))
    made.submit(market(1, Side.BUY, "2"), at(0))
    (bought,) = fills(play(made, flat(0, "100")))
    assert (bought.fee, bought.fee_coin, bought.fee_value) == (D("0.002"), "BTC", None)
    assert balance(made, "BTC") == (D("1.998"), D(0))
    made.submit(market(2, Side.SELL, "1.998"), at(1))
    (sold,) = fills(play(made, flat(1, "100")))
    assert (sold.fee, sold.fee_coin) == (D("0.1998"), "USDT")
    assert balance(made, "USDT") == (D(10000) - 200 + D("199.8") - D("0.1998"), D(0))


def test_fee_in_quote_is_part_of_what_a_buy_must_afford() -> None:
    """1000 USDT buy 9.99 at 100 with 0.1 %: 999 + 0.999."""
    made = exchange(costs=costs(taker_fee="0.001", fee_policy=FeePolicy.QUOTE), USDT="1000", price="90")
    made.submit(market(1, Side.BUY, "11"), at(0))
    events = made.open_phase(flat(0, "100"))
    assert prices(events) == [(D(100), D("9.99"))]
    assert fills(events)[0].fee == D("0.999")
    assert balance(made, "USDT") == (D("0.001"), D(0))


def test_fee_in_a_third_coin_states_its_worth() -> None:
    """0.1 % of 200, less a quarter, at 600 USDT a coin: 0.00025 BNB, worth 0.15."""
    priced = costs(
        taker_fee="0.001", fee_policy=FeePolicy.THIRD_COIN, fee_coin="BNB", fee_coin_price="600", fee_discount="0.25"
    )
    made = exchange(costs=priced, USDT="1000", BNB="1")
    made.submit(market(1, Side.BUY, "2"), at(0))
    (fill,) = fills(play(made, flat(0, "100")))
    assert (fill.fee, fill.fee_coin, fill.fee_value) == (D("0.00025"), "BNB", D("0.15"))
    assert balance(made, "BTC") == (D(2), D(0))
    assert balance(made, "BNB") == (D("0.99975"), D(0))


def test_too_little_of_the_third_coin_takes_the_full_fee_from_the_received_one() -> None:
    """commission_faq.md: "the full commission will be taken out of your received amount instead"."""
    priced = costs(
        taker_fee="0.001", fee_policy=FeePolicy.THIRD_COIN, fee_coin="BNB", fee_coin_price="600", fee_discount="0.25"
    )
    made = exchange(costs=priced, USDT="1000", BNB="0.0002")
    made.submit(market(1, Side.BUY, "2"), at(0))
    (fill,) = fills(play(made, flat(0, "100")))
    assert (fill.fee, fill.fee_coin, fill.fee_value) == (D("0.002"), "BTC", None)


def test_fill_waiting_ends_what_no_further_candle_would() -> None:
    """At the last price, whatever the volume; resting orders stay."""
    made = exchange(costs=costs(max_volume_share="0.001", half_spread_bps="1"), BTC="20")
    made.submit(market(1, Side.SELL, "10"), at(0))
    made.submit(limit(2, Side.SELL, "10", "110"), at(0))
    events = made.fill_waiting(at(0) + 5)
    assert prices(events) == [(D("99.99"), D(10))]
    assert events[0].time_ms == at(0) + 5
    assert made.has_orders(SYMBOL)


def test_each_symbol_has_its_own_market() -> None:
    """A candle of one leaves the orders of the other."""
    made = exchange()
    made.submit(market(1, Side.BUY, "1", symbol="ETH/USDT"), at(0))
    assert play(made, flat(0, "100")) == []
    assert prices(play(made, flat(0, "50", symbol="ETH/USDT"))) == [(D(50), D(1))]
    assert balance(made, "ETH") == (D(1), D(0))


def test_immediate_or_cancel_takes_what_it_can_and_expires() -> None:
    """enums.md, IOC. A tenth of 20 fills at the open; the rest expires at once."""
    made = exchange(costs=costs(max_volume_share="0.1"))
    made.submit(limit(1, Side.BUY, "5", "101", time_in_force=TimeInForce.IOC), at(0))
    events = made.open_phase(flat(0, "100", volume="20"))
    assert prices(events) == [(D(100), D(2))]
    assert ended(events) == [(True, D(2))]


def test_immediate_or_cancel_beyond_its_limit_expires_unfilled() -> None:
    """The open is above the limit, even though the range is not."""
    made = exchange()
    made.submit(limit(1, Side.BUY, "5", "99", time_in_force=TimeInForce.IOC), at(0))
    events = play(made, candle(0, "100", "100", "90", "95"))
    assert prices(events) == []
    assert ended(events) == [(True, D(0))]


@pytest.mark.parametrize(("volume", "filled"), [("49.999", "0"), ("50", "5")])
def test_fill_or_kill_is_all_or_nothing(volume: str, filled: str) -> None:
    """enums.md, FOK: 5 need a volume of 50 at a share of a tenth."""
    made = exchange(costs=costs(max_volume_share="0.1"))
    made.submit(limit(1, Side.BUY, "5", "101", time_in_force=TimeInForce.FOK), at(0))
    events = made.open_phase(flat(0, "100", volume=volume))
    assert sum((quantity for _, quantity in prices(events)), D(0)) == D(filled)
    assert ended(events) == ([] if filled == "5" else [(True, D(0))])


@pytest.mark.parametrize("time_in_force", [TimeInForce.IOC, TimeInForce.FOK])
def test_immediate_orders_answer_at_once_when_filling_at_the_close(time_in_force: TimeInForce) -> None:
    """Within the limit they fill, beyond it they expire, in the answer to the request."""
    made = exchange(fill_at=FillAt.CLOSE)
    assert prices(made.submit(limit(1, Side.BUY, "1", "100", time_in_force=time_in_force), at(0))) == [(D(100), D(1))]
    assert ended(made.submit(limit(2, Side.BUY, "1", "99", time_in_force=time_in_force), at(0))) == [(True, D(0))]
    assert not made.has_orders(SYMBOL)
