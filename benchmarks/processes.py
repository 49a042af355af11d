"""What needs a process of its own: the start of `run`, and memory over a long feed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.rows import Row

ROOT = Path(__file__).parents[1]


def start(times: int = 3) -> list[Row]:
    """`tradebot run` on the demo market: from the start of the process until its first decision. The best of a few."""
    took: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        environment = {**os.environ, "DATA_DIR": name, "TRADING_DEMO_SPEED": "max", "LOG_LEVEL": "ERROR"}
        for _ in range(times):
            began = time.perf_counter()
            with subprocess.Popen(
                [sys.executable, "-m", "benchmarks.first_decision"],
                env=environment,
                cwd=ROOT,
                stdout=subprocess.PIPE,
                text=True,
            ) as process:
                assert process.stdout is not None
                line = process.stdout.readline()
                took.append(time.perf_counter() - began)
            if line.strip() != "decided":
                raise AssertionError(f"the bot said {line!r} instead of deciding")
    seconds = min(took)
    return [Row("start of run → first decision", seconds, "s", goal="≤ 1.5 s", met=seconds <= 1.5)]


def memory(candles: int) -> list[Row]:
    """Resident memory of a process that has streamed so many candles through signals, engine and exchange."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.stream", str(candles)],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    found = json.loads(done.stdout)
    growth = (found["end_mb"] / found["half_mb"] - 1) * 100
    return [
        Row(
            f"memory after {candles:,} candles",
            found["end_mb"],
            "MB",
            beside=f"{found['start_mb']:.0f} MB before the first",
            goal="≤ 150 MB",
            met=found["end_mb"] <= 150,
        ),
        Row("growth of memory over the second half", growth, "%", goal="≤ 1 %", met=growth <= 1),
    ]
