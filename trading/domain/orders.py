"""Orders and fills: what is asked of an exchange, and what came of it."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Generic, TypeVar

import msgspec

from trading.domain.instruments import ZERO

T = TypeVar("T")


NOT_SENT = "NOT_SENT"
"""The code of an order that the driver did not send, because entries were stopped after it was recorded."""
ABSENT = "ABSENT"
"""The code of an order in doubt that was proved never to have reached the exchange."""
LOST = "ORDER_LOST"
"""The code of an order that the exchange acknowledged and then lost."""


class Side(StrEnum):
    """Direction of an order or a fill."""

    BUY = "buy"
    SELL = "sell"


class OrderType(StrEnum):
    """Kinds of order. A stop rests at the exchange until the last price reaches `stop_price`."""

    MARKET = "market"
    LIMIT = "limit"
    STOP_MARKET = "stop_market"
    STOP_LIMIT = "stop_limit"


class TimeInForce(StrEnum):
    """Good till cancelled, immediate or cancel, fill or kill."""

    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"


class Purpose(StrEnum):
    """Why the bot placed an order. Only ENTRY adds risk."""

    ENTRY = "entry"
    STOP = "stop"
    EXIT = "exit"


class Liquidity(StrEnum):
    """Whether a fill took liquidity from the book or gave it."""

    MAKER = "maker"
    TAKER = "taker"


class OrderState(StrEnum):
    """Where an order stands.

    INTENT: decided and recorded, certainly not sent. SUBMITTING: handed to the driver; whether it arrived is not known
    yet. UNKNOWN: the outcome was lost; only evidence resolves it. The last four are final.
    """

    INTENT = "intent"
    SUBMITTING = "submitting"
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    UNKNOWN = "unknown"
    FILLED = "filled"
    CANCELED = "canceled"
    REJECTED = "rejected"
    EXPIRED = "expired"

    is_final: bool
    """Whether nothing more can happen to an order in this state."""

    def __init__(self, value: str) -> None:
        self.is_final = value in ("filled", "canceled", "rejected", "expired")


ACKNOWLEDGED = frozenset({OrderState.OPEN, OrderState.PARTIALLY_FILLED})
"""The exchange has it, and it may still trade."""

IN_DOUBT = frozenset({OrderState.INTENT, OrderState.SUBMITTING, OrderState.UNKNOWN})
"""Whether the exchange has it is not known."""


class OrderIntent(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the bot wants it. Prices in quote per base, quantity in base, times in UTC ms.

    `client_order_id` is 32 lower-case hex digits, a pure function of (bot, position, purpose, leg, revision).
    `reduces` says that it can only make a position smaller: such an order passes every limit and size minimum of ours.
    """

    client_order_id: str
    position_id: str
    symbol: str
    side: Side
    type: OrderType
    quantity: Decimal
    purpose: Purpose
    created_ms: int
    leg: int = 0
    revision: int = 0
    price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    post_only: bool = False
    reduces: bool = False
    reason: str = ""


RESOLUTIONS = ("adopt", "close", "ignore")
"""Of an order in doubt: book and protect it; book and sell it; there is none, or it is not ours."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order and all that is known of it.

    `filled_quantity` (base) and `filled_notional` (quote) are the sums of the fills that were booked; `reported_filled`
    is what the exchange last said. Where the second is larger, fills are still to be fetched, but for `written_off`,
    which is not waited for any more. An order is `settled` when it is final and nothing is to be fetched.
    """

    intent: OrderIntent
    state: OrderState
    updated_ms: int
    exchange_order_id: str | None = None
    filled_quantity: Decimal = ZERO
    filled_notional: Decimal = ZERO
    reported_filled: Decimal = ZERO
    written_off: Decimal = ZERO
    cancel_requested_ms: int | None = None
    submitted_ms: int | None = None
    accepted_ms: int | None = None
    query_due_ms: int | None = None
    absences: int = 0
    triggered: bool = False
    code: str = ""
    message: str = ""

    @property
    def id(self) -> str:
        """The client order id."""
        return self.intent.client_order_id

    @property
    def remaining(self) -> Decimal:
        """What may still fill, in base."""
        return self.intent.quantity - self.filled_quantity

    @property
    def is_live(self) -> bool:
        """Whether it may rest, or come to rest, at the exchange."""
        return not self.state.is_final

    @property
    def unseen_quantity(self) -> Decimal:
        """What the exchange has counted as filled, in base, without having shown the trades that are waited for."""
        return max(self.reported_filled - self.filled_quantity - self.written_off, ZERO)

    @property
    def has_unseen_fills(self) -> bool:
        """Whether there is such a quantity."""
        return self.reported_filled > self.filled_quantity + self.written_off

    @property
    def is_settled(self) -> bool:
        """Final, with every fill that the exchange reported booked or written off."""
        return self.state.is_final and self.reported_filled <= self.filled_quantity + self.written_off

    @property
    def is_in_doubt(self) -> bool:
        """Whether a person may have to say what became of it: its outcome is lost, or trades of it are."""
        return bool(self.resolutions)

    @property
    def resolutions(self) -> tuple[str, ...]:
        """What a person may decide about it; nothing while it is not in doubt.

        Of one that has ended and whose trades are not shown there is nothing to book: it can only be ignored.
        """
        if self.state is OrderState.UNKNOWN:
            return RESOLUTIONS
        return ("ignore",) if self.state.is_final and self.has_unseen_fills else ()


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One trade of one order, as the exchange reports it. `trade_id` is unique within a symbol.

    `fee` is in units of `fee_coin`: the quote, the base or a third coin. `fee_value` is its worth in quote when it was
    paid; None where the exchange's report could not tell, and the engine values base and quote fees itself.
    """

    trade_id: str
    client_order_id: str
    symbol: str
    side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_coin: str
    time_ms: int
    liquidity: Liquidity = Liquidity.TAKER
    fee_value: Decimal | None = None


class _Seal:
    """Held by the risk check alone; without it no `Approved` can be made."""


_SEAL = _Seal()


class Approved(Generic[T]):
    """A value that has passed the risk check. Only `trading.safety.approval` can make it, and nothing can change it."""

    __slots__ = ("_value",)

    def __init__(self, value: T, *, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("Approved can only be made by the risk check (trading.safety.approval)")
        self._value = value

    @property
    def value(self) -> T:
        """What was approved."""
        return self._value

    def __repr__(self) -> str:
        return f"Approved({self.value!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Approved) and other.value == self.value

    def __hash__(self) -> int:
        return hash(("Approved", self.value))
