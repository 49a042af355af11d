"""The query parameters that lists share: which part of them, of what time, of which symbol."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, NamedTuple

from fastapi import Depends, Path, Query

from trading.market.symbols import unified_symbol

LIMIT_MAX = 1_000
OFFSET_MAX = 10_000_000


# Coroutines, so that they need no thread: those are for the database.


class Paging(NamedTuple):
    """Which part of a list."""

    limit: int
    offset: int


class Span(NamedTuple):
    """`since_ms <= t < until_ms`, UTC ms; None is without bound."""

    since_ms: int | None
    until_ms: int | None


async def _paging(
    limit: Annotated[int, Query(ge=1, le=LIMIT_MAX, description="most items of the answer")] = 100,
    offset: Annotated[int, Query(ge=0, le=OFFSET_MAX, description="items to leave out: `next_offset`")] = 0,
) -> Paging:
    return Paging(limit, offset)


_TIME_EXAMPLES = ["2025-06-01T12:30:00Z"]


async def _span(
    since: Annotated[
        datetime | None, Query(description="from this time on (ISO 8601, UTC without a zone)", examples=_TIME_EXAMPLES)
    ] = None,
    until: Annotated[datetime | None, Query(description="before this time", examples=_TIME_EXAMPLES)] = None,
) -> Span:
    return Span(_ms(since), _ms(until))


async def _symbol(
    symbol: Annotated[
        str | None, Query(max_length=40, description="only of this symbol", examples=["BTC/USDT"])
    ] = None,
) -> str | None:
    return None if symbol is None else unified_symbol(symbol)


async def _needed_symbol(
    symbol: Annotated[str, Query(max_length=40, description="of which symbol", examples=["BTC/USDT"])],
) -> str:
    return unified_symbol(symbol)


def _ms(time: datetime | None) -> int | None:
    if time is None:
        return None
    aware = time.replace(tzinfo=UTC) if time.tzinfo is None else time
    return round(aware.timestamp() * 1000)


PagingQuery = Annotated[Paging, Depends(_paging)]
SpanQuery = Annotated[Span, Depends(_span)]
SymbolQuery = Annotated[str | None, Depends(_symbol)]
NeededSymbol = Annotated[str, Depends(_needed_symbol)]
Id = Annotated[str, Path(pattern="^[0-9a-f]{32}$", examples=["0123456789abcdef0123456789abcdef"])]
