"""The watchdog: what it ends, with which code, and what it leaves alone."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

import pytest

from trading.exit_codes import ExitCode
from trading.monitoring import watchdog
from trading.monitoring.watchdog import LOOK_SECONDS, Watchdog


class Loop:
    """A loop and its clock: `pass_time` lets the watchdog look as often as it would."""

    def __init__(self, stalled_after_s: float = 20.0) -> None:
        self.now = 1000.0
        self.beat = 1000.0
        self.watchdog = Watchdog(
            lambda: self.beat, list, stalled_after_s=stalled_after_s, end=self.ended, monotonic=lambda: self.now
        )
        self.watchdog._last_look = self.now

    @staticmethod
    def ended(code: int) -> None:
        raise AssertionError(f"only looked at, and it ended with {code}")

    def pass_time(self, seconds: float, *, beating: bool = False) -> tuple[ExitCode, str] | None:
        for _ in range(round(seconds / LOOK_SECONDS)):
            self.now += LOOK_SECONDS
            if beating:
                self.beat = self.now
            verdict = self.watchdog.verdict()
            if verdict is not None:
                return verdict
        return None


def test_a_loop_that_goes_on_is_left_alone() -> None:
    loop = Loop()
    assert loop.pass_time(3600, beating=True) is None


def test_a_loop_that_stands_still_is_ended_after_the_bound() -> None:
    loop = Loop()
    loop.pass_time(5, beating=True)
    assert loop.pass_time(20) is None
    assert loop.pass_time(1) == (ExitCode.STALLED, "the loop has stood still for 20 s")


def test_a_beat_begins_the_count_anew() -> None:
    loop = Loop()
    assert loop.pass_time(19) is None
    assert loop.pass_time(1, beating=True) is None
    assert loop.pass_time(19) is None


def test_time_in_which_the_process_was_paused_does_not_count() -> None:
    loop = Loop()
    loop.pass_time(1)
    loop.now += 3600
    assert loop.watchdog.verdict() is None
    assert loop.pass_time(18) is None


def test_a_deadline_ends_a_loop_that_goes_on() -> None:
    loop = Loop()
    loop.watchdog.end_by(loop.now + 10, ExitCode.LEFT_OPEN, "too long")
    assert loop.pass_time(9.5, beating=True) is None
    assert loop.pass_time(1, beating=True) == (ExitCode.LEFT_OPEN, "too long")


def test_the_last_deadline_counts() -> None:
    loop = Loop()
    loop.watchdog.end_by(loop.now + 1, ExitCode.LEFT_OPEN, "too long")
    loop.watchdog.end_by(loop.now + 5, ExitCode.OK, "closing")
    assert loop.pass_time(4.5, beating=True) is None
    assert loop.pass_time(1, beating=True) == (ExitCode.OK, "closing")


def ended_with(what_is_left: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch) -> int:
    """The code with which a real thread ends a loop that never beats."""
    monkeypatch.setattr(watchdog, "LOOK_SECONDS", 0.01)
    ended = threading.Event()
    codes: list[int] = []

    def end(code: int) -> None:
        codes.append(code)
        ended.set()

    dog = Watchdog(lambda: 0.0, what_is_left, stalled_after_s=0.05, end=end)
    dog.start()
    assert ended.wait(30)
    dog.stop()
    return codes[0]


def test_the_thread_tells_what_is_left_and_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []

    def left() -> list[str]:
        asked.append(True)
        return ["position BTC/USDT 1"]

    assert ended_with(left, monkeypatch) == ExitCode.STALLED
    assert asked == [True]


def test_a_log_that_hangs_or_fails_does_not_keep_the_process_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "LOG_SECONDS", 0.1)
    released = threading.Event()

    def hangs() -> list[str]:
        released.wait(60)
        return []

    def fails() -> list[str]:
        raise RuntimeError("dictionary changed size during iteration")

    assert ended_with(hangs, monkeypatch) == ExitCode.STALLED
    released.set()
    assert ended_with(fails, monkeypatch) == ExitCode.STALLED


def test_it_watches_no_more_once_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "LOOK_SECONDS", 0.01)
    others = set(threading.enumerate())
    dog = Watchdog(lambda: 0.0, list, stalled_after_s=3600, end=os._exit)
    dog.start()
    dog.stop()
    assert not [thread for thread in set(threading.enumerate()) - others if thread.name == "watchdog"]
