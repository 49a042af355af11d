"""The graceful stop when everything hangs at once: the exchange, the database and the channel of the alerts."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from contextlib import closing
from datetime import UTC
from pathlib import Path

import pytest

from tests.integration.test_shutdown import HangingChannel, has_handled, hold_up, holding_bot, run_until
from tests.support.bots import resting
from trading.domain.actions import Level
from trading.domain.orders import Purpose
from trading.exit_codes import ExitCode
from trading.monitoring.alerts.outbox import Outbox
from trading.monitoring.alerts.rules import AlertRules
from trading.monitoring.alerts.sender import AlertSender
from trading.state import TradingState

BUDGET_S = 1.0


@pytest.mark.parametrize("policy", ["flatten", "keep"])
def test_it_is_bounded_and_the_stops_stay(tmp_path: Path, policy: str) -> None:
    bot = holding_bot(tmp_path, policy=policy, shutdown_timeout_s=BUDGET_S)
    channel = HangingChannel()
    rules = AlertRules(lambda _: Level.INFO, join_ms=0)
    sender = AlertSender([channel], rules, lambda: bot.journal.engine, name="bot", zone=UTC, max_per_minute=60)
    sender.register()
    bot.manager.alerts = bot.manager.line._alerts = Outbox(bot.journal.engine, sender)
    began: list[float] = []

    def is_set_up() -> bool:
        held = bot.manager.engine.state.positions.values()
        return has_handled(bot)() and len(held) == 2 and channel.begun.is_set()

    with closing(sqlite3.connect(tmp_path / "tradebot.db", isolation_level=None)) as lock:
        acts = (
            hold_up(bot),
            lambda: lock.execute("BEGIN IMMEDIATE"),
            lambda: began.append(time.monotonic()),
            lambda: os.kill(os.getpid(), signal.SIGTERM),
        )
        code = run_until(bot, is_set_up, *acts)
        took_s = time.monotonic() - began[0]
        lock.execute("ROLLBACK")
    channel.released.set()
    assert code == ExitCode.LEFT_OPEN
    assert took_s < BUDGET_S + 12
    assert resting(tmp_path) == [Purpose.STOP, Purpose.STOP]
    assert len(TradingState.load(tmp_path / "state.json").positions) == 2
