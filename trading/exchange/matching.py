"""The rules of candle matching as pure functions: what an open or a range does to an order, and at which price."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from enum import IntEnum

from trading.domain.candles import Candle
from trading.domain.errors import InvariantViolated
from trading.domain.orders import OrderIntent, OrderType, Side
from trading.exchange.filters import is_stop
from trading.exchange.records import SimOrder

NOWHERE_BELOW = Decimal("-Infinity")
NOWHERE_ABOVE = Decimal("Infinity")


class Stage(IntEnum):
    """What an open order waits for; within a phase they are served in this order, so that stops precede targets."""

    TAKING = 0
    STOP = 1
    RESTING = 2


def stage_of(order: SimOrder) -> Stage:
    """TAKING: it trades with whoever is there. STOP: not triggered yet. RESTING: a limit price in the book."""
    if is_stop(order.intent) and not order.triggered:
        return Stage.STOP
    if order.arriving or not has_limit(order.intent):
        return Stage.TAKING
    return Stage.RESTING


def has_limit(intent: OrderIntent) -> bool:
    """Whether the order names the worst price it accepts."""
    return intent.type in (OrderType.LIMIT, OrderType.STOP_LIMIT)


def limit_price_of(intent: OrderIntent) -> Decimal:
    """The limit price of an order that has passed the filters, and so has one if its type needs it."""
    if intent.price is None:
        raise InvariantViolated(f"order {intent.client_order_id} was accepted without a price")
    return intent.price


def stop_price_of(intent: OrderIntent) -> Decimal:
    """The stop price of an order that has passed the filters, and so has one if its type needs it."""
    if intent.stop_price is None:
        raise InvariantViolated(f"order {intent.client_order_id} was accepted without a stop price")
    return intent.stop_price


def worse(side: Side, first: Decimal, second: Decimal) -> Decimal:
    """The price that is worse for whoever trades on `side`."""
    return max(first, second) if side is Side.BUY else min(first, second)


def is_worse(side: Side, price: Decimal, limit: Decimal) -> bool:
    """Whether `price` is beyond `limit` for whoever trades on `side`."""
    return price > limit if side is Side.BUY else price < limit


def middle_ms(candle: Candle) -> int:
    """The time that is given to whatever happens within the candle's range."""
    return candle.open_time_ms + candle.interval_ms // 2


def arrives_in_time(order: SimOrder, candle: Candle) -> bool:
    """Whether the order reaches the exchange before the candle closes."""
    return order.arrival_ms < candle.close_time_ms


def arrival_price(order: SimOrder, candle: Candle) -> tuple[Decimal, int]:
    """Price and time at which an order that was sent during the candle meets the market.

    The open, if it was sent right after it. Later the price is not known: the worse of open and close is taken.
    """
    if order.submitted_ms <= candle.open_window_end_ms:
        return candle.open, max(candle.open_time_ms, order.arrival_ms)
    return worse(order.intent.side, candle.open, candle.close), max(middle_ms(candle), order.arrival_ms)


def is_reached(intent: OrderIntent, candle: Candle) -> bool:
    """Whether the candle's range touches the stop price."""
    stop = stop_price_of(intent)
    return candle.high >= stop if intent.side is Side.BUY else candle.low <= stop


def is_gapped(intent: OrderIntent, price: Decimal) -> bool:
    """Whether `price` is at the stop price or beyond it."""
    stop = stop_price_of(intent)
    return price >= stop if intent.side is Side.BUY else price <= stop


def is_through(intent: OrderIntent, tick: Decimal, low: Decimal, high: Decimal) -> bool:
    """Whether the range passes the limit price by a tick or more. A touch is not enough: others queue before us."""
    limit = limit_price_of(intent)
    return low <= limit - tick if intent.side is Side.BUY else high >= limit + tick


def service_order(order: SimOrder, open_price: Decimal) -> tuple[int, Decimal, int]:
    """Sort key within the range of a candle: stage, then the price nearest to the open, then the older order."""
    stage = stage_of(order)
    price = order.intent.stop_price if stage is Stage.STOP else order.intent.price
    distance = abs(price - open_price) if stage is not Stage.TAKING and price is not None else Decimal(0)
    return stage, distance, order.order_id


def quiet_range(orders: Iterable[SimOrder], tick: Decimal) -> tuple[Decimal, Decimal]:
    """The prices strictly between which none of the orders is triggered or filled; none if one wants to trade."""
    below, above = NOWHERE_BELOW, NOWHERE_ABOVE
    for order in orders:
        intent = order.intent
        stage = stage_of(order)
        if stage is Stage.TAKING:
            return NOWHERE_ABOVE, NOWHERE_BELOW
        is_buy = intent.side is Side.BUY
        if stage is Stage.STOP:
            price, rises = stop_price_of(intent), is_buy
        else:
            limit = limit_price_of(intent)
            price, rises = (limit - tick, False) if is_buy else (limit + tick, True)
        if rises:
            above = min(above, price)
        else:
            below = max(below, price)
    return below, above
