"""`tradebot backtest`: trades recorded candles and says what would have come of it."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

import click

from trading.commands.options import debug_option, json_option, utc_ms
from trading.domain.errors import InvalidInput

if TYPE_CHECKING:
    from rich.text import Text

    from trading.backtest.report import Report, Summary, Trade
    from trading.exchange.costs import Costs
    from trading.market.candle_table import CandleTable

EPILOG = """\b
Examples:
  tradebot backtest candles/ --timeframe 5m --fee 0.1
  tradebot backtest BTCUSDT-1h.csv.gz --fee 0.1 --half-spread-bps 1 --since 2025-01-01
  tradebot backtest candles/ --symbols BTC/USDT --fee 0.075 --maker-fee 0.02 --json
What the simulation assumes is in docs/SIMULATION.md.
"""

COLUMNS = ("Opened (UTC)", "Closed (UTC)", "Symbol", "Quantity", "Entry", "Exit", "Fees", "Profit", "Why")


@click.command(epilog=EPILOG)
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE|FOLDER...")
@click.option(
    "--fee", required=True, metavar="PCT", help="Taker fee in percent; there is no default for what trading costs."
)
@click.option("--maker-fee", metavar="PCT", help="Maker fee in percent [the taker's].")
@click.option(
    "--half-spread-bps", metavar="BPS", default="0.5", show_default=True, help="From the candle's price to ours."
)
@click.option(
    "--price-impact",
    metavar="NUMBER",
    default="0.1",
    show_default=True,
    help="Slippage = impact x (share of volume)^2.",
)
@click.option("--symbols", metavar="LIST", help="Only these: BTC/USDT,ETH/USDT [all that are there].")
@click.option("--timeframe", metavar="NAME", help="Which candles of a folder: 1m, 5m, 1h …")
@click.option("--since", metavar="TIME", help="Trade only from this time on (UTC); earlier candles warm up.")
@click.option("--until", metavar="TIME", help="Trade only before this time (UTC).")
@click.option("--balance", metavar="AMOUNT", default="10000", show_default=True, help="Quote coin at the start.")
@click.option("--max-position-size", metavar="AMOUNT", default="1000", show_default=True, help="Largest position.")
@click.option("--max-positions", type=click.IntRange(1, 500), default=3, show_default=True, help="Positions at once.")
@click.option("--no-breaker", is_flag=True, help="Trade on where the circuit breaker would halt until a person looks.")
@click.option("--trades", type=click.IntRange(0), default=100, show_default=True, help="Show the last so many trades.")
@json_option
@debug_option
def command(  # noqa: PLR0913, PLR0917 - one parameter for each option
    paths: tuple[Path, ...],
    fee: str,
    maker_fee: str | None,
    half_spread_bps: str,
    price_impact: str,
    symbols: str | None,
    timeframe: str | None,
    since: str | None,
    until: str | None,
    balance: str,
    max_position_size: str,
    max_positions: int,
    no_breaker: bool,
    trades: int,
    as_json: bool,
) -> None:
    """Trade candle files with the engine, next to buying and holding."""
    from trading.backtest.assembly import run_backtest
    from trading.commands import output
    from trading.commands.progress import progress
    from trading.safety.breaker import NO_BREAKER
    from trading.safety.checks import Limits

    limits = Limits(
        max_position_notional=_amount(max_position_size, "--max-position-size"), max_open_positions=max_positions
    )
    costs = _costs(fee, maker_fee, half_spread_bps, price_impact)
    start = _amount(balance, "--balance")
    times = (utc_ms(since, "--since") if since else None, utc_ms(until, "--until") if until else None)
    tables = load_tables(paths, symbols, timeframe)
    with progress("candles", quiet=as_json) as tick:
        report = run_backtest(
            tables,
            costs,
            start,
            limits=limits,
            breaker=NO_BREAKER if no_breaker else None,
            since_ms=times[0],
            until_ms=times[1],
            progress=tick,
        )
    if as_json:
        output.print_json(report)
    else:
        print_report(report, trades)


def load_tables(paths: tuple[Path, ...], symbols: str | None, timeframe: str | None) -> list[CandleTable]:
    """The candles of files and folders, of one timeframe, each symbol once.

    Raises:
        InvalidInput: see `load_candles`; or a symbol is nowhere, or in two places.
    """
    from trading.market.batches import one_interval
    from trading.market.candle_files import load_candles
    from trading.market.symbols import unified_symbol
    from trading.market.timeframes import interval_of

    interval_ms = interval_of(timeframe, "--timeframe") if timeframe else None
    wanted = {unified_symbol(part, "--symbols") for part in symbols.split(",")} if symbols else None
    if len(paths) == 1:
        return load_candles(paths[0], symbols=sorted(wanted) if wanted else None, interval_ms=interval_ms)
    tables = [table for path in paths for table in load_candles(path, interval_ms=interval_ms)]
    if wanted is not None:
        held = sorted({table.symbol for table in tables})
        if missing := sorted(wanted - set(held)):
            raise InvalidInput("--symbols", ", ".join(missing), f"what the files hold: {', '.join(held)}")
        tables = [table for table in tables if table.symbol in wanted]
    one_interval(tables)
    return tables


def print_report(report: Report, trades: int) -> None:
    """The summary and the last `trades` trades, for people."""
    from trading.commands import output
    from trading.monitoring.codes import veto_words

    summary = report.summary
    figures: list[tuple[str, str | Text]] = [
        ("Period", f"{output.moment(summary.start_ms)} to {output.moment(summary.end_ms)} UTC"),
        ("Symbols", f"{', '.join(summary.symbols)} ({summary.candles:,} candles)"),
        ("Costs", ", ".join(f"{name} {value}" for name, value in report.costs.items())),
        ("Capital", f"{output.money(summary.start_capital)} -> {output.money(summary.final_equity)}"),
        ("Return", output.percent(summary.return_pct)),
        ("Buy and hold", f"{output.percent(summary.buy_and_hold_pct)} (equal parts, all of the capital)"),
        ("Per year", _plain(summary.annual_return_pct, " %")),
        (
            "Deepest fall",
            f"{summary.max_drawdown_pct} %; {output.duration(summary.longest_drawdown_ms)} until made good",
        ),
        ("Ratios", _ratios(summary)),
        ("Trades", f"{summary.trades}: {summary.wins} won, {summary.losses} lost ({summary.win_rate_pct} % won)"),
        ("Streaks", f"{summary.longest_winning_streak} won, {summary.longest_losing_streak} lost in a row"),
        ("Profit factor", _plain(summary.profit_factor)),
        ("Per trade", "-" if summary.expectancy is None else output.signed(summary.expectancy)),
        ("Fees", output.money(summary.fees)),
        ("Slippage", f"{output.money(summary.entry_slippage)} at entries ({_plain(summary.entry_slippage_bps)} bps)"),
    ]
    if summary.vetoes:
        counts = (f"{count} x {veto_words(code)}" for code, count in summary.vetoes.items())
        figures.append(("Not entered", ", ".join(counts)))
    if report.halt is not None:
        when = output.moment(report.halt.time_ms)
        figures.append(("Halted", f"{when}: {report.halt.text}. No entries after that; --no-breaker goes on"))
    if summary.open_positions:
        figures.append(("Still open", str(summary.open_positions)))
    last = report.trades[-trades:] if trades else []
    if last:
        output.print_table(COLUMNS, [_row(trade) for trade in last], right=COLUMNS[3:8])
        if len(last) < len(report.trades):
            click.echo(f"The last {len(last)} of {len(report.trades)} trades; --trades shows more.\n")
    output.print_facts(figures)


def _ratios(summary: Summary) -> str:
    found = {"Sharpe": summary.sharpe, "Sortino": summary.sortino, "Calmar": summary.calmar}
    return ", ".join(f"{name} {_plain(value)}" for name, value in found.items())


def _plain(value: float | Decimal | None, unit: str = "") -> str:
    return "-" if value is None else f"{value:,.2f}{unit}"


def _row(trade: Trade) -> list[str | Text]:
    from trading.commands import output

    return [
        output.moment(trade.opened_ms),
        output.moment(trade.closed_ms),
        trade.symbol,
        output.number(trade.quantity),
        output.price(trade.entry_price),
        output.price(trade.exit_price),
        output.money(trade.fees),
        output.signed(trade.net_profit),
        trade.reason,
    ]


def _costs(fee: str, maker_fee: str | None, half_spread_bps: str, price_impact: str) -> Costs:
    from trading.exchange.costs import BINANCE_SPOT, Costs

    return Costs(
        taker_fee=_percent(fee, "--fee"),
        maker_fee=_percent(maker_fee or fee, "--maker-fee"),
        half_spread_bps=_number(half_spread_bps, "--half-spread-bps"),
        price_impact=_number(price_impact, "--price-impact"),
        max_volume_share=BINANCE_SPOT.max_volume_share,
        latency_ms=BINANCE_SPOT.latency_ms,
    )


def _number(text: str, option: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0:
        raise InvalidInput(option, text, "a number, 0 or more")
    return value


def _percent(text: str, option: str) -> Decimal:
    value = _number(text, option)
    if value > 10 or value != round(value, 4):
        raise InvalidInput(option, text, "a percentage from 0 to 10 with at most 4 decimals (0.1 is 0.1 %)")
    return round(value, 4).normalize() / 100


def _amount(text: str, option: str) -> Decimal:
    value = _number(text, option)
    if not value:
        raise InvalidInput(option, text, "an amount above 0")
    return value
