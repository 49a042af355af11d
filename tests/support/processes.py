"""A real `tradebot run` in a process of its own, its log read line by line, and what it leaves behind."""

from __future__ import annotations

import json
import os
import queue
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg

from tests.support.bots import ON_SERVER
from tests.support.ports import free_port
from trading.market.candle_csv import HEADER

ROOT = Path(__file__).parents[2]
PYTHONPATH = f"{ROOT}:{ROOT / 'tests/support/as_shipped'}"
START_MS = 1_735_689_600_000  # 2025-01-01 UTC
FIVE_MINUTES_MS = 300_000
PATIENCE_S = 90.0


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without settings of ours; each bot answers for its health on a port of its own."""
    ours = (
        "TRADING_",
        "DATA_DIR",
        "DATABASE_URL",
        "LOG_",
        "KILL_SWITCH",
        "HEALTH_",
        "ALERT_",
        "SMTP_",
        "TELEGRAM_",
        "HEARTBEAT_",
        "SLACK_",
        "DISCORD_",
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PYTHONPATH": PYTHONPATH, "HEALTH_PORT": str(free_port()), **changes}


def tradebot(*arguments: str, cwd: Path, **changes: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "trading.cli", *arguments],
        check=False,
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment(**changes),
        timeout=PATIENCE_S,
    )


def lively_candles(folder: Path, rows: int, seed: int = 1) -> Path:
    """Files of three symbols whose trends turn every few hours: much for the default strategy to do."""
    folder.mkdir(exist_ok=True)
    for name, first in (("BTCUSDT", 100.0), ("ETHUSDT", 40.0), ("SOLUSDT", 15.0)):
        rng, price = random.Random(f"{seed}|{name}"), first
        lines, rises, left = [HEADER], True, 0
        for row in range(rows):
            if not left:
                rises, left = not rises, rng.randint(25, 70)
            left -= 1
            step = (0.0022 if rises else -0.0018) + rng.gauss(0, 0.0012)
            close = max(round(price * (1 + step), 2), 1.0)
            high = round(max(price, close) * (1 + abs(rng.gauss(0, 0.0008))), 2)
            low = round(min(price, close) * (1 - abs(rng.gauss(0, 0.0008))), 2)
            lines.append(f"{START_MS + row * FIVE_MINUTES_MS},{price:.2f},{high:.2f},{low:.2f},{close:.2f},5000.0")
            price = close
        (folder / f"{name}-5m.csv").write_text("\n".join(lines) + "\n")
    return folder


class BotProcess:
    """`tradebot run` with these arguments in `folder`. A context manager that kills it if it still runs at the end."""

    def __init__(self, folder: Path, *arguments: str, command: list[str] | None = None, **changes: str) -> None:
        environ = environment(**changes)
        self.health_port = int(environ["HEALTH_PORT"])
        self._process = subprocess.Popen(
            command or [sys.executable, "-m", "trading.cli", "run", "--log-format", "json", *arguments],
            cwd=folder,
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[dict[str, Any]] = []
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> BotProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join(PATIENCE_S)
        assert self._process.stderr is not None
        self._process.stderr.close()

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def next_line(self) -> dict[str, Any] | None:
        """The next line of its log; None at the log's end. A line that is no JSON is `{"event": "", "text": line}`."""
        line = self._queue.get(timeout=PATIENCE_S)
        if line is None:
            return None
        try:
            found: dict[str, Any] = json.loads(line)
        except json.JSONDecodeError:
            found = {"event": "", "text": line}
        self.lines.append(found)
        return found

    def wait_for(self, *events: str, **values: object) -> dict[str, Any]:
        """Read on to the line of one of these events that has these values."""
        while (line := self.next_line()) is not None:
            if line["event"] in events and all(line.get(name) == value for name, value in values.items()):
                return line
        raise AssertionError(f"the log ended without {events} {values}: {self.tail()}")

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def end(self) -> int:
        """Read its log to the end; its exit code, negative where a signal ended it."""
        while self.next_line() is not None:
            pass
        return self._process.wait(PATIENCE_S)

    def events(self) -> list[str]:
        """The events of the lines read so far."""
        return [line["event"] for line in self.lines]

    def tail(self) -> str:
        """The last lines read, for messages."""
        return "\n".join(json.dumps(line) for line in self.lines[-8:])

    def texts(self) -> list[str]:
        """The lines that are no log lines: what the command line itself has to say."""
        return [line["text"] for line in self.lines if not line["event"] and line["text"]]

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._queue.put(line.rstrip("\n"))
        self._queue.put(None)


def until(condition: Callable[[], object], what: str, *, patience_s: float = PATIENCE_S, pause_s: float = 0.02) -> None:
    """Look again and again until it is so, at most `patience_s`. Between looks the processor is left to others."""
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"it never came to pass: {what}")
        time.sleep(pause_s)


def rows(database: Path, query: str) -> list[tuple[Any, ...]]:
    """What a database file holds."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def on_server(folder: Path) -> dict[str, str]:
    """The setting that a bot in this folder needs to find its database; none where it is in the folder."""
    return {"DATABASE_URL": ON_SERVER[folder]} if folder in ON_SERVER else {}


def stored(folder: Path, query: str) -> list[tuple[Any, ...]]:
    """What the database of the bot in this folder holds, wherever it is."""
    if folder not in ON_SERVER:
        return rows(folder / "data" / "tradebot.db", query)
    with psycopg.connect(ON_SERVER[folder]) as server:
        return server.execute(query.encode()).fetchall()


def books(data: Path) -> dict[str, list[tuple[Any, ...]]]:
    """What a bot has to show for its life: account, fills, traded orders and positions, and the exchange's balances.

    Without ids and times of orders: one that a killed bot never sent is sent by the next one, a little later, as a new
    one.
    """
    database, paper = data / "tradebot.db", data / "paper-exchange.db"
    return {
        "account": rows(database, "SELECT * FROM account"),
        "fills": rows(
            database,
            "SELECT symbol, trade_id, side, price, quantity, fee, fee_coin FROM fills "
            "ORDER BY CAST(trade_id AS INTEGER)",
        ),
        "orders": rows(
            database,
            "SELECT symbol, purpose, side, type, quantity, stop_price, filled_quantity, filled_notional, state, reason "
            "FROM orders JOIN (SELECT client_order_id, min(CAST(trade_id AS INTEGER)) AS first FROM fills GROUP BY 1) "
            "USING (client_order_id) ORDER BY first",
        ),
        "positions": rows(
            database,
            "SELECT symbol, bought, cost, sold, proceeds, adjusted, fees, stop_price, target_price, exit_reason "
            "FROM positions WHERE traded ORDER BY opened_ms, symbol",
        ),
        "open": rows(database, "SELECT client_order_id FROM orders WHERE NOT settled"),
        "balances": sorted(rows(paper, "SELECT body FROM coins")),
    }


def times_of_fills(data: Path) -> list[int]:
    """When each fill was, in the order of the fills of `books`."""
    found = rows(data / "tradebot.db", "SELECT time_ms FROM fills ORDER BY CAST(trade_id AS INTEGER)")
    return [time_ms for (time_ms,) in found]
