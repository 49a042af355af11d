"""What every request goes through: an id and a log line, the host it asks for, a bound on its body, safe headers."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Collection, MutableMapping
from http import HTTPStatus
from typing import Any

import anyio
import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trading.web.measuring import HttpMetrics
from trading.web.origin import host_of
from trading.web.problems import Problem, respond

log = structlog.get_logger("web.access")

BODY_BYTES_MAX = 64 * 1024
BODY_SECONDS = 10.0
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_ANSWERS = frozenset({"http.response.start", "websocket.http.response.start"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

CSP = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class Requests:
    """The outermost: gives each request an id, logs and counts how it ended, answers what nobody caught with 500."""

    def __init__(self, app: ASGIApp, metrics: HttpMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request or WebSocket. The query is not logged: it may hold what a person typed into the wrong field."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        began = time.perf_counter()
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] in _ANSWERS:
                _add_headers(message, request_id, is_secure=scope["scheme"] in ("https", "wss"))
            if not status and (status := _status_of(message)) and scope["type"] == "websocket":
                self._metrics.shaken(scope, status)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, sending)
            except Exception:
                log.exception("web.failed", path=scope["path"])
                if scope["type"] == "websocket" and not status:
                    self._metrics.shaken(scope, HTTPStatus.INTERNAL_SERVER_ERROR)
                if status or scope["type"] != "http":
                    raise
                problem = Problem(
                    HTTPStatus.INTERNAL_SERVER_ERROR, f"this is a fault of the server; its log has {request_id}"
                )
                await respond(problem, request_id)(scope, receive, sending)
            finally:
                seconds = time.perf_counter() - began
                if scope["type"] == "http":
                    self._metrics.answered(scope, status, seconds)
                _log(scope, status, seconds)


class HostGuard:
    """Refuses requests for a host that this server is not: a foreign name that points here must not reach it."""

    def __init__(self, app: ASGIApp, allowed: Collection[str]) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it through, or answer 400."""
        if scope["type"] in ("http", "websocket"):
            hosts = Headers(scope=scope).getlist("host")
            if len(hosts) != 1 or host_of(hosts[0]) not in self._allowed:
                detail = "this server does not answer as that host; DASHBOARD_ALLOWED_HOSTS names those it answers as"
                await _refuse(Problem(HTTPStatus.BAD_REQUEST, detail, code="HOST_NOT_ALLOWED"), scope, receive, send)
                return
        await self._app(scope, receive, send)


class BodyLimit:
    """Reads the whole body before anything else sees the request: bounded in bytes and in time."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let it through with its body, or answer 413 or 408."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "0")
        chunks = bytearray()
        more = length.isdigit() and int(length) <= BODY_BYTES_MAX
        too_large = not more
        with anyio.move_on_after(BODY_SECONDS) as late:
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                chunks += message.get("body", b"")
                too_large = len(chunks) > BODY_BYTES_MAX
                more = message.get("more_body", False) and not too_large
        if too_large or late.cancelled_caught:
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE if too_large else HTTPStatus.REQUEST_TIMEOUT
            detail = f"a body has at most {BODY_BYTES_MAX} bytes, and {BODY_SECONDS:g} s to arrive"
            await _refuse(Problem(status, detail, headers={"Connection": "close"}), scope, receive, send)
            return
        body: list[Message] = [{"type": "http.request", "body": bytes(chunks), "more_body": False}]

        async def replay() -> Message:
            return body.pop() if body else await receive()

        await self._app(scope, replay, send)


async def _refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    response = respond(problem, scope["state"]["request_id"])
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": problem.code})
    else:
        await response(scope, receive, send)


def _status_of(message: Message) -> int:
    """How a request or a handshake ends with this message; 0 where it does not yet."""
    if message["type"] == "websocket.accept":
        return HTTPStatus.SWITCHING_PROTOCOLS
    if message["type"] == "websocket.close":  # before it was accepted: the server answers for it
        return HTTPStatus.FORBIDDEN
    return int(message["status"]) if message["type"] in _ANSWERS else 0


def _add_headers(message: MutableMapping[str, Any], request_id: str, *, is_secure: bool) -> None:
    headers = MutableHeaders(scope=message)
    headers["X-Request-ID"] = request_id
    for name, value in SECURITY_HEADERS.items():
        headers[name] = value
    if is_secure:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    headers.setdefault("Cache-Control", "no-store")


def _log(scope: Scope, status: int, seconds: float) -> None:
    """What changes something or fails is told, the rest only where everything is."""
    method = scope.get("method", "WEBSOCKET")
    tell = log.debug if method in SAFE_METHODS and 0 < status < HTTPStatus.BAD_REQUEST else log.info
    client = scope.get("client")
    tell(
        "web.request",
        method=method,
        path=scope["path"],
        status=int(status),
        ms=round(seconds * 1000, 1),
        client=client[0] if client else "",
    )
