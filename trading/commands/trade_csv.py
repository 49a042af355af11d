"""The trade export: a line for each finished trade, its fees in the quote coin. docs/COMMANDS.md has the columns."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, TextIO

from trading.commands.output import number, price, shown
from trading.commands.trades import PAGE
from trading.domain.instruments import ZERO
from trading.domain.orders import Fill, Side

if TYPE_CHECKING:
    from trading.domain.positions import Position
    from trading.store.queries import Queries

COLUMNS = (
    "trade_id",
    "symbol",
    "base",
    "quote",
    "opened_utc",
    "closed_utc",
    "bought",
    "average_entry",
    "cost",
    "sold",
    "average_exit",
    "proceeds",
    "fees",
    "entry_fees",
    "exit_fees",
    "fees_of_unknown_worth",
    "funding",
    "profit",
    "exit_reason",
)


def write_csv(
    stream: TextIO,
    queries: Queries,
    positions: Sequence[Position],
    tick: Callable[[int, int], None] | None = None,
) -> None:
    """Write the header and a line for each trade, in the order given.

    Args:
        tick: told after each page how many of how many are written.
    """
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for start in range(0, len(positions), PAGE):
        page = positions[start : start + PAGE]
        fills = _by_position(queries.fills_of([position.id for position in page]))
        writer.writerows(row_of(position, fills.get(position.id, [])) for position in page)
        if tick is not None:
            tick(start + len(page), len(positions))


def row_of(position: Position, fills: Sequence[Fill]) -> list[str]:
    """One line. How the fees divide is left out where the fills do not add up to them, as when old ones are gone."""
    base, _, quote = position.symbol.partition("/")
    entry = _worth((fill for fill in fills if fill.side is Side.BUY), base, quote)
    exits = _worth((fill for fill in fills if fill.side is Side.SELL), base, quote)
    is_whole = entry + exits == position.fees
    return [
        position.id,
        position.symbol,
        base,
        quote,
        iso(position.opened_ms),
        iso(position.closed_ms or 0),
        number(position.bought),
        price(position.average_entry),
        number(position.cost),
        number(position.sold),
        price(position.average_exit),
        number(position.proceeds),
        number(position.fees),
        number(entry) if is_whole else "",
        number(exits) if is_whole else "",
        _unvalued(fills, base, quote),
        number(position.funding),
        number(position.net_profit(ZERO)),
        as_cell(position.exit_reason),
    ]


def fee_in_quote(fill: Fill, base: str, quote: str) -> Decimal | None:
    """What a fill's fee was worth, as the books have it: one in the base coin at the fill's price. None: not known."""
    if fill.fee_coin == quote or not fill.fee:
        return fill.fee
    return fill.fee * fill.price if fill.fee_coin == base else fill.fee_value


def iso(ms: int) -> str:
    """UTC to the millisecond: 2025-06-01T12:30:00.000Z."""
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula."""
    safe = shown(text)
    return f"'{safe}" if safe.startswith(("=", "+", "-", "@")) else safe


def _worth(fills: Iterable[Fill], base: str, quote: str) -> Decimal:
    return sum((fee_in_quote(fill, base, quote) or ZERO for fill in fills), ZERO)


def _unvalued(fills: Iterable[Fill], base: str, quote: str) -> str:
    """Fees in coins of unknown worth, as '0.01 BNB'; they are not in the sums."""
    found: dict[str, Decimal] = {}
    for fill in fills:
        if fee_in_quote(fill, base, quote) is None:
            found[fill.fee_coin] = found.get(fill.fee_coin, ZERO) + fill.fee
    return " ".join(f"{number(fee)} {shown(coin)}" for coin, fee in sorted(found.items()))


def _by_position(pairs: Iterator[tuple[str, Fill]] | Sequence[tuple[str, Fill]]) -> dict[str, list[Fill]]:
    found: dict[str, list[Fill]] = {}
    for position_id, fill in pairs:
        found.setdefault(position_id, []).append(fill)
    return found
