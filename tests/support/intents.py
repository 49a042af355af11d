"""Orders and what the risk check sees of account and market, for the tests of the checks."""

from __future__ import annotations

from typing import Any

from tests.support.builders import BTC, D
from trading.domain.orders import OrderIntent, OrderType, Purpose, Side
from trading.safety.checks import RiskView

ETH = "ETH/USDT"


def entry(quantity: str = "1", price: str | None = None, stop: str | None = None, **more: Any) -> OrderIntent:
    """A market buy; a limit order with `price`."""
    kind = OrderType.MARKET if price is None and stop is None else OrderType.LIMIT
    fields: dict[str, Any] = {
        "client_order_id": "1",
        "position_id": "p",
        "symbol": BTC.symbol,
        "side": Side.BUY,
        "type": OrderType.STOP_LIMIT if stop is not None else kind,
        "quantity": D(quantity),
        "price": None if price is None else D(price),
        "stop_price": None if stop is None else D(stop),
        "purpose": Purpose.ENTRY,
        "created_ms": 0,
    }
    return OrderIntent(**(fields | more))


VIEW = RiskView(
    instrument=BTC,
    price=D(100),
    capital=D(1_000),
    cash=D(1_000),
    exposure={},
    open_positions=0,
    orders_last_minute=0,
    held=D(0),
    known_id=False,
)
