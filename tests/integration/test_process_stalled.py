"""The watchdog of a real process: a loop that stands still ends it, a database that is locked does not."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path

import pytest

from tests.support.bots import resting
from tests.support.processes import BotProcess, until
from tests.unit.store.store_workers import WriteLockHeld
from trading.domain.orders import Purpose
from trading.exit_codes import ExitCode


def bot_that_stalls(folder: Path, stalled_after_s: float, what: str) -> BotProcess:
    command = [sys.executable, "-m", "tests.support.stalled_bot", str(folder), str(stalled_after_s), what]
    return BotProcess(folder, command=command)


def test_row_36_a_loop_that_stands_still_ends_the_process(tmp_path: Path) -> None:
    with bot_that_stalls(tmp_path, 3.0, "feed") as bot:
        assert bot.end() == ExitCode.STALLED, bot.tail()
    last = bot.lines[-1]
    assert (last["event"], last["level"], last["code"]) == ("watchdog.end", "critical", int(ExitCode.STALLED))
    assert last["why"].startswith("the loop has stood still for ")
    assert resting(tmp_path) == [Purpose.STOP]


@pytest.mark.parametrize("seconds", [5, pytest.param(60, marks=pytest.mark.soak)])
def test_a_database_that_is_locked_is_no_loop_that_stands_still(tmp_path: Path, seconds: int) -> None:
    """It is locked for longer than the loop may stand still."""
    with bot_that_stalls(tmp_path, 4.0, "database") as bot:
        bot.wait_for("fill")
        with WriteLockHeld(tmp_path / "tradebot.db"):
            bot.wait_for("database.failed")
            since = time.monotonic()
            until(lambda: time.monotonic() - since > seconds, "the time passes", pause_s=0.05)
        bot.signal(signal.SIGTERM)
        assert bot.end() == ExitCode.OK, bot.tail()
