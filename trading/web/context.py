"""What a running dashboard consists of, and how a route or a background task comes by it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import sqlalchemy as sa
from fastapi import Depends
from starlette.requests import HTTPConnection

from trading.config import Settings
from trading.store.queries import Queries
from trading.web.database import Database
from trading.web.sessions import Sessions

if TYPE_CHECKING:
    from trading.web.access import Identity
    from trading.web.stream.hub import Hub


def wall_ms() -> int:
    """Now, UTC milliseconds."""
    return time.time_ns() // 1_000_000


@dataclass(kw_only=True)
class WebContext:
    """One dashboard: `context_of(request)` in a route, the argument of a part's `lifespan` in the background.

    hub: what `WS /ws` is served from; None before the server has started.
    """

    settings: Settings
    database: Database
    sessions: Sessions
    now_ms: Callable[[], int] = wall_ms
    started_at: float = field(default_factory=time.monotonic)
    hub: Hub[Identity] | None = None


def context_of(connection: HTTPConnection) -> WebContext:
    """The dashboard that a request or a WebSocket has reached."""
    context: WebContext = connection.app.state.context
    return context


def _queries(connection: HTTPConnection) -> Iterator[Queries]:
    with context_of(connection).database.reading() as queries:
        yield queries


def _writer(connection: HTTPConnection) -> Iterator[sa.Engine]:
    with context_of(connection).database.writing() as engine:
        yield engine


Context = Annotated[WebContext, Depends(context_of)]
Reader = Annotated[Queries, Depends(_queries)]
"""The database for reading. Only for routes that are plain functions: they run in a thread of their own."""

Writer = Annotated[sa.Engine, Depends(_writer)]
"""The database beside the bot, for what the dashboard may write. Only for routes that are plain functions."""
