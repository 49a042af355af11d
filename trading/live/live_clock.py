"""The bot's time where no candles drive it: the wall clock's, but never going back and never standing still."""

from __future__ import annotations

import time
from collections.abc import Callable

from trading.clock import wall_ms
from trading.domain.actions import Level, Notify

PACE = 0.5
"""How fast time goes on while the wall clock is behind: it must catch up, and time-outs must still run out."""
BEHIND_MS = 5_000
JUMP_MS = 30_000
FUTURE_MS_MAX = 60_000
"""So far after the bot's time a candle may close, or an answer be dated. Beyond it one of the clocks is wrong."""


class LiveClock:
    """Tells the engine the time.

    A wall clock is set at times: by time synchronisation, by hand, or because the machine was asleep. A time-out that
    runs on it alone never runs out after the clock was set back, and an order or a position waits for as long. So while
    the wall clock says less than was told before, time goes on at half the pace of
    the monotonic clock until the wall clock has caught up. Forward it is followed at once. Either is told to the owner.

    Args:
        tell: is given what the owner has to know.
        wall: UTC ms; a test gives its own.
        monotonic: seconds; a test gives its own.
    """

    def __init__(
        self,
        tell: Callable[[Notify], None],
        wall: Callable[[], int] = wall_ms,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell = tell
        self._wall = wall
        self._monotonic = monotonic
        self._wall_ms = wall()
        self._looked_at = monotonic()
        self._told_ms: float = 0
        self._is_behind = False

    def begin(self) -> int:
        """The time of a start, UTC ms: the wall clock's, even where the journal is of a clock that was ahead."""
        self._wall_ms, self._looked_at = self._wall(), self._monotonic()
        self._told_ms = self._wall_ms
        return self._wall_ms

    def after(self, known_ms: int) -> int:
        """Now, UTC ms: not before `known_ms`, which has been told already, nor before what this has said."""
        wall, looked_at = self._wall(), self._monotonic()
        passed_ms = (looked_at - self._looked_at) * 1000
        jumped_ms = wall - self._wall_ms - passed_ms
        self._wall_ms, self._looked_at = wall, looked_at
        self._told_ms = max(self._told_ms + passed_ms * PACE, known_ms)
        behind_ms = self._told_ms - wall
        if behind_ms <= 0:
            self._told_ms = wall
        self._watch(behind_ms, jumped_ms)
        return int(self._told_ms)

    def _watch(self, behind_ms: float, jumped_ms: float) -> None:
        if behind_ms > BEHIND_MS and not self._is_behind:
            self._is_behind = True
            text = (
                f"the machine's clock says {behind_ms / 1000:.0f} s less than it said before; time-outs run at half "
                "pace until it has caught up, and new candles may be too old to enter on. Look at its synchronisation"
            )
            self._tell(Notify(Level.CRITICAL, "CLOCK_BEHIND", text))
        elif behind_ms <= 0 and self._is_behind:
            self._is_behind = False
            self._tell(Notify(Level.INFO, "CLOCK_BEHIND_ENDED", "the machine's clock has caught up"))
        if jumped_ms > JUMP_MS and behind_ms <= 0:
            text = (
                f"the machine's clock went {jumped_ms / 1000:.0f} s forward at once: it was set, or the machine was "
                "asleep; nothing was looked at meanwhile"
            )
            self._tell(Notify(Level.WARNING, "CLOCK_JUMPED", text))
