"""The exchange's refusals: Binance spot's rules for a new order, with its codes and messages.

Sources: Binance's spot API documents `filters.md`, `errors.md` and `rest-api.md` ("New order").
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from trading.domain.instruments import Instrument
from trading.domain.orders import OrderIntent, OrderType, Side, TimeInForce
from trading.exchange.costs import Costs

ORDERS_PER_SYMBOL_MAX = 200
STOP_ORDERS_PER_SYMBOL_MAX = 5
CLIENT_ID_RULE = r"^[\.A-Z\:/a-z0-9_-]{1,36}$"

_CLIENT_ID = re.compile(CLIENT_ID_RULE)
_NEEDS_PRICE = {OrderType.LIMIT, OrderType.STOP_LIMIT}
_NEEDS_STOP = {OrderType.STOP_MARKET, OrderType.STOP_LIMIT}


class Refusal(NamedTuple):
    """Why the exchange does not take an order, or a cancel."""

    code: str
    message: str


INVALID_SYMBOL = Refusal("-1121", "Invalid symbol.")
UNKNOWN_ORDER = Refusal("-2011", "Unknown order sent.")
DUPLICATE_ORDER = Refusal("-2010", "Duplicate order sent.")
INSUFFICIENT_BALANCE = Refusal("-2010", "Account has insufficient balance for requested action.")
# `errors.md` still has the older text, "Order would trigger immediately."; this is what the exchange sends since 2020.
WOULD_TRIGGER = Refusal("-2010", "Stop price would trigger immediately.")
WOULD_TAKE = Refusal("-2010", "Order would immediately match and take.")
NO_PRICE = Refusal("-1112", "No orders on book for symbol.")
TIF_NOT_REQUIRED = Refusal("-1114", "TimeInForce parameter sent when not required.")
UNSUPPORTED = Refusal("-1014", "Unsupported order combination.")
ILLEGAL_CLIENT_ID = Refusal(
    "-1100", f"Illegal characters found in parameter 'newClientOrderId'; legal range is '{CLIENT_ID_RULE}'."
)


def filter_failure(name: str) -> Refusal:
    """The refusal of the filter `name`."""
    return Refusal("-1013", f"Filter failure: {name}")


def request_refusal(intent: OrderIntent) -> Refusal | None:
    """What is wrong with the request itself: a parameter too many, too few, or malformed."""
    if not _CLIENT_ID.fullmatch(intent.client_order_id):
        return ILLEGAL_CLIENT_ID
    needs_price = intent.type in _NEEDS_PRICE
    for name, value, needed in (
        ("quantity", intent.quantity, True),
        ("price", intent.price, needs_price),
        ("stopPrice", intent.stop_price, intent.type in _NEEDS_STOP),
    ):
        if needed and (value is None or not value.is_finite()):
            return Refusal("-1102", f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")
        if not needed and value is not None:
            return Refusal("-1106", f"Parameter '{name}' sent when not required.")
    if not needs_price and intent.time_in_force is not TimeInForce.GTC:
        return TIF_NOT_REQUIRED
    if intent.post_only and (intent.type is not OrderType.LIMIT or intent.time_in_force is not TimeInForce.GTC):
        return UNSUPPORTED
    return None


def filter_refusal(intent: OrderIntent, instrument: Instrument, last: Decimal | None) -> Refusal | None:
    """Which symbol filter the order fails: PRICE_FILTER, LOT_SIZE, NOTIONAL (at the last price for a market order)."""
    for price in (intent.price, intent.stop_price):
        if price is not None and (price <= 0 or not instrument.is_tick(price)):
            return filter_failure("PRICE_FILTER")
    quantity = intent.quantity
    if not instrument.min_quantity <= quantity <= instrument.max_quantity or not instrument.is_lot(quantity):
        return filter_failure("LOT_SIZE")
    price = intent.price or intent.stop_price or last
    if price is None:
        return NO_PRICE
    if price * quantity < instrument.min_notional:
        return filter_failure("NOTIONAL")
    return None


def count_refusal(intent: OrderIntent, resting: Sequence[OrderIntent]) -> Refusal | None:
    """Whether too many orders of the symbol rest (MAX_NUM_ORDERS), or stops among them (MAX_NUM_ALGO_ORDERS)."""
    if len(resting) >= ORDERS_PER_SYMBOL_MAX:
        return filter_failure("MAX_NUM_ORDERS")
    if intent.type in _NEEDS_STOP and sum(map(is_stop, resting)) >= STOP_ORDERS_PER_SYMBOL_MAX:
        return filter_failure("MAX_NUM_ALGO_ORDERS")
    return None


def market_refusal(intent: OrderIntent, instrument: Instrument, costs: Costs, last: Decimal | None) -> Refusal | None:
    """What the matching engine has against the order's prices, next to the last price."""
    if intent.stop_price is not None:
        if last is None:
            return NO_PRICE
        triggers = intent.stop_price <= last if intent.side is Side.BUY else intent.stop_price >= last
        if triggers:
            return WOULD_TRIGGER
    if intent.post_only and is_marketable(intent, instrument, costs, last):
        return WOULD_TAKE
    return None


def is_marketable(intent: OrderIntent, instrument: Instrument, costs: Costs, last: Decimal | None) -> bool:
    """Whether a limit price reaches the other side of the book: the last price and half the spread."""
    if intent.price is None or last is None:
        return False
    touch = costs.taker_price(instrument, intent.side, last, Decimal(0))
    return intent.price >= touch if intent.side is Side.BUY else intent.price <= touch


def is_stop(intent: OrderIntent) -> bool:
    """Whether the order rests until its stop price is reached."""
    return intent.type in _NEEDS_STOP
