"""What stops the bot from opening positions: kill switch, circuit breaker, limits."""

from __future__ import annotations

from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter

from trading.domain.events import CommandKind
from trading.web import killing
from trading.web.access import Identity, Scope, require
from trading.web.commanding import CommandKey, give
from trading.web.context import Context, Reader, Writer
from trading.web.filters import PagingQuery, SpanQuery
from trading.web.gauges import gauges
from trading.web.models.base import Page, page_of
from trading.web.models.operations import CommandView
from trading.web.models.safety import GaugeView, Kill, KillSwitchView, Reason, TripView
from trading.web.problems import Problem

router = APIRouter(prefix="/api/v1/safety", tags=["safety"])


@router.post("/kill-switch/trigger")
async def trigger(
    identity: Annotated[Identity, require(Scope.TRADE, may_sign=True)], context: Context, wanted: Kill
) -> KillSwitchView:
    """Open nothing any more, until a person resets it; whether the bot runs or not. Durable when this is answered.

    Where the database cannot be written, a file in the data folder says it. Instead of a login, the request may be
    signed (docs/API.md).
    """
    act = partial(killing.trigger, context, by=identity.by, reason=wanted.reason, flatten=wanted.flatten)
    return await killing.at_once(act)


@router.post("/kill-switch/reset")
async def reset(
    identity: Annotated[Identity, require(Scope.ADMIN, may_sign=True)], context: Context, wanted: Reason
) -> KillSwitchView:
    """Let the bot open positions again. Instead of a login, the request may be signed (docs/API.md)."""
    return await killing.at_once(partial(killing.reset, context, by=identity.by, reason=wanted.reason))


@router.get("/kill-switch/status", dependencies=[require(Scope.READ)])
async def status(context: Context) -> KillSwitchView:
    """How the kill switch stands."""
    return await killing.at_once(partial(killing.look, context))


@router.post("/circuit-breaker/reset", status_code=HTTPStatus.ACCEPTED)
def reset_breaker(
    identity: Annotated[Identity, require(Scope.ADMIN)],
    context: Context,
    engine: Writer,
    queries: Reader,
    wanted: Reason,
    key: CommandKey = None,
) -> CommandView:
    """Clear pause and halt. Without a bot it is done when the next one starts."""
    safety = queries.status().safety
    if not safety.paused and not safety.halted:
        raise Problem(HTTPStatus.CONFLICT, "the circuit breaker is neither paused nor halted", code="NOT_SET")
    return give(engine, CommandKind.RESUME, identity, context.now_ms(), reason=wanted.reason, key=key, needs_bot=False)


@router.get("/circuit-breaker/trips", dependencies=[require(Scope.READ)])
def trips(queries: Reader, paging: PagingQuery, span: SpanQuery) -> Page[TripView]:
    """What tripped the circuit breaker, newest first."""
    found = queries.trips(since_ms=span.since_ms, until_ms=span.until_ms, limit=paging.limit + 1, offset=paging.offset)
    return page_of([TripView.of(trip) for trip in found], *paging)


@router.get("/limits", dependencies=[require(Scope.READ)])
def limits(queries: Reader) -> list[GaugeView]:
    """How near each limit is; none before the bot's first start."""
    return gauges(queries.status())
