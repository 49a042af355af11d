"""`/health` under load: so many requests a second at a fixed pace, while the bot replays as fast as it can."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

import uvloop

from benchmarks.dashboard_rig import Dashboard, dashboard, timed_bot
from benchmarks.rows import Row, quantile

RATE = 200
GOAL_MS = 20
TIMEOUT_S = 5.0
# A bot at full speed is alive; whether it is halted by then is its own affair. Both are answers.
ANSWERS = (200, 503)


def measure(seconds: float) -> list[Row]:
    """The 99th percentile of `/health` with a bot at full speed, beside that with one at the demo's usual pace."""
    usual, _ = _run("4", seconds)
    busy, errors = _run("max", seconds)
    late = quantile(busy, 0.99) * 1000
    middle, calm = quantile(busy, 0.5) * 1000, quantile(usual, 0.99) * 1000
    beside = f"p50 {middle:.1f} ms; p99 {calm:.1f} ms beside a bot at 4 candles/s"
    name = f"/health, {RATE} requests/s, bot at full speed, p99"
    return [
        Row(name, late, "ms", beside=beside, goal=f"≤ {GOAL_MS} ms", met=late <= GOAL_MS),
        Row("errors among them", errors, "", beside=f"of {len(busy) + errors:,} requests", goal="0", met=errors == 0),
    ]


def _run(speed: str, seconds: float) -> tuple[list[float], int]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with timed_bot(folder, "--speed", speed) as bot, dashboard(folder) as server:
            found = uvloop.run(ask(server, "/health", seconds))
            bot.stop()
    return found


async def ask(server: Dashboard, path: str, seconds: float, rate: int = RATE) -> tuple[list[float], int]:
    """The sorted times of all answers, and how many requests had none that counts.

    Each request begins when its turn has come, whether those before it are answered or not, and its time counts from
    then: a server that stands still for a moment shows in all that had to wait meanwhile.
    """
    connections = Connections(server)
    times: list[float] = []
    errors = 0

    async def one(due: float) -> None:
        nonlocal errors
        try:
            async with asyncio.timeout(TIMEOUT_S):
                status = await connections.get(path)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            status = 0
        if status in ANSWERS:
            times.append(time.perf_counter() - due)
        else:
            errors += 1

    began = time.perf_counter()
    async with asyncio.TaskGroup() as requests:
        for number in range(int(seconds * rate)):
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            requests.create_task(one(due))
    connections.close()
    return sorted(times), errors


class Connections:
    """Keep-alive connections to one server, as many as are needed at once; far lighter than a library for HTTP."""

    def __init__(self, server: Dashboard) -> None:
        self._server = server
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
        self._lines = "".join(f"{name}: {value}\r\n" for name, value in server.headers.items())

    async def get(self, path: str) -> int:
        """The status of the answer, after all of it has been read."""
        port = self._server.port
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{self._lines}\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = head.partition("content-length:")[2].partition("\r\n")[0]
            await reader.readexactly(int(length))
        except BaseException:
            writer.transport.abort()
            raise
        self._idle.append((reader, writer))
        return int(head.split(" ", 2)[1])

    def close(self) -> None:
        """End them all."""
        for _, writer in self._idle:
            writer.transport.abort()
        self._idle.clear()
