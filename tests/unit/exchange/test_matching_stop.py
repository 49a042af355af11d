"""Stop orders: what triggers them, what they fill at, and what comes first within a candle."""

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
    stop,
)
from trading.domain.events import Event, OrderFilled, OrderFound, OrderTriggered
from trading.domain.orders import Liquidity, OrderState, Side, TimeInForce


def kinds(events: list[Event]) -> list[type]:
    return [type(event) for event in events]


@pytest.mark.parametrize(
    ("side", "stop_price", "low", "high", "triggers"),
    [
        (Side.SELL, "95", "95.01", "100", False),
        (Side.SELL, "95", "95", "100", True),
        (Side.BUY, "105", "100", "104.99", False),
        (Side.BUY, "105", "100", "105", True),
    ],
)
def test_a_touch_triggers(side: Side, stop_price: str, low: str, high: str, triggers: bool) -> None:
    """And the order fills from the stop price."""
    made = exchange(USDT="1000", BTC="1")
    made.submit(stop(1, side, "1", stop_price), at(0))
    events = play(made, candle(0, "100", high, low, "100"))
    assert kinds(events) == ([OrderTriggered, OrderFilled] if triggers else [])
    assert prices(events) == ([(D(stop_price), D(1))] if triggers else [])


def test_a_triggered_stop_pays_spread_and_impact_as_a_taker() -> None:
    """95 x (1 - 0.0010 - 0.1 x 0.1^2) = 94.81, at the middle of the candle."""
    made = exchange(costs=costs(maker_fee="0", taker_fee="0.001", half_spread_bps="10", price_impact="0.1"), BTC="10")
    made.submit(stop(1, Side.SELL, "10", "95"), at(0))
    (fill,) = fills(play(made, candle(0, "100", "100", "94", "99", volume="100")))
    assert (fill.price, fill.liquidity, fill.time_ms) == (D("94.81"), Liquidity.TAKER, at(0) + 30_000)
    assert fill.fee == D("0.9481")


@pytest.mark.parametrize(("side", "stop_price", "open_"), [(Side.SELL, "95", "90"), (Side.BUY, "105", "110")])
def test_a_gap_fills_at_the_open_which_is_worse(side: Side, stop_price: str, open_: str) -> None:
    """Not at the stop price, that nobody traded at."""
    made = exchange(USDT="1000", BTC="1")
    made.submit(stop(1, side, "1", stop_price), at(0))
    events = made.open_phase(flat(0, open_))
    assert kinds(events) == [OrderTriggered, OrderFilled]
    assert prices(events) == [(D(open_), D(1))]
    assert events[1].time_ms == at(0)


def test_a_stop_sent_on_the_entrys_fill_protects_in_the_same_candle() -> None:
    """The reason for two phases."""
    made = exchange(BTC="1")
    shown = candle(0, "100", "101", "90", "99")
    made.open_phase(shown)
    made.submit(stop(1, Side.SELL, "1", "95"), at(0))
    assert prices(made.range_phase(shown)) == [(D(95), D(1))]


def test_where_a_candle_touches_stop_and_target_the_stop_comes_first() -> None:
    """Both would fill; the volume is enough for one of them."""
    made = exchange(costs=costs(max_volume_share="0.1"), BTC="2")
    made.submit(limit(1, Side.SELL, "1", "105"), at(0))
    made.submit(stop(2, Side.SELL, "1", "95"), at(0))
    events = play(made, candle(0, "100", "110", "90", "100", volume="10"))
    assert prices(events) == [(D(95), D(1))]


def test_at_the_open_too_a_gapped_stop_comes_before_an_older_limit_order() -> None:
    """The volume is enough for one of them: the sale at a loss, not the purchase."""
    made = exchange(costs=costs(max_volume_share="0.1"), USDT="1000", BTC="1")
    made.submit(limit(1, Side.BUY, "1", "95"), at(0))
    made.submit(stop(2, Side.SELL, "1", "95"), at(0))
    events = made.open_phase(flat(0, "90", volume="10"))
    assert [(fill.side, fill.price) for fill in fills(events)] == [(Side.SELL, D(90))]


def test_the_nearer_stop_is_triggered_first() -> None:
    """On the way down 97 comes before 95, whichever was sent first."""
    made = exchange(BTC="2")
    made.submit(stop(1, Side.SELL, "1", "95"), at(0))
    made.submit(stop(2, Side.SELL, "1", "97"), at(0))
    assert prices(play(made, candle(0, "100", "100", "90", "91"))) == [(D(97), D(1)), (D(95), D(1))]


def test_a_triggered_stop_goes_on_at_the_next_open_if_the_volume_ends() -> None:
    """1 of 3 at the stop, the rest at the market, wherever that is by then."""
    made = exchange(costs=costs(max_volume_share="0.1"), BTC="3")
    made.submit(stop(1, Side.SELL, "3", "95"), at(0))
    assert prices(play(made, candle(0, "100", "100", "94", "94", volume="10"))) == [(D(95), D(1))]
    (found,) = made.query(f"{1:032x}", SYMBOL, at(1))
    assert isinstance(found, OrderFound)
    assert (found.report.state, found.report.triggered) == (OrderState.PARTIALLY_FILLED, True)
    events = play(made, flat(1, "99", volume="100"))
    assert kinds(events) == [OrderFilled]
    assert prices(events) == [(D(99), D(2))]


def test_a_stop_buy_that_gaps_beyond_the_cash_is_trimmed() -> None:
    """Locked 105 a coin, opened at 120."""
    made = exchange(USDT="1050")
    made.submit(stop(1, Side.BUY, "10", "105"), at(0))
    events = made.open_phase(flat(0, "120"))
    assert prices(events) == [(D(120), D("8.75"))]
    assert ended(events) == [(True, D("8.75"))]


def test_a_stop_limit_takes_within_its_limit() -> None:
    """Triggered at 95, taken there: 94 or better was asked for."""
    made = exchange(BTC="1")
    made.submit(stop(1, Side.SELL, "1", "95", price="94"), at(0))
    events = play(made, candle(0, "100", "100", "90", "91"))
    assert kinds(events) == [OrderTriggered, OrderFilled]
    assert prices(events) == [(D(95), D(1))]


def test_a_stop_limit_that_gaps_beyond_its_limit_rests_and_may_never_fill() -> None:
    """Triggered at the open of 90, limit 94: it waits, while the market falls on."""
    made = exchange(BTC="1")
    made.submit(stop(1, Side.SELL, "1", "95", price="94"), at(0))
    assert kinds(made.open_phase(candle(0, "90", "93", "80", "81"))) == [OrderTriggered]
    assert made.range_phase(candle(0, "90", "93", "80", "81")) == []
    assert play(made, candle(1, "81", "94", "70", "71")) == []
    assert balance(made, "BTC") == (D(0), D(1))
    (fill,) = fills(play(made, candle(2, "71", "94.01", "71", "90")))
    assert (fill.price, fill.liquidity) == (D(94), Liquidity.MAKER)


def test_a_stop_limit_whose_limit_the_spread_passes_rests() -> None:
    """95 less 2 % is below 94; the same candle's range does not fill it, since its path is not known."""
    made = exchange(costs=costs(half_spread_bps="200"), BTC="1")
    made.submit(stop(1, Side.SELL, "1", "95", price="94"), at(0))
    assert kinds(play(made, candle(0, "100", "110", "90", "91"))) == [OrderTriggered]
    assert prices(play(made, candle(1, "91", "95", "91", "95"))) == [(D(94), D(1))]


@pytest.mark.parametrize("time_in_force", [TimeInForce.IOC, TimeInForce.FOK])
def test_an_immediate_stop_limit_expires_if_it_cannot_take(time_in_force: TimeInForce) -> None:
    """enums.md: it expires upon execution, which is when it triggers; until then it rests."""
    made = exchange(BTC="1")
    made.submit(stop(1, Side.SELL, "1", "95", price="94", time_in_force=time_in_force), at(0))
    assert play(made, flat(0, "100")) == []
    events = made.open_phase(flat(1, "90"))
    assert kinds(events)[0] is OrderTriggered
    assert ended(events) == [(True, D(0))]
    assert balance(made, "BTC") == (D(1), D(0))


def test_a_cancelled_stop_gives_the_coins_back() -> None:
    """And nothing triggers any more."""
    made = exchange(BTC="1")
    made.submit(stop(1, Side.SELL, "1", "95"), at(0))
    made.cancel(f"{1:032x}", SYMBOL, at(0))
    assert balance(made, "BTC") == (D(1), D(0))
    assert play(made, flat(0, "50")) == []


def test_a_stop_sent_in_the_middle_of_a_candle_is_not_gapped_by_its_open() -> None:
    """It did not exist at the open; the range triggers it, at the worse of stop and open."""
    made = exchange(BTC="1")
    made.submit(stop(1, Side.SELL, "1", "95"), at(0) + 40_000)
    shown = candle(0, "90", "101", "89", "100")
    assert made.open_phase(shown) == []
    assert prices(made.range_phase(shown)) == [(D(90), D(1))]


def test_times_within_a_phase_never_go_back() -> None:
    """A late arrival before an early one."""
    made = exchange(costs=costs(latency_ms=100), BTC="3")
    made.submit(stop(1, Side.SELL, "1", "97"), at(0) + 50_000)
    made.submit(stop(2, Side.SELL, "1", "95"), at(0))
    times = [event.time_ms for event in play(made, candle(0, "100", "100", "90", "91"))]
    assert times == [at(0) + 50_100] * 4


def test_times_of_late_market_orders_never_go_back_either() -> None:
    """Sent at 50 s and at 40 s, served in the order of their ids."""
    made = exchange(BTC="3")
    made.submit(market(1, Side.SELL, "1"), at(0) + 50_000)
    made.submit(market(2, Side.SELL, "1"), at(0) + 40_000)
    times = [event.time_ms for event in play(made, flat(0, "100"))]
    assert times == [at(0) + 50_000] * 2
