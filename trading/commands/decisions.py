"""`tradebot decisions`: what the bot decided, and why."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from trading.commands.options import data_dir_option, debug_option, json_option, reader_settings
from trading.commands.trades import span_ms

if TYPE_CHECKING:
    from rich.text import Text

    from trading.domain.decisions import Decision, Verdict
    from trading.store.queries import DecisionRun, Queries

EPILOG = """\b
Examples:
  tradebot decisions
  tradebot decisions --symbol BTC/USDT --verdict enter_long --since 2025-06-01
  tradebot decisions --vetoed --short
  tradebot decisions --id 0123456789abcdef0123456789abcdef --json
A run of decisions that change nothing (HOLD, or nothing to enter or exit) is one line.
`history --json` has the id of the decision that opened a trade.
"""

VERDICTS = ("enter_long", "exit", "hold")
VOTE_COLUMNS = ("Analyst", "Score", "Confidence", "Weight", "Why")
COLUMNS = ("Time (UTC)", "Symbol", "Verdict", "Price", "Score", "Confidence", "Regime", "Outcome")
LIMIT_MAX = 100_000
PAGE = 200


@click.command(epilog=EPILOG)
@click.option("--symbol", metavar="SYMBOL", help="Only decisions on this symbol, such as BTC/USDT.")
@click.option("--verdict", type=click.Choice(VERDICTS), help="Only decisions with this verdict.")
@click.option("--vetoed", is_flag=True, help="Only decisions that something stood against.")
@click.option("--id", "decision_id", metavar="ID", help="Only the decision with this id.")
@click.option("--since", metavar="TIME", help="Only decisions at or after this time (UTC).")
@click.option("--until", metavar="TIME", help="Only decisions before this time (UTC).")
@click.option(
    "--limit", type=click.IntRange(1, LIMIT_MAX), default=20, show_default=True, help="The newest so many lines."
)
@click.option("--short", is_flag=True, help="One line each, without the votes.")
@data_dir_option
@json_option
@debug_option
def command(  # noqa: PLR0913, PLR0917 - one parameter for each option
    symbol: str | None,
    verdict: str | None,
    vetoed: bool,
    decision_id: str | None,
    since: str | None,
    until: str | None,
    limit: int,
    short: bool,
    data_dir: str | None,
    as_json: bool,
) -> None:
    """Show decisions, newest first: votes, weights, reasons, and what stood against them."""
    from trading.commands import output
    from trading.domain.decisions import Verdict
    from trading.market.symbols import unified_symbol
    from trading.store.queries import Queries

    wanted = unified_symbol(symbol, "--symbol") if symbol else None
    span = span_ms(since, until, None)
    only = Verdict(verdict) if verdict else None
    queries = Queries.open(reader_settings(data_dir).database)
    try:
        found = list(islice(_runs(queries, wanted, only, decision_id, span, vetoed=vetoed), limit + 1))
    finally:
        queries.close()
    runs = found[:limit]
    if as_json:
        output.print_json([run_of(run) for run in runs])
    elif not runs:
        click.echo("no decisions that fit" if wanted or only or vetoed or decision_id or any(span) else "no decisions")
    elif short:
        output.print_table(COLUMNS, [_row(run) for run in runs], right=COLUMNS[3:6])
    else:
        for run in runs:
            _print_run(run, with_votes=only is Verdict.HOLD or decision_id is not None)
    if len(found) > limit and not as_json:
        click.echo(f"Only the newest {limit} are shown; --limit shows more.")


def run_of(run: DecisionRun) -> dict[str, Any]:
    """One decision as `--json` prints it; of a run of idle ones the last, with `count` and the time of the first."""
    from msgspec.structs import asdict

    return {**asdict(run.decision), "first_ms": run.first_ms, "count": run.count}


def _runs(
    queries: Queries,
    symbol: str | None,
    verdict: Verdict | None,
    decision_id: str | None,
    span: tuple[int | None, int | None],
    *,
    vetoed: bool,
) -> Iterator[DecisionRun]:
    offset = 0
    while True:
        page = queries.decisions(
            symbol=symbol,
            verdict=verdict,
            decision_id=decision_id,
            since_ms=span[0],
            until_ms=span[1],
            limit=PAGE,
            offset=offset,
        )
        yield from (run for run in page if run.decision.veto or not vetoed)
        if len(page) < PAGE:
            return
        offset += PAGE


def _row(run: DecisionRun) -> list[str | Text]:
    from trading.commands import output

    decision = run.decision
    times = f" x {run.count:,} since {output.moment(run.first_ms)}" if run.count > 1 else ""
    return [
        output.moment(decision.time_ms),
        decision.symbol,
        f"{decision.verdict}{times}",
        output.number(decision.price),
        f"{decision.score:+.2f}",
        f"{decision.confidence:.2f}",
        decision.regime,
        _outcome(decision),
    ]


def _outcome(decision: Decision) -> str | Text:
    """What came of it: an order, an exit, what stood against it, or nothing."""
    from rich.text import Text

    from trading.commands import output
    from trading.monitoring.codes import veto_words

    if decision.veto:
        words = output.shown(veto_words(decision.veto))
        detail = f" ({output.shown(decision.veto_detail)})" if decision.veto_detail else ""
        return words if decision.is_idle else Text(f"vetoed: {words}{detail}", style="yellow")
    if decision.quantity is not None:
        return f"ordered {output.number(decision.quantity)}"
    return "exit of what is held" if decision.verdict == "exit" else "-"


def _print_run(run: DecisionRun, *, with_votes: bool) -> None:
    from trading.commands import output

    decision = run.decision
    time, symbol, verdict, price, score, confidence, regime, outcome = _row(run)
    head = f"{time} UTC  {symbol}  {verdict}  at {price}  score {score}, confidence {confidence}, {regime}"
    output.print_line(head, outcome, style="bold" if decision.verdict != "hold" else "")
    if decision.votes and (decision.verdict != "hold" or with_votes):
        click.echo(f"  decision {decision.id}")
        rows = [
            [
                vote.analyst,
                f"{vote.score:+.2f}",
                f"{vote.confidence:.2f}",
                f"{vote.weight:.2f}",
                output.shown(vote.reason),
            ]
            for vote in decision.votes
        ]
        output.print_table(VOTE_COLUMNS, rows, right=VOTE_COLUMNS[1:4])
