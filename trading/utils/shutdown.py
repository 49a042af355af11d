"""The graceful stop: a signal only sets a flag; the loop latches entries, cancels, closes by policy, and checks."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

import structlog

from trading.domain.actions import Level, Notify
from trading.domain.events import Command, CommandKind
from trading.domain.orders import ACKNOWLEDGED, Order, Purpose
from trading.domain.positions import Position
from trading.engine.adoption import is_left_to_a_person
from trading.exit_codes import ExitCode

if TYPE_CHECKING:
    from trading.manager import TradingManager

log = structlog.get_logger(__name__)

POLICIES = ("flatten", "cancel", "keep")
PROTECT_RESERVE_SECONDS = 8.0
REQUEST_SECONDS = 3.0
STEP_SECONDS = 0.1
ASK_AGAIN_SECONDS = 1.0
GRACE_SECONDS = 2.0
FORCED_GRACE_SECONDS = 1.0
CLOSE_SECONDS = 6.0
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class GracefulShutdownHandler:
    """Ends one bot in order.

    Args:
        manager: the bot.
        timeout: seconds that the whole stop may take, from the signal on. The last `PROTECT_RESERVE_SECONDS` of it (at
            most half of it) are kept for putting stops back on what could not be closed.
    """

    def __init__(self, *, manager: TradingManager, timeout: float = 30.0) -> None:
        self.manager = manager
        self.timeout = timeout
        self.wake = asyncio.Event()
        self.reason = ""
        self._requested_at: float | None = None
        self._policy = ""
        self._signals = 0
        self._is_forced = False
        self._forced = asyncio.Event()
        self._checked = False
        self._saved = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._previous: dict[signal.Signals, Any] = {}

    # -- asking for it

    @property
    def requested(self) -> bool:
        """Whether the bot is to stop."""
        return self._requested_at is not None

    @property
    def policy(self) -> str:
        """What is done with positions: flatten, cancel or keep."""
        return self._policy or self.manager.policy

    def register(self) -> None:
        """Take over SIGTERM and SIGINT. Only the main thread may; elsewhere stops come as commands alone."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in SIGNALS:
            self._previous[number] = signal.signal(number, self._on_signal)

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Name the loop that signals wake. What was asked for before takes effect."""
        self._loop = loop
        if self._is_forced:
            self._forced.set()
        if self.requested:
            self._hurry()

    def restore_signals(self) -> None:
        """Give the signals back."""
        for number, previous in self._previous.items():
            signal.signal(number, previous)
        self._previous.clear()

    def request(self, reason: str, policy: str = "") -> None:
        """Ask for the stop; `policy` (flatten, cancel, keep) instead of the configured one. Once is enough."""
        if self._requested_at is None:
            self._requested_at = time.monotonic()
            self.reason = reason
            self._policy = policy
        self._in_loop(self._hurry)

    def force(self) -> None:
        """End at once: what is still under way is left, and listed. The watchdog ends a loop that does not react."""
        self._is_forced = True
        self.manager.watchdog.end_by(time.monotonic() + FORCED_GRACE_SECONDS, ExitCode.FORCED, "a second signal")
        self._in_loop(self._forced.set)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        # A handler runs between any two instructions of the main thread: it takes no lock and writes no log.
        self._signals += 1
        if self._signals > 1:
            self.force()
        else:
            self.request(signal.Signals(number).name)

    def _hurry(self) -> None:
        self.wake.set()
        self.manager.requests.hurry(self._request_s)

    @property
    def _request_s(self) -> float:
        return min(REQUEST_SECONDS, self.timeout / 10)

    def _in_loop(self, act: Callable[[], None]) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop has ended: there is nothing left to wake
                self._loop.call_soon_threadsafe(act)

    # -- the stop

    async def run(self) -> int:
        """Stop within the budget; the process's exit code. What could not be done is logged and told."""
        manager = self.manager
        manager.phase = "stopping"
        began = self._requested_at = time.monotonic() if self._requested_at is None else self._requested_at
        deadline = began + self.timeout
        log.info("shutdown.begin", reason=self.reason or "end of the feed", policy=self.policy, budget_s=self.timeout)
        if not self._is_forced:
            manager.watchdog.end_by(deadline + GRACE_SECONDS, ExitCode.LEFT_OPEN, f"no end within {self.timeout:g} s")
        work = asyncio.create_task(self._stop(deadline))
        forced = asyncio.create_task(self._forced.wait())
        budget = max(deadline - time.monotonic(), 0.0)
        await asyncio.wait({work, forced}, timeout=budget, return_when=asyncio.FIRST_COMPLETED)
        code = ExitCode.OK
        if self._is_forced:
            code = ExitCode.FORCED
        elif not work.done():
            code = ExitCode.LEFT_OPEN
        elif (error := work.exception()) is not None:
            log.critical("shutdown.failed", exc_info=error)
            code = ExitCode.FAILED
        for task in (work, forced):
            task.cancel()
        await asyncio.wait({work, forced}, timeout=GRACE_SECONDS)
        self._save_state()
        if code is ExitCode.OK and self._open():
            code = ExitCode.LEFT_OPEN
        elif code is ExitCode.OK and self._unsaved():
            code = ExitCode.FAILED
        self._tell(code, round(time.monotonic() - began, 2))
        close_s = FORCED_GRACE_SECONDS if code is ExitCode.FORCED else CLOSE_SECONDS
        manager.watchdog.end_by(time.monotonic() + close_s, code, f"not closed within {close_s:g} s")
        return int(code)

    def left(self) -> list[str]:
        """What should be gone, checked or saved before exit code 0, and is not; in words."""
        return self._open() + self._unsaved()

    def _open(self) -> list[str]:
        state = self.manager.engine.state
        flatten = self.policy == "flatten"
        left = [
            f"{order.intent.purpose} order {order.id} {order.intent.symbol} {order.state}"
            for order in state.all_live_orders()
            if order.intent.purpose is not Purpose.STOP or flatten
        ]
        left += [
            f"position {position.symbol} {position.quantity} {self._stop_of(position)}"
            for position in state.positions.values()
            if flatten or not self._is_safe(position)
        ]
        return left if self._checked else [*left, "not checked with the exchange"]

    def _stops(self, position: Position) -> list[Order]:
        """Its stops that may rest."""
        return [
            order
            for order in self.manager.engine.state.live_orders(position.symbol)
            if order.intent.purpose is Purpose.STOP and not order.state.is_final and not is_left_to_a_person(order)
        ]

    def _is_safe(self, position: Position) -> bool:
        """Whether its stop rests, by the exchange's last word, or it needs none."""
        return position.unprotected_since_ms is None and not any(map(_is_in_doubt, self._stops(position)))

    def _stop_of(self, position: Position) -> str:
        """What is known of its stop, in words."""
        stops = self._stops(position)
        if any(stop.cancel_requested_ms is not None for stop in stops):
            return "with a stop whose cancelling is in doubt"
        if any(map(_is_in_doubt, stops)):
            return "with a stop that is in doubt"
        return "with its stop" if stops and self._is_safe(position) else "without a stop"

    def _unsaved(self) -> list[str]:
        lost = "the journal lacks the last changes: the next start asks the exchange"
        missing = [lost] if self.manager.line.has_unsaved else []
        return missing if self._saved else [*missing, "the state file was not written"]

    async def _stop(self, deadline: float) -> None:
        manager = self.manager
        protect_at = deadline - min(PROTECT_RESERVE_SECONDS, self.timeout / 2)
        is_done = self._is_flat if self.policy == "flatten" else self._is_kept
        manager.requests.hurry(self._request_s, until=protect_at)
        manager.line.latch_entries("shutting down")
        await self._command(CommandKind.CANCEL_ENTRIES)
        # A sale takes the stop away first. Of an exchange whose answers do not come nobody would know whether it has:
        # until it has answered once, stops stay.
        if self.policy == "flatten" and await self._is_told(protect_at):
            await self._command(CommandKind.CLOSE_ALL)
        if not await self._settle(is_done, protect_at):
            log.warning("shutdown.protecting", left=self.left())
            manager.requests.hurry(self._request_s, until=deadline)
            await self._command(CommandKind.PROTECT)
            await self._settle(self._is_kept, deadline)
        # A journal that is locked may be free again in a moment.
        await self._until(lambda: not manager.line.has_unsaved, protect_at)

    async def _settle(self, is_done: Callable[[], bool], until: float) -> bool:
        """Whether it is done until then (monotonic seconds), by the word of the exchange as well.

        What the exchange shows may be news: then there is more to do, and to check again.
        """
        while time.monotonic() < until:
            await self._until(is_done, until)
            if await self._is_confirmed(until) and is_done():
                return True
        return False

    async def _command(self, kind: CommandKind) -> None:
        now_ms = self.manager.now_ms()
        await self.manager.pump(
            [Command(time_ms=now_ms, id=f"stop-{kind}", kind=kind, by="shutdown", reason="shutdown")]
        )

    async def _until(self, done: Callable[[], bool], until: float) -> None:
        """Let answers come in and time pass until `done` or until then (monotonic seconds)."""
        manager = self.manager
        last = time.monotonic()
        while not done() and time.monotonic() < until:
            await manager.fill_waiting()
            if done():
                return
            manager.sign_of_life()
            await asyncio.sleep(STEP_SECONDS)
            passed_s, last = time.monotonic() - last, time.monotonic()
            await manager.tick(passed_s)

    async def _is_confirmed(self, deadline: float) -> bool:
        """Whether the exchange has told the account's state after all that was done; asks until it does."""
        # What was asked before may be told from before what was done.
        await self._until(lambda: not self.manager.traffic.is_waiting, deadline)
        told = await self._is_told(deadline)
        self._checked |= told
        return told

    async def _is_told(self, until: float) -> bool:
        """Whether the exchange tells the account's state; asks until then (monotonic seconds), if it does not.

        An answer to what was asked before is no sign that answers come now, in the time that each has from now on.
        """
        traffic = self.manager.traffic
        before = traffic.asked
        while traffic.told <= before and time.monotonic() < until:
            await self._command(CommandKind.RECONCILE)
            ask_again_at = min(time.monotonic() + ASK_AGAIN_SECONDS, until)
            await self._until(lambda: traffic.told > before, ask_again_at)
        return traffic.told > before

    def _is_flat(self) -> bool:
        """Nothing is held, and no order is open but those that wait for a person."""
        state = self.manager.engine.state
        return not state.positions and all(map(is_left_to_a_person, state.all_live_orders()))

    def _is_kept(self) -> bool:
        """No order is open but stops and those that wait for a person, and every position has its stop."""
        state = self.manager.engine.state
        orders = state.all_live_orders()
        return all(o.intent.purpose is Purpose.STOP or is_left_to_a_person(o) for o in orders) and all(
            map(self._is_safe, state.positions.values())
        )

    def _save_state(self) -> None:
        try:
            self.manager.save_state()
        except OSError as error:
            log.error("shutdown.state_not_saved", file=str(self.manager.state_file), error=str(error))
        else:
            self._saved = True

    def _tell(self, code: ExitCode, took_s: float) -> None:
        held = len(self.manager.engine.state.positions)
        if code is ExitCode.OK:
            log.info("shutdown.done", policy=self.policy, took_s=took_s, positions=held)
            text = f"stopped ({self.reason or 'end of the feed'}), {self.policy}: {held} positions held"
            self.manager.notify(Notify(Level.INFO, "STOPPED", text))
            return
        left = self.left()
        log.critical("shutdown.incomplete", code=int(code), took_s=took_s, left=left)
        text = f"stopped with exit code {int(code)}; left: {'; '.join(left) or 'nothing known'}"
        self.manager.notify(Notify(Level.CRITICAL, "SHUTDOWN_INCOMPLETE", text))


def _is_in_doubt(stop: Order) -> bool:
    """Whether it may be gone: it was to be cancelled, or the account did not show it, and no answer tells."""
    return stop.cancel_requested_ms is not None or stop.query_due_ms is not None or stop.state not in ACKNOWLEDGED
