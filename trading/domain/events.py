"""Everything that can happen to the engine. Immutable and serialisable; each carries its time in UTC ms (`time_ms`)."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from trading.domain.candles import Candle
from trading.domain.orders import Fill, OrderState, OrderType, Side
from trading.domain.positions import Balance


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    time_ms: int


class CandleClosed(_Event, frozen=True, kw_only=True):
    """A candle is complete; `time_ms` is its close time (of the feed, not of the wall clock)."""

    candle: Candle


class ClockTick(_Event, frozen=True, kw_only=True):
    """Time went on and nothing else happened."""


class OrderAccepted(_Event, frozen=True, kw_only=True):
    """The exchange has taken the order; it rests or is being filled."""

    client_order_id: str
    exchange_order_id: str


class OrderRejected(_Event, frozen=True, kw_only=True):
    """The exchange has refused the order, with proof: it does not exist there.

    `duplicate` says the contrary: it was refused because an order of this id exists.
    """

    client_order_id: str
    code: str
    message: str
    duplicate: bool = False


class OrderUnknown(_Event, frozen=True, kw_only=True):
    """The request's outcome is lost (time-out, 5xx, lost connection): the order may exist."""

    client_order_id: str
    message: str


class OrderFilled(_Event, frozen=True, kw_only=True):
    """A fill. The order's state follows from the fills, not from statuses."""

    fill: Fill


class OrderTriggered(_Event, frozen=True, kw_only=True):
    """A stop order's price was reached; it is now a market or limit order."""

    client_order_id: str


class OrderCanceled(_Event, frozen=True, kw_only=True):
    """The exchange confirms that the order rests no longer. `filled_quantity` (base) is its word on all fills."""

    client_order_id: str
    filled_quantity: Decimal
    expired: bool = False


class CancelRejected(_Event, frozen=True, kw_only=True):
    """The exchange will not cancel it (it is final already, or not known): the order is asked about."""

    client_order_id: str
    code: str
    message: str


class CancelUnknown(_Event, frozen=True, kw_only=True):
    """The cancel's outcome is lost: the order still counts as live."""

    client_order_id: str
    message: str


class OrderReport(msgspec.Struct, frozen=True, kw_only=True):
    """An order as the exchange shows it, with its trades. Prices are None where the type has none.

    state: FILLED only where all of it has filled, whatever `filled_quantity` says yet; one whose rest was dropped (ccxt
    calls that closed, too) is EXPIRED or CANCELED.
    """

    client_order_id: str
    exchange_order_id: str
    symbol: str
    state: OrderState
    filled_quantity: Decimal
    side: Side
    type: OrderType
    quantity: Decimal
    price: Decimal | None = None
    stop_price: Decimal | None = None
    fills: tuple[Fill, ...] = ()
    triggered: bool = False


class OrderFound(_Event, frozen=True, kw_only=True):
    """The answer to `QueryOrder`: this is the order."""

    report: OrderReport


class OrderAbsent(_Event, frozen=True, kw_only=True):
    """The answer to `QueryOrder`: in none of order, open orders, closed orders and trades.

    `conclusive` says that the order can no longer appear: the exchange's own clock has passed the request's window plus
    a margin, whether it once acknowledged the order or not. `message` tells how that is known.
    """

    client_order_id: str
    conclusive: bool = False
    message: str = ""


class QueryFailed(_Event, frozen=True, kw_only=True):
    """A question (`QueryOrder`, `FetchAccount`) got no answer. Nothing follows from it."""

    subject: str
    message: str


class AccountSnapshot(_Event, frozen=True, kw_only=True):
    """The answer to `FetchAccount`, as of one moment of the exchange.

    token: the `FetchAccount` that asked. balances: of every coin held. orders: every order that may be the bot's, open
    or changed since the bot last looked, with trades. An error never becomes a snapshot, however empty.
    """

    token: int
    balances: dict[str, Balance]
    orders: tuple[OrderReport, ...] = ()


class CommandKind(StrEnum):
    """What an operator can ask for.

    CANCEL_ENTRIES ends every entry that rests. PROTECT takes exits back that were decided and not sent, so that stops
    rest again: the last thing before a process ends that could not close everything. RECONCILE asks the exchange for
    everything now.
    """

    CANCEL_ORDER = "cancel_order"
    CANCEL_ENTRIES = "cancel_entries"
    PROTECT = "protect"
    RECONCILE = "reconcile"
    CLOSE_POSITION = "close_position"
    CLOSE_ALL = "close_all"
    PAUSE = "pause"
    RESUME = "resume"
    KILL = "kill"
    RESET_KILL = "reset_kill"
    STOP = "stop"
    RESOLVE = "resolve"


class Command(_Event, frozen=True, kw_only=True):
    """An operator's command. `target` is a symbol, an order id or a policy, as the kind asks; `by` who gave it."""

    id: str
    kind: CommandKind
    by: str
    target: str = ""
    reason: str = ""


class EntriesLatched(_Event, frozen=True, kw_only=True):
    """This process opens nothing any more (shutdown, rebuilt after a failed commit). Not stored."""

    reason: str


class Started(_Event, frozen=True, kw_only=True):
    """A driver has started this engine, new or restored. Nothing is opened before the account has been read."""

    bot_id: str


Event = (
    CandleClosed
    | ClockTick
    | OrderAccepted
    | OrderRejected
    | OrderUnknown
    | OrderFilled
    | OrderTriggered
    | OrderCanceled
    | CancelRejected
    | CancelUnknown
    | OrderFound
    | OrderAbsent
    | QueryFailed
    | AccountSnapshot
    | Command
    | EntriesLatched
    | Started
)
