"""The worked example of docs/SIMULATION.md, whose figures were computed by hand."""

from __future__ import annotations

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
    market,
    prices,
    stop,
)
from trading.domain.events import OrderTriggered
from trading.domain.orders import Side


def test_the_worked_example_of_the_docs() -> None:
    """A market buy in two parts, a protective stop that triggers, and every coin accounted for."""
    priced = costs(
        maker_fee="0.001",
        taker_fee="0.001",
        half_spread_bps="1",
        price_impact="0.1",
        max_volume_share="0.1",
        latency_ms=100,
    )
    made = exchange(costs=priced, USDT="10000")

    made.submit(market(1, Side.BUY, "20"), at(0))
    assert balance(made, "USDT") == (D("7999.80"), D("2000.20"))

    first = candle(0, "100.00", "101.20", "99.50", "101.00", volume="150")
    assert prices(made.open_phase(first)) == [(D("100.11"), D(15))]
    assert balance(made, "USDT") == (D("7998.30"), D("500.05"))
    assert made.range_phase(first) == []

    second = candle(1, "101.00", "101.50", "100.20", "100.40")
    (fill,) = fills(made.open_phase(second))
    assert (fill.price, fill.quantity, fill.fee, fill.time_ms) == (D("101.02"), D(5), D("0.005"), at(1))
    made.submit(stop(2, Side.SELL, "19.98", "98.00"), at(1))
    assert made.range_phase(second) == []
    assert balance(made, "USDT") == (D("7993.25"), D(0))
    assert balance(made, "BTC") == (D(0), D("19.98"))

    third = candle(2, "100.40", "100.60", "97.50", "97.80")
    assert made.open_phase(third) == []
    triggered, sold = made.range_phase(third)
    assert isinstance(triggered, OrderTriggered)
    (fill,) = fills([sold])
    assert (fill.price, fill.fee, fill.fee_coin, fill.time_ms) == (D("97.98"), D("1.9576404"), "USDT", at(2) + 30_000)

    assert balance(made, "USDT") == (D("9948.9327596"), D(0))
    assert balance(made, "BTC") == (D(0), D(0))
    btc, usdt = made.state().coins
    assert (btc.coin, btc.market, btc.fees) == ("BTC", D("-0.02"), D("0.02"))
    assert (usdt.coin, usdt.market, usdt.fees) == ("USDT", D("49.1096"), D("1.9576404"))
    assert usdt.free + usdt.market + usdt.fees == D(10000)
    assert made.open_phase(flat(3, "97.80")) == []
    assert not made.has_orders(SYMBOL)
