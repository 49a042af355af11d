"""What runs beside the bot in its own process: the dead-man ping, and commands by Telegram."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from trading.monitoring.health import HEARTBEAT_MAX_MS

if TYPE_CHECKING:
    from trading.config import Settings
    from trading.manager import TradingManager


class Helper(Protocol):
    """Something that runs in a thread of its own."""

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self) -> None:
        """End, soon."""
        ...


@contextmanager
def helpers(settings: Settings, manager: TradingManager) -> Iterator[None]:
    """While this lasts, what the settings ask for runs beside the bot. Nothing of it holds the bot up."""

    def is_well() -> bool:
        return manager.reporter.beat_age_s * 1000 <= HEARTBEAT_MAX_MS and manager.line.fault is None

    jobs = manager.reporter.jobs
    found: list[Helper | None] = []
    # Loaded only where they are asked for: what they are made of takes a moment to load.
    if settings.heartbeat_url is not None:
        from trading.monitoring.alerts.deadman import DeadManPing

        found.append(DeadManPing.of(settings, is_well, jobs))
    if settings.telegram_pin is not None:
        from trading.monitoring.alerts.telegram import TelegramCommands

        found.append(TelegramCommands.of(settings, lambda: manager.journal.engine, jobs))
    running = [helper for helper in found if helper is not None]
    for helper in running:
        helper.start()
    try:
        yield
    finally:
        for helper in running:
            helper.stop()
