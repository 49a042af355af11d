"""A dashboard's server and a bot in processes of their own on loopback, for the benchmarks and the soak test."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support.ports import free_port

ROOT = Path(__file__).parents[1]
PATIENCE_S = 60.0
PASSWORD = "for-the-benchmark-alone"  # noqa: S105 - of a server that lives for seconds, on loopback
_OURS = ("TRADING_", "DATA_DIR", "DATABASE_URL", "LOG_", "DASHBOARD_", "HEALTH_", "KILL_SWITCH")


def environment(folder: Path, **changes: str) -> dict[str, str]:
    """This process's environment without settings of ours, with the data in `folder`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    return {**kept, "PYTHONPATH": str(ROOT), "DATA_DIR": str(folder), "LOG_LEVEL": "ERROR", **changes}


@dataclass(frozen=True)
class Dashboard:
    """A server that answers, and what a logged-in client sends along."""

    pid: int
    port: int
    headers: dict[str, str]

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def resident_mb(self) -> float:
        """Its resident memory, in 10^6 bytes."""
        return resident_mb(self.pid)


def resident_mb(pid: int) -> float:
    """The resident memory of a process, in 10^6 bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu_seconds(pid: int) -> float:
    """The CPU time that a process has used so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def dashboard(folder: Path) -> Iterator[Dashboard]:
    """`python -m trading.web.server` on the database in `folder`, logged in."""
    port = free_port()
    changes = {"DASHBOARD_PORT": str(port), "HEALTH_PORT": str(free_port()), "DASHBOARD_PASSWORD": PASSWORD}
    process = subprocess.Popen([sys.executable, "-m", "trading.web.server"], env=environment(folder, **changes))
    try:
        cookie = _log_in(f"http://127.0.0.1:{port}", process)
        yield Dashboard(process.pid, port, {"Cookie": cookie})
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


def _log_in(address: str, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            answer = httpx.post(f"{address}/api/v1/login", json={"password": PASSWORD}, timeout=PATIENCE_S)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the dashboard does not answer: {error}") from error
            time.sleep(0.05)
            continue
        return "; ".join(f"{name}={value}" for name, value in answer.cookies.items())


class TimedBot:
    """`benchmarks.timed_bot` while it runs, and what it has measured afterwards."""

    def __init__(self, process: subprocess.Popen[bytes], file: Path) -> None:
        self._process = process
        self._file = file
        self.pid = process.pid

    def stop(self) -> dict[str, Any]:
        """Have it end; what it measured."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(PATIENCE_S)
        if code != 0:
            raise AssertionError(f"the bot ended with exit code {code}")
        found: dict[str, Any] = json.loads(self._file.read_text())
        return found


@contextmanager
def timed_bot(folder: Path, *arguments: str, **changes: str) -> Iterator[TimedBot]:
    """A bot on the demo market with its data in `folder`, trading when this is entered."""
    file = folder / "measured.json"
    command = [sys.executable, "-m", "benchmarks.timed_bot", str(file), "--policy", "keep", *arguments]
    changes = {"HEALTH_PORT": str(free_port()), **changes}
    process = subprocess.Popen(command, cwd=ROOT, env=environment(folder, **changes))
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not (folder / "tradebot.db").exists():
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("the bot has not started")
            time.sleep(0.02)
        yield TimedBot(process, file)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE_S)
