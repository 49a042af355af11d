"""`WS /ws`: who may listen, what they are sent, and how they are sent away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from http import HTTPStatus

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from trading.domain.errors import InvalidInput
from trading.store.errors import JournalError
from trading.store.status import Status
from trading.web.access import authorize_websocket, ended
from trading.web.context import WebContext, context_of
from trading.web.models.health import HealthSafetyView, HealthStatusView
from trading.web.models.metrics import RealtimeView
from trading.web.problems import Problem
from trading.web.stream.board import Kind
from trading.web.stream.client import NO_MESSAGES, Client, Farewell
from trading.web.stream.hub import Hub, HubFull
from trading.web.stream.tail import Tail
from trading.web.stream.vitals import Gauge, Vitals
from trading.web.watching import Look

SEQ_MAX = 2**53 - 1
CLOSE_SECONDS = 10.0

router = APIRouter()


@asynccontextmanager
async def lifespan(context: WebContext) -> AsyncIterator[None]:
    """Look at the database for those who listen, as long as the server runs."""
    tail = Tail(context.database, Vitals(vital_signs(context)))
    hub = context.hub = Hub(tail, gone=partial(ended, context), now_ms=context.now_ms)
    context.http.listening.set_function(lambda: len(hub))
    running = asyncio.create_task(hub.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def vital_signs(context: WebContext) -> list[Gauge]:
    """Health, safety and metrics, as their routes answer."""

    def health() -> HealthStatusView:
        look = context.health.read()
        return HealthStatusView.of(look, _read(look))

    def safety() -> HealthSafetyView:
        look = context.health.kept() or context.health.read()
        return HealthSafetyView.of(look, _read(look))

    def metrics() -> RealtimeView:
        return RealtimeView.of(context.database.read(context.performance.read), context.now_ms())

    ever_new = frozenset({"timestamp", "heartbeat_age_s", "api_latency_ms", "last_api_check", "details"})
    return [
        Gauge(Kind.HEALTH, health, ever_new),
        Gauge(Kind.SAFETY, safety, frozenset({"timestamp"})),
        Gauge(Kind.METRICS, metrics, frozenset({"timestamp"})),
    ]


def _read(look: Look) -> Status:
    if look.seen.status is None:
        raise JournalError(look.seen.database_error)
    return look.seen.status


@router.websocket("/ws")
async def stream(websocket: WebSocket) -> None:
    """Numbered messages from now on, or from after `?since=SEQ`; before these a snapshot where that is too long ago."""
    identity = await authorize_websocket(websocket)
    since = _since(websocket.query_params.get("since"))
    context = context_of(websocket)
    hub = context.hub
    if hub is None:
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "the stream has not started yet", code="NOT_STARTED")
    try:
        client = hub.join(since, identity)
    except HubFull:
        detail = "too many pages listen already; close some"
        raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, detail, code="TOO_MANY_CLIENTS") from None
    try:
        await websocket.accept()
        await _serve(websocket, client)
    finally:
        hub.leave(client)
    if client.farewell is not None:
        context.http.dismissed(client.farewell)
        await _close(websocket, client.farewell)


def _since(given: str | None) -> int | None:
    if given is None:
        return None
    if not given.isascii() or not given.isdigit() or int(given) > SEQ_MAX:
        raise InvalidInput("since", given, "the seq of the last message that was received")
    return int(given)


async def _serve(websocket: WebSocket, client: Client) -> None:
    """Send what comes, until the other side has gone or is to go."""
    tasks = {
        asyncio.create_task(_send(websocket, client)),
        asyncio.create_task(_listen(websocket, client)),
        asyncio.create_task(client.dismissed.wait()),  # sending may be stuck just when it has to end
    }
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _send(websocket: WebSocket, client: Client) -> None:
    with suppress(WebSocketDisconnect):
        while (text := await client.next()) is not None:
            await websocket.send({"type": "websocket.send", "text": text})


async def _listen(websocket: WebSocket, client: Client) -> None:
    """Wait for the other side to go. It has nothing to say here."""
    message = await websocket.receive()
    if message["type"] == "websocket.receive":
        client.dismiss(NO_MESSAGES)


async def _close(websocket: WebSocket, farewell: Farewell) -> None:
    """Say why, if the other side will hear it."""
    with suppress(WebSocketDisconnect, TimeoutError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await websocket.close(farewell.code, farewell.reason)
