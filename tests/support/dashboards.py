"""A bot and its dashboard in processes of their own, as an owner runs them: in one command, or each for itself."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx

from tests.support.browser import PASSWORD
from tests.support.ports import free_port
from tests.support.processes import BotProcess, lively_candles, rows, tradebot, until


class Dashboard:
    """A demo bot in `folder` with a dashboard on a free port of loopback.

    Args:
        speed: candles of each symbol a second.
        together: both by one command, `tradebot run --dashboard`; else call `start_server` and `start_bot`.
    """

    def __init__(self, folder: Path, *, speed: float = 10, together: bool = True) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port, self._health_port = free_port(), free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.bot: BotProcess | None = None
        self.server: BotProcess | None = None
        self._stack = ExitStack()
        self._client: httpx.Client | None = None
        self._speed = speed
        self._together = together

    def __enter__(self) -> Dashboard:
        if self._together:
            self.start_bot("--dashboard")
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.close()
        self._stack.close()

    def start_bot(self, *arguments: str) -> BotProcess:
        """Start the bot, and wait until it trades."""
        self.bot = self._stack.enter_context(
            BotProcess(self.folder, "--speed", str(self._speed), *arguments, **self._settings())
        )
        self.bot.wait_for("bot.reconciled")
        return self.bot

    def start_server(self) -> BotProcess:
        """Start the dashboard by itself, and wait until it answers."""
        command = [sys.executable, "-m", "trading.web.server"]
        self.server = self._stack.enter_context(BotProcess(self.folder, command=command, **self._settings()))
        self.wait_until_served()
        return self.server

    def wait_until_served(self) -> None:
        """Wait until the dashboard answers."""

        def answers() -> bool:
            try:
                return bool(httpx.get(f"{self.address}/api/v1/session", timeout=5).status_code)
            except httpx.TransportError:
                return False

        until(answers, "the dashboard answers")

    def ask(self, path: str, **query: Any) -> Any:
        """What the API answers its owner."""
        return self.client.get(f"/api/v1{path}", params=query).raise_for_status().json()

    def wait_for(self, path: str, is_so: Callable[[Any], bool], **query: Any) -> Any:
        """Ask until the answer is as wanted."""
        found: list[Any] = []

        def look() -> bool:
            answer = self.client.get(f"/api/v1{path}", params=query)
            found[:] = [answer.json()]
            return answer.is_success and is_so(found[0])

        until(look, f"{path} is as wanted")
        return found[0]

    @property
    def client(self) -> httpx.Client:
        """Another client of the owner's, logged in."""
        if self._client is None:
            client = httpx.Client(base_url=self.address, timeout=30)
            answer = client.post("/api/v1/login", json={"password": PASSWORD}).raise_for_status()
            client.headers["X-CSRF-Token"] = answer.json()["csrf_token"]
            self._client = client
        return self._client

    def _settings(self) -> dict[str, str]:
        return {
            "DATA_DIR": str(self.data),
            "DASHBOARD_PASSWORD": PASSWORD,
            "DASHBOARD_PORT": str(self.port),
            "HEALTH_PORT": str(self._health_port),
        }


def traded_and_stopped(folder: Path) -> Path:
    """The data folder, in `folder`, of a bot that has traded, holds something, and runs no more."""
    lively_candles(folder / "candles", 1_000)
    arguments = ["--market-data", "candles", "--speed", "max", "--stop-at-end", "--policy", "keep"]
    ended = tradebot("run", *arguments, "--data-dir", "data", cwd=folder)
    assert ended.returncode == 0, ended.stderr
    assert rows(folder / "data" / "tradebot.db", "SELECT id FROM positions WHERE traded AND closed_ms IS NOT NULL")
    return folder / "data"
