"""How the exchange answers: what the bot's requests took, and which got no answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from statistics import median

from trading.clock import wall_ms
from trading.monitoring.report import ApiReport, ApiStatus

LATENCIES_KEPT = 20
SLOW_MS = 2_000.0
LOST_WINDOW_MS = 60_000
LOST_KEPT = 1_000
DISCONNECTED_LOST = 3
"""So many requests lost one after the other are a lost connection."""


class RequestRecord:
    """Takes note of every request that has ended. Belongs to the loop that sends them.

    Args:
        observe: is told of each request too: kind, seconds, and whether it got an answer.
        now_ms: the wall clock, UTC ms.
    """

    def __init__(
        self,
        observe: Callable[[str, float, bool], object] | None = None,
        now_ms: Callable[[], int] = wall_ms,
    ) -> None:
        self._observe = observe
        self._now_ms = now_ms
        self._latencies_ms: deque[float] = deque(maxlen=LATENCIES_KEPT)
        self._lost_ms: deque[int] = deque(maxlen=LOST_KEPT)
        self._lost_in_a_row = 0
        self._last_ms: int | None = None
        self._status = ApiStatus.DISCONNECTED
        self._since_ms: int | None = None

    def note(self, kind: str, seconds: float, *, answered: bool) -> None:
        """A request of this kind has ended after so long."""
        self._last_ms = self._now_ms()
        if answered:
            self._lost_in_a_row = 0
            self._latencies_ms.append(seconds * 1000)
        else:
            self._lost_in_a_row += 1
            self._lost_ms.append(self._last_ms)
        if self._observe is not None:
            self._observe(kind, seconds, answered)

    def report(self) -> ApiReport:
        """How it stands now."""
        now = self._now_ms()
        while self._lost_ms and self._lost_ms[0] <= now - LOST_WINDOW_MS:
            self._lost_ms.popleft()
        latency = median(self._latencies_ms) if self._latencies_ms else None
        status = self._status_now(latency)
        if status is not self._status or self._since_ms is None:
            self._status, self._since_ms = status, now
        return ApiReport(
            status=status,
            latency_ms=None if latency is None else round(latency, 3),
            last_check_ms=self._last_ms,
            lost_last_minute=len(self._lost_ms),
            since_ms=self._since_ms,
        )

    def _status_now(self, latency: float | None) -> ApiStatus:
        if latency is None or self._lost_in_a_row >= DISCONNECTED_LOST:
            return ApiStatus.DISCONNECTED
        if self._lost_in_a_row or self._lost_ms or latency > SLOW_MS:
            return ApiStatus.DEGRADED
        return ApiStatus.CONNECTED
