"""Where the bot leaves what it has to tell. It never waits here: storing and sending are other threads' work."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence

import sqlalchemy as sa
import structlog

from trading.clock import wall_ms
from trading.domain.actions import Level, Notify
from trading.monitoring.alerts.sender import AlertSender
from trading.monitoring.jobs import Jobs
from trading.store.alerts import store_alerts
from trading.store.errors import StoreError

log = structlog.get_logger(__name__)

WAITING_MAX = 1_000
STORED_AT_ONCE = 100
RETRY_SECONDS = 2.0


class Outbox:
    """Logs what is told; stores what no commit has stored; has it sent directly while it cannot be stored.

    Args:
        engine: the bot's database.
        sender: sends what is in the table; None where there is no channel.
        now_ms: the wall clock, UTC ms; a test gives its own.
    """

    def __init__(
        self, engine: sa.Engine, sender: AlertSender | None = None, now_ms: Callable[[], int] = wall_ms
    ) -> None:
        self._engine = engine
        self._sender = sender
        self._now_ms = now_ms
        self._waiting: deque[tuple[Notify, int]] = deque()
        self._guard = threading.Lock()
        self._wake = threading.Event()
        self._stop_by: float | None = None
        self._is_failing = False
        self._sent_directly = 0
        self._thread: threading.Thread | None = None

    def start(self, jobs: Jobs) -> None:
        """Begin to send; `jobs` hears of channels that keep failing."""
        if self._sender is not None:
            self._sender.jobs = jobs
            self._sender.start()

    def committed(self, notes: Sequence[Notify]) -> None:
        """These were raised by a commit that stands: they are in the table already."""
        for note in notes:
            log_notification(note)
        if notes and self._sender is not None:
            self._sender.wake()

    def uncommitted(self, notes: Sequence[Notify]) -> None:
        """These wait for a commit that cannot be made now, which will store them: send them meanwhile."""
        if self._sender is not None:
            for note in notes:
                self._sender.send_unstored(note, self._now_ms())

    def tell(self, note: Notify) -> None:
        """Something that no commit raised. Of too many that cannot be stored, the last are in the log alone."""
        log_notification(note)
        with self._guard:
            if len(self._waiting) >= WAITING_MAX:
                log.error("alerts.too_many", code=note.code, waiting=WAITING_MAX)
                return
            self._waiting.append((note, self._now_ms()))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="alerts-outbox", daemon=True)
                self._thread.start()
        self._wake.set()

    def close(self, within_s: float) -> bool:
        """Store what waits, send what is due, for at most so long; whether all that was told is stored."""
        until = time.monotonic() + within_s
        self._stop_by = until
        self._wake.set()
        if self._thread is not None:
            # Storing goes first; but a database that is locked must leave a direct message its time.
            self._thread.join(within_s / 2 if self._sender is not None else within_s)
        if self._sender is not None:
            self._sender.stop(max(0.0, until - time.monotonic()))
        with self._guard:
            left = len(self._waiting)
        if left:
            log.error("alerts.not_stored", waiting=left)
        return not left

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._waiting:
                if self._store():
                    continue
                if self._is_over():
                    return
                self._wake.wait(RETRY_SECONDS)
                self._wake.clear()
            if self._stop_by is not None and not self._waiting:
                return

    def _is_over(self) -> bool:
        return self._stop_by is not None and time.monotonic() >= self._stop_by

    def _store(self) -> bool:
        """Store the oldest ones; whether that was done. What cannot be stored is sent directly, once."""
        with self._guard:
            some = [self._waiting[number] for number in range(min(len(self._waiting), STORED_AT_ONCE))]
        try:
            store_alerts(self._engine, some)
        except StoreError as error:
            self._send_directly(error)
            return False
        with self._guard:
            for _ in some:
                self._waiting.popleft()
        self._sent_directly = max(0, self._sent_directly - len(some))
        self._is_failing = False
        if self._sender is not None:
            self._sender.wake()
        return True

    def _send_directly(self, error: StoreError) -> None:
        if not self._is_failing:
            log.error("alerts.not_stored", error=str(error), again_in_s=RETRY_SECONDS)
        self._is_failing = True
        with self._guard:
            fresh = [self._waiting[number] for number in range(self._sent_directly, len(self._waiting))]
        self._sent_directly += len(fresh)
        if self._sender is not None:
            for note, at_ms in fresh:
                self._sender.send_unstored(note, at_ms)


def log_notification(note: Notify) -> None:
    """Put a notification into the log, at its level."""
    write = {Level.INFO: log.info, Level.WARNING: log.warning, Level.CRITICAL: log.critical}[note.level]
    write("notify", code=note.code, text=note.text, symbol=note.symbol or None)
