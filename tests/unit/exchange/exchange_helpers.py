"""Builders for the exchange's tests: one coin pair with round rules, orders and candles in a line each."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from trading.domain.candles import Candle
from trading.domain.events import Event, OrderCanceled, OrderFilled, OrderRejected
from trading.domain.instruments import Instrument
from trading.domain.orders import Fill, OrderIntent, OrderType, Purpose, Side
from trading.exchange.costs import NO_COSTS, Costs, FillAt
from trading.exchange.simulated import SimulatedExchange

D = Decimal
SYMBOL = "BTC/USDT"
MINUTE = 60_000
T0 = 1_000 * MINUTE

BTC = Instrument(
    symbol=SYMBOL,
    base="BTC",
    quote="USDT",
    tick_size=D("0.01"),
    lot_step=D("0.001"),
    min_quantity=D("0.001"),
    max_quantity=D(9_000),
    min_notional=D(5),
)
ETH = msgspec.structs.replace(BTC, symbol="ETH/USDT", base="ETH")


def at(minute: int) -> int:
    """The open time of candle `minute`; candle `minute - 1` closes then."""
    return T0 + minute * MINUTE


def candle(
    minute: int, open_: str, high: str, low: str, close: str, volume: str = "1000", symbol: str = SYMBOL
) -> Candle:
    """Candle `minute`."""
    return Candle(symbol, at(minute), MINUTE, D(open_), D(high), D(low), D(close), D(volume))


def flat(minute: int, price: str, volume: str = "1000", symbol: str = SYMBOL) -> Candle:
    """A candle that stays at one price."""
    return candle(minute, price, price, price, price, volume, symbol)


def intent(number: int, side: Side, type_: OrderType, quantity: str, **more: Any) -> OrderIntent:
    """An order; `price` and `stop_price` may be given as text."""
    for name in ("price", "stop_price"):
        if isinstance(more.get(name), str):
            more[name] = D(more[name])
    fields: dict[str, Any] = {
        "client_order_id": f"{number:032x}",
        "position_id": "position",
        "symbol": SYMBOL,
        "side": side,
        "type": type_,
        "quantity": D(quantity),
        "purpose": Purpose.ENTRY,
        "created_ms": 0,
    }
    return OrderIntent(**(fields | more))


def market(number: int, side: Side, quantity: str, **more: Any) -> OrderIntent:
    """A market order."""
    return intent(number, side, OrderType.MARKET, quantity, **more)


def limit(number: int, side: Side, quantity: str, price: str, **more: Any) -> OrderIntent:
    """A limit order."""
    return intent(number, side, OrderType.LIMIT, quantity, price=price, **more)


def stop(number: int, side: Side, quantity: str, stop_price: str, **more: Any) -> OrderIntent:
    """A stop-market order, or a stop-limit one if a price is given."""
    type_ = OrderType.STOP_LIMIT if "price" in more else OrderType.STOP_MARKET
    return intent(number, side, type_, quantity, stop_price=stop_price, **more)


def exchange(
    *, costs: Costs = NO_COSTS, fill_at: FillAt = FillAt.NEXT_OPEN, price: str = "100", **balances: str
) -> SimulatedExchange:
    """An exchange with BTC/USDT and ETH/USDT, whose candle -1 closed at `price`. Default balance: 10,000 USDT."""
    held = {coin: D(amount) for coin, amount in (balances or {"USDT": "10000"}).items()}
    made = SimulatedExchange({SYMBOL: BTC, "ETH/USDT": ETH}, held, costs, fill_at)
    for symbol in (SYMBOL, "ETH/USDT"):
        made.open_phase(flat(-1, price, symbol=symbol))
        made.range_phase(flat(-1, price, symbol=symbol))
    return made


def costs(**changes: Any) -> Costs:
    """`NO_COSTS` with changes, given as text."""
    for name, value in changes.items():
        if type(value) is str and name != "fee_coin":
            changes[name] = D(value)
    return msgspec.structs.replace(NO_COSTS, **changes)


def fills(events: list[Event]) -> list[Fill]:
    """The fills among the events."""
    return [event.fill for event in events if isinstance(event, OrderFilled)]


def prices(events: list[Event]) -> list[tuple[Decimal, Decimal]]:
    """Price and quantity of the fills among the events."""
    return [(fill.price, fill.quantity) for fill in fills(events)]


def refusal(events: list[Event]) -> tuple[str, str]:
    """Code and message of the one rejection that `events` must be."""
    (event,) = events
    assert isinstance(event, OrderRejected)
    return event.code, event.message


def ended(events: list[Event]) -> list[tuple[bool, Decimal]]:
    """`(expired, filled quantity)` of the orders that were cancelled or expired."""
    return [(event.expired, event.filled_quantity) for event in events if isinstance(event, OrderCanceled)]


def play(made: SimulatedExchange, shown: Candle) -> list[Event]:
    """Both phases of a candle."""
    return made.open_phase(shown) + made.range_phase(shown)


def balance(made: SimulatedExchange, coin: str) -> tuple[Decimal, Decimal]:
    """Free and locked."""
    made.check()
    (snapshot,) = made.account(0, at(0))
    held = snapshot.balances[coin]  # type: ignore[union-attr]
    return held.free, held.locked
