"""What a running dashboard consists of, and how a route or a background task comes by it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import sqlalchemy as sa
from fastapi import Depends
from prometheus_client import CollectorRegistry
from starlette.requests import HTTPConnection

from trading.clock import wall_ms
from trading.config import Settings
from trading.monitoring.health import Health, Seen
from trading.monitoring.performance_reader import PerformanceReader
from trading.monitoring.prometheus import HealthCollector, add_process, new_registry
from trading.store.queries import Queries
from trading.web.attempts import Attempts
from trading.web.database import Database
from trading.web.measuring import HttpMetrics
from trading.web.passwords import Passwords
from trading.web.sessions import Sessions
from trading.web.signing import Signatures
from trading.web.tokens import Tokens
from trading.web.watching import HealthWatch

HOUR_MS = 3_600_000

if TYPE_CHECKING:
    from trading.web.access import Identity
    from trading.web.stream.hub import Hub


@dataclass(kw_only=True)
class WebContext:
    """One dashboard: `context_of(request)` in a route, the argument of a part's `lifespan` in the background.

    hub: what `WS /ws` is served from; None before the server has started.
    """

    settings: Settings
    database: Database
    passwords: Passwords
    sessions: Sessions
    tokens: Tokens
    signatures: Signatures
    attempts: Attempts
    health: HealthWatch
    registry: CollectorRegistry
    http: HttpMetrics
    performance: PerformanceReader = field(default_factory=PerformanceReader)
    now_ms: Callable[[], int] = wall_ms
    started_at: float = field(default_factory=time.monotonic)
    hub: Hub[Identity] | None = None

    @classmethod
    def of(cls, settings: Settings, now_ms: Callable[[], int] = wall_ms) -> WebContext:
        """The dashboard of these settings. Opens nothing."""
        database = Database(settings.database)
        passwords = Passwords(settings.dashboard_password, database)
        health = HealthWatch(settings, database, now_ms)
        registry = registry_of(health)
        return cls(
            settings=settings,
            database=database,
            passwords=passwords,
            sessions=Sessions(
                database,
                idle_ms=settings.dashboard_session_idle_hours * HOUR_MS,
                life_ms=settings.dashboard_session_max_hours * HOUR_MS,
                salt=passwords.salt(),
            ),
            tokens=Tokens(database),
            signatures=Signatures(settings.kill_switch_secret, database),
            attempts=Attempts(),
            health=health,
            registry=registry,
            http=HttpMetrics(registry),
            now_ms=now_ms,
        )


def registry_of(health: HealthWatch) -> CollectorRegistry:
    """What the dashboard tells Prometheus: the bot's health as last seen from here, and its own process."""
    registry = new_registry()
    add_process(registry)

    def last() -> tuple[Seen, Health] | None:
        look = health.kept()
        return None if look is None else (look.seen, look.health)

    registry.register(HealthCollector(last))
    return registry


def context_of(connection: HTTPConnection) -> WebContext:
    """The dashboard that a request or a WebSocket has reached."""
    context: WebContext = connection.app.state.context
    return context


async def _context(connection: HTTPConnection) -> WebContext:
    # A plain function would need a thread for each request, and wait for one.
    return context_of(connection)


def _queries(connection: HTTPConnection) -> Iterator[Queries]:
    with context_of(connection).database.reading() as queries:
        yield queries


def _writer(connection: HTTPConnection) -> Iterator[sa.Engine]:
    with context_of(connection).database.writing() as engine:
        yield engine


Context = Annotated[WebContext, Depends(_context)]
Reader = Annotated[Queries, Depends(_queries)]
"""The database for reading. Only for routes that are plain functions: they run in a thread of their own."""

Writer = Annotated[sa.Engine, Depends(_writer)]
"""The database beside the bot, for what the dashboard may write. Only for routes that are plain functions."""
