"""Ends the process from outside its loop: when the loop stands still, and when a stop takes longer than it may."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence

import structlog

from trading.exit_codes import ExitCode

log = structlog.get_logger(__name__)

STALLED_AFTER_SECONDS = 20.0
LOOK_SECONDS = 0.25
LOG_SECONDS = 1.0


class Watchdog:
    """A daemon thread that looks at the loop's sign of life, and at a deadline where one is set.

    The process is ended without any clean-up: nothing of a loop that hangs can be relied on. What was committed is in
    the journal, and stops rest at the exchange.

    Args:
        beat_at: when the loop last went on (monotonic seconds).
        what_is_left: what the log line says is still open or held.
        stalled_after_s: how long the loop may stand still. Time in which this thread stood still too (a paused
            container, a machine asleep) does not count.
        end: ends the process; a test gives its own.
        monotonic: seconds that never run backwards.
    """

    def __init__(
        self,
        beat_at: Callable[[], float],
        what_is_left: Callable[[], Sequence[str]],
        *,
        stalled_after_s: float = STALLED_AFTER_SECONDS,
        end: Callable[[int], object] = os._exit,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._beat_at = beat_at
        self._what_is_left = what_is_left
        self._stalled_after_s = stalled_after_s
        self._end = end
        self._monotonic = monotonic
        self._deadline: tuple[float, ExitCode, str] | None = None
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self._last_beat = 0.0
        self._last_look = 0.0
        self._still_s = 0.0

    def start(self) -> None:
        """Begin to watch; again after `stop`, if so wished."""
        self._stopped.clear()
        self._last_look = self._monotonic()
        self._still_s = 0.0
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watch no more. Returns once the thread has ended."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._deadline = None

    def end_by(self, at: float, code: ExitCode, why: str) -> None:
        """End the process with `code` at `at` (monotonic seconds). The last call counts.

        One assignment and no lock, so that a signal handler may call it.
        """
        self._deadline = (at, code, why)

    def verdict(self) -> tuple[ExitCode, str] | None:
        """Look once: None, or the exit code with which the process must end now, and why."""
        now = self._monotonic()
        looked_s = min(now - self._last_look, 2 * LOOK_SECONDS)
        self._last_look = now
        beat = self._beat_at()
        self._still_s = self._still_s + looked_s if beat == self._last_beat else 0.0
        self._last_beat = beat
        if self._deadline is not None and now >= self._deadline[0]:
            return self._deadline[1:]
        if self._still_s > self._stalled_after_s:
            return ExitCode.STALLED, f"the loop has stood still for {self._still_s:.0f} s"
        return None

    def _watch(self) -> None:
        while not self._stopped.wait(LOOK_SECONDS):
            verdict = self.verdict()
            if verdict is not None:
                # What keeps the loop may keep the log too: a line that cannot be written must not keep the end.
                line = threading.Thread(target=self._tell, args=verdict, name="last-words", daemon=True)
                line.start()
                line.join(LOG_SECONDS)
                self._end(int(verdict[0]))
                return

    def _tell(self, code: ExitCode, why: str) -> None:
        try:
            left = list(self._what_is_left())
        except RuntimeError as error:  # the loop is not as dead as it seemed, and changed what was being listed
            left = [f"not to be listed: {error}"]
        log.critical("watchdog.end", code=int(code), why=why, left=left)
