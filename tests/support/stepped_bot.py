"""A bot in a process of its own that stops at every moment and goes on when its controller says so."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import structlog

from tests.support.audit import note
from tests.support.bots import ON_SERVER, ListFeed, LivelySignals, calm_batches, make_bot, url_of
from tests.support.forking import forking
from trading import manager as driver
from trading.domain.orders import Purpose
from trading.store.batch import Batch

GO = "go"


class SteppedBot:
    """The controller's side.

    Args:
        folder: the bot's; its database is there, or where `url_of` says.
        symbols, candles, seed: of the market, and of the signals.
    """

    def __init__(self, folder: Path, symbols: list[str], candles: int, seed: int) -> None:
        self._connection, theirs = multiprocessing.Pipe()
        self._process: ForkServerProcess = forking().Process(
            target=_run, args=(folder, url_of(folder), symbols, candles, seed, theirs), daemon=True
        )
        self._process.start()
        theirs.close()

    def next_moment(self) -> str | None:
        """The moment at which the bot waits now; None when it has ended."""
        if not self._connection.poll(60):
            raise AssertionError("the bot neither goes on nor ends")
        try:
            return str(self._connection.recv())
        except EOFError:
            self._process.join(60)
            return None

    def go(self) -> None:
        """Let it go on to its next moment."""
        self._connection.send(GO)

    def kill(self) -> None:
        """kill -9."""
        self._process.kill()
        self._process.join(60)

    @property
    def exit_code(self) -> int | None:
        """As of the process; None while it lives."""
        return self._process.exitcode


def _run(folder: Path, url: str, symbols: list[str], candles: int, seed: int, controller: Connection) -> None:
    ON_SERVER[folder] = url
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    driver.POLL_SECONDS = 0.0

    one_at_a_time = threading.Lock()

    def moment(name: str) -> None:
        with one_at_a_time:
            controller.send(name)
            controller.recv()

    async def at_batch(index: int) -> None:
        moment(f"batch {index}")

    feed = ListFeed(calm_batches(candles, symbols), at=at_batch)
    signals = LivelySignals(seed, enter=0.7, exit_=0.3)
    bot = make_bot(folder, feed, signals, policy="keep", stop_at_end=True, end=os._exit)

    async def before(kind: str, subject: str) -> None:
        orders = bot.manager.engine.state.orders
        if kind == "submit" and orders[subject].intent.purpose is Purpose.ENTRY:
            note(url, "send", subject)
        moment(f"before {kind}")

    async def after(kind: str, _subject: str) -> None:
        moment(f"after {kind}")

    commit, stopped = bot.journal.commit, bot.manager.database.entries_stopped

    def hooked_commit(batch: Batch) -> None:
        moment("before commit")
        commit(batch)
        moment("after commit")

    def hooked_stopped() -> str:
        moment("before the last look")
        note(url, "look", "")
        why = stopped()
        moment("after the last look")
        return why

    bot.exchange.before, bot.exchange.after = before, after
    bot.journal.commit = hooked_commit  # type: ignore[method-assign]
    bot.manager.requests._entries_stopped = hooked_stopped
    sys.exit(asyncio.run(bot.manager.run()))
