"""The exchange's refusals, case by case against Binance's spot documents; each test names its section."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.unit.exchange.exchange_helpers import (
    BTC,
    D,
    at,
    candle,
    exchange,
    flat,
    intent,
    limit,
    market,
    play,
    refusal,
    stop,
)
from trading.domain.errors import InvalidInput
from trading.domain.events import OrderAccepted
from trading.domain.instruments import Market
from trading.domain.orders import OrderIntent, OrderType, Side, TimeInForce
from trading.exchange.costs import NO_COSTS
from trading.exchange.simulated import SimulatedExchange

PRICE_FILTER = ("-1013", "Filter failure: PRICE_FILTER")
LOT_SIZE = ("-1013", "Filter failure: LOT_SIZE")
NOTIONAL = ("-1013", "Filter failure: NOTIONAL")
INSUFFICIENT = ("-2010", "Account has insufficient balance for requested action.")
WOULD_TRIGGER = ("-2010", "Stop price would trigger immediately.")


def answer(order: OrderIntent, **balances: str) -> tuple[str, str]:
    made = exchange(**(balances or {"USDT": "100000000", "BTC": "10000"}))
    found = refusal(made.submit(order, at(0)))
    assert made.state().orders == [], "a refused order leaves no trace"
    made.check()
    return found


def accepted(order: OrderIntent, **balances: str) -> bool:
    events = exchange(**(balances or {"USDT": "100000000", "BTC": "10000"})).submit(order, at(0))
    return isinstance(events[0], OrderAccepted)


# -- filters.md


@pytest.mark.parametrize("price", ["99.995", "0", "-1", "0.001"])
def test_price_filter_price_must_be_a_positive_multiple_of_the_tick(price: str) -> None:
    """filters.md, PRICE_FILTER: `price` % `tickSize` == 0, `price` >= `minPrice`."""
    assert answer(limit(1, Side.BUY, "1", price)) == PRICE_FILTER


def test_price_filter_holds_for_the_stop_price_too() -> None:
    """filters.md, PRICE_FILTER: "`price`/`stopPrice`"."""
    assert answer(stop(1, Side.SELL, "1", "95.001")) == PRICE_FILTER
    assert answer(stop(1, Side.SELL, "1", "95", price="94.999")) == PRICE_FILTER


@pytest.mark.parametrize("quantity", ["0.0005", "0", "-1", "1.0005", "9000.001"])
def test_lot_size_minimum_maximum_and_step(quantity: str) -> None:
    """filters.md, LOT_SIZE: `minQty` <= `quantity` <= `maxQty`, `quantity` % `stepSize` == 0."""
    assert answer(limit(1, Side.BUY, quantity, "100")) == LOT_SIZE
    assert answer(market(1, Side.BUY, quantity)) == LOT_SIZE


@pytest.mark.parametrize("quantity", ["0.05", "9000"])
def test_lot_size_and_notional_include_their_bounds(quantity: str) -> None:
    """filters.md, LOT_SIZE and NOTIONAL: >= and <=; 0.05 x 100 is 5."""
    assert accepted(limit(1, Side.BUY, quantity, "100"))


def test_notional_of_a_limit_order_is_its_price_times_quantity() -> None:
    """filters.md, NOTIONAL: `price * quantity` >= `minNotional`."""
    assert answer(limit(1, Side.BUY, "0.05", "99.99")) == NOTIONAL


def test_notional_of_a_market_order_uses_the_last_price() -> None:
    """filters.md, NOTIONAL: "If the `avgPriceMins` is 0, then the last price will be used"."""
    assert answer(market(1, Side.BUY, "0.049")) == NOTIONAL
    assert accepted(market(1, Side.BUY, "0.05"))


def test_notional_of_a_stop_market_order_uses_its_stop_price() -> None:
    """Not in the documents (a stop has no price of its own): the stop price is the nearest there is."""
    assert answer(stop(1, Side.SELL, "0.05", "95")) == NOTIONAL


def test_max_num_orders() -> None:
    """filters.md, MAX_NUM_ORDERS: 200 open orders on a symbol."""
    made = exchange(USDT="100000")
    for number in range(200):
        assert isinstance(made.submit(limit(number, Side.BUY, "1", "50"), at(0))[0], OrderAccepted)
    assert refusal(made.submit(limit(200, Side.BUY, "1", "50"), at(0))) == ("-1013", "Filter failure: MAX_NUM_ORDERS")
    assert isinstance(made.submit(limit(200, Side.BUY, "1", "50", symbol="ETH/USDT"), at(0))[0], OrderAccepted)


def test_max_num_algo_orders() -> None:
    """filters.md, MAX_NUM_ALGO_ORDERS: 5 open stops on a symbol; other orders are still taken."""
    made = exchange(BTC="100")
    for number in range(5):
        made.submit(stop(number, Side.SELL, "1", "95"), at(0))
    refused = refusal(made.submit(stop(5, Side.SELL, "1", "95"), at(0)))
    assert refused == ("-1013", "Filter failure: MAX_NUM_ALGO_ORDERS")
    assert isinstance(made.submit(limit(5, Side.SELL, "1", "110"), at(0))[0], OrderAccepted)


# -- errors.md, 11xx - Request issues


def test_bad_symbol() -> None:
    """errors.md, -1121 BAD_SYMBOL."""
    assert answer(market(1, Side.BUY, "1", symbol="XRP/USDT")) == ("-1121", "Invalid symbol.")


@pytest.mark.parametrize("client_id", ["", "a" * 37, "with space", "ünï", "abc\n"])
def test_illegal_characters_in_the_client_order_id(client_id: str) -> None:
    """errors.md, -1100 ILLEGAL_CHARS."""
    code, message = answer(market(1, Side.BUY, "1", client_order_id=client_id))
    assert code == "-1100"
    assert "'newClientOrderId'" in message


@pytest.mark.parametrize(
    ("type_", "more", "name"),
    [
        (OrderType.LIMIT, {}, "price"),
        (OrderType.STOP_MARKET, {}, "stopPrice"),
        (OrderType.STOP_LIMIT, {"stop_price": "95"}, "price"),
        (OrderType.STOP_LIMIT, {"price": "95"}, "stopPrice"),
        (OrderType.LIMIT, {"price": "NaN"}, "price"),
    ],
)
def test_mandatory_parameters_by_order_type(type_: OrderType, more: dict[str, Any], name: str) -> None:
    """rest-api.md, "New order", additional mandatory parameters based on type; errors.md, -1102."""
    expected = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
    assert answer(intent(1, Side.SELL, type_, "1", **more)) == ("-1102", expected)


@pytest.mark.parametrize(
    ("type_", "more", "name"),
    [
        (OrderType.MARKET, {"price": "100"}, "price"),
        (OrderType.MARKET, {"stop_price": "95"}, "stopPrice"),
        (OrderType.STOP_MARKET, {"price": "95", "stop_price": "95"}, "price"),
        (OrderType.LIMIT, {"price": "100", "stop_price": "95"}, "stopPrice"),
    ],
)
def test_parameters_that_the_type_does_not_have(type_: OrderType, more: dict[str, Any], name: str) -> None:
    """errors.md, -1106 PARAM_NOT_REQUIRED."""
    assert answer(intent(1, Side.SELL, type_, "1", **more)) == ("-1106", f"Parameter '{name}' sent when not required.")


def test_time_in_force_is_for_orders_with_a_limit() -> None:
    """errors.md, -1114 TIF_NOT_REQUIRED; enums.md, Time in force."""
    expected = ("-1114", "TimeInForce parameter sent when not required.")
    assert answer(market(1, Side.BUY, "1", time_in_force=TimeInForce.IOC)) == expected
    assert answer(stop(1, Side.SELL, "1", "95", time_in_force=TimeInForce.FOK)) == expected
    assert accepted(limit(1, Side.BUY, "1", "100", time_in_force=TimeInForce.IOC))
    assert accepted(stop(1, Side.SELL, "1", "95", price="94", time_in_force=TimeInForce.FOK))


@pytest.mark.parametrize(
    "order",
    [
        limit(1, Side.BUY, "1", "90", post_only=True, time_in_force=TimeInForce.IOC),
        market(1, Side.BUY, "1", post_only=True),
        stop(1, Side.SELL, "1", "95", price="94", post_only=True),
    ],
)
def test_post_only_goes_with_a_plain_limit_order_alone(order: OrderIntent) -> None:
    """errors.md, -1014 UNKNOWN_ORDER_COMPOSITION; enums.md, Order types: LIMIT_MAKER is a type of its own."""
    assert answer(order) == ("-1014", "Unsupported order combination.")


# -- errors.md, messages for -2010 NEW_ORDER_REJECTED


@pytest.mark.parametrize(
    ("order", "balances"),
    [
        (limit(1, Side.BUY, "1", "100"), {"USDT": "99.99"}),
        (market(1, Side.BUY, "1"), {"USDT": "99.99"}),
        (stop(1, Side.BUY, "1", "105"), {"USDT": "104.99"}),
        (limit(1, Side.SELL, "1", "100"), {"BTC": "0.999"}),
        (market(1, Side.SELL, "1"), {"BTC": "0.999"}),
        (stop(1, Side.SELL, "1", "95"), {"BTC": "0.999"}),
        (market(1, Side.SELL, "1"), {"USDT": "1000"}),
    ],
)
def test_insufficient_balance(order: OrderIntent, balances: dict[str, str]) -> None:
    """errors.md, "Not enough funds to complete the action."; market_orders_faq.md for market orders."""
    assert answer(order, **balances) == INSUFFICIENT


@pytest.mark.parametrize(
    ("side", "stop_price", "triggers"),
    [
        (Side.SELL, "99.99", False),
        (Side.SELL, "100", True),
        (Side.SELL, "101", True),
        (Side.BUY, "100.01", False),
        (Side.BUY, "100", True),
        (Side.BUY, "99", True),
    ],
)
def test_stop_price_must_be_on_its_side_of_the_market(side: Side, stop_price: str, triggers: bool) -> None:
    """rest-api.md, "Trigger order price rules": STOP_LOSS BUY above, STOP_LOSS SELL below the market price."""
    for order in (stop(1, side, "1", stop_price), stop(1, side, "1", stop_price, price="98")):
        if triggers:
            assert answer(order) == WOULD_TRIGGER
        else:
            assert accepted(order)


def test_the_market_price_of_a_stop_is_the_candle_at_hand() -> None:
    """errors.md: "not valid when compared to the last traded price": the open after an open phase, then the close."""
    made = exchange(BTC="1")
    shown = candle(0, "90", "97", "89", "96")
    made.open_phase(shown)
    assert refusal(made.submit(stop(1, Side.SELL, "1", "95"), at(0))) == WOULD_TRIGGER
    made.range_phase(shown)
    assert isinstance(made.submit(stop(1, Side.SELL, "1", "95"), at(1))[0], OrderAccepted)


@pytest.mark.parametrize(
    ("side", "price", "takes"),
    [(Side.BUY, "99.99", False), (Side.BUY, "100", True), (Side.SELL, "100.01", False), (Side.SELL, "100", True)],
)
def test_post_only_order_that_would_take_is_refused(side: Side, price: str, takes: bool) -> None:
    """rest-api.md, LIMIT_MAKER: "rejected if the order immediately matches and trades as a taker"."""
    order = limit(1, side, "1", price, post_only=True)
    if takes:
        assert answer(order) == ("-2010", "Order would immediately match and take.")
    else:
        assert accepted(order)


def test_a_client_id_that_is_open_is_refused_in_every_symbol() -> None:
    """errors.md, "The `clOrdId` is already in use."""
    made = exchange(USDT="10000")
    made.submit(limit(1, Side.BUY, "1", "90"), at(0))
    expected = ("-2010", "Duplicate order sent.")
    assert refusal(made.submit(limit(1, Side.BUY, "1", "90"), at(0))) == expected
    assert refusal(made.submit(limit(1, Side.BUY, "1", "90", symbol="ETH/USDT"), at(0))) == expected


def test_a_finished_orders_client_id_is_taken_again() -> None:
    """rest-api.md, newClientOrderId: "A unique id among open orders". So the id alone does not prevent a repeat."""
    made = exchange(USDT="10000")
    made.submit(market(1, Side.BUY, "1"), at(0))
    play(made, flat(0, "100"))
    assert isinstance(made.submit(market(1, Side.BUY, "1"), at(1))[0], OrderAccepted)
    play(made, flat(1, "100"))
    assert [order.order_id for order in made.state().orders] == [1, 2]


# -- before the first candle


def test_without_a_price_only_limit_orders_are_taken() -> None:
    """errors.md, -1112 NO_DEPTH, "No orders on book for symbol."""
    fresh = SimulatedExchange(exchange().instruments, {"USDT": D(1000), "BTC": D(5)}, NO_COSTS)
    expected = ("-1112", "No orders on book for symbol.")
    assert refusal(fresh.submit(market(1, Side.BUY, "1"), at(0))) == expected
    assert refusal(fresh.submit(stop(1, Side.SELL, "1", "95"), at(0))) == expected
    assert isinstance(fresh.submit(limit(1, Side.BUY, "1", "100"), at(0))[0], OrderAccepted)


def test_only_spot_instruments_are_simulated() -> None:
    """A perpetual one is refused at once."""
    with pytest.raises(InvalidInput, match="spot"):
        SimulatedExchange({"BTC/USDT": replace(BTC, market=Market.PERPETUAL)}, {}, NO_COSTS)
