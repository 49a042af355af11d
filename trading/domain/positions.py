"""Positions, the corrections booked on them, and the bot's account. Sums only: averages and profits are derived."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from trading.domain.instruments import ZERO


class PositionSide(StrEnum):
    """Direction of a position. Spot knows only LONG."""

    LONG = "long"
    SHORT = "short"


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """One position from its first fill to flat. Quantities in base; money in quote; times in UTC ms.

    bought, cost: what buys brought, and their price x quantity. sold, proceeds: the same for sells. adjusted,
    adjusted_cost: sums of the booked corrections (a fee taken in the base coin lowers both). Every field is a plain sum
    over fills and corrections, so that splitting a fill changes nothing.

    A position exists from its decision on, before its first fill; first_fill_ms is when that was, by the exchange's
    clock (None before it). stop_price is where the protective stop should rest,
    target_price where profit is taken, trail_distance how far the stop follows `high_water`. exit_reason is set once an
    exit has been decided; exit_retry_ms and stop_retry_ms are when a refused order may be tried again.
    unprotected_since_ms: since when more than dust is held without an acknowledged stop. orders_placed numbers the
    position's orders. foreign_quantity: the most of the base coin that was seen in the account and is not the bot's;
    None where that was never seen.
    """

    id: str
    symbol: str
    side: PositionSide
    opened_ms: int
    decision_price: Decimal
    first_fill_ms: int | None = None
    bought: Decimal = ZERO
    cost: Decimal = ZERO
    sold: Decimal = ZERO
    proceeds: Decimal = ZERO
    adjusted: Decimal = ZERO
    adjusted_cost: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    stop_distance: Decimal | None = None
    stop_price: Decimal | None = None
    target_distance: Decimal | None = None
    target_price: Decimal | None = None
    trail_distance: Decimal | None = None
    high_water: Decimal | None = None
    unprotected_since_ms: int | None = None
    exit_reason: str = ""
    exit_retry_ms: int = 0
    stop_retry_ms: int = 0
    orders_placed: int = 0
    foreign_quantity: Decimal | None = None
    closed_ms: int | None = None

    @property
    def quantity(self) -> Decimal:
        """What is held, in base."""
        return self.bought - self.sold + self.adjusted

    @property
    def is_closed(self) -> bool:
        """Whether it is over (flat, what was left booked as dust)."""
        return self.closed_ms is not None

    @property
    def average_entry(self) -> Decimal:
        """Mean price of the entry fills, in quote per base (0 before the first)."""
        return self.cost / self.bought if self.bought else ZERO

    @property
    def average_exit(self) -> Decimal:
        """Mean price of the exit fills, in quote per base (0 before the first)."""
        return self.proceeds / self.sold if self.sold else ZERO

    def gross_profit(self, price: Decimal) -> Decimal:
        """Realised plus unrealised profit at `price`, before fees and funding, in quote. Exact."""
        return self.proceeds - self.cost - self.adjusted_cost + self.quantity * price

    def net_profit(self, price: Decimal) -> Decimal:
        """Profit at `price` after fees and funding, in quote. Exact."""
        return self.gross_profit(price) - self.fees - self.funding

    def realised(self) -> Decimal:
        """Profit of what was sold, before fees: proceeds less their share of the cost at the average entry price."""
        if self.is_closed or not self.quantity:
            return self.gross_profit(ZERO)
        held = self.bought + self.adjusted
        return self.proceeds - (self.cost + self.adjusted_cost) * self.sold / held if held else self.proceeds

    def unrealised(self, price: Decimal) -> Decimal:
        """Profit of what is held at `price`, before fees: the gross profit less the realised part."""
        return self.gross_profit(price) - self.realised()


class CorrectionKind(StrEnum):
    """Why a position changed other than by a fill."""

    BASE_FEE = "base_fee"
    DUST = "dust"
    FUNDING = "funding"
    LIQUIDATION = "liquidation"
    RECONCILED = "reconciled"


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a position that no fill explains. quantity in base, cost and cash in quote, as they are added."""

    id: str
    position_id: str
    symbol: str
    kind: CorrectionKind
    quantity: Decimal
    cost: Decimal
    time_ms: int
    cash: Decimal = ZERO
    note: str = ""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """The bot's own part of the exchange account, in one quote coin.

    cash: quote that is the bot's and in no position. closed_profit: gross profit of closed positions; closed_fees and
    closed_funding what they paid. outside_fees: worth of fees that the exchange took in a third coin, which the owner
    paid from coins that are not the bot's; they lower equity all the same. deposits: net, outside drawdown.
    """

    quote: str
    start_capital: Decimal
    cash: Decimal
    closed_profit: Decimal = ZERO
    closed_fees: Decimal = ZERO
    closed_funding: Decimal = ZERO
    outside_fees: Decimal = ZERO
    deposits: Decimal = ZERO
    closed_positions: int = 0


def capital_of(found: Decimal, most: Decimal | None) -> Decimal:
    """What the bot may trade with of the quote coin that it found: at most `most`, or all where that is None."""
    return found if most is None else min(most, found)


class Balance(msgspec.Struct, frozen=True):
    """What an exchange says an account holds of one coin."""

    free: Decimal
    locked: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """Free plus locked."""
        return self.free + self.locked
