"""Channels, clocks and senders for the tests of alerts: nothing runs beside the test unless it says so."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC
from pathlib import Path

import sqlalchemy as sa

from trading.domain.actions import Level, Notify
from trading.monitoring.alerts.message import Message
from trading.monitoring.alerts.rules import AlertRules, QuietHours
from trading.monitoring.alerts.sender import AlertSender
from trading.store.alerts import store_alerts
from trading.store.database import open_database

NOW_MS = 1_750_000_000_000  # 2025-06-15 15:06:40 UTC
JOIN_MS = 300_000


class Clock:
    """Both clocks of a sender, moved by the test alone."""

    def __init__(self) -> None:
        self.ms = NOW_MS

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000

    def pass_s(self, seconds: float) -> None:
        self.ms += round(seconds * 1000)


class FakeChannel:
    """Takes messages, or does not. `got` are those that arrived, in order; `seqs` the alerts in them."""

    def __init__(self, name: str = "slack") -> None:
        self.name = name
        self.error = ""
        self.got: list[Message] = []
        self.tries = 0

    def send(self, message: Message) -> str:
        self.tries += 1
        if not self.error:
            self.got.append(message)
        return self.error

    @property
    def seqs(self) -> list[int]:
        return [alert.seq for message in self.got for alert in message.told]


class Spawned:
    """Keeps what was to run beside the sender, until the test runs it; or runs it at once."""

    def __init__(self, *, at_once: bool = True) -> None:
        self.at_once = at_once
        self.waiting: list[tuple[str, Callable[[], None]]] = []

    def __call__(self, act: Callable[[], None], name: str) -> None:
        self.waiting.append((name, act))
        if self.at_once:
            self.run()

    def run(self, name: str = "") -> None:
        """Run what waits; with a name only what has it."""
        some = [one for one in self.waiting if name in one[0]]
        self.waiting = [one for one in self.waiting if one not in some]
        for _, act in some:
            act()


def make_sender(
    engine: sa.Engine,
    channels: Sequence[FakeChannel],
    clock: Clock,
    *,
    level: Level = Level.INFO,
    join_ms: int = JOIN_MS,
    quiet: QuietHours | None = None,
    max_per_minute: int = 60,
    spawn: Spawned | None = None,
) -> AlertSender:
    """A sender whose every step the test takes."""
    return AlertSender(
        channels,
        AlertRules(lambda _channel: level, join_ms=join_ms, quiet=quiet),
        lambda: engine,
        name="bot",
        zone=UTC,
        max_per_minute=max_per_minute,
        now_ms=clock.now_ms,
        monotonic=clock.monotonic,
        spawn=spawn or Spawned(),
    )


def note(code: str = "CODE", *, level: Level = Level.WARNING, symbol: str = "", text: str = "text") -> Notify:
    return Notify(level, code, text, symbol)


def tell(engine: sa.Engine, clock: Clock, *notes: Notify) -> None:
    """Store alerts, as of the clock's time."""
    store_alerts(engine, [(one, clock.ms) for one in notes])


def alert_database(folder: Path) -> sa.Engine:
    """A new database."""
    return open_database(f"sqlite:///{folder / 'tradebot.db'}")
