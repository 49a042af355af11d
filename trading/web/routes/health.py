"""Whether all is well: probes for machines, without a login; the state of health and safety; metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import generate_latest

from trading.monitoring.health import Answer, alive_answer, health_answer, ready_answer
from trading.monitoring.prometheus import CONTENT_TYPE
from trading.store.status import Status
from trading.web.access import PUBLIC, Scope, require
from trading.web.context import Context, Reader, WebContext
from trading.web.models.health import CheckView, HealthSafetyView, HealthStatusView, ProbeView
from trading.web.models.metrics import RealtimeView
from trading.web.problems import Problem
from trading.web.watching import Look

router = APIRouter(tags=["health"])

_PROBE: dict[str, Any] = {
    "response_model": ProbeView,
    "responses": {503: {"model": ProbeView, "description": "Something fails; `checks` says what"}},
    "dependencies": [PUBLIC],
}


@asynccontextmanager
async def lifespan(context: WebContext) -> AsyncIterator[None]:
    """Ends the thread that looks."""
    try:
        yield
    finally:
        context.health.close()


@router.get("/health", **_PROBE)
async def health(context: Context) -> JSONResponse:
    """200 while nothing fails, 503 with what does. docs/HEALTH.md explains each check."""
    return _answered(health_answer((await context.health.look()).health))


@router.get("/readyz", **_PROBE)
async def ready(context: Context) -> JSONResponse:
    """200 while the database answers and the bot has started and gives signs of life, whether it trades or not."""
    return _answered(ready_answer((await context.health.look()).health))


@router.get("/livez", **_PROBE)
async def alive(context: Context) -> JSONResponse:
    """200 while this process answers. Says nothing of the bot."""
    return _answered(alive_answer(0.0, context.now_ms()))


@router.get("/api/v1/health/status", dependencies=[require(Scope.READ)])
async def health_status(context: Context) -> HealthStatusView:
    """How the bot is: level, safety state, exchange, database, models, heartbeat, every check."""
    look = await context.health.look()
    return HealthStatusView.of(look, _status_of(look))


@router.get("/api/v1/health/safety", dependencies=[require(Scope.READ)])
async def health_safety(context: Context) -> HealthSafetyView:
    """Kill switch, circuit breaker and position limits."""
    look = await context.health.look()
    return HealthSafetyView.of(look, _status_of(look))


@router.get("/api/v1/metrics/realtime", dependencies=[require(Scope.READ)])
def realtime(context: Context, queries: Reader) -> RealtimeView:
    """How the bot did: ratios of its equity, statistics of its trades; at most a second old."""
    return RealtimeView.of(context.performance.read(queries), context.now_ms())


@router.get(
    "/metrics",
    dependencies=[require(Scope.READ)],
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "Prometheus metrics"}},
)
async def metrics(context: Context) -> Response:
    """For Prometheus, with an API token."""
    await context.health.look()
    text = await asyncio.to_thread(generate_latest, context.registry)
    return Response(text, media_type=CONTENT_TYPE)


def _answered(answer: Answer) -> JSONResponse:
    return JSONResponse(answer[1], answer[0])


def _status_of(look: Look) -> Status:
    """What was read; raises a `Problem` where that was nothing."""
    if look.seen.status is None:
        checks = [CheckView.of(check).model_dump(mode="json") for check in look.health.failing]
        raise Problem(
            HTTPStatus.SERVICE_UNAVAILABLE,
            look.seen.database_error,
            code="DATABASE_UNAVAILABLE",
            headers={"Retry-After": "1"},
            level=str(look.health.level),
            checks=checks,
        )
    return look.seen.status
