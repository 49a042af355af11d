"""Order checks and position limits: each a small class with one `validate`, each able to refuse on its own."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol

import msgspec

from trading.domain.instruments import ZERO, Instrument
from trading.domain.orders import OrderIntent, OrderType, Side

HUNDRED = Decimal(100)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What the owner allows. Percentages are of the bot's capital.

    max_position_notional: of one position, in quote (default 1000). max_open_positions: at once (default 3).
    max_symbol_pct, max_strategy_pct, max_gross_pct: exposure of one symbol, of one strategy and of all (defaults 30, 60
    and 90; a bot has one strategy today, so that the second bounds all it holds). collar_pct: how far an order's price
    may be from the last one (default 5). max_orders_per_minute: entries sent in any minute (default 30).
    """

    max_position_notional: Decimal = Decimal(1000)
    max_open_positions: int = 3
    max_symbol_pct: Decimal = Decimal(30)
    max_strategy_pct: Decimal = Decimal(60)
    max_gross_pct: Decimal = Decimal(90)
    collar_pct: Decimal = Decimal(5)
    max_orders_per_minute: int = 30

    def largest_position(self, capital: Decimal, gross: Decimal) -> Decimal:
        """The largest notional of a new position that no limit refuses, next to `gross` exposure (all in quote).

        Where the gross exposure leaves nothing, the other limits alone: it is for the check to refuse, with its code.
        """
        largest = min(self.max_position_notional, capital * self.max_symbol_pct / HUNDRED)
        left = capital * min(self.max_gross_pct, self.max_strategy_pct, HUNDRED) / HUNDRED - gross
        return min(largest, left) if left > 0 else largest


class RiskView(msgspec.Struct, frozen=True, kw_only=True):
    """What the checks look at: the state of account and market just before the order.

    price: last price of the symbol, None where there is none. exposure: quote value by symbol of positions and of open,
    submitting and UNKNOWN entries, counted as if filled; None where one cannot be valued. blocked: empty, or the code
    of the latch that stops entries. held: base coin that the bot holds of the symbol.
    """

    instrument: Instrument
    price: Decimal | None
    capital: Decimal
    cash: Decimal
    exposure: Mapping[str, Decimal] | None
    open_positions: int
    orders_last_minute: int
    held: Decimal
    known_id: bool
    blocked: str = ""


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why an order was not approved: a stable code, and a text with the values and the limit."""

    code: str
    message: str


class Check(Protocol):
    """One rule."""

    def validate(self, intent: OrderIntent, view: RiskView) -> Refusal | None:
        """None where the rule has nothing against the order."""
        ...


def worst_price(intent: OrderIntent, view: RiskView) -> Decimal | None:
    """The price to value the order at, quote per base: its own limit, or the last one; None where there is neither."""
    return intent.price if intent.price is not None else view.price


class EntriesOpen:
    """No entry under a kill, halt or pause, nor before the first reconciliation."""

    def validate(self, intent: OrderIntent, view: RiskView) -> Refusal | None:
        """See `Check`."""
        if view.blocked:
            return Refusal(code=view.blocked, message=f"entries are stopped: {view.blocked}")
        return None


class NotSentBefore:
    """An id is used once."""

    def validate(self, intent: OrderIntent, view: RiskView) -> Refusal | None:
        """See `Check`."""
        if view.known_id:
            return Refusal(code="ORDER_DUPLICATE", message=f"order {intent.client_order_id} exists already")
        return None


class Precision:
    """Whole ticks and steps, and a quantity the exchange takes."""

    def validate(self, intent: OrderIntent, view: RiskView) -> Refusal | None:
        """See `Check`."""
        rules = view.instrument
        if not rules.is_lot(intent.quantity) or not rules.min_quantity <= intent.quantity <= rules.max_quantity:
            return Refusal(
                code="ORDER_QUANTITY",
                message=f"quantity {intent.quantity} must be a multiple of {rules.lot_step} "
                f"between {rules.min_quantity} and {rules.max_quantity}",
            )
        for name, price in (("price", intent.price), ("stop_price", intent.stop_price)):
            if price is not None and (price <= 0 or not rules.is_tick(price)):
                return Refusal(
                    code="ORDER_PRICE", message=f"{name} {price} must be above 0, a multiple of {rules.tick_size}"
                )
        return None


class MinimumNotional:
    """The exchange's smallest order."""

    def validate(self, intent: OrderIntent, view: RiskView) -> Refusal | None:
        """See `Check`."""
        price = worst_price(intent, view)
        if price is None:
            return no_price(intent)
        notional = price * intent.quantity
        if notional < view.instrument.min_notional:
            return Refusal(
                code="ORDER_MIN_NOTIONAL", message=f"notional {notional} is below {view.instrument.min_notional}"
            )
        return None


class PriceCollar:
    """A price far from the last one is a mistake."""

    def __init__(self, pct: Decimal) -> None:
        self.pct = pct

    def validate(self, intent: OrderIntent, view: RiskView) -> Refusal | None:
        """See `Check`."""
        if intent.type is OrderType.MARKET:
            return None if view.price is not None else no_price(intent)
        if view.price is None:
            return no_price(intent)
        for price in (intent.price, intent.stop_price):
            if price is not None and abs(price - view.price) * HUNDRED > self.pct * view.price:
                return Refusal(
                    code="ORDER_PRICE_COLLAR", message=f"{price} is more than {self.pct} % from the last {view.price}"
                )
        return None


class OrderRate:
    """Not more entries a minute than allowed."""

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute

    def validate(self, intent: OrderIntent, view: RiskView) -> Refusal | None:
        """See `Check`."""
        if view.orders_last_minute >= self.per_minute:
            return Refusal(
                code="ORDER_RATE",
                message=f"{view.orders_last_minute} entries in the last minute, {self.per_minute} allowed",
            )
        return None


class Affordable:
    """The bot's own cash pays for it."""

    def validate(self, intent: OrderIntent, view: RiskView) -> Refusal | None:
        """See `Check`."""
        price = worst_price(intent, view)
        if price is None:
            return no_price(intent)
        if intent.side is Side.BUY and price * intent.quantity > view.cash:
            return Refusal(code="LIMIT_CASH", message=f"notional {price * intent.quantity} is above cash {view.cash}")
        return None


class PositionSize:
    """Quote value of one position."""

    def __init__(self, notional: Decimal) -> None:
        self.notional = notional

    def validate(self, intent: OrderIntent, view: RiskView) -> Refusal | None:
        """See `Check`."""
        return exposure_refusal("LIMIT_POSITION_SIZE", intent, view, self.notional, of_symbol=True)


class SymbolExposure:
    """Share of the capital in one symbol."""

    def __init__(self, pct: Decimal) -> None:
        self.pct = pct

    def validate(self, intent: OrderIntent, view: RiskView) -> Refusal | None:
        """See `Check`."""
        limit = view.capital * self.pct / HUNDRED
        return exposure_refusal("LIMIT_SYMBOL_EXPOSURE", intent, view, limit, of_symbol=True)


class StrategyExposure:
    """Share of the capital in the positions of one strategy: a bot has one, so these are all of its positions."""

    def __init__(self, pct: Decimal) -> None:
        self.pct = pct

    def validate(self, intent: OrderIntent, view: RiskView) -> Refusal | None:
        """See `Check`."""
        limit = view.capital * self.pct / HUNDRED
        return exposure_refusal("LIMIT_STRATEGY_EXPOSURE", intent, view, limit, of_symbol=False)


class Capital:
    """The bot never holds more than the capital that it was given, whatever the percentages say."""

    def validate(self, intent: OrderIntent, view: RiskView) -> Refusal | None:
        """See `Check`."""
        return exposure_refusal("LIMIT_CAPITAL", intent, view, view.capital, of_symbol=False)


class GrossExposure:
    """Share of the capital in all positions together."""

    def __init__(self, pct: Decimal) -> None:
        self.pct = pct

    def validate(self, intent: OrderIntent, view: RiskView) -> Refusal | None:
        """See `Check`."""
        limit = view.capital * self.pct / HUNDRED
        return exposure_refusal("LIMIT_GROSS_EXPOSURE", intent, view, limit, of_symbol=False)


class OpenPositions:
    """How many positions may be open or opening at once."""

    def __init__(self, most: int) -> None:
        self.most = most

    def validate(self, intent: OrderIntent, view: RiskView) -> Refusal | None:
        """See `Check`."""
        if view.open_positions >= self.most:
            return Refusal(
                code="LIMIT_OPEN_POSITIONS", message=f"{view.open_positions} positions are open, {self.most} allowed"
            )
        return None


def exposure_refusal(
    code: str, intent: OrderIntent, view: RiskView, limit: Decimal, *, of_symbol: bool
) -> Refusal | None:
    """Refuse where the exposure with this order filled passes `limit` (quote), or cannot be known."""
    price = worst_price(intent, view)
    if price is None or view.exposure is None:
        return no_price(intent)
    now = view.exposure.get(intent.symbol, ZERO) if of_symbol else sum(view.exposure.values(), ZERO)
    then = now + price * intent.quantity
    if then > limit:
        return Refusal(code=code, message=f"exposure would be {then} (now {now}), the limit is {limit}")
    return None


def no_price(intent: OrderIntent) -> Refusal:
    """The refusal of a check that has no price to go by."""
    return Refusal(code="NO_PRICE", message=f"no price is known to value {intent.symbol}")


def entry_checks(limits: Limits) -> tuple[Check, ...]:
    """Every check that an entry must pass, in order."""
    return (
        EntriesOpen(),
        NotSentBefore(),
        Precision(),
        MinimumNotional(),
        PriceCollar(limits.collar_pct),
        OrderRate(limits.max_orders_per_minute),
        OpenPositions(limits.max_open_positions),
        PositionSize(limits.max_position_notional),
        SymbolExposure(limits.max_symbol_pct),
        StrategyExposure(limits.max_strategy_pct),
        GrossExposure(limits.max_gross_pct),
        Capital(),
        Affordable(),
    )
