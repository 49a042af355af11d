"""`tradebot history`: the finished trades."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click

from trading.commands.options import data_dir_option, debug_option, json_option, reader_settings, utc_ms

if TYPE_CHECKING:
    from trading.domain.positions import Position

EPILOG = """\b
Examples:
  tradebot history
  tradebot history --symbol BTC/USDT --since 2025-06-01 --limit 500
  tradebot history --json
"""

COLUMNS = ("Closed (UTC)", "Symbol", "Held", "Quantity", "Entry", "Exit", "Fees", "Profit", "Profit %", "Why")
LIMIT_MAX = 1_000_000


@click.command(epilog=EPILOG)
@click.option("--symbol", metavar="SYMBOL", help="Only trades of this symbol, such as BTC/USDT.")
@click.option("--since", metavar="TIME", help="Only trades closed at or after this time (UTC).")
@click.option("--until", metavar="TIME", help="Only trades closed before this time (UTC).")
@click.option(
    "--limit", type=click.IntRange(1, LIMIT_MAX), default=50, show_default=True, help="The newest so many trades."
)
@data_dir_option
@json_option
@debug_option
def command(
    symbol: str | None, since: str | None, until: str | None, limit: int, data_dir: str | None, as_json: bool
) -> None:
    """Show finished trades, newest first, with profit after fees."""
    from trading.commands import output
    from trading.market.symbols import unified_symbol
    from trading.store.queries import Queries

    wanted = unified_symbol(symbol, "--symbol") if symbol else None
    since_ms = utc_ms(since, "--since") if since else None
    until_ms = utc_ms(until, "--until") if until else None
    queries = Queries.open(reader_settings(data_dir).database)
    try:
        found = queries.history(symbol=wanted, since_ms=since_ms, until_ms=until_ms, limit=limit + 1)
    finally:
        queries.close()
    trades = [trade_of(position) for position in found[:limit]]
    if as_json:
        output.print_json(trades)
        return
    if not trades:
        click.echo("no finished trades" + (" that fit" if symbol or since or until else ""))
        return
    output.print_table(COLUMNS, [_row(trade) for trade in trades], right=COLUMNS[3:9])
    click.echo(_sum(trades))
    if len(found) > limit:
        click.echo(f"Only the newest {limit} are shown; --limit shows more.")


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


def _row(trade: dict[str, Any]) -> list[Any]:
    from trading.commands import output

    return [
        output.moment(trade["closed_ms"]),
        trade["symbol"],
        output.duration(trade["closed_ms"] - trade["opened_ms"]),
        output.number(trade["quantity"]),
        output.price(trade["average_entry"]),
        output.price(trade["average_exit"]),
        output.money(trade["fees"]),
        output.signed(trade["profit"]),
        output.percent(trade["profit_pct"]),
        output.shown(trade["exit_reason"]),
    ]


def _sum(trades: list[dict[str, Any]]) -> str:
    from trading.commands import output

    total = sum((trade["profit"] for trade in trades), Decimal(0))
    fees = sum((trade["fees"] for trade in trades), Decimal(0))
    wins = sum(1 for trade in trades if trade["profit"] > 0)
    quotes = sorted({trade["symbol"].partition("/")[2] for trade in trades})
    return (
        f"{len(trades)} trades, {wins} with a profit; together {output.signed(total)} {'/'.join(quotes)} "
        f"after {output.money(fees)} of fees"
    )
