"""`tradebot insights`: what earned and what lost, by symbol, regime, hour, analyst and reason of the exit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import click
import msgspec

from trading.commands.options import data_dir_option, debug_option, json_option, reader_settings
from trading.commands.trades import PAGE, closed_positions, span_ms, trade_filters
from trading.domain.instruments import ZERO

if TYPE_CHECKING:
    from rich.text import Text

    from trading.domain.decisions import Decision
    from trading.domain.positions import Position
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


class Tally(msgspec.Struct):
    """Sums over a group of trades, in the quote coin. Profit is after fees."""

    trades: int = 0
    won: int = 0
    lost: int = 0
    profit: Decimal = ZERO
    fees: Decimal = ZERO

    def add(self, position: Position) -> None:
        """Count one more trade."""
        profit = position.net_profit(ZERO)
        self.trades += 1
        self.won += profit > 0
        self.lost += profit < 0
        self.profit += profit
        self.fees += position.fees


class AnalystTally(msgspec.Struct):
    """How the trades went that an analyst was for, with its part of their profit, and those it was against (quote)."""

    supported: int = 0
    won: int = 0
    part: Decimal = ZERO
    opposed: int = 0
    opposed_profit: Decimal = ZERO


class Insights(msgspec.Struct):
    """All groups of one or many trades."""

    total: Tally
    groups: dict[str, dict[str, Tally]]
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
    found = Insights(Tally(), {group: {} for group in GROUPS}, {})
    for position, decision in trades:
        found.total.add(position)
        names = {
            "by_symbol": position.symbol,
            "by_regime": decision.regime if decision else UNKNOWN,
            "by_hour": f"{datetime.fromtimestamp(position.opened_ms / 1000, UTC):%H}",
            "by_exit": position.exit_reason or UNKNOWN,
        }
        for group, name in names.items():
            found.groups[group].setdefault(name, Tally()).add(position)
        if decision is not None:
            _add_votes(found.analysts, decision, position.net_profit(ZERO))
    return found


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
        **msgspec.structs.asdict(insights.total),
        **{
            group: [
                {"name": name, **msgspec.structs.asdict(tally), "average": _average(tally)}
                for name, tally in _sorted(group, tallies)
            ]
            for group, tallies in insights.groups.items()
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


def _sorted(group: str, tallies: dict[str, Tally]) -> list[tuple[str, Tally]]:
    if group == "by_hour":
        return sorted(tallies.items())
    return sorted(tallies.items(), key=lambda item: (-item[1].profit, item[0]))


def _by_part(insights: Insights) -> list[tuple[str, AnalystTally]]:
    return sorted(insights.analysts.items(), key=lambda item: (-item[1].part, item[0]))


def _average(tally: Tally) -> Decimal:
    from trading.commands import output

    return output.rounded(tally.profit / tally.trades)


def _print(insights: Insights) -> None:
    from trading.commands import output

    for group, title in GROUPS.items():
        rows: list[list[str | Text]] = [
            [
                output.shown(name),
                f"{tally.trades:,}",
                f"{tally.won:,}",
                _share(tally.won, tally.trades),
                output.signed(tally.profit),
                output.signed(_average(tally)),
                output.money(tally.fees),
            ]
            for name, tally in _sorted(group, insights.groups[group])
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
