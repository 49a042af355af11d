"""`tradebot history`: the finished trades."""

from __future__ import annotations

import sys
from decimal import Decimal
from itertools import islice
from typing import Any

import click

from trading.commands.options import data_dir_option, debug_option, json_option, reader_settings
from trading.commands.trades import OUTCOMES, closed_positions, span_ms, trade_filters, trade_of

EPILOG = """\b
Examples:
  tradebot history
  tradebot history --symbol BTC/USDT --since 2025-06-01 --limit 500
  tradebot history --outcome lost --json
  tradebot history --year 2025 --csv > trades-2025.csv
The CSV has all trades that fit, oldest first; docs/COMMANDS.md tells its columns.
"""

COLUMNS = ("Closed (UTC)", "Symbol", "Held", "Quantity", "Entry", "Exit", "Fees", "Profit", "Profit %", "Why")
LIMIT = 50
LIMIT_MAX = 1_000_000


@click.command(epilog=EPILOG)
@trade_filters
@click.option("--outcome", type=click.Choice(list(OUTCOMES)), help="Only trades that ended so, after fees.")
@click.option(
    "--limit", type=click.IntRange(1, LIMIT_MAX), help=f"The newest so many trades [{LIMIT}; with --csv or --year all]."
)
@click.option("--csv", "as_csv", is_flag=True, help="Print a trade export: a line for each trade, fees in quote coin.")
@data_dir_option
@json_option
@debug_option
def command(  # noqa: PLR0917 - one parameter for each option
    symbol: str | None,
    since: str | None,
    until: str | None,
    year: int | None,
    outcome: str | None,
    limit: int | None,
    as_csv: bool,
    data_dir: str | None,
    as_json: bool,
) -> None:
    """Show finished trades, newest first, with profit after fees."""
    from trading.commands import output
    from trading.commands.progress import progress
    from trading.commands.trade_csv import write_csv
    from trading.market.symbols import unified_symbol
    from trading.store.queries import Queries

    if as_csv and as_json:
        raise click.UsageError("--csv and --json are two ways to print; give one of them")
    wanted = unified_symbol(symbol, "--symbol") if symbol else None
    since_ms, until_ms = span_ms(since, until, year)
    most = limit or (LIMIT_MAX if as_csv or year else LIMIT)
    queries = Queries.open(reader_settings(data_dir).database)
    try:
        found = list(islice(closed_positions(queries, wanted, since_ms, until_ms, outcome), most + 1))
        if as_csv:
            with progress("trades", quiet=sys.stdout.isatty()) as tick:
                write_csv(sys.stdout, queries, found[:most][::-1], tick)
            return
    finally:
        queries.close()
    trades = [trade_of(position) for position in found[:most]]
    if as_json:
        output.print_json(trades)
        return
    if not trades:
        is_filtered = any((symbol, since, until, year, outcome))
        click.echo("no finished trades" + (" that fit" if is_filtered else ""))
        return
    output.print_table(COLUMNS, [_row(trade) for trade in trades], right=COLUMNS[3:9])
    click.echo(_sum(trades))
    if len(found) > most:
        click.echo(f"Only the newest {most} are shown; --limit shows more.")


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
