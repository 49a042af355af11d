"""The graceful stop: a signal sets a flag; the loop then latches entries, cancels, closes by policy, and checks."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

import structlog

from trading.domain.actions import Level, Notify
from trading.domain.events import ClockTick, Command, CommandKind, Event
from trading.domain.orders import Purpose
from trading.exit_codes import ExitCode

if TYPE_CHECKING:
    from trading.manager import TradingManager

log = structlog.get_logger(__name__)

PROTECT_RESERVE_SECONDS = 8.0
STEP_SECONDS = 0.1
GRACE_SECONDS = 2.0
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class GracefulShutdownHandler:
    """Ends one bot in order.

    Args:
        manager: the bot.
        timeout: seconds that the whole stop may take. The last `PROTECT_RESERVE_SECONDS` of it are kept for putting
            stops back on what could not be closed.
    """

    def __init__(self, *, manager: TradingManager, timeout: float = 30.0) -> None:
        self.manager = manager
        self.timeout = timeout
        self.wake = asyncio.Event()
        self.requested = False
        self.reason = ""
        self._policy = ""
        self._forced = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._previous: dict[signal.Signals, Any] = {}

    # -- signals

    def register(self) -> None:
        """Take over SIGTERM and SIGINT. Only the main thread may; elsewhere stops come as commands alone."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in SIGNALS:
            self._previous[number] = signal.signal(number, self._on_signal)

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Name the loop that signals wake."""
        self._loop = loop

    def restore_signals(self) -> None:
        """Give the signals back."""
        for number, previous in self._previous.items():
            signal.signal(number, previous)
        self._previous.clear()

    def request(self, reason: str, policy: str = "") -> None:
        """Ask for the stop; `policy` (flatten, cancel, keep) instead of the configured one. Once is enough."""
        if not self.requested:
            self.requested = True
            self.reason = reason
            self._policy = policy
        self._wake()

    def force(self) -> None:
        """End at once: what is under way is left, and listed. A loop that does not react is ended from outside."""
        self._in_loop(self._forced.set)
        timer = threading.Timer(GRACE_SECONDS, os._exit, [int(ExitCode.FORCED)])
        timer.daemon = True
        timer.start()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            self.force()
        else:
            self.request(signal.Signals(number).name)

    def _wake(self) -> None:
        self._in_loop(self.wake.set)

    def _in_loop(self, act: Any) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended: there is nothing left to wake
                self._loop.call_soon_threadsafe(act)

    # -- the stop

    @property
    def policy(self) -> str:
        """What is done with positions."""
        return self._policy or self.manager.policy

    async def run(self) -> int:
        """Stop within the budget; the process's exit code. What could not be done is logged and told."""
        manager = self.manager
        manager.phase = "stopping"
        began = time.monotonic()
        log.info("shutdown.begin", reason=self.reason or "end of the feed", policy=self.policy, budget_s=self.timeout)
        self._arm_last_resort()
        work = asyncio.create_task(self._stop(began))
        forced = asyncio.create_task(self._forced.wait())
        await asyncio.wait({work, forced}, timeout=self.timeout, return_when=asyncio.FIRST_COMPLETED)
        code = ExitCode.OK
        if not work.done():
            code = ExitCode.FORCED if forced.done() else ExitCode.LEFT_OPEN
        elif work.exception() is not None:
            log.critical("shutdown.failed", error=repr(work.exception()))
            code = ExitCode.FAILED
        for task in (work, forced):
            task.cancel()
            with suppress(asyncio.CancelledError, Exception):  # its outcome has been read above
                await task
        left = self._left()
        if code is ExitCode.OK and left:
            code = ExitCode.LEFT_OPEN
        took = round(time.monotonic() - began, 2)
        if code is ExitCode.OK:
            log.info("shutdown.done", policy=self.policy, took_s=took, positions=len(manager.engine.state.positions))
        else:
            log.critical("shutdown.incomplete", code=int(code), took_s=took, left=left)
            text = f"stopped with exit code {int(code)}; left: {'; '.join(left) or 'nothing known'}"
            manager.notify(Notify(Level.CRITICAL, "SHUTDOWN_INCOMPLETE", text))
        return int(code)

    def _arm_last_resort(self) -> None:
        """A thread that ends the process should the loop itself hang: nothing here waits without a bound."""
        timer = threading.Timer(self.timeout + GRACE_SECONDS, os._exit, [int(ExitCode.LEFT_OPEN)])
        timer.daemon = True
        timer.start()
        self._last_resort = timer

    def disarm(self) -> None:
        """The process ends by itself: the last resort is not needed."""
        timer: threading.Timer | None = getattr(self, "_last_resort", None)
        if timer is not None:
            timer.cancel()

    async def _stop(self, began: float) -> None:
        manager = self.manager
        await manager.line.latch_entries("shutting down")
        flatten = self.policy == "flatten"
        await self._command(CommandKind.CLOSE_ALL if flatten else CommandKind.CANCEL_ENTRIES)
        protect_at = began + max(self.timeout - PROTECT_RESERVE_SECONDS, self.timeout / 2)
        await self._until(self._is_flat if flatten else self._is_kept, protect_at)
        if flatten and not self._is_flat():
            log.warning("shutdown.protecting", left=self._left())
            await self._command(CommandKind.PROTECT)
            await self._until(self._is_kept, began + self.timeout - STEP_SECONDS)
        await manager.check_with_exchange()
        manager.save_state()
        manager.notify(Notify(Level.INFO, "STOPPED", f"stopped ({self.reason or 'end of the feed'}), {self.policy}"))
        await manager.pump([])

    async def _command(self, kind: CommandKind) -> None:
        now_ms = self.manager.engine.state.now_ms
        command: Event = Command(time_ms=now_ms, id=f"stop-{kind}", kind=kind, by="shutdown", reason="shutdown")
        await self.manager.pump([command])

    async def _until(self, done: Any, deadline: float) -> None:
        """Let answers come in and time pass until `done` or the deadline (monotonic seconds)."""
        manager = self.manager
        while not done() and time.monotonic() < deadline:
            await manager.fill_waiting()
            if done():
                return
            await asyncio.sleep(STEP_SECONDS)
            now_ms = manager.engine.state.now_ms + round(STEP_SECONDS * 1000)
            await manager.pump([ClockTick(time_ms=now_ms)])

    def _is_flat(self) -> bool:
        state = self.manager.engine.state
        return not state.positions and not any(state.live.values())

    def _is_kept(self) -> bool:
        """No entry rests, and every position has its stop."""
        state = self.manager.engine.state
        for orders in state.live.values():
            if any(order.intent.purpose is not Purpose.STOP for order in orders.values()):
                return False
        return all(p.unprotected_since_ms is None for p in state.positions.values())

    def _left(self) -> list[str]:
        """What the policy wanted gone and is not, in words."""
        state = self.manager.engine.state
        flatten = self.policy == "flatten"
        left = [
            f"{order.intent.purpose} order {order.id} {order.intent.symbol} {order.state}"
            for orders in state.live.values()
            for order in orders.values()
            if order.intent.purpose is not Purpose.STOP or flatten
        ]
        for position in state.positions.values():
            bare = position.unprotected_since_ms is not None
            if flatten or bare:
                stop = "without a stop" if bare else "with its stop"
                left.append(f"position {position.symbol} {position.quantity} {stop}")
        return left
