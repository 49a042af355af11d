"""What the bot holds, has ordered, and has traded."""

from __future__ import annotations

import io
from http import HTTPStatus
from itertools import islice
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response

from trading.commands.trade_csv import write_csv
from trading.commands.trades import closed_positions
from trading.domain.orders import OrderState, Purpose
from trading.domain.positions import CorrectionKind
from trading.web.access import Scope, require
from trading.web.context import Reader
from trading.web.filters import Id, PagingQuery, SpanQuery, SymbolQuery
from trading.web.models.base import Page, page_of
from trading.web.models.trading import CorrectionView, FillView, OrderView, PositionDetail, PositionView, TradeView
from trading.web.problems import Problem

router = APIRouter(prefix="/api/v1", tags=["trading"], dependencies=[require(Scope.READ)])

CSV_ROWS_MAX = 100_000
BELONGINGS_MAX = 1_000
Outcome = Annotated[Literal["won", "lost", "even"] | None, Query(description="by profit after fees")]


@router.get("/positions")
def positions(queries: Reader) -> list[PositionView]:
    """Open positions at the last prices, in order of opening."""
    status = queries.status()
    prices = {known.symbol: known.price for known in status.symbols}
    return [PositionView.of(position, prices.get(position.symbol)) for position in status.positions]


@router.get("/positions/{position_id}")
def position(queries: Reader, position_id: Id) -> PositionDetail:
    """One position, open or closed, with its orders, fills and corrections."""
    found = queries.position(position_id)
    if found is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"there is no position {position_id}")
    prices = {known.symbol: known.price for known in queries.status().symbols}
    return PositionDetail(
        position=PositionView.of(found, prices.get(found.symbol)),
        trade=TradeView.of(found) if found.is_closed else None,
        orders=[OrderView.of(order) for order in queries.orders(position_id=position_id, limit=BELONGINGS_MAX)],
        fills=[FillView.of(fill) for _, fill in queries.fills_of([position_id])],
        corrections=[CorrectionView.of(correction) for correction in queries.corrections(position_id)],
    )


@router.get("/orders")
def orders(
    *,
    queries: Reader,
    paging: PagingQuery,
    span: SpanQuery,
    symbol: SymbolQuery,
    state: Annotated[OrderState | None, Query(description="only in this state")] = None,
    purpose: Annotated[Purpose | None, Query(description="only for this purpose")] = None,
    live: Annotated[bool | None, Query(description="only those that may rest at the exchange, or only others")] = None,
) -> Page[OrderView]:
    """Orders, newest first."""
    found = queries.orders(
        symbol=symbol,
        state=state,
        purpose=purpose,
        live=live,
        since_ms=span.since_ms,
        until_ms=span.until_ms,
        limit=paging.limit + 1,
        offset=paging.offset,
    )
    return page_of([OrderView.of(order) for order in found], *paging)


@router.get("/orders/{order_id}")
def order(queries: Reader, order_id: Id) -> OrderView:
    """One order."""
    found = queries.order(order_id)
    if found is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"there is no order {order_id}")
    return OrderView.of(found)


@router.get("/fills")
def fills(queries: Reader, paging: PagingQuery, span: SpanQuery, symbol: SymbolQuery) -> Page[FillView]:
    """Fills, newest first."""
    found = queries.fills(
        symbol=symbol,
        since_ms=span.since_ms,
        until_ms=span.until_ms,
        limit=paging.limit + 1,
        offset=paging.offset,
    )
    return page_of([FillView.of(fill) for fill in found], *paging)


@router.get("/trades")
def trades(
    queries: Reader, paging: PagingQuery, span: SpanQuery, symbol: SymbolQuery, outcome: Outcome = None
) -> Page[TradeView]:
    """Finished trades, newest first."""
    if outcome is None:
        found = queries.history(
            symbol=symbol,
            since_ms=span.since_ms,
            until_ms=span.until_ms,
            limit=paging.limit + 1,
            offset=paging.offset,
        )
    else:
        fitting = closed_positions(queries, symbol, *span, outcome)
        found = list(islice(fitting, paging.offset, paging.offset + paging.limit + 1))
    return page_of([TradeView.of(position) for position in found], *paging)


@router.get(
    "/trades.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "docs/COMMANDS.md"}},
)
def trades_csv(queries: Reader, span: SpanQuery, symbol: SymbolQuery, outcome: Outcome = None) -> Response:
    """Finished trades as CSV, oldest first: the same as `tradebot history --csv`. At most 100,000, the newest."""
    found = list(islice(closed_positions(queries, symbol, *span, outcome), CSV_ROWS_MAX))
    text = io.StringIO()
    write_csv(text, queries, found[::-1])
    disposition = {"Content-Disposition": 'attachment; filename="trades.csv"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=disposition)


@router.get("/corrections")
def corrections(
    queries: Reader,
    paging: PagingQuery,
    span: SpanQuery,
    symbol: SymbolQuery,
    kind: Annotated[CorrectionKind | None, Query(description="only of this kind")] = None,
) -> Page[CorrectionView]:
    """Changes of positions that no fill explains, newest first."""
    found = queries.booked_corrections(
        symbol=symbol,
        kind=kind,
        since_ms=span.since_ms,
        until_ms=span.until_ms,
        limit=paging.limit + 1,
        offset=paging.offset,
    )
    return page_of([CorrectionView.of(correction) for correction in found], *paging)
