"""`make bench`: measures and prints the table. --json for machines, --quick for a look, --only NAME for one part."""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import structlog

from benchmarks import (
    dashboard_load,
    databases,
    decision_path,
    event_stream,
    guards,
    health_load,
    live_path,
    page,
    processes,
    sma_cross,
    year,
)
from benchmarks.rows import Row
from trading.market.candle_files import load_candles
from trading.market.candle_table import CandleTable


def recorded() -> list[CandleTable]:
    """A recorded file, where the recorded candles are here."""
    folder = os.environ.get("TRADEBOT_RECORDED_CANDLES")
    return load_candles(Path(folder), symbols=["BTC/USDT"], interval_ms=300_000) if folder else []


def parts(quick: bool) -> dict[str, Callable[[], list[Row]]]:
    """What is measured, by name."""
    share = 10 if quick else 1
    return {
        "sma": lambda: sma_cross.measure(500_000 // share),
        "decision": lambda: decision_path.measure(200_000 // share, recorded()),
        "start": processes.start,
        "memory": lambda: processes.memory(1_000_000 // share),
        "cycle": live_path.one_cycle,
        "order": lambda: live_path.candle_to_order(2_000 if quick else 6_000),
        "restart": live_path.restart,
        "kill": live_path.kill,
        "checks": guards.checks,
        "databases": lambda: databases.measure(1_000 if quick else 5_000),
        "year": lambda: year.measure(1 if quick else 5),
        "status": lambda: guards.status(20_000 // share),
        "health": lambda: health_load.measure(5 if quick else 20),
        "stream": lambda: event_stream.measure(5 if quick else 20),
        "load": lambda: dashboard_load.measure(1 if quick else 4, 5 if quick else 15),
        "page": lambda: page.measure(3 if quick else 7),
    }


def print_table(rows: list[Row]) -> None:
    """The rows for people."""
    from rich.console import Console
    from rich.table import Table

    table = Table("figure", "value", "beside", "goal", "met", title="llm-tradebot, measured", title_justify="left")
    for row in rows:
        value = "-" if math.isnan(row.value) else f"{row.value:,.2f}" if row.value < 100 else f"{row.value:,.0f}"
        met = "" if row.met is None else "yes" if row.met else "NO"
        table.add_row(row.name, f"{value} {row.unit}", row.beside, row.goal, met)
    Console(width=None if sys.stdout.isatty() else 180).print(table)


def main() -> int:
    """Measure what was asked for; 1 where a peer ended at another equity or a part failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="a tenth of the candles")
    parser.add_argument("--only", choices=sorted(parts(False)), action="append", help="this part alone (repeatable)")
    given = parser.parse_args()
    # What the bots say would end up in the table, and its writing in the figures.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    rows: list[Row] = []
    for name, measure in parts(given.quick).items():
        if given.only and name not in given.only:
            continue
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        rows.extend(measure())
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    if given.json:
        print(json.dumps({"machine": machine, "rows": [asdict(row) for row in rows]}))
    else:
        print_table(rows)
        print(
            f"{machine}. CPU time for rates, wall time for latencies; a shared machine is noisy: compare within a run."
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
