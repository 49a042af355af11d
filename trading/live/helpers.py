"""What runs beside the bot in its own process: the dead-man ping, and commands by Telegram."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from trading.monitoring.alerts.deadman import DeadManPing
from trading.monitoring.alerts.telegram import TelegramCommands
from trading.monitoring.health import HEARTBEAT_MAX_MS

if TYPE_CHECKING:
    from trading.config import Settings
    from trading.manager import TradingManager


@contextmanager
def helpers(settings: Settings, manager: TradingManager) -> Iterator[None]:
    """While this lasts, what the settings ask for runs beside the bot. Nothing of it holds the bot up."""

    def is_well() -> bool:
        return manager.reporter.beat_age_s * 1000 <= HEARTBEAT_MAX_MS and manager.line.fault is None

    jobs = manager.reporter.jobs
    found = [
        helper
        for helper in (
            DeadManPing.of(settings, is_well, jobs),
            TelegramCommands.of(settings, lambda: manager.journal.engine, jobs),
        )
        if helper is not None
    ]
    for helper in found:
        helper.start()
    try:
        yield
    finally:
        for helper in found:
            helper.stop()
