"""The parts of the HTTP interface. A new one adds a module with a `router`, and a line to `PARTS` below.

Each route names its access (`require` or `PUBLIC` of `trading.web.access`); the server does not start with one that
does not. Plain functions run in a bounded set of threads and may ask the database; coroutines must not, other than by
`context.database.ask`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple

from fastapi import APIRouter

from trading.web import openapi
from trading.web.context import WebContext
from trading.web.routes import alerts, commands, health, logs, safety, series, session, status, tokens, trading
from trading.web.stream import socket


class Part(NamedTuple):
    """Routes, and what runs beside them: `lifespan` is entered at the server's start and left at its end."""

    router: APIRouter
    lifespan: Callable[[WebContext], AbstractAsyncContextManager[None]] | None = None


PARTS: tuple[Part, ...] = (
    Part(openapi.router),
    Part(session.router, session.lifespan),
    Part(tokens.router),
    Part(status.router),
    Part(health.router, health.lifespan),
    Part(trading.router),
    Part(series.router),
    Part(safety.router),
    Part(commands.router),
    Part(logs.router),
    Part(alerts.router, alerts.lifespan),
    Part(socket.router, socket.lifespan),
)
