"""A dashboard on a real socket, served in a thread of the test, and clients that are logged in or not."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import httpx
import uvicorn
from argon2 import PasswordHasher
from fastapi import FastAPI
from websockets.sync.client import ClientConnection, connect

from tests.support.processes import lively_candles
from trading.config import Settings, load_settings
from trading.live.assembly import make_bot
from trading.web import passwords
from trading.web.access import CSRF_HEADER
from trading.web.context import WebContext
from trading.web.keys import COOKIE, csrf_of
from trading.web.routes import PARTS, Part
from trading.web.server import create_app, uvicorn_config

PATIENCE_S = 30.0


def web_settings(folder: Path, **changes: str) -> Settings:
    """Settings of a dashboard whose database is in `folder`; `changes` by setting name."""
    return load_settings({"DATA_DIR": str(folder), **changes}, environ={}, directory=folder)


def web_app(
    folder: Path, *, parts: Sequence[Part] = PARTS, settings: dict[str, str] | None = None, **options: Any
) -> FastAPI:
    """A dashboard on the database `tradebot.db` in `folder`, which need not be there; passwords cost it little."""
    cheap = partial(PasswordHasher, time_cost=1, memory_cost=1024, parallelism=1)
    with mock.patch.object(passwords, "PasswordHasher", cheap):
        return create_app(web_settings(folder, **(settings or {})), parts=parts, **options)


@dataclass
class Served:
    """A dashboard that is served on a loopback port."""

    app: FastAPI
    port: int

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def context(self) -> WebContext:
        """What it consists of."""
        context: WebContext = self.app.state.context
        return context

    @contextmanager
    def stranger(self, **options: Any) -> Iterator[httpx.Client]:
        """A client without a login."""
        with httpx.Client(base_url=self.address, timeout=PATIENCE_S, **options) as client:
            yield client

    @contextmanager
    def owner(self, **options: Any) -> Iterator[httpx.Client]:
        """A client with a session and its CSRF token, got without the work of a password."""
        key, _ = self.context.sessions.begin(self.context.now_ms())
        with self.stranger(cookies={COOKIE: key}, headers={CSRF_HEADER: csrf_of(key)}, **options) as client:
            yield client

    def websocket(
        self, path: str, *, logged_in: bool = True, headers: dict[str, str] | None = None
    ) -> ClientConnection:
        """An open WebSocket; a context manager. Raises what `websockets` raises where it is refused."""
        more = dict(headers or {})
        if logged_in:
            key, _ = self.context.sessions.begin(self.context.now_ms())
            more["Cookie"] = f"{COOKIE}={key}"
        return connect(
            f"ws://127.0.0.1:{self.port}{path}",
            additional_headers=more,
            open_timeout=PATIENCE_S,
            proxy=None,
            max_queue=None,
        )


@contextmanager
def serving(app: FastAPI) -> Iterator[Served]:
    """Serve the application as the real server does, until the block ends."""
    config = uvicorn_config(app, "127.0.0.1", 0)
    socket = config.bind_socket()
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [socket]}, name="served")
    thread.start()
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not server.started:
            assert thread.is_alive() and time.monotonic() < deadline, "the server has not started"
            thread.join(0.005)
        yield Served(app, socket.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(PATIENCE_S)
        socket.close()
    assert not thread.is_alive(), "the server has not ended"


def run_real_bot(folder: Path, rows: int = 900) -> Path:
    """The data folder of a bot that has traded recorded candles to their end and kept its positions."""
    candles = lively_candles(folder / "candles", rows)
    settings = web_settings(folder, TRADING_MARKET_DATA=str(candles), TRADING_SHUTDOWN_POLICY="keep")
    bot = make_bot(settings, stop_at_end=True)
    try:
        assert asyncio.run(bot.manager.run()) == 0
    finally:
        bot.release()
    return folder
