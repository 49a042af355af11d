"""The dashboard's server: `python -m trading.web.server`."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import anyio.to_thread
import structlog
import uvicorn
from fastapi import FastAPI
from fastapi.routing import APIRoute

from trading import __version__
from trading.config import Settings
from trading.domain.errors import InvariantViolated, TradingError
from trading.exit_codes import ExitCode
from trading.web import pages, problems
from trading.web.access import access_of
from trading.web.context import WebContext, wall_ms
from trading.web.database import THREADS
from trading.web.middleware import BodyLimit, HostGuard, Requests
from trading.web.origin import allowed_hosts
from trading.web.routes import PARTS, Part
from trading.web.stream.protocol import BoundedWebSocket

log = structlog.get_logger(__name__)

CONNECTIONS_MAX = 1_000
KEEP_ALIVE_SECONDS = 20
WEBSOCKET_BYTES_MAX = 1_024
PING_SECONDS = 15
SHUTDOWN_SECONDS = 5


def create_app(
    settings: Settings,
    *,
    parts: Sequence[Part] = PARTS,
    static: Path = pages.STATIC,
    now_ms: Callable[[], int] = wall_ms,
) -> FastAPI:
    """The dashboard for these settings. Opens nothing: the database may come later, or never.

    Args:
        parts: the routes, and what runs beside them.
        static: where the built page is.
        now_ms: the wall clock, UTC ms.
    """
    context = WebContext.of(settings, now_ms)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        async with AsyncExitStack() as stack:
            stack.callback(context.database.close)
            for part in parts:
                if part.lifespan is not None:
                    await stack.enter_async_context(part.lifespan(context))
            yield

    app = FastAPI(
        title="llm-tradebot",
        version=__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        responses=problems.RESPONSES,
        redirect_slashes=False,
    )
    app.state.context = context
    for part in parts:
        check_access(part)
        app.include_router(part.router)
    pages.install(app, static)
    problems.install(app)
    # The last one added sees the request first.
    app.add_middleware(BodyLimit)
    app.add_middleware(HostGuard, allowed=allowed_hosts(settings))
    app.add_middleware(Requests)
    return app


def check_access(part: Part) -> None:
    """Raise `InvariantViolated` where a route does not say who may use it."""
    for route in part.router.routes:
        if isinstance(route, APIRoute) and access_of(route) is None:
            raise InvariantViolated(f"the route {route.path} names no access: give it require(...) or PUBLIC")


def serve(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; the process's exit code."""
    log.info("web.starting", host=settings.dashboard_host, port=settings.dashboard_port, version=__version__)
    proxies = settings.dashboard_trusted_proxies
    config = uvicorn_config(create_app(settings), settings.dashboard_host, settings.dashboard_port, proxies)
    server = uvicorn.Server(config)
    server.run()
    return int(ExitCode.OK if server.started else ExitCode.FAILED)


def uvicorn_config(app: FastAPI, host: str, port: int, trusted_proxies: Sequence[str] = ()) -> uvicorn.Config:
    """How the application is served, here and in the tests."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws=BoundedWebSocket,
        ws_max_size=WEBSOCKET_BYTES_MAX,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def main() -> int:
    """`python -m trading.web.server`: settings from the environment and `.env`."""
    from trading.config import load_settings
    from trading.monitoring.logs import start_log

    try:
        settings = load_settings()
    except TradingError as error:
        sys.stderr.write(f"error: {error}\n")
        return int(ExitCode.USAGE)
    start_log(settings)
    return serve(settings)


if __name__ == "__main__":
    sys.exit(main())
