"""Puts a backtest together: candles, signals, exchange and engine, from tables to report."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal

from trading.backtest.report import Collector, Report, summarise
from trading.backtest.runner import BacktestRunner
from trading.decision.bars import Bars
from trading.decision.params import StrategyParams
from trading.decision.precomputed import PrecomputedSignals
from trading.decision.signals import compute_signals
from trading.domain.decisions import Verdict
from trading.domain.errors import InvalidInput
from trading.engine.config import EngineConfig, Timing
from trading.exchange.costs import Costs
from trading.exchange.instruments import default_instruments
from trading.exchange.simulated import SimulatedExchange
from trading.market.batches import one_interval
from trading.market.candle_table import CandleTable
from trading.safety.breaker import BreakerLimits
from trading.safety.checks import Limits

BOT_ID = "tradebot"


def run_backtest(
    tables: Sequence[CandleTable],
    costs: Costs,
    balance: Decimal,
    *,
    limits: Limits | None = None,
    breaker: BreakerLimits | None = None,
    params: StrategyParams | None = None,
    since_ms: int | None = None,
    until_ms: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Trade the tables' candles with the engine, as `run` would, and report what came of it.

    Args:
        tables: of one timeframe and one quote coin, each symbol once.
        costs: what the simulated exchange charges.
        balance: quote coin at the start; all of it may be traded.
        limits: the owner's limits; the defaults unless given.
        breaker: where the circuit breaker trips; the defaults unless given. A halt lasts to the end.
        params: the strategy's; the defaults unless given.
        since_ms, until_ms: only candles that open in `since_ms <= t < until_ms` are traded (UTC ms). Earlier ones still
            warm the signals up.
        progress: is called with (batches done, batches in all), now and then.

    Raises:
        InvalidInput: tables that do not fit together, or no candle in the time asked for.
    """
    interval_ms = one_interval(tables)
    strategy = params or StrategyParams()
    signals = PrecomputedSignals(explain=False)  # the report tells no reasons
    traded: list[CandleTable] = []
    entry_rows, exit_rows = {}, {}
    for table in sorted(tables, key=lambda t: t.symbol):
        bars = Bars(table.open_time_ms, table.open, table.high, table.low, table.close, table.volume)
        found = compute_signals(table.symbol, bars, interval_ms, strategy)
        signals.put(found)
        rows = table.rows_between(since_ms, until_ms)
        if rows.stop > rows.start:
            traded.append(table.part(rows))
            entry_rows[table.symbol] = found.says(Verdict.ENTER_LONG)[rows]
            exit_rows[table.symbol] = found.says(Verdict.EXIT)[rows]
    if not traded:
        raise InvalidInput("since and until", f"{since_ms} to {until_ms}", "a time in which there are candles")
    instruments = default_instruments(
        [table.symbol for table in traded], {table.symbol: table.price_decimals() for table in tables}
    )
    config = EngineConfig(
        bot_id=BOT_ID,
        instruments=instruments,
        capital=balance,
        params=strategy,
        limits=limits or Limits(),
        breaker=breaker or BreakerLimits(),
        timing=Timing(reconcile_ms=0),
        taker_fee=costs.taker_fee,
        record_holds=False,
    )
    exchange = SimulatedExchange(instruments, {config.quote: balance}, costs)
    collected = Collector()
    runner = BacktestRunner(
        traded,
        config,
        exchange,
        signals,
        entry_rows=entry_rows,
        exit_rows=exit_rows,
        on_records=collected.take,
        progress=progress,
    )
    runner.run()
    still_open = len(runner.engine.state.positions)
    return summarise(collected, traded, runner.equity, costs.taker_fee, stated(costs), still_open)


def stated(costs: Costs) -> dict[str, str]:
    """The costs by name, as a report states them."""
    share = costs.max_volume_share
    return {
        "maker fee": f"{(costs.maker_fee * 100).normalize():f} %",
        "taker fee": f"{(costs.taker_fee * 100).normalize():f} %",
        "half spread": f"{costs.half_spread_bps.normalize():f} bps",
        "price impact": f"{costs.price_impact.normalize():f} x (share of the candle's volume)^2",
        "largest share of a candle's volume": "any" if share is None else f"{(share * 100).normalize():f} %",
        "latency": f"{costs.latency_ms} ms",
        "fees are taken in": str(costs.fee_policy.value),
    }
