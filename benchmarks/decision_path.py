"""The whole decision path with the simulated exchange, from candles to closed trades."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from benchmarks.markets import demo
from benchmarks.rows import Row, fastest
from trading.backtest.assembly import run_backtest
from trading.exchange.costs import BINANCE_SPOT
from trading.market.candle_table import CandleTable
from trading.safety.breaker import NO_BREAKER

REQUIRED, GOAL = 60_000, 150_000


def measure(candles: int, recorded: Sequence[CandleTable] = ()) -> list[Row]:
    """Candles a second of features, votes, engine, checks and exchange together, as `tradebot backtest` runs them."""
    found = [_row("demo market, 2 symbols", demo(2, candles // 2))]
    found.extend(_row(f"recorded {table.symbol}", [table]) for table in recorded)
    return found


def _row(name: str, tables: list[CandleTable]) -> Row:
    count = sum(len(table) for table in tables)
    seconds, report = fastest(lambda: run_backtest(tables, BINANCE_SPOT, Decimal(10_000), breaker=NO_BREAKER))
    rate = count / seconds
    return Row(
        f"decision path and exchange, {name}",
        rate,
        "candles/s",
        beside=f"{report.summary.trades} trades in {count:,} candles",
        goal=f"≥ {GOAL:,} (required ≥ {REQUIRED:,})",
        met=rate >= GOAL,
    )
