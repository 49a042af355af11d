"""Limit orders: when they rest, when they take, and what fills them."""

from __future__ import annotations

import pytest

from tests.unit.exchange.exchange_helpers import (
    SYMBOL,
    D,
    at,
    balance,
    candle,
    costs,
    exchange,
    fills,
    flat,
    limit,
    play,
    prices,
)
from trading.domain.orders import Liquidity, Side
from trading.exchange.books import Book
from trading.exchange.costs import FeePolicy, FillAt


@pytest.mark.parametrize(
    ("side", "price", "low", "high", "fills_"),
    [
        (Side.BUY, "95", "95", "100", False),
        (Side.BUY, "95", "94.99", "100", True),
        (Side.SELL, "105", "100", "105", False),
        (Side.SELL, "105", "100", "105.01", True),
    ],
)
@pytest.mark.parametrize("is_shortcut_taken", [True, False])
def test_a_resting_order_fills_when_the_market_trades_through_it(
    side: Side, price: str, low: str, high: str, fills_: bool, is_shortcut_taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A touch is not enough: whoever queued before us is served first. With the quick look at the range or without."""
    if not is_shortcut_taken:
        monkeypatch.setattr(Book, "is_quiet", lambda *_: False)
    made = exchange(USDT="1000", BTC="1")
    made.submit(limit(1, side, "1", price), at(0))
    events = play(made, candle(0, "100", high, low, "100"))
    assert prices(events) == ([(D(price), D(1))] if fills_ else [])


def test_a_resting_order_fills_as_a_maker_at_its_own_price_within_the_candle() -> None:
    """The maker's fee, no spread and no impact, at the middle of the candle."""
    priced = costs(maker_fee="0.0002", taker_fee="0.001", half_spread_bps="10", price_impact="1")
    made = exchange(costs=priced)
    made.submit(limit(1, Side.BUY, "1", "95"), at(0))
    (fill,) = fills(play(made, candle(0, "100", "100", "90", "92")))
    assert (fill.price, fill.liquidity, fill.fee) == (D(95), Liquidity.MAKER, D("0.0002"))
    assert fill.time_ms == at(0) + 30_000


def test_an_open_beyond_a_resting_order_fills_it_at_its_own_price() -> None:
    """It was in the book when the market moved: whoever moved it traded with us first."""
    made = exchange()
    made.submit(limit(1, Side.BUY, "1", "95"), at(0))
    play(made, flat(0, "100"))
    (fill,) = fills(made.open_phase(flat(1, "90")))
    assert (fill.price, fill.liquidity, fill.time_ms) == (D(95), Liquidity.MAKER, at(1))


def test_an_order_that_would_take_takes_at_the_better_open() -> None:
    """Limit 105 while the market is at 100: filled at the open of 98, as a taker, and the surplus lock is free."""
    made = exchange(costs=costs(maker_fee="0.0002", taker_fee="0.001"), USDT="1000")
    made.submit(limit(1, Side.BUY, "1", "105"), at(0))
    assert balance(made, "USDT") == (D(895), D(105))
    (fill,) = fills(made.open_phase(flat(0, "98")))
    assert (fill.price, fill.liquidity, fill.fee) == (D(98), Liquidity.TAKER, D("0.001"))
    assert balance(made, "USDT") == (D(902), D(0))


def test_an_order_that_would_take_rests_if_the_open_has_run_away() -> None:
    """Limit 101 at a market of 100, open at 103: it rests at 101 and fills there later, as a maker."""
    made = exchange()
    made.submit(limit(1, Side.BUY, "1", "101"), at(0))
    assert play(made, flat(0, "103")) == []
    (fill,) = fills(play(made, candle(1, "103", "103", "100", "102")))
    assert (fill.price, fill.liquidity) == (D(101), Liquidity.MAKER)


def test_impact_beyond_the_limit_fills_nothing_and_the_order_rests() -> None:
    """As in Zipline's slippage: 50 of 100 would cost 100 x (1 + 0.1 x 0.25) = 102.50, above the limit of 102."""
    made = exchange(costs=costs(price_impact="0.1"))
    made.submit(limit(1, Side.BUY, "50", "102"), at(0))
    assert made.open_phase(flat(0, "100", volume="100")) == []
    assert prices(play(made, candle(1, "102.5", "103", "101.99", "102"))) == [(D(102), D(50))]


def test_half_the_spread_decides_what_takes() -> None:
    """At the last price itself a buy rests below the ask; at the ask it takes."""
    priced = costs(half_spread_bps="1")
    made = exchange(costs=priced)
    made.submit(limit(1, Side.BUY, "1", "100"), at(0))
    made.submit(limit(2, Side.BUY, "1", "100.01"), at(0))
    (fill,) = fills(play(made, flat(0, "100")))
    assert (fill.client_order_id, fill.price, fill.liquidity) == (f"{2:032x}", D("100.01"), Liquidity.TAKER)


def test_post_only_never_takes() -> None:
    """Accepted below the market, gapped through: its own price and the maker's fee."""
    made = exchange(costs=costs(maker_fee="0", taker_fee="0.001"))
    made.submit(limit(1, Side.BUY, "1", "99", post_only=True), at(0))
    (fill,) = fills(made.open_phase(flat(0, "95")))
    assert (fill.price, fill.liquidity, fill.fee) == (D(99), Liquidity.MAKER, D(0))


def test_a_target_sent_on_the_entrys_fill_rests_in_the_same_candle() -> None:
    """Between the phases; it fills in the range."""
    made = exchange(BTC="1")
    shown = candle(0, "100", "110", "99", "105")
    made.open_phase(shown)
    made.submit(limit(1, Side.SELL, "1", "108"), at(0))
    assert prices(made.range_phase(shown)) == [(D(108), D(1))]


def test_an_order_that_arrives_after_the_close_waits() -> None:
    """Sent 10 ms before the close with 50 ms of latency: the next candle fills it."""
    made = exchange(costs=costs(latency_ms=50))
    made.submit(limit(1, Side.BUY, "1", "95"), at(1) - 10)
    assert play(made, candle(0, "100", "100", "90", "92")) == []
    assert prices(play(made, candle(1, "92", "93", "91", "92"))) == [(D(95), D(1))]


def test_better_prices_are_served_first() -> None:
    """The volume reaches for the buy that is nearest to the market, not for the older one."""
    made = exchange(costs=costs(max_volume_share="0.1"))
    made.submit(limit(1, Side.BUY, "2", "90"), at(0))
    made.submit(limit(2, Side.BUY, "2", "95"), at(0))
    assert prices(play(made, candle(0, "100", "100", "80", "85", volume="30"))) == [(D(95), D(2)), (D(90), D(1))]


def test_filling_at_the_close_takes_at_once_and_rests_the_rest() -> None:
    """A tenth of 1000 at the last price; what is left rests and fills as a maker."""
    made = exchange(fill_at=FillAt.CLOSE, costs=costs(max_volume_share="0.1"), USDT="100000")
    events = made.submit(limit(1, Side.BUY, "150", "101"), at(0))
    assert prices(events) == [(D(100), D(100))]
    (fill,) = fills(play(made, candle(0, "101", "102", "100.99", "102")))
    assert (fill.price, fill.quantity, fill.liquidity) == (D(101), D(50), Liquidity.MAKER)


def test_a_resting_order_sent_when_filling_at_the_close_stays_out_of_the_answer() -> None:
    """Below the market nothing fills at once."""
    made = exchange(fill_at=FillAt.CLOSE)
    assert len(made.submit(limit(1, Side.BUY, "1", "95"), at(0))) == 1
    assert made.has_orders(SYMBOL)


def test_a_maker_buy_with_fees_in_quote_uses_exactly_its_lock_or_less() -> None:
    """Locked with the taker's 0.2 %, paid with the maker's 0.1 %; nothing stays locked."""
    made = exchange(costs=costs(maker_fee="0.001", taker_fee="0.002", fee_policy=FeePolicy.QUOTE), USDT="95.19")
    made.submit(limit(1, Side.BUY, "1", "95"), at(0))
    assert balance(made, "USDT") == (D(0), D("95.19"))
    play(made, candle(0, "100", "100", "90", "92"))
    assert balance(made, "USDT") == (D("0.095"), D(0))
