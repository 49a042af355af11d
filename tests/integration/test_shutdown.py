"""The graceful stop of a whole bot: what it leaves at the exchange, on disk, and as exit code, whatever hangs."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import UTC
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
    many_instruments,
    resting,
    url_of,
)
from tests.support.builders import BTC, ENTER, ETH, MINUTE, T0, D, config
from tests.support.processes import rows
from trading.domain.actions import Level
from trading.domain.candles import Candle
from trading.domain.errors import TradingError
from trading.domain.events import CommandKind
from trading.domain.orders import OrderState, Purpose
from trading.exit_codes import ExitCode
from trading.live import start
from trading.monitoring.alerts.message import Message
from trading.monitoring.alerts.outbox import Outbox
from trading.monitoring.alerts.rules import AlertRules
from trading.monitoring.alerts.sender import AlertSender
from trading.safety.checks import Limits
from trading.state import TradingState
from trading.store.commands import queue_command
from trading.store.database import open_beside_bot
from trading.store.queries import Queries
from trading.utils import shutdown

BOTH = [BTC.symbol, ETH.symbol]


def holding_bot(folder: Path, **options: object) -> Bot:
    """A bot that buys BTC and ETH on the first candle, and after the third waits for what comes."""
    script = {(symbol, T0): ENTER for symbol in BOTH}
    return make_bot(folder, ListFeed(calm_batches(3, BOTH), stays=True), Signals(script), **options)


def entering_bot(folder: Path, **options: object) -> Bot:
    """A bot that holds BTC, and whose entry into ETH rests: the open at which it would fill does not come."""
    script = {(BTC.symbol, T0): ENTER, (ETH.symbol, T0 + 2 * MINUTE): ENTER}
    return make_bot(folder, ListFeed(calm_batches(3, BOTH), stays=True), Signals(script), **options)


def has_handled(bot: Bot, candles: int = 3) -> Callable[[], bool]:
    """Whether the bot has committed so many candles."""

    def is_so() -> bool:
        known = bot.manager.engine.state.symbols.get(BTC.symbol)
        return (
            known is not None and known.last_close_ms == T0 + candles * MINUTE and not bot.manager.line.has_uncommitted
        )

    return is_so


def run_until(bot: Bot, condition: Callable[[], bool], *then: Callable[[], object]) -> int:
    """Run the bot; once the condition holds do `then`, a turn of the loop between each; the exit code."""

    async def both() -> int:
        running = asyncio.create_task(bot.manager.run())
        async with asyncio.timeout(60):
            while not condition() and not running.done():  # noqa: ASYNC110 - looked at in every turn of the loop
                await asyncio.sleep(0)
        for act in then:
            act()
            await asyncio.sleep(0)
        return await running

    return asyncio.run(both())


def stop(bot: Bot, policy: str = "") -> Callable[[], None]:
    return lambda: bot.manager.shutdown.request("test", policy)


def told(bot: Bot) -> list[str]:
    return [note.code for note in bot.told]


def leave_unheard(bot: Bot, first: str) -> None:
    """From the first request of this kind on, all are carried out, and no answer to any of them comes back."""
    silent = asyncio.Event()

    async def after(kind: str, _subject: str) -> None:
        if kind == first:
            silent.set()
        if silent.is_set():
            await asyncio.Event().wait()

    bot.exchange.after = after


def hold_up(bot: Bot, *kinds: str) -> Callable[[], None]:
    """From now on requests of these kinds (all, if none is named) do not come back."""

    async def before(kind: str, _subject: str) -> None:
        if kind in kinds or not kinds:
            await asyncio.Event().wait()

    def act() -> None:
        bot.exchange.before = before

    return act


# -- what is left


@both_databases
@pytest.mark.parametrize("number", shutdown.SIGNALS)
def test_a_signal_closes_everything_and_ends_with_0(tmp_path: Path, number: signal.Signals) -> None:
    bot = holding_bot(tmp_path)
    assert run_until(bot, has_handled(bot), lambda: os.kill(os.getpid(), number)) == ExitCode.OK
    state = exchange_state(tmp_path)
    assert all(order.state.is_final for order in state.orders)
    assert {coin.coin: coin.free + coin.locked for coin in state.coins}["BTC"] == 0
    saved = TradingState.load(tmp_path / "state.json")
    assert (saved.positions, saved.orders) == ([], [])
    assert saved.account is not None
    assert saved.account.closed_positions == 2
    assert told(bot)[-1] == "STOPPED"


@both_databases
@pytest.mark.parametrize("policy", ["keep", "cancel"])
def test_positions_may_stay_with_their_stops(tmp_path: Path, policy: str) -> None:
    bot = holding_bot(tmp_path, policy=policy)
    assert run_until(bot, has_handled(bot), stop(bot)) == ExitCode.OK
    assert resting(tmp_path) == [Purpose.STOP, Purpose.STOP]
    saved = TradingState.load(tmp_path / "state.json")
    assert [position.symbol for position in saved.positions] == BOTH
    assert [order.state for order in saved.orders] == [OrderState.OPEN, OrderState.OPEN]


@both_databases
@pytest.mark.parametrize(("policy", "left"), [("flatten", []), ("cancel", [Purpose.STOP]), ("keep", [Purpose.STOP])])
def test_no_entry_order_is_left_under_any_policy(tmp_path: Path, policy: str, left: list[Purpose]) -> None:
    bot = entering_bot(tmp_path)
    assert run_until(bot, has_handled(bot), stop(bot, policy)) == ExitCode.OK
    assert resting(tmp_path) == left
    assert ETH.symbol not in bot.manager.engine.state.positions


@both_databases
def test_the_policy_of_the_command_counts_and_it_is_answered_with_the_exit_code(tmp_path: Path) -> None:
    bot = holding_bot(tmp_path)
    ids: list[str] = []

    def leave(policy: str) -> Callable[[], None]:
        def act() -> None:
            engine = open_beside_bot(url_of(tmp_path))
            ids.append(queue_command(engine, CommandKind.STOP, by="owner", now_ms=1, target=policy))
            engine.dispose()

        return act

    assert run_until(bot, has_handled(bot), leave("wildly"), leave("keep")) == ExitCode.OK
    assert resting(tmp_path) == [Purpose.STOP, Purpose.STOP]
    queries = Queries.open(url_of(tmp_path))
    answers = [queries.commands(command_id=i)[0].result for i in ids]
    queries.close()
    assert answers == ["refused: 'wildly' is none of flatten, cancel, keep", "ended with exit code 0"]
    assert [note.code for note in bot.told if note.level is not Level.INFO] == []


@both_databases
def test_a_stop_command_from_before_the_start_is_refused(tmp_path: Path) -> None:
    first = holding_bot(tmp_path, policy="keep")
    assert run_until(first, has_handled(first), stop(first)) == ExitCode.OK
    engine = open_beside_bot(url_of(tmp_path))
    command_id = queue_command(engine, CommandKind.STOP, by="owner", now_ms=1)
    second = make_bot(tmp_path, ListFeed(calm_batches(5, BOTH), stays=True), Signals(), policy="keep")
    assert run_until(second, has_handled(second, 5), stop(second)) == ExitCode.OK
    assert Queries(engine).commands(command_id=command_id)[0].result == "refused: given before this bot started"
    engine.dispose()


@both_databases
def test_a_stop_before_the_first_step_trades_nothing(tmp_path: Path) -> None:
    bot = holding_bot(tmp_path)
    os.kill(os.getpid(), signal.SIGTERM)
    assert bot.run() == ExitCode.OK
    assert bot.exchange.sent == []


# -- what hangs


@both_databases
def test_an_exchange_that_hangs_cannot_hold_it_up_and_the_stops_stay(tmp_path: Path) -> None:
    bot = holding_bot(tmp_path, shutdown_timeout_s=2.0)
    began: list[float] = []
    acts = (hold_up(bot), lambda: began.append(time.monotonic()), stop(bot))
    assert run_until(bot, has_handled(bot), *acts) == ExitCode.LEFT_OPEN
    assert time.monotonic() - began[0] < 10
    assert resting(tmp_path) == [Purpose.STOP, Purpose.STOP]
    assert told(bot)[-1] == "SHUTDOWN_INCOMPLETE"
    assert "position BTC/USDT" in bot.told[-1].text
    assert "not checked with the exchange" in bot.told[-1].text
    assert [p.symbol for p in TradingState.load(tmp_path / "state.json").positions] == BOTH


@both_databases
def test_what_has_no_stop_is_not_said_to_have_one(tmp_path: Path) -> None:
    """Nobody knows whether the entry has filled."""
    bot = entering_bot(tmp_path, shutdown_timeout_s=6.0)
    assert run_until(bot, has_handled(bot), hold_up(bot), stop(bot)) == ExitCode.LEFT_OPEN
    assert "position BTC/USDT 10 with its stop" in bot.told[-1].text
    assert "position ETH/USDT 0 without a stop" in bot.told[-1].text


@both_databases
def test_no_stop_is_taken_away_from_an_exchange_whose_answers_are_late(tmp_path: Path) -> None:
    """What it is asked for it does. Nobody would hear of it, and the positions would be left without their stops."""
    bot = holding_bot(tmp_path, shutdown_timeout_s=2.0)
    assert run_until(bot, has_handled(bot), lambda: leave_unheard(bot, "account"), stop(bot)) == ExitCode.LEFT_OPEN
    assert resting(tmp_path) == [Purpose.STOP, Purpose.STOP]
    assert "position BTC/USDT 10 with its stop; " in bot.told[-1].text


@both_databases
def test_a_stop_of_which_nothing_is_heard_once_it_is_cancelled_is_not_called_safe(tmp_path: Path) -> None:
    bot = holding_bot(tmp_path, shutdown_timeout_s=6.0)
    assert run_until(bot, has_handled(bot), lambda: leave_unheard(bot, "cancel"), stop(bot)) == ExitCode.LEFT_OPEN
    assert "position BTC/USDT 10 with a stop whose cancelling is in doubt" in bot.told[-1].text
    assert "with its stop" not in bot.told[-1].text


@both_databases
def test_what_cannot_be_sold_gets_its_stop_back(tmp_path: Path) -> None:
    bot = holding_bot(tmp_path, shutdown_timeout_s=10.0)

    async def before(kind: str, subject: str) -> None:
        order = bot.manager.engine.state.orders.get(subject)
        if kind == "submit" and order is not None and order.intent.purpose is Purpose.EXIT:
            await asyncio.Event().wait()

    bot.exchange.before = before
    assert run_until(bot, has_handled(bot), stop(bot)) == ExitCode.LEFT_OPEN
    assert resting(tmp_path) == [Purpose.STOP, Purpose.STOP]
    assert "position ETH/USDT 10 with its stop" in bot.told[-1].text


@both_databases
def test_it_does_not_end_with_0_before_the_exchange_has_confirmed(tmp_path: Path) -> None:
    bot = holding_bot(tmp_path, policy="keep", shutdown_timeout_s=2.0)
    assert run_until(bot, has_handled(bot), hold_up(bot, "account"), stop(bot)) == ExitCode.LEFT_OPEN
    assert "left: not checked with the exchange" in bot.told[-1].text


def test_a_locked_database_keeps_no_position_open(tmp_path: Path) -> None:
    bot = holding_bot(tmp_path, shutdown_timeout_s=4.0, busy_timeout_ms=250)
    with closing(sqlite3.connect(tmp_path / "tradebot.db", isolation_level=None)) as lock:
        code = run_until(bot, has_handled(bot), lambda: lock.execute("BEGIN IMMEDIATE"), stop(bot))
        assert code == ExitCode.FAILED
        assert "the journal lacks the last changes" in bot.told[-1].text
        assert resting(tmp_path) == []
        assert TradingState.load(tmp_path / "state.json").positions == []
        lock.execute("ROLLBACK")
    again = make_bot(tmp_path, ListFeed(calm_batches(5, BOTH), stays=True), Signals())
    assert run_until(again, has_handled(again, 5), stop(again)) == ExitCode.OK
    account = again.manager.engine.state.account
    assert account is not None
    assert (account.closed_positions, account.cash) == (2, D(10_000))


def test_a_database_locked_for_a_moment_costs_nothing(tmp_path: Path) -> None:
    bot = holding_bot(tmp_path, busy_timeout_ms=250)
    with closing(sqlite3.connect(tmp_path / "tradebot.db", isolation_level=None, check_same_thread=False)) as lock:

        async def after(kind: str, _subject: str) -> None:
            if kind == "submit" and lock.in_transaction:
                lock.execute("ROLLBACK")

        bot.exchange.after = after
        assert run_until(bot, has_handled(bot), lambda: lock.execute("BEGIN IMMEDIATE"), stop(bot)) == ExitCode.OK
    assert resting(tmp_path) == []


class HangingChannel:
    """Takes a message and never answers, until it is released."""

    name = "hangs"

    def __init__(self) -> None:
        self.begun, self.released = threading.Event(), threading.Event()

    def send(self, message: Message) -> str:
        self.begun.set()
        self.released.wait(60)
        return ""


def test_an_alert_that_hangs_holds_nothing_up(tmp_path: Path) -> None:
    bot = holding_bot(tmp_path)
    channel = HangingChannel()
    sender = AlertSender(
        [channel],
        AlertRules(lambda _: Level.INFO, join_ms=0),
        lambda: bot.journal.engine,
        name="bot",
        zone=UTC,
        max_per_minute=60,
    )
    sender.register()
    bot.manager.alerts = bot.manager.line._alerts = Outbox(bot.journal.engine, sender)
    began: list[float] = []
    begin = lambda: began.append(time.monotonic())  # noqa: E731
    assert run_until(bot, lambda: has_handled(bot)() and channel.begun.is_set(), begin, stop(bot)) == ExitCode.OK
    assert time.monotonic() - began[0] < 10
    assert resting(tmp_path) == []
    database = tmp_path / "tradebot.db"
    assert rows(database, "SELECT code FROM alerts ORDER BY seq DESC LIMIT 1") == [("STOPPED",)]
    assert rows(database, "SELECT count(*) FROM alert_deliveries WHERE sent_ms IS NOT NULL") == [(0,)]
    channel.released.set()


@both_databases
def test_a_second_signal_ends_it_at_once_with_a_list_of_what_is_left(tmp_path: Path) -> None:
    bot = holding_bot(tmp_path, shutdown_timeout_s=60.0)
    began: list[float] = []
    code = run_until(
        bot,
        has_handled(bot),
        hold_up(bot),
        lambda: os.kill(os.getpid(), signal.SIGTERM),
        lambda: began.append(time.monotonic()),
        lambda: os.kill(os.getpid(), signal.SIGINT),
    )
    assert code == ExitCode.FORCED
    assert time.monotonic() - began[0] < 10
    assert "exit code 4; left: " in bot.told[-1].text
    assert "position BTC/USDT" in bot.told[-1].text


def test_a_signal_after_the_stop_command_is_the_first_one(tmp_path: Path) -> None:
    bot = holding_bot(tmp_path)
    assert run_until(bot, has_handled(bot), stop(bot), lambda: os.kill(os.getpid(), signal.SIGTERM)) == ExitCode.OK


def test_a_state_file_that_cannot_be_written_is_not_0(tmp_path: Path) -> None:
    (tmp_path / "state.json").mkdir()
    bot = holding_bot(tmp_path)
    assert run_until(bot, has_handled(bot), stop(bot)) == ExitCode.FAILED
    assert "the state file was not written" in bot.told[-1].text
    assert resting(tmp_path) == []


# -- ends that nobody asked for


@both_databases
def test_a_feed_that_fails_leaves_positions_with_their_stops(tmp_path: Path) -> None:
    class FailingFeed(ListFeed):
        async def batches(self, after_close_ms: int | None) -> AsyncIterator[tuple[Candle, ...]]:
            async for batch in super().batches(after_close_ms):
                yield batch
            raise TradingError("the connection is gone")

    bot = make_bot(tmp_path, FailingFeed(calm_batches(3, BOTH)), Signals({(BTC.symbol, T0): ENTER}))
    assert bot.run() == ExitCode.FAILED
    assert resting(tmp_path) == [Purpose.STOP]
    assert "FEED_FAILED" in told(bot)


@both_databases
def test_an_exchange_that_never_answers_ends_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "READY_WITHIN_SECONDS", 0.0)
    bot = holding_bot(tmp_path)
    bot.manager.requests._timeout_s = 0.2
    hold_up(bot)()
    assert bot.run() == ExitCode.FAILED
    assert told(bot) == ["BOT_FAILED"]
    assert bot.exchange.sent == []


# -- how long it takes


def one_after_the_other(waits: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """The longest chain of waits of which each began after the one before had ended."""
    chain: list[tuple[float, float]] = []
    for wait in sorted(waits, key=lambda one: one[1]):
        if not chain or wait[0] >= chain[-1][1]:
            chain.append(wait)
    return chain


def test_fifty_orders_and_ten_positions_within_three_seconds(tmp_path: Path) -> None:
    """Each request takes 100 ms there and back."""
    symbols = many_instruments(BTC, 60)
    names = sorted(symbols)
    script = {(name, T0): ENTER for name in names[:10]} | {(name, T0 + MINUTE): ENTER for name in names[10:]}
    limits = Limits(
        max_position_notional=D(1_000),
        max_open_positions=60,
        max_symbol_pct=D(100),
        max_gross_pct=D(100),
        max_orders_per_minute=1_000,
    )
    settings = config(instruments=symbols, capital=D(100_000), limits=limits)
    feed = ListFeed(calm_batches(2, names), stays=True)
    bot = make_bot(tmp_path, feed, Signals(script), settings=settings, balance="100000")

    def is_set_up() -> bool:
        live = bot.manager.engine.state.all_live_orders()
        entries = sum(o.intent.purpose is Purpose.ENTRY and o.state is OrderState.OPEN for o in live)
        return entries == 50 and len(live) == 60

    waits: list[tuple[float, float]] = []

    async def latency(_kind: str, _subject: str) -> None:
        began = time.monotonic()
        await asyncio.sleep(0.1)
        waits.append((began, time.monotonic()))

    began: list[tuple[float, float]] = []

    steps: list[float] = []
    tick = bot.manager.tick

    async def counted(passed_s: float) -> None:
        steps.append(passed_s)
        await tick(passed_s)

    def slow_down() -> None:
        bot.exchange.before = latency
        bot.manager.tick = counted  # type: ignore[method-assign]
        began.append((time.monotonic(), time.process_time()))

    assert run_until(bot, is_set_up, slow_down, stop(bot)) == ExitCode.OK
    ((at, cpu_at),) = began
    # Counted so that other work on the machine does not matter: what this process computes, and what waits for what.
    # Its steps and the waits for the exchange run side by side: the sum is more than it takes.
    waited_s = 0.1 * len(one_after_the_other(waits)) + shutdown.STEP_SECONDS * len(steps)
    assert waited_s + time.process_time() - cpu_at <= 3
    assert time.monotonic() - at <= 15
    assert resting(tmp_path) == []
    assert bot.manager.engine.state.positions == {}
