"""What a driver needs of an exchange. Answers come back as events; an error is an event too, never an exception."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol, runtime_checkable

from trading.domain.candles import Candle
from trading.domain.events import Event
from trading.domain.instruments import Instrument
from trading.domain.orders import Approved, OrderIntent


class Exchange(Protocol):
    """One account at one exchange.

    `submit` is called at most once for an order. A time-out, a 5xx or a lost connection is `OrderUnknown` (or
    `CancelUnknown`, `QueryFailed`), never a rejection. Requests overlap: while one is under way others are made, and an
    order whose `submit` has not come back is not conclusively absent.
    """

    instruments: Mapping[str, Instrument]

    async def submit(self, order: Approved[OrderIntent], now_ms: int) -> Sequence[Event]:
        """Send the order; its answer, and fills that are known at once."""
        ...

    async def cancel(self, client_order_id: str, symbol: str, now_ms: int) -> Sequence[Event]:
        """Cancel it; the answer."""
        ...

    async def query(self, client_order_id: str, symbol: str, now_ms: int) -> Sequence[Event]:
        """Look for it among orders, open orders, closed orders and trades."""
        ...

    async def account(self, token: int, now_ms: int) -> Sequence[Event]:
        """Balances, the bot's orders and their trades."""
        ...

    async def close(self) -> None:
        """Let go of connections. Called last."""
        ...


@runtime_checkable
class CandleDriven(Protocol):
    """An exchange whose market moves with the candles that it is given: the paper exchange."""

    async def open_phase(self, candles: Sequence[Candle]) -> Sequence[Event]:
        """What happens at the candles' open."""
        ...

    async def range_phase(self, candles: Sequence[Candle]) -> Sequence[Event]:
        """What happens between low and high."""
        ...

    async def observe(self, symbol: str, close_time_ms: int, price: Decimal) -> None:
        """The last price, where no candle brings it."""
        ...

    async def fill_waiting(self, now_ms: int) -> Sequence[Event]:
        """Fill what waits for an open that will not come."""
        ...
