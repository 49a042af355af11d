"""The benchmarks measure what they say: engine and baseline end at the same cent, every part has a figure."""

from __future__ import annotations

import gc
import math
import subprocess
from collections.abc import Callable

import pytest

from benchmarks import databases, health_load, year
from benchmarks.__main__ import parts
from benchmarks.event_stream import latency
from benchmarks.guards import checks, status
from benchmarks.live_path import kill, restart
from benchmarks.markets import demo, random_walk
from benchmarks.processes import start
from benchmarks.rows import Row
from benchmarks.sma_cross import engine, naked_loop
from benchmarks.stream import stream
from tests.support.postgres import NOT_HERE, PostgresServer, programs


def test_the_engine_and_a_naked_loop_end_at_the_same_cent() -> None:
    table = random_walk(3_000)
    equity = engine(table)
    assert equity == engine(table, every_candle=False)
    assert equity == pytest.approx(naked_loop(table), abs=0.005)
    assert equity != pytest.approx(1_000_000, abs=0.005)


def test_the_memory_benchmark_trades() -> None:
    gc.collect()  # what earlier tests left is not given back meanwhile
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
        lambda: latency(2, 1.5),
        lambda: health_load.measure(1.0)[:1],
    ],
)
def test_the_live_benchmarks_come_to_a_figure(measure: Callable[[], list[Row]]) -> None:
    for row in measure():
        assert row.value > 0


def test_both_databases_come_to_figures_and_the_server_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    servers: list[subprocess.Popen[bytes]] = []
    start_server = PostgresServer.start

    def noted(server: PostgresServer) -> None:
        start_server(server)
        assert server._process is not None
        servers.append(server._process)

    monkeypatch.setattr(PostgresServer, "start", noted)
    if programs() is None:
        pytest.skip(NOT_HERE)
    rows = databases.measure(700, symbols=2)
    assert [row.name for row in rows] == [
        f"{name}, {db}" for db in ("SQLite", "PostgreSQL") for name in databases.NAMES
    ]
    assert all(row.value > 0 for row in rows)
    assert [server.returncode for server in servers] == [0]


def test_without_a_server_its_rows_say_that_they_were_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "programs", lambda: None)
    rows = databases.measure(700, symbols=2)[len(databases.NAMES) :]
    assert [row.beside for row in rows] == [f"left out: {NOT_HERE}"] * len(databases.NAMES)
    assert all(math.isnan(row.value) for row in rows)


def test_a_copied_year_holds_what_a_bot_would_have_kept() -> None:
    short, long = (year.measure(1, symbols=2, days=days)[0].value for days in (1, 3))
    assert short * 1.8 < long < short * 4


def test_every_part_is_there() -> None:
    named = {
        "sma",
        "decision",
        "start",
        "memory",
        "cycle",
        "order",
        "restart",
        "kill",
        "checks",
        "status",
        "databases",
        "year",
    }
    named |= {"health", "stream", "load", "page"}
    assert set(parts(True)) == named
    assert [table.symbol for table in demo(2, 10)] == ["C000/USDT", "C001/USDT"]
