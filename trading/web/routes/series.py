"""Decisions, equity, candles and events: what charts and the decision explorer show."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query

from trading.domain.decisions import Verdict
from trading.market.timeframes import interval_of, timeframe_of
from trading.web.access import Scope, require
from trading.web.context import Reader
from trading.web.filters import Id, NeededSymbol, PagingQuery, SpanQuery, SymbolQuery
from trading.web.models.base import Page, page_of
from trading.web.models.decisions import DecisionView
from trading.web.models.operations import EventPage, EventView
from trading.web.models.trading import CandleSeries, CandleView, EquitySeries, EquityView
from trading.web.problems import Problem

router = APIRouter(prefix="/api/v1", tags=["series"], dependencies=[require(Scope.READ)])

POINTS_MAX = 5_000
SEQ_MAX = 2**63 - 2


@router.get("/decisions")
def decisions(
    queries: Reader,
    paging: PagingQuery,
    span: SpanQuery,
    symbol: SymbolQuery,
    verdict: Annotated[Verdict | None, Query(description="only with this verdict")] = None,
    vetoed: Annotated[bool | None, Query(description="only those that something stood against, or only others")] = None,
) -> Page[DecisionView]:
    """Decisions with their votes, newest first; a run of idle ones (HOLD, or nothing to enter or exit) is one item."""
    found = queries.decisions(
        symbol=symbol,
        verdict=verdict,
        vetoed=vetoed,
        since_ms=span.since_ms,
        until_ms=span.until_ms,
        limit=paging.limit + 1,
        offset=paging.offset,
    )
    return page_of([DecisionView.of(run) for run in found], *paging)


@router.get("/decisions/{decision_id}")
def decision(queries: Reader, decision_id: Id) -> DecisionView:
    """One decision; a position has the id of the decision that opened it."""
    found = queries.decisions(decision_id=decision_id, limit=1)
    if not found:
        raise Problem(HTTPStatus.NOT_FOUND, f"there is no decision {decision_id} (any more)")
    return DecisionView.of(found[0])


@router.get("/equity")
def equity(
    queries: Reader,
    span: SpanQuery,
    points: Annotated[int, Query(ge=2, le=POINTS_MAX, description="about how many points at most")] = 500,
) -> EquitySeries:
    """What the bot was worth over time, oldest first: of each step the last point, so that about `points` are left."""
    ends = queries.equity_span(since_ms=span.since_ms, until_ms=span.until_ms)
    step_ms = 1 if ends is None else max(1, -(-(ends[1] - ends[0] + 1) // points))
    found = queries.equity(since_ms=span.since_ms, until_ms=span.until_ms, step_ms=step_ms, limit=points + 1)
    account = queries.status().account
    return EquitySeries(
        quote=account.quote if account else None, step_ms=step_ms, items=[EquityView.of(point) for point in found]
    )


@router.get("/candles")
def candles(
    queries: Reader,
    span: SpanQuery,
    symbol: NeededSymbol,
    timeframe: Annotated[
        str | None, Query(max_length=8, description="default: that of the bot", examples=["5m"])
    ] = None,
    limit: Annotated[int, Query(ge=1, le=POINTS_MAX)] = 500,
) -> CandleSeries:
    """Candles of a symbol, oldest first: the newest `limit` of those asked for."""
    if timeframe is not None:
        interval_ms = interval_of(timeframe)
    else:
        facts = queries.status().facts
        if facts is None:
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "no bot has run here yet: name a timeframe")
        interval_ms = facts.interval_ms
    found = queries.candles(symbol, interval_ms, since_ms=span.since_ms, until_ms=span.until_ms, limit=limit)
    return CandleSeries(
        symbol=symbol,
        timeframe=timeframe_of(interval_ms),
        interval_ms=interval_ms,
        items=[CandleView.of(candle) for candle in found],
    )


@router.get("/events")
def events(
    queries: Reader,
    after: Annotated[int, Query(ge=0, le=SEQ_MAX, description="only events with a higher number")] = 0,
    type: Annotated[  # noqa: A002 - its name on the wire
        str | None, Query(pattern="^[A-Za-z]{1,40}$", description="only of this type", examples=["OrderFilled"])
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> EventPage:
    """The bot's events, oldest first."""
    first, last = queries.event_range()
    found = queries.events(after_seq=after, type=type, limit=limit)
    return EventPage(
        items=[EventView.of(event) for event in found],
        next_after=found[-1].seq if found else max(after, 0 if type else last),
        first_seq=first,
        last_seq=last,
    )
