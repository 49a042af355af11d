"""What a dashboard that is being looked at adds to the time in which the bot decides."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import median

import uvloop

from benchmarks.dashboard_rig import Dashboard, dashboard, timed_bot
from benchmarks.health_load import ask
from benchmarks.listeners import listen
from benchmarks.rows import Row, quantile

GOAL = 1.05
SPEED = "20"
PAGES = 3
REQUESTS_PER_SECOND = 5
PATH = "/api/v1/status"


def measure(rounds: int, seconds: float) -> list[Row]:
    """Decision latency with and without, in turns, so that both have the same luck with the machine."""
    with_, without = [], []
    for _ in range(rounds):
        without.append(_batches(seconds, watched=False))
        with_.append(_batches(seconds, watched=True))
    ratio = _ratio(with_, without, lambda times: quantile(times, 0.5))
    late = _ratio(with_, without, lambda times: quantile(times, 0.99))
    middle = median(quantile(times, 0.5) for times in without) * 1000
    beside = (
        f"p50 {middle:.1f} ms without; p99 x{late:.2f}; {PAGES} pages listen, {REQUESTS_PER_SECOND} requests/s, "
        f"{rounds} runs each"
    )
    return [Row("decision latency with a dashboard in use, p50", ratio, "x", beside, f"≤ {GOAL}", ratio <= GOAL)]


def _ratio(with_: list[list[float]], without: list[list[float]], figure: Callable[[list[float]], float]) -> float:
    return median(map(figure, with_)) / median(map(figure, without))


def _batches(seconds: float, *, watched: bool) -> list[float]:
    """The sorted times from candles to commit of a bot, with a dashboard that is in use or without any."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        bot = stack.enter_context(timed_bot(folder, "--speed", SPEED))
        if watched:
            server = stack.enter_context(dashboard(folder))
            uvloop.run(_watch(server, seconds))
        else:
            uvloop.run(asyncio.sleep(seconds))
        found = bot.stop()["batches"]
    end = found[-1][1]
    return sorted(took for took, at in found if at > end - seconds)


async def _watch(server: Dashboard, seconds: float) -> None:
    listeners = await listen(server.port, PAGES, server.headers)
    _, errors = await ask(server, PATH, seconds, REQUESTS_PER_SECOND)
    if errors:
        raise AssertionError(f"{errors} requests of the page failed")
    for listener in listeners:
        listener.close()
