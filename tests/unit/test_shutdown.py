"""The handler by itself: what a signal does, and what it must not do."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Iterator

import pytest

from trading.exit_codes import ExitCode
from trading.utils.shutdown import SIGNALS, GracefulShutdownHandler


class Recorder:
    """Stands for the watchdog and for the requests of a bot: keeps what it is told."""

    def __init__(self) -> None:
        self.deadlines: list[ExitCode] = []
        self.hurried: list[float] = []

    def end_by(self, _at: float, code: ExitCode, _why: str) -> None:
        self.deadlines.append(code)

    def hurry(self, timeout_s: float, until: float | None = None) -> None:
        self.hurried.append(timeout_s)


class Manager:
    """As much of a bot as a handler touches before the stop begins."""

    policy = "flatten"

    def __init__(self) -> None:
        self.watchdog = self.requests = Recorder()


@pytest.fixture
def handler() -> Iterator[GracefulShutdownHandler]:
    handler = GracefulShutdownHandler(manager=Manager(), timeout=30)  # type: ignore[arg-type]
    handler.register()
    yield handler
    handler.restore_signals()


def test_it_takes_both_signals_over_and_gives_them_back() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    handler = GracefulShutdownHandler(manager=Manager(), timeout=30)  # type: ignore[arg-type]
    handler.register()
    assert [signal.getsignal(number) for number in SIGNALS] == [handler._on_signal, handler._on_signal]
    handler.restore_signals()
    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert set(SIGNALS) == {signal.SIGTERM, signal.SIGINT}


def test_outside_the_main_thread_it_leaves_signals_alone() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    handler = GracefulShutdownHandler(manager=Manager(), timeout=30)  # type: ignore[arg-type]
    thread = threading.Thread(target=handler.register)
    thread.start()
    thread.join()
    assert [signal.getsignal(number) for number in SIGNALS] == before


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_asks_for_the_stop_and_the_second_forces_it(
    handler: GracefulShutdownHandler, number: signal.Signals
) -> None:
    assert not handler.requested
    os.kill(os.getpid(), number)
    assert (handler.requested, handler.reason, handler._is_forced) == (True, number.name, False)
    os.kill(os.getpid(), signal.SIGTERM)
    assert handler._is_forced
    assert handler.manager.watchdog.deadlines == [ExitCode.FORCED]  # type: ignore[attr-defined]


def test_the_first_reason_and_policy_stay(handler: GracefulShutdownHandler) -> None:
    assert handler.policy == "flatten"
    handler.request("the owner", "keep")
    handler.request("another", "cancel")
    os.kill(os.getpid(), signal.SIGTERM)
    assert (handler.reason, handler.policy, handler._is_forced) == ("the owner", "keep", False)


def test_a_signal_takes_no_lock_that_the_interrupted_code_may_hold(handler: GracefulShutdownHandler) -> None:
    """Both signals arrive while a lock of the log and of threading's own book-keeping is held: nothing waits."""
    threads = threading._active_limbo_lock  # type: ignore[attr-defined]
    with threads:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
    assert handler._is_forced


def test_what_was_asked_for_before_the_loop_takes_effect_in_it(handler: GracefulShutdownHandler) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)

    async def attach() -> tuple[bool, bool]:
        handler.attach(asyncio.get_running_loop())
        return handler.wake.is_set(), handler._forced.is_set()

    assert asyncio.run(attach()) == (True, True)
    assert handler.manager.requests.hurried == [3.0]  # type: ignore[attr-defined]


def test_a_signal_wakes_a_loop_that_sleeps(handler: GracefulShutdownHandler) -> None:
    async def sleep() -> bool:
        handler.attach(asyncio.get_running_loop())
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
        async with asyncio.timeout(30):
            await handler.wake.wait()
        return handler.requested

    assert asyncio.run(sleep())
    os.kill(os.getpid(), signal.SIGTERM)  # the loop has ended: nothing to wake, and no error
    assert handler._is_forced
