"""Two hundred listen for ten minutes: nobody is sent away, and the server's memory does not grow."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest
import uvloop

from benchmarks.dashboard_rig import Dashboard, dashboard, timed_bot
from benchmarks.listeners import listen

CLIENTS = 200
MINUTES = 10
GROWTH_MAX = 1.15


async def watched(server: Dashboard, minutes: int) -> list[float]:
    """The server's memory (MB) at the end of each minute, with everybody there until the last."""
    listeners = await listen(server.port, CLIENTS, server.headers)
    found: list[float] = []
    for _ in range(minutes):
        await asyncio.sleep(60)
        found.append(server.resident_mb())
        listeners[0].texts.clear()
    assert [listener.closed for listener in listeners] == [None] * CLIENTS
    for listener in listeners:
        numbers = sorted(listener.came)
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        listener.close()
    return found


@pytest.mark.soak
def test_two_hundred_listen_for_ten_minutes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with timed_bot(tmp_path, "--speed", "4") as bot, dashboard(tmp_path) as server:
        memory = uvloop.run(watched(server, MINUTES))
        bot.stop()
    with capsys.disabled():  # the figure is what the run is for
        sys.stdout.write(f"\nmemory of the server, {CLIENTS} clients, MB by minute: {[round(mb) for mb in memory]}\n")
    assert memory[-1] <= memory[1] * GROWTH_MAX
