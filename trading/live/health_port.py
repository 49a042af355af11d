"""The bot's own port: tells how the bot is, from a thread that the trading loop neither waits for nor can hold up."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import socket
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import structlog
import uvicorn
from prometheus_client import generate_latest
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from trading.clock import wall_ms
from trading.live.reporter import Reporter
from trading.monitoring.health import Answer, Health, Seen, Since, alive_answer, health_answer, health_of, ready_answer
from trading.monitoring.prometheus import CONTENT_TYPE, BotMetrics, HealthCollector, add_process
from trading.monitoring.report import Fault

log = structlog.get_logger(__name__)

CONNECTIONS_MAX = 64
CONNECTION_SECONDS = 10.0
RETRY_SECONDS = 5.0
CLOSE_SECONDS = 2.0
CACHE_SECONDS = 0.5
BACKLOG = 64

Page = tuple[int, str, bytes]
"""Status, content type, body."""


class Pages:
    """What is answered, by path. Called by one thread; nothing in it waits for the trading loop or the database."""

    def __init__(
        self, reporter: Reporter, metrics: BotMetrics, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._reporter = reporter
        self._registry = metrics.registry
        self._monotonic = monotonic
        self._since = Since()
        self._made: dict[str, tuple[float, Page]] = {}
        add_process(metrics.registry)
        metrics.registry.register(HealthCollector(self._look, lambda: reporter.beat_age_s))
        self._makers: dict[str, Callable[[], Page]] = {
            "/livez": lambda: _json(alive_answer(reporter.beat_age_s, wall_ms(), reporter.limits)),
            "/health": lambda: self._judged(health_answer),
            "/readyz": lambda: self._judged(ready_answer),
            "/metrics": lambda: (HTTPStatus.OK, CONTENT_TYPE, generate_latest(self._registry)),
        }

    def page(self, path: str) -> Page | None:
        """The page of this path, at most `CACHE_SECONDS` old; None where there is none."""
        make = self._makers.get(path)
        if make is None:
            return None
        now = self._monotonic()
        made = self._made.get(path)
        if made is None or now - made[0] >= CACHE_SECONDS:
            made = self._made[path] = now, make()
        return made[1]

    def _look(self) -> tuple[Seen, Health] | None:
        seen = self._reporter.seen()
        return None if seen is None else (seen, self._since.stamp(health_of(seen, self._reporter.limits)))

    def _judged(self, answer: Callable[[Health], Answer]) -> Page:
        found = self._look()
        if found is None:
            return _json((HTTPStatus.SERVICE_UNAVAILABLE, {"status": "starting"}))
        return _json(answer(found[1]))


class HealthPort:
    """Serves `Pages` from a thread of its own. A port that is taken is told, and tried again until it is free.

    Args:
        reporter: of the bot; is told why the port cannot be had.
        metrics: the bot's.
        host, port: where to listen.
    """

    def __init__(self, reporter: Reporter, metrics: BotMetrics, host: str, port: int) -> None:
        self._reporter = reporter
        self._pages = Pages(reporter, metrics)
        self._host, self._port = host, port
        self._closing = threading.Event()
        self._server: uvicorn.Server | None = None
        self._thread = threading.Thread(target=self._run, name="health-port", daemon=True)

    def start(self) -> None:
        """Begin to answer, as soon as the port can be had."""
        self._thread.start()

    def close(self) -> None:
        """Answer no more. Waits a bounded time; the thread ends with the process at the latest."""
        self._closing.set()
        if self._server is not None:
            self._server.should_exit = True
        self._thread.join(CLOSE_SECONDS)
        if self._thread.is_alive():
            log.warning("health_port.not_closed", waited_s=CLOSE_SECONDS)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                listener = self._listen()
            except OSError as error:
                self._tell(error)
                self._closing.wait(RETRY_SECONDS)
                continue
            with listener:
                self._reporter.health_port = None
                log.info("health_port.open", host=self._host, port=self._port)
                self._server = uvicorn.Server(self._config())
                if not self._closing.is_set():  # `close` may have looked before the server was there
                    self._server.run(sockets=[listener])

    def _listen(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        return socket.create_server((self._host, self._port), family=family, backlog=BACKLOG)

    def _tell(self, error: OSError) -> None:
        before = self._reporter.health_port
        text = f"HEALTH_PORT {self._port} on {self._host} cannot be had ({error.strerror or error})"
        if before is None:
            log.error("health_port.not_open", error=text, effect="the bot trades on and tries again")
        since, count = (before.since_ms, before.count + 1) if before else (wall_ms(), 1)
        self._reporter.health_port = Fault("health_port", text, since, count)

    def _config(self) -> uvicorn.Config:
        return uvicorn.Config(
            self._app,
            interface="asgi3",
            loop="uvloop",
            http=_Bounded,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        """The ASGI application."""
        if scope["type"] != "http":
            return
        headers = dict(scope["headers"])
        page: Page | None
        if not is_local_name(headers.get(b"host", b"").decode("latin-1"), self._host):
            page = _json((HTTPStatus.BAD_REQUEST, {"status": "this is not a name of this machine"}))
        elif scope["method"] not in ("GET", "HEAD"):
            page = _json((HTTPStatus.METHOD_NOT_ALLOWED, {"status": "only GET and HEAD"}))
        else:
            page = self._pages.page(scope["path"])
        status, kind, body = page or _json((HTTPStatus.NOT_FOUND, {"status": "not found"}))
        sent = [
            (b"content-type", kind.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
        ]
        await send({"type": "http.response.start", "status": int(status), "headers": sent})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})


class _Bounded(HttpToolsProtocol):
    """A connection that is not let in where there are many, and ends after a while whatever is sent on it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Close it at once, or later."""
        if len(self.connections) >= CONNECTIONS_MAX:
            transport.abort()
            return
        super().connection_made(transport)
        self.loop.call_later(CONNECTION_SECONDS, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing to tidy up of a connection that was not let in."""
        if self in self.connections:
            super().connection_lost(exc)


def is_local_name(host: str, own: str) -> bool:
    """Whether a request's `Host` can be a name of this machine: an address, a name without a dot, or the one set.

    A page on the internet could have its own name point here and read what is answered; such a name has a dot.
    """
    name = host.rsplit("]", 1)[0].lstrip("[") if host.startswith("[") else host.rsplit(":", 1)[0]
    if name == own or "." not in name:
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _json(answer: Answer) -> Page:
    return answer[0], "application/json", json.dumps(answer[1]).encode()
