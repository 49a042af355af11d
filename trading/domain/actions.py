"""What the engine asks its driver to do. Carried out only after the commit of the state that gave rise to it."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from trading.domain.orders import Approved, OrderIntent


class SubmitOrder(msgspec.Struct, frozen=True):
    """Send this order, once. Answers: OrderAccepted, OrderRejected or OrderUnknown, then fills."""

    order: Approved[OrderIntent]


class CancelOrder(msgspec.Struct, frozen=True):
    """Cancel it. Answers: OrderCanceled, CancelRejected or CancelUnknown."""

    client_order_id: str
    symbol: str


class QueryOrder(msgspec.Struct, frozen=True):
    """Ask about one order, everywhere it could show. Answers: OrderFound, OrderAbsent or QueryFailed."""

    client_order_id: str
    symbol: str


class FetchAccount(msgspec.Struct, frozen=True):
    """Ask for balances, orders and trades. Answers: AccountSnapshot (with the token) or QueryFailed."""

    token: int


class Level(StrEnum):
    """How urgent a notification is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Notify(msgspec.Struct, frozen=True):
    """Tell the owner. `code` is stable (`POSITION_CLOSED`, …); `text` is for people."""

    level: Level
    code: str
    text: str
    symbol: str = ""


class Exit(msgspec.Struct, frozen=True):
    """End the process with this code."""

    code: int
    reason: str


Action = SubmitOrder | CancelOrder | QueryOrder | FetchAccount | Notify | Exit
