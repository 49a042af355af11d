"""The kill switch and the other latches: over restarts, with answers lost, and when the database cannot be written."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.support.bots import (
    Bot,
    ListFeed,
    Signals,
    both_databases,
    calm_batches,
    exchange_state,
    make_bot,
    resting,
    url_of,
)
from tests.support.builders import BTC, ENTER, ETH, MINUTE, T0
from trading import manager as driver
from trading.domain.events import CommandKind, Event, OrderUnknown
from trading.domain.orders import Approved, OrderIntent, OrderState, Purpose
from trading.engine.state import SafetyState
from trading.exchange.paper import PaperExchange
from trading.exit_codes import ExitCode
from trading.store.batch import Batch
from trading.store.commands import queue_command
from trading.store.database import open_beside_bot
from trading.store.journal import Journal
from trading.store.latch import KillState, latch_kill, mark_effective_without_bot, read_kill, reset_kill
from trading.store.queries import Queries

BOTH = [BTC.symbol, ETH.symbol]


@pytest.fixture(autouse=True)
def _looks_between_any_two_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "POLL_SECONDS", 0.0)


def run_with(bot: Bot, *steps: tuple[Callable[[], bool], Callable[[], object]]) -> int:
    """Run the bot; as soon as a step's condition holds do what it says, one step after the other; the exit code."""

    async def both() -> int:
        running = asyncio.create_task(bot.manager.run())
        async with asyncio.timeout(60):
            for condition, act in steps:
                while not condition() and not running.done():  # noqa: ASYNC110 - looked at in every turn of the loop
                    await asyncio.sleep(0)
                act()
            return await running

    return asyncio.run(both())


def stop(bot: Bot, policy: str = "keep") -> Callable[[], None]:
    return lambda: bot.manager.shutdown.request("test", policy)


def latch(folder: Path, reset: bool = False) -> KillState:
    engine = open_beside_bot(url_of(folder))
    try:
        return (reset_kill if reset else latch_kill)(engine, "owner", "test", 1)
    finally:
        engine.dispose()


def kill_state(folder: Path) -> KillState:
    engine = open_beside_bot(url_of(folder))
    try:
        return read_kill(engine)
    finally:
        engine.dispose()


def is_effective(folder: Path) -> Callable[[], bool]:
    return lambda: kill_state(folder).effective_ms is not None


def entries(bot: Bot, *states: OrderState) -> Callable[[], bool]:
    """Whether an entry of the bot is in one of these states."""

    def holds() -> bool:
        orders = bot.manager.engine.state.orders.values()
        return any(o.intent.purpose is Purpose.ENTRY and o.state in states for o in orders)

    return holds


def entering_bot(folder: Path, first: int = 0, *, busy_timeout_ms: int = 2_000) -> Bot:
    """A bot that enters BTC on candle `first`, the last one: the entry rests, since no open follows."""
    feed = ListFeed(calm_batches(first + 1, BOTH), stays=True)
    return make_bot(folder, feed, Signals({(BTC.symbol, T0 + first * MINUTE): ENTER}), busy_timeout_ms=busy_timeout_ms)


# -- over restarts


def latched_by_command(kind: CommandKind) -> Callable[[Path], None]:
    def act(folder: Path) -> None:
        first = make_bot(folder, ListFeed(calm_batches(1, BOTH), stays=True), Signals())
        queue_command(first.journal.engine, kind, by="owner", now_ms=1, reason="test")
        safety = lambda: first.manager.engine.state.safety  # noqa: E731
        assert run_with(first, (lambda: bool(safety().paused), stop(first))) == ExitCode.OK

    return act


def halted(folder: Path) -> None:
    journal = Journal.open(url_of(folder), "bot")
    journal.commit(Batch(time_ms=T0, changes=[SafetyState(halted="drawdown", halt_code="DRAWDOWN_TOTAL")]))
    journal.close()


def killed_while_down(folder: Path) -> None:
    Journal.open(url_of(folder), "bot").close()
    latch(folder)


def killed_while_running(folder: Path) -> None:
    bot = entering_bot(folder)
    steps = (entries(bot, OrderState.OPEN), lambda: latch(folder)), (is_effective(folder), stop(bot))
    assert run_with(bot, *steps) == ExitCode.OK


def kill_file(folder: Path) -> None:
    (folder / "KILL").touch()


@both_databases
@pytest.mark.parametrize(
    ("stopped", "veto"),
    [
        (latched_by_command(CommandKind.PAUSE), "PAUSED"),
        (halted, "HALTED"),
        (killed_while_down, "KILL_SWITCH"),
        (killed_while_running, "KILL_SWITCH"),
        (kill_file, "KILL_SWITCH"),
    ],
)
def test_row_37_what_stopped_entries_stops_them_after_a_restart_too(
    tmp_path: Path, stopped: Callable[[Path], None], veto: str
) -> None:
    stopped(tmp_path)
    for first in (3, 6):
        bot = entering_bot(tmp_path, first)
        handled = lambda bot=bot, first=first: any(  # noqa: E731
            s.last_close_ms == T0 + (first + 1) * MINUTE for s in bot.manager.engine.state.symbols.values()
        )
        assert run_with(bot, (handled, stop(bot))) == ExitCode.OK
        assert bot.exchange.sent == []
        queries = Queries.open(url_of(tmp_path))
        assert next(run.decision.veto for run in queries.decisions(symbol=BTC.symbol) if run.decision.veto) == veto
        queries.close()


@both_databases
def test_after_a_reset_it_trades_again(tmp_path: Path) -> None:
    killed_while_running(tmp_path)
    latch(tmp_path, reset=True)
    bot = entering_bot(tmp_path, 3)
    assert run_with(bot, (entries(bot, OrderState.OPEN), stop(bot))) == ExitCode.OK
    assert bot.manager.engine.state.safety.killed == ""


@both_databases
def test_a_reset_reaches_a_bot_that_runs(tmp_path: Path) -> None:
    bot = entering_bot(tmp_path)
    killed = lambda: bool(bot.manager.engine.state.safety.killed)  # noqa: E731
    steps = (
        (entries(bot, OrderState.OPEN), lambda: latch(tmp_path)),
        (lambda: killed() and is_effective(tmp_path)(), lambda: latch(tmp_path, reset=True)),
        (lambda: not killed(), stop(bot)),
    )
    assert run_with(bot, *steps) == ExitCode.OK
    assert not kill_state(tmp_path).active


# -- latched and effective


@both_databases
def test_it_is_effective_as_soon_as_the_resting_entry_is_cancelled(tmp_path: Path) -> None:
    bot = entering_bot(tmp_path)
    steps = (entries(bot, OrderState.OPEN), lambda: latch(tmp_path)), (is_effective(tmp_path), stop(bot))
    assert run_with(bot, *steps) == ExitCode.OK
    assert [o.state for o in exchange_state(tmp_path).orders] == [OrderState.CANCELED]


@both_databases
@pytest.mark.parametrize("has_arrived", [True, False])
def test_it_is_not_effective_while_an_answer_is_lost(tmp_path: Path, has_arrived: bool) -> None:
    """The answer to the entry is lost, and the exchange cannot be asked about it, until it can."""
    bot = entering_bot(tmp_path)
    reachable = asyncio.Event()

    async def lost(order: Approved[OrderIntent], now_ms: int) -> Sequence[Event]:
        if has_arrived:
            await PaperExchange.submit(bot.exchange, order, now_ms)
        return [OrderUnknown(time_ms=now_ms, client_order_id=order.value.client_order_id, message="time-out")]

    async def before(kind: str, _subject: str) -> None:
        if kind in ("query", "account", "cancel") and entries(bot, OrderState.UNKNOWN)():
            await reachable.wait()

    bot.exchange.submit = lost  # type: ignore[method-assign]
    bot.exchange.before = before
    looks: list[tuple[bool, bool]] = []
    in_doubt: list[int] = []
    poll = bot.manager.poll

    async def watched_poll() -> None:
        await poll()
        looks.append((not entries(bot, OrderState.UNKNOWN, OrderState.OPEN)(), is_effective(tmp_path)()))

    bot.manager.poll = watched_poll  # type: ignore[method-assign]
    known = lambda: bool(bot.manager.engine.state.safety.killed)  # noqa: E731
    seen: list[bool] = []

    def answer() -> None:
        seen.append(is_effective(tmp_path)())
        in_doubt.append(len(looks))
        reachable.set()

    steps = (
        (entries(bot, OrderState.UNKNOWN), lambda: latch(tmp_path)),
        (known, answer),
        (is_effective(tmp_path), stop(bot)),
    )
    assert run_with(bot, *steps) == ExitCode.OK
    assert seen == [False]
    assert Purpose.ENTRY not in resting(tmp_path)
    # It looks twice a second: the look after which the sends are resolved says so, or the next one, within a second.
    resolved = next(place for place, (is_resolved, _) in enumerate(looks) if is_resolved and place >= in_doubt[0])
    assert any(says_so for _, says_so in looks[resolved : resolved + 2])


@both_databases
def test_with_no_bot_it_is_effective_at_once(tmp_path: Path) -> None:
    killed_while_down(tmp_path)
    engine = open_beside_bot(url_of(tmp_path))
    assert mark_effective_without_bot(engine, 5).effective_ms == 5
    engine.dispose()


# -- the file


@pytest.mark.parametrize("stays", [True, False])
def test_the_file_works_while_the_database_cannot_be_written(tmp_path: Path, stays: bool) -> None:
    bot = entering_bot(tmp_path, busy_timeout_ms=250)
    bot.journal.engine.dispose()
    lock = sqlite3.connect(tmp_path / "tradebot.db", isolation_level=None, timeout=30)
    cancelled = entries(bot, OrderState.CANCELED)
    at_exchange: list[bool] = []

    def kill_by_file() -> None:
        lock.execute("BEGIN IMMEDIATE")
        (tmp_path / "KILL").touch()

    def unlock() -> None:
        at_exchange.append(all(o.state.is_final for o in bot.exchange.book.state().orders))
        if not stays:
            (tmp_path / "KILL").unlink()
        lock.execute("ROLLBACK")

    steps = (entries(bot, OrderState.OPEN), kill_by_file), (cancelled, unlock), (is_effective(tmp_path), stop(bot))
    assert run_with(bot, *steps) == ExitCode.OK
    assert at_exchange == [True]
    state = kill_state(tmp_path)
    assert (state.active, state.by, state.reason) == (True, "file", "KILL exists")
    assert bot.manager.engine.state.safety.killed == "KILL exists"
    lock.close()
