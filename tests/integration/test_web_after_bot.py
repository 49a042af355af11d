"""What the dashboard writes after the bot has ended in order is in the database for all, and not in a removed log."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.support.dashboards import Dashboard
from tests.support.processes import rows, until


def test_a_kill_switch_that_is_set_after_the_bot_has_stopped_is_durable(tmp_path: Path) -> None:
    """The bot closes its database as the last one but the dashboard, whose connections must keep their locks.

    They would lose them if the dashboard opened and closed the file beside SQLite (POSIX locks belong to the process).
    """
    with Dashboard(tmp_path, together=False) as running:
        bot = running.start_bot()
        running.start_server()
        # Both of the dashboard's ways to the database are open by then, for reading first and for writing after it.
        running.wait_for("/status", lambda status: status["bot"]["state"] == "running")
        paused = running.client.post("/api/v1/bot/pause", json={"reason": "before the end"})
        assert paused.status_code == 202, paused.text
        running.wait_for(f"/commands/{paused.json()['id']}", lambda command: command["done_at"] is not None)
        bot.signal(signal.SIGTERM)
        assert bot.end() == 0
        killed = running.client.post("/api/v1/safety/kill-switch/trigger", json={"reason": "after the end"})
        assert killed.json()["latched"]
        database = running.data / "tradebot.db"
        assert rows(database, "SELECT active, reason FROM latches") == [(1, "after the end")]
        again = running.start_bot()
        until(lambda: running.ask("/status")["bot"]["state"] == "running", "the dashboard sees the next bot")
        assert again.pid == running.ask("/status")["bot"]["pid"]
        assert rows(database, "SELECT active FROM latches") == [(1,)]
