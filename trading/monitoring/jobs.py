"""What runs beside trading and may fail without stopping it: which of it failed when it last ran, and since when."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

from trading.clock import wall_ms
from trading.monitoring.report import Fault

log = structlog.get_logger(__name__)

ERROR_CHARACTERS = 300


class Jobs:
    """The background jobs of a process. Safe to call from any thread.

    A job that fails is logged once, and once more when it works again; health tells of it meanwhile.
    """

    def __init__(self, now_ms: Callable[[], int] = wall_ms) -> None:
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._failing: dict[str, Fault] = {}

    @contextmanager
    def running(self, name: str) -> Iterator[None]:
        """One run of the job: an exception is noted, and goes on."""
        try:
            yield
        except Exception as error:
            self.failed(name, repr(error))
            raise
        self.done(name)

    def failed(self, name: str, error: str) -> None:
        """The job failed. `error` holds no secret."""
        with self._lock:
            before = self._failing.get(name)
            since, count = (before.since_ms, before.count + 1) if before else (self._now_ms(), 1)
            self._failing[name] = Fault(name, error[:ERROR_CHARACTERS], since, count)
        if before is None:
            log.error("job.failed", job=name, error=error[:ERROR_CHARACTERS])

    def done(self, name: str) -> None:
        """The job ended well."""
        with self._lock:
            before = self._failing.pop(name, None)
        if before is not None:
            log.warning("job.recovered", job=name, failures=before.count)

    def failing(self) -> tuple[Fault, ...]:
        """Those that failed when they last ran, by name."""
        with self._lock:
            return tuple(self._failing[name] for name in sorted(self._failing))
