"""The dashboard's server: `python -m trading.web.server`."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import cache, partial
from pathlib import Path
from types import FrameType

import anyio.to_thread
import structlog
import uvicorn
from fastapi import FastAPI
from fastapi.routing import APIRoute

from trading import __version__
from trading.clock import wall_ms
from trading.config import Settings
from trading.domain.errors import InvariantViolated
from trading.exit_codes import ExitCode
from trading.web import openapi, pages, problems
from trading.web.access import access_of
from trading.web.context import WebContext
from trading.web.database import THREADS
from trading.web.http_protocol import BoundedHttp
from trading.web.middleware import BodyLimit, HostGuard, Requests
from trading.web.origin import allowed_hosts
from trading.web.routes import PARTS, Part
from trading.web.stream.protocol import BoundedWebSocket

log = structlog.get_logger(__name__)

CONNECTIONS_MAX = 1_000
KEEP_ALIVE_SECONDS = 20
WEBSOCKET_BYTES_MAX = 1_024
PING_SECONDS = 15
SHUTDOWN_SECONDS = 3
NOT_OURS = ("TRADING_", "EXCHANGE_")
"""How the settings begin that concern the bot alone."""


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
    routers = [part.router for part in parts]
    app.openapi = cache(partial(openapi.describe, app, routers))  # type: ignore[method-assign]
    pages.install(app, static)
    problems.install(app)
    # The last one added sees the request first.
    app.add_middleware(BodyLimit)
    app.add_middleware(HostGuard, allowed=allowed_hosts(settings))
    app.add_middleware(Requests, metrics=context.http)
    return app


def check_access(part: Part) -> None:
    """Raise `InvariantViolated` where a route does not say who may use it."""
    for route in part.router.routes:
        if isinstance(route, APIRoute) and access_of(route) is None:
            raise InvariantViolated(f"the route {route.path} names no access: give it require(...) or PUBLIC")


def serve(settings: Settings, *, until_stdin_ends: bool = False) -> int:
    """Serve until SIGTERM or SIGINT; the process's exit code.

    Args:
        until_stdin_ends: end also with the process at the other end of standard input.
    """
    host, port = settings.dashboard_host, settings.dashboard_port
    config = uvicorn_config(create_app(settings), host, port)
    try:
        listening = listen(host, port)
    except OSError as error:
        advice = "give it another by DASHBOARD_HOST and DASHBOARD_PORT, or end what uses this one"
        log.critical("web.cannot_listen", host=host, port=port, error=error.strerror or str(error), advice=advice)
        return int(ExitCode.ADDRESS)
    server = uvicorn.Server(config)

    def end(number: int, frame: FrameType | None) -> None:
        server.should_exit = True

    # The server takes these over while it runs, and raises them again at its end: that end was asked for.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    if until_stdin_ends:
        threading.Thread(target=_end_with_stdin, args=(server,), name="stdin", daemon=True).start()
    log.info("web.listening", address=f"http://{f'[{host}]' if ':' in host else host}:{port}", version=__version__)
    with listening:
        server.run(sockets=[listening])
    return int(ExitCode.OK if server.started else ExitCode.FAILED)


def listen(host: str, port: int) -> socket.socket:
    """A socket on this address.

    Raises:
        OSError: it is taken, or not of this machine.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError:
        listening.close()
        raise
    return listening


def _end_with_stdin(server: uvicorn.Server) -> None:
    """Whoever started this process holds the other end, and lets go of it when it ends, however it ends."""
    with suppress(OSError):
        while os.read(0, 4096):
            pass
    server.should_exit = True


def uvicorn_config(app: FastAPI, host: str, port: int) -> uvicorn.Config:
    """How the application is served, here and in the tests."""
    context: WebContext = app.state.context
    trusted_proxies = context.settings.dashboard_trusted_proxies
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=BoundedHttp,
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


def main(arguments: Sequence[str]) -> int:
    """`python -m trading.web.server`: settings from the environment and `.env`; the exit code.

    What is wrong with the settings of trading is only told: a person must be able to look, and to stop the bot,
    whatever else is broken.
    """
    from trading.config import ConfigError, examine_settings
    from trading.monitoring.logs import start_log

    if not set(arguments) <= {"--until-stdin-ends"}:
        sys.stderr.write("usage: python -m trading.web.server (settings: docs/SETTINGS.md)\n")
        return int(ExitCode.USAGE)
    examined = examine_settings()
    fatal = [problem for problem in examined.problems if not problem.setting.startswith(NOT_OURS)]
    if fatal:
        sys.stderr.write(f"error: {ConfigError(fatal)}\n")
        return int(ExitCode.USAGE)
    start_log(examined.settings)
    for problem in examined.problems:
        log.warning("web.setting_overlooked", problem=str(problem))
    return serve(examined.settings, until_stdin_ends=bool(arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
