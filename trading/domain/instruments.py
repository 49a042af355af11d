"""What can be traded, and the exchange's rules for it: tick, step, minima."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from enum import StrEnum

import msgspec

from trading.domain.errors import InvalidInput

ZERO = Decimal(0)


class Market(StrEnum):
    """Kind of market. Only SPOT is traded today; the fields of PERPETUAL are carried for later."""

    SPOT = "spot"
    PERPETUAL = "perpetual"


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One market of one exchange.

    Attributes:
        symbol: unified name, `BASE/QUOTE` (`BTC/USDT`).
        tick_size: prices are whole multiples of it, in quote per base.
        lot_step: quantities are whole multiples of it, in base.
        min_quantity, max_quantity: limits of one order, in base.
        min_notional: smallest price x quantity of one order, in quote.
        contract_size: base per contract (1 on spot).
    """

    symbol: str
    base: str
    quote: str
    tick_size: Decimal
    lot_step: Decimal
    min_quantity: Decimal
    max_quantity: Decimal
    min_notional: Decimal
    market: Market = Market.SPOT
    contract_size: Decimal = Decimal(1)

    def __post_init__(self) -> None:
        for name in ("tick_size", "lot_step", "min_quantity", "max_quantity", "contract_size"):
            value: Decimal = getattr(self, name)
            if not value.is_finite() or value <= 0:
                raise InvalidInput(f"{self.symbol}.{name}", value, "a finite number above 0")
        if not self.min_notional.is_finite() or self.min_notional < 0:
            raise InvalidInput(f"{self.symbol}.min_notional", self.min_notional, "a finite number, 0 or more")

    def quantity_down(self, quantity: Decimal) -> Decimal:
        """The largest tradable quantity not above `quantity` (0 when there is none)."""
        return _to_step(quantity, self.lot_step, ROUND_FLOOR) if quantity > 0 else ZERO

    def price_down(self, price: Decimal) -> Decimal:
        """The nearest tick at or below `price`."""
        return _to_step(price, self.tick_size, ROUND_FLOOR)

    def price_up(self, price: Decimal) -> Decimal:
        """The nearest tick at or above `price`."""
        return _to_step(price, self.tick_size, ROUND_CEILING)

    def price_nearest(self, price: Decimal) -> Decimal:
        """The nearest tick, ties to the even one."""
        return _to_step(price, self.tick_size, ROUND_HALF_EVEN)

    def is_tick(self, price: Decimal) -> bool:
        """Whether `price` is a whole number of ticks."""
        return price % self.tick_size == 0

    def is_lot(self, quantity: Decimal) -> bool:
        """Whether `quantity` is a whole number of steps."""
        return quantity % self.lot_step == 0

    def is_dust(self, quantity: Decimal, price: Decimal) -> bool:
        """Whether `quantity` at `price` (quote per base) is too small for the exchange to take as an order."""
        return not self.takes(self.quantity_down(quantity), price)

    def takes(self, lots: Decimal, price: Decimal) -> bool:
        """Whether `lots`, a tradable quantity, at `price` (quote per base) are enough for an order."""
        return lots >= self.min_quantity and lots * price >= self.min_notional


def _to_step(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    return (value / step).to_integral_value(rounding) * step
