"""An exchange behind a real socket, on the wall clock: market orders fill at once, stops rest; and a bot's side of it.

The server lives in the test's process, so that it outlives every bot, and can be told to lose its answers.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import TracebackType

import msgspec

from trading.clock import wall_ms
from trading.domain.events import CancelUnknown, Event, OrderUnknown, QueryFailed
from trading.domain.instruments import Instrument
from trading.domain.orders import Approved, OrderIntent, Purpose
from trading.exchange.costs import NO_COSTS, FillAt
from trading.exchange.records import SimOrder
from trading.exchange.simulated import SimulatedExchange

LINE_BYTES_MAX = 2**20


class Submit(msgspec.Struct, tag=True):
    """An order."""

    intent: OrderIntent


class Cancel(msgspec.Struct, tag=True):
    """A cancel."""

    order_id: str
    symbol: str


class Query(msgspec.Struct, tag=True):
    """A question about an order."""

    order_id: str
    symbol: str


class Account(msgspec.Struct, tag=True):
    """A question about everything."""

    token: int


Request = Submit | Cancel | Query | Account


class ExchangeServer:
    """Serves a simulated exchange on a free port, in a thread. A context manager.

    Args:
        instruments, balances: of the account.
        price: at which everything trades, until `move`.
    """

    def __init__(self, instruments: Mapping[str, Instrument], balances: Mapping[str, Decimal], price: Decimal) -> None:
        self.port = 0
        self._exchange = SimulatedExchange(instruments, balances, NO_COSTS, FillAt.CLOSE)
        self._guard = threading.Lock()
        self._loses: Counter[str] = Counter()
        self._taken: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._is_up = threading.Event()
        self._is_over = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="exchange", daemon=True)
        for symbol in instruments:
            self._exchange.observe(symbol, wall_ms(), price)

    def __enter__(self) -> ExchangeServer:
        self._thread.start()
        self._is_up.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._is_over.set)
        self._thread.join()

    def lose(self, what: str, times: int) -> None:
        """The next so many answers to requests of this kind (`submit entry`, `query`) never come; they are acted on."""
        with self._guard:
            self._loses[what] = times

    def taken(self, what: str) -> int:
        """How many requests of this kind have been acted on."""
        with self._guard:
            return self._taken[what]

    def orders(self, purpose: Purpose | None = None) -> list[SimOrder]:
        """Every order that was accepted, oldest first."""
        with self._guard:
            orders = self._exchange.state().orders
            return [order for order in orders if purpose is None or order.intent.purpose is purpose]

    def cancel(self, order_id: str, symbol: str) -> None:
        """Cancel an order by another hand than the bot's."""
        with self._guard:
            self._exchange.cancel(order_id, symbol, wall_ms())

    def total(self, coin: str) -> Decimal:
        """What the account has of a coin."""
        with self._guard:
            (found,) = [c for c in self._exchange.state().coins if c.coin == coin]
            return found.free + found.locked

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0, limit=LINE_BYTES_MAX)
        self.port = server.sockets[0].getsockname()[1]
        self._is_up.set()
        await self._is_over.wait()
        server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.sleep(0)  # what they closed is closed in the loop's next round

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = msgspec.json.decode(await reader.readline(), type=Request)
            kind = _kind(request)
            with self._guard:
                events = self._act(request)
                self._taken[kind] += 1
                is_lost = self._loses[kind] > 0
                self._loses[kind] -= is_lost
            if is_lost:
                await reader.read()  # until the other side gives up
            else:
                writer.write(msgspec.json.encode(events) + b"\n")
                await writer.drain()
        except (asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    def _act(self, request: Request) -> Sequence[Event]:
        now_ms = wall_ms()
        match request:
            case Submit(intent=intent):
                return self._exchange.submit(intent, now_ms)
            case Cancel(order_id=order_id, symbol=symbol):
                return self._exchange.cancel(order_id, symbol, now_ms)
            case Query(order_id=order_id, symbol=symbol):
                return self._exchange.query(order_id, symbol, now_ms)
            case Account(token=token):
                return self._exchange.account(token, now_ms)


class SocketExchange:
    """A bot's side: an `Exchange` with one connection for each request."""

    def __init__(self, instruments: Mapping[str, Instrument], port: int) -> None:
        self.instruments = instruments
        self._port = port

    async def submit(self, order: Approved[OrderIntent], now_ms: int) -> Sequence[Event]:
        """See `Exchange`."""
        order_id = order.value.client_order_id
        lost = OrderUnknown(time_ms=now_ms, client_order_id=order_id, message="connection lost")
        return await self._ask(Submit(order.value), lost)

    async def cancel(self, client_order_id: str, symbol: str, now_ms: int) -> Sequence[Event]:
        """See `Exchange`."""
        lost = CancelUnknown(time_ms=now_ms, client_order_id=client_order_id, message="connection lost")
        return await self._ask(Cancel(client_order_id, symbol), lost)

    async def query(self, client_order_id: str, symbol: str, now_ms: int) -> Sequence[Event]:
        """See `Exchange`."""
        lost = QueryFailed(time_ms=now_ms, subject=client_order_id, message="connection lost")
        return await self._ask(Query(client_order_id, symbol), lost)

    async def account(self, token: int, now_ms: int) -> Sequence[Event]:
        """See `Exchange`."""
        lost = QueryFailed(time_ms=now_ms, subject="account", message="connection lost")
        return await self._ask(Account(token), lost)

    async def close(self) -> None:
        """See `Exchange`."""

    async def _ask(self, request: Request, lost: Event) -> Sequence[Event]:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=LINE_BYTES_MAX)
        except OSError:
            return [lost]
        try:
            writer.write(msgspec.json.encode(request) + b"\n")
            line = await reader.readline()
            return msgspec.json.decode(line, type=list[Event]) if line else [lost]
        except OSError:
            return [lost]
        finally:
            writer.close()


def _kind(request: Request) -> str:
    if isinstance(request, Submit):
        return f"submit {request.intent.purpose}"
    return type(request).__name__.lower()
