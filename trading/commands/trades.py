"""Finished trades as several commands select and show them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from trading.commands.options import F, utc_ms
from trading.domain.errors import InvalidInput

if TYPE_CHECKING:
    from trading.domain.positions import Position
    from trading.store.queries import Queries

PAGE = 500
OUTCOMES: dict[str, Callable[[Decimal], bool]] = {
    "won": lambda profit: profit > 0,
    "lost": lambda profit: profit < 0,
    "even": lambda profit: profit == 0,
}
"""Whether a trade of this profit (after fees) has the outcome."""


def trade_filters(command: F) -> F:
    """`--symbol`, `--since`, `--until` and `--year`: which trades, by their closing."""
    for option in (
        click.option("--year", type=click.IntRange(1970, 9998), help="Only trades closed in this year (UTC)."),
        click.option("--until", metavar="TIME", help="Only trades closed before this time (UTC)."),
        click.option("--since", metavar="TIME", help="Only trades closed at or after this time (UTC)."),
        click.option("--symbol", metavar="SYMBOL", help="Only trades of this symbol, such as BTC/USDT."),
    ):
        command = option(command)
    return command


def span_ms(since: str | None, until: str | None, year: int | None) -> tuple[int | None, int | None]:
    """The time that the options name, UTC ms, from the first up to but without the second.

    Raises:
        InvalidInput: no such time, or a year beside another bound.
    """
    if year is None:
        return utc_ms(since, "--since") if since else None, utc_ms(until, "--until") if until else None
    if since or until:
        raise InvalidInput("--year", year, "alone, without --since and --until")
    start, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    return int(start.timestamp()) * 1000, int(end.timestamp()) * 1000


def closed_positions(
    queries: Queries, symbol: str | None, since_ms: int | None, until_ms: int | None, outcome: str | None = None
) -> Iterator[Position]:
    """The trades that fit, newest first, read page by page."""
    offset = 0
    seen: set[str] = set()  # a trade that closes while we read moves the others to the next page
    while True:
        page = queries.history(symbol=symbol, since_ms=since_ms, until_ms=until_ms, limit=PAGE, offset=offset)
        for position in page:
            if position.id in seen:
                continue
            seen.add(position.id)
            if outcome is None or OUTCOMES[outcome](position.net_profit(Decimal(0))):
                yield position
        if len(page) < PAGE:
            return
        offset += PAGE


def trade_of(position: Position) -> dict[str, Any]:
    """One finished trade as `--json` prints it. Profit is after fees and funding, in the quote coin."""
    from trading.commands import output

    profit = position.net_profit(Decimal(0))
    return {
        "id": position.id,
        "symbol": position.symbol,
        "side": position.side,
        "opened_ms": position.opened_ms,
        "closed_ms": position.closed_ms,
        "quantity": position.bought,
        "average_entry": output.rounded(position.average_entry),
        "average_exit": output.rounded(position.average_exit),
        "cost": position.cost,
        "fees": position.fees,
        "profit": profit,
        "profit_pct": output.rounded(profit / position.cost * 100) if position.cost else Decimal(0),
        "exit_reason": position.exit_reason,
    }
