"""From an event in the bot to the message at those who listen, and what the server needs for them."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.dashboard_rig import Dashboard, cpu_seconds, dashboard, timed_bot
from benchmarks.listeners import Listener, listen
from benchmarks.rows import Row, quantile

GOAL_MS = 250
MANY = 200
HEARD_SECONDS_MAX = 60.0
SETTLED_SECONDS = 5.0
"""What comes so long after the first message was made after it."""
SPEED = "20"  # candles a second of each of the demo's three symbols; its usual pace is 4


def measure(seconds: float) -> list[Row]:
    """With one who listens and with many, and what the many cost the server."""
    return [*latency(1, seconds), *latency(MANY, seconds), *memory(MANY, seconds)]


def latency(clients: int, seconds: float) -> list[Row]:
    """The time until fills and decisions other than HOLD are with every one of so many clients."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with timed_bot(folder, "--speed", SPEED) as bot, dashboard(folder) as server:
            listeners, share = uvloop.run(_hear(server, clients, seconds))
            made = dict(bot.stop()["commits"])
    times = sorted(_times(listeners, made))
    if not times or any(listener.closed for listener in listeners):
        raise AssertionError(f"of {clients} clients some were sent away, or heard nothing")
    middle, late = quantile(times, 0.5) * 1000, quantile(times, 0.99) * 1000
    name = f"event in the bot → message at the client, {clients} client{'s' if clients > 1 else ''}, p99"
    messages = sum(len(listener.came) for listener in listeners) / seconds
    beside = (
        f"p50 {middle:.0f} ms; {len(times):,} arrivals; the server sends {messages:,.0f} messages/s, {share:.0%} CPU"
    )
    return [Row(name, late, "ms", beside=beside, goal=f"≤ {GOAL_MS} ms", met=late <= GOAL_MS)]


def memory(clients: int, seconds: float) -> list[Row]:
    """The server's memory with so many who listen, beside that without any."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with timed_bot(folder, "--speed", SPEED) as bot, dashboard(folder) as server:
            uvloop.run(_hear(server, 1, 2.0))
            alone = server.resident_mb()
            uvloop.run(_hear(server, clients, seconds))
            full = server.resident_mb()
            bot.stop()
    return [
        Row(
            f"memory of the dashboard's server, {clients} clients, {seconds:.0f} s",
            full,
            "MB",
            f"{alone:.0f} MB with one",
        )
    ]


async def _hear(server: Dashboard, clients: int, seconds: float) -> tuple[list[Listener], float]:
    """So many listeners after so long, and the share of a CPU that the server needed meanwhile.

    A machine that is busy with other things may need longer until there is anything to hear.
    """
    listeners = await listen(server.port, clients, server.headers)
    began = cpu_seconds(server.pid)
    await asyncio.sleep(seconds)
    give_up_at = asyncio.get_running_loop().time() + HEARD_SECONDS_MAX
    while not _has_news(listeners[0]):
        if asyncio.get_running_loop().time() > give_up_at:
            break
        await asyncio.sleep(0.05)
    share = (cpu_seconds(server.pid) - began) / seconds
    for listener in listeners:
        listener.close()
    return listeners, share


def _has_news(listener: Listener) -> bool:
    """Whether it heard of something that cannot have been made before it listened."""
    settled = min(listener.came.values(), default=0.0) + SETTLED_SECONDS
    first_came: dict[str, float] = {}
    for message in map(json.loads, listener.texts):
        first_came.setdefault(key_of(message), listener.came[message["seq"]])
    return any(key and came > settled for key, came in first_came.items())


def _times(listeners: list[Listener], made: dict[str, float]) -> list[float]:
    """Seconds from each thing that was measured in the bot to its message at each listener.

    A decision that says the same again, candle after candle, is one row that grows: its first message is its own, and
    what was made before anyone listened is left out.
    """
    found: list[float] = []
    since = min(listeners[0].came.values(), default=0.0)
    seen: set[str] = set()
    for text in listeners[0].texts:
        message = json.loads(text)
        key = key_of(message)
        if key not in seen and made.get(key, 0.0) >= since:
            seen.add(key)
            found += [one.came[message["seq"]] - made[key] for one in listeners if message["seq"] in one.came]
    return found


def key_of(message: dict[str, Any]) -> str:
    """As in `timed_bot`."""
    data = message["data"]
    if message["type"] == "trade_executed":
        return f"{data['symbol']} {data['trade_id']}"
    return str(data["id"]) if message["type"] == "decision" and data["verdict"] != "hold" else ""
