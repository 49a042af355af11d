"""The simulated exchange's memory as plain data: what is kept, saved and compared."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from trading.domain.events import OrderReport
from trading.domain.instruments import ZERO
from trading.domain.orders import Fill, OrderIntent, OrderState


class SimOrder(msgspec.Struct, kw_only=True):
    """One order as the simulated exchange holds it. Times in UTC ms.

    submitted_ms, arrival_ms: when it was sent and when it reached the exchange. lock_coin, locked: what is locked for
    it. unit_lock: how much of the coin one base unit locks. filled: in base. triggered: its stop price was reached.
    arriving: it has yet to meet the market for the first time, and may take liquidity then.
    """

    order_id: int
    intent: OrderIntent
    submitted_ms: int
    arrival_ms: int
    updated_ms: int
    lock_coin: str
    unit_lock: Decimal
    locked: Decimal
    state: OrderState = OrderState.OPEN
    filled: Decimal = ZERO
    triggered: bool = False
    arriving: bool = False

    @property
    def remaining(self) -> Decimal:
        """What may still fill, in base."""
        return self.intent.quantity - self.filled


class Coin(msgspec.Struct, kw_only=True):
    """One coin's accounts. `free + locked + market + fees == deposited`, always.

    free, locked: the bot's account. market, fees: what the market and the fee account have gained (may be negative).
    """

    coin: str
    deposited: Decimal
    free: Decimal
    locked: Decimal = ZERO
    market: Decimal = ZERO
    fees: Decimal = ZERO


class MarketState(msgspec.Struct, frozen=True, kw_only=True):
    """Where one market stands.

    cursor: the last moment that was processed, as `2 x time_ms`, plus 1 for a candle's open; a close at the same time
    comes before it. price: the last price, None before the first. candle_ms, volume, used: open time and volume (base)
    of the candle at hand, and how much of the volume our fills have used.
    """

    symbol: str
    cursor: int = -1
    price: Decimal | None = None
    candle_ms: int = -1
    volume: Decimal = ZERO
    used: Decimal = ZERO


class Trade(msgspec.Struct, frozen=True, kw_only=True):
    """A fill and the order it belongs to (client ids can be used again, exchange ids cannot)."""

    trade_id: int
    order_id: int
    fill: Fill


class SimState(msgspec.Struct, kw_only=True):
    """Everything the simulated exchange knows, each list sorted by its key."""

    orders: list[SimOrder]
    trades: list[Trade]
    coins: list[Coin]
    markets: list[MarketState]
    next_order_id: int
    next_trade_id: int


class Changes:
    """What changed since the last save. The records are the live ones: read them before anything else happens."""

    def __init__(self) -> None:
        self.orders: dict[int, SimOrder] = {}
        self.trades: list[Trade] = []
        self.coins: dict[str, Coin] = {}
        self.dropped: list[int] = []

    def __bool__(self) -> bool:
        return bool(self.orders or self.trades or self.coins or self.dropped)


def report_of(order: SimOrder, fills: list[Fill]) -> OrderReport:
    """The order as the exchange shows it to its owner."""
    return OrderReport(
        client_order_id=order.intent.client_order_id,
        exchange_order_id=str(order.order_id),
        symbol=order.intent.symbol,
        state=order.state,
        filled_quantity=order.filled,
        side=order.intent.side,
        type=order.intent.type,
        quantity=order.intent.quantity,
        price=order.intent.price,
        stop_price=order.intent.stop_price,
        fills=tuple(fills),
        triggered=order.triggered,
    )
