"""Actions carried to the exchange, all of a round at once, each within its time. A time-out is doubt, not failure."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import structlog

from trading.domain.actions import Action, CancelOrder, FetchAccount, QueryOrder, SubmitOrder
from trading.domain.events import CancelUnknown, Event, OrderRejected, OrderUnknown, QueryFailed
from trading.domain.orders import NOT_SENT, Approved, OrderIntent, Purpose
from trading.exchange.protocol import Exchange
from trading.live.request_record import RequestRecord

log = structlog.get_logger(__name__)

REQUEST_TIMEOUT_SECONDS = 10.0
REQUEST_SECONDS_MIN = 0.2
LOOK_SECONDS_MAX = 3.0
"""An entry waits for so long to hear whether it may be sent: less than the engine waits before it doubts the order."""

T = TypeVar("T")

_LOST = (OrderUnknown, CancelUnknown, QueryFailed)


class Requests:
    """Sends what the engine asks for.

    Args:
        exchange: where to.
        entries_stopped: asked right before each entry is sent, with nothing between its answer and the send: empty, or
            why the entry must not be sent.
        timeout_s: for each request.
        observe: is told of each request that has ended: its kind, seconds, and whether it was answered.

    Attributes:
        record: how long each request took, and whether it was answered.
    """

    def __init__(
        self,
        exchange: Exchange,
        entries_stopped: Callable[[], Awaitable[str]],
        *,
        timeout_s: float = REQUEST_TIMEOUT_SECONDS,
        observe: Callable[[str, float, bool], object] | None = None,
    ) -> None:
        self.record = RequestRecord(observe)
        self._exchange = exchange
        self._entries_stopped = entries_stopped
        self._timeout_s = timeout_s
        self._until: float | None = None
        self._waiting: set[asyncio.Timeout] = set()

    def hurry(self, timeout_s: float, until: float | None = None) -> None:
        """Wait less: at most so long for each request from now on, those under way included.

        Args:
            timeout_s: seconds.
            until: when requests that are waited for then are given up (the loop's clock, which is the monotonic one).
        """
        self._timeout_s = min(self._timeout_s, timeout_s)
        self._until = until
        give_up_at = self._give_up_at()
        for waiting in self._waiting:
            if not waiting.expired():
                waiting.reschedule(min(waiting.when() or give_up_at, give_up_at))

    def _give_up_at(self) -> float:
        now = asyncio.get_running_loop().time()
        if self._until is None:
            return now + self._timeout_s
        return max(min(now + self._timeout_s, self._until), now + REQUEST_SECONDS_MIN)

    def begin(self, actions: Sequence[Action], now_ms: int) -> list[Awaitable[Sequence[Event]]]:
        """The requests for these actions, in their order: to be awaited all at once."""
        requests = (self._request(action, now_ms) for action in actions)
        return [request for request in requests if request is not None]

    async def carry_out(self, actions: Sequence[Action], now_ms: int) -> list[Event]:
        """All of these at once; their answers in the order of the actions."""
        answers = await asyncio.gather(*self.begin(actions, now_ms))
        return [event for answer in answers for event in answer]

    def _request(self, action: Action, now_ms: int) -> Awaitable[Sequence[Event]] | None:
        """The request for an action, answered within its time; None for what is not a request."""
        exchange = self._exchange
        lost: Event
        match action:
            case SubmitOrder(order=approved):
                send = self._enter if approved.value.purpose is Purpose.ENTRY else self._submit
                return send(approved, now_ms)
            case CancelOrder(client_order_id=order_id, symbol=symbol):
                lost = CancelUnknown(time_ms=now_ms, client_order_id=order_id, message=self._no_answer)
                return self._asked("cancel", exchange.cancel(order_id, symbol, now_ms), lost)
            case QueryOrder(client_order_id=order_id, symbol=symbol):
                lost = QueryFailed(time_ms=now_ms, subject=order_id, message=self._no_answer)
                return self._asked("query", exchange.query(order_id, symbol, now_ms), lost)
            case FetchAccount(token=token):
                lost = QueryFailed(time_ms=now_ms, subject="account", message=self._no_answer)
                return self._asked("account", exchange.account(token, now_ms), lost)
            case _:
                return None

    async def _enter(self, order: Approved[OrderIntent], now_ms: int) -> Sequence[Event]:
        """Send an entry if nothing stops it at this moment; a database that does not say so in time does."""
        why = await self._answered(
            self._entries_stopped(), "the kill switch could not be read in time", within_s=LOOK_SECONDS_MAX
        )
        if why:
            order_id = order.value.client_order_id
            return [OrderRejected(time_ms=now_ms, client_order_id=order_id, code=NOT_SENT, message=why)]
        return await self._submit(order, now_ms)

    async def _submit(self, order: Approved[OrderIntent], now_ms: int) -> Sequence[Event]:
        intent = order.value
        # A trailing stop moves often; what it costs to look for is in the journal.
        write = log.debug if intent.purpose is Purpose.STOP else log.info
        write(
            "order.send",
            symbol=intent.symbol,
            purpose=intent.purpose,
            side=intent.side,
            type=intent.type,
            quantity=intent.quantity,
            stop_price=intent.stop_price,
            reason=intent.reason,
            id=intent.client_order_id,
        )
        lost = OrderUnknown(time_ms=now_ms, client_order_id=intent.client_order_id, message=self._no_answer)
        return await self._asked("submit", self._exchange.submit(order, now_ms), lost)

    @property
    def _no_answer(self) -> str:
        return f"no answer within {self._timeout_s:g} s"

    async def _asked(self, kind: str, pending: Awaitable[Sequence[Event]], lost: Event) -> Sequence[Event]:
        """The exchange's answer, with a note of what it took."""
        began = time.perf_counter()
        answer = await self._answered(pending, [lost])
        is_lost = any(isinstance(event, _LOST) for event in answer)
        self.record.note(kind, time.perf_counter() - began, answered=not is_lost)
        return answer

    async def _answered(self, pending: Awaitable[T], lost: T, within_s: float = float("inf")) -> T:
        """The answer, or `lost` where it does not come in time."""
        give_up_at = min(self._give_up_at(), asyncio.get_running_loop().time() + within_s)
        try:
            async with asyncio.timeout_at(give_up_at) as waiting:
                self._waiting.add(waiting)
                try:
                    return await pending
                finally:
                    self._waiting.discard(waiting)
        except TimeoutError:
            return lost
