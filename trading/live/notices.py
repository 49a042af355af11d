"""Notifications on their way to the owner, in a thread of their own, so that an alert that hangs holds up nothing."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable

import structlog

from trading.domain.actions import Level, Notify

log = structlog.get_logger(__name__)

WAITING_MAX = 1_000


class Notices:
    """Logs each notification at once, and hands it to `deliver` one after the other.

    Args:
        deliver: sends an alert; it may take its time, and may fail. None where there is nowhere to send to.
    """

    def __init__(self, deliver: Callable[[Notify], None] | None = None) -> None:
        self._deliver = deliver
        self._waiting: queue.Queue[Notify | None] = queue.Queue(WAITING_MAX)
        self._thread: threading.Thread | None = None

    def tell(self, note: Notify) -> None:
        """Log it and queue it. Never waits; what finds the queue full is in the log alone."""
        log_notification(note)
        if self._deliver is None:
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="notices", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait(note)
        except queue.Full:
            log.error("notices.full", code=note.code, waiting=WAITING_MAX)

    def close(self, within_s: float) -> bool:
        """Deliver what waits, and end the thread; whether that was done in time. Nothing may be told afterwards."""
        if self._thread is None:
            return True
        until = time.monotonic() + within_s
        try:
            self._waiting.put(None, timeout=within_s)
        except queue.Full:
            pass
        else:
            self._thread.join(max(0.0, until - time.monotonic()))
            if not self._thread.is_alive():
                return True
        log.error("notices.undelivered", waiting=self._waiting.qsize(), waited_s=within_s)
        return False

    def _run(self) -> None:
        deliver = self._deliver
        while deliver is not None and (note := self._waiting.get()) is not None:
            try:
                deliver(note)
            except Exception as error:  # noqa: BLE001 - whatever a channel raises, the next alert must be tried
                log.error("notices.failed", code=note.code, error=repr(error))


def log_notification(note: Notify) -> None:
    """Put a notification into the log, at its level."""
    write = {Level.INFO: log.info, Level.WARNING: log.warning, Level.CRITICAL: log.critical}[note.level]
    write("notify", code=note.code, text=note.text, symbol=note.symbol or None)
