"""A bot on an exchange of the wall clock, over a real socket: lost answers, kill -9, and time that needs no candle."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.support.bots import ON_SERVER, both_databases_in_soak
from tests.support.builders import BTC, D
from tests.support.exchange_server import Account, ExchangeServer, Request, SocketExchange, Submit
from tests.support.processes import BotProcess, on_server, rows, stored, until
from tests.support.wall_bot import INTERVAL_MS, QUICK, Eager, WallFeed, wall_manager
from trading.clock import wall_ms
from trading.domain.candles import Candle
from trading.domain.decisions import Signal
from trading.domain.events import AccountSnapshot, Event, OrderAbsent, OrderFound, OrderReport
from trading.domain.orders import Approved, OrderIntent, OrderState, OrderType, Purpose
from trading.exchange.records import SimOrder
from trading.exit_codes import ExitCode
from trading.live.live_clock import FUTURE_MS_MAX, LiveClock
from trading.manager import TradingManager

BALANCES = {"USDT": D(10_000)}
ONE = {BTC.symbol: BTC}
HOUR_MS = 3_600_000


def resting_stops(server: ExchangeServer) -> list[SimOrder]:
    return [order for order in server.orders(Purpose.STOP) if not order.state.is_final]


def bot(folder: Path, server: ExchangeServer, policy: str = "keep") -> BotProcess:
    command = [sys.executable, "-m", "tests.support.wall_bot", str(folder), str(server.port), policy]
    return BotProcess(folder, command=command, **on_server(folder))


@both_databases_in_soak
# With the first answers lost one after the other, each loss that is tried in the soak alone is among them.
@pytest.mark.parametrize("lost", [3, pytest.param(1, marks=pytest.mark.soak)])
def test_row_34_an_accepted_order_whose_answers_are_lost_stays_one_order_over_kill_9(tmp_path: Path, lost: int) -> None:
    """The reply to the entry never comes, nor the first answers about it; the bot is killed in between, twice."""
    with ExchangeServer(ONE, BALANCES, D(100)) as server:
        server.lose("submit entry", lost)
        server.lose("query", lost)
        for what in ("submit entry", "query"):
            since = server.taken(what)
            with bot(tmp_path, server) as killed:
                until(lambda what=what, since=since: server.taken(what) > since, f"{what} arrives")
                killed.signal(signal.SIGKILL)
                assert killed.end() == -signal.SIGKILL
        with bot(tmp_path, server) as last:
            until(lambda: resting_stops(server), "the position has its stop")
            since = server.taken("account")
            until(lambda: server.taken("account") > since, "another look at the account")
            last.signal(signal.SIGTERM)
            assert last.end() == ExitCode.OK, last.tail()
        (entry,) = server.orders(Purpose.ENTRY)
        assert entry.state is OrderState.FILLED
        assert len(resting_stops(server)) == 1, last.tail()
        assert server.total("BTC") == entry.filled
        query = "SELECT client_order_id, state FROM orders WHERE purpose = 'entry'"
        entries = stored(tmp_path, query) if tmp_path in ON_SERVER else rows(tmp_path / "tradebot.db", query)
        assert entries == [(entry.intent.client_order_id, "filled")]


def test_one_signal_sells_everything_and_ends_with_0(tmp_path: Path) -> None:
    with ExchangeServer(ONE, BALANCES, D(100)) as server:
        with bot(tmp_path, server, "flatten") as running:
            until(lambda: server.orders(Purpose.STOP), "the position has its stop")
            running.signal(signal.SIGTERM)
            assert running.end() == ExitCode.OK, running.tail()
        assert all(order.state.is_final for order in server.orders())
        assert (server.total("BTC"), server.total("USDT")) == (0, 10_000)


class Hanging(SocketExchange):
    """Some of whose requests never come back, as `hangs` says."""

    hangs: Callable[[str, str], bool] = staticmethod(lambda kind, subject: False)

    async def submit(self, order: Approved[OrderIntent], now_ms: int) -> Sequence[Event]:
        events = await super().submit(order, now_ms)
        if self.hangs("submit", order.value.purpose):
            await asyncio.Event().wait()
        return events

    async def account(self, token: int, now_ms: int) -> Sequence[Event]:
        if self.hangs("account", ""):
            await asyncio.Event().wait()
        return await super().account(token, now_ms)


def run_until(manager: TradingManager, done: Callable[[], bool], *, seconds_max: float = 60) -> int:
    """Run a bot in this process until `done`, then stop it; the exit code."""

    async def both() -> int:
        running = asyncio.create_task(manager.run())
        async with asyncio.timeout(seconds_max):
            while not done() and not running.done():  # noqa: ASYNC110 - another thread's state
                await asyncio.sleep(0.01)
        manager.shutdown.request("test")
        return await running

    return asyncio.run(both())


class FallsSilent(SocketExchange):
    """From the first question about the account beside a resting stop on, whatever is asked is done and not answered.

    That first question is answered once the bot stops.
    """

    is_silent = False

    def __init__(self, server: ExchangeServer) -> None:
        super().__init__(ONE, server.port)
        self.server = server
        self.stops = asyncio.Event()

    async def _ask(self, request: Request, lost: Event) -> Sequence[Event]:
        was_silent = self.is_silent
        self.is_silent |= isinstance(request, Account) and bool(resting_stops(self.server))
        events = await super()._ask(request, lost)
        if was_silent:
            await asyncio.Event().wait()
        if self.is_silent:
            await self.stops.wait()
        return events


def test_no_stop_is_taken_away_for_an_answer_to_what_was_asked_before(tmp_path: Path) -> None:
    """It says nothing of whether answers come now: nobody would hear that the stop is gone."""
    with ExchangeServer(ONE, BALANCES, D(100)) as server:
        exchange = FallsSilent(server)
        feed = WallFeed(candles=1)
        manager = wall_manager(tmp_path, exchange, feed, Eager(), policy="flatten", shutdown_timeout_s=5.0)

        def done() -> bool:
            if exchange.is_silent:
                asyncio.get_running_loop().call_later(0.1, exchange.stops.set)
            return exchange.is_silent

        assert run_until(manager, done) == ExitCode.LEFT_OPEN
        assert exchange.stops.is_set()
        assert len(resting_stops(server)) == 1


class LosesStop(SocketExchange):
    """An exchange that has lost the bot's stops without a trace, as after a reset, once `has_lost` is set."""

    has_lost = False

    async def account(self, token: int, now_ms: int) -> Sequence[Event]:
        events = await super().account(token, now_ms)
        return [self._without_stops(e) if isinstance(e, AccountSnapshot) else e for e in events]

    async def query(self, client_order_id: str, symbol: str, now_ms: int) -> Sequence[Event]:
        events = await super().query(client_order_id, symbol, now_ms)
        is_lost = self.has_lost and any(isinstance(e, OrderFound) and self._is_lost(e.report) for e in events)
        return [OrderAbsent(time_ms=now_ms, client_order_id=client_order_id, conclusive=True)] if is_lost else events

    def _without_stops(self, snapshot: AccountSnapshot) -> AccountSnapshot:
        shown = tuple(report for report in snapshot.orders if not (self.has_lost and self._is_lost(report)))
        return replace(snapshot, orders=shown)

    def _is_lost(self, report: OrderReport) -> bool:
        return report.type is OrderType.STOP_MARKET and report.state is OrderState.CANCELED


def test_a_stop_that_the_exchange_has_lost_is_placed_again_before_the_end(tmp_path: Path) -> None:
    """The last look at the account misses it: it is asked about before anything is called done."""
    with ExchangeServer(ONE, BALANCES, D(100)) as server:
        exchange = LosesStop(ONE, server.port)
        feed = WallFeed(candles=1)
        manager = wall_manager(tmp_path, exchange, feed, Eager(), policy="keep", shutdown_timeout_s=10.0)

        def done() -> bool:
            live = manager.engine.state.all_live_orders()
            if [(order.intent.purpose, order.state) for order in live] != [(Purpose.STOP, OrderState.OPEN)]:
                return False
            server.cancel(live[0].id, BTC.symbol)
            exchange.has_lost = True
            return True

        assert run_until(manager, done) == ExitCode.OK
        assert len(resting_stops(server)) == 1
        assert server.total("BTC") > 0


class RisingFeed(WallFeed):
    """A candle at 100, and one at 103, which moves the stop up that rests then."""

    def __init__(self, server: ExchangeServer) -> None:
        super().__init__()
        self._server = server

    async def batches(self, after_close_ms: int | None) -> AsyncIterator[tuple[Candle, ...]]:
        for price in (D(100), D(103)):
            await asyncio.sleep(0.5)
            if price != D(100):
                await asyncio.to_thread(until, lambda: resting_stops(self._server), "the stop rests")
            opened_ms = wall_ms() // INTERVAL_MS * INTERVAL_MS - INTERVAL_MS
            yield (Candle(BTC.symbol, opened_ms, INTERVAL_MS, price, price, price, price, D(1_000)),)
        await asyncio.Event().wait()


class CancelsLate(SocketExchange):
    """Cancels are carried out two seconds later, and never answered."""

    is_asked = False

    async def cancel(self, client_order_id: str, symbol: str, now_ms: int) -> Sequence[Event]:
        self.is_asked = True
        await asyncio.shield(asyncio.create_task(self._later(client_order_id, symbol, now_ms)))
        await asyncio.Event().wait()
        return []

    async def _later(self, client_order_id: str, symbol: str, now_ms: int) -> None:
        await asyncio.sleep(2)
        await super().cancel(client_order_id, symbol, now_ms)


def test_the_end_waits_for_a_stop_whose_cancelling_is_in_doubt(tmp_path: Path) -> None:
    """It was just to be moved: had the bot ended while it still rested, it would be gone a moment later."""
    with ExchangeServer(ONE, BALANCES, D(100)) as server:
        exchange = CancelsLate(ONE, server.port)
        manager = wall_manager(tmp_path, exchange, RisingFeed(server), Eager(), policy="keep", shutdown_timeout_s=20.0)
        assert run_until(manager, lambda: exchange.is_asked) == ExitCode.OK
        (stop,) = resting_stops(server)
        assert stop.intent.stop_price == D(99)


def test_a_stop_that_was_flat_early_has_all_of_its_time_to_be_checked(tmp_path: Path) -> None:
    """Each answer takes 0.9 s and that to the sale is lost: the time for closing is over before the last answer."""

    class Slow(SocketExchange):
        is_slow = False

        async def _ask(self, request: Request, lost: Event) -> Sequence[Event]:
            await asyncio.sleep(0.9 * self.is_slow)
            events = await super()._ask(request, lost)
            if self.is_slow and isinstance(request, Submit):
                await asyncio.Event().wait()
            return events

    with ExchangeServer(ONE, BALANCES, D(100)) as server:
        exchange = Slow(ONE, server.port)
        feed = WallFeed(candles=1)
        manager = wall_manager(tmp_path, exchange, feed, Eager(), policy="flatten", shutdown_timeout_s=11.4)
        manager.requests._timeout_s = 10

        def done() -> bool:
            live = manager.engine.state.all_live_orders()
            exchange.is_slow = [(o.intent.purpose, o.state) for o in live] == [(Purpose.STOP, OrderState.OPEN)]
            return exchange.is_slow

        assert run_until(manager, done) == ExitCode.OK
        assert server.total("BTC") == 0


def test_time_goes_on_without_candles(tmp_path: Path) -> None:
    """One candle, then silence: the answer to the stop is lost, it is asked about; the account is read once more."""
    with ExchangeServer(ONE, BALANCES, D(100)) as server:
        exchange = Hanging(ONE, server.port)
        exchange.hangs = lambda kind, subject: (kind, subject) == ("submit", Purpose.STOP)
        manager = wall_manager(tmp_path, exchange, WallFeed(candles=1), Eager(), policy="keep")

        def done() -> bool:
            stops = [o for o in manager.engine.state.orders.values() if o.intent.purpose is Purpose.STOP]
            return [o.state for o in stops] == [OrderState.OPEN] and server.taken("account") >= 2

        assert run_until(manager, done) == ExitCode.OK
        assert server.taken("query") >= 1
        assert len(server.orders(Purpose.ENTRY)) == len(server.orders(Purpose.STOP)) == 1


def test_time_goes_on_after_the_machines_clock_was_set_back_an_hour(tmp_path: Path) -> None:
    """The stop's answer is lost at that moment: it is asked about within seconds, not in an hour."""
    set_back: list[str] = []
    with ExchangeServer(ONE, BALANCES, D(100)) as server:
        exchange = Hanging(ONE, server.port)

        def hangs(kind: str, subject: str) -> bool:
            if (kind, subject) == ("submit", Purpose.STOP):
                set_back.append(subject)
                return True
            return False

        exchange.hangs = hangs
        manager = wall_manager(tmp_path, exchange, WallFeed(candles=1), Eager(), policy="keep")
        manager._clock = LiveClock(manager.notify, lambda: wall_ms() - 3_600_000 * bool(set_back))

        def done() -> bool:
            stops = [o for o in manager.engine.state.orders.values() if o.intent.purpose is Purpose.STOP]
            return [o.state for o in stops] == [OrderState.OPEN]

        assert run_until(manager, done, seconds_max=30) == ExitCode.OK
        assert len(server.orders(Purpose.ENTRY)) == len(server.orders(Purpose.STOP)) == 1
    told = rows(tmp_path / "tradebot.db", "SELECT code FROM alerts WHERE code LIKE 'CLOCK%'")
    assert told == [("CLOCK_BEHIND",)]


class Asleep(WallFeed):
    """One candle, handed over by a machine that wakes after an hour."""

    slept = False

    async def batches(self, after_close_ms: int | None) -> AsyncIterator[tuple[Candle, ...]]:
        async for batch in super().batches(after_close_ms):
            self.slept = True
            yield batch


def test_after_a_sleep_nothing_is_entered_on_a_candle_from_before_it(tmp_path: Path) -> None:
    feed = Asleep(candles=1)
    with ExchangeServer(ONE, BALANCES, D(100)) as server:
        exchange = SocketExchange(ONE, server.port)
        manager = wall_manager(tmp_path, exchange, feed, Eager(), stale_ms=60_000, policy="keep")
        manager._clock = LiveClock(manager.notify, lambda: wall_ms() + 3_600_000 * feed.slept)
        assert run_until(manager, lambda: bool(manager.engine.state.symbols)) == ExitCode.OK
        assert server.orders() == []
    assert rows(tmp_path / "tradebot.db", "SELECT veto FROM decisions") == [("CANDLE_TOO_OLD",)]


class FromTheFuture(WallFeed):
    """Whose first candle closes in an hour, or is of an hour that is not over yet."""

    def __init__(self, *, is_open: bool) -> None:
        super().__init__()
        self._is_open = is_open

    async def batches(self, after_close_ms: int | None) -> AsyncIterator[tuple[Candle, ...]]:
        async for (candle,) in super().batches(after_close_ms):
            if self._is_open:
                closes_ms = (wall_ms() + 2 * FUTURE_MS_MAX) // HOUR_MS * HOUR_MS + HOUR_MS
                yield (replace(candle, open_time_ms=closes_ms - HOUR_MS, interval_ms=HOUR_MS),)
            else:
                yield (replace(candle, open_time_ms=candle.open_time_ms + HOUR_MS),)
            break
        async for batch in super().batches(after_close_ms):
            yield batch


@pytest.mark.parametrize("is_open", [True, False])
def test_a_candle_from_the_future_is_refused_and_told_and_time_stays_right(tmp_path: Path, is_open: bool) -> None:
    feed = FromTheFuture(is_open=is_open)
    with ExchangeServer(ONE, BALANCES, D(100)) as server:
        manager = wall_manager(tmp_path, SocketExchange(ONE, server.port), feed, Eager(), policy="keep")
        assert run_until(manager, lambda: bool(server.orders(Purpose.STOP))) == ExitCode.OK
        assert manager.engine.state.now_ms <= wall_ms()
    ((text,),) = rows(tmp_path / "tradebot.db", "SELECT text FROM alerts WHERE code = 'CANDLE_REFUSED'")
    assert "at most 60000 ms in the future" in text


def test_a_request_that_hangs_holds_up_nothing_else(tmp_path: Path) -> None:
    """A question for the account hangs: what is bought then gets its stop long before the question is given up."""
    with ExchangeServer(ONE, BALANCES, D(100)) as server:
        exchange = Hanging(ONE, server.port)
        hanging_since: list[float] = []

        def hangs(kind: str, _subject: str) -> bool:
            if kind == "account" and server.taken("account"):
                hanging_since.append(time.monotonic())
                return True
            return False

        class OnceItHangs(Eager):
            def on_candle(self, candle: Candle) -> Signal | None:
                return super().on_candle(candle) if hanging_since else None

        exchange.hangs = hangs
        manager = wall_manager(tmp_path, exchange, WallFeed(), OnceItHangs(), policy="keep", shutdown_timeout_s=5.0)
        manager.requests._timeout_s = 3600.0
        code = run_until(manager, lambda: bool(server.orders(Purpose.STOP)))
        assert code == ExitCode.LEFT_OPEN, "nothing was checked with the exchange"
        assert server.taken("account") == 1
        assert len(server.orders(Purpose.STOP)) == 1


class Slow(SocketExchange):
    """Whose account takes a little longer than `account_ms`, and less than a request may."""

    async def account(self, token: int, now_ms: int) -> Sequence[Event]:
        await asyncio.sleep(QUICK.account_ms / 1_000 + 0.3)
        return await super().account(token, now_ms)


def test_a_whole_bot_starts_although_the_account_is_slow(tmp_path: Path) -> None:
    """Slower than questions are asked, as by default: a request may take twice as long as until the next one."""
    with ExchangeServer({BTC.symbol: BTC}, {"USDT": D(10_000)}, D(100)) as server:
        manager = wall_manager(tmp_path, Slow({BTC.symbol: BTC}, server.port), WallFeed(), Eager(), policy="keep")
        manager.requests._timeout_s = 2 * QUICK.account_ms / 1_000

        async def both() -> bool:
            running = asyncio.create_task(manager.run())
            for _ in range(150):
                await asyncio.sleep(0.1)
                if manager.engine.ready:
                    break
            ready = manager.engine.ready
            manager.shutdown.request("test")
            await running
            return ready

        assert asyncio.run(both()), f"not ready in 15 s, {server.taken('account')} questions answered"
