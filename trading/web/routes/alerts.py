"""Alerts: listed, acknowledged, tested; and their sender, as one of the processes that can send them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated

import anyio.to_thread
import sqlalchemy as sa
from anyio import CapacityLimiter
from fastapi import APIRouter, Query
from pydantic import StringConstraints

from trading.domain.actions import Level
from trading.monitoring.alerts.assembly import has_channels, make_sender
from trading.monitoring.alerts.presence import Presence
from trading.monitoring.alerts.telegram import TelegramCommands
from trading.monitoring.alerts.trial import Trial, try_channels
from trading.monitoring.jobs import Jobs
from trading.store.alerts import acknowledge, deliveries_of, list_alerts
from trading.store.deliveries import channel_states
from trading.web.access import Identity, Scope, require
from trading.web.context import Context, Reader, WebContext, Writer
from trading.web.filters import PagingQuery, SpanQuery, SymbolQuery
from trading.web.models.alerts import (
    Acknowledged,
    Acknowledgement,
    AlertView,
    ChannelView,
    DeliveryView,
    ListedAlert,
    TrialView,
)
from trading.web.models.base import Page, page_of

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])

STOP_SECONDS = 2.0
CODES_MAX = 20
Code = Annotated[str, StringConstraints(max_length=60, pattern="^[A-Z_]+$")]

# Tests wait for channels, and must not take the threads that the database is read in.
_trials = CapacityLimiter(2)


@asynccontextmanager
async def lifespan(context: WebContext) -> AsyncIterator[None]:
    """Send what the bot cannot, watch whether it is there, and listen to Telegram where the bot does not."""

    def connect() -> sa.Engine:
        with context.database.writing() as engine:
            return engine

    sender = await anyio.to_thread.run_sync(make_sender, context.settings, connect)
    presence = Presence(connect, sender.wake if sender else lambda: None)
    telegram = TelegramCommands.of(context.settings, connect, Jobs())
    if sender is not None:
        sender.start()
    presence.start()
    if telegram is not None:
        telegram.start()
    try:
        yield
    finally:
        presence.stop()
        if telegram is not None:
            await anyio.to_thread.run_sync(telegram.stop)
        if sender is not None:
            await anyio.to_thread.run_sync(sender.stop, STOP_SECONDS)


@router.get("", dependencies=[require(Scope.READ)])
def alerts(  # noqa: PLR0917 - one parameter for each part of the query
    queries: Reader,
    paging: PagingQuery,
    span: SpanQuery,
    symbol: SymbolQuery = None,
    level: Annotated[list[Level] | None, Query(description="only these levels", examples=[["critical"]])] = None,
    code: Annotated[
        list[Code] | None, Query(max_length=CODES_MAX, description="only of these kinds", examples=[["STOP_HIT"]])
    ] = None,
    acknowledged: Annotated[bool | None, Query(description="only those a person has seen, or has not")] = None,
) -> Page[ListedAlert]:
    """Alerts, newest first, each with the channels it goes to. Times are the wall clock's."""
    found = list_alerts(
        queries.engine,
        levels=level or (),
        codes=code or (),
        symbol=symbol or "",
        since_ms=span.since_ms,
        until_ms=span.until_ms,
        acknowledged=acknowledged,
        limit=paging.limit + 1,
        offset=paging.offset,
    )
    deliveries = deliveries_of(queries.engine, [alert.seq for alert in found])
    listed = [
        ListedAlert(alert=AlertView.of(one), deliveries=[DeliveryView.of(d) for d in deliveries.get(one.seq, ())])
        for one in found
    ]
    return page_of(listed, *paging)


@router.get("/channels", dependencies=[require(Scope.READ)])
def channels(queries: Reader) -> list[ChannelView]:
    """Every channel that alerts have gone through, and what fails."""
    return [ChannelView.of(state) for state in channel_states(queries.engine).values()]


@router.post("/acknowledge")
def acknowledge_alerts(
    identity: Annotated[Identity, require(Scope.TRADE)], context: Context, engine: Writer, wanted: Acknowledgement
) -> Acknowledged:
    """Say that a person has seen these alerts. They stay in the list."""
    return Acknowledged(count=acknowledge(engine, wanted.up_to_seq, identity.by, context.now_ms()))


@router.post("/test")
async def test_channels(identity: Annotated[Identity, require(Scope.TRADE)], context: Context) -> list[TrialView]:
    """Send a test alert through every channel of the dashboard's settings, and tell what each made of it.

    Answers when all have, or after 25 seconds. Empty where no channel is set up.
    """
    found = await anyio.to_thread.run_sync(partial(_try, context, identity.by), limiter=_trials)
    return [TrialView.of(trial) for trial in found]


def _try(context: WebContext, by: str) -> list[Trial]:
    if not has_channels(context.settings):
        return []
    from trading.monitoring.alerts.channels import channels_of

    return try_channels(channels_of(context.settings), context.settings.alert_name, by)
