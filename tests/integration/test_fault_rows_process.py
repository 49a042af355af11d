"""Rows of the fault list (docs/TESTING.md) about the process: how it stops, what a signal does, its memory."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.support.bots import (
    Bot,
    ListFeed,
    LivelySignals,
    Signals,
    both_databases_in_soak,
    calm_batches,
    exchange_state,
    make_bot,
    resting,
)
from tests.support.builders import BTC, ENTER, ETH, MINUTE, NO_BREAKER, T0, WIDE_LIMITS, config
from tests.support.processes import BotProcess, rows, until
from trading.domain.orders import OrderState, Purpose
from trading.exit_codes import ExitCode

BOTH = [BTC.symbol, ETH.symbol]
SLOW_S = 0.02


@both_databases_in_soak
@pytest.mark.parametrize("orders", [1, 3, 6, 9])
@pytest.mark.parametrize("policy", ["flatten", "keep"])
def test_row_14_once_it_stops_nothing_is_opened_and_entries_are_latched_off_first(
    tmp_path: Path, policy: str, orders: int
) -> None:
    """Ctrl-C while an order is sent; candles that say 'enter' go on coming, and the exchange is slow."""
    settings = config(breaker=NO_BREAKER, limits=WIDE_LIMITS)
    signals = LivelySignals(3, enter=0.8, exit_=0.2)
    bot = make_bot(tmp_path, ListFeed(calm_batches(40, BOTH), stays=True), signals, settings=settings, policy=policy)
    sent_while_stopping: list[Purpose] = []
    blocked: list[str] = []

    async def before(kind: str, subject: str) -> None:
        if kind == "submit" and len(bot.exchange.sent) >= orders and not bot.manager.shutdown.requested:
            os.kill(os.getpid(), signal.SIGINT)
        if bot.manager.phase == "stopping":
            blocked.append(bot.manager.engine.entries_blocked())
            if kind == "submit":
                sent_while_stopping.append(bot.manager.engine.state.orders[subject].intent.purpose)
        await asyncio.sleep(SLOW_S)

    bot.exchange.before = before
    assert bot.run() == ExitCode.OK
    assert len(bot.exchange.sent) > orders
    assert set(blocked) == {"ENTRIES_LATCHED"}
    assert Purpose.ENTRY not in sent_while_stopping
    assert Purpose.ENTRY not in resting(tmp_path)


@both_databases_in_soak
def test_row_15_the_exchange_is_closed_last_with_every_close_finished(tmp_path: Path) -> None:
    bot = make_bot(tmp_path, ListFeed(calm_batches(3, BOTH)), Signals({(s, T0): ENTER for s in BOTH}), stop_at_end=True)
    under_way = 0
    order: list[str] = []

    async def before(_kind: str, _subject: str) -> None:
        nonlocal under_way
        under_way += 1
        await asyncio.sleep(SLOW_S)

    async def after(_kind: str, _subject: str) -> None:
        nonlocal under_way
        under_way -= 1

    bot.exchange.before, bot.exchange.after = before, after
    close_exchange, close_journal = bot.exchange.close, bot.journal.close

    async def closing() -> None:
        state = bot.manager.engine.state
        assert (under_way, state.positions, any(state.live.values())) == (0, {}, False)
        order.append("exchange")
        await close_exchange()

    def journal_closing() -> None:
        order.append("journal")
        close_journal()

    bot.exchange.close = closing  # type: ignore[method-assign]
    bot.journal.close = journal_closing  # type: ignore[method-assign]
    assert bot.run() == ExitCode.OK
    assert order == ["journal", "exchange"]
    assert resting(tmp_path) == []


@both_databases_in_soak
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_row_35_a_signal_inside_a_send_only_sets_an_event_and_the_order_is_the_bots(
    tmp_path: Path, number: signal.Signals
) -> None:
    def entering(*, stop_at_end: bool = False) -> Bot:
        script = {(BTC.symbol, T0 + minute * MINUTE): ENTER for minute in range(6)}
        feed = ListFeed(calm_batches(6, BOTH), stays=not stop_at_end)
        return make_bot(tmp_path, feed, Signals(script), policy="keep", stop_at_end=stop_at_end)

    bot = entering()
    heard = []

    async def before(kind: str, subject: str) -> None:
        if kind == "submit" and bot.manager.engine.state.orders[subject].intent.purpose is Purpose.ENTRY:
            os.kill(os.getpid(), number)
            for _ in range(5):
                await asyncio.sleep(0)
            heard.append(bot.manager.shutdown.requested)

    bot.exchange.before = before
    assert bot.run() == ExitCode.OK
    assert heard == [True]
    bought = [intent.client_order_id for intent in bot.exchange.sent if intent.purpose is Purpose.ENTRY]
    assert len(bought) == 1
    assert bot.manager.engine.state.orders[bought[0]].state is OrderState.CANCELED
    assert resting(tmp_path) == [], "no orphan"
    again = entering(stop_at_end=True)
    assert again.run() == ExitCode.OK
    orders = [order for order in exchange_state(tmp_path).orders if order.intent.purpose is Purpose.ENTRY]
    assert [order.state for order in orders] == [OrderState.CANCELED, OrderState.FILLED], "a later decision buys, once"
    assert orders[0].intent.position_id != orders[1].intent.position_id
    assert resting(tmp_path) == [Purpose.STOP]


def resident_kb(pid: int) -> int:
    """Resident memory of a process."""
    (line,) = (row for row in Path(f"/proc/{pid}/status").read_text().splitlines() if row.startswith("VmRSS"))
    return int(line.split()[1])


@pytest.mark.parametrize(
    ("minutes", "growth"),
    [(2_000, 0.15), pytest.param(150_000, 0.05, marks=pytest.mark.soak)],
)
@pytest.mark.timeout(7_200)
def test_row_30_the_memory_of_a_bot_that_trades_is_level(tmp_path: Path, minutes: int, growth: float) -> None:
    """A real bot on the demo market as fast as it goes, its latches out of the way: from half to all of it."""
    wide = {
        "TRADING_MAX_DAILY_DRAWDOWN_PCT": "100",
        "TRADING_MAX_WEEKLY_DRAWDOWN_PCT": "100",
        "TRADING_MAX_TOTAL_DRAWDOWN_PCT": "100",
        "TRADING_MAX_LOSING_STREAK": "1000000",
        "TRADING_MAX_LOSSES_PER_HOUR": "1000000",
    }
    options = ("--data-dir", "data", "--speed", "max", "--symbols", "BTC/USDT,ETH/USDT", "--log-level", "WARNING")
    database = tmp_path / "data" / "tradebot.db"

    def minute() -> int:
        ((seen,),) = rows(database, "SELECT coalesce(max(last_close_ms), 0) / 60000 FROM symbols")
        return int(seen)

    with BotProcess(tmp_path, *options, **wide) as bot:
        until(lambda: database.exists() and has_table(database) and minute() > 0, "the first candle is committed")
        first = minute()
        until(
            lambda: minute() >= first + minutes // 2,
            "half of the candles are committed",
            patience_s=max(90, minutes),
            pause_s=0.1,
        )
        half = resident_kb(bot.pid)
        until(
            lambda: minute() >= first + minutes, "all candles are committed", patience_s=max(90, minutes), pause_s=0.1
        )
        end = resident_kb(bot.pid)
        bot.signal(signal.SIGTERM)
        assert bot.end() == ExitCode.OK, bot.tail()
    ((trades,),) = rows(database, "SELECT count(*) FROM fills")
    assert trades > minutes / 500, "it hardly traded"
    assert end <= half * (1 + growth), f"{half} kB at half of the time, {end} kB at its end"


def has_table(database: Path) -> bool:
    """Whether the tables are made."""
    return bool(rows(database, "SELECT 1 FROM sqlite_master WHERE name = 'symbols'"))
