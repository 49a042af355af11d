"""What the dashboard's server counts of itself for Prometheus: requests, their time, and who listens to the stream.

The label `route` is the template (`/api/v1/orders/{order_id}`), never the path that was asked for: a stranger must not
be able to make labels.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import Scope

from trading.web.stream.client import FAREWELLS, Farewell

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WEBSOCKET"})
NO_ROUTE = "none"
"""Of the page's own files, of what no route answers, and of what was refused before a route was looked for."""

GONE = 499
"""The status of a request whose client left before there was an answer, as nginx has it."""


class HttpMetrics:
    """Counted on the server's loop, read by whoever asks for `/metrics`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "tradebot_http_requests_total",
            "Requests to the dashboard that have ended; a WebSocket counts once, by how its handshake ended.",
            ["method", "route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "tradebot_http_request_seconds",
            "Time from a request to the end of its answer; WebSockets are left out.",
            ["route"],
            buckets=BUCKETS,
            registry=registry,
        )
        self.listening = Gauge(
            "tradebot_http_websocket_clients", "Who listens to the stream at present.", registry=registry
        )
        self._dismissed = Counter(
            "tradebot_http_websocket_dismissed_total",
            "Who was sent away from the stream, by close code: 4408 did not read fast enough, 4401 login ended.",
            ["code"],
            registry=registry,
        )
        for farewell in FAREWELLS:
            self._dismissed.labels(str(farewell.code))

    def shaken(self, scope: Scope, status: int) -> None:
        """A WebSocket's handshake has ended."""
        self._requests.labels("WEBSOCKET", route_of(scope), str(int(status))).inc()

    def answered(self, scope: Scope, status: int, seconds: float) -> None:
        """A request has ended. status: 0 where nothing was answered."""
        route, method = route_of(scope), scope["method"]
        self._requests.labels(method if method in METHODS else "other", route, str(int(status or GONE))).inc()
        self._seconds.labels(route).observe(seconds)

    def dismissed(self, farewell: Farewell) -> None:
        """One who listened was sent away."""
        self._dismissed.labels(str(farewell.code)).inc()


def route_of(scope: Scope) -> str:
    """The template of the route that took the request; of the page's files the folder."""
    return str(getattr(scope.get("route"), "path", "") or scope.get("root_path", "")) or NO_ROUTE
