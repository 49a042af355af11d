"""`tradebot insights`: what earned and what lost, by symbol, regime, hour, analyst and reason of the exit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import click
import msgspec

from trading.commands.options import data_dir_option, debug_option, json_option, reader_settings
from trading.commands.trades import PAGE, closed_positions, span_ms, trade_filters
from trading.domain.instruments import ZERO

if TYPE_CHECKING:
    from rich.text import Text

    from trading.domain.decisions import Decision
    from trading.domain.positions import Position
    from trading.monitoring.performance import TradeResult, TradeStats
    from trading.store.queries import Queries

EPILOG = """\b
Examples:
  tradebot insights
  tradebot insights --symbol BTC/USDT --since 2025-06-01
  tradebot insights --year 2025 --json | jq .by_regime
Regime and votes are those of the decision that opened the trade. A trade's profit is divided among the analysts that
were for it, by score x confidence x weight.
"""

GROUPS = {
    "by_symbol": "Symbol",
    "by_regime": "Regime at entry",
    "by_hour": "Hour of entry (UTC)",
    "by_exit": "Reason of exit",
}
COLUMNS = ("Trades", "Won", "Won %", "Profit", "Average", "Fees")
ANALYST_COLUMNS = ("Analyst", "For", "Won %", "Its part of the profit", "Against", "Profit of those")
UNKNOWN = "unknown"
"""Where the decision is gone: old ones are removed."""


class AnalystTally(msgspec.Struct):
    """How the trades went that an analyst was for, with its part of their profit, and those it was against (quote)."""

    supported: int = 0
    won: int = 0
    part: Decimal = ZERO
    opposed: int = 0
    opposed_profit: Decimal = ZERO


class Insights(NamedTuple):
    """All groups of one or many trades, in the quote coin."""

    total: TradeStats
    groups: dict[str, dict[str, TradeStats]]
    analysts: dict[str, AnalystTally]


@click.command(epilog=EPILOG)
@trade_filters
@data_dir_option
@json_option
@debug_option
def command(
    symbol: str | None, since: str | None, until: str | None, year: int | None, data_dir: str | None, as_json: bool
) -> None:
    """Show what earned and what lost: by symbol, regime, hour, analyst, exit."""
    from trading.commands import output
    from trading.commands.progress import progress
    from trading.market.symbols import unified_symbol
    from trading.store.queries import Queries

    wanted = unified_symbol(symbol, "--symbol") if symbol else None
    span = span_ms(since, until, year)
    queries = Queries.open(reader_settings(data_dir).database)
    try:
        positions = list(closed_positions(queries, wanted, *span))
        with progress("trades", quiet=as_json) as tick:
            insights = insights_of(_with_decisions(queries, positions, tick))
    finally:
        queries.close()
    if as_json:
        output.print_json(as_json_of(insights))
    elif not positions:
        click.echo("no finished trades" + (" that fit" if wanted or year or any(span) else ""))
    else:
        _print(insights)


def insights_of(trades: Iterable[tuple[Position, Decision | None]]) -> Insights:
    """Adds up finished trades, each with the decision that opened it, or None where that is gone."""
    from trading.monitoring.performance import trade_result, trade_stats

    results: list[TradeResult] = []
    groups: dict[str, dict[str, list[TradeResult]]] = {group: {} for group in GROUPS}
    analysts: dict[str, AnalystTally] = {}
    for position, decision in sorted(trades, key=lambda trade: trade[0].closed_ms or 0):
        result = trade_result(position)
        results.append(result)
        names = {
            "by_symbol": position.symbol,
            "by_regime": decision.regime if decision else UNKNOWN,
            "by_hour": f"{datetime.fromtimestamp(position.opened_ms / 1000, UTC):%H}",
            "by_exit": position.exit_reason or UNKNOWN,
        }
        for group, name in names.items():
            groups[group].setdefault(name, []).append(result)
        if decision is not None:
            _add_votes(analysts, decision, result.profit)
    return Insights(
        trade_stats(results),
        {group: {name: trade_stats(part) for name, part in parts.items()} for group, parts in groups.items()},
        analysts,
    )


def _add_votes(analysts: dict[str, AnalystTally], decision: Decision, profit: Decimal) -> None:
    weights = {vote.analyst: Decimal(str(vote.score * vote.confidence * vote.weight)) for vote in decision.votes}
    total = sum((weight for weight in weights.values() if weight > 0), ZERO)
    for name, weight in weights.items():
        tally = analysts.setdefault(name, AnalystTally())
        if weight > 0:
            tally.supported += 1
            tally.won += profit > 0
            tally.part += profit * weight / total
        elif weight < 0:
            tally.opposed += 1
            tally.opposed_profit += profit


def as_json_of(insights: Insights) -> dict[str, Any]:
    """What `--json` prints: lists, those that earned most first; hours in their order."""
    from trading.commands import output

    return {
        **_figures(insights.total),
        **{
            group: [
                {"name": name, **_figures(stats), "average": _average(stats)} for name, stats in _sorted(group, parts)
            ]
            for group, parts in insights.groups.items()
        },
        "by_analyst": [
            {
                "name": name,
                "supported": tally.supported,
                "supported_won": tally.won,
                "part_of_profit": output.rounded(tally.part),
                "opposed": tally.opposed,
                "opposed_profit": tally.opposed_profit,
            }
            for name, tally in _by_part(insights)
        ],
    }


def _with_decisions(
    queries: Queries, positions: list[Position], tick: Callable[[int, int], None] | None
) -> Iterator[tuple[Position, Decision | None]]:
    for start in range(0, len(positions), PAGE):
        page = positions[start : start + PAGE]
        decisions = queries.decisions_of([position.id for position in page])
        yield from ((position, decisions.get(position.id)) for position in page)
        if tick is not None:
            tick(start + len(page), len(positions))


def _sorted(group: str, parts: dict[str, TradeStats]) -> list[tuple[str, TradeStats]]:
    if group == "by_hour":
        return sorted(parts.items(), key=lambda item: item[0])
    return sorted(parts.items(), key=lambda item: (-item[1].profit, item[0]))


def _by_part(insights: Insights) -> list[tuple[str, AnalystTally]]:
    return sorted(insights.analysts.items(), key=lambda item: (-item[1].part, item[0]))


def _figures(stats: TradeStats) -> dict[str, Any]:
    from trading.commands import output

    factor = stats.profit_factor
    return {
        "trades": stats.trades,
        "won": stats.won,
        "lost": stats.lost,
        "profit": stats.profit,
        "fees": stats.fees,
        "profit_factor": None if factor is None else output.rounded(factor),
    }


def _average(stats: TradeStats) -> Decimal:
    from trading.commands import output

    return output.rounded(stats.expectancy or ZERO)


def _print(insights: Insights) -> None:
    from trading.commands import output

    for group, title in GROUPS.items():
        rows: list[list[str | Text]] = [
            [
                output.shown(name),
                f"{stats.trades:,}",
                f"{stats.won:,}",
                _share(stats.won, stats.trades),
                output.signed(stats.profit),
                output.signed(_average(stats)),
                output.money(stats.fees),
            ]
            for name, stats in _sorted(group, insights.groups[group])
        ]
        output.print_table((title, *COLUMNS), rows, right=COLUMNS)
    if insights.analysts:
        analyst_rows: list[list[str | Text]] = [
            [
                output.shown(name),
                f"{tally.supported:,}",
                _share(tally.won, tally.supported),
                output.signed(tally.part),
                f"{tally.opposed:,}",
                output.signed(tally.opposed_profit),
            ]
            for name, tally in _by_part(insights)
        ]
        output.print_table(ANALYST_COLUMNS, analyst_rows, right=ANALYST_COLUMNS[1:])
    total = insights.total
    output.print_line(
        f"{total.trades:,} trades, {total.won:,} won, {total.lost:,} lost, fees {output.money(total.fees)}; together",
        output.signed(total.profit),
    )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f}" if whole else "-"
