"""The benchmarks measure what they say: engine and baseline end at the same cent, every part has a figure."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks import health_load
from benchmarks.__main__ import parts
from benchmarks.event_stream import latency
from benchmarks.guards import checks, status
from benchmarks.live_path import kill, restart
from benchmarks.markets import demo, random_walk
from benchmarks.processes import start
from benchmarks.rows import Row
from benchmarks.sma_cross import engine, naked_loop
from benchmarks.stream import stream


def test_the_engine_and_a_naked_loop_end_at_the_same_cent() -> None:
    table = random_walk(3_000)
    equity = engine(table)
    assert equity == engine(table, every_candle=False)
    assert equity == pytest.approx(naked_loop(table), abs=0.005)
    assert equity != pytest.approx(1_000_000, abs=0.005)


def test_the_memory_benchmark_trades() -> None:
    found = stream(6_000)
    assert found["trades"] > 0
    assert 0 < found["start_mb"] <= found["end_mb"] * 1.1


@pytest.mark.parametrize(
    "measure",
    [
        lambda: start(times=1),
        kill,
        lambda: restart(symbols=2, candles=800),
        lambda: checks(100),
        lambda: status(800, times=1),
        lambda: latency(2, 4.0),
        lambda: health_load.measure(1.0)[:1],
    ],
)
def test_the_live_benchmarks_come_to_a_figure(measure: Callable[[], list[Row]]) -> None:
    for row in measure():
        assert row.value > 0


def test_every_part_is_there() -> None:
    named = {"sma", "decision", "start", "memory", "cycle", "order", "restart", "kill", "checks", "status"}
    named |= {"health", "stream", "load", "page"}
    assert set(parts(True)) == named
    assert [table.symbol for table in demo(2, 10)] == ["C000/USDT", "C001/USDT"]
